/* SPDX-License-Identifier: MIT */
/*
 * usage: inject_probe PID LIBRARY ENTRY SETTINGS [STEP [MS [TIMES]] | hurry MS STEP] - attach once,
 * say how it went.
 *
 * Without arguments: how many steps there are. STEP: be killed at that step of attaching, as the
 * kernel kills, without a last word. MS: not that, but sleep there so long, at the first TIMES.
 * hurry: a second of waiting is MS, and the other process is stopped at that step; 0 = never.
 */
#include "record/base/clocks.h"
#include "record/inject/inject.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static pid_t other;

static void stop_at(unsigned step)
{
    if (step == last_step)
        kill(other, SIGSTOP);
}

static void slow_say(pid_t pid)
{
    printf("%d gets no CPU\n", (int)pid == other);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct inject_result result;
    struct problem why;
    if (argc < 5) {
        printf("%d\n", INJECT_STEPS - 1);
        return 2;
    }
    const char *const library = argv[2], *const entry = argv[3], *const settings = argv[4];
    clocks_find();
    other = atoi(argv[1]);
    const bool hurries = argc > 7 && strcmp(argv[5], "hurry") == 0;
    const unsigned second_ms = hurries ? (unsigned)atoi(argv[6]) : 0;
    if (hurries) {
        argv += 2;
        argc -= 2;
    }
    last_step = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    nap_ms = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
    naps = argc > 7 ? (unsigned)atoi(argv[7]) : 1;
    const struct inject_plan plan = {.pid = other,
                                     .library = library,
                                     .entry = entry,
                                     .settings = settings,
                                     .on_slow = hurries ? slow_say : NULL,
                                     .second_ns = second_ms * 1000000u,
                                     .on_step = hurries          ? stop_at
                                                : nap_ms != 0    ? nap_at
                                                : last_step != 0 ? die_at
                                                                 : NULL};
    const enum inject_outcome outcome = inject(&plan, &result, &why);
    if (outcome == INJECT_DONE)
        printf("done%s\n", result.by_memory ? " by memory" : "");
    else
        printf("%s\n", why.detail);
    return (int)outcome;
}
