/* SPDX-License-Identifier: MIT */
/* report: one HTML page to look at. */
#include "cmd_stalls.h"

#include "analyze/ask/answer.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/model/module.h"
#include "analyze/out/page/page_json.h"
#include "analyze/out/page/page_pack.h"
#include "analyze/report/report_read.h"
#include "analyze/report/report_thin.h"
#include "format/base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ROWS "20"

#define SIZE_USUAL  (8u << 20)
#define SIZE_MAX_B  1e12
#define BYTES_A_RUN 2u /* of a page, at least, but for the most regular: a limit while reading */

#define TEXT_STALLS 3u
#define STALLS_TOLD 50u /* with their tables: of a long recording they would be most of a page */
#define STALL_ROWS  20u

/* Answers of other commands that go into the page: words of a command line. */
enum part {
    PART_STALLS,
    PART_THREADS,
    PART_PROCESSES,
    PART_INFO,
    PART_TEXT, /* from here on for readers without scripts */
    PART_TEXT_LINES = PART_TEXT,
    PART_TEXT_THREADS,
    PART_TEXT_STALLS,
    PART_COUNT
};
struct question {
    const char *name;
    const char *words[6];
};

static const struct question questions[PART_COUNT] = {
    [PART_STALLS] = {"stalls", {"stalls", "--format", "json"}},
    [PART_THREADS] = {"threads", {"threads", "--format", "json"}},
    [PART_PROCESSES] = {"processes", {"processes", "--format", "json"}},
    [PART_INFO] = {"info", {"info", "--format", "json"}},
    [PART_TEXT_LINES] = {"Lines", {"lines", "--merge-threads", "--limit", TEXT_ROWS}},
    [PART_TEXT_THREADS] = {"Threads", {"threads", "--limit", TEXT_ROWS}},
    [PART_TEXT_STALLS] = {"Stalls", {"stalls"}},
};

/* What is passed on to them, where they take it. */
static const char *const passed_on[] = {"from", "to", "thread", "process", "over", "idle"};

/* Everything that the page borrows. */
struct making {
    struct page page;
    struct report report;
    struct report_sources sources;
    struct modules modules;
    struct buffer blob;
    struct page_part parts[PART_COUNT];
    size_t n_stalls;
};

static void release(void *closure)
{
    struct making *const making = closure;
    for (size_t i = 0; i < PART_COUNT; i++)
        free(making->parts[i].text);
    buffer_clear(&making->blob);
    modules_clear(&making->modules);
    report_sources_clear(&making->sources);
    report_clear(&making->report);
    free(making);
}

/* A question with the same files and choices. */
static void put(struct answer *answer, enum part part, const struct request *request)
{
    const struct question *const question = &questions[part];
    answer_add_word(answer, "pyanalyze");
    for (size_t i = 0; i < ARRAY_LEN(question->words) && question->words[i] != NULL; i++)
        answer_add_word(answer, question->words[i]);
    answer_pass_on(answer, request->args, passed_on, ARRAY_LEN(passed_on));
}

/* One of those that the profile answers, which is read once for all of them. */
static enum status ask(struct making *making, enum part part, struct request *request,
                       struct problem *why)
{
    struct answer answer = {0};
    put(&answer, part, request);
    enum status status = answer_ask_profile(&answer, request, why);
    if (status == STATUS_OK)
        status = page_part_fill(&making->parts[part], answer.arrangement.output, &answer.view, why);
    answer_clear(&answer);
    return status;
}

static enum status show_stalls(struct making *making, enum part part, struct answer *answer,
                               struct stalls_answer *stalls, const struct request *request,
                               struct problem *why)
{
    const bool machine = answer->arrangement.output->machine;
    stalls_show(&answer->view, stalls, request, machine ? SIZE_MAX : TEXT_STALLS,
                machine ? 0 : STALL_ROWS);
    arrangement_apply(&answer->arrangement, &answer->view, &(struct screen){0});
    return page_part_fill(&making->parts[part], answer->arrangement.output, &answer->view, why);
}

