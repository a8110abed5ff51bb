/* SPDX-License-Identifier: MIT */
/* What the live screen says of a window is what the tables say of it. */
#include "analyze/base/memory.h"
#include "analyze/live/live_model.h"
#include "analyze/time/gil.h"
#include "analyze/weigh/fold.h"
#include "analyze/weigh/share.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* All lines of text, in their order; takes them. */
static char *join_lines(char **lines, size_t n)
{
    struct buffer text = {0};
    if (n > 1)
        qsort(lines, n, sizeof(char *), compare_lines);
    for (size_t i = 0; i < n; i++) {
        buffer_print(&text, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
    buffer_add_text(&text, "");
    return text.text;
}

/* All threads, and what their lines weigh in themselves. */
static char *print_profile(const struct profile *profile)
{
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
            if (k < n && weights_sum(&rows[k].self).samples == 0)
                continue;
            buffer_print(&line, "%" PRIu32 " %" PRIu32, t->thread->process->pid, t->thread->id);
            if (k < n) {
                const struct frame f = keys[KEY_LINE].frame(&profile->symbols, rows[k].value);
                buffer_print(&line, " %s:%" PRIu32 " %s", f.file, f.line, f.function);
                print_weights(&line, &rows[k].self);
            } else {
                print_weights(&line, &t->total);
                buffer_print(&line, " clock %" PRIu64 " not %" PRIu64, t->cpu_ns,
                             t->unattributed_ns);
            }
            lines = memory_grow(lines, &size, n_lines + 1, sizeof(char *));
            lines[n_lines++] = line.text;
        }
    }
    fold_close(fold);
    arena_clear(&arena);
    return join_lines(lines, n_lines);
}

/* What tables are made of, of a window of the whole file. */
struct tables {
    struct trace *trace;
    struct profile profile;
};

static void tables_open(struct tables *tables, const char *path, struct window window)
{
    const struct select all = {0};
    struct problem why = {0};
    tables->profile = (struct profile){0};
    ck_assert_int_eq(trace_open(&tables->trace, &path, 1, no_damage, NULL, &why), STATUS_OK);
    trace_set_window(tables->trace, window);
    profile_build(&tables->profile, tables->trace, &all, 1);
}

static void tables_close(struct tables *tables)
{
    profile_clear(&tables->profile);
    trace_close(tables->trace);
}

static void print_place(char ***lines, size_t *n, size_t *size, const struct frame *frame,
                        uint64_t self, uint64_t cum, double now, double cum_share)
{
    struct buffer line = {0};
    buffer_print(&line, "%s:%" PRIu32 " %s %" PRIu64 " %" PRIu64 " %.12g %.12g", frame->file,
                 frame->line, frame->function, self, cum, now, cum_share);
    *lines = memory_grow(*lines, size, *n + 1, sizeof(char *));
    (*lines)[(*n)++] = line.text;
}

/* Of these threads, as a table has it. */
static char *print_table(const struct profile *profile, struct profile_thread *const *threads,
                         size_t n_threads, const struct live_wish *wish)
{
    const struct basis basis = profile_basis(threads, n_threads, wish->metric);
    struct arena arena = {0};
    struct fold *const fold = fold_open(profile, &keys[wish->key]);
    char **lines = NULL;
    size_t n, n_lines = 0, size = 0;
    const struct fold_row *const rows = fold_threads(fold, threads, n_threads, &arena, &n);
    for (size_t i = 0; i < n && !basis_is_empty(&basis); i++) {
        const struct frame frame = keys[wish->key].frame(&profile->symbols, rows[i].value);
        if (wish->metric->of(&rows[i].cum) > 0)
            print_place(&lines, &n_lines, &size, &frame, wish->metric->of(&rows[i].self),
                        wish->metric->of(&rows[i].cum), share_of(&basis, &rows[i].self),
                        share_of(&basis, &rows[i].cum));
    }
    fold_close(fold);
    arena_clear(&arena);
    return join_lines(lines, n_lines);
}

/* The same as the screen has it. */
static char *print_places(const struct live_model *model, const struct live *live)
{
    char **lines = NULL;
    size_t n_lines = 0, size = 0;
    for (size_t i = 0; i < model->n_places; i++) {
        const struct live_place p = live_place(model, live, i);
        print_place(&lines, &n_lines, &size, &p.frame, model->places[i].self, model->places[i].cum,
                    p.now, p.cum);
    }
    return join_lines(lines, n_lines);
}

static const struct thread *thread_of(const struct recent *recent, const struct thread *thread)
{
    for (size_t i = 0; i < recent->n_threads; i++) {
        const struct thread *const t =
            recent->threads[i] != NULL ? recent->threads[i]->thread : NULL;
        if (t != NULL && t->id == thread->id && t->process->pid == thread->process->pid)
            return t;
    }
    ck_abort_msg("thread %" PRIu32 " is not there", thread->id);
}

