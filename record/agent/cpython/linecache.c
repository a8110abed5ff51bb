/* SPDX-License-Identifier: MIT */
#include "linecache.h"
#include "describe.h"
#include "objects.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/fnv.h"
#include "record/agent/base/peek.h"
#include "record/agent/base/reserve.h"
#include <string.h>

#define INTERPS_MAX 64u     /* that are looked at */
#define LINES_MAX   100000u /* of one text */
#define ENTRIES     4096u   /* the newest ones, among which a name is looked for */
#define TRIES       3       /* of a text that changes */

/* An entry is (size, time, lines, name). */
enum { ENTRY_LEN = 4, ENTRY_LINES = 2, ENTRY_NAME = 3 };
/* The key of what is typed is (name, first line, function). */
enum { KEY_LEN = 3, KEY_NAME = 0 };

bool linecache_init(struct linecache *cache, const struct interp *interp)
{
    memset(cache, 0, sizeof(*cache));
    cache->interp = interp;
    cache->text = reserve_memory(LINECACHE_TEXT_MAX);
    return cache->text != NULL;
}

void linecache_free(struct linecache *cache)
{
    reserve_give_back(&cache->text, LINECACHE_TEXT_MAX);
    memset(cache, 0, sizeof(*cache));
}

void linecache_reset(struct linecache *cache)
{
    memset(cache->told, 0, sizeof(cache->told));
    memset(cache->absent, 0, sizeof(cache->absent));
    cache->module_hint = 0;
}

/* ---- which names ---- */

static bool contains(const char *text, uint32_t len, const char *part)
{
    const size_t n = strlen(part);
    for (size_t at = 0; at + n <= len; at++)
        if (memcmp(text + at, part, n) == 0)
            return true;
    return false;
}

/* No file is called so: <.., but for what is compiled in; or the way ipykernel and marimo name
 * cells.
 */
static bool is_nowhere(const char *file, uint32_t len)
{
    static const char frozen[] = "<frozen ";
    if (len < 2 || len > LINECACHE_NAME_MAX)
        return false;
    if (file[0] == '<')
        return len < sizeof(frozen) || memcmp(file, frozen, sizeof(frozen) - 1) != 0;
    return contains(file, len, "/ipykernel_") || contains(file, len, "/marimo_");
}

/* ---- where the text is ---- */

/* A file's name, and what must be the same after the text was read. */
struct sought {
    const struct pyver *ver;
    const char *file;
    uint32_t len;
    uint64_t way; /* hash of what was met on the way to the lines, and of where they are */
};

/* Lines of a text: strs, one behind the other in memory, or the only one. */
struct lines {
    uintptr_t items, only;
    uint64_t n;
};

static uintptr_t line_at(const struct lines *lines, uint64_t i, uint32_t *bad)
{
    return lines->only != 0 ? lines->only : peek(lines->items + 8 * i, bad);
}

static void pass(struct sought *sought, uintptr_t word)
{
    sought->way = fnv_more(sought->way, &word, sizeof(word));
}

static bool is_sought(const struct sought *sought, uintptr_t str)
{
    char text[LINECACHE_NAME_MAX + 4]; /* a longer one is cut, and is none of ours */
    uint32_t bad = 0;
    if (str == 0 || (str & 7) || !object_is_str(sought->ver, str) ||
        peek(str + sought->ver->str.length, &bad) > sought->len || bad)
        return false;
    return describe_text(sought->ver, str, text, sizeof(text)) == (int32_t)sought->len &&
           memcmp(text, sought->file, sought->len) == 0;
}

/* Item i of a tuple, if it has `n`; else 0. */
static uintptr_t tuple_item(const struct pyver *ver, uintptr_t tuple, uint64_t n, uint32_t i)
{
    uint32_t bad = 0;
    if (!object_is_tuple(ver, tuple) || peek(tuple + ver->object.size, &bad) != n)
        return 0;
    const uintptr_t item = peek(tuple + ver->tuple.items + 8 * (uintptr_t)i, &bad);
    return bad ? 0 : item;
}

/* A list's items. */
static bool list_lines(struct sought *sought, uintptr_t list, struct lines *lines)
{
    const struct pyver *const ver = sought->ver;
    uint32_t bad = 0;
    if (!object_is_list(ver, list))
        return false;
    lines->only = 0;
    lines->n = peek(list + ver->object.size, &bad);
    lines->items = peek(list + ver->object.size + 8, &bad);
    pass(sought, list);
    pass(sought, lines->n);
    pass(sought, lines->items);
    return !bad && lines->n > 0 && (lines->items & 7) == 0;
}

static bool entry_lines(struct sought *sought, uintptr_t entry, struct lines *lines)
{
    pass(sought, entry);
    return list_lines(sought, tuple_item(sought->ver, entry, ENTRY_LEN, ENTRY_LINES), lines);
}

