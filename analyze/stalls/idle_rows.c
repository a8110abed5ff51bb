/* SPDX-License-Identifier: MIT */
#include "idle_tell.h"

#include "analyze/base/memory.h"
#include "stall_find.h"

#include <stdlib.h>

/* ---- of each thread ---- */

/* How many stalls each thread has, in the order of idle->threads. */
static struct idle_row *count_stalls(const struct stalls *stalls)
{
    const struct idle *const idle = stalls->idle;
    struct idle_row *const list = memory_get((idle->n_threads + 1) * sizeof *list);
    for (size_t i = 0; i < stalls->n; i++) {
        const struct stall *const stall = &stalls->list[i];
        struct idle_row *const row = &list[idle->number_of[stall->thread->index] - 1];
        row->facts.n_stalls++;
        row->facts.n_several += stall->several;
        row->facts.stalled_ns += stall_length_ns(stall);
        row->unseen_ns += stall_length_ns(stall) - stall->wall_ns;
    }
    for (size_t i = 0; i < idle->n_threads; i++) {
        struct idle_row *const row = &list[i];
        row->idle = idle->threads[i];
        row->n_threads = 1;
        row->facts.n_unsure = stalls_unsure(stalls, row->idle->thread, &row->facts.unsure_ns);
        row->can_tell = idle_can_tell(row->idle, row->facts.n_stalls, row->facts.n_unsure);
    }
    return list;
}

/* ---- several as one ---- */

static void add_place(struct idle_thread *sum, const struct idle_place *p, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct idle_place *const has = &sum->places[i];
        if (has->node != p->node || has->call != p->call)
            continue;
        has->visits += p->visits;
        has->blocked_ns += p->blocked_ns;
        has->longest_ns = p->longest_ns > has->longest_ns ? p->longest_ns : has->longest_ns;
        return;
    }
    sum->places = memory_grow(sum->places, &sum->size, sum->n_all + 1, sizeof *sum->places);
    sum->places[sum->n_all++] = *p;
}

static int compare_places(const void *left, const void *right)
{
    const struct idle_place *const a = left, *const b = right;
    if (a->blocked_ns != b->blocked_ns)
        return a->blocked_ns < b->blocked_ns ? 1 : -1;
    return (a->node > b->node) - (a->node < b->node);
}

/* The idle places of all of them, behind these the others; where it was longest first. */
static void add_places(struct idle_thread *sum, const struct idle_row *list, const size_t *of,
                       size_t n)
{
    for (int idle = 1; idle >= 0; idle--) {
        const size_t first = sum->n_all;
        for (size_t i = 0; i < n; i++) {
            const struct idle_thread *const t = list[of[i]].idle;
            for (size_t k = idle ? 0 : t->n_places; k < (idle ? t->n_places : t->n_all); k++)
                add_place(sum, &t->places[k], first, sum->n_all);
        }
        if (idle)
            sum->n_places = sum->n_all;
        if (sum->n_all > first)
            qsort(sum->places + first, sum->n_all - first, sizeof *sum->places, compare_places);
    }
}

static void add_thread(struct idle_row *to, const struct idle_row *from)
{
    struct idle_thread *const sum = to->sum;
    const struct idle_thread *const t = from->idle;
    to->n_threads++;
    to->unseen_ns += from->unseen_ns;
    to->facts.n_stalls += from->facts.n_stalls;
    to->facts.n_several += from->facts.n_several;
    to->facts.stalled_ns += from->facts.stalled_ns;
    to->facts.n_unsure += from->facts.n_unsure;
    to->facts.unsure_ns += from->facts.unsure_ns;
    sum->wall_ns += t->wall_ns;
    sum->unknown_ns += t->unknown_ns;
    sum->loop_ns += t->loop_ns;
    if (t->n_candidates > sum->n_candidates)
        sum->n_candidates = t->n_candidates;
}

