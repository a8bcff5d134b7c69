#include "serve/keys.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_LETTERS = 43, RANDOM_BYTES = 32, BUSY_MS = 5000, SCHEMA = 1 };

static const int64_t NS_PER_S = 1000000000;

struct hl_keys {
    sqlite3 *db;
    sqlite3_stmt *version; /* asked for every request */
};

static hl_status db_fail(const hl_keys *k, hl_error *err) {
    return hl_fail(err, HL_EIO, "keys", "auth.db: %s", sqlite3_errmsg(k->db));
}

/* -- the file ---------------------------------------------------------------------------------- */

bool hl_keys_path(char *out, size_t cap) {
    const char *home = getenv("HOME");
    int n = home && home[0] ? snprintf(out, cap, "%s/.hyperllama/auth.db", home) : -1;
    return n > 0 && (size_t)n < cap;
}

static hl_status make_directory(const char *path, hl_error *err) {
    hl_str all = hl_str_from(path);
    size_t slash = all.len;
    while (slash > 0 && path[slash - 1] != '/') slash--;
    if (slash < 2) return HL_OK;
    char *dir = hl_strdup(path);
    if (!dir) return hl_fail(err, HL_ENOMEM, "keys", "no memory");
    dir[slash - 1] = '\0';
    hl_status st = hl_dir_make_all(dir, err);
    hl_free(dir);
    return st;
}

/* There before SQLite opens it, so that it never had another mode. */
static hl_status make_file(const char *path, hl_error *err) {
    HL_TRY(make_directory(path, err));
    int fd = open(path, O_CREAT | O_EXCL | O_CLOEXEC | O_RDWR | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST)
        return hl_fail(err, HL_EIO, "keys", "%s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return HL_OK;
}

/* HL_DONE: there is none. */
static hl_status check_file(const char *path, hl_error *err) {
    struct stat s;
    if (stat(path, &s) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return HL_DONE;
        return hl_fail(err, HL_EIO, "keys", "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(s.st_mode)) return hl_fail(err, HL_EIO, "keys", "%s is no file", path);
    if (s.st_mode & 077)
        return hl_fail(err, HL_EIO, "keys", "%s is open to other users (mode %03o): chmod 600 it",
                       path, (unsigned)(s.st_mode & 0777));
    return HL_OK;
}

static hl_status run(hl_keys *k, const char *sql, hl_error *err) {
    return sqlite3_exec(k->db, sql, NULL, NULL, NULL) == SQLITE_OK ? HL_OK : db_fail(k, err);
}

static hl_status ask_number(hl_keys *k, const char *sql, int64_t *ret, hl_error *err) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(k->db, sql, -1, &s, NULL) != SQLITE_OK) return db_fail(k, err);
    bool found = sqlite3_step(s) == SQLITE_ROW;
    if (found) *ret = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return found ? HL_OK : db_fail(k, err);
}

static hl_status make_tables(hl_keys *k, hl_error *err) {
    return run(k,
               "BEGIN IMMEDIATE;"
               "CREATE TABLE IF NOT EXISTS keys ("
               " id INTEGER PRIMARY KEY AUTOINCREMENT,"
               " name TEXT NOT NULL UNIQUE,"
               " start TEXT NOT NULL,"
               " hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
               " created INTEGER NOT NULL,"
               " revoked INTEGER NOT NULL DEFAULT 0,"
               " per_minute INTEGER NOT NULL DEFAULT 0,"
               " at_once INTEGER NOT NULL DEFAULT 0);"
               "PRAGMA user_version = 1;"
               "COMMIT;",
               err);
}

static hl_status prepare(hl_keys *k, hl_error *err) {
    int64_t schema = 0;
    sqlite3_busy_timeout(k->db, BUSY_MS);
    HL_TRY(ask_number(k, "PRAGMA user_version", &schema, err));
    if (schema > SCHEMA) return hl_fail(err, HL_EIO, "keys", "auth.db was made by a newer version");
    if (schema < SCHEMA) HL_TRY(make_tables(k, err));
    if (sqlite3_prepare_v2(k->db, "PRAGMA data_version", -1, &k->version, NULL) != SQLITE_OK)
        return db_fail(k, err);
    return HL_OK;
}

static hl_status open_file(const char *path, hl_keys **ret, hl_error *err) {
    hl_keys *k = hl_calloc(1, sizeof *k);
    if (!k) return hl_fail(err, HL_ENOMEM, "keys", "no memory");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    hl_status st = HL_OK;
    if (sqlite3_open_v2(path, &k->db, flags, NULL) != SQLITE_OK)
        st = hl_fail(err, HL_EIO, "keys", "%s: %s", path,
                     k->db ? sqlite3_errmsg(k->db) : "no memory");
    if (st >= 0) st = prepare(k, err);
    if (st < 0)
        hl_keys_close(k);
    else
        *ret = k;
    return st;
}

hl_status hl_keys_open(const char *path, bool make, hl_keys **ret, hl_error *err) {
    *ret = NULL;
    if (make) HL_TRY(make_file(path, err));
    hl_status st = check_file(path, err);
    if (st < 0 || st == HL_DONE) return st < 0 ? st : HL_OK;
    return open_file(path, ret, err);
}

void hl_keys_close(hl_keys *k) {
    if (!k) return;
    sqlite3_finalize(k->version);
    sqlite3_close(k->db);
    hl_free(k);
}

/* -- making ------------------------------------------------------------------------------------ */

static bool is_name(hl_str name) {
    if (name.len == 0 || name.len > HL_KEY_NAME_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '.' && c != '_' && c != '-') return false;
    }
    return true;
}

