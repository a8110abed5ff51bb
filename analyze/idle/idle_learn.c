/* SPDX-License-Identifier: MIT */
#include "idle_learn.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"
#include "idle_choose.h"
#include "idle_request.h"
#include "idle_visits.h"

#include <stdlib.h>

static struct idle_thread *thread_make(struct idle *idle, const struct thread *thread)
{
    idle->number_of = memory_grow(idle->number_of, &idle->number_of_size, thread->index + 1,
                                  sizeof *idle->number_of);
    size_t *const number = &idle->number_of[thread->index];
    if (*number != 0)
        return idle->threads[*number - 1];
    struct idle_thread *const t = memory_get(sizeof *t);
    t->thread = thread;
    idle->threads = memory_grow(idle->threads, &idle->threads_size, idle->n_threads + 1,
                                sizeof(struct idle_thread *));
    idle->threads[idle->n_threads++] = t;
    *number = idle->n_threads;
    return t;
}

static void take_range(void *closure, struct scene *scene)
{
    struct idle *const idle = closure;
    scene_count_stacks(scene, &idle->stacks);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const from = &scene->threads[i];
        struct idle_thread *const t = thread_make(idle, from->thread);
        for (size_t s = 0; s < from->n_spans; s++)
            idle_visits_add(idle, t, &from->spans[s]);
    }
}

void idle_learn(struct idle *idle, struct scene *scene, struct trace *trace,
                const struct select *select, const char *const *names, size_t n_names,
                uint64_t short_ns)
{
    *idle = (struct idle){.scene = scene, .names = names, .n_names = n_names, .short_ns = short_ns};
    tree_init(&idle->functions);
    scene_names(scene, trace, select);
    scene_run(scene, trace, select, take_range, idle);
    for (size_t i = 0; i < idle->n_threads; i++) {
        struct idle_thread *const t = idle->threads[i];
        idle_visits_end(idle, t);
        idle_request_find(idle, t);
        if (n_names > 0 && idle_wants(idle, select, t->thread))
            idle_choose_named(idle, t);
        else
            idle_choose(idle, t);
    }
}

void idle_clear(struct idle *idle)
{
    for (size_t i = 0; i < idle->n_threads; i++) {
        idle_visits_clear(idle->threads[i]);
        free(idle->threads[i]);
    }
    free(idle->threads);
    free(idle->number_of);
    free(idle->function_of);
    free(idle->bits_of);
    tree_clear(&idle->functions);
    *idle = (struct idle){0};
}
