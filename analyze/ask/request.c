/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "analyze/cli/command.h"
#include "analyze/read/input.h"
#include "analyze/read/trace_run.h"
#include "moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status fill_select(struct select *select, const struct args *args, struct problem *why)
{
    const char *text;
    for (size_t at = 0; (text = args_next(args, "thread", &at)) != NULL;)
        select_add_thread(select, text);
    for (size_t at = 0; (text = args_next(args, "process", &at)) != NULL;)
        select_add_pid(select, (uint32_t)strtoul(text, NULL, 10));
    for (size_t at = 0; (text = args_next(args, "match", &at)) != NULL;)
        TRY(select_add_match(select, text, why));
    for (size_t at = 0; (text = args_next(args, "exclude", &at)) != NULL;)
        TRY(select_add_exclude(select, text, why));
    for (size_t at = 0; (text = args_next(args, "state", &at)) != NULL;)
        TRY(select_add_states(select, text, why));
    for (size_t at = 0; (text = args_next(args, "phase", &at)) != NULL;)
        select_add_context(select, text, false);
    for (size_t at = 0; (text = args_next(args, "label", &at)) != NULL;)
        select_add_context(select, text, true);
    for (size_t at = 0; (text = args_next(args, "task", &at)) != NULL;)
        select_add_task(select, text);
    return STATUS_OK;
}

/* --from and --to before the trace is open, to find mistakes early. */
struct bounds {
    const char *from_text, *to_text;
    struct moment from, to;
};

/* What was given last; of a command with two sides, given twice: the one of that side. */
static enum status bound_text(const char **text, const struct args *args, const char *name,
                              size_t side, struct problem *why)
{
    const char *one;
    size_t n = 0;
    *text = args_text(args, name);
    if (!args->command->sides)
        return STATUS_OK;
    for (size_t at = 0; (one = args_next(args, name, &at)) != NULL; n++)
        *text = n == 0 || n == side ? one : *text;
    if (n <= 2)
        return STATUS_OK;
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--%s: once for both sides, or twice: for the first and for the second",
                       name);
}

static enum status parse_bounds(struct bounds *bounds, const struct args *args, size_t side,
                                struct problem *why)
{
    *bounds = (struct bounds){0};
    TRY(bound_text(&bounds->from_text, args, "from", side, why));
    TRY(bound_text(&bounds->to_text, args, "to", side, why));
    if (bounds->from_text != NULL)
        TRY(moment_parse(&bounds->from, "from", bounds->from_text, why));
    if (bounds->to_text != NULL)
        TRY(moment_parse(&bounds->to, "to", bounds->to_text, why));
    return STATUS_OK;
}

static enum status choose_window(struct trace *trace, const struct bounds *bounds, const char *name,
                                 struct problem *why)
{
    const struct recording *const first = trace->census.recordings[0];
    const uint64_t end_ns = trace_end_ns(trace);
    const struct moment_span span = {first->start_unix_ns, end_ns, &first->wall};
    const double length_s = (double)end_ns / 1e9;
    struct window window = WINDOW_ALL;
    if ((bounds->from_text != NULL && moment_is_absolute(&bounds->from)) ||
        (bounds->to_text != NULL && moment_is_absolute(&bounds->to)))
        trace_read_steps(trace);
    if (bounds->from_text != NULL) {
        const int64_t ns = moment_resolve(&bounds->from, &span);
        window.from_ns = ns > 0 ? (uint64_t)ns : 0;
    }
    if (bounds->to_text != NULL) {
        const int64_t ns = moment_resolve(&bounds->to, &span);
        window.to_ns = ns > 0 ? (uint64_t)ns : 0;
    }
    if (window.to_ns == 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--to %s is before %s, which is %.3f s long", bounds->to_text, name,
                           length_s);
    if (window.from_ns > end_ns)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--from %s is after %s, which is %.3f s long", bounds->from_text, name,
                           length_s);
    if (window.from_ns >= window.to_ns)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--from %s is not before --to %s",
                           bounds->from_text, bounds->to_text);
    trace_set_window(trace, window);
    return STATUS_OK;
}