bool hl_key_hash(hl_str text, uint8_t ret[HL_SHA256_BYTES]) {
    hl_sha256 *h;
    if (hl_sha256_create(&h, NULL) < 0) return false;
    hl_sha256_update(h, (hl_bytes){(const uint8_t *)text.ptr, text.len});
    hl_sha256_finish(h, ret);
    hl_sha256_destroy(h);
    return true;
}

/* "hl-" and the random bytes in the digits of base 62, as many as 256 bits fill. */
static hl_status draw(char ret[HL_KEY_TEXT_MAX], hl_error *err) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t bytes[RANDOM_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return hl_fail(err, HL_EIO, "keys", "no random numbers: %s", strerror(errno));
    memcpy(ret, "hl-", 3);
    for (size_t i = 0; i < KEY_LETTERS; i++) {
        unsigned rest = 0;
        for (size_t b = 0; b < sizeof bytes; b++) {
            unsigned value = rest * 256 + bytes[b];
            bytes[b] = (uint8_t)(value / 62);
            rest = value % 62;
        }
        ret[3 + i] = digits[rest];
    }
    ret[3 + KEY_LETTERS] = '\0';
    return HL_OK;
}

static hl_status insert(hl_keys *k, hl_str name, const char *text, hl_key_limits limits,
                        hl_error *err) {
    sqlite3_stmt *s;
    uint8_t hash[HL_SHA256_BYTES];
    if (!hl_key_hash(hl_str_from(text), hash)) return hl_fail(err, HL_ENOMEM, "keys", "no memory");
    if (sqlite3_prepare_v2(k->db,
                           "INSERT INTO keys (name, start, hash, created, per_minute, at_once)"
                           " VALUES (?, ?, ?, ?, ?, ?)",
                           -1, &s, NULL) != SQLITE_OK)
        return db_fail(k, err);
    sqlite3_bind_text(s, 1, name.ptr, (int)name.len, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, text, 7, SQLITE_STATIC);
    sqlite3_bind_blob(s, 3, hash, sizeof hash, SQLITE_STATIC);
    sqlite3_bind_int64(s, 4, hl_clock_wall_ns() / NS_PER_S);
    sqlite3_bind_int64(s, 5, limits.per_minute);
    sqlite3_bind_int64(s, 6, limits.at_once);
    int rc = sqlite3_step(s);
    sqlite3_finalize(s);
    if (rc == SQLITE_CONSTRAINT)
        return hl_fail(err, HL_EINVAL, "keys", "there is a key of the name '%.*s'",
                       HL_STR_ARG(name));
    return rc == SQLITE_DONE ? HL_OK : db_fail(k, err);
}

