/* SPDX-License-Identifier: MIT */
/* The tables functions, locations and stacks: what the profile has, of one recording each. */
#include "star_part.h"

#include "analyze/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What of the profile the recording has. */
struct used {
    bool *nodes, *places, *functions;
};

static void mark_sheet(struct used *used, const struct sheet *sheet)
{
    struct sheet_page page = {0};
    while (sheet_next_page(sheet, &page)) {
        for (uint32_t i = 0; i < SHEET_PAGE; i++) {
            if (page.weights[i].samples > 0)
                used->nodes[page.first + i] = true;
        }
    }
}

static struct used used_of(const struct star *star)
{
    const struct profile *const profile = star->profile;
    const struct tree *const tree = &profile->tree;
    const struct symbols *const symbols = &profile->symbols;
    struct used used = {memory_get(tree->n + 1), memory_get(symbols->n_places + 1),
                        memory_get(symbols->n_functions + 1)};
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        for (int c = 0; c < CLASS_COUNT && t->thread->process->recording == star->recording; c++)
            mark_sheet(&used, &t->sheets[c]);
    }
    for (size_t i = tree->n; i-- > 1;) { /* callers, which have smaller numbers */
        if (!used.nodes[i])
            continue;
        used.nodes[tree->nodes[i].parent] = true;
        used.places[tree->nodes[i].place] = true;
        used.functions[symbols->places[tree->nodes[i].place].function] = true;
    }
    return used;
}

static void free_used(const struct used *used)
{
    free(used->nodes);
    free(used->places);
    free(used->functions);
}

