/* SPDX-License-Identifier: MIT */
#include "objects.h"
#include "describe.h"
#include "record/agent/base/peek.h"
#include <string.h>

#define ENTRIES_MAX 1000000u
#define NAME_MAX    32u
#define DIGIT_BITS  30u

/* tp_flags; the same in all versions */
#define TYPE_INLINE_VALUES (1u << 2) /* 3.13 */
#define TYPE_MANAGED_DICT  (1u << 4) /* 3.11 */
#define TYPE_INT           (1u << 24)
#define TYPE_LIST          (1u << 25)
#define TYPE_TUPLE         (1u << 26)
#define TYPE_STR           (1u << 28)
#define TYPE_DICT          (1u << 29)

/* A dict's keys, up to 3.10 .. */
enum { OLD_SIZE = 8, OLD_ENTRIES = 32, OLD_INDICES = 40 };
/* .. and after. */
enum { KEYS_INDEX_LOG2 = 9, KEYS_KIND = 10, KEYS_ENTRIES = 24, KEYS_INDICES = 32 };
enum { KIND_GENERAL = 0 };

static uintptr_t type_of(const struct pyver *ver, uintptr_t object, uint32_t *bad)
{
    if (object == 0 || (object & 7)) {
        *bad = 1;
        return 0;
    }
    return peek(object + ver->object.type, bad);
}

static bool is_of(const struct pyver *ver, uintptr_t object, uint32_t flag)
{
    uint32_t bad = 0;
    const uintptr_t type = type_of(ver, object, &bad);
    const uint64_t flags = bad ? 0 : peek(type + ver->type.flags, &bad);
    return !bad && (flags & flag);
}

bool object_is_str(const struct pyver *ver, uintptr_t object)
{
    return is_of(ver, object, TYPE_STR);
}

bool object_is_list(const struct pyver *ver, uintptr_t object)
{
    return is_of(ver, object, TYPE_LIST);
}

bool object_is_tuple(const struct pyver *ver, uintptr_t object)
{
    return is_of(ver, object, TYPE_TUPLE);
}

/* ---- entries ---- */

/* Hash, key and value; or key and value, where all keys are str; or keys here and values apart. */
static struct entries entries_of_keys(const struct pyver *ver, uintptr_t keys, uintptr_t values)
{
    const struct entries none = {0};
    struct entries entries = {.values = values, .stride = 24, .key_at = 8, .value_at = 16};
    uint32_t bad = 0;
    uint64_t n;
    if (keys == 0 || (keys & 7))
        return none;
    if (ver->dict.instance == INSTANCE_DICT) {
        const uint64_t size = peek(keys + OLD_SIZE, &bad);
        const unsigned width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
        n = peek(keys + OLD_ENTRIES, &bad);
        if (size > 2 * ENTRIES_MAX)
            return none;
        entries.keys = keys + OLD_INDICES + size * width;
    } else {
        const unsigned index_log2 = peek_u8(keys + KEYS_INDEX_LOG2, &bad);
        n = peek(keys + KEYS_ENTRIES, &bad);
        if (index_log2 > 24)
            return none;
        entries.keys = keys + KEYS_INDICES + ((uintptr_t)1 << index_log2);
        if (peek_u8(keys + KEYS_KIND, &bad) != KIND_GENERAL) {
            entries.stride = 16;
            entries.key_at = 0;
            entries.value_at = 8;
        }
    }
    if (bad || n > ENTRIES_MAX)
        return none;
    entries.n = (uint32_t)n;
    return entries;
}

struct entries entries_of_dict(const struct pyver *ver, uintptr_t dict)
{
    uint32_t bad = 0;
    if (!is_of(ver, dict, TYPE_DICT))
        return (struct entries){0};
    const uintptr_t keys = peek(dict + ver->dict.keys, &bad);
    uintptr_t values = peek(dict + ver->dict.values, &bad);
    if (values != 0 && ver->dict.instance == INSTANCE_INLINE)
        values += 8; /* behind the sizes */
    const struct entries entries = entries_of_keys(ver, bad ? 0 : keys, values);
    /* the dict may have grown meanwhile: then the two do not belong together */
    return peek(dict + ver->dict.keys, &bad) == keys ? entries : (struct entries){0};
}

/* The values of a new object are apart from any dict, in the order of the keys of its class. */
static struct entries entries_of_class(const struct pyver *ver, uintptr_t type, uintptr_t values)
{
    uint32_t bad = 0;
    const uintptr_t keys = peek(type + ver->type.cached_keys, &bad);
    return entries_of_keys(ver, bad ? 0 : keys, values);
}

