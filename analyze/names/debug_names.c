/* SPDX-License-Identifier: MIT */
#include "debug_names.h"

#include "analyze/base/buffer.h"
#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "format/chunk.h"
#include "format/proto_arena.h"

#include <stdlib.h>
#include <string.h>

void debug_names_clear(struct debug_names *names)
{
    arena_clear(&names->arena);
    free(names->objects);
    *names = (struct debug_names){0};
}

void debug_id_print(char *digits, const uint8_t *bytes, size_t len)
{
    hex_print(digits, bytes, len <= DEBUG_ID_MAX ? len : 0);
}

static enum status wrong(struct problem *why, const char *what)
{
    return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "symbols: %s", what);
}

static enum status check_columns(const Pyrec__V1__Symbols *s, struct problem *why)
{
    uint64_t n_frames = 0;
    if (s->build_id.len == 0 || s->build_id.len > DEBUG_ID_MAX)
        return wrong(why, "no build-id");
    if (s->n_function_address > DEBUG_ADDRESSES_MAX || s->n_place_address > DEBUG_ADDRESSES_MAX)
        return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "symbols: too many addresses");
    if (s->n_function_name != s->n_function_address || s->n_function_file != s->n_function_name ||
        s->n_function_line != s->n_function_name)
        return wrong(why, "columns of functions differ in length");
    if (s->n_place_frames != s->n_place_address)
        return wrong(why, "columns of places differ in length");
    for (size_t i = 0; i < s->n_place_frames; i++) {
        if (s->place_frames[i] == 0 || s->place_frames[i] > DEBUG_FRAMES_MAX)
            return wrong(why, "a place has no frames, or too many");
        n_frames += s->place_frames[i];
    }
    if (n_frames != s->n_frame_name || s->n_frame_file != n_frames ||
        s->n_frame_function_line != n_frames || s->n_frame_line != n_frames)
        return wrong(why, "columns of frames differ in length");
    return STATUS_OK;
}

struct taking {
    struct arena *arena;
    const Pyrec__V1__Symbols *from;
    const char **strings; /* [0] is "" */
};

static const char *text_of(const struct taking *taking, uint32_t id)
{
    return id <= taking->from->n_string ? taking->strings[id] : "";
}

static void take_strings(struct taking *taking)
{
    const Pyrec__V1__Symbols *const s = taking->from;
    taking->strings = memory_get((s->n_string + 1) * sizeof *taking->strings);
    taking->strings[0] = "";
    for (size_t i = 0; i < s->n_string; i++) {
        const size_t len = strnlen(s->string[i], LIMIT_STRING);
        taking->strings[i + 1] =
            unicode_clean(taking->arena, arena_copy(taking->arena, s->string[i], len));
    }
}

/* Is a delta one to an address behind the last? The first one may be 0. */
static bool is_next(uint64_t last, uint64_t delta, size_t i)
{
    return (delta > 0 || i == 0) && delta <= UINT64_MAX - last;
}

static enum status take_functions(const struct taking *taking, struct debug_object *object,
                                  struct problem *why)
{
    const Pyrec__V1__Symbols *const s = taking->from;
    uint64_t address = 0;
    object->functions = arena_get(taking->arena, s->n_function_address * sizeof *object->functions);
    for (size_t i = 0; i < s->n_function_address; i++) {
        if (!is_next(address, s->function_address[i], i))
            return wrong(why, "addresses do not ascend");
        address += s->function_address[i];
        object->functions[i] = (struct debug_function){
            .address = address,
            .name = text_of(taking, s->function_name[i]),
            .file = text_of(taking, s->function_file[i]),
            .line = s->function_line[i] <= INT32_MAX ? s->function_line[i] : 0};
    }
    object->n_functions = s->n_function_address;
    return STATUS_OK;
}

