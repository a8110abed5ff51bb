/* SPDX-License-Identifier: MIT */
#include "diff.h"

#include "analyze/base/memory.h"
#include "stat_bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLICATES 1000u
#define SEED       1u
#define NS         1e9
/* Degrees of freedom of a variance that is known, not estimated. */
#define DF_KNOWN 1e6

/* What the rows of one side have in common. */
#define ALL_ROWS UINT32_MAX

struct context {
    const struct diff_plan *plan;
    const struct diff_side *sides;
    struct bootstrap *plans[2]; /* where there is one recording on each side */
    struct bootstrap_correlation correlation[2];
    double whole_variance[2];    /* of the sum of all rows */
    double *ratios[2];           /* by row: the variance of its share of the whole */
    double *wholes[2], *cpus[2]; /* of the series, drawn */
};

/* A row of one recording: value, and the variance that its own samples tell of. */
struct measured {
    double value, within;
    double sampling; /* the least it can be */
    double df;       /* of `within` */
    uint64_t samples;
};

/* By what a recording is divided; the CPU is not the same in each block, the rest is. */
static double divisor(const struct context *c, const struct diff_side *side, size_t i)
{
    switch (c->plan->scale) {
    case DIFF_WALL:
        return side->series[i].elapsed_ns / NS;
    case DIFF_CPU:
        return side->series[i].cpu_ns / NS;
    case DIFF_COUNT:
        return side->counts[i];
    default:
        return 1;
    }
}

/*
 * What sampling alone brings in: of n samples a share p was here, so n (1 - p) of them could as
 * well have been elsewhere. One more, so that nothing is ever known exactly.
 */
static double sampling_variance(const struct series *s, double total, uint64_t samples, double by)
{
    if (s->samples == 0)
        return 0;
    const double one = s->total / (double)s->samples / by;
    const double share = s->total > 0 ? total / s->total : 0;
    return one * one * ((double)samples * (share < 1 ? 1 - share : 0) + 1);
}

/* The variance of a row's share of the whole, or of CPU (drawn), by exchanging blocks. */
static double share_variance(const struct context *c, int which, const double *blocks, double sum,
                             const double *drawn)
{
    return bootstrap_ratio(c->plans[which], blocks, sum, drawn) * c->correlation[which].inflation;
}

/* Of its share of the whole, which the plan has looked at already where there is such a row. */
static double share_of_whole(const struct context *c, int which, uint32_t number,
                             const double *blocks)
{
    if (number < c->sides[which].series[0].n_rows)
        return c->ratios[which][number] * c->correlation[which].inflation;
    return share_variance(c, which, blocks, c->sides[which].series[0].total, c->wholes[which]);
}

/*
 * Of a row's sum. A program that does a certain work gets its CPU in portions that are none of its
 * doing, so blocks are compared by what share of them the row has. The sum is that share of the
 * whole, which varies as well: as if each row's work varied by itself.
 */
static double within_variance(const struct context *c, int which, uint32_t number,
                              const double *blocks, double total)
{
    const struct series *const s = &c->sides[which].series[0];
    const double share = total / s->total;
    switch (c->plan->scale) {
    case DIFF_CPU:
        return share_variance(c, which, blocks, s->cpu_ns, c->cpus[which]) * s->cpu_ns * s->cpu_ns;
    case DIFF_WALL:
        return bootstrap_sum(c->plans[which], blocks) * c->correlation[which].inflation;
    default:
        return share_of_whole(c, which, number, blocks) * s->total * s->total +
               share * share * c->whole_variance[which];
    }
}

/* `number`: the row's, or ALL_ROWS. */
static struct measured measure(const struct context *c, int which, size_t i, uint32_t number,
                               const double *blocks, double total, uint64_t samples)
{
    const struct diff_side *const side = &c->sides[which];
    const struct series *const s = &side->series[i];
    const double by = divisor(c, side, i);
    struct measured m = {.df = DF_KNOWN, .samples = samples};
    if (by <= 0)
        return m;
    m.value = total / by;
    m.sampling = sampling_variance(s, total, samples, by);
    if (c->plans[which] == NULL || total <= 0)
        return m;
    m.df = c->correlation[which].df;
    m.within = within_variance(c, which, number, blocks, total) / (by * by);
    const double one = s->total / (double)s->samples / by;
    m.within += one * one;
    return m;
}

/* What the recordings of one side say together. */
struct summary {
    struct stat_side stat;
    double spread;   /* variance between recordings, 0 with one */
    double sampling; /* of the mean */
    double within;   /* of the mean */
    double df_within;
    uint64_t samples;
};

