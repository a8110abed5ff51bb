/* SPDX-License-Identifier: MIT */
#include "idle_names.h"

#include "analyze/base/path.h"
#include "format/status.h"

#include <stdlib.h>
#include <string.h>

#define LOOP   IDLE_NAME_LOOP
#define SELF   IDLE_NAME_SELF
#define WAIT   IDLE_NAME_WAIT
#define QUEUE  (IDLE_NAME_WAIT | IDLE_NAME_QUEUE)
#define DEEP   (IDLE_NAME_WAIT | IDLE_NAME_QUEUE | IDLE_NAME_DEEP)
#define APART  IDLE_NAME_APART
#define HERE   (IDLE_NAME_WAIT | IDLE_NAME_HERE)
#define TK     (IDLE_NAME_SELF | IDLE_NAME_NESTS)
#define TAKES  IDLE_NAME_TAKES
#define ONCE   IDLE_NAME_ONCE
#define BEGINS IDLE_NAME_BEGINS
#define SERVES IDLE_NAME_SERVES
#define ASKS   (IDLE_NAME_ASKS | IDLE_NAME_ONCE)
#define READS  IDLE_NAME_READS
#define FORKS  IDLE_NAME_FORKS
#define LEFT   IDLE_NAME_LEFT

/* Functions without their classes (before 3.11 there are none); ends of paths. */
static const struct {
    const char *function, *file;
    unsigned bits;
} known[] = {
    {"_run_once", "asyncio/base_events.py", LOOP},
    {"run", "asyncio/runners.py", SELF}, /* uvloop: run_until_complete is C */
    {"serve_forever", "socketserver.py", LOOP},
    {"handle_request", "socketserver.py", LOOP},
    {"get_request", "socketserver.py", TAKES},
    {"_handle_request_noblock", "socketserver.py", TAKES | ONCE},
    {"process_request", "socketserver.py", ONCE | FORKS},
    {"__init__", "socketserver.py", ONCE}, /* of a handler: sets up, handles, finishes */
    {"process_request_thread", "socketserver.py", SERVES},
    {"handle_one_request", "http/server.py", ASKS},
    {"handle_one_request", "django/core/servers/basehttp.py", ASKS},
    {"handle_one_request", "werkzeug/serving.py", ASKS},
    {"handle", "wsgiref/simple_server.py", ASKS},
    {"parse_request", "http/server.py", READS},
    {"parse_headers", "http/client.py", READS},
    {"_read_headers", "http/client.py", READS},
    {"readinto", "socket.py", READS},
    {"recv_into", "ssl.py", READS},
    {"read", "ssl.py", READS},
    {"run", "wsgiref/handlers.py", ONCE},
    {"select", "selectors.py", WAIT},
    {"accept", "socket.py", WAIT},
    {"mainloop", "tkinter/__init__.py", TK},
    {"wait_window", "tkinter/__init__.py", TK},
    {"wait_variable", "tkinter/__init__.py", TK},
    {"wait_visibility", "tkinter/__init__.py", TK},
    {"get", "queue.py", QUEUE},
    {"get", "multiprocessing/queues.py", QUEUE},
    {"wait", "threading.py", WAIT},
    {"wait_for", "threading.py", WAIT},
    {"acquire", "threading.py", WAIT}, /* of a semaphore; those of locks are C */
    {"wait", "multiprocessing/synchronize.py", WAIT},
    {"__enter__", "multiprocessing/synchronize.py", WAIT},
    {"_recv", "multiprocessing/connection.py", WAIT},
    {"_recv_bytes", "multiprocessing/connection.py", WAIT},
    {"recv", "multiprocessing/connection.py", WAIT},
    {"recv_bytes", "multiprocessing/connection.py", WAIT},
    {"_poll", "multiprocessing/connection.py", WAIT},
    {"poll", "multiprocessing/connection.py", WAIT},
    {"wait", "multiprocessing/connection.py", WAIT},
    {"_bootstrap", "multiprocessing/process.py", BEGINS},
    {"_bootstrap", "billiard/process.py", BEGINS},
    {"init_process", "gunicorn/workers/base.py", BEGINS},
    {"accept", "multiprocessing/connection.py", WAIT},
    {"_worker", "concurrent/futures/thread.py", SELF},
    {"loop", "asyncore.py", LOOP},
    {"poll", "asyncore.py", HERE},
    {"poll2", "asyncore.py", HERE},
    {"loop", "waitress/wasyncore.py", LOOP},
    {"poll", "waitress/wasyncore.py", HERE},
    {"poll2", "waitress/wasyncore.py", HERE},
    {"handler_thread", "waitress/task.py", LOOP},
    {"mainLoop", "twisted/internet/base.py", LOOP},
    {"doPoll", "twisted/internet/epollreactor.py", HERE},
    {"doPoll", "twisted/internet/pollreactor.py", HERE},
    {"doSelect", "twisted/internet/selectreactor.py", HERE},
    {"_select", "twisted/internet/selectreactor.py", WAIT},
    {"get_events", "trio/_core/_io_epoll.py", WAIT},
    {"run", "trio/_core/_run.py", LOOP},
    {"unrolled_run", "trio/_core/_run.py", LOOP},
    {"run", "gevent/hub.py", SELF | APART},
    {"run", "eventlet/hubs/hub.py", LOOP | APART},
    {"wait", "eventlet/hubs/poll.py", WAIT},
    {"do_poll", "eventlet/hubs/poll.py", WAIT},
    {"do_poll", "eventlet/hubs/epolls.py", WAIT},
    {"wait", "eventlet/hubs/selects.py", WAIT},
    {"wait", "gunicorn/workers/sync.py", WAIT},
    {"accept", "gunicorn/workers/sync.py", TAKES | ONCE},
    {"handle", "gunicorn/workers/sync.py", ONCE},
    {"run_for_one", "gunicorn/workers/sync.py", LOOP},
    {"run_for_multiple", "gunicorn/workers/sync.py", LOOP},
    {"run", "gunicorn/workers/gthread.py", LOOP},
    {"wait", "concurrent/futures/_base.py", WAIT},
    {"as_completed", "concurrent/futures/_base.py", WAIT},
    {"result", "concurrent/futures/_base.py", WAIT},
    {"sleep", "gunicorn/arbiter.py", WAIT},
    {"run", "gunicorn/arbiter.py", LOOP},
    {"halt", "gunicorn/arbiter.py", LEFT},
    {"workloop", "billiard/pool.py", LOOP},
    {"receive", "billiard/pool.py", WAIT},
    {"_recv", "billiard/pool.py", WAIT},
    {"recv", "billiard/connection.py", WAIT},
    {"_recv", "billiard/connection.py", WAIT},
    {"_recv_bytes", "billiard/connection.py", WAIT},
    {"recv_bytes", "billiard/connection.py", WAIT},
    {"poll", "billiard/connection.py", WAIT},
    {"_poll", "billiard/connection.py", WAIT},
    {"wait", "billiard/connection.py", WAIT},
    {"get_payload", "billiard/queues.py", WAIT},
    {"get", "billiard/queues.py", QUEUE},
    {"__enter__", "billiard/synchronize.py", WAIT},
    {"create_loop", "kombu/asynchronous/hub.py", LOOP},
    {"poll", "kombu/utils/eventio.py", WAIT},
    {"_poll", "kombu/utils/eventio.py", WAIT},
    {"blpop", "redis/commands/core.py", DEEP},
    {"brpop", "redis/commands/core.py", DEEP},
    {"brpoplpush", "redis/commands/core.py", DEEP},
    {"blmove", "redis/commands/core.py", DEEP},
    {"bzpopmin", "redis/commands/core.py", DEEP},
    {"bzpopmax", "redis/commands/core.py", DEEP},
    {"xread", "redis/commands/core.py", DEEP},
    {"xreadgroup", "redis/commands/core.py", DEEP},
    {"listen", "redis/client.py", DEEP},
    {"get_message", "redis/client.py", DEEP},
    {"pause", "matplotlib/pyplot.py", DEEP | HERE},
    {"poll", "zmq/sugar/poll.py", WAIT},
    {"MainLoop", "wx/core.py", SELF | IDLE_NAME_NESTS},
    {"run", "gi/overrides/GLib.py", SELF | IDLE_NAME_NESTS},
    {"run", "gi/overrides/Gio.py", SELF | IDLE_NAME_NESTS},
    {"run", "gi/overrides/Gtk.py", SELF | IDLE_NAME_NESTS},
    {"main", "gi/overrides/Gtk.py", SELF | IDLE_NAME_NESTS},
};

