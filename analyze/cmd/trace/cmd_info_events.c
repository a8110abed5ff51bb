/* SPDX-License-Identifier: MIT */
/*
 * What happened while it was recorded: the rate was changed, somebody set the wall clock. People
 * get one table with the first few, programs a section for each.
 */
#include "analyze/base/date.h"
#include "cmd_info.h"

#include <inttypes.h>
#include <math.h>

#define SHOWN 5u

static struct cell date_cell(const char *date)
{
    return date != NULL ? cell_text(date) : cell_none();
}

/* A line for people; those beyond SHOWN are only counted. */
static void add_line(struct view *view, struct section *s, uint64_t ns, const char *what,
                     const char *note)
{
    section_add(s, arena_print(&view->arena, "%.3f s", (double)ns / 1e9), cell_text(what), note);
}

static void add_rest(struct section *s, size_t n)
{
    if (n > SHOWN)
        section_add(s, "more", cell_number(UNIT_COUNT, (int64_t)(n - SHOWN)),
                    "all of them with --format json");
}

/* ---- the wall clock ---- */

/* "+3600.000 s" */
static const char *print_step(struct view *view, int64_t by_ns)
{
    return arena_print(&view->arena, "%+.3f s", (double)by_ns / 1e9);
}

static void tell_steps(struct view *view, const struct recording *r)
{
    struct section *const s =
        view_add_section(view, "clock_steps", "Recording: when the wall clock was set");
    s->repeated = true;
    for (size_t i = 0; i < r->wall.n && i < SHOWN; i++) {
        const struct wall_step *const step = &r->wall.steps[i];
        const int64_t to_ns = recording_unix_ns(r, step->time_ns);
        const char *const from = date_print(&view->arena, to_ns - step->by_ns, DATE_MS | DATE_ZONE);
        const char *const to = date_print(&view->arena, to_ns, DATE_MS | DATE_ZONE);
        add_line(view, s, step->time_ns, print_step(view, step->by_ns),
                 from != NULL && to != NULL ? arena_print(&view->arena, "from %s to %s", from, to)
                                            : NULL);
    }
    add_rest(s, r->wall.n);
}

void info_add_steps(struct view *view, const struct request *request,
                    const struct recording *recording)
{
    const struct recording *const r = recording;
    if (r->wall.n > 0 && !request->machine)
        tell_steps(view, r);
    for (size_t i = 0; i < r->wall.n && request->machine; i++) {
        const struct wall_step *const step = &r->wall.steps[i];
        const int64_t to_ns = recording_unix_ns(r, step->time_ns);
        struct section *const s = view_add_section(view, "clock_steps", "");
        s->repeated = true;
        section_add(s, "recording", cell_number(UNIT_COUNT, (int64_t)r->order + 1), NULL);
        section_add(s, "time", cell_number(UNIT_SECONDS, (int64_t)step->time_ns), NULL);
        section_add(s, "from",
                    date_cell(date_print(&view->arena, to_ns - step->by_ns, DATE_MS | DATE_ZONE)),
                    NULL);
        section_add(s, "to", date_cell(date_print(&view->arena, to_ns, DATE_MS | DATE_ZONE)), NULL);
        section_add(s, "by", cell_number(UNIT_SECONDS, step->by_ns), NULL);
    }
}

/* ---- the rate ---- */

/* In Hz; 0 = not known, because what was before is not in the file. */
static double rate_before(const struct process *p, size_t i)
{
    if (i == 0 && !p->from_start)
        return 0;
    const uint64_t ns = i > 0 ? p->rate_changes[i - 1].interval_ns : p->interval_ns;
    return ns > 0 ? 1e9 / (double)ns : 0;
}

static double rate_after(const struct process *p, size_t i)
{
    return 1e9 / (double)p->rate_changes[i].interval_ns;
}

static const char *print_change(struct view *view, const struct process *p, size_t i)
{
    const double before = rate_before(p, i);
    if (before == 0)
        return arena_print(&view->arena, "to %.4g Hz", rate_after(p, i));
    return arena_print(&view->arena, "from %.4g to %.4g Hz", before, rate_after(p, i));
}

static void tell_changes(struct view *view, const struct process *p)
{
    struct section *const s = view_add_section(
        view, "rate_changes",
        arena_print(&view->arena, "Process %" PRIu32 ": when the rate was changed", p->pid));
    s->repeated = true;
    for (size_t i = 0; i < p->n_rate_changes && i < SHOWN; i++) {
        const uint64_t time_ns = p->rate_changes[i].time_ns;
        add_line(view, s, time_ns, print_change(view, p, i),
                 date_print(&view->arena, recording_unix_ns(p->recording, time_ns),
                            DATE_MS | DATE_ZONE));
    }
    add_rest(s, p->n_rate_changes);
}

static struct cell rate_cell(double rate)
{
    return rate > 0 ? (struct cell){.unit = UNIT_NUMBER, .ratio = round(rate * 1000) / 1000}
                    : cell_none();
}

void info_add_rate_changes(struct view *view, const struct request *request,
                           const struct process *process)
{
    const struct process *const p = process;
    if (p->n_rate_changes > 0 && !request->machine)
        tell_changes(view, p);
    for (size_t i = 0; i < p->n_rate_changes && request->machine; i++) {
        const uint64_t time_ns = p->rate_changes[i].time_ns;
        struct section *const s = view_add_section(view, "rate_changes", "");
        s->repeated = true;
        section_add(s, "process", cell_number(UNIT_ID, p->pid), NULL);
        section_add(s, "time", cell_number(UNIT_SECONDS, (int64_t)time_ns), NULL);
        section_add(s, "date",
                    date_cell(date_print(&view->arena, recording_unix_ns(p->recording, time_ns),
                                         DATE_MS | DATE_ZONE)),
                    NULL);
        section_add(s, "rate_before", rate_cell(rate_before(p, i)), NULL);
        section_add(s, "rate", rate_cell(rate_after(p, i)), NULL);
    }
}
