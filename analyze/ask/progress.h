/* SPDX-License-Identifier: MIT */
/*
 * progress - a bar on a terminal while a trace is read.
 *
 * On the line:  beside trace_run, which counts the chunks it is done with, of all its passes
 * Threads:      progress_start and progress_stop by one; in between a thread of its own draws.
 * Memory:       struct progress is the caller's.
 *
 * Nothing is drawn before the delay is over, or where no terminal is; progress_stop wipes it out,
 * so that it never stands between other lines.
 */
#ifndef PYREC_ANALYZE_PROGRESS_H
#define PYREC_ANALYZE_PROGRESS_H

#include "analyze/read/trace.h"

#define PROGRESS_DELAY_MS 500u

struct progress {
    const struct trace_count *count;
    int fd;
    unsigned delay_ms;
    bool running, stopping, drawn;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* Draw on `fd` from delay_ms on, if it is a terminal that can. */
void progress_start(struct progress *progress, const struct trace_count *count, int fd,
                    unsigned delay_ms);
void progress_stop(struct progress *progress);

#endif
