/* SPDX-License-Identifier: MIT */
/* All threads side by side, and who waited for whom. */
#include "analyze/read/unit.h"
#include "analyze/time/gil_matrix.h"
#include "opened.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <string.h>

enum { ON_CPU = 1, HOLDS = 2, WAITS = 4 };

static const char *const argv[] = {"python3", "demo.py", NULL};
static const struct maker_frame top = {"top", "/x/a.py", 1, 2, 0};
static const struct maker_frame one = {"one", "/x/a.py", 5, 6, 0};
static const struct maker_frame two = {"two", "/x/a.py", 8, 9, 0};

static void no_damage(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("%s: %s", path, damage->text);
}

/* One recording: threads 1 "Main", 2 "Worker", 3 "Third"; 10 ms a tick. */
struct made {
    struct maker *m;
    uint32_t process, stacks[3];
    uint64_t wall_q[100]; /* of each tick */
    unsigned n;
};

static void made_open(struct made *made, const char *path)
{
    made->m = maker_open(path, NULL);
    made->process = maker_process(made->m, 42, 1, argv);
    maker_thread(made->m, made->process, 42, "Main", 0);
    maker_thread(made->m, made->process, 43, "Worker", 0);
    maker_thread(made->m, made->process, 44, "Third", 0);
    made->stacks[0] = maker_stack_push(made->m, made->process, 0, &top);
    made->stacks[1] = maker_stack_push(made->m, made->process, made->stacks[0], &one);
    made->stacks[2] = maker_stack_push(made->m, made->process, made->stacks[0], &two);
    made->n = 0;
}

static void tick(struct made *made, uint32_t holder)
{
    maker_tick(made->m, made->process, 0, 0, 0);
    maker_hold(made->m, made->process, holder);
    made->wall_q[made->n++] = 10000; /* an interval */
}

static void change(struct made *made, uint32_t thread, unsigned stack, uint16_t state)
{
    const struct maker_sample sample = {made->stacks[stack], state, 100, NULL};
    maker_change(made->m, made->process, thread, &sample);
}

static uint64_t wall_ns(const struct made *made, unsigned first, unsigned end)
{
    uint64_t sum_q = 0;
    for (unsigned i = first; i < end; i++)
        sum_q += made->wall_q[i];
    return sum_q * 1000;
}

static void made_close(struct made *made)
{
    maker_process_end(made->m, made->process, 0);
    maker_close(made->m, "exited");
}

/* Ticks 0-9: Worker waits for Main; 10-14 for Third; 15-19 for nobody; Third waits too at 2-5. */
static const char *make_waits(struct made *made, bool generations)
{
    const char *const path = scratch_path("waits.trace");
    made_open(made, path);
    for (unsigned i = 0; i < 20; i++) {
        tick(made, i < 10 ? 1 : i < 15 ? 3 : 0);
        if (i == 0) {
            change(made, 1, 1, ON_CPU | HOLDS);
            change(made, 2, 2, WAITS);
        }
        if (i == 6)
            change(made, 1, 2, ON_CPU | HOLDS);
        if (i == 2)
            change(made, 3, 0, WAITS);
        if (i == 6)
            change(made, 3, 1, ON_CPU);
        if (generations && i % 4 == 3)
            maker_generation(made->m, made->process);
    }
    made_close(made);
    return path;
}

static const struct gil_entry *find(const struct gil *gil, const struct scene *scene,
                                    enum gil_kind kind, const char *waiter, const char *holder,
                                    const char *function)
{
    for (size_t i = 0; i < gil->n; i++) {
        const struct gil_entry *const e = &gil->entries[i];
        const char *const place =
            e->place == GIL_NO_PLACE ? "" : symbols_frame(&scene->symbols, e->place).function;
        if (e->kind == kind && strcmp(e->waiter != NULL ? e->waiter->name : "", waiter) == 0 &&
            strcmp(e->holder != NULL ? e->holder->name : "", holder) == 0 &&
            strcmp(place, function) == 0)
            return e;
    }
    ck_abort_msg("nobody of %s waited for %s in %s", waiter, holder, function);
}

