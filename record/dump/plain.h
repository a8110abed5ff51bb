/* SPDX-License-Identifier: MIT */
/*
 * plain - text of other programs on a terminal: nothing in it acts.
 *
 * On the line:  dump_text, ps -> [plain] -> stdout
 * Threads:      any. Memory: none.
 *
 * Control characters (C0, DEL, C1) and marks that reorder text are written as \xNN and \uNNNN;
 * where the locale has ASCII only, all others that are none as well. The text is UTF-8 already.
 */
#ifndef PYREC_RECORD_PLAIN_H
#define PYREC_RECORD_PLAIN_H

#include <stdio.h>

/*
 * Write it; at most `columns` characters (0 to 2: all), with ".." in the middle for what does not
 * fit: of a command both the program and the last arguments tell most.
 */
void plain_write(FILE *to, const char *text, unsigned columns);

#endif
