/* SPDX-License-Identifier: MIT */
#include "remainder.h"

#include "analyze/base/memory.h"
#include "ending.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What --max-depth takes at most, and by how much deeper the next try should be. */
#define DEPTH_MAX  16000u
#define DEPTH_STEP 4u

struct process_cpu process_cpu(const struct profile *profile, const struct process *process)
{
    struct process_cpu cpu = {0};
    size_t n;
    struct profile_thread *const *const threads = profile_process(profile, process, &n);
    for (size_t i = 0; i < n; i++) {
        cpu.clocks_ns += threads[i]->cpu_ns;
        cpu.unattributed_ns += threads[i]->unattributed_ns;
    }
    cpu.unseen_ns = process_unseen_ns(process);
    cpu.native_ns = process_native_ns(process) - cpu.unseen_ns;
    const struct account *const a = &process->account;
    const uint64_t known_ns = cpu.clocks_ns + cpu.native_ns + cpu.unseen_ns;
    if (a->process_cpu_ns > a->sampler_cpu_ns)
        cpu.whole_ns = a->process_cpu_ns - a->sampler_cpu_ns;
    if (cpu.whole_ns < known_ns)
        cpu.whole_ns = known_ns;
    return cpu;
}

static bool has_window(const struct request *request)
{
    const struct window window = request->trace->window;
    return window.from_ns > 0 || window.to_ns < UINT64_MAX;
}

bool remainder_whole(const struct request *request)
{
    return !has_window(request) && !select_by_state(&request->select) &&
           request->select.n_threads == 0 && !request->profile.some_stacks;
}

/* "1.194 s in threads that run no Python", behind a comma where something stands before it. */
static void add_part(struct buffer *text, uint64_t ns, uint64_t whole_ns, const char *what,
                     const char *before)
{
    if ((double)ns < REMAINDER_WORD / 2 * (double)whole_ns)
        return;
    buffer_add_text(text, text->len > 0 ? ", " : before);
    seconds_print(text, (int64_t)ns, 3);
    buffer_print(text, " s %s", what);
}

static struct process_cpu sum_processes(const struct request *request, size_t *n)
{
    const struct census *const census = &request->trace->census;
    struct process_cpu sum = {0};
    *n = 0;
    for (size_t i = 0; i < census->n_processes; i++) {
        if (!request_has_process(request, census->processes[i]))
            continue;
        const struct process_cpu cpu = process_cpu(&request->profile, census->processes[i]);
        sum.whole_ns += cpu.whole_ns;
        sum.clocks_ns += cpu.clocks_ns;
        sum.unattributed_ns += cpu.unattributed_ns;
        sum.native_ns += cpu.native_ns;
        sum.unseen_ns += cpu.unseen_ns;
        ++*n;
    }
    return sum;
}

/* Was nobody asked to look at threads that run no Python? It is known of each recording, or said of
 * none. */
static bool could_ask_for_c(const struct census *census)
{
    for (size_t i = 0; i < census->n_recordings; i++) {
        const char *const native = recording_setting(census->recordings[i], "native");
        if (native == NULL || strcmp(native, "no") != 0)
            return false;
    }
    return census->n_recordings > 0;
}

/*
 * In a range of time only what is of whole processes can be told, and not how much of it the table
 * might have had.
 */
void remainder_add_cpu(const struct request *request, struct view *view)
{
    const bool ranged = has_window(request);
    size_t n;
    if (select_by_state(&request->select) || request->select.n_threads > 0 ||
        request->profile.some_stacks)
        return;
    const struct process_cpu cpu = sum_processes(request, &n);
    const uint64_t unattributed_ns = ranged ? 0 : cpu.unattributed_ns;
    const uint64_t known_ns = cpu.clocks_ns + cpu.native_ns + cpu.unseen_ns;
    const uint64_t rest_ns = ranged ? 0 : cpu.whole_ns - known_ns;
    const uint64_t missing_ns = cpu.native_ns + cpu.unseen_ns + unattributed_ns + rest_ns;
    if (cpu.whole_ns == 0 ||
        ((double)(missing_ns - rest_ns) < REMAINDER_WORD * (double)cpu.whole_ns &&
         (double)rest_ns < REMAINDER_REST * (double)cpu.whole_ns))
        return;
    struct buffer parts = {0};
    add_part(&parts, cpu.native_ns, cpu.whole_ns, "in threads that run no Python", "");
    add_part(&parts, cpu.unseen_ns, cpu.whole_ns, "in threads that ended unseen", "");
    add_part(&parts, unattributed_ns, cpu.whole_ns,
             request->damage.n > 0
                 ? "in what could not be read or after the last sample of a thread"
                 : "after the last sample of a thread",
             "");
    add_part(&parts, rest_ns, cpu.whole_ns, "before the first look or after the last", "");
    const bool is_much = (double)cpu.native_ns >= REMAINDER_WORD * (double)cpu.whole_ns;
    view_add_note(
        view, arena_print(
                  &view->arena, "In no row: %.3f s of CPU, %.1f%% of what %s used%s: %s; see %s%s.",
                  (double)missing_ns / 1e9, 100 * (double)missing_ns / (double)cpu.whole_ns,
                  n == 1 ? "the process" : "the processes", ranged ? " from start to end" : "",
                  parts.text, cpu.native_ns + cpu.unseen_ns > rest_ns ? "threads" : "info",
                  is_much && could_ask_for_c(&request->trace->census)
                      ? "; pyrec --native samples those that run no Python"
                      : ""));
    buffer_clear(&parts);
}

