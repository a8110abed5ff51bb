/* SPDX-License-Identifier: MIT */
/*
 * sink - where an output writes to, and what can be shown there.
 *
 * On the line:  an output's write() -> [sink] -> terminal, pipe or file
 * Threads:      one at a time.
 * Memory:       struct sink is the caller's; sink_open fills it, sink_close takes it back.
 * Loss:         a write that fails is remembered and said by sink_close; nothing is retried.
 */
#ifndef PYREC_ANALYZE_SINK_H
#define PYREC_ANALYZE_SINK_H

#include "../format/status.h"

#include <stdbool.h>
#include <stdio.h>

enum color_choice {
    COLOR_AUTO, /* on a terminal, unless NO_COLOR is set */
    COLOR_ALWAYS,
    COLOR_NEVER,
};

struct sink {
    FILE *file;
    const char *path; /* NULL = standard output */
    bool terminal;
    unsigned width;  /* columns; 0 = as wide as needed */
    unsigned height; /* lines of a screen, guessed where there is none */
    bool color;
};

/* `path` NULL is standard output. A file is made or replaced. */
MUST_CHECK enum status sink_open(struct sink *sink, const char *path, enum color_choice color,
                                 struct problem *why);

void sink_text(struct sink *sink, const char *text);
void sink_print(struct sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Flush and close; STATUS_IO when something could not be written. */
MUST_CHECK enum status sink_close(struct sink *sink, struct problem *why);

#endif