START_TEST(who_waited_for_whom)
{
    struct made made;
    struct scene scene = {0};
    const struct select all = {0};
    struct gil gil = {0};
    gil_select(&gil, &all);
    struct trace *const trace = opened(make_waits(&made, _i == 1), no_damage);
    scene_run(&scene, trace, &all, gil_take, &gil);
    gil_finish(&gil);
    ck_assert(gil.holders_known);

    const struct gil_entry *e = find(&gil, &scene, GIL_PAIRS, "Worker", "Main", "");
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 0, 10));
    ck_assert_uint_eq(e->longest_ns, e->amount.waited_ns);
    ck_assert_uint_eq(e->amount.samples, 10);
    ck_assert_uint_eq(e->amount.ticks, 10);
    ck_assert_uint_eq(e->wall_ns, wall_ns(&made, 0, 20));
    e = find(&gil, &scene, GIL_PAIRS, "Worker", "Third", "");
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 10, 15));
    e = find(&gil, &scene, GIL_PAIRS, "Worker", "", "");
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 15, 20));
    e = find(&gil, &scene, GIL_PAIRS, "Third", "Main", "");
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 2, 6));

    /* Main held it in two lines; at four ticks of the first one both others waited. */
    e = find(&gil, &scene, GIL_LINES, "", "Main", "one");
    ck_assert_uint_eq(e->held_ns, wall_ns(&made, 0, 6));
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 0, 6) + wall_ns(&made, 2, 6));
    ck_assert_uint_eq(e->longest_ns, e->held_ns);
    e = find(&gil, &scene, GIL_LINES, "", "Main", "two");
    ck_assert_uint_eq(e->held_ns, wall_ns(&made, 6, 10));
    e = find(&gil, &scene, GIL_WAITS, "Worker", "Main", "two");
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 6, 10));

    gil_clear(&gil);
    scene_clear(&scene);
    trace_close(trace);
}
END_TEST

START_TEST(only_who_was_asked_for)
{
    struct made made;
    struct scene scene = {0};
    struct select third = {0};
    struct gil gil = {0};
    gil_select(&gil, &third);
    struct trace *const trace = opened(make_waits(&made, true), no_damage);
    select_add_thread(&third, "Third");
    scene_run(&scene, trace, &third, gil_take, &gil);
    for (size_t i = 0; i < gil.n; i++)
        ck_assert(gil.entries[i].waiter == NULL ||
                  strcmp(gil.entries[i].waiter->name, "Third") == 0);
    const struct gil_entry *const e = find(&gil, &scene, GIL_LINES, "", "Main", "one");
    ck_assert_uint_eq(e->held_ns, wall_ns(&made, 2, 6));
    gil_clear(&gil);
    scene_clear(&scene);
    select_clear(&third);
    trace_close(trace);
}
END_TEST

/* Breaks in a row of waiting end the longest one. */
START_TEST(longest_without_a_break)
{
    struct made made;
    struct scene scene = {0};
    const struct select all = {0};
    struct gil gil = {0};
    gil_select(&gil, &all);
    const char *const path = scratch_path("breaks.trace");
    made_open(&made, path);
    for (unsigned i = 0; i < 20; i++) {
        tick(&made, 1);
        change(&made, 2, 2, i == 5 || i == 12 ? ON_CPU : WAITS);
        if (i == 9)
            maker_flush(made.m, made.process);
    }
    made_close(&made);
    struct trace *const trace = opened(path, no_damage);
    scene_run(&scene, trace, &all, gil_take, &gil);
    const struct gil_entry *const e = find(&gil, &scene, GIL_PAIRS, "Worker", "Main", "");
    ck_assert_uint_eq(e->longest_ns, wall_ns(&made, 13, 20));
    ck_assert_uint_eq(e->amount.samples, 18);
    gil_clear(&gil);
    scene_clear(&scene);
    trace_close(trace);
}
END_TEST

