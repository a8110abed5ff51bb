/* SPDX-License-Identifier: MIT */
#include "thread_names.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/fnv.h"
#include "record/agent/base/peek.h"
#include "record/agent/cpython/objects.h"

#define LOOK_FIRST_NS 50000000u   /* after new threads: they may get a name yet; first soon, .. */
#define LOOK_LAST_NS  1000000000u /* .. then ever more rarely */
#define LOOK_SLICE_NS 200000u     /* in one tick, of a look at all of them */
#define LOOK_REST     100u        /* times what it took until the next one: 1 % of a CPU at most */
#define LOOK_REST_NS  UINT64_C(30000000000) /* but no longer */
#define LOOKS         16u                   /* in a row, for a thread that has no name */
#define TRIES         3                     /* for one whose object changes under the reading */

static const struct names_place names_begin = {.below = UINT32_MAX};

void thread_names_init(struct thread_names *names, const struct interp *interp)
{
    *names = (struct thread_names){.interp = interp, .at = names_begin};
}

void thread_names_reset(struct thread_names *names)
{
    thread_names_init(names, names->interp);
}

/* ---- one thread ---- */

static void name_report(struct thread *thread, const struct early_name *name,
                        struct wire_writer *writer)
{
    const uint64_t hash = fnv_of(name->text, name->len);
    if (hash == thread->name_hash)
        return;
    wire_writer_thread_name(writer, thread->id, name->text, name->len);
    if (!writer->full) /* else again at the next look */
        thread->name_hash = hash;
}

/* ---- before they are announced ---- */

static struct early_name *early_find(struct thread_names *names, const struct thread *thread)
{
    for (uint32_t i = 0; i < NAMES_EARLY; i++)
        if (names->early[i].thread == thread->id)
            return &names->early[i];
    return NULL;
}

static void early_keep(struct thread_names *names, const struct thread *thread,
                       const struct early_name *name)
{
    struct early_name *early = early_find(names, thread);
    if (early == NULL)
        early = &names->early[names->n_early++ % NAMES_EARLY];
    *early = *name;
}

void thread_names_end(struct thread_names *names, struct thread *thread, struct wire_writer *writer)
{
    struct early_name *const early = early_find(names, thread);
    if (early == NULL)
        return;
    if (thread->announced && thread->name_hash == 0)
        name_report(thread, early, writer);
    early->thread = 0;
}

/* ---- all of them ---- */

struct look {
    uint32_t wanted; /* how many are looked for, at most */
    uint64_t end_ns; /* no longer than until then */
    struct names_place at;
};

static struct thread *thread_of(struct threads *threads, uint64_t ident, uint32_t *hint)
{
    for (uint32_t k = 0; k < threads->n; k++) {
        const uint32_t i = (*hint + k) % threads->n;
        if (threads->list[i].ident == ident) {
            *hint = i + threads->n - 1; /* we go from the newest to the oldest */
            return &threads->list[i];
        }
    }
    return NULL;
}

static bool lacks_name(const struct thread *thread)
{
    return thread->name_hash == 0 && thread->name_looks < LOOKS && !thread->is_c;
}

/* The one at that place of the dict. True: it has lacked a name, and is known now. */
static bool entry_look(struct thread_names *names, struct threads *threads,
                       struct wire_writer *writer, uintptr_t state, const struct entries *active,
                       uint32_t i, uint32_t *hint)
{
    const struct pyver *const ver = &names->interp->ver;
    uintptr_t key, object, again;
    uint64_t ident;
    if (!entries_get(active, i, &key, &object) || !object_int(ver, key, &ident))
        return false;
    struct thread *const thread = thread_of(threads, ident, hint);
    if (thread == NULL || thread->bound.n == 0 || thread->bound.list[0].interp != state)
        return false;
    struct early_name name = {.thread = thread->id};
    enum active_found found = ACTIVE_MOVED;
    for (int k = 0; k < TRIES && found == ACTIVE_MOVED; k++)
        found = active_name(ver, object, ident, name.text, NAME_LEN, &name.len, &names->hints);
    if (found != ACTIVE_NAMED || !entries_get(active, i, &key, &again) || again != object)
        return false;
    const bool has_lacked = lacks_name(thread);
    if (thread->announced)
        name_report(thread, &name, writer);
    else
        early_keep(names, thread, &name);
    return has_lacked;
}

