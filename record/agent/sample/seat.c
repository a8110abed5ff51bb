/* SPDX-License-Identifier: MIT */
#include "seat.h"
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

void seat_init(struct seat *seat, bool hold)
{
    *seat = (struct seat){
        .rseq = rseq_find(),
        .here = SEAT_NOWHERE,
        .there = SEAT_NOWHERE,
        .went_to = SEAT_NOWHERE,
        .rest_ns = REST_MIN_NS,
        .hold = hold,
    };
}

void seat_change_thread(struct seat *seat)
{
    seat->is_held = false;
    seat->went_to = SEAT_NOWHERE;
}

/* What became of the last move: if we are elsewhere, a CPU was free. */
static void move_judge(struct seat *seat)
{
    const bool in_vain = seat->here != seat->went_to;
    seat->went_to = SEAT_NOWHERE;
    if (!in_vain)
        seat->rest_ns = REST_MIN_NS;
    else if (seat->rest_ns < REST_MAX_NS)
        seat->rest_ns *= 2;
}

void seat_begin(struct seat *seat, int32_t here)
{
    seat->here = here;
    if (seat->went_to != SEAT_NOWHERE)
        move_judge(seat);
}

int32_t seat_of_thread(const struct seat *seat, uint64_t ident)
{
    uint32_t bad = 0;
    if (seat->rseq == 0 || ident == 0)
        return SEAT_NOWHERE;
    const uint32_t cpu = peek_u32((uintptr_t)ident + seat->rseq, &bad);
    return bad || cpu >= CPU_SETSIZE ? SEAT_NOWHERE : (int32_t)cpu;
}

void seat_apart(struct seat *seat, int32_t tid, int32_t cpu)
{
    seat->n_apart++;
    seat->tid = tid;
    seat->there = cpu;
}

void seat_together(struct seat *seat)
{
    seat->n_together++;
}

int32_t seat_look(struct seat *seat, uint64_t now_ns)
{
    if (seat->n_apart + seat->n_together < WINDOW)
        return SEAT_NOWHERE;
    const bool apart = seat->n_apart > 3 * seat->n_together;
    seat->n_apart = seat->n_together = 0;
    if (!apart || now_ns - seat->moved_ns < seat->rest_ns || seat->there == SEAT_NOWHERE ||
        seat->there == seat->here)
        return SEAT_NOWHERE;
    seat->went_to = seat->there;
    seat->moved_ns = now_ns;
    return seat->there;
}

static bool gives_way(int32_t tid)
{
    const int policy = sched_getscheduler(tid);
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

bool seat_move(struct seat *seat, int32_t tid, int32_t cpu)
{
    cpu_set_t one;
    const int saved = errno;
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return false;
    if (seat->is_held && cpu == seat->here)
        return true;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    const bool moved = gives_way(tid) &&
                       (seat->is_held || sched_getaffinity(0, sizeof(one), &seat->allowed) == 0) &&
                       CPU_ISSET(cpu, &seat->allowed) &&
                       sched_setaffinity(0, sizeof(one), &one) == 0;
    if (moved) {
        seat->here = cpu;
        seat->is_held = seat->hold || sched_setaffinity(0, sizeof(one), &seat->allowed) != 0;
    }
    errno = saved;
    return moved;
}
