/* SPDX-License-Identifier: MIT */
/* What a profile is made of: arena, hash, symbols, tree, sheet. */
#include "analyze/base/arena.h"
#include "analyze/model/symbols.h"
#include "analyze/model/tree.h"
#include "analyze/weigh/sheet.h"
#include "format/status.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(arena_gives_zeroed_memory)
{
    struct arena arena = {0};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 1; i < 2000; i++) {
            const size_t len = i % 37 == 0 ? 100000 : i % 97;
            unsigned char *const piece = arena_get(&arena, len);
            ck_assert_uint_eq((uintptr_t)piece % 16, 0);
            size_t zeros = 0;
            for (size_t k = 0; k < len; k++)
                zeros += piece[k] == 0;
            ck_assert_uint_eq(zeros, len);
            memset(piece, 0xee, len);
        }
        arena_reset(&arena);
        ck_assert_uint_eq(arena.used_bytes, 0);
    }
    ck_assert_str_eq(arena_print(&arena, "%d %s", 7, "x"), "7 x");
    ck_assert_str_eq(arena_copy(&arena, "abc", 2), "ab");
    arena_clear(&arena);
}
END_TEST

START_TEST(symbols_are_found_again)
{
    struct symbols symbols = {0};
    char name[32], file[32];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "f%u", i / 4);
            snprintf(file, sizeof file, "%u.py", i % 2);
            const uint32_t f = symbols_function(&symbols, name, file, i / 2 % 2);
            ck_assert_uint_eq(f, i);
            ck_assert_uint_eq(symbols_place(&symbols, f, 10), i);
        }
    }
    ck_assert_uint_eq(symbols.n_functions, 5000);
    const struct frame frame = symbols_frame(&symbols, 4999);
    ck_assert_str_eq(frame.function, "f1249");
    ck_assert_str_eq(frame.file, "1.py");
    ck_assert_uint_eq(frame.line, 10);
    symbols_clear(&symbols);
}
END_TEST

START_TEST(tree_has_each_child_once)
{
    struct tree tree;
    uint64_t random = 5;
    tree_init(&tree);
    for (int i = 0; i < 20000; i++) {
        const uint32_t parent = (uint32_t)(scratch_random(&random) % tree.n);
        const uint32_t place = (uint32_t)(scratch_random(&random) % 7);
        const size_t n = tree.n;
        const uint32_t known = tree_find(&tree, parent, place);
        const uint32_t child = tree_child(&tree, parent, place);
        ck_assert(known == child || (known == TREE_ROOT && child + 1 == tree.n));
        ck_assert_uint_le(tree.n, n + 1);
        ck_assert_uint_lt(parent, child);
        ck_assert_uint_eq(tree.nodes[child].parent, parent);
        ck_assert_uint_eq(tree.nodes[child].place, place);
        ck_assert_uint_eq(tree_child(&tree, parent, place), child);
    }
    tree_clear(&tree);
}
END_TEST

/* Depth first: behind a node comes all that is below it, before anything that is not. */
START_TEST(preorder_is_depth_first)
{
    struct tree tree;
    uint64_t random = 9;
    tree_init(&tree);
    for (int i = 0; i < 3000; i++)
        tree_child(&tree, (uint32_t)(scratch_random(&random) % tree.n),
                   (uint32_t)(scratch_random(&random) % 5));
    uint32_t *const order = tree_preorder(&tree);
    uint32_t *const position = calloc(tree.n, sizeof *position);
    ck_assert_uint_eq(order[0], TREE_ROOT);
    for (uint32_t i = 1; i < tree.n; i++) {
        ck_assert_uint_eq(position[order[i]], 0); /* each once */
        position[order[i]] = i;
        uint32_t above = order[i - 1];
        const uint32_t parent = tree.nodes[order[i]].parent;
        while (above != parent && above != TREE_ROOT)
            above = tree.nodes[above].parent;
        ck_assert_uint_eq(above, parent);
    }
    free(position);
    free(order);
    tree_clear(&tree);
}
END_TEST

START_TEST(sheet_keeps_what_is_far_apart)
{
    static const uint32_t numbers[] = {0, 31, 32, 2047, 2048, 130000, 4194304};
    struct arena arena = {0};
    struct sheet sheet = {0};
    sheet_prefetch(&sheet, 5); /* nothing there: no harm */
    for (size_t i = ARRAY_LEN(numbers); i-- > 0;)
        sheet_at(&sheet, &arena, numbers[i])->samples = numbers[i] + 1;
    struct sheet_page page = {0};
    size_t found = 0;
    while (sheet_next_page(&sheet, &page)) {
        for (uint32_t k = 0; k < SHEET_PAGE; k++) {
            if (page.weights[k].samples == 0)
                continue;
            ck_assert_uint_eq(page.first + k, numbers[found]);
            ck_assert_uint_eq(page.weights[k].samples, numbers[found] + 1);
            found++;
        }
    }
    ck_assert_uint_eq(found, ARRAY_LEN(numbers));
    ck_assert_uint_lt(arena.used_bytes, 300000); /* all of them would be 128 MiB */
    arena_clear(&arena);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("tree");
    TCase *const tests = tcase_create("tree");
    tcase_add_test(tests, arena_gives_zeroed_memory);
    tcase_add_test(tests, symbols_are_found_again);
    tcase_add_test(tests, tree_has_each_child_once);
    tcase_add_test(tests, preorder_is_depth_first);
    tcase_add_test(tests, sheet_keeps_what_is_far_apart);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