/*
 * The threads of one interpreter, of all that have entered it those that were in none before: the
 * names of a thread's first interpreter are its names. New threads are at the end of the dict.
 */
static void interp_look(struct thread_names *names, struct threads *threads,
                        struct wire_writer *writer, uintptr_t state, struct look *look)
{
    const struct entries active = active_find(&names->interp->ver, state, &names->hints);
    uint32_t hint = threads->n > 0 ? threads->n - 1 : 0;
    uint32_t i = look->at.below < active.n ? look->at.below : active.n;
    bool has_time = true;
    while (i > 0 && look->wanted > 0 && !writer->full && has_time) {
        i--;
        look->wanted -= entry_look(names, threads, writer, state, &active, i, &hint);
        has_time = clock_now() < look->end_ns;
    }
    look->at.below = i;
}

/* From its place on. True: it has come through, and its place is the beginning again. */
static bool look_go_on(struct thread_names *names, struct threads *threads,
                       struct wire_writer *writer, struct look *look)
{
    const struct pyver *const ver = &names->interp->ver;
    const uint32_t first = look->at.interp;
    uint32_t bad = 0;
    uintptr_t state = peek(names->interp->runtime + ver->runtime.interpreters_head, &bad);
    for (uint32_t n = 0; state != 0 && !bad && n < THREADS_INTERPS; n++) {
        if (n >= first) {
            interp_look(names, threads, writer, state, look);
            if (look->at.below > 0) {
                look->at.interp = n;
                return false;
            }
            look->at.below = UINT32_MAX;
        }
        state = peek(state + ver->interp.next, &bad);
    }
    look->at = names_begin;
    return true;
}

/* How many threads are to be named; those that have waited in vain for long are none. */
static uint32_t pending_count(struct thread_names *names, struct threads *threads)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < threads->n; i++) {
        struct thread *const thread = &threads->list[i];
        if (!lacks_name(thread))
            continue;
        thread->name_looks++;
        n++;
    }
    names->is_pending = n > 0;
    return n;
}

/*
 * A look at all of them. Where the kernel reads for us, a name takes 0.1 ms, and threads may be
 * thousands: there it is a slice of it in each tick.
 */
static void all_look(struct thread_names *names, struct threads *threads,
                     struct wire_writer *writer, uint64_t now_ns)
{
    const bool is_dear = careful_calls() > 0;
    const uint64_t begin_cpu_ns = is_dear ? clock_read(CLOCK_THREAD_CPUTIME_ID) : 0;
    struct look look = {UINT32_MAX, is_dear ? clock_now() + LOOK_SLICE_NS : UINT64_MAX, names->at};
    const bool is_through = look_go_on(names, threads, writer, &look);
    if (is_dear)
        names->took_ns += clock_read(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_ns;
    names->at = look.at;
    if (!is_through)
        return;
    const uint64_t rest_ns = names->took_ns * LOOK_REST;
    const uint64_t wait_ns = rest_ns > LOOK_REST_NS ? LOOK_REST_NS : rest_ns;
    names->next_ns = now_ns + (wait_ns > names->wait_ns ? wait_ns : names->wait_ns);
    names->wait_ns = names->wait_ns * 2 > LOOK_LAST_NS ? LOOK_LAST_NS : names->wait_ns * 2;
    names->took_ns = 0;
}

void thread_names_look(struct thread_names *names, struct threads *threads,
                       struct wire_writer *writer, uint64_t now_ns)
{
    if (threads->next_id != names->known_threads) {
        names->known_threads = threads->next_id;
        names->is_pending = true;
        names->wait_ns = LOOK_FIRST_NS;
        names->next_ns = now_ns + LOOK_FIRST_NS;
    }
    const uint32_t pending = names->is_pending ? pending_count(names, threads) : 0;
    if (pending > 0)
        (void)look_go_on(names, threads, writer, &(struct look){pending, UINT64_MAX, names_begin});
    if (now_ns >= names->next_ns)
        all_look(names, threads, writer, now_ns);
}
