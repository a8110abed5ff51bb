/* SPDX-License-Identifier: MIT */
#include "stall_tell.h"

#include "column.h"
#include "date.h"
#include "memory.h"
#include "path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a stall's time; less is not worth a row. */
#define SHARE_MIN   0.03
#define WHERE_SHARE 0.6 /* the innermost caller of so much of it is where it was */

#define TIME_MIN_NS 500000 /* 0.000 s is not worth a word */

#define THREAD_ROWS 2 /* rows for one other thread */

static const struct part_kind stack_kind = {"stack", "where it was", "seconds,part,function,place",
                                            "depth,file,line,on_cpu,ready,gil_wait,blocked,unknown",
                                            ROW_STALL_LINE};
static const struct part_kind call_kind = {"calls", "what it was blocked in",
                                           "seconds,part,blocked_in,function,place", "file,line",
                                           ROW_STALL_LINE};
static const struct part_kind gil_kind = {"gil", "who held the GIL that it waited for",
                                          "seconds,part,other,function,place", "other_id,file,line",
                                          ROW_STALL_LINE};
static const struct part_kind other_kind = {"others", "what the other threads did meanwhile",
                                            "seconds,part,other,doing,function,place",
                                            "other_id,blocked_in,file,line", ROW_STALL_LINE};

/* How long it did what, and what it did most. */
struct stall_times {
    uint64_t ns[CLASS_COUNT];
    enum state_class most;
};

/* ---- words ---- */

const char *stall_seconds_text(struct view *view, uint64_t ns)
{
    struct buffer text = {0};
    seconds_print(&text, (int64_t)ns, 3);
    const char *const copy = arena_print(&view->arena, "%s s", text.text);
    buffer_clear(&text);
    return copy;
}

const char *stall_place_text(struct view *view, const struct scene *scene, uint32_t node)
{
    struct frame frame = scene_frame(scene, node);
    struct buffer text = {0};
    frame.file = path_short(frame.file);
    frame_print(&text, &frame);
    const char *const copy = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
    return copy;
}

/* What programs mean by a call that blocks; NULL where its name says it. */
static const char *call_meaning(const char *call)
{
    static const struct {
        const char *call, *meaning;
    } meanings[] = {
        {"futex", "waiting for a lock, or for another thread"},
        {"nanosleep", "sleeping"},
        {"clock_nanosleep", "sleeping"},
        {"[hrtimer_nanosleep]", "sleeping"},
        {"[ep_poll]", "waiting for data"},
        {"select", "sleeping, or waiting for data"},
        {"pselect6", "sleeping, or waiting for data"},
        {"poll", "waiting for data"},
        {"ppoll", "waiting for data"},
        {"epoll_wait", "waiting for data"},
        {"epoll_pwait", "waiting for data"},
        {"read", "reading"},
        {"recvfrom", "reading from a socket"},
        {"recvmsg", "reading from a socket"},
        {"write", "writing"},
        {"sendto", "writing to a socket"},
        {"connect", "connecting"},
        {"wait4", "waiting for another process"},
        {"waitid", "waiting for another process"},
        {"fsync", "waiting for the disk"},
        {"fdatasync", "waiting for the disk"},
        {"flock", "waiting for a lock of a file"},
        {"fcntl", "waiting for a lock of a file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (strcmp(call, meanings[i].call) == 0)
            return meanings[i].meaning;
    }
    return NULL;
}

static const char *time_text(struct view *view, const struct stall *stall)
{
    const struct recording *const recording = stall->thread->process->recording;
    const char *const date =
        date_print(&view->arena, recording_unix_ns(recording, stall->begin_ns), DATE_MS);
    return date != NULL ? date : "";
}

/* ---- choosing ---- */

static const struct metric *metric_of(const struct stalls *stalls)
{
    return stalls->metric != NULL ? stalls->metric : &metrics[METRIC_WALL];
}

/* Less than this is not worth a row; nothing at all never is. */
static uint64_t least(const struct stalls *stalls, const struct stall *stall)
{
    const uint64_t all = metric_of(stalls)->of(&stall->counted);
    const double part = SHARE_MIN * (double)all;
    return part > 1 ? (uint64_t)ceil(part) : 1;
}

static int compare_entries(const void *left, const void *right, void *closure)
{
    const struct metric *const metric = closure;
    const struct stall_entry *const a = *(const struct stall_entry *const *)left;
    const struct stall_entry *const b = *(const struct stall_entry *const *)right;
    const uint64_t x = metric->of(&a->counted), y = metric->of(&b->counted);
    if (x != y)
        return x < y ? 1 : -1;
    return (a > b) - (a < b);
}

/* The entries of a kind that are worth a row, the largest first; the caller's to free. */
static const struct stall_entry **sorted(const struct stalls *stalls, const struct stall *stall,
                                         enum stall_kind kind, size_t *n)
{
    const struct stall_entry **const list = memory_get((stall->n + 1) * sizeof *list);
    const struct metric *const metric = metric_of(stalls);
    const uint64_t min = least(stalls, stall);
    *n = 0;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == kind && metric->of(&e->counted) >= min)
            list[(*n)++] = e;
    }
    if (*n > 1)
        qsort_r(list, *n, sizeof *list, compare_entries, (void *)(uintptr_t)metric);
    return list;
}

