/* SPDX-License-Identifier: MIT */
#include "attach.h"

#include "record/cli/settings.h"
#include "record/kernel/below.h"
#include "record/kernel/procfs.h"
#include "record/regard/regard.h"
#include "record/tables/vec.h"
#include "record/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEAVE_MAX_MS 2000
#define LOOK_MS      10
#define PASSES_MAX   10 /* over what runs below, until nobody is new .. */
#define PASS_US      10000

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
           : entry == WIRE_ATTACH_FORKING    ? INJECT_BUSY
           : entry == WIRE_ATTACH_NO_PYTHON  ? INJECT_UNFIT
           : entry == WIRE_ATTACH_REFUSED    ? INJECT_UNFIT
           : entry == WIRE_ATTACH_UNREADABLE ? INJECT_UNFIT
                                             : INJECT_FAILED;
}

static void slow_say(pid_t pid)
{
    fprintf(stderr, "pyrec: process %d gets no CPU: waiting for it, a minute at most\n", (int)pid);
}

/* `may_wait`: nobody else is kept waiting by that. */
static enum inject_outcome attach_one(const struct attach_plan *plan, pid_t pid, bool may_wait,
                                      struct collect_attached *how, struct problem *why)
{
    struct inject_result result = {.entry = 0};
    char *settings = launch_agent_text(plan->agent, plan->launch->library);
    /* its filters were tried with our calls, not with those of a program that it executes */
    char *filtered = launch_agent_text(plan->agent, WIRE_NOT_FOR_OTHERS);
    const struct inject_plan one = {
        .pid = pid,
        .library = plan->launch->library,
        .entry = WIRE_ATTACH_ENTRY,
        .settings = settings,
        .settings_filtered = filtered,
        .is_awaited = may_wait,
        .on_slow = may_wait ? slow_say : NULL,
    };
    (void)problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "cannot be attached to: no memory");
    lobby_expect(plan->lobby, pid);
    enum inject_outcome outcome =
        settings != NULL && filtered != NULL ? inject(&one, &result, why) : INJECT_FAILED;
    free(settings);
    free(filtered);
    if (result.entry != 0)
        outcome = entry_outcome(result.entry, why);
    *how = (struct collect_attached){
        .pid = pid,
        .stopped_ns = result.stopped_ns,
        .held_ns = result.held_ns,
        .is_by_memory = result.by_memory,
        .n_threads = result.n_threads,
    };
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

/* ---- what was there before, below them ---- */

struct joining {
    const struct attach_plan *plan;
    struct below below;
    struct collect_attached *how; /* of those that were attached to */
    uint32_t n, capacity;
};

static void joined(struct joining *joining, const struct collect_attached *how)
{
    if (vec_room(&joining->how, &joining->capacity, joining->n + 1ull, sizeof *joining->how))
        joining->how[joining->n++] = *how;
    else
        collect_attached(joining->plan->collect, how);
}

static void missing_note(const struct attach_plan *plan, const struct below_row *row,
                         const char *reason)
{
    struct missing_who who = {.start = row->start};
    char name[PROCFS_COMM_MAX] = "";
    (void)procfs_comm(row->pid, row->pid, name);
    if (!procfs_inner_pid(row->pid, &who.inner_pid))
        who.inner_pid = 0;
    missing_add(&plan->collect->missing, MISSING_PYTHON, who, reason, name);
}

/* What is to be done about it, before anything is. */
static enum below_fate row_look(const struct joining *joining, const struct below_row *row)
{
    struct regard is;
    regard_open(&is, row->pid, 0);
    const bool has_library = remote_images_named(&is.images, "libpyrec.so") != NULL;
    const enum facts_python python = is.facts.python;
    const bool is_read = is.not_to_look != REASON_ABSENT && is.facts.error == 0;
    const bool is_recorded = is.facts.is_recorded;
    const bool is_passing = reason_kind(is.not_to_attach) == REASON_BUSY;
    regard_close(&is);
    if (!is_read || python == PYTHON_NONE || python == PYTHON_PYPY || python == PYTHON_NAMELESS)
        return BELOW_OTHER;
    if (is_recorded || (has_library && below_is_younger(&joining->below, row)))
        return BELOW_COMES;
    return python == PYTHON_UNSAID || is_passing ? BELOW_LATER : BELOW_UNSEEN;
}

