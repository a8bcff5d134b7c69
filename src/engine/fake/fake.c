#include "engine/fake/fake.h"

#include "base/buf.h"
#include "base/mem.h"
#include "engine/life.h"
#include "engine/native/stop.h"

#include <math.h>

enum { STOP_BYTES_MAX = 4096, REQUEST_BYTES_MAX = 16 << 20 };

/* ENDED: until the next step, its texts are lent. */
typedef enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_ENDED } slot_state;

typedef struct slot {
    slot_state state;
    hl_life life;
    hl_request_kind kind;
    float vector[HL_FAKE_EMBD]; /* of EMBED */
    hl_buf answer, text;        /* text: of the event */
    hl_stop stop;
    size_t at;      /* of answer: said so far */
    uint32_t token; /* of the event */
    uint32_t n_pieces, n_predict, n_prompt;
    uint64_t submit_ns, due_ns, first_ns;
    bool closing; /* the text is out, the end is to follow */
    hl_finish why;
} slot;

typedef struct fake {
    hl_engine engine; /* first */
    hl_fake_script script;
    slot *slots; /* [n_slots] one in two may be ENDED */
    uint32_t n_slots, n_live, n_steps;
} fake;

static uint64_t after(uint64_t ns, uint64_t delay_ns) {
    return delay_ns > UINT64_MAX - ns ? UINT64_MAX : ns + delay_ns;
}

/* ---- submit ---- */

static void append_message(hl_buf *out, const hl_message *m) {
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].kind == HL_PART_TEXT) hl_buf_append_str(out, m->parts[i].text);
}

static void repeat_request(const hl_request *req, hl_buf *out) {
    if (req->n_messages > 0) {
        append_message(out, &req->messages[req->n_messages - 1]);
    } else if (req->prompt.len > 0) {
        hl_buf_append_str(out, req->prompt);
    } else {
        for (size_t i = 0; i < req->n_tokens; i++) hl_buf_printf(out, "%u ", req->tokens[i]);
    }
}

static uint32_t count_words(hl_str text) {
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] != ' ' && (i == 0 || text.ptr[i - 1] == ' ');
    return n;
}

static hl_status check_request(const fake *e, const hl_request *req, hl_error *err) {
    if (e->script.submit_fails < 0)
        return hl_fail(err, e->script.submit_fails, "engine", "the script says so");
    if (!e->script.takes_messages && req->n_tokens == 0)
        return hl_fail(err, HL_EINVAL, "engine", "the prompt has no tokens");
    if (e->n_live == e->script.seqs_max)
        return hl_fail(err, HL_EBUSY, "engine", "%u sequences are live, no more at once",
                       e->script.seqs_max);
    return HL_OK;
}

static slot *find_free(fake *e) {
    uint32_t i = 0;
    while (i < e->n_slots && e->slots[i].state != SLOT_FREE) i++;
    HL_ASSERT(i < e->n_slots);
    return &e->slots[i];
}

static hl_status prepare_answer(const fake *e, slot *s, const hl_request *req, hl_error *err) {
    HL_TRY(hl_stop_set(&s->stop, req->options.stop, req->options.n_stop, err));
    hl_buf_reset(&s->answer);
    repeat_request(req, &s->answer);
    s->n_prompt = req->n_tokens ? (uint32_t)req->n_tokens : count_words(hl_buf_str(&s->answer));
    if (s->n_prompt >= e->script.ctx_max)
        return hl_fail(err, HL_ELIMIT, "engine",
                       "the prompt has %u tokens, a context of %u has room for %u and an answer",
                       s->n_prompt, e->script.ctx_max, e->script.ctx_max - 1);
    if (e->script.answer) {
        hl_buf_reset(&s->answer);
        hl_buf_append_cstr(&s->answer, e->script.answer);
    }
    hl_buf_reset(&s->text);
    (void)hl_buf_reserve(&s->text, s->answer.len + STOP_BYTES_MAX); /* so that no step allocates */
    HL_TRY(hl_buf_status(&s->answer, "an answer", err));
    return hl_buf_status(&s->text, "an answer", err);
}

