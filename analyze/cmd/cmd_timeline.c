/* SPDX-License-Identifier: MIT */
/* timeline: what processes and threads did over time. */
#include "analyze/ask/moment.h"
#include "analyze/ask/remainder.h"
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/time/timeline.h"
#include "format/base/spelling.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MARKS_SHOWN   10u
#define BINS_DEFAULT  60
#define BINS_LEAST    10
#define NAMES_WIDTH   16      /* of threads, on a narrow terminal */
#define NARROW        110     /* from there on what a curve says has room behind it */
#define CELLS_MAX     2000000 /* threads x bins */
#define THREADS_SHOWN 16      /* per process */
#define READY_SHARE   0.05    /* less time without a CPU is not told */

/* Of every process, and in the words about each thread. */
static const enum metric_id usual[] = {METRIC_CPU, METRIC_GIL_WAIT, METRIC_BLOCKED, METRIC_UNKNOWN};

struct drawing {
    struct view *view;
    const struct timeline *timeline;
    const struct metric *metric; /* of the threads' curves */
    size_t *order;               /* of threads: by process, most of the metric first */
    const struct metric *told[ARRAY_LEN(usual) + 1]; /* of each process and thread */
    size_t n_told;
    uint64_t *seen_ns; /* per bin: how long any thread of the process at hand was observed in it */
};

struct ordering {
    const struct timeline *timeline;
    const struct metric *metric;
};

static bool has_any(const struct timeline *timeline, const struct metric *metric)
{
    for (size_t i = 0; i < timeline->n_threads; i++) {
        if (metric->of(&timeline->threads[i].total) > 0)
            return true;
    }
    return false;
}

/* That of --by; else the first usual one that the chosen states have any of. */
static const struct metric *choose_metric(const struct request *request,
                                          const struct timeline *timeline)
{
    for (size_t i = 0; i < ARRAY_LEN(usual) && args_text(request->args, "by") == NULL; i++) {
        if (has_any(timeline, &metrics[usual[i]]))
            return &metrics[usual[i]];
    }
    return request->metric;
}

/*
 * The usual ones, and that of --by; of those that --state excludes nothing can be told, and what is
 * seldom there is told of where it is.
 */
static void choose_told(struct drawing *d)
{
    const bool all = !select_by_state(d->timeline->select);
    bool is_usual = false;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        is_usual = is_usual || d->metric == &metrics[usual[i]];
    if (!is_usual)
        d->told[d->n_told++] = d->metric;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        const bool is_seldom = usual[i] == METRIC_UNKNOWN;
        if ((all && !is_seldom) || d->metric == &metrics[usual[i]] ||
            has_any(d->timeline, &metrics[usual[i]]))
            d->told[d->n_told++] = &metrics[usual[i]];
    }
}

static int compare_threads(const void *left, const void *right, void *closure)
{
    const struct ordering *const by = closure;
    const struct timeline_thread *const a = &by->timeline->threads[*(const size_t *)left];
    const struct timeline_thread *const b = &by->timeline->threads[*(const size_t *)right];
    const int order = process_compare(a->thread->process, b->thread->process);
    if (order != 0)
        return order;
    const uint64_t x = by->metric->of(&a->total), y = by->metric->of(&b->total);
    if (x != y)
        return x < y ? 1 : -1;
    const bool seen_a = weights_sum(&a->total).samples > 0;
    const bool seen_b = weights_sum(&b->total).samples > 0;
    if (seen_a != seen_b)
        return seen_a ? -1 : 1;
    return (a->thread->id > b->thread->id) - (a->thread->id < b->thread->id);
}

/*
 * A bin is as long as its process was there to be observed: the last one of a recording, or one in
 * which the program was stopped, is not less busy for being shorter.
 */
static void measure_bins(const struct drawing *d, size_t first, size_t end)
{
    const struct timeline *const timeline = d->timeline;
    for (size_t bin = 0; bin < timeline->n_bins; bin++) {
        uint64_t longest_ns = 0;
        for (size_t i = first; i < end; i++) {
            const uint64_t ns = timeline->threads[d->order[i]].observed_ns[bin];
            longest_ns = ns > longest_ns ? ns : longest_ns;
        }
        const bool part = longest_ns > 0 && longest_ns < timeline->bin_ns;
        d->seen_ns[bin] = part ? longest_ns : timeline->bin_ns;
    }
}

