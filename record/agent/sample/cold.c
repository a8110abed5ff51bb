/* SPDX-License-Identifier: MIT */
#include "cold.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"

#define COLD_WORTH_IT 8u /* fewer cold threads are asked faster than reckoned with */
#define ASK_ALL_NS    1000000000u

uint32_t cold_count(const struct threads *threads)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < threads->n; i++)
        n += threads->marks[i] & THREAD_COLD;
    return n;
}

/* The count of hand-overs of the one GIL; changes with every tick where there is no such thing. */
static uint64_t switches_read(const struct cold *cold, const struct interp *interp,
                              struct threads *threads)
{
    uint32_t bad = 0;
    if (interp->free_threaded || threads->n_lists != 1)
        return cold->switches + 1;
    careful_reading_begin(CAREFUL_GIL);
    const uintptr_t gil = interp_gil(interp, threads->lists[0].state);
    const uint64_t switches = peek(gil + interp->ver.gil.switches, &bad);
    const uintptr_t last = interp_gil_last(interp, gil);
    careful_reading_end();
    const struct thread *const holder = threads_find(threads, last);
    if (holder != NULL) /* it may run again without being counted */
        threads->marks[holder - threads->list] &= (uint8_t)~THREAD_COLD;
    return bad ? cold->switches + 1 : switches;
}

/* The clocks of all threads and our own, as they were read last. */
static uint64_t known_sum(const struct threads *threads, uint64_t earlier_ns)
{
    uint64_t sum = earlier_ns + clock_read(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < threads->n; i++)
        sum += threads->clocks[i];
    return sum;
}

bool cold_begin(struct cold *cold, const struct interp *interp, struct threads *threads,
                uint64_t last_ns)
{
    if (cold_count(threads) < COLD_WORTH_IT)
        return false;
    const uint64_t switches = switches_read(cold, interp, threads);
    const bool same = switches == cold->switches;
    cold->switches = switches;
    cold->before_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    return same && last_ns - cold->asked_all_ns < ASK_ALL_NS;
}

bool cold_has_run(struct cold *cold, const struct threads *threads, uint64_t earlier_ns)
{
    const uint64_t known = known_sum(threads, earlier_ns);
    const int64_t low = (int64_t)(cold->before_ns - known);
    const int64_t high = (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - known);
    if (low > cold->high || high < cold->low)
        return true; /* more than before: somebody ran; less: a thread has become known */
    cold->low = low > cold->low ? low : cold->low;
    cold->high = high < cold->high ? high : cold->high;
    return false;
}

void cold_asked_all(struct cold *cold, const struct threads *threads, uint64_t earlier_ns,
                    uint64_t last_ns)
{
    cold->asked_all_ns = last_ns;
    if (cold->before_ns == 0)
        return;
    const uint64_t known = known_sum(threads, earlier_ns);
    cold->low = (int64_t)(cold->before_ns - known);
    cold->high = (int64_t)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - known);
    cold->before_ns = 0;
}
