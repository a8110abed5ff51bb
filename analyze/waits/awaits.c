/* SPDX-License-Identifier: MIT */
#include "awaits.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"
#include "analyze/tasks/looks.h"

#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

static uint64_t hash_of(size_t loop, uint32_t node, const char *name, const char *wait)
{
    const uint64_t text =
        hash_pair(name != NULL ? hash_text(name) : 1, wait != NULL ? hash_text(wait) : 2);
    return hash_pair(hash_pair(loop, node), text);
}

static uint64_t hash_row(const void *owner, uint32_t n)
{
    const struct awaits *const awaits = owner;
    const struct await_row *const row = &awaits->rows[n];
    return hash_of(row->loop, row->node, row->name, row->wait);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* A node that stands for the place alone, whatever the callers. */
static uint32_t place_node(struct awaits *awaits, uint32_t node)
{
    return node == TREE_ROOT
               ? node
               : tree_child(&awaits->scene.tree, TREE_ROOT, awaits->scene.tree.nodes[node].place);
}

static void tell_chain(struct scene *scene, struct await_row *row)
{
    struct buffer text = {0};
    size_t n = 0;
    for (uint32_t at = row->node; at != TREE_ROOT; at = scene->tree.nodes[at].parent)
        n++;
    struct frame *const frames = arena_get(&scene->arena, (n + 1) * sizeof *frames);
    for (uint32_t at = row->node, i = 0; at != TREE_ROOT; at = scene->tree.nodes[at].parent)
        frames[i++] = scene_frame(scene, at);
    for (size_t i = n; i-- > 0;)
        buffer_print(&text, "%s%s", frames[i].function, i > 0 ? " > " : "");
    row->chain = arena_copy(&scene->arena, text.len > 0 ? text.text : "", text.len);
    row->stack = arena_get(&scene->arena, sizeof *row->stack);
    *row->stack = (struct stack){frames, n};
    buffer_clear(&text);
}

void await_row_tell(struct scene *scene, struct await_row *row, uint32_t node, enum awaits_by by)
{
    const bool has_place = by == AWAITS_BY_CHAIN || by == AWAITS_BY_PLACE;
    if (by == AWAITS_BY_CHAIN || by == AWAITS_BY_COROUTINE)
        row->coroutine = scene_frame(scene, scene_outermost(scene, node)).function;
    row->leaf = has_place ? scene_frame(scene, row->node) : (struct frame){"", "", 0, false};
    if (by == AWAITS_BY_CHAIN)
        tell_chain(scene, row);
    else
        row->chain = by == AWAITS_BY_PLACE ? row->leaf.function : row->coroutine;
}

static size_t row_of(struct awaits *awaits, size_t loop, uint32_t node, const char *name,
                     const char *wait)
{
    struct scene *const scene = &awaits->scene;
    const enum awaits_by by = awaits->by;
    /* of a coroutine's rows the function counts, not the line */
    const char *const called = by == AWAITS_BY_COROUTINE
                                   ? scene_frame(scene, scene_outermost(scene, node)).function
                               : by == AWAITS_BY_CHAIN ? name
                                                       : NULL;
    const char *const waits = by == AWAITS_BY_CHAIN || by == AWAITS_BY_WAIT ? wait : NULL;
    const uint32_t key = by == AWAITS_BY_CHAIN   ? node
                         : by == AWAITS_BY_PLACE ? place_node(awaits, node)
                                                 : TREE_ROOT;
    hash_reserve(&awaits->index, hash_row, awaits);
    uint64_t at = hash_of(loop, key, called, waits);
    for (;; at++) {
        const uint32_t n = hash_slot(&awaits->index, at);
        if (n == HASH_NONE)
            break;
        const struct await_row *const row = &awaits->rows[n];
        if (row->loop == loop && row->node == key && is_same_text(row->name, called) &&
            is_same_text(row->wait, waits))
            return n;
    }
    awaits->rows = memory_grow(awaits->rows, &awaits->size, awaits->n + 1, sizeof *awaits->rows);
    struct await_row *const row = &awaits->rows[awaits->n];
    *row = (struct await_row){
        .loop = loop,
        .node = key,
        .name = called != NULL ? symbols_text(&scene->symbols, called) : NULL,
        .wait = waits != NULL ? symbols_text(&scene->symbols, waits) : NULL,
    };
    await_row_tell(scene, row, node, by);
    hash_put(&awaits->index, at, (uint32_t)awaits->n);
    return awaits->n++;
}

/* ---- looks ---- */

static size_t loop_of(struct awaits *awaits, const struct process *process,
                      const struct thread *thread)
{
    for (size_t i = awaits->n_loops; i-- > 0;)
        if (awaits->loops[i].thread == thread)
            return i;
    awaits->loops =
        memory_grow(awaits->loops, &awaits->loops_size, awaits->n_loops + 1, sizeof *awaits->loops);
    awaits->loops[awaits->n_loops] = (struct awaits_loop){.process = process, .thread = thread};
    return awaits->n_loops++;
}

static void add_tasks(struct awaits *awaits, size_t loop, const struct look *look, double wall_ns)
{
    const struct dict *const dict = &awaits->scene.reader->dict;
    const double read = (double)(look->tasks - look->unread);
    const double each = read > 0 ? (double)look->tasks / read : 0;
    size_t n_touched = 0;
    awaits->touched =
        memory_grow(awaits->touched, &awaits->touched_size, look->n, sizeof *awaits->touched);
    for (size_t i = 0; i < look->n; i++) {
        const uint32_t node = scene_node(&awaits->scene, look_stack(look, dict, i));
        const size_t n =
            row_of(awaits, loop, node, look->name != NULL ? dict_string(dict, look->name[i]) : "",
                   dict_string(dict, look->wait[i]));
        if (awaits->rows[n].now == 0)
            awaits->touched[n_touched++] = n;
        awaits->rows[n].now += each * look->count[i];
    }
    for (size_t i = 0; i < n_touched; i++) {
        struct await_row *const row = &awaits->rows[awaits->touched[i]];
        row->tasks_ns += row->now * wall_ns;
        row->some_ns += (uint64_t)wall_ns;
        row->most = row->now > row->most ? row->now : row->most;
        row->now = 0;
    }
}

static void add_look(struct awaits *awaits, const struct thread *thread, const struct look *look,
                     uint64_t wall_ns)
{
    const size_t number = loop_of(awaits, awaits->scene.process, thread);
    struct awaits_loop *const loop = &awaits->loops[number];
    switch (look->outcome) {
    case LOOK_RAN:
        loop->ran_ns += wall_ns;
        return;
    case LOOK_UNREADABLE:
    case LOOK_COUNT:
        loop->unreadable_ns += wall_ns;
        return;
    case LOOK_TAKEN:
        loop->n_looks++;
        break;
    case LOOK_SAME:
        break;
    }
    loop->seen_ns += wall_ns;
    loop->tasks_ns += (double)look->tasks * (double)wall_ns;
    loop->unread_ns += (double)look->unread * (double)wall_ns;
    loop->unknown_ns += (double)look->unknown * (double)wall_ns;
    add_tasks(awaits, number, look, (double)wall_ns);
}

static void read_range(void *closure, struct scene *scene)
{
    struct awaits *const awaits = closure;
    struct unit_reader *const reader = scene->reader;
    const uint64_t to_ns = scene->trace->window.to_ns;
    struct proto_column rest = reader->samples;
    struct look look;
    while (looks_next(&rest, &reader->proto, &look)) {
        const uint32_t index = scene_thread_index(scene, look.thread);
        if (look.tick < reader->range.from_tick || look.tick >= reader->range.to_tick ||
            index == SCENE_NOBODY)
            continue;
        const struct thread *const thread = scene->threads[index].thread;
        if (!select_has_thread(awaits->select, thread->name, thread->os_tid))
            continue;
        const uint64_t at_ns = scene_time_ns(scene, look.tick);
        const uint64_t left_ns = to_ns > at_ns ? to_ns - at_ns : 0;
        const uint64_t wall_ns = quanta_ns(look.wall_q, reader->quantum_ns);
        add_look(awaits, thread, &look, wall_ns < left_ns ? wall_ns : left_ns);
    }
}

void awaits_read(struct awaits *awaits, struct trace *trace, const struct select *select,
                 enum awaits_by by)
{
    awaits->by = by;
    awaits->select = select;
    scene_names(&awaits->scene, trace, select);
    scene_run(&awaits->scene, trace, select, read_range, awaits);
    for (size_t i = 0; i < awaits->n; i++)
        awaits->rows[i].at = &awaits->loops[awaits->rows[i].loop];
}

void awaits_clear(struct awaits *awaits)
{
    free(awaits->loops);
    free(awaits->rows);
    free(awaits->touched);
    hash_clear(&awaits->index);
    scene_clear(&awaits->scene);
    *awaits = (struct awaits){0};
}
