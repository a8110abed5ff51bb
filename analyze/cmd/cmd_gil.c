/* SPDX-License-Identifier: MIT */
/* gil: who waited for whom, and where the GIL was held meanwhile. */
#include "../command.h"
#include "../gil.h"
#include "../memory.h"
#include "../request.h"
#include "../story.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a part, unless --limit says otherwise. */
#define ROWS_SHOWN 10

static const struct part_kind pairs_kind = {"pairs", "who waited for whom",
                                            "waited,waited_share,longest,waiter,holder",
                                            "holder_id,seen", ROW_GIL};
static const struct part_kind lines_kind = {"lines", "where it was held meanwhile",
                                            "held,waited,longest,holder,place,function",
                                            "holder_id,file,line,seen", ROW_GIL};

/* What is told of a process. */
struct telling {
    struct view *view;
    const struct scene *scene;
    const struct gil *gil;
    size_t limit; /* 0 = all */
};

static const struct process *process_of(const struct gil_entry *e)
{
    if (e->waiter != NULL)
        return e->waiter->process;
    return e->holder != NULL ? e->holder->process : NULL;
}

static int compare_entries(const void *left, const void *right)
{
    const struct gil_entry *const a = *(const struct gil_entry *const *)left;
    const struct gil_entry *const b = *(const struct gil_entry *const *)right;
    const uint64_t x = a->kind == GIL_LINES ? a->held_ns : a->waited_ns;
    const uint64_t y = b->kind == GIL_LINES ? b->held_ns : b->waited_ns;
    if (x != y)
        return x < y ? 1 : -1;
    return (a > b) - (a < b); /* in the order in which they were seen */
}

/* The entries of a kind and process, largest first; the caller's to free. */
static const struct gil_entry **sorted(const struct gil *gil, enum gil_kind kind,
                                       const struct process *process, size_t *n)
{
    const struct gil_entry **const list = memory_get((gil->n + 1) * sizeof *list);
    *n = 0;
    for (size_t i = 0; i < gil->n; i++) {
        if (gil->entries[i].kind == kind && process_of(&gil->entries[i]) == process)
            list[(*n)++] = &gil->entries[i];
    }
    if (*n > 1)
        qsort(list, *n, sizeof *list, compare_entries);
    return list;
}

static struct row entry_row(const struct telling *t, const struct gil_entry *e)
{
    struct row row = {.process = process_of(e), .thread = e->waiter, .wait = e};
    if (e->place != GIL_NO_PLACE)
        row.frame = symbols_frame(&t->scene->symbols, e->place);
    return row;
}

static void add_part(const struct telling *t, struct story *story, const struct part_kind *kind,
                     enum gil_kind gil_kind, const struct process *process)
{
    size_t n;
    const struct gil_entry **const list = sorted(t->gil, gil_kind, process, &n);
    const size_t shown = t->limit > 0 && n > t->limit ? t->limit : n;
    struct part *const part = story_add_part(t->view, story, kind, shown);
    part->n_left_out = n - shown;
    for (size_t i = 0; i < shown; i++)
        part->rows[i] = entry_row(t, list[i]);
    free(list);
}

static void add_rows(const struct telling *t, const struct process *process)
{
    size_t n;
    const struct gil_entry **const list = sorted(t->gil, GIL_WAITS, process, &n);
    struct group *const group = view_add_group(t->view, NULL, n);
    for (size_t i = 0; i < n; i++)
        group->rows[i] = entry_row(t, list[i]);
    free(list);
}

static void tell_process(const struct telling *t, const struct process *process)
{
    uint64_t waited_ns = 0;
    for (size_t i = 0; i < t->gil->n; i++) {
        if (t->gil->entries[i].kind == GIL_PAIRS && process_of(&t->gil->entries[i]) == process)
            waited_ns += t->gil->entries[i].waited_ns;
    }
    if (waited_ns == 0)
        return;
    const char *const title = process_title(process);
    struct buffer seconds = {0};
    seconds_print(&seconds, (int64_t)waited_ns, 3);
    struct story *const story =
        view_add_story(t->view, arena_print(&t->view->arena,
                                            "Process %" PRIu32 "%s%s%s: its threads waited %s s "
                                            "for the GIL",
                                            process->pid, title[0] != '\0' ? " (" : "", title,
                                            title[0] != '\0' ? ")" : "", seconds.text));
    buffer_clear(&seconds);
    story->row.process = process;
    add_part(t, story, &pairs_kind, GIL_PAIRS, process);
    add_part(t, story, &lines_kind, GIL_LINES, process);
    add_rows(t, process);
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

static enum status build_gil(struct request *request, struct view *view, struct problem *why)
{
    const struct census *const census = &request->trace->census;
    struct scene *const scene = memory_get(sizeof *scene);
    struct gil *const gil = memory_get(sizeof *gil);
    struct telling *const t = memory_get(sizeof *t);
    (void)why;
    *t = (struct telling){view, scene, gil,
                          args_count(request->args, "limit", request->machine ? 0 : ROWS_SHOWN)};
    view->shape = SHAPE_STORY;
    view->closure = t;
    view->release = release_gil;
    view_set_story_columns(view, "process", ROW_GIL);
    gil->select = &request->select;
    scene_run(scene, request->trace, &request->select, gil_take, gil);
    gil_finish(gil);
    for (size_t i = 0; i < census->n_processes; i++)
        tell_process(t, census->processes[i]);
    if (view->n_stories == 0)
        view_add_note(view, "No thread of what was asked for was seen waiting for the GIL.");
    else if (!gil->holders_known)
        view_add_note(view, "The recording does not say who held the GIL.");
    return STATUS_OK;
}

const struct command command_gil = {
    .name = "gil",
    .synopsis = "[options] FILE...",
    .summary = "who waited for the GIL, who held it meanwhile, and where",
    .text = "Per process, two tables. The first says which thread waited for the GIL for how "
            "long, how much of its time that was, and which thread held the GIL then. The second "
            "says in which lines the GIL was held while at least one thread waited for it (held), "
            "what that cost all threads that waited together (waited), and how long they did so "
            "without a break (longest). Where no holder is given, the GIL was just being "
            "handed over.\n"
            "\n"
            "Every tick of a waiting thread counts for the thread that held the GIL at that tick. "
            "With --thread only these threads' waiting counts. csv has one row per waiting "
            "thread, holding thread and line; json an object per process with both tables.",
    .example = "pyanalyze gil run.trace",
    .takes = TAKES_LIMIT | TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_COLOR |
             TAKES_PATHS,
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
