/* SPDX-License-Identifier: MIT */
/* overview: what to know first of a recording, on one screen, and what to ask next. */
#include "analyze/ask/answer.h"
#include "analyze/ask/origin.h"
#include "analyze/base/date.h"
#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/cli/command.h"
#include "analyze/read/input.h"
#include "analyze/stalls/idle_tell.h"
#include "analyze/stalls/stall_tell.h"
#include "analyze/stalls/stall_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WHO_SHOWN    "3"
#define LINES_SHOWN  "5"
#define NOTES_SHOWN  1
#define ANSWER_WIDTH 27  /* of what a command answers, before it */
#define MUCH         0.1 /* of the threads' time: worth a question */

/* Everything that the view borrows from. */
struct overview {
    struct answer processes, threads, lines, stalls;
};

static void release(void *closure)
{
    struct overview *const o = closure;
    answer_clear(&o->processes);
    answer_clear(&o->threads);
    answer_clear(&o->lines);
    answer_clear(&o->stalls);
    free(o);
}

/* ---- the questions ---- */

static void add_words(struct answer *answer, const char *const *words)
{
    answer_add_word(answer, "pyanalyze");
    for (; *words != NULL; words++)
        answer_add_word(answer, *words);
}

static enum status ask_table(struct answer *answer, struct request *request, const char *command,
                             const char *option, const char *limit, struct problem *why)
{
    const char *const given = args_text(request->args, "limit");
    const char *const words[] = {
        command, "--format", request->machine ? "csv" : "text", "--limit", given ? given : limit,
        option,  NULL};
    add_words(answer, words);
    return answer_ask_profile(answer, request, why);
}

static enum status ask_all(struct overview *o, struct request *request, struct problem *why)
{
    static const char *const stalls[] = {"stalls", "--format", "json", "--limit", "1", NULL};
    static const char *const passed_on[] = {"from", "to", "thread", "process"};
    trace_plan(request->trace, 1);
    request_profile(request);
    TRY(ask_table(&o->processes, request, "processes", NULL, "0", why));
    TRY(ask_table(&o->threads, request, "threads", "--group", WHO_SHOWN, why));
    TRY(ask_table(&o->lines, request, "lines", "--merge-threads", LINES_SHOWN, why));
    add_words(&o->stalls, stalls);
    answer_pass_on(&o->stalls, request->args, passed_on, ARRAY_LEN(passed_on));
    return answer_ask(&o->stalls, request, why);
}

/* ---- how long, and who ---- */

/* The time that was asked for. */
static uint64_t duration_ns(const struct trace *trace)
{
    const uint64_t end_ns = trace_end_ns(trace);
    const uint64_t to_ns = trace->window.to_ns < end_ns ? trace->window.to_ns : end_ns;
    return to_ns > trace->window.from_ns ? to_ns - trace->window.from_ns : 0;
}

static const char *headline(struct view *view, struct request *request)
{
    const struct args *const args = request->args;
    const struct recording *const first = request->trace->census.recordings[0];
    const struct origin *const origin =
        origin_find(&view->arena, request, request->metric, NULL, 0);
    struct buffer line = {0};
    request_learn_clock(request);
    const char *const date = date_print(
        &view->arena, recording_unix_ns(first, request->trace->window.from_ns), DATE_ZONE);
    buffer_add_text(&line, input_name(args->files[0]));
    if (args->n_files > 1)
        buffer_print(&line, " and %zu more", args->n_files - 1);
    buffer_print(&line, ": %s, %s", origin->program,
                 stall_seconds_text(view, duration_ns(request->trace)));
    if (first->interval_ns > 0)
        buffer_print(&line, " at %.6g Hz", 1e9 / (double)first->interval_ns);
    if (date != NULL)
        buffer_print(&line, ", from %s", date);
    const char *const text = arena_copy(&view->arena, line.text, line.len);
    buffer_clear(&line);
    return text;
}

/* All processes as if they were one. */
static struct row sum_processes(struct view *view, const struct overview *o,
                                const struct trace *trace)
{
    const struct view *const from = &o->processes.view;
    struct weights *const weights = arena_get(&view->arena, sizeof *weights);
    struct row sum = {.self = weights, .total = weights, .recorded_ns = duration_ns(trace)};
    for (size_t i = 0; from->n_groups > 0 && i < from->groups[0].n_rows; i++) {
        weights_add(weights, from->groups[0].rows[i].self);
        sum.n_threads += from->groups[0].rows[i].n_threads;
    }
    return sum;
}

