/* SPDX-License-Identifier: MIT */
#include "threads.h"
#include "clock.h"
#include "peek.h"
#include "reserve.h"
#include <string.h>

#define TRIES 3

bool threads_init(struct threads *threads, const struct interp *interp)
{
    memset(threads, 0, sizeof(*threads));
    threads->interp = interp;
    threads->list = reserve_memory(THREADS_MAX * sizeof(struct thread));
    threads->next_id = 1;
    return threads->list != NULL;
}

void threads_reset(struct threads *threads)
{
    reserve_wipe(threads->list, THREADS_MAX * sizeof(struct thread));
    threads->n = 0;
    threads->next_id = 1;
    threads->n_marks = 0;
    threads->unbound = 0;
    memset(threads->own_tids, 0, sizeof(threads->own_tids));
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
    out->ident = peek(tstate + ver->thread.thread_id, &bad);
    if (out->ident != 0 && out->ident == threads->fork_ident)
        out->tid = threads->fork_tid; /* until the child has cleaned up, the old id stands there */
    else if (ver->thread.native_id != PYVER_NONE)
        out->tid = (int32_t)peek(tstate + ver->thread.native_id, &bad);
    else
        out->tid = out->ident ? tid_of_pthread(out->ident) : 0;
    return !bad;
}

struct thread *threads_find(struct threads *threads, uintptr_t tstate)
{
    for (uint32_t i = 0; i < threads->n; i++)
        if (threads->list[i].tstate == tstate)
            return &threads->list[i];
    return NULL;
}

static bool tid_is_own(const struct threads *threads, int32_t tid)
{
    return tid == threads->own_tids[0] || tid == threads->own_tids[1];
}

static struct thread *find_tid(struct threads *threads, uintptr_t interp, int32_t tid)
{
    for (uint32_t i = 0; i < threads->n; i++)
        if (threads->list[i].tid == tid && threads->list[i].interp == interp)
            return &threads->list[i];
    return NULL;
}

static void thread_add(struct threads *threads, uintptr_t tstate, uintptr_t interp,
                       const struct identity *identity)
{
    if (threads->n == THREADS_MAX) {
        threads->refused++;
        return;
    }
    uint32_t bad = 0;
    struct thread *const thread = &threads->list[threads->n];
    memset(thread, 0, sizeof(*thread));
    thread->tstate = tstate;
    thread->interp = interp;
    thread->interp_id = peek(interp + threads->interp->ver.interp.id, &bad);
    thread->tstate_id = identity->tstate_id;
    thread->ident = identity->ident;
    thread->tid = identity->tid;
    thread->id = threads->next_id++;
    thread->start_ns = clock_now();
    thread->call_fd = -1;
    thread->full = true;
    threads->n++;
}

bool threads_linked(const struct threads *threads, const struct thread *thread)
{
    const struct pyver *const ver = &threads->interp->ver;
    uint32_t bad = 0;
    if (thread->tstate == 0 || peek(thread->tstate + ver->thread.interp, &bad) != thread->interp)
        return false;
    const uintptr_t previous = peek(thread->tstate + ver->thread.prev, &bad);
    const uintptr_t link = previous ? peek(previous + ver->thread.next, &bad)
                                    : peek(thread->interp + ver->interp.threads_head, &bad);
    return !bad && link == thread->tstate &&
           peek(thread->tstate + ver->thread.id, &bad) == thread->tstate_id && !bad;
}

/* A tstate of the list: known, new, or not bound to its thread yet. */
static void tstate_seen(struct threads *threads, uintptr_t tstate, uintptr_t interp)
{
    struct identity identity;
    if (!identity_load(threads, tstate, &identity))
        return;
    const struct thread *const known = threads_find(threads, tstate);
    if (known != NULL && known->tstate_id == identity.tstate_id && known->tid == identity.tid)
        return;
    if (identity.tid == 0 || clock_of_thread(identity.tid) == UINT64_MAX) {
        threads->unbound++;
        return;
    }
    if (tid_is_own(threads, identity.tid))
        return;
    struct thread *const same = find_tid(threads, interp, identity.tid);
    if (same == NULL) {
        thread_add(threads, tstate, interp, &identity);
    } else if (threads_linked(threads, same)) {
        threads->unbound++; /* up to 3.11 a new tstate carries its parent's ids until it runs */
    } else {                /* a thread of C's that came back to Python with another tstate */
        same->tstate = tstate;
        same->tstate_id = identity.tstate_id;
        same->ident = identity.ident;
    }
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

static struct interp_mark *mark_find(struct threads *threads, uintptr_t state)
{
    for (uint32_t i = 0; i < threads->n_marks; i++)
        if (threads->marks[i].state == state)
            return &threads->marks[i];
    if (threads->n_marks == THREADS_INTERPS)
        threads->n_marks = 0; /* interpreters that are long gone; the others are found again */
    struct interp_mark *const mark = &threads->marks[threads->n_marks++];
    *mark = (struct interp_mark){.state = state};
    return mark;
}

static void interp_refresh(struct threads *threads, uintptr_t state, bool again)
{
    const struct pyver *const ver = &threads->interp->ver;
    struct interp_mark *const mark = mark_find(threads, state);
    for (int i = 0; i < TRIES; i++) {
        uint32_t bad = 0;
        const uintptr_t head = peek(state + ver->interp.threads_head, &bad);
        const uint64_t id = head ? peek(head + ver->thread.id, &bad) : 0;
        if (bad || (head == mark->head && id == mark->head_id && !again))
            return;
        if (list_walk(threads, state, head)) {
            mark->head = head;
            mark->head_id = id;
            return;
        }
    }
    mark->head = UINTPTR_MAX; /* look again at the next tick */
}

void threads_refresh(struct threads *threads)
{
    const struct pyver *const ver = &threads->interp->ver;
    const bool again = threads->unbound > 0;
    uint32_t bad = 0;
    threads->unbound = 0;
    uintptr_t state = peek(threads->interp->runtime + ver->runtime.interpreters_head, &bad);
    for (uint32_t n = 0; state != 0 && !bad && n < THREADS_INTERPS; n++) {
        interp_refresh(threads, state, again);
        state = peek(state + ver->interp.next, &bad);
    }
}

void threads_remove(struct threads *threads, uint32_t i)
{
    threads->list[i] = threads->list[--threads->n];
}
