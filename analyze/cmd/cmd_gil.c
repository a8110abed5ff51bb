/* SPDX-License-Identifier: MIT */
/* gil: who waited for whom, and where the GIL was held meanwhile. */
#include "analyze/ask/remainder.h"
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/time/gil.h"
#include "gil_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a part, unless --limit says otherwise. */
#define ROWS_SHOWN 10

/* Threads of a matrix that is too wide otherwise. */
#define MATRIX_SMALL 4

#define PAIRS_COLUMNS "waited,waited_share,longest,waiter,holder"
#define LINES_COLUMNS "held,waited,longest,holder,place,function"
#define PAIRS_TITLE   "who waited for whom"
#define LINES_TITLE   "where it was held meanwhile"

/* What --by can order by, and the column that it shows beside the usual ones. */
static const struct weighing {
    enum metric_id metric;
    struct part_kind pairs, lines;
} weighings[] = {
    {METRIC_WALL,
     {"pairs", PAIRS_TITLE, PAIRS_COLUMNS, "waiter_id,holder_id,seen", ROW_GIL},
     {"lines", LINES_TITLE, LINES_COLUMNS, "holder_id,file,line,seen", ROW_GIL}},
    {METRIC_GIL_WAIT,
     {"pairs", PAIRS_TITLE, PAIRS_COLUMNS, "waiter_id,holder_id,seen", ROW_GIL},
     {"lines", LINES_TITLE, LINES_COLUMNS, "holder_id,file,line,seen", ROW_GIL}},
    {METRIC_SAMPLES,
     {"pairs", PAIRS_TITLE, "seen," PAIRS_COLUMNS, "holder_id", ROW_GIL},
     {"lines", LINES_TITLE, "seen," LINES_COLUMNS, "holder_id,file,line", ROW_GIL}},
    {METRIC_TICKS,
     {"pairs", PAIRS_TITLE, "seen_ticks," PAIRS_COLUMNS, "holder_id,seen", ROW_GIL},
     {"lines", LINES_TITLE, "seen_ticks," LINES_COLUMNS, "holder_id,file,line,seen", ROW_GIL}},
};

static const char *weighing_name(size_t i)
{
    return i < ARRAY_LEN(weighings) ? metrics[weighings[i].metric].by : NULL;
}

/* Those in which a thread can be that holds the GIL, and not always is. */
static const char *holder_state_name(size_t i)
{
    for (size_t k = 0; state_name(k) != NULL; k++) {
        if (strcmp(state_name(k), "gil") == 0 || strcmp(state_name(k), "holds_gil") == 0)
            continue;
        if (i-- == 0)
            return state_name(k);
    }
    return NULL;
}

static const struct weighing *weighing_of(const struct request *request)
{
    for (size_t i = 0; i < ARRAY_LEN(weighings); i++) {
        if (request->metric == &metrics[weighings[i].metric])
            return &weighings[i];
    }
    return &weighings[0]; /* nothing was asked for */
}

/* What is told of a process. */
struct telling {
    struct view *view;
    const struct scene *scene;
    const struct gil *gil;
    const struct weighing *by;
    size_t limit; /* 0 = all */
    bool machine;
};

/* The entries of a process that are of a kind, largest first. */
struct entries {
    const struct gil_entry *const *list;
    size_t n;
};

static const struct process *process_of(const struct gil_entry *e)
{
    if (e->waiter != NULL)
        return e->waiter->process;
    return e->holder != NULL ? e->holder->process : NULL;
}

/* By wall time, a line weighs the time in which anybody waited, not the sum of all who did. */
static uint64_t weight_of(const struct gil_entry *e, enum metric_id metric)
{
    if (metric == METRIC_WALL && e->kind == GIL_LINES)
        return e->held_ns;
    return gil_amount_by(&e->amount, &metrics[metric]);
}

static int compare_entries(const void *left, const void *right, void *closure)
{
    const struct telling *const t = closure;
    const struct gil_entry *const a = *(const struct gil_entry *const *)left;
    const struct gil_entry *const b = *(const struct gil_entry *const *)right;
    const int order = process_compare(process_of(a), process_of(b));
    if (order != 0)
        return order;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    const uint64_t x = weight_of(a, t->by->metric), y = weight_of(b, t->by->metric);
    if (x != y)
        return x < y ? 1 : -1;
    return (a > b) - (a < b); /* in the order in which they were seen */
}

/* All entries of a process that is known, by process, kind and weight; the caller's to free. */
static const struct gil_entry **sort_entries(struct telling *t, size_t *n)
{
    const struct gil *const gil = t->gil;
    const struct gil_entry **const list = memory_get((gil->n + 1) * sizeof *list);
    *n = 0;
    for (size_t i = 0; i < gil->n; i++) {
        if (process_of(&gil->entries[i]) != NULL)
            list[(*n)++] = &gil->entries[i];
    }
    if (*n > 1)
        qsort_r(list, *n, sizeof *list, compare_entries, t);
    return list;
}

