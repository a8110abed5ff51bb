/* SPDX-License-Identifier: MIT */
/* A made-up process with two threads, of which the main one may stall; for test_stall and
 * test_idle. */
#ifndef PYREC_TESTS_STALL_MADE_H
#define PYREC_TESTS_STALL_MADE_H

#include "analyze/idle/idle_learn.h"
#include "analyze/idle/idle_place.h"
#include "analyze/stalls/stall_find.h"
#include "make_trace.h"

enum { ON_CPU = 1, HOLDS = 2, WAITS = 4, READY = 32, BLOCKED = 0, UNKNOWN = 256 };

#define OVER_NS UINT64_C(200000000)

static const struct maker_frame module = {"<module>", "/x/app.py", 1, 40, 0};
static const struct maker_frame module_9 = {"<module>", "/x/app.py", 1, 9, 0};
static const struct maker_frame once = {
    "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1832, 1898, 0};
static const struct maker_frame once_run = {
    "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1832, 1936, 0};
static const struct maker_frame selecting = {"EpollSelector.select",
                                             "/usr/lib/python3.11/selectors.py", 452, 468, 0};
static const struct maker_frame handle = {"Handle._run", "/usr/lib/python3.11/asyncio/events.py",
                                          78, 80, 0};
static const struct maker_frame handler = {"handler", "/x/app.py", 10, 12, 0};
static const struct maker_frame deeper = {"deeper", "/x/app.py", 20, 22, 0};
static const struct maker_frame queue_get = {"Queue.get", "/usr/lib/python3.11/queue.py", 154, 171,
                                             0};
static const struct maker_frame condition = {"Condition.wait", "/usr/lib/python3.11/threading.py",
                                             288, 320, 0};

/* A process with two threads, and what is known of it. */
struct made {
    struct maker *m;
    uint32_t process;
    const char *path;
    struct trace *trace;
    struct scene scene;
    struct idle idle;
    struct stalls stalls;
    struct select select;
    const struct metric *metric;
};

void made_open(struct made *made, const char *name);
uint32_t made_stack(struct made *made, const struct maker_frame *const *frames);
void go(struct made *made, unsigned n, uint32_t stack_id, uint16_t state, const char *call);
void made_no_damage(void *closure, const char *path, const struct damage *damage);
void made_read(struct made *made, const char *name);
void made_close(struct made *made);
const struct idle_thread *main_thread(const struct made *made);
uint64_t entry_ns(const struct made *made, const struct stall *stall, enum stall_kind kind,
                  const char *function);
void check_length(const struct stall *stall, unsigned ticks);
#define STACK(made, ...) made_stack(made, (const struct maker_frame *const[]){__VA_ARGS__, NULL})

#endif