/* The innermost caller that has most of it; TREE_ROOT when nothing has. */
static uint32_t where_line(const struct stall *stall)
{
    uint32_t best = TREE_ROOT;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == STALL_TREE && e->number > best && /* callers have smaller numbers */
            (double)stall_entry_ns(e) >= WHERE_SHARE * (double)stall->wall_ns)
            best = e->number;
    }
    return best;
}

/* The same, of a function in all its lines: the line of it that has most. */
static uint32_t where_function(const struct stalls *stalls, const struct stall *stall)
{
    uint32_t best = TREE_ROOT, best_function = TREE_ROOT;
    for (size_t i = 0; i < stall->n; i++) {
        const uint32_t function = idle_function(stalls->idle, stall->entries[i].number);
        uint64_t sum_ns = 0, most_ns = 0;
        uint32_t most = TREE_ROOT;
        if (stall->entries[i].kind != STALL_TREE || function <= best_function)
            continue;
        for (size_t k = 0; k < stall->n; k++) {
            const struct stall_entry *const e = &stall->entries[k];
            if (e->kind != STALL_TREE || idle_function(stalls->idle, e->number) != function)
                continue;
            sum_ns += stall_entry_ns(e);
            most = stall_entry_ns(e) > most_ns ? e->number : most;
            most_ns = stall_entry_ns(e) > most_ns ? stall_entry_ns(e) : most_ns;
        }
        if ((double)sum_ns < WHERE_SHARE * (double)stall->wall_ns)
            continue;
        best = most;
        best_function = function;
    }
    return best;
}

/* Where it was; TREE_ROOT when it was in several places. */
static uint32_t where(const struct stalls *stalls, const struct stall *stall)
{
    const uint32_t line = where_line(stall), function = where_function(stalls, stall);
    /* the function may be further in than the line that calls it */
    return line == TREE_ROOT || (function > line && idle_function(stalls->idle, function) !=
                                                        idle_function(stalls->idle, line))
               ? function
               : line;
}

/*
 * What it did, by its clock: a thread seen ready had often just made room for the sampler, so of
 * the time on a CPU or ready, what its clock says was on a CPU.
 */
static struct stall_times times_of(const struct stall *stall)
{
    struct stall_times times;
    uint64_t *const ns = times.ns;
    const uint64_t running_ns = stall->class_ns[CLASS_ON_CPU] + stall->class_ns[CLASS_READY];
    for (int c = 0; c < CLASS_COUNT; c++)
        ns[c] = stall->class_ns[c];
    ns[CLASS_ON_CPU] = stall->cpu_ns < running_ns ? stall->cpu_ns : running_ns;
    ns[CLASS_READY] = running_ns - ns[CLASS_ON_CPU];
    times.most = CLASS_ON_CPU;
    for (int c = 1; c < CLASS_COUNT; c++)
        times.most = ns[c] > ns[times.most] ? (enum state_class)c : times.most;
    return times;
}

static const struct stall_entry *largest(const struct stall *stall, enum stall_kind kind)
{
    const struct stall_entry *best = NULL;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == kind && (best == NULL || stall_entry_ns(e) > stall_entry_ns(best)))
            best = e;
    }
    return best;
}

