/* SPDX-License-Identifier: MIT */
/*
 * threads - the Python threads of this process, as the interpreter lists them.
 *
 * On the line:  memory of CPython -> [threads] -> sampler
 * Threads:      the sampler only.
 * Memory:       grows with the number of threads, by system calls only.
 * Loss:         more than THREADS_MAX at once are not recorded, and counted.
 *
 * The list is the interpreter's own and changes under our eyes, without a lock of ours: every
 * link is loaded fault-safe and believed only when the next one points back. New threads are put
 * at its head and get a new id, so an unchanged head with an unchanged id means: none is new.
 * Threads that go are noticed by their CPU clock, which goes with them.
 *
 * A thread is an OS thread. It has one tstate as a rule; with sub-interpreters it has one in each
 * that it has entered, of which at most one runs.
 */
#ifndef PYREC_AGENT_THREADS_H
#define PYREC_AGENT_THREADS_H

#include "capture.h"
#include "record/agent/kernel/syscall_of.h"

#define THREADS_MAX         16384u
#define THREADS_FIRST       64u   /* room for so many at start; both powers of two */
#define THREADS_INDEX_FIRST 1024u /* power of two */
#define THREADS_INTERPS     64u

struct thread {
    struct bindings bound;
    uint64_t interp_id; /* of its first tstate */
    uint64_t ident;     /* pthread_t, as Python's threading has it */
    uint32_t id;        /* from 1, never used again; 0 = entry is free */
    int32_t tid;
    uint64_t start_ns;
    uint64_t cpu_ns;      /* CPU clock at its last sample */
    uint64_t cpu_zero_ns; /* CPU clock when recording began, if it ran before; else 0 */
    struct slot *slot;
    struct standing_files files;
    uint32_t state;        /* of its last sample */
    uint64_t context;      /* that was written last */
    uint8_t samples;       /* explicit ones so far, up to 2 */
    uint8_t vague_looks;   /* in a row that did not show in which call it is blocked */
    bool is_c;             /* it was never seen to run Python */
    bool announced;        /* WIRE_THREAD was written */
    bool is_partial;       /* its C frames met code that was not known when .. */
    uint32_t partial_at;   /* .. the list of code was read so often; it is looked at again, .. */
    uint8_t partial_looks; /* .. so often at most while it stands still */
    uint8_t name_looks;    /* at it, while it had no name */
    uint64_t name_hash;    /* of the name that was written; 0 = none */
    bool full;             /* the next stack is written whole */
    uint8_t idle_ticks;    /* in a row, up to COLD_TICKS */
    uint64_t asked_cpu_ns;
    uint64_t asked_ns;    /* in which tick */
    uint64_t late_cpu_ns; /* its clock, while it was seen to answer before anything else; .. */
    uint64_t late_mask;   /* .. the signals that it blocked then, .. */
    uint32_t n_late;      /* .. and its samples since that say nothing of C */
    uint32_t asked_state; /* that it was found in, standing still; 0 = it ran */
    uint64_t ran_ns;      /* since the tick before */
    int64_t owed_ns;      /* see affinity_was_shared */
    uint64_t end_cpu_ns;  /* its clock at its very end; 0 = it lives, or that is not known */
};

/* Marks of a thread, apart from it: looking at all of them touches little memory. */
enum thread_mark {
    THREAD_COLD = 1,  /* has not run for a while; see cold.h */
    THREAD_ASKED = 2, /* was asked in this tick */
    THREAD_LATE = 4,  /* was asked in an earlier tick and has not answered */
};

/* An interpreter's list as it was found last. */
struct interp_list {
    uintptr_t state, head;
    uint64_t head_id;
};

struct threads {
    const struct interp *interp;
    bool is_late; /* the first look, after a delay: threads have a past that does not count */
    uint64_t main_zero_ns; /* what the main thread used before an exec */
    uint64_t looked_ns;    /* CLOCK_MONOTONIC of the last look at the lists; 0 = none yet */
    struct thread *list;   /* entries [0, n), dense */
    uint8_t *marks;        /* enum thread_mark, of the entry with the same number */
    uint64_t *clocks;      /* its CPU clock as it was read last */
    uint32_t n, room;      /* of list */
    uint16_t *index;       /* hash of tstate -> entry + 1; rebuilt when stale */
    uint32_t index_len, n_indexed;
    bool index_stale;
    uint32_t next_id;
    uint32_t unbound; /* tstates without a thread of their own yet: look again */
    uint32_t refused; /* beyond THREADS_MAX, or there was no memory */
    struct interp_list lists[THREADS_INTERPS];
    uint32_t n_lists;
    uint64_t fork_ident; /* pthread_t of the thread that forked us; its tid is fork_tid */
    int32_t fork_tid;
    int32_t own_tid; /* the agent's thread, to be left out */
};

bool threads_init(struct threads *threads, const struct interp *interp);

/* Give it back. */
void threads_free(struct threads *threads);

/* Forget all; after a fork. */
void threads_reset(struct threads *threads);

/*
 * Look for new threads, within a reading of CAREFUL_LISTS, which may be another one afterwards.
 * Cheap when there are none. Entries are only ever added here.
 * On <= 3.10 the OS thread id is learnt from the thread's own struct, see threads.c.
 */
void threads_refresh(struct threads *threads);

/*
 * The tstate that a thread standing still runs, or ran last: of those that are still linked, the
 * newest one that has frames, else the newest. NULL when the thread has left Python for good.
 * Exact while the thread stands still.
 */
const struct binding *threads_binding(const struct threads *threads, const struct thread *thread);

/* Is this number in the list? */
bool threads_has_tid(const struct threads *threads, int32_t tid);

/* A thread that does not run Python, with its pthread_t, 0 = not known. What it has used until now
 * does not count. When Python is seen to run on it, it is one of Python's. */
void threads_add_c(struct threads *threads, int32_t tid, uint64_t ident);

/* A thread has ended with this on its clock. */
void threads_note_end(struct threads *threads, int32_t tid, uint64_t cpu_ns);

/* Take entry i out; the last one moves to its place. */
void threads_remove(struct threads *threads, uint32_t i);

/* The thread that `tstate` belongs to, or NULL. */
struct thread *threads_find(struct threads *threads, uintptr_t tstate);

#endif
