/* SPDX-License-Identifier: MIT */
/* stalls: when a thread did not come back to its idle place, and what happened then. */
#include "cmd_stalls.h"

#include "analyze/ask/moment.h"
#include "analyze/ask/remainder.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/idle/idle_learn.h"
#include "analyze/idle/idle_request.h"
#include "analyze/stalls/idle_tell.h"
#include "analyze/stalls/stall_find.h"
#include "analyze/stalls/stall_tell.h"
#include "analyze/stalls/stall_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OVER_NS      INT64_C(200000000)
#define STALLS_SHOWN 10
#define ROWS_SHOWN   20 /* per table */
#define OTHERS_NAMED 3

#define ADVICE                                                                                     \
    "Name the place in which a thread waits for work with --idle. If the work is done by other "   \
    "threads, choose one with --thread; `pyanalyze threads` lists them. Of a program that just "   \
    "computes, `pyanalyze lines` tells where its time went."

/* Everything that views borrow from. */
struct stalls_answer {
    struct scene scene;
    struct idle idle;
    struct stalls stalls;
    struct idle_rows rows;
    const char **names;
    bool phases; /* it is phases that were asked about */
};

void stalls_answer_free(struct stalls_answer *t)
{
    if (t == NULL)
        return;
    idle_rows_clear(&t->rows);
    stalls_clear(&t->stalls);
    idle_clear(&t->idle);
    scene_clear(&t->scene);
    free(t->names);
    free(t);
}

static void release_answer(void *closure)
{
    stalls_answer_free(closure);
}

static const char *thread_text(struct view *view, const struct idle_row *row)
{
    return arena_print(&view->arena, "%s of process %s", idle_row_name(view, row),
                       view_name_process(view, row->idle->thread->process));
}

/* Of a thread that is too busy: what is not told, and what to do about it. */
static void lead_unsure(struct view *view, const struct stalls_answer *t,
                        const struct idle_row *row)
{
    const uint64_t n = row->facts.n_unsure;
    if (n == 0)
        return;
    view_add_lead(view,
                  arena_print(&view->arena,
                              "  not told: %" PRIu64 " time%s of %s or more, %s together, in "
                              "which it may have done one thing or many, one after the other "
                              "(a higher rate sees more: pyrec -r 1000)",
                              n, n == 1 ? "" : "s", stall_seconds_text(view, t->stalls.over_ns),
                              stall_seconds_text(view, row->facts.unsure_ns)));
}

static void lead_row(struct view *view, struct stalls_answer *t, const struct idle_row *row)
{
    const struct idle_facts *const sum = &row->facts;
    const char *const unseen = row->unseen_ns > 0
                                   ? arena_print(&view->arena, ", and %s in them that nobody saw",
                                                 stall_seconds_text(view, row->unseen_ns))
                                   : "";
    const char *const several =
        sum->n_several > 0
            ? arena_print(&view->arena, "; %" PRIu64 " of them may be several shorter ones",
                          sum->n_several)
            : "";
    view_add_lead(
        view,
        arena_print(&view->arena, "%s: %" PRIu64 " stall%s of %s or more in %s, %s together%s%s",
                    thread_text(view, row), sum->n_stalls, sum->n_stalls == 1 ? "" : "s",
                    stall_seconds_text(view, t->stalls.over_ns),
                    stall_seconds_text(view, row->idle->wall_ns),
                    stall_seconds_text(view, sum->stalled_ns - row->unseen_ns), unseen, several));
    idle_tell_places(view, &t->idle, row->idle);
    lead_unsure(view, t, row);
}

/* The threads for programs: of which there are no stalls, and of which they cannot be told. */
static void tell_threads(struct view *view, struct stalls_answer *t)
{
    idle_tell_columns(view);
    for (size_t i = 0; i < t->rows.n; i++)
        idle_tell_thread(view, &t->idle, t->rows.list[i].idle, &t->rows.list[i].facts);
}

