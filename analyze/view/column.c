/* SPDX-License-Identifier: MIT */
#include "column.h"

#include "analyze/base/suggest.h"

#include <string.h>

static struct cell get_process(const struct row *row)
{
    const bool known = row->process != NULL && row->process->described;
    return known ? cell_number(UNIT_ID, row->process->pid) : cell_none();
}

static struct cell get_thread(const struct row *row)
{
    if (row->is_task)
        return cell_text(row->thread->whole->name);
    if (row->thread != NULL)
        return cell_text(row->thread->name);
    return row->native != NULL ? cell_text(row->native->name) : cell_none();
}

static struct cell get_thread_id(const struct row *row)
{
    if (row->thread != NULL && row->thread->declared)
        return cell_number(UNIT_ID, row->thread->os_tid);
    const bool one = row->native != NULL && row->native->os_tid > 0; /* not a group of them */
    return one ? cell_number(UNIT_ID, row->native->os_tid) : cell_none();
}

static struct cell get_kind(const struct row *row)
{
    const bool is_c = row->thread != NULL && row->thread->is_c;
    return cell_text(row->native != NULL || is_c ? "native" : "python");
}

static struct cell get_unattributed(const struct row *row)
{
    return row->self != NULL ? cell_number(UNIT_SECONDS, (int64_t)row->unattributed_ns)
                             : cell_none();
}

static struct cell wall_share(const struct row *row, enum state_class class)
{
    if (row->self == NULL)
        return cell_none();
    return cell_ratio((double)row->self->by[class].wall, (double)weights_sum(row->self).wall);
}

static struct cell get_on_cpu_share(const struct row *row)
{
    if (row->self == NULL)
        return cell_none();
    return cell_ratio((double)weights_on_cpu(row->self).wall, (double)weights_sum(row->self).wall);
}

static struct cell get_ready_share(const struct row *row)
{
    return wall_share(row, CLASS_READY);
}

static struct cell get_gil_wait_share(const struct row *row)
{
    return wall_share(row, CLASS_WAITS_GIL);
}

static struct cell get_blocked_share(const struct row *row)
{
    return wall_share(row, CLASS_BLOCKED);
}

static struct cell get_unknown_share(const struct row *row)
{
    return wall_share(row, CLASS_UNKNOWN);
}

static bool has_share(const struct row *row, const struct weights *weights)
{
    return row->basis != NULL && weights != NULL && !basis_is_empty(row->basis);
}

static struct cell share_cell(const struct row *row, const struct weights *weights)
{
    return has_share(row, weights) ? cell_ratio(share_of(row->basis, weights), 1) : cell_none();
}

static struct cell error_cell(const struct row *row, const struct weights *weights)
{
    if (!has_share(row, weights))
        return cell_none();
    return cell_ratio(share_error(row->basis, share_of(row->basis, weights)), 1);
}

static struct cell get_share(const struct row *row)
{
    return share_cell(row, row->self);
}

static struct cell get_share_cum(const struct row *row)
{
    return share_cell(row, row->cum);
}

static struct cell get_error(const struct row *row)
{
    return error_cell(row, row->self);
}

static struct cell get_error_cum(const struct row *row)
{
    return error_cell(row, row->cum);
}

static struct cell get_file(const struct row *row)
{
    return cell_text(row->frame.file); /* "" where there is none: text stays text for programs */
}

static struct cell get_line(const struct row *row)
{
    return row->frame.line > 0 ? cell_number(UNIT_ID, row->frame.line) : cell_none();
}

static struct cell get_place(const struct row *row)
{
    if (row->frame.file == NULL || row->frame.file[0] == '\0')
        return cell_none();
    return (struct cell){.unit = UNIT_PLACE, .text = row->frame.file, .line = row->frame.line};
}

static struct cell get_function(const struct row *row)
{
    struct cell cell = cell_text(row->frame.function);
    cell.line = row->depth;
    return cell;
}

static struct cell get_c_time(const struct row *row)
{
    return row->c != NULL ? cell_number(UNIT_SECONDS, (int64_t)weights_sum(row->c).cpu)
                          : cell_none();
}

static struct cell get_language(const struct row *row)
{
    if (row->frame.native)
        return cell_text("C");
    return cell_text(row->frame.file != NULL && row->frame.file[0] != '\0' ? "Python" : "");
}

static struct cell get_module(const struct row *row)
{
    return cell_text(row->module);
}

static struct cell get_parent(const struct row *row)
{
    return row->process->described ? cell_number(UNIT_ID, row->process->parent_pid) : cell_none();
}

static struct cell get_python(const struct row *row)
{
    return cell_text(row->process->python_version);
}

static struct cell get_n_threads(const struct row *row)
{
    return row->n_threads > 0 ? cell_number(UNIT_COUNT, (int64_t)row->n_threads) : cell_none();
}

