#include "text/unicode.h"

const char *hl_unicode_version(void) {
    return hl__unicode_version;
}

bool hl_unicode_is_han(uint32_t cp) {
    size_t lo = 0, hi = hl__unicode_n_han;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > hl__unicode_han[mid].last)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < hl__unicode_n_han && cp >= hl__unicode_han[lo].first;
}
