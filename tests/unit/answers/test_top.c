/* SPDX-License-Identifier: MIT */
/* How the live screen looks, and what keys do. */
#include "analyze/top/top.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const argv[] = {"python3", "-m", "shop.server", NULL};

/* 24 s at 100 Hz: the main thread computes with the GIL in hand, a worker waits for it or for the
 * disk, one sleeps; and a thread with a name that would harm a terminal. */
static void make_busy(const char *path, bool closed, unsigned n_more)
{
    const struct maker_settings settings = {.hostname = "testhost"};
    struct maker *const m = maker_open(path, &settings);
    const uint32_t p = maker_process(m, 4821, 1, argv);
    static char names[590][20]; /* the maker borrows them */
    uint32_t threads[600], n = 0;
    threads[n++] = maker_thread(m, p, 4821, "MainThread", 0);
    threads[n++] = maker_thread(m, p, 4822, "batch-0", 0);
    threads[n++] = maker_thread(m, p, 4823, "\033[2Jm\u202eetrics\u4e2d\u6587\n", 0);
    for (unsigned i = 0; i < n_more; i++) {
        snprintf(names[i], sizeof names[i], "pool-%u", i);
        threads[n++] = maker_thread(m, p, 5000 + i, names[i], 0);
    }
    const struct maker_frame loop = {"serve", "/srv/shop/server.py", 10, 14, 0};
    const struct maker_frame report = {"make_report.<locals>.<genexpr>",
                                       "/srv/shop/report/daily.py", 80, 86, 0};
    const struct maker_frame save = {"Repository.save", "/srv/shop/billing/save.py", 18, 21, 0};
    const struct maker_frame nap = {"metrics_loop\u202e", "/srv/shop/metrics.py", 3, 19, 0};
    const uint32_t base = maker_stack_push(m, p, 0, &loop);
    const uint32_t busy = maker_stack_push(m, p, base, &report);
    const uint32_t saves = maker_stack_push(m, p, base, &save);
    const uint32_t naps = maker_stack_push(m, p, 0, &nap);
    for (unsigned tick = 0; tick < 2400; tick++) {
        const bool first = tick / 100 % 3 != 2;
        maker_tick(m, p, 0, 0, 0);
        maker_hold(m, p, first ? threads[0] : threads[1]);
        maker_change(m, p, threads[0],
                     &(struct maker_sample){busy, first ? 3 : 4, first ? 9800 : 0, NULL});
        maker_change(m, p, threads[1],
                     &(struct maker_sample){saves, first ? 4 : 3, first ? 0 : 9700, NULL});
        if (tick == 0)
            for (uint32_t i = 2; i < n; i++)
                maker_change(m, p, threads[i],
                             &(struct maker_sample){naps, 0, 0, "clock_nanosleep"});
        if (tick % 200 == 199)
            maker_flush(m, p);
    }
    if (closed) {
        maker_process_end(m, p, 0);
        maker_close(m, "exited");
    } else {
        maker_abandon(m);
    }
}

static struct top made;
static struct canvas canvas;

static void open_made(unsigned n_more, bool plain)
{
    struct problem why = {0};
    const char *const path = scratch_path("busy.trace");
    static char kept[300];
    snprintf(kept, sizeof kept, "%s", path);
    make_busy(kept, true, n_more);
    const struct top_settings settings = {.path = kept, .window = 10, .plain = plain};
    ck_assert_msg(top_open(&made, &settings, &why) == STATUS_OK, "%s", why.detail);
    canvas.plain = plain;
}

static void close_made(void)
{
    top_close(&made);
    canvas_clear(&canvas);
}

static char *draw(int cols, int rows)
{
    struct buffer text = {0};
    canvas_size(&canvas, rows, cols);
    top_draw(&made, &canvas, 1000 * SECOND_NS);
    canvas_print(&canvas, &text);
    return text.text;
}

/* SCREENS_ACCEPT=1 writes the expected screens anew: look at the difference. */
static void check_screen(const char *name, int cols, int rows)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s.txt", SCREENS_DIR, name);
    char *const got = draw(cols, rows);
    if (getenv("SCREENS_ACCEPT") != NULL)
        scratch_write(path, got, strlen(got));
    struct bytes wanted = scratch_read(path);
    ck_assert_msg(wanted.len == strlen(got) && memcmp(wanted.at, got, wanted.len) == 0,
                  "%s is not as in %s:\n%s", name, path, got);
    bytes_free(&wanted);
    free(got);
}

static const struct {
    const char *name;
    int cols, rows;
} sizes[] = {{"40x12", 40, 12}, {"60x15", 60, 15}, {"80x24", 80, 24}, {"160x50", 160, 50}};

START_TEST(screens)
{
    open_made(0, false);
    check_screen(sizes[_i].name, sizes[_i].cols, sizes[_i].rows);
    close_made();
}
END_TEST

