#include "store/catalog_db.h"

#include "base/dir.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/migrations.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUSY_MS = 200, WORD_MAX = 256, PATH_CAP = 4096 };

static const hl_str MIGRATIONS[] = {HL_SQL__0001_files_sql, HL_SQL__0002_uses_and_measurements_sql};
static const int64_t VERSION = sizeof MIGRATIONS / sizeof *MIGRATIONS;

typedef enum query {
    FIND_FILE,
    SET_FILE,
    NOTE_USE,
    FIND_USE,
    ADD_MEASUREMENT,
    FIND_MEASUREMENTS,
    QUERIES_N,
} query;

static const char *const SQL[QUERIES_N] = {
    [FIND_FILE] = "SELECT description FROM files WHERE digest = ?1 AND format = ?2",
    [SET_FILE] = "INSERT INTO files (digest, format, description) VALUES (?1, ?2, ?3)"
                 " ON CONFLICT (digest) DO UPDATE SET format = ?2, description = ?3",
    [NOTE_USE] = "INSERT INTO uses (name, n, last_s) VALUES (?1, 1, ?2)"
                 " ON CONFLICT (name) DO UPDATE SET n = n + 1, last_s = max(last_s, ?2)",
    [FIND_USE] = "SELECT n, last_s FROM uses WHERE name = ?1",
    [ADD_MEASUREMENT] = "INSERT INTO measurements (name, at_s, result) VALUES (?1, ?2, ?3)",
    [FIND_MEASUREMENTS] = "SELECT at_s, result FROM measurements WHERE name = ?1"
                          " ORDER BY at_s DESC, id DESC",
};

struct hl_catalog_db {
    sqlite3 *db;                         /* NULL: there is none, all is forgotten */
    sqlite3_stmt *statements[QUERIES_N]; /* prepared when first needed */
    char word[WORD_MAX];
};

static hl_status db_fail(const hl_catalog_db *d, hl_error *err) {
    return hl_fail(err, HL_EIO, "catalog", "catalog.db: %s", sqlite3_errmsg(d->db));
}

/* -- its version ------------------------------------------------------------------------------- */

static bool run(hl_catalog_db *d, const char *sql) {
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool ask_number(hl_catalog_db *d, const char *sql, int64_t *ret) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(d->db, sql, -1, &s, NULL) != SQLITE_OK) return false;
    bool found = sqlite3_step(s) == SQLITE_ROW;
    if (found) *ret = sqlite3_column_int64(s, 0);
    return sqlite3_finalize(s) == SQLITE_OK && found;
}

static bool is_whole(hl_catalog_db *d) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK) return false;
    const char *text = sqlite3_step(s) == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : "";
    bool whole = text && strcmp(text, "ok") == 0;
    return sqlite3_finalize(s) == SQLITE_OK && whole;
}

static bool migrate(hl_catalog_db *d, int64_t version) {
    char pragma[64];
    for (; version < VERSION; version++) {
        snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld", (long long)version + 1);
        if (!run(d, MIGRATIONS[version].ptr) || !run(d, pragma)) return false;
    }
    return true;
}

/* All steps or none; another process may be about it, too.  SQLite's code. */
static int bring_to_version(hl_catalog_db *d) {
    int64_t version = 0;
    if (!run(d, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE"))
        return sqlite3_errcode(d->db);
    bool good = ask_number(d, "PRAGMA user_version", &version) && version >= 0;
    if (good) good = migrate(d, version);
    if (good && run(d, "COMMIT")) return SQLITE_OK;
    int code = sqlite3_errcode(d->db);
    (void)run(d, "ROLLBACK");
    return code == SQLITE_OK ? SQLITE_CORRUPT : code; /* a version below 0 */
}

/* -- opening ----------------------------------------------------------------------------------- */

bool hl_catalog_db_path(char *out, size_t cap) {
    const char *home = getenv("HOME");
    int n = home && home[0] ? snprintf(out, cap, "%s/.hyperllama/catalog.db", home) : -1;
    return n > 0 && (size_t)n < cap;
}

static void close_file(hl_catalog_db *d) {
    for (size_t i = 0; i < QUERIES_N; i++) sqlite3_finalize(d->statements[i]);
    memset(d->statements, 0, sizeof d->statements);
    sqlite3_close(d->db);
    d->db = NULL;
}

typedef enum opened { OPENED, OPENED_NEWER, OPENED_DAMAGED, OPENED_NOT } opened;

/* A step that cannot be done is damage, too: another program's file. */
static opened judge(int code) {
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
    return damaged ? OPENED_DAMAGED : OPENED_NOT;
}

static opened open_file(hl_catalog_db *d, const char *path) {
    int64_t version = 0;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &d->db, flags, NULL) != SQLITE_OK) return OPENED_NOT;
    sqlite3_busy_timeout(d->db, BUSY_MS);
    if (!ask_number(d, "PRAGMA user_version", &version)) return judge(sqlite3_errcode(d->db));
    if (version > VERSION) return OPENED_NEWER;
    int code = bring_to_version(d);
    if (code != SQLITE_OK) return judge(code);
    /* SQLite takes a wrong number in the head for a format that it can only read */
    bool strange = sqlite3_db_readonly(d->db, "main") == 1 && access(path, W_OK) == 0;
    return is_whole(d) && !strange ? OPENED : OPENED_DAMAGED;
}

