/* SPDX-License-Identifier: MIT */
/* An asyncio loop whose thread stalls twice, and what its tasks were seen to wait for; with `mark`
 * in all names that a program can choose. */
#include "make_loop.h"

#include "tests/unit/support/make_trace.h"

#include <stdio.h>

enum { ON_CPU = 1, BLOCKED = 0, TAKEN = 0, SAME = 1, RAN = 2 };

static uint32_t stack_of(struct maker *m, uint32_t p, const struct maker_frame *const *frames)
{
    uint32_t stack = 0;
    for (; *frames != NULL; frames++)
        stack = maker_stack_push(m, p, stack, *frames);
    return stack;
}
#define STACK(m, p, ...) stack_of(m, p, (const struct maker_frame *const[]){__VA_ARGS__, NULL})

void make_loop(const char *path, const char *mark)
{
    static const char *const argv[] = {"python3", "app.py", NULL};
    static const struct maker_frame top = {"<module>", "/home/me/app.py", 1, 40, 0};
    static const struct maker_frame idle_line = {
        "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1832, 1898, 0};
    static const struct maker_frame run_line = {
        "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1832, 1936, 0};
    static const struct maker_frame selecting = {"EpollSelector.select",
                                                 "/usr/lib/python3.11/selectors.py", 452, 468, 0};
    static const struct maker_frame run = {"Handle._run", "/usr/lib/python3.11/asyncio/events.py",
                                           78, 80, 0};
    static const struct maker_frame sleep = {"sleep", "/usr/lib/python3.11/asyncio/tasks.py", 627,
                                             639, 0};
    static const struct maker_frame poll = {"poll", "/home/me/app.py", 30, 32, 0};
    char handle_name[40], query_name[40], task[40], on[40];
    snprintf(handle_name, sizeof handle_name, "%shandle", mark);
    snprintf(query_name, sizeof query_name, "%squery", mark);
    snprintf(task, sizeof task, "%srequest #", mark);
    snprintf(on, sizeof on, "task %sloader", mark);
    const struct maker_frame handle = {handle_name, "/home/me/app.py", 10, 14, 0};
    const struct maker_frame log_line = {handle_name, "/home/me/app.py", 10, 16, 0};
    const struct maker_frame query = {query_name, "/home/me/app.py", 20, 22, 0};
    struct maker *const m = maker_open(path, &(struct maker_settings){.tag = 0x1009});
    const uint32_t p = maker_process(m, 700, 1, argv);
    maker_thread(m, p, 700, "MainThread", 0);
    const uint32_t idle = STACK(m, p, &top, &idle_line, &selecting);
    const uint32_t stalled = STACK(m, p, &top, &run_line, &run, &log_line);
    const uint32_t querying = STACK(m, p, &handle, &query);
    const struct maker_tasks at_rest[] = {{querying, "future", task, 7},
                                          {STACK(m, p, &handle), on, "", 2},
                                          {STACK(m, p, &poll, &sleep), "future", "", 1},
                                          {0}};
    const struct maker_tasks held_up[] = {{querying, "future", task, 4},
                                          {querying, "ready to go on", task, 3},
                                          {STACK(m, p, &handle), "not begun", "", 1},
                                          {0}};
    for (unsigned i = 0; i < 300; i++) {
        maker_tick(m, p, 0, 0, 0);
        if (i == 0 || i == 120 || i == 250)
            maker_change(m, p, 1, &(struct maker_sample){idle, BLOCKED, 20, "epoll_wait"});
        if (i == 50)
            maker_change(m, p, 1, &(struct maker_sample){stalled, BLOCKED, 20, "fsync"});
        if (i >= 200 && i < 250)
            maker_change(m, p, 1, &(struct maker_sample){stalled, ON_CPU, 9900, NULL});
        if (i == 5 || i == 125)
            maker_look(m, p, 1, TAKEN, 400000, at_rest, 0, 0);
        if (i == 165)
            maker_look(m, p, 1, SAME, 310000, at_rest, 0, 0);
        if (i == 60)
            maker_look(m, p, 1, TAKEN, 600000, held_up, 8, 1);
        if (i == 245)
            maker_look(m, p, 1, RAN, 500000, NULL, 0, 0);
        if (i % 100 == 99)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}
