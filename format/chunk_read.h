/* SPDX-License-Identifier: MIT */
/*
 * chunk_read - find, check and decompress the chunks of one file.
 *
 * On the line:  run.trace -> [chunk_read] -> trace
 * Threads:      chunk_file_open and chunk_file_grow by one thread; afterwards chunk_file_load by
 *               any number of threads, each with its own struct chunk_buffer (pread, no shared
 *               position).
 * Memory:       chunk_file_open gives, chunk_file_close takes. The list of chunks belongs to the
 *               file. A chunk_buffer is the caller's storage; its bytes are good until the next
 *               load into it or chunk_buffer_clear.
 * Loss:         every byte that is not a good chunk is reported as a struct damage, with its
 *               offset and, where that is known, the time range that is missing.
 *
 * Nothing in the file is believed before it is checked: lengths against the limits in chunk.h and
 * the file's size, header and payload against their CRCs. pread, never mmap: a file that shrinks
 * while it is read gives a short read, not a SIGBUS.
 */
#ifndef PYREC_FORMAT_CHUNK_READ_H
#define PYREC_FORMAT_CHUNK_READ_H

#include "chunk.h"
#include "status.h"

struct chunk_file;

/*
 * Open `path` and find all its chunks: by the index when the trailer is whole, the file's size is
 * what it says and some headers say the same, else by hopping from header to header, searching for
 * the next good header where one is wrong. Duplicates (same tag and seq) are reported and dropped,
 * of two the whole one is kept; chunks of another recording are reported and skipped, gaps in seq
 * are reported.
 *
 * STATUS_NOT_A_TRACE when there is not one good header, STATUS_TOO_NEW by version.
 * A file without trailer is not damage: it may still be growing (chunk_file_closed says).
 */
MUST_CHECK enum status chunk_file_open(struct chunk_file **out, const char *path, damage_fn *report,
                                       void *closure, struct problem *why);
/* The same of a file that is open. `fd` is the chunk_file's from then on, also where this fails;
 * `path` is what it is called. */
MUST_CHECK enum status chunk_file_adopt(struct chunk_file **out, int fd, const char *path,
                                        damage_fn *report, void *closure, struct problem *why);
void chunk_file_close(struct chunk_file *file);

/* The chunks, in order of seq. */
size_t chunk_file_count(const struct chunk_file *file);
const struct chunk_place *chunk_file_get(const struct chunk_file *file, size_t i);
const char *chunk_file_path(const struct chunk_file *file);
uint64_t chunk_file_size(const struct chunk_file *file);
bool chunk_file_closed(const struct chunk_file *file); /* it has a good trailer */

/*
 * Take the chunks that were written behind the last one since, at the end of the list. A chunk of
 * which only the beginning is there waits for its rest. Nobody may load chunks meanwhile. What does
 * not follow on (a file that was cut, a number that is missing or was there, anything that is no
 * chunk) is not judged here.
 */
enum chunk_growth chunk_file_grow(struct chunk_file *file);

/* Is it the file that was opened that `info` is about? */
struct stat;
bool chunk_file_is(const struct chunk_file *file, const struct stat *info);

/* Are the bytes of chunk i those it was written with? Reads them, decompresses nothing. */
bool chunk_file_intact(const struct chunk_file *file, size_t i);

/* Space to read and decompress into; one per thread, reused. Zero it before the first use. */
struct chunk_buffer {
    uint8_t *comp, *raw;
    size_t comp_size, raw_size; /* comp: a header, and the payload as it stands in the file */
    void *context;
    size_t raw_len; /* of the chunk that was loaded last */
};
void chunk_buffer_clear(struct chunk_buffer *buffer);

/* Read, check and decompress chunk i; buffer->raw[0..raw_len) is the payload. */
MUST_CHECK enum status chunk_file_load(const struct chunk_file *file, size_t i,
                                       struct chunk_buffer *buffer, struct problem *why);

#endif
