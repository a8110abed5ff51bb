/* SPDX-License-Identifier: MIT */
/*
 * report_sort - put things in order of a number each has.
 *
 * On the line:  under report_thin_course and report_pair, whose work it mostly is
 * Threads:      pure.
 *
 * What compares equal keeps its order.
 */
#ifndef PYREC_ANALYZE_REPORT_SORT_H
#define PYREC_ANALYZE_REPORT_SORT_H

#include <stddef.h>
#include <stdint.h>

struct sort_key {
    uint64_t key;
    uint32_t index; /* of the thing */
};

/* `room` is for n keys as well. */
void report_sort(struct sort_key *keys, struct sort_key *room, size_t n);

#endif
