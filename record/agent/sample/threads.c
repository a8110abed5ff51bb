/* SPDX-License-Identifier: MIT */
#include "threads.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "record/agent/base/reserve.h"
#include <string.h>
#include <unistd.h>

#define TRIES 3

bool threads_init(struct threads *threads, const struct interp *interp)
{
    memset(threads, 0, sizeof(*threads));
    threads->interp = interp;
    threads->room = THREADS_FIRST;
    threads->list = reserve_memory(THREADS_FIRST * sizeof(struct thread));
    threads->marks = reserve_memory(THREADS_MAX);
    threads->clocks = reserve_memory(THREADS_MAX * sizeof(threads->clocks[0]));
    threads->index_len = THREADS_INDEX_FIRST;
    threads->index = reserve_memory(THREADS_INDEX_FIRST * sizeof(threads->index[0]));
    threads->next_id = 1;
    threads->index_stale = true;
    return threads->list && threads->marks && threads->clocks && threads->index;
}

void threads_free(struct threads *threads)
{
    reserve_give_back(&threads->list, threads->room * sizeof(struct thread));
    reserve_give_back(&threads->marks, THREADS_MAX);
    reserve_give_back(&threads->clocks, THREADS_MAX * sizeof(threads->clocks[0]));
    reserve_give_back(&threads->index, threads->index_len * sizeof(threads->index[0]));
    memset(threads, 0, sizeof(*threads));
}

void threads_reset(struct threads *threads)
{
    reserve_wipe(threads->list, threads->room * sizeof(struct thread));
    threads->n = 0;
    threads->index_stale = true;
    threads->next_id = 1;
    threads->n_lists = 0;
    threads->unbound = 0;
    threads->looked_ns = 0;
    threads->own_tid = 0;
}

/* What a tstate says of the thread that it is for. */
struct identity {
    uint64_t tstate_id, ident;
    int32_t tid;
};

/*
 * glibc keeps the kernel's thread id in the struct that a pthread_t points to, right behind the
 * header and the list of stacks: 720 on x86-64, 208 on aarch64. Believed only if a thread of ours
 * has that id (its CPU clock can be read).
 */
static int32_t tid_of_pthread(uint64_t ident)
{
#if defined(__x86_64__)
    const unsigned offset = 720;
#else
    const unsigned offset = 208;
#endif
    uint32_t bad = 0;
    const int32_t tid = (int32_t)peek_u32((uintptr_t)ident + offset, &bad);
    return bad || tid <= 0 ? 0 : tid;
}

static bool identity_load(const struct threads *threads, uintptr_t tstate, struct identity *out)
{
    const struct pyver *const ver = &threads->interp->ver;
    uint32_t bad = 0;
    out->tstate_id = peek(tstate + ver->thread.id, &bad);
    /* written last by a new thread, read first: when it is its own, the other one is so, too */
    out->tid = ver->thread.native_id != PYVER_NONE
                   ? (int32_t)peek(tstate + ver->thread.native_id, &bad)
                   : 0;
    out->ident = peek(tstate + ver->thread.thread_id, &bad);
    if (out->ident != 0 && out->ident == threads->fork_ident)
        out->tid = threads->fork_tid; /* until the child has cleaned up, the old id stands there */
    else if (ver->thread.native_id == PYVER_NONE)
        out->tid = out->ident ? tid_of_pthread(out->ident) : 0;
    return !bad;
}

/* ---- tstate -> thread ---- */

static uint32_t index_first(const struct threads *threads, uintptr_t tstate)
{
    const uint64_t hash = ((uint64_t)tstate >> 4) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(hash >> 32) & (threads->index_len - 1);
}

static uint32_t index_next(const struct threads *threads, uint32_t i)
{
    return (i + 1) & (threads->index_len - 1);
}

/* Twice as long as what is in it, if that can be had. */
static void index_make_room(struct threads *threads, uint32_t n)
{
    uint32_t len = threads->index_len;
    while (len < 2 * n)
        len *= 2;
    if (len == threads->index_len)
        return;
    const size_t size = sizeof(threads->index[0]);
    if (reserve_grow(&threads->index, threads->index_len * size, len * size))
        threads->index_len = len;
}

