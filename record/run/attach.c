/* SPDX-License-Identifier: MIT */
#include "attach.h"

#include "record/cli/settings.h"
#include "record/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEAVE_MAX_MS 2000
#define LOOK_MS      10

static const char *const entry_texts[WIRE_ATTACH_COUNT] = {
#define ATTACH_TEXT(name, text) text,
    WIRE_ATTACH_LIST(ATTACH_TEXT)
#undef ATTACH_TEXT
};

/* What the entry of the library said, as an outcome. */
static enum inject_outcome entry_outcome(int entry, struct problem *why)
{
    if (entry == WIRE_ATTACH_DONE || entry == WIRE_ATTACH_LATER)
        return INJECT_DONE;
    if (entry < 0 || entry >= WIRE_ATTACH_COUNT)
        return INJECT_FAILED;
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", entry_texts[entry]);
    return entry == WIRE_ATTACH_BUSY         ? INJECT_BUSY
           : entry == WIRE_ATTACH_NO_PYTHON  ? INJECT_UNFIT
           : entry == WIRE_ATTACH_REFUSED    ? INJECT_UNFIT
           : entry == WIRE_ATTACH_UNREADABLE ? INJECT_UNFIT
                                             : INJECT_FAILED;
}

static enum inject_outcome attach_one(const struct attach_plan *plan, pid_t pid,
                                      const char *settings, struct problem *why)
{
    const struct inject_plan one = {
        .pid = pid,
        .library = plan->launch->library,
        .entry = WIRE_ATTACH_ENTRY,
        .settings = settings,
    };
    struct inject_result result;
    lobby_go_near(plan->lobby, pid);
    enum inject_outcome outcome = inject(&one, &result, why);
    if (result.entry != 0)
        outcome = entry_outcome(result.entry, why);
    const struct collect_attached attached = {
        .pid = pid,
        .stopped_ns = result.stopped_ns,
        .held_ns = result.held_ns,
        .is_by_memory = result.by_memory,
        .n_threads = result.n_threads,
    };
    if (outcome == INJECT_DONE)
        collect_attached(plan->collect, &attached);
    return outcome;
}

static void say_not(const struct attach_plan *plan, pid_t pid, const struct problem *why)
{
    char sentence[sizeof why->detail + 64];
    snprintf(sentence, sizeof sentence, "process %d %s", (int)pid, why->detail);
    plan->say(sentence);
}

bool attach_look(const struct attach_plan *plan, enum inject_outcome *last)
{
    struct problem why[SETTINGS_MAX_PIDS];
    for (uint32_t i = 0; i < plan->n_pids; i++) {
        *last = inject_look(plan->pids[i], &why[i]);
        if (*last == INJECT_DONE)
            return true; /* what is said of the others comes when it is their turn */
    }
    for (uint32_t i = 0; i < plan->n_pids; i++)
        say_not(plan, plan->pids[i], &why[i]);
    return false;
}

uint32_t attach_all(const struct attach_plan *plan, enum inject_outcome *last)
{
    char *settings = launch_agent_text(plan->agent, plan->launch->library);
    uint32_t n = 0;
    *last = INJECT_DONE;
    for (uint32_t i = 0; i < plan->n_pids; i++) {
        struct problem why;
        (void)problem_set(&why, STATUS_IO, PROBLEM_NO_OFFSET, "cannot be attached to: no memory");
        const enum inject_outcome outcome =
            settings != NULL ? attach_one(plan, plan->pids[i], settings, &why) : INJECT_FAILED;
        if (outcome == INJECT_DONE) {
            n++;
            continue;
        }
        *last = outcome;
        say_not(plan, plan->pids[i], &why);
    }
    free(settings);
    return n;
}

void attach_await_leave(const struct attach_plan *plan)
{
    for (uint32_t i = 0, waits = 0; i < plan->n_pids; i++)
        while (inject_has_recorder(plan->pids[i]) && waits++ < LEAVE_MAX_MS / LOOK_MS)
            usleep(LOOK_MS * 1000);
}
