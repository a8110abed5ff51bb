/* SPDX-License-Identifier: MIT */
/* The bar: on a terminal, after the delay, and gone in the end; never anywhere else. */
#include "analyze/ask/progress.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct trace_count count;
static char text[20000];
static size_t len;

/* What has come out at the other end; waits until it contains `wanted`, for a minute at most. */
static bool came(int fd, const char *wanted)
{
    for (int i = 0; i < 600; i++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, wanted != NULL ? 100 : 0) == 1) {
            const ssize_t n = read(fd, text + len, sizeof text - 1 - len);
            if (n > 0)
                len += (size_t)n;
            text[len] = '\0';
        }
        if (wanted == NULL || strstr(text, wanted) != NULL)
            return wanted != NULL;
    }
    return false;
}

static void setup(void)
{
    setenv("TERM", "xterm", 1);
    memset(&count, 0, sizeof count);
    atomic_store(&count.due, 200);
    len = 0;
    text[0] = '\0';
}

START_TEST(grows_and_goes)
{
    const struct winsize size = {.ws_row = 20, .ws_col = 60};
    struct progress progress;
    int master, slave;
    ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
    progress_start(&progress, &count, slave, 1);
    ck_assert(came(master, "0%"));
    atomic_store(&count.done, 100);
    ck_assert(came(master, " 50%"));
    atomic_store(&count.done, 500); /* some were read twice */
    ck_assert(came(master, " 100%"));
    progress_stop(&progress);
    ck_assert(came(master, "100%\033[K\r\033[K"));
    ck_assert_ptr_nonnull(strstr(text, "[##################..................]"));
    close(master);
    close(slave);
}
END_TEST

START_TEST(not_before_the_delay)
{
    struct progress progress;
    int master, slave;
    ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
    progress_start(&progress, &count, slave, 3600000);
    usleep(250000);
    progress_stop(&progress);
    (void)came(master, NULL);
    ck_assert_uint_eq(len, 0);
    close(master);
    close(slave);
}
END_TEST

START_TEST(not_in_a_pipe)
{
    struct progress progress;
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    progress_start(&progress, &count, ends[1], 0);
    usleep(250000);
    progress_stop(&progress);
    ck_assert_int_eq(read(ends[0], text, sizeof text), -1);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("progress");
    TCase *const tcase = tcase_create("progress");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, grows_and_goes);
    tcase_add_test(tcase, not_before_the_delay);
    tcase_add_test(tcase, not_in_a_pipe);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
