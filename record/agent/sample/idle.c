/* SPDX-License-Identifier: MIT */
#include "idle.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "sampler.h"

#define COLD_WORTH_IT 8u /* fewer cold threads are asked faster than reckoned with */
#define ASK_ALL_NS    1000000000u

uint32_t idle_cold(const struct threads *threads)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < threads->n; i++)
        n += threads->marks[i] & THREAD_COLD;
    return n;
}

/* The count of hand-overs of the one GIL; changes with every tick where there is no such thing. */
static uint64_t switches_read(struct sampler *s)
{
    uint32_t bad = 0;
    if (s->interp->free_threaded || s->threads->n_lists != 1)
        return s->idle.switches + 1;
    const uintptr_t gil = interp_gil(s->interp, s->threads->lists[0].state);
    const uint64_t switches = peek(gil + s->interp->ver.gil.switches, &bad);
    const struct thread *const holder = threads_find(s->threads, interp_gil_last(s->interp, gil));
    if (holder != NULL) /* it may run again without being counted */
        s->threads->marks[holder - s->threads->list] &= (uint8_t)~THREAD_COLD;
    return bad ? s->idle.switches + 1 : switches;
}

/* The clocks of all threads and our own, as they were read last. */
static uint64_t known_sum(const struct sampler *s)
{
    uint64_t sum = s->earlier_cpu_ns + clock_read(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < s->threads->n; i++)
        sum += s->threads->clocks[i];
    return sum;
}

bool idle_begin(struct sampler *s)
{
    if (idle_cold(s->threads) < COLD_WORTH_IT)
        return false;
    const uint64_t switches = switches_read(s);
    const bool same = switches == s->idle.switches;
    s->idle.switches = switches;
    s->idle.before_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    return same && s->last_ns - s->idle.asked_all_ns < ASK_ALL_NS;
}

bool idle_has_run(struct sampler *s)
{
    const uint64_t known = known_sum(s);
    const int64_t low = (int64_t)(s->idle.before_ns - known);
    const int64_t high = (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - known);
    if (low > s->idle.high || high < s->idle.low)
        return true; /* more than before: somebody ran; less: a thread has become known */
    s->idle.low = low > s->idle.low ? low : s->idle.low;
    s->idle.high = high < s->idle.high ? high : s->idle.high;
    return false;
}

void idle_asked_all(struct sampler *s)
{
    s->idle.asked_all_ns = s->last_ns;
    if (s->idle.before_ns == 0)
        return;
    const uint64_t known = known_sum(s);
    s->idle.low = (int64_t)(s->idle.before_ns - known);
    s->idle.high = (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - known);
    s->idle.before_ns = 0;
}
