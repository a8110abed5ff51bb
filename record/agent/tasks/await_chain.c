/* SPDX-License-Identifier: MIT */
#include "await_chain.h"
#include "record/agent/base/fnv.h"
#include "record/agent/base/peek.h"
#include "record/agent/cpython/context.h"
#include "record/agent/cpython/describe.h"
#include "record/agent/cpython/objects.h"
#include <string.h>

#define STEPS_MAX       1024u /* objects on one chain */
#define BASES_MAX       8u
#define TYPE_NAME_MAX   40u
#define TYPE_HEAP       (1u << 9) /* tp_flags: of a class */
#define BASE_BEFORE     32u       /* tp_base, before tp_dictoffset */
#define OP_YIELD_FROM   72u       /* up to 3.10 */
#define RESUME_AWAITS   2u        /* 3.11, 3.12: behind `yield from`; 3 behind await */
#define RESUME_LOCATION 3u

/* Whether a generator or coroutine runs. */
enum gen_state { GEN_NEW, GEN_YIELDED, GEN_AWAITS, GEN_RUNS, GEN_OVER, GEN_UNKNOWN };

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
}

/* ---- types ---- */

static const struct {
    const char *name;
    enum await_object kind;
} known_types[] = {
    {"coroutine", AWAIT_GENERATOR},
    {"generator", AWAIT_GENERATOR},
    {"async_generator", AWAIT_GENERATOR},
    {"coroutine_wrapper", AWAIT_WRAPPER},
    {"async_generator_asend", AWAIT_WRAPPER},
    {"async_generator_athrow", AWAIT_WRAPPER},
    {"anext_awaitable", AWAIT_WRAPPER},
    {"_asyncio.FutureIter", AWAIT_ITERATOR},
    {"_asyncio.Future", AWAIT_FUTURE},
    {"_asyncio.Task", AWAIT_TASK},
    {"weakref", AWAIT_REFERENCE},
    {"weakref.ReferenceType", AWAIT_REFERENCE},
};

/* Its name, NUL-terminated, cut where it is too long. Type names of C have no length. */
static bool type_name(const struct pyver *ver, uintptr_t type, char *name, uint32_t size)
{
    uint32_t bad = 0;
    const uintptr_t at = peek(type + ver->type.name, &bad);
    if (bad || at == 0)
        return false;
    for (uint32_t i = 0; i < size; i++) {
        name[i] = i + 1 < size ? (char)peek_u8(at + i, &bad) : '\0';
        if (bad)
            return false;
        if (name[i] == '\0')
            return i > 0;
    }
    return true;
}

/* A class of the program's may have any name without a dot. */
static enum await_object type_kind(const struct pyver *ver, uintptr_t type, bool *is_derived)
{
    char name[TYPE_NAME_MAX];
    uint32_t bad = 0;
    *is_derived = false;
    for (uint32_t n = 0; n < BASES_MAX && type != 0 && !(type & 7); n++) {
        const uint64_t flags = peek(type + ver->type.flags, &bad);
        if (bad || !type_name(ver, type, name, sizeof(name)))
            return AWAIT_OTHER;
        for (size_t i = 0; i < sizeof(known_types) / sizeof(known_types[0]); i++)
            if (strcmp(known_types[i].name, name) == 0 &&
                (!(flags & TYPE_HEAP) || strchr(name, '.') != NULL))
                return known_types[i].kind;
        *is_derived = true;
        type = peek(type + ver->type.dict_offset - BASE_BEFORE, &bad);
    }
    return AWAIT_OTHER;
}

static const struct await_type *type_of(struct await_reader *reader, uintptr_t object)
{
    static const struct await_type none = {.kind = AWAIT_OTHER};
    const struct pyver *const ver = reader->source->ver;
    uint32_t bad = 0;
    if (object == 0 || (object & 7))
        return &none;
    const uintptr_t type = peek(object + ver->object.type, &bad);
    if (bad || type == 0)
        return &none;
    for (uint32_t i = 0; i < reader->n_types; i++)
        if (reader->types[i].type == type)
            return &reader->types[i];
    struct await_type *const to = &reader->types[reader->n_types % AWAIT_TYPES_MAX];
    reader->n_types += reader->n_types + 1 < AWAIT_TYPES_MAX;
    to->type = type;
    to->kind = type_kind(ver, type, &to->is_derived);
    return to;
}

