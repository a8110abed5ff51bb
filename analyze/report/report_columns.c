/* SPDX-License-Identifier: MIT */
#include "report_columns.h"

#include "analyze/base/memory.h"
#include "format/columns.h"

#include <stdlib.h>

#define GROUPS    4u
#define UNUSED    UINT32_MAX
#define CALL_LONG 15u

/* Where the codes of each group of nodes begin, and so how many the one before can have. */
static const uint32_t group_first[GROUPS + 1] = {0, 0, 128, 16384, UINT32_MAX};

static const char *const column_names[] = {
#define REPORT_COLUMN_NAME(name) #name,
    REPORT_COLUMN_LIST(REPORT_COLUMN_NAME)
#undef REPORT_COLUMN_NAME
};

const char *report_column_name(enum report_column column)
{
    return column_names[column];
}

void report_columns_clear(struct report_columns *columns)
{
    for (size_t i = 0; i < REPORT_COLUMN_COUNT; i++)
        buffer_clear(&columns->columns[i]);
    free(columns->functions);
    *columns = (struct report_columns){0};
}

/* ---- numbers ---- */

struct columns {
    struct report_columns *out;
    const struct report *report;
    uint64_t *n_runs;       /* per node of the tree */
    uint32_t *number;       /* per node: in the page; UNUSED */
    uint32_t *code;         /* per node that has runs */
    uint8_t *group;         /* per node */
    uint32_t *place_number; /* per place: in the page; UNUSED */
};

static void put_byte(struct columns *c, enum report_column column, unsigned value)
{
    const char byte = (char)value;
    buffer_add(&c->out->columns[column], &byte, 1);
}

static void put(struct columns *c, enum report_column column, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    buffer_add(&c->out->columns[column], (const char *)bytes, varint_write(bytes, value));
}

static void put_signed(struct columns *c, enum report_column column, int64_t value)
{
    put(c, column, zigzag_encode(value));
}

/* ---- nodes and places ---- */

static int compare_counts(const void *left, const void *right, void *closure)
{
    const uint64_t *const n_runs = closure;
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (n_runs[a] != n_runs[b])
        return n_runs[a] < n_runs[b] ? 1 : -1;
    return (a > b) - (a < b);
}

/* Count the runs at each node; number the nodes that have some below them, callers first. */
static void number_nodes(struct columns *c)
{
    const struct report *const report = c->report;
    const struct tree *const tree = &report->scene.tree;
    uint32_t *const order = tree_preorder(tree);
    for (size_t i = 0; i < tree->n; i++)
        c->number[i] = UNUSED;
    c->number[TREE_ROOT] = 0;
    for (size_t t = 0; t < report->n_threads; t++) {
        for (size_t i = 0; i < report->threads[t].course.n_runs; i++) {
            const struct report_run *const run = &report->threads[t].course.runs[i];
            if (run->class == REPORT_UNSEEN)
                continue;
            c->n_runs[run->node]++;
            for (uint32_t at = run->node; c->number[at] == UNUSED; at = tree->nodes[at].parent)
                c->number[at] = 0;
        }
    }
    for (size_t i = 0; i < tree->n; i++) {
        if (c->number[order[i]] != UNUSED)
            c->number[order[i]] = c->out->n_nodes++;
    }
    free(order);
}

/* Frequent nodes have short codes; within a group codes are in order of the nodes. */
static void choose_codes(struct columns *c)
{
    const struct tree *const tree = &c->report->scene.tree;
    uint32_t *const order = memory_get(tree->n * sizeof *order);
    uint32_t *const preorder = tree_preorder(tree);
    uint32_t next[GROUPS] = {0};
    for (size_t i = 0; i < tree->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, tree->n, sizeof *order, compare_counts, c->n_runs);
    for (uint32_t i = 0; i < tree->n && c->n_runs[order[i]] > 0; i++) {
        unsigned group = 1;
        while (i >= group_first[group + 1])
            group++;
        c->group[order[i]] = (uint8_t)group;
    }
    for (size_t i = 0; i < tree->n; i++) {
        const unsigned group = c->group[preorder[i]];
        if (group > 0)
            c->code[preorder[i]] = group_first[group] + next[group]++;
    }
    free(order);
    free(preorder);
}

