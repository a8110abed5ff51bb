/* SPDX-License-Identifier: MIT */
#include "series.h"

#include "analyze/base/memory.h"
#include "analyze/model/carry.h"
#include "analyze/read/trace_run.h"
#include "analyze/read/unit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SPANS_PER_BATCH RANGE_ROOM

/* What is kept while a trace is read. */
struct pass {
    const struct series_plan *plan;
    struct symbols *names;
    struct series *all;
    size_t n;
    struct series *series; /* of the unit that is being read */
    struct unit_reader *reader;
    const struct recording *recording; /* whose .. */
    uint32_t process;                  /* .. process's clocks are carried */
    struct carry *carries;             /* per thread, in ns */
    size_t carry_size;
    uint32_t *row_of; /* per location of the unit: row + 1, 0 = not asked for yet */
    size_t row_of_size;
    uint32_t *path_of; /* per stack of the unit: node, 0 = not asked for yet */
    size_t path_of_size;
    uint32_t *new_stacks; /* that have none, innermost first */
    size_t new_stacks_size;
    uint32_t none; /* the row of samples without frames */
    uint32_t thread_row;
    uint64_t *seen; /* per row: the last stack walk that met it */
    size_t seen_size;
    uint64_t walk;
    const uint64_t *due_ns; /* see struct reading */
};

/* "Worker-*" of "Worker-12". */
static void print_group(struct buffer *out, const char *name)
{
    for (const char *at = name; *at != '\0';) {
        const bool digit = isdigit((unsigned char)*at) != 0;
        buffer_add(out, digit ? "*" : at, 1);
        do
            at++;
        while (digit && isdigit((unsigned char)*at));
    }
}

static uint32_t thread_row(struct pass *pass, const char *name)
{
    struct buffer group = {0};
    print_group(&group, name);
    const uint32_t row = symbols_function(pass->names, group.text != NULL ? group.text : "", "", 0);
    buffer_clear(&group);
    return row;
}

/* Does the path lie in that folder? */
static bool is_below(const char *path, const struct series_map *map)
{
    return strncmp(path, map->from, map->from_len) == 0 &&
           (path[map->from_len] == '/' || (map->from_len > 0 && path[map->from_len - 1] == '/'));
}

/* The path as the maps have it; `moved` keeps it. */
static const char *moved_path(const struct pass *pass, const char *path, struct buffer *moved)
{
    for (size_t i = 0; i < pass->plan->n_maps; i++) {
        const struct series_map *const map = &pass->plan->maps[i];
        if (!is_below(path, map))
            continue;
        buffer_add_text(moved, map->to);
        buffer_add_text(moved, path + map->from_len);
        return moved->text;
    }
    return path;
}

static uint32_t named_row(struct pass *pass, const char *name, const char *file, uint32_t below)
{
    switch (pass->plan->key) {
    case SERIES_FILE:
        return symbols_function(pass->names, file[0] != '\0' ? "" : name, file, 0);
    case SERIES_LINE:
        return symbols_place(pass->names, symbols_function(pass->names, name, file, 0), below);
    default:
        return symbols_function(pass->names, name, file, 0);
    }
}

static struct series_row *row_at(struct series *s, uint32_t row, uint32_t line)
{
    s->rows = memory_grow(s->rows, &s->rows_size, row + 1, sizeof(struct series_row *));
    s->n_rows = row + 1 > s->n_rows ? row + 1 : s->n_rows;
    if (s->rows[row] == NULL) {
        s->rows[row] = arena_get(&s->arena, sizeof(struct series_row));
        s->rows[row]->blocks = arena_get(&s->arena, s->n_blocks * sizeof(double));
    }
    if (line > 0 && (s->rows[row]->line == 0 || line < s->rows[row]->line))
        s->rows[row]->line = line;
    return s->rows[row];
}

static uint32_t function_row(struct pass *pass, const char *name, const char *file, uint32_t below)
{
    struct buffer moved = {0};
    const uint32_t row = named_row(pass, name, moved_path(pass, file, &moved), below);
    buffer_clear(&moved);
    return row;
}

