/* SPDX-License-Identifier: MIT */
/*
 * encode - one chunk's worth of one process as serialized packets.
 *
 * On the line:  batch, intern, roster, account -> [encode] -> chunk_write
 * Threads:      one at a time.
 * Memory:       encoder_new gives, encoder_free takes. The bytes of a chunk are the encoder's, good
 *               until the next encode_chunk. A job borrows everything.
 * Idea:         the encoder sorts the batch's log by thread (a counting sort) and lets protobuf-c
 *               pack the columns; then it looks where each column begins, because a zstd block per
 *               column pays.
 *
 * Always true:  what is packed refers only to ids that are in the file or in the same chunk.
 */
#ifndef PYREC_RECORD_ENCODE_H
#define PYREC_RECORD_ENCODE_H

#include "encode_job.h"
#include "format/chunk_write.h"

struct encoder;

MUST_CHECK enum status encoder_new(struct encoder **out, struct problem *why);
void encoder_free(struct encoder *encoder);

/*
 * Fill in the payload of *chunk: raw, raw_len, cuts, n_cuts and the content flags. raw_len is 0
 * when there is nothing to say. The names of threads must have been interned (see roster).
 */
MUST_CHECK enum status encode_chunk(struct encoder *encoder, const struct encode_job *job,
                                    struct chunk *chunk, struct problem *why);

#endif