static hl_status fake_submit(hl_engine *base, hl_seq_id seq, const hl_request *req, uint64_t now_ns,
                             hl_error *err) {
    fake *e = (fake *)base;
    HL_TRY(check_request(e, req, err));
    slot *s = find_free(e);
    HL_TRY(prepare_answer(e, s, req, err));
    int32_t most = req->options.num_predict;
    s->n_predict = most > 0 ? (uint32_t)most : UINT32_MAX;
    s->at = s->n_pieces = 0;
    s->kind = req->kind;
    s->submit_ns = now_ns;
    s->due_ns = after(now_ns, e->script.first_ns);
    s->first_ns = 0;
    s->closing = false;
    s->state = SLOT_LIVE;
    e->n_live++;
    hl_life_begin(&s->life, seq);
    return HL_OK;
}

static void fake_cancel(hl_engine *base, hl_seq_id seq) {
    fake *e = (fake *)base;
    for (uint32_t i = 0; i < e->n_slots; i++)
        if (hl_life_cancel(&e->slots[i].life, seq)) return;
}

/* ---- step ---- */

static void end_slot(fake *e, slot *s) {
    hl_life_end(&s->life);
    s->state = SLOT_ENDED;
    e->n_live--;
}

static void finish(fake *e, slot *s, hl_finish why, uint64_t now_ns, hl_event *ret) {
    *ret = (hl_event){.kind = HL_EVENT_FINISHED,
                      .seq = hl_life_id(&s->life),
                      .finish = why,
                      .usage = {.prompt_tokens = s->n_prompt,
                                .generated_tokens = s->n_pieces,
                                .total_ns = now_ns - s->submit_ns,
                                .prompt_ns = (s->first_ns ? s->first_ns : now_ns) - s->submit_ns,
                                .generate_ns = s->first_ns ? now_ns - s->first_ns : 0}};
    end_slot(e, s);
}

static void fail(fake *e, slot *s, hl_event *ret) {
    *ret = (hl_event){.kind = HL_EVENT_FAILED, .seq = hl_life_id(&s->life)};
    (void)hl_fail(&ret->error, HL_EDEVICE, "engine", "the script fails after %u pieces",
                  s->n_pieces);
    end_slot(e, s);
}

static hl_str next_piece(const slot *s) {
    hl_str rest = hl_str_slice(hl_buf_str(&s->answer), s->at, SIZE_MAX);
    size_t space = hl_str_find(rest, HL_STR(" "), 0);
    return hl_str_slice(rest, 0, space == SIZE_MAX ? rest.len : space + 1);
}

/* The next piece, and whether it was the last. */
static void say(const fake *e, slot *s, uint64_t now_ns, hl_event *ret) {
    hl_str piece = next_piece(s);
    hl_buf_reset(&s->text);
    bool hit = hl_stop_push(&s->stop, piece, &s->text);
    s->at += piece.len;
    s->token = s->n_pieces++;
    s->due_ns = after(s->due_ns, e->script.piece_ns);
    if (s->first_ns == 0) s->first_ns = now_ns;
    bool all = s->at == s->answer.len, enough = s->n_pieces == s->n_predict;
    s->closing = hit || all || enough;
    s->why = hit || all ? HL_FINISH_STOP : HL_FINISH_LENGTH;
    if (s->closing && !hit) hl_stop_finish(&s->stop, &s->text);
    *ret = (hl_event){.kind = HL_EVENT_TEXT,
                      .seq = hl_life_id(&s->life),
                      .text = hl_buf_str(&s->text),
                      .tokens = &s->token,
                      .n_tokens = 1};
}

/* Directions that depend on the text, of length 1. */
static void embed(slot *s, hl_event *ret) {
    uint32_t h = 2166136261u;
    double squares = 0;
    for (size_t i = 0; i < s->answer.len; i++)
        h = (h ^ (unsigned char)s->answer.ptr[i]) * 16777619u;
    for (int i = 0; i < HL_FAKE_EMBD; i++) {
        h = (h ^ h >> 15) * 0x2C1B3C6Du + 1;
        s->vector[i] = (float)(int32_t)h;
        squares += (double)s->vector[i] * (double)s->vector[i];
    }
    for (int i = 0; i < HL_FAKE_EMBD; i++) s->vector[i] /= (float)sqrt(squares);
    s->closing = true;
    s->why = HL_FINISH_STOP;
    *ret = (hl_event){.kind = HL_EVENT_EMBEDDING,
                      .seq = hl_life_id(&s->life),
                      .vector = s->vector,
                      .n_vector = HL_FAKE_EMBD};
}

