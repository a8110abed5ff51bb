/* SPDX-License-Identifier: MIT */
#include "patrol.h"

#include "format/base/bisect.h"
#include "record/tables/vec.h"
#include "suspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKS_MAX 8 /* at ages of 1, 2, 4, .. s: a Python may arrive late in a program */

/* A process of the machine. */
struct patrol_row {
    pid_t pid;
    uint64_t start;
    bool is_ours, is_there;
    bool is_in_exec;  /* only its environment could tell, and cannot be read yet */
    bool is_recorded; /* it was, at some time */
    uint8_t looks;
    dev_t exe_device;
    ino_t exe_inode;
    uint64_t look_ns; /* when to look at it (again); 0 = not yet decided */
    struct suspect suspect;
};

void patrol_init(struct patrol *patrol, struct collect *collect, const char *cookie,
                 const char *library)
{
    struct procfs_stat self = {.start = UINT64_MAX};
    (void)procfs_stat_read(getpid(), &self);
    *patrol = (struct patrol){
        .collect = collect, .cookie = cookie, .library = library, .start = self.start};
}

/* Rows are in order of pid, as /proc is, mostly. */
static bool is_before(const void *rows, size_t i, const void *pid)
{
    return ((const struct patrol_row *)rows)[i].pid < *(const pid_t *)pid;
}

static uint32_t row_lower(const struct patrol *patrol, pid_t pid)
{
    return (uint32_t)bisect(patrol->rows, patrol->n, is_before, &pid);
}

static struct patrol_row *row_find(const struct patrol *patrol, pid_t pid)
{
    const uint32_t i = row_lower(patrol, pid);
    return i < patrol->n && patrol->rows[i].pid == pid ? &patrol->rows[i] : NULL;
}

static bool is_descendant(const struct patrol *patrol, pid_t pid, const struct procfs_stat *is)
{
    const struct patrol_row *parent = row_find(patrol, is->parent);
    for (uint32_t i = 0; i < patrol->n_roots; i++)
        if (pid == patrol->roots[i] || is->parent == patrol->roots[i])
            return true;
    if (patrol->n_roots > 0 && parent != NULL && parent->is_ours)
        return true;
    return is->start >= patrol->start &&
           (pid == patrol->command || (parent != NULL && parent->is_ours) ||
            collect_knows(patrol->collect, is->parent));
}

/* Who was adopted has no parent of ours any more, but perhaps our environment. */
static void row_decide(const struct patrol *patrol, struct patrol_row *row,
                       const struct procfs_stat *is)
{
    row->is_in_exec = false;
    if (row->pid == getpid())
        return;
    row->is_ours = is_descendant(patrol, row->pid, is);
    if (row->is_ours || is->start < patrol->start)
        return;
    const enum procfs_has has = procfs_environment_has(row->pid, patrol->cookie);
    row->is_ours = has == PROCFS_HAS;
    row->is_in_exec = has == PROCFS_IN_EXEC;
}

static void row_add(struct patrol *patrol, pid_t pid)
{
    struct procfs_stat is;
    if (!procfs_stat_read(pid, &is) ||
        !vec_room(&patrol->rows, &patrol->capacity, patrol->n + 1ull, sizeof *patrol->rows))
        return;
    struct patrol_row row = {.pid = pid, .start = is.start, .is_there = true};
    row_decide(patrol, &row, &is);
    const uint32_t at = row_lower(patrol, pid);
    memmove(patrol->rows + at + 1, patrol->rows + at, (patrol->n - at) * sizeof *patrol->rows);
    patrol->rows[at] = row;
    patrol->n++;
}

/* Who has no words and no environment looks like it, too: so not for ever. */
static void row_decide_again(const struct patrol *patrol, struct patrol_row *row)
{
    struct procfs_stat is;
    if (!row->is_in_exec || row->looks >= LOOKS_MAX)
        return;
    row->looks++;
    if (procfs_stat_read(row->pid, &is) && is.start == row->start)
        row_decide(patrol, row, &is);
    if (!row->is_in_exec)
        row->looks = 0;
}

static void pid_note(void *closure, pid_t pid)
{
    struct patrol *patrol = closure;
    struct patrol_row *row = row_find(patrol, pid);
    if (row == NULL) {
        row_add(patrol, pid);
        return;
    }
    row->is_there = true;
    row_decide_again(patrol, row);
}

/* ---- one of ours ---- */

static void row_judge(const struct patrol_row *row, struct missing *missing)
{
    const struct missing_who who = {row->suspect.inner_pid, row->start};
    if (row->is_ours && !row->is_recorded && row->suspect.is_suspect)
        missing_add(missing, row->suspect.is_python ? MISSING_PYTHON : MISSING_PROGRAM, who,
                    row->suspect.reason, row->suspect.name);
}

