/* SPDX-License-Identifier: MIT */
#include "patience.h"

#define SECOND_NS   1000000000u
#define WAIT_MAX    10u /* seconds */
#define STARVED_MAX 60u
#define TELL        3u

static uint64_t seconds(const struct patience *patience, uint64_t n)
{
    return n * (patience->second_ns != 0 ? patience->second_ns : SECOND_NS);
}

bool patience_is_due(struct patience *patience, uint64_t now_ns)
{
    if (patience->begin_ns == 0)
        patience->begin_ns = patience->look_ns = now_ns;
    return (now_ns - patience->look_ns) * (SECOND_NS / PATIENCE_LOOK_NS) > seconds(patience, 1);
}

void patience_look(struct patience *patience, uint64_t now_ns, bool is_ready, uint64_t ran_ns)
{
    const uint64_t since_ns = now_ns - patience->look_ns;
    if (is_ready && ran_ns < since_ns)
        patience->starved_ns += since_ns - ran_ns;
    patience->look_ns = now_ns;
}

bool patience_is_slow(struct patience *patience)
{
    const bool is_slow = patience->starved_ns > seconds(patience, TELL) && !patience->is_told;
    patience->is_told |= is_slow;
    return is_slow;
}

bool patience_is_over(const struct patience *patience, uint64_t now_ns)
{
    return now_ns - patience->begin_ns - patience->starved_ns > seconds(patience, WAIT_MAX) ||
           patience_was_starved(patience);
}

bool patience_was_starved(const struct patience *patience)
{
    return patience->starved_ns > seconds(patience, STARVED_MAX);
}
