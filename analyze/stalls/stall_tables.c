/* SPDX-License-Identifier: MIT */
#include "stall_tables.h"

#include "analyze/base/memory.h"
#include "analyze/idle/idle_place.h"
#include "analyze/view/column.h"
#include "stall_text.h"
#include "wait_judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a stall's time; less is not worth a row. */
#define SHARE_MIN 0.03

#define THREAD_ROWS 2 /* rows for one other thread */

/* A thread that was in one place for so much of its time, and has lived for so many times the
 * stall's, does nothing special when it is there. */
#define ALWAYS_SHARE 0.9
#define ALWAYS_TIMES 3

static const struct part_kind stack_kind = {"stack", "where it was", "seconds,part,function,place",
                                            "depth,file,line,on_cpu,ready,gil_wait,blocked,unknown",
                                            ROW_STALL_LINE};
static const struct part_kind call_kind = {"calls", "what it was blocked in",
                                           "seconds,part,blocked_in,function,place", "file,line",
                                           ROW_STALL_LINE};
static const struct part_kind gil_kind = {"gil", "who held the GIL that it waited for",
                                          "seconds,part,other,function,place", "other_id,file,line",
                                          ROW_STALL_LINE};
static const struct part_kind world_kind = {"world", "who had stopped the world that it waited for",
                                            "seconds,part,other,function,place",
                                            "other_id,file,line", ROW_STALL_LINE};
static const struct part_kind held_kind = {
    "holders", "who likely held what it waited for, or ended the wait",
    "seconds,part,other,doing,function,place,evidence",
    "other_process,other_id,blocked_in,file,line", ROW_STALL_LINE};
static const struct part_kind other_kind = {"others", "what the other threads did meanwhile",
                                            "seconds,part,other,doing,function,place",
                                            "other_id,blocked_in,file,line", ROW_STALL_LINE};

static const struct part_kind beside_kind = {"others", "what threads did meanwhile",
                                             "seconds,part,other,doing,function,place",
                                             "other_id,blocked_in,file,line", ROW_STALL_LINE};

static const struct part_kind await_kind = {"awaits", "what the tasks of its loop waited for",
                                            "tasks,task_name,waits_for,place,chain",
                                            "coroutine,file,line,function,stack", ROW_AWAIT};

static const struct part_kind own_await_kind = {"awaits", "what its tasks waited for",
                                                "time_share,tasks,task_name,waits_for,place,chain",
                                                "coroutine,file,line,function,stack", ROW_AWAIT};

/* ---- choosing ---- */

static const struct metric *metric_of(const struct stalls *stalls)
{
    return stalls->metric != NULL ? stalls->metric : &metrics[METRIC_WALL];
}