/* The call it was blocked in most, wherever; and how long. */
static uint32_t largest_call(const struct stall *stall, uint64_t *ns)
{
    uint32_t best = SCENE_NO_CALL;
    *ns = 0;
    for (size_t i = 0; i < stall->n; i++) {
        uint64_t sum_ns = 0;
        if (stall->entries[i].kind != STALL_CALL)
            continue;
        for (size_t k = 0; k < stall->n; k++) {
            const struct stall_entry *const e = &stall->entries[k];
            if (e->kind == STALL_CALL && e->call == stall->entries[i].call)
                sum_ns += stall_entry_ns(e);
        }
        if (sum_ns > *ns) {
            *ns = sum_ns;
            best = stall->entries[i].call;
        }
    }
    return best;
}

/* ---- the tables ---- */

static struct row line_row(struct view *view, const struct stalls *stalls,
                           const struct stall *stall, const struct stall_entry *e)
{
    struct stall_line *const line = arena_get(&view->arena, sizeof *line);
    const struct metric *const metric = metric_of(stalls);
    static const char *const doing[CLASS_COUNT] = {"running", "running", "waiting for the GIL",
                                                   "blocked", "ready or blocked"};
    const bool known = e->kind != STALL_GIL || e->thread != NULL; /* else nobody held it */
    const struct frame nowhere = {0};
    int most = 0;
    for (int c = 0; c < CLASS_COUNT; c++)
        most = e->counted.by[c].wall > e->counted.by[most].wall ? c : most;
    *line = (struct stall_line){
        .ns = weights_sum(&e->counted).wall,
        .weight = metric->of(&e->counted),
        .whole = metric == &metrics[METRIC_SAMPLES] ? stall->samples
                 : metric == &metrics[METRIC_TICKS] ? stall->ticks
                                                    : stall->wall_ns,
        .thread = e->thread,
        .call = e->call != SCENE_NO_CALL ? stalls->scene->calls[e->call] : NULL,
        .doing = doing[most],
    };
    if (line->call != NULL)
        line->doing = arena_print(&view->arena, "blocked in %s", line->call);
    return (struct row){.process = stall->thread->process,
                        .thread = e->thread,
                        .frame = known ? scene_frame(stalls->scene, e->number) : nowhere,
                        .self = &e->counted,
                        .stall_line = line};
}

/* A table is being filled: the rows that fit, and how many do not. */
struct filling {
    struct view *view;
    const struct stalls *stalls;
    const struct stall *stall;
    struct part *part;
    size_t max;
    enum stall_kind said; /* the verdict names the largest entry of this kind */
};

static void fill_row(struct filling *f, const struct stall_entry *e, uint32_t depth)
{
    if (f->max > 0 && f->part->n_rows == f->max) {
        f->part->n_left_out++;
        return;
    }
    struct row *const row = &f->part->rows[f->part->n_rows++];
    *row = line_row(f->view, f->stalls, f->stall, e);
    row->depth = depth;
}

/* Below `parent`, the child with most time first, each with what is below it. */
static void fill_tree(struct filling *f, const struct stall_entry **list, size_t n, uint32_t parent,
                      uint32_t depth)
{
    const struct tree *const tree = &f->stalls->scene->tree;
    for (size_t i = 0; i < n; i++) {
        if (tree->nodes[list[i]->number].parent != parent)
            continue;
        fill_row(f, list[i], depth);
        fill_tree(f, list, n, list[i]->number, depth + 1);
    }
}

static bool is_in(const struct stall_entry **list, size_t n, uint32_t node)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i]->number == node)
            return true;
    }
    return false;
}

/* With the column of --by before the others; the wall time is there anyway. */
static void begin_part(struct filling *f, struct story *story, const struct part_kind *kind,
                       size_t n)
{
    const struct metric *const metric = metric_of(f->stalls);
    struct part_kind own = *kind;
    if (metric != &metrics[METRIC_WALL])
        own.columns = arena_print(&f->view->arena, "%s,%s", metric->name, kind->columns);
    f->part = story_add_part(f->view, story, &own, n);
    f->part->n_rows = 0;
}