/* The threads order[first .. end - 1] together: seconds per second, or how many per bin. */
static struct curve *add_curve(const struct drawing *d, const char *panel, const char *name,
                               size_t first, size_t end, const struct metric *metric)
{
    const struct timeline *const timeline = d->timeline;
    const bool rate = metric->unit == UNIT_SECONDS;
    struct curve *const curve = curve_add(&d->view->curves, &d->view->arena, panel, name);
    for (size_t bin = 0; bin < timeline->n_bins; bin++) {
        uint64_t sum = 0, observed_ns = 0;
        for (size_t i = first; i < end; i++) {
            const struct timeline_thread *const t = &timeline->threads[d->order[i]];
            sum += metric->of(&t->bins[bin]);
            observed_ns += t->observed_ns[bin];
        }
        curve->values[bin] = (double)sum / (rate ? (double)d->seen_ns[bin] : 1);
        if (observed_ns == 0)
            curve->values[bin] = -1;
    }
    curve->unit = metric->amount;
    return curve;
}

static double highest(const struct curve *curve, size_t n_bins)
{
    double top = 0;
    for (size_t i = 0; i < n_bins; i++)
        top = curve->values[i] > top ? curve->values[i] : top;
    return top;
}

/* Drawn up to its own highest value, at least to 1. */
static void finish_sum(const struct drawing *d, struct curve *curve, const struct metric *metric)
{
    const double top = highest(curve, d->timeline->n_bins);
    curve->top = top > 1 ? top : 1;
    curve->note = arena_print(&d->view->arena,
                              metric->unit == UNIT_SECONDS ? "up to %.2f %s" : "up to %.0f %s", top,
                              metric->amount);
}

/* Of all threads together. */
static void add_sum(const struct drawing *d, const char *panel, const struct metric *metric,
                    size_t first, size_t end)
{
    finish_sum(d, add_curve(d, panel, metric->word, first, end, metric), metric);
}

/* What the process used beside its threads' clocks; NULL where that is nothing, or not asked for.
 */
static const struct timeline_process *find_other(const struct drawing *d,
                                                 const struct process *process)
{
    const struct select *const select = d->timeline->select;
    const struct timeline_process *const p = timeline_process(d->timeline, process);
    const bool all = !select_by_state(select) && select->n_threads == 0;
    return all && p != NULL && p->other_total_ns > 0 ? p : NULL;
}

/* Is it worth a curve of its own? */
static bool other_is_much(const struct drawing *d, const struct timeline_process *p,
                          const struct curve *whole)
{
    double sum_ns = 0;
    for (size_t bin = 0; bin < d->timeline->n_bins; bin++)
        sum_ns += whole->values[bin] > 0 ? whole->values[bin] * (double)d->seen_ns[bin] : 0;
    return (double)p->other_total_ns >= REMAINDER_WORD * sum_ns;
}

/*
 * The CPU of a process is that of all its threads, seen or not; what is of threads without samples
 * has a curve besides, where it is worth one. Both are drawn up to the same height.
 */
static void add_whole(const struct drawing *d, const char *panel, const struct process *process,
                      size_t first, size_t end)
{
    const struct timeline_process *const p = find_other(d, process);
    const size_t at = d->view->curves.n;
    add_sum(d, panel, &metrics[METRIC_CPU], first, end);
    if (p == NULL)
        return;
    struct curve *const whole = &d->view->curves.items[at];
    for (size_t bin = 0; bin < d->timeline->n_bins; bin++) {
        if (p->other_ns[bin] > 0)
            whole->values[bin] = (whole->values[bin] > 0 ? whole->values[bin] : 0) +
                                 (double)p->other_ns[bin] / (double)d->seen_ns[bin];
    }
    finish_sum(d, whole, &metrics[METRIC_CPU]);
    if (!other_is_much(d, p, whole))
        return;
    const double top = whole->top;
    struct curve *const other = curve_add(&d->view->curves, &d->view->arena, panel, "other CPU");
    for (size_t bin = 0; bin < d->timeline->n_bins; bin++)
        other->values[bin] = d->view->curves.items[at].values[bin] < 0
                                 ? -1
                                 : (double)p->other_ns[bin] / (double)d->seen_ns[bin];
    other->top = top;
    other->unit = metrics[METRIC_CPU].amount;
    other->note = arena_print(&d->view->arena, "of it in threads without samples: %.3f s",
                              (double)p->other_total_ns / 1e9);
}