static const char *who_line(struct view *view, const struct row *sum, size_t n_processes)
{
    const double cpu = (double)weights_sum(sum->self).cpu, recorded = (double)sum->recorded_ns;
    struct buffer text = {0};
    buffer_print(&text, "%zu process%s, %zu thread%s: ", n_processes, n_processes == 1 ? "" : "es",
                 sum->n_threads, sum->n_threads == 1 ? "" : "s");
    buffer_print(&text, "%s of CPU", stall_seconds_text(view, weights_sum(sum->self).cpu));
    if (recorded > 0)
        buffer_print(&text, ", %.1f%% of one CPU", 100 * cpu / recorded);
    const char *const copy = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
    return copy;
}

/* The rows of another command's table. */
static void add_part(struct view *view, struct story *story, const struct part_kind *kind,
                     const struct answer *answer, size_t most)
{
    const struct view *const from = &answer->view;
    const size_t n_all = from->n_groups > 0 ? from->groups[0].n_rows : 0;
    const size_t n = n_all < most ? n_all : most;
    struct part *const part = story_add_part(view, story, kind, n);
    if (n == 0)
        return;
    memcpy(part->rows, from->groups[0].rows, n * sizeof *part->rows);
    part->n_left_out = n_all - n + from->groups[0].n_left_out;
}

/* Of one process its threads; of several these, and the threads only for programs. */
static void add_who(struct view *view, struct story *story, const struct overview *o,
                    const struct request *request)
{
    static const char process_columns[] = "process,threads,cpu_time,cpu_share,command";
    static const char thread_columns[] =
        "thread,threads,wall,cpu_time,on_cpu_share,ready_share,gil_wait_share,blocked_share,"
        "unknown_share";
    const struct view *const processes = &o->processes.view;
    const size_t n = processes->n_groups > 0 ? processes->groups[0].n_rows : 0;
    const size_t most = args_count(request->args, "limit", strtoul(WHO_SHOWN, NULL, 10));
    const struct part_kind process_kind = {.name = "processes",
                                           .title = "Processes",
                                           .columns = process_columns,
                                           .more = "recorded,gil_wait,blocked,parent,ended",
                                           .rows = ROW_PROCESS};
    const struct part_kind thread_kind = {.name = "threads",
                                          .title = "Threads",
                                          .columns = thread_columns,
                                          .more = "process,thread_id,samples",
                                          .rows = ROW_THREAD};
    if (n > 1 || request->machine)
        add_part(view, story, &process_kind, &o->processes, most > 0 ? most : SIZE_MAX);
    if (n <= 1 || request->machine)
        add_part(view, story, &thread_kind, &o->threads, SIZE_MAX);
}

static void add_lines(struct view *view, struct story *story, const struct overview *o)
{
    static const struct part_kind kind = {
        .name = "lines",
        .title = "Hottest lines of all threads, by CPU time (\u00b1 is a 95% interval)",
        .columns = "share,error,cpu_time,place,function",
        .more = "file,line,ticks,samples",
        .rows = ROW_PLACE,
    };
    add_part(view, story, &kind, &o->lines, SIZE_MAX);
    const struct part *const part = &story->parts[story->n_parts - 1];
    struct group *const group = view_add_group(view, NULL, part->n_rows);
    for (size_t i = 0; i < part->n_rows; i++)
        group->rows[i] = part->rows[i];
}

/* ---- stalls ---- */

/* How many threads have some, have none, and of how many that cannot be told. */
struct outcomes {
    size_t found, none, unknown;
    uint64_t n_stalls, n_several, stalled_ns;
    const struct row *first_found, *first_none, *first_unknown;
};

static struct outcomes count_outcomes(const struct view *stalls)
{
    struct outcomes sum = {0};
    for (size_t i = 0; i < stalls->n_subjects; i++) {
        const struct row *const row = &stalls->subjects[i].row;
        const struct idle_facts *const facts = row->idle;
        sum.n_stalls += facts->n_stalls;
        sum.n_several += facts->n_several;
        sum.stalled_ns += facts->stalled_ns;
        if (strcmp(facts->outcome, "found") == 0) {
            sum.first_found = sum.found++ == 0 ? row : sum.first_found;
        } else if (strcmp(facts->outcome, "none") == 0) {
            sum.first_none = sum.none++ == 0 ? row : sum.first_none;
        } else {
            sum.first_unknown = sum.unknown++ == 0 ? row : sum.first_unknown;
        }
    }
    return sum;
}

/* "MainThread", "MainThread and 3 others" */
static void add_threads(struct buffer *text, const struct row *first, size_t n)
{
    buffer_add_text(text, first->thread->name);
    if (n > 1)
        buffer_print(text, " and %zu other%s", n - 1, n == 2 ? "" : "s");
}