START_TEST(other_screens)
{
    open_made(0, true);
    check_screen("80x24-plain", 80, 24);
    close_made();
    open_made(500, false);
    check_screen("80x24-group", 80, 24);
    ck_assert_uint_eq(made.model.n_found, 503);
    ck_assert_uint_eq(made.model.n_threads, 4);
    size_t n_there = 0;
    for (size_t i = 0; i < made.model.n_threads; i++)
        for (int c = 0; c < CLASS_COUNT; c++)
            n_there += made.model.threads[i].doing[c];
    ck_assert_uint_eq(n_there, 503);
    while (made.model.threads[made.cursor[TOP_THREADS]].n == 1)
        top_press(&made, TOP_KEY_DOWN);
    top_press(&made, TOP_KEY_ENTER);
    ck_assert_uint_eq(made.model.n_threads, 500);
    top_press(&made, TOP_KEY_ESCAPE);
    ck_assert_uint_eq(made.model.n_threads, 4);
    top_press(&made, 'p');
    check_screen("80x24-500-threads", 80, 24);
    close_made();
    open_made(0, false);
    top_press(&made, 'g');
    check_screen("80x24-gil", 80, 24);
    top_press(&made, TOP_KEY_ESCAPE);
    ck_assert_int_eq(made.page, TOP_MAIN);
    close_made();
    open_made(0, false);
    top_press(&made, TOP_KEY_ENTER);
    check_screen("80x24-thread", 80, 24);
    top_press(&made, TOP_KEY_ENTER);
    ck_assert_int_eq(made.page, TOP_SOURCE);
    top_press(&made, TOP_KEY_ESCAPE);
    ck_assert_int_eq(made.page, TOP_THREAD);
    top_press(&made, TOP_KEY_ESCAPE);
    top_press(&made, '?');
    check_screen("80x24-help", 80, 24);
    close_made();
}
END_TEST

/* Without a GIL: one thread waits for the lock of a list, another stops the world. */
START_TEST(halted)
{
    static const struct maker_frame append = {"append", "/srv/list.py", 3, 4, 0};
    static const struct maker_frame collect = {"collect", "/srv/list.py", 8, 9, 0};
    struct problem why = {0};
    char path[300];
    snprintf(path, sizeof path, "%s", scratch_path("halted.trace"));
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 1, 1, argv);
    const uint32_t a = maker_thread(m, p, 1, "appender", 0);
    const uint32_t b = maker_thread(m, p, 2, "collector", 0);
    const uint32_t appends = maker_stack_push(m, p, 0, &append);
    const uint32_t collects = maker_stack_push(m, p, 0, &collect);
    for (unsigned tick = 0; tick < 1200; tick++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, a, &(struct maker_sample){appends, STATE_WAITS_OBJECT, 0, "futex"});
        maker_change(
            m, p, b,
            &(struct maker_sample){collects, STATE_ON_CPU | STATE_STOPS_WORLD, 9000, NULL});
        if (tick % 200 == 199)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    ck_assert(top_open(&made, &(struct top_settings){.path = path, .window = 10}, &why) ==
              STATUS_OK);
    char *text = draw(160, 24);
    require(strstr(text, "waits for an object's lock in append (") != NULL);
    require(strstr(text, "stops the world in collect (") != NULL);
    free(text);
    top_press(&made, TOP_KEY_ENTER); /* who uses most CPU is the first */
    text = draw(160, 24);
    require(strstr(text, "now: stops the world") != NULL);
    free(text);
    close_made();
}
END_TEST

/* The program's output as a terminal would leave it, its end; and nothing that could harm one. */
START_TEST(output_and_keeping)
{
    static const char written[] = "first\n\033[31mred\033[0m and\tblank\n10 %\r99 %\r\n"
                                  "\033]0;title\007\x9b\033(B\u202e\0tail";
    char output[300], mark[300];
    open_made(0, false);
    snprintf(output, sizeof output, "%s", scratch_path("output"));
    snprintf(mark, sizeof mark, "%s", scratch_path("mark"));
    scratch_write(output, written, sizeof written - 1);
    made.settings.output = output;
    top_press(&made, 'o');
    char *text = draw(80, 24);
    require(strstr(text, "\nfirst\nred and blank\n99 %\n") != NULL);
    require(strstr(text, "?tail\n") != NULL && strstr(text, "title") == NULL);
    require(strchr(text, '\033') == NULL && strstr(text, "\u202e") == NULL);
    free(text);
    text = draw(80, 12);
    require(strstr(text, "?tail\n") != NULL);
    free(text);
    top_press(&made, 'K');
    require(access(mark, F_OK) != 0);
    made.settings.mark = mark;
    top_press(&made, 'K');
    require(access(mark, F_OK) == 0);
    top_press(&made, TOP_KEY_ESCAPE);
    ck_assert_int_eq(made.page, TOP_MAIN);
    static const struct {
        uint32_t key;
        enum top_report report;
    } asked[] = {{'w', TOP_REPORT_WINDOW}, {'a', TOP_REPORT_ALL}, {'q', TOP_REPORT_NONE}};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        top_press(&made, 'W');
        ck_assert_int_eq(made.report, TOP_REPORT_ASKED);
        text = draw(80, 24);
        require(strstr(text, "w these 10 s   a all") != NULL);
        free(text);
        top_press(&made, asked[i].key);
        ck_assert_int_eq(made.report, asked[i].report);
    }
    ck_assert(!made.is_over);
    close_made();
}
END_TEST

