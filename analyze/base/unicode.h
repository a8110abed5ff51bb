/* SPDX-License-Identifier: MIT */
/*
 * unicode - one character after the other, nothing believed.
 *
 * On the line:  names on their way into the dictionary, and out to a terminal.
 * Memory:       borrows the text; unicode_clean copies into the arena only what needs mending.
 */
#ifndef PYREC_ANALYZE_UNICODE_H
#define PYREC_ANALYZE_UNICODE_H

#include "arena.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The character at `text` (NUL-terminated) and its length in bytes; 0 where the bytes are no
 * UTF-8 (cut, overlong, a surrogate, beyond U+10FFFF).
 */
size_t unicode_next(const char *text, uint32_t *character);

/* `text` itself when it is UTF-8, else a copy with each wrong byte as U+FFFD. */
const char *unicode_clean(struct arena *arena, const char *text);

/* How many columns of a terminal a character takes; one that cannot be shown is one. */
size_t unicode_width(uint32_t character);

/* How many characters; a wrong byte is one. */
size_t unicode_length(const char *text);

/* How many bytes of it are no more than `most`, and cut no character. */
size_t unicode_prefix(const char *text, size_t most);

#endif