static void add_stack(struct filling *f, struct story *story)
{
    size_t n;
    const struct stall_entry **const list = sorted(f->stalls, f->stall, STALL_TREE, &n);
    const struct tree *const tree = &f->stalls->scene->tree;
    if (n > 0 || f->max == 0)
        begin_part(f, story, &stack_kind, n);
    for (size_t i = 0; i < n; i++) { /* those whose caller is the loop */
        const uint32_t parent = tree->nodes[list[i]->number].parent;
        if (is_in(list, n, parent))
            continue;
        fill_row(f, list[i], 0);
        fill_tree(f, list, n, list[i]->number, 1);
    }
    free(list);
}

/* A part with the largest entries of a kind; none when there are none. */
static void add_entries(struct filling *f, struct story *story, const struct part_kind *part_kind,
                        enum stall_kind kind)
{
    size_t n;
    const struct stall_entry **const list = sorted(f->stalls, f->stall, kind, &n);
    const bool said = f->max > 0 && n == 1 && kind == f->said; /* to people, by the verdict */
    if (n > 0 && !said)
        begin_part(f, story, part_kind, n);
    for (size_t i = 0; i < n && !said; i++)
        fill_row(f, list[i], 0);
    free(list);
}

/*
 * Threads that did something first, unless the order is by something that was asked for; of each
 * the lines with most time.
 */
static void add_others(struct filling *f, struct story *story)
{
    size_t n;
    const struct stall_entry **const list = sorted(f->stalls, f->stall, STALL_OTHER, &n);
    const int rounds = f->stalls->metric == NULL ? 2 : 1;
    if (n > 0)
        begin_part(f, story, &other_kind, n);
    for (int blocked = 0; blocked < rounds; blocked++) {
        for (size_t i = 0; i < n; i++) {
            size_t before = 0;
            const bool is_blocked = list[i]->wall_ns[CLASS_BLOCKED] * 2 > stall_entry_ns(list[i]);
            for (size_t k = 0; k < i; k++)
                before += list[k]->thread == list[i]->thread;
            if ((rounds == 1 || is_blocked == (blocked == 1)) &&
                (f->max == 0 || before < THREAD_ROWS))
                fill_row(f, list[i], 0);
        }
    }
    free(list);
}

/* ---- the story ---- */

/* One sentence: what it did most of the time, and where. */
static const char *verdict(struct view *view, const struct stalls *stalls,
                           const struct stall *stall, uint32_t node)
{
    const struct scene *const scene = stalls->scene;
    const struct stall_times times = times_of(stall);
    const enum state_class class = times.most;
    const char *const time = stall_seconds_text(view, times.ns[class]);
    const char *const place =
        node != TREE_ROOT ? stall_place_text(view, scene, node) : "several places";
    if (class == CLASS_BLOCKED) {
        uint64_t call_ns;
        const uint32_t call = largest_call(stall, &call_ns);
        const char *const name = call != SCENE_NO_CALL ? scene->calls[call] : "an unknown call";
        const char *const meaning = call_meaning(name);
        const char *const most =
            call_ns + TIME_MIN_NS < times.ns[class]
                ? arena_print(&view->arena, "%s of it ", stall_seconds_text(view, call_ns))
                : "";
        if (most[0] != '\0')
            return arena_print(&view->arena, "blocked for %s, %sin %s%s%s%s, in %s", time, most,
                               name, meaning != NULL ? " (" : "", meaning != NULL ? meaning : "",
                               meaning != NULL ? ")" : "", place);
        return arena_print(&view->arena, "blocked in %s%s%s%s for %s in %s", name,
                           meaning != NULL ? " (" : "", meaning != NULL ? meaning : "",
                           meaning != NULL ? ")" : "", time, place);
    }
    if (class == CLASS_WAITS_GIL) {
        const struct stall_entry *const held = largest(stall, STALL_GIL);
        if (held != NULL && held->thread != NULL)
            return arena_print(&view->arena, "waited %s for the GIL, held most by %s in %s", time,
                               held->thread->name, stall_place_text(view, scene, held->number));
        return arena_print(&view->arena, "waited %s for the GIL", time);
    }
    if (class == CLASS_READY)
        return arena_print(&view->arena, "ready to run for %s but no CPU was free, in %s", time,
                           place);
    if (class == CLASS_UNKNOWN)
        return arena_print(&view->arena,
                           "ready or blocked (it could not be looked which) for %s in %s", time,
                           place);
    return arena_print(&view->arena, "computed for %s in %s", time, place);
}

