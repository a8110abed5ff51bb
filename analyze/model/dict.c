/* SPDX-License-Identifier: MIT */
#include "dict.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/base/unicode.h"
#include "analyze/names/unmangle.h"
#include "format/chunk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW(dict, what)                                                                           \
    (dict)->what = memory_grow((dict)->what, &(dict)->what##_size, (dict)->n_##what + 1,           \
                               sizeof *(dict)->what)

/* ---- ids ---- */

static void ids_reset(struct dict_ids *ids)
{
    ids->n = 1;
    ids->is_same = true;
}

static uint32_t ids_own(const struct dict_ids *ids, uint32_t id)
{
    return ids->is_same ? id : ids->own[id];
}

/* The next id of the trace is this one here. */
static void ids_add(struct dict_ids *ids, size_t own)
{
    if (ids->is_same && own == ids->n) {
        ids->n++;
        return;
    }
    ids->own = memory_grow(ids->own, &ids->size, ids->n + 1, sizeof *ids->own);
    for (size_t i = 0; ids->is_same && i < ids->n; i++)
        ids->own[i] = (uint32_t)i;
    ids->is_same = false;
    ids->own[ids->n++] = (uint32_t)own;
}

/* ---- the dictionary ---- */

void dict_reset(struct dict *dict)
{
    dict_set_directory(dict, "", "");
    arena_reset(&dict->arena);
    dict->n_strings = dict->n_functions = dict->n_locations = dict->n_stacks = 0;
    dict->string_bytes = 0;
    dict->n_lost = 0;
    dict->n_modules = 0;
    dict->names = NULL;
    ids_reset(&dict->function_ids);
    ids_reset(&dict->location_ids);
    ids_reset(&dict->stack_ids);

    hash_reset(&dict->context_of);
    dict->n_contexts = 1;
    dict->contexts = memory_grow(dict->contexts, &dict->contexts_size, 1, sizeof *dict->contexts);
    dict->contexts[0] = (struct dict_context){0};
    GROW(dict, strings);
    GROW(dict, functions);
    GROW(dict, locations);
    GROW(dict, stacks);
    dict->depths = memory_grow(dict->depths, &dict->depths_size, 1, sizeof *dict->depths);
    dict->strings[dict->n_strings++] = "";
    dict->functions[dict->n_functions++] =
        (struct dict_function){.name = DICT_LOST_NAME,
                               .file = "",
                               .object = "",
                               .build_id = "",
                               .kind = PYREC__V1__DEFS__KIND__LOST};
    dict->locations[dict->n_locations++] = (struct dict_location){0};
    dict->stacks[dict->n_stacks++] = (struct dict_stack){0};
    dict->depths[0] = 0;
}

void dict_clear(struct dict *dict)
{
    arena_clear(&dict->arena);
    free(dict->strings);
    free(dict->functions);
    free(dict->locations);
    free(dict->stacks);
    free(dict->depths);
    free(dict->contexts);
    free(dict->modules);
    free(dict->function_ids.own);
    free(dict->location_ids.own);
    free(dict->stack_ids.own);
    hash_clear(&dict->context_of);
    *dict = (struct dict){0};
}

/*
 * Where new entries go: `first` must not be in use; ids between the known ones and it are lost.
 * *n_gap is how many there are.
 */
static enum status check_first(uint32_t first, size_t n_new, size_t n_known, const char *what,
                               size_t *n_gap, struct problem *why)
{
    *n_gap = 0;
    if (n_new == 0)
        return STATUS_OK;
    if (first < n_known)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "%s %u is defined twice", what,
                           first);
    if ((uint64_t)first + n_new > LIMIT_IDS)
        return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "too many %ss", what);
    *n_gap = first - n_known;
    return STATUS_OK;
}

static enum status check_equal(size_t n, size_t n_other, const char *what, struct problem *why)
{
    if (n == n_other)
        return STATUS_OK;
    return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                       "columns of %ss differ in length: %zu and %zu", what, n, n_other);
}

/* `id` when it is defined, else 0, which stands for what is lost. */
static uint32_t known(struct dict *dict, uint32_t id, size_t n)
{
    if (id < n)
        return id;
    dict->n_lost++;
    return 0;
}

