/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "trace_run.h"

#include "analyze/base/memory.h"
#include "format/base/bisect.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define SPANS_AT_ONCE 256u

void scene_clear(struct scene *scene)
{
    arena_clear(&scene->arena);
    symbols_clear(&scene->symbols);
    tree_clear(&scene->tree);
    free(scene->calls);
    free(scene->threads);
    free(scene->nodes);
    free(scene->tops);
    free(scene->places);
    free(scene->call_of);
    free(scene->spans);
    free(scene->holder_list);
    *scene = (struct scene){0};
}

uint64_t scene_before_ns(const struct scene *scene, uint32_t tick)
{
    return scene->reader->range.border_q[tick] * scene->reader->quantum_ns +
           scene->reader->unit->recording->shift_ns;
}

uint64_t scene_time_ns(const struct scene *scene, uint32_t tick)
{
    return scene_before_ns(scene, tick + 1);
}

static bool is_before(const void *scene, size_t tick, const void *ns)
{
    return scene_time_ns(scene, (uint32_t)tick) < *(const uint64_t *)ns;
}

uint32_t scene_tick_at(const struct scene *scene, uint64_t ns)
{
    return (uint32_t)bisect(scene, scene->n_ticks, is_before, &ns);
}

uint64_t scene_wall_ns(const struct scene *scene, uint32_t first, uint32_t n)
{
    return range_wall_q(&scene->reader->range, first, n) * scene->reader->quantum_ns;
}

uint64_t scene_due(const struct scene *scene, uint32_t first, uint32_t n)
{
    return range_ticks(&scene->reader->range, first, n);
}

bool scene_has_state(const struct scene *scene, const struct select *select,
                     const struct span *span)
{
    return range_chosen(&scene->reader->range, select, span);
}

const struct span *scene_span(struct scene_thread *t, uint32_t tick)
{
    if (t->at >= t->n_spans || tick < t->spans[t->at].first)
        t->at = 0;
    for (; t->at < t->n_spans; t->at++) {
        const struct span *const span = &t->spans[t->at];
        if (tick < span->first)
            return NULL;
        if (tick - span->first < span->n)
            return span;
    }
    return NULL;
}

/* Begins the holder's time at or before the tick? */
static bool has_begun(const void *holders, size_t i, const void *tick)
{
    return ((const struct scene_holder *)holders)[i].first <= *(const uint32_t *)tick;
}

uint32_t scene_holder_at(const struct scene *scene, uint32_t tick)
{
    const size_t n = bisect(scene->holders, scene->n_holders, has_begun, &tick);
    return n > 0 ? scene->holders[n - 1].thread : SCENE_NOBODY;
}

/* ---- numbers for the whole trace ---- */

static uint32_t *reserve(uint32_t *list, size_t *n, size_t *size, size_t wanted)
{
    list = memory_grow(list, size, wanted, sizeof *list);
    if (wanted > *n)
        memset(list + *n, 0, (wanted - *n) * sizeof *list);
    *n = wanted > *n ? wanted : *n;
    return list;
}

static uint32_t place_of(struct scene *scene, const struct dict *dict, uint32_t location)
{
    scene->places =
        reserve(scene->places, &scene->n_places, &scene->places_size, dict->n_locations);
    if (scene->places[location] == 0) {
        const struct dict_location *const l = &dict->locations[location];
        const struct dict_function *const f = &dict->functions[l->function];
        const uint32_t function = symbols_dict_function(&scene->symbols, f);
        const struct position nowhere = {0};
        scene->places[location] = symbols_expression(&scene->symbols, function, l->line,
                                                     scene->expressions ? l->position : nowhere) +
                                  1;
    }
    return scene->places[location] - 1;
}

static uint32_t node_new(struct scene *scene, const struct dict *dict, uint32_t stack)
{
    if (stack == DICT_STACK_LOST)
        return tree_child(&scene->tree, TREE_ROOT, place_of(scene, dict, 0));
    if (stack == 0)
        return TREE_ROOT;
    const struct dict_stack *const s = &dict->stacks[stack];
    return tree_child(&scene->tree, scene->nodes[s->parent + 1] - 1,
                      place_of(scene, dict, s->location));
}

