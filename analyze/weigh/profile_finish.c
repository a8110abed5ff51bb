/* SPDX-License-Identifier: MIT */
/* What can be done only when all units are there: clocks joined, threads chosen. */
#include "profile.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

static int compare_joints(const void *left, const void *right)
{
    const struct profile_joint *const a = *(struct profile_joint *const *)left;
    const struct profile_joint *const b = *(struct profile_joint *const *)right;
    return (a->generation > b->generation) - (a->generation < b->generation);
}

/* The joints in order of generation; the caller's to free. */
static struct profile_joint **sorted_joints(const struct profile_thread *t, size_t *n)
{
    *n = 0;
    for (const struct profile_joint *j = t->joints; j != NULL; j = j->next)
        ++*n;
    struct profile_joint **const sorted = memory_get(*n * sizeof(struct profile_joint *));
    size_t i = 0;
    for (struct profile_joint *j = t->joints; j != NULL; j = j->next)
        sorted[i++] = j;
    qsort(sorted, *n, sizeof(struct profile_joint *), compare_joints);
    return sorted;
}

static void give_cpu(struct profile *profile, struct weight *to, uint64_t cpu_ns)
{
    to->cpu += cpu_ns;
    if (!profile->is_lent || cpu_ns == 0)
        return;
    struct profile_carry *const carry = arena_get(&profile->arena, sizeof *carry);
    *carry = (struct profile_carry){profile->carries, to, cpu_ns};
    profile->carries = carry;
}

/* The thread itself, or the part of it that the head of the joint is in. */
static struct profile_thread *head_of(struct profile_thread *t, const struct profile_joint *j)
{
    for (struct profile_thread *p = t->parts; j->head_part != NULL && p != NULL; p = p->next_part) {
        if (p->thread == j->head_part)
            return p;
    }
    return t;
}

/*
 * Carry what each unit left over to the first sample behind it that takes CPU. Where a unit's
 * clock begins later than the one before ended, the difference was in chunks that are lost.
 */
static void join_clock(struct profile *profile, struct profile_thread *t)
{
    size_t n;
    struct profile_joint **const joints = sorted_joints(t, &n);
    uint64_t carry_ns = 0, end_ns = 0;
    bool end_known = false;
    struct bare bare = {0};
    for (size_t i = 0; i < n; i++) {
        const struct profile_joint *const j = joints[i];
        t->cpu_ns += j->cpu_ns;
        if (j->begin_known && end_known && j->begin_ns > end_ns)
            t->lost_ns += j->begin_ns - end_ns;
        if (j->begin_known && !end_known)
            t->before_ns = j->begin_ns;
        end_known |= j->begin_known;
        end_ns = (j->begin_known ? j->begin_ns : end_ns) + j->cpu_ns;
        if (j->has_head && j->head_chosen) {
            struct profile_thread *const to = head_of(t, j);
            give_cpu(profile, sheet_at(&to->sheets[j->head_class], &profile->arena, j->head_node),
                     carry_ns);
            to->total.by[j->head_class].cpu += carry_ns;
        }
        if (j->has_head)
            carry_ns = 0;
        carry_ns += j->tail_ns;
        bare_join(&bare, &profile->arena, &j->bare, 1);
    }
    bare_ends(&bare, &t->bare_before, &t->bare_behind);
    t->is_program = bare.program;
    t->cpu_ns += t->lost_ns;
    t->unattributed_ns = carry_ns + t->lost_ns;
    t->joints = NULL;
    free(joints);
}

struct basis profile_basis(struct profile_thread *const *threads, size_t n_threads,
                           const struct metric *metric)
{
    struct basis basis = {.metric = metric};
    for (size_t i = 0; i < n_threads; i++) {
        weights_add(&basis.total, &threads[i]->total);
        weights_add(&basis.squares, &threads[i]->squares);
    }
    return basis;
}

/* The clock of chosen samples is what they took of it. */
static void count_chosen(struct profile_thread *t)
{
    t->cpu_ns = weights_sum(&t->total).cpu;
    t->unattributed_ns = t->lost_ns = 0;
}

/* Of a thread's clock, what its parts took is theirs. */
static void parts_take(struct profile_thread *t)
{
    for (struct profile_thread *p = t->parts; p != NULL; p = p->next_part) {
        p->cpu_ns = weights_sum(&p->total).cpu;
        t->cpu_ns -= p->cpu_ns < t->cpu_ns ? p->cpu_ns : t->cpu_ns;
    }
}