/* ---- the loop and its tasks ---- */

bool await_is_known(const struct pyver *ver)
{
    return ver->thread.dict != PYVER_NONE || ver->thread.running_loop != PYVER_NONE;
}

uintptr_t await_loop(const struct pyver *ver, uintptr_t tstate, uint32_t *hint)
{
    uint32_t bad = 0;
    uintptr_t loop = 0;
    if (ver->thread.running_loop != PYVER_NONE) {
        loop = peek(tstate + ver->thread.running_loop, &bad);
        return bad ? 0 : loop;
    }
    if (ver->thread.dict == PYVER_NONE)
        return 0;
    const struct entries entries = entries_of_dict(ver, peek(tstate + ver->thread.dict, &bad));
    loop = bad ? 0 : entries_find(ver, &entries, "__asyncio_running_event_loop__", hint);
    if (loop == 0)
        return 0;
    char name[TYPE_NAME_MAX];
    if (type_name(ver, peek(loop + ver->object.type, &bad), name, sizeof(name)) && !bad &&
        strstr(name, "RunningLoopHolder") != NULL) { /* up to 3.11 */
        loop = peek(loop + ver->object.size, &bad);
        if (bad || !type_name(ver, peek(loop + ver->object.type, &bad), name, sizeof(name)))
            return 0;
    }
    return bad || strcmp(name, "NoneType") == 0 ? 0 : loop;
}

/* The set inside of asyncio's WeakSet of all tasks. */
static uintptr_t set_of_all(const struct pyver *ver, uintptr_t state)
{
    static const char *const names[] = {"_scheduled_tasks", "_all_tasks"};
    uint32_t hints[3] = {0};
    const uintptr_t module = objects_module(ver, state, "asyncio.tasks", &hints[0]);
    const struct entries globals = entries_of_instance(ver, module);
    uintptr_t weak_set = 0;
    for (size_t i = 0; i < 2 && weak_set == 0; i++)
        weak_set = entries_find(ver, &globals, names[i], &hints[1]);
    const struct entries attributes = entries_of_instance(ver, weak_set);
    return entries_find(ver, &attributes, "data", &hints[2]);
}

bool await_tasks_begin(struct await_reader *reader, struct await_tasks *tasks)
{
    const struct pyver *const ver = reader->source->ver;
    uint32_t bad = 0;
    memset(tasks, 0, sizeof(*tasks));
    if (ver->thread.tasks != PYVER_NONE) {
        tasks->head = reader->source->tstate + ver->thread.tasks;
        tasks->node = peek(tasks->head, &bad);
        return !bad && tasks->node != 0;
    }
    const uintptr_t set = set_of_all(ver, reader->state);
    if (set == 0)
        return false;
    tasks->mask = peek(set + ver->set.mask, &bad);
    tasks->table = peek(set + ver->set.table, &bad);
    return !bad && tasks->table != 0 && (tasks->mask & (tasks->mask + 1)) == 0;
}

static uintptr_t next_in_list(const struct pyver *ver, struct await_tasks *tasks)
{
    uint32_t bad = 0;
    const uintptr_t node = tasks->node;
    if (node == tasks->head || node == 0 || (node & 7))
        return 0;
    tasks->node = peek(node, &bad);
    return bad ? 0 : node - ver->task.node;
}

uintptr_t await_tasks_next(struct await_reader *reader, struct await_tasks *tasks)
{
    const struct pyver *const ver = reader->source->ver;
    if (tasks->head != 0)
        return next_in_list(ver, tasks);
    while (tasks->at <= tasks->mask) {
        uint32_t bad = 0;
        const uintptr_t entry = peek(tasks->table + 16 * tasks->at++, &bad);
        if (bad)
            return 0;
        if (entry == 0 || type_of(reader, entry)->kind != AWAIT_REFERENCE)
            continue;
        const uintptr_t task = peek(entry + ver->weakref.object, &bad);
        if (!bad && type_of(reader, task)->kind == AWAIT_TASK)
            return task;
    }
    return 0;
}