/* It may have become another program since. */
static void exe_look(struct patrol *patrol, struct patrol_row *row, uint64_t now_ns)
{
    char path[32];
    struct stat exe;
    snprintf(path, sizeof path, "/proc/%d/exe", row->pid);
    if (stat(path, &exe) != 0) {
        if (errno == ENOENT && row->look_ns != 0) /* it has ended, and nobody has asked how */
            return;
        exe.st_dev = exe.st_ino = 0;
    }
    if (row->look_ns != 0 && exe.st_dev == row->exe_device && exe.st_ino == row->exe_inode)
        return;
    row_judge(row, &patrol->collect->missing); /* of what it was until now */
    row->exe_device = exe.st_dev;
    row->exe_inode = exe.st_ino;
    row->looks = 0;
    row->look_ns = now_ns + PATROL_PATIENCE_NS;
    row->suspect = (struct suspect){.is_suspect = false};
}

static bool is_open(const struct patrol_row *row)
{
    return (row->is_in_exec || (row->is_ours && !row->is_recorded && !row->suspect.is_python)) &&
           row->looks < LOOKS_MAX;
}

static void row_join(struct patrol *patrol, struct patrol_row *row)
{
    struct problem why = {.status = STATUS_OK};
    row->is_recorded = patrol->join(patrol->closure, row->pid, &why);
    if (why.status != STATUS_OK && !row->is_recorded)
        snprintf(row->suspect.reason, sizeof row->suspect.reason, "%.*s",
                 (int)sizeof row->suspect.reason - 1, why.detail);
}

static void row_look(struct patrol *patrol, struct patrol_row *row, uint64_t now_ns)
{
    row->is_recorded = row->is_recorded || collect_knows(patrol->collect, row->pid);
    if (!row->is_ours || row->is_recorded)
        return;
    exe_look(patrol, row, now_ns);
    if (!is_open(row) || now_ns < row->look_ns)
        return;
    suspect_look(&row->suspect, row->pid, patrol->library);
    row->look_ns = now_ns + (PATROL_PATIENCE_NS << row->looks++);
    if (row->suspect.is_python && patrol->join != NULL)
        row_join(patrol, row);
}

/* ---- all ---- */

/* The last words of /proc/loadavg change with every process and thread that begins. */
static bool has_new(struct patrol *patrol)
{
    char text[128];
    const ssize_t len = procfs_read(text, sizeof text, "/proc/loadavg");
    const char *newest = len > 0 ? strrchr(text, ' ') : NULL;
    if (newest == NULL || strcmp(newest, patrol->newest) == 0)
        return newest == NULL;
    snprintf(patrol->newest, sizeof patrol->newest, "%s", newest);
    return true;
}

static void gone_remove(struct patrol *patrol)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < patrol->n; i++) {
        if (patrol->rows[i].is_there)
            patrol->rows[n++] = patrol->rows[i];
        else
            row_judge(&patrol->rows[i], &patrol->collect->missing);
    }
    patrol->n = n;
}

void patrol_look(struct patrol *patrol, pid_t command, uint64_t now_ns)
{
    if (now_ns < patrol->due_ns)
        return;
    patrol->command = command;
    patrol->due_ns = now_ns + PATROL_PERIOD_NS;
    if (patrol->n_open == 0)
        patrol->due_ns = now_ns + PATROL_QUIET_NS;
    if (!has_new(patrol) && patrol->n_open == 0)
        return;
    for (uint32_t i = 0; i < patrol->n; i++)
        patrol->rows[i].is_there = false;
    if (!procfs_each_number("/proc", pid_note, patrol))
        return;
    gone_remove(patrol);
    patrol->n_open = 0;
    for (uint32_t i = 0; i < patrol->n; i++) {
        row_look(patrol, &patrol->rows[i], now_ns);
        patrol->n_open += is_open(&patrol->rows[i]);
    }
    if (patrol->n_open > 0)
        patrol->due_ns = now_ns + PATROL_PERIOD_NS;
}

void patrol_tell(struct patrol *patrol, uint64_t now_ns, bool is_urgent)
{
    struct emit *emit = patrol->collect->emit;
    struct missing so_far;
    const bool is_new_section = patrol->told_section != emit->sections;
    if (!is_urgent && !is_new_section && now_ns - patrol->told_ns < STREAM_CHUNK_NS)
        return;
    missing_copy(&so_far, &patrol->collect->missing);
    for (uint32_t i = 0; i < patrol->n; i++)
        row_judge(&patrol->rows[i], &so_far);
    patrol->told_ns = now_ns;
    if ((is_new_section && patrol->told.n_rows > 0) || !missing_is_same(&so_far, &patrol->told)) {
        emit_missing(emit, &so_far);
        patrol->told = so_far;
        patrol->told.seen = NULL;
    }
    patrol->told_section = emit->sections;
    missing_clear(&so_far);
}

void patrol_close(struct patrol *patrol)
{
    for (uint32_t i = 0; i < patrol->n; i++)
        row_judge(&patrol->rows[i], &patrol->collect->missing);
    free(patrol->rows);
    patrol->rows = NULL;
    patrol->n = patrol->capacity = 0;
}
