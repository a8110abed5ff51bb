/* SPDX-License-Identifier: MIT */
#include "idle.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"

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
static uint64_t switches_read(const struct idle *idle, const struct interp *interp,
                              struct threads *threads)
{
    uint32_t bad = 0;
    if (interp->free_threaded || threads->n_lists != 1)
        return idle->switches + 1;
    const uintptr_t gil = interp_gil(interp, threads->lists[0].state);
    const uint64_t switches = peek(gil + interp->ver.gil.switches, &bad);
    const struct thread *const holder = threads_find(threads, interp_gil_last(interp, gil));
    if (holder != NULL) /* it may run again without being counted */
        threads->marks[holder - threads->list] &= (uint8_t)~THREAD_COLD;
    return bad ? idle->switches + 1 : switches;
}

/* The clocks of all threads and our own, as they were read last. */
static uint64_t known_sum(const struct threads *threads, uint64_t earlier_ns)
{
    uint64_t sum = earlier_ns + clock_read(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < threads->n; i++)
        sum += threads->clocks[i];
    return sum;
}

bool idle_begin(struct idle *idle, const struct interp *interp, struct threads *threads,
                uint64_t last_ns)
{
    if (idle_cold(threads) < COLD_WORTH_IT)
        return false;
    const uint64_t switches = switches_read(idle, interp, threads);
    const bool same = switches == idle->switches;
    idle->switches = switches;
    idle->before_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    return same && last_ns - idle->asked_all_ns < ASK_ALL_NS;
}

bool idle_has_run(struct idle *idle, const struct threads *threads, uint64_t earlier_ns)
{
    const uint64_t known = known_sum(threads, earlier_ns);
    const int64_t low = (int64_t)(idle->before_ns - known);
    const int64_t high = (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - known);
    if (low > idle->high || high < idle->low)
        return true; /* more than before: somebody ran; less: a thread has become known */
    idle->low = low > idle->low ? low : idle->low;
    idle->high = high < idle->high ? high : idle->high;
    return false;
}

void idle_asked_all(struct idle *idle, const struct threads *threads, uint64_t earlier_ns,
                    uint64_t last_ns)
{
    idle->asked_all_ns = last_ns;
    if (idle->before_ns == 0)
        return;
    const uint64_t known = known_sum(threads, earlier_ns);
    idle->low = (int64_t)(idle->before_ns - known);
    idle->high = (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - known);
    idle->before_ns = 0;
}
