/* SPDX-License-Identifier: MIT */
/*
 * describe - what a code object is: names, first line, line table, copied out of its memory.
 *
 * On the line:  memory of CPython -> [describe] -> WIRE_CODE records
 * Threads:      the sampler, while the object is known to live; the deallocation hook.
 * Memory:       the caller's buffer.
 * Loss:         strings and tables that do not fit are cut; a line table that is cut gives no
 *               lines beyond the cut.
 */
#ifndef PYREC_AGENT_DESCRIBE_H
#define PYREC_AGENT_DESCRIBE_H

#include "interp.h"

#define DESCRIBE_NAME_MAX 4096u

/*
 * Copy the str at `str` as UTF-8, lone surrogates as three bytes, cut where it does not fit. The
 * bytes written to `to`, at most `max`; -1 when that memory is no str. Any thread, while something
 * holds the object.
 */
int32_t describe_text(const struct pyver *ver, uintptr_t str, char *to, uint32_t max);

/* Offsets are into the caller's buffer. */
struct description {
    int32_t first_line;
    uint32_t name_len, file_len, table_len;
    char *bytes; /* name, file, table, one behind the other */
};

/* Copy what `code` says of itself into `buffer` (at least 3 * DESCRIBE_NAME_MAX bytes). False
 * when its memory does not look like a code object. */
bool describe_code(const struct interp *interp, uintptr_t code, char *buffer, size_t size,
                   struct description *out);

#endif