/* Those of the first one's process that are of a kind; they are taken off the list. */
static struct entries take_kind(struct entries *list, const struct process *process,
                                enum gil_kind kind)
{
    struct entries taken = {list->list, 0};
    while (taken.n < list->n && process_of(taken.list[taken.n]) == process &&
           taken.list[taken.n]->kind == kind)
        taken.n++;
    list->list += taken.n;
    list->n -= taken.n;
    return taken;
}

static struct row entry_row(const struct telling *t, const struct gil_entry *e)
{
    struct row row = {.process = process_of(e), .thread = e->waiter, .wait = e};
    if (e->place != GIL_NO_PLACE)
        row.frame = symbols_frame(&t->scene->symbols, e->place);
    return row;
}

static struct part *add_part(const struct telling *t, struct story *story,
                             const struct part_kind *kind, struct entries entries)
{
    const size_t shown = t->limit > 0 && entries.n > t->limit ? t->limit : entries.n;
    struct part *const part = story_add_part(t->view, story, kind, shown);
    part->n_left_out = entries.n - shown;
    for (size_t i = 0; i < shown; i++)
        part->rows[i] = entry_row(t, entries.list[i]);
    return part;
}

/*
 * For people: the matrix, from wide to narrow; where even that does not fit, the list of pairs.
 * That is shown, too, when all is asked for and a matrix is not all. False: there is no matrix.
 */
static bool add_matrix(const struct telling *t, struct story *story, struct entries pairs)
{
    const struct metric *const metric = &metrics[t->by->metric];
    size_t max = GIL_MATRIX_MAX;
    struct gil_matrix matrix;
    if (t->limit > 0 && t->limit < max)
        max = t->limit;
    gil_matrix_build(&matrix, &t->view->arena, pairs.list, pairs.n, metric, max);
    if (t->limit == 0 && matrix.n_others > 0)
        return false;
    (void)gil_table_add(t->view, story, &matrix, metric, true);
    gil_table_add(t->view, story, &matrix, metric, false)->instead = true;
    if (matrix.n_shown > MATRIX_SMALL) {
        gil_matrix_build(&matrix, &t->view->arena, pairs.list, pairs.n, metric, MATRIX_SMALL);
        gil_table_add(t->view, story, &matrix, metric, false)->instead = true;
    }
    return true;
}

static void add_rows(const struct telling *t, struct entries waits)
{
    struct group *const group = view_add_group(t->view, NULL, waits.n);
    for (size_t i = 0; i < waits.n; i++)
        group->rows[i] = entry_row(t, waits.list[i]);
}

/* What the first process of the list waited; its entries are taken off. */
static void tell_process(const struct telling *t, struct entries *rest)
{
    const struct process *const process = process_of(rest->list[0]);
    const struct entries waits = take_kind(rest, process, GIL_WAITS);
    const struct entries pairs = take_kind(rest, process, GIL_PAIRS);
    const struct entries lines = take_kind(rest, process, GIL_LINES);
    uint64_t waited_ns = 0;
    for (size_t i = 0; i < pairs.n; i++)
        waited_ns += pairs.list[i]->amount.waited_ns;
    if (waited_ns == 0)
        return;
    struct buffer seconds = {0};
    seconds_print(&seconds, (int64_t)waited_ns, 3);
    struct story *const story = view_add_story(
        t->view,
        arena_print(&t->view->arena,
                    "Process %s: its threads waited %s s "
                    "for the GIL%s%s",
                    view_name_process(t->view, process), seconds.text,
                    select_by_state(&t->gil->waiters) ? " in what was asked for" : "",
                    select_by_state(&t->gil->holders) ? " while its holder was in such a state"
                                                      : ""));
    buffer_clear(&seconds);
    story->row.process = process;
    const bool instead = !t->machine && add_matrix(t, story, pairs);
    add_part(t, story, &t->by->pairs, pairs)->instead = instead;
    (void)add_part(t, story, &t->by->lines, lines);
    add_rows(t, waits);
}

static void tell_all(struct telling *t)
{
    struct entries rest = {0};
    const struct gil_entry **const list = sort_entries(t, &rest.n);
    rest.list = list;
    while (rest.n > 0)
        tell_process(t, &rest);
    free(list);
}

static void release_gil(void *closure)
{
    struct telling *const t = closure;
    struct gil *const gil = (struct gil *)(uintptr_t)t->gil;
    struct scene *const scene = (struct scene *)(uintptr_t)t->scene;
    gil_clear(gil);
    scene_clear(scene);
    free(gil);
    free(scene);
    free(t);
}

static enum status check_states(const struct request *request, struct problem *why)
{
    const struct select *const select = &request->select;
    if (!(select->classes >> CLASS_WAITS_GIL & 1))
        return STATUS_OK;
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--state gil makes no sense for \"gil\", where it means the thread that "
                       "holds the GIL");
}

