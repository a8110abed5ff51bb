/* SPDX-License-Identifier: MIT */
/*
 * usage: inject_probe PID LIBRARY ENTRY SETTINGS [STEP [MS [TIMES]]] - attach once, say how it
 * went.
 *
 * Without arguments: how many steps there are. STEP: be killed at that step of attaching, as the
 * kernel kills, without a last word. MS: not that, but sleep there so long, at the first TIMES.
 */
#include "record/base/clocks.h"
#include "record/inject/inject.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned last_step, nap_ms, naps = 1;

static void die_at(unsigned step)
{
    if (step == last_step)
        kill(getpid(), SIGKILL);
}

static void nap_at(unsigned step)
{
    if (step == last_step && naps > 0) {
        naps--;
        usleep(nap_ms * 1000);
    }
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
    nap_ms = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
    naps = argc > 7 ? (unsigned)atoi(argv[7]) : 1;
    const struct inject_plan plan = {.pid = atoi(argv[1]),
                                     .library = argv[2],
                                     .entry = argv[3],
                                     .settings = argv[4],
                                     .on_step = nap_ms != 0      ? nap_at
                                                : last_step != 0 ? die_at
                                                                 : NULL};
    const enum inject_outcome outcome = inject(&plan, &result, &why);
    if (outcome == INJECT_DONE)
        printf("done%s\n", result.by_memory ? " by memory" : "");
    else
        printf("%s\n", why.detail);
    return (int)outcome;
}