bool await_is_ours(struct await_reader *reader, uintptr_t task)
{
    const struct pyver *const ver = reader->source->ver;
    uint32_t bad = 0;
    const uint32_t references = peek_u32(task, &bad);
    return references != 0 && peek(task + ver->future.loop, &bad) == reader->loop &&
           peek_u32(task + ver->future.state, &bad) == 0 && !bad;
}

/* ---- one coroutine ---- */

/* Where is its frame? 0 = it has none any more. */
static uintptr_t frame_of(const struct pyver *ver, uintptr_t gen, uint32_t *bad)
{
    return ver->gen.frame != PYVER_NONE ? peek(gen + ver->gen.frame, bad) : gen + ver->gen.iframe;
}

/* What stands behind the instruction at which it was left. */
static uint32_t code_unit_after(const struct pyver *ver, uint64_t packed, uint32_t *bad)
{
    const uintptr_t code = stack_frame_code(packed);
    const uintptr_t after = (uintptr_t)(stack_frame_instr(packed) + 2);
    const uintptr_t at = ver->frames == FRAMES_OBJECTS
                             ? peek(code + ver->code.bytecode, bad) + ver->bytes.data
                             : code + ver->code.bytecode;
    const uintptr_t byte = at + after;
    return peek_u8(byte, bad) | (uint32_t)peek_u8(byte + 1, bad) << 8;
}

/* Up to 3.12, suspended: in `yield from` or await, or in a `yield`? */
static enum gen_state suspended_in(const struct pyver *ver, uint64_t packed, uint32_t *bad)
{
    const uint32_t unit = code_unit_after(ver, packed, bad);
    const bool awaits = ver->frames == FRAMES_OBJECTS
                            ? (unit & 0xff) == OP_YIELD_FROM
                            : (unit >> 8 & RESUME_LOCATION) >= RESUME_AWAITS;
    return awaits ? GEN_AWAITS : GEN_YIELDED;
}

static enum gen_state state_old(const struct pyver *ver, uintptr_t frame, uint64_t packed,
                                uint32_t *bad)
{
    if (peek(frame + ver->await_stack.at, bad) == 0)
        return GEN_RUNS;
    return stack_frame_instr(packed) < 0 ? GEN_NEW : suspended_in(ver, packed, bad);
}

static enum gen_state state_of(const struct pyver *ver, uintptr_t gen, uintptr_t frame,
                               uint64_t packed, uint32_t *bad)
{
    if (ver->gen.states == GEN_OLD)
        return state_old(ver, frame, packed, bad);
    const uintptr_t at = (ver->gen.frame != PYVER_NONE ? frame : gen) + ver->gen.state;
    const int8_t state = (int8_t)peek_u8(at, bad);
    switch (ver->gen.states) {
    case GEN_OLD:
        break;
    case GEN_SIGNED:
        if (state == -1)
            return suspended_in(ver, packed, bad);
        return state == -2 ? GEN_NEW : state == 0 ? GEN_RUNS : GEN_OVER;
    case GEN_AWAITING:
        return state == -3   ? GEN_NEW
               : state == -2 ? GEN_YIELDED
               : state == -1 ? GEN_AWAITS
               : state == 0  ? GEN_RUNS
                             : GEN_OVER;
    case GEN_COUNTED:
        return state == 0                 ? GEN_NEW
               : state == 1               ? GEN_YIELDED
               : state == 2 || state == 3 ? GEN_AWAITS
               : state == 4               ? GEN_RUNS
                                          : GEN_OVER;
    }
    return GEN_UNKNOWN;
}

