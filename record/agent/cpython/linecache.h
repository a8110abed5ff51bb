/* SPDX-License-Identifier: MIT */
/*
 * linecache - the text of code that no file has, from where the program keeps it for its own
 * tracebacks.
 *
 * On the line:  memory of CPython -> [linecache] -> WIRE_SOURCE records
 * Threads:      the sampler; without the GIL, while the program changes what is read.
 * Memory:       the struct, and room for one text, reserved at start and touched as needed.
 * Loss:         a text that is too long, or changed while it is read, is left out and counted.
 *
 * Cells of notebooks, what is typed at a prompt of 3.13 and later, doctest's examples and what a
 * program has registered itself have names that name no file. IPython and its like put the text
 * into linecache.cache before the code runs, so it is there at the first sample of a code object.
 * It is read as everything else is, by loads: nothing of the program's runs, and linecache is not
 * imported. A text is believed when all that leads to it is the same afterwards. (Only a list of
 * lines that is changed in place, by a thread that is interrupted in the middle of it, would be
 * told half changed. linecache and those who fill it make a new list.)
 */
#ifndef PYREC_AGENT_LINECACHE_H
#define PYREC_AGENT_LINECACHE_H

#include "interp.h"
#include <stddef.h>

#define LINECACHE_TEXT_MAX (96u << 10) /* bytes; it must go into one record */
#define LINECACHE_NAME_MAX 512u
#define LINECACHE_TOLD     256u /* power of two */
#define LINECACHE_ABSENT   64u  /* power of two */

/* A name that was looked for in vain, and how the cache was then. */
struct linecache_absent {
    uint64_t name, cache;
};

struct linecache {
    const struct interp *interp;
    char *text;                    /* what linecache_find has found */
    uint64_t told[LINECACHE_TOLD]; /* hashes of names and texts */
    struct linecache_absent absent[LINECACHE_ABSENT];
    uint64_t *last; /* of those, what was found last */
    uint32_t module_hint;
};

/* Reserve memory. False when there is none. */
bool linecache_init(struct linecache *cache, const struct interp *interp);

/* Give it back. */
void linecache_free(struct linecache *cache);

/* A child after a fork: nothing was told. */
void linecache_reset(struct linecache *cache);

enum linecache_found {
    LINECACHE_NONE,     /* it is a file's, there is no text of it, or it was told */
    LINECACHE_TEXT,     /* `text` has it, *text_len bytes of UTF-8 */
    LINECACHE_LEFT_OUT, /* there is one that cannot be told: once for a name */
};

/* The text that `file`, a code object's name of its file, stands for now. Both that is told and
 * that is left out count as told from then on: a caller that cannot pass it on calls _forget(). */
enum linecache_found linecache_find(struct linecache *cache, const char *file, uint32_t file_len,
                                    uint32_t *text_len);

/* What was found last could not be passed on. */
void linecache_forget(struct linecache *cache);

#endif