/* Callers first: as many as are not known, from the one nearest to the root. */
uint32_t scene_node(struct scene *scene, uint32_t stack)
{
    const struct dict *const dict = &scene->reader->dict;
    scene->nodes = reserve(scene->nodes, &scene->n_nodes, &scene->nodes_size, dict->n_stacks + 1);
    while (scene->nodes[stack + 1] == 0) {
        uint32_t at = stack;
        while (at != 0 && at != DICT_STACK_LOST && scene->nodes[dict->stacks[at].parent + 1] == 0)
            at = dict->stacks[at].parent;
        scene->nodes[at + 1] = node_new(scene, dict, at) + 1;
    }
    return scene->nodes[stack + 1] - 1;
}

uint32_t scene_callers(const struct scene *scene, uint32_t stack)
{
    return stack == 0 || stack == DICT_STACK_LOST ? 0 : scene->reader->dict.stacks[stack].parent;
}

struct position scene_position(const struct scene *scene, uint32_t stack)
{
    const struct dict *const dict = &scene->reader->dict;
    if (stack == 0 || stack == DICT_STACK_LOST)
        return (struct position){0};
    return dict->locations[dict->stacks[stack].location].position;
}

uint32_t scene_call_named(struct scene *scene, const char *name)
{
    for (uint32_t i = 1; i < scene->n_calls; i++) {
        if (strcmp(scene->calls[i], name) == 0)
            return i;
    }
    scene->calls =
        memory_grow(scene->calls, &scene->calls_size, scene->n_calls + 2, sizeof *scene->calls);
    if (scene->n_calls == 0)
        scene->calls[scene->n_calls++] = "";
    scene->calls[scene->n_calls] = arena_copy(&scene->arena, name, strlen(name));
    return (uint32_t)scene->n_calls++;
}

uint32_t scene_call(struct scene *scene, const struct span *span)
{
    const struct dict *const dict = &scene->reader->dict;
    const enum state_halt halt = state_halt(span->state);
    if (halt != HALT_NONE && state_class(span->state) == CLASS_BLOCKED)
        return scene_call_named(scene, state_halt_name(halt));
    if (span->call == 0 || span->call >= dict->n_strings ||
        state_class(span->state) != CLASS_BLOCKED)
        return SCENE_NO_CALL;
    scene->call_of =
        reserve(scene->call_of, &scene->n_call_of, &scene->call_of_size, dict->n_strings);
    if (scene->call_of[span->call] == 0)
        scene->call_of[span->call] = scene_call_named(scene, dict_string(dict, span->call));
    return scene->call_of[span->call];
}

struct frame scene_frame(const struct scene *scene, uint32_t node)
{
    if (node == TREE_ROOT)
        return (struct frame){.function = DICT_NO_FRAMES, .file = ""};
    return symbols_frame(&scene->symbols, scene->tree.nodes[node].place);
}

/* ---- reading ---- */

static size_t load_spans(struct scene *scene, struct range_thread *thread, size_t n_spans)
{
    size_t n;
    do {
        scene->spans = memory_grow(scene->spans, &scene->spans_size, n_spans + SPANS_AT_ONCE,
                                   sizeof *scene->spans);
        n = range_spans(&scene->reader->range, thread, scene->spans + n_spans, SPANS_AT_ONCE);
        n_spans += n;
    } while (n > 0);
    return n_spans;
}

/* All threads, whoever is selected: any of them may hold the GIL. */
static void load_threads(struct scene *scene)
{
    struct range_thread thread = {0};
    struct process *const process = census_process(
        &scene->trace->census, scene->reader->unit->recording, scene->reader->unit->process);
    size_t n_spans = 0;
    scene->process = process;
    scene->n_threads = 0;
    while (range_next_thread(&scene->reader->range, &thread)) {
        const size_t before = n_spans;
        n_spans = load_spans(scene, &thread, n_spans);
        scene->threads = memory_grow(scene->threads, &scene->threads_size, scene->n_threads + 1,
                                     sizeof *scene->threads);
        scene->threads[scene->n_threads++] = (struct scene_thread){
            .thread = census_thread(&scene->trace->census, process, thread.id),
            .n_spans = n_spans - before,
        };
    }
    const struct span *at = scene->spans; /* it does not move any more */
    for (size_t i = 0; i < scene->n_threads; i++) {
        scene->threads[i].spans = at;
        at += scene->threads[i].n_spans;
    }
}

uint32_t scene_thread_index(const struct scene *scene, uint32_t id)
{
    for (uint32_t i = 0; id != 0 && i < scene->n_threads; i++) {
        if (scene->threads[i].thread->id == id)
            return i;
    }
    return SCENE_NOBODY;
}

