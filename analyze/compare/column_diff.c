/* SPDX-License-Identifier: MIT */
/* The columns of comparisons between recordings. */
#include "analyze/view/column.h"
#include "diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* More digits would be noise. */
static double rounded(double x, int digits)
{
    char text[32];
    snprintf(text, sizeof text, "%.*g", digits, x);
    return strtod(text, NULL);
}

static struct cell value_cell(const struct row *row, double value)
{
    if (row->diff->unit == UNIT_SECONDS)
        return cell_number(UNIT_SECONDS, llround(value));
    return (struct cell){.unit = UNIT_NUMBER, .ratio = rounded(value, 6)};
}

static struct cell get_first(const struct row *row)
{
    return value_cell(row, row->diff->values[0]);
}

static struct cell get_second(const struct row *row)
{
    return value_cell(row, row->diff->values[1]);
}

static struct cell get_difference(const struct row *row)
{
    return value_cell(row, row->diff->difference.value);
}

static struct cell get_margin(const struct row *row)
{
    return value_cell(row, row->diff->difference.margin);
}

static struct cell get_change(const struct row *row)
{
    return cell_ratio(row->diff->difference.value, row->diff->values[0]);
}

static struct cell get_verdict(const struct row *row)
{
    return cell_text(diff_verdict(row->diff));
}

static struct cell get_real(const struct row *row)
{
    return cell_text(row->diff->real ? "yes" : "no");
}

static struct cell chance(const struct row *row, double p)
{
    if (!row->diff->tested)
        return cell_none();
    return (struct cell){.unit = UNIT_NUMBER, .ratio = rounded(p, 3)};
}

static struct cell get_p(const struct row *row)
{
    return chance(row, row->diff->difference.p);
}

static struct cell get_q(const struct row *row)
{
    return chance(row, row->diff->q);
}

static struct cell get_samples_first(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->diff->samples[0]);
}

static struct cell get_samples_second(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->diff->samples[1]);
}

static struct cell line_cell(uint32_t line)
{
    return line > 0 ? cell_number(UNIT_ID, line) : cell_none();
}

static struct cell get_line_first(const struct row *row)
{
    return line_cell(row->diff->lines[0]);
}

static struct cell get_line_second(const struct row *row)
{
    return line_cell(row->diff->lines[1]);
}

#define ROW(name_, title_, unit_, close_, get_, help_)                                             \
    {                                                                                              \
        .name = (name_), .title = (title_), .help = (help_), .rows = ROW_DIFF, .unit = (unit_),    \
        .close = (close_), .get = (get_)                                                           \
    }

static const struct column columns[] = {
    ROW("a", "A", UNIT_SECONDS, false, get_first, "what it weighs on the first side, scaled"),
    ROW("b", "B", UNIT_SECONDS, false, get_second, "what it weighs on the second side, scaled"),
    ROW("difference", "B - A", UNIT_SECONDS, false, get_difference, "second side less the first"),
    ROW("margin", "\u00b1", UNIT_SECONDS, true, get_margin,
        "the 95% interval is the difference plus or minus this"),
    ROW("change", "change", UNIT_RATIO, false, get_change, "difference as a share of A"),
    ROW("verdict", "verdict", UNIT_TEXT, false, get_verdict,
        "more, less, new, gone: real; new?, gone?, noise: may be chance; few: too few samples to "
        "tell"),
    ROW("real", "real", UNIT_TEXT, false, get_real,
        "yes, or no: may be chance, with all rows that were looked at taken into account"),
    ROW("p", "p", UNIT_NUMBER, false, get_p, "chance of such a difference if there were none"),
    ROW("q", "q", UNIT_NUMBER, false, get_q,
        "p corrected for the number of rows; the row is real up to 0.05"),
    ROW("samples_a", "samples A", UNIT_COUNT, false, get_samples_first,
        "samples on the first side that weigh something"),
    ROW("samples_b", "samples B", UNIT_COUNT, false, get_samples_second,
        "samples on the second side that weigh something"),
    ROW("line_a", "line A", UNIT_ID, false, get_line_first, "line number on the first side"),
    ROW("line_b", "line B", UNIT_ID, false, get_line_second, "line number on the second side"),
};

const struct column *column_diff_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
