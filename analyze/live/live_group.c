/* SPDX-License-Identifier: MIT */
/* Numbered threads of a process as one row. */
#include "analyze/base/memory.h"
#include "analyze/weigh/thread_group.h"
#include "live_model.h"

#include <stdlib.h>
#include <string.h>

bool live_in_group(struct arena *arena, const struct live_wish *wish, const struct thread *thread)
{
    return wish->group == NULL || wish->group[0] == '\0' ||
           (thread->process == wish->group_of &&
            strcmp(thread_group_name(arena, thread->name), wish->group) == 0);
}

/* Those of a group follow each other, in the order in which they were. */
static int compare_groups(const void *left, const void *right)
{
    const struct live_thread_row *const a = left, *const b = right;
    int order = process_compare(a->thread->process, b->thread->process);
    order = order != 0 ? order : strcmp(a->name, b->name);
    return order != 0
               ? order
               : (a->thread->index > b->thread->index) - (a->thread->index < b->thread->index);
}

static bool are_together(const struct live_thread_row *a, const struct live_thread_row *b)
{
    return a->thread->process == b->thread->process && strcmp(a->name, b->name) == 0;
}

/* Shares are of what was observed of all of them, and of a strip's second of those seen in it. */
static void add_shares(struct live_thread_row *to, const struct live_thread_row *more)
{
    const double all = (double)(to->wall_ns + more->wall_ns);
    const double old = (double)to->wall_ns / all, new = (double)more->wall_ns / all;
    to->on_cpu = to->on_cpu * old + more->on_cpu * new;
    to->gil = to->gil * old + more->gil * new;
    to->blocked = to->blocked * old + more->blocked * new;
}

static void add_strip(struct live_second *to, const struct live_second *more, uint32_t *n_seen)
{
    if (!more->seen)
        return;
    const float part = 1.0f / (float)++*n_seen;
    to->on_cpu += (more->on_cpu - to->on_cpu) * part;
    to->gil += (more->gil - to->gil) * part;
    to->blocked += (more->blocked - to->blocked) * part;
    to->seen = true;
}

/* Whom they waited for most, all together; `ns` has a zero for each index, and gets them back. */
static const struct thread *waited_for(const struct live_model *model,
                                       const struct live_thread_row *rows, size_t n_rows,
                                       uint64_t *ns)
{
    const struct thread *most = NULL;
    uint64_t most_ns = 0;
    for (int is_done = 0; is_done < 2; is_done++) {
        for (size_t i = 0; i < n_rows; i++) {
            size_t n;
            const struct gil_entry *const pairs = live_gil_of(model, rows[i].thread, &n);
            for (size_t k = 0; k < n; k++) {
                if (pairs[k].holder == NULL)
                    continue;
                uint64_t *const sum = &ns[pairs[k].holder->index];
                *sum = is_done ? 0 : *sum + pairs[k].amount.waited_ns;
                most = *sum > most_ns ? pairs[k].holder : most;
                most_ns = *sum > most_ns ? *sum : most_ns;
            }
        }
    }
    return most;
}

static struct live_thread_row join(const struct live_model *model,
                                   const struct live_thread_row *rows, size_t n, uint64_t *ns)
{
    struct live_thread_row group = rows[0];
    uint32_t n_seen[LIVE_STRIP];
    for (size_t s = 0; s < LIVE_STRIP; s++)
        n_seen[s] = group.strip[s].seen;
    for (size_t i = 1; i < n; i++) {
        const struct live_thread_row *const row = &rows[i];
        add_shares(&group, row);
        group.wall_ns += row->wall_ns;
        group.cpu_ns += row->cpu_ns;
        group.cpu += row->cpu;
        group.is_there = group.is_there || row->is_there;
        for (int c = 0; c < CLASS_COUNT; c++)
            group.doing[c] += row->doing[c];
        for (size_t s = 0; s < LIVE_STRIP; s++)
            add_strip(&group.strip[s], &row->strip[s], &n_seen[s]);
    }
    group.n = n;
    group.waits_for = waited_for(model, rows, n, ns);
    return group;
}

void live_group_rows(struct live_model *model, size_t n_indexes)
{
    struct live_thread_row *const rows = model->threads;
    uint64_t *const ns = memory_get((n_indexes + 1) * sizeof *ns);
    size_t kept = 0, n = 0;
    for (size_t i = 0; i < model->n_threads; i++)
        rows[i].name = thread_group_name(&model->arena, rows[i].name);
    if (model->n_threads > 1)
        qsort(rows, model->n_threads, sizeof *rows, compare_groups);
    for (size_t i = 0; i < model->n_threads; i += n) {
        for (n = 1; i + n < model->n_threads && are_together(&rows[i], &rows[i + n]);)
            n++;
        struct live_thread_row row = n > 1 ? join(model, &rows[i], n, ns) : rows[i];
        if (n == 1)
            row.name = row.thread->name;
        rows[kept++] = row;
    }
    model->n_threads = kept;
    free(ns);
}
