/* SPDX-License-Identifier: MIT */
/* Columns of trees and of paths through them. */
#include "column.h"
#include "view_tree.h"

static struct cell get_node(const struct row *row)
{
    return cell_number(UNIT_ID, row->tree->node);
}

static struct cell get_up(const struct row *row)
{
    return row->tree->up > 0 ? cell_number(UNIT_ID, row->tree->up) : cell_none();
}

static struct cell get_tree(const struct row *row)
{
    return cell_text(row->tree->outline != NULL ? row->tree->outline : row->frame.function);
}

static struct cell get_path(const struct row *row)
{
    return cell_text(row->path);
}

static struct cell get_frames(const struct row *row)
{
    return (struct cell){.unit = UNIT_STACK, .stack = row->stack};
}

static const struct column columns[] = {
    {.name = "node",
     .title = "node",
     .help = "number of the row in its tree",
     .rows = ROW_TREE,
     .unit = UNIT_ID,
     .get = get_node},
    {.name = "parent_node",
     .title = "parent_node",
     .help = "number of the row above it",
     .rows = ROW_TREE,
     .unit = UNIT_ID,
     .get = get_up},
    {.name = "tree",
     .title = "function",
     .help = "name of the function, drawn as a tree",
     .rows = ROW_TREE,
     .unit = UNIT_TEXT,
     .get = get_tree},
    {.name = "path",
     .title = "path",
     .help = "names of the functions, from the outermost to the innermost",
     .rows = ROW_PATH,
     .unit = UNIT_TEXT,
     .get = get_path},
    {.name = "frames",
     .title = "frames",
     .help = "the frames of the path, innermost first",
     .rows = ROW_PATH,
     .unit = UNIT_STACK,
     .get = get_frames},
};

const struct column *column_tree_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
