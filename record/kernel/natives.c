/* SPDX-License-Identifier: MIT */
#include "natives.h"

#include "record/base/clocks.h"
#include "record/tables/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PERIOD_MIN_NS 100000000u /* between two looks: an eighth of the process's age .. */
#define PERIOD_MAX_NS 250000000u /* .. between these, .. */
#define AGE_MIN_NS    500000000u /* younger processes are not looked at */
#define UNSEEN_MIN_NS 20000000u
#define UNSEEN_PART   200u /* of the process's: half a percent */
#define COST_FACTOR   500u /* .. and so that looking costs at most 1/500 of a CPU */

/* One look at the threads of one process. */
struct look {
    struct natives *natives;
    pid_t pid;
    pid_t *python; /* sorted */
    uint32_t n_python;
};

void natives_clear(struct natives *natives)
{
    free(natives->rows);
    *natives = (struct natives){0};
}

static struct native *alive_find(struct natives *natives, pid_t tid)
{
    for (uint32_t i = 0; i < natives->n; i++)
        if (natives->rows[i].tid == tid && natives->rows[i].is_alive)
            return &natives->rows[i];
    return NULL;
}

/* A row for a thread that begins to count at `zero_ns`; NULL when there are too many alive. */
static struct native *row_add(struct natives *natives, pid_t tid, uint64_t zero_ns)
{
    struct native *row = NULL;
    if (natives->n < NATIVES_MAX) {
        if (!vec_room(&natives->rows, &natives->capacity, natives->n + 1ull, sizeof *row))
            return NULL;
        row = &natives->rows[natives->n++];
    }
    for (uint32_t i = 0; i < natives->n && row == NULL; i++)
        if (!natives->rows[i].is_alive)
            row = &natives->rows[i];
    if (row != NULL)
        *row =
            (struct native){.tid = tid, .is_alive = true, .zero_ns = zero_ns, .clock_ns = zero_ns};
    return row;
}

static void clock_set(struct natives *natives, struct native *row, uint64_t clock_ns)
{
    const uint64_t cpu_ns = clock_ns - row->zero_ns;
    row->clock_ns = clock_ns;
    row->is_changed = row->is_changed || cpu_ns != row->cpu_ns;
    natives->total_ns += cpu_ns - row->cpu_ns;
    row->cpu_ns = cpu_ns;
}

static int tid_compare(const void *a, const void *b)
{
    const pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
    return (left > right) - (left < right);
}

static struct native *outer_find(struct natives *natives, pid_t outer)
{
    for (uint32_t i = 0; i < natives->n; i++)
        if (natives->rows[i].outer == outer && natives->rows[i].is_alive)
            return &natives->rows[i];
    return NULL;
}

static bool is_python(const struct look *look, pid_t tid)
{
    return bsearch(&tid, look->python, look->n_python, sizeof tid, tid_compare) != NULL;
}

/* The number that the process has for it; what is not to be found out is nobody's. */
static bool number_find(const struct look *look, pid_t outer, pid_t *tid)
{
    const struct native *const row =
        look->natives->is_nested ? outer_find(look->natives, outer) : NULL;
    bool is_nested;
    *tid = row != NULL ? row->tid : outer;
    return row != NULL || !look->natives->is_nested ||
           procfs_inner_number(look->pid, outer, tid, &is_nested);
}

static void thread_look(void *closure, pid_t outer)
{
    struct look *look = closure;
    char name[PROCFS_COMM_MAX];
    struct procfs_schedule schedule;
    pid_t tid;
    look->natives->has_seen = true;
    if (!number_find(look, outer, &tid) || is_python(look, tid) ||
        !procfs_comm(look->pid, outer, name) ||
        strncmp(name, NATIVES_OURS, strlen(NATIVES_OURS)) == 0 ||
        !procfs_schedule_read(look->pid, outer, &schedule))
        return;
    const uint64_t clock_ns = schedule.ran_ns;
    struct native *row = alive_find(look->natives, tid);
    if (row != NULL && clock_ns < row->clock_ns) { /* the same number, another thread */
        row->is_alive = false;
        row = NULL;
    }
    if (row == NULL)
        row = row_add(look->natives, tid, look->natives->is_late ? clock_ns : 0);
    if (row == NULL)
        return;
    snprintf(row->name, sizeof row->name, "%s", name);
    row->outer = outer;
    row->is_seen = true;
    if (row->looks < NATIVES_LOOKS)
        row->looks++;
    clock_set(look->natives, row, clock_ns);
}

/* Those that were not seen are dead; the dead that never used any CPU are forgotten. */
static void dead_sweep(struct natives *natives)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < natives->n; i++) {
        struct native *row = &natives->rows[i];
        row->is_alive = row->is_alive && row->is_seen;
        row->is_seen = false;
        if (row->is_alive || row->cpu_ns != 0)
            natives->rows[n++] = *row;
    }
    natives->n = n;
}