/* Samples of stacks that are not what the program's was. */
struct stacks_seen {
    struct weights bare;
    uint64_t samples, cut, failed;
    const char *reason; /* of one that failed */
};

enum top { TOP_OTHER, TOP_BARE, TOP_CUT, TOP_FAILED };

static enum top top_of(const struct symbols *symbols, uint32_t place)
{
    const struct frame frame = symbols_frame(symbols, place);
    if (frame.file[0] != '\0')
        return TOP_OTHER;
    if (strcmp(frame.function, DICT_NO_FRAMES) == 0)
        return TOP_BARE;
    if (strcmp(frame.function, DICT_TRUNCATED) == 0)
        return TOP_CUT;
    return strncmp(frame.function, DICT_FAILED, strlen(DICT_FAILED)) == 0 ? TOP_FAILED : TOP_OTHER;
}

static void count_sheet(struct stacks_seen *seen, enum state_class class, const struct sheet *sheet,
                        const uint8_t *tops, size_t n_nodes)
{
    struct sheet_page page = {0};
    while (sheet_next_page(sheet, &page)) {
        for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < n_nodes; i++) {
            const struct weight *const w = &page.weights[i];
            const uint8_t top = tops[page.first + i];
            seen->samples += w->samples;
            seen->cut += top == TOP_CUT ? w->samples : 0;
            seen->failed += top == TOP_FAILED ? w->samples : 0;
            if (top == TOP_BARE)
                weight_add(&seen->bare.by[class], w);
        }
    }
}

static struct stacks_seen count_stacks(const struct profile *profile)
{
    const struct tree *const tree = &profile->tree;
    struct stacks_seen seen = {.reason = ""};
    uint8_t *const tops = memory_get(tree->n);
    for (size_t i = 1; i < tree->n; i++) { /* callers come first */
        const struct tree_node *const node = &tree->nodes[i];
        tops[i] = node->parent != TREE_ROOT ? tops[node->parent]
                                            : (uint8_t)top_of(&profile->symbols, node->place);
        if (tops[i] == TOP_FAILED)
            seen.reason = symbols_frame(&profile->symbols, node->place).function;
    }
    for (size_t i = 0; i < profile->n_threads; i++) {
        for (int c = 0; c < CLASS_COUNT; c++)
            count_sheet(&seen, (enum state_class)c, &profile->threads[i]->sheets[c], tops, tree->n);
    }
    free(tops);
    return seen;
}

static uint32_t deepest(const struct census *census)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < census->n_recordings; i++)
        depth = census->recordings[i]->max_depth > depth ? census->recordings[i]->max_depth : depth;
    return depth;
}

static void add_cut(const struct request *request, struct view *view,
                    const struct stacks_seen *seen)
{
    const uint32_t depth = deepest(&request->trace->census);
    const uint32_t next = depth < DEPTH_MAX / DEPTH_STEP ? DEPTH_STEP * depth : DEPTH_MAX;
    struct buffer text = {0};
    if (seen->cut == 0)
        return;
    buffer_print(&text, "Of %" PRIu64 " samples %" PRIu64 " (%.1f%%) have only the innermost ",
                 seen->samples, seen->cut, 100 * (double)seen->cut / (double)seen->samples);
    if (depth > 0)
        buffer_print(&text, "%" PRIu32 " ", depth);
    buffer_add_text(&text, "frames; their callers are " DICT_TRUNCATED);
    if (depth == 0)
        buffer_add_text(&text, ": record with a larger --max-depth.");
    else if (depth < DEPTH_MAX)
        buffer_print(&text, ": record with --max-depth %" PRIu32 ", or more.", next);
    else
        buffer_add_text(&text, "; more cannot be recorded.");
    view_add_note(view, arena_copy(&view->arena, text.text, text.len));
    buffer_clear(&text);
}

static void add_failed(struct view *view, const struct stacks_seen *seen)
{
    if ((double)seen->failed < REMAINDER_WORD * (double)seen->samples || seen->failed == 0)
        return;
    view_add_note(view,
                  arena_print(&view->arena,
                              "Of %" PRIu64 " samples %" PRIu64 " (%.1f%%) have no stack, as it "
                              "could not be read: %s; see info.",
                              seen->samples, seen->failed,
                              100 * (double)seen->failed / (double)seen->samples, seen->reason));
}