/* What it awaits: the top of its stack. */
static uintptr_t awaited_by(const struct pyver *ver, uintptr_t frame, uint32_t *bad)
{
    const uintptr_t at = frame + ver->await_stack.at;
    uintptr_t base, top = 0;
    uint32_t n;
    switch (ver->await_stack.kind) {
    case STACK_TOP:
        top = peek(at, bad);
        break;
    case STACK_DEPTH:
    case STACK_INLINE:
        n = peek_u32(at, bad);
        base = frame + ver->await_stack.base;
        if (ver->await_stack.kind == STACK_DEPTH)
            base = peek(base, bad);
        if (n == 0 || n > UINT32_MAX / 16)
            *bad = 1;
        top = base + 8 * (uintptr_t)n;
        break;
    case STACK_POINTER:
        top = peek(at, bad);
        break;
    }
    return *bad || top == 0 || (top & 7)
               ? 0
               : peek(top - 8 - 8 * (uintptr_t)ver->await_stack.above, bad) & ~ver->tag_mask;
}

/* ---- names ---- */

/* asyncio's own names are numbers; those of a program's requests may be, too: one class of names
 * for all. */
static uint8_t fold_numbers(char *text, uint32_t len)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < len; i++) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (is_digit && to > 0 && text[to - 1] == '#')
            continue;
        text[to++] = is_digit ? '#' : text[i];
    }
    return (uint8_t)to;
}

static uint8_t text_read(const struct pyver *ver, uintptr_t str, char text[TASK_NAME_MAX])
{
    const int32_t len = object_is_str(ver, str) ? describe_text(ver, str, text, TASK_NAME_MAX) : 0;
    return len > 0 ? (uint8_t)len : 0;
}

static uint8_t given_name(const struct pyver *ver, uintptr_t task, char text[TASK_NAME_MAX])
{
    static const char numbered[] = "Task-#";
    uint32_t bad = 0;
    const uintptr_t str = peek(task + ver->task.name, &bad);
    const uint8_t len = bad ? 0 : fold_numbers(text, text_read(ver, str, text));
    return len == sizeof(numbered) - 1 && memcmp(text, numbered, len) == 0 ? 0 : len;
}

/* ---- the chain ---- */

static void frame_add(struct await_chain *chain, uint64_t packed)
{
    if (chain->n == AWAIT_FRAMES_MAX) {
        memmove(chain->frames, chain->frames + 1, (AWAIT_FRAMES_MAX - 1) * sizeof(uint64_t));
        chain->n--;
        chain->is_cut = true;
    }
    chain->frames[chain->n++] = packed;
}

/*
 * From the task's coroutine to the innermost one. *end: the future that is awaited there, or what
 * else it is; 0 = none. GEN_UNKNOWN: it does not hang together.
 */
static enum gen_state coroutines_read(struct await_reader *reader, uintptr_t at,
                                      struct await_chain *chain, uintptr_t *end)
{
    const struct pyver *const ver = reader->source->ver;
    *end = 0;
    for (uint32_t n = 0; n < STEPS_MAX; n++) {
        uint32_t bad = 0;
        const enum await_object kind = type_of(reader, at)->kind;
        chain->hash = mix(chain->hash, at);
        if (kind == AWAIT_WRAPPER || kind == AWAIT_ITERATOR) {
            at = peek(at + (kind == AWAIT_WRAPPER ? ver->gen.wrapped : ver->future.loop), &bad);
            if (bad || at == 0)
                return GEN_UNKNOWN;
            if (kind == AWAIT_WRAPPER)
                continue;
        }
        if (kind != AWAIT_GENERATOR) {
            *end = at;
            return GEN_AWAITS;
        }
        const uintptr_t frame = frame_of(ver, at, &bad);
        const uint64_t packed = bad || frame == 0 ? 0 : stack_frame_at(reader->source, frame);
        if (packed == 0)
            return GEN_UNKNOWN;
        const enum gen_state state = state_of(ver, at, frame, packed, &bad);
        frame_add(chain, packed);
        chain->hash = mix(mix(chain->hash, packed), (uint64_t)state);
        if (bad || state == GEN_OVER)
            return GEN_UNKNOWN;
        if (state != GEN_AWAITS)
            return state;
        at = awaited_by(ver, frame, &bad);
        if (bad || at == 0)
            return GEN_UNKNOWN;
    }
    return GEN_UNKNOWN;
}

