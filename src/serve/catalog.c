#include "serve/catalog.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/load.h"
#include "store/catalog_db.h"

#include <stdio.h>

enum { ENTRIES_MAX = 4096 };

struct hl_catalog {
    hl_store *store;
    hl_work *work;
    hl_catalog_db *db; /* NULL: nothing is remembered */
    bool allow_paths;
    hl_catalog_entry *entries[ENTRIES_MAX]; /* [n], owned */
    size_t n;
};

/* What nobody needs goes, as when Ollama starts. */
static void prune(void *arg) {
    const hl_catalog *c = arg;
    hl_error err;
    if (hl_store_prune(c->store, hl_clock_wall_ns(), &err) < 0)
        hl_log(HL_LOG_WARN, NULL, "msg=\"the store was not pruned\" why=\"%s\"", err.text);
}

/* Without it all files are read at every start: that is no reason not to start. */
static void open_db(hl_catalog *c, const char *path) {
    hl_error err;
    if (hl_catalog_db_open(path, &c->db, &err) < 0) {
        c->db = NULL;
        hl_log(HL_LOG_WARN, NULL, "msg=\"catalog.db is not used\" why=\"%s\"", err.text);
    } else if (hl_catalog_db_word(c->db)[0]) {
        hl_log(HL_LOG_WARN, NULL, "msg=\"catalog.db\" file=\"%s\" why=\"%s\"", path,
               hl_catalog_db_word(c->db));
    }
}

hl_status hl_catalog_open(const hl_catalog_config *config, hl_catalog **ret, hl_error *err) {
    hl_catalog *c = hl_calloc(1, sizeof *c);
    if (!c) return hl_fail(err, HL_ENOMEM, "catalog", "no memory");
    c->allow_paths = config->allow_paths;
    hl_status st = hl_store_open_default(config->models_dir, &c->store, err);
    if (st >= 0) st = hl_work_open(&c->work, err);
    if (st >= 0 && config->remember) open_db(c, config->remember);
    if (st >= 0 && config->prune) st = hl_work_submit(c->work, prune, c, err);
    if (st < 0)
        hl_catalog_close(c);
    else
        *ret = c;
    return st;
}

static void destroy_entry(hl_catalog_entry *e) {
    hl_model_info_deinit(&e->info);
    hl_package_drop(e->package);
    hl_free(e);
}

static void drop(hl_catalog *c, size_t i) {
    HL_ASSERT(i < c->n);
    destroy_entry(c->entries[i]);
    c->entries[i] = c->entries[--c->n];
}

void hl_catalog_close(hl_catalog *c) {
    if (!c) return;
    hl_work_close(c->work);
    while (c->n > 0) drop(c, c->n - 1);
    hl_catalog_db_close(c->db);
    hl_store_close(c->store);
    hl_free(c);
}

const hl_store *hl_catalog_store(const hl_catalog *c) {
    return c->store;
}

hl_work *hl_catalog_work(hl_catalog *c) {
    return c->work;
}

/* -- what is remembered ------------------------------------------------------------------------ */

/* Of the weights that a manifest names; NULL: nothing. */
static struct json_object *recall_text(const hl_catalog *c, const hl_manifest *m) {
    size_t at = 0;
    struct json_object *o = NULL;
    const hl_layer *weights = hl_manifest_next(m, "model", &at);
    hl_buf text;
    if (!c->db || !weights) return NULL;
    hl_buf_init(&text, 0);
    if (hl_catalog_db_file(c->db, &weights->digest, HL__SHOW_FORMAT, &text, NULL) >= 0 &&
        hl_json_parse(hl_buf_str(&text), &o, NULL) < 0)
        o = NULL;
    hl_buf_deinit(&text);
    return o;
}

/* A blob has its hash for a name; of another length it is damaged, and read. */
static bool is_recalled(const hl_catalog_entry *e, const hl_manifest *m) {
    size_t at = 0;
    hl_file_facts facts;
    const hl_layer *weights = hl_manifest_next(m, "model", &at);
    HL_ASSERT(weights); /* recall_text has found it */
    return hl_str_ends(hl_str_from(e->package->path),
                       hl_str_from(hl_digest_hex(&weights->digest))) &&
           hl_file_stat(e->package->path, &facts, NULL) >= 0 && facts.bytes == e->info.file_bytes;
}

