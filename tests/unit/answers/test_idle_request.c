/* SPDX-License-Identifier: MIT */
/* Threads that each serve one connection: what is a wait for a request, and what is work. */
#include "analyze/idle/idle_request.h"
#include "analyze/stalls/idle_tell.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/stall_made.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LIB "/usr/lib/python3.11/"

static const struct maker_frame run = {"Thread.run", LIB "threading.py", 966, 975, 0};
static const struct maker_frame bootstrap = {"Thread._bootstrap_inner", LIB "threading.py", 1021,
                                             1045, 0};
static const struct maker_frame started = {"Event.set", LIB "threading.py", 612, 622, 0};
static const struct maker_frame serve = {"ThreadingMixIn.process_request_thread",
                                         LIB "socketserver.py", 685, 691, 0};
static const struct maker_frame made_by = {"BaseRequestHandler.__init__", LIB "socketserver.py",
                                           747, 755, 0};
static const struct maker_frame first = {"BaseHTTPRequestHandler.handle", LIB "http/server.py", 428,
                                         432, 0};
static const struct maker_frame next = {"BaseHTTPRequestHandler.handle", LIB "http/server.py", 428,
                                        434, 0};
static const struct maker_frame asking = {"BaseHTTPRequestHandler.handle_one_request",
                                          LIB "http/server.py", 391, 400, 0};
static const struct maker_frame parsing = {"BaseHTTPRequestHandler.handle_one_request",
                                           LIB "http/server.py", 391, 410, 0};
static const struct maker_frame serving = {"BaseHTTPRequestHandler.handle_one_request",
                                           LIB "http/server.py", 391, 420, 0};
static const struct maker_frame parse = {"BaseHTTPRequestHandler.parse_request",
                                         LIB "http/server.py", 267, 342, 0};
static const struct maker_frame headers = {"parse_headers", LIB "http/client.py", 220, 231, 0};
static const struct maker_frame lines = {"_read_headers", LIB "http/client.py", 202, 213, 0};
static const struct maker_frame reading = {"SocketIO.readinto", LIB "socket.py", 692, 706, 0};
static const struct maker_frame view = {"Handler.do_GET", "/x/app.py", 10, 12, 0};
static const struct maker_frame own = {"Handler.handle", "/x/app.py", 30, 32, 0};
static const struct maker_frame deep = {"Handler.turn", "/x/app.py", 40, 42, 0};

#define REQUEST(made, ...) STACK(made, &bootstrap, &run, &serve, &made_by, __VA_ARGS__)

/* The other thread does this for n ticks, the main one always the same. */
static void serve_for(struct made *made, unsigned n, uint32_t stack_id, uint16_t state,
                      const char *call)
{
    for (unsigned i = 0; i < n; i++) {
        maker_tick(made->m, made->process, 0, 0, 0);
        if (i == 0 || state == ON_CPU)
            maker_change(
                made->m, made->process, 2,
                &(struct maker_sample){stack_id, state, state == ON_CPU ? 9000 : 50, call});
    }
}

static const struct idle_thread *other(const struct made *made)
{
    for (size_t i = 0; i < made->idle.n_threads; i++) {
        if (!made->idle.threads[i]->thread->main)
            return made->idle.threads[i];
    }
    ck_abort_msg("no other thread");
}

/* The first request is one piece, from the first sample on; of a later one ticks cannot be sure. */
START_TEST(first_and_next)
{
    struct made made;
    made_open(&made, "request.trace");
    const struct maker_frame *const line = _i == 0 ? &first : &next;
    const uint32_t wait = REQUEST(&made, line, &asking, &reading);
    serve_for(&made, 1, STACK(&made, &bootstrap, &started), ON_CPU, NULL);
    serve_for(&made, 1, STACK(&made, &bootstrap, &run), ON_CPU, NULL);
    serve_for(&made, 2, wait, BLOCKED, "recvfrom");
    serve_for(&made, 60, REQUEST(&made, line, &serving, &view), ON_CPU, NULL);
    maker_thread_end(made.m, made.process, 2);
    go(&made, 20, STACK(&made, &module), BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_ne(other(&made)->request, TREE_ROOT);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 60);
    ck_assert(made.stalls.list[0].several == (_i == 1));
    ck_assert(made.stalls.list[0].ended && !made.stalls.list[0].open);
    made_close(&made);
}
END_TEST

