/* SPDX-License-Identifier: MIT */
/*
 * linetable - where in the source an instruction comes from.
 *
 * On the line:  (code, instruction) -> [linetable] -> intern's locations
 * Threads:      pure functions.
 * Memory:       nothing is owned; the table is read during the call only.
 *
 * Three dialects: pairs of (bytes, lines) up to CPython 3.9, ranges in 3.10, ranges with columns
 * since 3.11. The table comes from another process's memory and may hold anything.
 *
 * Always true:  nothing outside the table is read; every loop moves forward in it.
 */
#ifndef PYREC_RECORD_LINETABLE_H
#define PYREC_RECORD_LINETABLE_H

#include "record/wire/wire.h"
#include <stdbool.h>

#define LINETABLE_NONE (-1)

/* Lines from 1 (0 occurs at the start of modules), columns from 0 in bytes of UTF-8. */
struct linetable_position {
    int32_t line, end_line;
    int32_t column, end_column;
};

struct linetable {
    uint32_t kind; /* enum wire_table */
    int32_t first_line;
    const uint8_t *bytes;
    size_t len;
};

/*
 * The position of the instruction at byte `instr` of the bytecode (-1: before the first one).
 * False, and everything LINETABLE_NONE, when the table says that it has none, or ends before it.
 */
bool linetable_find(const struct linetable *table, int32_t instr,
                    struct linetable_position *position);

#endif
