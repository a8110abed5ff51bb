/* SPDX-License-Identifier: MIT */
/*
 * follow - wait for files that grow.
 *
 * On the line:  main.c, between two answers of --follow
 * Memory:       struct follow is the caller's, zeroed.
 */
#ifndef PYREC_ANALYZE_FOLLOW_H
#define PYREC_ANALYZE_FOLLOW_H

#include "analyze/read/trace.h"

struct follow {
    uint64_t noted_ns; /* the monotonic clock at follow_note */
    bool prints;       /* set by the caller: answers go to standard output */
    bool quiet;        /* nothing was written for FOLLOW_QUIET_S, and that was shown */
};

/* A look begins: files are as they are now. */
void follow_note(struct follow *follow);

/*
 * Wait until there is more of the trace than was opened or grown. The next look comes a second
 * after the last one, or, where reading took long, after ten times as long, so that following a
 * large file costs a tenth of a CPU at most. With `restless` it also comes when nothing has been
 * written for FOLLOW_QUIET_S, once, so that this can be shown. False: nobody reads standard output
 * any more, and nobody would learn that from a file that does not grow.
 */
#define FOLLOW_QUIET_S 10u
MUST_CHECK bool follow_wait(struct follow *follow, const struct trace *trace, bool restless);

/*
 * What is followed, in one line: how long it is by now, at which rate, and when it was written
 * last, from which one sees whether its writer still lives; and in how many places it is damaged,
 * which is told one by one only when it has ended.
 */
const char *follow_headline(struct arena *arena, const struct trace *trace, size_t n_damages);

#endif