static struct summary summarize(const struct measured *m, size_t n)
{
    struct summary s = {.df_within = m[0].df};
    double *const values = memory_get(n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        values[i] = m[i].value;
        s.sampling += m[i].sampling / (double)(n * n);
        s.within += m[i].within / (double)(n * n);
        s.samples += m[i].samples;
    }
    s.stat.mean = stat_mean(values, n);
    s.spread = stat_variance(values, n);
    free(values);
    return s;
}

/* The variance of a side's mean, between recordings if there are several on any side. */
static void settle_side(struct summary *s, size_t n, const struct summary *other, size_t n_other)
{
    if (n == 1 && n_other == 1) {
        s->stat.variance = s->within;
        s->stat.df = s->df_within;
    } else {
        s->stat.variance = n > 1 ? s->spread / (double)n : other->spread;
        s->stat.df = (double)(n > 1 ? n : n_other) - 1;
    }
    /* small by accident: it is no better known for that */
    if (s->stat.variance < s->sampling)
        s->stat.variance = s->sampling;
}

static void compare_sides(struct diff_row *row, struct summary sides[2], const struct context *c)
{
    settle_side(&sides[0], c->sides[0].n, &sides[1], c->sides[1].n);
    settle_side(&sides[1], c->sides[1].n, &sides[0], c->sides[0].n);
    for (int w = 0; w < 2; w++) {
        row->values[w] = sides[w].stat.mean;
        row->samples[w] = sides[w].samples;
    }
    row->difference = stat_compare(&sides[0].stat, &sides[1].stat);
    /* one side borrows the other's variance: no more is known than from that one alone */
    if ((c->sides[0].n == 1) != (c->sides[1].n == 1)) {
        const double df = sides[c->sides[0].n == 1].stat.df;
        const double error = sqrt(sides[0].stat.variance + sides[1].stat.variance);
        row->difference.margin = stat_t_quantile(DIFF_LEVEL, df) * error;
        row->difference.p = stat_t_tails(error > 0 ? row->difference.value / error : 0, df);
    }
    row->unit = c->plan->unit;
    row->tested = row->samples[0] + row->samples[1] >= DIFF_SAMPLES_MIN;
}

static void fill_row(struct diff_row *row, const struct context *c, uint32_t number,
                     const struct symbols *names)
{
    static const struct series_row nothing = {0};
    struct summary sides[2];
    for (int w = 0; w < 2; w++) {
        const struct diff_side *const side = &c->sides[w];
        struct measured *const m = memory_get(side->n * sizeof *m);
        for (size_t i = 0; i < side->n; i++) {
            const struct series *const s = &side->series[i];
            const struct series_row *const r =
                number < s->n_rows && s->rows[number] != NULL ? s->rows[number] : &nothing;
            m[i] = measure(c, w, i, number, r->blocks, r->total, r->samples);
            if (r->line > 0 && r->total > 0)
                row->lines[w] = r->line;
        }
        sides[w] = summarize(m, side->n);
        free(m);
    }
    compare_sides(row, sides, c);
    const bool is_path = c->plan->key == SERIES_PATH;
    row->number = number;
    row->frame =
        series_frame(names, c->plan->key, is_path ? c->plan->paths->nodes[number].place : number);
    row->frame.line = row->lines[1] > 0 ? row->lines[1] : row->lines[0];
}

static void fill_whole(struct diff_row *row, const struct context *c)
{
    struct summary sides[2];
    for (int w = 0; w < 2; w++) {
        const struct diff_side *const side = &c->sides[w];
        struct measured *const m = memory_get(side->n * sizeof *m);
        for (size_t i = 0; i < side->n; i++)
            m[i] = measure(c, w, i, ALL_ROWS, side->series[i].whole, side->series[i].total,
                           side->series[i].samples);
        sides[w] = summarize(m, side->n);
        free(m);
    }
    compare_sides(row, sides, c);
    row->frame = (struct frame){.function = "<all>", .file = ""};
    row->q = row->difference.p;
    row->real = row->tested && row->q <= DIFF_LEVEL;
}

static int compare_rows(const void *left, const void *right)
{
    const struct diff_row *const a = left, *const b = right;
    const double x = fabs(a->difference.value), y = fabs(b->difference.value);
    if (a->real != b->real)
        return a->real ? -1 : 1;
    if (a->tested != b->tested)
        return a->tested ? -1 : 1;
    if (x != y)
        return x > y ? -1 : 1;
    const int order = strcmp(a->frame.file, b->frame.file);
    if (order != 0 || a->frame.line == b->frame.line)
        return order != 0 ? order : strcmp(a->frame.function, b->frame.function);
    return a->frame.line < b->frame.line ? -1 : 1;
}

