/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/weigh/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS 1e9

/* A function of the profile, to be found by name and line. */
struct candidate {
    const char *name; /* last component */
    const char *file; /* as path_normal has it */
    struct frame frame;
    uint32_t function; /* of the symbols */
    double self, cum;
    uint64_t samples;
    bool taken;
};

struct context {
    struct compare *compare;
    const struct profile *profile;
    const struct metric *metric;
    const struct tracer *tracer;
    struct candidate *candidates; /* in order of name */
    size_t n_candidates;
    const struct candidate **matched; /* per function of the tracer */
    struct fold_row *lines;
    size_t n_lines;
    struct compare_source source;
};

static int compare_candidates(const void *left, const void *right)
{
    return strcmp(((const struct candidate *)left)->name, ((const struct candidate *)right)->name);
}

/* Is it the whole path, or what it ends with behind a slash? */
static bool ends_with(const char *path, const char *end)
{
    const size_t path_len = strlen(path), len = strlen(end);
    return len <= path_len && strcmp(path + path_len - len, end) == 0 &&
           (len == path_len || path[path_len - len - 1] == '/' || end[0] == '/');
}

/* What a path says whatever folder it begins in; it is normal. */
static const char *below(const char *path)
{
    while (strncmp(path, "../", 3) == 0)
        path += 3;
    return path;
}

static bool same_file(const char *a, const char *b)
{
    a = below(a);
    b = below(b);
    return ends_with(a, b) || ends_with(b, a);
}

static bool matches(const struct candidate *c, const struct tracer_function *f, const char *file)
{
    /* where a module begins is told in different ways */
    const bool module = strcmp(c->name, "<module>") == 0;
    return (module || c->frame.line == f->line) && same_file(c->file, file);
}

static struct candidate *find_candidate(const struct context *c, const struct tracer_function *f,
                                        struct arena *arena)
{
    const char *const file = path_normal(arena, f->file);
    const struct candidate wanted = {.name = qualname_last(f->name)};
    struct candidate *const any =
        bsearch(&wanted, c->candidates, c->n_candidates, sizeof wanted, compare_candidates);
    if (any == NULL || !f->is_python)
        return NULL;
    struct candidate *at = any;
    while (at > c->candidates && compare_candidates(at - 1, &wanted) == 0)
        at--;
    struct candidate *best = NULL;
    for (; at < c->candidates + c->n_candidates && compare_candidates(at, &wanted) == 0; at++) {
        const bool better = best == NULL || at->self > best->self;
        if (!at->taken && matches(at, f, file) && better)
            best = at;
    }
    return best;
}

/* The functions of the profile, all threads together. */
static void list_candidates(struct context *c, struct arena *arena)
{
    struct fold *const fold = fold_open(c->profile, &keys[KEY_FUNCTION]);
    size_t n;
    const struct fold_row *const rows =
        fold_threads(fold, c->profile->threads, c->profile->n_threads, arena, &n);
    c->candidates = arena_get(arena, n * sizeof *c->candidates);
    for (size_t i = 0; i < n; i++) {
        struct candidate *const new = &c->candidates[i];
        new->frame = keys[KEY_FUNCTION].frame(&c->profile->symbols, rows[i].value);
        new->name = qualname_last(new->frame.function);
        new->file = path_normal(arena, new->frame.file);
        new->function = rows[i].value;
        new->self = (double)c->metric->of(&rows[i].self);
        new->cum = (double)c->metric->of(&rows[i].cum);
        new->samples = new->self > 0 ? weights_sum(&rows[i].self).samples : 0;
        c->compare->sampled_ns += new->self;
        c->compare->samples += new->samples;
    }
    c->n_candidates = n;
    if (n > 1)
        qsort(c->candidates, n, sizeof *c->candidates, compare_candidates);
    fold_close(fold);
}

static struct compare_side side_of(double self, double cum, double all)
{
    return (struct compare_side){self, cum, all > 0 ? self / all : -1,
                                 all > 0 && cum >= 0 ? cum / all : -1};
}

static void add_row(struct context *c, const struct compare_row *row)
{
    struct compare *const compare = c->compare;
    compare->rows =
        memory_grow(compare->rows, &compare->size, compare->n + 1, sizeof *compare->rows);
    compare->rows[compare->n++] = *row;
}

/* What sampling can be off by. */
static double margin_of(const struct context *c, double share)
{
    const double n = (double)c->compare->samples;
    return n > 0 && share >= 0 && share <= 1 ? 1.96 * sqrt((share * (1 - share) + 1 / n) / n) : -1;
}

