/* SPDX-License-Identifier: MIT */
/* Columns of phases and labels. */
#include "analyze/stalls/stall_tell.h"
#include "analyze/view/column.h"
#include "phases.h"

static struct cell get_phase(const struct row *row)
{
    if (row->stall != NULL)
        return row->stall->phase != NULL ? cell_text(row->stall->phase) : cell_none();
    return cell_text(row->phase->name);
}

static struct cell get_detail(const struct row *row)
{
    if (row->stall != NULL)
        return row->stall->phase != NULL ? cell_text(row->stall->detail) : cell_none();
    return row->phase->value != NULL ? cell_text(row->phase->value) : cell_none();
}

static struct cell get_count(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->phase->n);
}

static struct cell get_open(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->phase->n_open);
}

static struct cell get_took(const struct row *row)
{
    return row->stall->phase != NULL ? cell_number(UNIT_SECONDS, (int64_t)row->stall->phase_ns)
                                     : cell_none();
}

static uint64_t n_ended(const struct phase_group *g)
{
    return g->n - g->n_open;
}

static struct cell get_total(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->phase->total_ns);
}

static struct cell get_mean(const struct row *row)
{
    const uint64_t n = n_ended(row->phase);
    return n > 0 ? cell_number(UNIT_SECONDS, (int64_t)(row->phase->total_ns / n)) : cell_none();
}

static struct cell get_longest(const struct row *row)
{
    return n_ended(row->phase) > 0 ? cell_number(UNIT_SECONDS, (int64_t)row->phase->longest_ns)
                                   : cell_none();
}

static struct cell get_longest_at(const struct row *row)
{
    return n_ended(row->phase) > 0 ? cell_number(UNIT_SECONDS, (int64_t)row->phase->longest_at_ns)
                                   : cell_none();
}

static struct cell seconds(double s)
{
    return cell_number(UNIT_SECONDS, (int64_t)(s * 1e9 + 0.5));
}

static struct cell get_cpu_error(const struct row *row)
{
    return seconds(row->phase->cpu_error_s);
}

static struct cell get_gil_error(const struct row *row)
{
    return seconds(row->phase->gil_error_s);
}

static struct cell get_blocked_error(const struct row *row)
{
    return seconds(row->phase->blocked_error_s);
}

#define ERROR(of, how)                                                                             \
    {                                                                                              \
        .name = of "_error", .title = "\u00b1",                                                    \
        .help = "an unbroken look would have found " of " \u00b1 this in 95 of 100 cases",         \
        .rows = ROW_PHASE, .unit = UNIT_SECONDS, .close = true, .get = how                         \
    }

static const struct column columns[] = {
    {.name = "phase",
     .title = "phase",
     .help = "name of the phase; with --by label, key of the label",
     .rows = ROW_PHASE | ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_phase},
    {.name = "detail",
     .title = "detail",
     .help = "its detail, with --by detail; with --by label, the label's value",
     .rows = ROW_PHASE | ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_detail},
    {.name = "took",
     .title = "took",
     .help = "seconds that the phase took, as the program has measured it",
     .rows = ROW_STALL,
     .unit = UNIT_SECONDS,
     .get = get_took},
    {.name = "count",
     .title = "count",
     .help = "how often it began in the range of time",
     .rows = ROW_PHASE,
     .unit = UNIT_COUNT,
     .get = get_count},
    {.name = "open",
     .title = "open",
     .help = "of these, how many had no end while they were recorded",
     .rows = ROW_PHASE,
     .unit = UNIT_COUNT,
     .only_if_any = true,
     .get = get_open},
    {.name = "total",
     .title = "total",
     .help = "seconds from beginning to end, all that have ended together; phases may overlap",
     .rows = ROW_PHASE,
     .unit = UNIT_SECONDS,
     .get = get_total},
    {.name = "mean",
     .title = "mean",
     .help = "the same for one of them",
     .rows = ROW_PHASE,
     .unit = UNIT_SECONDS,
     .get = get_mean},
    {.name = "longest_phase",
     .title = "longest",
     .help = "seconds of the longest one",
     .rows = ROW_PHASE,
     .unit = UNIT_SECONDS,
     .get = get_longest},
    {.name = "longest_at",
     .title = "at",
     .help = "when that began, seconds after the start of the recording",
     .rows = ROW_PHASE,
     .unit = UNIT_SECONDS,
     .close = true,
     .get = get_longest_at},
    ERROR("cpu_time", get_cpu_error),
    ERROR("gil_wait", get_gil_error),
    ERROR("blocked", get_blocked_error),
};

const struct column *column_phase_get(size_t i)
{
    return i < sizeof columns / sizeof *columns ? &columns[i] : NULL;
}
