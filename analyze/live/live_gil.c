/* SPDX-License-Identifier: MIT */
/* Who waited for whose GIL in a window. */
#include "analyze/base/memory.h"
#include "analyze/weigh/thread_group.h"
#include "format/base/bisect.h"
#include "live_model.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 6 /* of the matrix, so that it fits a small terminal */

static int compare_pairs(const void *left, const void *right)
{
    const struct gil_entry *const a = left, *const b = right;
    if (a->waiter->index != b->waiter->index)
        return a->waiter->index > b->waiter->index ? 1 : -1;
    const uint64_t x = a->holder != NULL ? a->holder->index + 1 : 0;
    const uint64_t y = b->holder != NULL ? b->holder->index + 1 : 0;
    return (x > y) - (x < y);
}

static const struct thread *thread_at(const struct recent *recent, uint32_t index)
{
    return index < recent->n_threads && recent->threads[index] != NULL
               ? recent->threads[index]->thread
               : NULL;
}

/* The waits of each second, one behind the other; the caller's to free. */
static struct gil_entry *find_waits(const struct live_model *model, const struct recent *recent,
                                    size_t *n)
{
    struct gil_entry *waits = NULL;
    size_t size = 0;
    *n = 0;
    for (uint64_t s = model->from; s < model->to; s++) {
        const struct recent_second *const second = recent_second(recent, s);
        for (size_t i = 0; second != NULL && i < second->n; i++) {
            const struct recent_entry *const e = &second->entries[i];
            const struct thread *const waiter = thread_at(recent, e->thread);
            if (e->class != RECENT_WAITS || waiter == NULL)
                continue;
            waits = memory_grow(waits, &size, *n + 1, sizeof *waits);
            waits[(*n)++] = (struct gil_entry){
                .kind = GIL_PAIRS,
                .waiter = waiter,
                .holder = e->number != RECENT_NOBODY ? thread_at(recent, e->number) : NULL,
                .place = GIL_NO_PLACE,
                .amount = {e->wall, e->samples, e->ticks}};
        }
    }
    return waits;
}

void live_gil_pairs(struct live_model *model, const struct recent *recent)
{
    size_t n;
    struct gil_entry *const waits = find_waits(model, recent, &n);
    if (n > 1)
        qsort(waits, n, sizeof *waits, compare_pairs);
    model->pairs = arena_get(&model->arena, (n + 1) * sizeof *model->pairs);
    for (size_t i = 0; i < n; i++) {
        struct gil_entry *const last = &model->pairs[model->n_pairs - (model->n_pairs > 0)];
        if (model->n_pairs > 0 && compare_pairs(last, &waits[i]) == 0) {
            last->amount.waited_ns += waits[i].amount.waited_ns;
            last->amount.samples += waits[i].amount.samples;
            last->amount.ticks += waits[i].amount.ticks;
        } else {
            model->pairs[model->n_pairs++] = waits[i];
        }
    }
    free(waits);
}

static bool is_before(const void *pairs, size_t i, const void *waiter)
{
    return ((const struct gil_entry *)pairs)[i].waiter->index <
           ((const struct thread *)waiter)->index;
}

const struct gil_entry *live_gil_of(const struct live_model *model, const struct thread *waiter,
                                    size_t *n)
{
    const size_t low = bisect(model->pairs, model->n_pairs, is_before, waiter);
    for (*n = 0; low + *n < model->n_pairs && model->pairs[low + *n].waiter == waiter;)
        ++*n;
    return model->pairs + low;
}

/* What was waited in a process. */
struct waited {
    const struct process *process;
    uint64_t ns;
};

/* The process in which most was waited, and in how many others somebody waited. */
static const struct process *choose_process(const struct live_model *model, size_t *n_more)
{
    struct waited *list = NULL;
    size_t n = 0, size = 0, most = 0;
    for (size_t i = 0; i < model->n_pairs; i++) {
        size_t at = n; /* mostly that of the pair before */
        while (at > 0 && list[at - 1].process != model->pairs[i].waiter->process)
            at--;
        if (at == 0) {
            list = memory_grow(list, &size, n + 1, sizeof *list);
            list[n++] = (struct waited){model->pairs[i].waiter->process, 0};
            at = n;
        }
        list[at - 1].ns += model->pairs[i].amount.waited_ns;
    }
    for (size_t i = 0; i < n; i++)
        most = list[i].ns > list[most].ns ? i : most;
    const struct process *const process = n > 0 ? list[most].process : NULL;
    *n_more = n > 0 ? n - 1 : 0;
    free(list);
    return process;
}

/* How long a thread was seen in the window. */
static uint64_t wall_of(const struct live_model *model, const struct recent *recent,
                        const struct thread *thread)
{
    uint64_t ns = 0;
    for (uint64_t s = model->from; s < model->to; s++) {
        const struct recent_cell *const cell = recent_cell(recent->threads[thread->index], s);
        for (int c = 0; cell != NULL && c < CLASS_COUNT; c++)
            ns += cell->wall_ns[c];
    }
    return ns;
}