/* Less than this is not worth a row; nothing at all never is. */
static uint64_t least(const struct stalls *stalls, const struct stall *stall)
{
    const struct metric *const metric = metric_of(stalls);
    const uint64_t away = metric == &metrics[METRIC_WALL] ? stall->elsewhere_ns : 0;
    const uint64_t all = metric->of(&stall->counted) + away;
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

/* ---- the tables ---- */

static enum stall_evidence evidence_of(const struct stall *stall, const struct thread *thread)
{
    for (size_t i = 0; i < stall->n_peers; i++) {
        if (stall->peers[i].thread == thread)
            return stall->peers[i].evidence;
    }
    return EVIDENCE_NONE;
}

/* What was asked for of it in that class; whether it was in the kernel is not told here. */
static uint64_t counted_ns(const struct stall_entry *e, int class)
{
    if (class == CLASS_ON_CPU)
        return weights_on_cpu(&e->counted).wall;
    return class <= CLASS_UNKNOWN ? e->counted.by[class].wall : 0;
}

static struct row line_row(struct view *view, const struct stalls *stalls,
                           const struct stall *stall, const struct stall_entry *e, bool idle,
                           size_t n_threads)
{
    struct stall_line *const line = arena_get(&view->arena, sizeof *line);
    const struct metric *const metric = metric_of(stalls);
    static const char *const doing[CLASS_COUNT] = {"running", "running", "waiting for the GIL",
                                                   "blocked", "ready or blocked"};
    /* else nobody held it, or it cannot be told who did */
    const bool of_holder = e->kind == STALL_GIL || e->kind == STALL_WORLD || e->kind == STALL_HELD;
    const bool known = !of_holder || e->thread != NULL;
    const struct frame nowhere = {0};
    int most = 0;
    for (int c = 0; c < CLASS_COUNT; c++) {
        const bool more = e->kind == STALL_HELD /* of that `counted` is the waiter's */
                              ? e->wall_ns[c] > e->wall_ns[most]
                              : counted_ns(e, c) > counted_ns(e, most);
        most = more ? c : most;
    }
    const bool beside = stall->phase != NULL && e->kind == STALL_OTHER;
    *line = (struct stall_line){
        .ns = weights_sum(&e->counted).wall,
        .weight = metric->of(&e->counted),
        .whole = beside
                     ? (metric == &metrics[METRIC_WALL] ? stall->wall_ns + stall->elsewhere_ns : 0)
                 : metric == &metrics[METRIC_SAMPLES] ? stall->samples
                 : metric == &metrics[METRIC_TICKS]   ? stall->ticks
                                                      : stall->wall_ns,
        .thread = e->thread,
        .call = e->call != SCENE_NO_CALL ? stalls->scene->calls[e->call] : NULL,
        .doing = known ? doing[most] : NULL,
    };
    if (e->kind == STALL_HELD)
        line->evidence = e->thread == NULL ? "cannot be told"
                                           : wait_evidence_text(evidence_of(stall, e->thread));
    if (n_threads > 1)
        line->others = arena_print(&view->arena, "%zu threads", n_threads);
    if (line->call != NULL)
        line->doing = arena_print(&view->arena, "%s %s", idle ? "idle" : "blocked",
                                  stall_call_text(view, line->call));
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
    unsigned said; /* of these kinds (1 << kind) the story's words name the largest entry */
};

static void fill_row(struct filling *f, const struct stall_entry *e, uint32_t depth)
{
    if (f->max > 0 && f->part->n_rows == f->max) {
        f->part->n_left_out++;
        return;
    }
    struct row *const row = &f->part->rows[f->part->n_rows++];
    *row = line_row(f->view, f->stalls, f->stall, e, false, 1);
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
    const bool said = f->max > 0 && n == 1 && (f->said >> kind & 1); /* to people */
    if (n > 0 && !said)
        begin_part(f, story, part_kind, n);
    for (size_t i = 0; i < n && !said; i++)
        fill_row(f, list[i], 0);
    free(list);
}

/* ---- the other threads ---- */

/* Why a thread comes before others in the table. */
enum concern {
    CONCERN_HOLDS_GIL, /* it held the GIL that the stalled one waited for */
    CONCERN_HOLDS, /* it likely held what the stalled one waited for, or had stopped the world */
    CONCERN_MAY,   /* it is one of those that may have */
    CONCERN_RUNS,
    CONCERN_BLOCKED,
    CONCERN_WAITS, /* for a lock itself */
    CONCERN_IDLE,  /* in its own idle place, or where it always is */
};

struct other {
    const struct stall_entry *entry;
    enum concern concern;
    uint64_t weight; /* for the order among those of one concern */
};

/* Was the thread where it always waits for work? */
static bool is_idle(const struct filling *f, const struct stall_entry *e)
{
    struct idle *const idle = f->stalls->idle;
    const struct idle_thread *const t = idle_thread_of(idle, e->thread);
    if (t == NULL || e->wall_ns[CLASS_BLOCKED] < stall_entry_ns(e))
        return false;
    if (idle_relation(idle, t, e->number, CLASS_BLOCKED, e->call) == IDLE_BACK)
        return true;
    for (size_t i = 0; i < t->n_all; i++) {
        const struct idle_place *const p = &t->places[i];
        if (p->node == e->number && p->call == e->call)
            return (double)p->blocked_ns >= ALWAYS_SHARE * (double)t->wall_ns &&
                   t->wall_ns > ALWAYS_TIMES * f->stall->wall_ns;
    }
    return false;
}

/* How long it held the GIL, or likely what else was waited for. */
static uint64_t held_ns(const struct stall *stall, const struct thread *thread,
                        enum stall_kind kind)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == kind && e->thread == thread)
            sum_ns += stall_entry_ns(e);
    }
    return sum_ns;
}

static bool may_hold(const struct filling *f, const struct thread *thread)
{
    const uint64_t *const unheld_ns = f->stall->unheld_ns;
    return unheld_ns[UNHELD_SEVERAL] > 0 &&
           (f->stall->maybe[0] == thread || f->stall->maybe[1] == thread);
}

