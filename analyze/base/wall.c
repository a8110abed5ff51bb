/* SPDX-License-Identifier: MIT */
#include "wall.h"

#include "memory.h"

#include <stdbool.h>
#include <stdlib.h>

#define STEP_MAX_NS (INT64_C(1) << 61)
#define SAME_NS     UINT64_C(2000000000) /* two recorders look a second apart .. */
#define SAME_BY_NS  INT64_C(10000000)    /* .. and read the clock that much apart; see collect.c */
#define LOOK_BACK   64u                  /* steps, for those that are the same */

void wall_clear(struct wall *wall)
{
    free(wall->steps);
    *wall = (struct wall){0};
}

void wall_add(struct wall *wall, struct wall_step step)
{
    if (step.by_ns > STEP_MAX_NS || step.by_ns < -STEP_MAX_NS || step.by_ns == 0 ||
        step.time_ns > (uint64_t)STEP_MAX_NS)
        return;
    wall->steps = memory_grow(wall->steps, &wall->size, wall->n + 1, sizeof *wall->steps);
    wall->steps[wall->n++] = step;
}

static int compare_steps(const void *left, const void *right)
{
    const struct wall_step *const a = left, *const b = right;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->by_ns > b->by_ns) - (a->by_ns < b->by_ns);
}

/* Is it one of those that are kept? */
static bool is_known(const struct wall *wall, size_t kept, const struct wall_step *step)
{
    for (size_t back = 1; back <= kept && back <= LOOK_BACK; back++) {
        const struct wall_step *const other = &wall->steps[kept - back];
        if (step->time_ns - other->time_ns > SAME_NS)
            return false;
        const int64_t apart_ns = step->by_ns - other->by_ns;
        if (apart_ns < SAME_BY_NS && apart_ns > -SAME_BY_NS)
            return true;
    }
    return false;
}

void wall_settle(struct wall *wall)
{
    int64_t ahead_ns = 0;
    size_t kept = 0;
    if (wall->n > 1)
        qsort(wall->steps, wall->n, sizeof *wall->steps, compare_steps);
    for (size_t i = 0; i < wall->n; i++) {
        const struct wall_step step = wall->steps[i];
        const int64_t sum_ns = ahead_ns + step.by_ns; /* both are below 2^62 */
        if (is_known(wall, kept, &step) || sum_ns > STEP_MAX_NS || sum_ns < -STEP_MAX_NS)
            continue;
        ahead_ns = sum_ns;
        wall->steps[kept++] = step;
    }
    wall->n = kept;
}

int64_t wall_ahead_ns(const struct wall *wall, uint64_t time_ns)
{
    int64_t ahead_ns = 0;
    for (size_t i = 0; i < wall->n && wall->steps[i].time_ns <= time_ns; i++)
        ahead_ns += wall->steps[i].by_ns;
    return ahead_ns;
}
