/* SPDX-License-Identifier: MIT */
#include "stall_who.h"

#include "analyze/base/memory.h"
#include "stall_text.h"
#include "wait_across.h"
#include "wait_judge.h"

#include <stdlib.h>
#include <string.h>

#define WORTH_SHARE 0.1 /* of a stall's time: a wait of less is left to the tables */
#define NAMED_MAX   3   /* threads in a sentence */

/* A thread, what it held in all, and where most of that. */
struct holder {
    const struct thread *thread; /* NULL = nobody, or not known */
    uint64_t ns;
    const struct stall_entry *most;
};

struct holders {
    struct holder *list; /* who held most first; the caller's to free */
    size_t n, size;
    uint64_t ns;
};

static int compare_holders(const void *left, const void *right)
{
    const struct holder *const a = left, *const b = right;
    if (a->ns != b->ns)
        return a->ns < b->ns ? 1 : -1;
    return (a->most > b->most) - (a->most < b->most);
}

static struct holders holders_of(const struct stall *stall, enum stall_kind kind)
{
    struct holders holders = {0};
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        size_t k = 0;
        if (e->kind != kind || (kind == STALL_HELD && e->thread == NULL))
            continue;
        while (k < holders.n && holders.list[k].thread != e->thread)
            k++;
        if (k == holders.n) {
            holders.list =
                memory_grow(holders.list, &holders.size, holders.n + 1, sizeof *holders.list);
            holders.list[holders.n++] = (struct holder){.thread = e->thread, .most = e};
        }
        struct holder *const h = &holders.list[k];
        h->ns += stall_entry_ns(e);
        holders.ns += stall_entry_ns(e);
        h->most = stall_entry_ns(e) > stall_entry_ns(h->most) ? e : h->most;
    }
    if (holders.n > 1)
        qsort(holders.list, holders.n, sizeof *holders.list, compare_holders);
    return holders;
}

/* ---- the GIL, and the world ---- */

/* "hog 0.400 s (80 %) in hog (app.py:5), ..": every sample says who held it, or had stopped it. */
static const char *seen_text(struct view *view, const struct stalls *stalls,
                             const struct stall *stall, enum stall_kind kind)
{
    struct holders holders = holders_of(stall, kind);
    const char *text = "";
    bool known = false;
    for (size_t i = 0; i < holders.n; i++)
        known |= holders.list[i].thread != NULL;
    for (size_t i = 0; known && i < holders.n && i < NAMED_MAX; i++) {
        const struct holder *const h = &holders.list[i];
        text =
            arena_print(&view->arena, "%s%s%s %s (%.0f %%)", text, i > 0 ? ", " : "",
                        h->thread != NULL ? h->thread->name : "nobody that was seen",
                        stall_seconds_text(view, h->ns), 100 * (double)h->ns / (double)holders.ns);
        if (h->thread != NULL)
            text = arena_print(&view->arena, "%s in %s", text,
                               stall_place_text(view, stalls->scene, h->most->number));
    }
    if (known && holders.n > NAMED_MAX)
        text = arena_print(&view->arena, "%s, and %zu more", text, holders.n - NAMED_MAX);
    if (!known)
        text = kind == STALL_GIL ? "cannot be told: the recording does not say who held it"
                                 : "cannot be told: no recorded thread was seen to stop it";
    free(holders.list);
    return text;
}

static uint64_t world_ns_of(const struct stall *stall)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < stall->n; i++)
        sum_ns += stall->entries[i].kind == STALL_WORLD ? stall_entry_ns(&stall->entries[i]) : 0;
    return sum_ns;
}

/* ---- locks ---- */

static enum wait_kind most_waited(const struct stall *stall)
{
    enum wait_kind most = WAIT_NONE;
    for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
        most = stall->lock_ns[kind] > stall->lock_ns[most] ? (enum wait_kind)kind : most;
    return most;
}

static enum stall_unheld largest_unheld(const struct stall *stall)
{
    enum stall_unheld most = UNHELD_NOBODY_RAN;
    for (int why = 0; why < UNHELD_COUNT; why++)
        most = stall->unheld_ns[why] > stall->unheld_ns[most] ? (enum stall_unheld)why : most;
    return most;
}

