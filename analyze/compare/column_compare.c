/* SPDX-License-Identifier: MIT */
/* The columns of comparisons with the profiles of tracers. */
#include "analyze/view/column.h"
#include "compare.h"

#include <math.h>

static struct cell share_cell(double share)
{
    return share >= 0 ? (struct cell){.unit = UNIT_RATIO, .ratio = share} : cell_none();
}

static struct cell time_cell(double ns)
{
    return ns >= 0 ? cell_number(UNIT_SECONDS, llround(ns)) : cell_none();
}

static struct cell get_self(const struct row *row)
{
    return time_cell(row->compare->sampled.self);
}

static struct cell get_cum(const struct row *row)
{
    return time_cell(row->compare->sampled.cum);
}

static struct cell get_traced_self(const struct row *row)
{
    return time_cell(row->compare->traced.self);
}

static struct cell get_traced_cum(const struct row *row)
{
    return time_cell(row->compare->traced.cum);
}

static struct cell get_share(const struct row *row)
{
    return share_cell(row->compare->sampled.self_share);
}

static struct cell get_cum_share(const struct row *row)
{
    return share_cell(row->compare->sampled.cum_share);
}

static struct cell get_traced_share(const struct row *row)
{
    return share_cell(row->compare->traced.self_share);
}

static struct cell get_traced_cum_share(const struct row *row)
{
    return share_cell(row->compare->traced.cum_share);
}

static struct cell get_share_margin(const struct row *row)
{
    return share_cell(row->compare->margin);
}

static struct cell get_ratio(const struct row *row)
{
    const double sampled = row->compare->sampled.self_share;
    const double traced = row->compare->traced.self_share;
    if (sampled <= 0 || traced < 0)
        return cell_none();
    return (struct cell){.unit = UNIT_NUMBER, .ratio = round(traced / sampled * 100) / 100};
}

static struct cell get_calls(const struct row *row)
{
    const uint64_t calls = row->compare->calls;
    return calls > 0 ? cell_number(UNIT_COUNT, (int64_t)calls) : cell_none();
}

/* Below, an average says nothing. */
#define CALLS_MIN 100u

/* What each call cost more than it does without the tracer, in microseconds. */
static struct cell get_call_cost(const struct row *row)
{
    const struct compare_row *const c = row->compare;
    if (c->paid < CALLS_MIN || c->at_most || c->sampled.self <= 0 || c->traced.self < 0)
        return cell_none();
    const double us = (c->traced.self - c->sampled.self) / (double)c->paid / 1e3;
    return (struct cell){.unit = UNIT_NUMBER, .ratio = round(us * 1000) / 1000};
}

static struct cell get_kind(const struct row *row)
{
    return cell_text(row->compare->at_most ? "not python" : "python");
}

#define ROW(name_, title_, unit_, close_, get_, help_)                                             \
    {                                                                                              \
        .name = (name_), .title = (title_), .help = (help_), .rows = ROW_COMPARE, .unit = (unit_), \
        .close = (close_), .get = (get_)                                                           \
    }

static const struct column columns[] = {
    ROW("sampled", "sampled", UNIT_SECONDS, false, get_self,
        "self seconds in the trace; of what is not Python, those of the lines that call it"),
    ROW("sampled_cum", "(cum)", UNIT_SECONDS, true, get_cum,
        "seconds in the trace of all stacks that contain it"),
    ROW("traced", "traced", UNIT_SECONDS, false, get_traced_self,
        "self seconds by the tracer, with those of functions that are not Python and called by it"),
    ROW("traced_cum", "(cum)", UNIT_SECONDS, true, get_traced_cum,
        "cumulative seconds by the tracer"),
    ROW("sampled_share", "sampled", UNIT_RATIO, false, get_share, "share of all self seconds"),
    ROW("sampled_margin", "\u00b1", UNIT_RATIO, true, get_share_margin,
        "the 95% interval of the share is plus or minus this"),
    ROW("traced_share", "traced", UNIT_RATIO, false, get_traced_share,
        "the tracer's share of all self seconds"),
    ROW("ratio", "ratio", UNIT_NUMBER, false, get_ratio, "tracer's share to sampled share"),
    ROW("sampled_cum_share", "sampled cum", UNIT_RATIO, false, get_cum_share,
        "cumulative seconds in the trace to all self seconds"),
    ROW("traced_cum_share", "traced cum", UNIT_RATIO, false, get_traced_cum_share,
        "the tracer's cumulative seconds to all its self seconds"),
    ROW("calls", "calls", UNIT_COUNT, false, get_calls, "how often it was called, by the tracer"),
    ROW("call_cost", "us/call", UNIT_NUMBER, false, get_call_cost,
        "microseconds that each call of it, and by it of what is not Python, took longer with the "
        "tracer, if both did the same work"),
    ROW("callee", "kind", UNIT_TEXT, false, get_kind, "python, or not python"),
};

const struct column *column_compare_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