/* One event of a sequence whose time has come. */
static bool step_slot(fake *e, slot *s, uint64_t now_ns, hl_event *ret) {
    if (s->state != SLOT_LIVE) return false;
    bool nothing_to_say = s->kind == HL_REQUEST_GENERATE && s->at == s->answer.len;
    if (hl_life_cancelled(&s->life)) {
        finish(e, s, HL_FINISH_CANCELLED, now_ns, ret);
    } else if (s->closing || (nothing_to_say && now_ns >= s->due_ns)) {
        finish(e, s, s->closing ? s->why : HL_FINISH_STOP, now_ns, ret);
    } else if (now_ns < s->due_ns) {
        return false;
    } else if (e->script.fails_after_pieces && s->n_pieces == e->script.fails_after_pieces) {
        fail(e, s, ret);
    } else if (s->kind == HL_REQUEST_EMBED) {
        embed(s, ret);
    } else {
        say(e, s, now_ns, ret);
    }
    return true;
}

static hl_status fake_step(hl_engine *base, uint64_t now_ns, hl_event *ret, size_t cap,
                           size_t *ret_n, hl_error *err) {
    fake *e = (fake *)base;
    *ret_n = 0;
    if (e->script.lost_after_steps && e->n_steps >= e->script.lost_after_steps)
        return hl_fail(err, HL_EDEVICE, "engine", "the script loses the engine after %u steps",
                       e->n_steps);
    if (e->n_steps < UINT32_MAX - 1) e->n_steps++;
    for (uint32_t i = 0; i < e->n_slots; i++)
        if (e->slots[i].state == SLOT_ENDED) e->slots[i].state = SLOT_FREE;
    for (uint32_t i = 0; i < e->n_slots && *ret_n < cap; i++)
        if (step_slot(e, &e->slots[i], now_ns, &ret[*ret_n])) ++*ret_n;
    return *ret_n > 0 ? HL_OK : HL_AGAIN;
}

static uint64_t fake_wake_at(const hl_engine *base, int *ret_fd) {
    const fake *e = (const fake *)base;
    uint64_t first = UINT64_MAX;
    *ret_fd = -1;
    for (uint32_t i = 0; i < e->n_slots; i++) {
        const slot *s = &e->slots[i];
        if (s->state != SLOT_LIVE) continue;
        if (s->closing || hl_life_cancelled(&s->life)) return 0;
        if (s->due_ns < first) first = s->due_ns;
    }
    return first;
}

/* ---- create, destroy ---- */

static void fake_destroy(hl_engine *base) {
    fake *e = (fake *)base;
    if (!e) return;
    for (uint32_t i = 0; e->slots && i < e->n_slots; i++) {
        hl_buf_deinit(&e->slots[i].answer);
        hl_buf_deinit(&e->slots[i].text);
        hl_stop_deinit(&e->slots[i].stop);
    }
    hl_free(e->slots);
    hl_free(e);
}

static const hl_engine_ops fake_ops = {.name = "fake",
                                       .submit = fake_submit,
                                       .cancel = fake_cancel,
                                       .step = fake_step,
                                       .wake_at = fake_wake_at,
                                       .destroy = fake_destroy};

hl_status hl_fake_create(const hl_fake_script *script, hl_engine **ret, hl_error *err) {
    HL_ASSERT(script->seqs_max > 0 && script->seqs_max <= UINT32_MAX / 2);
    fake *e = hl_calloc(1, sizeof *e);
    if (!e) return hl_fail(err, HL_ENOMEM, "engine", "no memory for an engine");
    e->script = *script;
    e->engine = (hl_engine){.ops = &fake_ops,
                            .caps = {.takes_tokens = !script->takes_messages,
                                     .takes_messages = script->takes_messages,
                                     .embeds = true,
                                     .seqs_max = script->seqs_max,
                                     .ctx_max = script->ctx_max}};
    e->n_slots = 2 * script->seqs_max;
    e->slots = hl_calloc(e->n_slots, sizeof *e->slots);
    hl_status st = HL_OK;
    if (!e->slots) st = hl_fail(err, HL_ENOMEM, "engine", "no memory for an engine");
    for (uint32_t i = 0; st == HL_OK && i < e->n_slots; i++) {
        hl_buf_init(&e->slots[i].answer, REQUEST_BYTES_MAX);
        st = hl_stop_init(&e->slots[i].stop, STOP_BYTES_MAX, err);
    }
    if (st < 0) {
        fake_destroy(&e->engine);
        return st;
    }
    *ret = &e->engine;
    return HL_OK;
}