static void add_longest(struct buffer *text, struct view *view, const struct row *row)
{
    static const char *const causes[][2] = {
        {"cpu", "computing"}, {"ready", "no CPU was free"}, {"gil", "waiting for the GIL"}};
    const struct stall_facts *const stall = row->stall;
    buffer_print(text, ", the longest %s at %s in ", stall_seconds_text(view, stall->duration_ns),
                 stall->time != NULL ? stall->time : stall_seconds_text(view, stall->start_ns));
    buffer_add_text(text, row->thread->name);
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        if (strcmp(stall->cause, causes[i][0]) == 0)
            buffer_print(text, ", most of it %s", causes[i][1]);
    }
    if (strcmp(stall->cause, "blocked") == 0)
        buffer_print(text, ", most of it blocked%s%s", stall->call != NULL ? " " : "",
                     stall->call != NULL ? stall_call_text(view, stall->call) : "");
}

static void note_stalls(struct view *view, const struct view *stalls, const struct outcomes *sum)
{
    struct buffer text = {0};
    buffer_add_text(&text, "Stalls: ");
    if (sum->found > 0) {
        buffer_print(&text, "%" PRIu64 " of 0.2 s or more, %s together", sum->n_stalls,
                     stall_seconds_text(view, sum->stalled_ns));
        if (sum->n_several > 0)
            buffer_print(&text, " (%" PRIu64 " of them may be several shorter ones)",
                         sum->n_several);
        if (stalls->n_stories > 0 && stalls->stories[0].row.stall != NULL)
            add_longest(&text, view, &stalls->stories[0].row);
        buffer_add_text(&text, ".");
    }
    if (sum->none > 0) {
        buffer_add_text(&text, sum->found > 0 ? " None in " : "none of 0.2 s or more in ");
        add_threads(&text, sum->first_none, sum->none);
        buffer_add_text(&text, ".");
    }
    if (sum->unknown > 0) {
        buffer_add_text(&text, sum->found + sum->none > 0 ? " Cannot tell of " : "cannot tell of ");
        add_threads(&text, sum->first_unknown, sum->unknown);
        buffer_print(&text, ": %s.", sum->first_unknown->idle->why);
    }
    if (sum->found + sum->none + sum->unknown == 0)
        buffer_add_text(&text, "no main thread was looked at.");
    view_add_note(view, arena_copy(&view->arena, text.text, text.len));
    buffer_clear(&text);
}

/* ---- what was not seen ---- */

/* Ticks are counted for whole processes: of a part of the time nothing is said. */
static void note_ticks(struct view *view, const struct request *request)
{
    const struct census *const census = &request->trace->census;
    const struct window window = request->trace->window;
    uint64_t due = 0, lost = 0, spared = 0;
    size_t unknown = 0;
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        if (!request_has_process(request, p))
            continue;
        unknown += !p->account_known;
        due += p->account.ticks_due;
        lost += p->account.ticks_missed + p->account.ticks_overflowed;
        spared += p->account.ticks_spared;
    }
    if (window.from_ns > 0 || window.to_ns < UINT64_MAX)
        return;
    if (unknown > 0)
        view_add_note(view, arena_print(&view->arena,
                                        "Ticks: of %zu process%s it is not known how many were "
                                        "missed.",
                                        unknown, unknown == 1 ? "" : "es"));
    else if (lost + spared == 0)
        view_add_note(view, arena_print(&view->arena,
                                        "Ticks: all %" PRIu64 " that were due were taken.", due));
    else
        view_add_note(view, arena_print(&view->arena,
                                        "Ticks: %" PRIu64 " of %" PRIu64
                                        " were missed (%.1f%%)%s; see info.",
                                        lost + spared, due,
                                        due > 0 ? 100 * (double)(lost + spared) / (double)due : 0.0,
                                        spared > 0 ? ", some to keep to --max-overhead" : ""));
}

/* What is in no row of the lines, in their own words. */
static void note_remainder(struct view *view, const struct view *lines)
{
    for (size_t i = 0; i < lines->n_notes && i < NOTES_SHOWN; i++)
        view_add_note(view, lines->notes[i]);
    if (lines->n_notes > NOTES_SHOWN)
        view_add_note(view, arena_print(&view->arena, "And %zu more below `pyanalyze lines`.",
                                        lines->n_notes - NOTES_SHOWN));
}

/* ---- what to ask next ---- */

/* A word as a shell takes it. */
static void add_quoted(struct buffer *line, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,+@%";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_add_text(line, word);
        return;
    }
    buffer_add_text(line, "'");
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            buffer_add_text(line, "'\\''");
        else
            buffer_add(line, at, 1);
    }
    buffer_add_text(line, "'");
}