/* The row of a location of the unit. */
static uint32_t row_of(struct pass *pass, uint32_t location)
{
    const struct dict *const dict = &pass->reader->dict;
    pass->row_of =
        memory_grow(pass->row_of, &pass->row_of_size, dict->n_locations, sizeof(uint32_t));
    if (pass->row_of[location] == 0) {
        const struct dict_location *const l = &dict->locations[location];
        const struct dict_function *const f = &dict->functions[l->function];
        const uint32_t row = function_row(pass, f->name, f->file, l->line - f->line);
        const uint32_t line = pass->plan->key == SERIES_LINE   ? l->line
                              : pass->plan->key == SERIES_FILE ? 0
                                                               : f->line;
        if (pass->plan->key != SERIES_PATH)
            row_at(pass->series, row, line);
        pass->row_of[location] = row + 1;
    }
    return pass->row_of[location] - 1;
}

static uint32_t leaf_row(struct pass *pass, uint32_t stack)
{
    if (pass->plan->key == SERIES_THREAD)
        return pass->thread_row;
    if (stack == 0)
        return pass->none;
    return row_of(pass, stack == DICT_STACK_LOST ? 0 : pass->reader->dict.stacks[stack].location);
}

/* Weight of some samples of one stack in one block. */
struct piece {
    uint32_t stack;
    size_t block;
    double weight;
    uint64_t samples;
};

static void add_to_row(struct pass *pass, uint32_t row, const struct piece *piece)
{
    struct series_row *const r = row_at(pass->series, row, 0);
    r->blocks[piece->block] += piece->weight;
    r->total += piece->weight;
    r->samples += piece->samples;
}

/* The node below `parent` where a stack comes to that location. */
static uint32_t path_below(struct pass *pass, uint32_t parent, uint32_t location)
{
    const struct dict *const dict = &pass->reader->dict;
    const uint32_t node = tree_child(pass->plan->paths, parent, row_of(pass, location));
    row_at(pass->series, node, dict->functions[dict->locations[location].function].line);
    return node;
}

/* The node of a stack: those of its callers are made first. */
static uint32_t path_of(struct pass *pass, uint32_t stack)
{
    const struct dict *const dict = &pass->reader->dict;
    size_t n = 0;
    if (stack == 0)
        return tree_child(pass->plan->paths, TREE_ROOT, pass->none);
    if (stack == DICT_STACK_LOST)
        return path_below(pass, TREE_ROOT, 0);
    pass->path_of =
        memory_grow(pass->path_of, &pass->path_of_size, dict->n_stacks, sizeof(uint32_t));
    uint32_t at = stack;
    for (; at != 0 && pass->path_of[at] == 0; at = dict->stacks[at].parent) {
        pass->new_stacks =
            memory_grow(pass->new_stacks, &pass->new_stacks_size, n + 1, sizeof(uint32_t));
        pass->new_stacks[n++] = at;
    }
    uint32_t node = at != 0 ? pass->path_of[at] : TREE_ROOT;
    while (n > 0) {
        const uint32_t one = pass->new_stacks[--n];
        node = pass->path_of[one] = path_below(pass, node, dict->stacks[one].location);
    }
    return node;
}

/* Every path on the way to the stack, itself included. */
static void add_to_paths(struct pass *pass, const struct piece *piece)
{
    const struct tree *const paths = pass->plan->paths;
    for (uint32_t node = path_of(pass, piece->stack); node != TREE_ROOT;
         node = paths->nodes[node].parent)
        add_to_row(pass, node, piece);
}

/* Every row on the way from leaf to root, each once. */
static void add_to_stack(struct pass *pass, const struct piece *piece)
{
    const struct dict *const dict = &pass->reader->dict;
    pass->walk++;
    for (uint32_t stack = piece->stack; stack != 0; stack = dict->stacks[stack].parent) {
        const uint32_t row = row_of(pass, dict->stacks[stack].location);
        pass->seen = memory_grow(pass->seen, &pass->seen_size, row + 1, sizeof *pass->seen);
        if (pass->seen[row] == pass->walk)
            continue;
        pass->seen[row] = pass->walk;
        add_to_row(pass, row, piece);
    }
}