/* Places and functions that the nodes have, in the order of the symbols. */
static void put_places(struct columns *c)
{
    const struct symbols *const symbols = &c->report->scene.symbols;
    const struct tree *const tree = &c->report->scene.tree;
    uint32_t *const function_number = memory_get(symbols->n_functions * sizeof *function_number);
    int64_t last = 0;
    for (size_t i = 0; i < symbols->n_places; i++)
        c->place_number[i] = UNUSED;
    for (size_t i = 1; i < tree->n; i++) {
        if (c->number[i] != UNUSED)
            c->place_number[tree->nodes[i].place] = 0;
    }
    for (size_t i = 0; i < symbols->n_places; i++) {
        if (c->place_number[i] == UNUSED)
            continue;
        c->place_number[i] = c->out->n_places++;
        function_number[symbols->places[i].function] = 1;
    }
    c->out->functions = memory_get(symbols->n_functions * sizeof *c->out->functions);
    for (uint32_t i = 0; i < symbols->n_functions; i++) {
        if (function_number[i] == 0)
            continue;
        function_number[i] = c->out->n_functions;
        c->out->functions[c->out->n_functions++] = i;
    }
    for (size_t i = 0; i < symbols->n_places; i++) {
        const struct symbol_place *const place = &symbols->places[i];
        if (c->place_number[i] == UNUSED)
            continue;
        const int64_t function = function_number[place->function];
        put_signed(c, REPORT_COLUMN_place_fn, function - last);
        put_signed(c, REPORT_COLUMN_place_line,
                   (int64_t)place->line - symbols->functions[place->function].line);
        put(c, REPORT_COLUMN_place_col, place->position.column);
        put(c, REPORT_COLUMN_place_end, place->position.end_column);
        last = function;
    }
    free(function_number);
}

static void put_nodes(struct columns *c)
{
    const struct tree *const tree = &c->report->scene.tree;
    uint32_t *const order = tree_preorder(tree);
    for (size_t i = 0; i < tree->n; i++) {
        const uint32_t node = order[i];
        if (c->number[node] == UNUSED)
            continue;
        put_byte(c, REPORT_COLUMN_node_group, c->group[node]);
        if (node == TREE_ROOT)
            continue;
        put(c, REPORT_COLUMN_node_up, c->number[node] - c->number[tree->nodes[node].parent] - 1);
        put(c, REPORT_COLUMN_node_place, c->place_number[tree->nodes[node].place]);
    }
    free(order);
}

/* ---- threads and processes ---- */

static void put_runs(struct columns *c, const struct report_thread *t)
{
    const bool has_scopes = c->report->scopes.n_scopes > 0;
    int64_t scope = 0;
    for (size_t i = 0; i < t->course.n_runs; i++) {
        const struct report_run *const run = &t->course.runs[i];
        const unsigned call = run->call < CALL_LONG ? run->call : CALL_LONG;
        put_byte(c, REPORT_COLUMN_run_state, run->class + 8u * run->gc + 16u * call);
        if (call == CALL_LONG)
            put(c, REPORT_COLUMN_run_call, run->call);
        if (run->class == REPORT_UNSEEN)
            continue;
        put(c, REPORT_COLUMN_run_node, c->code[run->node]);
        if (has_scopes) {
            put_signed(c, REPORT_COLUMN_run_scope, run->scope - scope);
            scope = run->scope;
        }
    }
}

static void put_lengths(struct columns *c)
{
    for (unsigned class = 0; class <= REPORT_UNSEEN; class ++) {
        for (size_t t = 0; t < c->report->n_threads; t++) {
            const struct report_course *const course = &c->report->threads[t].course;
            for (size_t i = 0; i < course->n_runs; i++) {
                if (course->runs[i].class == class)
                    put(c, REPORT_COLUMN_run_len, course->runs[i].n - 1u);
            }
        }
    }
}

