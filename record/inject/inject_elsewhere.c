/* SPDX-License-Identifier: MIT */
/*
 * On machines for which stub.S has no code.
 */
#include "inject.h"

enum inject_outcome inject_look(pid_t pid, struct problem *why)
{
    (void)pid;
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
                      "cannot be attached to: pyrec knows how on x86-64 only");
    return INJECT_UNFIT;
}

bool inject_has_recorder(pid_t pid)
{
    (void)pid;
    return false;
}

enum inject_outcome inject(const struct inject_plan *plan, struct inject_result *result,
                           struct problem *why)
{
    *result = (struct inject_result){.entry = 0};
    return inject_look(plan->pid, why);
}
