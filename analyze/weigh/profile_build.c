/* SPDX-License-Identifier: MIT */
#include "profile_build.h"

#include "analyze/base/memory.h"
#include "analyze/read/trace_run.h"
#include "share.h"

#include <stdlib.h>
#include <string.h>

#define PREFETCH_AHEAD 8u
#define JOIN_AT_ONCE   32u

/* A span of n samples is n equal ones. */
static inline void add_squares(struct squares *to, const struct span *span)
{
    const double ticks = (double)span->ticks, wall = (double)span->wall_q;
    if (__builtin_expect(span->n == 1, 1)) {
        to->ticks += ticks * ticks;
        to->wall += wall * wall;
    } else {
        to->ticks += ticks * ticks / span->n;
        to->wall += wall * wall / span->n;
    }
}

/* A chosen sample without frames, with the CPU that it takes; or where others end its silence. */
static inline void note_bare(struct builder *b, struct unit_sums *t, const struct span *span,
                             enum state_class class, uint64_t cpu_q, bool chosen)
{
    if (__builtin_expect(span->stack != 0, 1)) {
        if (!t->bare.settled)
            bare_see(&t->bare, b->kinds[(size_t)(span->stack + 1)]);
    } else if (chosen) {
        const struct weight w = {span->n, span->ticks, span->wall_q, cpu_q};
        bare_add(&t->bare, &b->arena, class, &w);
    }
}

/* Where the weight of a span goes. */
static inline struct unit_sums *sums_of(const struct build *build, struct builder *b,
                                        const struct range *range, struct unit_sums *t,
                                        const struct span *span)
{
    const struct profile *const profile = build->profile;
    if (__builtin_expect((!profile->by_task || span->task == 0) &&
                             (!profile->by_phase || span->context == 0),
                         1))
        return t;
    return unit_part_sums(build, b, range, t, span);
}

/*
 * Add a batch. The weights of a busy thread are spread over more memory than the cache holds, so
 * they are asked for some samples ahead.
 */
static void add_spans(const struct build *build, struct builder *b, const struct range *range,
                      struct unit_sums *t, size_t n)
{
    const struct span *const spans = b->spans;
    const bool by_state = select_by_state(build->select);
    struct carry carry = t->carry;
    uint64_t cpu_q = t->cpu_q;
    for (size_t i = 0; i < n; i++) {
        const struct span *const span = &spans[i];
        const enum state_class class = build->class_of[span->state];
        if (i + PREFETCH_AHEAD < n) {
            const struct span *const ahead = span + PREFETCH_AHEAD;
            sheet_prefetch(&t->sheets[build->class_of[ahead->state]], ahead->stack + 1);
        }
        const bool chosen = !by_state || range_chosen(range, build->select, span);
        struct unit_sums *const s = sums_of(build, b, range, t, span);
        struct weight *const w = __builtin_expect(chosen, 1)
                                     ? sheet_at(&s->sheets[class], &b->sheet_arena, span->stack + 1)
                                     : &t->left_out;
        if (__builtin_expect(chosen, 1))
            add_squares(&s->squares[class], span);
        w->samples += span->n;
        w->ticks += span->ticks;
        w->wall += span->wall_q;
        cpu_q += span->given_q;
        const uint64_t taken_q = carry_take(&carry, class, span->given_q);
        note_bare(b, t, span, class, taken_q, chosen);
        if (!state_gets_cpu(class))
            continue;
        w->cpu += taken_q;
        if (__builtin_expect(chosen, 1))
            s->squares[class].cpu += (double)taken_q * (double)taken_q;
        if (__builtin_expect(!t->has_head, 0)) {
            t->has_head = true;
            t->head_chosen = chosen;
            t->head_class = class;
            t->head = span->stack + 1;
            t->head_part = s != t ? t->parts : NULL; /* the first: it was asked for */
        }
    }
    t->carry = carry;
    t->cpu_q = cpu_q;
}

static void reserve_threads(struct builder *b, size_t n)
{
    b->threads = memory_grow(b->threads, &b->threads_size, n, sizeof *b->threads);
    for (; b->n_threads < n; b->n_threads++)
        b->threads[b->n_threads] = (struct unit_sums){0};
}

static void read_kinds(struct builder *b, const struct dict *dict)
{
    b->kinds = memory_grow(b->kinds, &b->kinds_size, dict->n_stacks + 1, 1);
    b->n_kinds = bare_kinds(dict, b->kinds, b->n_kinds);
}