static struct other judge(const struct filling *f, const struct stall_entry *e)
{
    struct other o = {e, CONCERN_RUNS, metric_of(f->stalls)->of(&e->counted)};
    const uint64_t gil = held_ns(f->stall, e->thread, STALL_GIL);
    const uint64_t lock =
        held_ns(f->stall, e->thread, STALL_HELD) + held_ns(f->stall, e->thread, STALL_WORLD);
    if ((double)gil >= SHARE_MIN * (double)f->stall->wall_ns) {
        o.concern = CONCERN_HOLDS_GIL;
        o.weight = gil;
    } else if ((double)lock >= SHARE_MIN * (double)f->stall->wall_ns) {
        o.concern = CONCERN_HOLDS;
        o.weight = lock;
    } else if (is_idle(f, e)) {
        o.concern = CONCERN_IDLE;
    } else if (may_hold(f, e->thread)) {
        o.concern = CONCERN_MAY;
    } else if (e->wall_ns[CLASS_BLOCKED] * 2 > stall_entry_ns(e)) {
        o.concern = wait_kind_of(f->stalls->scene, e->number, e->call) != WAIT_NONE
                        ? CONCERN_WAITS
                        : CONCERN_BLOCKED;
    }
    return o;
}

static int compare_others(const void *left, const void *right)
{
    const struct other *const a = left, *const b = right;
    if (a->concern != b->concern)
        return a->concern < b->concern ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return (a->entry > b->entry) - (a->entry < b->entry);
}

static uint32_t leaf_function(const struct filling *f, const struct other *o)
{
    const struct scene *const scene = f->stalls->scene;
    const uint32_t node = o->entry->number;
    return node == TREE_ROOT ? UINT32_MAX
                             : scene->symbols.places[scene->tree.nodes[node].place].function;
}

static void fill_other(struct filling *f, const struct other *o, size_t n_threads)
{
    if (f->max > 0 && f->part->n_rows == f->max) {
        f->part->n_left_out++;
        return;
    }
    struct row *const row = &f->part->rows[f->part->n_rows++];
    *row = line_row(f->view, f->stalls, f->stall, o->entry, o->concern == CONCERN_IDLE, n_threads);
}

/* For people those that are idle in the same function are one row. */
static void fill_idle(struct filling *f, const struct other *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = 0, same = 0;
        for (size_t k = 0; k < n && f->max > 0; k++) {
            const bool is = leaf_function(f, &list[k]) == leaf_function(f, &list[i]);
            before += is && k < i;
            same += is;
        }
        if (before == 0)
            fill_other(f, &list[i], same);
    }
}

/*
 * Who has to do with it first, then those that did something, unless the order is by something that
 * was asked for; of each thread the lines with most time.
 */
static void add_others(struct filling *f, struct story *story)
{
    size_t n, n_busy = 0;
    const struct stall_entry **const list = sorted(f->stalls, f->stall, STALL_OTHER, &n);
    struct other *const others = memory_get((n + 1) * sizeof *others);
    if (n > 0)
        begin_part(f, story, f->stall->phase != NULL ? &beside_kind : &other_kind, n);
    for (size_t i = 0; i < n; i++)
        others[i] = judge(f, list[i]);
    if (n > 1 && f->stalls->metric == NULL)
        qsort(others, n, sizeof *others, compare_others);
    while (n_busy < n && (others[n_busy].concern != CONCERN_IDLE || f->stalls->metric != NULL))
        n_busy++;
    for (size_t i = 0; i < n_busy; i++) {
        size_t before = 0;
        for (size_t k = 0; k < i; k++)
            before += others[k].entry->thread == others[i].entry->thread;
        if (f->max == 0 || before < THREAD_ROWS)
            fill_other(f, &others[i], 1);
    }
    fill_idle(f, others + n_busy, n - n_busy);
    free(others);
    free(list);
}

static void add_awaits(const struct filling *f, struct story *story)
{
    const struct stall_tasks *const tasks = f->stall->tasks;
    if (tasks == NULL || tasks->n == 0)
        return;
    const size_t n = f->max > 0 && f->max < tasks->n ? f->max : tasks->n;
    struct part *const part =
        story_add_part(f->view, story, tasks->own ? &own_await_kind : &await_kind, n);
    for (size_t i = 0; i < n; i++)
        part->rows[i] = (struct row){.process = f->stall->thread->process,
                                     .thread = f->stall->thread,
                                     .frame = tasks->rows[i].leaf,
                                     .stack = tasks->rows[i].stack,
                                     .await = &tasks->rows[i]};
    part->n_left_out = tasks->n - n;
}

void stall_add_tables(struct view *view, const struct stalls *stalls, const struct stall *stall,
                      struct story *story, size_t rows_max, unsigned said)
{
    struct filling f = {
        .view = view, .stalls = stalls, .stall = stall, .max = rows_max, .said = said};
    add_stack(&f, story);
    add_entries(&f, story, &gil_kind, STALL_GIL);
    add_entries(&f, story, &world_kind, STALL_WORLD);
    add_entries(&f, story, &held_kind, STALL_HELD);
    add_entries(&f, story, &call_kind, STALL_CALL);
    add_others(&f, story);
    add_awaits(&f, story);
}
