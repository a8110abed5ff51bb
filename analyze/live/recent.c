/* SPDX-License-Identifier: MIT */
#include "recent.h"

#include "analyze/base/memory.h"
#include "analyze/model/carry.h"
#include "analyze/read/unit.h"

#include <stdlib.h>
#include <string.h>

#define SETTLE_AFTER 3u /* seconds */

static uint64_t entry_key(uint32_t thread, uint32_t number, uint8_t class)
{
    return hash_pair((uint64_t)thread << 8 | class, number);
}

static uint64_t hash_of_entry(const void *owner, uint32_t n)
{
    const struct recent_entry *const e = &((const struct recent_second *)owner)->entries[n];
    return entry_key(e->thread, e->number, e->class);
}

/* Of a second that was settled. */
static void hash_again(struct recent_second *second)
{
    for (uint32_t n = 0; n < second->n; n++)
        hash_add(&second->hash, hash_of_entry, second, n);
}

static bool is_of(const struct recent_entry *e, uint32_t thread, uint32_t number, uint8_t class)
{
    return e->thread == thread && e->number == number && e->class == class;
}

/* Is it of that, and is there room for more samples in it? */
static bool takes(const struct recent_entry *e, uint32_t thread, uint32_t number, uint8_t class,
                  const struct weight *w)
{
    return is_of(e, thread, number, class) && w->samples <= RECENT_SAMPLES - e->samples;
}

static void entry_add(struct recent_entry *e, const struct weight *w)
{
    e->samples = (e->samples + (uint32_t)w->samples) & RECENT_SAMPLES;
    e->ticks += w->ticks;
    e->wall += w->wall;
    e->cpu += w->cpu;
}

/* Add a weight of at most LIMIT_TICKS samples; the number of its entry. */
static uint32_t second_add(struct recent_second *second, uint32_t thread, uint32_t number,
                           uint8_t class, const struct weight *w)
{
    if (second->hash.size == 0)
        hash_again(second);
    hash_reserve(&second->hash, hash_of_entry, second);
    uint64_t at = entry_key(thread, number, class);
    uint32_t n = hash_slot(&second->hash, at);
    while (n != HASH_NONE && !takes(&second->entries[n], thread, number, class, w))
        n = hash_slot(&second->hash, ++at);
    if (n == HASH_NONE) {
        n = (uint32_t)second->n++;
        second->entries =
            memory_grow(second->entries, &second->size, second->n, sizeof *second->entries);
        second->entries[n] =
            (struct recent_entry){.thread = thread, .number = number, .class = class & 15};
        hash_put(&second->hash, at, n);
    }
    entry_add(&second->entries[n], w);
    return n;
}

/* What is written to it by now is written to it seldom, if at all. */
static void settle_second(struct recent *recent, uint64_t number)
{
    struct recent_second *const second = &recent->seconds[number % RECENT_SECONDS];
    if (second->number != number + 1)
        return;
    hash_clear(&second->hash);
    struct recent_entry *const less =
        second->n > 0 ? realloc(second->entries, second->n * sizeof *less) : NULL;
    if (less == NULL)
        return;
    second->entries = less;
    second->size = second->n;
}

/* NULL where it is too long ago. */
static struct recent_second *second_of(struct recent *recent, uint64_t number)
{
    if (recent->has_any && number + RECENT_SECONDS <= recent->newest)
        return NULL;
    if (!recent->has_any || number > recent->newest) {
        for (uint64_t i = SETTLE_AFTER; i < RECENT_SECONDS && i <= number; i++) {
            if (!recent->has_any || number - i + SETTLE_AFTER <= recent->newest)
                break; /* it was settled before */
            settle_second(recent, number - i);
        }
        recent->newest = number;
    }
    recent->has_any = true;
    struct recent_second *const second = &recent->seconds[number % RECENT_SECONDS];
    if (second->number != number + 1) {
        second->number = number + 1;
        second->n = second->n_gils = 0;
        hash_reset(&second->hash);
    }
    return second;
}

const struct recent_second *recent_second(const struct recent *recent, uint64_t number)
{
    const struct recent_second *const second = &recent->seconds[number % RECENT_SECONDS];
    return second->number == number + 1 ? second : NULL;
}

const struct recent_cell *recent_cell(const struct recent_thread *thread, uint64_t second)
{
    const struct recent_cell *const cell = &thread->cells[second % RECENT_SECONDS];
    return cell->second == second + 1 ? cell : NULL;
}

