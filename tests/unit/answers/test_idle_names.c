/* SPDX-License-Identifier: MIT */
/* idle_names: what is known of loops and waits by name, and what is not theirs. */
#include "analyze/idle/idle_names.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>

static unsigned bits_of(const char *function, const char *file)
{
    const struct frame frame = {function, file, 1, false};
    return idle_name_of(&frame);
}

START_TEST(loops_and_waits)
{
    ck_assert_uint_ne(
        bits_of("BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py") &
            IDLE_NAME_LOOP,
        0);
    ck_assert_uint_ne(bits_of("_run_once", "asyncio/base_events.py") & IDLE_NAME_LOOP, 0);
    ck_assert_uint_ne(bits_of("Queue.get", "/usr/lib/python3.11/queue.py") & IDLE_NAME_QUEUE, 0);
    ck_assert_uint_ne(
        bits_of("EpollSelector.select", "/usr/lib/python3.11/selectors.py") & IDLE_NAME_WAIT, 0);
    ck_assert_uint_ne(bits_of("loop", "/v/lib/python3.11/site-packages/waitress/wasyncore.py") &
                          IDLE_NAME_LOOP,
                      0);
    ck_assert_uint_ne(bits_of("_worker", "/x/concurrent/futures/thread.py") & IDLE_NAME_SELF, 0);
}
END_TEST

/* A file of the program's own may end like one of the library's. */
START_TEST(whole_names_of_files)
{
    ck_assert_uint_eq(bits_of("Client.accept", "/app/websocket.py"), 0);
    ck_assert_uint_eq(bits_of("Poller.select", "/app/my_selectors.py"), 0);
    ck_assert_uint_eq(bits_of("Jobs.get", "/app/jobqueue.py"), 0);
    ck_assert_uint_eq(bits_of("Lock.wait", "/app/greenthreading.py"), 0);
    ck_assert_uint_eq(bits_of("_run_once", "/app/myasyncio/base_events.py"), 0);
    ck_assert_uint_eq(bits_of("_run_once", "base_events.py"), 0);
    ck_assert_uint_eq(bits_of("once", "asyncio/base_events.py"), 0);
}
END_TEST

START_TEST(what_users_say)
{
    const struct frame frame = {"Server.wait", "/app/net/server.py", 12, false};
    static const char *const right[] = {"wait",
                                        "Server.wait",
                                        "server.py:wait",
                                        "net/server.py:12",
                                        "/app/net/server.py:Server.wait",
                                        "server.py:12"};
    static const char *const wrong[] = {"ait",          "Server",     "erver.py:wait",
                                        "server.py:13", "server.py:", ":12",
                                        "12",           "server.py",  "other.py:wait"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        ck_assert_msg(idle_name_is(&frame, right[i]), "%s", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!idle_name_is(&frame, wrong[i]), "%s", wrong[i]);
    ck_assert(idle_name_is_call("clock_nanosleep", "sleep"));
    ck_assert(idle_name_is_call("[ep_poll]", "epoll_wait"));
    ck_assert(idle_name_is_call("futex", "futex"));
    ck_assert(!idle_name_is_call("futex", "sleep"));
}
END_TEST

START_TEST(calls)
{
    ck_assert_int_eq(idle_call_of("epoll_wait"), IDLE_CALL_LOOPS);
    ck_assert_int_eq(idle_call_of("poll"), IDLE_CALL_MANY);
    ck_assert_int_eq(idle_call_of("recvfrom"), IDLE_CALL_MAY);
    ck_assert_int_eq(idle_call_of("fsync"), IDLE_CALL_NEVER);
    ck_assert_int_eq(idle_call_of("a call of tomorrow"), IDLE_CALL_NEVER);
}
END_TEST

START_TEST(library)
{
    ck_assert(idle_is_library("/usr/lib/python3.11/queue.py"));
    ck_assert(idle_is_library("/usr/lib64/python3.13/queue.py"));
    ck_assert(idle_is_library("/usr/lib/python3/dist-packages/gi/overrides/Gtk.py"));
    ck_assert(idle_is_library("<frozen runpy>"));
    ck_assert(!idle_is_library("/srv/lib/python/app.py"));
    ck_assert(!idle_is_library("/app/queue.py"));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("idle_names");
    TCase *const tests = tcase_create("idle_names");
    tcase_add_test(tests, loops_and_waits);
    tcase_add_test(tests, whole_names_of_files);
    tcase_add_test(tests, what_users_say);
    tcase_add_test(tests, calls);
    tcase_add_test(tests, library);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
