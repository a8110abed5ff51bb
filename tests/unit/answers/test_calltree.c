/* SPDX-License-Identifier: MIT */
/*
 * Trees, callers and callees of random traces, against paths as text: every sample is taken for
 * itself, its path written down, and added to every beginning of that path.
 */
#include "analyze/base/memory.h"
#include "analyze/weigh/calltree.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct path {
    char text[4096];
    struct weights self, cum;
};

struct paths {
    struct path *at;
    size_t n, size;
};

static struct path *path_at(struct paths *paths, const char *text)
{
    for (size_t i = 0; i < paths->n; i++) {
        if (strcmp(paths->at[i].text, text) == 0)
            return &paths->at[i];
    }
    paths->at = memory_grow(paths->at, &paths->size, paths->n + 1, sizeof *paths->at);
    struct path *const new = &paths->at[paths->n++];
    snprintf(new->text, sizeof new->text, "%s", text);
    return new;
}

static void print_frame(char *to, size_t size, const struct maker_frame *f, bool line)
{
    snprintf(to, size, "%s|%s|%u>", f->function, f->file, line ? f->line : f->first_line);
}

static bool same_function(const struct maker_frame *a, const struct maker_frame *b)
{
    return strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0 &&
           a->first_line == b->first_line;
}

/* What a test asks for. */
struct question {
    struct calltree_wish wish;
    struct maker_frame target; /* any frame of the function */
};

/*
 * The frames of a stack in the order in which the tree has them, as text; 0 when the function is
 * not in it.
 */
static size_t ordered(const struct question *q, const struct reference_stack *stack,
                      char parts[][200])
{
    static const struct maker_frame none = {"<no Python frames>", "", 0, 0, 0};
    const struct maker_frame *const frames = stack->n > 0 ? stack->frames : &none;
    const size_t depth = stack->n > 0 ? stack->n : 1;
    size_t first = q->wish.kind != CALLTREE_ALL ? depth : 0, n = 0;
    if (q->wish.kind != CALLTREE_ALL) {
        /* the outermost call for callees, the innermost one for callers */
        for (size_t i = 0; i < depth; i++) {
            const bool asked = same_function(&frames[i], &q->target);
            if (asked && (first == depth || q->wish.kind == CALLTREE_CALLERS))
                first = i;
        }
        if (first == depth)
            return 0;
        print_frame(parts[n++], 200, &q->target, false);
        if (q->wish.lines)
            strcat(parts[0], "!");
    }
    if (q->wish.kind == CALLTREE_CALLERS) {
        for (size_t i = first; i-- > 0;) {
            bool again = same_function(&frames[i], &q->target);
            print_frame(parts[n], 200, &frames[i], q->wish.lines);
            for (size_t k = 1; k < n; k++)
                again |= strcmp(parts[k], parts[n]) == 0;
            n += q->wish.levels || !again;
        }
        return n;
    }
    if (q->wish.kind == CALLTREE_CALLEES && !q->wish.lines)
        first++; /* it is the top already */
    for (size_t i = first; i < depth; i++)
        print_frame(parts[n++], 200, &frames[i], q->wish.lines);
    return n;
}

static void add_sample(struct paths *paths, const struct question *q,
                       const struct reference *reference, size_t i)
{
    char parts[REFERENCE_DEPTH + 2][200], text[4096] = "";
    const size_t n = ordered(q, &reference->stacks[reference->samples[i].stack], parts);
    const struct weight w = reference_weight(reference, i);
    const enum state_class class = reference_class(reference, i);
    struct path *path = NULL;
    for (size_t k = 0; k < n; k++) {
        if (k > 0 && !q->wish.levels && strcmp(parts[k], parts[k - 1]) == 0)
            continue;
        strcat(text, parts[k]);
        path = path_at(paths, text);
        weight_add(&path->cum.by[class], &w);
    }
    if (path != NULL)
        weight_add(&path->self.by[class], &w);
}

static void print_node(const struct calltree *t, uint32_t node, char *text)
{
    char below[4096];
    if (t->tree.nodes[node].parent != TREE_ROOT)
        print_node(t, t->tree.nodes[node].parent, text);
    const struct frame f = calltree_frame(t, node);
    const bool mark =
        t->wish.lines && t->wish.kind != CALLTREE_ALL && t->tree.nodes[node].parent == TREE_ROOT;
    snprintf(below, sizeof below, "%s|%s|%u>%s", f.function, f.file, f.line, mark ? "!" : "");
    strcat(text, below);
}

static void check_equal(const struct weights *got, const struct weights *wanted, uint64_t quantum)
{
    for (int c = 0; c < CLASS_COUNT; c++) {
        require(got->by[c].samples == wanted->by[c].samples);
        require(got->by[c].ticks == wanted->by[c].ticks);
        require(got->by[c].wall == wanted->by[c].wall * quantum);
        require(got->by[c].cpu == wanted->by[c].cpu * quantum);
    }
}

