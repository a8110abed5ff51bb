/* SPDX-License-Identifier: MIT */
/*
 * crowd - who is in a process: its threads as the kernel has them and as Python has them.
 *
 * On the line:  outside, /proc -> [crowd] -> dump
 * Threads:      one.
 * Memory:       the caller's struct, zeroed; crowd_clear frees what it lists.
 * Loss:         while threads begin and end faster than they can be listed, some may be missing:
 *               is_whole is false then. A thread whose number cannot be found has tid 0.
 *
 * A list of Python's is believed when two readings in a row are the same; a name, when it is the
 * same in two readings and its Thread object says whose it is. In a PID namespace of its own a
 * process has other numbers for its threads than we: they are matched by what the kernel says
 * (NSpid).
 */
#ifndef PYREC_RECORD_CROWD_H
#define PYREC_RECORD_CROWD_H

#include "record/kernel/procfs.h"
#include "record/regard/python_find.h"

#define CROWD_NAME_MAX 256u

/* A thread of the kernel's. */
struct crowd_task {
    pid_t tid, inner; /* as we number it, as the process does */
    char comm[PROCFS_COMM_MAX];
    bool has_state;
};

/* A thread state of an interpreter: some thread's Python. */
struct crowd_state {
    uintptr_t at, interp;
    uint64_t interp_id, ident; /* ident: its pthread_t */
    pid_t inner, tid;          /* 0 = not known */
    uint32_t name_len;         /* 0 = it has no name that could be read */
    bool is_named;             /* the name was the same in two readings */
    char name[CROWD_NAME_MAX];
};

struct crowd {
    struct crowd_task *tasks;
    struct crowd_state *states;
    uint32_t n_tasks, task_capacity, n_states, state_capacity;
    bool is_nested; /* in a PID namespace of its own */
    bool is_whole;
};

/* False: no memory. */
bool crowd_read(struct crowd *crowd, pid_t pid, const struct python *python);
void crowd_clear(struct crowd *crowd);

/* Whether the state there is still this thread's. In a reading of the caller's. */
bool crowd_is_still_its(const struct python *python, const struct crowd_state *state);

#endif