/* "CPU 20%": of the time in which it was observed. Or "300 samples". */
static const char *amount_text(const struct drawing *d, const struct timeline_thread *t,
                               const struct metric *metric)
{
    const double amount = (double)metric->of(&t->total);
    if (metric->unit != UNIT_SECONDS)
        return arena_print(&d->view->arena, "%.0f %s", amount, metric->amount);
    return arena_print(&d->view->arena, "%s %.0f%%", metric->word,
                       t->total_ns > 0 ? 100 * amount / (double)t->total_ns : 0);
}

/*
 * ", no CPU 30%": what is missing to 100%, where it is worth a word. A thread seen ready had often
 * just made room for the sampler, so it is the time on a CPU or ready, less what its clock says.
 */
static const char *ready_text(const struct drawing *d, const struct timeline_thread *t)
{
    const struct weights *const w = &t->total;
    const double running_ns = (double)(weights_on_cpu(w).wall + w->by[CLASS_READY].wall);
    const double share = (running_ns - (double)weights_sum(w).cpu) / (double)t->total_ns;
    if (select_by_state(d->timeline->select) || t->total_ns == 0 || share < READY_SHARE)
        return "";
    return arena_print(&d->view->arena, ", no CPU %.0f%%", 100 * share);
}

static struct curve *add_thread(const struct drawing *d, const char *panel, size_t i)
{
    const struct timeline_thread *const t = &d->timeline->threads[d->order[i]];
    struct curve *const curve = add_curve(d, panel, t->thread->name, i, i + 1, d->metric);
    curve->note = "";
    for (size_t k = 0; k < d->n_told; k++)
        curve->note = arena_print(&d->view->arena, "%s%s%s", curve->note, k > 0 ? ", " : "",
                                  amount_text(d, t, d->told[k]));
    curve->note = arena_print(&d->view->arena, "%s%s", curve->note, ready_text(d, t));
    return curve;
}

/* Numbers have no natural height: the highest of all threads is that of each. */
static void add_threads(const struct drawing *d, const char *panel, size_t first, size_t end)
{
    const size_t before = d->view->curves.n;
    double top = 1;
    for (size_t i = first; i < end; i++) {
        const double own = highest(add_thread(d, panel, i), d->timeline->n_bins);
        top = own > top ? own : top;
    }
    for (size_t i = before; i < d->view->curves.n && d->metric->unit != UNIT_SECONDS; i++)
        d->view->curves.items[i].top = top;
}

/* How many of the threads have a sample of what was asked for; they come first. */
static size_t count_seen(const struct drawing *d, size_t first, size_t end)
{
    size_t n = 0;
    for (size_t i = first; i < end; i++)
        n += weights_sum(&d->timeline->threads[d->order[i]].total).samples > 0;
    return n;
}

static void draw_process(const struct drawing *d, size_t first, size_t end, size_t shown)
{
    struct view *const view = d->view;
    const struct process *const process = d->timeline->threads[d->order[first]].thread->process;
    const char *const name =
        arena_print(&view->arena, "Process %s", view_name_process(view, process));
    const char *const threads =
        arena_print(&view->arena, "%s of its threads, %s", d->metric->word, name);
    const size_t n_seen = count_seen(d, first, end);
    const size_t n = shown > 0 && n_seen > shown ? shown : n_seen;
    if (n_seen == 0)
        return;
    measure_bins(d, first, end);
    for (size_t i = 0; i < d->n_told; i++) {
        if (d->told[i] == &metrics[METRIC_CPU])
            add_whole(d, name, process, first, end);
        else
            add_sum(d, name, d->told[i], first, end);
    }
    add_threads(d, threads, first, first + n);
    if (n < n_seen)
        view_add_note(view,
                      arena_print(&view->arena,
                                  "(%zu more thread%s of process %" PRIu32 "; --limit 0 shows all)",
                                  n_seen - n, n_seen - n == 1 ? "" : "s", process->pid));
}