static void put_cpu(struct columns *c, const struct report_thread *t)
{
    uint64_t rate_q = 0, last = 0;
    for (size_t i = 0; i < t->course.n_windows; i++) {
        const struct report_window *const w = &t->course.windows[i];
        put(c, REPORT_COLUMN_cpu_n, w->n);
        put_signed(c, REPORT_COLUMN_cpu_q, (int64_t)w->cpu_q - (int64_t)(rate_q * w->n));
        rate_q = w->cpu_q / w->n;
    }
    for (size_t i = 0; i < t->course.n_carries; i++) {
        put(c, REPORT_COLUMN_carry_at, t->course.carries[i].at - last);
        put(c, REPORT_COLUMN_carry_q, t->course.carries[i].cpu_q);
        last = t->course.carries[i].at;
    }
}

static void put_process(struct columns *c, const struct report_process *p)
{
    uint64_t last = 0;
    for (size_t i = 0; i < p->n_odd; i++) {
        put(c, REPORT_COLUMN_odd_at, p->odd[i].at - last);
        put(c, REPORT_COLUMN_odd_missed, p->odd[i].missed);
        last = p->odd[i].at;
    }
    for (size_t i = 0; i < p->n_holds; i++) {
        put(c, REPORT_COLUMN_hold, p->holds[i].thread);
        put(c, REPORT_COLUMN_hold_len, p->holds[i].n - 1u);
    }
    last = 0;
    for (size_t i = 0; i < p->n_pairs; i++) {
        put(c, REPORT_COLUMN_pair_bin, p->pairs[i].bin - last);
        put(c, REPORT_COLUMN_pair_waiter, p->pairs[i].waiter);
        put(c, REPORT_COLUMN_pair_holder, p->pairs[i].holder);
        put(c, REPORT_COLUMN_pair_n, p->pairs[i].n);
        last = p->pairs[i].bin;
    }
}

static void put_phases(struct columns *c)
{
    const struct report_scopes *const s = &c->report->scopes;
    uint64_t last_ns = 0;
    for (size_t i = 0; i < s->n_phases; i++) {
        const struct report_phase *const p = &s->phases[i];
        put(c, REPORT_COLUMN_phase_said, p->said == REPORT_ANY ? 0 : p->said + 1);
        put(c, REPORT_COLUMN_phase_up, p->up);
        put(c, REPORT_COLUMN_phase_thread,
            p->thread > 0 ? 2 * (p->thread - 1) + 1 : 2 * p->process);
        put(c, REPORT_COLUMN_phase_begin, p->begin_ns - last_ns);
        put(c, REPORT_COLUMN_phase_len, p->end_ns == PHASE_OPEN ? 0 : p->end_ns - p->begin_ns + 1);
        last_ns = p->begin_ns;
    }
}

void report_columns_build(struct report_columns *out, const struct report *report)
{
    const size_t n_nodes = report->scene.tree.n;
    struct columns c = {
        .out = out,
        .report = report,
        .n_runs = memory_get(n_nodes * sizeof *c.n_runs),
        .number = memory_get(n_nodes * sizeof *c.number),
        .code = memory_get(n_nodes * sizeof *c.code),
        .group = memory_get(n_nodes),
        .place_number = memory_get(report->scene.symbols.n_places * sizeof *c.place_number),
    };
    number_nodes(&c);
    choose_codes(&c);
    put_places(&c);
    put_nodes(&c);
    for (size_t i = 0; i < report->n_threads; i++) {
        put_runs(&c, &report->threads[i]);
        put_cpu(&c, &report->threads[i]);
    }
    put_lengths(&c);
    for (size_t i = 0; i < report->n_processes; i++)
        put_process(&c, &report->processes[i]);
    put_phases(&c);
    free(c.n_runs);
    free(c.number);
    free(c.code);
    free(c.group);
    free(c.place_number);
}