static void add_piece(struct pass *pass, const struct piece *piece)
{
    struct series *const s = pass->series;
    if (piece->weight <= 0)
        return;
    s->whole[piece->block] += piece->weight;
    s->total += piece->weight;
    s->samples += piece->samples;
    if (pass->plan->key == SERIES_PATH)
        add_to_paths(pass, piece);
    else if (pass->plan->cumulative && pass->plan->key != SERIES_THREAD && piece->stack != 0 &&
             piece->stack != DICT_STACK_LOST)
        add_to_stack(pass, piece);
    else
        add_to_row(pass, leaf_row(pass, piece->stack), piece);
}

static size_t block_of(const struct pass *pass, uint32_t tick)
{
    const struct series *const s = pass->series;
    const uint64_t time_ns = pass->due_ns[tick];
    const uint64_t block = time_ns > s->start_ns ? (time_ns - s->start_ns) / s->block_ns : 0;
    return block < s->n_blocks ? (size_t)block : s->n_blocks - 1;
}

/* The part of a span that lies in ticks first .. first + n - 1, all of one block. */
static void add_part(struct pass *pass, const struct span *span, uint32_t first, uint32_t n,
                     uint64_t cpu_ns)
{
    const struct range *const range = &pass->reader->range;
    struct weights w = {0};
    const bool whole = n == span->n;
    const uint64_t wall_q = whole ? span->wall_q : range_wall_q(range, first, n);
    const uint64_t ticks = whole ? span->ticks : range_ticks(range, first, n);
    const size_t block = block_of(pass, first);
    w.by[state_part(span->state)] =
        (struct weight){n, ticks, wall_q * pass->reader->quantum_ns, cpu_ns};
    pass->series->cpu[block] += (double)cpu_ns;
    pass->series->cpu_ns += (double)cpu_ns;
    const struct piece piece = {span->stack, block, (double)pass->plan->metric->of(&w), n};
    add_piece(pass, &piece);
}

static bool span_wanted(const struct pass *pass, const struct span *span)
{
    return range_chosen(&pass->reader->range, pass->plan->select, span);
}

static void add_span(struct pass *pass, const struct span *span, struct carry *carry)
{
    const uint32_t end = span->first + span->n;
    uint64_t cpu_ns =
        carry_take(carry, state_part(span->state), span->given_q * pass->reader->quantum_ns);
    if (!span_wanted(pass, span))
        return;
    for (uint32_t first = span->first; first < end;) {
        uint32_t last = end - 1;
        if (block_of(pass, first) != block_of(pass, last)) {
            const size_t block = block_of(pass, first);
            for (last = first; block_of(pass, last + 1) == block;)
                last++;
        }
        add_part(pass, span, first, last - first + 1, cpu_ns);
        cpu_ns = 0;
        first = last + 1;
    }
}

static bool process_wanted(const struct pass *pass)
{
    uint32_t pid;
    const struct select *const select = pass->plan->select;
    return select->n_pids == 0 || (unit_pid(pass->reader, &pid) && select_has_pid(select, pid));
}

/* Clocks are carried from generation to generation of one process. */
static void begin_unit(struct pass *pass, struct unit_reader *reader)
{
    const struct unit *const unit = reader->unit;
    const bool same = unit->recording == pass->recording && unit->process == pass->process;
    pass->reader = reader;
    for (size_t i = 0; i < pass->n; i++) {
        if (pass->all[i].recording == unit->recording)
            pass->series = &pass->all[i];
    }
    if (!same && pass->carry_size > 0)
        memset(pass->carries, 0, pass->carry_size * sizeof *pass->carries);
    pass->recording = unit->recording;
    pass->process = unit->process;
    if (pass->row_of_size > 0)
        memset(pass->row_of, 0, pass->row_of_size * sizeof *pass->row_of);
    if (pass->path_of_size > 0)
        memset(pass->path_of, 0, pass->path_of_size * sizeof *pass->path_of);
}

static bool needs_names(const struct series_plan *plan)
{
    return plan->select->n_threads > 0 || plan->key == SERIES_THREAD;
}

size_t series_passes(const struct series_plan *plan)
{
    return needs_names(plan) ? 2 : 1;
}