/* For programs, too: what is of no thread with samples, as a thread without a number. */
static size_t add_other_rows(const struct drawing *d, struct row *rows)
{
    const struct timeline *const timeline = d->timeline;
    size_t n = 0;
    for (size_t i = 0; i < timeline->n_processes; i++) {
        const struct timeline_process *const p = find_other(d, timeline->processes[i].process);
        for (size_t bin = 0; p != NULL && bin < timeline->n_bins; bin++) {
            if (p->other_ns[bin] == 0)
                continue;
            struct native *const other = arena_get(&d->view->arena, sizeof *other);
            *other = (struct native){.name = "(without samples)", .cpu_ns = p->other_ns[bin]};
            rows[n++] = (struct row){.process = p->process,
                                     .native = other,
                                     .start_ns = timeline->start_ns + bin * timeline->bin_ns};
        }
    }
    return n;
}

/* For programs: every bin of every thread in which it was observed. */
static void add_rows(const struct drawing *d)
{
    const struct timeline *const timeline = d->timeline;
    size_t n = 0;
    struct group *const group = view_add_group(
        d->view, NULL, (timeline->n_threads + timeline->n_processes) * timeline->n_bins);
    for (size_t i = 0; i < timeline->n_threads; i++) {
        const struct timeline_thread *const t = &timeline->threads[d->order[i]];
        if (weights_sum(&t->total).samples == 0)
            continue;
        for (size_t bin = 0; bin < timeline->n_bins; bin++) {
            if (t->observed_ns[bin] == 0)
                continue;
            group->rows[n++] =
                (struct row){.process = t->thread->process,
                             .thread = t->thread,
                             .self = &t->bins[bin],
                             .start_ns = timeline->start_ns + bin * timeline->bin_ns};
        }
    }
    group->n_rows = n + add_other_rows(d, group->rows + n);
}

/* As many as stand side by side. */
static size_t most_bins(const struct request *request)
{
    const size_t width = request->screen.width, around = NAMES_WIDTH + 4;
    if (width == 0 || width >= BINS_DEFAULT + around + NAMES_WIDTH)
        return BINS_DEFAULT;
    return width > BINS_LEAST + around ? width - around : BINS_LEAST;
}

static enum status choose_bins(struct timeline *timeline, const struct request *request,
                               struct problem *why)
{
    const struct trace *const trace = request->trace;
    const char *const text = args_text(request->args, "bin");
    const uint64_t end_ns = trace_end_ns(trace);
    const uint64_t to_ns = trace->window.to_ns < end_ns ? trace->window.to_ns : end_ns;
    timeline->start_ns = trace->window.from_ns;
    const uint64_t length_ns = to_ns > timeline->start_ns ? to_ns - timeline->start_ns : 1;
    struct moment moment;
    if (text == NULL) {
        timeline->bin_ns = timeline_bin_ns(length_ns, most_bins(request));
    } else if (moment_parse(&moment, "bin", text, why) != STATUS_OK ||
               moment.kind != MOMENT_SINCE_START || moment.ns <= 0) {
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--bin wants a time like 10ms, 1.5s or 2m, not \"%s\"", text);
    } else {
        timeline->bin_ns = (uint64_t)moment.ns;
    }
    const uint64_t n = (length_ns + timeline->bin_ns - 1) / timeline->bin_ns;
    size_t n_threads = 1;
    for (size_t i = 0; i < trace->census.n_processes; i++)
        n_threads += trace->census.processes[i]->n_threads;
    if (n > CELLS_MAX / n_threads)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s makes %" PRIu64 " parts for each of %zu threads, which is too "
                           "many; choose longer ones, or a range with --from and --to",
                           text != NULL ? "--bin" : "the recording", n, n_threads - 1);
    timeline->n_bins = (size_t)n;
    return STATUS_OK;
}

/* What the view borrows from. */
struct kept {
    struct scene scene;
    struct timeline timeline;
    size_t *order;
};

static void release_kept(void *closure)
{
    struct kept *const kept = closure;
    timeline_clear(&kept->timeline);
    scene_clear(&kept->scene);
    free(kept->order);
    free(kept);
}

/* What the screen has room for: how many processes, and how many threads of each. */
struct room {
    size_t n_processes, n_threads;
};

