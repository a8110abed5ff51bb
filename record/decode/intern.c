/* SPDX-License-Identifier: MIT */
#include "intern.h"

#include "format/chunk.h"
#include "record/tables/utf8.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <string.h>

/* Far enough below the limits of the format for what one more tick can add. */
#define FULL_IDS   (LIMIT_IDS / 4)
#define FULL_BYTES (64u << 20)
#define FULL_TEXT  (LIMIT_STRING_BYTES / 2)

void intern_init(struct intern *in)
{
    *in = (struct intern){.seed = hash_new_seed()};
}

void intern_clear(struct intern *in)
{
    free(in->text);
    free(in->strings);
    free(in->functions);
    free(in->locations);
    free(in->stacks);
    free(in->modules);
    idmap_clear(&in->string_map);
    idmap_clear(&in->function_map);
    idmap_clear(&in->location_map);
    idmap_clear(&in->stack_map);
    *in = (struct intern){.seed = in->seed};
}

/* A generation that was big need not mean that the next one is: give the memory back. */
void intern_restart(struct intern *in)
{
    intern_clear(in);
}

static uint32_t lose(struct intern *in)
{
    in->lost++;
    return 0;
}

/* ---- strings ---- */

const char *intern_get_string(const struct intern *in, uint32_t id)
{
    return id == 0 ? "" : in->text + in->strings[id - 1];
}

static bool string_is(const struct intern *in, uint32_t id, const char *bytes, size_t len)
{
    const char *have = intern_get_string(in, id);
    return strncmp(have, bytes, len) == 0 && have[len] == '\0';
}

static uint32_t string_add(struct intern *in, uint32_t hash, const char *bytes, size_t len)
{
    const uint64_t text_need = (uint64_t)in->text_len + len + 1;
    if (in->count.strings >= LIMIT_IDS - 1 || text_need > LIMIT_STRING_BYTES ||
        !vec_room(&in->text, &in->text_capacity, text_need, 1) ||
        !vec_room(&in->strings, &in->capacity.strings, in->count.strings + 1ull,
                  sizeof *in->strings) ||
        !idmap_add(&in->string_map, hash, in->count.strings + 1))
        return lose(in);
    in->strings[in->count.strings++] = in->text_len;
    memcpy(in->text + in->text_len, bytes, len);
    in->text[in->text_len + len] = '\0';
    in->text_len = (uint32_t)text_need;
    return in->count.strings;
}

/* 0 = it is not there. */
static uint32_t string_find(const struct intern *in, uint32_t hash, const char *bytes, size_t len)
{
    for (uint32_t probe = hash, id; idmap_next(&in->string_map, hash, &probe, &id);)
        if (string_is(in, id, bytes, len))
            return id;
    return 0;
}

bool intern_has_string(const struct intern *in, const char *bytes, size_t len)
{
    return string_find(in, hash_bytes(in->seed, bytes, len), bytes, len) != 0;
}

static uint32_t string_clean(struct intern *in, const char *bytes, size_t len)
{
    const uint32_t hash = hash_bytes(in->seed, bytes, len);
    const uint32_t id = string_find(in, hash, bytes, len);
    return id != 0 ? id : string_add(in, hash, bytes, len);
}

uint32_t intern_string(struct intern *in, const char *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (len <= LIMIT_STRING && utf8_valid(bytes, len))
        return string_clean(in, bytes, len);
    char *clean = malloc(LIMIT_STRING);
    if (clean == NULL)
        return lose(in);
    const size_t clean_len = utf8_clean(bytes, len, clean, LIMIT_STRING);
    const uint32_t id = string_clean(in, clean, clean_len);
    free(clean);
    return id;
}

/* ---- functions, locations, stacks: small structs without padding, equal when their bytes are ----
 */

_Static_assert(sizeof(struct intern_function) == 6 * sizeof(uint32_t), "no padding");
_Static_assert(sizeof(struct intern_module) == 3 * sizeof(uint32_t) + ELF_BUILD_ID_MAX,
               "no padding");
_Static_assert(sizeof(struct intern_location) == 6 * sizeof(uint32_t), "no padding");

