/* SPDX-License-Identifier: MIT */
#include "rest.h"
#include "record/agent/base/clock.h"
#include "record/agent/interpose/gil_wakeup.h"
#include "wake.h"
#include <time.h>

#define TICKS_MIN     8u
#define REST_MIN_NS   20000000u
#define REST_MAX_NS   100000000u
#define RAN_NS        5000 /* what the clocks may be apart when they are read */
#define NOTE_READINGS 2
#define RAN_READINGS  4
#define AGAIN_MIN_NS  1000000000u /* after a rest in vain */
#define AGAIN_MAX_NS  32000000000u

uint64_t rest_ticks(const struct rest_tick *tick)
{
    const uint64_t step_ns = tick->interval_ns * tick->stride;
    uint64_t n = TICKS_MIN;
    if (n * step_ns < REST_MIN_NS)
        n = REST_MIN_NS / step_ns;
    if (n * step_ns > REST_MAX_NS)
        n = REST_MAX_NS / step_ns;
    return n > 2 ? n : 0;
}

/* The one GIL there is; 0 = none, several, or one of which it is not known how it is taken. */
static uintptr_t gil_only(const struct rest_tick *tick)
{
    return tick->interp->free_threaded || tick->interp->is_newer || tick->threads->n_lists != 1
               ? 0
               : interp_gil(tick->interp, tick->threads->lists[0].state);
}

/*
 * CPU that all threads but this one have used, ever. The two clocks cannot be read at once: it is
 * no more than the one that reads its own clock first, and no less than the other one. Between them
 * anything may hold us up, so the narrowest of some readings counts.
 */
static int64_t others_at_most(void)
{
    const uint64_t own_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
    return (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - own_ns);
}

static int64_t others_at_least(void)
{
    const uint64_t process_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    return (int64_t)(process_ns - clock_read(CLOCK_THREAD_CPUTIME_ID));
}

static void others_note(struct rest *rest)
{
    rest->others_ns = others_at_least();
    for (int i = 1; i < NOTE_READINGS; i++) {
        const int64_t ns = others_at_least();
        if (ns > rest->others_ns)
            rest->others_ns = ns;
    }
}

static bool others_ran(const struct rest *rest)
{
    for (int i = 0; i < RAN_READINGS; i++)
        if (others_at_most() - rest->others_ns <= RAN_NS)
            return false;
    return true;
}

void rest_prepare(struct rest *rest, const struct rest_tick *tick)
{
    const uintptr_t gil = gil_only(tick);
    const bool has_bell = gil_wakeup_works(gil, tick->interp->ver.gil.len);
    if (rest->is_armed) { /* the tick before was late: there was no time to rest */
        rest->is_armed = false;
        gil_wakeup_disarm();
    }
    if (rest->n_quiet == REST_QUIET / 2)
        others_note(rest);
    if (rest->n_quiet < REST_QUIET || !has_bell || gil == 0 || rest_ticks(tick) == 0)
        return;
    const uint64_t now = clock_now();
    if (now < rest->not_before_ns)
        return;
    if (others_ran(rest)) { /* threads that are not Python's */
        rest->n_quiet = 0;
        return;
    }
    others_note(rest);
    gil_wakeup_arm(tick->wake, WAKE_BELL);
    rest->is_armed = true;
}

/* In vain: what the ticks were like is not known. They will be counted as missed. */
static void rest_failed(struct rest *rest, uint64_t now)
{
    rest->n_quiet = 0;
    rest->again_ns *= 2;
    if (rest->again_ns < AGAIN_MIN_NS)
        rest->again_ns = AGAIN_MIN_NS;
    if (rest->again_ns > AGAIN_MAX_NS)
        rest->again_ns = AGAIN_MAX_NS;
    rest->not_before_ns = now + rest->again_ns;
}

/* If we do not come back, the collector writes the ticks until then; 0 = none. */
static void tell_end(struct wire_head *head, uint64_t end_ns)
{
    atomic_store_explicit(&head->rest.end_ns, end_ns, memory_order_release);
}

static void tell_begin(const struct rest_tick *tick, uint64_t end_ns)
{
    struct wire_rest *const told = &tick->head->rest;
    const uint64_t cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    atomic_store_explicit(&told->number, tick->number, memory_order_relaxed);
    atomic_store_explicit(&told->cpu_ns, cpu_ns, memory_order_relaxed);
    atomic_store_explicit(&told->stride, tick->stride, memory_order_relaxed);
    tell_end(tick->head, end_ns);
}

bool rest_take(struct rest *rest, const struct rest_tick *tick, uint64_t until_ns, uint64_t *end_ns)
{
    *end_ns = 0;
    if (!rest->is_armed)
        return false;
    rest->is_armed = false;
    /* n_quiet is 0 if this tick was not; the GIL may have been taken before gil_wakeup was armed */
    if (rest->n_quiet == 0 || interp_gil_is_locked(tick->interp, gil_only(tick))) {
        gil_wakeup_disarm();
        return false;
    }
    tell_begin(tick, until_ns);
    wake_sleep(tick->wake, until_ns);
    const uint64_t rang = gil_wakeup_disarm(), now = clock_now();
    if (rang != 0) { /* whatever ran without the GIL until then, no stack has changed */
        rest->n_quiet = 0;
        *end_ns = rang < now ? rang : now;
    } else if (others_ran(rest)) {
        rest_failed(rest, now);
    } else { /* later than that, somebody may have stopped us all */
        rest->again_ns = 0;
        *end_ns = now < until_ns ? now : until_ns;
    }
    if (*end_ns > 0)
        tell_end(tick->head, *end_ns);
    return true;
}

void rest_written(struct wire_head *head)
{
    tell_end(head, 0);
}

void rest_end(struct rest *rest)
{
    rest->n_quiet = 0;
    rest->is_armed = false;
    gil_wakeup_disarm();
}
