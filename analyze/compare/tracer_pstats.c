/* SPDX-License-Identifier: MIT */
/*
 * A marshalled dictionary: (file, line, name) -> (primitive calls, calls, self, cumulative,
 * callers), callers being a dictionary of the same keys.
 */
#include "analyze/base/hash.h"
#include "marshal.h"
#include "tracer.h"

#include <math.h>
#include <string.h>

#define DAMAGED(why, ...) problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, __VA_ARGS__)

/* Seconds that no program has taken are none. */
#define SECONDS_MAX 1e12

struct pstats_key {
    const char *file, *name;
    uint32_t line;
};

/* What is needed to find a function again. */
struct finder {
    struct tracer *tracer;
    struct pstats_key *keys; /* of each function */
    struct hash hash;
};

static uint64_t hash_of_key(const struct pstats_key *key)
{
    return hash_pair(hash_pair(hash_text(key->file), hash_text(key->name)), key->line);
}

static uint64_t key_hash(const void *owner, uint32_t n)
{
    return hash_of_key(&((const struct finder *)owner)->keys[n]);
}

static bool read_key(const struct marshal_value *value, struct pstats_key *key)
{
    if (value->kind != MARSHAL_TUPLE || value->n_items != 3 ||
        value->items[0]->kind != MARSHAL_TEXT || value->items[1]->kind != MARSHAL_INTEGER ||
        (value->items[2]->kind != MARSHAL_TEXT && value->items[2]->kind != MARSHAL_CODE))
        return false;
    /* the program as a whole is a function to `python -m profile`: its code, in line 0 */
    const int64_t line = value->items[1]->n;
    *key = (struct pstats_key){value->items[0]->text, value->items[2]->text,
                               line > 0 && line < INT32_MAX ? (uint32_t)line : 0};
    return true;
}

static uint32_t find(const struct finder *finder, const struct pstats_key *key, uint64_t *at)
{
    *at = hash_of_key(key);
    for (uint32_t n; (n = hash_slot(&finder->hash, *at)) != HASH_NONE; ++*at) {
        const struct pstats_key *const k = &finder->keys[n];
        if (k->line == key->line && strcmp(k->name, key->name) == 0 &&
            strcmp(k->file, key->file) == 0)
            return n;
    }
    return HASH_NONE;
}

static bool read_count(const struct marshal_value *value, uint64_t *count)
{
    double number;
    if (!marshal_number(value, &number) || !(number >= 0) || number > 1e18)
        return false;
    *count = (uint64_t)number;
    return true;
}

static bool read_seconds(const struct marshal_value *value, double *seconds)
{
    /* clocks that go back have left small negative times */
    return marshal_number(value, seconds) && fabs(*seconds) < SECONDS_MAX;
}

/* (primitive or all calls, the other, self, cumulative, ..) */
static bool read_numbers(const struct marshal_value *value, uint64_t counts[2], double seconds[2])
{
    return value->kind == MARSHAL_TUPLE && value->n_items >= 4 &&
           read_count(value->items[0], &counts[0]) && read_count(value->items[1], &counts[1]) &&
           read_seconds(value->items[2], &seconds[0]) && read_seconds(value->items[3], &seconds[1]);
}

static enum status add_function(struct finder *finder, const struct marshal_value *key_value,
                                const struct marshal_value *value, struct problem *why)
{
    struct pstats_key key;
    uint64_t counts[2], at;
    double seconds[2];
    if (!read_key(key_value, &key))
        return DAMAGED(why, "a key that is no (file, line, function)");
    if (!read_numbers(value, counts, seconds) || value->n_items != 5 ||
        value->items[4]->kind != MARSHAL_DICT)
        return DAMAGED(why, "%.60s has no calls, times and callers", key.name);
    hash_reserve(&finder->hash, key_hash, finder);
    if (find(finder, &key, &at) != HASH_NONE)
        return DAMAGED(why, "%.60s is there twice", key.name);
    const uint32_t n = (uint32_t)finder->tracer->n;
    finder->keys[n] = key;
    hash_put(&finder->hash, at, n);
    struct tracer_function *const f = tracer_add(finder->tracer, key.name, key.file, key.line);
    finder->tracer->swapped |= counts[0] > counts[1];
    f->calls = counts[0] > counts[1] ? counts[0] : counts[1];
    f->primitive = counts[0] > counts[1] ? counts[1] : counts[0];
    f->self_s = seconds[0];
    f->cum_s = seconds[1];
    return STATUS_OK;
}

/* A number of calls (profile) or a tuple (cProfile, yappi). Callers not in the file are ignored. */
static enum status add_callers(struct finder *finder, uint32_t function,
                               const struct marshal_value *dict, struct problem *why)
{
    for (size_t i = 0; i + 1 < dict->n_items; i += 2) {
        struct pstats_key key;
        struct tracer_caller caller = {0};
        uint64_t counts[2] = {0}, at;
        double seconds[2] = {0};
        if (!read_key(dict->items[i], &key))
            return DAMAGED(why, "a caller that is no (file, line, function)");
        if (!read_count(dict->items[i + 1], &counts[0]) &&
            !read_numbers(dict->items[i + 1], counts, seconds))
            return DAMAGED(why, "a caller without calls and times");
        caller.caller = find(finder, &key, &at);
        if (caller.caller == HASH_NONE)
            continue;
        caller.calls = counts[0] > counts[1] ? counts[0] : counts[1];
        caller.self_s = seconds[0];
        caller.cum_s = seconds[1];
        tracer_add_caller(finder->tracer, function, &caller);
    }
    return STATUS_OK;
}

static enum status read_functions(struct finder *finder, const struct marshal_value *root,
                                  struct problem *why)
{
    if (root->kind != MARSHAL_DICT)
        return DAMAGED(why, "it is no dictionary");
    finder->keys = arena_get(&finder->tracer->arena, root->n_items / 2 * sizeof *finder->keys);
    hash_reserve(&finder->hash, key_hash, finder);
    for (size_t i = 0; i + 1 < root->n_items; i += 2)
        TRY(add_function(finder, root->items[i], root->items[i + 1], why));
    for (size_t i = 0; i + 1 < root->n_items; i += 2)
        TRY(add_callers(finder, (uint32_t)(i / 2), root->items[i + 1]->items[4], why));
    return STATUS_OK;
}

enum status tracer_parse_pstats(struct tracer *tracer, const void *bytes, size_t len,
                                struct problem *why)
{
    struct finder finder = {.tracer = tracer};
    struct marshal_value *root;
    tracer->form = "pstats";
    TRY(marshal_read(&root, &tracer->arena, bytes, len, why));
    const enum status status = read_functions(&finder, root, why);
    hash_clear(&finder.hash);
    if (status == STATUS_OK)
        tracer_finish(tracer);
    return status;
}
