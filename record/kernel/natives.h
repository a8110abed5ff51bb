/* SPDX-License-Identifier: MIT */
/*
 * natives - the OS threads of one process that run no Python: their names and CPU time.
 *
 * On the line:  /proc -> [natives] -> encode
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed; natives_clear takes it back. One row per thread that was
 *               ever seen, at most NATIVES_MAX; the total counts all of them.
 * Harm:         a process is listed only when it is half a second old and has more threads than we
 *               know of; see has_natives().
 * Loss:         what a thread uses after it was looked at for the last time is not seen; a thread
 *               that lives between two looks is not seen at all. The process's own CPU clock shows
 *               how much that is.
 *
 * In a PID namespace of its own, a process has numbers for its threads that are not ours. Threads
 * are kept by the process's own numbers here, so that they compare with what the agent says.
 *
 * Always true:  a moment of CPU time counts for a Python thread or a native one, never for both.
 */
#ifndef PYREC_RECORD_NATIVES_H
#define PYREC_RECORD_NATIVES_H

#include "procfs.h"
#include "record/decode/roster.h"

#define NATIVES_MAX    4096
#define NATIVES_LOOKS  2
#define NATIVES_UNSEEN "(ended unseen)"
#define NATIVES_HIDDEN "(not to be seen)" /* /proc did not show its threads, ended or not */
#define NATIVES_OURS   "pyrec-" /* names of the agent's threads begin so: not of the program */

struct native {
    pid_t tid;   /* as the process itself numbers its threads */
    pid_t outer; /* as we do: another one where it is in a PID namespace of its own */
    bool is_alive;
    bool is_seen;    /* in this look */
    bool is_changed; /* since it was written last */
    bool is_written; /* at all */
    uint8_t looks;   /* that found it, up to NATIVES_LOOKS: a thread of Python's may only be new */
    char name[PROCFS_COMM_MAX];
    uint64_t zero_ns; /* its clock when it began to count as native */
    uint64_t clock_ns;
    uint64_t cpu_ns; /* counted: clock - zero, never less than before */
};

struct natives {
    bool is_nested; /* the process is in a PID namespace of its own */
    bool has_seen;  /* a look has shown its threads */
    bool is_blind;  /* a look has shown nothing */
    bool is_late;   /* before the first look: threads have a past that does not count */
    struct native *rows;
    uint32_t n, capacity;
    uint64_t total_ns;     /* of all that were ever seen, also of those without a row */
    uint64_t next_look_ns; /* CLOCK_MONOTONIC */
    uint64_t look_cost_ns; /* what the last look took */
};

void natives_clear(struct natives *natives);

/* List the threads of `pid`, but for those in the roster, when it is time to (or `now` at once). */
enum natives_when { NATIVES_IF_DUE, NATIVES_NOW };
void natives_look(struct natives *natives, pid_t pid, const struct roster *roster, uint64_t age_ns,
                  uint64_t now_ns, enum natives_when when);

/* Whether a row is to be written with the next chunk; all of them have been. */
bool natives_is_due(const struct native *native);
void natives_have_written(struct natives *natives);

/*
 * The last look was in vain: until its clock was read last, the process had used `cpu_ns` more than
 * all threads that were ever seen. They ended between two looks, or lived too short to be met. They
 * are one row, without a number; little is none.
 */
void natives_add_unseen(struct natives *natives, uint64_t cpu_ns, uint64_t process_cpu_ns);

/* A thread turned out to run Python; its clock up to `zero_ns` stays native. */
void natives_adopt(struct natives *natives, pid_t tid, uint64_t zero_ns);

/*
 * The same of a thread that never ran Python and is told of all the same: when it was found it had
 * used `zero_ns`, and no look of ours may have met it.
 */
void natives_adopt_found(struct natives *natives, pid_t pid, pid_t tid, uint64_t zero_ns);

/* A thread runs Python no more, with this much on its clock: from here on it is native. */
void natives_release(struct natives *natives, pid_t tid, uint64_t clock_ns);

#endif
