/* SPDX-License-Identifier: MIT */
/*
 * thread_group - numbered threads of a pool as one.
 *
 * On the line:  names of threads -> [thread_group] -> tables with --group
 * Memory:       names are in the arena that is handed in; the order is the caller's to free.
 *
 * A number that ends a word, or stands between '-' and '_', becomes "*", and stars in a row one:
 * Thread-1 and Thread-12 are Thread-*, "Thread-3 (run)" is "Thread-* (run)", ThreadPoolExecutor-0_3
 * is ThreadPoolExecutor-*. Only threads of one process are put together.
 */
#ifndef PYREC_ANALYZE_THREAD_GROUP_H
#define PYREC_ANALYZE_THREAD_GROUP_H

#include "analyze/base/arena.h"
#include "profile.h"

const char *thread_group_name(struct arena *arena, const char *name);

/* Threads in an order in which those of a group follow each other. */
struct grouped_thread {
    struct profile_thread *thread;
    const char *group;
};
struct grouped_thread *thread_group_sort(struct arena *arena, struct profile_thread *const *threads,
                                         size_t n);

/* How many from the first on are in one group; n >= 1. */
size_t thread_group_size(const struct grouped_thread *threads, size_t n);

/* Who stands for a group: the thread itself, or one that has only process and name. */
const struct thread *thread_group_thread(struct arena *arena, const struct grouped_thread *threads,
                                         size_t n);

#endif
