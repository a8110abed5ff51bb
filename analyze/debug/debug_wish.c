/* SPDX-License-Identifier: MIT */
#include "debug_wish.h"

#include "analyze/base/memory.h"
#include "analyze/read/trace_run.h"
#include "analyze/read/unit.h"

#include <stdlib.h>
#include <string.h>

static void read_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    struct span spans[64];
    (void)closure, (void)worker;
    while (unit_next_range(reader)) { /* dictionaries are all that is wanted; but all is checked */
        struct range_thread thread = {0};
        while (range_next_thread(&reader->range, &thread))
            while (range_spans(&reader->range, &thread, spans, ARRAY_LEN(spans)) > 0) {
            }
    }
}

static struct wish_object *object_of(struct debug_wish *wish, const struct dict_function *f)
{
    for (size_t i = 0; i < wish->n_objects; i++)
        if (strcmp(wish->objects[i].path, f->object) == 0 &&
            strcmp(wish->objects[i].build_id, f->build_id) == 0)
            return &wish->objects[i];
    wish->objects =
        memory_grow(wish->objects, &wish->objects_size, wish->n_objects + 1, sizeof *wish->objects);
    wish->objects[wish->n_objects] = (struct wish_object){
        .path = arena_copy(&wish->arena, f->object, strlen(f->object)),
        .build_id = arena_copy(&wish->arena, f->build_id, strlen(f->build_id))};
    return &wish->objects[wish->n_objects++];
}

static void join_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    struct debug_wish *const wish = closure;
    const struct dict *const dict = &reader->dict;
    (void)worker;
    for (size_t i = 1; i < dict->n_functions; i++) {
        const struct dict_function *const f = &dict->functions[i];
        if (f->kind != PYREC__V1__DEFS__KIND__NATIVE || f->object[0] == '\0' || f->address == 0)
            continue;
        struct wish_object *const o = object_of(wish, f);
        o->functions =
            memory_grow(o->functions, &o->functions_size, o->n_functions + 1, sizeof *o->functions);
        o->functions[o->n_functions++] = (struct wish_function){f->address, f->is_nameless};
    }
    for (size_t i = 1; i < dict->n_locations; i++) {
        const struct dict_location *const l = &dict->locations[i];
        const struct dict_function *const f = &dict->functions[l->function];
        if (l->address == 0 || f->address == 0 || f->object[0] == '\0')
            continue;
        struct wish_object *const o = object_of(wish, f);
        o->places = memory_grow(o->places, &o->places_size, o->n_places + 1, sizeof *o->places);
        o->places[o->n_places++] = (struct wish_place){l->address, f->address};
    }
}

/* Both begin with their address. */
static int compare_addresses(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void sort_object(struct wish_object *o)
{
    size_t n = 0;
    if (o->n_functions > 1)
        qsort(o->functions, o->n_functions, sizeof *o->functions, compare_addresses);
    for (size_t i = 0; i < o->n_functions; i++)
        if (n == 0 || o->functions[n - 1].address != o->functions[i].address)
            o->functions[n++] = o->functions[i];
    o->n_functions = n;
    n = 0;
    if (o->n_places > 1)
        qsort(o->places, o->n_places, sizeof *o->places, compare_addresses);
    for (size_t i = 0; i < o->n_places; i++)
        if (n == 0 || o->places[n - 1].address != o->places[i].address)
            o->places[n++] = o->places[i];
    o->n_places = n;
}

static int compare_objects(const void *left, const void *right)
{
    const struct wish_object *const a = left, *const b = right;
    const int order = strcmp(a->path, b->path);
    return order != 0 ? order : strcmp(a->build_id, b->build_id);
}

void debug_wish_read(struct debug_wish *wish, struct trace *trace, size_t n_workers)
{
    const struct trace_job job = {read_unit, join_unit, wish};
    debug_names_clear(&trace->names);
    trace_run(trace, n_workers, &job);
    for (size_t i = 0; i < wish->n_objects; i++)
        sort_object(&wish->objects[i]);
    if (wish->n_objects > 1)
        qsort(wish->objects, wish->n_objects, sizeof *wish->objects, compare_objects);
}

void debug_wish_clear(struct debug_wish *wish)
{
    for (size_t i = 0; i < wish->n_objects; i++) {
        free(wish->objects[i].functions);
        free(wish->objects[i].places);
    }
    free(wish->objects);
    arena_clear(&wish->arena);
    *wish = (struct debug_wish){0};
}
