/* SPDX-License-Identifier: MIT */
#include "report_pair.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_A_MERGE 65536u

/* Where in the process's holds: the hold, and the interval behind it. */
struct cursor {
    size_t hold;
    uint64_t end;
    size_t first, merge_at; /* pairs from there on are new; as many are merged at once */
};

static int compare_pairs(const void *left, const void *right)
{
    const struct report_pair *const a = left, *const b = right;
    if (a->bin != b->bin)
        return a->bin < b->bin ? -1 : 1;
    if (a->waiter != b->waiter)
        return a->waiter < b->waiter ? -1 : 1;
    return (a->holder > b->holder) - (a->holder < b->holder);
}

/* Those from `first` on in order, and each once. */
static void merge_pairs(struct report_process *p, size_t first)
{
    size_t n = first;
    if (p->n_pairs - first < 2)
        return;
    qsort(p->pairs + first, p->n_pairs - first, sizeof *p->pairs, compare_pairs);
    for (size_t i = first; i < p->n_pairs; i++) {
        if (n > first && compare_pairs(&p->pairs[n - 1], &p->pairs[i]) == 0)
            p->pairs[n - 1].n += p->pairs[i].n;
        else
            p->pairs[n++] = p->pairs[i];
    }
    p->n_pairs = n;
}

/*
 * Each wait comes in as many pieces as there were holders meanwhile, and most are of pairs that are
 * there already: merged now and then, they never take much more than what they come to.
 */
static void add_pair(struct report_process *p, struct cursor *c, struct report_pair pair)
{
    struct report_pair *const last = p->n_pairs > 0 ? &p->pairs[p->n_pairs - 1] : NULL;
    if (last != NULL && compare_pairs(last, &pair) == 0) {
        last->n += pair.n;
        return;
    }
    if (p->n_pairs - c->first >= c->merge_at) {
        merge_pairs(p, c->first);
        c->merge_at = PAIRS_A_MERGE + 2 * (p->n_pairs - c->first);
    }
    p->pairs = memory_grow(p->pairs, &p->pairs_size, p->n_pairs + 1, sizeof *p->pairs);
    p->pairs[p->n_pairs++] = pair;
}

static void add_wait(struct report_process *p, struct cursor *c, uint64_t bin, uint32_t waiter,
                     uint64_t from, uint64_t to)
{
    for (uint64_t at = from, next; at < to; at = next) {
        while (c->hold < p->n_holds && c->end <= at) {
            if (++c->hold < p->n_holds)
                c->end += p->holds[c->hold].n;
        }
        const bool is_known = c->hold < p->n_holds;
        const uint32_t holder = is_known ? p->holds[c->hold].thread : 0;
        const uint64_t border = (at / bin + 1) * bin;
        next = border < to ? border : to;
        if (is_known && c->end < next)
            next = c->end;
        add_pair(
            p, c,
            (struct report_pair){at / bin, waiter, holder == waiter + 1 ? 0 : holder, next - at});
    }
}

static void drop_holds(struct report_process *p, uint64_t until)
{
    size_t n = 0;
    uint64_t end = p->paired;
    while (n < p->n_holds && end + p->holds[n].n <= until)
        end += p->holds[n++].n;
    p->n_holds -= n;
    if (n > 0)
        memmove(p->holds, p->holds + n, p->n_holds * sizeof *p->holds);
    if (p->n_holds > 0)
        p->holds[0].n -= (uint32_t)(until - end);
    if (p->held < until) /* nobody said more */
        p->held = until;
}

void report_pair_holds(struct report *report, uint32_t process, uint64_t until)
{
    struct report_process *const p = &report->processes[process];
    struct cursor cursor = {.first = p->n_pairs, .merge_at = PAIRS_A_MERGE};
    for (size_t i = 0; i < report->n_threads; i++) {
        const struct report_thread *const t = &report->threads[i];
        if (t->process != process)
            continue;
        cursor.hold = 0;
        cursor.end = p->n_holds > 0 ? p->paired + p->holds[0].n : 0;
        uint64_t at = t->thinned_end;
        for (size_t k = 0; k < t->course.n_runs && at < until; at += t->course.runs[k++].n) {
            const struct report_run *const run = &t->course.runs[k];
            const uint64_t from = at > p->paired ? at : p->paired;
            const uint64_t to = at + run->n < until ? at + run->n : until;
            if (run->class == CLASS_WAITS_GIL && from < to)
                add_wait(p, &cursor, report->bin, (uint32_t)i, from, to);
        }
    }
    drop_holds(p, until);
    p->paired = until;
    merge_pairs(p, cursor.first);
}

void report_pair_bins(struct report_process *process, uint64_t n)
{
    for (size_t i = 0; i < process->n_pairs; i++)
        process->pairs[i].bin /= n;
    merge_pairs(process, 0);
}
