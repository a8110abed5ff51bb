/* SPDX-License-Identifier: MIT */
#include "affinity.h"
#include "record/agent/base/peek.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#define WINDOW      16u /* threads found, before anything is decided */
#define REST_MIN_NS 100000000u
#define REST_MAX_NS 25600000000u

/* The kernel's struct rseq begins with cpu_id_start, cpu_id. */
#define RSEQ_CPU_ID 4u

/* glibc's, from 2.35 on */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* __rseq_offset is from the thread pointer, which is as far from pthread_self() in all threads. */
static uintptr_t rseq_find(void)
{
    if (&__rseq_offset == NULL || &__rseq_size == NULL || __rseq_size == 0)
        return 0;
    const uintptr_t pointer = (uintptr_t)__builtin_thread_pointer();
    return pointer - (uintptr_t)pthread_self() + (uintptr_t)__rseq_offset + RSEQ_CPU_ID;
}

void affinity_init(struct affinity *affinity, bool hold)
{
    *affinity = (struct affinity){
        .rseq = rseq_find(),
        .here = AFFINITY_NOWHERE,
        .there = AFFINITY_NOWHERE,
        .went_to = AFFINITY_NOWHERE,
        .rest_ns = REST_MIN_NS,
        .hold = hold,
    };
}

void affinity_change_thread(struct affinity *affinity)
{
    affinity->is_held = false;
    affinity->went_to = AFFINITY_NOWHERE;
}

/* What became of the last move: if we are elsewhere, a CPU was free. */
static void move_judge(struct affinity *affinity)
{
    const bool in_vain = affinity->here != affinity->went_to;
    affinity->went_to = AFFINITY_NOWHERE;
    if (!in_vain)
        affinity->rest_ns = REST_MIN_NS;
    else if (affinity->rest_ns < REST_MAX_NS)
        affinity->rest_ns *= 2;
}

void affinity_begin(struct affinity *affinity, int32_t here)
{
    affinity->here = here;
    if (affinity->went_to != AFFINITY_NOWHERE)
        move_judge(affinity);
}

int32_t affinity_of_thread(const struct affinity *affinity, uint64_t ident)
{
    uint32_t bad = 0;
    if (affinity->rseq == 0 || ident == 0)
        return AFFINITY_NOWHERE;
    const uint32_t cpu = peek_u32((uintptr_t)ident + affinity->rseq, &bad);
    return bad || cpu >= CPU_SETSIZE ? AFFINITY_NOWHERE : (int32_t)cpu;
}

void affinity_apart(struct affinity *affinity, int32_t tid, int32_t cpu)
{
    affinity->n_apart++;
    affinity->tid = tid;
    affinity->there = cpu;
}

void affinity_together(struct affinity *affinity)
{
    affinity->n_together++;
}

int32_t affinity_look(struct affinity *affinity, uint64_t now_ns)
{
    if (affinity->n_apart + affinity->n_together < WINDOW)
        return AFFINITY_NOWHERE;
    const bool apart = affinity->n_apart > 3 * affinity->n_together;
    affinity->n_apart = affinity->n_together = 0;
    if (!apart || now_ns - affinity->moved_ns < affinity->rest_ns ||
        affinity->there == AFFINITY_NOWHERE || affinity->there == affinity->here)
        return AFFINITY_NOWHERE;
    affinity->went_to = affinity->there;
    affinity->moved_ns = now_ns;
    return affinity->there;
}

static bool gives_way(int32_t tid)
{
    const int policy = sched_getscheduler(tid);
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

bool affinity_move(struct affinity *affinity, int32_t tid, int32_t cpu)
{
    cpu_set_t one;
    const int saved = errno;
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return false;
    if (affinity->is_held && cpu == affinity->here)
        return true;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    const bool moved =
        gives_way(tid) &&
        (affinity->is_held || sched_getaffinity(0, sizeof(one), &affinity->allowed) == 0) &&
        CPU_ISSET(cpu, &affinity->allowed) && sched_setaffinity(0, sizeof(one), &one) == 0;
    if (moved) {
        affinity->here = cpu;
        affinity->is_held =
            affinity->hold || sched_setaffinity(0, sizeof(one), &affinity->allowed) != 0;
    }
    errno = saved;
    return moved;
}

bool affinity_was_shared(struct affinity *affinity, uint64_t ident, uint64_t ran_ns,
                         uint64_t since_ns, int64_t *owed_ns)
{
    const int32_t cpu = affinity_of_thread(affinity, ident);
    if (ran_ns == 0 || (cpu != AFFINITY_NOWHERE && cpu != affinity->here))
        return false;
    *owed_ns += (int64_t)ran_ns;
    if (*owed_ns * 2 < (int64_t)since_ns)
        return false;
    *owed_ns -= (int64_t)since_ns;
    affinity_together(affinity);
    return true;
}
