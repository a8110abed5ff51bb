/* SPDX-License-Identifier: MIT */
/*
 * On machines for which stub.S has no code.
 */
#include "inject.h"

enum inject_outcome inject_look(pid_t pid, struct problem *why)
{
    const struct facts nothing = {.pid = pid};
    char clause[sizeof why->detail];
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s",
                      reason_clause(REASON_MACHINE, &nothing, clause, sizeof clause));
    return (enum inject_outcome)reason_kind(REASON_MACHINE);
}

enum inject_outcome inject(const struct inject_plan *plan, struct inject_result *result,
                           struct problem *why)
{
    *result = (struct inject_result){.entry = 0};
    return inject_look(plan->pid, why);
}
