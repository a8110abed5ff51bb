/* SPDX-License-Identifier: MIT */
/*
 * sources - the text of code that no file has, as the program hands it over, or the agent has found
 * it.
 *
 * On the line:  python/pyrec -> door (struct wire_source in a memfd) -> [sources] -> events
 *               WIRE_SOURCE -> [sources] -> events
 * Threads:      one.
 * Memory:       a struct in each process, zeroed at first, and a copy of what the agent has told.
 * Loss:         what is more than a section of the trace may hold, or makes no sense, is left out,
 *               and counted in an event.
 *
 * Cells of notebooks, what is typed at a prompt, doctests: their names are in the stacks, and their
 * text is where only the program can see it. The agent tells it once, with the code that it is of;
 * so it is kept, and written into each section. Of what is handed over that is written what names
 * code of this process, as far as that is known: in a later generation those of the earlier ones
 * are not. Nothing is written twice in a section. What the program says is not believed: each
 * length is held against the whole.
 */
#ifndef PYREC_RECORD_SOURCES_H
#define PYREC_RECORD_SOURCES_H

#include "record/decode/stream.h"

#define SOURCES_MAX   1024u      /* in a section, of a process .. */
#define SOURCES_BYTES (4u << 20) /* .. and their texts together */

/* A name and its text, behind each other. */
struct source_kept {
    char *bytes;
    uint32_t name_len, text_len;
};

struct sources {
    uint64_t known[SOURCES_MAX]; /* hashes of what is in the section already */
    uint32_t n, n_bytes;
    uint32_t section;
    uint64_t left_out, told;  /* of what was handed over last; as the newest event says */
    struct source_kept *kept; /* what the agent has told; NULL = nothing yet */
    uint32_t n_kept, n_kept_bytes;
    uint64_t left_out_told; /* of that, what there was no room for */
};

void sources_clear(struct sources *sources);

/* Add what is in the memfd, which stays the caller's, to the process's next chunk. */
void sources_take(struct sources *sources, struct stream *stream, int memfd, uint32_t section,
                  uint64_t now_q);

/* Take what the agent says, of code that it has told. False when it makes no sense. */
bool sources_tell(struct sources *sources, struct stream *stream,
                  const struct wire_source_told *record, uint32_t section, uint64_t now_q);

/* A section begins: what the agent has told belongs to it, too. */
void sources_repeat(struct sources *sources, struct stream *stream, uint32_t section,
                    uint64_t now_q);

#endif
