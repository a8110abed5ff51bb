/* SPDX-License-Identifier: MIT */
#include "naming.h"

#include "analyze/base/memory.h"
#include "graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A function on its way to a name; equal names stand together when they are sorted. */
struct named {
    const char *name;
    const struct symbol_function *function;
    const char *module;
    uint32_t number;
};

/* What has been given away already. */
struct taken {
    struct arena arena;
    const char **names; /* as people see them */
    size_t n, size;
    struct hash hash;
};

static int compare_named(const void *left, const void *right)
{
    const struct named *const a = left, *const b = right;
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = strcmp(a->function->file, b->function->file);
    if (order == 0)
        order = (a->function->line > b->function->line) - (a->function->line < b->function->line);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static void sort(struct named *all, size_t n)
{
    if (n > 1)
        qsort(all, n, sizeof *all, compare_named);
}

/* Where those end that have the name of all[first]. */
static size_t same_name(const struct named *all, size_t n, size_t first)
{
    size_t end = first + 1;
    while (end < n && strcmp(all[end].name, all[first].name) == 0)
        end++;
    return end;
}

/* They are in order of file. */
static bool one_file(const struct named *all, size_t first, size_t end)
{
    return strcmp(all[first].function->file, all[end - 1].function->file) == 0;
}

/* What stands for no function (a thread outside of Python) has no file, and keeps its name. */
static void add_modules(struct arena *arena, struct named *all, size_t n)
{
    for (size_t first = 0, end; first < n; first = end) {
        end = same_name(all, n, first);
        if (one_file(all, first, end))
            continue;
        for (size_t i = first; i < end; i++) {
            if (all[i].function->file[0] != '\0')
                all[i].name = arena_print(arena, "%s.%s", all[i].module, all[i].name);
        }
    }
    sort(all, n);
}

/* Where other functions of the file have the name, the line; where other files have it, the file.
 */
static void add_places(struct arena *arena, struct named *all, size_t n)
{
    for (size_t first = 0, end; first < n; first = end) {
        end = same_name(all, n, first);
        const bool several_files = !one_file(all, first, end);
        for (size_t from = first, to; from < end; from = to) {
            for (to = from + 1; to < end && one_file(all, from, to + 1); to++)
                ;
            for (size_t i = from; i < to; i++) {
                if (to - from > 1)
                    all[i].name =
                        arena_print(arena, "%s:%" PRIu32, all[i].name, all[i].function->line);
                if (several_files && all[i].function->file[0] != '\0')
                    all[i].name = arena_print(arena, "%s (%s)", all[i].name, all[i].function->file);
            }
        }
    }
    sort(all, n);
}

static uint64_t taken_hash(const void *owner, uint32_t n)
{
    return hash_text(((const struct taken *)owner)->names[n]);
}

/* Take the name, unless somebody has it. */
static bool take(struct taken *taken, const char *name)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, name);
    hash_reserve(&taken->hash, taken_hash, taken);
    uint64_t at = hash_text(visible.text);
    for (uint32_t n; (n = hash_slot(&taken->hash, at)) != HASH_NONE; at++) {
        if (strcmp(taken->names[n], visible.text) == 0) {
            buffer_clear(&visible);
            return false;
        }
    }
    taken->names = memory_grow(taken->names, &taken->size, taken->n + 1, sizeof(const char *));
    taken->names[taken->n] = arena_copy(&taken->arena, visible.text, visible.len);
    hash_put(&taken->hash, at, (uint32_t)taken->n++);
    buffer_clear(&visible);
    return true;
}

/* A name that is another one's by accident (a class Run of a module, and a module Run) is counted.
 */
static const char *make_unique(struct arena *arena, struct taken *taken, const char *name)
{
    const char *tried = name;
    for (unsigned n = 2; !take(taken, tried); n++)
        tried = arena_print(arena, "%s #%u", name, n);
    return tried;
}

const char **naming_make(struct arena *arena, const struct symbols *symbols,
                         const struct modules *modules)
{
    const size_t n = symbols->n_functions;
    struct named *const all = memory_get((n + 1) * sizeof *all);
    const char **const names = arena_get(arena, (n + 1) * sizeof(const char *));
    struct taken taken = {0};
    for (uint32_t i = 0; i < n; i++) {
        const struct symbol_function *const f = &symbols->functions[i];
        const char *const name = f->name[0] != '\0' ? f->name : "???";
        all[i] = (struct named){name, f, modules->modules[modules->of_function[i]].name, i};
    }
    (void)take(&taken, GRAPH_ROOT_NAME);
    sort(all, n);
    add_modules(arena, all, n);
    add_places(arena, all, n);
    for (size_t i = 0; i < n; i++)
        names[all[i].number] = make_unique(arena, &taken, all[i].name);
    hash_clear(&taken.hash);
    free(taken.names);
    arena_clear(&taken.arena);
    free(all);
    return names;
}
