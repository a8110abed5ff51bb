/* SPDX-License-Identifier: MIT */
/* timeline: what processes and threads did over time. */
#include "../command.h"
#include "../memory.h"
#include "../moment.h"
#include "../request.h"
#include "../timeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BINS_DEFAULT  60
#define CELLS_MAX     2000000 /* threads x bins */
#define THREADS_SHOWN 16      /* per process */

/* What a value is made of. */
typedef uint64_t weighs_fn(const struct weights *w);

static uint64_t weigh_cpu(const struct weights *w)
{
    return weights_sum(w).cpu;
}

static uint64_t weigh_gil(const struct weights *w)
{
    return w->by[CLASS_WAITS_GIL].wall;
}

static uint64_t weigh_blocked(const struct weights *w)
{
    return w->by[CLASS_BLOCKED].wall;
}

struct drawing {
    struct view *view;
    const struct timeline *timeline;
    size_t *order; /* of threads: by process, most CPU first */
};

static int compare_threads(const void *left, const void *right, void *closure)
{
    const struct timeline *const timeline = closure;
    const struct timeline_thread *const a = &timeline->threads[*(const size_t *)left];
    const struct timeline_thread *const b = &timeline->threads[*(const size_t *)right];
    const struct process *const p = a->thread->process, *const q = b->thread->process;
    if (p != q)
        return p->recording != q->recording ? (p->recording->order > q->recording->order ? 1 : -1)
                                            : (p->number > q->number ? 1 : -1);
    const uint64_t x = weigh_cpu(&a->total), y = weigh_cpu(&b->total);
    if (x != y)
        return x < y ? 1 : -1;
    return (a->thread->id > b->thread->id) - (a->thread->id < b->thread->id);
}

/* The threads order[first .. end - 1] together. */
static struct curve *add_curve(const struct drawing *d, const char *panel, const char *name,
                               size_t first, size_t end, weighs_fn *weighs)
{
    const struct timeline *const timeline = d->timeline;
    struct curve *const curve = curve_add(&d->view->curves, &d->view->arena, panel, name);
    for (size_t bin = 0; bin < timeline->n_bins; bin++) {
        uint64_t sum_ns = 0, wall_ns = 0;
        for (size_t i = first; i < end; i++) {
            const struct weights *const w = &timeline->threads[d->order[i]].bins[bin];
            sum_ns += weighs(w);
            wall_ns += weights_sum(w).wall;
        }
        curve->values[bin] = wall_ns > 0 ? (double)sum_ns / (double)timeline->bin_ns : -1;
    }
    return curve;
}

static double highest(const struct curve *curve, size_t n_bins)
{
    double top = 0;
    for (size_t i = 0; i < n_bins; i++)
        top = curve->values[i] > top ? curve->values[i] : top;
    return top;
}

/* Of all threads together: drawn up to its own highest value, at least to 1. */
static void add_sum(const struct drawing *d, const char *panel, const char *name, const char *unit,
                    size_t first, size_t end, weighs_fn *weighs)
{
    struct curve *const curve = add_curve(d, panel, name, first, end, weighs);
    const double top = highest(curve, d->timeline->n_bins);
    curve->top = top > 1 ? top : 1;
    curve->note = arena_print(&d->view->arena, "up to %.2f %s", top, unit);
}

static void add_thread(const struct drawing *d, const char *panel, size_t i)
{
    const struct timeline_thread *const t = &d->timeline->threads[d->order[i]];
    const double wall = (double)weights_sum(&t->total).wall;
    struct curve *const curve = add_curve(d, panel, t->thread->name, i, i + 1, weigh_cpu);
    curve->note = arena_print(&d->view->arena, "CPU %.0f%%, GIL wait %.0f%%, blocked %.0f%%",
                              wall > 0 ? 100 * (double)weigh_cpu(&t->total) / wall : 0,
                              wall > 0 ? 100 * (double)weigh_gil(&t->total) / wall : 0,
                              wall > 0 ? 100 * (double)weigh_blocked(&t->total) / wall : 0);
}

static void draw_process(const struct drawing *d, size_t first, size_t end, size_t shown)
{
    struct view *const view = d->view;
    const struct process *const process = d->timeline->threads[d->order[first]].thread->process;
    const char *const title = process_title(process);
    const char *const name =
        arena_print(&view->arena, "Process %" PRIu32 "%s%s%s", process->pid,
                    title[0] != '\0' ? " (" : "", title, title[0] != '\0' ? ")" : "");
    const char *const threads = arena_print(&view->arena, "CPU of its threads, %s", name);
    add_sum(d, name, "CPU", "CPUs", first, end, weigh_cpu);
    add_sum(d, name, "GIL wait", "threads waiting", first, end, weigh_gil);
    add_sum(d, name, "blocked", "threads blocked or idle", first, end, weigh_blocked);
    const size_t last = shown > 0 && end - first > shown ? first + shown : end;
    for (size_t i = first; i < last; i++)
        add_thread(d, threads, i);
    if (last < end)
        view_add_note(view,
                      arena_print(&view->arena,
                                  "(%zu more thread%s of process %" PRIu32 "; --limit 0 shows all)",
                                  end - last, end - last == 1 ? "" : "s", process->pid));
}