static struct cell get_recorded(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->recorded_ns);
}

static struct cell get_ended(const struct row *row)
{
    return cell_text(row->ended);
}

static struct cell get_end(const struct row *row)
{
    return row->ended != NULL ? cell_number(UNIT_SECONDS, (int64_t)row->end_ns) : cell_none();
}

static struct cell get_other_cpu(const struct row *row)
{
    return row->native_known ? cell_number(UNIT_SECONDS, (int64_t)row->native_ns) : cell_none();
}

static struct cell get_cpu_share(const struct row *row)
{
    return cell_ratio((double)weights_sum(row->self).cpu, (double)row->recorded_ns);
}

static struct cell get_command(const struct row *row)
{
    const struct process *const p = row->process;
    return cell_text(p->command != NULL ? process_called(p) : p->executable);
}

static struct cell get_time(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->sample->time_ns);
}

static struct cell get_state(const struct row *row)
{
    return cell_text(row->sample->state);
}

static struct cell get_call(const struct row *row)
{
    return cell_text(row->sample->call);
}

static struct cell get_task(const struct row *row)
{
    if (row->sample != NULL)
        return cell_text(row->sample->task);
    return cell_text(row->thread->task);
}

static struct cell get_cpu(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->sample->cpu_ns);
}

static struct cell get_stack(const struct row *row)
{
    const struct stack *const stack = row->sample != NULL ? &row->sample->stack : row->stack;
    return stack != NULL ? (struct cell){.unit = UNIT_STACK, .stack = stack} : cell_none();
}

#define ROW_CODE (ROW_PLACE | ROW_TREE | ROW_PATH | ROW_SOURCE)
#define ROW_FRAME                                                                                  \
    (ROW_CODE | ROW_GIL | ROW_STALL | ROW_STALL_LINE | ROW_IDLE_LINE | ROW_TASK | ROW_AWAIT)
#define ROW_ANY (ROW_FRAME | ROW_THREAD | ROW_SAMPLE | ROW_STACK | ROW_BIN | ROW_IDLE)

