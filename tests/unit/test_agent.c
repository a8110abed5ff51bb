/* SPDX-License-Identifier: MIT */
/* The agent as a whole, in a process without Python: its sampler thread waits for its time. */
#include "record/agent/agent.h"
#include "record/agent/clock.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>

#define HOUR_NS 3600000000000u

static int threads_count(void)
{
    DIR *const tasks = opendir("/proc/self/task");
    int n = 0;
    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

/* Whoever starts it while it is there starts nothing; after a pause it comes back, once. */
START_TEST(started_twice)
{
    struct agent *const agent = agent_get();
    const int before = threads_count();
    agent->settings.begin_ns = clock_now() + HOUR_NS; /* it has nothing to record until then */
    for (int round = 0; round < 3; round++) {
        ck_assert(agent_start(agent));
        const pthread_t first = agent->thread;
        ck_assert_int_eq(threads_count(), before + 1);
        ck_assert(agent_start(agent));
        ck_assert(agent_start(agent));
        ck_assert_int_eq(threads_count(), before + 1);
        ck_assert(pthread_equal(agent->thread, first));
        agent_pause(agent);
        ck_assert_int_eq(threads_count(), before);
        agent_pause(agent); /* there is nothing left to end */
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("agent");
    TCase *const tests = tcase_create("agent");
    tcase_add_test(tests, started_twice);
    suite_add_tcase(suite, tests);
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