static struct recent_thread *thread_of(struct recent *recent, const struct thread *thread)
{
    recent->threads = memory_grow(recent->threads, &recent->threads_size, thread->index + 1,
                                  sizeof(struct recent_thread *));
    if (thread->index >= recent->n_threads)
        recent->n_threads = thread->index + 1;
    struct recent_thread **const at = &recent->threads[thread->index];
    if (*at == NULL) {
        *at = memory_get(sizeof **at);
        (*at)->thread = thread;
        (*at)->last_second = RECENT_NONE;
    }
    return *at;
}

static struct recent_gil *gil_of(struct recent_second *second, const struct process *process)
{
    for (size_t i = second->n_gils; i-- > 0;) {
        if (second->gils[i].process == process)
            return &second->gils[i];
    }
    second->gils =
        memory_grow(second->gils, &second->gils_size, second->n_gils + 1, sizeof *second->gils);
    second->gils[second->n_gils] = (struct recent_gil){.process = process};
    return &second->gils[second->n_gils++];
}

/* ---- a piece of a span that lies in one second ---- */

struct piece {
    struct scene *scene;
    struct recent_thread *thread;
    struct recent_second *second; /* NULL: too long ago */
    uint64_t number;              /* of the second */
    const struct span *span;
    uint32_t first, n, node;
};

static struct recent_cell *cell_begin(struct recent_thread *t, uint64_t second)
{
    struct recent_cell *const cell = &t->cells[second % RECENT_SECONDS];
    if (cell->second != second + 1)
        *cell = (struct recent_cell){.second = second + 1, .waiting_ns = t->carry.waiting};
    return cell;
}

static void cell_add(struct recent_cell *cell, const struct piece *p, enum state_class class,
                     const struct weight *w, uint64_t moved_ns)
{
    cell->wall_ns[class] += w->wall;
    cell->cpu_ns += moved_ns;
    cell->squares[class].ticks += (double)w->ticks * (double)w->ticks / p->n;
    cell->squares[class].wall += (double)w->wall * (double)w->wall / p->n;
    cell->squares[class].cpu += (double)w->cpu * (double)w->cpu;
    if (!state_gets_cpu(class) || cell->has_first)
        return;
    cell->has_first = true;
    cell->first_class = class;
    cell->first_node = p->node;
    cell->first_ns = w->cpu;
}

static void wait_add(const struct piece *p)
{
    struct scene *const scene = p->scene;
    for (uint32_t k = p->first; k < p->first + p->n; k++) {
        const uint32_t holder = scene_holder_at(scene, k);
        const struct thread *const thread =
            holder != SCENE_NOBODY ? scene->threads[holder].thread : p->thread->thread;
        const uint32_t number =
            thread != p->thread->thread ? (uint32_t)thread->index : RECENT_NOBODY;
        const struct weight w = {
            .samples = 1, .ticks = scene_due(scene, k, 1), .wall = scene_wall_ns(scene, k, 1)};
        second_add(p->second, (uint32_t)p->thread->thread->index, number, RECENT_WAITS, &w);
    }
}

/* Mostly it is where it was before. */
static void entry_note(const struct piece *p, enum state_class class, const struct weight *w)
{
    struct recent_thread *const t = p->thread;
    const uint32_t thread = (uint32_t)t->thread->index;
    struct recent_entry *const last =
        t->last_second == p->number ? &p->second->entries[t->last_entry] : NULL;
    if (last != NULL && takes(last, thread, p->node, (uint8_t) class, w))
        entry_add(last, w);
    else
        t->last_entry = second_add(p->second, thread, p->node, (uint8_t) class, w);
    t->last_second = p->number;
}

static void piece_add(const struct piece *p)
{
    struct recent_thread *const t = p->thread;
    const enum state_class class = state_part(p->span->state);
    const uint64_t moved_ns =
        p->first == p->span->first ? p->span->given_q * p->scene->reader->quantum_ns : 0;
    struct recent_cell *const cell = p->second != NULL ? cell_begin(t, p->number) : NULL;
    const struct weight w = {
        .samples = p->n,
        .ticks = scene_due(p->scene, p->first, p->n),
        .wall = scene_wall_ns(p->scene, p->first, p->n),
        .cpu = carry_take(&t->carry, class, moved_ns),
    };
    if (cell == NULL)
        return;
    cell_add(cell, p, class, &w, moved_ns);
    entry_note(p, class, &w);
    struct recent_gil *const gil = gil_of(p->second, p->scene->process);
    if (p->span->state & STATE_IN_GC)
        gil->gc_ns += w.wall;
    if (class == CLASS_WAITS_GIL) {
        gil->waits_ns += w.wall;
        wait_add(p);
    }
}

