/* SPDX-License-Identifier: MIT */
/*
 * remainder - what the processes used and a table of samples does not show, in words.
 *
 * On the line:  profile + census -> [remainder] -> notes of a view
 * Threads:      one at a time.
 * Memory:       notes are in the view's arena.
 *
 * A table of Python's samples adds up to 100 % of its own, which may be a small part of what the
 * process used. Then a line below it says how much is missing, what that was as far as it is known,
 * and which command shows it.
 *
 * Loss:         what is less than REMAINDER_WORD of the whole is not worth a line. In a range of
 *               time nothing is known of threads that run no Python; the line is of the whole
 *               recording then, and says so.
 */
#ifndef PYREC_ANALYZE_REMAINDER_H
#define PYREC_ANALYZE_REMAINDER_H

#include "analyze/read/scene.h"
#include "analyze/view/view.h"
#include "request.h"

/* Less than this share gets no line; of what was used before the first tick and after the last ..
 */
#define REMAINDER_WORD 0.02
#define REMAINDER_REST 0.1

/* A process's CPU time while it was recorded, the recorder's own thread left out. */
struct process_cpu {
    uint64_t whole_ns;        /* as the OS counts it; at least the sum of the others */
    uint64_t clocks_ns;       /* of threads with samples: what their clocks moved */
    uint64_t unattributed_ns; /* of that, what no sample accounts for */
    uint64_t native_ns;       /* of threads that run no Python */
    uint64_t unseen_ns;       /* of threads that ended before they were looked at */
};

/* The profile is one of all threads and times; else the clocks are only of what it has. */
struct process_cpu process_cpu(const struct profile *profile, const struct process *process);

/*
 * Does the request ask for whole processes: no threads, states, times or stacks chosen? Only then
 * can what the OS says of a process be compared with anything.
 */
bool remainder_whole(const struct request *request);

/*
 * Add notes about what the rows of request->profile leave out: CPU of other threads, processes that
 * could not be recorded, stacks that
 * were cut, stacks that could not be read, and what <no Python frames> is. The first only where the
 * view has tables.
 */
void remainder_add_notes(const struct request *request, struct view *view);
void remainder_add_all(const struct request *request, struct view *view);

/* Python processes that could not be recorded, unless some were chosen. */
void remainder_add_absent(const struct request *request, const struct census *census,
                          struct view *view);

/*
 * Of what has no profile: CPU of threads without samples. `side` is what a side of a comparison is
 * called, else NULL.
 */
void remainder_add_other_cpu(const struct request *request, const struct census *census,
                             const char *side, struct view *view);

/* For commands that ask who did what at the same time: the same, as far as it concerns them. */
void remainder_add_of_scene(const struct request *request, const struct scene_stacks *stacks,
                            struct view *view);

/* The first of them alone: CPU that is in no row. */
void remainder_add_cpu(const struct request *request, struct view *view);

#endif