/* Found once, told twice: all of them, though only the longest with their tables, and in text. */
static enum status ask_stalls(struct making *making, const struct request *request,
                              struct problem *why)
{
    struct answer json = {0}, text = {0};
    struct stalls_answer *stalls = NULL;
    put(&json, PART_STALLS, request);
    put(&text, PART_TEXT_STALLS, request);
    enum status status = answer_prepare(&json, request, why);
    if (status == STATUS_OK)
        status = answer_prepare(&text, request, why);
    if (status == STATUS_OK)
        status = request_open(&json.request, &json.args, true, why);
    if (status == STATUS_OK) {
        json.request.trace->count = request->trace->count;
        status = stalls_ask(&stalls, &json.request, STALLS_TOLD, why);
    }
    if (status == STATUS_OK)
        status = show_stalls(making, PART_STALLS, &json, stalls, &json.request, why);
    making->n_stalls = json.view.n_stories;
    if (status == STATUS_OK)
        status = show_stalls(making, PART_TEXT_STALLS, &text, stalls, &json.request, why);
    view_clear(&text.view);
    view_clear(&json.view);
    stalls_answer_free(stalls);
    answer_clear(&text);
    answer_clear(&json);
    return status;
}

static enum status ask_all(struct making *making, struct request *request, struct problem *why)
{
    for (enum part part = 0; part < PART_COUNT; part++) {
        making->parts[part].name = questions[part].name;
        if (part != PART_STALLS && part != PART_TEXT_STALLS)
            TRY(ask(making, part, request, why));
    }
    TRY(ask_stalls(making, request, why));
    making->page.parts = making->parts;
    making->page.n_parts = PART_TEXT;
    making->page.texts = making->parts + PART_TEXT;
    making->page.n_texts = PART_COUNT - PART_TEXT;
    return STATUS_OK;
}

static const char *title_of(const struct trace *trace)
{
    const struct census *const census = &trace->census;
    for (size_t i = 0; i < census->n_processes; i++) {
        if (census->processes[i]->command[0] != '\0')
            return census->processes[i]->command;
    }
    return "a recording";
}

/* --size; 0 = everything, whatever it takes. */
static enum status parse_size(const struct args *args, size_t *size, struct problem *why)
{
    const char *const text = args_text(args, "size");
    *size = args_flag(args, "exact") ? 0 : SIZE_USUAL;
    if (text == NULL)
        return STATUS_OK;
    if (args_flag(args, "exact"))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--exact keeps everything, whatever it takes: --size has no meaning "
                           "beside it");
    double number;
    if (!number_parse_bytes(text, 1, SIZE_MAX_B, &number))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--size wants a number of bytes like 500K, 8M or 1G, not \"%s\"", text);
    *size = (size_t)number;
    return STATUS_OK;
}

/*
 * Pack it; where that is too large, thin, and pack again. What is not runs is never left out: the
 * page of a small --size may be larger, and says so.
 */
static bool fit(struct making *making, size_t size_max)
{
    struct report *const report = &making->report;
    for (bool can_be_less = true;;) {
        buffer_reset(&making->blob);
        page_pack(&making->blob, &making->page);
        const size_t size = page_size(&making->page);
        if (size_max == 0 || size <= size_max)
            return true;
        if (!can_be_less)
            return false;
        const double part = fmin(0.95, (double)size_max / (double)size);
        can_be_less = report_thin_to(report, (size_t)(part * (double)report_weight(report)));
    }
}

static void page_note(struct page *page, const char *note)
{
    page->notes[page->n_notes++] = note;
}