/* Self time of the lines of its callers that call it by name; < 0 when no source is there. */
static double calling_lines(struct context *c, const struct tracer_function *f)
{
    char called[64];
    double sum = -1;
    compare_called_name(f->name, called, sizeof called);
    for (size_t i = 0; i < f->n_callers; i++) {
        const struct candidate *const caller = c->matched[f->callers[i].caller];
        if (caller == NULL || !compare_source_open(&c->source, caller->frame.file))
            continue;
        sum = sum < 0 ? 0 : sum;
        for (size_t k = 0; k < c->n_lines; k++) {
            const struct symbol_place place = c->profile->symbols.places[c->lines[k].value];
            if (place.function == caller->function &&
                compare_source_calls(&c->source, caller->frame.file, place.line, called))
                sum += (double)c->metric->of(&c->lines[k].self);
        }
    }
    return sum;
}

static void add_traced(struct context *c, size_t i)
{
    const struct tracer_function *const f = &c->tracer->functions[i];
    const struct candidate *const match = c->matched[i];
    const double all = c->tracer->total_s * NS;
    struct compare_row row = {
        .frame = {f->name, f->file, f->line},
        .traced = side_of((f->self_s + f->called_s) * NS, f->cum_s * NS, all),
        .calls = f->calls,
        /* a run that took less than the recorded one did something else */
        .paid = all > c->compare->sampled_ns ? f->calls + f->called : 0,
    };
    if (match != NULL) {
        row.frame = match->frame;
        row.sampled = side_of(match->self, match->cum, c->compare->sampled_ns);
    } else if (f->is_python) {
        row.sampled = side_of(0, 0, c->compare->sampled_ns);
    } else {
        const double self = calling_lines(c, f);
        row.sampled = side_of(self, -1, self >= 0 ? c->compare->sampled_ns : 0);
        row.at_most = true;
    }
    row.margin = margin_of(c, row.sampled.self_share);
    const double more = row.traced.self_share - row.sampled.self_share;
    if (row.sampled.self_share >= 0 && row.traced.self_share >= 0)
        row.distortion = row.at_most ? (more > 0 ? more : 0) : fabs(more);
    add_row(c, &row);
}

static void add_sampled(struct context *c, const struct candidate *candidate)
{
    struct compare_row row = {
        .frame = candidate->frame,
        .sampled = side_of(candidate->self, candidate->cum, c->compare->sampled_ns),
        .traced = {-1, -1, -1, -1},
    };
    if (candidate->taken || candidate->self <= 0)
        return;
    row.margin = margin_of(c, row.sampled.self_share);
    row.distortion = row.sampled.self_share;
    add_row(c, &row);
}

static int compare_rows(const void *left, const void *right)
{
    const struct compare_row *const a = left, *const b = right;
    if (a->distortion != b->distortion)
        return a->distortion > b->distortion ? -1 : 1;
    if (a->traced.self != b->traced.self)
        return a->traced.self > b->traced.self ? -1 : 1;
    const int order = strcmp(a->frame.function, b->frame.function);
    return order != 0 ? order : (a->frame.line > b->frame.line) - (a->frame.line < b->frame.line);
}

void compare_build(struct compare *compare, const struct profile *profile,
                   const struct metric *metric, const struct tracer *tracer)
{
    struct context c = {.compare = compare, .profile = profile, .metric = metric, .tracer = tracer};
    struct arena arena = {0};
    list_candidates(&c, &arena);
    struct fold *const fold = fold_open(profile, &keys[KEY_LINE]);
    c.lines = fold_threads(fold, profile->threads, profile->n_threads, &arena, &c.n_lines);
    c.matched = arena_get(&arena, tracer->n * sizeof(struct candidate *));
    for (size_t i = 0; i < tracer->n; i++) {
        struct candidate *const match = find_candidate(&c, &tracer->functions[i], &arena);
        c.matched[i] = match;
        if (match == NULL)
            continue;
        match->taken = true;
        compare->common_ns += match->self;
        compare->common_s += tracer->functions[i].self_s;
    }
    for (size_t i = 0; i < tracer->n; i++)
        add_traced(&c, i);
    for (size_t i = 0; i < c.n_candidates; i++)
        add_sampled(&c, &c.candidates[i]);
    if (compare->n > 1)
        qsort(compare->rows, compare->n, sizeof *compare->rows, compare_rows);
    fold_close(fold);
    compare_source_clear(&c.source);
    arena_clear(&arena);
}

void compare_clear(struct compare *compare)
{
    free(compare->rows);
    *compare = (struct compare){0};
}
