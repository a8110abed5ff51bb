/* SPDX-License-Identifier: MIT */
/*
 * tree_table - a calltree as the rows of a table; for the commands that show one.
 *
 * On the line:  calltree -> [tree_table] -> view
 * Memory:       rows are in the view's arena; the calltree may go afterwards.
 */
#ifndef PYREC_ANALYZE_CMD_TREE_TABLE_H
#define PYREC_ANALYZE_CMD_TREE_TABLE_H

#include "analyze/ask/request.h"
#include "analyze/view/view_tree.h"
#include "analyze/weigh/calltree.h"

/* --lines and --levels, which all of them take. */
#define TREE_OPTIONS                                                                               \
    {"lines", 0, NULL, OPTION_FLAG, "a row for each line instead of each function", NULL, 0},      \
        {"levels",                                                                                 \
         0,                                                                                        \
         NULL,                                                                                     \
         OPTION_FLAG,                                                                              \
         "a row for each level of a function that calls itself, instead of one for all",           \
         NULL,                                                                                     \
         0},                                                                                       \
    {                                                                                              \
        "full", 0, NULL, OPTION_FLAG,                                                              \
            "every frame: chains of calls and imports are not folded, as in csv and json", NULL, 0 \
    }

#define TREE_TAKES                                                                                 \
    (TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES | TAKES_FORMAT |    \
     TAKES_COLOR | TAKES_PATHS | TAKES_JOBS | TAKES_RANGE | TAKES_STATE | TAKES_BY | TAKES_NATIVE)

#define TREE_TEXT                                                                                  \
    "Rows are in the order of --by. A row that is drawn below another without a branch "           \
    "is the only one there; on a screen only the heaviest rows are shown, each with all "          \
    "rows above it. A function that calls itself is one row unless --levels is given. "            \
    "Frames that only lead to the next one are folded into one row, and frames of the "            \
    "import system between a module and one that it imports are left out, as Python's "            \
    "tracebacks do; --full shows all. share(cum) is the share of everything that was "             \
    "asked for; where nothing has weight under the metric, shares are shares of samples. "         \
    "--match and --exclude choose whole stacks.\n"                                                 \
    "\n"                                                                                           \
    "The line below the table says how much of that is spent in the rows themselves (for "         \
    "callers, in the function), how large the largest share(cum) is and how well it is "           \
    "known, and from which share on a row can be told from nothing. Lines at the end say "         \
    "what the rows leave out of the process's CPU and of its stacks. See lines for both."

/* What people see of a frame: a <module> with its file. */
struct frame tree_label(struct view *view, struct frame frame);

struct calltree_wish tree_wish(const struct request *request, enum calltree_kind kind);

/* Read the trace and keep the stacks that are asked for. */
void tree_read(struct request *request);

/* What shares are of: all threads; under --by, or under samples when that is 0. */
const struct basis *tree_basis(const struct request *request, struct view *view);

/* A row and those that stand above it: where the next one goes. */
struct tree_rows {
    struct group *group;
    const struct basis *basis;
    size_t n;    /* rows so far; the group has room for all */
    bool labels; /* frames as people see them */
};

/* Add one row below `up` (number of a row, 0 = none); the weights must stay. Returns its number. */
uint32_t tree_add_row(struct view *view, struct tree_rows *rows, uint32_t up, uint32_t depth,
                      const struct row *row);

/* Add all nodes of a calltree below row `up`, which is at `depth` - 1; its weights are copied. */
void tree_add(struct view *view, struct tree_rows *rows, const struct calltree *calltree,
              uint32_t up, uint32_t depth);

#endif
