/* SPDX-License-Identifier: MIT */
/*
 * The fields of asyncio's task and future, which no header has: Modules/_asynciomodule.c of a source tree is
 * compiled, to assembly only, and the values stand in that.
 */
#define Py_BUILD_CORE_MODULE 1
#include "_asynciomodule.c"
#include <stddef.h>

#define SAY(name, value) __asm__ volatile("\n-> " name " %0" ::"i"((long)(value)))

void newversion_say(void)
{
    SAY("task.coro", offsetof(TaskObj, task_coro));
    SAY("task.name", offsetof(TaskObj, task_name));
    SAY("task.context", offsetof(TaskObj, task_context));
    SAY("task.waiter", offsetof(TaskObj, task_fut_waiter));
#if PY_VERSION_HEX >= 0x030e0000
    SAY("task.node", offsetof(TaskObj, task_node));
#else
    SAY("task.node", 0xffff); /* there is none */
#endif
    SAY("future.loop", offsetof(FutureObj, fut_loop));
    SAY("future.state", offsetof(FutureObj, fut_state));
}