static int compare_keys(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void star_learn_known(struct star *star)
{
    const size_t n_places = star->profile->symbols.n_places;
    const struct used used = used_of(star);
    free(star->known);
    star->known = memory_get((n_places + 1) * sizeof *star->known);
    star->n_known = 0;
    for (size_t i = 0; i < n_places; i++) {
        if (used.places[i])
            star->known[star->n_known++] = star->place_keys[i];
    }
    if (star->n_known > 1)
        qsort(star->known, star->n_known, sizeof *star->known, compare_keys);
    free_used(&used);
}

uint64_t star_known_key(struct star *star, const struct symbols *symbols, uint32_t place)
{
    const uint64_t key = star_frame_key(star, symbols, place);
    return bsearch(&key, star->known, star->n_known, sizeof key, compare_keys) != NULL ? key : 0;
}

/* A function or location on its way into a table. */
struct entry {
    uint64_t key;
    uint32_t number; /* in the profile */
    const struct symbols *symbols;
};

static int compare_functions(const struct symbol_function *a, const struct symbol_function *b)
{
    int order = strcmp(a->file, b->file);
    if (order == 0 && a->line != b->line)
        order = a->line < b->line ? -1 : 1;
    return order != 0 ? order : strcmp(a->name, b->name);
}

/*
 * Numbers in the profile depend on who read which part of the trace first; the order of rows does
 * not, so that the same recording always gives the same bytes. It is by name, as what is alike
 * compresses well side by side; but not where names are redacted, of which it would tell.
 */
static int compare_function_entries(const void *left, const void *right)
{
    const struct entry *const a = left, *const b = right;
    return compare_functions(&a->symbols->functions[a->number], &b->symbols->functions[b->number]);
}

static int compare_place_entries(const void *left, const void *right)
{
    const struct entry *const a = left, *const b = right;
    const struct symbol_place *const p = &a->symbols->places[a->number];
    const struct symbol_place *const q = &b->symbols->places[b->number];
    if (p->function == q->function)
        return (p->line > q->line) - (p->line < q->line);
    return compare_functions(&a->symbols->functions[p->function],
                             &b->symbols->functions[q->function]);
}

static int compare_redacted(const void *left, const void *right)
{
    const struct entry *const a = left, *const b = right;
    return (a->key > b->key) - (a->key < b->key);
}

static void sort_entries(const struct star *star, struct entry *list, size_t n,
                         int (*by_name)(const void *, const void *))
{
    if (n > 1)
        qsort(list, n, sizeof *list,
              star->key.redaction == REDACT_NOTHING ? by_name : compare_redacted);
}

static uint64_t function_key(struct star *star, uint32_t function)
{
    const struct symbol_function *const f = &star->profile->symbols.functions[function];
    return star_key_function(&star->key, f->name, f->file, f->line);
}

static void write_functions(struct star *star, const struct used *used)
{
    const struct symbols *const symbols = &star->profile->symbols;
    const struct modules *const modules = &star->profile->modules;
    struct entry *const list = memory_get((symbols->n_functions + 1) * sizeof *list);
    size_t n = 0;
    for (uint32_t i = 0; i < symbols->n_functions; i++) {
        if (used->functions[i])
            list[n++] = (struct entry){function_key(star, i), i, symbols};
    }
    sort_entries(star, list, n, compare_function_entries);
    for (size_t i = 0; i < n; i++) {
        const struct symbol_function *const f = &symbols->functions[list[i].number];
        const struct module *const m = &modules->modules[modules->of_function[list[i].number]];
        star_key(star, list[i].key);
        star_text(star, f->name);
        star_text(star, f->file);
        star_count(star, f->line);
        star_text(star, m->name);
        star_text(star, modules->packages[m->package]);
        star_end(star);
    }
    free(list);
}

static void write_locations(struct star *star, const struct used *used)
{
    const struct symbols *const symbols = &star->profile->symbols;
    struct entry *const list = memory_get((symbols->n_places + 1) * sizeof *list);
    size_t n = 0;
    for (uint32_t i = 0; i < symbols->n_places; i++) {
        if (used->places[i])
            list[n++] = (struct entry){star->place_keys[i], i, symbols};
    }
    sort_entries(star, list, n, compare_place_entries);
    for (size_t i = 0; i < n; i++) {
        const struct symbol_place *const p = &symbols->places[list[i].number];
        star_key(star, list[i].key);
        star_key(star, function_key(star, p->function));
        star_count(star, p->line);
        star_end(star);
    }
    free(list);
}

static int compare_nodes(const void *left, const void *right, void *closure)
{
    const struct star *const star = closure;
    const uint64_t a = star->node_keys[*(const uint32_t *)left];
    const uint64_t b = star->node_keys[*(const uint32_t *)right];
    return (a > b) - (a < b);
}

/* The nodes below each one, by key: those of node i are list[first[i]] up to list[first[i + 1]]. */
struct below {
    uint32_t *list;
    size_t *first;
};

static struct below sort_below(struct star *star)
{
    const struct tree *const tree = &star->profile->tree;
    struct below below = {memory_get((tree->n + 1) * sizeof *below.list),
                          memory_get((tree->n + 2) * sizeof *below.first)};
    size_t *const next = memory_get((tree->n + 1) * sizeof *next);
    for (size_t i = 1; i < tree->n; i++)
        below.first[tree->nodes[i].parent + 1]++;
    for (size_t i = 0; i < tree->n; i++) {
        below.first[i + 1] += below.first[i];
        next[i] = below.first[i];
    }
    for (uint32_t i = 1; i < tree->n; i++)
        below.list[next[tree->nodes[i].parent]++] = i;
    for (size_t i = 0; i < tree->n; i++) {
        const size_t n = below.first[i + 1] - below.first[i];
        if (n > 1)
            qsort_r(below.list + below.first[i], n, sizeof *below.list, compare_nodes, star);
    }
    free(next);
    return below;
}

static void write_stack(struct star *star, uint32_t node, uint32_t depth, const char *path)
{
    const struct tree_node *const n = &star->profile->tree.nodes[node];
    star_key(star, star->node_keys[node]);
    star_key(star, star->node_keys[n->parent]);
    star_key(star, star->place_keys[n->place]);
    star_count(star, depth);
    star_text(star, path);
    star_end(star);
}

/* In an order in which callees follow their callers, so that paths begin like the one before. */
static void write_stacks(struct star *star, const struct used *used)
{
    const struct tree *const tree = &star->profile->tree;
    struct below below = sort_below(star);
    uint32_t *const nodes = memory_get((tree->n + 1) * sizeof *nodes); /* the way down, by depth */
    size_t *const ends = memory_get((tree->n + 1) * sizeof *ends);     /* of the paths to them */
    struct buffer path = {0};
    size_t *const next = memory_get((tree->n + 1) * sizeof *next);
    memcpy(next, below.first, tree->n * sizeof *next);
    for (uint32_t depth = 0;;) {
        const uint32_t node = nodes[depth];
        if (next[node] == below.first[node + 1]) {
            if (depth-- == 0)
                break;
            continue;
        }
        const uint32_t child = below.list[next[node]++];
        if (!used->nodes[child])
            continue;
        path.len = ends[depth];
        buffer_print(&path, depth > 0 ? " %" PRIu64 : "%" PRIu64,
                     star->place_keys[tree->nodes[child].place]);
        nodes[++depth] = child;
        ends[depth] = path.len;
        write_stack(star, child, depth, path.text);
    }
    buffer_clear(&path);
    free(next);
    free(ends);
    free(nodes);
    free(below.first);
    free(below.list);
}

enum status star_write_places(struct star *star, struct problem *why)
{
    enum status status = STATUS_OK;
    for (size_t r = 0; r < star->n_recordings && status == STATUS_OK; r++) {
        star->recording = star->recordings[r];
        const struct used used = used_of(star);
        if ((status = star_open(star, STAR_FUNCTIONS, r, why)) == STATUS_OK)
            write_functions(star, &used);
        if (status == STATUS_OK && (status = star_open(star, STAR_LOCATIONS, r, why)) == STATUS_OK)
            write_locations(star, &used);
        if (status == STATUS_OK && (status = star_open(star, STAR_STACKS, r, why)) == STATUS_OK)
            write_stacks(star, &used);
        free_used(&used);
    }
    return status;
}