unsigned idle_name_of(const struct frame *frame)
{
    const char *const function = qualname_last(frame->function);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(function, known[i].function) == 0 && path_ends_with(frame->file, known[i].file))
            return known[i].bits;
    }
    return 0;
}

/* Is `file` the end of the frame's path, the first len characters of it, of whole names? */
static bool is_file(const struct frame *frame, const char *file, size_t len)
{
    const size_t whole = strlen(frame->file);
    return len > 0 && len <= whole && strncmp(frame->file + whole - len, file, len) == 0 &&
           (len == whole || file[0] == '/' || frame->file[whole - len - 1] == '/');
}

bool idle_name_is(const struct frame *frame, const char *name)
{
    const char *const colon = strrchr(name, ':');
    if (strcmp(frame->function, name) == 0 || strcmp(qualname_last(frame->function), name) == 0)
        return true;
    if (colon == NULL || !is_file(frame, name, (size_t)(colon - name)))
        return false;
    char *end;
    const unsigned long line = strtoul(colon + 1, &end, 10);
    if (end != colon + 1 && *end == '\0')
        return frame->line == line;
    return strcmp(frame->function, colon + 1) == 0 ||
           strcmp(qualname_last(frame->function), colon + 1) == 0;
}

bool idle_name_is_call(const char *call, const char *name)
{
    static const struct {
        const char *name, *call;
    } others[] = {
        {"sleep", "clock_nanosleep"},
        {"sleep", "nanosleep"},
        {"sleep", "select"},
        {"sleep", "pselect6"},
        {"sleep", "[hrtimer_nanosleep]"},
        {"sleep", "[do_nanosleep]"},
        {"select", "pselect6"},
        {"poll", "ppoll"},
        {"epoll_wait", "epoll_pwait"},
        {"epoll_wait", "epoll_pwait2"},
        {"epoll_wait", "[ep_poll]"},
        {"accept", "accept4"},
        {"recv", "recvfrom"},
        {"recv", "recvmsg"},
        {"sigwait", "rt_sigtimedwait"},
    };
    if (strcmp(call, name) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(name, others[i].name) == 0 && strcmp(call, others[i].call) == 0)
            return true;
    }
    return false;
}