/* What threads used and how long they were seen. */
static void check_threads(const struct live_model *model, const struct recent *recent,
                          const struct profile *profile)
{
    size_t n_seen = 0;
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        if (weights_sum(&t->total).samples == 0)
            continue;
        const struct thread *const thread = thread_of(recent, t->thread);
        size_t k = 0;
        while (k < model->n_threads && model->threads[k].thread != thread)
            k++;
        ck_assert_uint_lt(k, model->n_threads);
        ck_assert_uint_eq(model->threads[k].cpu_ns, t->cpu_ns);
        ck_assert_uint_eq(model->threads[k].wall_ns, weights_sum(&t->total).wall);
        n_seen++;
    }
    ck_assert_uint_eq(model->n_threads, n_seen);
}

/* All threads together and each alone, by all metrics in turn, lines and functions. */
static void check_window(const char *path, struct live *live, const struct recent *recent,
                         uint64_t from, uint64_t to)
{
    static size_t turn;
    struct tables tables;
    struct live_model model = {0};
    tables_open(&tables, path, (struct window){from * SECOND_NS, to * SECOND_NS});
    struct profile *const profile = &tables.profile;
    for (size_t i = 0; i <= profile->n_threads; i++) {
        const bool is_one = i < profile->n_threads;
        if (is_one && weights_sum(&profile->threads[i]->total).samples == 0)
            continue;
        const struct live_wish wish = {
            .to = to,
            .window = (uint32_t)(to - from),
            .metric = &metrics[turn / 2 % METRIC_COUNT],
            .key = turn % 2 == 0 ? KEY_LINE : KEY_FUNCTION,
            .find = "",
            .only = is_one ? thread_of(recent, profile->threads[i]->thread) : NULL};
        turn++;
        live_model_fill(&model, live, recent, &wish);
        struct profile_thread *const *const threads = profile->threads + (is_one ? i : 0);
        const size_t n_threads = is_one ? 1 : profile->n_threads;
        char *const got = print_places(&model, live);
        char *const wanted = print_table(profile, threads, n_threads, &wish);
        ck_assert_msg(strcmp(got, wanted) == 0, "%" PRIu64 " to %" PRIu64 ", %s:\n%s\nis not\n%s",
                      from, to, wish.metric->by, got, wanted);
        free(got);
        free(wanted);
        const struct basis basis = profile_basis(threads, n_threads, wish.metric);
        if (!basis_is_empty(&basis)) { /* where ticks were missed, a span that is cut varies less */
            const double ratio = share_error(&model.basis, 0.4) / share_error(&basis, 0.4);
            ck_assert_msg(ratio > 0.7 && ratio < 1.4, "the error is %f times as large", ratio);
        }
        check_threads(&model, recent, profile);
    }
    live_model_clear(&model);
    tables_close(&tables);
}

/* All that was read is what the whole file has; each place of it. */
static void check_total(const char *path, const struct live *live)
{
    struct tables tables;
    tables_open(&tables, path, WINDOW_ALL);
    char *const got = print_profile(&live->total);
    char *const wanted = print_profile(&tables.profile);
    ck_assert_str_eq(got, wanted);
    free(got);
    free(wanted);
    tables_close(&tables);
}

/* A row's share of the total, by the tables. */
static void check_total_shares(const char *path, const struct live *live)
{
    struct tables tables;
    struct live_model model = {0};
    const uint64_t to = live_now(live);
    const struct live_wish wish = {.to = to,
                                   .window = to < LIVE_STRIP ? (uint32_t)to : LIVE_STRIP,
                                   .metric = &metrics[METRIC_WALL],
                                   .key = KEY_FUNCTION,
                                   .find = ""};
    tables_open(&tables, path, WINDOW_ALL);
    const struct profile *const profile = &tables.profile;
    struct arena arena = {0};
    struct fold *const fold = fold_open(profile, &keys[KEY_FUNCTION]);
    size_t n;
    const struct basis basis = profile_basis(profile->threads, profile->n_threads, wish.metric);
    const struct fold_row *const rows =
        fold_threads(fold, profile->threads, profile->n_threads, &arena, &n);
    live_model_fill(&model, live, &live->recent, &wish);
    for (size_t i = 0; i < model.n_places; i++) {
        const struct live_place place = live_place(&model, live, i);
        double wanted = -1;
        for (size_t k = 0; k < n; k++) {
            const struct frame f = keys[KEY_FUNCTION].frame(&profile->symbols, rows[k].value);
            if (frame_compare(&f, &place.frame) == 0)
                wanted = share_of(&basis, &rows[k].self);
        }
        ck_assert_double_eq_tol(place.total, wanted, 1e-12);
    }
    fold_close(fold);
    arena_clear(&arena);
    live_model_clear(&model);
    tables_close(&tables);
}

/* ---- who waited for whom ---- */

static char *print_pairs(const struct gil_entry *pairs, size_t n)
{
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
    return join_lines(lines, n_lines);
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
    check_total(path, &live);
    check_total_shares(path, &live);
    recent_clear(&past);
    live_close(&live);
    bytes_free(&file);
    reference_clear(&reference);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("live");
    TCase *const tests = tcase_create("live");
    tcase_add_loop_test(tests, windows_equal_tables, 0, 25);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