hl_status hl_keys_create(hl_keys *k, hl_str name, hl_key_limits limits,
                         char ret_text[HL_KEY_TEXT_MAX], hl_error *err) {
    int64_t n = 0;
    if (!is_name(name))
        return hl_fail(err, HL_EINVAL, "keys",
                       "a key's name has 1 to %d letters, digits, '.', '_' and '-'",
                       HL_KEY_NAME_MAX);
    HL_TRY(ask_number(k, "SELECT count(*) FROM keys", &n, err));
    if (n >= HL_KEYS_MAX)
        return hl_fail(err, HL_ELIMIT, "keys", "there are %d keys already", HL_KEYS_MAX);
    HL_TRY(draw(ret_text, err));
    return insert(k, name, ret_text, limits, err);
}

hl_status hl_keys_revoke(hl_keys *k, hl_str name, hl_error *err) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(k->db, "UPDATE keys SET revoked = ? WHERE name = ? AND revoked = 0", -1,
                           &s, NULL) != SQLITE_OK)
        return db_fail(k, err);
    sqlite3_bind_int64(s, 1, hl_clock_wall_ns() / NS_PER_S);
    sqlite3_bind_text(s, 2, name.ptr, (int)name.len, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    sqlite3_finalize(s);
    if (rc != SQLITE_DONE) return db_fail(k, err);
    if (sqlite3_changes(k->db) == 0)
        return hl_fail(err, HL_ENOTFOUND, "keys", "there is no key '%.*s' to revoke",
                       HL_STR_ARG(hl_str_slice(name, 0, HL_KEY_NAME_MAX)));
    return HL_OK;
}

/* -- looking ----------------------------------------------------------------------------------- */

static void copy_text(sqlite3_stmt *s, int column, char *out, size_t cap) {
    const unsigned char *text = sqlite3_column_text(s, column);
    snprintf(out, cap, "%s", text ? (const char *)text : "");
}

static uint32_t count_of(sqlite3_stmt *s, int column) {
    int64_t n = sqlite3_column_int64(s, column);
    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static bool read_key(sqlite3_stmt *s, hl_key *ret) {
    const void *hash = sqlite3_column_blob(s, 3);
    if (!hash || sqlite3_column_bytes(s, 3) != HL_SHA256_BYTES) return false;
    *ret = (hl_key){.id = sqlite3_column_int64(s, 0),
                    .created_s = sqlite3_column_int64(s, 4),
                    .revoked_s = sqlite3_column_int64(s, 5),
                    .limits = {count_of(s, 6), count_of(s, 7)}};
    copy_text(s, 1, ret->name, sizeof ret->name);
    copy_text(s, 2, ret->start, sizeof ret->start);
    memcpy(ret->hash, hash, HL_SHA256_BYTES);
    return ret->id > 0;
}

static hl_status collect(hl_keys *k, sqlite3_stmt *s, hl_key *keys, size_t *ret_n, hl_error *err) {
    size_t n = 0;
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && n < HL_KEYS_MAX)
        if (read_key(s, &keys[n])) n++;
    *ret_n = n;
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? HL_OK : db_fail(k, err);
}

hl_status hl_keys_list(hl_keys *k, hl_key **ret, size_t *ret_n, hl_error *err) {
    sqlite3_stmt *s;
    int64_t rows = 0;
    HL_TRY(ask_number(k, "SELECT count(*) FROM keys", &rows, err));
    hl_key *keys = hl_calloc(HL_KEYS_MAX < rows ? HL_KEYS_MAX : (size_t)rows + 1, sizeof *keys);
    if (!keys) return hl_fail(err, HL_ENOMEM, "keys", "no memory");
    hl_status st = HL_OK;
    if (sqlite3_prepare_v2(k->db,
                           "SELECT id, name, start, hash, created, revoked, per_minute, at_once"
                           " FROM keys ORDER BY id LIMIT ?",
                           -1, &s, NULL) != SQLITE_OK) {
        hl_free(keys);
        return db_fail(k, err);
    }
    sqlite3_bind_int64(s, 1, rows < HL_KEYS_MAX ? rows : HL_KEYS_MAX);
    st = collect(k, s, keys, ret_n, err);
    sqlite3_finalize(s);
    if (st < 0)
        hl_free(keys);
    else
        *ret = keys;
    return st;
}

hl_status hl_keys_version(hl_keys *k, int64_t *ret, hl_error *err) {
    bool found = sqlite3_step(k->version) == SQLITE_ROW;
    if (found) *ret = sqlite3_column_int64(k->version, 0);
    sqlite3_reset(k->version);
    return found ? HL_OK : db_fail(k, err);
}