/* Is the thread wanted, and in which row? */
static bool take_thread(struct pass *pass, uint32_t id)
{
    struct census *const census = &pass->reader->trace->census;
    if (!needs_names(pass->plan))
        return true;
    const struct thread *const thread =
        census_thread(census, census_process(census, pass->recording, pass->process), id);
    if (!select_has_thread(pass->plan->select, thread->name, thread->os_tid))
        return false;
    if (pass->plan->key == SERIES_THREAD)
        pass->thread_row = thread_row(pass, thread->name);
    return true;
}

/* Everything that is asked of one reading. */
struct reading {
    struct pass *passes;
    bool *takes; /* per pass: the thread that is being read */
    size_t n;
    uint64_t *due_ns; /* per tick of the range: the middle of the interval that it was due in */
    size_t due_size;
    struct span spans[SPANS_PER_BATCH];
};

static void read_thread(struct reading *reading, struct unit_reader *reader,
                        struct range_thread *thread)
{
    size_t n;
    bool any = false;
    for (size_t p = 0; p < reading->n; p++) {
        struct pass *const pass = &reading->passes[p];
        any |= reading->takes[p] = take_thread(pass, thread->id);
        pass->carries =
            memory_grow(pass->carries, &pass->carry_size, thread->id + 1, sizeof *pass->carries);
    }
    while (any && (n = range_spans(&reader->range, thread, reading->spans, SPANS_PER_BATCH)) > 0) {
        for (size_t p = 0; p < reading->n; p++) {
            struct pass *const pass = &reading->passes[p];
            for (size_t i = 0; i < n && reading->takes[p]; i++)
                add_span(pass, &reading->spans[i], &pass->carries[thread->id]);
        }
    }
}

/*
 * A tick is in the block of its interval, as it is in the range of time of its interval: late ones
 * change nothing. Borders are kept as quanta, and are those of the grid but for rounding.
 */
static void note_due(struct reading *reading, const struct unit_reader *reader)
{
    const struct range *const range = &reader->range;
    const uint64_t interval_ns = range->columns.interval_ns, origin_ns = range->columns.origin_ns;
    reading->due_ns = memory_grow(reading->due_ns, &reading->due_size, range->n_ticks + 1,
                                  sizeof *reading->due_ns);
    for (uint32_t k = 0; k < range->n_ticks; k++) {
        const uint64_t end_ns = range->border_q[k + 1] * range->quantum_ns;
        const uint64_t n =
            end_ns > origin_ns ? (end_ns - origin_ns + interval_ns / 2) / interval_ns : 0;
        reading->due_ns[k] = origin_ns + n * interval_ns - (n > 0 ? interval_ns / 2 : 0);
    }
    for (size_t p = 0; p < reading->n; p++)
        reading->passes[p].due_ns = reading->due_ns;
}

static void read_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    struct reading *const reading = closure;
    (void)worker;
    for (size_t p = 0; p < reading->n; p++)
        begin_unit(&reading->passes[p], reader);
    while (process_wanted(&reading->passes[0]) && unit_next_range(reader)) {
        struct range_thread thread = {0};
        note_due(reading, reader);
        while (range_next_thread(&reader->range, &thread))
            read_thread(reading, reader, &thread);
    }
}

/* Only what threads are called: that may be said behind their first samples. */
static void read_names(void *closure, size_t worker, struct unit_reader *reader)
{
    (void)closure;
    (void)worker;
    while (unit_next_range(reader)) {
        struct range_thread thread = {0};
        while (range_next_thread(&reader->range, &thread))
            facts_thread_index(&reader->facts, thread.id);
    }
}

static const struct chunk_header *header_at(const struct trace *trace, const struct unit_chunk *c)
{
    return &chunk_file_get(trace->files[c->file].chunks, c->chunk)->header;
}

void series_extent(const struct trace *trace, const struct recording *recording, uint64_t *first_ns,
                   uint64_t *last_ns)
{
    *first_ns = UINT64_MAX;
    *last_ns = 0;
    for (size_t u = 0; u < trace->n_units; u++) {
        const struct unit *const unit = &trace->units[u];
        for (size_t i = 0; unit->recording == recording && i < unit->n_chunks; i++) {
            const struct chunk_header *const header = header_at(trace, &unit->chunks[i]);
            if (header->process == 0)
                continue;
            *first_ns = header->t_first_ns < *first_ns ? header->t_first_ns : *first_ns;
            *last_ns = header->t_last_ns > *last_ns ? header->t_last_ns : *last_ns;
        }
    }
}