/* The same call: for the next request, for its headers, and by the view for the body. */
START_TEST(who_reads)
{
    struct made made;
    made_open(&made, "reads.trace");
    const uint32_t stack = _i == 0 ? REQUEST(&made, &next, &asking, &reading)
                           : _i == 1
                               ? REQUEST(&made, &next, &parsing, &parse, &headers, &lines, &reading)
                           : _i == 2 ? REQUEST(&made, &next, &serving, &view, &reading)
                                     : REQUEST(&made, &next, &serving, &view);
    serve_for(&made, 2, REQUEST(&made, &first, &serving, &view), ON_CPU, NULL);
    for (int i = 0; i < 3; i++) {
        serve_for(&made, 50, stack, BLOCKED, "recvfrom");
        serve_for(&made, 1, REQUEST(&made, &next, &asking), ON_CPU, NULL);
    }
    made_read(&made, NULL);
    ck_assert_uint_eq(other(&made)->places[0].visits > 0, _i < 2);
    ck_assert_uint_eq(made.stalls.n, _i < 2 ? 0 : 3);
    for (size_t i = 0; i < made.stalls.n; i++)
        ck_assert(!made.stalls.list[i].several);
    made_close(&made);
}
END_TEST

/* A handler that is not known: its own handle() waits for its client; what it calls, who knows. */
START_TEST(unknown_handler)
{
    struct made made;
    made_open(&made, "handler.trace");
    const uint32_t wait = _i == 0   ? REQUEST(&made, &own)
                          : _i == 1 ? REQUEST(&made, &own, &reading)
                                    : REQUEST(&made, &own, &deep);
    for (int i = 0; i < 2; i++) {
        serve_for(&made, 50, wait, BLOCKED, _i == 3 ? "clock_nanosleep" : "recvfrom");
        serve_for(&made, 30, REQUEST(&made, &own, &view), ON_CPU, NULL);
    }
    made_read(&made, NULL);
    ck_assert_uint_eq(other(&made)->n_places, _i == 2 ? 0 : _i == 3 ? 1 : 2);
    if (_i < 2)
        ck_assert_uint_eq(made.stalls.n, 2);
    else
        ck_assert_uint_eq(made.stalls.n, _i == 3); /* it sleeps: all one piece of work */
    made_close(&made);
}
END_TEST

/* A thread that does something else as well is not begun for a connection; what begins it is
 * around. */
START_TEST(something_else)
{
    struct made made;
    made_open(&made, "else.trace");
    const uint32_t other_stack = _i == 0   ? STACK(&made, &bootstrap, &run, &own)
                                 : _i == 1 ? STACK(&made, &bootstrap, &run)
                                           : STACK(&made, &bootstrap, &started);
    maker_thread(made.m, made.process, 44, "another", 0);
    maker_tick(made.m, made.process, 0, 0, 0);
    maker_change(made.m, made.process, 3, &(struct maker_sample){other_stack, ON_CPU, 50, NULL});
    serve_for(&made, 60, REQUEST(&made, &first, &serving, &view), ON_CPU, NULL);
    serve_for(&made, 1, other_stack, ON_CPU, NULL);
    made_read(&made, NULL);
    ck_assert_uint_eq(other(&made)->request != TREE_ROOT, _i > 0);
    ck_assert(idle_wants(&made.idle, &made.select, other(&made)->thread) == (_i > 0));
    ck_assert_uint_eq(made.stalls.n, _i > 0);
    for (size_t i = 0; i < made.idle.n_threads; i++) {
        const struct idle_thread *const t = made.idle.threads[i];
        ck_assert(t->thread->os_tid != 44 || idle_request_begins(&made.idle, t) == (_i > 0));
    }
    made_close(&made);
}
END_TEST