/* A list of no stalls must not look like that of a thread whose idle place is not known. */
static void warn_doubt(struct view *view, struct stalls_answer *t)
{
    const size_t n = t->rows.n - t->rows.n_told;
    if (n == 0)
        return;
    const struct idle_row *const first = &t->rows.list[t->rows.n_told];
    const char *const more = n > 1 ? arena_print(&view->arena, ", nor of %zu more", n - 1) : "";
    const char *const option = idle_first_option(view, &t->idle, first->idle);
    view->warning =
        arena_print(&view->arena, "cannot tell the stalls of %s%s: %s%s%s; text and json say more",
                    thread_text(view, first), more, idle_doubt_text(view, first->idle),
                    option != NULL ? "; perhaps " : "", option != NULL ? option : "");
}

/* No stalls of main threads says nothing of those that may have done the work. */
static void lead_others(struct view *view, struct stalls_answer *t, const struct select *select)
{
    const char **const names = arena_get(&view->arena, OTHERS_NAMED * sizeof *names), *text = "";
    size_t n = 0, n_more = 0;
    for (size_t k = 0; k < t->idle.n_threads; k++) {
        const struct thread *const thread = t->idle.threads[k]->thread;
        size_t at = 0;
        if (idle_wants(&t->idle, select, thread) || thread->is_c ||
            idle_request_begins(&t->idle, t->idle.threads[k]))
            continue;
        while (at < n && strcmp(names[at], thread->name) != 0)
            at++;
        if (at == OTHERS_NAMED) {
            n_more++;
        } else if (at == n) {
            names[n++] = thread->name;
            text = arena_print(&view->arena, "%s%s%s", text, at > 0 ? ", " : "", thread->name);
        }
    }
    view->outside = names;
    view->n_outside = n;
    view->n_outside_more = n_more;
    if (n == 0)
        return;
    const char *const more = n_more > 0 ? arena_print(&view->arena, " and %zu more", n_more) : "";
    view_add_lead(view, arena_print(&view->arena, "Threads not asked about (--thread NAME): %s%s.",
                                    text, more));
}

/* Threads of one name in processes of one command, of which nothing is known: a pool that computes.
 */
static bool is_alike(const struct idle_row *a, const struct idle_row *b)
{
    const struct idle_thread *const x = a->idle, *const y = b->idle;
    return x->doubt == IDLE_NEVER_BLOCKED && y->doubt == IDLE_NEVER_BLOCKED &&
           x->n_all + y->n_all == 0 && a->facts.n_unsure + b->facts.n_unsure == 0 &&
           a->n_threads + b->n_threads == 2 && !a->can_tell && !b->can_tell &&
           strcmp(x->thread->name, y->thread->name) == 0 &&
           strcmp(process_title(x->thread->process), process_title(y->thread->process)) == 0;
}

/* Of which no stalls can be told, and of how many more like it; NULL: it was told with another. */
static const char *doubtful_text(struct view *view, const struct idle_rows *rows, size_t at)
{
    const struct idle_row *const row = &rows->list[at];
    const char *const who = thread_text(view, row);
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (i == at || !is_alike(&rows->list[i], row))
            continue;
        if (i < at)
            return NULL;
        n++;
    }
    if (n > 0)
        return arena_print(&view->arena, "%s, and of %zu more like it", who, n);
    return arena_print(&view->arena, "%s%s", row->n_threads > 1 ? "each of " : "", who);
}

static void lead_all(struct view *view, struct stalls_answer *t, const struct select *select)
{
    bool doubt = false;
    for (size_t i = 0; i < t->rows.n; i++) {
        const struct idle_row *const row = &t->rows.list[i];
        doubt |= row->idle->n_places == 0;
        if (row->can_tell) {
            lead_row(view, t, row);
            continue;
        }
        const char *const who = doubtful_text(view, &t->rows, i);
        if (who == NULL)
            continue;
        idle_tell_doubt(view, &t->idle, row->idle, who);
        lead_unsure(view, t, row);
    }
    const size_t n = t->stalls.n - t->stalls.n_counted;
    if (n > 0)
        view_add_lead(view, arena_print(&view->arena,
                                        "%zu of them, in which the thread was never in such a "
                                        "state, %s left out.",
                                        n, n == 1 ? "is" : "are"));
    if (select->n_threads == 0)
        lead_others(view, t, select);
    if (doubt)
        view_add_lead(view, ADVICE);
    view->last_lead_stays = doubt;
    if (t->rows.n == 0)
        view_add_lead(view, "There are no samples of what was asked for.");
}

