/* SPDX-License-Identifier: MIT */
#include "annotate.h"

#include "analyze/base/date.h"
#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/weigh/fold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Expressions shown below one line on a screen. */
#define EXPRESSIONS_MAX 3u

struct expression {
    uint32_t line;
    struct position position;
    uint64_t weight; /* cum under the metric */
    const struct fold_row *row;
};

struct annotator {
    struct view *view;
    const struct profile *profile;
    const struct basis *basis;
    const struct source *source;
    const struct annotate_wish *wish;
    const struct fold_row **lines; /* by number; NULL = nothing was spent there */
    uint32_t n_lines;              /* one past the last number */
    struct expression *expressions;
    size_t n_expressions;
    struct group *group;
    size_t n_rows;
};

static bool in_file(const struct annotator *a, uint32_t place)
{
    const struct symbols *const symbols = &a->profile->symbols;
    return symbols->modules->of_function[symbols->places[place].function] == a->wish->module;
}

static struct fold_row *fold_values(struct annotator *a, const uint32_t *values, size_t n_values,
                                    size_t *n)
{
    struct fold *const fold = fold_open_values(a->profile, values, n_values);
    struct fold_row *const rows =
        fold_threads(fold, a->profile->threads, a->profile->n_threads, &a->view->arena, n);
    fold_close(fold);
    return rows;
}

/* Value 0 is what is elsewhere, or in no known line. */
static void find_lines(struct annotator *a)
{
    const struct symbols *const symbols = &a->profile->symbols;
    uint32_t *const values = memory_get(symbols->n_places * sizeof *values);
    size_t n;
    a->n_lines = a->source != NULL ? (uint32_t)a->source->n_lines + 1 : 1;
    for (uint32_t i = 0; i < symbols->n_places; i++) {
        values[i] = in_file(a, i) ? symbols->places[i].line : 0;
        if (values[i] >= a->n_lines)
            a->n_lines = values[i] + 1;
    }
    const struct fold_row *const rows = fold_values(a, values, a->n_lines, &n);
    a->lines = memory_get(a->n_lines * sizeof(struct fold_row *));
    for (size_t i = 0; i < n; i++) {
        if (rows[i].value > 0)
            a->lines[rows[i].value] = &rows[i];
    }
    free(values);
}

static int compare_expressions(const void *left, const void *right)
{
    const struct expression *const a = left, *const b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->position.column != b->position.column)
        return a->position.column < b->position.column ? -1 : 1;
    return (a->position.end_column > b->position.end_column) -
           (a->position.end_column < b->position.end_column);
}

/*
 * The same expression can be in several places (a function defined twice, a generation that calls
 * it otherwise): numbered by line and position.
 */
static void find_expressions(struct annotator *a)
{
    const struct symbols *const symbols = &a->profile->symbols;
    uint32_t *const values = memory_get(symbols->n_places * sizeof *values);
    struct expression *const list = memory_get((symbols->n_places + 1) * sizeof *list);
    size_t n_list = 0, n;
    for (uint32_t i = 0; i < symbols->n_places; i++) {
        const struct symbol_place *const p = &symbols->places[i];
        if (!in_file(a, i) || p->line == 0 || p->position.column == 0)
            continue;
        size_t k = 1;
        while (k <= n_list && (list[k].line != p->line ||
                               memcmp(&list[k].position, &p->position, sizeof p->position) != 0))
            k++;
        if (k > n_list)
            list[++n_list] = (struct expression){.line = p->line, .position = p->position};
        values[i] = (uint32_t)k;
    }
    const struct fold_row *const rows = fold_values(a, values, n_list + 1, &n);
    a->expressions = memory_get((n + 1) * sizeof *a->expressions);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].value == 0)
            continue;
        struct expression *const e = &a->expressions[a->n_expressions++];
        *e = list[rows[i].value];
        e->weight = a->basis->metric->of(&rows[i].cum);
        e->row = &rows[i];
    }
    if (a->n_expressions > 1)
        qsort(a->expressions, a->n_expressions, sizeof *a->expressions, compare_expressions);
    free(values);
    free(list);
}

static const char *line_text(const struct annotator *a, uint32_t line)
{
    if (a->source == NULL || line > a->source->n_lines)
        return NULL;
    const char *const text = a->source->lines[line - 1];
    const char *const shown = a->wish->machine ? text : source_shown(&a->view->arena, text);
    return arena_copy(&a->view->arena, shown, strlen(shown)); /* the source goes before the view */
}

static struct row *add_row(struct annotator *a, uint32_t line, const char *text,
                           struct position position, const struct fold_row *weights)
{
    struct source_row *const source = arena_get(&a->view->arena, sizeof *source);
    struct row *const row = &a->group->rows[a->n_rows++];
    *source = (struct source_row){text, position};
    *row = (struct row){
        .frame = {"", a->profile->symbols.modules->modules[a->wish->module].file, line},
        .self = weights != NULL ? &weights->self : NULL,
        .cum = weights != NULL ? &weights->cum : NULL,
        .total = &a->basis->total,
        .basis = a->basis,
        .source = source,
    };
    return row;
}

