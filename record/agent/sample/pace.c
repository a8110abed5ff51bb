/* SPDX-License-Identifier: MIT */
#include "pace.h"

#define LOOK_NS    100000000u  /* between two looks at least, .. */
#define TICKS_MIN  8u          /* .. and so many ticks */
#define GUESS_NS   20000u      /* what a tick costs, until it is known */
#define SLOWEST_NS 1000000000u /* a tick per second is taken, whatever it costs */

static uint32_t stride_for(const struct pace *pace)
{
    const uint64_t budget_ns = pace->interval_ns * pace->limit_ppm / 1000000u;
    const uint64_t slowest = pace->interval_ns < SLOWEST_NS ? SLOWEST_NS / pace->interval_ns : 1;
    const uint64_t stride =
        budget_ns == 0 ? slowest : (pace->tick_cost_ns + budget_ns - 1) / budget_ns;
    return (uint32_t)(stride < 1 ? 1 : stride > slowest ? slowest : stride);
}

void pace_init(struct pace *pace, uint64_t limit_ppm, uint64_t interval_ns)
{
    *pace = (struct pace){.limit_ppm = limit_ppm, .interval_ns = interval_ns, .stride = 1};
    pace->tick_cost_ns = GUESS_NS;
    if (limit_ppm != 0)
        pace->stride = stride_for(pace);
}

bool pace_look(struct pace *pace, uint64_t now_ns, uint64_t cost_ns, uint64_t n_ticks)
{
    if (pace->limit_ppm == 0)
        return false;
    const bool is_first = pace->looked_ns == 0;
    if (!is_first) {
        const uint64_t taken = n_ticks - pace->n_ticks;
        if (now_ns - pace->looked_ns < LOOK_NS || taken < TICKS_MIN)
            return false;
        const uint64_t each_ns = (cost_ns - pace->cost_ns) / taken;
        pace->tick_cost_ns = (3 * pace->tick_cost_ns + each_ns) / 4;
    }
    pace->looked_ns = now_ns;
    pace->cost_ns = cost_ns;
    pace->n_ticks = n_ticks;
    if (is_first)
        return pace->stride != 1; /* by guess, so far */
    const uint32_t wanted = stride_for(pace);
    /* up at once, down only when there is room: no swinging around the limit */
    if (wanted == pace->stride || (wanted < pace->stride && wanted * 5u > pace->stride * 4u))
        return false;
    pace->stride = wanted;
    return true;
}
