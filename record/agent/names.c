/* SPDX-License-Identifier: MIT */
#include "names.h"
#include "clock.h"
#include "peek.h"
#include "reserve.h"
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_SOON_NS  20000000u    /* after a look, before the next for the sake of new threads */
#define LOOK_FIRST_NS 50000000u    /* after new threads: they may get a name yet; first soon, .. */
#define LOOK_LAST_NS  16000000000u /* .. then ever more rarely */
#define UNSERVED_NS   200000000u   /* a pending call nobody has run: all threads are blocked */
#define HELPER_STACK  (64u << 10)

bool names_init(struct names *names, const struct interp *interp)
{
    memset(names, 0, sizeof(*names));
    names->interp = interp;
    names->list = reserve_memory(NAMES_MAX * sizeof(struct name));
    return names->list != NULL;
}

void names_reset(struct names *names)
{
    reserve_wipe(names->list, NAMES_MAX * sizeof(struct name));
    names->n = 0;
    names->known_threads = 0;
    names->next_ns = 0;
    atomic_store(&names->state, NAMES_IDLE);
    atomic_store(&names->helper_tid, 0);
    atomic_store(&names->is_queued, false);
}

/* ---- with the GIL held ---- */

/* The entry of `ident`, or a new one. The dict keeps its order, so it mostly is the next one. */
static struct name *name_find(struct names *names, uint64_t ident)
{
    for (uint32_t i = 0; i < names->n; i++) {
        struct name *const name = &names->list[(names->hint + i) % names->n];
        if (name->ident != ident)
            continue;
        names->hint = (uint32_t)(name - names->list) + 1;
        return name;
    }
    if (names->n == NAMES_MAX)
        return NULL;
    struct name *const name = &names->list[names->n++];
    memset(name, 0, sizeof(*name));
    name->ident = ident;
    names->hint = names->n;
    return name;
}

static void name_take(struct names *names, uint64_t ident, void *text)
{
    const struct interp_calls *const call = &names->interp->call;
    intptr_t size;
    const char *const utf8 = call->utf8(text, &size);
    struct name *const name = utf8 ? name_find(names, ident) : NULL;
    if (name == NULL) {
        call->error_clear();
        return;
    }
    uint32_t len = size < (intptr_t)NAME_LEN ? (uint32_t)size : NAME_LEN;
    while (len < (uint32_t)size && len > 0 && (utf8[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    name->seen = true;
    if (name->len == len && memcmp(name->text, utf8, len) == 0)
        return;
    memcpy(name->text, utf8, len);
    name->len = len;
    name->fresh = true;
}

/* Entries of threads that are gone make room. */
static void names_drop(struct names *names)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < names->n; i++)
        if (names->list[i].seen)
            names->list[n++] = names->list[i];
    names->n = n;
}

static void names_read(struct names *names)
{
    const struct interp_calls *const call = &names->interp->call;
    void *const modules = call->module_dict();
    void *const threading = modules ? call->dict_get(modules, "threading") : NULL;
    void *const active = threading ? call->get_attr(threading, "_active") : NULL;
    intptr_t at = 0;
    void *key, *value;
    if (active == NULL) {
        call->error_clear();
        return;
    }
    names->hint = 0;
    for (uint32_t i = 0; i < names->n; i++)
        names->list[i].seen = false;
    while (call->dict_next(active, &at, &key, &value)) {
        const uint64_t ident = call->as_ulong(key);
        call->incref(value);
        void *const text = call->get_attr(value, "_name"); /* a plain attribute: runs no code */
        if (text != NULL) {
            name_take(names, ident, text);
            call->decref(text);
        }
        call->decref(value);
        call->error_clear();
    }
    call->decref(active);
    names_drop(names);
}

static void names_answer(struct names *names)
{
    if (atomic_load_explicit(&names->state, memory_order_acquire) == NAMES_ASKED) {
        names_read(names);
        atomic_store_explicit(&names->state, NAMES_READ, memory_order_release);
    }
}

/* A pending call: on some thread of the program, between two bytecodes. */
static int names_pending(void *opaque)
{
    struct names *const names = opaque;
    atomic_store(&names->is_queued, false);
    names_answer(names);
    return 0;
}

static bool interpreter_lives(const struct names *names)
{
    const struct interp *const interp = names->interp;
    uint32_t bad = 0;
    return interp->call.is_initialized() &&
           peek(interp->runtime + interp->ver.runtime.finalizing, &bad) == 0 && !bad;
}

/*
 * We may have waited long for a CPU, and the interpreter may be gone since we were made: so that is
 * looked at once more at the last moment. (Waiting for the GIL of one that ends is safe.)
 */
static void *names_helper(void *opaque)
{
    struct names *const names = opaque;
    prctl(PR_SET_NAME, "pyrec-names");
    atomic_store(&names->helper_tid, (int32_t)syscall(SYS_gettid));
    if (interpreter_lives(names)) {
        const int state = names->interp->call.gil_ensure();
        names_answer(names);
        names->interp->call.gil_release(state);
    }
    atomic_store(&names->helper_tid, 0);
    return NULL;
}

/* ---- on the sampler ---- */

static bool helper_start(struct names *names)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (atomic_load(&names->helper_tid) != 0)
        return true; /* it still waits for the GIL */
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, HELPER_STACK);
    const bool ok = pthread_create(&thread, &attributes, names_helper, names) == 0;
    pthread_attr_destroy(&attributes);
    return ok;
}