/* `is_last`: whoever cannot be attached to now is missing. */
static void row_join(struct joining *joining, uint32_t i, bool is_last)
{
    struct below_row *const row = &joining->below.rows[i];
    struct collect_attached how;
    struct problem why;
    const uint64_t since = below_now();
    row->fate = row_look(joining, row);
    if (row->fate != BELOW_UNSEEN && (row->fate != BELOW_LATER || !is_last))
        return;
    const enum inject_outcome outcome = attach_one(joining->plan, row->pid, false, &how, &why);
    row->since = since;
    row->fate = outcome == INJECT_DONE               ? BELOW_JOINED
                : outcome == INJECT_GONE             ? BELOW_OTHER
                : outcome == INJECT_BUSY && !is_last ? BELOW_LATER
                                                     : BELOW_MISSING;
    if (row->fate == BELOW_JOINED)
        joined(joining, &how);
    else if (row->fate == BELOW_MISSING)
        missing_note(joining->plan, row, why.detail);
}

static void below_join(struct joining *joining)
{
    struct below *const below = &joining->below;
    for (uint32_t pass = 1; pass <= PASSES_MAX; pass++) {
        const bool has_new = below_find(below);
        bool is_over = !has_new;
        for (uint32_t i = 0; i < below->n; i++) {
            const enum below_fate fate = below->rows[i].fate;
            if (fate == BELOW_UNSEEN || fate == BELOW_LATER || fate == BELOW_OTHER)
                row_join(joining, i, pass == PASSES_MAX);
            is_over &= below->rows[i].fate != BELOW_LATER;
        }
        if (is_over)
            return;
        usleep(PASS_US);
    }
}

/* How they were attached to is known now, with what was below them. */
static void joining_tell(struct joining *joining, bool is_looked)
{
    for (uint32_t i = 0; i < joining->n; i++) {
        struct collect_attached *const how = &joining->how[i];
        how->is_children_looked = is_looked;
        how->n_children = is_looked ? below_count(&joining->below, how->pid) : 0;
        collect_attached(joining->plan->collect, how);
    }
    free(joining->how);
    below_clear(&joining->below);
}

uint32_t attach_all(const struct attach_plan *plan, enum inject_outcome *last)
{
    const bool follows = (plan->agent->flags & WIRE_NO_CHILDREN) == 0;
    struct joining joining = {.plan = plan};
    *last = INJECT_DONE;
    for (uint32_t i = 0; i < plan->n_pids; i++) {
        struct collect_attached how;
        struct problem why;
        const uint64_t since = below_now();
        const enum inject_outcome outcome = attach_one(plan, plan->pids[i], true, &how, &why);
        if (outcome == INJECT_DONE) {
            below_add(&joining.below, plan->pids[i], since);
            joined(&joining, &how);
            continue;
        }
        *last = outcome;
        say_not(plan, plan->pids[i], &why);
    }
    if (follows && joining.n > 0)
        below_join(&joining);
    const uint32_t n = joining.n;
    joining_tell(&joining, follows);
    return n;
}

/* A program below those that were attached to, or one of them that could not be, runs unrecorded.
 */
static bool attach_late(const void *opaque, pid_t pid, struct problem *why)
{
    const struct attach_plan *const plan = opaque;
    struct collect_attached how;
    if (attach_one(plan, pid, false, &how, why) != INJECT_DONE)
        return false;
    collect_attached(plan->collect, &how);
    return true;
}

void attach_patrol(const struct attach_plan *plan, struct patrol *patrol)
{
    patrol->roots = plan->pids;
    patrol->n_roots = plan->n_pids;
    patrol->join = attach_late;
    patrol->closure = plan;
}

/* They all leave at once, so they are waited for together: `waits` are left. */
static bool leave_await(pid_t pid, uint32_t *waits)
{
    while (regard_has_recorder(pid)) {
        if (*waits == 0)
            return false;
        (*waits)--;
        usleep(LOOK_MS * 1000);
    }
    return true;
}

void attach_await_leave(const struct attach_plan *plan)
{
    const struct collect *const collect = plan->collect;
    uint32_t waits = LEAVE_MAX_MS / LOOK_MS, n_late = 0;
    char sentence[160], more[32] = "";
    pid_t late = 0;
    for (uint32_t i = 0; i < collect->n_told + collect->n_attached; i++) {
        const bool is_told = i < collect->n_told; /* else it has not said hello yet */
        const pid_t pid = is_told ? collect->told[i] : collect->attached[i - collect->n_told].pid;
        if (leave_await(pid, &waits))
            continue;
        late = pid;
        n_late++;
    }
    if (n_late == 0)
        return;
    if (n_late > 1)
        snprintf(more, sizeof more, " (and %u more)", n_late - 1);
    snprintf(sentence, sizeof sentence,
             "process %d%s still has a recorder: it goes by itself, as soon as it gets a CPU",
             (int)late, more);
    plan->say(sentence);
}
