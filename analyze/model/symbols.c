/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

void symbols_clear(struct symbols *symbols)
{
    arena_clear(&symbols->arena);
    free(symbols->texts);
    free(symbols->functions);
    free(symbols->places);
    hash_clear(&symbols->text_hash);
    hash_clear(&symbols->function_hash);
    hash_clear(&symbols->place_hash);
    *symbols = (struct symbols){0};
}

static uint64_t text_hash(const void *owner, uint32_t n)
{
    return ((const struct symbols *)owner)->texts[n].hash;
}

/* The one copy of a text. */
const char *symbols_text(struct symbols *symbols, const char *text)
{
    struct hash *const hash = &symbols->text_hash;
    const uint64_t h = hash_text(text);
    hash_reserve(hash, text_hash, symbols);
    uint64_t at = h;
    for (uint32_t n = hash_slot(hash, at); n != HASH_NONE; n = hash_slot(hash, ++at)) {
        if (symbols->texts[n].hash == h && strcmp(symbols->texts[n].text, text) == 0)
            return symbols->texts[n].text;
    }
    symbols->texts = memory_grow(symbols->texts, &symbols->texts_size, symbols->n_texts + 1,
                                 sizeof *symbols->texts);
    hash_put(hash, at, (uint32_t)symbols->n_texts);
    const char *const copy = arena_copy(&symbols->arena, text, strlen(text));
    symbols->texts[symbols->n_texts++] = (struct symbol_text){h, copy};
    return copy;
}

/* Texts are interned: the pointers say as much as the texts. */
static uint64_t hash_of_function(const struct symbol_function *f)
{
    const uint64_t where = hash_pair((uintptr_t)f->file, (uintptr_t)f->object);
    return hash_pair(hash_pair((uintptr_t)f->name, where), f->line);
}

static uint64_t function_hash(const void *owner, uint32_t n)
{
    return hash_of_function(&((const struct symbols *)owner)->functions[n]);
}

static uint32_t function_in(struct symbols *symbols, const char *name, const char *file,
                            uint32_t line, const char *object)
{
    struct hash *const hash = &symbols->function_hash;
    const struct symbol_function f = {.name = symbols_text(symbols, name),
                                      .file = symbols_text(symbols, file),
                                      .line = line,
                                      .object = symbols_text(symbols, object),
                                      .build_id = ""};
    hash_reserve(hash, function_hash, symbols);
    uint64_t at = hash_of_function(&f);
    for (uint32_t n = hash_slot(hash, at); n != HASH_NONE; n = hash_slot(hash, ++at)) {
        const struct symbol_function *const known = &symbols->functions[n];
        if (known->name == f.name && known->file == f.file && known->line == f.line &&
            known->object == f.object)
            return n;
    }
    symbols->functions = memory_grow(symbols->functions, &symbols->functions_size,
                                     symbols->n_functions + 1, sizeof *symbols->functions);
    hash_put(hash, at, (uint32_t)symbols->n_functions);
    symbols->functions[symbols->n_functions] = f;
    return (uint32_t)symbols->n_functions++;
}

uint32_t symbols_function(struct symbols *symbols, const char *name, const char *file,
                          uint32_t line)
{
    return function_in(symbols, name, file, line, "");
}

uint32_t symbols_dict_function(struct symbols *symbols, const struct dict_function *function)
{
    const uint32_t id =
        function_in(symbols, function->name, function->file, function->line, function->object);
    struct symbol_function *const f = &symbols->functions[id];
    if (!dict_is_native(function))
        return id;
    if (!f->native) {
        f->address = function->address;
        f->build_id = symbols_text(symbols, function->build_id);
    } else if (f->address != function->address) {
        f->address = 0;
    }
    f->native = true;
    return id;
}

static uint64_t hash_of_place(const struct symbol_place *p)
{
    const uint64_t where = (uint64_t)p->position.column << 32 |
                           (uint64_t)p->position.end_column << 16 | p->position.lines_more;
    return hash_pair(hash_pair(p->function, p->line), where);
}

static uint64_t place_hash(const void *owner, uint32_t n)
{
    return hash_of_place(&((const struct symbols *)owner)->places[n]);
}

static bool same_place(const struct symbol_place *a, const struct symbol_place *b)
{
    return a->function == b->function && a->line == b->line &&
           a->position.column == b->position.column &&
           a->position.end_column == b->position.end_column &&
           a->position.lines_more == b->position.lines_more;
}

uint32_t symbols_expression(struct symbols *symbols, uint32_t function, uint32_t line,
                            struct position position)
{
    struct hash *const hash = &symbols->place_hash;
    const struct symbol_place place = {function, line, position};
    hash_reserve(hash, place_hash, symbols);
    uint64_t at = hash_of_place(&place);
    for (uint32_t n = hash_slot(hash, at); n != HASH_NONE; n = hash_slot(hash, ++at)) {
        if (same_place(&symbols->places[n], &place))
            return n;
    }
    symbols->places = memory_grow(symbols->places, &symbols->places_size, symbols->n_places + 1,
                                  sizeof *symbols->places);
    hash_put(hash, at, (uint32_t)symbols->n_places);
    symbols->places[symbols->n_places] = place;
    return (uint32_t)symbols->n_places++;
}

uint32_t symbols_place(struct symbols *symbols, uint32_t function, uint32_t line)
{
    return symbols_expression(symbols, function, line, (struct position){0});
}

struct frame symbols_frame(const struct symbols *symbols, uint32_t place)
{
    const struct symbol_place p = symbols->places[place];
    const struct symbol_function *const f = &symbols->functions[p.function];
    return (struct frame){f->name, f->file, p.line, f->native};
}