/* Main holds it, on a CPU at ticks 0-5 and from 6 to 9 blocked in a call with it. */
START_TEST(only_while_it_was_held_so)
{
    struct made made;
    struct scene scene = {0};
    struct select blocked = {0};
    struct problem why = {0};
    struct gil gil = {0};
    const char *const path = scratch_path("held.trace");
    made_open(&made, path);
    for (unsigned i = 0; i < 15; i++) {
        tick(&made, i < 10 ? 1 : 0);
        change(&made, 2, 2, WAITS);
        const struct maker_sample sleeps = {made.stacks[1], HOLDS, 0, "clock_nanosleep"};
        if (i >= 6)
            maker_change(made.m, made.process, 1, &sleeps);
        else
            change(&made, 1, 1, ON_CPU | HOLDS);
    }
    made_close(&made);
    struct trace *const trace = opened(path, no_damage);
    ck_assert(select_add_states(&blocked, "clock_nanosleep", &why) == STATUS_OK);
    gil_select(&gil, &blocked);
    scene_run(&scene, trace, &blocked, gil_take, &gil);
    gil_finish(&gil);
    const struct gil_entry *const e = find(&gil, &scene, GIL_PAIRS, "Worker", "Main", "");
    ck_assert_uint_eq(e->amount.waited_ns, wall_ns(&made, 6, 10));
    ck_assert_uint_eq(e->amount.samples, 4);
    ck_assert_uint_eq(e->wall_ns, wall_ns(&made, 0, 15)); /* all its time */
    for (size_t i = 0; i < gil.n; i++) /* while nobody held it, nobody was in a state */
        ck_assert_ptr_nonnull(gil.entries[i].holder);
    ck_assert(select_check_calls(&blocked, &why) == STATUS_OK);
    gil_clear(&gil);
    scene_clear(&scene);
    select_clear(&blocked);
    trace_close(trace);
}
END_TEST

/* Cells add up to their line, lines to the last; what is not shown is in others. */
static void check_matrix(const struct gil_matrix *m)
{
    struct gil_amount sums[GIL_MATRIX_CELLS] = {{0}};
    const struct gil_line *const last = &m->lines[m->n_lines - 1];
    ck_assert_str_eq(last->name, "all");
    for (size_t i = 0; i < m->n_lines; i++) {
        uint64_t waited_ns = 0;
        for (size_t k = 0; k < GIL_MATRIX_CELLS; k++) {
            waited_ns += m->lines[i].cells[k].waited_ns;
            if (&m->lines[i] != last)
                sums[k].waited_ns += m->lines[i].cells[k].waited_ns;
        }
        ck_assert_uint_eq(waited_ns, m->lines[i].all.waited_ns);
    }
    for (size_t k = 0; k < GIL_MATRIX_CELLS; k++)
        ck_assert_uint_eq(sums[k].waited_ns, last->cells[k].waited_ns);
}

/* The entries between two threads; room for all is in the arena. */
static const struct gil_entry **find_pairs(struct arena *arena, const struct gil *gil, size_t *n)
{
    const struct gil_entry **const pairs = arena_get(arena, gil->n * sizeof *pairs);
    *n = 0;
    for (size_t i = 0; i < gil->n; i++) {
        if (gil->entries[i].kind == GIL_PAIRS)
            pairs[(*n)++] = &gil->entries[i];
    }
    return pairs;
}