/* What was given up, and what brings it back: where the page is made, and in it without scripts. */
static void note_thinning(struct view *view, struct page *page, bool fits)
{
    const struct report *const report = page->report;
    struct arena *const arena = &view->arena;
    if (!fits)
        view_add_note(view, "it is larger than --size: what is left cannot be thinned any more");
    if (report->bin == 0 || report->n_processes == 0)
        return;
    const struct report_process *const p = &report->processes[0];
    const double interval_s = (double)p->interval_ns / 1e9,
                 bin_s = (double)report->bin * interval_s;
    const double all_s = (double)p->end * interval_s, span_s = bin_s < all_s ? bin_s : all_s;
    view_add_note(
        view, arena_print(arena,
                          "thinned: sums of stacks are exact over %s%.3g s, those of threads and "
                          "states over %.3g s; within %.3g s a share of stacks has a further "
                          "\u00b1%.1f %% (--size, --exact)",
                          bin_s < all_s ? "" : "all ", span_s, (double)report->fine * interval_s,
                          span_s / 2, 100 * report_thin_error(report)));
    page_note(page, arena_print(arena,
                                "The tables here were counted from the whole recording and are "
                                "exact. What the page shows with scripts was %s.",
                                view->notes[view->n_notes - 1]));
}

/* Not every stall is told in full. */
static void note_stalls(struct view *view, struct page *page, size_t n)
{
    if (n > STALLS_TOLD)
        page_note(page, arena_print(&view->arena,
                                    "Of %zu stalls the %u longest are told in full, of the others "
                                    "it is said when and how long they were; pyanalyze stalls "
                                    "tells all.",
                                    n, STALLS_TOLD));
}

/* What of the files is in no number of the page. */
static void note_damage(struct request *request, struct view *view, struct page *page)
{
    struct damage_log *const log = &request->damage;
    const size_t n = log->n + log->n_more;
    struct buffer line = {0};
    damage_log_sort(log);
    for (size_t i = 0; i < log->n && i < PAGE_DAMAGES; i++) {
        buffer_reset(&line);
        damage_print(&line, &log->entries[i]);
        page->damages[page->n_damages++] = arena_copy(&view->arena, line.text, line.len);
    }
    page->n_more_damages = n - page->n_damages;
    buffer_clear(&line);
    if (n == 1)
        page_note(page, arena_print(&view->arena,
                                    "1 part of what was recorded could not be read and is in no "
                                    "number here: %s.",
                                    page->damages[0]));
    else if (n > 1)
        page_note(page, arena_print(&view->arena,
                                    "%zu parts of what was recorded could not be read and are in "
                                    "no number here: %s; and others.",
                                    n, page->damages[0]));
}

static enum status build_report(struct request *request, struct view *view, struct problem *why)
{
    if (page_template_len == 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, PAGE_MISSING, "report");
    const char *const source = args_text(request->args, "source");
    size_t size_max;
    TRY(parse_size(request->args, &size_max, why));
    struct making *const making = memory_get(sizeof *making);
    view->shape = SHAPE_PAGE;
    view->closure = making;
    view->release = release;
    TRY(ask_all(making, request, why));
    making->report.runs_max = size_max / BYTES_A_RUN;
    report_build(&making->report, request->trace, &request->select);
    modules_build(&making->modules, &making->report.scene.symbols, &making->report.scene.tree,
                  &request->trace->census);
    making->report.scene.symbols.modules = &making->modules;
    request_learn_clock(request);
    if (source == NULL || strcmp(source, "no") != 0)
        report_sources_read(&making->sources, &making->report, &request->trace->census, source);
    making->page.report = &making->report;
    making->page.trace = request->trace;
    making->page.sources = &making->sources;
    making->page.title = title_of(request->trace);
    struct buffer line = {0};
    args_print(&line, request->args);
    making->page.made_by = arena_copy(&view->arena, line.text, line.len);
    buffer_clear(&line);
    making->page.blob = &making->blob;
    note_damage(request, view, &making->page);
    note_thinning(view, &making->page, fit(making, size_max));
    note_stalls(view, &making->page, making->n_stalls);
    view->page = &making->page;
    if (making->sources.n_lines > 0)
        view_add_note(view, arena_print(&view->arena,
                                        "%zu lines of source code are in it (--source no leaves "
                                        "them out)",
                                        making->sources.n_lines));
    if (making->sources.n_missing > 0)
        view_add_note(
            view, arena_print(&view->arena, "%zu source%s could not be read, as %s: %s",
                              making->sources.n_missing, making->sources.n_missing == 1 ? "" : "s",
                              making->sources.missing[0].file, making->sources.missing[0].why));
    return STATUS_OK;
}

