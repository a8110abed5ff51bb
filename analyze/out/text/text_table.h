/* SPDX-License-Identifier: MIT */
/*
 * text_table - number texts, each once: for formats that write every name once.
 *
 * On the line:  under gecko, pprof, callgrind.
 * Memory:       struct text_table is the caller's, zeroed before the first use; text_table_clear
 *               takes its heap. Texts are borrowed.
 */
#ifndef PYREC_ANALYZE_OUT_TEXT_TABLE_H
#define PYREC_ANALYZE_OUT_TEXT_TABLE_H

#include "analyze/base/hash.h"

struct text_table {
    const char **texts; /* by number, from 0 */
    size_t n, size;
    struct hash hash;
};

uint32_t text_table_number(struct text_table *table, const char *text);
void text_table_clear(struct text_table *table);

#endif
