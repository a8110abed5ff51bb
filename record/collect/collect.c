/* SPDX-License-Identifier: MIT */
#include "collect.h"

#include "record/base/clocks.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <sys/epoll.h>

#define FILL_HIGH 0.25     /* of a ring between two visits: come twice as often */
#define FILL_LOW  0.06     /* half as often will do */
#define STEP_NS   10000000 /* a step, not a correction */

#define SOURCES_VISITS 8 /* while its agent goes on writing */

void collect_init(struct collect *collect, struct emit *emit, int epoll_fd, bool is_first_only)
{
    *collect = (struct collect){.emit = emit,
                                .epoll_fd = epoll_fd,
                                .is_first_only = is_first_only,
                                .visit_ns = COLLECT_VISIT_MAX_NS};
    missing_init(&collect->missing);
}

void collect_clear(struct collect *collect)
{
    for (uint32_t i = 0; i < collect->n; i++)
        process_free(collect->processes[i]);
    free(collect->processes);
    free(collect->left);
    free(collect->told);
    free(collect->attached);
    missing_clear(&collect->missing);
    symbol_files_clear(&collect->symbol_files);
    collect->processes = NULL;
    collect->left = NULL;
    collect->told = NULL;
    collect->attached = NULL;
    collect->n = collect->n_left = collect->n_told = collect->n_attached = 0;
}

/* ---- leaving ---- */

static void left_remember(struct collect *collect, const struct process *process)
{
    if (vec_room(&collect->left, &collect->left_capacity, collect->n_left + 1ull,
                 sizeof *collect->left))
        collect->left[collect->n_left++] = (struct collect_left){
            process->pid, process->about.os_start, process->about.image, process->cpu_clock_ns};
}