/* The package and the description without opening the weights; false: it is to be done with. */
static bool recall_entry(const hl_catalog *c, const hl_manifest *m, hl_catalog_entry *e) {
    hl_str own;
    struct json_object *text = recall_text(c, m);
    bool good = text && hl__show_own_template(text, &own, NULL) >= 0 &&
                hl_package_open_stored(c->store, m, e->name, &own, &e->package, NULL) >= 0;
    if (good && hl__show_recall(text, e->package, e->name, &e->info, NULL) >= 0) {
        e->described = is_recalled(e, m);
        if (!e->described) hl_model_info_deinit(&e->info);
    }
    if (good && !e->described) {
        hl_package_drop(e->package);
        e->package = NULL;
    }
    json_object_put(text);
    return good && e->described;
}

/* Whatever comes of it: the next start reads the file again. */
static void remember(const hl_catalog *c, const hl__loaded *l, const hl_catalog_entry *e) {
    const char *name = strrchr(e->path, '/');
    hl_digest d;
    hl_buf text;
    if (!c->db || !e->stored || !name || e->package->adapter_path.len > 0) return;
    if (!hl_digest_parse(hl_str_from(name + 1), &d)) return;
    hl_buf_init(&text, 0);
    hl__show_print(l, &e->info, &text);
    hl_status st = hl_buf_status(&text, "a description", NULL);
    if (st >= 0) st = hl_catalog_db_set_file(c->db, &d, HL__SHOW_FORMAT, hl_buf_str(&text), NULL);
    hl_buf_deinit(&text);
    (void)st;
}

/* -- entries ----------------------------------------------------------------------------------- */

static hl_status describe(const hl_catalog_entry *e, bool verbose, hl_model_info *ret,
                          hl_error *err) {
    hl__loaded *l;
    HL_TRY(hl__loaded_open(e->path, e->name, &l, err));
    hl_status st = hl__show(l, e->package, verbose, ret, err);
    hl__loaded_close(l);
    return st;
}

hl_status hl_catalog_details(const hl_catalog_entry *e, bool verbose, hl_model_info *ret,
                             hl_error *err) {
    return describe(e, verbose, ret, err);
}

/* What is remembered of a file, if it is still that file. */
static hl_catalog_entry *recall(hl_catalog *c, const char *source, const hl_file_facts *f) {
    for (size_t i = 0; i < c->n; i++) {
        hl_catalog_entry *e = c->entries[i];
        if (strcmp(e->source, source) != 0) continue;
        bool same = e->facts.bytes == f->bytes && e->facts.modified_ns == f->modified_ns &&
                    e->facts.inode == f->inode;
        if (same && hl_path_is_file(e->path)) return e; /* blobs may vanish */
        drop(c, i);
        break;
    }
    return NULL;
}

static hl_status begin_entry(const char *name, const char *source, const hl_file_facts *f,
                             hl_catalog_entry **ret, hl_error *err) {
    hl_catalog_entry *e = hl_calloc(1, sizeof *e);
    if (!e) return hl_fail(err, HL_ENOMEM, "catalog", "no memory for %s", name);
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->source, sizeof e->source, "%s", source);
    e->facts = *f;
    e->modified_ns = f->modified_ns;
    *ret = e;
    return HL_OK;
}

static hl_status describe_anew(const hl_catalog *c, hl_catalog_entry *e, hl_error *err) {
    hl__loaded *l;
    HL_TRY(hl__loaded_open(e->path, e->name, &l, err));
    hl_status st = hl__show(l, e->package, false, &e->info, err);
    if (st >= 0) remember(c, l, e);
    hl__loaded_close(l);
    return st;
}