/* For whoever wants to look at it. */
static hl_status put_aside(const char *path, hl_error *err) {
    static const char *const tails[] = {"-wal", "-shm", "-journal"};
    char other[PATH_CAP];
    snprintf(other, sizeof other, "%s.damaged", path);
    HL_TRY(hl_file_rename(path, other, err));
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(other, sizeof other, "%s%s", path, tails[i]);
        hl_status st = hl_file_remove(other, err);
        if (st < 0 && st != HL_ENOTFOUND) return st;
    }
    return HL_OK;
}

static hl_status open_locked(hl_catalog_db *d, const char *path, hl_error *err) {
    opened how = open_file(d, path);
    if (how == OPENED_DAMAGED) {
        snprintf(d->word, sizeof d->word, "damaged, put aside and begun anew");
        close_file(d);
        HL_TRY(put_aside(path, err));
        how = open_file(d, path);
    }
    if (how == OPENED_NEWER) {
        snprintf(d->word, sizeof d->word, "made by a newer version, not used");
        close_file(d);
        return HL_OK;
    }
    if (how == OPENED) return HL_OK;
    return d->db ? db_fail(d, err) : hl_fail(err, HL_ENOMEM, "catalog", "no memory");
}

/* One process at a time judges the file, so that none puts aside what another has just begun. */
static hl_status open_judged(hl_catalog_db *d, const char *path, hl_error *err) {
    char lock_path[PATH_CAP];
    hl_file_lock lock;
    int n = snprintf(lock_path, sizeof lock_path, "%s-lock", path);
    if (n < 0 || (size_t)n + 16 > sizeof lock_path)
        return hl_fail(err, HL_ELIMIT, "catalog", "the path of catalog.db is too long");
    char *slash = strrchr(lock_path, '/');
    if (slash && slash != lock_path) {
        *slash = '\0';
        HL_TRY(hl_dir_make_all(lock_path, err));
        *slash = '/';
    }
    HL_TRY(hl_file_lock_take(lock_path, &lock, err));
    hl_status st = open_locked(d, path, err);
    hl_file_lock_drop(&lock);
    return st;
}

hl_status hl_catalog_db_open(const char *path, hl_catalog_db **ret, hl_error *err) {
    hl_catalog_db *d = hl_calloc(1, sizeof *d);
    if (!d) return hl_fail(err, HL_ENOMEM, "catalog", "no memory");
    hl_status st = open_judged(d, path, err);
    if (st < 0)
        hl_catalog_db_close(d);
    else
        *ret = d;
    return st;
}

void hl_catalog_db_close(hl_catalog_db *d) {
    if (!d) return;
    close_file(d);
    hl_free(d);
}

const char *hl_catalog_db_word(const hl_catalog_db *d) {
    return d->word;
}

/* -- statements -------------------------------------------------------------------------------- */

static hl_status begin(hl_catalog_db *d, query q, sqlite3_stmt **ret, hl_error *err) {
    if (!d->db) return hl_fail(err, HL_ENOTFOUND, "catalog", "catalog.db is not used");
    if (!d->statements[q] && sqlite3_prepare_v3(d->db, SQL[q], -1, SQLITE_PREPARE_PERSISTENT,
                                                &d->statements[q], NULL) != SQLITE_OK)
        return db_fail(d, err);
    *ret = d->statements[q];
    return HL_OK;
}

