/* base/json.h
 *
 * Strict JSON (RFC 8259) through json-c: one value, nothing behind it, valid UTF-8,
 * limited depth and number of values (each takes 100 bytes and more, "[]," takes three).  Object
 * keys keep their order, the last of equal keys holds; numbers with a fraction or an exponent keep
 * their text; integers must fit int64 or uint64.  A lone surrogate becomes U+FFFD.  Above this
 * header, values are json-c's own objects: read them with json_object_get_type() and friends,
 * release them with json_object_put().
 */
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#include <json-c/json.h>

enum { HL_JSON_DEPTH_MAX = 64, HL_JSON_VALUES_MAX = 1 << 21 }; /* keys count as values */

/* *ret is owned (NULL for the value null).  EFORMAT names the offset; ELIMIT: nested too
 * deep, too many values, an integer out of range, more than 2 GiB. */
hl_status hl_json_parse(hl_str text, struct json_object **ret, hl_error *err) HL_NODISCARD;

/* Appends s as a JSON string with its quotes; malformed UTF-8 becomes U+FFFD. */
void hl_json_append_string(hl_buf *b, hl_str s);
