-- What the metadata of weights says, by the hash of their file.  Can always be read again.
CREATE TABLE files (
    digest TEXT PRIMARY KEY NOT NULL,
    format INTEGER NOT NULL,
    description TEXT NOT NULL
) WITHOUT ROWID;