static struct entries entries_managed(const struct pyver *ver, uintptr_t object, uintptr_t type,
                                      uint64_t flags)
{
    const uintptr_t at = object - ver->dict.managed;
    uint32_t bad = 0;
    uintptr_t dict = peek(at, &bad);
    uintptr_t values = 0;
    if (ver->dict.instance == INSTANCE_VALUES) {
        values = peek(at - 8, &bad);
    } else if (ver->dict.instance == INSTANCE_TAGGED && (dict & 1)) {
        values = dict + 1;
        dict = 0;
    } else if (dict == 0 && (flags & TYPE_INLINE_VALUES)) {
        const uintptr_t header = object + peek(type + ver->type.basic_size, &bad);
        const bool is_valid = peek_u8(header + 3, &bad) == 1;
        values = is_valid && !bad ? header + 8 : 0;
    }
    if (bad || (dict == 0 && values == 0))
        return (struct entries){0};
    return values != 0 ? entries_of_class(ver, type, values) : entries_of_dict(ver, dict);
}

struct entries entries_of_instance(const struct pyver *ver, uintptr_t object)
{
    uint32_t bad = 0;
    const uintptr_t type = type_of(ver, object, &bad);
    const uint64_t flags = bad ? 0 : peek(type + ver->type.flags, &bad);
    if (ver->dict.instance != INSTANCE_DICT && (flags & TYPE_MANAGED_DICT))
        return entries_managed(ver, object, type, flags);
    const int64_t at = bad ? 0 : (int64_t)peek(type + ver->type.dict_offset, &bad);
    if (bad || at <= 0 || at > 4096 || (at & 7)) /* < 0: behind an object of no fixed size */
        return (struct entries){0};
    return entries_of_dict(ver, peek(object + (uintptr_t)at, &bad));
}

bool entries_get(const struct entries *entries, uint32_t i, uintptr_t *key, uintptr_t *value)
{
    uint32_t bad = 0;
    const uintptr_t at = entries->keys + (uintptr_t)i * entries->stride;
    *key = peek(at + entries->key_at, &bad);
    *value = peek(
        entries->values != 0 ? entries->values + 8 * (uintptr_t)i : at + entries->value_at, &bad);
    return !bad && *key != 0 && *value != 0;
}

static bool is_name(const struct pyver *ver, uintptr_t key, const char *name, size_t len)
{
    char text[NAME_MAX];
    uint32_t bad = 0;
    return peek(key + ver->str.length, &bad) == len && !bad && object_is_str(ver, key) &&
           describe_text(ver, key, text, sizeof(text)) == (int32_t)len &&
           memcmp(text, name, len) == 0;
}

uintptr_t entries_find(const struct pyver *ver, const struct entries *entries, const char *name,
                       uint32_t *hint)
{
    const size_t len = strlen(name);
    uintptr_t key, value;
    for (uint32_t k = 0; k < entries->n; k++) {
        const uint32_t i = (*hint + k) % entries->n;
        if (!entries_get(entries, i, &key, &value) || !is_name(ver, key, name, len))
            continue;
        *hint = i;
        return value;
    }
    return 0;
}

struct entries objects_modules(const struct pyver *ver, uintptr_t state)
{
    uint32_t bad = 0;
    const uintptr_t dict = peek(state + ver->interp.modules, &bad);
    return entries_of_dict(ver, bad ? 0 : dict);
}

uintptr_t objects_module(const struct pyver *ver, uintptr_t state, const char *name, uint32_t *hint)
{
    const struct entries modules = objects_modules(ver, state);
    return entries_find(ver, &modules, name, hint);
}

/* ---- numbers ---- */

bool object_int(const struct pyver *ver, uintptr_t object, uint64_t *number)
{
    uint32_t bad = 0;
    if (!is_of(ver, object, TYPE_INT))
        return false;
    const int64_t size = (int64_t)peek(object + ver->number.size, &bad);
    const int64_t n = ver->number.size_shift > 0 ? size >> ver->number.size_shift : size;
    if (bad || n < 0 || n > 3 || (ver->number.size_shift > 0 && (size & 3) == 2)) /* negative */
        return false;
    *number = 0;
    for (unsigned i = 0; i < (unsigned)n; i++)
        *number |= (uint64_t)peek_u32(object + ver->number.digits + 4 * i, &bad)
                   << (DIGIT_BITS * i);
    return !bad;
}
