/* SPDX-License-Identifier: MIT */
#include "analyze/base/memory.h"
#include "report_sort.h"
#include "report_thin.h"

#include <stdlib.h>
#include <string.h>

#define N_CLASSES (REPORT_UNSEEN + 1u)

__extension__ typedef unsigned __int128 wide;

/* A run, or part of one, in its place. */
struct piece {
    struct report_run run;
    uint64_t at, cpu_q;
};

struct pieces {
    struct piece *list;
    size_t n, size;
};

struct thinner {
    uint64_t bin, fine, random;
    struct report_course *out;
    struct pieces seen, by_stack, shares, part, result;
    struct pieces sorted; /* room */
    struct sort_key *keys;
    size_t keys_size;
    uint64_t *ticks;              /* per part and class, .. */
    uint64_t first_part, n_parts; /* .. of these parts of the bin */
    size_t ticks_size;
    size_t n_stacks; /* in the bin */
};

static void pieces_add(struct pieces *pieces, struct piece piece)
{
    pieces->list = memory_grow(pieces->list, &pieces->size, pieces->n + 1, sizeof *pieces->list);
    pieces->list[pieces->n++] = piece;
}

/* splitmix64: the same page each time that it is made */
static uint64_t below(struct thinner *th, uint64_t n)
{
    uint64_t z = th->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

static uint64_t part_of(uint64_t whole, uint64_t k, uint64_t n)
{
    return (uint64_t)((wide)whole * k / n);
}

static bool takes_cpu(const struct report_run *run)
{
    return run->class != REPORT_UNSEEN && state_gets_cpu((enum state_class)run->class);
}

/* ---- reading a course ---- */

struct reader {
    struct report_course *course;
    uint64_t at, run_used, window_used, window_given;
    size_t run, window, carry;
};

static uint64_t reader_cpu(struct reader *r, uint64_t n)
{
    uint64_t cpu_q = 0;
    while (n > 0 && r->window < r->course->n_windows) {
        const struct report_window *const w = &r->course->windows[r->window];
        const uint64_t left = w->n - r->window_used, k = n < left ? n : left;
        const uint64_t until = part_of(w->cpu_q, r->window_used + k, w->n);
        cpu_q += until - r->window_given;
        r->window_given = until;
        r->window_used += k;
        n -= k;
        if (r->window_used == w->n) {
            r->window++;
            r->window_used = r->window_given = 0;
        }
    }
    return cpu_q;
}

/* The next run, as far as `until`; of CPU that was carried it has what was found before its end. */
static bool reader_next(struct reader *r, uint64_t until, struct piece *piece)
{
    struct report_course *const c = r->course;
    if (r->at >= until || r->run >= c->n_runs)
        return false;
    const struct report_run *const run = &c->runs[r->run];
    const uint64_t left = run->n - r->run_used, room = until - r->at, n = left < room ? left : room;
    *piece = (struct piece){.run = *run, .at = r->at};
    piece->run.n = (uint32_t)n;
    r->at += n;
    r->run_used += n;
    if (r->run_used == run->n) {
        r->run++;
        r->run_used = 0;
    }
    if (takes_cpu(run)) {
        piece->cpu_q = reader_cpu(r, n);
        for (; r->carry < c->n_carries && c->carries[r->carry].at < r->at; r->carry++)
            piece->cpu_q += c->carries[r->carry].cpu_q;
    }
    return true;
}

/* Carries that nobody in the bin took: whoever comes next does. */
static void reader_carry(struct reader *r, struct report_course *out, uint64_t until)
{
    struct report_carry sum = {0};
    for (; r->carry < r->course->n_carries && r->course->carries[r->carry].at < until; r->carry++) {
        sum.at = r->course->carries[r->carry].at;
        sum.cpu_q += r->course->carries[r->carry].cpu_q;
    }
    if (sum.cpu_q == 0)
        return;
    out->carries =
        memory_grow(out->carries, &out->carries_size, out->n_carries + 1, sizeof *out->carries);
    out->carries[out->n_carries++] = sum;
}

static void drop(void *list, size_t *n, size_t gone, size_t item_bytes)
{
    if (gone == 0)
        return;
    *n -= gone;
    memmove(list, (char *)list + gone * item_bytes, *n * item_bytes);
}

/* What was read is gone. */
static void reader_drop(struct reader *r)
{
    struct report_course *const c = r->course;
    drop(c->runs, &c->n_runs, r->run, sizeof *c->runs);
    drop(c->windows, &c->n_windows, r->window, sizeof *c->windows);
    drop(c->carries, &c->n_carries, r->carry, sizeof *c->carries);
    if (r->run_used > 0)
        c->runs[0].n -= (uint32_t)r->run_used;
    if (r->window_used > 0) {
        c->windows[0].n -= (uint32_t)r->window_used;
        c->windows[0].cpu_q -= r->window_given;
        if (c->n_windows == 1) { /* it may still be widened */
            c->min_q = c->windows[0].cpu_q;
            c->max_q = c->min_q + 1;
            c->min_n = c->max_n = c->windows[0].n;
        }
    }
}

/* ---- one bin ---- */

static bool is_stack(const struct piece *a, const struct piece *b)
{
    return report_run_same(&a->run, &b->run);
}

/* The same as a number: those of one stack, state, call and scope, and no others, have the same. */
static uint64_t stack_key(const struct piece *p)
{
    return (uint64_t)p->run.class << 61 | (uint64_t)p->run.scope << 49 |
           (uint64_t)p->run.node << 17 | (uint64_t)p->run.call << 1 | p->run.gc;
}

/* One part upwards, the next one downwards: what ends one often begins the other. */
static uint64_t stack_key_down(const struct piece *p)
{
    return ~stack_key(p);
}

static uint64_t class_then_time_key(const struct piece *p)
{
    return (uint64_t)p->run.class << 61 | p->at;
}

/* What has the same key keeps its order. Nearly all the time of thinning goes by in here. */
static void sort(struct thinner *th, struct pieces *pieces, uint64_t (*key)(const struct piece *))
{
    if (pieces->n < 2)
        return;
    th->keys = memory_grow(th->keys, &th->keys_size, 2 * pieces->n, sizeof *th->keys);
    for (size_t i = 0; i < pieces->n; i++)
        th->keys[i] = (struct sort_key){key(&pieces->list[i]), (uint32_t)i};
    report_sort(th->keys, th->keys + pieces->n, pieces->n);
    th->sorted.list =
        memory_grow(th->sorted.list, &th->sorted.size, pieces->n, sizeof *th->sorted.list);
    for (size_t i = 0; i < pieces->n; i++)
        th->sorted.list[i] = pieces->list[th->keys[i].index];
    const struct pieces from = *pieces;
    *pieces = (struct pieces){th->sorted.list, from.n, th->sorted.size};
    th->sorted = from;
}

/* Ticks per class and part of the bin; of a bin that is longer than the thread only what it has. */
static void count_ticks(struct thinner *th, uint64_t from, uint64_t to)
{
    th->first_part = from % th->bin / th->fine;
    th->n_parts = (to - 1) % th->bin / th->fine - th->first_part + 1;
    th->ticks = memory_grow(th->ticks, &th->ticks_size, th->n_parts * N_CLASSES, sizeof *th->ticks);
    memset(th->ticks, 0, th->n_parts * N_CLASSES * sizeof *th->ticks);
    for (size_t i = 0; i < th->seen.n; i++) {
        const struct piece *const p = &th->seen.list[i];
        for (uint64_t at = p->at, end = p->at + p->run.n, next; at < end; at = next) {
            const uint64_t border = (at / th->fine + 1) * th->fine;
            next = border < end ? border : end;
            const uint64_t part = at % th->bin / th->fine - th->first_part;
            th->ticks[part * N_CLASSES + p->run.class] += next - at;
        }
    }
}

/* Part of what was seen of one stack, from tick `from` to `to` of it, at one of its moments. */
static void add_share(struct thinner *th, const struct piece *seen, uint64_t from, uint64_t to,
                      uint64_t cpu_q)
{
    uint64_t moment = from + below(th, to - from);
    while (seen->run.n <= moment)
        moment -= seen++->run.n;
    struct piece share = {.run = seen->run, .at = seen->at + moment, .cpu_q = cpu_q};
    share.run.n = (uint32_t)(to - from);
    pieces_add(&th->shares, share);
}

/*
 * All that was seen of one stack, in order of time: as shares of a part's length at most. They end
 * where a run ends, if none is longer: so what was made a share before stays one, or becomes part
 * of one as a whole, and however often that happens a share is at any of its ticks with the same
 * probability, independent of others. As in page/data.js.
 */
static void add_shares(struct thinner *th, const struct piece *seen, size_t n_seen)
{
    for (size_t i = 0, end; i < n_seen; i = end) {
        uint64_t n = seen[i].run.n, cpu_q = seen[i].cpu_q;
        for (end = i + 1; end < n_seen && n + seen[end].run.n <= th->fine; end++) {
            n += seen[end].run.n;
            cpu_q += seen[end].cpu_q;
        }
        const uint64_t n_shares = (n + th->fine - 1) / th->fine;
        for (uint64_t k = 0; k < n_shares; k++) {
            const uint64_t from = part_of(n, k, n_shares), to = part_of(n, k + 1, n_shares);
            add_share(th, seen + i, from, to, part_of(cpu_q, to, n) - part_of(cpu_q, from, n));
        }
    }
}

static void make_shares(struct thinner *th)
{
    struct pieces *const by_stack = &th->by_stack;
    by_stack->list =
        memory_grow(by_stack->list, &by_stack->size, th->seen.n, sizeof *by_stack->list);
    by_stack->n = th->seen.n;
    memcpy(by_stack->list, th->seen.list, by_stack->n * sizeof *by_stack->list);
    sort(th, by_stack, stack_key); /* they were in order of time */
    th->shares.n = th->n_stacks = 0;
    for (size_t i = 0, end; i < by_stack->n; i = end) {
        th->n_stacks++;
        for (end = i + 1; end < by_stack->n && is_stack(&by_stack->list[i], &by_stack->list[end]);
             end++)
            ;
        add_shares(th, &by_stack->list[i], end - i);
    }
    sort(th, &th->shares, class_then_time_key);
}

/* Shares of classes with one stack are where they were; of the others it is not known. */
static void count_unsure(struct report *report, const struct thinner *th)
{
    for (size_t i = 0, end; i < th->shares.n; i = end) {
        double sum = 0, squares = 0;
        bool are_several = false;
        for (end = i;
             end < th->shares.n && th->shares.list[end].run.class == th->shares.list[i].run.class;
             end++) {
            const double n = th->shares.list[end].run.n;
            sum += n;
            squares += n * n;
            are_several |= !is_stack(&th->shares.list[i], &th->shares.list[end]);
        }
        const bool takes = takes_cpu(&th->shares.list[i].run);
        for (int k = 0; k < 1 + takes && are_several; k++) {
            report->unsure[k] += sum;
            report->unsure_squares[k] += squares;
        }
    }
}

/* Take n ticks off a share. */
static struct piece cut(struct piece *share, uint64_t n)
{
    struct piece piece = *share;
    piece.run.n = (uint32_t)n;
    piece.cpu_q = part_of(share->cpu_q, n, share->run.n);
    share->run.n -= (uint32_t)n;
    share->cpu_q -= piece.cpu_q;
    return piece;
}

/* Fill each part of the bin with its ticks of each class from the shares in their order. */
static void fill_parts(struct thinner *th)
{
    size_t next[N_CLASSES] = {0};
    for (size_t i = th->shares.n; i-- > 0;)
        next[th->shares.list[i].run.class] = i;
    th->result.n = 0;
    for (uint64_t f = 0; f < th->n_parts; f++) {
        th->part.n = 0;
        for (unsigned class = 0; class < N_CLASSES; class ++) {
            for (uint64_t left = th->ticks[f * N_CLASSES + class], n; left > 0; left -= n) {
                struct piece *const share = &th->shares.list[next[class]];
                n = share->run.n < left ? share->run.n : left;
                pieces_add(&th->part, cut(share, n));
                next[class] += share->run.n == 0;
            }
        }
        sort(th, &th->part, (th->first_part + f) % 2 == 0 ? stack_key : stack_key_down);
        for (size_t i = 0; i < th->part.n; i++) {
            struct piece *const last = th->result.n > 0 ? &th->result.list[th->result.n - 1] : NULL;
            if (last != NULL && report_run_same(&last->run, &th->part.list[i].run)) {
                last->run.n += th->part.list[i].run.n;
                last->cpu_q += th->part.list[i].cpu_q;
            } else {
                pieces_add(&th->result, th->part.list[i]);
            }
        }
    }
}

/* CPU stays in its bin: what takes any is not joined across the border. */
static void append(struct report_course *out, const struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->n; i++) {
        const struct piece *const p = &pieces->list[i];
        if (!takes_cpu(&p->run)) {
            report_run_append(out, p->run, p->run.n);
            continue;
        }
        out->runs = memory_grow(out->runs, &out->runs_size, out->n_runs + 1, sizeof *out->runs);
        out->runs[out->n_runs++] = p->run;
        out->windows =
            memory_grow(out->windows, &out->windows_size, out->n_windows + 1, sizeof *out->windows);
        out->windows[out->n_windows++] = (struct report_window){p->cpu_q, p->run.n};
    }
}

