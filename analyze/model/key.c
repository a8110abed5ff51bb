/* SPDX-License-Identifier: MIT */
#include "key.h"

#include "module.h"

static const struct module *module_of_function(const struct symbols *symbols, uint32_t function)
{
    const struct modules *const m = symbols->modules;
    return &m->modules[m->of_function[function]];
}

static size_t line_count(const struct symbols *symbols)
{
    return symbols->n_places;
}

static uint32_t line_of(const struct symbols *symbols, uint32_t place)
{
    (void)symbols;
    return place;
}

static const char *line_module(const struct symbols *symbols, uint32_t value)
{
    return module_of_function(symbols, symbols->places[value].function)->name;
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
    return (struct frame){f->name, f->file, f->line, f->native};
}

static const char *function_module(const struct symbols *symbols, uint32_t value)
{
    return module_of_function(symbols, value)->name;
}

static size_t module_count(const struct symbols *symbols)
{
    return symbols->modules->n_modules;
}

static uint32_t module_of(const struct symbols *symbols, uint32_t place)
{
    return symbols->modules->of_function[symbols->places[place].function];
}

static struct frame file_frame(const struct symbols *symbols, uint32_t value)
{
    return (struct frame){.function = "", .file = symbols->modules->modules[value].file};
}

static struct frame module_frame(const struct symbols *symbols, uint32_t value)
{
    const struct module *const m = &symbols->modules->modules[value];
    return (struct frame){.function = m->name, .file = m->file};
}

static const char *module_name(const struct symbols *symbols, uint32_t value)
{
    return symbols->modules->modules[value].name;
}

static size_t package_count(const struct symbols *symbols)
{
    return symbols->modules->n_packages;
}

static uint32_t package_of(const struct symbols *symbols, uint32_t place)
{
    return symbols->modules->modules[module_of(symbols, place)].package;
}

static const char *package_name(const struct symbols *symbols, uint32_t value)
{
    return symbols->modules->packages[value];
}

static struct frame package_frame(const struct symbols *symbols, uint32_t value)
{
    return (struct frame){.function = package_name(symbols, value), .file = ""};
}

const struct key keys[KEY_COUNT] = {
    [KEY_LINE] = {line_count, line_of, symbols_frame, line_module},
    [KEY_FUNCTION] = {function_count, function_of, function_frame, function_module},
    [KEY_FILE] = {module_count, module_of, file_frame, module_name},
    [KEY_MODULE] = {module_count, module_of, module_frame, module_name},
    [KEY_PACKAGE] = {package_count, package_of, package_frame, package_name},
};
