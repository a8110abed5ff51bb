/* SPDX-License-Identifier: MIT */
#include "report_thin.h"

#include "analyze/base/memory.h"
#include "report_pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BIN_FIRST     256u /* intervals */
#define BIN_MAX       (1u << 30)
#define FINE_FIRST    2u
#define PARTS_MIN     8u  /* of a bin */
#define PARTS_SHARE   3u  /* parts may make for so many runs of all: one in .. */
#define ROOM          4u  /* for what is to come, while a trace is read: one in .. */
#define RANGES_A_LOOK 16u /* how often weight is looked at while a trace is read */
#define Z             1.959964

size_t report_weight(const struct report *report)
{
    size_t weight = 0;
    for (size_t i = 0; i < report->n_threads; i++) {
        const struct report_thread *const t = &report->threads[i];
        weight += t->course.n_runs + t->thinned.n_runs;
        weight += (t->course.n_windows + t->thinned.n_windows) / 2;
    }
    for (size_t i = 0; i < report->n_processes; i++)
        weight += report->processes[i].n_holds + report->processes[i].n_pairs;
    return weight;
}

/* ---- all of it ---- */

/* Thin a process up to an interval; its threads stand together. */
static void thin_process(struct report *report, uint32_t process, uint64_t until)
{
    report_pair_holds(report, process, until);
    for (size_t i = report->n_threads; i-- > 0 && report->threads[i].process >= process;) {
        struct report_thread *const t = &report->threads[i];
        if (t->process == process && t->thinned_end < until)
            report_thin_course(report, t, until);
    }
}

static bool is_open(const struct report *report, size_t process)
{
    return !report->is_read && process + 1 == report->n_processes;
}

/* Whole bins of the process that is being read, and everything of those that were. */
static void thin_new(struct report *report)
{
    for (size_t i = report->n_processes; i-- > 0;) {
        struct report_process *const p = &report->processes[i];
        const uint64_t until = is_open(report, i) ? p->end - p->end % report->bin : p->end;
        if (p->paired >= until && !is_open(report, i))
            break; /* and so are those before it */
        if (p->paired < until)
            thin_process(report, (uint32_t)i, until);
    }
}

static void *join(void *first, size_t *n, size_t *size, const void *second, size_t n_second,
                  size_t item_bytes)
{
    first = memory_grow(first, size, *n + n_second, item_bytes);
    if (n_second > 0)
        memcpy((char *)first + *n * item_bytes, second, n_second * item_bytes);
    *n += n_second;
    return first;
}

/* What was thinned and what was not, as if nothing had been. */
static void unite(struct report_thread *t)
{
    struct report_course *const a = &t->thinned, *const b = &t->course;
    if (a->n_runs == 0 && a->n_carries == 0)
        return;
    if (b->n_windows > 0) {
        a->min_q = b->min_q;
        a->min_n = b->min_n;
        a->max_q = b->max_q;
        a->max_n = b->max_n;
    } else if (a->n_windows > 0) {
        const struct report_window last = a->windows[a->n_windows - 1];
        a->min_q = last.cpu_q;
        a->max_q = last.cpu_q + 1;
        a->min_n = a->max_n = last.n;
    }
    a->runs = join(a->runs, &a->n_runs, &a->runs_size, b->runs, b->n_runs, sizeof *a->runs);
    a->windows = join(a->windows, &a->n_windows, &a->windows_size, b->windows, b->n_windows,
                      sizeof *a->windows);
    a->carries = join(a->carries, &a->n_carries, &a->carries_size, b->carries, b->n_carries,
                      sizeof *a->carries);
    report_course_clear(b);
    *b = *a;
    *a = (struct report_course){0};
}

/* Of the process that is being read: as far as whole parts of bins go. */
static uint64_t thin_end(const struct report *report, size_t process)
{
    const uint64_t end = report->processes[process].end;
    return is_open(report, process) ? end - end % report->fine : end;
}

/*
 * With bins of this length: everything anew, as what was thinned can be thinned again. A bin that
 * was thinned in pieces becomes one.
 */
