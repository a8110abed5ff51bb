/* SPDX-License-Identifier: MIT */
#include "ps.h"

#include "python_find.h"
#include "record/kernel/procfs.h"
#include "record/tables/utf8.h"
#include "record/tables/vec.h"
#include "rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_MAX 4096
#define SAMPLER     "pyrec-sampler" /* the agent's thread in a recorded process */

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

static const char *base_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* All that there is to go by where its memory may not be read. */
static bool is_called_python(pid_t pid)
{
    char text[COMMAND_MAX], comm[PROCFS_COMM_MAX] = "";
    (void)procfs_comm(pid, pid, comm);
    const bool is_there = procfs_read(text, sizeof text, "/proc/%d/cmdline", pid) > 0;
    return strncmp(comm, "python", 6) == 0 ||
           (is_there && strncmp(base_of(text), "python", 6) == 0);
}

struct sampler_search {
    pid_t pid;
    bool is_found;
};

static void sampler_try(void *closure, pid_t tid)
{
    struct sampler_search *const search = closure;
    char comm[PROCFS_COMM_MAX];
    if (!search->is_found && procfs_comm(search->pid, tid, comm))
        search->is_found = strcmp(comm, SAMPLER) == 0;
}

static bool is_recorded(pid_t pid)
{
    struct sampler_search search = {.pid = pid};
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    (void)procfs_each_number(path, sampler_try, &search);
    return search.is_found;
}

static void mark_set(struct ps_row *row, const char *mark, const char *reason)
{
    row->mark = mark;
    snprintf(row->reason, sizeof row->reason, "%s", reason);
}

/* It can be read: whether something could be loaded into it, too. */
static void attach_look(struct ps_row *row, const struct python *python, pid_t tracer)
{
    char reason[PS_REASON_MAX];
    row->can_dump = row->can_attach = true;
    mark_set(row, "yes", "");
    if (tracer != 0) {
        row->can_attach = false;
        snprintf(reason, sizeof reason, "is traced by process %d", tracer);
        mark_set(row, "traced", reason);
    } else if (is_recorded(row->pid)) {
        row->can_attach = false;
        mark_set(row, "recorded", "is being recorded already");
    } else if (python->is_musl) {
        row->can_attach = false;
        mark_set(row, "musl", "has a libc that the recorder does not know (musl)");
    }
}

/* Whether the process is one to list. */
static bool python_look(struct ps_row *row, pid_t tracer)
{
    struct remote remote;
    struct python python;
    struct problem why;
    const int error = remote_open(&remote, row->pid);
    if (error != 0) {
        if (!is_called_python(row->pid) || rights_explain(row->pid, error, &why) != STATUS_IO)
            return false; /* gone, a zombie, the kernel's own, or something else */
        mark_set(row, "no rights", why.detail);
        return true;
    }
    switch (python_find(&python, &remote, &why)) {
    case PYTHON_NONE:
        return false;
    case PYTHON_REFUSED:
        if (why.status != STATUS_UNSUPPORTED)
            return false; /* it went away */
        if (python.interp.code_type == 0 && !is_called_python(row->pid))
            return false;
        mark_set(row, python.interp.code_type == 0 ? "static" : "unknown", why.detail);
        if (strstr(why.detail, "32-bit") != NULL)
            row->mark = "32-bit";
        return true;
    case PYTHON_FOUND:
        python_version_text(python.interp.hexversion, row->version, sizeof row->version);
        attach_look(row, &python, tracer);
        return true;
    }
    return false;
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
    pid_t tracer;
    if (looking->has_failed || pid == getpid() || !rights_owner(pid, &row.uid, &tracer) ||
        (!ps->is_all && row.uid != getuid()))
        return;
    ps->n_looked_at++;
    if (!python_look(&row, tracer) || !procfs_stat_read(pid, &stat))
        return;
    rights_user_name(row.uid, row.user, sizeof row.user);
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
