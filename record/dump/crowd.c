/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "record/agent/base/peek.h"
#include "record/agent/cpython/active.h"
#include "record/regard/outside.h"
#include "record/tables/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTINGS    30u
#define NAP_US      200u
#define STATES_MAX  100000u
#define INTERPS_MAX 1000u
#define LOADS       8000000u
#define NAME_TRIES  4u

void crowd_clear(struct crowd *crowd)
{
    free(crowd->tasks);
    free(crowd->states);
    *crowd = (struct crowd){.tasks = NULL};
}

/* ---- the kernel's ---- */

struct tasks_reading {
    struct crowd *crowd;
    pid_t pid;
    bool has_failed;
};

static void task_take(void *closure, pid_t tid)
{
    struct tasks_reading *const reading = closure;
    struct crowd *const crowd = reading->crowd;
    struct crowd_task task = {.tid = tid};
    bool is_nested;
    if (!procfs_inner_number(reading->pid, tid, &task.inner, &is_nested))
        return; /* it has ended */
    crowd->is_nested |= is_nested;
    (void)procfs_comm(reading->pid, tid, task.comm);
    if (!vec_room(&crowd->tasks, &crowd->task_capacity, crowd->n_tasks + 1ull,
                  sizeof *crowd->tasks))
        reading->has_failed = true;
    else
        crowd->tasks[crowd->n_tasks++] = task;
}

static int task_order(const void *a, const void *b)
{
    const struct crowd_task *const one = a, *const other = b;
    return (one->inner > other->inner) - (one->inner < other->inner);
}

static bool tasks_read(struct crowd *crowd, pid_t pid)
{
    struct tasks_reading reading = {crowd, pid, false};
    char path[32];
    crowd->n_tasks = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    (void)procfs_each_number(path, task_take, &reading);
    if (crowd->n_tasks > 0)
        qsort(crowd->tasks, crowd->n_tasks, sizeof *crowd->tasks, task_order);
    return !reading.has_failed;
}

static struct crowd_task *task_find(struct crowd *crowd, pid_t inner)
{
    const struct crowd_task key = {.inner = inner};
    return crowd->n_tasks == 0
               ? NULL
               : bsearch(&key, crowd->tasks, crowd->n_tasks, sizeof key, task_order);
}

/* ---- Python's ---- */

/* The number of the thread as it knows itself. */
static pid_t inner_read(const struct python *python, uintptr_t tstate, uint64_t ident,
                        uint32_t *bad)
{
    const struct pyver *const ver = &python->interp.ver;
    if (ver->thread.native_id != PYVER_NONE)
        return (pid_t)peek(tstate + ver->thread.native_id, bad);
    if (ident == 0 || python->tid_offset == 0)
        return 0;
    return (pid_t)peek_u32((uintptr_t)ident + python->tid_offset, bad);
}

static bool state_read(const struct python *python, uintptr_t at, struct crowd_state *state)
{
    const struct pyver *const ver = &python->interp.ver;
    uint32_t bad = 0;
    *state = (struct crowd_state){.at = at};
    if (at & 7)
        return false;
    state->interp = (uintptr_t)peek(at + ver->thread.interp, &bad);
    state->ident = peek(at + ver->thread.thread_id, &bad);
    state->inner = inner_read(python, at, state->ident, &bad);
    return !bad;
}

bool crowd_is_still_its(const struct python *python, const struct crowd_state *state)
{
    struct crowd_state now;
    return state_read(python, state->at, &now) && now.interp == state->interp &&
           now.ident == state->ident && now.inner == state->inner;
}

/* One look at all lists; *is_right is false when they lead nowhere. False: no memory. */
static bool states_list(struct crowd *crowd, const struct python *python, bool *is_right)
{
    const struct pyver *const ver = &python->interp.ver;
    uint32_t bad = 0, n_interps = 0;
    outside_forget(LOADS);
    crowd->n_states = 0;
    *is_right = true;
    uintptr_t interp =
        (uintptr_t)peek(python->interp.runtime + ver->runtime.interpreters_head, &bad);
    for (; interp != 0 && !bad && n_interps < INTERPS_MAX; n_interps++) {
        const uint64_t id = peek(interp + ver->interp.id, &bad);
        uintptr_t at = (uintptr_t)peek(interp + ver->interp.threads_head, &bad);
        while (at != 0 && !bad && crowd->n_states < STATES_MAX) {
            struct crowd_state state;
            if (!state_read(python, at, &state) || state.interp != interp) {
                *is_right = false;
                break;
            }
            state.interp_id = id;
            if (!vec_room(&crowd->states, &crowd->state_capacity, crowd->n_states + 1ull,
                          sizeof *crowd->states))
                return false;
            crowd->states[crowd->n_states++] = state;
            at = (uintptr_t)peek(at + ver->thread.next, &bad);
        }
        interp = (uintptr_t)peek(interp + ver->interp.next, &bad);
    }
    *is_right = *is_right && !bad && n_interps < INTERPS_MAX && crowd->n_states < STATES_MAX;
    return true;
}