/* How many of the files are the first side. */
static enum status split_files(const struct args *args, size_t *n_first, struct problem *why)
{
    const char *const name = args->command->name;
    *n_first = args_files_before(args, "vs");
    if (*n_first == SIZE_MAX && args->n_files != 2)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s wants two traces, or several on each side of --vs: %s A1 A2 --vs "
                           "B1 B2",
                           name, name);
    if (*n_first == SIZE_MAX)
        *n_first = 1;
    if (*n_first == 0 || *n_first == args->n_files)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "%s: there is no trace %s --vs",
                           name, *n_first == 0 ? "before" : "behind");
    return STATUS_OK;
}

static enum status choose_side_window(struct trace *trace, const struct bounds *bounds,
                                      const struct args *args, const char *file,
                                      struct problem *why)
{
    if (bounds->from_text == NULL && bounds->to_text == NULL)
        return STATUS_OK;
    if (trace->census.n_recordings > 1)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s: --from and --to want one recording on each side",
                           args->command->name);
    return choose_window(trace, bounds, input_name(file), why);
}

/* Commands that do not ask know nothing of C: what it took is its caller's. */
static enum dict_native native_of(const struct args *args)
{
    const bool takes = (args->command->takes & TAKES_NATIVE) != 0;
    const char *const which = takes ? args_text(args, "native") : NULL;
    if (which == NULL)
        return !takes                        ? DICT_NATIVE_HIDE
               : args->command->hides_native ? DICT_NATIVE_LEAF
                                             : DICT_NATIVE_ALL;
    return strcmp(which, "all") == 0    ? DICT_NATIVE_ALL
           : strcmp(which, "leaf") == 0 ? DICT_NATIVE_LEAF
                                        : DICT_NATIVE_HIDE;
}

static enum status open_sides(struct request *request, const struct bounds *bounds,
                              struct problem *why)
{
    const struct args *const args = request->args;
    struct bounds second;
    size_t n_first;
    TRY(split_files(args, &n_first, why));
    TRY(parse_bounds(&second, args, 1, why));
    TRY(trace_open(&request->trace, args->files, n_first, damage_log_add, &request->damage, why));
    TRY(trace_open(&request->second, args->files + n_first, args->n_files - n_first, damage_log_add,
                   &request->damage, why));
    request->second->count = request->trace->count;
    request->trace->native = request->second->native = native_of(args);
    TRY(choose_side_window(request->trace, bounds, args, args->files[0], why));
    return choose_side_window(request->second, &second, args, args->files[n_first], why);
}

enum status request_open(struct request *request, const struct args *args, bool machine,
                         struct problem *why)
{
    const char *const by = args_text(args, "by");
    struct bounds bounds;
    *request = (struct request){.args = args, .machine = machine};
    request->metric = by != NULL ? metric_find(by) : NULL;
    if (request->metric == NULL) /* or --by says something else, as in phases */
        request->metric = &metrics[METRIC_CPU];
    TRY(parse_bounds(&bounds, args, 0, why));
    TRY(fill_select(&request->select, args, why));
    if (args->command->sides)
        return open_sides(request, &bounds, why);
    const size_t n_traces = args->command->n_traces > 0 ? args->command->n_traces : args->n_files;
    request->follows = args->command->takes & TAKES_FOLLOW && args_flag(args, "follow");
    request->window_moves = (bounds.from_text != NULL && bounds.from.kind == MOMENT_BEFORE_END) ||
                            (bounds.to_text != NULL && bounds.to.kind == MOMENT_BEFORE_END);
    TRY((request->follows ? trace_open_growing : trace_open)(
        &request->trace, args->files, n_traces, damage_log_add, &request->damage, why));
    request->trace->native = native_of(args);
    request->n_damages = request->damage.n;
    return choose_window(request->trace, &bounds, "the recording", why);
}

enum status request_check(const struct request *request, struct problem *why)
{
    return select_check_calls(&request->select, why);
}

