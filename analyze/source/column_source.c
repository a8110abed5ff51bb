/* SPDX-License-Identifier: MIT */
/* Columns of annotated source. */
#include "analyze/view/column.h"
#include "annotate.h"

static struct cell get_source(const struct row *row)
{
    return cell_text(row->source->text);
}

static struct cell column_number(uint16_t column)
{
    return column > 0 ? cell_number(UNIT_ID, column) : cell_none();
}

static struct cell get_column(const struct row *row)
{
    return column_number(row->source->position.column);
}

static struct cell get_end_column(const struct row *row)
{
    return column_number(row->source->position.end_column);
}

static struct cell get_end_line(const struct row *row)
{
    const struct position *const p = &row->source->position;
    return p->column > 0 && row->frame.line > 0
               ? cell_number(UNIT_ID, row->frame.line + p->lines_more)
               : cell_none();
}

static const struct column columns[] = {
    {.name = "column",
     .title = "column",
     .help = "first column of the expression in its line, in bytes from 1 on; none: the whole line",
     .rows = ROW_SOURCE,
     .unit = UNIT_ID,
     .get = get_column},
    {.name = "end_line",
     .title = "end_line",
     .help = "line in which the expression ends",
     .rows = ROW_SOURCE,
     .unit = UNIT_ID,
     .get = get_end_line},
    {.name = "end_column",
     .title = "end_column",
     .help = "column behind its last one",
     .rows = ROW_SOURCE,
     .unit = UNIT_ID,
     .get = get_end_column},
    {.name = "source",
     .title = "source",
     .help = "the line, or below it marks where an expression stands",
     .rows = ROW_SOURCE,
     .unit = UNIT_TEXT,
     .get = get_source},
};

const struct column *column_source_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
