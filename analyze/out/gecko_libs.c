/* SPDX-License-Identifier: MIT */
#include "gecko_libs.h"

#include "analyze/base/memory.h"
#include "json_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY 1 /* a kind of resource */

/* The format's addresses are numbers of JavaScript. */
static bool has_address(const struct stack_node *node)
{
    return node->address != 0 && node->address <= UINT32_MAX;
}

static void symbol_take(struct gecko_libs *libs, const struct stack_node *node)
{
    libs->symbol_of = memory_grow(libs->symbol_of, &libs->symbol_of_size,
                                  (size_t)node->function + 1, sizeof *libs->symbol_of);
    if (libs->symbol_of[node->function] != 0)
        return;
    libs->symbol_nodes = memory_grow(libs->symbol_nodes, &libs->symbol_size, libs->n_symbols + 1,
                                     sizeof(struct stack_node *));
    libs->symbol_nodes[libs->n_symbols] = node;
    libs->symbol_of[node->function] = (uint32_t)++libs->n_symbols;
}

bool gecko_libs_take(struct gecko_libs *libs, const struct stack_node *node)
{
    if (node->object[0] == '\0')
        return false;
    const uint32_t lib = text_table_number(&libs->files, node->object);
    libs->lib_nodes =
        memory_grow(libs->lib_nodes, &libs->lib_size, libs->files.n, sizeof(struct stack_node *));
    libs->lib_nodes[lib] = node;
    if (has_address(node))
        symbol_take(libs, node);
    return true;
}

bool gecko_libs_number(struct gecko_libs *libs, const struct stack_node *node, uint64_t *value)
{
    *value = text_table_number(&libs->files, node->object);
    return true;
}

bool gecko_libs_address(struct gecko_libs *libs, const struct stack_node *node, uint64_t *value)
{
    (void)libs;
    *value = node->address;
    return has_address(node);
}

bool gecko_libs_symbol(struct gecko_libs *libs, const struct stack_node *node, uint64_t *value)
{
    *value = has_address(node) ? libs->symbol_of[node->function] - 1 : 0;
    return has_address(node);
}

void gecko_libs_name(const struct gecko_libs *libs, struct text_table *strings)
{
    for (size_t i = 0; i < libs->files.n; i++)
        text_table_number(strings, basename(libs->files.texts[i]));
    for (size_t i = 0; i < libs->n_symbols; i++)
        text_table_number(strings, libs->symbol_nodes[i]->frame.function);
}

/* The first 16 bytes of a build-id, as a GUID of little-endian numbers and an age of 0. */
static void debug_id(const char *build_id, char out[34])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    memset(out, 0, 34);
    if (strlen(build_id) < 32)
        return;
    for (size_t i = 0; i < 32; i++) {
        const char c = build_id[2 * order[i / 2] + i % 2];
        out[i] = (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
    }
    out[32] = '0';
}

void gecko_libs_write(const struct gecko_libs *libs, struct sink *to)
{
    for (size_t i = 0; i < libs->files.n; i++) {
        const char *const path = libs->files.texts[i];
        const char *const build_id = libs->lib_nodes[i]->build_id;
        char id[34];
        debug_id(build_id, id);
        sink_text(to, i > 0 ? ",\n{\"arch\":\"x86_64\"," : "\n{\"arch\":\"x86_64\",");
        json_member(to, "name", basename(path));
        putc(',', to->file);
        json_member(to, "path", path);
        putc(',', to->file);
        json_member(to, "debugName", basename(path));
        putc(',', to->file);
        json_member(to, "debugPath", path);
        putc(',', to->file);
        json_member(to, "breakpadId", id);
        sink_text(to, ",\"codeId\":");
        if (build_id[0] != '\0')
            json_text(to, build_id);
        else
            sink_text(to, "null");
        putc('}', to->file);
    }
}

static void between(struct sink *to, size_t i)
{
    if (i > 0)
        putc(',', to->file);
}

void gecko_libs_write_tables(struct gecko_libs *libs, struct sink *to, struct text_table *strings)
{
    const size_t n = libs->files.n, n_symbols = libs->n_symbols;
    sink_print(to, "\"resourceTable\":{\"length\":%zu,\"type\":[", n);
    for (size_t i = 0; i < n; i++)
        sink_print(to, i > 0 ? ",%d" : "%d", LIBRARY);
    sink_text(to, "],\"lib\":[");
    for (size_t i = 0; i < n; i++)
        sink_print(to, i > 0 ? ",%zu" : "%zu", i);
    sink_text(to, "],\"name\":[");
    for (size_t i = 0; i < n; i++) {
        between(to, i);
        sink_print(to, "%" PRIu32, text_table_number(strings, basename(libs->files.texts[i])));
    }
    sink_text(to, "],\"host\":[");
    for (size_t i = 0; i < n; i++)
        sink_text(to, i > 0 ? ",null" : "null");
    sink_print(to, "]},\"nativeSymbols\":{\"length\":%zu,\"libIndex\":[", n_symbols);
    for (size_t i = 0; i < n_symbols; i++) {
        between(to, i);
        uint64_t lib;
        (void)gecko_libs_number(libs, libs->symbol_nodes[i], &lib);
        sink_print(to, "%" PRIu64, lib);
    }
    sink_text(to, "],\"address\":[");
    for (size_t i = 0; i < n_symbols; i++) {
        between(to, i);
        sink_print(to, "%" PRIu64, libs->symbol_nodes[i]->address);
    }
    sink_text(to, "],\"name\":[");
    for (size_t i = 0; i < n_symbols; i++) {
        between(to, i);
        sink_print(to, "%" PRIu32,
                   text_table_number(strings, libs->symbol_nodes[i]->frame.function));
    }
    sink_text(to, "],\"functionSize\":[");
    for (size_t i = 0; i < n_symbols; i++)
        sink_text(to, i > 0 ? ",null" : "null");
    sink_text(to, "]}");
}

void gecko_libs_clear(struct gecko_libs *libs)
{
    text_table_clear(&libs->files);
    free(libs->lib_nodes);
    free(libs->symbol_of);
    free(libs->symbol_nodes);
}
