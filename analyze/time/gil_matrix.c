/* SPDX-License-Identifier: MIT */
#include "gil_matrix.h"

#include "analyze/base/memory.h"

#include <stdlib.h>

/* A thread's part in all pairs. */
struct party {
    const struct thread *thread;
    uint64_t weight;  /* waited and waited for */
    uint64_t wall_ns; /* of a waiting thread */
};

static void amount_add(struct gil_amount *to, const struct gil_amount *more)
{
    to->waited_ns += more->waited_ns;
    to->samples += more->samples;
    to->ticks += more->ticks;
}

static int compare_threads(const void *left, const void *right)
{
    const struct party *const a = left, *const b = right;
    return (a->thread->id > b->thread->id) - (a->thread->id < b->thread->id);
}

static int compare_weights(const void *left, const void *right)
{
    const struct party *const a = left, *const b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return compare_threads(left, right);
}

/* All threads that waited or were waited for, heaviest first; the caller's to free. */
static struct party *find_parties(const struct gil_entry *const *pairs, size_t n_pairs,
                                  const struct metric *metric, size_t *n)
{
    struct party *const parties = memory_get((2 * n_pairs + 1) * sizeof *parties);
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < n_pairs; i++) {
        const struct gil_entry *const e = pairs[i];
        const uint64_t weight = gil_amount_by(&e->amount, metric);
        parties[all++] = (struct party){e->waiter, weight, e->wall_ns};
        if (e->holder != NULL)
            parties[all++] = (struct party){e->holder, weight, 0};
    }
    if (all > 1)
        qsort(parties, all, sizeof *parties, compare_threads);
    for (size_t i = 0; i < all; i++) {
        if (kept == 0 || parties[kept - 1].thread != parties[i].thread) {
            parties[kept++] = parties[i];
            continue;
        }
        parties[kept - 1].weight += parties[i].weight;
        if (parties[i].wall_ns > 0) /* the same whomever it waited for */
            parties[kept - 1].wall_ns = parties[i].wall_ns;
    }
    if (kept > 1)
        qsort(parties, kept, sizeof *parties, compare_weights);
    *n = kept;
    return parties;
}

static size_t place_of(const struct party *parties, size_t n_shown, const struct thread *thread)
{
    for (size_t i = 0; i < n_shown; i++) {
        if (parties[i].thread == thread)
            return i;
    }
    return n_shown;
}

static void line_add(struct gil_line *line, size_t column, const struct gil_amount *amount)
{
    amount_add(&line->cells[column], amount);
    amount_add(&line->all, amount);
}

void gil_matrix_build(struct gil_matrix *matrix, struct arena *arena,
                      const struct gil_entry *const *pairs, size_t n_pairs,
                      const struct metric *metric, size_t max)
{
    size_t n;
    struct party *const parties = find_parties(pairs, n_pairs, metric, &n);
    const size_t n_shown = n < max ? n : max;
    struct gil_line *const lines = arena_get(arena, (n_shown + 2) * sizeof *lines);
    struct gil_line *const others = &lines[n_shown], all = {.mark = "", .name = "all"};
    *matrix = (struct gil_matrix){.n_shown = n_shown, .n_others = n - n_shown, .lines = lines};
    for (size_t i = 0; i < n_shown; i++)
        lines[i] = (struct gil_line){.mark = arena_print(arena, "#%zu", i + 1),
                                     .name = parties[i].thread->name,
                                     .thread = parties[i].thread};
    *others = (struct gil_line){.mark = "", .name = "others"};
    lines[n_shown + 1] = all;
    for (size_t i = 0; i < n; i++) {
        lines[i < n_shown ? i : n_shown].wall_ns += parties[i].wall_ns;
        lines[n_shown + 1].wall_ns += parties[i].wall_ns;
    }
    for (size_t i = 0; i < n_pairs; i++) {
        const struct gil_entry *const e = pairs[i];
        size_t column = GIL_MATRIX_NOBODY;
        if (e->holder != NULL) {
            column = place_of(parties, n_shown, e->holder);
            column = column < n_shown ? column : GIL_MATRIX_OTHERS;
        }
        line_add(&lines[place_of(parties, n_shown, e->waiter)], column, &e->amount);
        line_add(&lines[n_shown + 1], column, &e->amount);
    }
    matrix->others_held = lines[n_shown + 1].cells[GIL_MATRIX_OTHERS].samples > 0;
    matrix->nobody_held = lines[n_shown + 1].cells[GIL_MATRIX_NOBODY].samples > 0;
    matrix->n_lines = n_shown + 2;
    if (others->all.samples == 0) { /* then the line of all takes its place */
        *others = lines[n_shown + 1];
        matrix->n_lines--;
    }
    free(parties);
}
