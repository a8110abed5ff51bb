/* SPDX-License-Identifier: MIT */
/*
 * thread_names - what Python's threading module calls its threads.
 *
 * On the line:  memory of CPython -> [thread_names] -> WIRE_THREAD_NAME records
 * Threads:      the sampler only. Nothing of Python's is called and no lock is taken, the GIL's
 *               neither.
 * Memory:       none but the caller's struct.
 * Loss:         a thread that ends before it was seen in threading._active keeps the kernel's name.
 *               So do those that are not in there, and instances of classes that keep their
 *               attributes elsewhere than in a dict.
 *
 * They are read from threading._active (active.h). A name is believed if the object's _ident is the
 * thread's, and object and name are still in their places when it has been copied.
 */
#ifndef PYREC_AGENT_THREAD_NAMES_H
#define PYREC_AGENT_THREAD_NAMES_H

#include "record/agent/cpython/active.h"
#include "wire_writer.h"

#define NAME_LEN    112u
#define NAMES_EARLY 64u

/* The name of a thread that has not been announced, having no sample yet. */
struct early_name {
    uint32_t thread; /* id, 0 = unused */
    uint32_t len;
    char text[NAME_LEN];
};

/* Of a look at all of them, which goes from the newest of each interpreter to the oldest. */
struct names_place {
    uint32_t interp; /* number in the runtime's list */
    uint32_t below;  /* in its dict, backwards from there */
};

struct thread_names {
    const struct interp *interp;
    uint64_t next_ns, wait_ns;            /* of looks at all of them: they may get other names */
    struct names_place at;                /* where one of them goes on */
    uint64_t took_ns;                     /* CPU that it has taken so far */
    uint32_t known_threads;               /* id of the newest thread when we looked last */
    bool is_pending;                      /* a new thread has no name yet */
    struct early_name early[NAMES_EARLY]; /* the newest ones; a ring */
    uint32_t n_early;                     /* ever */
    struct active_hints hints;
};

void thread_names_init(struct thread_names *names, const struct interp *interp);

/* Forget all; after a fork. */
void thread_names_reset(struct thread_names *names);

/*
 * Look for names when it is time: at each tick while a new thread has none, and at all of them ever
 * more rarely; where loads are careful, in slices and for 1 % of a CPU at most. Writes those that
 * are new; of threads that are not announced yet when they are.
 */
void thread_names_look(struct thread_names *names, struct threads *threads,
                       struct wire_writer *writer, uint64_t now_ns);

/* A thread ends, perhaps just announced: the last moment to say its name. */
void thread_names_end(struct thread_names *names, struct thread *thread,
                      struct wire_writer *writer);

#endif