static void load_holders(struct scene *scene)
{
    const struct range_holder *holders;
    const size_t n = range_holders(&scene->reader->range, &holders);
    uint32_t first = 0;
    scene->holder_list =
        memory_grow(scene->holder_list, &scene->holders_size, n + 1, sizeof *scene->holder_list);
    for (size_t i = 0; i < n; i++) {
        scene->holder_list[i] =
            (struct scene_holder){first, scene_thread_index(scene, holders[i].thread)};
        first += holders[i].n;
    }
    scene->holders = scene->holder_list;
    scene->n_holders = n;
}

uint32_t scene_outermost(const struct scene *scene, uint32_t node)
{
    while (node != TREE_ROOT && scene->tree.nodes[node].parent != TREE_ROOT)
        node = scene->tree.nodes[node].parent;
    return node;
}

/* What the outermost frame of a stack says of it. */
enum top { TOP_NOT_KNOWN, TOP_WHOLE, TOP_CUT, TOP_FAILED };

static enum top top_of(struct scene *scene, uint32_t node, const char **reason)
{
    scene->tops = memory_grow(scene->tops, &scene->tops_size, scene->tree.n, sizeof *scene->tops);
    if (scene->tops[node] != TOP_NOT_KNOWN && scene->tops[node] != TOP_FAILED)
        return (enum top)scene->tops[node];
    const struct frame frame = scene_frame(scene, scene_outermost(scene, node));
    enum top top = TOP_WHOLE;
    if (frame.file[0] == '\0' && strcmp(frame.function, DICT_TRUNCATED) == 0)
        top = TOP_CUT;
    else if (frame.file[0] == '\0' &&
             strncmp(frame.function, DICT_FAILED, strlen(DICT_FAILED)) == 0)
        top = TOP_FAILED;
    if (top == TOP_FAILED)
        *reason = frame.function;
    scene->tops[node] = (uint8_t)top;
    return top;
}

void scene_count_stacks(struct scene *scene, struct scene_stacks *seen)
{
    for (size_t i = 0; i < scene->n_threads; i++) {
        for (size_t s = 0; s < scene->threads[i].n_spans; s++) {
            const struct span *const span = &scene->threads[i].spans[s];
            const enum top top = top_of(scene, scene_node(scene, span->stack), &seen->reason);
            seen->samples += span->n;
            seen->cut += top == TOP_CUT ? span->n : 0;
            seen->failed += top == TOP_FAILED ? span->n : 0;
        }
    }
}

struct scene_job {
    struct scene *scene;
    const struct select *select;
    scene_fn *fn;
    void *closure;
};

void scene_enter(struct scene *scene, struct trace *trace, struct unit_reader *reader)
{
    scene->trace = trace;
    if (scene->tree.n == 0)
        tree_init(&scene->tree);
    scene->reader = reader;
    scene->n_nodes = scene->n_places = scene->n_call_of = 0;
}

bool scene_load(struct scene *scene)
{
    scene->n_ticks = scene->reader->range.n_ticks;
    load_threads(scene);
    load_holders(scene);
    return scene->n_ticks > 0 && scene->n_threads > 0;
}

static void read_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    const struct scene_job *const job = closure;
    struct scene *const scene = job->scene;
    uint32_t pid;
    (void)worker;
    scene_enter(scene, scene->trace, reader);
    if (job->select->n_pids > 0 && (!unit_pid(reader, &pid) || !select_has_pid(job->select, pid)))
        return;
    while (unit_next_range(reader)) {
        if (scene_load(scene) && job->fn != NULL)
            job->fn(job->closure, scene);
    }
    if (scene->names)
        unit_settle_threads(reader);
}

void scene_run(struct scene *scene, struct trace *trace, const struct select *select, scene_fn *fn,
               void *closure)
{
    struct scene_job scene_job = {scene, select, fn, closure};
    const struct trace_job job = {read_unit, NULL, &scene_job};
    scene->trace = trace;
    if (scene->tree.n == 0)
        tree_init(&scene->tree);
    if (select->n_threads > 0 && fn != NULL)
        scene_names(scene, trace, select);
    if (scene->again)
        trace_run_again(trace, &job);
    else
        trace_run(trace, 1, &job);
    scene->again = true;
    scene->reader = NULL;
}

void scene_names(struct scene *scene, struct trace *trace, const struct select *select)
{
    if (!scene->again)
        scene_run(scene, trace, select, NULL, NULL);
}