/* A process that was forked for a connection: ForkingMixIn's process_request() is told from others
 * of that name by its lines, for before 3.11 its class is not in the name. */
START_TEST(forked)
{
    static const struct maker_frame serving_all = {"serve_forever", LIB "socketserver.py", 222, 237,
                                                   0};
    static const struct maker_frame forks[] = {
        {"process_request", LIB "socketserver.py", 596, 598, 0},
        {"process_request", LIB "socketserver.py", 596, 611, 0}};
    static const struct maker_frame others = {"process_request", LIB "socketserver.py", 342, 348,
                                              0};
    const struct maker_frame *const with = _i == 0 ? &others : &forks[1];
    struct made made;
    made_open(&made, "forked.trace");
    maker_forked(made.m, made.process, _i < 2 || _i == 3);
    if (_i > 0)
        go(&made, 1, STACK(&made, &module, &serving_all, &forks[0]), ON_CPU, NULL);
    go(&made, 60, STACK(&made, &module, &serving_all, with, &made_by, &first, &serving, &view),
       BLOCKED, "poll");
    go(&made, 1, STACK(&made, &module, &serving_all, with, &made_by, &first, &serving), ON_CPU,
       NULL);
    if (_i == 3)
        go(&made, 1, STACK(&made, &module, &serving_all), ON_CPU, NULL);
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->request != TREE_ROOT, _i == 1);
    ck_assert(_i != 1 || (made.stalls.n == 1 && !made.stalls.list[0].several));
    made_close(&made);
}
END_TEST

/* All of a process are one row, with what they have in common added up. */
START_TEST(one_row)
{
    struct made made;
    struct idle_rows rows;
    made_open(&made, "rows.trace");
    maker_thread(made.m, made.process, 44, "another", 0);
    const uint32_t wait = REQUEST(&made, &first, &asking, &reading);
    go(&made, 1, STACK(&made, &module), BLOCKED, "poll");
    maker_change(made.m, made.process, 2, &(struct maker_sample){wait, BLOCKED, 50, "recvfrom"});
    maker_change(made.m, made.process, 3, &(struct maker_sample){wait, BLOCKED, 50, "recvfrom"});
    for (int i = 0; i < 9; i++)
        maker_tick(made.m, made.process, 0, 0, 0);
    serve_for(&made, 60, REQUEST(&made, &first, &serving, &view), ON_CPU, NULL);
    made_read(&made, NULL);
    idle_rows_make(&rows, &made.stalls);
    ck_assert_uint_eq(rows.n, 2); /* and the main thread, which cannot be told */
    ck_assert_uint_eq(rows.n_told, 1);
    ck_assert_uint_eq(rows.list[0].n_threads, 2);
    ck_assert_uint_eq(rows.list[0].facts.n_stalls, 1);
    ck_assert_str_eq(rows.list[0].idle->thread->name, "request threads");
    ck_assert_uint_eq(rows.list[0].idle->n_places, 2);
    ck_assert_uint_eq(rows.list[0].idle->places[0].visits, 2);
    ck_assert_uint_eq(rows.list[0].idle->wall_ns,
                      rows.list[1].idle->wall_ns + made.idle.threads[1]->wall_ns);
    idle_rows_clear(&rows);
    made_close(&made);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("idle_request");
    TCase *const tests = tcase_create("idle_request");
    tcase_add_loop_test(tests, first_and_next, 0, 2);
    tcase_add_loop_test(tests, who_reads, 0, 4);
    tcase_add_loop_test(tests, unknown_handler, 0, 4);
    tcase_add_loop_test(tests, something_else, 0, 3);
    tcase_add_loop_test(tests, forked, 0, 4);
    tcase_add_test(tests, one_row);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