/* ---- a range ---- */

/* Where the seconds of a range begin. */
struct cuts {
    uint64_t *numbers;
    uint32_t *ends; /* tick behind the last one of it */
    size_t n, size, ends_size;
};

/* Ticks belong to the second in which the middle of their interval is, as with --from and --to. */
static void cut_range(const struct scene *scene, struct cuts *cuts)
{
    const struct unit_reader *const reader = scene->reader;
    for (uint32_t tick = 0; tick < scene->n_ticks;) {
        const uint64_t half_ns = reader->range.columns.interval_ns / 2;
        const uint64_t end_ns = scene_time_ns(scene, tick);
        uint64_t number = (end_ns > half_ns ? end_ns - half_ns : 0) / SECOND_NS;
        uint32_t end;
        number -= number > 0; /* rounding: one less is looked at, too */
        do
            end = range_tick_at(&reader->range, unit_time_q(reader, ++number * SECOND_NS));
        while (end <= tick);
        cuts->numbers = memory_grow(cuts->numbers, &cuts->size, cuts->n + 1, sizeof *cuts->numbers);
        cuts->ends = memory_grow(cuts->ends, &cuts->ends_size, cuts->n + 1, sizeof *cuts->ends);
        cuts->numbers[cuts->n] = number - 1;
        cuts->ends[cuts->n++] = end;
        tick = end;
    }
}

static void take_span(struct recent *recent, struct piece *p, const struct cuts *cuts, size_t *cut)
{
    uint32_t first = p->span->first;
    const uint32_t end = first + p->span->n;
    while (first < end) {
        while (cuts->ends[*cut] <= first)
            ++*cut;
        p->number = cuts->numbers[*cut];
        p->second = second_of(recent, p->number);
        p->first = first;
        p->n = (end < cuts->ends[*cut] ? end : cuts->ends[*cut]) - first;
        piece_add(p);
        first += p->n;
    }
}

/* As in a profile: what has no frames is a place of its own below the root. */
static uint32_t node_of(struct scene *scene, uint32_t stack)
{
    const uint32_t node = scene_node(scene, stack);
    if (node != TREE_ROOT)
        return node;
    const uint32_t none = symbols_function(&scene->symbols, DICT_NO_FRAMES, "", 0);
    return tree_child(&scene->tree, TREE_ROOT, symbols_place(&scene->symbols, none, 0));
}

static void note_now(struct scene *scene, struct recent_thread *t, const struct span *span)
{
    const uint32_t tick = span->first + span->n - 1;
    const uint64_t at_ns = scene_time_ns(scene, tick);
    if (at_ns < t->at_ns)
        return;
    const uint32_t holder =
        state_class(span->state) == CLASS_WAITS_GIL ? scene_holder_at(scene, tick) : SCENE_NOBODY;
    t->at_ns = at_ns;
    t->state = span->state;
    t->node = node_of(scene, span->stack);
    t->call = scene_call(scene, span);
    t->holder = holder != SCENE_NOBODY ? scene->threads[holder].thread : NULL;
}

static void hold_add(struct recent_second *second, struct recent_gil *gil,
                     const struct scene *scene, const struct scene_holder *holder, uint32_t first,
                     uint32_t n)
{
    const struct weight w = {.samples = n, .wall = scene_wall_ns(scene, first, n)};
    gil->held_ns += w.wall;
    second_add(second, (uint32_t)scene->threads[holder->thread].thread->index, 0, RECENT_HOLDS, &w);
}

static void take_holders(struct recent *recent, struct scene *scene, const struct cuts *cuts)
{
    uint32_t first = 0;
    for (size_t i = 0; i < cuts->n; first = cuts->ends[i++]) {
        struct recent_second *const second = second_of(recent, cuts->numbers[i]);
        if (second == NULL)
            continue;
        struct recent_gil *const gil = gil_of(second, scene->process);
        gil->wall_ns += scene_wall_ns(scene, first, cuts->ends[i] - first);
        gil->known = gil->known || scene->n_holders > 0;
        for (size_t h = 0; h < scene->n_holders; h++) {
            const uint32_t next =
                h + 1 < scene->n_holders ? scene->holders[h + 1].first : scene->n_ticks;
            const uint32_t from = scene->holders[h].first > first ? scene->holders[h].first : first;
            const uint32_t to = next < cuts->ends[i] ? next : cuts->ends[i];
            if (scene->holders[h].thread != SCENE_NOBODY && from < to)
                hold_add(second, gil, scene, &scene->holders[h], from, to - from);
        }
    }
}

