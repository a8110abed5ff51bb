/* SPDX-License-Identifier: MIT */
/* What the live screen says of a window is what the tables say of it; and how it looks. */
#include "analyze/base/memory.h"
#include "analyze/live/live_model.h"
#include "analyze/time/gil.h"
#include "analyze/top/top.h"
#include "analyze/weigh/fold.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void no_damage(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("%s: %s", path, damage->text);
}

/* ---- windows ---- */

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void print_weights(struct buffer *text, const struct weights *w)
{
    for (int c = 0; c < CLASS_COUNT; c++)
        buffer_print(text, " %" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, w->by[c].samples,
                     w->by[c].ticks, w->by[c].wall, w->by[c].cpu);
}

/* All threads and their lines, in the order of their words. */
static char *print_profile(const struct profile *profile)
{
    struct buffer text = {0};
    struct arena arena = {0};
    struct fold *const fold = fold_open(profile, &keys[KEY_LINE]);
    char **lines = NULL;
    size_t n_lines = 0, size = 0;
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        size_t n;
        if (weights_sum(&t->total).samples == 0)
            continue;
        const struct fold_row *const rows = fold_threads(fold, &profile->threads[i], 1, &arena, &n);
        for (size_t k = 0; k <= n; k++) {
            struct buffer line = {0};
            buffer_print(&line, "%" PRIu32 " %" PRIu32, t->thread->process->pid, t->thread->id);
            if (k < n) {
                const struct frame f = keys[KEY_LINE].frame(&profile->symbols, rows[k].value);
                buffer_print(&line, " %s:%" PRIu32 " %s", f.file, f.line, f.function);
                print_weights(&line, &rows[k].self);
                print_weights(&line, &rows[k].cum);
            } else {
                print_weights(&line, &t->total);
                buffer_print(&line, " clock %" PRIu64 " not %" PRIu64, t->cpu_ns,
                             t->unattributed_ns);
            }
            lines = memory_grow(lines, &size, n_lines + 1, sizeof(char *));
            lines[n_lines++] = line.text;
        }
    }
    qsort(lines, n_lines, sizeof(char *), compare_lines);
    for (size_t i = 0; i < n_lines; i++) {
        buffer_print(&text, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
    fold_close(fold);
    arena_clear(&arena);
    buffer_add_text(&text, "");
    return text.text;
}

static char *print_window(const char *path, uint64_t from, uint64_t to)
{
    const struct select all = {0};
    const bool whole = to == UINT64_MAX;
    struct profile profile = {0};
    struct trace *trace;
    struct problem why = {0};
    ck_assert_int_eq(trace_open(&trace, &path, 1, no_damage, NULL, &why), STATUS_OK);
    if (!whole)
        trace_set_window(trace, (struct window){from * SECOND_NS, to * SECOND_NS});
    profile_build(&profile, trace, &all, 1);
    char *const text = print_profile(&profile);
    profile_clear(&profile);
    trace_close(trace);
    return text;
}

static void check_window(const char *path, struct live *live, const struct recent *recent,
                         uint64_t from, uint64_t to)
{
    struct profile profile;
    recent_profile(recent, &live->scene, from, to, &profile);
    char *const got = print_profile(&profile), *const wanted = print_window(path, from, to);
    ck_assert_msg(strcmp(got, wanted) == 0, "%" PRIu64 " to %" PRIu64 ":\n%s\nis not\n%s", from, to,
                  got, wanted);
    free(got);
    free(wanted);
    recent_give_back(&profile);
}

/* ---- who waited for whom ---- */

static char *print_pairs(const struct gil_entry *pairs, size_t n)
{
    struct buffer text = {0};
    char **lines = NULL;
    size_t n_lines = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        const struct gil_entry *const e = &pairs[i];
        struct buffer line = {0};
        if (e->kind != GIL_PAIRS)
            continue;
        buffer_print(
            &line, "%" PRIu32 " %" PRIu32 " for %" PRId64 ": %" PRIu64 " %" PRIu64 " %" PRIu64,
            e->waiter->process->pid, e->waiter->id, e->holder != NULL ? (int64_t)e->holder->id : -1,
            e->amount.waited_ns, e->amount.samples, e->amount.ticks);
        lines = memory_grow(lines, &size, n_lines + 1, sizeof(char *));
        lines[n_lines++] = line.text;
    }
    if (n_lines > 1)
        qsort(lines, n_lines, sizeof(char *), compare_lines);
    for (size_t i = 0; i < n_lines; i++) {
        buffer_print(&text, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
    buffer_add_text(&text, "");
    return text.text;
}

static void check_pairs(const char *path, struct live *live, const struct recent *recent,
                        uint64_t from, uint64_t to)
{
    const struct select all = {0};
    struct live_model model = {0};
    const struct live_wish wish = {.to = to,
                                   .window = (uint32_t)(to - from),
                                   .metric = &metrics[METRIC_WALL],
                                   .key = KEY_LINE,
                                   .find = "",
                                   .group = "",
                                   .matrix = true};
    struct gil gil = {.select = &all};
    struct scene scene = {0};
    struct trace *trace;
    struct problem why = {0};
    live_model_fill(&model, live, recent, &wish);
    ck_assert_int_eq(trace_open(&trace, &path, 1, no_damage, NULL, &why), STATUS_OK);
    trace_set_window(trace, (struct window){from * SECOND_NS, to * SECOND_NS});
    scene_run(&scene, trace, &all, gil_take, &gil);
    gil_finish(&gil);
    char *const got = print_pairs(model.pairs, model.n_pairs);
    char *const wanted = print_pairs(gil.entries, gil.n);
    ck_assert_msg(strcmp(got, wanted) == 0, "%" PRIu64 " to %" PRIu64 ":\n%s\nis not\n%s", from, to,
                  got, wanted);
    uint64_t all_ns = 0;
    for (size_t i = 0; i < model.n_pairs; i++)
        all_ns += model.pairs[i].waiter->process == model.gil.process
                      ? model.pairs[i].amount.waited_ns
                      : 0;
    const struct gil_matrix *const matrix = &model.gil.matrix;
    ck_assert_uint_eq(matrix->n_lines > 0 ? matrix->lines[matrix->n_lines - 1].all.waited_ns : 0,
                      all_ns);
    free(got);
    free(wanted);
    gil_clear(&gil);
    scene_clear(&scene);
    trace_close(trace);
    live_model_clear(&model);
}

/* A file that grows while it is looked at; then every window of it, as it is kept and as it is
 * read. */
START_TEST(windows_equal_tables)
{
    struct reference reference = {0};
    struct live live;
    struct recent past = {0};
    struct problem why = {0};
    uint64_t state = (uint64_t)_i + 7;
    const char *const whole = scratch_path("whole.trace"), *const path = scratch_path("live.trace");
    random_trace(&reference, whole, 900 + (uint64_t)_i);
    struct bytes file = scratch_read(whole);
    size_t len = file.len / 2;
    scratch_write(path, file.at, len);
    ck_assert_msg(live_open(&live, path, &why) == STATUS_OK, "%s", why.detail);
    while (len < file.len) {
        size_t more = (size_t)(scratch_random(&state) >> 20) % (file.len / 5) + 1;
        more = more < file.len - len ? more : file.len - len;
        scratch_append(path, file.at + len, more);
        len += more;
        ck_assert_int_ne(live_look(&live, &why), LIVE_GONE);
    }
    ck_assert(trace_ended(live.trace));
    const uint64_t end = live_now(&live);
    ck_assert_uint_gt(end, 0);
    for (int i = 0; i < 12; i++) {
        const uint64_t from = (scratch_random(&state) >> 20) % end;
        const uint64_t to = from + 1 + (scratch_random(&state) >> 20) % (end - from);
        if (from + RECENT_SECONDS > live.recent.newest)
            check_window(path, &live, &live.recent, from, to);
        if (from + RECENT_SECONDS > live.recent.newest && to - from <= LIVE_STRIP)
            check_pairs(path, &live, &live.recent, from, to);
        if (to - from <= RECENT_SECONDS) {
            live_read_past(&live, &past, from, to);
            check_window(path, &live, &past, from, to);
        }
    }
    char *const got = print_profile(&live.total);
    char *const wanted = print_window(path, 0, UINT64_MAX);
    ck_assert_str_eq(got, wanted);
    free(got);
    free(wanted);
    recent_clear(&past);
    live_close(&live);
    bytes_free(&file);
    reference_clear(&reference);
}
END_TEST

/* ---- screens ---- */

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
        require(made.model.places[i].total == 0);
    scratch_append(path, file.at + file.len * 2 / 3, file.len - file.len * 2 / 3);
    top_tick(&made, SECOND_NS);
    double sum = 0;
    for (size_t i = 0; i < made.model.n_places; i++)
        sum += made.model.places[i].total;
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
    Suite *const suite = suite_create("live");
    TCase *const tests = tcase_create("live");
    tcase_add_checked_fixture(tests, NULL, scratch_remove);
    tcase_add_loop_test(tests, windows_equal_tables, 0, 25);
    tcase_add_loop_test(tests, screens, 0, (int)ARRAY_LEN(sizes));
    tcase_add_test(tests, other_screens);
    tcase_add_test(tests, output_and_keeping);
    tcase_add_test(tests, total_begins_anew);
    tcase_add_test(tests, nothing_hostile);
    tcase_add_test(tests, walks_back_in_time);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