uint32_t intern_function(struct intern *in, const struct intern_function *function)
{
    const uint32_t hash = hash_bytes(in->seed, function, sizeof *function);
    for (uint32_t probe = hash, id; idmap_next(&in->function_map, hash, &probe, &id);)
        if (memcmp(&in->functions[id - 1], function, sizeof *function) == 0)
            return id;
    if (in->count.functions >= LIMIT_IDS - 1 ||
        !vec_room(&in->functions, &in->capacity.functions, in->count.functions + 1ull,
                  sizeof *function) ||
        !idmap_add(&in->function_map, hash, in->count.functions + 1))
        return lose(in);
    in->functions[in->count.functions++] = *function;
    return in->count.functions;
}

uint32_t intern_module(struct intern *in, const struct intern_module *module)
{
    for (uint32_t i = 0; i < in->count.modules; i++)
        if (memcmp(&in->modules[i], module, sizeof *module) == 0)
            return i + 1;
    if (!vec_room(&in->modules, &in->capacity.modules, in->count.modules + 1ull, sizeof *module))
        return lose(in);
    in->modules[in->count.modules++] = *module;
    return in->count.modules;
}

uint32_t intern_location(struct intern *in, const struct intern_location *location)
{
    const uint32_t hash = hash_bytes(in->seed, location, sizeof *location);
    for (uint32_t probe = hash, id; idmap_next(&in->location_map, hash, &probe, &id);)
        if (memcmp(&in->locations[id - 1], location, sizeof *location) == 0)
            return id;
    if (location->function == 0 || in->count.locations >= LIMIT_IDS - 1 ||
        !vec_room(&in->locations, &in->capacity.locations, in->count.locations + 1ull,
                  sizeof *location) ||
        !idmap_add(&in->location_map, hash, in->count.locations + 1))
        return lose(in);
    in->locations[in->count.locations++] = *location;
    return in->count.locations;
}

uint32_t intern_stack(struct intern *in, uint32_t parent, uint32_t location)
{
    const uint32_t hash = hash_pair(in->seed, parent, location);
    for (uint32_t probe = hash, id; idmap_next(&in->stack_map, hash, &probe, &id);)
        if (in->stacks[id - 1].parent == parent && in->stacks[id - 1].location == location)
            return id;
    if (location == 0 || in->count.stacks >= LIMIT_IDS - 1 ||
        !vec_room(&in->stacks, &in->capacity.stacks, in->count.stacks + 1ull, sizeof *in->stacks) ||
        !idmap_add(&in->stack_map, hash, in->count.stacks + 1))
        return lose(in);
    in->stacks[in->count.stacks++] = (struct intern_stack){parent, location};
    return in->count.stacks;
}

uint32_t intern_marker(struct intern *in, enum intern_kind kind, const char *text)
{
    const struct intern_function function = {.name = intern_string(in, text, strlen(text)),
                                             .kind = kind};
    const struct intern_location location = {
        .function = intern_function(in, &function), .column = -1, .end_column = -1};
    return intern_location(in, &location);
}

/* ---- how much there is ---- */

static size_t map_bytes(const struct idmap *map)
{
    return map->n_slots * sizeof *map->slots;
}

size_t intern_bytes(const struct intern *in)
{
    return in->text_capacity + in->capacity.strings * sizeof *in->strings +
           in->capacity.functions * sizeof *in->functions +
           in->capacity.locations * sizeof *in->locations +
           in->capacity.stacks * sizeof *in->stacks + in->capacity.modules * sizeof *in->modules +
           map_bytes(&in->string_map) + map_bytes(&in->function_map) +
           map_bytes(&in->location_map) + map_bytes(&in->stack_map);
}

bool intern_full(const struct intern *in)
{
    return in->count.strings >= FULL_IDS || in->count.functions >= FULL_IDS ||
           in->count.locations >= FULL_IDS || in->count.stacks >= FULL_IDS ||
           in->text_len >= FULL_TEXT || intern_bytes(in) >= FULL_BYTES || in->lost > 0;
}
