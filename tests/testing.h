/* testing.h: cmocka with the headers it wants before it, and a few helpers. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

/* Compares a slice with a C string. */
#define assert_str(slice, cstr)                                                                    \
    do {                                                                                           \
        hl_str got_ = (slice);                                                                     \
        assert_int_equal(got_.len, strlen(cstr));                                                  \
        assert_memory_equal(got_.ptr, (cstr), got_.len);                                           \
    } while (0)