void builder_begin(const struct build *build, struct builder *b, struct unit_reader *reader)
{
    uint32_t pid;
    arena_reset(&b->arena);
    arena_reset(&b->sheet_arena);
    b->n_threads = b->n_kinds = b->n_places = b->n_nodes = 0;
    b->skipped = build->select->n_pids > 0 &&
                 (!unit_pid(reader, &pid) || !select_has_pid(build->select, pid));
}

/* In order of time, each run of spans where its weight goes. */
static void add_stretches(const struct build *build, struct builder *b, struct unit_reader *reader,
                          struct unit_sums *t, size_t n)
{
    const struct profile *const profile = build->profile;
    for (size_t i = 0, end; i < n; i = end) {
        struct unit_sums *const sums = sums_of(build, b, &reader->range, t, &b->spans[i]);
        struct stretch_list *const list = &sums->stretches;
        end = i + 1;
        while (end < n && sums_of(build, b, &reader->range, t, &b->spans[end]) == sums)
            end++;
        list->keeps_pace = profile->stretches_keep_pace;
        stretch_add_spans(list, reader, profile->stretches_by, build->select, b->spans + i,
                          end - i);
    }
}

bool builder_read(const struct build *build, struct builder *b, struct unit_reader *reader)
{
    size_t n_ranges = 0;
    const struct profile_watch *const watch = b->skipped ? NULL : build->profile->watch;
    if (watch != NULL)
        watch->enter(watch->closure, build->profile, reader);
    while (!b->skipped && (!b->goes_on || n_ranges < RANGES_A_JOIN) && unit_next_range(reader)) {
        struct range_thread thread = {0};
        n_ranges++;
        if (watch != NULL) {
            const struct range mark = reader->range;
            watch->range(watch->closure);
            range_rewind(&reader->range, &mark);
        }
        read_kinds(b, &reader->dict);
        while (range_next_thread(&reader->range, &thread)) {
            const size_t index = facts_thread_index(&reader->facts, thread.id);
            size_t n;
            reserve_threads(b, index + 1);
            while ((n = range_spans(&reader->range, &thread, b->spans, SPANS_PER_BATCH)) > 0) {
                add_spans(build, b, &reader->range, &b->threads[index], n);
                if (build->profile->stretches_by != NULL)
                    add_stretches(build, b, reader, &b->threads[index], n);
            }
        }
    }
    if (watch != NULL)
        watch->leave(watch->closure, build->profile);
    return b->goes_on && n_ranges == RANGES_A_JOIN;
}

static void read_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    const struct build *const build = closure;
    builder_begin(build, &build->builders[worker], reader);
    (void)builder_read(build, &build->builders[worker], reader); /* does not go on: all of it */
}

/* The tree's nodes for the unit's stacks: for those that are new. */
static void map_stacks(struct profile *profile, struct builder *b, const struct dict *dict)
{
    struct symbols *const symbols = &profile->symbols;
    b->places = memory_grow(b->places, &b->places_size, dict->n_locations, sizeof *b->places);
    b->nodes = memory_grow(b->nodes, &b->nodes_size, dict->n_stacks + 1, sizeof *b->nodes);
    for (size_t i = b->n_places; i < dict->n_locations; i++) {
        const struct dict_location *const l = &dict->locations[i];
        const struct dict_function *const f = &dict->functions[l->function];
        const uint32_t function = symbols_dict_function(symbols, f);
        const struct position nowhere = {0};
        b->places[i] = symbols_expression(symbols, function, l->line,
                                          profile->expressions ? l->position : nowhere);
    }
    if (b->n_nodes == 0) {
        const uint32_t none = symbols_function(symbols, DICT_NO_FRAMES, "", 0);
        b->nodes[0] = tree_child(&profile->tree, TREE_ROOT, b->places[0]);
        b->nodes[1] = tree_child(&profile->tree, TREE_ROOT, symbols_place(symbols, none, 0));
    }
    for (size_t i = b->n_nodes > 0 ? b->n_nodes : 1; i < dict->n_stacks; i++) {
        const struct dict_stack *const s = &dict->stacks[i];
        const uint32_t parent =
            s->parent == 0 || profile->flat ? TREE_ROOT : b->nodes[s->parent + 1];
        b->nodes[i + 1] = tree_child(&profile->tree, parent, b->places[s->location]);
    }
    b->n_places = dict->n_locations;
    b->n_nodes = dict->n_stacks;
}

/* Weights on their way from a unit to the tree. */
struct joining {
    const struct weight *from[JOIN_AT_ONCE];
    struct weight *to[JOIN_AT_ONCE];
    size_t n;
};

