/* SPDX-License-Identifier: MIT */
/* threads: one row per thread, those that run no Python included; tasks: of event loops, what each
 * used and for how long it kept the loop. */
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/weigh/thread_group.h"

#include <stdlib.h>
#include <string.h>

/* Here it is the thread that is asked about, so its whole clock counts, found on a CPU or not. */
static void add_thread(struct row *row, const struct profile_thread *t, struct weights *weights)
{
    weights_add(weights, &t->total);
    weights->by[CLASS_BLOCKED].cpu += t->unattributed_ns;
    row->process = t->thread->process;
    row->thread = t->thread;
    row->self = row->total = weights;
    row->unattributed_ns += t->unattributed_ns;
    row->n_threads++;
}

static void fill_threads(struct group *group, size_t *n_rows, const struct profile *profile,
                         struct view *view)
{
    struct weights *const weights =
        arena_get(&view->arena, profile->n_threads * sizeof(struct weights));
    for (size_t i = 0; i < profile->n_threads; i++) {
        if (weights_sum(&profile->threads[i]->total).samples > 0)
            add_thread(&group->rows[(*n_rows)++], profile->threads[i], &weights[i]);
    }
}

static void fill_groups(struct group *group, size_t *n_rows, const struct profile *profile,
                        struct view *view)
{
    struct weights *const weights =
        arena_get(&view->arena, profile->n_threads * sizeof(struct weights));
    struct grouped_thread *const sorted =
        thread_group_sort(&view->arena, profile->threads, profile->n_threads);
    for (size_t i = 0, size; i < profile->n_threads; i += size) {
        struct row *const row = &group->rows[*n_rows];
        size = thread_group_size(sorted + i, profile->n_threads - i);
        for (size_t k = i; k < i + size; k++) {
            if (weights_sum(&sorted[k].thread->total).samples > 0)
                add_thread(row, sorted[k].thread, &weights[*n_rows]);
        }
        if (row->n_threads > 1)
            row->thread = thread_group_thread(&view->arena, sorted + i, size);
        *n_rows += row->n_threads > 0;
    }
    free(sorted);
}

static bool wants_natives(const struct request *request, const struct process *process)
{
    const struct window window = request->trace->window;
    return request_has_process(request, process) && !select_has_regex(&request->select) &&
           !select_by_state(&request->select) && window.from_ns == 0 && window.to_ns == UINT64_MAX;
}

static bool wants_native(const struct request *request, const struct native *native)
{
    return select_has_thread(&request->select, native->name, native->os_tid);
}

/*
 * A thread that was given no name has the program's, as it was called and cut by the kernel:
 * python3 (of python3.11) is no pool.
 */
static bool is_program_name(const struct process *process, const char *name)
{
    const char *const slash = strrchr(process->executable, '/');
    const char *const program = slash != NULL ? slash + 1 : process->executable;
    return strncmp(name, program, strlen(name)) == 0;
}

/* One row for the native threads of that name, if there is one already. */
static struct row *native_row(const struct group *group, size_t first, size_t end, const char *name)
{
    for (size_t i = first; i < end; i++) {
        if (strcmp(group->rows[i].native->name, name) == 0)
            return &group->rows[i];
    }
    return NULL;
}

/* A thread of C that was found after a while, or has come to run Python, is in the profile from
 * then on. */
static bool is_found_later(const struct request *request, const struct process *process,
                           const struct native *native)
{
    const struct profile *const profile = &request->profile;
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct thread *const thread = profile->threads[i]->thread;
        if (thread->process == process && thread->os_tid == native->os_tid)
            return true;
    }
    return false;
}

static void fill_natives(struct group *group, size_t *n_rows, const struct request *request,
                         const struct process *process, struct view *view)
{
    const bool grouped = args_flag(request->args, "group");
    const size_t first = *n_rows;
    for (size_t i = 0; i < process->n_natives; i++) {
        const struct native *const native = &process->natives[i];
        if (!wants_native(request, native))
            continue;
        struct native *const own = arena_get(&view->arena, sizeof *own);
        *own = *native;
        if (grouped && !is_program_name(process, native->name))
            own->name = thread_group_name(&view->arena, native->name);
        if (is_found_later(request, process, native))
            own->name = "<until it was found>";
        struct row *const row = grouped ? native_row(group, first, *n_rows, own->name) : NULL;
        if (row == NULL) {
            group->rows[(*n_rows)++] =
                (struct row){.process = process, .native = own, .n_threads = 1};
            continue;
        }
        own->cpu_ns += row->native->cpu_ns;
        own->os_tid = 0;
        row->native = own;
        row->n_threads++;
    }
}

