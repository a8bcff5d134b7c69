#include "store/describe.h"

#include "gguf/quantize.h"

#include <stdio.h>

void hl_parameters_text(uint64_t n, char ret[16]) {
    static const struct {
        double unit;
        const char *name;
        int digits;
    } scales[] = {{1e9, "B", 1}, {1e6, "M", 2}, {1e3, "K", 0}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        double value = (double)n / scales[i].unit;
        if (value < 1) continue;
        bool whole = n % (uint64_t)scales[i].unit == 0;
        snprintf(ret, 16, "%.*f%s", whole ? 0 : scales[i].digits, value, scales[i].name);
        return;
    }
    snprintf(ret, 16, "%u", (unsigned)n);
}

uint64_t hl_gguf_n_parameters(const hl_gguf *g) {
    uint64_t n = 0;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        n += t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
    }
    return n;
}

const char *hl_gguf_quantization(const hl_gguf *g) {
    uint32_t type = UINT32_MAX;
    const char *name = NULL;
    if (hl_gguf_get_u32(g, "general.file_type", UINT32_MAX, &type, NULL) >= 0)
        name = hl_quant_file_type_name(type);
    if (name) return name;
    size_t largest = 0;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        if (t->data.len <= largest) continue;
        largest = t->data.len;
        name = hl_dtype_lookup(t->type).name;
    }
    return name ? name : "unknown";
}

static hl_str text_of(const hl_gguf *g, const char *key) {
    hl_str value = {"", 0};
    if (hl_gguf_get_str(g, key, value, &value, NULL) < 0) return (hl_str){"", 0};
    return value;
}

const char *hl_gguf_layer_kind(const hl_gguf *g) {
    hl_str type = text_of(g, "general.type");
    if (hl_str_is(type, "adapter")) return "adapter";
    if (hl_str_is(type, "mmproj") || hl_str_is(text_of(g, "general.architecture"), "clip"))
        return "projector";
    return "model";
}

bool hl_part_of_name(hl_str name, unsigned *ret_i, unsigned *ret_n) {
    static const char pattern[] = "-00000-of-00000.gguf";
    size_t len = sizeof pattern - 1;
    unsigned numbers[2] = {0, 0};
    if (name.len < len) return false;
    const char *tail = name.ptr + name.len - len;
    for (size_t i = 0; i < len; i++) {
        bool digit = tail[i] >= '0' && tail[i] <= '9';
        if (pattern[i] == '0' ? !digit : tail[i] != pattern[i]) return false;
        if (pattern[i] == '0') numbers[i > 6] = numbers[i > 6] * 10 + (unsigned)(tail[i] - '0');
    }
    *ret_i = numbers[0];
    *ret_n = numbers[1];
    return numbers[0] >= 1 && numbers[0] <= numbers[1];
}
