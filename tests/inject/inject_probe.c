/* SPDX-License-Identifier: MIT */
/*
 * usage: inject_probe PID LIBRARY ENTRY SETTINGS [STEP] - attach once, say how it went.
 *
 * Without arguments: how many steps there are. STEP: be killed at that step of attaching, as the
 * kernel kills, without a last word.
 */
#include "record/base/clocks.h"
#include "record/inject/inject.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned last_step;

static void die_at(unsigned step)
{
    if (step == last_step)
        kill(getpid(), SIGKILL);
}

int main(int argc, char **argv)
{
    struct inject_result result;
    struct problem why;
    if (argc < 5) {
        printf("%d\n", INJECT_STEPS - 1);
        return 2;
    }
    clocks_find();
    last_step = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    const struct inject_plan plan = {.pid = atoi(argv[1]),
                                     .library = argv[2],
                                     .entry = argv[3],
                                     .settings = argv[4],
                                     .on_step = last_step != 0 ? die_at : NULL};
    const enum inject_outcome outcome = inject(&plan, &result, &why);
    if (outcome == INJECT_DONE)
        printf("done%s\n", result.by_memory ? " by memory" : "");
    else
        printf("%s\n", why.detail);
    return (int)outcome;
}
