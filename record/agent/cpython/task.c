/* SPDX-License-Identifier: MIT */
#include "task.h"
#include "describe.h"
#include "objects.h"
#include "record/agent/base/peek.h"
#include <string.h>

#define LOOPS_MAX 64u /* that run at once, in threads of one interpreter */

/* How many are remembered, the outermost last. */
static uint32_t kept(const struct stack_coroutines *on)
{
    return on->n < STACK_COROUTINES ? on->n : STACK_COROUTINES;
}

static bool is_on_stack(const struct stack_coroutines *on, uintptr_t coroutine)
{
    for (uint32_t i = 0; i < kept(on); i++)
        if (on->list[i] == coroutine)
            return true;
    return false;
}

/* The coroutine of a task that runs here; 0 if it does not, or is none. */
static uintptr_t coroutine_of(const struct pyver *ver, const struct stack_coroutines *on,
                              uintptr_t task)
{
    uint32_t bad = 0;
    if (task == 0 || (task & 7))
        return 0;
    const uintptr_t coroutine = peek(task + ver->task.coro, &bad);
    return !bad && is_on_stack(on, coroutine) ? coroutine : 0;
}

static uintptr_t running_task(const struct stack_source *source, const struct stack_coroutines *on,
                              uintptr_t current, uintptr_t *coroutine)
{
    const struct pyver *const ver = source->ver;
    uint32_t bad = 0;
    uintptr_t loop, task = 0;
    *coroutine = 0;
    if (ver->thread.running_task != PYVER_NONE) {
        task = peek(source->tstate + ver->thread.running_task, &bad);
        *coroutine = coroutine_of(ver, on, task);
        return *coroutine != 0 ? task : 0;
    }
    const struct entries tasks = entries_of_dict(ver, current);
    for (uint32_t i = 0; i < tasks.n && i < LOOPS_MAX && *coroutine == 0; i++)
        if (entries_get(&tasks, i, &loop, &task))
            *coroutine = coroutine_of(ver, on, task);
    return *coroutine != 0 ? task : 0;
}

static uint8_t text_of(const struct pyver *ver, uintptr_t str, char text[TASK_NAME_MAX])
{
    if (!object_is_str(ver, str))
        return 0;
    const int32_t len = describe_text(ver, str, text, TASK_NAME_MAX);
    return len > 0 ? (uint8_t)len : 0;
}

/* asyncio's own: up to 3.11 a str, later a number until somebody asks for the name. */
static bool is_numbered(const char *text, uint32_t len)
{
    static const char prefix[] = "Task-";
    const uint32_t skip = sizeof(prefix) - 1;
    if (len <= skip || memcmp(text, prefix, skip) != 0)
        return false;
    for (uint32_t i = skip; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

void task_find(const struct stack_source *source, const struct stack_coroutines *on,
               uintptr_t current, struct task_name *name)
{
    const struct pyver *const ver = source->ver;
    uint32_t bad = 0;
    uintptr_t coroutine;
    name->given_len = name->coroutine_len = 0;
    if (on->n == 0)
        return;
    const uintptr_t task = running_task(source, on, current, &coroutine);
    if (task != 0)
        name->given_len = text_of(ver, peek(task + ver->task.name, &bad), name->given);
    if (is_numbered(name->given, name->given_len))
        name->given_len = 0;
    if (coroutine == 0)
        coroutine = on->list[(on->n - 1) % STACK_COROUTINES];
    name->coroutine_len = text_of(ver, peek(coroutine + ver->gen.qualname, &bad), name->coroutine);
}

/* ---- what is imported ---- */

uintptr_t task_current(const struct pyver *ver, uintptr_t state, uint32_t *hint)
{
    uint32_t first = 0;
    const uintptr_t module = objects_module(ver, state, "asyncio.tasks", hint);
    const struct entries globals = entries_of_instance(ver, module);
    return entries_find(ver, &globals, "_current_tasks", &first);
}

bool task_has_loops(const struct pyver *ver, uintptr_t state)
{
    static const char *const loops[] = {"asyncio.tasks", "trio", "curio"};
    const struct entries modules = objects_modules(ver, state);
    for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        uint32_t hint = 0;
        if (entries_find(ver, &modules, loops[i], &hint) != 0)
            return true;
    }
    return false;
}
