/* SPDX-License-Identifier: MIT */
#include "ps.h"

#include "record/kernel/procfs.h"
#include "record/regard/regard.h"
#include "record/tables/utf8.h"
#include "record/tables/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_MAX 4096

struct looking {
    struct ps *ps;
    bool has_failed;
};

void ps_clear(struct ps *ps)
{
    for (uint32_t i = 0; i < ps->n; i++)
        free(ps->rows[i].command);
    free(ps->rows);
    *ps = (struct ps){.rows = NULL};
}

/* ---- one process ---- */

static char *command_read(pid_t pid)
{
    char text[COMMAND_MAX], clean[4 * COMMAND_MAX];
    ssize_t n = procfs_read(text, sizeof text, "/proc/%d/cmdline", pid);
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    const size_t len = n > 0 ? utf8_clean(text, (size_t)n, clean, sizeof clean - 1) : 0;
    clean[len] = '\0';
    return strdup(clean);
}

/* All that there is to go by where its memory may not be read. */
static bool is_called_python(pid_t pid)
{
    char text[COMMAND_MAX], comm[PROCFS_COMM_MAX] = "";
    (void)procfs_comm(pid, pid, comm);
    const bool is_there = procfs_read(text, sizeof text, "/proc/%d/cmdline", pid) > 0;
    return strncmp(comm, "python", 6) == 0 ||
           (is_there && strncmp(basename(text), "python", 6) == 0);
}

/* Whether the process is one to list. */
static bool python_look(struct ps_row *row)
{
    struct regard regard;
    regard_open(&regard, row->pid, 0);
    const enum reason reason = regard.not_to_attach;
    const enum reason_listing listing = reason_listing(reason);
    row->can_dump = regard.not_to_look == REASON_NONE;
    row->can_attach = reason == REASON_NONE;
    row->mark = reason_mark(reason);
    reason_clause(reason, &regard.facts, row->reason, sizeof row->reason);
    if (regard.facts.python == PYTHON_FOUND)
        python_version_text(regard.python.interp.hexversion, row->version, sizeof row->version);
    regard_close(&regard);
    return listing == LIST_YES || (listing == LIST_IF_CALLED_PYTHON && is_called_python(row->pid));
}

static uint32_t threads_count(pid_t pid)
{
    char text[4096];
    uint64_t n = 0;
    if (procfs_read(text, sizeof text, "/proc/%d/status", pid) > 0)
        (void)procfs_status_number(text, "Threads", 10, &n);
    return (uint32_t)n;
}

static void process_take(void *closure, pid_t pid)
{
    struct looking *const looking = closure;
    struct ps *const ps = looking->ps;
    struct ps_row row = {.pid = pid};
    struct procfs_stat stat;
    if (looking->has_failed || pid == getpid() || !procfs_user(pid, &row.uid) ||
        (!ps->is_all && row.uid != getuid()))
        return;
    ps->n_looked_at++;
    if (!python_look(&row) || !procfs_stat_read(pid, &stat))
        return;
    reason_user_name(row.uid, row.user, sizeof row.user);
    row.n_threads = threads_count(pid);
    row.cpu_seconds = (double)stat.cpu_ticks / (double)sysconf(_SC_CLK_TCK);
    row.command = command_read(pid);
    if (row.command == NULL ||
        !vec_room(&ps->rows, &ps->capacity, ps->n + 1ull, sizeof *ps->rows)) {
        free(row.command);
        looking->has_failed = true;
        return;
    }
    ps->rows[ps->n++] = row;
}

static int pid_order(const void *a, const void *b)
{
    const struct ps_row *const one = a, *const other = b;
    return (one->pid > other->pid) - (one->pid < other->pid);
}

enum status ps_take(struct ps *ps, struct problem *why)
{
    struct looking looking = {.ps = ps};
    ps->is_all = getuid() == 0;
    if (!procfs_each_number("/proc", process_take, &looking))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "there is no /proc of this PID namespace here: no process can be seen");
    if (looking.has_failed)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "no memory left for the list");
    if (ps->n > 0)
        qsort(ps->rows, ps->n, sizeof *ps->rows, pid_order);
    return STATUS_OK;
}