/* Takes e, whose package may be there or not after a failure. */
static hl_status finish_entry(hl_catalog *c, hl_catalog_entry *e, hl_status st,
                              const hl_catalog_entry **ret, hl_error *err) {
    if (st >= 0) {
        snprintf(e->path, sizeof e->path, "%s", e->package->path);
        if (!e->described) st = describe_anew(c, e, err);
    }
    if (st < 0) {
        destroy_entry(e);
        return st;
    }
    if (c->n == ENTRIES_MAX) drop(c, 0);
    c->entries[c->n++] = e;
    *ret = e;
    return HL_OK;
}

/* -- of the store ------------------------------------------------------------------------------ */

static hl_status read_stored(const hl_catalog *c, const hl_store_item *item, hl_catalog_entry *e,
                             hl_error *err) {
    hl_manifest m;
    hl_status st = HL_OK;
    HL_TRY(hl_store_read(c->store, item, &m, err));
    memcpy(e->digest, hl_digest_hex(&m.digest), sizeof e->digest);
    memcpy(e->space, item->name.space, sizeof e->space);
    e->bytes = hl_manifest_bytes(&m);
    e->stored = true;
    if (!recall_entry(c, &m, e))
        st = hl_package_open_stored(c->store, &m, e->name, NULL, &e->package, err);
    hl_manifest_deinit(&m);
    return st;
}

/* What is wrong with a stored model is not the fault of who asks for it. */
static hl_status blame_store(hl_status st, const char *name, hl_error *err) {
    if (st == HL_ENOMEM) return st;
    hl_error_prefix(err, "model '%s'", name);
    if (err) err->status = HL_EIO;
    return HL_EIO;
}

static hl_status find_item(hl_catalog *c, const hl_store_item *item, const hl_catalog_entry **ret,
                           hl_error *err) {
    char text[HL_NAME_TEXT_MAX];
    hl_catalog_entry *e;
    *ret = recall(c, item->path, &item->facts);
    if (*ret) return HL_OK;
    hl_name_text(&item->name, text);
    HL_TRY(begin_entry(text, item->path, &item->facts, &e, err));
    hl_status st = finish_entry(c, e, read_stored(c, item, e, err), ret, err);
    return st < 0 ? blame_store(st, text, err) : st;
}

/* -- of files ---------------------------------------------------------------------------------- */

/* 64 hexadecimal digits that change with the file. */
static void make_digest(hl_catalog_entry *e) {
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    for (const char *p = e->source; *p; p++) hash = (hash ^ (uint8_t)*p) * 0x100000001B3u;
    hl_rng rng;
    hl_rng_init(&rng, hash ^ e->bytes * 0x9E3779B97F4A7C15u ^ (uint64_t)e->modified_ns);
    for (size_t i = 0; i < 4; i++)
        snprintf(e->digest + 16 * i, 17, "%016llx", (unsigned long long)hl_rng_u64(&rng));
}

static hl_status find_file(hl_catalog *c, const char *path, const char *name,
                           const hl_catalog_entry **ret, hl_error *err) {
    hl_file_facts facts;
    hl_catalog_entry *e;
    HL_TRY(hl_file_stat(path, &facts, err));
    *ret = recall(c, path, &facts);
    if (*ret) return HL_OK;
    HL_TRY(begin_entry(name, path, &facts, &e, err));
    e->bytes = facts.bytes;
    memcpy(e->space, "library", sizeof "library");
    make_digest(e);
    return finish_entry(c, e, hl_package_open(path, e->name, &e->package, err), ret, err);
}

/* Files have names as they are written, or in small letters. */
bool hl_catalog_shipped(const hl_name *name, char ret_path[HL_MODEL_PATH_MAX]) {
    char text[HL_NAME_TEXT_MAX];
    hl_name_text(name, text);
    if (strchr(text, '/')) return false;
    for (size_t i = 0; i < 2; i++) {
        hl_str tried = hl_str_from(text);
        if (!hl_str_ends(tried, HL_STR(".gguf")) && hl_model_resolve(tried, ret_path, NULL) >= 0)
            return true;
        for (char *p = text; *p; p++)
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
    }
    return false;
}