/* Before 3.12 only the main thread runs pending calls. */
static bool main_only(const struct names *names)
{
    return names->interp->ver.minor < 12 || names->interp->call.add_pending_any == NULL;
}

static bool pending_put(struct names *names)
{
    const struct interp_calls *const call = &names->interp->call;
    uint32_t bad = 0;
    if (main_only(names))
        return call->add_pending(names_pending, names) == 0;
    void *const state =
        (void *)peek(names->interp->runtime + names->interp->ver.runtime.interpreters_head, &bad);
    if (state == NULL)
        return false;
    /* same shape from 3.12 on: (interpreter, function, argument, flags); 0 = any thread */
    int (*add)(void *, int (*)(void *), void *, int);
    memcpy(&add, &call->add_pending_any, sizeof(add));
    return add(state, names_pending, names, 0) == 0;
}

/* In the child of a fork: Python has not cleaned up yet, or calls hooks of the program. */
static bool is_forking(struct names *names)
{
    struct place *const then = &names->forked_at;
    if (then->frame == 0)
        return false;
    const struct place now = place_now(names->interp, then);
    if ((now.frame == then->frame && now.instr == then->instr) ||
        place_is_under(names->interp, then))
        return true;
    then->frame = 0;
    return false;
}

static bool interpreter_is_up(struct names *names)
{
    return !is_forking(names) && interpreter_lives(names);
}

/* One that was not run yet will do. */
static bool pending_add(struct names *names)
{
    if (atomic_load(&names->is_queued))
        return true;
    atomic_store(&names->is_queued, true);
    const bool ok = pending_put(names);
    if (!ok)
        atomic_store(&names->is_queued, false);
    return ok;
}

static bool main_is_blocked(const struct threads *threads)
{
    const int32_t pid = getpid();
    for (uint32_t i = 0; i < threads->n; i++)
        if (threads->list[i].tid == pid)
            return threads->list[i].samples > 0 &&
                   (threads->list[i].state & (WIRE_ON_CPU | WIRE_READY)) == 0;
    return true; /* it has ended */
}

/* Ask whoever will answer soonest. A single thread is never asked but by a pending call. */
static bool somebody_ask(struct names *names, const struct threads *threads)
{
    if (main_only(names) && threads->n > 1 && main_is_blocked(threads))
        return helper_start(names);
    return pending_add(names) || (threads->n > 1 && helper_start(names));
}

void names_ask(struct names *names, const struct threads *threads, uint64_t now_ns)
{
    const uint32_t newest = threads->next_id;
    const uint32_t state = atomic_load_explicit(&names->state, memory_order_acquire);
    if (state == NAMES_ASKED) {
        /* a single thread will run the call itself; and it may fork, alone, without a warning */
        if (now_ns - names->asked_ns > UNSERVED_NS && threads->n > 1 && interpreter_is_up(names)) {
            names->asked_ns = now_ns;
            helper_start(names);
        }
        return;
    }
    if (state == NAMES_READ || threads->n == 0 || !interpreter_is_up(names))
        return;
    if (newest != names->known_threads && now_ns - names->asked_ns >= LOOK_SOON_NS)
        names->wait_ns = LOOK_FIRST_NS;
    else if (now_ns < names->next_ns)
        return;
    names->known_threads = newest;
    names->next_ns = now_ns + names->wait_ns;
    names->wait_ns = names->wait_ns * 2 > LOOK_LAST_NS ? LOOK_LAST_NS : names->wait_ns * 2;
    names->asked_ns = now_ns;
    atomic_store_explicit(&names->state, NAMES_ASKED, memory_order_release);
    if (!somebody_ask(names, threads))
        atomic_store_explicit(&names->state, NAMES_IDLE, memory_order_release);
}

void names_drain(struct names *names, struct threads *threads, struct report *report)
{
    if (atomic_load_explicit(&names->state, memory_order_acquire) != NAMES_READ)
        return;
    for (uint32_t k = 0; k < threads->n && !report->full; k++) {
        struct thread *const thread = &threads->list[k];
        for (uint32_t i = 0; i < names->n; i++) {
            const struct name *const name = &names->list[i];
            if (name->ident != thread->ident || (thread->named && !name->fresh))
                continue;
            if (!thread->announced)
                break;
            report_thread_name(report, thread->id, name->text, name->len);
            thread->named = true;
            break;
        }
    }
    for (uint32_t i = 0; i < names->n && !report->full; i++)
        names->list[i].fresh = false;
    atomic_store_explicit(&names->state, NAMES_IDLE, memory_order_release);
}