/* What tells one listing from another. */
static uint64_t states_digest(const struct crowd *crowd)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < crowd->n_states; i++) {
        const struct crowd_state *const state = &crowd->states[i];
        const uint64_t words[] = {state->at, state->interp, state->ident, (uint64_t)state->inner};
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
            digest = (digest ^ words[k]) * 0x100000001b3u;
    }
    return digest;
}

static bool states_read(struct crowd *crowd, const struct python *python)
{
    uint64_t last = 0;
    bool was_right = false, is_right;
    crowd->is_whole = false;
    for (uint32_t i = 0; i < LISTINGS && !crowd->is_whole; i++) {
        if (!states_list(crowd, python, &is_right))
            return false;
        const uint64_t digest = states_digest(crowd);
        crowd->is_whole = i > 0 && is_right && was_right && digest == last;
        was_right = is_right;
        last = digest;
        if (i > 1 && !crowd->is_whole)
            usleep(NAP_US);
    }
    return true;
}

/* ---- names ---- */

static int ident_order(const void *a, const void *b)
{
    const struct crowd_state *const one = *(struct crowd_state *const *)a;
    const struct crowd_state *const other = *(struct crowd_state *const *)b;
    if (one->interp != other->interp)
        return one->interp < other->interp ? -1 : 1;
    return (one->ident > other->ident) - (one->ident < other->ident);
}

/* A name was read; how many new ones that makes. */
static uint32_t name_keep(struct crowd_state *state, const char *name, uint32_t len)
{
    state->is_named = state->name_len == len && memcmp(state->name, name, len) == 0;
    memcpy(state->name, name, len);
    state->name_len = len;
    return !state->is_named;
}

/* The names in one interpreter's threading._active, for its states; how many are new. */
static uint32_t names_take(const struct python *python, struct crowd_state **states, uint32_t n)
{
    const struct pyver *const ver = &python->interp.ver;
    struct active_hints hints = {0};
    uint32_t n_new = 0;
    outside_forget(LOADS);
    const struct entries active = active_find(ver, states[0]->interp, &hints);
    for (uint32_t i = 0; i < active.n && !outside_is_spent(); i++) {
        struct crowd_state key = {.interp = states[0]->interp}, *wanted = &key;
        uintptr_t number, object;
        char name[CROWD_NAME_MAX];
        uint32_t len = 0;
        if (!entries_get(&active, i, &number, &object) || !object_int(ver, number, &key.ident))
            continue;
        struct crowd_state **found = bsearch(&wanted, states, n, sizeof *states, ident_order);
        if (found == NULL ||
            active_name(ver, object, key.ident, name, sizeof name, &len, &hints) != ACTIVE_NAMED)
            continue;
        while (found > states && found[-1]->ident == key.ident)
            found--;
        for (; found < states + n && (*found)->ident == key.ident; found++)
            n_new += name_keep(*found, name, len);
    }
    return n_new;
}

/* Until two readings give the same names; of threads that come and go meanwhile, those that were
 * the same. */
static void names_of_interp(const struct python *python, struct crowd_state **states, uint32_t n)
{
    for (uint32_t i = 0; i < NAME_TRIES; i++)
        if (names_take(python, states, n) == 0)
            break;
    for (uint32_t i = 0; i < n; i++)
        states[i]->name_len = states[i]->is_named ? states[i]->name_len : 0;
}

static bool names_read(struct crowd *crowd, const struct python *python)
{
    struct crowd_state **const states = malloc((crowd->n_states + 1ull) * sizeof *states);
    if (states == NULL)
        return false;
    for (uint32_t i = 0; i < crowd->n_states; i++)
        states[i] = &crowd->states[i];
    qsort(states, crowd->n_states, sizeof *states, ident_order);
    for (uint32_t i = 0, k; i < crowd->n_states; i = k) {
        for (k = i + 1; k < crowd->n_states && states[k]->interp == states[i]->interp;)
            k++;
        names_of_interp(python, states + i, k - i);
    }
    free(states);
    return true;
}

/* ---- all of it ---- */

/* The thread that a state is of; where Python's number is not one of ours, as after a fork of a
 * version that does not renew it, libc's is. */
static void state_match(struct crowd *crowd, const struct python *python, struct crowd_state *state)
{
    uint32_t bad = 0;
    struct crowd_task *task = task_find(crowd, state->inner);
    if (task == NULL && state->ident != 0 && python->tid_offset != 0)
        task =
            task_find(crowd, (pid_t)peek_u32((uintptr_t)state->ident + python->tid_offset, &bad));
    if (task == NULL || bad)
        return;
    state->tid = task->tid;
    task->has_state = true;
}

bool crowd_read(struct crowd *crowd, pid_t pid, const struct python *python)
{
    if (!states_read(crowd, python) || !tasks_read(crowd, pid) || !names_read(crowd, python))
        return false;
    outside_forget(LOADS);
    for (uint32_t i = 0; i < crowd->n_states; i++)
        state_match(crowd, python, &crowd->states[i]);
    return true;
}
