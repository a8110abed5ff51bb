/* SPDX-License-Identifier: MIT */
/*
 * curve - values over time, of a process or a thread.
 *
 * On the line:  part of a view: a command fills it, outputs draw it
 * Memory:       values and texts are in the view's arena; the list is freed by view_clear.
 *
 * All curves of a view have the same bins: bin i is from start_ns + i * bin_ns on.
 */
#ifndef PYREC_ANALYZE_CURVE_H
#define PYREC_ANALYZE_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct curve {
    const char *panel; /* curves with the same panel belong into one picture */
    const char *name;
    const char *note; /* what its values are, in a few words */
    const char *unit; /* of its values: "CPUs" */
    double *values;   /* per bin; below 0 = not observed */
    double top;       /* what is drawn as full height */
};

struct curve_set {
    struct curve *items;
    size_t n, size;
    size_t n_bins;
    uint64_t start_ns, bin_ns;
    bool ascii; /* draw with plain characters */
};

/* A new one with room for its values; the pointer is good until the next one is added. */
struct curve *curve_add(struct curve_set *set, struct arena *arena, const char *panel,
                        const char *name);

#endif