/* The newest are at the end. */
static uint32_t oldest(const struct entries *entries)
{
    return entries->n > ENTRIES ? entries->n - ENTRIES : 0;
}

/* linecache.cache: {name: entry} */
static bool find_by_key(struct sought *sought, uintptr_t dict, struct lines *lines)
{
    const struct entries entries = entries_of_dict(sought->ver, dict);
    uintptr_t key, value;
    for (uint32_t i = entries.n; i-- > oldest(&entries);)
        if (entries_get(&entries, i, &key, &value) && is_sought(sought, key))
            return entry_lines(sought, value, lines);
    return false;
}

/* Up to 3.13 the name is in the entry, later in the key as well, as the code has it. */
static bool is_typed(const struct sought *sought, uintptr_t key, uintptr_t entry)
{
    return is_sought(sought, tuple_item(sought->ver, key, KEY_LEN, KEY_NAME)) ||
           is_sought(sought, tuple_item(sought->ver, entry, ENTRY_LEN, ENTRY_NAME));
}

/* What is typed, from 3.13 on: {of its code: entry}; many code objects may have one text. */
static bool find_by_entry(struct sought *sought, uintptr_t dict, struct lines *lines)
{
    const struct entries entries = entries_of_dict(sought->ver, dict);
    uintptr_t key, value;
    for (uint32_t i = entries.n; i-- > oldest(&entries);)
        if (entries_get(&entries, i, &key, &value) && is_typed(sought, key, value))
            return entry_lines(sought, value, lines);
    return false;
}

static uintptr_t attribute(const struct pyver *ver, uintptr_t object, const char *name)
{
    uint32_t hint = 0;
    const struct entries entries = entries_of_instance(ver, object);
    return entries_find(ver, &entries, name, &hint);
}

/* N of "<doctest NAME[N]>"; the name's length, 0 = it is not such a one. */
static uint32_t doctest_name(const struct sought *sought, uint64_t *number)
{
    static const char prefix[] = "<doctest ", suffix[] = "]>";
    const uint32_t before = sizeof(prefix) - 1, after = sizeof(suffix) - 1;
    uint32_t at = sought->len - after;
    uint64_t scale = 1;
    if (sought->len < before + after + 3 || memcmp(sought->file, prefix, before) != 0 ||
        memcmp(sought->file + at, suffix, after) != 0)
        return 0;
    *number = 0;
    for (; at > before && sought->file[at - 1] >= '0' && sought->file[at - 1] <= '9'; at--) {
        *number += scale * (uint64_t)(sought->file[at - 1] - '0');
        scale *= 10;
    }
    return scale > 1 && scale <= LINES_MAX && at > before + 1 && sought->file[at - 1] == '['
               ? at - 1 - before
               : 0;
}

/* While it runs, doctest's runner stands in front of linecache: getlines is a method of it. */
static bool find_example(struct sought *sought, uintptr_t module, struct lines *lines)
{
    const struct pyver *const ver = sought->ver;
    uint32_t bad = 0;
    uint64_t number;
    const uint32_t name_len = doctest_name(sought, &number);
    if (name_len == 0)
        return false;
    const uintptr_t method = attribute(ver, module, "getlines");
    const uintptr_t runner = method == 0 ? 0 : peek(method + ver->object.type + 16, &bad);
    const uintptr_t test = bad ? 0 : attribute(ver, runner, "test");
    const struct sought name = {ver, sought->file + sizeof("<doctest ") - 1, name_len, 0};
    if (!is_sought(&name, attribute(ver, test, "name")) ||
        !list_lines(sought, attribute(ver, test, "examples"), lines) || number >= lines->n)
        return false;
    const uintptr_t example = line_at(lines, number, &bad);
    *lines = (struct lines){.only = attribute(ver, bad ? 0 : example, "source"), .n = 1};
    pass(sought, example);
    return lines->only != 0;
}

/* In the interpreter at `state`. */
static bool find_in(struct linecache *cache, struct sought *sought, uintptr_t state,
                    struct lines *lines)
{
    const struct pyver *const ver = sought->ver;
    const uintptr_t module = objects_module(ver, state, "linecache", &cache->module_hint);
    pass(sought, state);
    pass(sought, module);
    return module != 0 &&
           (find_by_key(sought, attribute(ver, module, "cache"), lines) ||
            find_by_entry(sought, attribute(ver, module, "_interactive_cache"), lines) ||
            find_example(sought, module, lines));
}

static bool find(struct linecache *cache, struct sought *sought, struct lines *lines)
{
    uint32_t bad = 0;
    const struct interp *const interp = cache->interp;
    uintptr_t state = peek(interp->runtime + interp->ver.runtime.interpreters_head, &bad);
    for (uint32_t n = 0; state != 0 && !bad && n < INTERPS_MAX; n++) {
        if (find_in(cache, sought, state, lines))
            return true;
        state = peek(state + interp->ver.interp.next, &bad);
    }
    return false;
}