/* Of a process: two headings and axes, its own curves, one of its threads; a line between. */
static struct room find_room(const struct drawing *d, const struct request *request,
                             size_t n_processes)
{
    const struct screen *const screen = &request->screen;
    const size_t each = screen->width < NARROW ? 2 : 1; /* lines of a curve, or of a heading */
    const size_t fixed = 2 * (each + 1) + (d->n_told + 1) * each + 2;
    const size_t lines = screen->height > 4 ? screen->height - 4 : 1; /* prompt, what is left out */
    struct room room = {SIZE_MAX,
                        args_count(request->args, "limit", request->machine ? 0 : THREADS_SHOWN)};
    if (screen->height == 0 || args_text(request->args, "limit") != NULL)
        return room;
    room.n_processes = lines / (fixed + each) > 1 ? lines / (fixed + each) : 1;
    const size_t n = room.n_processes < n_processes ? room.n_processes : n_processes;
    const size_t left = n > 0 && lines > n * fixed ? lines - n * fixed : 0;
    room.n_threads = left / (n * each + (n == 0)) > 1 ? left / (n * each) : 1;
    return room;
}

/* Where the threads of a process are in the order, and what they have of the metric together. */
struct share_of_process {
    size_t first, end;
    uint64_t amount;
    bool shown;
};

static size_t find_processes(const struct drawing *d, struct share_of_process *processes)
{
    const struct timeline *const timeline = d->timeline;
    size_t n = 0;
    for (size_t i = 0; i < timeline->n_threads; i++) {
        const struct timeline_thread *const t = &timeline->threads[d->order[i]];
        if (i == 0 || t->thread->process != timeline->threads[d->order[i - 1]].thread->process)
            processes[n++] = (struct share_of_process){.first = i};
        processes[n - 1].end = i + 1;
        processes[n - 1].amount += d->metric->of(&t->total);
    }
    return n;
}

/* Draw those with most of the metric, in their order. */
static void draw_processes(const struct drawing *d, const struct request *request)
{
    struct share_of_process *const processes =
        memory_get((d->timeline->n_threads + 1) * sizeof *processes);
    const size_t n = find_processes(d, processes);
    const struct room room = find_room(d, request, n);
    for (size_t k = 0; k < n && k < room.n_processes; k++) {
        size_t most = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
            if (!processes[i].shown &&
                (most == SIZE_MAX || processes[i].amount > processes[most].amount))
                most = i;
        }
        processes[most].shown = true;
    }
    for (size_t i = 0; i < n; i++) {
        if (processes[i].shown)
            draw_process(d, processes[i].first, processes[i].end, room.n_threads);
    }
    if (n > room.n_processes)
        view_add_note(d->view,
                      arena_print(&d->view->arena, "(%zu more process%s; --limit 0 shows all)",
                                  n - room.n_processes, n - room.n_processes == 1 ? "" : "es"));
    free(processes);
}

static void draw(struct view *view, struct kept *kept, const struct metric *metric,
                 const struct request *request)
{
    const struct timeline *const timeline = &kept->timeline;
    kept->order = memory_get((timeline->n_threads + 1) * sizeof *kept->order);
    for (size_t i = 0; i < timeline->n_threads; i++)
        kept->order[i] = i;
    struct ordering by = {timeline, metric};
    if (timeline->n_threads > 1)
        qsort_r(kept->order, timeline->n_threads, sizeof *kept->order, compare_threads, &by);
    struct drawing d = {view, timeline, metric, kept->order, {NULL}, 0, NULL};
    d.seen_ns = arena_get(&view->arena, (timeline->n_bins + 1) * sizeof *d.seen_ns);
    choose_told(&d);
    draw_processes(&d, request);
    if (view->curves.n > 0)
        add_rows(&d);
}

/* What the program has marked (pyrec.mark()), in order of time; the first ones. */
static void tell_marks(struct view *view, const struct request *request)
{
    const struct census *const census = &request->trace->census;
    const struct window window = request->trace->window;
    size_t n = 0;
    for (size_t p = 0; p < census->n_processes; p++) {
        const struct process *const process = census->processes[p];
        for (size_t i = 0; i < process->n_marks && request_has_process(request, process); i++) {
            const struct program_mark *const mark = &process->marks[i];
            if (mark->time_ns < window.from_ns || mark->time_ns >= window.to_ns)
                continue;
            if (n++ < MARKS_SHOWN)
                view_add_note(view, arena_print(&view->arena, "mark at %.3f s: %s",
                                                (double)mark->time_ns / 1e9, mark->text));
        }
    }
    if (n > MARKS_SHOWN)
        view_add_note(view, arena_print(&view->arena, "and %zu more marks", n - MARKS_SHOWN));
}

