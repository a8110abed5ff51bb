/* SPDX-License-Identifier: MIT */
/*
 * sink - where an output writes to, and what can be shown there.
 *
 * On the line:  an output's write() -> [sink] -> terminal, pipe or file
 * Threads:      one at a time.
 * Memory:       struct sink is the caller's; sink_open fills it, sink_close takes it back.
 * Loss:         a write that fails is remembered and said by sink_close; nothing is retried.
 *
 * A file is written under another name and takes its place when it is whole. Until then the old one
 * stays, and a pyanalyze that fails or is killed leaves nothing behind.
 */
#ifndef PYREC_ANALYZE_SINK_H
#define PYREC_ANALYZE_SINK_H

#include "format/status.h"
#include "whole_file.h"

#include <stdbool.h>
#include <stdio.h>

enum color_choice {
    COLOR_AUTO, /* on a terminal, unless NO_COLOR is set */
    COLOR_ALWAYS,
    COLOR_NEVER,
};

/* What --color calls it; NULL behind the last one. */
const char *sink_color_name(size_t choice);

struct sink {
    FILE *file;
    const char *path; /* NULL = standard output */
    struct whole_file whole;
    bool terminal;
    unsigned width;  /* columns; 0 = as wide as needed */
    unsigned height; /* lines of a screen, guessed where there is none */
    bool color;
    bool ascii; /* plain characters only: the locale has no others */
};

/* The size of the terminal that standard output is; 0 where it is none. */
void sink_screen(unsigned *width, unsigned *height);

/* Sleep for so long; false as soon as nobody is left who reads standard output. */
bool sink_wait(unsigned milliseconds);

/* `path` NULL is standard output. A regular file is made or replaced, others are written to. */
MUST_CHECK enum status sink_open(struct sink *sink, const char *path, enum color_choice color,
                                 struct problem *why);

void sink_text(struct sink *sink, const char *text);
void sink_print(struct sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Flush, close, and put the file into its place; STATUS_IO when something could not be written,
 * and then there is no file.
 */
MUST_CHECK enum status sink_close(struct sink *sink, struct problem *why);

/* Close, and leave what was there before. */
void sink_abandon(struct sink *sink);

#endif