static void add_expressions(struct annotator *a, uint32_t line, const struct expression *e,
                            size_t n)
{
    const double least = a->wish->machine ? 0 : share_noise(a->basis);
    for (size_t i = 0, shown = 0; i < n && (a->wish->machine || shown < EXPRESSIONS_MAX); i++) {
        const char *text = line_text(a, line);
        if (!a->wish->machine) {
            if (text == NULL || share_of(a->basis, &e[i].row->cum) < least)
                continue;
            text = source_mark(&a->view->arena, a->source->lines[line - 1], e[i].position);
            if (text == NULL)
                continue;
        }
        struct row *const row =
            add_row(a, a->wish->machine ? line : 0, text, e[i].position, e[i].row);
        row->inside = true;
        shown++;
    }
}

/* Is something spent in a line, or near it? */
static bool line_wanted(const struct annotator *a, uint32_t line)
{
    if (a->wish->machine || a->wish->all_lines)
        return a->wish->all_lines || a->lines[line] != NULL;
    const uint32_t around = a->source != NULL ? a->wish->around : 0;
    for (uint32_t i = line > around ? line - around : 1; i < a->n_lines && i <= line + around;
         i++) {
        if (a->lines[i] != NULL)
            return true;
    }
    return false;
}

static void add_rows(struct annotator *a)
{
    static const struct position nowhere = {0};
    size_t at = 0;
    uint32_t last = 0;
    for (uint32_t line = 1; line < a->n_lines; line++) {
        size_t n = 0;
        while (at + n < a->n_expressions && a->expressions[at + n].line == line)
            n++;
        if (line_wanted(a, line)) {
            if (line > last + 1 && !a->wish->machine && a->n_rows > 0)
                add_row(a, 0, "...", nowhere, NULL);
            add_row(a, line, line_text(a, line), nowhere, a->lines[line]);
            add_expressions(a, line, a->expressions + at, n);
            last = line;
        }
        at += n;
    }
}

struct group *annotate_add(struct view *view, const struct profile *profile,
                           const struct basis *basis, const struct source *source,
                           const struct annotate_wish *wish)
{
    struct annotator a = {
        .view = view, .profile = profile, .basis = basis, .source = source, .wish = wish};
    find_lines(&a);
    find_expressions(&a);
    a.group = view_add_group(view, NULL, 2 * (size_t)a.n_lines + a.n_expressions);
    add_rows(&a);
    a.group->n_rows = a.n_rows;
    a.group->whole = true;
    free(a.lines);
    free(a.expressions);
    return a.group;
}

/* The last part of a qualified name; NULL for what has no name in the source (<lambda> ..). */
static const char *plain_name(const char *name)
{
    const char *const plain = qualname_last(name);
    return plain[0] == '<' || plain[0] == '\0' ? NULL : plain;
}

/* The earliest start of a process that has samples. */
static int64_t began_unix_ns(const struct profile *profile)
{
    int64_t began = INT64_MAX;
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct process *const p = profile->threads[i]->thread->process;
        const int64_t ns = recording_unix_ns(p->recording, p->start_ns);
        began = ns < began ? ns : began;
    }
    return began;
}

const char *annotate_doubt(struct arena *arena, const struct profile *profile, uint32_t module,
                           const struct source *source)
{
    const struct symbols *const symbols = &profile->symbols;
    for (uint32_t i = 0; i < symbols->n_functions; i++) {
        const struct symbol_function *const f = &symbols->functions[i];
        const char *const name = plain_name(f->name);
        if (symbols->modules->of_function[i] == module && name != NULL && f->line > 0 &&
            !source_defines(source, name, f->line))
            return arena_print(arena,
                               "%s is not what was recorded: %s does not begin in line %" PRIu32
                               "; --source says where the right one is",
                               source->path, f->name, f->line);
    }
    for (uint32_t i = 0; i < symbols->n_places; i++) {
        const struct symbol_place *const p = &symbols->places[i];
        if (symbols->modules->of_function[p->function] == module && p->line > source->n_lines)
            return arena_print(arena,
                               "%s is not what was recorded: it has no line %" PRIu32
                               "; --source says where the right one is",
                               source->path, p->line);
    }
    if (source->changed_unix_ns <= began_unix_ns(profile))
        return NULL;
    const char *const when = date_print(arena, source->changed_unix_ns, 0);
    return arena_print(arena, "%s was changed after the program began%s%s: lines may not fit",
                       source->path, when != NULL ? ", at " : "", when != NULL ? when : "");
}