static enum status build_timeline(struct request *request, struct view *view, struct problem *why)
{
    struct kept *const kept = memory_get(sizeof *kept);
    view->shape = SHAPE_CURVES;
    view->closure = kept;
    view->release = release_kept;
    TRY(request_check_by(request, why));
    trace_plan(request->trace, 2);
    scene_names(&kept->scene, request->trace, &request->select); /* who there is */
    TRY(choose_bins(&kept->timeline, request, why));
    timeline_read(&kept->timeline, &kept->scene, request->trace, &request->select);
    view->curves.n_bins = kept->timeline.n_bins;
    view->curves.start_ns = kept->timeline.start_ns;
    view->curves.bin_ns = kept->timeline.bin_ns;
    view->curves.ascii = args_flag(request->args, "ascii") || spelling_is_ascii();
    draw(view, kept, choose_metric(request, &kept->timeline), request);
    tell_marks(view, request);
    if (view->curves.n == 0)
        view->nothing = true;
    return STATUS_OK;
}

static const struct option options[] = {
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what the lines of threads show and what decides their order; default cpu", metric_name, 0},
    {"bin", 0, "TIME", OPTION_TEXT,
     "how much time one value stands for; default a round time, so that there are at most 60", NULL,
     0},
    {"ascii", 0, NULL, OPTION_FLAG,
     "draw with plain characters; so it is anyway where the locale is not UTF-8", NULL, 0},
    {"output", 'o', "FILE", OPTION_TEXT,
     "write to this file; one that ends in .png, .svg or .pdf becomes a picture, drawn by gnuplot",
     NULL, 0},
    OPTION_END,
};

const struct command command_timeline = {
    .name = "timeline",
    .synopsis = "[options] [FILE...]",
    .summary = "CPU, waiting for the GIL and blocking over time, per process and thread",
    .text = "Each process has lines of characters: one shows the CPUs that it used, one how many "
            "of its threads waited for the GIL, and one how many were blocked or idle. Then each "
            "thread has a line for its CPU; the full height is one CPU. A dot means nothing, a "
            "blank means that nothing was observed then; a part that was not observed for all of "
            "its length is shown as if all of it had been like the rest. The words behind the "
            "line of a thread say how it spent its time; \"no CPU\" is the time in which it "
            "could have run but no CPU was free. With --by the lines of threads show another "
            "metric, the thread with most of it first, and the process has a line for it; for "
            "samples and ticks a line shows how many there were in each part, and the full "
            "height is the most of any thread.\n"
            "\n"
            "With --state only samples in these states count, and only threads that have some "
            "are shown; shares are of all the time of the thread. CPU is then what these samples "
            "have in other tables: what a thread used before it blocked belongs to its next "
            "sample on a CPU. Where they have none, the lines show GIL wait or blocked.\n"
            "\n"
            "The CPU of a process is all that the OS counted, unless threads or states are "
            "chosen. Other CPU is the CPU of threads without samples (they run no Python, or "
            "they ended before they were looked at); it is measured every two seconds, and drawn "
            "as if it had been used evenly in between.\n"
            "\n"
            "csv and json have one row per thread and part of the time: its start, the CPU "
            "seconds that the thread's clock moved by, and how many of its seconds it was on a "
            "CPU, ready, waiting for the GIL, blocked, and unknown; other CPU is that of a "
            "thread called (without samples).",
    .example = "pyanalyze timeline --bin 100ms --from 0.5s run.trace",
    .takes = TAKES_LIMIT | TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_COLOR |
             TAKES_STATE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_CURVES,
    .output = "text",
    .rows = ROW_BIN,
    .columns = "start",
    .machine_columns =
        "start,process,thread,thread_id,cpu_time,on_cpu,ready,gil_wait,blocked,unknown,wall",
    .build = build_timeline,
};
