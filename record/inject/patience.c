/* SPDX-License-Identifier: MIT */
#include "patience.h"

#define WAIT_MAX_NS    10000000000u
#define STARVED_MAX_NS 60000000000u
#define TELL_NS        3000000000u

bool patience_is_due(struct patience *patience, uint64_t now_ns)
{
    if (patience->begin_ns == 0)
        patience->begin_ns = patience->look_ns = now_ns;
    return now_ns - patience->look_ns > PATIENCE_LOOK_NS;
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
    const bool is_slow = patience->starved_ns > TELL_NS && !patience->is_told;
    patience->is_told |= is_slow;
    return is_slow;
}

bool patience_is_over(const struct patience *patience, uint64_t now_ns)
{
    return now_ns - patience->begin_ns - patience->starved_ns > WAIT_MAX_NS ||
           patience_was_starved(patience);
}

bool patience_was_starved(const struct patience *patience)
{
    return patience->starved_ns > STARVED_MAX_NS;
}
