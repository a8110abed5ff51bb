/* SPDX-License-Identifier: MIT */
/*
 * buffer - text that grows at its end.
 *
 * On the line:  where a cell, a heading or a help page becomes text.
 * Threads:      one at a time.
 * Memory:       struct buffer is the caller's, zeroed before the first use; buffer_clear takes its
 *               heap. buffer->text is good until the next call on it.
 *
 * Always true:  text is NUL-terminated once anything was added.
 */
#ifndef PYREC_ANALYZE_BUFFER_H
#define PYREC_ANALYZE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *text;
    size_t len, size;
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t len);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_blanks(struct buffer *buffer, size_t n);
void buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Two digits a byte. */
void buffer_add_hex(struct buffer *buffer, const uint8_t *bytes, size_t len);
/* The same into an array that has room for a NUL behind them. */
void hex_print(char *digits, const uint8_t *bytes, size_t len);

/* As in an address: a byte that does not stay is %XX. */
void buffer_add_percent(struct buffer *buffer, const char *text, bool (*stays)(char));

/*
 * Add text that somebody else chose (a name from a trace) so that it can do nothing to a terminal:
 * control characters, C1 controls, line separators and marks that reorder text appear as escapes.
 */
void buffer_add_visible(struct buffer *buffer, const char *text);

/* Back to empty; the room stays. */
void buffer_reset(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);

#endif
