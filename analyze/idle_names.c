/* SPDX-License-Identifier: MIT */
#include "idle_names.h"

#include "../format/status.h"

#include <string.h>

#define TK   (IDLE_NAME_SELF | IDLE_NAME_NESTS)
#define WAIT IDLE_NAME_WAIT

/* Functions without their classes (before 3.11 there are none); ends of paths. */
static const struct {
    const char *function, *file;
    unsigned bits;
} known[] = {
    {"_run_once", "asyncio/base_events.py", IDLE_NAME_LOOP},
    {"serve_forever", "socketserver.py", IDLE_NAME_LOOP},
    {"select", "selectors.py", WAIT},
    {"mainloop", "tkinter/__init__.py", TK},
    {"wait_window", "tkinter/__init__.py", TK},
    {"wait_variable", "tkinter/__init__.py", TK},
    {"wait_visibility", "tkinter/__init__.py", TK},
    {"get", "/queue.py", WAIT | IDLE_NAME_QUEUE},
    {"get", "multiprocessing/queues.py", WAIT | IDLE_NAME_QUEUE},
    {"wait", "/threading.py", WAIT},
    {"_recv", "multiprocessing/connection.py", WAIT},
    {"_recv_bytes", "multiprocessing/connection.py", WAIT},
    {"recv_bytes", "multiprocessing/connection.py", WAIT},
    {"_poll", "multiprocessing/connection.py", WAIT},
    {"poll", "multiprocessing/connection.py", WAIT},
    {"wait", "multiprocessing/connection.py", WAIT},
    {"_worker", "concurrent/futures/thread.py", IDLE_NAME_SELF},
    {"loop", "asyncore.py", IDLE_NAME_LOOP},
    {"poll", "asyncore.py", WAIT},
    {"poll2", "asyncore.py", WAIT},
    {"mainLoop", "twisted/internet/base.py", IDLE_NAME_LOOP},
    {"doPoll", "twisted/internet/epollreactor.py", WAIT},
    {"doIteration", "twisted/internet/pollreactor.py", WAIT},
    {"get_events", "trio/_core/_io_epoll.py", WAIT},
    {"unrolled_run", "trio/_core/_run.py", IDLE_NAME_LOOP},
    {"run", "gevent/hub.py", IDLE_NAME_SELF | IDLE_NAME_APART},
    {"MainLoop", "wx/core.py", IDLE_NAME_SELF | IDLE_NAME_NESTS},
    {"run", "gi/overrides/GLib.py", IDLE_NAME_SELF | IDLE_NAME_NESTS},
};

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static const char *without_class(const char *function)
{
    const char *const dot = strrchr(function, '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : function;
}

unsigned idle_name_of(const struct frame *frame)
{
    const char *const function = without_class(frame->function);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(function, known[i].function) == 0 && ends_with(frame->file, known[i].file))
            return known[i].bits;
    }
    return 0;
}

bool idle_name_is(const struct frame *frame, const char *name)
{
    return strcmp(frame->function, name) == 0 || strcmp(without_class(frame->function), name) == 0;
}

bool idle_call_waits(const char *call)
{
    static const char *const calls[] = {
        "poll",
        "ppoll",
        "select",
        "pselect6",
        "epoll_wait",
        "epoll_pwait",
        "epoll_pwait2",
        "futex",
        "accept",
        "accept4",
        "nanosleep",
        "clock_nanosleep",
        "rt_sigtimedwait",
        "pause",
        "restart_syscall",
        /* functions of the kernel, where that is all that was to be seen */
        "[ep_poll]",
        "[do_epoll_wait]",
        "[poll_schedule_timeout]",
        "[do_sys_poll]",
        "[do_poll]",
        "[do_select]",
        "[inet_csk_accept]",
        "[inet_csk_wait_for_connect]",
        "[hrtimer_nanosleep]",
        "[do_nanosleep]",
        "[do_sigtimedwait]",
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (strcmp(call, calls[i]) == 0)
            return true;
    }
    return false;
}