static void check_tree(const struct question *q, const struct profile *profile,
                       const struct reference *reference)
{
    struct paths paths = {0};
    struct calltree tree = {0};
    size_t n;
    for (size_t i = 0; i < reference->n_samples; i++)
        add_sample(&paths, q, reference, i);
    calltree_build(&tree, profile, profile->threads, profile->n_threads, &q->wish);
    uint32_t *const order = calltree_order(&tree, &metrics[METRIC_WALL], &n);
    ck_assert_uint_eq(n, paths.n);
    for (size_t i = 0; i < n; i++) {
        char text[4096] = "";
        const size_t known = paths.n;
        print_node(&tree, order[i], text);
        const struct path *const path = path_at(&paths, text);
        ck_assert_msg(paths.n == known, "a node too many: %s", text);
        check_equal(&tree.self[order[i]], &path->self, reference->quantum_ns);
        check_equal(&tree.cum[order[i]], &path->cum, reference->quantum_ns);
        if (i == 0) {
            ck_assert_uint_eq(calltree_depth(&tree, order[0]), 0);
            continue;
        }
        /* depth first: below the row before, or beside one above it and not heavier */
        const uint32_t up = tree.tree.nodes[order[i]].parent;
        uint32_t before = order[i - 1], brother = 0;
        while (before != TREE_ROOT && before != up) {
            brother = before;
            before = tree.tree.nodes[before].parent;
        }
        ck_assert_uint_eq(before, up);
        if (brother != 0)
            ck_assert_uint_ge(weights_sum(&tree.cum[brother]).wall,
                              weights_sum(&tree.cum[order[i]]).wall);
    }
    free(order);
    free(paths.at);
    calltree_clear(&tree);
}

/* The number of the target in the profile's symbols; false when it is in no sample. */
static bool find_function(const struct symbols *symbols, struct question *q)
{
    for (uint32_t i = 0; i < symbols->n_functions; i++) {
        const struct symbol_function *const f = &symbols->functions[i];
        q->wish.function = i;
        if (strcmp(f->name, q->target.function) == 0 && strcmp(f->file, q->target.file) == 0 &&
            f->line == q->target.first_line)
            return true;
    }
    return false;
}

START_TEST(trees_equal_paths)
{
    struct reference reference = {0};
    struct profile profile = {0};
    struct trace *trace;
    struct problem why = {0};
    const struct select all = {0};
    const char *const path = scratch_path("calltree.trace");
    random_trace(&reference, path, 5000 + (uint64_t)_i);
    ck_assert_int_eq(trace_open(&trace, &path, 1, NULL, NULL, &why), STATUS_OK);
    profile_build(&profile, trace, &all, 1);
    for (unsigned how = 0; how < 12; how++) {
        struct question q = {.wish = {.kind = how % 3, .lines = how & 4, .levels = how >= 8},
                             .target = reference.stacks[1 + how % 5].frames[0]};
        if (q.wish.kind != CALLTREE_ALL && !find_function(&profile.symbols, &q))
            continue;
        check_tree(&q, &profile, &reference);
    }
    profile_clear(&profile);
    trace_close(trace);
    reference_clear(&reference);
}
END_TEST

/* f calls g, and g f: each is a caller of the other, and what called the first of them is beyond.
 */
START_TEST(call_each_other)
{
    static const struct maker_frame m = {"main", "/x/a.py", 1, 2, 0};
    static const struct maker_frame f = {"f", "/x/a.py", 10, 12, 0};
    static const struct maker_frame g = {"g", "/x/a.py", 20, 22, 0};
    static const char *const argv[] = {"python3", "a.py", NULL};
    static const struct {
        bool levels;
        size_t n;
        const char *names[7];
    } wanted[] = {{false, 4, {"f", "g", "main", "main"}},
                  {true, 7, {"f", "g", "f", "g", "f", "main", "main"}}};
    const struct maker_frame deep[] = {m, f, g, f, g, f}, direct[] = {m, f, f};
    const char *const path = scratch_path("each.trace");
    struct maker *const maker = maker_open(path, NULL);
    const uint32_t process = maker_process(maker, 42, 1, argv);
    const uint32_t thread = maker_thread(maker, process, 42, "MainThread", 0);
    for (int i = 0; i < 30; i++) {
        const bool is_deep = i < 20;
        maker_tick(maker, process, 0, 0, 0);
        maker_change(maker, process, thread,
                     &(struct maker_sample){maker_stack(maker, process, is_deep ? deep : direct,
                                                        is_deep   ? 6
                                                        : _i == 0 ? 3
                                                                  : 2),
                                            1, 9000, NULL});
    }
    maker_process_end(maker, process, 0);
    maker_close(maker, "exited");
    struct profile profile = {0};
    struct trace *trace;
    struct problem why = {0};
    const struct select all = {0};
    ck_assert_int_eq(trace_open(&trace, &path, 1, NULL, NULL, &why), STATUS_OK);
    profile_build(&profile, trace, &all, 1);
    struct question q = {.wish = {.kind = CALLTREE_CALLERS, .levels = wanted[_i].levels},
                         .target = f};
    struct calltree tree = {0};
    size_t n;
    ck_assert(find_function(&profile.symbols, &q));
    calltree_build(&tree, &profile, profile.threads, profile.n_threads, &q.wish);
    uint32_t *const order = calltree_order(&tree, &metrics[METRIC_WALL], &n);
    ck_assert_uint_eq(n, wanted[_i].n);
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(calltree_frame(&tree, order[i]).function, wanted[_i].names[i]);
    ck_assert_uint_eq(weights_sum(&tree.cum[order[0]]).samples, 30); /* each counts once */
    ck_assert_uint_eq(weights_sum(&tree.cum[order[1]]).samples, 20);
    ck_assert_uint_eq(calltree_depth(&tree, order[n - 1]), 1);
    free(order);
    calltree_clear(&tree);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("calltree");
    TCase *const tests = tcase_create("calltree");
    tcase_add_loop_test(tests, trees_equal_paths, 0, 25);
    tcase_add_loop_test(tests, call_each_other, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
