/* SPDX-License-Identifier: MIT */
/*
 * sources - the text of code that no file has, as the program hands it over.
 *
 * On the line:  python/pyrec -> door (struct wire_source in a memfd) -> [sources] -> events
 * Threads:      one.
 * Memory:       a struct in each process, zeroed at first; the texts are the batch's.
 * Loss:         what is more than a section of the trace may hold, or makes no sense, is left out,
 *               and counted in an event.
 *
 * Cells of notebooks, what is typed at a prompt, doctests: their names are in the stacks, and their
 * text is where only the program can see it. Written is what names code of this process, as far as
 * that is known: in a later generation those of the earlier ones are not. Nothing is written twice
 * in a section. What the program says is not believed: each length is held against the whole.
 */
#ifndef PYREC_RECORD_SOURCES_H
#define PYREC_RECORD_SOURCES_H

#include "record/decode/stream.h"

#define SOURCES_MAX   256u       /* in a section, of a process .. */
#define SOURCES_BYTES (1u << 20) /* .. and their texts together */

struct sources {
    uint64_t known[SOURCES_MAX]; /* hashes of what is in the section already */
    uint32_t n, n_bytes;
    uint32_t section;
    uint64_t left_out, told;
};

/* Add what is in the memfd, which stays the caller's, to the process's next chunk. */
void sources_take(struct sources *sources, struct stream *stream, int memfd, uint32_t section,
                  uint64_t now_q);

#endif
