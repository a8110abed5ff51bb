/* SPDX-License-Identifier: MIT */
#include "active.h"
#include "describe.h"
#include "record/agent/base/peek.h"

/* Not in the middle of a character. */
static uint32_t whole_characters(const char *text, uint32_t len)
{
    uint32_t n = len;
    while (n > 0 && ((uint8_t)text[n - 1] & 0xc0) == 0x80)
        n--;
    if (n == 0)
        return 0;
    const uint8_t lead = (uint8_t)text[n - 1];
    const uint32_t wanted = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return n - 1 + wanted <= len ? len : n - 1;
}

struct entries active_find(const struct pyver *ver, uintptr_t state, struct active_hints *hints)
{
    uint32_t bad = 0;
    const uintptr_t dict = peek(state + ver->interp.modules, &bad);
    const struct entries modules = entries_of_dict(ver, bad ? 0 : dict);
    const uintptr_t module = entries_find(ver, &modules, "threading", &hints->module);
    const struct entries globals = entries_of_instance(ver, module);
    return entries_of_dict(ver, entries_find(ver, &globals, "_active", &hints->active));
}

enum active_found active_name(const struct pyver *ver, uintptr_t object, uint64_t ident, char *text,
                              uint32_t max, uint32_t *len, struct active_hints *hints)
{
    const struct entries own = entries_of_instance(ver, object);
    const uintptr_t number = entries_find(ver, &own, "_ident", &hints->ident);
    const uintptr_t name = entries_find(ver, &own, "_name", &hints->name);
    uintptr_t key, value;
    uint64_t its;
    if (name == 0 || !object_is_str(ver, name) || !object_int(ver, number, &its) || its != ident)
        return ACTIVE_NONE;
    const int32_t n = describe_text(ver, name, text, max);
    if (n < 0)
        return ACTIVE_NONE;
    if (!entries_get(&own, hints->name, &key, &value) || value != name)
        return ACTIVE_MOVED;
    *len = whole_characters(text, (uint32_t)n);
    return ACTIVE_NAMED;
}