/* A name that is in nobody's idle place is a mistake, unless two places have it: that is told. */
static enum status check_names(struct view *view, const struct stalls_answer *t,
                               const struct select *select, struct problem *why)
{
    const struct idle_thread *most = NULL;
    uint64_t most_ns = 0;
    for (size_t i = 0; i < t->idle.n_threads && t->idle.n_names > 0; i++) {
        const struct idle_thread *const thread = t->idle.threads[i];
        if (!idle_wants(&t->idle, select, thread->thread))
            continue;
        for (size_t k = 0; k < thread->n_all; k++) {
            if (thread->places[k].meant)
                return STATUS_OK;
        }
        if (most == NULL || (thread->n_all > 0 && thread->places[0].blocked_ns > most_ns)) {
            most = thread;
            most_ns = thread->n_all > 0 ? thread->places[0].blocked_ns : 0;
        }
    }
    if (most == NULL)
        return STATUS_OK;
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--idle: no thread was blocked in \"%s\", in what it calls, or in a call of "
                       "that name; most it was in %s",
                       t->idle.names[0],
                       most_ns > 0 ? idle_place_text(view, &t->scene, &most->places[0])
                                   : "no call at all");
}

static enum status parse_over(const struct args *args, uint64_t *over_ns, struct problem *why)
{
    const char *const text = args_text(args, "over");
    struct moment moment;
    *over_ns = OVER_NS;
    if (text == NULL)
        return STATUS_OK;
    if (moment_parse(&moment, "over", text, why) != STATUS_OK ||
        moment.kind != MOMENT_SINCE_START || moment.ns <= 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--over wants a time like 200ms, 1.5s or 2m, not \"%s\"", text);
    *over_ns = (uint64_t)moment.ns;
    return STATUS_OK;
}

/* With --phase it is phases that are asked about. */
static bool wants_phases(const struct select *select)
{
    for (size_t i = 0; i < select->n_contexts; i++) {
        if (!select->contexts[i].label)
            return true;
    }
    return false;
}

static void lead_phases(struct view *view, const struct stalls_answer *t, const struct args *args)
{
    const struct stalls *const stalls = &t->stalls;
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < stalls->n; i++)
        sum_ns += stalls->list[i].phase_end_ns - stalls->list[i].phase_begin_ns;
    view_add_lead(view, arena_print(&view->arena, "%s: %zu phase%s of %s or more, %s together",
                                    args_text(args, "phase"), stalls->n, stalls->n == 1 ? "" : "s",
                                    stall_seconds_text(view, stalls->over_ns),
                                    stall_seconds_text(view, sum_ns)));
    const size_t n = stalls->n - stalls->n_counted;
    if (n > 0)
        view_add_lead(view, arena_print(&view->arena,
                                        "%zu of them, of which there are no samples of what was "
                                        "asked for, %s left out.",
                                        n, n == 1 ? "is" : "are"));
    if (stalls->n_without_thread > 0)
        view_add_lead(view,
                      arena_print(&view->arena, "%zu more began in threads that are not known.",
                                  stalls->n_without_thread));
}

enum status stalls_ask(struct stalls_answer **answer, struct request *request, size_t n_told,
                       struct problem *why)
{
    struct stalls_answer *const t = *answer = memory_get(sizeof *t);
    const struct select *const select = &request->select;
    struct view words = {0};
    const char *name;
    uint64_t over_ns;
    size_t n_names = 0, names_size = 0;