/* Finish the i-th process and take it off the list. */
static void finish(struct collect *collect, uint32_t i, const char *reason,
                   const struct exit_status *end)
{
    struct process *process = collect->processes[i];
    process_finish(process, collect->emit, clocks_mono_ns(), reason, end);
    account_add(&collect->total, &process->account);
    collect->n_threads += process->stream.n_threads;
    char left[200];
    if (process->problem.status == STATUS_OK && process_left_text(process, left, sizeof left))
        problem_set(&process->problem, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", left);
    if (process->problem.status != STATUS_OK) {
        collect->n_broken++;
        collect->broken = process->problem;
    }
    collect->n_fds -= process_fds(process);
    process_free(process);
    collect->processes[i] = collect->processes[--collect->n];
}

/* A fork that only called exec is told of as a number. Its samples would be of nothing else. */
static void forget_helper(struct collect *collect, uint32_t i)
{
    struct process *process = collect->processes[i];
    process_stop(process);
    process_look_clock(process);
    collect->n_helpers++;
    collect->helpers_cpu_ns += process_own_cpu_ns(process, process->cpu_clock_ns);
    collect->n_fds -= process_fds(process);
    process_free(process);
    collect->processes[i] = collect->processes[--collect->n];
}

static void finish_exec(struct collect *collect, uint32_t i)
{
    const struct exit_status alive = {.is_known = false};
    struct process *process = collect->processes[i];
    const bool is_helper = process_is_helper(process);
    process->has_left = true;
    process_note(process, PROCESS_EXEC, 0);
    process_look_clock(process);
    if (is_helper) {
        forget_helper(collect, i);
        return;
    }
    left_remember(collect, process);
    finish(collect, i, "exec", &alive);
}

static void finish_dead(struct collect *collect, uint32_t i)
{
    struct process *process = collect->processes[i];
    struct exit_status end;
    if (process_has_called_exec(process)) { /* it was another program that died */
        finish_exec(collect, i);
        return;
    }
    process->is_dead = true;
    exit_status_find(process->pid, process->pidfd, &end);
    finish(collect, i, end.signal != 0 ? "killed" : "exited", &end);
}

void collect_reap(struct collect *collect, uint32_t number)
{
    for (uint32_t i = 0; i < collect->n; i++) {
        if (collect->processes[i]->about.number == number) {
            finish_dead(collect, i);
            return;
        }
    }
}

void collect_stop(struct collect *collect, const char *reason)
{
    const struct exit_status alive = {.is_known = false};
    while (collect->n > 0) {
        process_look(collect->processes[collect->n - 1], clocks_mono_ns());
        if (vec_room(&collect->told, &collect->told_capacity, collect->n_told + 1ull,
                     sizeof *collect->told))
            collect->told[collect->n_told++] = collect->processes[collect->n - 1]->pid;
        finish(collect, collect->n - 1, reason, &alive);
    }
}

/* ---- coming ---- */

static int64_t index_of_pid(const struct collect *collect, pid_t pid)
{
    for (uint32_t i = 0; i < collect->n; i++)
        if (collect->processes[i]->pid == pid)
            return i;
    return -1;
}

bool collect_knows(const struct collect *collect, pid_t pid)
{
    return index_of_pid(collect, pid) >= 0;
}

/* Its predecessors under the same number: one still on the list is gone now. */
static void image_count(struct collect *collect, struct process *process)
{
    const int64_t before = index_of_pid(collect, process->pid);
    const struct exit_status alive = {.is_known = false};
    bool is_image = false;
    if (before >= 0 && process_is_over(collect->processes[before]))
        finish(collect, (uint32_t)before, "stopped", &alive); /* and is attached to again */
    else if (before >= 0 && collect->processes[before]->about.os_start == process->about.os_start)
        finish_exec(collect, (uint32_t)before);
    else if (before >= 0)
        finish_dead(collect, (uint32_t)before);
    for (uint32_t i = 0; i < collect->n_left; i++)
        if (collect->left[i].pid == process->pid &&
            collect->left[i].os_start == process->about.os_start &&
            collect->left[i].image >= process->about.image) {
            process->about.image = collect->left[i].image + 1;
            is_image = true;
            if (process->cpu_zero_ns == 0)
                process->cpu_zero_ns = collect->left[i].cpu_ns;
        }
    collect->n_images += is_image;
}

static void watch(const struct collect *collect, const struct process *process)
{
    struct epoll_event event = {.events = EPOLLIN};
    event.data.u64 = COLLECT_EPOLL_KIND << 32 | process->about.number;
    if (process->pidfd >= 0)
        (void)epoll_ctl(collect->epoll_fd, EPOLL_CTL_ADD, process->pidfd, &event);
}

static bool is_wanted(const struct collect *collect, pid_t pid)
{
    return collect->emit->problem.status == STATUS_OK && collect->n_ever < LIMIT_PROCESSES - 1 &&
           (!collect->is_first_only || collect->n_ever == 0 || pid == collect->first_pid);
}

void collect_attached(struct collect *collect, const struct collect_attached *attached)
{
    if (vec_room(&collect->attached, &collect->attached_capacity, collect->n_attached + 1ull,
                 sizeof *collect->attached))
        collect->attached[collect->n_attached++] = *attached;
}

static void attached_complete(struct collect *collect, struct process *process)
{
    struct encode_attached *const to = &process->attached;
    if (process->about.attached == NULL || to->is_inherited)
        return;
    for (uint32_t i = 0; i < collect->n_attached; i++) {
        const struct collect_attached from = collect->attached[i];
        if (from.pid != process->pid)
            continue;
        to->stopped_ns = from.stopped_ns;
        to->held_ns = from.held_ns;
        to->way =
            from.is_by_memory ? PYREC__V1__ATTACHED__WAY__MEMORY : PYREC__V1__ATTACHED__WAY__PATH;
        to->n_threads = from.n_threads;
        to->is_children_looked = from.is_children_looked;
        to->n_children = from.n_children;
        collect->attached[i] = collect->attached[--collect->n_attached];
        return;
    }
}

static void guest_enter(struct collect *collect, struct process *process)
{
    image_count(collect, process);
    attached_complete(collect, process);
    const int64_t parent = index_of_pid(collect, (pid_t)process->about.parent_pid);
    if (parent >= 0 && process->about.image == 0)
        process_note(collect->processes[parent], PROCESS_FORKED, process->pid);
    if (process->head->is_newer)
        collect->newer_hexversion = process->head->python_hexversion;
    if (collect->n_ever++ == 0)
        collect->first_pid = process->pid;
    collect->processes[collect->n++] = process;
    collect->n_fds += process_fds(process);
    watch(collect, process);
    if (process->is_dead || process_has_died(process))
        finish_dead(collect, collect->n - 1);
}

void collect_refuse(struct collect *collect, const struct hello_guest *guest, const char *reason)
{
    struct procfs_stat is = {.start = 0};
    char name[PROCFS_COMM_MAX] = "";
    (void)procfs_stat_read(guest->pid, &is);
    (void)procfs_comm(guest->pid, guest->pid, name);
    missing_add(&collect->missing, MISSING_PYTHON, (struct missing_who){guest->inner_pid, is.start},
                reason, name);
}

void collect_save_descriptors(struct collect *collect, uint64_t n_fds)
{
    for (int what = 0; what < 2; what++)
        for (uint32_t i = 0; i < collect->n && collect->n_fds > n_fds; i++) {
            struct process *process = collect->processes[i];
            collect->n_fds -= process_fds(process);
            process_save_descriptor(process, what == 0 ? PROCESS_CONNECTION : PROCESS_PIDFD);
            collect->n_fds += process_fds(process);
        }
}

void collect_add(struct collect *collect, const struct hello_guest *guest)
{
    struct process *process;
    struct problem why = {.status = STATUS_OK};
    const enum status status =
        process_open(&process, guest, collect->n_ever + 1, collect->emit, &why);
    if (status != STATUS_OK) {
        collect_refuse(collect, guest, why.detail);
        return;
    }
    if (collect->chunk_ns != 0)
        process->stream.chunk_ns = collect->chunk_ns;
    process->stream.modules.files = &collect->symbol_files;
    process->stream.modules.pid = process->pid;
    if (!is_wanted(collect, process->pid) ||
        !vec_room(&collect->processes, &collect->capacity, collect->n + 1ull,
                  sizeof *collect->processes)) {
        process_stop(process);
        process_free(process);
        return;
    }
    guest_enter(collect, process);
}

/* ---- visiting ---- */

/* False when the i-th process has been finished and another one has taken its place. */
static bool visit(struct collect *collect, uint32_t i, uint64_t now_ns, bool *is_empty)
{
    const struct exit_status alive = {.is_known = false};
    struct process *process = collect->processes[i];
    if (!process_visit(process, collect->emit, now_ns))
        *is_empty = false;
    if (process->problem.status != STATUS_OK) {
        process_stop(process);
        finish(collect, i, "broken", &alive);
    } else if (process_has_died(process)) {
        finish_dead(collect, i);
    } else if (process_is_over(process)) {
        finish(collect, i, "stopped", &alive);
    } else if (process_has_left(process, now_ns)) {
        finish_exec(collect, i);
    } else {
        return true;
    }
    return false;
}

bool collect_visit(struct collect *collect, uint64_t now_ns)
{
    bool is_empty = true;
    double fill = 0;
    for (uint32_t i = 0; i < collect->n;) {
        if (!visit(collect, i, now_ns, &is_empty))
            continue;
        if (collect->processes[i]->fill > fill)
            fill = collect->processes[i]->fill;
        i++;
    }
    if (fill > FILL_HIGH && collect->visit_ns / 2 >= COLLECT_VISIT_MIN_NS)
        collect->visit_ns /= 2;
    else if (fill < FILL_LOW && collect->visit_ns < COLLECT_VISIT_MAX_NS)
        collect->visit_ns *= 2;
    return is_empty;
}

void collect_look_clock(struct collect *collect, int64_t wall_ns, uint64_t mono_ns)
{
    const int64_t ahead_ns = wall_ns - (int64_t)mono_ns;
    const int64_t step_ns = ahead_ns - collect->wall_ahead_ns;
    const bool is_step = step_ns > STEP_NS || step_ns < -STEP_NS;
    for (uint32_t i = 0; i < collect->n && is_step && collect->wall_ahead_ns != 0; i++)
        process_note(collect->processes[i], PROCESS_CLOCK_STEP, step_ns);
    collect->wall_ahead_ns = ahead_ns;
}

void collect_flush(struct collect *collect)
{
    for (uint32_t i = 0; i < collect->n; i++)
        process_flush(collect->processes[i], collect->emit);
}

/* What cannot begin a new generation for want of memory is ended at the next visit. */
bool collect_sources(struct collect *collect, pid_t pid, int memfd)
{
    const int64_t i = index_of_pid(collect, pid);
    if (i < 0)
        return false;
    struct process *const process = collect->processes[i];
    for (int n = 0; n < SOURCES_VISITS; n++) /* so that what has run has its name */
        if (process_visit(process, collect->emit, clocks_mono_ns()))
            break;
    process_take_sources(process, memfd, collect->emit->sections);
    process_flush(process, collect->emit);
    return true;
}

void collect_look_section(struct collect *collect, uint64_t now_ns)
{
    if (!emit_section_due(collect->emit, now_ns))
        return;
    collect_flush(collect);
    emit_begin_section(collect->emit, now_ns);
    for (uint32_t i = 0; i < collect->n; i++)
        if (collect->processes[i]->problem.status == STATUS_OK)
            process_begin_section(collect->processes[i], collect->emit->sections, now_ns);
}
