/* SPDX-License-Identifier: MIT */
/*
 * plain - text of other programs on a terminal: nothing in it acts.
 *
 * On the line:  dump_text, ps -> [plain] -> stdout
 * Threads:      any. Memory: none.
 *
 * Control characters (C0, DEL, C1) and marks that reorder text are written as \xNN and \uNNNN; the
 * text is UTF-8 already.
 */
#ifndef PYREC_RECORD_PLAIN_H
#define PYREC_RECORD_PLAIN_H

#include <stdio.h>

/* Write it; at most `columns` characters (0: all), with ".." for what does not fit. */
void plain_write(FILE *to, const char *text, unsigned columns);

#endif
