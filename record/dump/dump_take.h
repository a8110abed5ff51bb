/* SPDX-License-Identifier: MIT */
/*
 * dump_take - what every thread of a running Python is doing now, without stopping it.
 *
 * On the line:  crowd, still, reading -> [dump_take] -> dump_text, dump_json
 * Threads:      one.
 * Memory:       the caller's struct, zeroed; dump_clear frees all that hangs on it.
 * Loss:         what could not be had of a thread is in its `not_known`, in words; a stack that
 *               could not be proved has is_proved false.
 *
 * Each thread is looked at by itself, at its own moment (at_ns): the program goes on meanwhile, so
 * two threads may both be seen holding the GIL, one after the other. Within a thread, stack, state
 * and whether it held the GIL are of one moment.
 */
#ifndef PYREC_RECORD_DUMP_TAKE_H
#define PYREC_RECORD_DUMP_TAKE_H

#include "crowd.h"
#include "reading.h"
#include "record/tables/bump.h"
#include "rlock.h"
#include "still.h"
#include <stdio.h>

enum dump_state {
    DUMP_UNKNOWN,
    DUMP_RUNNABLE, /* on a CPU or ready for one: from outside the kernel does not tell these apart
                    */
    DUMP_GIL,      /* blocked in futex() on the GIL */
    DUMP_WORLD,    /* there without a GIL, until a stop-the-world pause is over */
    DUMP_OBJECT,   /* the same, for the lock of an object */
    DUMP_BLOCKED,  /* in a system call */
    DUMP_KERNEL,   /* in the kernel, but in no system call: a page fault, say */
    DUMP_STOPPED,  /* by a signal or a debugger */
    DUMP_ENDED,
};

struct dump_frame {
    const char *function, *file;
    int32_t line; /* -1 = none */
};

/* A thread; of one that is in several interpreters, one for each of them. */
struct dump_thread {
    pid_t tid, inner; /* as we number it, as the process does; 0 = not known */
    const char *name; /* in Python; NULL = it has none */
    const char *comm; /* what the kernel calls it */
    bool is_python;
    bool is_worker; /* the kernel's, for io_uring and the like: it runs nothing of the program */
    uint64_t interp_id;
    enum dump_state state;
    int32_t call;       /* of DUMP_BLOCKED */
    const char *what;   /* what it is blocked on: "fd 3, pipe:[123]"; NULL = not told */
    uint64_t lock;      /* of futex(): its address; 0 = none */
    pid_t held_by;      /* who has the mutex or RLock that it waits for; 0 = not known */
    uint32_t n_waiting; /* how many threads wait there, this one included */
    uint64_t cpu_ns;
    bool holds_gil, is_collecting;
    bool stops_world; /* it asked all others to stand still */
    bool is_proved;
    const char
        *unproved; /* why not, of a stack that was read twice, the same each time; else NULL */
    const char *not_known; /* why there is no stack; NULL = it is known, and may be empty */
    uint64_t at_ns;        /* since the dump began */
    struct dump_frame *frames;
    uint32_t n_frames, n_left, depth; /* n_left: not in frames, behind frames[left_behind - 1] */
    uint32_t left_behind;
    bool is_cut; /* deeper than `depth` */
};

struct dump {
    struct python python;
    struct bump memory; /* all that pointers in here lead to */
    pid_t pid;
    const char *command;
    uint64_t wall_ns, took_ns;   /* CLOCK_REALTIME when it began */
    struct dump_thread *threads; /* of Python first */
    uint32_t n_threads, n_python, n_proved, n_unproved, n_not_known;
    bool is_whole; /* no thread of Python's was missed */
    bool has_gil;
};

/*
 * Look. `max_depth`: frames per stack, 0 = all. STATUS_NOT_FOUND: no such process, or it went away;
 * STATUS_IO: no rights; STATUS_UNSUPPORTED: no Python that can be read; a whole sentence in
 * why->detail.
 */
enum status dump_take(struct dump *dump, pid_t pid, uint32_t max_depth, struct problem *why);
void dump_clear(struct dump *dump);

/*
 * Of a blocked thread, what it waits for: the file of a descriptor, a process, the owner of a
 * mutex. In the reading in which the thread was seen; `tasks` are the process's threads.
 */
void dump_waits_look(struct dump *dump, struct dump_thread *thread, const struct still_thread *seen,
                     const struct crowd_task *tasks, uint32_t n_tasks);

/* Of one that is proved to have waited for an RLock: whose it was. */
void dump_waits_rlock(struct dump *dump, struct dump_thread *thread, const struct rlock *rlock,
                      const struct crowd *crowd);

/* "blocked", as in the documents; and the words for a reader: "blocked in read (fd 0, /dev/tty)".
 */
const char *dump_state_name(enum dump_state state);
void dump_state_text(const struct dump_thread *thread, char *to, size_t size);

/* Write them. */
void dump_write_text(FILE *to, const struct dump *dump);
enum status dump_write_json(FILE *to, const struct dump *dump, struct problem *why);

#endif