    TRY(request_check_by(request, why));
    TRY(parse_over(request->args, &over_ns, why));
    for (size_t at = 0; (name = args_next(request->args, "idle", &at)) != NULL;) {
        t->names = memory_grow(t->names, &names_size, n_names + 1, sizeof *t->names);
        t->names[n_names++] = name;
    }
    trace_plan(request->trace, 4); /* names, idle places, stalls, details */
    idle_learn(&t->idle, &t->scene, request->trace, select, t->names, n_names, over_ns);
    const enum status status = check_names(&words, t, select, why);
    view_clear(&words);
    TRY(status);
    t->phases = wants_phases(select);
    (t->phases ? stalls_find_phases
               : stalls_find)(&t->stalls, &t->idle, request->trace, select, over_ns,
                              args_text(request->args, "by") != NULL ? request->metric : NULL);
    stalls_detail(&t->stalls, request->trace, select,
                  n_told < t->stalls.n_counted ? n_told : t->stalls.n_counted);
    if (!t->phases)
        idle_rows_make(&t->rows, &t->stalls);
    request_learn_clock(request);
    return STATUS_OK;
}

void stalls_show(struct view *view, struct stalls_answer *t, const struct request *request,
                 size_t n, size_t rows)
{
    const struct select *const select = &request->select;
    const char *columns = request->args->command->machine_columns;
    view->shape = SHAPE_STORY;
    n = n < t->stalls.n_counted ? n : t->stalls.n_counted;
    if (t->phases)
        columns = arena_print(&view->arena, "phase,detail,took,away,tasks_of,%s", columns);
    if (t->stalls.metric != NULL)
        columns = arena_print(&view->arena, "%s,%s", columns, t->stalls.metric->name);
    view_set_story_columns(view, columns, ROW_STALL);
    if (t->phases) {
        lead_phases(view, t, request->args);
        idle_tell_columns(view); /* json has the same shape, of no threads */
    } else {
        lead_all(view, t, select);
        tell_threads(view, t);
        warn_doubt(view, t);
    }
    remainder_add_of_scene(request, &t->idle.stacks, view);
    for (size_t i = 0; i < n; i++)
        stall_tell(view, &t->stalls, &t->stalls.list[i], i + 1, rows);
    view->n_stories_left_out = t->stalls.n_counted - n;
    struct group *const group = view_add_group(view, NULL, n);
    for (size_t i = 0; i < n; i++)
        group->rows[i] = view->stories[i].row;
}

static enum status build_stalls(struct request *request, struct view *view, struct problem *why)
{
    struct stalls_answer *t = NULL;
    size_t limit = args_count(request->args, "limit", request->machine ? 0 : STALLS_SHOWN);
    limit = limit > 0 ? limit : SIZE_MAX;
    view->shape = SHAPE_STORY;
    view->release = release_answer;
    const enum status status = stalls_ask(&t, request, limit, why);
    view->closure = t;
    TRY(status);
    stalls_show(view, t, request, limit, request->machine ? 0 : ROWS_SHOWN);
    return STATUS_OK;
}

static const struct option options[] = {
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what decides the order of stalls and of the rows in their tables; default how long they took",
     metric_name, 0},
    {"over", 0, "TIME", OPTION_TEXT, "only stalls that are at least so long; default 200ms", NULL,
     0},
    {"idle", 0, "PLACE", OPTION_TEXT,
     "the thread is idle where it is blocked here, instead of what is learnt: FUNCTION or "
     "FILE:FUNCTION (in it, or in what it waits in), FILE:LINE, or a call like sleep or poll; can "
     "be given several times, as for a dialog that waits inside of a loop",
     NULL, 0},
    OPTION_END,
};

