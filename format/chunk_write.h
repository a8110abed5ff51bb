/* SPDX-License-Identifier: MIT */
/*
 * chunk_write - append chunks to one trace file.
 *
 * On the line:  columns -> [chunk_write] -> run.trace
 * Threads:      one at a time.
 * Memory:       chunk_writer_open gives, chunk_writer_close or chunk_writer_abandon takes. The
 *               caller's bytes are read during the call only.
 * Loss:         a chunk is written with one write(); when that fails or is cut short the file is
 *               truncated to its last whole chunk, so what was written stays readable, and the
 *               writer is as before the call. The caller ignores SIGXFSZ and SIGPIPE.
 *
 * Always true:  the file is a sequence of whole chunks, readable without index and trailer.
 */
#ifndef PYREC_FORMAT_CHUNK_WRITE_H
#define PYREC_FORMAT_CHUNK_WRITE_H

#include "chunk.h"
#include "status.h"

struct chunk_writer;

/* One chunk to be. `raw` is a serialized piece of message Trace. */
struct chunk {
    uint16_t flags;
    uint32_t process;
    uint32_t generation;
    uint64_t t_first_ns;
    uint64_t t_last_ns;
    const uint8_t *raw;
    size_t raw_len;
    const size_t *cuts; /* offsets into raw, ascending, where a new zstd block pays; may be NULL */
    size_t n_cuts;
};

/*
 * Create `path` (mode 0600). An existing regular file is replaced (unlinked first, so whoever
 * reads the old one goes on reading it); symbolic links are not followed; something that is no
 * regular file (a pipe, /dev/null) is written to as it is.
 * `first_seq` is 0 but for the later files of a rotated recording.
 */
MUST_CHECK enum status chunk_writer_open(struct chunk_writer **out, const char *path, uint32_t tag,
                                         uint32_t first_seq, struct problem *why);

/* The same in a file that is open and empty. `fd` is the writer's from then on, also where this
 * fails. */
MUST_CHECK enum status chunk_writer_begin(struct chunk_writer **out, int fd, uint32_t tag,
                                          uint32_t first_seq, struct problem *why);

/*
 * Begin a file with a copy of what `from` has written from byte `offset` on, where a chunk must
 * begin. The chunks keep their seq; `meta`, unless NULL, stands before them and gets the one before
 * theirs, so offset is not 0 then. Nothing happens to `from`; both writers go on by themselves.
 * STATUS_USAGE when no chunk begins there.
 */
MUST_CHECK enum status chunk_writer_copy(struct chunk_writer **out, const char *path,
                                         const struct chunk_writer *from, uint64_t offset,
                                         const struct chunk *meta, struct problem *why);

/* Compress, frame and append. */
MUST_CHECK enum status chunk_writer_append(struct chunk_writer *writer, const struct chunk *chunk,
                                           struct problem *why);

/*
 * Append a chunk of another file as it is: the comp_len bytes of its payload behind its header, in
 * which only tag and seq become those of this file. The caller has checked payload and header.
 */
MUST_CHECK enum status chunk_writer_adopt(struct chunk_writer *writer,
                                          const struct chunk_header *header, const uint8_t *payload,
                                          struct problem *why);

/* Bytes in the file so far, sequence number of the next chunk. */
uint64_t chunk_writer_bytes(const struct chunk_writer *writer);
uint32_t chunk_writer_seq(const struct chunk_writer *writer);

/*
 * Append `last` with an Index packet added behind its bytes (flag CHUNK_INDEX is set here), then
 * the trailer, and close the file. An index over the limits, after millions of chunks, is left out.
 * The writer is gone afterwards, whatever is returned.
 */
MUST_CHECK enum status chunk_writer_close(struct chunk_writer *writer, const struct chunk *last,
                                          struct problem *why);

/* Close without index, e.g. after a write failed. NULL is allowed. */
void chunk_writer_abandon(struct chunk_writer *writer);

#endif