void recent_take(struct recent *recent, struct scene *scene)
{
    struct cuts cuts = {0};
    cut_range(scene, &cuts);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        struct piece piece = {.scene = scene, .thread = thread_of(recent, t->thread)};
        size_t cut = 0;
        for (size_t s = 0; s < t->n_spans; s++) {
            piece.span = &t->spans[s];
            piece.node = node_of(scene, piece.span->stack);
            take_span(recent, &piece, &cuts, &cut);
        }
        if (t->n_spans > 0)
            note_now(scene, piece.thread, &t->spans[t->n_spans - 1]);
    }
    take_holders(recent, scene, &cuts);
    free(cuts.numbers);
    free(cuts.ends);
}

/* ---- a window ---- */

static void add_squares(struct weight *to, double ticks, double wall, double cpu)
{
    const double unit = SHARE_UNIT_NS * SHARE_UNIT_NS;
    to->ticks += (uint64_t)ticks;
    to->wall += (uint64_t)(wall / unit);
    to->cpu += (uint64_t)(cpu / unit);
}

/* CPU that waited since before the window belongs to no sample in it: how much, and its squares. */
static uint64_t taken_out(const struct recent_cell *first, const struct recent_cell *taker,
                          struct weights *squares)
{
    const double before = (double)taker->first_ns;
    const double after = before - (double)first->waiting_ns;
    const double less = (before * before - after * after) / (SHARE_UNIT_NS * SHARE_UNIT_NS);
    uint64_t *const cpu = &squares->by[taker->first_class].cpu;
    *cpu -= (uint64_t)less < *cpu ? (uint64_t)less : *cpu;
    return first->waiting_ns;
}

static void weigh_thread(struct recent_window *window, const struct recent_thread *t,
                         recent_fn *each, void *closure)
{
    const struct recent_cell *first = NULL, *taker = NULL;
    struct weights squares = {0};
    for (uint64_t s = window->from; s < window->to; s++) {
        const struct recent_cell *const cell = recent_cell(t, s);
        if (cell == NULL)
            continue;
        first = first == NULL ? cell : first;
        for (int c = 0; c < CLASS_COUNT; c++)
            add_squares(&squares.by[c], cell->squares[c].ticks, cell->squares[c].wall,
                        cell->squares[c].cpu);
        if (taker != NULL || !cell->has_first)
            continue;
        taker = cell;
        const struct weight less = {.cpu = 0 - taken_out(first, taker, &squares)};
        weight_add(&window->total.by[taker->first_class], &less);
        each(closure, taker->first_class, taker->first_node, &less);
    }
    weights_add(&window->squares, &squares);
}

void recent_weigh(const struct recent *recent, struct recent_window *window, recent_fn *each,
                  void *closure)
{
    for (uint64_t s = window->from; s < window->to; s++) {
        const struct recent_second *const second = recent_second(recent, s);
        for (size_t i = 0; second != NULL && i < second->n; i++) {
            const struct recent_entry *const e = &second->entries[i];
            if (e->class >= CLASS_COUNT || !window->chosen[e->thread])
                continue;
            const struct weight w = {e->samples, e->ticks, e->wall, e->cpu};
            weight_add(&window->total.by[e->class], &w);
            each(closure, (enum state_class)e->class, e->number, &w);
        }
    }
    for (size_t i = 0; i < recent->n_threads; i++) {
        if (recent->threads[i] != NULL && window->chosen[i])
            weigh_thread(window, recent->threads[i], each, closure);
    }
    for (int c = 0; c < CLASS_COUNT; c++)
        window->squares.by[c].samples = window->total.by[c].samples;
}

void recent_clear(struct recent *recent)
{
    for (size_t i = 0; i < recent->n_threads; i++)
        free(recent->threads[i]);
    free(recent->threads);
    for (size_t i = 0; i < RECENT_SECONDS; i++) {
        free(recent->seconds[i].entries);
        free(recent->seconds[i].gils);
        hash_clear(&recent->seconds[i].hash);
    }
    *recent = (struct recent){0};
}
