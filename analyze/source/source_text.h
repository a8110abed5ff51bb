/* SPDX-License-Identifier: MIT */
/*
 * source_text - the bytes of a source file as Python reads them.
 *
 * On the line:  bytes of a file -> [source_text] -> source
 * Threads:      any.
 * Memory:       in the caller's arena.
 * Loss:         what is not of the coding that the file names is shown as U+FFFD; a coding that
 *               iconv does not know is taken for UTF-8, and said.
 *
 * The coding is what a mark at the beginning (BOM) or a comment in one of the first two lines says
 * (PEP 263), else UTF-8. Columns in a trace count bytes of UTF-8 behind the mark, whatever the file
 * is written in, and lines end where Python ends them: LF, CR LF or CR, and nowhere else.
 */
#ifndef PYREC_ANALYZE_SOURCE_TEXT_H
#define PYREC_ANALYZE_SOURCE_TEXT_H

#include "analyze/base/arena.h"

struct source_text {
    char *text; /* UTF-8, lines ended by LF alone, NUL-terminated */
    size_t len;
    const char *unknown; /* a coding that is not known here; NULL = it was, or none was named */
};

struct source_text source_text_make(struct arena *arena, const char *bytes, size_t len);

/* The coding that the first two lines name, in lower case, "" = none. */
void source_text_coding(const char *bytes, size_t len, char *coding, size_t size);

#endif
