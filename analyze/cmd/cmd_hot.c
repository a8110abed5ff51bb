/* SPDX-License-Identifier: MIT */
/* hot: the heaviest paths. */
#include "analyze/ask/remainder.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "tree_table.h"

#include <stdlib.h>

/* The frames from a node outwards, and their names from the outside. */
static void fill_path(struct view *view, const struct calltree *t, uint32_t node, bool labels,
                      struct row *row)
{
    const size_t n = calltree_depth(t, node) + 1;
    struct frame *const frames = arena_get(&view->arena, n * sizeof *frames);
    struct stack *const stack = arena_get(&view->arena, sizeof *stack);
    struct buffer names = {0};
    for (size_t i = 0; i < n; i++, node = t->tree.nodes[node].parent)
        frames[i] = labels ? tree_label(view, calltree_frame(t, node)) : calltree_frame(t, node);
    for (size_t i = n; i-- > 0;)
        buffer_print(&names, "%s%s", frames[i].function, i > 0 ? " > " : "");
    *stack = (struct stack){frames, n};
    row->frame = frames[0];
    row->stack = stack;
    row->path = arena_copy(&view->arena, names.text, names.len);
    buffer_clear(&names);
}

static enum status build_hot(struct request *request, struct view *view, struct problem *why)
{
    const struct calltree_wish wish = tree_wish(request, CALLTREE_ALL);
    const struct profile *const profile = &request->profile;
    struct calltree calltree = {0};
    size_t n = 0;
    (void)why;
    tree_read(request);
    view->shape = SHAPE_TABLE;
    calltree_build(&calltree, profile, profile->threads, profile->n_threads, &wish);
    const struct basis *const basis = tree_basis(request, view);
    struct group *const group = view_add_group(view, NULL, calltree.tree.n);
    struct weights *const weights =
        arena_get(&view->arena, calltree.tree.n * sizeof(struct weights));
    for (uint32_t i = 1; i < calltree.tree.n; i++) {
        if (weights_sum(&calltree.self[i]).samples == 0)
            continue;
        struct row *const row = &group->rows[n];
        weights[n] = calltree.self[i];
        *row = (struct row){.self = &weights[n], .total = &basis->total, .basis = basis};
        fill_path(view, &calltree, i, !request->machine, row);
        n++;
    }
    group->n_rows = n;
    calltree_clear(&calltree);
    if (n == 0) {
        view->n_groups = 0;
        view->nothing = true;
    }
    remainder_add_notes(request, view);
    return STATUS_OK;
}

static const struct option options[] = {TREE_OPTIONS, OPTION_END};

const struct command command_hot = {
    .name = "hot",
    .synopsis = "[options] [FILE...]",
    .summary = "the heaviest paths: whole stacks, each with what was spent at its end",
    .text = "One row for each way from the bottom of a stack to the place where time was spent. "
            "All threads are taken together; --thread chooses. A function that calls itself is in "
            "a path once unless --levels is given. Where nothing has weight under the metric, "
            "shares are of samples. --match and --exclude choose whole stacks.\n"
            "\n"
            "The import system's frames between a module and one that it imports are left out, as "
            "Python's tracebacks do, unless --full is given. On a terminal long paths lose their "
            "beginning. In json frames are the frames of the "
            "path, innermost first, with file and line.",
    .example = "pyanalyze hot --thread MainThread --limit 10 run.trace",
    .takes = TREE_TAKES | TAKES_SORT,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_PATH,
    .columns = "share,error,cpu_time,ticks,samples,path",
    .machine_columns = "share,error,cpu_time,ticks,samples,wall,frames",
    .sort = "cpu_time,samples,path",
    .build = build_hot,
};