static void join_weights(struct joining *j, struct weight *total, uint64_t quantum_ns)
{
    for (size_t i = 0; i < j->n; i++) {
        const struct weight *const w = j->from[i];
        const struct weight ns = {w->samples, w->ticks, w->wall * quantum_ns, w->cpu * quantum_ns};
        weight_add(j->to[i], &ns);
        weight_add(total, &ns);
    }
    j->n = 0;
}

/*
 * Add the weights of a unit to those of the tree. Neighbours in the unit are far apart in the
 * tree, so a row of them is asked for before the first one is needed.
 */
static void join_sheet(struct profile *profile, struct sheet *to, struct weight *total,
                       const struct sheet *from, const uint32_t *nodes, uint64_t quantum_ns)
{
    struct sheet_page page = {0};
    struct joining j = {.n = 0};
    while (sheet_next_page(from, &page)) {
        for (uint32_t i = 0; i < SHEET_PAGE; i++) {
            if (page.weights[i].samples == 0)
                continue;
            j.from[j.n] = &page.weights[i];
            j.to[j.n] = sheet_at(to, &profile->arena, nodes[page.first + i]);
            __builtin_prefetch(j.to[j.n], 1);
            if (++j.n == JOIN_AT_ONCE)
                join_weights(&j, total, quantum_ns);
        }
    }
    join_weights(&j, total, quantum_ns);
}

/* A square that is too large for 64 bits, of times that a hostile file may say, is the largest. */
static void square_add(uint64_t *to, double square)
{
    const uint64_t room = UINT64_MAX - *to;
    *to = square < (double)(room / 2) ? *to + (uint64_t)square : UINT64_MAX / 2;
}

static void join_squares(struct weight *to, const struct squares *more, uint64_t quantum_ns)
{
    const double units = (double)quantum_ns / SHARE_UNIT_NS;
    square_add(&to->ticks, (double)more->ticks);
    square_add(&to->wall, more->wall * units * units);
    square_add(&to->cpu, more->cpu * units * units);
}

/* Take over the stretches of a unit, with nodes of the tree and texts that outlive the unit. */
static void join_stretches(struct profile *profile, const struct builder *b,
                           struct profile_thread *t, struct stretch_list *from, uint32_t generation)
{
    if (from->n == 0)
        return;
    struct stretch_list *const part = arena_get(&profile->arena, sizeof *part);
    for (size_t i = 0; i < from->n; i++) {
        struct stretch *const s = &from->items[i];
        s->node = b->nodes[s->node];
        if (s->call != NULL)
            s->call = symbols_text(&profile->symbols, s->call);
    }
    *part = *from;
    part->generation = generation;
    part->next = t->stretches.next;
    t->stretches.next = part;
    *from = (struct stretch_list){0};
}

/* What a thread used after its last sample, until it ended; only where all of it was read. */
static uint64_t last_cpu_q(const struct unit_sums *sums, const struct unit_thread *who,
                           const struct unit_reader *reader)
{
    const uint64_t seen_q = who->cpu_q + sums->cpu_q;
    if (!who->declared || unit_is_cut(reader) || reader->trace->window.to_ns != UINT64_MAX)
        return 0;
    return who->end_cpu_q > seen_q ? who->end_cpu_q - seen_q : 0;
}

/* What was joined is not to be joined again, nor looked at. */
static void drop_sheets(struct builder *b)
{
    for (size_t i = 0; i < b->n_threads; i++) {
        memset(b->threads[i].sheets, 0, sizeof b->threads[i].sheets);
        for (struct unit_part *p = b->threads[i].parts; p != NULL; p = p->next)
            memset(p->sums.sheets, 0, sizeof p->sums.sheets);
    }
    arena_reset(&b->sheet_arena);
}

static void join_clock(struct profile *profile, const struct builder *b, struct unit_sums *sums,
                       const struct unit_thread *who, const struct unit_reader *reader)
{
    const uint64_t quantum_ns = reader->quantum_ns, last_q = last_cpu_q(sums, who, reader);
    struct profile_joint *joint = sums->joint;
    if (joint == NULL) {
        joint = sums->joint = arena_get(&profile->arena, sizeof *joint);
        joint->next = sums->thread->joints;
        sums->thread->joints = joint;
    }
    struct bare_sums *const bare = joint->bare.sums;
    if (bare != NULL)
        *bare = (struct bare_sums){0};
    *joint = (struct profile_joint){
        .next = joint->next,
        .generation = reader->unit->generation,
        .begin_known = who->declared && !unit_is_cut(reader),
        .begin_ns = who->cpu_q * quantum_ns,
        .cpu_ns = (sums->cpu_q + last_q) * quantum_ns,
        .has_head = sums->has_head,
        .head_chosen = sums->head_chosen,
        .head_class = sums->head_class,
        .head_node = sums->has_head ? b->nodes[sums->head] : 0,
        .head_part = sums->head_part != NULL ? sums->head_part->sums.thread->thread : NULL,
        .tail_ns = (sums->carry.waiting + last_q) * quantum_ns,
        .bare = {.sums = bare},
    };
    bare_join(&joint->bare, &profile->arena, &sums->bare, quantum_ns);
}