static void schedule(struct natives *natives, uint64_t age_ns, uint64_t now_ns)
{
    uint64_t period_ns = age_ns / 8;
    if (period_ns > PERIOD_MAX_NS)
        period_ns = PERIOD_MAX_NS;
    if (period_ns < COST_FACTOR * natives->look_cost_ns)
        period_ns = COST_FACTOR * natives->look_cost_ns;
    if (period_ns < PERIOD_MIN_NS)
        period_ns = PERIOD_MIN_NS;
    natives->next_look_ns = now_ns + period_ns;
}

/*
 * Not a look unless there is something to see. To list a directory in /proc makes the kernel
 * remember each of its entries, and to forget them when a process ends while one of its threads is
 * about to do the same can keep its parent spinning in wait() for milliseconds. The number of links
 * is free.
 */
static bool has_natives(const struct natives *natives, const char *directory, uint32_t n_python)
{
    struct stat about;
    for (uint32_t i = 0; i < natives->n; i++)
        if (natives->rows[i].is_alive)
            return true;
    if (!procfs_is_ours() || stat(directory, &about) != 0)
        return true;                           /* the look will show nothing */
    return about.st_nlink != 2 + n_python + 1; /* the sampler */
}

void natives_look(struct natives *natives, pid_t pid, const struct roster *roster, uint64_t age_ns,
                  uint64_t now_ns, enum natives_when when)
{
    if (when == NATIVES_IF_DUE && (now_ns < natives->next_look_ns || age_ns < AGE_MIN_NS))
        return;
    const uint64_t begin_ns = clocks_mono_ns();
    char directory[64];
    struct look look = {natives, pid, calloc(roster->n + 1, sizeof(pid_t)), 0};
    if (look.python == NULL)
        return;
    for (uint32_t i = 0; i < roster->n; i++)
        if (!roster->threads[i]->is_ended)
            look.python[look.n_python++] = (pid_t)roster->threads[i]->os_tid;
    qsort(look.python, look.n_python, sizeof *look.python, tid_compare);
    snprintf(directory, sizeof directory, "/proc/%d/task", pid);
    const bool is_worth = has_natives(natives, directory, look.n_python);
    if (!is_worth || procfs_each_number(directory, thread_look, &look))
        dead_sweep(natives);
    else
        natives->is_blind = true;
    natives->has_seen = natives->has_seen || !is_worth;
    natives->is_late = false;
    free(look.python);
    natives->look_cost_ns = clocks_mono_ns() - begin_ns;
    schedule(natives, age_ns, now_ns);
}

void natives_adopt(struct natives *natives, pid_t tid, uint64_t zero_ns)
{
    struct native *row = alive_find(natives, tid);
    if (row == NULL)
        return;
    uint64_t clock_ns = zero_ns > row->zero_ns ? zero_ns : row->zero_ns;
    if (row->is_written && clock_ns < row->clock_ns)
        clock_ns = row->clock_ns; /* what was said cannot be taken back */
    clock_set(natives, row, clock_ns);
    row->is_alive = false;
}

void natives_adopt_found(struct natives *natives, pid_t pid, pid_t tid, uint64_t zero_ns)
{
    if (alive_find(natives, tid) == NULL && !natives->is_late && zero_ns > 0) {
        struct native *const row = row_add(natives, tid, 0);
        if (row != NULL) {
            row->looks = NATIVES_LOOKS;
            if (natives->is_nested || !procfs_comm(pid, tid, row->name))
                row->name[0] = '\0';
        }
    }
    natives_adopt(natives, tid, zero_ns);
}

bool natives_is_due(const struct native *native)
{
    return native->is_changed && native->looks >= NATIVES_LOOKS;
}

void natives_have_written(struct natives *natives)
{
    for (uint32_t i = 0; i < natives->n; i++) {
        struct native *row = &natives->rows[i];
        row->is_written = row->is_written || natives_is_due(row);
        row->is_changed = row->is_changed && row->looks < NATIVES_LOOKS;
    }
}

void natives_add_unseen(struct natives *natives, uint64_t cpu_ns, uint64_t process_cpu_ns)
{
    if (cpu_ns < UNSEEN_MIN_NS || cpu_ns < process_cpu_ns / UNSEEN_PART)
        return;
    struct native *row = row_add(natives, 0, 0);
    if (row == NULL)
        return;
    const bool is_hidden = natives->is_blind && !natives->has_seen;
    snprintf(row->name, sizeof row->name, "%s", is_hidden ? NATIVES_HIDDEN : NATIVES_UNSEEN);
    row->is_alive = false;
    clock_set(natives, row, cpu_ns);
}

void natives_release(struct natives *natives, pid_t tid, uint64_t clock_ns)
{
    if (alive_find(natives, tid) == NULL)
        row_add(natives, tid, clock_ns);
}
