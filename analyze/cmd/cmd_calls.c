/* SPDX-License-Identifier: MIT */
/* callers and callees of a function. */
#include "analyze/ask/remainder.h"
#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/base/suggest.h"
#include "analyze/cli/command.h"
#include "tree_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "Widget.paint" is called so, or "paint" for short. */
static bool has_name(const char *function, const char *name)
{
    const size_t len = strlen(function), short_len = strlen(name);
    if (strcmp(function, name) == 0)
        return true;
    return len > short_len && function[len - short_len - 1] == '.' &&
           strcmp(function + len - short_len, name) == 0;
}

/* A function's name, or behind a file, or the end of one: "views.py:get". */
static bool is_called(struct arena *arena, const struct symbol_function *f, const char *name)
{
    const char *const colon = strrchr(name, ':');
    if (has_name(f->name, name))
        return true;
    if (colon == NULL || colon == name || colon[1] == '\0' || !has_name(f->name, colon + 1))
        return false;
    return path_ends_with(f->file, arena_copy(arena, name, (size_t)(colon - name)));
}

static enum status no_function(const struct request *request, struct problem *why)
{
    const struct symbols *const symbols = &request->profile.symbols;
    const char *const name = request->args->word;
    const char **const names = memory_get(symbols->n_functions * sizeof(const char *));
    for (size_t i = 0; i < symbols->n_functions; i++)
        names[i] = symbols->functions[i].name;
    const char *const meant = suggest_among(name, names, symbols->n_functions);
    free(names);
    if (meant != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "no sample has a function \"%s\"; did you mean \"%s\"?", name, meant);
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "no sample has a function \"%s\"; pyanalyze functions lists them all", name);
}

/* The table of one function, unless it is in no sample that is asked for. */
static bool add_function(const struct request *request, struct view *view,
                         const struct calltree_wish *wish, const struct basis *basis)
{
    const struct profile *const profile = &request->profile;
    struct calltree calltree = {0};
    calltree_build(&calltree, profile, profile->threads, profile->n_threads, wish);
    const struct weights *const whole = &calltree.cum[1];
    const bool found = weights_sum(whole).samples > 0;
    if (found) {
        const struct symbol_function *const f = &profile->symbols.functions[wish->function];
        const char *const where = path_name(f->file);
        const char *const heading =
            arena_print(&view->arena, "%s of %s%s%s (%" PRIu64 " samples, %.1f%% of %s)",
                        wish->kind == CALLTREE_CALLERS ? "Callers" : "Callees", f->name,
                        where[0] != '\0' ? " in " : "", where, weights_sum(whole).samples,
                        100 * share_of(basis, whole), basis->metric->name);
        struct tree_rows rows = {view_add_group(view, heading, calltree.tree.n), basis, 0,
                                 !request->machine};
        rows.group->n_rows = 0;
        rows.group->outward = wish->kind == CALLTREE_CALLERS;
        tree_add(view, &rows, &calltree, 0, 0);
        rows.group->total = rows.group->rows[0];
    }
    calltree_clear(&calltree);
    return found;
}

/* The heaviest function first. */
static int compare_groups(const void *left, const void *right)
{
    const struct group *const a = left, *const b = right;
    const struct metric *const metric = a->total.basis->metric;
    const uint64_t x = metric->of(a->total.cum), y = metric->of(b->total.cum);
    if (x != y)
        return x > y ? -1 : 1;
    return frame_compare(&a->total.frame, &b->total.frame);
}

static enum status build_calls(struct request *request, struct view *view, struct problem *why,
                               enum calltree_kind kind)
{
    const struct symbols *const symbols = &request->profile.symbols;
    struct calltree_wish wish = tree_wish(request, kind);
    bool known = false;
    tree_read(request);
    view->shape = SHAPE_TABLE;
    const struct basis *const basis = tree_basis(request, view);
    for (uint32_t i = 0; i < symbols->n_functions; i++) {
        if (!is_called(&view->arena, &symbols->functions[i], request->args->word))
            continue;
        wish.function = i;
        known = true;
        add_function(request, view, &wish, basis);
    }
    if (!known)
        return no_function(request, why);
    if (view->n_groups > 1)
        qsort(view->groups, view->n_groups, sizeof *view->groups, compare_groups);
    if (view->n_groups == 0)
        view->nothing = true;
    remainder_add_notes(request, view);
    return STATUS_OK;
}

static enum status build_callers(struct request *request, struct view *view, struct problem *why)
{
    return build_calls(request, view, why, CALLTREE_CALLERS);
}

static enum status build_callees(struct request *request, struct view *view, struct problem *why)
{
    return build_calls(request, view, why, CALLTREE_CALLEES);
}

static const struct option options[] = {TREE_OPTIONS, OPTION_END};

#define CALLS_TEXT                                                                                 \
    "FUNCTION is the qualified name, as functions shows it, or what stands behind its last "       \
    "point; when there are several of that name, each has a table, the heaviest first. "           \
    "FILE:FUNCTION "                                                                               \
    "chooses by the file as well, or by the end of its path. All threads are taken "               \
    "together; --thread chooses.\n"                                                                \
    "\n" TREE_TEXT

/* What both have: initializers. */
#define CALLS_COMMAND                                                                              \
    .takes = TREE_TAKES, .options = options, .word = "function", .min_files = 1,                   \
    .max_files = SIZE_MAX, .shape = SHAPE_TABLE, .output = "text", .rows = ROW_TREE,               \
    .folds = true,                                                                                 \
    .machine_columns = "node,parent_node,depth,share,share_cum,cpu_time,cpu_time_cum,ticks,"       \
                       "ticks_cum,samples,samples_cum,wall,wall_cum,file,line,function"

const struct command command_callers = {
    CALLS_COMMAND,
    .name = "callers",
    .synopsis = "[options] FUNCTION [FILE...]",
    .summary = "who calls a function, and from where, outwards",
    .text = "The function, below it those that called it, below these their callers, up to the "
            "bottom of the stack. (cum) is the time of the function when it was called that way; "
            "the time without (cum) is the part in which the row was the outermost frame of the "
            "stack. If a function is in a stack several times, its innermost call counts, so two "
            "functions that call each other are each a caller of the other. A function that "
            "stands above a row already is not repeated below it, unless --levels is given.\n"
            "\n"
            "" CALLS_TEXT,
    .example = "pyanalyze callers --lines fib run.trace",
    .columns = "share_cum,cpu_time_cum,ticks_cum,samples_cum,tree,place",
    .build = build_callers,
};

const struct command command_callees = {
    CALLS_COMMAND,
    .name = "callees",
    .synopsis = "[options] FUNCTION [FILE...]",
    .summary = "what a function calls, inwards",
    .text = "The function, below it what it called, below these what they called. (cum) is the "
            "time in the row and all that it called.\n"
            "\n" CALLS_TEXT,
    .example = "pyanalyze callees --by wall main run.trace",
    .columns = "share_cum,share,cpu_time,cpu_time_cum,samples,samples_cum,tree,place",
    .build = build_callees,
};
