/* SPDX-License-Identifier: MIT */
/*
 * fold - from weights on a tree to self and cumulative weights per key.
 *
 * On the line:  profile -> [fold] -> rows of a flat table
 * Threads:      one at a time.
 * Memory:       fold_open gives, fold_close takes; rows are in the arena that is handed in.
 *
 * The cumulative weight of a key is that of all stacks that contain it, once per stack: only the
 * topmost node of a key on each path from the root passes its sum on, so recursion counts once.
 *
 * Always true:  the self weights of all rows add up to the weight of the threads; self <= cum.
 */
#ifndef PYREC_ANALYZE_FOLD_H
#define PYREC_ANALYZE_FOLD_H

#include "analyze/model/key.h"
#include "profile.h"

struct fold;

struct fold_row {
    uint32_t value; /* of the key */
    struct weights self, cum;
    struct weights c; /* the part of self that was below, in C; see fold_open_python */
};

struct fold *fold_open(const struct profile *profile, const struct key *key);

/* The same by places in Python: what C took is the Python's that called it. */
struct fold *fold_open_python(const struct profile *profile, const struct key *key);

/* The same by the caller's own values, one per place and below n_values; borrowed. */
struct fold *fold_open_values(const struct profile *profile, const uint32_t *value_of_place,
                              size_t n_values);
void fold_close(struct fold *fold);

/* Rows with weight of these threads together, in order of value. */
struct fold_row *fold_threads(struct fold *fold, struct profile_thread *const *threads,
                              size_t n_threads, struct arena *arena, size_t *n_rows);

#endif