static size_t count_natives(const struct request *request)
{
    const struct census *const census = &request->trace->census;
    size_t n = 0;
    for (size_t i = 0; i < census->n_processes; i++)
        n += wants_natives(request, census->processes[i]) ? census->processes[i]->n_natives : 0;
    return n;
}

/* Without one nobody waits for it, unless PYTHON_GIL=1 has brought it back. */
static bool knows_no_gil(const struct census *census, const struct profile *profile)
{
    if (!census_has_no_gil(census))
        return false;
    for (size_t i = 0; i < profile->n_threads; i++)
        if (profile->threads[i]->total.by[CLASS_WAITS_GIL].samples > 0)
            return false;
    return true;
}

static enum status build_threads(struct request *request, struct view *view, struct problem *why)
{
    const struct profile *const profile = &request->profile;
    const struct census *const census = &request->trace->census;
    size_t n = 0;
    (void)why;

    request_profile(request);
    profile_keep_stacks(&request->profile, &request->select);
    view->shape = SHAPE_TABLE;
    struct group *const group =
        view_add_group(view, NULL, profile->n_threads + count_natives(request));
    if (args_flag(request->args, "group"))
        fill_groups(group, &n, profile, view);
    else
        fill_threads(group, &n, profile, view);
    for (size_t p = 0; p < census->n_processes; p++) {
        if (wants_natives(request, census->processes[p]))
            fill_natives(group, &n, request, census->processes[p], view);
    }
    group->n_rows = n;
    if (n == 0) {
        view->n_groups = 0;
        view->nothing = true;
    } else if (knows_no_gil(census, profile)) {
        view_add_note(view, "This Python was built without a GIL: nothing waits for one.");
    }
    return STATUS_OK;
}

const struct command command_threads = {
    .name = "threads",
    .synopsis = "[options] [FILE...]",
    .summary = "the threads: their CPU and wall time and what they did with it",
    .text = "cpu_time is how far the thread's own clock moved while the thread was recorded; "
            "unattributed is the part of cpu_time that no sample on a CPU accounts for. wall is "
            "how long the thread was observed. The shares say for how much of wall the thread "
            "was on a CPU, waited for the GIL, or was blocked or idle in a system call; for the "
            "rest, up to 100%, the thread was ready to run but no CPU was free. Where the kernel "
            "could not be asked (there is no /proc), unknown is the share in which the thread "
            "was either ready or blocked.\n"
            "\n"
            "kernel is the part of cpu_time that was certainly spent in system calls: the thread "
            "was inside a function of libc's that may wait (read, write, send, recv, poll and "
            "the like), or in any call that took longer than a signal needs to reach the thread. "
            "kernel_unknown is the part that may have been spent in system calls: short calls of "
            "other kinds, threads that stood still when they were looked at because the recorder "
            "had their CPU, and everything in a program that was attached to or recorded with "
            "--no-signals. So the kernel's part is at least kernel, and at most kernel plus "
            "kernel_unknown. Page faults and interrupts count as the program's own. --state "
            "kernel chooses the certain part; lines and others have both as columns and for --by.\n"
            "\n"
            "A thread has the name that Python's threading gives it or, where that is not known, "
            "the kernel's name; <unnamed> tid N has no name at all. Threads that run no Python "
            "(of libraries, and the recorder's own) have the kernel's name, which is the "
            "program's if nobody gave them another, and a CPU time, and nothing else; nothing is "
            "known of them in a range of time or for a state, so they are not shown then. Of a "
            "recording with --native they are sampled, and one that nobody named is called like "
            "the function that it began with; <until it was found> is what it used before. With "
            "--match only samples count whose stack has such a place, with --exclude only those "
            "whose stack has none. With --group a row is several threads, the column threads "
            "says how many, and its times are those of all of them together.",
    .example = "pyanalyze threads --sort gil_wait_share run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_PLACES | TAKES_FORMAT | TAKES_FOLLOW | TAKES_COLOR | TAKES_JOBS | TAKES_RANGE |
             TAKES_STATE | TAKES_BY | TAKES_GROUP | TAKES_TASKS,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_THREAD,
    .columns = "process,thread,thread_id,wall,cpu_time,kernel,kernel_unknown,on_cpu_share,"
               "ready_share,gil_wait_share,blocked_share,unknown_share,samples,unattributed",
    .machine_columns = "process,thread,thread_id,kind,wall,cpu_time,kernel,kernel_unknown,on_cpu,"
                       "ready,gil_wait,blocked,"
                       "unknown,on_cpu_share,ready_share,gil_wait_share,blocked_share,"
                       "unknown_share,ticks,samples,"
                       "unattributed",
    .sort = "cpu_time,samples,process,thread,thread_id",
    .build = build_threads,
};

