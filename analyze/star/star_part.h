/* SPDX-License-Identifier: MIT */
/*
 * star_part - what the parts of star share.
 *
 * On the line:  star_ask, star_write -> [star_who, star_places, star_weights, star_happened]
 * Threads:      one at a time.
 * Memory:       see star.h; what star_part has is freed with the star.
 */
#ifndef PYREC_ANALYZE_STAR_PART_H
#define PYREC_ANALYZE_STAR_PART_H

#include "analyze/read/unit.h"
#include "analyze/stalls/stall.h"
#include "star.h"
#include "star_key.h"

struct star {
    struct request *request;
    struct trace *trace;
    const struct profile *profile;
    struct star_key key;
    uint64_t bin_ns;

    const struct recording **recordings; /* in the order of the units */
    char **names;                        /* of them: what their files are called, ids first */
    size_t n_recordings;
    const struct profile_thread **thread_of; /* by index of the thread; NULL = has no samples */
    uint64_t *place_keys, *node_keys;        /* of the profile's places and nodes */
    uint64_t *known; /* keys of the recording's locations that have a row, sorted */
    size_t n_known;

    struct scene scene;
    struct idle idle;
    struct stalls stalls;

    /* while rows are written */
    struct star_to *to;
    const struct star_layout *layout;
    const struct recording *recording;
    size_t column;
};

/* ---- rows ---- */

MUST_CHECK enum status star_open(struct star *star, enum star_table table, size_t recording,
                                 struct problem *why);
void star_number(struct star *star, int64_t value);
void star_count(struct star *star, uint64_t value);
void star_text(struct star *star, const char *text); /* redacted where the column is private */
void star_nothing(struct star *star);
void star_key(struct star *star, uint64_t key);      /* 0 = of nothing */
void star_time(struct star *star, uint64_t time_ns); /* of the common clock */
void star_end(struct star *star);

/* ---- numbers ---- */

/* "4a8f..", of all its files the same. */
void star_recording_id(const struct recording *recording, struct buffer *id);
uint64_t star_process_key(struct star *star, const struct process *process);
uint64_t star_thread_key(struct star *star, const struct thread *thread); /* NULL: 0 */
uint64_t star_frame_key(struct star *star, const struct symbols *symbols, uint32_t place);

/*
 * The same, 0 where it has no row in the recording's locations: no sample that was asked for is
 * there. They are to be learnt first, for each recording.
 */
uint64_t star_known_key(struct star *star, const struct symbols *symbols, uint32_t place);
void star_learn_known(struct star *star);

/* Is it one of those whose rows are written now? */
bool star_has_process(const struct star *star, const struct process *process);

/* Ticks of a range that are in one bin. */
struct star_piece {
    int64_t bin; /* when it begins, seconds since 1970 */
    uint32_t first, end;
};
struct star_pieces {
    struct star_piece *list;
    size_t n, size;
};
void star_pieces_of(struct star_pieces *pieces, const struct star *star,
                    const struct unit_reader *reader);

/* ---- the tables ---- */

/* Is there any sample in which a thread waited for the GIL? Else table gil needs no reading. */
bool star_anybody_waited(const struct star *star);

/* When all but the weights is read: who and what rows are about. */
void star_prepare(struct star *star);

enum status star_write_who(struct star *star, struct problem *why);
enum status star_write_places(struct star *star, struct problem *why);
enum status star_write_weights(struct star *star, struct problem *why);
enum status star_write_happened(struct star *star, struct problem *why);

#endif
