/* SPDX-License-Identifier: MIT */
/* The columns of cProfile's and yappi's tables. Calls are not known to a sampler. */
#include "analyze/weigh/share.h"
#include "column.h"

static struct cell seconds_of(const struct row *row, const struct weights *weights)
{
    if (row->basis == NULL || weights == NULL || row->basis->metric->unit != UNIT_SECONDS)
        return cell_none();
    return cell_number(UNIT_SECONDS, (int64_t)row->basis->metric->of(weights));
}

static struct cell get_self(const struct row *row)
{
    return seconds_of(row, row->self);
}

static struct cell get_cum(const struct row *row)
{
    return seconds_of(row, row->cum);
}

static struct cell get_unknown(const struct row *row)
{
    (void)row;
    return cell_none();
}

static struct cell frame_cell(const struct row *row, enum cell_unit unit)
{
    if (row->frame.function == NULL || row->frame.file == NULL)
        return cell_none();
    return (struct cell){.unit = unit, .frame = &row->frame};
}

static struct cell get_pstats(const struct row *row)
{
    return frame_cell(row, UNIT_PSTATS);
}

static struct cell get_yappi(const struct row *row)
{
    return frame_cell(row, UNIT_YAPPI);
}

#define ROW(name_, title_, unit_, get_, help_)                                                     \
    {                                                                                              \
        .name = (name_), .title = (title_), .help = (help_), .rows = ROW_PLACE, .unit = (unit_),   \
        .get = (get_)                                                                              \
    }

static const struct column columns[] = {
    ROW("ncalls", "ncalls", UNIT_COUNT, get_unknown, "of cProfile's table: calls, not known"),
    ROW("tottime", "tottime", UNIT_SECONDS, get_self,
        "of cProfile's table: self seconds, of the clock of --by"),
    ROW("percall", "percall", UNIT_SECONDS, get_unknown,
        "of cProfile's table: tottime per call, not known"),
    ROW("cumtime", "cumtime", UNIT_SECONDS, get_cum, "of cProfile's table: cumulative seconds"),
    ROW("percall_cum", "percall", UNIT_SECONDS, get_unknown,
        "of cProfile's table: cumtime per call, not known"),
    ROW("stdname", "filename:lineno(function)", UNIT_PSTATS, get_pstats,
        "of cProfile's table: the function"),
    ROW("name", "name", UNIT_YAPPI, get_yappi, "of yappi's table: the function"),
    ROW("ncall", "ncall", UNIT_COUNT, get_unknown, "of yappi's table: calls, not known"),
    ROW("tsub", "tsub", UNIT_SECONDS, get_self, "of yappi's table: self seconds"),
    ROW("ttot", "ttot", UNIT_SECONDS, get_cum, "of yappi's table: cumulative seconds"),
    ROW("tavg", "tavg", UNIT_SECONDS, get_unknown, "of yappi's table: ttot per call, not known"),
};

const struct column *column_style_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