/* Of a total that begins anew only what comes after it is shown. */
START_TEST(total_begins_anew)
{
    static char kept[300];
    struct problem why = {0};
    snprintf(kept, sizeof kept, "%s", scratch_path("busy.trace"));
    make_busy(kept, true, 0);
    struct bytes file = scratch_read(kept);
    const char *const path = scratch_path("growing.trace");
    const struct top_settings settings = {.path = path, .window = 10};
    scratch_write(path, file.at, file.len * 2 / 3);
    ck_assert_msg(top_open(&made, &settings, &why) == STATUS_OK, "%s", why.detail);
    ck_assert_uint_gt(made.model.n_places, 0);
    char *const text = draw(80, 24);
    require(strstr(text, "nothing written") == NULL && strstr(text, "LIVE") != NULL);
    free(text);
    top_press(&made, 'r');
    for (size_t i = 0; i < made.model.n_places; i++)
        require(live_place(&made.model, &made.live, i).total == 0);
    scratch_append(path, file.at + file.len * 2 / 3, file.len - file.len * 2 / 3);
    top_tick(&made, SECOND_NS);
    double sum = 0;
    for (size_t i = 0; i < made.model.n_places; i++)
        sum += live_place(&made.model, &made.live, i).total;
    require(sum > 0.999 && sum < 1.001);
    close_made();
    bytes_free(&file);
}
END_TEST

/* At any size, whatever is pressed: no byte that could do something to a terminal. */
START_TEST(nothing_hostile)
{
    static const uint32_t pressed[] = {' ',           TOP_KEY_LEFT,
                                       's',           'm',
                                       'l',           'w',
                                       '\t',          TOP_KEY_DOWN,
                                       TOP_KEY_ENTER, TOP_KEY_ESCAPE,
                                       '/',           'e',
                                       TOP_KEY_ENTER, TOP_KEY_HOME,
                                       '<',           '>',
                                       TOP_KEY_END,   'r',
                                       '?',           TOP_KEY_UP,
                                       'g',           'p',
                                       'W',           'K'};
    uint64_t state = 5;
    open_made(30, false);
    for (int i = 0; i < 300; i++) {
        top_press(&made, pressed[(scratch_random(&state) >> 30) % ARRAY_LEN(pressed)]);
        char *const text = draw(1 + (int)((scratch_random(&state) >> 30) % 170),
                                1 + (int)((scratch_random(&state) >> 30) % 60));
        for (const char *at = text; *at != '\0'; at++)
            require((unsigned char)*at >= ' ' || *at == '\n');
        require(strstr(text, "\u202e") == NULL);
        free(text);
    }
    close_made();
}
END_TEST

START_TEST(walks_back_in_time)
{
    open_made(0, false);
    const uint64_t end = made.model.to;
    for (int i = 0; i < 5; i++)
        top_press(&made, TOP_KEY_LEFT);
    ck_assert(made.is_paused);
    ck_assert_uint_eq(made.model.to, end - 5);
    ck_assert_uint_eq(made.model.from, end - 15);
    top_press(&made, TOP_KEY_HOME);
    ck_assert_uint_eq(made.model.to, 10);
    ck_assert_uint_gt(made.model.n_places, 0);
    top_press(&made, TOP_KEY_END);
    ck_assert(!made.is_paused);
    ck_assert_uint_eq(made.model.to, end);
    top_press(&made, '/');
    for (const char *at = "batch"; *at != '\0'; at++)
        top_press(&made, (uint32_t)*at);
    ck_assert_uint_eq(made.model.n_threads, 1);
    top_press(&made, TOP_KEY_ESCAPE);
    ck_assert_uint_eq(made.model.n_threads, 3);
    close_made();
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("top");
    TCase *const tests = tcase_create("top");
    tcase_add_loop_test(tests, screens, 0, (int)ARRAY_LEN(sizes));
    tcase_add_test(tests, other_screens);
    tcase_add_test(tests, halted);
    tcase_add_test(tests, output_and_keeping);
    tcase_add_test(tests, total_begins_anew);
    tcase_add_test(tests, nothing_hostile);
    tcase_add_test(tests, walks_back_in_time);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