const struct command command_stalls = {
    .name = "stalls",
    .synopsis = "[options] [FILE...]",
    .summary = "why was it slow at that moment: when a thread did not come back to its idle place",
    .text = "A thread that serves someone (a GUI, a server, a worker) has a place in which it "
            "waits for work: poll, select or epoll under an event loop, a queue's get. While it "
            "does not come back to that place, nothing is served: it stalls. This lists the stalls "
            "of main threads and of threads that each serve one connection, or of the threads "
            "chosen with --thread, the longest first: when it was, what the thread did (on a CPU, "
            "ready but no CPU was free, waiting for the GIL and who held it, blocked in which "
            "call), where it was as a tree of calls below the loop, and what the other threads did "
            "meanwhile.\n"
            "\n"
            "Who held the GIL, or stopped the world, is known for every sample. Who held a lock is "
            "not recorded: it was likely the thread that was past the same acquire, or the one "
            "whose next move ended the wait, told with that evidence. Where no thread fits, or "
            "several fit equally, it cannot be told, and the reason stands there. For locks that "
            "processes share (of files, of multiprocessing, of sqlite) all recorded processes are "
            "looked at.\n"
            "\n"
            "What the tasks of an asyncio loop waited for is told as it was seen in the stall, if "
            "its thread was blocked; else last before it or first after it, 2 s away at most.\n"
            "\n"
            "The idle place is learnt, and the first lines say which it is and how sure that is: "
            "the loops of asyncio, tkinter, GTK, socketserver, queues, thread pools, gunicorn, "
            "trio, gevent and others are known by name; a loop in C (Qt, uvloop) calls the work "
            "from the very line in which it waits; else it is likely the wait that the loop itself "
            "calls. A wait inside of the work is work, however often it comes. A dialog that has a "
            "loop of its own is idle, too. Where two places are equally likely, or no loop is "
            "seen, nothing is claimed: the candidates are listed, each with its --idle.\n"
            "\n"
            "A thread or process of one connection (http.server, Django's runserver, flask run) "
            "works from its first sample to its last, unless it waits for a request (`request "
            "threads`, `request processes`).\n"
            "\n"
            "What happens before the loop begins or after it ends is no stall. If one line enters "
            "a loop again and again, what happens between two runs of the loop is a stall. A "
            "thread that could not be looked at (`unknown`) is neither idle nor stalled there.\n"
            "\n"
            "With --phase NAME[=DETAIL] every phase of that name (pyrec.phase()) that took as long "
            "as --over or longer is told like a stall, whichever thread began it; this needs no "
            "idle place. If it belongs to a task, what its thread did for others meanwhile is left "
            "out, and a table has what its tasks waited for.\n"
            "\n"
            "--by orders by something else, and shows it in the tables: --by gil_wait begins with "
            "the stall that waited most for the GIL, and its tables have the rows that waited. "
            "With --state the tables count only samples in these states, of the thread and of the "
            "others, and stalls in which the thread was never in one of them are left out; what a "
            "stall is stays the same. Shares are of the whole stall.\n"
            "\n"
            "A stall is as exact as the samples: one tick at either end. A server or worker with a "
            "backlog takes the next piece of work at once, without being idle between. Where it "
            "was seen to take it (in accept, or at its beginning again) the pieces are told apart. "
            "Else only one wait, or one call of a function whose calls are all long, is one stall "
            "for sure; the rest `may be several`, and comes after those that are sure. Of a loop "
            "so busy that ticks miss its waits, or that never waits, only such waits and calls are "
            "told, and how much else there was; a higher rate tells more.\n"
            "\n"
            "json is an object of two arrays and of `not_asked`, at most three names of threads "
            "not asked about, and `not_asked_more`, how many beside. `threads` has every thread "
            "asked about, of one process all request threads as one, with its `outcome`: `found`, "
            "`none`, or `cannot tell` (`why` says why), what is not told (`unsure`), and `places`: "
            "where it was blocked, what that was `taken_for` (`idle`, `work`, `idle or work`), how "
            "`sure` that is, and the `option` for it. `stalls` has every stall, with its tables as "
            "arrays. csv has the stalls alone; of whom they cannot be told, a line on standard "
            "error says.",
    .example = "pyanalyze stalls --over 100ms run.trace",
    .takes = TAKES_LIMIT | TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_COLOR |
             TAKES_PATHS | TAKES_STATE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_STORY,
    .output = "text",
    .rows = ROW_STALL,
    .columns = "process",
    .machine_columns =
        "process,thread,thread_id,start,date,duration,unobserved,end,pieces,cause,cpu_time,on_cpu,"
        "ready,gil_wait,blocked,unknown,blocked_in,file,line,function,tasks_seen,tasks_seen_off,"
        "tasks_suspended,tasks_ready,tasks_unknown",
    .build = build_stalls,
};