/* When threads without frames had none, as far as their first and last samples are there. */
struct ends {
    struct weights before, behind;
    bool all_known;
};

static struct ends sum_ends(const struct profile *profile)
{
    struct ends ends = {.all_known = true};
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        const struct process *const p = t->thread->process;
        const bool begin = profile->window.from_ns == 0 && p->from_start;
        bool end = profile->window.to_ns == UINT64_MAX && p->ending.known;
        end = end && (t->is_program || !t->thread->main); /* else it may be compiling, too */
        if (begin)
            weights_add(&ends.before, &t->bare_before);
        if (end)
            weights_add(&ends.behind, &t->bare_behind);
        ends.all_known = ends.all_known && begin && end;
    }
    return ends;
}

static void print_amount(struct buffer *text, const struct metric *metric, uint64_t amount)
{
    if (metric->unit == UNIT_SECONDS)
        seconds_print(text, (int64_t)amount, 3);
    else
        buffer_print(text, "%" PRIu64, amount);
}

static void add_bare(const struct request *request, struct view *view,
                     const struct stacks_seen *seen)
{
    const struct profile *const profile = &request->profile;
    const struct basis basis = profile_basis(profile->threads, profile->n_threads, request->metric);
    const struct metric *const metric =
        basis_is_empty(&basis) ? &metrics[METRIC_SAMPLES] : request->metric;
    const uint64_t all = metric->of(&basis.total), bare = metric->of(&seen->bare);
    if (bare == 0 || (double)bare < REMAINDER_WORD * (double)all)
        return;
    const struct ends ends = sum_ends(profile);
    const uint64_t starting = metric->of(&ends.before), ending = metric->of(&ends.behind);
    struct buffer text = {0};
    buffer_print(&text, DICT_NO_FRAMES ", %s ", metric->name);
    print_amount(&text, metric, bare);
    buffer_add_text(&text, ": ");
    print_amount(&text, metric, starting);
    buffer_add_text(&text, " before the program's first frame (starting, compiling), ");
    print_amount(&text, metric, ending);
    buffer_add_text(&text, " after its last (ending), ");
    print_amount(&text, metric, bare > starting + ending ? bare - starting - ending : 0);
    buffer_add_text(&text, ends.all_known ? " in between (in C)."
                                          : " at times of which neither is known.");
    view_add_note(view, arena_copy(&view->arena, text.text, text.len));
    buffer_clear(&text);
}

void remainder_add_absent(const struct request *request, const struct census *census,
                          struct view *view)
{
    if (request->select.n_pids > 0 || request->select.n_threads > 0)
        return;
    for (size_t i = 0; i < census->n_recordings; i++) {
        const char *const text =
            ending_missing(&census->recordings[i]->ending, false, &view->arena);
        if (text != NULL)
            view_add_note(view, arena_print(&view->arena, "In no row: %s; see processes.", text));
    }
}

void remainder_add_other_cpu(const struct request *request, const struct census *census,
                             const char *side, struct view *view)
{
    uint64_t whole_ns = 0, other_ns = 0;
    if (select_by_state(&request->select) || request->select.n_threads > 0)
        return;
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        const struct account *const a = &p->account;
        if (!request_has_process(request, p) || a->process_cpu_ns <= a->sampler_cpu_ns)
            continue;
        whole_ns += a->process_cpu_ns - a->sampler_cpu_ns;
        other_ns += process_native_ns(p);
    }
    if (other_ns > 0 && (double)other_ns >= REMAINDER_WORD * (double)whole_ns)
        view_add_note(
            view, arena_print(
                      &view->arena,
                      "In no row%s%s: %.3f s of CPU, %.1f%% of what was used "
                      "from start to end, in threads that run no Python or ended "
                      "unseen; see threads.",
                      side != NULL ? " of " : "", side != NULL ? side : "", (double)other_ns / 1e9,
                      whole_ns > other_ns ? 100 * (double)other_ns / (double)whole_ns : 100.0));
}

void remainder_add_of_scene(const struct request *request, const struct scene_stacks *stacks,
                            struct view *view)
{
    const struct census *const census = &request->trace->census;
    const struct stacks_seen seen = {
        .samples = stacks->samples,
        .cut = stacks->cut,
        .failed = stacks->failed,
        .reason = stacks->reason != NULL ? arena_print(&view->arena, "%s", stacks->reason) : "",
    };
    remainder_add_other_cpu(request, census, NULL, view);
    remainder_add_absent(request, census, view);
    add_cut(request, view, &seen);
    add_failed(view, &seen);
}

void remainder_add_all(const struct request *request, struct view *view)
{
    const struct stacks_seen seen = count_stacks(&request->profile);
    remainder_add_cpu(request, view);
    remainder_add_absent(request, &request->trace->census, view);
    add_cut(request, view, &seen);
    add_failed(view, &seen);
    add_bare(request, view, &seen);
}

void remainder_add_notes(const struct request *request, struct view *view)
{
    if (view->n_groups > 0)
        remainder_add_all(request, view);
}
