/* SPDX-License-Identifier: MIT */
/*
 * c_threads - find the threads of the program that never run Python: those of OpenBLAS, Qt, GTK,
 * of extensions.
 *
 * On the line:  /proc/self/task -> [c_threads] -> threads
 * Threads:      the sampler only.
 * Memory:       the caller's, 1 KiB.
 * Loss:         one that lives for less than C_THREADS_NS, or is found beside more than
 *               C_THREADS_NEW new ones, may be met later or never; so is every one where /proc has
 *               other numbers than we. Who takes its CPU then is the collector's to tell.
 *
 * A thread counts when it was there in two looks: one that is about to run Python is known as that
 * by then. The kernel's (io_uring) and our own are left out.
 */
#ifndef PYREC_AGENT_C_THREADS_H
#define PYREC_AGENT_C_THREADS_H

#include "threads.h"

#define C_THREADS_NS     100000000u  /* between two looks at how many there are, .. */
#define C_THREADS_ALL_NS 1000000000u /* .. and at who they are where that has not changed */
#define C_THREADS_NEW    256u

struct c_threads {
    uint64_t next_ns, next_all_ns;
    uint32_t n_tasks; /* at the last look */
    uint32_t n_new;   /* that no list of Python's has, of the last look */
    int32_t list[C_THREADS_NEW];
};

/* Look, when it is time to: who is new is in `threads` then. */
void c_threads_look(struct c_threads *c_threads, struct threads *threads,
                    const struct standing_tasks *tasks, uint64_t now_ns);

#endif