static void on_task(struct await_reader *reader, uintptr_t task, struct await_chain *chain)
{
    const struct pyver *const ver = reader->source->ver;
    uint32_t bad = 0;
    chain->waits = WIRE_AWAIT_TASK;
    chain->on_len = given_name(ver, task, chain->on);
    if (chain->on_len > 0)
        return;
    const uintptr_t coroutine = peek(task + ver->task.coro, &bad);
    if (!bad && type_of(reader, coroutine)->kind == AWAIT_GENERATOR)
        chain->on_len = text_read(ver, peek(coroutine + ver->gen.qualname, &bad), chain->on);
}

static void on_type(const struct pyver *ver, uintptr_t object, struct await_chain *chain)
{
    uint32_t bad = 0;
    chain->waits = WIRE_AWAIT_OTHER;
    if (type_name(ver, peek(object + ver->object.type, &bad), chain->on, TASK_NAME_MAX))
        chain->on_len = (uint8_t)strlen(chain->on);
}

/* What the task says itself that it waits for: is it waiting at all? */
static void waiter_read(struct await_reader *reader, uintptr_t waiter, struct await_chain *chain)
{
    const struct pyver *const ver = reader->source->ver;
    const struct await_type *const type = type_of(reader, waiter);
    const bool is_future = type->kind == AWAIT_FUTURE || type->kind == AWAIT_TASK;
    uint32_t bad = 0;
    chain->hash = mix(chain->hash, waiter);
    if (waiter == 0 || (is_future && peek_u32(waiter + ver->future.state, &bad) != 0))
        chain->waits = WIRE_AWAIT_READY;
    else if (type->kind == AWAIT_TASK)
        on_task(reader, waiter, chain);
    else if (type->kind == AWAIT_FUTURE && !type->is_derived)
        chain->waits = WIRE_AWAIT_FUTURE;
    else
        on_type(ver, waiter, chain);
}

enum await_found await_chain_read(struct await_reader *reader, uintptr_t task,
                                  struct await_chain *chain)
{
    const struct pyver *const ver = reader->source->ver;
    uint32_t bad = 0;
    uintptr_t end;
    chain->n = 0;
    chain->is_cut = false;
    chain->name_len = chain->on_len = 0;
    chain->hash = mix(FNV_BEGIN, task);
    if (type_of(reader, task)->kind != AWAIT_TASK)
        return AWAIT_NOT_KNOWN;
    if (!await_is_ours(reader, task))
        return AWAIT_NOT_OURS;
    const uintptr_t coroutine = peek(task + ver->task.coro, &bad);
    const uintptr_t waiter = peek(task + ver->task.waiter, &bad);
    const enum gen_state state = coroutines_read(reader, bad ? 0 : coroutine, chain, &end);
    if (state == GEN_RUNS)
        return AWAIT_RUNNING;
    if (state == GEN_UNKNOWN || bad)
        return AWAIT_NOT_KNOWN;
    if (chain->n == 0) /* a coroutine of C's */
        return AWAIT_NOT_KNOWN;
    const enum await_object last = type_of(reader, end)->kind;
    const bool is_future = last == AWAIT_FUTURE || last == AWAIT_TASK;
    if (is_future && waiter != 0 && waiter != end)
        return AWAIT_NOT_KNOWN;
    waiter_read(reader, waiter, chain);
    if (state == GEN_NEW && chain->n == 1 && waiter == 0)
        chain->waits = WIRE_AWAIT_NEW;
    chain->name_len = given_name(ver, task, chain->name);
    chain->context = context_behind(task + ver->task.context);
    chain->hash = mix(chain->hash, chain->context);
    chain->hash =
        mix(chain->hash, fnv_more(fnv_of(chain->name, chain->name_len), chain->on, chain->on_len));
    chain->hash = mix(chain->hash, (uint64_t)chain->waits);
    return AWAIT_FOUND;
}