/* What finds no room is not found later: one place stays free, so that a search has an end. */
static void index_put(struct threads *threads, uintptr_t tstate, uint32_t entry)
{
    uint32_t i = index_first(threads, tstate);
    if (threads->n_indexed == threads->index_len - 1)
        return;
    threads->n_indexed++;
    while (threads->index[i] != 0)
        i = index_next(threads, i);
    threads->index[i] = (uint16_t)(entry + 1);
}

static void index_rebuild(struct threads *threads)
{
    uint32_t n = 0;
    for (uint32_t entry = 0; entry < threads->n; entry++)
        n += threads->list[entry].bound.n;
    index_make_room(threads, n);
    threads->n_indexed = 0;
    memset(threads->index, 0, threads->index_len * sizeof(threads->index[0]));
    for (uint32_t entry = 0; entry < threads->n; entry++)
        for (unsigned k = 0; k < threads->list[entry].bound.n; k++)
            index_put(threads, threads->list[entry].bound.list[k].tstate, entry);
    threads->index_stale = false;
}

static struct binding *binding_find(struct thread *thread, uintptr_t tstate)
{
    for (unsigned k = 0; k < thread->bound.n; k++)
        if (thread->bound.list[k].tstate == tstate)
            return &thread->bound.list[k];
    return NULL;
}

struct thread *threads_find(struct threads *threads, uintptr_t tstate)
{
    if (threads->index_stale)
        index_rebuild(threads);
    uint32_t i = index_first(threads, tstate);
    for (; threads->index[i] != 0; i = index_next(threads, i)) {
        struct thread *const thread = &threads->list[threads->index[i] - 1];
        if (binding_find(thread, tstate) != NULL)
            return thread;
    }
    return NULL;
}

/* ---- threads ---- */

static struct thread *find_tid(struct threads *threads, int32_t tid)
{
    for (uint32_t i = 0; i < threads->n; i++)
        if (threads->list[i].tid == tid)
            return &threads->list[i];
    return NULL;
}

/*
 * The CPU clock of a new thread when it became one of Python's: a thread that was not there at the
 * last look cannot have used more than the time since then, unless as a thread of C.
 */
static uint64_t zero_find(const struct threads *threads, int32_t tid, uint64_t now)
{
    if (!threads->is_late && (tid == getpid() || threads->looked_ns == 0))
        return tid == getpid() ? threads->main_zero_ns : 0;
    const uint64_t clock = clock_of_thread(tid);
    const uint64_t since = threads->is_late ? 0 : now - threads->looked_ns;
    return clock == UINT64_MAX || clock <= since ? 0 : clock - since;
}

/* Entries may move: only here, while nobody holds one. */
static bool room_make(struct threads *threads)
{
    if (threads->n < threads->room)
        return true;
    if (threads->room == THREADS_MAX)
        return false;
    const size_t size = threads->room * sizeof(struct thread);
    if (!reserve_grow(&threads->list, size, 2 * size))
        return false;
    threads->room *= 2;
    return true;
}

static struct thread *thread_add(struct threads *threads, uint64_t interp_id,
                                 const struct identity *identity)
{
    if (!room_make(threads)) {
        threads->refused++;
        return NULL;
    }
    struct thread *const thread = &threads->list[threads->n];
    memset(thread, 0, sizeof(*thread));
    threads->marks[threads->n] = 0;
    threads->clocks[threads->n] = 0;
    thread->interp_id = interp_id;
    thread->ident = identity->ident;
    thread->tid = identity->tid;
    thread->id = threads->next_id++;
    thread->start_ns = clock_now();
    thread->cpu_zero_ns = zero_find(threads, thread->tid, thread->start_ns);
    thread->files = STANDING_NO_FILES;
    thread->full = true;
    threads->n++;
    return thread;
}

/* Is the tstate still in its interpreter's list? */
static bool is_linked(const struct threads *threads, const struct binding *binding)
{
    const struct pyver *const ver = &threads->interp->ver;
    uint32_t bad = 0;
    if (peek(binding->tstate + ver->thread.interp, &bad) != binding->interp)
        return false;
    const uintptr_t previous = peek(binding->tstate + ver->thread.prev, &bad);
    const uintptr_t link = previous ? peek(previous + ver->thread.next, &bad)
                                    : peek(binding->interp + ver->interp.threads_head, &bad);
    return !bad && link == binding->tstate &&
           peek(binding->tstate + ver->thread.id, &bad) == binding->id && !bad;
}