/* Its name; with that of its process, where it is another one's. */
static const char *name_of(struct view *view, const struct stall *stall,
                           const struct thread *thread)
{
    if (thread->process == stall->thread->process)
        return thread->name;
    return arena_print(&view->arena, "%s of process %s", thread->name,
                       view_name_process(view, thread->process));
}

/* A lock that another process may have, which no thread of this one was seen to let go. */
static const char *shared_text(struct view *view, const struct stall *stall)
{
    return arena_print(
        &view->arena,
        "held by another process perhaps: no thread of those that are recorded was "
        "seen to let go; `pyanalyze timeline --from %.3f --to %.3f` shows what the recorded "
        "ones did then",
        (double)stall->begin_ns / 1e9, (double)stall->end_ns / 1e9);
}

/* Why it cannot be told, and what would tell. */
static const char *unheld_text(struct view *view, const struct stall *stall, enum wait_kind kind)
{
    const enum stall_unheld why = largest_unheld(stall);
    if (kind == WAIT_SHARED && (why == UNHELD_NOBODY_RAN || why == UNHELD_NOBODY_FITS))
        return shared_text(view, stall);
    switch (why) {
    case UNHELD_SEVERAL:
        return arena_print(&view->arena,
                           "%s and %s went on alike as the wait ended; a higher --rate of pyrec "
                           "tells more threads apart",
                           name_of(view, stall, stall->maybe[0]),
                           name_of(view, stall, stall->maybe[1]));
    case UNHELD_SHORT:
        return "the waits are of less than three samples each; a higher --rate of pyrec tells more";
    case UNHELD_OPEN:
        return "the recording ends with the wait, so nobody was seen to end it; `pyrec dump` of a "
               "program that hangs shows where its threads are";
    case UNHELD_LONG:
        return "the wait is too long to keep all that others did in it; --from and --to around its "
               "end may tell";
    case UNHELD_NOBODY_FITS:
        return "no thread was seen to go on from where it had been as the wait ended: C code, "
               "another process or a timeout may have ended it; else a higher --rate of pyrec "
               "tells more";
    default:
        return "no other thread of the process was seen to run as the wait ended: likely it was a "
               "thread without Python, another process, or a timeout; `pyrec dump` during such a "
               "wait tells more";
    }
}

/* ", blocked in clock_nanosleep": what it did there most. */
static const char *doing_text(struct view *view, const struct scene *scene,
                              const struct stall_entry *e)
{
    static const char *const doing[CLASS_COUNT] = {"running", "running", "waiting for the GIL",
                                                   "blocked", "ready or blocked"};
    int most = 0;
    for (int c = 0; c < CLASS_COUNT; c++)
        most = e->wall_ns[c] > e->wall_ns[most] ? c : most;
    if (e->call != SCENE_NO_CALL)
        return arena_print(&view->arena, "blocked %s",
                           stall_call_text(view, scene->calls[e->call]));
    return doing[most];
}

/* Who it likely was: one thread in full, several by their times. */
static const char *likely_text(struct view *view, const struct stalls *stalls,
                               const struct stall *stall, const struct holders *holders)
{
    const struct holder *const h = &holders->list[0];
    const char *const place = stall_place_text(view, stalls->scene, h->most->number);
    const char *const doing = doing_text(view, stalls->scene, h->most);
    const char *text = "";
    if (holders->n == 1) {
        enum stall_evidence evidence = EVIDENCE_NONE;
        for (size_t i = 0; i < stall->n_peers; i++)
            evidence = stall->peers[i].thread == h->thread ? stall->peers[i].evidence : evidence;
        return arena_print(&view->arena, "likely %s in %s, %s (%s)",
                           name_of(view, stall, h->thread), place, doing,
                           wait_evidence_text(evidence));
    }
    for (size_t i = 0; i < holders->n && i < NAMED_MAX; i++)
        text = arena_print(&view->arena, "%s%s%s %s", text, i > 0 ? ", " : "",
                           name_of(view, stall, holders->list[i].thread),
                           stall_seconds_text(view, holders->list[i].ns));
    if (holders->n > NAMED_MAX)
        text = arena_print(&view->arena, "%s, and %zu more", text, holders->n - NAMED_MAX);
    return arena_print(&view->arena, "likely one after the other: %s; %s most in %s, %s", text,
                       name_of(view, stall, h->thread), place, doing);
}