/* How the caches are: a name that is not in them has not come, as long as they are so. */
static uint64_t caches_state(struct linecache *cache)
{
    static const char *const dicts[] = {"cache", "_interactive_cache"};
    const struct pyver *const ver = &cache->interp->ver;
    uint32_t bad = 0;
    struct sought sum = {.ver = ver};
    uintptr_t state = peek(cache->interp->runtime + ver->runtime.interpreters_head, &bad);
    for (uint32_t n = 0; state != 0 && !bad && n < INTERPS_MAX; n++) {
        const uintptr_t module = objects_module(ver, state, "linecache", &cache->module_hint);
        for (unsigned i = 0; module != 0 && i < 2; i++) {
            const struct entries entries = entries_of_dict(ver, attribute(ver, module, dicts[i]));
            pass(&sum, entries.keys);
            pass(&sum, entries.n);
        }
        pass(&sum, module != 0 ? attribute(ver, module, "getlines") : 0);
        state = peek(state + ver->interp.next, &bad);
    }
    return sum.way | 1;
}

/* ---- the text ---- */

enum answer { ANSWER_NONE, ANSWER_TEXT, ANSWER_TOO_LONG, ANSWER_MOVED };

/* All lines, one behind the other. */
static enum answer lines_copy(struct linecache *cache, struct sought *sought,
                              const struct lines *lines, uint32_t *used)
{
    uint32_t bad = 0;
    *used = 0;
    if (lines->n > LINES_MAX)
        return ANSWER_TOO_LONG;
    for (uint64_t i = 0; i < lines->n; i++) {
        const uintptr_t line = line_at(lines, i, &bad);
        const uint32_t room = LINECACHE_TEXT_MAX - *used;
        if (bad || !object_is_str(sought->ver, line))
            return ANSWER_NONE;
        const int32_t len = describe_text(sought->ver, line, cache->text + *used, room);
        if (len < 0)
            return ANSWER_NONE;
        if ((uint32_t)len + 4 > room) /* it may have been cut */
            return ANSWER_TOO_LONG;
        *used += (uint32_t)len;
        pass(sought, line);
    }
    return ANSWER_TEXT;
}

/* Where all lines are, once more. */
static void lines_pass(struct sought *sought, const struct lines *lines)
{
    uint32_t bad = 0;
    for (uint64_t i = 0; i < lines->n; i++)
        pass(sought, line_at(lines, i, &bad));
}

/* Where it is, what it is, and where it is once more: each a reading of its own, for what was seen
 * in one reading may be older than what led there. The first is under way. */
static enum answer text_read(struct linecache *cache, const char *file, uint32_t file_len,
                             uint32_t *len)
{
    struct sought before = {&cache->interp->ver, file, file_len, 0}, after = before;
    struct lines lines, again;
    if (!find(cache, &before, &lines))
        return ANSWER_NONE;
    const uint64_t way = before.way;
    careful_reading_begin(CAREFUL_NO_TRAIL);
    const enum answer answer = lines_copy(cache, &before, &lines, len);
    careful_reading_begin(CAREFUL_NO_TRAIL);
    if (!find(cache, &after, &again) || after.way != way)
        return ANSWER_MOVED;
    if (answer != ANSWER_TEXT)
        return answer;
    lines_pass(&after, &again);
    return before.way == after.way ? ANSWER_TEXT : ANSWER_MOVED;
}

enum linecache_found linecache_find(struct linecache *cache, const char *file, uint32_t file_len,
                                    uint32_t *text_len)
{
    if (!is_nowhere(file, file_len))
        return LINECACHE_NONE;
    careful_reading_begin(CAREFUL_NO_TRAIL);
    const uint64_t name = fnv_of(file, file_len), state = caches_state(cache);
    struct linecache_absent *const absent = &cache->absent[(name >> 8) % LINECACHE_ABSENT];
    enum answer answer = ANSWER_NONE;
    if (absent->name != name || absent->cache != state)
        answer = text_read(cache, file, file_len, text_len);
    for (int i = 1; i < TRIES && answer == ANSWER_MOVED; i++) {
        careful_reading_begin(CAREFUL_NO_TRAIL);
        answer = text_read(cache, file, file_len, text_len);
    }
    careful_reading_end();
    if (answer == ANSWER_NONE) {
        *absent = (struct linecache_absent){name, state};
        return LINECACHE_NONE;
    }
    const bool is_text = answer == ANSWER_TEXT;
    const uint64_t hash = is_text ? fnv_more(name, cache->text, *text_len) | 1 : name;
    cache->last = &cache->told[(hash >> 8) % LINECACHE_TOLD];
    if (*cache->last == hash)
        return LINECACHE_NONE;
    *cache->last = hash;
    return is_text ? LINECACHE_TEXT : LINECACHE_LEFT_OUT;
}

void linecache_forget(struct linecache *cache)
{
    *cache->last = 0;
}
