/* SPDX-License-Identifier: MIT */
#include "labels.h"
#include "record/agent/base/fnv.h"
#include "record/agent/base/peek.h"
#include "record/agent/base/reserve.h"
#include <string.h>

#define LOOK_FIRST_NS 20000000u
#define LOOK_LAST_NS  200000000u  /* until a loop was found .. */
#define LOOK_AGAIN_NS 1000000000u /* .. and then: there may be another interpreter */
#define FORCED_MAX    64u         /* where coroutines are run by somebody else */
#define INTERPS_MAX   64u         /* that are looked at */
#define SLOTS         (2 * LABELS_MAX)

bool labels_init(struct labels *labels, const struct interp *interp)
{
    memset(labels, 0, sizeof(*labels));
    labels->interp = interp;
    labels->wait_ns = LOOK_FIRST_NS;
    labels->hashes = reserve_memory(SLOTS * sizeof(uint64_t));
    labels->numbers = reserve_memory(SLOTS * sizeof(uint16_t));
    return labels->hashes != NULL && labels->numbers != NULL;
}

void labels_free(struct labels *labels)
{
    reserve_give_back(&labels->hashes, SLOTS * sizeof(uint64_t));
    reserve_give_back(&labels->numbers, SLOTS * sizeof(uint16_t));
    memset(labels, 0, sizeof(*labels));
}

void labels_reset(struct labels *labels)
{
    reserve_wipe(labels->hashes, SLOTS * sizeof(uint64_t)); /* one may be there that has no number */
    labels->n = labels->n_given = labels->n_forced = 0;
    labels->next_ns = 0;
    labels->wait_ns = LOOK_FIRST_NS;
}

/* ---- where the running tasks are ---- */

static void interp_note(struct labels *labels, uintptr_t state, uintptr_t current)
{
    for (unsigned i = 0; i < LABELS_INTERPS; i++) {
        struct label_interp *const known = &labels->interps[i];
        const uintptr_t its = atomic_load_explicit(&known->state, memory_order_relaxed);
        if (its != 0 && its != state)
            continue;
        atomic_store_explicit(&known->current, current, memory_order_relaxed);
        atomic_store_explicit(&known->state, state, memory_order_relaxed);
        return;
    }
}

static void look(struct labels *labels)
{
    const struct pyver *const ver = &labels->interp->ver;
    uint32_t bad = 0;
    uintptr_t state = peek(labels->interp->runtime + ver->runtime.interpreters_head, &bad);
    for (uint32_t n = 0; state != 0 && !bad && n < INTERPS_MAX; n++) {
        const uintptr_t current = task_current(ver, state, &labels->hint);
        if (current != 0)
            interp_note(labels, state, current);
        labels->has_current |= current != 0;
        if (ver->frames == FRAMES_OBJECTS && (current != 0 || task_has_loops(ver, state)))
            atomic_store_explicit(&labels->has_loops, true, memory_order_relaxed);
        state = peek(state + ver->interp.next, &bad);
    }
}

static bool is_in_tstate(const struct labels *labels)
{
    return labels->interp->ver.thread.running_task != PYVER_NONE;
}

void labels_look(struct labels *labels, uint64_t now_ns)
{
    if (is_in_tstate(labels) || now_ns < labels->next_ns)
        return;
    look(labels);
    if (labels->has_current)
        labels->wait_ns = LOOK_AGAIN_NS;
    else
        labels->wait_ns = labels->wait_ns * 2 > LOOK_LAST_NS ? LOOK_LAST_NS : labels->wait_ns * 2;
    labels->next_ns = now_ns + labels->wait_ns;
}

/* A coroutine was seen, and nobody has yet found who runs it: is it asyncio? Then what its task is
 * called was not looked at. */
static bool is_new_to_asyncio(struct labels *labels)
{
    if (is_in_tstate(labels) || labels->has_current || labels->n_forced == FORCED_MAX)
        return false;
    labels->n_forced++;
    look(labels);
    return labels->has_current;
}

uintptr_t labels_current(const struct labels *labels, uintptr_t state)
{
    for (unsigned i = 0; i < LABELS_INTERPS; i++)
        if (atomic_load_explicit(&labels->interps[i].state, memory_order_relaxed) == state)
            return atomic_load_explicit(&labels->interps[i].current, memory_order_relaxed);
    return 0;
}

/* ---- numbers ---- */

/* Where a text is, or would be. */
static uint32_t slot_of(const struct labels *labels, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 32) % SLOTS;
    while (labels->hashes[at] != 0 && labels->hashes[at] != hash)
        at = (at + 1) % SLOTS;
    return at;
}

/* Its number; a new one if `may_add` and there is room for it. */
static uint32_t text_number(struct labels *labels, const char *text, uint32_t len, bool may_add,
                            labels_new_fn *add, void *closure)
{
    const uint64_t hash = fnv_of(text, len);
    const uint32_t at = slot_of(labels, hash);
    if (labels->hashes[at] != 0)
        return labels->numbers[at];
    if (!may_add || labels->n == LABELS_MAX - 1 || !add(closure, labels->n + 1, text, len))
        return 0;
    labels->hashes[at] = hash;
    labels->numbers[at] = (uint16_t)++labels->n;
    return labels->n;
}

uint32_t labels_number(struct labels *labels, const struct task_name *name, labels_new_fn *add,
                       void *closure)
{
    if (name->coroutine_len > 0 && is_new_to_asyncio(labels))
        return 0;
    if (name->given_len > 0) {
        const uint32_t before = labels->n;
        const uint32_t number = text_number(labels, name->given, name->given_len,
                                            labels->n_given < LABELS_GIVEN, add, closure);
        labels->n_given += labels->n - before;
        if (number != 0)
            return number;
    }
    return name->coroutine_len == 0
               ? 0
               : text_number(labels, name->coroutine, name->coroutine_len, true, add, closure);
}