/* Who forked the process of a request; itself, where that was not recorded. */
static const struct process *server_of(const struct idle *idle, const struct process *process)
{
    for (size_t i = 0; i < idle->n_threads; i++) {
        const struct process *const other = idle->threads[i]->thread->process;
        if (other->recording == process->recording && other->pid == process->parent_pid)
            return other;
    }
    return process;
}

static void begin_sum(struct idle_row *row, const struct idle *idle,
                      const struct idle_thread *first)
{
    const struct process *const process = first->thread->process;
    row->thread = memory_get(sizeof *row->thread);
    *row->thread = first->thread->main
                       ? (struct thread){.process = server_of(idle, process),
                                         .name = "request processes",
                                         .main = true}
                       : (struct thread){.process = process, .name = "request threads"};
    row->sum = memory_get(sizeof *row->sum);
    *row->sum = (struct idle_thread){
        .thread = row->thread, .doubt = first->doubt, .request = first->request};
    row->idle = row->sum;
}

/* Is `b` told in one row with `a`? */
static bool is_one_row(const struct idle_row *a, const struct idle_row *b)
{
    const struct thread *const x = a->idle->thread, *const y = b->idle->thread;
    return a->idle->request != TREE_ROOT && b->idle->request != TREE_ROOT &&
           a->can_tell == b->can_tell && x->main == y->main &&
           x->process->recording == y->process->recording &&
           (x->main ? x->process->parent_pid == y->process->parent_pid : x->process == y->process);
}

/* A row for list[of[0]], or for all n. */
static void add_row(struct idle_rows *rows, const struct idle *idle, const struct idle_row *list,
                    const size_t *of, size_t n)
{
    rows->list = memory_grow(rows->list, &rows->size, rows->n + 1, sizeof *rows->list);
    struct idle_row *const row = &rows->list[rows->n++];
    *row = list[of[0]];
    if (n == 1)
        return;
    *row = (struct idle_row){.can_tell = list[of[0]].can_tell};
    begin_sum(row, idle, list[of[0]].idle);
    for (size_t i = 0; i < n; i++)
        add_thread(row, &list[of[i]]);
    add_places(row->sum, list, of, n);
}

void idle_rows_make(struct idle_rows *rows, const struct stalls *stalls)
{
    const struct idle *const idle = stalls->idle;
    struct idle_row *const list = count_stalls(stalls);
    bool *const is_told = memory_get(idle->n_threads + 1);
    size_t *const of = memory_get((idle->n_threads + 1) * sizeof *of);
    *rows = (struct idle_rows){0};
    for (int told = 1; told >= 0; told--) {
        for (size_t i = 0; i < idle->n_threads; i++) {
            size_t n = 0;
            if (is_told[i] || list[i].can_tell != told ||
                !idle_wants(idle, stalls->select, list[i].idle->thread))
                continue;
            of[n++] = i;
            for (size_t k = i + 1; k < idle->n_threads && list[i].idle->request != TREE_ROOT; k++) {
                if (!is_told[k] && is_one_row(&list[i], &list[k]) &&
                    idle_wants(idle, stalls->select, list[k].idle->thread))
                    of[n++] = k;
            }
            for (size_t k = 0; k < n; k++)
                is_told[of[k]] = true;
            add_row(rows, idle, list, of, n);
        }
        if (told)
            rows->n_told = rows->n;
    }
    free(of);
    free(is_told);
    free(list);
}

void idle_rows_clear(struct idle_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct idle_row *const row = &rows->list[i];
        if (row->sum != NULL)
            free(row->sum->places);
        free(row->sum);
        free(row->thread);
    }
    free(rows->list);
    *rows = (struct idle_rows){0};
}

const char *idle_row_name(struct view *view, const struct idle_row *row)
{
    const struct thread *const thread = row->idle->thread;
    return row->n_threads > 1 ? arena_print(&view->arena, "%zu %s", row->n_threads, thread->name)
                              : thread->name;
}