enum idle_call idle_call_of(const char *call)
{
    static const struct {
        const char *call;
        enum idle_call kind;
    } calls[] = {
        {"poll", IDLE_CALL_MANY},
        {"ppoll", IDLE_CALL_MANY},
        {"select", IDLE_CALL_MANY},
        {"pselect6", IDLE_CALL_MANY},
        {"epoll_wait", IDLE_CALL_LOOPS},
        {"epoll_pwait", IDLE_CALL_LOOPS},
        {"epoll_pwait2", IDLE_CALL_LOOPS},
        {"accept", IDLE_CALL_LOOPS},
        {"accept4", IDLE_CALL_LOOPS},
        {"rt_sigtimedwait", IDLE_CALL_LOOPS},
        {"pause", IDLE_CALL_LOOPS},
        {"futex", IDLE_CALL_MAY},
        {"nanosleep", IDLE_CALL_MAY},
        {"clock_nanosleep", IDLE_CALL_MAY},
        {"restart_syscall", IDLE_CALL_MAY},
        {"read", IDLE_CALL_MAY},
        {"recvfrom", IDLE_CALL_MAY},
        {"recvmsg", IDLE_CALL_MAY},
        {"semtimedop", IDLE_CALL_MAY},
        {"msgrcv", IDLE_CALL_MAY},
        {"mq_timedreceive", IDLE_CALL_MAY},
        {"io_getevents", IDLE_CALL_LOOPS},
        {"io_uring_enter", IDLE_CALL_MANY},
        /* functions of the kernel, where that is all that was to be seen */
        {"[ep_poll]", IDLE_CALL_LOOPS},
        {"[do_epoll_wait]", IDLE_CALL_LOOPS},
        {"[poll_schedule_timeout]", IDLE_CALL_MANY},
        {"[do_sys_poll]", IDLE_CALL_MANY},
        {"[do_poll]", IDLE_CALL_MANY},
        {"[do_select]", IDLE_CALL_MANY},
        {"[inet_csk_accept]", IDLE_CALL_LOOPS},
        {"[inet_csk_wait_for_connect]", IDLE_CALL_LOOPS},
        {"[hrtimer_nanosleep]", IDLE_CALL_MAY},
        {"[do_nanosleep]", IDLE_CALL_MAY},
        {"[do_sigtimedwait]", IDLE_CALL_LOOPS},
        {"[futex_wait_queue]", IDLE_CALL_MAY},
        {"[pipe_read]", IDLE_CALL_MAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (strcmp(call, calls[i].call) == 0)
            return calls[i].kind;
    }
    return IDLE_CALL_NEVER;
}

bool idle_call_sleeps(const char *call)
{
    static const char *const calls[] = {"nanosleep", "clock_nanosleep", "[hrtimer_nanosleep]",
                                        "[do_nanosleep]"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (strcmp(call, calls[i]) == 0)
            return true;
    }
    return false;
}

bool idle_is_library(const char *file)
{
    return path_behind_library(file) != NULL || strncmp(file, "<frozen ", 8) == 0;
}
