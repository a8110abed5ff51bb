/* SPDX-License-Identifier: MIT */
/*
 * follow - wait for files that grow.
 *
 * On the line:  main.c, between two answers of --follow
 * Memory:       struct follow is the caller's; follow_clear takes what it grew.
 */
#ifndef PYREC_ANALYZE_FOLLOW_H
#define PYREC_ANALYZE_FOLLOW_H

#include "analyze/read/trace.h"

struct follow {
    const char *const *paths;
    size_t n_paths;
    uint64_t *sizes;   /* of the files when they were looked at last */
    uint64_t noted_ns; /* when that was */
    bool quiet;        /* nothing was written for a while, and that was told */
};

void follow_init(struct follow *follow, const char *const *paths, size_t n_paths);
void follow_clear(struct follow *follow);

/* Right before the files are read. */
void follow_note(struct follow *follow);

/*
 * Wait until one of them has another size than at follow_note. The next look comes a second after
 * the last one, or, where reading took long, after ten times as long, so that following a large
 * file costs a tenth of a CPU and no more. With `restless` it also returns when nothing was
 * written for FOLLOW_QUIET_S, once, so that this can be shown.
 */
#define FOLLOW_QUIET_S 10u
void follow_wait(struct follow *follow, bool restless);

/*
 * What is followed, in one line: how long it is by now, at which rate, and when it was written last,
 * from which one sees whether its writer still lives.
 */
const char *follow_headline(struct arena *arena, const struct trace *trace);

#endif
