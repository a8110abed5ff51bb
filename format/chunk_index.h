/* SPDX-License-Identifier: MIT */
/*
 * chunk_index - the list of a file's chunks, gathered while writing, believed when reading.
 *
 * On the line:  chunk_write -> [chunk_index] -> Index packet -> [chunk_index] -> chunk_read
 * Memory:       struct chunk_index is the caller's storage, zeroed before the first use; what it
 *               grows is freed by chunk_index_clear. 56 bytes per chunk.
 *
 * Always true:  what chunk_index_parse fills in is what the chunk headers say, or it fails; only a
 *               header that was damaged later, or hostile, can differ (chunk_file_load notices).
 */
#ifndef PYREC_FORMAT_CHUNK_INDEX_H
#define PYREC_FORMAT_CHUNK_INDEX_H

#include "chunk.h"
#include "columns.h"
#include "status.h"

struct chunk_index {
    struct chunk_place *places;
    size_t n, room;
};

/* Make room for one more, so that the next chunk_index_add cannot fail. */
MUST_CHECK enum status chunk_index_reserve(struct chunk_index *index);
void chunk_index_add(struct chunk_index *index, uint64_t offset, const struct chunk_header *header);
void chunk_index_clear(struct chunk_index *index);

/*
 * Serialize the index as one packet of message Trace, behind a copy of the `before_len` bytes at
 * `before`. *out is malloc'ed and the caller's.
 */
MUST_CHECK enum status chunk_index_pack(const struct chunk_index *index, const uint8_t *before,
                                        size_t before_len, uint8_t **out, size_t *out_len);

/*
 * Read the Index message `body` that stands in the chunk `self` into *places, malloc'ed, one entry
 * per chunk and `self` at the end. STATUS_DAMAGED unless it describes a file without holes whose
 * chunks keep the limits.
 */
MUST_CHECK enum status chunk_index_parse(struct proto_column body, const struct chunk_place *self,
                                         struct chunk_place **places, size_t *n);

#endif