static hl_status find_shipped(hl_catalog *c, const hl_name *name, const hl_catalog_entry **ret,
                              hl_error *err) {
    char path[HL_MODEL_PATH_MAX], text[HL_NAME_TEXT_MAX];
    hl_name_text(name, text);
    if (!hl_catalog_shipped(name, path))
        return hl_fail(err, HL_ENOTFOUND, "catalog", "model '%s' not found", text);
    for (char *p = text; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
    return find_file(c, path, text, ret, err);
}

static hl_status find_path(hl_catalog *c, hl_str given, const hl_catalog_entry **ret,
                           hl_error *err) {
    char path[HL_MODEL_PATH_MAX], shown[HL_MODEL_NAME_MAX + 8];
    HL_TRY(hl_model_resolve(given, path, err));
    hl_model_display(given, shown, sizeof shown);
    return find_file(c, path, shown, ret, err);
}

static bool is_path(hl_str name) {
    return hl_str_find(name, HL_STR("/"), 0) != SIZE_MAX || hl_str_ends(name, HL_STR(".gguf"));
}

hl_status hl_catalog_find(hl_catalog *c, hl_str given, const hl_catalog_entry **ret,
                          hl_error *err) {
    hl_name name;
    hl_store_item item;
    bool path = c->allow_paths && is_path(given);
    hl_status st = hl_name_parse(given, &name, err);
    if (st < 0) return path ? find_path(c, given, ret, err) : st;
    st = hl_store_find(c->store, &name, &item, err);
    if (st >= 0) return find_item(c, &item, ret, err);
    if (st != HL_ENOTFOUND) return st;
    st = find_shipped(c, &name, ret, err);
    return st == HL_ENOTFOUND && path ? find_path(c, given, ret, err) : st;
}

/* -- the list ---------------------------------------------------------------------------------- */

typedef struct listing {
    hl_catalog *catalog;
    const hl_catalog_entry **entries;
    size_t n, cap;
} listing;

static bool goes_before(const hl_catalog_entry *a, const hl_catalog_entry *b) {
    if (a->modified_ns != b->modified_ns) return a->modified_ns > b->modified_ns;
    return strcmp(a->name, b->name) < 0;
}

static void insert(listing *l, const hl_catalog_entry *e) {
    size_t at = l->n;
    if (l->n == l->cap) return;
    for (; at > 0 && goes_before(e, l->entries[at - 1]); at--) l->entries[at] = l->entries[at - 1];
    l->entries[at] = e;
    l->n++;
}

static hl_status list_item(void *arg, const hl_store_item *item, hl_error *err) {
    listing *l = arg;
    const hl_catalog_entry *e;
    (void)err;
    if (find_item(l->catalog, item, &e, NULL) >= 0) insert(l, e);
    return HL_OK;
}

/* Those that the store has no model of the same name for. */
static void list_shipped(void *arg, const char *file_name) {
    listing *l = arg;
    const hl_catalog_entry *e;
    hl_name name;
    hl_store_item item;
    if (hl_name_parse(hl_str_from(file_name), &name, NULL) < 0) return;
    if (hl_store_find(l->catalog->store, &name, &item, NULL) >= 0) return;
    if (find_shipped(l->catalog, &name, &e, NULL) < 0) return;
    for (size_t i = 0; i < l->n; i++)
        if (l->entries[i] == e) return; /* an earlier place has it */
    insert(l, e);
}

static bool list_place(void *arg, const char *place) {
    hl_dir_each(place, list_shipped, arg);
    return false;
}

size_t hl_catalog_list(hl_catalog *c, const hl_catalog_entry **ret, size_t cap) {
    listing l = {
        .catalog = c, .entries = ret, .cap = cap < ENTRIES_MAX / 2 ? cap : ENTRIES_MAX / 2};
    if (c->n > ENTRIES_MAX / 2) /* so that nothing in the list is dropped while it is made */
        while (c->n > 0) drop(c, c->n - 1);
    if (hl_store_each(c->store, list_item, &l, NULL) < 0) return l.n;
    hl_model_places(list_place, &l);
    return l.n;
}
