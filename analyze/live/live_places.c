/* SPDX-License-Identifier: MIT */
/*
 * Where the window's time was. Only one number of each weight is asked for, so only that is summed
 * up, and of the total only what is drawn is looked up: a look costs what is in the window.
 */
#include "analyze/base/memory.h"
#include "live_model.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS (sizeof(struct weight) / sizeof(uint64_t))

/* A metric is a sum: how often each number of each class is in it. */
struct counting {
    uint64_t by[CLASS_COUNT][FIELDS];
};

static struct counting counting_of(const struct metric *metric)
{
    struct counting counting;
    for (int c = 0; c < CLASS_COUNT; c++) {
        for (size_t f = 0; f < FIELDS; f++) {
            struct weights one = {0};
            ((uint64_t *)&one.by[c])[f] = 1;
            counting.by[c][f] = metric->of(&one);
        }
    }
    return counting;
}

static inline uint64_t count(const uint64_t by[FIELDS], const struct weight *w)
{
    return by[0] * w->samples + by[1] * w->ticks + by[2] * w->wall + by[3] * w->cpu;
}

static bool is_chosen(struct arena *arena, const struct live_wish *wish,
                      const struct thread *thread)
{
    return (wish->only == NULL || thread == wish->only) && live_in_group(arena, wish, thread);
}

/* ---- the window ---- */

struct adding {
    struct counting counting;
    uint64_t *below; /* per node: its own weight, then that of all below, too */
    const struct tree *tree;
    const struct key *key;
    const struct symbols *symbols;
    uint64_t *self, *cum; /* per value of the key */
};

static void add_weight(void *closure, enum state_class class, uint32_t node,
                       const struct weight *weight)
{
    const struct adding *const a = closure;
    a->below[node] += count(a->counting.by[class], weight);
}

static uint32_t value_of(const struct adding *a, uint32_t node)
{
    return a->key->of(a->symbols, a->tree->nodes[node].place);
}

/* Is there no node of the same value above it? Only such a one passes its sum on. */
static bool is_topmost(const struct adding *a, uint32_t node, uint32_t value)
{
    const struct tree_node *const nodes = a->tree->nodes;
    for (uint32_t at = nodes[node].parent; at != TREE_ROOT; at = nodes[at].parent) {
        if (value_of(a, at) == value)
            return false;
    }
    return true;
}

/* From the last node to the first: children have larger numbers than their parents. */
static void sum_upwards(struct adding *a)
{
    for (size_t n = a->tree->n; n-- > 1;) {
        const uint32_t node = (uint32_t)n;
        if (a->below[node] == 0)
            continue;
        const uint32_t value = value_of(a, node);
        if (is_topmost(a, node, value))
            a->cum[value] += a->below[node];
        a->below[a->tree->nodes[node].parent] += a->below[node];
    }
}

/* What weighs in itself is what it is at the leaf. */
static void sum_selves(struct adding *a)
{
    for (size_t n = 1; n < a->tree->n; n++) {
        if (a->below[n] != 0)
            a->self[value_of(a, (uint32_t)n)] += a->below[n];
    }
}

static int compare_places(const void *left, const void *right, void *closure)
{
    const struct adding *const adding = closure;
    const struct live_place_row *const a = left, *const b = right;
    if (a->self != b->self)
        return a->self < b->self ? 1 : -1;
    if (a->cum != b->cum)
        return a->cum < b->cum ? 1 : -1;
    const struct frame x = adding->key->frame(adding->symbols, a->value);
    const struct frame y = adding->key->frame(adding->symbols, b->value);
    return frame_compare(&x, &y);
}

static void fill_rows(struct live_model *model, struct adding *a, size_t n_values,
                      const struct live_wish *wish)
{
    size_t n = 0;
    for (size_t i = 0; i < n_values; i++)
        n += a->cum[i] != 0;
    model->places = arena_get(&model->arena, (n + 1) * sizeof *model->places);
    for (uint32_t i = 0; i < n_values; i++) {
        const struct frame frame = a->key->frame(a->symbols, i);
        if (a->cum[i] == 0 ||
            (!live_is_found(wish, frame.function) && !live_is_found(wish, frame.file)))
            continue;
        model->places[model->n_places++] = (struct live_place_row){i, a->self[i], a->cum[i]};
    }
    if (model->n_places > 1)
        qsort_r(model->places, model->n_places, sizeof *model->places, compare_places, a);
}