struct taking {
    struct gil *gil;
    struct scene_stacks *stacks;
};

static void take_range(void *closure, struct scene *scene)
{
    const struct taking *const taking = closure;
    gil_take(taking->gil, scene);
    scene_count_stacks(scene, taking->stacks);
}

/* Why nobody waits for it, of processes that have none unless they are told to. */
static const char *without_gil(const struct census *census)
{
    const size_t without = census_without_gil(census);
    if (without == 0)
        return "";
    return without < census->n_processes ? " Some of the processes run a Python built without it."
                                         : " This Python was built without it.";
}

static enum status build_gil(struct request *request, struct view *view, struct problem *why)
{
    TRY(check_states(request, why));
    struct scene *const scene = memory_get(sizeof *scene);
    struct gil *const gil = memory_get(sizeof *gil);
    struct telling *const t = memory_get(sizeof *t);
    struct scene_stacks stacks = {0};
    *t = (struct telling){view,
                          scene,
                          gil,
                          weighing_of(request),
                          args_count(request->args, "limit", request->machine ? 0 : ROWS_SHOWN),
                          request->machine};
    view->shape = SHAPE_STORY;
    view->closure = t;
    view->release = release_gil;
    view_set_story_columns(view, "process", ROW_GIL);
    gil_select(gil, &request->select);
    trace_plan(request->trace, request->select.n_threads > 0 ? 2 : 1); /* names come first */
    scene_run(scene, request->trace, &request->select, take_range, &(struct taking){gil, &stacks});
    gil_finish(gil);
    tell_all(t);
    if (view->n_stories == 0 && select_by_state(&gil->holders))
        view_add_note(view, "Nobody was seen waiting for a thread in such a state.");
    else if (view->n_stories == 0)
        view_add_note(view, arena_print(&view->arena,
                                        "No thread of what was asked for was seen waiting for the "
                                        "GIL.%s",
                                        without_gil(&request->trace->census)));
    else if (!gil->holders_known)
        view_add_note(view, "The recording does not say who held the GIL.");
    remainder_add_of_scene(request, &stacks, view);
    return STATUS_OK;
}

static const struct option options[] = {
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what decides the order, and what the matrix shows; default wall", weighing_name, 0},
    {"state", 0, "LIST", OPTION_TEXT,
     "only while the thread that held the GIL was in one of these states, with commas between "
     "them, or blocked in the system call of that name",
     holder_state_name, 0},
    {"phase", 0, "NAME[=DETAIL]", OPTION_TEXT,
     "only what is waited in a phase of that name (pyrec.phase()), or pattern; may be given "
     "several "
     "times",
     NULL, 0},
    {"label", 0, "KEY[=VALUE]", OPTION_TEXT,
     "only what is waited with that label (pyrec.set_label()), or pattern; may be given several "
     "times: of several keys all, of several values of one key one of them",
     NULL, 0},
    {"task", 0, "NAME", OPTION_TEXT,
     "only what the task of that name waits, of asyncio or another event loop: a pattern for "
     "names, "
     "may come several times",
     NULL, 0},
    OPTION_END,
};

const struct command command_gil = {
    .name = "gil",
    .synopsis = "[options] [FILE...]",
    .summary = "who waited for the GIL, who held it meanwhile, and where",
    .text = "Per process, two tables. The first has a line for each thread that waited for the "
            "GIL and a column for each thread that held it meanwhile, in the same order: for how "
            "many seconds, and how much of the waiting thread's time that was. It shows the "
            "threads that waited or held most; others is the rest, and nobody is the time in "
            "which the GIL was just being handed over. If the terminal is too narrow for it, or "
            "too narrow for all threads with --limit 0, it is a list of pairs instead. The "
            "second table says in which lines the GIL was held while at least one thread waited "
            "for it (held), what that cost all threads that waited together (waited), and how "
            "long they did so without a break (longest).\n"
            "\n"
            "Every tick of a waiting thread counts for the thread that held the GIL at that "
            "tick. With --thread only the waiting of these threads counts. With --state only "
            "waiting counts during which the thread with the GIL was in one of these states: gc "
            "shows what the garbage collector costs the others, blocked shows calls that keep "
            "the GIL. With --phase, --label and --task only waiting within these counts, and "
            "shares are shares of the time in them. --by wall orders lines by the time in which "
            "anybody waited, gil_wait by that of all who waited, samples and ticks by how often "
            "it was seen. csv has one row per waiting thread, holding thread and line; json an "
            "object per process with the pairs and the lines.",
    .example = "pyanalyze gil --by gil_wait run.trace",
    .takes = TAKES_LIMIT | TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_COLOR |
             TAKES_PATHS,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_STORY,
    .output = "text",
    .rows = ROW_GIL,
    .columns = "process",
    .machine_columns = "process,waiter,thread_id,holder,holder_id,waited,waited_share,longest,"
                       "seen,file,line,function",
    .build = build_gil,
};