const struct binding *threads_binding(const struct threads *threads, const struct thread *thread)
{
    const struct binding *newest = NULL;
    bool newest_runs = false;
    for (unsigned k = 0; k < thread->bound.n; k++) {
        const struct binding *const binding = &thread->bound.list[k];
        if (!is_linked(threads, binding))
            continue;
        const bool runs =
            thread->bound.n > 1 && capture_has_frames(threads->interp, binding->tstate);
        if (newest == NULL || runs || !newest_runs) {
            newest = binding;
            newest_runs = runs;
        }
    }
    return newest;
}

/* Bind a tstate to a thread; those that are gone are dropped. False when the thread has another
 * one of this interpreter that lives. */
static bool bind(struct threads *threads, struct thread *thread, const struct binding *binding)
{
    struct bindings *const bound = &thread->bound;
    unsigned n = 0;
    for (unsigned k = 0; k < bound->n; k++) {
        const bool linked = is_linked(threads, &bound->list[k]);
        if (linked && bound->list[k].interp == binding->interp)
            return false;
        if (linked)
            bound->list[n++] = bound->list[k];
    }
    if (n == BINDINGS_MAX)
        memmove(&bound->list[0], &bound->list[1], --n * sizeof(bound->list[0]));
    unsigned at = n++;
    for (; at > 0 && bound->list[at - 1].interp_id > binding->interp_id; at--)
        bound->list[at] = bound->list[at - 1];
    bound->list[at] = *binding;
    bound->n = (uint8_t)n;
    threads->index_stale = true;
    return true;
}

/* It was another thread's: up to 3.11 a new tstate has its parent's ids until it runs. */
static void unbind(struct threads *threads, struct thread *thread, uintptr_t tstate)
{
    struct bindings *const bound = &thread->bound;
    unsigned n = 0;
    for (unsigned k = 0; k < bound->n; k++)
        if (bound->list[k].tstate != tstate)
            bound->list[n++] = bound->list[k];
    bound->n = (uint8_t)n;
    threads->index_stale = true;
}

static bool is_known(const struct thread *known, uintptr_t tstate, const struct identity *identity)
{
    if (known == NULL || known->tid != identity->tid)
        return false;
    for (unsigned k = 0; k < known->bound.n; k++)
        if (known->bound.list[k].tstate == tstate)
            return known->bound.list[k].id == identity->tstate_id;
    return false;
}

/* A tstate that is new, or not bound to its thread yet. */
static void tstate_settle(struct threads *threads, uintptr_t tstate, uintptr_t interp)
{
    struct identity identity;
    if (!identity_load(threads, tstate, &identity))
        return;
    struct thread *const known = threads_find(threads, tstate);
    if (is_known(known, tstate, &identity))
        return;
    if (identity.tid == 0 || clock_of_thread(identity.tid) == UINT64_MAX) {
        threads->unbound++;
        return;
    }
    if (identity.tid == threads->own_tid)
        return;
    if (known != NULL && known->tid != identity.tid)
        unbind(threads, known, tstate);
    uint32_t bad = 0;
    const struct binding binding = {
        .tstate = tstate,
        .interp = interp,
        .id = identity.tstate_id,
        .interp_id = peek(interp + threads->interp->ver.interp.id, &bad),
    };
    struct thread *thread = find_tid(threads, identity.tid);
    if (thread == NULL)
        thread = thread_add(threads, binding.interp_id, &identity);
    if (thread == NULL)
        return;
    if (bind(threads, thread, &binding)) {
        thread->ident = identity.ident;
        if (thread->is_c) {
            thread->interp_id = binding.interp_id;
            thread->announced = false; /* once more, as one of Python's */
        }
        thread->is_c = false;
    } else {
        threads->unbound++; /* one of the two has the other's ids still */
    }
}

