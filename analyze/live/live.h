/* SPDX-License-Identifier: MIT */
/*
 * live - a trace that is being written, looked at again and again: the last seconds, and all since
 * it was looked at first.
 *
 * On the line:  growing trace -> running -> [live] -> recent, total, stalls -> live_model
 * Threads:      one.
 * Memory:       struct live is the caller's, and stays where it is from live_open to live_close.
 *               For the last seconds see recent.h, for all of it running.h, of which there is a
 *               copy to be looked at.
 * Loss:         damage is counted. Of a recording of more than LIVE_WHOLE_CHUNKS chunks only the
 *               newest generations (five minutes) are read, and total_from_ns says since when.
 *
 * Always true:  no chunk is counted twice: not when the file is replaced by a shorter one of the
 *               same recording (--keep), nor when it goes on in another (--rotate).
 */
#ifndef PYREC_ANALYZE_LIVE_H
#define PYREC_ANALYZE_LIVE_H

#include "analyze/stalls/stall.h"
#include "analyze/weigh/running.h"
#include "recent.h"

#define LIVE_WHOLE_CHUNKS 2000u
#define LIVE_STALLS_MAX   64u
#define LIVE_STALL_NS     UINT64_C(200000000)

/* What a look found. */
enum live_look {
    LIVE_SAME,
    LIVE_MORE,
    LIVE_REPLACED, /* by another file: what was known is gone, and read is what is there now */
    LIVE_GONE,     /* what stands there cannot be read (any more); the problem says why */
};

/* A stall that was seen; texts are in the live's arena. */
struct live_stall {
    const struct thread *thread;
    uint64_t begin_ns, end_ns;
    bool open;              /* when it was looked at last, it went on */
    enum state_class cause; /* what it did most */
    uint64_t cause_ns;
    const struct thread *holder; /* of the GIL, when it waited for that most */
    const char *call;            /* it was blocked in; "" = none */
    struct frame frame;          /* where it was most in that state */
};

struct live {
    const char *path;
    struct trace *trace;
    struct running running;
    struct profile_watch watch;
    struct scene scene; /* names are the total's */
    struct recent recent;
    struct profile total; /* all that was read by now, flat, .. */
    struct profile base;  /* .. less this, for live_reset_total; it has neither names nor tree:
                             both number places alike */
    uint64_t total_from_ns;
    struct live_stall stalls[LIVE_STALLS_MAX]; /* newest first */
    size_t n_stalls;
    bool are_stalls_told; /* of all threads that were looked at: that there are none is known */
    struct arena stall_texts;
    uint64_t stalls_at_ns, stalls_next_ns; /* by the trace's clock; by the monotonic one */
    size_t n_damages;
};

MUST_CHECK enum status live_open(struct live *live, const char *path, struct problem *why);
void live_close(struct live *live);

/* Read what is new. */
enum live_look live_look(struct live *live, struct problem *why);

/* Begin the total anew. */
void live_reset_total(struct live *live);

/*
 * The second behind the last one of which all is there, of all processes that still write: where
 * the window of "now" ends.
 */
uint64_t live_now(const struct live *live);

/*
 * Read seconds of the past from the file: into `past`, zeroed or filled before. Names and threads
 * are those of the live.
 */
void live_read_past(struct live *live, struct recent *past, uint64_t from, uint64_t to);

/* Look for stalls in the last minute, if that is due: it costs at most half a percent of a CPU. */
void live_find_stalls(struct live *live);

#endif