START_TEST(as_a_square)
{
    struct made made;
    struct scene scene = {0};
    struct arena arena = {0};
    const struct select all = {0};
    struct gil gil = {0};
    gil_select(&gil, &all);
    struct gil_matrix m;
    struct trace *const trace = opened(make_waits(&made, true), no_damage);
    const struct metric *const wall = &metrics[METRIC_WALL];
    scene_run(&scene, trace, &all, gil_take, &gil);
    gil_finish(&gil);
    size_t n_pairs;
    const struct gil_entry **const pairs = find_pairs(&arena, &gil, &n_pairs);
    for (size_t max = 1; max <= GIL_MATRIX_MAX; max++) {
        gil_matrix_build(&m, &arena, pairs, n_pairs, wall, max);
        check_matrix(&m);
        ck_assert_uint_eq(m.n_shown, max < 3 ? max : 3);
        ck_assert_uint_eq(m.n_others, 3 - m.n_shown);
        ck_assert_uint_eq(m.lines[m.n_lines - 1].all.waited_ns,
                          wall_ns(&made, 0, 20) + wall_ns(&made, 2, 6));
        ck_assert(m.nobody_held && m.others_held == (max < 3));
    }
    /* Worker waited for 20 ticks, Main was waited for 14, Third waited 4 and was waited for 5 */
    ck_assert_str_eq(m.lines[0].name, "Worker");
    ck_assert_str_eq(m.lines[1].name, "Main");
    ck_assert_str_eq(m.lines[2].name, "Third");
    ck_assert_uint_eq(m.lines[0].cells[1].waited_ns, wall_ns(&made, 0, 10));
    ck_assert_uint_eq(m.lines[0].cells[2].samples, 5);
    ck_assert_uint_eq(m.lines[0].cells[GIL_MATRIX_NOBODY].waited_ns, wall_ns(&made, 15, 20));
    ck_assert_uint_eq(m.lines[2].cells[1].ticks, 4);
    ck_assert_uint_eq(m.lines[0].wall_ns, wall_ns(&made, 0, 20));
    ck_assert_uint_eq(m.lines[1].all.samples, 0);
    gil_matrix_build(&m, &arena, pairs, n_pairs, wall, 1);
    ck_assert_str_eq(m.lines[1].name, "others"); /* Third, which waited for Main */
    ck_assert_uint_eq(m.lines[1].cells[GIL_MATRIX_OTHERS].samples, 4);
    arena_clear(&arena);
    gil_clear(&gil);
    scene_clear(&scene);
    trace_close(trace);
}
END_TEST

/* What a scene says of each tick. */
struct seen {
    unsigned ticks, ranges;
    uint32_t node;
};

static void look(void *closure, struct scene *scene)
{
    struct seen *const seen = closure;
    ck_assert_uint_eq(scene->n_threads, 3);
    for (uint32_t k = 0; k < scene->n_ticks; k++, seen->ticks++) {
        const struct span *const span = scene_span(&scene->threads[1], k);
        ck_assert_ptr_nonnull(span);
        ck_assert_uint_eq(scene_wall_ns(scene, k, 1),
                          scene_time_ns(scene, k) - scene_before_ns(scene, k));
        const uint32_t node = scene_node(scene, span->stack);
        ck_assert(seen->node == 0 || node == seen->node); /* the same in every generation */
        ck_assert_str_eq(scene_frame(scene, node).function, "two");
        ck_assert_str_eq(scene_frame(scene, scene->tree.nodes[node].parent).function, "top");
        seen->node = node;
        const uint32_t holder = scene_holder_at(scene, k);
        ck_assert_uint_eq(holder, seen->ticks < 10 ? 0 : seen->ticks < 15 ? 2 : SCENE_NOBODY);
    }
    seen->ranges++;
}

START_TEST(tick_by_tick)
{
    struct made made;
    struct scene scene = {0};
    const struct select all = {0};
    struct trace *const trace = opened(make_waits(&made, true), no_damage);
    for (int round = 0; round < 2; round++) { /* it can be read again */
        struct seen seen = {0};
        scene_run(&scene, trace, &all, look, &seen);
        ck_assert_uint_eq(seen.ticks, 20);
        ck_assert_uint_eq(seen.ranges, 5);
    }
    ck_assert_uint_eq(trace->census.processes[0]->generations, 6);
    scene_clear(&scene);
    trace_close(trace);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("gil");
    TCase *const tests = tcase_create("gil");
    tcase_add_loop_test(tests, who_waited_for_whom, 0, 2);
    tcase_add_test(tests, only_who_was_asked_for);
    tcase_add_test(tests, longest_without_a_break);
    tcase_add_test(tests, only_while_it_was_held_so);
    tcase_add_test(tests, as_a_square);
    tcase_add_test(tests, tick_by_tick);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