/* Blocks over the time in which anything was recorded. */
static void make_blocks(struct series *s, const struct trace *trace, size_t n_max)
{
    uint64_t first_ns, last_ns;
    series_extent(trace, s->recording, &first_ns, &last_ns);
    const struct window window = trace->window;
    const uint64_t shift_ns = s->recording->shift_ns;
    if (window.from_ns > shift_ns && first_ns < window.from_ns - shift_ns)
        first_ns = window.from_ns - shift_ns;
    if (window.to_ns > shift_ns && last_ns > window.to_ns - shift_ns)
        last_ns = window.to_ns - shift_ns;
    const uint64_t long_ns = last_ns > first_ns ? last_ns - first_ns : 1;
    const uint64_t least_ns = SERIES_INTERVALS * s->recording->interval_ns;
    uint64_t n = least_ns > 0 ? long_ns / least_ns : n_max;
    n = n > n_max ? n_max : n;
    s->n_blocks = n > 2 ? (size_t)n : 2;
    s->start_ns = first_ns != UINT64_MAX ? first_ns : 0;
    s->block_ns = long_ns / s->n_blocks + 1;
    s->elapsed_ns = (double)long_ns;
    s->whole = arena_get(&s->arena, s->n_blocks * sizeof *s->whole);
    s->cpu = arena_get(&s->arena, s->n_blocks * sizeof *s->cpu);
}

static void open_pass(struct pass *pass, const struct trace *trace,
                      const struct series_question *question)
{
    *pass = (struct pass){
        .plan = question->plan, .names = question->names, .n = trace->census.n_recordings};
    pass->all = memory_get(pass->n * sizeof *pass->all);
    pass->none = function_row(pass, DICT_NO_FRAMES, "", 0);
    for (size_t i = 0; i < pass->n; i++) {
        pass->all[i].recording = trace->census.recordings[i];
        make_blocks(&pass->all[i], trace, question->plan->n_blocks);
    }
}

static void close_pass(struct pass *pass)
{
    free(pass->carries);
    free(pass->row_of);
    free(pass->path_of);
    free(pass->new_stacks);
    free(pass->seen);
}

void series_read_all(struct trace *trace, struct series_question *questions, size_t n)
{
    struct reading *const reading = memory_get(sizeof *reading);
    const struct trace_job job = {read_unit, NULL, reading};
    const struct trace_job names_job = {read_names, NULL, NULL};
    bool named = false;
    reading->n = n;
    reading->passes = memory_get(n * sizeof *reading->passes);
    reading->takes = memory_get(n * sizeof *reading->takes);
    for (size_t p = 0; p < n; p++) {
        open_pass(&reading->passes[p], trace, &questions[p]);
        named |= needs_names(questions[p].plan);
    }
    if (named) {
        trace_damage_fn *const report = trace->report;
        trace->report = NULL; /* it will be said when it counts */
        trace_run(trace, 1, &names_job);
        trace->report = report;
    }
    trace_run(trace, 1, &job);
    for (size_t p = 0; p < n; p++) {
        questions[p].series = reading->passes[p].all;
        questions[p].n = reading->passes[p].n;
        close_pass(&reading->passes[p]);
    }
    free(reading->passes);
    free(reading->takes);
    free(reading->due_ns);
    free(reading);
}

struct series *series_read(struct trace *trace, const struct series_plan *plan,
                           struct symbols *names, size_t *n)
{
    struct series_question question = {.plan = plan, .names = names};
    series_read_all(trace, &question, 1);
    *n = question.n;
    return question.series;
}

void series_clear(struct series *series, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        arena_clear(&series[i].arena);
        free(series[i].rows);
    }
    free(series);
}

struct frame series_frame(const struct symbols *names, enum series_key key, uint32_t row)
{
    const uint32_t function = key == SERIES_LINE ? names->places[row].function : row;
    const struct symbol_function *const f = &names->functions[function];
    return (struct frame){f->name, f->file, 0, f->native};
}