static enum status add_strings(struct dict *dict, const Pyrec__V1__Defs *defs, struct problem *why)
{
    size_t n_gap;
    TRY(check_first(defs->first_string, defs->n_string, dict->n_strings, "string", &n_gap, why));
    for (; n_gap > 0; n_gap--) {
        GROW(dict, strings);
        dict->strings[dict->n_strings++] = DICT_LOST_NAME;
        dict->n_lost++;
    }
    for (size_t i = 0; i < defs->n_string; i++) {
        const size_t len = strlen(defs->string[i]);
        if (len > LIMIT_STRING || dict->string_bytes + len > LIMIT_STRING_BYTES)
            return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "a string is too long");
        dict->string_bytes += len;
        GROW(dict, strings);
        dict->strings[dict->n_strings++] =
            unicode_clean(&dict->arena, arena_copy(&dict->arena, defs->string[i], len));
    }
    return STATUS_OK;
}

/* What is no function of the program must not look like one. */
static const char *shown_name(struct dict *dict, uint32_t name, uint32_t kind)
{
    if (name == 0 || kind == PYREC__V1__DEFS__KIND__LOST)
        return DICT_LOST_NAME;
    const char *const text =
        kind == PYREC__V1__DEFS__KIND__NATIVE
            ? unmangle_name(&dict->arena, path_untagged(&dict->arena, dict->strings[name]))
            : dict->strings[name];
    if (kind <= PYREC__V1__DEFS__KIND__NATIVE || text[0] == '<')
        return text;
    return arena_print(&dict->arena,
                       kind == PYREC__V1__DEFS__KIND__FAILED ? "<failed: %s>" : "<%s>", text);
}