static void join_sheets(struct profile *profile, const struct builder *b, struct unit_sums *sums,
                        const struct unit_reader *reader)
{
    struct profile_thread *const t = sums->thread;
    for (int c = 0; c < CLASS_COUNT; c++) {
        join_sheet(profile, &t->sheets[c], &t->total.by[c], &sums->sheets[c], b->nodes,
                   reader->quantum_ns);
    }
    join_stretches(profile, b, t, &sums->stretches, reader->unit->generation);
}

static void join_thread(struct profile *profile, const struct builder *b, struct unit_sums *sums,
                        const struct unit_thread *who, struct unit_reader *reader)
{
    struct process *const process =
        census_process(&reader->trace->census, reader->unit->recording, reader->unit->process);
    if (sums->thread == NULL)
        sums->thread =
            profile_thread(profile, census_thread(&reader->trace->census, process, who->id));
    join_sheets(profile, b, sums, reader);
    for (struct unit_part *p = sums->parts; p != NULL; p = p->next) {
        if (p->sums.thread == NULL)
            p->sums.thread = profile_part(profile, sums->thread, &reader->dict, p);
        join_sheets(profile, b, &p->sums, reader);
    }
    join_clock(profile, b, sums, who, reader);
}

void builder_join(const struct build *build, struct builder *b, struct unit_reader *reader)
{
    if (b->skipped || b->n_threads == 0)
        return;
    map_stacks(build->profile, b, &reader->dict);
    for (size_t i = 0; i < b->n_threads; i++)
        join_thread(build->profile, b, &b->threads[i], &reader->facts.threads[i], reader);
    if (b->goes_on)
        drop_sheets(b);
}

static void sums_join_squares(const struct unit_sums *sums, uint64_t quantum_ns)
{
    for (int c = 0; c < CLASS_COUNT && sums->thread != NULL; c++)
        join_squares(&sums->thread->squares.by[c], &sums->squares[c], quantum_ns);
}

void builder_join_squares(struct builder *b, uint64_t quantum_ns)
{
    for (size_t i = 0; i < b->n_threads && !b->skipped; i++) {
        sums_join_squares(&b->threads[i], quantum_ns);
        for (struct unit_part *p = b->threads[i].parts; p != NULL; p = p->next)
            sums_join_squares(&p->sums, quantum_ns);
    }
}

static void join_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    const struct build *const build = closure;
    builder_join(build, &build->builders[worker], reader);
    builder_join_squares(&build->builders[worker], reader->quantum_ns);
}

void build_begin(struct build *build, struct profile *profile, const struct trace *trace,
                 const struct select *select)
{
    *build = (struct build){.profile = profile, .select = select};
    if (profile->tree.n == 0)
        tree_init(&profile->tree);
    profile->census = &trace->census;
    profile->window = trace->window;
    for (size_t state = 0; state < ARRAY_LEN(build->class_of); state++)
        build->class_of[state] = (uint8_t)state_part((uint16_t)state);
}

void builder_clear(struct builder *b)
{
    arena_clear(&b->arena);
    arena_clear(&b->sheet_arena);
    free(b->threads);
    free(b->places);
    free(b->nodes);
    free(b->kinds);
    *b = (struct builder){0};
}

void profile_read(struct profile *profile, struct trace *trace, const struct select *select,
                  size_t n_workers)
{
    struct build build;
    const struct trace_job job = {read_unit, join_unit, &build};
    build_begin(&build, profile, trace, select);
    build.builders = memory_get(n_workers * sizeof *build.builders);
    trace_run(trace, n_workers, &job);
    for (size_t i = 0; i < n_workers; i++)
        builder_clear(&build.builders[i]);
    free(build.builders);
}

void profile_build(struct profile *profile, struct trace *trace, const struct select *select,
                   size_t n_workers)
{
    profile_read(profile, trace, select, n_workers);
    profile_finish(profile, select);
}
