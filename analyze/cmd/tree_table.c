/* SPDX-License-Identifier: MIT */
#include "tree_table.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"

#include <stdlib.h>
#include <string.h>

struct calltree_wish tree_wish(const struct request *request, enum calltree_kind kind)
{
    return (struct calltree_wish){
        .kind = kind,
        .lines = args_flag(request->args, "lines"),
        .levels = args_flag(request->args, "levels"),
        .fold_imports = !request->machine && !args_flag(request->args, "full"),
    };
}

struct frame tree_label(struct view *view, struct frame frame)
{
    if (strcmp(frame.function, "<module>") == 0 && frame.file[0] != '\0')
        frame.function = arena_print(&view->arena, "<module %s>", path_name(frame.file));
    return frame;
}

void tree_read(struct request *request)
{
    request_profile(request);
    profile_keep_stacks(&request->profile, &request->select);
}

const struct basis *tree_basis(const struct request *request, struct view *view)
{
    struct basis *const basis = arena_get(&view->arena, sizeof *basis);
    *basis = profile_basis(request->profile.threads, request->profile.n_threads, request->metric);
    if (basis_is_empty(basis))
        basis->metric = &metrics[METRIC_SAMPLES];
    return basis;
}

uint32_t tree_add_row(struct view *view, struct tree_rows *rows, uint32_t up, uint32_t depth,
                      const struct row *row)
{
    struct row *const new = &rows->group->rows[rows->n++];
    *new = *row;
    new->total = &rows->basis->total;
    new->basis = rows->basis;
    new->tree = arena_get(&view->arena, sizeof *new->tree);
    new->tree->node = (uint32_t)rows->n;
    new->tree->up = up;
    new->depth = depth;
    rows->group->n_rows = rows->n;
    rows->group->is_tree = true;
    return new->tree->node;
}

void tree_add(struct view *view, struct tree_rows *rows, const struct calltree *t, uint32_t up,
              uint32_t depth)
{
    size_t n;
    uint32_t *const order = calltree_order(t, rows->basis->metric, &n);
    uint32_t *const number = memory_get(t->tree.n * sizeof *number);
    struct weights *const weights = arena_get(&view->arena, 2 * n * sizeof *weights);
    number[TREE_ROOT] = up;
    for (size_t i = 0; i < n; i++) {
        const uint32_t node = order[i];
        weights[2 * i] = t->self[node];
        weights[2 * i + 1] = t->cum[node];
        const struct frame frame = calltree_frame(t, node);
        const struct row row = {.frame = rows->labels ? tree_label(view, frame) : frame,
                                .self = &weights[2 * i],
                                .cum = &weights[2 * i + 1]};
        number[node] = tree_add_row(view, rows, number[t->tree.nodes[node].parent],
                                    depth + calltree_depth(t, node), &row);
    }
    free(order);
    free(number);
}