/* Is it one of the words of the command line? */
static bool is_word(const char *command, const char *text)
{
    const size_t len = strlen(text);
    for (const char *at = command; (at = strstr(at, text)) != NULL; at++) {
        if ((at == command || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

static bool is_relative_file(const struct dict *dict, const char *name)
{
    const size_t len = strlen(name);
    if (name[0] == '\0' || name[0] == '/' || name[0] == '<')
        return false;
    return (len > 3 && strcmp(name + len - 3, ".py") == 0) ||
           (len > 4 && strcmp(name + len - 4, ".pyw") == 0) || is_word(dict->command, name);
}

static const char *file_of(struct dict *dict, uint32_t id, uint32_t kind)
{
    const char *const name = dict->strings[id];
    if (dict->directory[0] == '\0' || kind != PYREC__V1__DEFS__KIND__PYTHON ||
        !is_relative_file(dict, name))
        return name;
    if (dict->joined == NULL || dict->joined_id != id) {
        const bool here = name[0] == '.' && name[1] == '/';
        const bool is_root = strcmp(dict->directory, "/") == 0;
        dict->joined = arena_print(&dict->arena, "%s/%s", is_root ? "" : dict->directory,
                                   name + (here ? 2 : 0));
        dict->joined_id = id;
    }
    return dict->joined;
}

void dict_set_directory(struct dict *dict, const char *directory, const char *command)
{
    dict->directory = directory;
    dict->command = command;
    dict->joined = NULL;
}

static void add_modules(struct dict *dict, const Pyrec__V1__Defs *defs)
{
    for (size_t i = 0; i < defs->n_module; i++) {
        const ProtobufCBinaryData *const id = &defs->module[i]->build_id;
        char digits[2 * DEBUG_ID_MAX + 1];
        debug_id_print(digits, id->data, id->len);
        GROW(dict, modules);
        dict->modules[dict->n_modules++] =
            (struct dict_module){.id = defs->module[i]->id,
                                 .build_id = arena_copy(&dict->arena, digits, strlen(digits)),
                                 .known = dict->names != NULL && digits[0] != '\0'
                                              ? debug_names_find(dict->names, digits)
                                              : NULL};
    }
}

static struct dict_module module_of(const struct dict *dict, uint32_t module)
{
    for (size_t i = 0; i < dict->n_modules; i++)
        if (dict->modules[i].id == module)
            return dict->modules[i];
    return (struct dict_module){.build_id = ""};
}

/* Is it called by its place, as recorders do with what no symbol says the name of? No symbol looks
 * so itself. */
static bool is_nameless(const char *name, uint64_t address)
{
    char behind[24];
    const size_t len = strlen(name);
    const int n = snprintf(behind, sizeof behind, "+0x%llx", (unsigned long long)address);
    return address != 0 && len > (size_t)n && strcmp(name + len - n, behind) == 0;
}

/* Of a function of C: the file that it is in, and what debug information says. What a symbol, or
 * Python itself, has called it stays. */
static void add_native(struct dict *dict, struct dict_function *f, struct dict_module module)
{
    f->object = f->file;
    f->build_id = module.build_id;
    f->known = module.known;
    f->is_nameless = is_nameless(f->name, f->address);
    const struct debug_function *const d =
        f->known != NULL && f->address != 0 ? debug_object_function(f->known, f->address) : NULL;
    if (d == NULL)
        return;
    if (f->is_nameless && d->name[0] != '\0') {
        f->name = unmangle_name(&dict->arena, d->name);
        f->is_nameless = false;
    }
    if (d->file[0] != '\0') {
        f->file = d->file;
        f->line = d->line;
    }
}

static enum status add_functions(struct dict *dict, const Pyrec__V1__Defs *defs,
                                 struct problem *why)
{
    const size_t n = defs->n_function_name;
    size_t n_gap;
    TRY(check_equal(n, defs->n_function_file, "function", why));
    TRY(check_equal(n, defs->n_function_line, "function", why));
    if (defs->n_function_kind > 0)
        TRY(check_equal(n, defs->n_function_kind, "function", why));
    if (defs->n_function_module > 0)
        TRY(check_equal(n, defs->n_function_module, "function", why));
    if (defs->n_function_address > 0)
        TRY(check_equal(n, defs->n_function_address, "function", why));
    add_modules(dict, defs);
    TRY(check_first(defs->first_function, n, dict->function_ids.n, "function", &n_gap, why));
    for (; n_gap > 0; n_gap--) {
        GROW(dict, functions);
        ids_add(&dict->function_ids, dict->n_functions);
        dict->functions[dict->n_functions++] = dict->functions[0];
        dict->n_lost++;
    }
    for (size_t i = 0; i < n; i++) {
        GROW(dict, functions);
        ids_add(&dict->function_ids, dict->n_functions);
        struct dict_function *const f = &dict->functions[dict->n_functions++];
        uint32_t kind = defs->n_function_kind > 0 ? defs->function_kind[i] : 0;
        if (kind > PYREC__V1__DEFS__KIND__GAP)
            kind = PYREC__V1__DEFS__KIND__MARKER; /* one that came later */
        const uint32_t name = known(dict, defs->function_name[i], dict->n_strings);
        f->name = shown_name(dict, name, kind);
        f->file = file_of(dict, known(dict, defs->function_file[i], dict->n_strings), kind);
        f->line = defs->function_line[i];
        f->kind = (uint8_t)kind;
        f->address = defs->n_function_address > 0 ? defs->function_address[i] : 0;
        f->object = f->build_id = "";
        f->known = NULL;
        f->is_nameless = false;
        if (kind == PYREC__V1__DEFS__KIND__NATIVE)
            add_native(dict, f,
                       module_of(dict, defs->n_function_module > 0 ? defs->function_module[i] : 0));
    }
    return STATUS_OK;
}

/* ---- locations ---- */

/* A location of a function that was put into another one. */
static uint32_t add_inlined(struct dict *dict, uint32_t into, const struct debug_frame *frame)
{
    const struct dict_function outer = dict->functions[dict->locations[into].function];
    const char *const name = frame->name[0] != '\0' ? frame->name : "?";
    GROW(dict, functions);
    dict->functions[dict->n_functions] = outer;
    dict->functions[dict->n_functions].name =
        arena_print(&dict->arena, "%s" DICT_INLINED, unmangle_name(&dict->arena, name));
    dict->functions[dict->n_functions].file = frame->file[0] != '\0' ? frame->file : outer.object;
    dict->functions[dict->n_functions].line = frame->file[0] != '\0' ? frame->function_line : 0;
    dict->functions[dict->n_functions].address = 0;
    dict->functions[dict->n_functions].is_nameless = false;
    GROW(dict, locations);
    dict->locations[dict->n_locations] =
        (struct dict_location){.function = (uint32_t)dict->n_functions++,
                               .line = frame->line,
                               .address = dict->locations[into].address,
                               .inside = into};
    return (uint32_t)dict->n_locations++;
}

/* What debug information says of a location just added; returns the innermost. A recording that is
 * too much as it is does not become more. */
static uint32_t add_frames(struct dict *dict, uint32_t location)
{
    struct dict_location *const l = &dict->locations[location];
    const struct dict_function *const f = &dict->functions[l->function];
    size_t n = 0;
    const struct debug_frame *const frames =
        f->known != NULL && l->address != 0 ? debug_object_place(f->known, l->address, &n) : NULL;
    if (frames == NULL)
        return location;
    if (f->file != f->object) /* a line of what? */
        l->line = frames[0].line;
    for (size_t i = 1; i < n && dict->n_locations < LIMIT_IDS && dict->n_functions < LIMIT_IDS; i++)
        location = add_inlined(dict, location, &frames[i]);
    return location;
}

/* What cannot be in a line of a source file is not known. */
static struct position position_of(const Pyrec__V1__Defs *defs, size_t i)
{
    const uint32_t more = defs->n_location_end_line > 0 ? defs->location_end_line[i] : 0;
    const uint32_t first = defs->n_location_column > 0 ? defs->location_column[i] : 0;
    const uint32_t end = defs->n_location_end_column > 0 ? defs->location_end_column[i] : 0;
    if (first == 0 || end == 0 || first > UINT16_MAX || end > UINT16_MAX || more > UINT16_MAX ||
        (more == 0 && end <= first))
        return (struct position){0};
    return (struct position){(uint16_t)first, (uint16_t)end, (uint16_t)more};
}

static enum status add_locations(struct dict *dict, const Pyrec__V1__Defs *defs,
                                 struct problem *why)
{
    const size_t n = defs->n_location_function;
    size_t n_gap;
    TRY(check_equal(n, defs->n_location_line, "location", why));
    if (defs->n_location_end_line > 0)
        TRY(check_equal(n, defs->n_location_end_line, "location", why));
    if (defs->n_location_column > 0)
        TRY(check_equal(n, defs->n_location_column, "location", why));
    if (defs->n_location_end_column > 0)
        TRY(check_equal(n, defs->n_location_end_column, "location", why));
    if (defs->n_location_offset > 0)
        TRY(check_equal(n, defs->n_location_offset, "location", why));
    TRY(check_first(defs->first_location, n, dict->location_ids.n, "location", &n_gap, why));
    for (; n_gap > 0; n_gap--) {
        GROW(dict, locations);
        ids_add(&dict->location_ids, dict->n_locations);
        dict->locations[dict->n_locations++] = dict->locations[0];
        dict->n_lost++;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t function = ids_own(
            &dict->function_ids, known(dict, defs->location_function[i], dict->function_ids.n));
        const struct dict_function *const f = &dict->functions[function];
        const bool native = f->kind == PYREC__V1__DEFS__KIND__NATIVE;
        const int64_t line = native
                                 ? defs->location_line[i]
                                 : (int64_t)f->line + (function > 0 ? defs->location_line[i] : 0);
        GROW(dict, locations);
        struct dict_location *const l = &dict->locations[dict->n_locations];
        *l = (struct dict_location){.function = function,
                                    .line = line >= 1 && line <= INT32_MAX ? (uint32_t)line : 0,
                                    .position = position_of(defs, i)};
        if (native && defs->n_location_offset > 0 && defs->location_offset[i] > 0)
            l->address = f->address + (defs->location_offset[i] - 1);
        ids_add(&dict->location_ids, add_frames(dict, (uint32_t)dict->n_locations++));
    }
    return STATUS_OK;
}

/* ---- stacks ---- */

const char *dict_native_name(size_t i)
{
    static const char *const names[] = {"all", "leaf", "hide"};
    return i < ARRAY_LEN(names) ? names[i] : NULL;
}

static bool is_native(const struct dict *dict, uint32_t location)
{
    return dict_is_native(&dict->functions[dict->locations[location].function]);
}

/*
 * The stack with that parent and location, without the C frames that are not wanted. A stack that
 * is hidden is the one of its caller once more. Of a thread without Python the innermost is shown:
 * how all of them began says nothing. Where only those at the leaf count, they have to go as soon
 * as Python is called from them.
 */
static struct dict_stack stack_of(const struct dict *dict, uint32_t parent, uint32_t location)
{
    const bool native = dict->native != DICT_NATIVE_ALL && is_native(dict, location);
    if (native && dict->native == DICT_NATIVE_HIDE && parent != 0) {
        if (!is_native(dict, dict->stacks[parent].location))
            return dict->stacks[parent];
        parent = 0;
    }
    if (dict->native == DICT_NATIVE_LEAF && !native)
        while (parent != 0 && is_native(dict, dict->stacks[parent].location))
            parent = dict->stacks[parent].parent;
    return (struct dict_stack){parent, location};
}

static void grow_stacks(struct dict *dict, size_t n)
{
    dict->stacks = memory_grow(dict->stacks, &dict->stacks_size, n, sizeof *dict->stacks);
    dict->depths = memory_grow(dict->depths, &dict->depths_size, n, sizeof *dict->depths);
}

/* A stack with that location on top, and before it one for each that it is inside of. */
static void push(struct dict *dict, uint32_t parent, uint32_t location)
{
    uint32_t chain[DEBUG_FRAMES_MAX], n = 0;
    for (uint32_t at = location; at != 0 && n < DEBUG_FRAMES_MAX; at = dict->locations[at].inside)
        chain[n++] = at;
    if (n == 0)
        chain[n++] = location;
    if (dict->depths[parent] + n > LIMIT_DEPTH || dict->n_stacks > 2 * (size_t)LIMIT_IDS ||
        (parent != 0 && dict->native == DICT_NATIVE_HIDE))
        chain[0] = chain[n - 1], n = 1; /* the function itself */
    for (; n > 0; n--) {
        grow_stacks(dict, dict->n_stacks + 1);
        dict->stacks[dict->n_stacks] = stack_of(dict, parent, chain[n - 1]);
        dict->depths[dict->n_stacks] = (uint16_t)(dict->depths[parent] + 1u);
        parent = (uint32_t)dict->n_stacks++;
    }
}

static enum status add_stacks(struct dict *dict, const Pyrec__V1__Defs *defs, struct problem *why)
{
    const size_t n = defs->n_stack_up;
    size_t n_gap;
    TRY(check_equal(n, defs->n_stack_location, "stack", why));
    TRY(check_first(defs->first_stack, n, dict->stack_ids.n, "stack", &n_gap, why));
    grow_stacks(dict, dict->n_stacks + n_gap + n);
    for (; n_gap > 0; n_gap--) {
        ids_add(&dict->stack_ids, dict->n_stacks);
        dict->stacks[dict->n_stacks] = (struct dict_stack){0};
        dict->depths[dict->n_stacks++] = 1;
        dict->n_lost++;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t id = (uint32_t)dict->stack_ids.n, up = defs->stack_up[i];
        if (up == 0 || up > id)
            return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                               "stack %u has an impossible parent", id);
        const uint32_t parent = ids_own(&dict->stack_ids, id - up);
        if (dict->depths[parent] + 1u > LIMIT_DEPTH)
            return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "stack %u is too deep", id);
        push(dict, parent,
             ids_own(&dict->location_ids,
                     known(dict, defs->stack_location[i], dict->location_ids.n)));
        ids_add(&dict->stack_ids, dict->n_stacks - 1);
    }
    return STATUS_OK;
}

enum status dict_add(struct dict *dict, const Pyrec__V1__Defs *defs, struct problem *why)
{
    TRY(add_strings(dict, defs, why));
    TRY(add_functions(dict, defs, why));
    TRY(add_locations(dict, defs, why));
    TRY(add_stacks(dict, defs, why));
    return dict_add_contexts(dict, defs, why);
}

const char *dict_string(const struct dict *dict, uint32_t id)
{
    return id < dict->n_strings ? dict->strings[id] : DICT_LOST_NAME;
}

struct frame dict_frame(const struct dict *dict, uint32_t stack)
{
    if (stack == 0)
        return (struct frame){.function = DICT_NO_FRAMES, .file = ""};
    const struct dict_location l =
        dict->locations[stack < dict->n_stacks ? dict->stacks[stack].location : 0];
    const struct dict_function *const f = &dict->functions[l.function];
    return (struct frame){f->name, f->file, l.line, dict_is_native(f)};
}

size_t dict_frames(const struct dict *dict, uint32_t stack, struct frame *frames, size_t room)
{
    size_t n = 0;
    do {
        if (n < room)
            frames[n] = dict_frame(dict, stack);
        n++;
        stack = stack < dict->n_stacks ? dict->stacks[stack].parent : 0;
    } while (stack != 0);
    return n;
}
