/* SPDX-License-Identifier: MIT */
/*
 * select - what of a trace is wanted.
 *
 * On the line:  trace -> [select] + profile_build -> profile
 * Threads:      filled by one thread; read by all workers (each call has its own match data).
 * Memory:       struct select is the caller's, zeroed before the first use (everything is wanted);
 *               select_clear takes what it grew. Texts are borrowed from the command line.
 *
 * Processes and threads are chosen by what they are, places by regular expressions. For a table of
 * places the expressions choose rows, so that the numbers stay what they were; for stacks they
 * choose whole stacks: one that contains a match, none that contains an excluded place.
 *
 * A range of time is chosen in the trace itself (trace_set_window), since whole generations need
 * not be read then. States choose samples, whatever is shown.
 */
#ifndef PYREC_ANALYZE_SELECT_H
#define PYREC_ANALYZE_SELECT_H

#include "cell.h"
#include "census.h"
#include "dict.h"
#include "format/status.h"

#include <stdatomic.h>

struct select_regex; /* a compiled expression, and the next one */

/* A system call that was asked for, and whether any sample was in it. */
struct select_call {
    char *name;
    atomic_bool *seen; /* relaxed: read when all workers are done */
};

/* A phase or label that was asked for: --phase NAME[=DETAIL], --label KEY[=VALUE]. */
struct select_context {
    const char *text; /* as it was given: a name may have a = in it */
    char *name;
    const char *value; /* NULL = any */
    bool label;
    atomic_bool *seen;
};

struct select {
    const char **threads;
    size_t n_threads, threads_size;
    uint32_t *pids;
    size_t n_pids, pids_size;
    struct select_regex *match, *exclude;
    uint8_t classes; /* of states, a mask of 1 << enum state_class */
    uint16_t bits;   /* of states, a mask */
    const char
        *renamed; /* what a state is called now that was given by its old name; NULL = none */
    struct select_call *calls;
    size_t n_calls, calls_size;
    struct select_context *contexts;
    size_t n_contexts, contexts_size;
    const char **tasks;
    size_t n_tasks, tasks_size;
};

void select_clear(struct select *select);

/* A thread's name, a pattern for names (* ? [..]), or its number in the OS. */
void select_add_thread(struct select *select, const char *text);
void select_add_pid(struct select *select, uint32_t pid);

/* STATUS_USAGE says what is wrong with the expression, and where. */
MUST_CHECK enum status select_add_match(struct select *select, const char *regex,
                                        struct problem *why);
MUST_CHECK enum status select_add_exclude(struct select *select, const char *regex,
                                          struct problem *why);

/* A list of names of states, or of system calls, with commas between them. */
MUST_CHECK enum status select_add_states(struct select *select, const char *list,
                                         struct problem *why);

/* A task's name, or a pattern for names. */
void select_add_task(struct select *select, const char *text);

/* Are samples chosen by state or task? Then CPU that no sample took belongs to none. */
static inline bool select_by_state(const struct select *select)
{
    return select->classes != 0 || select->bits != 0 || select->n_calls > 0 ||
           select->n_contexts > 0 || select->n_tasks > 0;
}

/* A sample in that state, blocked in that call (NULL = none). */
bool select_has_state(const struct select *select, uint16_t state, const char *call);

/*
 * Samples in a phase: NAME or NAME=DETAIL, patterns as well; in one of several phases. Samples with
 * a label: KEY or KEY=VALUE; of several keys all, of several values of one key one of them. Borrows
 * the text.
 */
void select_add_context(struct select *select, const char *text, bool label);

/* A sample in that context (its place in the dictionary) at that time. */
bool select_has_context(const struct select *select, const struct dict *dict, uint32_t context,
                        uint64_t time_q);

/* Is this phase or label one of those that were asked for? */
bool select_names_context(const struct select *select, bool label, const char *name,
                          const char *value);
/* A sample in which that task ran (NULL = none). */
bool select_has_task(const struct select *select, const char *task);

/* When all is read: STATUS_USAGE when a call that was asked for is in no sample. */
MUST_CHECK enum status select_check_calls(const struct select *select, struct problem *why);

bool select_has_pid(const struct select *select, uint32_t pid);
bool select_has_thread(const struct select *select, const char *name, uint32_t os_tid);

/* Are places chosen at all? */
bool select_has_regex(const struct select *select);
bool select_matches(const struct select *select, const struct frame *frame);
bool select_excludes(const struct select *select, const struct frame *frame);

/* A row of a table of places. */
bool select_has_place(const struct select *select, const struct frame *frame);

#endif
