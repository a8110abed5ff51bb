/* SPDX-License-Identifier: MIT */
/*
 * follow - wait for files that grow.
 *
 * On the line:  main.c, between two answers of --follow
 * Memory:       struct follow is the caller's; follow_clear takes what it grew.
 */
#ifndef PYREC_ANALYZE_FOLLOW_H
#define PYREC_ANALYZE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct follow {
    const char *const *paths;
    size_t n_paths;
    uint64_t *sizes;   /* of the files when they were looked at last */
    uint64_t noted_ns; /* when that was */
};

void follow_init(struct follow *follow, const char *const *paths, size_t n_paths);
void follow_clear(struct follow *follow);

/* Right before the files are read. */
void follow_note(struct follow *follow);

/*
 * Wait until one of them has another size than at follow_note. The next look comes a second after
 * the last one, or, where reading took long, after ten times as long, so that following a large
 * file costs a tenth of a CPU and no more.
 */
void follow_wait(struct follow *follow);

#endif