/* Is it all held by who was past the acquire, and left as the wait ended? */
static bool is_all_sure(const struct stall *stall, const struct holders *holders)
{
    for (size_t i = 0; i < holders->n; i++) {
        for (size_t k = 0; k < stall->n_peers; k++) {
            if (stall->peers[k].thread == holders->list[i].thread &&
                stall->peers[k].evidence != EVIDENCE_BLOCK_LEFT)
                return false;
        }
    }
    return true;
}

static const char *lock_text(struct view *view, const struct stalls *stalls,
                             const struct stall *stall, uint64_t lock_ns)
{
    static const char *const what[WAIT_KIND_COUNT] = {
        [WAIT_NONE] = "",
        [WAIT_LOCK] = "holds it: ",
        [WAIT_SHARED] = "holds it: ",
        [WAIT_SEMAPHORE] =
            "holds it: cannot be told, a semaphore has no owner; who ended the wait: ",
        [WAIT_SIGNAL] = "ended the wait: ",
    };
    const enum wait_kind kind = most_waited(stall);
    struct holders holders = holders_of(stall, STALL_HELD);
    const uint64_t unheld_ns = lock_ns > holders.ns ? lock_ns - holders.ns : 0;
    const bool told = holders.n > 0 && holders.ns >= unheld_ns;
    const char *text = what[kind];
    if (told)
        text = arena_print(
            &view->arena, "%s%s%s", text, likely_text(view, stalls, stall, &holders),
            is_all_sure(stall, &holders) || kind != WAIT_SHARED ? "" : ", or another process");
    if (unheld_ns * 20 >= lock_ns) /* a twentieth is worth a word */
        text = arena_print(
            &view->arena, "%s%scannot be told: %s", text,
            told ? arena_print(&view->arena, "; of %s it ", stall_seconds_text(view, unheld_ns))
                 : "",
            unheld_text(view, stall, kind));
    if (!told && holders.n > 0)
        text =
            arena_print(&view->arena, "%s; of %s, %s", text, stall_seconds_text(view, holders.ns),
                        likely_text(view, stalls, stall, &holders));
    free(holders.list);
    return text;
}

/* ---- sleeps ---- */

/* Who asks for a lock by sleeping, if that is what it did. */
static const char *asks_text(struct view *view, const struct stalls *stalls,
                             const struct stall *stall)
{
    struct holders holders = holders_of(stall, STALL_HELD);
    const char *const text =
        holders.n > 0
            ? arena_print(&view->arena,
                          "holds it, if it slept so often to ask for a lock, as sqlite's busy "
                          "timeout does: %s",
                          likely_text(view, stalls, stall, &holders))
            : "holds it: cannot be told, if it slept so often to ask for a lock, as sqlite's busy "
              "timeout does: the recording does not say what a sleep is for, and no thread of the "
              "recorded processes was seen to end it";
    free(holders.list);
    return text;
}

unsigned stall_tell_who(struct view *view, const struct stalls *stalls, const struct stall *stall,
                        struct story *story)
{
    const double worth_ns = WORTH_SHARE * (double)stall->wall_ns;
    const uint64_t gil_ns = stall->class_ns[CLASS_WAITS_GIL], world_ns = world_ns_of(stall);
    uint64_t lock_ns = 0;
    unsigned said = 0;
    for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
        lock_ns += stall->lock_ns[kind];
    if (gil_ns > 0 && (double)gil_ns >= worth_ns) {
        said |= 1u << STALL_GIL;
        story_add_line(story, arena_print(&view->arena, "who   held the GIL: %s",
                                          seen_text(view, stalls, stall, STALL_GIL)));
    }
    if (world_ns > 0 && (double)world_ns >= worth_ns) {
        said |= 1u << STALL_WORLD;
        story_add_line(story, arena_print(&view->arena, "who   stopped the world: %s",
                                          seen_text(view, stalls, stall, STALL_WORLD)));
    }
    if (lock_ns > 0 && (double)lock_ns >= worth_ns) {
        said |= 1u << STALL_HELD;
        story_add_line(
            story, arena_print(&view->arena, "who   %s", lock_text(view, stalls, stall, lock_ns)));
    }
    if (!(said & 1u << STALL_HELD) && wait_asks(stalls, stall)) {
        said |= 1u << STALL_HELD;
        story_add_line(story,
                       arena_print(&view->arena, "who   %s", asks_text(view, stalls, stall)));
    }
    return said;
}
