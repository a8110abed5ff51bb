/* SPDX-License-Identifier: MIT */
/*
 * utf8 - make a name that can be written into a trace out of whatever bytes there are.
 *
 * On the line:  wire records, /proc -> [utf8] -> intern's strings
 * Threads:      pure functions.
 * Memory:       the caller's.
 * Loss:         none but the cut at the end: a byte that is no UTF-8 becomes \xNN, a lone surrogate
 *               (three bytes, as Python's names may hold) \udNNN, a zero byte \x00.
 */
#ifndef PYREC_RECORD_UTF8_H
#define PYREC_RECORD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are UTF-8 without zero bytes, so that utf8_clean would not change them. */
bool utf8_valid(const char *bytes, size_t len);

/* Write the clean form to `out`, whole characters only, at most `room` bytes; how many there are.
 */
size_t utf8_clean(const char *bytes, size_t len, char *out, size_t room);

#endif
