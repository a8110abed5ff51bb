/* SPDX-License-Identifier: MIT */
#include "key.h"

static size_t line_count(const struct symbols *symbols)
{
    return symbols->n_places;
}

static uint32_t line_of(const struct symbols *symbols, uint32_t place)
{
    (void)symbols;
    return place;
}

static size_t function_count(const struct symbols *symbols)
{
    return symbols->n_functions;
}

static uint32_t function_of(const struct symbols *symbols, uint32_t place)
{
    return symbols->places[place].function;
}

static struct frame function_frame(const struct symbols *symbols, uint32_t value)
{
    const struct symbol_function *const f = &symbols->functions[value];
    return (struct frame){f->name, f->file, f->line};
}

const struct key keys[KEY_COUNT] = {
    [KEY_LINE] = {line_count, line_of, symbols_frame},
    [KEY_FUNCTION] = {function_count, function_of, function_frame},
};
