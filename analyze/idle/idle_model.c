/* SPDX-License-Identifier: MIT */
#include "idle_model.h"

#include "analyze/base/memory.h"
#include "idle_names.h"

/* Look up the names of functions that are new. */
static void learn_bits(struct idle *idle)
{
    idle->bits_of =
        memory_grow(idle->bits_of, &idle->bits_of_size, idle->functions.n, sizeof *idle->bits_of);
    for (; idle->n_bits_of < idle->functions.n; idle->n_bits_of++) {
        const size_t i = idle->n_bits_of;
        if (i == TREE_ROOT)
            continue;
        const struct symbol_function *const f =
            &idle->scene->symbols.functions[idle->functions.nodes[i].place];
        const struct frame frame = {f->name, f->file, 0, f->native};
        idle->bits_of[i] = (uint16_t)idle_name_of(&frame);
    }
}

uint32_t idle_function(struct idle *idle, uint32_t node)
{
    const struct scene *const scene = idle->scene;
    idle->function_of = memory_grow(idle->function_of, &idle->function_of_size, scene->tree.n,
                                    sizeof *idle->function_of);
    for (; idle->n_function_of < scene->tree.n; idle->n_function_of++) {
        /* parents come first */
        const size_t i = idle->n_function_of;
        const struct tree_node *const n = &scene->tree.nodes[i];
        idle->function_of[i] = i == TREE_ROOT
                                   ? TREE_ROOT
                                   : tree_child(&idle->functions, idle->function_of[n->parent],
                                                scene->symbols.places[n->place].function);
    }
    if (idle->n_bits_of < idle->functions.n)
        learn_bits(idle);
    return idle->function_of[node];
}

unsigned idle_bits_of(const struct idle *idle, uint32_t function)
{
    return function < idle->n_bits_of ? idle->bits_of[function] : 0;
}

bool idle_is_below(const struct idle *idle, uint32_t function, uint32_t above)
{
    while (function > above) /* parents have smaller numbers */
        function = idle->functions.nodes[function].parent;
    return function == above;
}

uint32_t idle_child(const struct idle *idle, uint32_t function, uint32_t loop)
{
    while (function > loop && idle->functions.nodes[function].parent != loop)
        function = idle->functions.nodes[function].parent;
    return function;
}

const struct idle_thread *idle_thread_of(const struct idle *idle, const struct thread *thread)
{
    const size_t number = thread->index < idle->number_of_size ? idle->number_of[thread->index] : 0;
    return number != 0 ? idle->threads[number - 1] : NULL;
}

bool idle_wants(const struct idle *idle, const struct select *select, const struct thread *thread)
{
    if (select->n_threads > 0)
        return select_has_thread(select, thread->name, thread->os_tid);
    const struct idle_thread *const t = idle_thread_of(idle, thread);
    return thread->main || (t != NULL && t->request != TREE_ROOT);
}

bool idle_has_loop(const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_places; i++) {
        if (t->places[i].is_loop)
            return true;
    }
    return false;
}