static void thin_again(struct report *report, uint64_t bin, uint64_t fine)
{
    for (size_t i = 0; i < report->n_processes; i++) {
        struct report_process *const p = &report->processes[i];
        report_pair_bins(p, report->bin > 0 ? bin / report->bin : 1);
        p->n_odd = 0;
    }
    report->bin = bin;
    report->fine = fine;
    report->n_stacks = report->n_runs = 0;
    memset(report->unsure, 0, sizeof report->unsure);
    memset(report->unsure_squares, 0, sizeof report->unsure_squares);
    for (size_t i = 0; i < report->n_processes; i++) {
        if (thin_end(report, i) > report->processes[i].paired)
            report_pair_holds(report, (uint32_t)i, thin_end(report, i));
    }
    for (size_t i = 0; i < report->n_threads; i++) {
        struct report_thread *const t = &report->threads[i];
        unite(t);
        t->thinned_end = t->begin;
        report_thin_course(report, t, thin_end(report, t->process));
    }
}

static uint64_t longest(const struct report *report)
{
    uint64_t most = 0;
    for (size_t i = 0; i < report->n_processes; i++)
        most = report->processes[i].end > most ? report->processes[i].end : most;
    return most;
}

/*
 * Parts of bins become longer where there are too many runs for their sake, bins otherwise; false
 * where neither can be.
 */
static bool thin_more(struct report *report, size_t runs_max)
{
    const uint64_t bin = report->bin, fine = report->fine;
    const bool can_bin = bin <= longest(report) && bin < BIN_MAX;
    const bool can_fine = bin / fine > PARTS_MIN;
    const bool are_many = report->n_runs > report->n_stacks + runs_max / PARTS_SHARE;
    if (can_fine && (are_many || !can_bin))
        thin_again(report, bin, 2 * fine);
    else if (can_bin)
        thin_again(report, 2 * bin, fine);
    else
        return false;
    return true;
}

static bool thin_until(struct report *report, size_t runs_max)
{
    while (report_weight(report) > runs_max) {
        if (report->bin == 0)
            thin_again(report, BIN_FIRST, FINE_FIRST);
        else if (!thin_more(report, runs_max))
            return false;
    }
    return true;
}

/* ---- while it is read ---- */

/* Of the weight, what was not thinned yet. */
static size_t weight_new(const struct report *report)
{
    size_t weight = 0;
    for (size_t i = 0; i < report->n_threads; i++) {
        const struct report_course *const new = &report->threads[i].course;
        weight += new->n_runs + new->n_windows / 2;
    }
    for (size_t i = 0; i < report->n_processes; i++)
        weight += report->processes[i].n_holds;
    return weight;
}

/*
 * What was not thinned yet may be all that is too much: of a long bin that goes on that is most. So
 * it is first thinned as it is, and more only where that leaves too little room for what is to
 * come.
 */
void report_thin_step(struct report *report)
{
    if (report->runs_max == 0)
        return;
    if (report->bin > 0)
        thin_new(report);
    const size_t weight = report->n_ranges++ % RANGES_A_LOOK == 0 ? report_weight(report) : 0;
    if (weight <= report->runs_max)
        return;
    if (report->bin > 0 && weight_new(report) > weight / ROOM)
        thin_again(report, report->bin, report->fine);
    thin_until(report, report->runs_max - report->runs_max / ROOM);
}

/* As if it had just been read. */
static void settle(struct report *report)
{
    for (size_t i = 0; i < report->n_threads; i++)
        unite(&report->threads[i]);
}

void report_thin_end(struct report *report)
{
    report->is_read = true;
    if (report->bin > 0) {
        thin_again(report, report->bin, report->fine);
        thin_until(report, report->runs_max);
    }
    settle(report);
}

bool report_thin_to(struct report *report, size_t runs_max)
{
    const bool is_enough = thin_until(report, runs_max);
    settle(report);
    return is_enough;
}

/* ---- what it costs ---- */

double report_thin_error(const struct report *report)
{
    double most = 0;
    for (int i = 0; i < 2 && report->bin > 0; i++) {
        if (report->unsure_squares[i] == 0)
            continue;
        /* per half a bin so many equal samples (share.h) */
        const double n_halves = 2 * ceil((double)longest(report) / (double)report->bin);
        const double sum = report->unsure[i];
        const double n = sum / n_halves * sum / report->unsure_squares[i];
        most = fmax(most, Z / (2 * sqrt(n + Z * Z)));
    }
    return most;
}