/* For programs: every bin of every thread in which it was observed. */
static void add_rows(const struct drawing *d)
{
    const struct timeline *const timeline = d->timeline;
    size_t n = 0;
    struct group *const group =
        view_add_group(d->view, NULL, timeline->n_threads * timeline->n_bins);
    for (size_t i = 0; i < timeline->n_threads; i++) {
        const struct timeline_thread *const t = &timeline->threads[d->order[i]];
        for (size_t bin = 0; bin < timeline->n_bins; bin++) {
            if (weights_sum(&t->bins[bin]).wall == 0)
                continue;
            group->rows[n++] =
                (struct row){.process = t->thread->process,
                             .thread = t->thread,
                             .self = &t->bins[bin],
                             .start_ns = timeline->start_ns + bin * timeline->bin_ns};
        }
    }
    group->n_rows = n;
}

/* Does the terminal take other characters than plain ones? As the C library decides it. */
static bool wants_ascii(const struct args *args)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    if (args_flag(args, "ascii"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *const value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") == NULL && strcasestr(value, "utf8") == NULL;
    }
    return true;
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
        timeline->bin_ns = timeline_bin_ns(length_ns, BINS_DEFAULT);
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

static void draw(struct view *view, struct kept *kept, size_t shown)
{
    const struct timeline *const timeline = &kept->timeline;
    kept->order = memory_get((timeline->n_threads + 1) * sizeof *kept->order);
    for (size_t i = 0; i < timeline->n_threads; i++)
        kept->order[i] = i;
    if (timeline->n_threads > 1)
        qsort_r(kept->order, timeline->n_threads, sizeof *kept->order, compare_threads,
                &kept->timeline);
    const struct drawing d = {view, timeline, kept->order};
    for (size_t first = 0, end; first < timeline->n_threads; first = end) {
        const struct process *const p = timeline->threads[kept->order[first]].thread->process;
        for (end = first + 1;
             end < timeline->n_threads && timeline->threads[kept->order[end]].thread->process == p;)
            end++;
        draw_process(&d, first, end, shown);
    }
    if (timeline->n_threads > 0)
        add_rows(&d);
}

static enum status build_timeline(struct request *request, struct view *view, struct problem *why)
{
    struct kept *const kept = memory_get(sizeof *kept);
    view->shape = SHAPE_CURVES;
    view->closure = kept;
    view->release = release_kept;
    scene_names(&kept->scene, request->trace, &request->select); /* who there is */
    TRY(choose_bins(&kept->timeline, request, why));
    timeline_read(&kept->timeline, &kept->scene, request->trace, &request->select);
    view->curves.n_bins = kept->timeline.n_bins;
    view->curves.start_ns = kept->timeline.start_ns;
    view->curves.bin_ns = kept->timeline.bin_ns;
    view->curves.ascii = wants_ascii(request->args);
    draw(view, kept, args_count(request->args, "limit", request->machine ? 0 : THREADS_SHOWN));
    if (view->curves.n == 0)
        view_add_note(view, "There are no samples of what was asked for.");
    return STATUS_OK;
}

static const struct option options[] = {
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
    .synopsis = "[options] FILE...",
    .summary = "CPU, waiting for the GIL and blocking over time, per process and thread",
    .text = "Per process a line of characters for the CPUs that its threads used together, for how "
            "many of them waited for the GIL, and for how many were blocked or idle; then one "
            "for the CPU of each thread, where the full height is one CPU. A dot is nothing, a "
            "blank a time at which nothing was observed.\n"
            "\n"
            "csv and json have one row per thread and part of the time: its start, the CPU seconds "
            "that the thread's clock moved by, and how many of its seconds it was on a CPU, "
            "ready, waiting for the GIL, and blocked.",
    .example = "pyanalyze timeline --bin 100ms --from 0.5s run.trace",
    .takes = TAKES_LIMIT | TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_COLOR,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_CURVES,
    .output = "text",
    .rows = ROW_BIN,
    .columns = "start",
    .machine_columns = "start,process,thread,thread_id,cpu_time,on_cpu,ready,gil_wait,blocked,wall",
    .build = build_timeline,
};