/* ---- tasks ---- */

/* Where it was for longest: the innermost frame. */
static struct frame longest_frame(const struct profile *profile, const struct profile_thread *t,
                                  uint64_t *wall)
{
    const struct tree *const tree = &profile->tree;
    uint32_t best = TREE_ROOT;
    memset(wall, 0, profile->symbols.n_places * sizeof *wall);
    for (int c = 0; c < CLASS_COUNT; c++) {
        struct sheet_page page = {0};
        while (sheet_next_page(&t->sheets[c], &page)) {
            for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < tree->n; i++) {
                const uint32_t place = tree->nodes[page.first + i].place;
                if (page.weights[i].samples == 0)
                    continue;
                wall[place] += page.weights[i].wall;
                if (best == TREE_ROOT || wall[place] > wall[tree->nodes[best].place])
                    best = page.first + i;
            }
        }
    }
    return best == TREE_ROOT ? (struct frame){.function = "", .file = ""}
                             : symbols_frame(&profile->symbols, tree->nodes[best].place);
}

static enum status build_tasks(struct request *request, struct view *view, struct problem *why)
{
    struct profile *const profile = &request->profile;
    size_t n = 0;
    bool any = false;
    (void)why;

    profile->by_task = true;
    request_profile(request);
    profile_keep_stacks(profile, &request->select);
    view->shape = SHAPE_TABLE;
    uint64_t *const wall = memory_get((profile->symbols.n_places + 1) * sizeof *wall);
    struct group *const group = view_add_group(view, NULL, profile->n_threads);
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        const bool has_samples = weights_sum(&t->total).samples > 0;
        any = any || has_samples;
        if (t->thread->task == NULL || !has_samples)
            continue;
        group->rows[n++] = (struct row){.process = t->thread->process,
                                        .thread = t->thread,
                                        .is_task = true,
                                        .frame = longest_frame(profile, t, wall),
                                        .self = &t->total,
                                        .total = &t->total};
    }
    free(wall);
    group->n_rows = n;
    if (n == 0) {
        view->n_groups = 0;
        view->nothing = !any;
        if (any)
            view_add_note(view, "No task of an event loop was seen running.");
    }
    return STATUS_OK;
}

const struct command command_tasks = {
    .name = "tasks",
    .synopsis = "[options] FILE...",
    .summary = "the tasks of event loops: what they used, and for what they kept the loop",
    .text = "A row is all tasks of one name in one thread, while they ran. wall is how long they "
            "had the event loop to themselves, so that no other task could run; cpu_time is the "
            "CPU that they used meanwhile; the shares say for how much of wall they were on a "
            "CPU, waited for the GIL or were blocked. The place is where they were for longest. "
            "Time in which a task waits in an await does not count, because the task does not "
            "run then.\n"
            "\n"
            "A task is called what the program calls it (create_task(.., name=), set_name()), "
            "else like its coroutine. asyncio itself says which task runs; with trio, curio and "
            "others the task is the outermost coroutine on the stack. Per process, a trace keeps "
            "the first 512 names that the program gives, so that a name for each request does "
            "not fill it; tasks of further names are called like their coroutines.\n"
            "\n"
            "--task NAME, for this and other commands, chooses the samples in which such a task "
            "ran. With --tasks, lines, functions, threads, export and others show what a thread "
            "did in tasks as threads of their own.",
    .example = "pyanalyze tasks --sort blocked run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_PLACES | TAKES_FORMAT | TAKES_COLOR | TAKES_PATHS | TAKES_JOBS | TAKES_RANGE |
             TAKES_STATE | TAKES_BY,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_TASK,
    .columns = "process,thread,task,wall,cpu_time,on_cpu_share,ready_share,gil_wait_share,"
               "blocked_share,samples,place,function",
    .machine_columns = "process,thread,thread_id,task,wall,cpu_time,kernel,kernel_unknown,on_cpu,"
                       "ready,gil_wait,blocked,unknown,ticks,samples,file,line,function",
    .sort = "cpu_time,samples,process,thread,task",
    .build = build_tasks,
};
