/* SPDX-License-Identifier: MIT */
/* awaits: what the suspended tasks of asyncio loops wait for. */
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/waits/awaits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *by_name(size_t i)
{
    static const char *const names[] = {"chain", "coroutine", "place", "wait"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static void release(void *closure)
{
    awaits_clear(closure);
    free(closure);
}

/* What the tasks were seen of, and what was not: above the table of the loop. */
static const char *loop_text(struct view *view, const struct awaits_loop *loop)
{
    const double seen_s = (double)loop->seen_ns / 1e9;
    struct buffer text = {0};
    buffer_print(&text, "%s of process %s: %" PRIu64 " look%s; known for %.3g s, mean %.4g tasks",
                 loop->thread->name, view_name_process(view, loop->process), loop->n_looks,
                 loop->n_looks == 1 ? "" : "s", seen_s,
                 loop->seen_ns > 0 ? loop->tasks_ns / (double)loop->seen_ns : 0);
    if (loop->unread_ns > 0)
        buffer_print(&text, ", of which %.4g stand for %.4g that were not read",
                     (loop->tasks_ns - loop->unread_ns) / (double)loop->seen_ns,
                     loop->unread_ns / (double)loop->seen_ns);
    if (loop->unknown_ns > 0)
        buffer_print(&text, ", %.2g that could not be read",
                     loop->unknown_ns / (double)loop->seen_ns);
    if (loop->ran_ns > 0)
        buffer_print(&text,
                     "; not known for %.3g s, in which the thread was never blocked for as long as "
                     "a look takes",
                     (double)loop->ran_ns / 1e9);
    if (loop->unreadable_ns > 0)
        buffer_print(&text, "; not known for %.3g s, in which the tasks could not be found",
                     (double)loop->unreadable_ns / 1e9);
    const char *const copy = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
    return copy;
}

static void loop_show(struct view *view, const struct awaits *awaits,
                      const struct awaits_loop *loop)
{
    struct group *const group = view_add_group(view, loop_text(view, loop), awaits->n);
    size_t n = 0;
    double most = 0;
    for (size_t i = 0; i < awaits->n; i++) {
        const struct await_row *const row = &awaits->rows[i];
        if (row->at != loop)
            continue;
        most = row->most > most ? row->most : most;
        group->rows[n++] = (struct row){.process = loop->process,
                                        .thread = loop->thread,
                                        .frame = row->leaf,
                                        .stack = row->stack,
                                        .await = row};
    }
    group->n_rows = n;
    struct await_row *const all = arena_get(&view->arena, sizeof *all);
    *all = (struct await_row){
        .at = loop, .tasks_ns = loop->tasks_ns, .some_ns = loop->seen_ns, .most = most};
    group->total = (struct row){.process = loop->process, .thread = loop->thread, .await = all};
}

static const char *why_none(const struct census *census)
{
    if (census_has_no_gil(census))
        return "This Python was built without a GIL: there nobody looks at suspended tasks.";
    return "Nobody has looked at suspended tasks here: no asyncio loop was seen, or the recorder "
           "is older than that, could not (Python without a GIL) or was not to (pyrec "
           "--no-awaits).";
}

static enum status build_awaits(struct request *request, struct view *view, struct problem *why)
{
    struct awaits *const awaits = memory_get(sizeof *awaits);
    (void)why;
    *awaits = (struct awaits){0};
    view->closure = awaits;
    view->release = release;
    awaits_read(awaits, request->trace, &request->select,
                (enum awaits_by)args_choice(request->args, "by", by_name));
    view->shape = SHAPE_TABLE;
    for (size_t i = 0; i < awaits->n_loops; i++)
        loop_show(view, awaits, &awaits->loops[i]);
    if (awaits->n_loops == 0)
        view_add_note(view, why_none(&request->trace->census));
    return STATUS_OK;
}

static const struct option options[] = {
    {"by", 'b', "WHAT", OPTION_CHOICE,
     "what is one row: tasks with one chain of coroutines (default), with one outermost coroutine, "
     "in one line, or waiting for one thing",
     by_name, 0},
    OPTION_END,
};

const struct command command_awaits = {
    .name = "awaits",
    .synopsis = "[options] FILE...",
    .summary = "what suspended asyncio tasks wait for: chains of coroutines, how many tasks",
    .text =
        "At most 20 times per second, when the thread of an asyncio loop is blocked, the recorder "
        "reads what its suspended tasks wait for: the task's coroutine, the coroutine that this "
        "one "
        "awaits, and so on to the line where the wait is, and what is awaited there. A row is all "
        "tasks of one thread's loop for which that is the same. tasks is how many there were at a "
        "time, as a mean over the time in which it is known; most is the most that were seen at a "
        "time, and the share of that time in which there was any stands beside it. What is known "
        "at "
        "a look holds until the thread runs again.\n"
        "\n"
        "waits_for is \"future\" where it is a plain future, which anybody may finish (a socket, a "
        "timer, a lock, a queue; the chain says whose it is), \"task NAME\" for another task, "
        "called "
        "as in the command tasks, the name of the type for anything else (_GatheringFuture: "
        "asyncio.gather). A task that is \"ready to go on\" waits for nothing but its loop, and "
        "one "
        "that is \"not begun\" likewise. name is what the program calls the task; numbers in it "
        "are "
        "shown as #, and asyncio's own names (Task-17) not at all.\n"
        "\n"
        "A task is told only if nothing can have changed it while it was read; others are counted. "
        "Of more than 1,024 tasks every n-th is read and stands for the others. Looks that "
        "take long are taken more rarely, so that they need 0.5 % of the time at most. Times in "
        "which the thread was never blocked for as long as a look takes are not known: the line "
        "above "
        "the table says how long they were. Tasks written in Python, as those of trio are, are not "
        "read, nor are those of a Python that was built without a GIL.",
    .example = "pyanalyze awaits --by coroutine run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_FORMAT | TAKES_COLOR | TAKES_PATHS | TAKES_RANGE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_AWAIT,
    .columns = "tasks,tasks_most,time_share,task_name,waits_for,place,chain",
    .machine_columns = "process,thread,thread_id,tasks,tasks_most,time_share,known_time,not_known_"
                       "time,tasks_unread_share,tasks_unknown_share,coroutine,"
                       "task_name,waits_for,file,line,function,chain,stack",
    .sort = "tasks,process,thread,coroutine,chain,waits_for,task_name,place",
    .build = build_awaits,
};