/* Stands for the threads of a group; one that is alone keeps its name. */
struct gil_part {
    struct thread thread; /* with the number of its first one: nobody else's */
    const char *group;
};

/* Who has lines in the matrix: each thread, or one that stands for those of a group. */
struct cast {
    struct arena *arena;
    const struct thread **by_index; /* of the threads; NULL = not cast yet */
    struct gil_part **groups;
    size_t n_groups, groups_size;
    bool are_grouped;
};

static const struct thread *cast_thread(struct cast *cast, const struct thread *thread)
{
    if (thread == NULL || !cast->are_grouped)
        return thread;
    const struct thread **const who = &cast->by_index[thread->index];
    if (*who != NULL)
        return *who;
    const char *const name = thread_group_name(cast->arena, thread->name);
    size_t i = 0;
    while (i < cast->n_groups && strcmp(cast->groups[i]->group, name) != 0)
        i++;
    if (i < cast->n_groups) {
        cast->groups[i]->thread.name = name;
    } else {
        struct gil_part *const part = arena_get(cast->arena, sizeof *part);
        *part = (struct gil_part){*thread, name};
        cast->groups = memory_grow(cast->groups, &cast->groups_size, cast->n_groups + 1,
                                   sizeof(struct gil_part *));
        cast->groups[cast->n_groups++] = part;
    }
    return *who = &cast->groups[i]->thread;
}

static void fill_held(struct live_model *model, const struct recent *recent, struct cast *cast)
{
    struct live_gil *const gil = &model->gil;
    uint64_t process_ns = 0;
    for (uint64_t s = model->from; s < model->to; s++) {
        const struct recent_second *const second = recent_second(recent, s);
        for (size_t i = 0; second != NULL && i < second->n_gils; i++)
            process_ns += second->gils[i].process == gil->process ? second->gils[i].wall_ns : 0;
    }
    for (uint64_t s = model->from; s < model->to; s++) {
        const struct recent_second *const second = recent_second(recent, s);
        for (size_t i = 0; second != NULL && i < second->n; i++) {
            const struct recent_entry *const e = &second->entries[i];
            const struct thread *const thread = thread_at(recent, e->thread);
            if (e->class != RECENT_HOLDS || thread == NULL || thread->process != gil->process)
                continue;
            const struct thread *const who = cast_thread(cast, thread);
            for (size_t k = 0; k < gil->matrix.n_shown; k++) {
                if (gil->matrix.lines[k].thread == who)
                    gil->held[k] += (double)e->wall / (double)process_ns;
            }
        }
    }
}

/* The pairs of the process, by who stands for whom; how long waiters were seen is theirs together.
 */
static const struct gil_entry **cast_pairs(struct live_model *model, const struct recent *recent,
                                           struct cast *cast, size_t *n)
{
    const struct gil_entry **const pairs =
        memory_get((model->n_pairs + 1) * sizeof(struct gil_entry *));
    uint64_t *const wall_ns = memory_get((recent->n_threads + 1) * sizeof *wall_ns);
    const struct thread *before = NULL;
    *n = 0;
    for (size_t i = 0; i < model->n_pairs; i++) {
        const struct gil_entry *const from = &model->pairs[i];
        if (from->waiter->process != model->gil.process)
            continue;
        struct gil_entry *const pair = arena_get(&model->arena, sizeof *pair);
        *pair = *from;
        pair->waiter = cast_thread(cast, from->waiter);
        pair->holder = cast_thread(cast, from->holder);
        if (from->waiter != before) /* they are in order of waiters */
            wall_ns[pair->waiter->index] += wall_of(model, recent, from->waiter);
        before = from->waiter;
        pairs[(*n)++] = pair;
    }
    for (size_t i = 0; i < *n; i++) {
        struct gil_entry *const pair = (struct gil_entry *)(uintptr_t)pairs[i];
        pair->wall_ns = wall_ns[pair->waiter->index];
    }
    free(wall_ns);
    return pairs;
}

void live_gil_matrix(struct live_model *model, const struct recent *recent, bool groups)
{
    struct live_gil *const gil = &model->gil;
    struct cast cast = {.arena = &model->arena, .are_grouped = groups};
    size_t n;
    *gil = (struct live_gil){0};
    gil->process = choose_process(model, &gil->n_more);
    cast.by_index = memory_get((recent->n_threads + 1) * sizeof(struct thread *));
    const struct gil_entry **const pairs = cast_pairs(model, recent, &cast, &n);
    gil_matrix_build(&gil->matrix, &model->arena, pairs, n, &metrics[METRIC_WALL], LINES_MAX);
    if (gil->process != NULL)
        fill_held(model, recent, &cast);
    free(pairs);
    free(cast.by_index);
    free(cast.groups);
}
