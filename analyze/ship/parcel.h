/* SPDX-License-Identifier: MIT */
/*
 * parcel - a part of a recording in the form in which it is sent.
 *
 * On the line:  a file -> pyanalyze export, in a process of its own -> [parcel] -> post, or a directory
 * Threads:      one.
 * Memory:       struct parcel is the caller's, zeroed before; parcel_clear takes its heap. What is
 *               sent is read into memory file by file; what making it takes, goes with the process.
 *
 * A part that cannot be read ends the process that reads it, not the one that ships.
 */
#ifndef PYREC_ANALYZE_SHIP_PARCEL_H
#define PYREC_ANALYZE_SHIP_PARCEL_H

#include "destination.h"

#include "format/status.h"

/* What is asked of export besides. */
struct parcel_settings {
    const struct destination *to;
    const char *redact, *redact_key, *bin; /* of tables; NULL = not given */
    const char *work;                      /* a directory that is ours; it is emptied */
};

struct parcel_item {
    char *url;  /* or the path that it gets, in a directory */
    char *path; /* the file that has it */
};

struct parcel {
    struct parcel_item *items;
    size_t n, size;
    bool is_empty;     /* there is nothing in it to send */
    char problem[300]; /* it cannot be made, and would not be another time; "" = it was */
};

/* Fill it for the file at `path`. STATUS_IO and the like: not now, perhaps later. */
MUST_CHECK enum status parcel_make(struct parcel *parcel, const char *path,
                                   const struct parcel_settings *settings, struct problem *why);
void parcel_clear(struct parcel *parcel);

/* Read what is to be sent of an item: for Pyroscope with what it must know around it. */
MUST_CHECK enum status parcel_read(const struct parcel_item *item, enum ship_format format,
                                   struct buffer *bytes, struct problem *why);
const char *parcel_type(enum ship_format format); /* Content-Type of it */

/* Copy an item into its place in a directory, durably and in one step. */
MUST_CHECK enum status parcel_copy(const struct parcel_item *item, struct problem *why);

/* Take away all files in a directory of ours, and the folders in it. */
void folder_empty(const char *path);

#endif
