/* SPDX-License-Identifier: MIT */
/*
 * intern - the dictionaries of one generation of one process: everything once, by content.
 *
 * On the line:  stream -> [intern] -> encode
 * Threads:      one at a time.
 * Memory:       caller's storage; intern_init, then intern_clear. intern_restart empties the
 *               dictionaries for the next generation. Everything else borrows.
 * Loss:         an entry for which there is no room (limit of the format, no memory) gets id 0,
 *               "none", and is counted in `lost`; intern_full says early enough when it is time
 *               for a new generation, so that this does not happen to an honest program.
 *
 * Ids start at 1; entry i of an array has id i + 1. An entry refers only to entries with smaller
 * ids, so "everything after `sent`" is always complete given what was sent before.
 *
 * Always true:  no two entries of a dictionary are equal; strings are UTF-8 without zero bytes.
 */
#ifndef PYREC_RECORD_INTERN_H
#define PYREC_RECORD_INTERN_H

#include "format/trace.pb-c.h"
#include "record/symbols/elf_names.h"
#include "record/tables/idmap.h"

/* What kind of function: those of Defs.Kind that a recorder makes. */
enum intern_kind {
    INTERN_PYTHON = PYREC__V1__DEFS__KIND__PYTHON,
    INTERN_NATIVE = PYREC__V1__DEFS__KIND__NATIVE,
    INTERN_TRUNCATED = PYREC__V1__DEFS__KIND__TRUNCATED,
    INTERN_FAILED = PYREC__V1__DEFS__KIND__FAILED,
    INTERN_GAP = PYREC__V1__DEFS__KIND__GAP,
};

enum intern_module_kind {
    INTERN_MODULE_ELF = PYREC__V1__MODULE__KIND__ELF,
    INTERN_MODULE_VDSO = PYREC__V1__MODULE__KIND__VDSO,
};

struct intern_function {
    uint32_t name, file; /* string ids */
    uint32_t line;       /* first line, 0 = unknown */
    uint32_t kind;
    uint32_t module;  /* of a C function; 0 = none */
    uint32_t address; /* in there, as the file counts addresses; 0 = not known */
};

struct intern_module {
    uint32_t path; /* string id */
    uint32_t kind; /* enum intern_module_kind */
    uint32_t build_id_len;
    uint8_t build_id[ELF_BUILD_ID_MAX];
};

struct intern_location {
    uint32_t function;
    int32_t line, end_line;
    int32_t column, end_column; /* from 0; -1 = unknown */
    uint32_t
        offset; /* of C: an address within the instruction - the function's + 1; 0 = not known */
};

struct intern_stack {
    uint32_t parent, location;
};

/* How many entries of each dictionary. */
struct intern_counts {
    uint32_t strings, functions, locations, stacks, modules;
};

struct intern {
    uint64_t seed;
    struct intern_counts count;
    struct intern_counts sent; /* the encoder's: how many of them are in the file */
    uint64_t lost;

    char *text; /* the strings, NUL-terminated, one behind the other */
    uint32_t text_len, text_capacity;
    uint32_t *strings; /* where each begins in text */
    struct intern_function *functions;
    struct intern_location *locations;
    struct intern_stack *stacks;
    struct intern_module *modules; /* few: looked through one by one */
    struct intern_counts capacity;
    struct idmap string_map, function_map, location_map, stack_map;
};

void intern_init(struct intern *in);
void intern_clear(struct intern *in);
void intern_restart(struct intern *in);

/* The id of a string; whatever bytes come are made UTF-8 and cut at LIMIT_STRING. "" has id 0. */
uint32_t intern_string(struct intern *in, const char *bytes, size_t len);

/* Whether it is there already, as it is. */
bool intern_has_string(const struct intern *in, const char *bytes, size_t len);

uint32_t intern_module(struct intern *in, const struct intern_module *module);
uint32_t intern_function(struct intern *in, const struct intern_function *function);
uint32_t intern_location(struct intern *in, const struct intern_location *location);

/* The stack that is `location` called from the stack `parent` (0 = nobody). */
uint32_t intern_stack(struct intern *in, uint32_t parent, uint32_t location);

/* The location that stands for something that is no Python: a reason, a cut. */
uint32_t intern_marker(struct intern *in, enum intern_kind kind, const char *text);

const char *intern_get_string(const struct intern *in, uint32_t id);

/* Bytes of memory held; whether it is time for a new generation. */
size_t intern_bytes(const struct intern *in);
bool intern_full(const struct intern *in);

#endif
