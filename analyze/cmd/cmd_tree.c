/* SPDX-License-Identifier: MIT */
/* tree: who calls whom, from the threads down. */
#include "analyze/ask/remainder.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/weigh/thread_group.h"
#include "tree_table.h"

#include <inttypes.h>
#include <stdlib.h>

/* The calls of one thread, or of some together. */
struct subtree {
    struct calltree calltree;
    const struct thread *thread; /* NULL = of all */
    struct weights total;
};

static bool several_processes(const struct profile *profile)
{
    const size_t n = profile->n_threads;
    return n > 1 &&
           profile->threads[0]->thread->process != profile->threads[n - 1]->thread->process;
}

/* The row of a thread, and its calls below it. */
static void add_thread(struct view *view, struct tree_rows *rows, const struct subtree *s,
                       bool name_process)
{
    const struct thread *const thread = s->thread;
    struct weights *const weights = arena_get(&view->arena, 2 * sizeof *weights);
    struct row row = {.process = thread->process,
                      .thread = thread,
                      .frame = {arena_print(&view->arena, "Thread %s", thread->name), "", 0},
                      .self = &weights[0],
                      .cum = &weights[1]};
    weights[1] = s->total;
    if (name_process)
        row.frame.function = arena_print(&view->arena, "Process %" PRIu32 ", thread %s",
                                         thread->process->pid, thread->name);
    const uint32_t up = tree_add_row(view, rows, 0, 0, &row);
    const size_t first = rows->n;
    tree_add(view, rows, &s->calltree, up, 1);
    for (size_t i = first; i < rows->n; i++) {
        rows->group->rows[i].process = thread->process;
        rows->group->rows[i].thread = thread;
    }
}

static void add_threads(struct view *view, struct tree_rows *rows, struct subtree *subtrees,
                        size_t n, bool name_process)
{
    struct tree_heavy *const heavy = memory_get(n * sizeof *heavy);
    for (size_t i = 0; i < n; i++) {
        const struct weights *const total = &subtrees[i].total;
        heavy[i] =
            (struct tree_heavy){rows->basis->metric->of(total), weights_sum(total).samples, i};
    }
    if (n > 1)
        qsort(heavy, n, sizeof *heavy, tree_heavy_compare);
    for (size_t i = 0; i < n; i++) {
        if (heavy[i].samples > 0)
            add_thread(view, rows, &subtrees[heavy[i].index], name_process);
    }
    free(heavy);
}

/* The subtrees that are asked for: of all threads, each group of them, or each. */
static struct subtree *make_subtrees(const struct request *request, struct view *view, size_t *n)
{
    const struct calltree_wish wish = tree_wish(request, CALLTREE_ALL);
    const struct profile *const profile = &request->profile;
    const bool merged = args_flag(request->args, "merge-threads");
    const bool grouped = args_flag(request->args, "group");
    struct grouped_thread *const sorted =
        thread_group_sort(&view->arena, profile->threads, profile->n_threads);
    struct profile_thread **const threads =
        memory_get(profile->n_threads * sizeof(struct profile_thread *));
    struct subtree *const subtrees = memory_get(profile->n_threads * sizeof *subtrees);
    *n = 0;
    for (size_t i = 0; i < profile->n_threads; i++)
        threads[i] = grouped && !merged ? sorted[i].thread : profile->threads[i];
    for (size_t i = 0, size; i < profile->n_threads; i += size) {
        struct subtree *const s = &subtrees[(*n)++];
        size = merged ? profile->n_threads : 1;
        if (grouped && !merged)
            size = thread_group_size(sorted + i, profile->n_threads - i);
        s->thread = merged                ? NULL
                    : grouped && size > 1 ? thread_group_thread(&view->arena, sorted + i, size)
                                          : threads[i]->thread;
        s->total = profile_basis(threads + i, size, request->metric).total;
        calltree_build(&s->calltree, profile, threads + i, size, &wish);
    }
    free(sorted);
    free(threads);
    return subtrees;
}

static enum status build_tree(struct request *request, struct view *view, struct problem *why)
{
    const struct profile *const profile = &request->profile;
    size_t n, n_rows = 0;
    (void)why;
    tree_read(request);
    view->shape = SHAPE_TABLE;
    struct subtree *const subtrees = make_subtrees(request, view, &n);
    for (size_t i = 0; i < n; i++)
        n_rows += subtrees[i].calltree.tree.n;
    struct tree_rows rows = {view_add_group(view, NULL, n_rows), tree_basis(request, view), 0,
                             !request->machine};
    rows.group->n_rows = 0;
    if (n == 1 && subtrees[0].thread == NULL)
        tree_add(view, &rows, &subtrees[0].calltree, 0, 0);
    else
        add_threads(view, &rows, subtrees, n, several_processes(profile));
    for (size_t i = 0; i < n; i++)
        calltree_clear(&subtrees[i].calltree);
    free(subtrees);
    if (rows.n == 0) {
        view->n_groups = 0;
        view->nothing = true;
    }
    remainder_add_notes(request, view);
    return STATUS_OK;
}

static const struct option options[] = {TREE_OPTIONS, OPTION_END};

const struct command command_tree = {
    .name = "tree",
    .synopsis = "[options] [FILE...]",
    .summary = "who calls whom, from the threads down, the heaviest first",
    .text =
        "One tree: the threads, below each the functions at the bottom of its stacks, below "
        "these what they call, and so on; with --merge-threads without the threads, with --group "
        "with one row for the threads of a pool.\n"
        "\n" TREE_TEXT,
    .example = "pyanalyze tree --by wall --limit 30 run.trace",
    .takes = TREE_TAKES | TAKES_MERGE | TAKES_GROUP,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_TREE,
    .folds = true,
    .columns = "share_cum,share,cpu_time,cpu_time_cum,samples,samples_cum,tree,place",
    .machine_columns = "process,thread,thread_id,node,parent_node,depth,share,share_cum,cpu_time,"
                       "cpu_time_cum,ticks,ticks_cum,samples,samples_cum,wall,wall_cum,file,line,"
                       "function",
    .build = build_tree,
};