/* ---- the total ---- */

static struct live_weighed weigh(struct arena *arena, const struct profile *profile,
                                 const struct counting *counting, const struct live_wish *wish)
{
    struct live_weighed w = {0};
    w.threads = arena_get(arena, (profile->n_threads + 1) * sizeof(struct profile_thread *));
    for (size_t i = 0; i < profile->n_threads; i++) {
        struct profile_thread *const t = profile->threads[i];
        if (!is_chosen(arena, wish, t->thread))
            continue;
        w.threads[w.n++] = t;
        for (int c = 0; c < CLASS_COUNT; c++)
            w.sum += count(counting->by[c], &t->total.by[c]);
    }
    return w;
}

static uint64_t node_weight(const struct live_weighed *weighed, const struct counting *counting,
                            uint32_t node)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < weighed->n; i++) {
        for (int c = 0; c < CLASS_COUNT; c++) {
            const struct weight *const w = sheet_get(&weighed->threads[i]->sheets[c], node);
            sum += w != NULL ? count(counting->by[c], w) : 0;
        }
    }
    return sum;
}

/* A line is a place; a function has several. Names are the scene's: it may know more by now. */
static uint64_t total_of(const struct live_model *model, const struct live *live, uint32_t value)
{
    const struct symbols *const symbols = &live->scene.symbols;
    const struct counting counting = counting_of(model->basis.metric);
    const bool is_line = model->key == &keys[KEY_LINE];
    uint64_t sum = 0;
    for (uint32_t place = is_line ? value : 0; place < symbols->n_places; place++) {
        if (model->key->of(symbols, place) != value)
            continue;
        const uint32_t node = tree_find(&live->total.tree, TREE_ROOT, place);
        if (node != TREE_ROOT)
            sum += node_weight(&model->total, &counting, node) -
                   node_weight(&model->base, &counting, node);
        if (is_line)
            break;
    }
    return sum;
}

/* ---- rows ---- */

struct frame live_place_frame(const struct live_model *model, const struct live *live, size_t row)
{
    return model->key->frame(&live->scene.symbols, model->places[row].value);
}

struct live_place live_place(const struct live_model *model, const struct live *live, size_t row)
{
    const struct live_place_row *const r = &model->places[row];
    const double all = (double)model->basis.metric->of(&model->basis.total);
    const int64_t sum = (int64_t)(model->total.sum - model->base.sum);
    const int64_t own = (int64_t)total_of(model, live, r->value);
    struct live_place place = {
        .frame = live_place_frame(model, live, row),
        .now = (double)r->self / all,
        .cum = (double)r->cum / all,
        /* CPU that waited may be given to what was before */
        .total = sum > 0 && own > 0 ? (double)own / (double)sum : 0,
    };
    place.error = share_error(&model->basis, place.now);
    place.trend = place.now - place.total > place.error   ? 1
                  : place.total - place.now > place.error ? -1
                                                          : 0;
    return place;
}

void live_fill_places(struct live_model *model, const struct live *live,
                      const struct recent *recent, const struct live_wish *wish)
{
    const struct key *const key = &keys[wish->key];
    const struct tree *const tree = &live->scene.tree;
    const struct symbols *const symbols = &live->scene.symbols;
    const size_t n_values = key->count(symbols);
    struct adding a = {counting_of(wish->metric), NULL, tree, key, symbols, NULL, NULL};
    bool *const chosen = arena_get(&model->arena, recent->n_threads + 1);
    struct recent_window window = {.from = model->from, .to = model->to, .chosen = chosen};
    for (size_t i = 0; i < recent->n_threads; i++)
        chosen[i] = recent->threads[i] != NULL &&
                    is_chosen(&model->arena, wish, recent->threads[i]->thread);
    a.below = memory_get((tree->n + 2 * n_values + 1) * sizeof *a.below);
    a.self = a.below + tree->n;
    a.cum = a.self + n_values;
    recent_weigh(recent, &window, add_weight, &a);
    model->key = key;
    model->basis = (struct basis){wish->metric, window.total, window.squares};
    model->total = weigh(&model->arena, &live->total, &a.counting, wish);
    model->base = weigh(&model->arena, &live->base, &a.counting, wish);
    if (!basis_is_empty(&model->basis)) {
        sum_selves(&a);
        sum_upwards(&a);
        fill_rows(model, &a, n_values, wish);
    }
    free(a.below);
}
