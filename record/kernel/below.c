/* SPDX-License-Identifier: MIT */
#include "below.h"

#include "procfs.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 1000u /* of parents: numbers may be used again meanwhile, and make a ring */

uint64_t below_now(void)
{
    struct timespec now = {0};
    const uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * hz + (uint64_t)now.tv_nsec * hz / 1000000000u;
}

static struct below_row *row_find(const struct below *below, pid_t pid)
{
    for (uint32_t i = 0; i < below->n; i++)
        if (below->rows[i].pid == pid)
            return &below->rows[i];
    return NULL;
}

static void row_add(struct below *below, const struct below_row *row)
{
    if (below->n < BELOW_MAX &&
        vec_room(&below->rows, &below->capacity, below->n + 1ull, sizeof *below->rows))
        below->rows[below->n++] = *row;
}

void below_add(struct below *below, pid_t pid, uint64_t since)
{
    struct procfs_stat is;
    if (!procfs_stat_read(pid, &is))
        return;
    const struct below_row row = {.pid = pid,
                                  .parent = is.parent,
                                  .start = is.start,
                                  .fate = BELOW_JOINED,
                                  .is_named = true,
                                  .since = since};
    row_add(below, &row);
}

/* ---- who is there ---- */

/* Processes of the machine whose parent is not known yet: it may come later in the list. */
struct search {
    struct below *below;
    struct below_row *others;
    uint32_t n, capacity;
};

static void pid_take(void *closure, pid_t pid)
{
    struct search *const search = closure;
    struct procfs_stat is;
    if (pid == getpid() || !procfs_stat_read(pid, &is) || is.state == 'Z')
        return;
    if (vec_room(&search->others, &search->capacity, search->n + 1ull, sizeof *search->others))
        search->others[search->n++] =
            (struct below_row){.pid = pid, .parent = is.parent, .start = is.start};
}

/* A number that another process has got since, or not yet known. */
static bool row_take(struct below *below, const struct below_row *now)
{
    struct below_row *const known = row_find(below, now->pid);
    if (known != NULL && known->start == now->start)
        return false;
    if (row_find(below, now->parent) == NULL)
        return false;
    if (known != NULL)
        *known = *now;
    else
        row_add(below, now);
    return true;
}

bool below_find(struct below *below)
{
    struct search search = {.below = below};
    bool has_new = false, is_again = true;
    (void)procfs_each_number("/proc", pid_take, &search);
    while (is_again) { /* until nobody's parent was found any more */
        is_again = false;
        for (uint32_t i = 0; i < search.n; i++)
            is_again |= row_take(below, &search.others[i]);
        has_new |= is_again;
    }
    free(search.others);
    return has_new;
}

/* ---- what they are to each other ---- */

/* The kernel counts from boot in hundredths of a second: the same one is not known to be before. */
bool below_is_younger(const struct below *below, const struct below_row *row)
{
    const struct below_row *at = row_find(below, row->parent);
    return at != NULL && at->fate == BELOW_JOINED && row->start + 1 >= at->since;
}

static bool is_below(const struct below *below, const struct below_row *row, pid_t root)
{
    const struct below_row *at = row;
    for (uint32_t i = 0; i < DEPTH_MAX && at != NULL; i++) {
        if (at->parent == root)
            return true;
        at = row_find(below, at->parent);
    }
    return false;
}

uint32_t below_count(const struct below *below, pid_t root)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < below->n; i++) {
        const enum below_fate fate = below->rows[i].fate;
        n += (fate == BELOW_JOINED || fate == BELOW_MISSING) &&
             is_below(below, &below->rows[i], root);
    }
    return n;
}

void below_clear(struct below *below)
{
    free(below->rows);
    *below = (struct below){.rows = NULL};
}