static const struct option options[] = {
    {"output", 'o', "FILE", OPTION_TEXT,
     "write to this file (- is standard output); it appears when it is whole; default the trace's "
     "name with .html, in this folder",
     NULL, 0},
    {"open", 0, NULL, OPTION_FLAG, "show it in the browser, with xdg-open", NULL, 0},
    {"source", 's', "DIR", OPTION_TEXT,
     "look for source code below this folder, with as much of its own path as is there; \"no\": "
     "put "
     "none into the page",
     NULL, 0},
    {"size", 0, "BYTES", OPTION_TEXT,
     "how large the page may be (500K, 8M, 1G): what is more is thinned (see above); default 8M",
     NULL, 0},
    {"exact", 0, NULL, OPTION_FLAG, "never thin, however large the page becomes", NULL, 0},
    {"over", 0, "TIME", OPTION_TEXT, "stalls that are at least so long; default 200ms", NULL, 0},
    {"idle", 0, "PLACE", OPTION_TEXT, "where a thread is idle, as of stalls", NULL, 0},
    OPTION_END,
};

const struct command command_report = {
    .name = "report",
    .synopsis = "[options] [FILE...]",
    .summary = "one HTML page to look at: threads over time, flame graph, source, stalls",
    .text = "Writes one file with everything in it that a browser shows without a network: all "
            "threads over time with their states, a flame graph and tables of functions, lines, "
            "files and modules of whatever range of time is drawn on it, source with the times "
            "of its lines, stalls, the GIL, phases, labels, tasks and marks, and how well it was "
            "recorded. Its numbers are those that the other commands print. Without scripts it "
            "still says the most important in text. What of the files could not be read, and CPU "
            "that is in no row, it says as well.\n"
            "\n"
            "A page holds everything that was recorded, to the tick, as long as it is not larger "
            "than --size; ten minutes of 16 threads at 1 kHz are 2 MB. Above that it is thinned: "
            "time is divided into bins, and for each bin the page knows how long each thread was "
            "in which stack, but not exactly when. Sums over whole bins stay as they were, and "
            "so do those of threads and states over parts of a bin, which is what ranges are "
            "rounded to; for shares of stacks within shorter times the page says an error, 95 %. "
            "The command and the page both say how long the bins are and how large the error is "
            "at most. --exact never thins.\n"
            "\n"
            "In the page: a drag on the timeline chooses a range, with Shift a second one to "
            "compare it with, as diff does: a flame graph and a table with verdicts; the wheel, "
            "+ and - zoom in time; a click on a thread's name, a stall, a box or a row chooses "
            "it, a phase or a mark below the threads its time; phase, label and task count only "
            "what is in these, as --phase, --label and --task do; a right click on a function "
            "shows who calls it. Imports and calls that only call the next are folded into one "
            "box; \"every frame\" unfolds them. Keys: / finds; arrow left and right move the "
            "range, with Shift its end; [ and ] go to the stall before and the next one; 1 to 6 "
            "choose the weight; f, i, v and o the shape (flame, icicle, inverted, order of "
            "time); t functions, lines, files or modules; Enter the source; Esc goes back; ? "
            "lists them. What is chosen is in the address, so a link to it can be kept.\n"
            "\n"
            "Source code of the functions that were seen in the 40 hottest files goes into the "
            "page (at most 1 MB), and leaves the machine with it: --source no leaves it out.",
    .example = "pyanalyze report -o run.html run.trace",
    .takes = TAKES_THREAD | TAKES_PROCESS | TAKES_RANGE | TAKES_FORMAT | TAKES_NATIVE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_PAGE,
    .output = "html",
    .writes_file = true,
    .build = build_report,
};
