/* SPDX-License-Identifier: MIT */
/*
 * chunk_scan - find the chunks of a file that has no index, is damaged or is still growing.
 *
 * On the line:  run.trace -> [chunk_scan] -> the list of chunks of chunk_read
 * Threads:      one.
 * Memory:       struct chunk_scan is the owner's storage; chunk_scan_clear frees what it grew. The
 *               file descriptor is borrowed.
 * Loss:         what is not a good chunk of this recording goes to `report`: the bytes that were
 *               skipped.
 *
 * Always true:  bytes before `at` are chunks in the list, the trailer, or were reported. The work
 *               is linear in the bytes of the file, whatever they are.
 */
#ifndef PYREC_FORMAT_CHUNK_SCAN_H
#define PYREC_FORMAT_CHUNK_SCAN_H

#include "chunk.h"
#include "status.h"

/* Bytes of the file, kept between searches that begin close to each other. */
struct chunk_window {
    uint8_t *bytes;
    uint64_t offset;
    size_t len;
};

struct chunk_scan {
    int fd;
    uint64_t size;         /* of the file when it was opened */
    uint64_t at;           /* where to go on */
    uint64_t recheck_left; /* bytes that may still be read a second time */
    bool tag_known, closed;
    uint8_t newer_version; /* of the first header, when that is why it was refused */
    int io_error;          /* errno of the last read that failed, 0 = none did */
    uint32_t tag;
    struct chunk_trailer trailer; /* when closed */
    struct chunk_place *places;
    size_t n, room;
    struct chunk_window window;
    bool is_pending; /* `pending` is not reported yet, for it may grow */
    struct damage pending;
    damage_fn *report;
    void *closure;
};

/* What stands at an offset. */
enum chunk_look {
    LOOK_CHUNK,   /* a good header, and its payload ends inside the file */
    LOOK_CUT,     /* a good header, but its payload does not */
    LOOK_LIMIT,   /* a good header that says impossible things */
    LOOK_TOO_NEW, /* a good header of a later version */
    LOOK_TRAILER,
    LOOK_SHORT, /* the file ends where a header or trailer has just begun */
    LOOK_OTHER,
    LOOK_IO, /* could not be read */
};

/* Look at one place; fills header or trailer when the result says that there is one. */
enum chunk_look chunk_scan_look(struct chunk_scan *scan, uint64_t offset,
                                struct chunk_header *header, struct chunk_trailer *trailer);

/*
 * Go from the beginning to the end of the file (`size`, set by the caller) and put what was found
 * into `places`, as it stands in the file; chunk_order puts it in order.
 */
MUST_CHECK enum status chunk_scan_run(struct chunk_scan *scan, struct problem *why);

/*
 * Of a scan that has come to its end: go on to the new `size`, which is not smaller. Adds what
 * follows on without a fault, and reports nothing.
 */
enum chunk_growth chunk_scan_more(struct chunk_scan *scan, uint64_t size);

void chunk_scan_clear(struct chunk_scan *scan);

/* Pass `damage` on to whoever asked for reports. */
void chunk_scan_report(struct chunk_scan *scan, const struct damage *damage);

/* Is the payload of a chunk as its header says? Reads all of it. */
bool chunk_scan_payload_good(const struct chunk_scan *scan, const struct chunk_place *place);

/* Read `len` bytes at `offset`, whole or up to the end of the file; -1 where that fails. */
int64_t chunk_scan_read(int fd, void *bytes, size_t len, uint64_t offset);

#endif