void profile_finish(struct profile *profile, const struct select *select)
{
    size_t kept = 0;
    for (size_t i = 0; i < profile->n_threads; i++) {
        struct profile_thread *const t = profile->threads[i];
        const struct thread *const whole = t->thread->whole != NULL ? t->thread->whole : t->thread;
        if (!select_has_thread(select, whole->name, whole->os_tid)) {
            stretch_clear(&t->stretches);
            continue;
        }
        if (t->thread->whole == NULL)
            join_clock(profile, t);
        parts_take(t);
        for (int c = 0; c < CLASS_COUNT; c++)
            t->squares.by[c].samples = t->total.by[c].samples;
        t->stretches.keeps_pace = profile->stretches_keep_pace;
        if (profile->stretches_by != NULL)
            stretch_join(&t->stretches, t->stretches.next, profile->stretches_by);
        if (select_by_state(select))
            count_chosen(t);
        profile->threads[kept++] = t;
    }
    profile->n_threads = kept;
    if (profile->flat)
        return;
    modules_build(&profile->modules, &profile->symbols, &profile->tree, profile->census);
    profile->symbols.modules = &profile->modules;
}

/* Which nodes have a match above or at them and nothing excluded; the caller's to free. */
static bool *chosen_nodes(const struct profile *profile, const struct select *select)
{
    const struct tree *const tree = &profile->tree;
    const size_t n_places = profile->symbols.n_places;
    bool *const matches = memory_get(n_places), *const excluded = memory_get(n_places);
    bool *const above = memory_get(tree->n), *const out = memory_get(tree->n);
    for (uint32_t p = 0; p < n_places; p++) {
        const struct frame frame = symbols_frame(&profile->symbols, p);
        matches[p] = select->match == NULL || select_matches(select, &frame);
        excluded[p] = select_excludes(select, &frame);
    }
    for (size_t i = 1; i < tree->n; i++) {
        const struct tree_node *const node = &tree->nodes[i];
        above[i] = above[node->parent] || matches[node->place];
        out[i] = out[node->parent] || excluded[node->place];
    }
    for (size_t i = 0; i < tree->n; i++)
        above[i] = above[i] && !out[i];
    free(matches);
    free(excluded);
    free(out);
    return above;
}

/* Of squares nobody knows which sample they came from: they shrink as their sums do. */
static void keep_squares(struct weight *squares, const struct weight *before,
                         const struct weight *now)
{
    const double ticks = before->ticks > 0 ? (double)now->ticks / (double)before->ticks : 0;
    const double wall = before->wall > 0 ? (double)now->wall / (double)before->wall : 0;
    const double cpu = before->cpu > 0 ? (double)now->cpu / (double)before->cpu : 0;
    squares->samples = now->samples;
    squares->ticks = (uint64_t)((double)squares->ticks * ticks);
    squares->wall = (uint64_t)((double)squares->wall * wall);
    squares->cpu = (uint64_t)((double)squares->cpu * cpu);
}

static void keep_sheet(struct sheet *sheet, struct weight *total, struct weight *squares,
                       const bool *chosen, size_t n_nodes)
{
    const struct weight before = *total;
    struct sheet_page page = {0};
    *total = (struct weight){0};
    while (sheet_next_page(sheet, &page)) {
        for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < n_nodes; i++) {
            struct weight *const w = &page.weights[i];
            if (chosen[page.first + i])
                weight_add(total, w);
            else
                *w = (struct weight){0};
        }
    }
    keep_squares(squares, &before, total);
}

void profile_keep_stacks(struct profile *profile, const struct select *select)
{
    if (!select_has_regex(select))
        return;
    profile->some_stacks = true;
    bool *const chosen = chosen_nodes(profile, select);
    for (size_t i = 0; i < profile->n_threads; i++) {
        struct profile_thread *const t = profile->threads[i];
        for (int c = 0; c < CLASS_COUNT; c++)
            keep_sheet(&t->sheets[c], &t->total.by[c], &t->squares.by[c], chosen, profile->tree.n);
        count_chosen(t);
    }
    free(chosen);
}

void profile_clear(struct profile *profile)
{
    for (size_t i = 0; i < profile->n_threads; i++)
        stretch_clear(&profile->threads[i]->stretches);
    free(profile->threads);
    arena_clear(&profile->arena);
    symbols_clear(&profile->symbols);
    tree_clear(&profile->tree);
    modules_clear(&profile->modules);
    *profile = (struct profile){0};
}