static void bind_str(sqlite3_stmt *s, int at, hl_str text) {
    sqlite3_bind_text64(s, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static hl_str column_str(sqlite3_stmt *s, int at) {
    const char *text = (const char *)sqlite3_column_text(s, at);
    return text ? (hl_str){text, (size_t)sqlite3_column_bytes(s, at)} : (hl_str){"", 0};
}

/* Of a statement that has run. */
static hl_status end(hl_catalog_db *d, sqlite3_stmt *s, hl_status st, hl_error *err) {
    if (sqlite3_reset(s) != SQLITE_OK && st >= 0) st = db_fail(d, err);
    sqlite3_clear_bindings(s);
    return st;
}

static hl_status change(hl_catalog_db *d, sqlite3_stmt *s, hl_error *err) {
    hl_status st = sqlite3_step(s) == SQLITE_DONE ? HL_OK : db_fail(d, err);
    return end(d, s, st, err);
}

/* ENOTFOUND: there is no row. */
static hl_status first_row(hl_catalog_db *d, sqlite3_stmt *s, hl_error *err) {
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) return HL_OK;
    if (code != SQLITE_DONE) return db_fail(d, err);
    return hl_fail(err, HL_ENOTFOUND, "catalog", "catalog.db has nothing of it");
}

hl_status hl_catalog_db_file(hl_catalog_db *d, const hl_digest *digest, int64_t format, hl_buf *ret,
                             hl_error *err) {
    sqlite3_stmt *s;
    HL_TRY(begin(d, FIND_FILE, &s, err));
    bind_str(s, 1, hl_str_from(digest->text));
    sqlite3_bind_int64(s, 2, format);
    hl_status st = first_row(d, s, err);
    if (st >= 0) {
        hl_str text = column_str(s, 0);
        hl_buf_append(ret, text.ptr, text.len);
        st = hl_buf_status(ret, "what catalog.db has of a file", err);
    }
    return end(d, s, st, err);
}

hl_status hl_catalog_db_set_file(hl_catalog_db *d, const hl_digest *digest, int64_t format,
                                 hl_str description, hl_error *err) {
    sqlite3_stmt *s;
    HL_TRY(begin(d, SET_FILE, &s, err));
    bind_str(s, 1, hl_str_from(digest->text));
    sqlite3_bind_int64(s, 2, format);
    bind_str(s, 3, description);
    return change(d, s, err);
}

hl_status hl_catalog_db_note_use(hl_catalog_db *d, hl_str name, int64_t now_s, hl_error *err) {
    sqlite3_stmt *s;
    HL_TRY(begin(d, NOTE_USE, &s, err));
    bind_str(s, 1, name);
    sqlite3_bind_int64(s, 2, now_s);
    return change(d, s, err);
}

hl_status hl_catalog_db_use(hl_catalog_db *d, hl_str name, hl_model_use *ret, hl_error *err) {
    sqlite3_stmt *s;
    HL_TRY(begin(d, FIND_USE, &s, err));
    bind_str(s, 1, name);
    hl_status st = first_row(d, s, err);
    if (st >= 0) {
        int64_t n = sqlite3_column_int64(s, 0);
        *ret = (hl_model_use){n > 0 ? (uint64_t)n : 0, sqlite3_column_int64(s, 1)};
    }
    return end(d, s, st, err);
}

hl_status hl_catalog_db_add_measurement(hl_catalog_db *d, hl_str name, int64_t now_s, hl_str result,
                                        hl_error *err) {
    sqlite3_stmt *s;
    HL_TRY(begin(d, ADD_MEASUREMENT, &s, err));
    bind_str(s, 1, name);
    sqlite3_bind_int64(s, 2, now_s);
    bind_str(s, 3, result);
    return change(d, s, err);
}

hl_status hl_catalog_db_measurements(hl_catalog_db *d, hl_str name, hl_measurement_fn *each,
                                     void *arg, hl_error *err) {
    sqlite3_stmt *s;
    HL_TRY(begin(d, FIND_MEASUREMENTS, &s, err));
    bind_str(s, 1, name);
    hl_status st = HL_OK;
    int code;
    while (st >= 0 && (code = sqlite3_step(s)) != SQLITE_DONE)
        st = code == SQLITE_ROW ? each(arg, sqlite3_column_int64(s, 0), column_str(s, 1), err)
                                : db_fail(d, err);
    return end(d, s, st, err);
}
