/* SPDX-License-Identifier: MIT */
/*
 * request - one call of pyanalyze: what was asked, and what is at hand to answer it.
 *
 * On the line:  args -> [request] -> a command's build(), which takes trace and profile from it
 * Memory:       struct request is the caller's; request_open fills it, request_close takes it
 *               back. Views borrow from it, so it outlives them.
 * Loss:         damage is collected here, and printed by main.c.
 */
#ifndef PYREC_ANALYZE_REQUEST_H
#define PYREC_ANALYZE_REQUEST_H

#include "analyze/cli/args.h"
#include "analyze/model/metric.h"
#include "analyze/model/select.h"
#include "analyze/read/damage_log.h"
#include "analyze/read/trace.h"
#include "analyze/view/screen.h"
#include "analyze/weigh/running.h"

struct request {
    const struct args *args;
    bool machine;                /* the answer is for a program */
    struct screen screen;        /* the terminal it will be shown on, if it is for a human */
    const struct metric *metric; /* of --by, else CPU */
    struct select select;
    struct damage_log damage;
    struct trace *trace;
    struct trace *second; /* of a command whose traces are two sides; else NULL */
    struct profile profile;
    bool has_profile; /* it was read */

    bool follows;      /* of --follow: it is asked again when there is more */
    bool window_moves; /* --from or --to are meant from the end, which moves */
    size_t n_damages;  /* that were found when it was opened */
    bool is_running;   /* what was read is kept, and what is new is added to it */
    struct running running;
};

/*
 * Take the selection from the arguments and open the files, each once; --from and --to become the
 * trace's window, or that of each side (given twice: the first's and the second's). So whoever
 * reads samples keeps to the range of time by itself; --state is kept by profile_build, and must be
 * asked for (select_has_state) by those who read spans. Both sides count in trace->count how far
 * they are.
 */
MUST_CHECK enum status request_open(struct request *request, const struct args *args, bool machine,
                                    struct problem *why);
void request_close(struct request *request);

/*
 * Of one that follows, when it was answered: go on to what was written since. *anew says that it
 * has to be closed and opened anew, because what stands there is another file, or is not as it was.
 */
MUST_CHECK enum status request_go_on(struct request *request, bool *anew, struct problem *why);

/* How many threads shall read the trace. */
size_t request_workers(const struct request *request);

/*
 * Learn all about the wall clock, also from what was not selected: to be called before a command
 * tells a time of day (recording_unix_ns), after the trace was read.
 */
void request_learn_clock(struct request *request);

/* Read the trace into request->profile, if that has not been done. */
void request_profile(struct request *request);

/* When everything was read: was there what was asked for? STATUS_USAGE says what was not. */
MUST_CHECK enum status request_check(const struct request *request, struct problem *why);

/*
 * For commands that show how much there is of a metric, not what there is: STATUS_USAGE when no
 * sample in the chosen states can have any of that of --by.
 */
MUST_CHECK enum status request_check_by(const struct request *request, struct problem *why);

/*
 * After everything was read. Were processes or threads asked for by names that nobody has? Then the
 * answer is about nobody, whatever the command.
 */
bool request_asks_nobody(const struct request *request);

/* The line that says what of what was asked for is not there, and where to look for what is. */
void request_say_nothing(const struct request *request, struct buffer *line);

/* The options that chose what is answered about, as they were given; "" = there were none. */
void request_selection(const struct args *args, struct buffer *out);

/* Is a process among those that are asked for? */
bool request_has_process(const struct request *request, const struct process *process);

#endif
