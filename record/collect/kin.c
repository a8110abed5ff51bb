/* SPDX-License-Identifier: MIT */
#include "kin.h"

#include "record/kernel/procfs.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <unistd.h>

#define TIDY_FIRST 256u
#define LINE_MAX   128 /* ancestors of a process */
#define LOOKS      3 /* they may end while they are looked at, and leave their children to others */

static bool is_listed(const struct kin *kin, pid_t pid, uint64_t start)
{
    for (uint32_t i = 0; i < kin->n; i++)
        if (kin->list[i].pid == pid && kin->list[i].start == start)
            return true;
    return false;
}

static void tidy(struct kin *kin)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < kin->n; i++) {
        if (procfs_is_same(kin->list[i].pid, kin->list[i].start))
            kin->list[to++] = kin->list[i];
    }
    kin->n = to;
    kin->tidy_at = to < TIDY_FIRST / 2 ? TIDY_FIRST : 2 * to;
}

bool kin_add(struct kin *kin, pid_t pid)
{
    struct procfs_stat is;
    if (!kin->is_closed && procfs_stat_read(getpid(), &is))
        kin->since = is.start;
    kin->is_closed = true;
    if (!procfs_stat_read(pid, &is))
        return false;
    if (is_listed(kin, pid, is.start))
        return true;
    if (kin->n >= kin->tidy_at)
        tidy(kin);
    if (!vec_room(&kin->list, &kin->capacity, kin->n + 1ull, sizeof *kin->list))
        return false;
    kin->list[kin->n++] = (struct kin_one){pid, is.start};
    return true;
}

/* PID 1, or what is that for the processes of its namespace. */
static bool is_first(pid_t pid)
{
    pid_t inner;
    return pid <= 1 || (procfs_inner_pid(pid, &inner) && inner == 1);
}

enum line { LINE_KIN, LINE_OTHER, LINE_BROKEN };

static enum line line_look(const struct kin *kin, pid_t pid)
{
    struct procfs_stat is;
    if (!procfs_stat_read(pid, &is))
        return LINE_KIN; /* buried: nobody knows */
    if (is_listed(kin, pid, is.start))
        return LINE_KIN;
    const pid_t parent = is.parent;
    const bool is_younger = is.start >= kin->since;
    for (int i = 0; i < LINE_MAX && is.parent > 0; i++) {
        const pid_t at = is.parent;
        if (!procfs_stat_read(at, &is))
            return LINE_BROKEN;
        if (is_listed(kin, at, is.start))
            return LINE_KIN;
    }
    return is_younger && is_first(parent) ? LINE_KIN : LINE_OTHER;
}

bool kin_has(const struct kin *kin, pid_t pid)
{
    enum line line = LINE_BROKEN;
    if (!kin->is_closed)
        return true;
    for (int i = 0; i < LOOKS && line == LINE_BROKEN; i++)
        line = line_look(kin, pid);
    return line == LINE_KIN;
}

void kin_clear(struct kin *kin)
{
    free(kin->list);
    *kin = (struct kin){.list = NULL};
}
