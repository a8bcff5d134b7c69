-- How often a model was used, and what was measured here.  May be lost.
CREATE TABLE uses (
    name TEXT PRIMARY KEY NOT NULL,
    n INTEGER NOT NULL,
    last_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE measurements (
    id INTEGER PRIMARY KEY,
    at_s INTEGER NOT NULL,
    name TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX measurements_by_name ON measurements (name, at_s);