/* What one sample in each of the chosen states would weigh is tried. */
enum status request_check_by(const struct request *request, struct problem *why)
{
    const struct args *const args = request->args;
    const struct select *const select = &request->select;
    const char *const by = args_text(args, "by");
    struct weights one = {0};
    if (by == NULL || select->bits != 0 || (select->classes == 0 && select->n_calls == 0))
        return STATUS_OK;
    for (int c = 0; c < CLASS_COUNT; c++) {
        if (select->classes >> c & 1 || (c == CLASS_BLOCKED && select->n_calls > 0))
            one.by[c] = (struct weight){1, 1, 1, state_gets_cpu((enum state_class)c)};
    }
    if (request->metric->of(&one) > 0)
        return STATUS_OK;
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--by %s makes no sense with --state %s: no sample in such a state has any",
                       by, args_text(args, "state"));
}

/* Of a window that moves all is read anew, but only what is in it. */
static enum status move_window(struct request *request, struct problem *why)
{
    struct bounds bounds;
    request->damage.n = request->n_damages;
    request->damage.n_more = 0;
    trace_renew(request->trace);
    TRY(parse_bounds(&bounds, request->args, 0, why));
    return choose_window(request->trace, &bounds, "the recording", why);
}

enum status request_go_on(struct request *request, bool *anew, struct problem *why)
{
    if (request->is_running)
        running_take_back(&request->running, &request->profile);
    else
        profile_clear(&request->profile);
    request->has_profile = false;
    *anew = trace_grow(request->trace) == CHUNK_GROWTH_OTHER ||
            (request->is_running && !running_read(&request->running));
    return !*anew && request->window_moves ? move_window(request, why) : STATUS_OK;
}

void request_close(struct request *request)
{
    if (request->is_running) {
        running_take_back(&request->running, &request->profile);
        running_clear(&request->running);
    }
    profile_clear(&request->profile);
    trace_close(request->trace);
    trace_close(request->second);
    select_clear(&request->select);
    damage_log_clear(&request->damage);
    *request = (struct request){0};
}

size_t request_workers(const struct request *request)
{
    size_t n_workers = args_count(request->args, "jobs", 0);
    if (n_workers == 0)
        n_workers = trace_workers(request->trace);
    if (n_workers > request->trace->n_units)
        n_workers = request->trace->n_units > 0 ? request->trace->n_units : 1;
    return n_workers;
}

void request_learn_clock(struct request *request)
{
    const struct window window = request->trace->window;
    if (window.from_ns > 0 || window.to_ns < UINT64_MAX || request->select.n_pids > 0)
        trace_read_steps(request->trace);
}

void request_profile(struct request *request)
{
    const size_t n_workers = request_workers(request);
    if (request->has_profile)
        return;
    request->has_profile = true;
    request->profile.by_task = request->profile.by_task || args_flag(request->args, "tasks");
    request->running.whole.by_task = request->profile.by_task;
    request->running.whole.by_phase = request->profile.by_phase;
    if (!request->follows || request->window_moves) {
        profile_build(&request->profile, request->trace, &request->select, n_workers);
        return;
    }
    if (!request->is_running)
        running_open(&request->running, request->trace, &request->select, n_workers);
    request->is_running = true;
    if (select_has_regex(&request->select))
        running_show(&request->running, &request->profile); /* stacks are left out of it */
    else
        running_lend(&request->running, &request->profile);
}

bool request_has_process(const struct request *request, const struct process *process)
{
    return select_has_pid(&request->select, process->pid);
}

/* ---- when nothing is there ---- */

#define NAMES_MAX 8 /* said to whoever asked for another one */

/* The processes of what was opened, also of a second side; NULL behind the last. */
static const struct process *process_at(const struct request *request, size_t i)
{
    const struct census *census = &request->trace->census;
    if (i >= census->n_processes && request->second != NULL) {
        i -= census->n_processes;
        census = &request->second->census;
    }
    return i < census->n_processes ? census->processes[i] : NULL;
}

/* Who has samples, or only a clock: a thread that runs no Python. */
static bool has_thread(const struct request *request, const struct process *process)
{
    for (size_t i = 0; i < process->n_threads; i++) {
        if (select_has_thread(&request->select, process->threads[i]->name,
                              process->threads[i]->os_tid))
            return true;
    }
    for (size_t i = 0; i < process->n_natives; i++) {
        if (select_has_thread(&request->select, process->natives[i].name,
                              process->natives[i].os_tid))
            return true;
    }
    return false;
}

