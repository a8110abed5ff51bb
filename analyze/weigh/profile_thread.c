/* SPDX-License-Identifier: MIT */
/* The threads that a profile has, and the parts of threads. */
#include "analyze/base/buffer.h"
#include "analyze/base/memory.h"
#include "format/base/bisect.h"
#include "profile_build.h"

#include <string.h>

#define MORE_NAME      "<other phases>"
#define UNIT_PARTS_MAX 1024u /* of a thread: those met later are one, with that name .. */
#define PARTS_MAX      4096u /* .. and of all units together */

/* ---- in the unit that is read ---- */

/* The innermost phases that are in force; labels have too many values to be told apart by. */
static void phases_find(struct part_key *key, const struct range *range, const struct span *span)
{
    const struct dict *const dict = range->dict;
    uint32_t at = span->context != 0 ? range_context(range, span->context, span->first) : 0;
    while (at != 0 && key->n_phases < PART_PHASES_MAX) {
        const struct dict_context *const c = &dict->contexts[at];
        if (!c->label)
            key->phases[key->n_phases++] = c->name;
        at = range_context(range, c->up, span->first);
    }
}

static bool is_of(const struct unit_part *part, const struct part_key *key)
{
    const struct part_key *const of = &part->key;
    return of->task == key->task && of->n_phases == key->n_phases && of->is_more == key->is_more &&
           memcmp(of->phases, key->phases, key->n_phases * sizeof *key->phases) == 0;
}

/* The one for that, taken out of the list; NULL = there is none yet. */
static struct unit_part *part_take(struct unit_sums *t, const struct part_key *key, size_t *n)
{
    struct unit_part **at = &t->parts;
    for (*n = 0; *at != NULL && !is_of(*at, key); ++*n)
        at = &(*at)->next;
    struct unit_part *const part = *at;
    if (part != NULL)
        *at = part->next;
    return part;
}

struct unit_sums *unit_part_sums(const struct build *build, struct builder *b,
                                 const struct range *range, struct unit_sums *t,
                                 const struct span *span)
{
    struct part_key key = {.task = build->profile->by_task ? span->task : 0};
    if (build->profile->by_phase)
        phases_find(&key, range, span);
    if (key.task == 0 && key.n_phases == 0)
        return t;
    size_t n;
    struct unit_part *part = part_take(t, &key, &n);
    if (part == NULL && build->profile->by_phase && n >= UNIT_PARTS_MAX) {
        key = (struct part_key){.is_more = true};
        part = part_take(t, &key, &n);
    }
    if (part == NULL) {
        part = arena_get(&b->arena, sizeof *part);
        part->key = key;
    }
    part->next = t->parts;
    t->parts = part;
    return &part->sums;
}

/* ---- in the profile ---- */

struct thread_key {
    const struct process *process;
    uint64_t id;
};

static bool is_before(const void *threads, size_t i, const void *key)
{
    const struct thread *const t = ((struct profile_thread *const *)threads)[i]->thread;
    const struct thread_key *const k = key;
    const int order = process_compare(t->process, k->process);
    return order < 0 || (order == 0 && t->id < k->id);
}

/* The first entry that is not before thread `id` of the process. */
static size_t index_of(const struct profile *profile, const struct process *process, uint64_t id)
{
    const struct thread_key key = {process, id};
    return bisect(profile->threads, profile->n_threads, is_before, &key);
}

struct profile_thread *const *profile_process(const struct profile *profile,
                                              const struct process *process, size_t *n)
{
    const size_t first = index_of(profile, process, 0);
    size_t end = first;
    while (end < profile->n_threads && profile->threads[end]->thread->process == process)
        end++;
    *n = end - first;
    return profile->threads + first;
}

static struct profile_thread *thread_insert(struct profile *profile, size_t at,
                                            const struct thread *thread)
{
    struct profile_thread *const new = arena_get(&profile->arena, sizeof *new);
    new->thread = thread;
    profile->threads = memory_grow(profile->threads, &profile->threads_size, profile->n_threads + 1,
                                   sizeof(struct profile_thread *));
    memmove(profile->threads + at + 1, profile->threads + at,
            (profile->n_threads - at) * sizeof(struct profile_thread *));
    profile->threads[at] = new;
    profile->n_threads++;
    return new;
}

/* The profile's entry for a thread of the census. */
struct profile_thread *profile_thread(struct profile *profile, const struct thread *thread)
{
    const size_t low = index_of(profile, thread->process, thread->id);
    if (low < profile->n_threads && profile->threads[low]->thread == thread)
        return profile->threads[low];
    return thread_insert(profile, low, thread);
}

/* Names of phases, the outermost first; NULL = none. */
static const char *phase_text(struct profile *profile, const struct dict *dict,
                              const struct part_key *key)
{
    struct buffer text = {0};
    if (key->is_more)
        return symbols_text(&profile->symbols, MORE_NAME);
    if (key->n_phases == 0)
        return NULL;
    for (size_t i = key->n_phases; i-- > 0;)
        buffer_print(&text, "%s%s", dict_string(dict, key->phases[i]), i > 0 ? ";" : "");
    const char *const kept = symbols_text(&profile->symbols, text.text);
    buffer_clear(&text);
    return kept;
}

static const char *part_name(struct profile *profile, const struct thread *part)
{
    const char *const whole = part->whole->name;
    if (part->phase == NULL)
        return arena_print(&profile->arena, "%s: %s", whole, part->task);
    if (part->task == NULL)
        return arena_print(&profile->arena, "%s (%s)", whole, part->phase);
    return arena_print(&profile->arena, "%s: %s (%s)", whole, part->task, part->phase);
}

static struct profile_thread *part_find(const struct profile_thread *whole, const char *task,
                                        const char *phase, size_t *n)
{
    struct profile_thread *p = whole->parts;
    for (*n = 0; p != NULL && (p->thread->task != task || p->thread->phase != phase); ++*n)
        p = p->next_part;
    return p;
}

struct profile_thread *profile_part(struct profile *profile, struct profile_thread *whole,
                                    const struct dict *dict, const struct unit_part *part)
{
    const struct part_key *const key = &part->key;
    const char *task =
        key->task != 0 ? symbols_text(&profile->symbols, dict_string(dict, key->task)) : NULL;
    const char *phase = phase_text(profile, dict, key);
    size_t n;
    struct profile_thread *found = part_find(whole, task, phase, &n);
    if (found == NULL && profile->by_phase && n >= PARTS_MAX) {
        task = NULL;
        phase = symbols_text(&profile->symbols, MORE_NAME);
        found = part_find(whole, task, phase, &n);
    }
    if (found != NULL)
        return found;
    struct thread *const thread = arena_get(&profile->arena, sizeof *thread);
    *thread = *whole->thread;
    thread->task = task;
    thread->phase = phase;
    thread->whole = whole->thread;
    thread->name = part_name(profile, thread);
    size_t at = index_of(profile, thread->process, thread->id);
    while (at < profile->n_threads && profile->threads[at]->thread->process == thread->process &&
           profile->threads[at]->thread->id == thread->id)
        at++;
    struct profile_thread *const new = thread_insert(profile, at, thread);
    new->next_part = whole->parts;
    return whole->parts = new;
}