/* Correct for the number of rows that were looked at. */
static void correct(struct diff *diff)
{
    double *const p = memory_get(diff->n_rows * sizeof *p);
    for (size_t i = 0; i < diff->n_rows; i++) {
        diff->rows[i].q = 1;
        if (diff->rows[i].tested)
            p[diff->n_tested++] = diff->rows[i].difference.p;
    }
    stat_adjust(p, p, diff->n_tested);
    for (size_t i = 0, k = 0; i < diff->n_rows; i++) {
        struct diff_row *const row = &diff->rows[i];
        if (!row->tested)
            continue;
        row->q = p[k++];
        row->real = row->q <= DIFF_LEVEL;
        diff->n_real += row->real;
    }
    free(p);
}

static size_t count_rows(const struct diff_side sides[2])
{
    size_t n = 0;
    for (int w = 0; w < 2; w++) {
        for (size_t i = 0; i < sides[w].n; i++)
            n = sides[w].series[i].n_rows > n ? sides[w].series[i].n_rows : n;
    }
    return n;
}

/*
 * What varies of a row: its share of each block, or what is in the block when that is what counts;
 * where a block has nothing at all, nothing is new. The caller's to free.
 */
static double *varying(const struct context *c, const struct series *s,
                       const struct series_row *row)
{
    double *const values = memory_get(s->n_blocks * sizeof *values);
    for (size_t b = 0; b < s->n_blocks; b++) {
        if (c->plan->scale == DIFF_WALL)
            values[b] = row->blocks[b];
        else if (s->whole[b] > 0)
            values[b] = row->blocks[b] / s->whole[b];
        else
            values[b] = b > 0 ? values[b - 1] : 0;
    }
    return values;
}

/* One recording on each side: all there is to go by is how it varies within. */
static void plan_bootstrap(struct context *c, int which)
{
    const struct series *const s = &c->sides[which].series[0];
    double **const rows = memory_get(s->n_rows * sizeof(double *));
    double variance = 0, sum = 0;
    size_t n = 0;
    c->ratios[which] = memory_get((s->n_rows + 1) * sizeof *c->ratios[which]);
    c->plans[which] = bootstrap_open(s->n_blocks, REPLICATES, SEED + (unsigned)which);
    c->wholes[which] = bootstrap_draw(c->plans[which], s->whole);
    c->cpus[which] = bootstrap_draw(c->plans[which], s->cpu);
    for (size_t i = 0; i < s->n_rows; i++) {
        if (s->rows[i] == NULL || s->rows[i]->total <= 0)
            continue;
        rows[n++] = varying(c, s, s->rows[i]);
        c->ratios[which][i] =
            bootstrap_ratio(c->plans[which], s->rows[i]->blocks, s->total, c->wholes[which]);
        variance += c->ratios[which][i];
        sum += s->rows[i]->total;
    }
    c->correlation[which] = bootstrap_correlation((const double *const *)rows, n, s->n_blocks);
    /* cumulative rows lie in each other: together they are several times the whole */
    c->whole_variance[which] =
        sum > 0 ? variance * c->correlation[which].inflation * s->total * s->total * s->total / sum
                : 0;
    for (size_t i = 0; i < n; i++)
        free(rows[i]);
    free(rows);
}

void diff_build(struct diff *diff, const struct diff_side sides[2], const struct diff_plan *plan,
                const struct symbols *names)
{
    struct context c = {.plan = plan, .sides = sides};
    const size_t n_numbers = count_rows(sides);
    for (int w = 0; w < 2; w++) {
        if (sides[0].n == 1 && sides[1].n == 1)
            plan_bootstrap(&c, w);
    }
    diff->rows = memory_get(n_numbers * sizeof *diff->rows);
    for (uint32_t number = plan->key == SERIES_PATH ? TREE_ROOT + 1 : 0; number < n_numbers;
         number++) {
        struct diff_row *const row = &diff->rows[diff->n_rows];
        *row = (struct diff_row){0};
        fill_row(row, &c, number, names);
        if (row->samples[0] + row->samples[1] > 0 &&
            (plan->key == SERIES_PATH || select_has_place(plan->select, &row->frame)))
            diff->n_rows++;
    }
    correct(diff);
    fill_whole(&diff->whole, &c);
    if (diff->n_rows > 1)
        qsort(diff->rows, diff->n_rows, sizeof *diff->rows, compare_rows);
    for (int w = 0; w < 2; w++) {
        bootstrap_close(c.plans[w]);
        free(c.ratios[w]);
        free(c.wholes[w]);
        free(c.cpus[w]);
    }
}

void diff_clear(struct diff *diff)
{
    free(diff->rows);
    *diff = (struct diff){0};
}

const char *diff_verdict(const struct diff_row *row)
{
    const bool is_new = row->samples[0] == 0, is_gone = row->samples[1] == 0;
    if (row->real)
        return is_new ? "new" : is_gone ? "gone" : row->difference.value > 0 ? "more" : "less";
    if (is_new || is_gone)
        return is_new ? "new?" : "gone?";
    return row->tested ? "noise" : "few";
}