/* "  the source with its times    pyanalyze annotate demo.py run.trace", of the same choice. */
static void note_command(struct view *view, const struct args *args, const char *command,
                         const char *word, const char *what)
{
    static const char *const choices[] = {"from", "to", "thread", "process"};
    struct buffer line = {0};
    buffer_print(&line, "  %-*s  pyanalyze %s", ANSWER_WIDTH, what, command);
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        const char *text;
        for (size_t at = 0; (text = args_next(args, choices[i], &at)) != NULL;) {
            buffer_print(&line, " --%s ", choices[i]);
            add_quoted(&line, text);
        }
    }
    if (word != NULL) {
        buffer_add_text(&line, " ");
        add_quoted(&line, word);
    }
    for (size_t i = 0; i < args->n_files; i++) {
        buffer_add_text(&line, " ");
        add_quoted(&line, args->files[i]);
    }
    view_add_note(view, arena_copy(&view->arena, line.text, line.len));
    buffer_clear(&line);
}

static void note_commands(struct view *view, const struct request *request,
                          const struct overview *o, const struct row *sum,
                          const struct outcomes *outcomes)
{
    const struct args *const args = request->args;
    const struct view *const lines = &o->lines.view;
    const struct weights *const w = sum->self;
    const double wall = (double)weights_sum(w).wall;
    for (size_t i = 0; i < args->n_files; i++) {
        if (input_passes_by(args->files[i])) /* nobody can ask a pipe twice */
            return;
    }
    const char *const file = lines->n_groups > 0 ? lines->groups[0].rows[0].frame.file : NULL;
    if (file != NULL && file[0] != '\0' && file[0] != '<')
        note_command(view, args, "annotate", path_short(file), "the source with its times");
    if (outcomes->found > 0)
        note_command(view, args, "stalls", NULL, "what happened in each stall");
    else if ((double)w->by[CLASS_WAITS_GIL].wall > MUCH * wall)
        note_command(view, args, "gil", NULL, "who waited for whom");
    else
        note_command(view, args, "lines", NULL, "all lines, thread by thread");
    note_command(view, args, "report", NULL, "one page to look at");
}

static enum status build_overview(struct request *request, struct view *view, struct problem *why)
{
    struct overview *const o = memory_get(sizeof *o);
    view->shape = SHAPE_STORY;
    view->closure = o;
    view->release = release;
    TRY(ask_all(o, request, why));
    view_set_story_columns(view, "recorded,cpu_time,cpu_share,on_cpu,ready,gil_wait,blocked",
                           ROW_PROCESS);
    struct story *const story = view_add_story(view, NULL);
    story->row = sum_processes(view, o, request->trace);
    if (o->lines.view.nothing) {
        view->nothing = true;
        return STATUS_OK;
    }
    story_add_line(story, headline(view, request));
    story_add_line(story, who_line(view, &story->row, o->processes.view.groups[0].n_rows));
    add_lines(view, story, o); /* the first of the tables: it stays where there is little room */
    add_who(view, story, o, request);
    const struct outcomes outcomes = count_outcomes(&o->stalls.view);
    if (request->machine) {
        static const struct part_kind kind = {
            .name = "stalls",
            .columns = "process,thread,thread_id,outcome,stalls,stalled,why",
            .rows = ROW_IDLE};
        struct part *const part = story_add_part(view, story, &kind, o->stalls.view.n_subjects);
        for (size_t i = 0; i < part->n_rows; i++)
            part->rows[i] = o->stalls.view.subjects[i].row;
    }
    note_stalls(view, &o->stalls.view, &outcomes);
    note_ticks(view, request);
    note_remainder(view, &o->lines.view);
    note_commands(view, request, o, &story->row, &outcomes);
    return STATUS_OK;
}

const struct command command_overview = {
    .name = "overview",
    .synopsis = "[options] [FILE...]",
    .summary = "one screen: how long, who, the hottest lines, stalls, and what to ask next; the "
               "same as pyanalyze FILE",
    .text = "What to know first. How long it was recorded, and how often per second; which "
            "processes or, where there is one, which threads used how much CPU; the lines that "
            "used most of it, each with the error of its share; whether a main thread stalled for "
            "0.2 s or more, did not, or why that cannot be told; and what was not seen. The last "
            "lines are commands that answer the next questions.\n"
            "\n"
            "This is what pyanalyze does when no command is given. csv has the lines, json "
            "everything.",
    .example = "pyanalyze overview run.trace",
    .takes = TAKES_LIMIT | TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_COLOR |
             TAKES_PATHS | TAKES_JOBS,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_STORY,
    .output = "text",
    .rows = ROW_PLACE,
    .columns = "share,error,cpu_time,place,function",
    .machine_columns = "share,error,cpu_time,ticks,samples,file,line,function",
    .build = build_overview,
};