/* Is any process, or one with such a thread, among those that were asked for? */
static bool has_any(const struct request *request, bool with_thread)
{
    const struct process *p;
    for (size_t i = 0; (p = process_at(request, i)) != NULL; i++) {
        if (request_has_process(request, p) && (!with_thread || has_thread(request, p)))
            return true;
    }
    return false;
}

bool request_asks_nobody(const struct request *request)
{
    const struct select *const select = &request->select;
    if (request->trace == NULL || (select->n_pids == 0 && select->n_threads == 0))
        return false;
    return !has_any(request, select->n_threads > 0);
}

/* One more name of a list that ends with where to look for the others. */
static void add_name(struct buffer *line, const char *name, size_t *n)
{
    if (*n < NAMES_MAX)
        buffer_print(line, "%s%s", *n > 0 ? ", " : "", name);
    ++*n;
}

static void end_names(struct buffer *line, size_t n, const char *command)
{
    if (n > NAMES_MAX)
        buffer_print(line, " and %zu more; see: pyanalyze %s", n - NAMES_MAX, command);
}

static void say_processes(const struct request *request, struct buffer *line)
{
    const struct process *p;
    size_t n = 0;
    buffer_print(line, "--process: no such process; there %s ",
                 process_at(request, 1) == NULL ? "is" : "are");
    for (size_t i = 0; (p = process_at(request, i)) != NULL; i++) {
        char pid[16];
        snprintf(pid, sizeof pid, "%" PRIu32, p->pid);
        add_name(line, pid, &n);
    }
    end_names(line, n, "processes");
}

static bool first_of_name(const struct request *request, size_t process, size_t thread)
{
    const char *const name = process_at(request, process)->threads[thread]->name;
    for (size_t i = 0; i <= process; i++) {
        const struct process *const p = process_at(request, i);
        for (size_t k = 0; k < p->n_threads && (i < process || k < thread); k++) {
            if (strcmp(p->threads[k]->name, name) == 0)
                return false;
        }
    }
    return true;
}

static void say_threads(const struct request *request, struct buffer *line)
{
    const struct process *p;
    struct buffer names = {0};
    size_t n = 0;
    for (size_t i = 0; (p = process_at(request, i)) != NULL; i++) {
        for (size_t k = 0; request_has_process(request, p) && k < p->n_threads; k++) {
            if (first_of_name(request, i, k))
                add_name(&names, p->threads[k]->name, &n);
        }
    }
    end_names(&names, n, "threads");
    buffer_print(line, "--thread %s: no thread is called that; there %s ",
                 args_text(request->args, "thread"), n == 1 ? "is" : "are");
    buffer_add_text(line, names.text != NULL ? names.text : "nobody");
    buffer_clear(&names);
}

void request_selection(const struct args *args, struct buffer *out)
{
    static const unsigned choosing =
        TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES | TAKES_RANGE | TAKES_STATE;
    buffer_add_text(out, "");
    for (size_t i = 0; i < args->n_given; i++) {
        const struct arg *const arg = &args->given[i];
        if (arg->option->group & choosing)
            buffer_print(out, "%s--%s %s", out->len > 0 ? " " : "", arg->option->name, arg->text);
    }
}

void request_say_nothing(const struct request *request, struct buffer *line)
{
    struct buffer selection = {0};
    const bool known = request->trace != NULL && process_at(request, 0) != NULL;
    if (known && request->select.n_pids > 0 && !has_any(request, false)) {
        say_processes(request, line);
    } else if (known && request->select.n_threads > 0 && !has_any(request, true)) {
        say_threads(request, line);
    } else {
        const char *const by = args_text(request->args, "by");
        request_selection(request->args, &selection);
        buffer_print(line, "there are no samples%s%s%s%s",
                     selection.len > 0 ? " of what was asked for: " : " in it", selection.text,
                     by != NULL ? ", by " : "", by != NULL ? by : "");
    }
    buffer_clear(&selection);
}