static const struct column columns[] = {
    {.name = "process",
     .title = "process",
     .help = "process id",
     .rows = ROW_ANY | ROW_PROCESS | ROW_PHASE,
     .unit = UNIT_ID,
     .get = get_process},
    {.name = "thread",
     .title = "thread",
     .help = "name of the thread",
     .rows = ROW_ANY,
     .unit = UNIT_TEXT,
     .get = get_thread},
    {.name = "thread_id",
     .title = "thread_id",
     .help = "the thread's number in the OS",
     .rows = ROW_ANY,
     .unit = UNIT_ID,
     .get = get_thread_id},
    {.name = "kind",
     .title = "kind",
     .help = "python, or native: a thread that runs no Python",
     .rows = ROW_THREAD,
     .unit = UNIT_TEXT,
     .get = get_kind},
#define METRIC_COLUMNS(id, by_name, column_name, unit_, weight, help_, word, amount)               \
    {.name = column_name,                                                                          \
     .title = column_name,                                                                         \
     .help = help_,                                                                                \
     .rows = ROW_CODE | ROW_THREAD | ROW_PROCESS | ROW_STACK | ROW_STALL | ROW_STALL_LINE |        \
             ROW_BIN | ROW_PHASE | ROW_TASK,                                                       \
     .unit = unit_,                                                                                \
     .only_if_any = METRIC_##id >= METRIC_UNKNOWN,                                                 \
                                                                                                   \
     .part = PART_SELF,                                                                            \
     .metric = METRIC_##id},                                                                       \
        {.name = column_name "_cum",                                                               \
         .title = "(cum)",                                                                         \
         .rows = ROW_CODE,                                                                         \
         .unit = unit_,                                                                            \
         .help = "the same for all stacks that contain the place, once per stack",                 \
         .close = true,                                                                            \
         .part = PART_CUM,                                                                         \
         .metric = METRIC_##id},
    METRIC_LIST(METRIC_COLUMNS)
#undef METRIC_COLUMNS
        {.name = "parent",
         .title = "parent",
         .help = "process id of its parent",
         .rows = ROW_PROCESS,
         .unit = UNIT_ID,
         .get = get_parent},
    {.name = "python",
     .title = "python",
     .help = "version of its interpreter",
     .rows = ROW_PROCESS,
     .unit = UNIT_TEXT,
     .get = get_python},
    {.name = "threads",
     .title = "threads",
     .help = "how many threads it is",
     .rows = ROW_PROCESS | ROW_THREAD,
     .unit = UNIT_COUNT,
     .get = get_n_threads},
    {.name = "recorded",
     .title = "recorded",
     .help = "elapsed seconds it was recorded for",
     .rows = ROW_PROCESS,
     .unit = UNIT_SECONDS,
     .get = get_recorded},
    {.name = "end_time",
     .title = "end",
     .help = "when it ended, seconds after the start of the recording",
     .rows = ROW_PROCESS,
     .unit = UNIT_SECONDS,
     .get = get_end},
    {.name = "ended",
     .title = "ended",
     .help = "how: exit status, signal, exec, or still running when recording ended",
     .rows = ROW_PROCESS,
     .unit = UNIT_TEXT,
     .get = get_ended},
    {.name = "cpu_share",
     .title = "CPU",
     .help = "CPU seconds per second recorded",
     .rows = ROW_PROCESS,
     .unit = UNIT_RATIO,
     .get = get_cpu_share},
    {.name = "other_cpu",
     .title = "other CPU",
     .help = "of cpu_time, what is of no thread with samples",
     .rows = ROW_PROCESS,
     .unit = UNIT_SECONDS,
     .get = get_other_cpu},
    {.name = "command",
     .title = "command",
     .help = "its command line",
     .rows = ROW_PROCESS,
     .unit = UNIT_TEXT,
     .get = get_command},
    {.name = "c_time",
     .title = "in C",
     .help = "of cpu_time, what was seen in C functions called from the line (pyrec --native); "
             "lines has it",
     .rows = ROW_PLACE,
     .unit = UNIT_SECONDS,
     .only_if_any = true,
     .get = get_c_time},
    {.name = "share",
     .title = "share",
     .help = "part of the table's total under the metric of --by",
     .rows = ROW_CODE,
     .unit = UNIT_RATIO,
     .get = get_share},
    {.name = "error",
     .title = "\u00b1",
     .help = "the share of an unbroken look is within share \u00b1 error in 95 of 100 cases",
     .rows = ROW_CODE,
     .unit = UNIT_RATIO,
     .close = true,
     .get = get_error},
    {.name = "share_cum",
     .title = "share(cum)",
     .help = "the same for all stacks that contain the place, once per stack",
     .rows = ROW_CODE,
     .unit = UNIT_RATIO,
     .get = get_share_cum},
    {.name = "error_cum",
     .title = "\u00b1",
     .help = "the error of share_cum",
     .rows = ROW_CODE,
     .unit = UNIT_RATIO,
     .close = true,
     .get = get_error_cum},
    {.name = "on_cpu_share",
     .title = "on CPU",
     .help = "share of its wall time on a CPU",
     .rows = ROW_THREAD | ROW_TASK,
     .unit = UNIT_RATIO,
     .get = get_on_cpu_share},
    {.name = "ready_share",
     .title = "ready",
     .help = "share runnable while no CPU was free",
     .rows = ROW_THREAD | ROW_TASK,
     .unit = UNIT_RATIO,
     .only_if_any = true,
     .get = get_ready_share},
    {.name = "gil_wait_share",
     .title = "GIL wait",
     .help = "share waiting for the GIL",
     .rows = ROW_THREAD | ROW_TASK,
     .unit = UNIT_RATIO,
     .get = get_gil_wait_share},
    {.name = "blocked_share",
     .title = "blocked",
     .help = "share blocked or idle in a system call",
     .rows = ROW_THREAD | ROW_TASK,
     .unit = UNIT_RATIO,
     .get = get_blocked_share},
    {.name = "unknown_share",
     .title = "unknown",
     .help = "share ready or blocked: the kernel could not be asked which",
     .rows = ROW_THREAD | ROW_TASK,
     .unit = UNIT_RATIO,
     .only_if_any = true,
     .get = get_unknown_share},
    {.name = "unattributed",
     .title = "unattributed",
     .rows = ROW_THREAD | ROW_PROCESS,
     .unit = UNIT_SECONDS,
     .help = "CPU seconds in cpu_time that no sample accounts for",
     .get = get_unattributed},
    {.name = "time",
     .title = "time",
     .help = "seconds since the start of the recording",
     .rows = ROW_SAMPLE,
     .unit = UNIT_SECONDS,
     .get = get_time},
    {.name = "state",
     .title = "state",
     .help = "what the thread was doing",
     .rows = ROW_SAMPLE,
     .unit = UNIT_TEXT,
     .get = get_state},
    {.name = "call",
     .title = "call",
     .help = "system call it was blocked in",
     .rows = ROW_SAMPLE,
     .unit = UNIT_TEXT,
     .get = get_call},
    {.name = "task",
     .title = "task",
     .help = "name of the task that ran, of asyncio or another event loop",
     .rows = ROW_SAMPLE | ROW_TASK,
     .unit = UNIT_TEXT,
     .get = get_task},
    {.name = "cpu",
     .title = "cpu",
     .help = "CPU seconds used since the thread's previous sample",
     .rows = ROW_SAMPLE,
     .unit = UNIT_SECONDS,
     .get = get_cpu},
    {.name = "file",
     .title = "file",
     .help = "path of the file",
     .rows = ROW_FRAME | ROW_DIFF | ROW_COMPARE,
     .unit = UNIT_TEXT,
     .get = get_file},
    {.name = "line",
     .title = "line",
     .help = "line number; of a function, its first",
     .rows = ROW_FRAME | ROW_DIFF | ROW_COMPARE,
     .unit = UNIT_ID,
     .get = get_line},
    {.name = "place",
     .title = "filename:lineno",
     .help = "file and line in one",
     .rows = ROW_FRAME | ROW_DIFF | ROW_COMPARE,
     .unit = UNIT_PLACE,
     .get = get_place},
    {.name = "function",
     .title = "function",
     .help = "qualified name of the function",
     .rows = ROW_FRAME | ROW_DIFF | ROW_COMPARE,
     .unit = UNIT_TEXT,
     .get = get_function},
    {.name = "language",
     .title = "language",
     .help = "Python, or C: of a function below Python's; empty for what is no function",
     .rows = ROW_PLACE | ROW_TREE,
     .unit = UNIT_TEXT,
     .get = get_language},
    {.name = "module",
     .title = "module",
     .help = "name of the module, as its path has it",
     .rows = ROW_CODE,
     .unit = UNIT_TEXT,
     .get = get_module},
    {.name = "stack",
     .title = "stack",
     .help = "its frames, leaf first",
     .rows = ROW_SAMPLE | ROW_STACK | ROW_AWAIT,
     .unit = UNIT_STACK,
     .get = get_stack},
};

static struct cell metric_cell(const struct column *column, const struct row *row)
{
    const struct metric *const metric = &metrics[column->metric];
    if (row->native != NULL) /* nothing else is known of it */
        return column->metric == METRIC_CPU
                   ? cell_number(UNIT_SECONDS, (int64_t)row->native->cpu_ns)
                   : cell_none();
    const struct weights *const weights = column->part == PART_SELF ? row->self : row->cum;
    return weights != NULL ? cell_number(metric->unit, (int64_t)metric->of(weights)) : cell_none();
}

struct cell column_cell(const struct column *column, const struct row *row)
{
    if (column->get_nth != NULL)
        return column->get_nth(row, column);
    return column->part != PART_NONE ? metric_cell(column, row) : column->get(row);
}

bool column_has_any(const struct column *column, const struct row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        const struct cell cell = column_cell(column, &rows[i]);
        if (cell.unit == UNIT_RATIO ? cell.ratio > 0 : cell.unit != UNIT_NONE && cell.n != 0)
            return true;
    }
    return false;
}

/* The tables of other files; they stand one behind the other. */
static const struct column *(*const more_columns[])(size_t i) = {
    column_tree_get,    column_source_get, column_diff_get,  column_time_get,
    column_compare_get, column_style_get,  column_phase_get, column_debug_get,
    column_await_get,
};

const struct column *column_get(size_t i)
{
    if (i < ARRAY_LEN(columns))
        return &columns[i];
    i -= ARRAY_LEN(columns);
    for (size_t table = 0; table < ARRAY_LEN(more_columns); table++) {
        if (more_columns[table](i) != NULL)
            return more_columns[table](i);
        for (size_t n = 0; more_columns[table](n) != NULL; n++)
            i--;
    }
    return NULL;
}

const char *column_name(size_t i)
{
    const struct column *const column = column_get(i);
    return column != NULL ? column->name : NULL;
}

const struct column *column_find(const char *name, enum row_kind kind)
{
    const struct column *column;
    for (size_t i = 0; (column = column_get(i)) != NULL; i++) {
        if ((column->rows & kind) && strcmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

static enum status column_problem(struct problem *why, const char *option, const char *name)
{
    const char *other;
    for (size_t i = 0; (other = column_name(i)) != NULL; i++) {
        if (strcmp(other, name) == 0)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--%s: this command has no column \"%s\"", option, name);
    }
    return suggest_problem(why, option, "column", name, column_name);
}

enum status columns_parse(const char *list, enum row_kind kind, const char *option,
                          const struct column *chosen[VIEW_COLUMNS_MAX], size_t *n_columns,
                          struct problem *why)
{
    *n_columns = 0;
    for (const char *at = list;;) {
        const size_t len = strcspn(at, ",");
        char name[64];
        if (len == 0 || len >= sizeof name)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--%s wants column names with commas between them, not \"%s\"",
                               option, list);
        memcpy(name, at, len);
        name[len] = '\0';
        const struct column *const column = column_find(name, kind);
        if (column == NULL)
            return column_problem(why, option, name);
        if (*n_columns == VIEW_COLUMNS_MAX)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--%s: too many columns",
                               option);
        chosen[(*n_columns)++] = column;
        if (at[len] == '\0')
            return STATUS_OK;
        at += len + 1;
    }
}
