/* SPDX-License-Identifier: MIT */
/*
 * objects - what Python's dicts and instances hold, read from their memory.
 *
 * On the line:  memory of CPython -> [objects] -> active, task, linecache
 * Threads:      any; without the GIL, while the program changes what is read.
 * Memory:       none.
 * Loss:         0 for what is not there, is of another kind, or changed under the reading.
 *
 * No function of Python's is called, so nothing of the program's runs: no __getattribute__, no
 * property, no __hash__ or __eq__ of a key, no finalizer. The price is the care below: each load
 * may meet memory that is something else by now. A caller believes what it has found in an object
 * only if the object says whose it is, and the way to it is the same afterwards.
 */
#ifndef PYREC_AGENT_OBJECTS_H
#define PYREC_AGENT_OBJECTS_H

#include "pyver.h"
#include <stddef.h>

/* A dict, or the attributes of an instance: entries in the order in which they came. */
struct entries {
    uintptr_t keys;   /* where its keys' entries begin .. */
    uintptr_t values; /* .. and its values, if they are apart; else 0 */
    uint32_t n;       /* used and unused ones */
    uint8_t stride, key_at, value_at;
};

/* The entries of a dict, or of a subclass of it; none if `dict` is something else. */
struct entries entries_of_dict(const struct pyver *ver, uintptr_t dict);

/* The attributes of an instance that it has itself, not its class. */
struct entries entries_of_instance(const struct pyver *ver, uintptr_t object);

/* Entry number i; false for one that is not in use. */
bool entries_get(const struct entries *entries, uint32_t i, uintptr_t *key, uintptr_t *value);

/* The value whose key is the str `name` (ASCII); 0 = none. *hint: where it was last time. */
uintptr_t entries_find(const struct pyver *ver, const struct entries *entries, const char *name,
                       uint32_t *hint);

/* An int from 0 to 2^64 - 1, or of a subclass; false when it is none of these. */
bool object_int(const struct pyver *ver, uintptr_t object, uint64_t *number);

/* What is imported in the interpreter at `state`: sys.modules. And one of them; 0 = it is not. */
struct entries objects_modules(const struct pyver *ver, uintptr_t state);
uintptr_t objects_module(const struct pyver *ver, uintptr_t state, const char *name,
                         uint32_t *hint);

/* Is this a str, a list, a tuple, or of a subclass? */
bool object_is_str(const struct pyver *ver, uintptr_t object);
bool object_is_list(const struct pyver *ver, uintptr_t object);
bool object_is_tuple(const struct pyver *ver, uintptr_t object);

#endif