/* "computed 1.200 s, waited for the GIL 0.300 s" */
static const char *times_text(struct view *view, const struct stall *stall)
{
    static const char *const words[CLASS_COUNT] = {"computed", "waited for a CPU",
                                                   "waited for the GIL", "was blocked",
                                                   "did what is not known"};
    const struct stall_times times = times_of(stall);
    const char *text = "";
    for (int c = 0; c < CLASS_COUNT; c++) {
        if (times.ns[c] >= TIME_MIN_NS)
            text = arena_print(&view->arena, "%s%s%s %s", text, text[0] != '\0' ? ", " : "",
                               words[c], stall_seconds_text(view, times.ns[c]));
    }
    if (stall_length_ns(stall) - stall->wall_ns >= TIME_MIN_NS)
        text = arena_print(&view->arena, "%s; %s nobody saw (program stopped, or no CPU for pyrec)",
                           text, stall_seconds_text(view, stall_length_ns(stall) - stall->wall_ns));
    return text;
}

static struct row story_row(struct view *view, const struct stalls *stalls,
                            const struct stall *stall, uint32_t node)
{
    static const char *const causes[CLASS_COUNT] = {"cpu", "ready", "gil", "blocked", "unknown"};
    struct stall_facts *const facts = arena_get(&view->arena, sizeof *facts);
    struct weights *const weights = arena_get(&view->arena, sizeof *weights);
    struct weight *const all = &weights->by[CLASS_ON_CPU]; /* what is not known by state */
    uint64_t call_ns;
    const uint32_t call = largest_call(stall, &call_ns);
    for (int c = 0; c < CLASS_COUNT; c++)
        weights->by[c].wall = stall->class_ns[c];
    *all = (struct weight){stall->samples, stall->ticks, all->wall, stall->cpu_ns};
    *facts = (struct stall_facts){
        .start_ns = stall->begin_ns,
        .duration_ns = stall_length_ns(stall),
        .unobserved_ns = stall_length_ns(stall) - stall->wall_ns,
        .time = time_text(view, stall),
        .cause = causes[times_of(stall).most],
        .call = call != SCENE_NO_CALL ? stalls->scene->calls[call] : NULL,
        .end = stall->open ? "recording ended" : "came back",
    };
    struct row row = {.process = stall->thread->process,
                      .thread = stall->thread,
                      .self = weights,
                      .stall = facts};
    if (node != TREE_ROOT)
        row.frame = scene_frame(stalls->scene, node);
    return row;
}

void stall_tell(struct view *view, const struct stalls *stalls, const struct stall *stall,
                size_t number, size_t rows_max)
{
    const uint32_t node = where(stalls, stall);
    const enum state_class class = times_of(stall).most;
    struct filling f = {
        view,
        stalls,
        stall,
        NULL,
        rows_max,
        class == CLASS_BLOCKED ? STALL_CALL : class == CLASS_WAITS_GIL ? STALL_GIL : STALL_STACK};
    const struct row row = story_row(view, stalls, stall, node);
    struct story *const story =
        view_add_story(view, arena_print(&view->arena, "%zu. %s %s for %s%s", number,
                                         stall->thread->name, stall->open ? "hung" : "stalled",
                                         stall_seconds_text(view, stall_length_ns(stall)),
                                         stall->open ? ", until the recording ended" : ""));
    story->row = row;
    story_add_line(story, arena_print(&view->arena, "at    %s, %s after the start", row.stall->time,
                                      stall_seconds_text(view, stall->begin_ns)));
    story_add_line(story,
                   arena_print(&view->arena, "why   %s", verdict(view, stalls, stall, node)));
    story_add_line(story, arena_print(&view->arena, "did   %s", times_text(view, stall)));
    add_stack(&f, story);
    add_entries(&f, story, &gil_kind, STALL_GIL);
    add_entries(&f, story, &call_kind, STALL_CALL);
    add_others(&f, story);
}