static enum status take_places(const struct taking *taking, struct debug_object *object,
                               struct problem *why)
{
    const Pyrec__V1__Symbols *const s = taking->from;
    uint64_t address = 0;
    uint32_t frame = 0;
    object->places = arena_get(taking->arena, s->n_place_address * sizeof *object->places);
    object->frames = arena_get(taking->arena, s->n_frame_name * sizeof *object->frames);
    for (size_t i = 0; i < s->n_place_address; i++) {
        if (!is_next(address, s->place_address[i], i))
            return wrong(why, "addresses do not ascend");
        address += s->place_address[i];
        object->places[i] = (struct debug_place){address, frame, s->place_frames[i]};
        frame += s->place_frames[i];
    }
    for (size_t i = 0; i < s->n_frame_name; i++)
        object->frames[i] = (struct debug_frame){
            .name = text_of(taking, s->frame_name[i]),
            .file = text_of(taking, s->frame_file[i]),
            .function_line = s->frame_function_line[i] <= INT32_MAX ? s->frame_function_line[i] : 0,
            .line = s->frame_line[i] <= INT32_MAX ? s->frame_line[i] : 0};
    object->n_places = s->n_place_address;
    object->n_frames = s->n_frame_name;
    return STATUS_OK;
}

static enum status add(struct debug_names *names, const Pyrec__V1__Symbols *symbols,
                       struct debug_object object, struct problem *why)
{
    char digits[2 * DEBUG_ID_MAX + 1];
    struct taking taking = {.arena = &names->arena, .from = symbols};
    TRY(check_columns(symbols, why));
    debug_id_print(digits, symbols->build_id.data, symbols->build_id.len);
    take_strings(&taking);
    object.build_id = arena_copy(&names->arena, digits, strlen(digits));
    object.source =
        unicode_clean(&names->arena, arena_copy(&names->arena, symbols->source,
                                                strnlen(symbols->source, LIMIT_STRING)));
    enum status status = take_functions(&taking, &object, why);
    if (status == STATUS_OK)
        status = take_places(&taking, &object, why);
    free(taking.strings);
    TRY(status);
    const struct debug_object *const known = debug_names_find(names, digits);
    if (known != NULL) {
        names->objects[known - names->objects] = object;
        return STATUS_OK;
    }
    names->objects =
        memory_grow(names->objects, &names->objects_size, names->n_objects + 1, sizeof object);
    names->objects[names->n_objects++] = object;
    return STATUS_OK;
}

enum status debug_names_add(struct debug_names *names, const uint8_t *bytes, size_t len,
                            struct problem *why)
{
    struct proto_arena proto = {0};
    const Pyrec__V1__Symbols *const symbols =
        pyrec__v1__symbols__unpack(proto_arena_reset(&proto, len), len, bytes);
    const struct debug_object object = {
        .bytes = (const uint8_t *)arena_copy(&names->arena, (const char *)bytes, len),
        .n_bytes = len};
    const enum status status =
        symbols != NULL ? add(names, symbols, object, why) : wrong(why, "they do not parse");
    proto_arena_clear(&proto);
    return status;
}

const struct debug_object *debug_names_find(const struct debug_names *names, const char *build_id)
{
    for (size_t i = 0; i < names->n_objects; i++)
        if (strcmp(names->objects[i].build_id, build_id) == 0)
            return &names->objects[i];
    return NULL;
}

static int compare_function(const void *key, const void *entry)
{
    const uint64_t address = *(const uint64_t *)key;
    const uint64_t other = ((const struct debug_function *)entry)->address;
    return (address > other) - (address < other);
}

const struct debug_function *debug_object_function(const struct debug_object *object,
                                                   uint64_t address)
{
    if (object->n_functions == 0)
        return NULL;
    return bsearch(&address, object->functions, object->n_functions, sizeof *object->functions,
                   compare_function);
}

static int compare_place(const void *key, const void *entry)
{
    const uint64_t address = *(const uint64_t *)key;
    const uint64_t other = ((const struct debug_place *)entry)->address;
    return (address > other) - (address < other);
}

const struct debug_frame *debug_object_place(const struct debug_object *object, uint64_t address,
                                             size_t *n)
{
    const struct debug_place *const place =
        object->n_places == 0 ? NULL
                              : bsearch(&address, object->places, object->n_places,
                                        sizeof *object->places, compare_place);
    if (place == NULL)
        return NULL;
    *n = place->n_frames;
    return &object->frames[place->first_frame];
}