void report_thin_course(struct report *report, struct report_thread *thread, uint64_t until)
{
    struct thinner th = {.bin = report->bin, .fine = report->fine, .out = &thread->thinned};
    struct reader reader = {.course = &thread->course, .at = thread->thinned_end};
    if (until > thread->end)
        until = thread->end;
    while (reader.at < until) {
        const uint64_t begin = reader.at, border = (begin / th.bin + 1) * th.bin;
        const uint64_t end = border < until ? border : until;
        struct piece piece;
        th.random = thread->thread->index * 0xD1342543DE82EF95u + reader.at;
        th.seen.n = 0;
        while (reader_next(&reader, end, &piece))
            pieces_add(&th.seen, piece);
        if (th.seen.n == 0)
            break; /* a thread's end is where its runs end */
        reader_carry(&reader, th.out, end);
        if (th.seen.n > 1) {
            count_ticks(&th, begin, reader.at);
            make_shares(&th);
            count_unsure(report, &th);
            fill_parts(&th);
        }
        const bool is_less = th.seen.n > 1 && th.result.n < th.seen.n;
        report->n_stacks += th.seen.n > 1 ? th.n_stacks : 1;
        report->n_runs += is_less ? th.result.n : th.seen.n;
        append(th.out, is_less ? &th.result : &th.seen);
    }
    thread->thinned_end = reader.at;
    reader_drop(&reader);
    free(th.ticks);
    free(th.keys);
    free(th.sorted.list);
    free(th.by_stack.list);
    free(th.seen.list);
    free(th.shares.list);
    free(th.part.list);
    free(th.result.list);
}