/* A tstate of the list. What a new one says depends on the order in which it is read. */
static void tstate_seen(struct threads *threads, uintptr_t tstate, uintptr_t interp)
{
    struct identity identity;
    if (!identity_load(threads, tstate, &identity) ||
        is_known(threads_find(threads, tstate), tstate, &identity))
        return;
    const bool was_reading = careful_reading_pause();
    tstate_settle(threads, tstate, interp);
    careful_reading_resume(was_reading);
}

/* Walk one interpreter's list. False when it changed under the walk. */
static bool list_walk(struct threads *threads, uintptr_t interp, uintptr_t head)
{
    const struct pyver *const ver = &threads->interp->ver;
    uintptr_t previous = 0;
    uint32_t bad = 0;
    uint32_t n = 0;
    for (uintptr_t at = head; at != 0; n++) {
        if (peek(at + ver->thread.interp, &bad) != interp ||
            peek(at + ver->thread.prev, &bad) != previous || bad || n > THREADS_MAX * 2)
            return false;
        tstate_seen(threads, at, interp);
        previous = at;
        at = peek(at + ver->thread.next, &bad);
        if (bad)
            return false;
    }
    return true;
}

static struct interp_list *list_find(struct threads *threads, uintptr_t state)
{
    for (uint32_t i = 0; i < threads->n_lists; i++)
        if (threads->lists[i].state == state)
            return &threads->lists[i];
    if (threads->n_lists == THREADS_INTERPS)
        threads->n_lists = 0; /* interpreters that are long gone; the others are found again */
    struct interp_list *const list = &threads->lists[threads->n_lists++];
    *list = (struct interp_list){.state = state};
    return list;
}

static void interp_refresh(struct threads *threads, uintptr_t state, bool again)
{
    const struct pyver *const ver = &threads->interp->ver;
    struct interp_list *const list = list_find(threads, state);
    for (int i = 0; i < TRIES; i++) {
        uint32_t bad = 0;
        if (i > 0)
            careful_reading_begin(CAREFUL_LISTS); /* as it is now */
        const uintptr_t head = peek(state + ver->interp.threads_head, &bad);
        const uint64_t id = head ? peek(head + ver->thread.id, &bad) : 0;
        if (bad || (head == list->head && id == list->head_id && !again))
            return;
        if (list_walk(threads, state, head)) {
            list->head = head;
            list->head_id = id;
            return;
        }
    }
    list->head = UINTPTR_MAX; /* look again at the next tick */
}

void threads_refresh(struct threads *threads)
{
    const struct pyver *const ver = &threads->interp->ver;
    const bool again = threads->unbound > 0;
    const uint64_t now = clock_now(); /* a thread that comes while we look has not been here */
    uint32_t bad = 0;
    threads->unbound = 0;
    uintptr_t state = peek(threads->interp->runtime + ver->runtime.interpreters_head, &bad);
    for (uint32_t n = 0; state != 0 && !bad && n < THREADS_INTERPS; n++) {
        interp_refresh(threads, state, again);
        state = peek(state + ver->interp.next, &bad);
    }
    threads->looked_ns = now;
}

bool threads_has_tid(const struct threads *threads, int32_t tid)
{
    for (uint32_t i = 0; i < threads->n; i++)
        if (threads->list[i].tid == tid)
            return true;
    return tid == threads->own_tid;
}

void threads_add_c(struct threads *threads, int32_t tid, uint64_t ident)
{
    const struct identity identity = {.ident = ident, .tid = tid};
    const uint64_t clock = clock_of_thread(tid);
    struct thread *const thread = clock != UINT64_MAX ? thread_add(threads, 0, &identity) : NULL;
    if (thread == NULL)
        return;
    thread->is_c = true;
    thread->cpu_zero_ns = clock;
}

void threads_note_end(struct threads *threads, int32_t tid, uint64_t cpu_ns)
{
    struct thread *const thread = find_tid(threads, tid);
    if (thread != NULL && cpu_ns >= thread->cpu_ns) /* else another one has its number by now */
        thread->end_cpu_ns = cpu_ns;
}

void threads_remove(struct threads *threads, uint32_t i)
{
    threads->list[i] = threads->list[--threads->n];
    threads->marks[i] = threads->marks[threads->n];
    threads->clocks[i] = threads->clocks[threads->n];
    threads->index_stale = true;
}
