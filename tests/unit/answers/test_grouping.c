/* SPDX-License-Identifier: MIT */
/* Which module a file is, and which threads are of one pool. */
#include "analyze/model/key.h"
#include "analyze/model/module.h"
#include "analyze/weigh/thread_group.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *name, *group;
} threads[] = {
    {"MainThread", "MainThread"},
    {"Thread-1", "Thread-*"},
    {"Thread-12", "Thread-*"},
    {"Thread-3 (run)", "Thread-* (run)"},
    {"ThreadPoolExecutor-0_3", "ThreadPoolExecutor-*"},
    {"ThreadPoolExecutor-12_10", "ThreadPoolExecutor-*"},
    {"asyncio_7", "asyncio_*"},
    {"worker17", "worker*"},
    {"Dummy-5", "Dummy-*"},
    {"7", "7"},
    {"sha256 sums", "sha* sums"},
    {"base64x", "base64x"},
    {"w1-x2-3", "w*-x*"},
    {"", ""},
};

START_TEST(thread_names)
{
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        ck_assert_str_eq(thread_group_name(&arena, threads[i].name), threads[i].group);
    arena_clear(&arena);
}
END_TEST

START_TEST(threads_of_one_process_are_together)
{
    struct recording recording = {.order = 0};
    struct process processes[] = {{.recording = &recording, .number = 1},
                                  {.recording = &recording, .number = 2}};
    struct thread of[] = {
        {.process = &processes[1], .id = 1, .name = "w-1"},
        {.process = &processes[0], .id = 1, .name = "w-3"},
        {.process = &processes[0], .id = 2, .name = "main"},
        {.process = &processes[0], .id = 3, .name = "w-10"},
    };
    struct profile_thread profile[4], *list[4];
    struct arena arena = {0};
    for (size_t i = 0; i < 4; i++) {
        profile[i] = (struct profile_thread){.thread = &of[i]};
        list[i] = &profile[i];
    }
    struct grouped_thread *const sorted = thread_group_sort(&arena, list, 4);
    ck_assert_uint_eq(thread_group_size(sorted, 4), 1);
    ck_assert_ptr_eq(thread_group_thread(&arena, sorted, 1), &of[2]);
    ck_assert_uint_eq(thread_group_size(sorted + 1, 3), 2);
    ck_assert_ptr_eq(sorted[1].thread, &profile[1]);
    ck_assert_ptr_eq(sorted[2].thread, &profile[3]);
    const struct thread *const both = thread_group_thread(&arena, sorted + 1, 2);
    ck_assert_str_eq(both->name, "w-*");
    ck_assert(!both->declared);
    ck_assert_ptr_eq(sorted[3].thread, &profile[0]);
    free(sorted);
    arena_clear(&arena);
}
END_TEST

static const struct {
    const char *file, *module, *package;
} files[] = {
    {"/home/me/proj/demo.py", "demo", "demo"},
    {"/home/me/proj/pool/__init__.py", "pool", "pool"},
    {"/home/me/proj/pool/worker.py", "pool.worker", "pool"},
    {"/elsewhere/worker.py", "worker", "worker"},
    {"/other/worker.py", "worker", "worker"},
    {"/usr/lib/python3.11/threading.py", "threading", "threading"},
    {"/usr/lib/python3.11/concurrent/futures/thread.py", "concurrent.futures.thread", "concurrent"},
    {"/usr/lib/python3.11/lib-dynload/_x.py", "_x", "_x"},
    {"/usr/lib/python3/dist-packages/yaml/loader.py", "yaml.loader", "yaml"},
    {"/v/lib/python3.12/site-packages/numpy/core/x.py", "numpy.core.x", "numpy"},
    {"/v/lib/python3.12/site-packages/numpy/__init__.py", "numpy", "numpy"},
    {"<frozen importlib._bootstrap>", "importlib._bootstrap", "importlib"},
    {"<string>", "<string>", "<string>"},
    {"relative.py", "relative", "relative"},
};
#define N_FILES (sizeof files / sizeof *files)

START_TEST(modules)
{
    struct symbols symbols = {0};
    struct tree tree;
    struct modules found = {0};
    tree_init(&tree);
    const uint32_t main =
        symbols_place(&symbols, symbols_function(&symbols, "<module>", files[0].file, 1), 9);
    const uint32_t script = tree_child(&tree, TREE_ROOT, main);
    /* imported by the script: its folder is not one of scripts */
    const uint32_t imported =
        symbols_place(&symbols, symbols_function(&symbols, "<module>", files[3].file, 1), 2);
    tree_child(&tree, script, imported);
    uint32_t functions[N_FILES];
    for (size_t i = 0; i < N_FILES; i++) {
        functions[i] = symbols_function(&symbols, "f", files[i].file, 3);
        tree_child(&tree, script, symbols_place(&symbols, functions[i], 4));
    }
    const uint32_t none = symbols_function(&symbols, "<no Python frames>", "", 0);
    modules_build(&found, &symbols, &tree, NULL);
    symbols.modules = &found;
    for (size_t i = 0; i < N_FILES; i++) {
        const struct module *const m = &found.modules[found.of_function[functions[i]]];
        ck_assert_str_eq(m->file, files[i].file);
        ck_assert_str_eq(m->name, files[i].module);
        ck_assert_str_eq(found.packages[m->package], files[i].package);
    }
    ck_assert_str_eq(found.modules[found.of_function[none]].file, "<no Python frames>");
    ck_assert_uint_eq(found.n_modules, N_FILES + 1);
    const uint32_t place = symbols_place(&symbols, functions[2], 4);
    ck_assert_str_eq(keys[KEY_LINE].module(&symbols, place), "pool.worker");
    modules_clear(&found);
    symbols_clear(&symbols);
    tree_clear(&tree);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("grouping");
    TCase *const tests = tcase_create("grouping");
    tcase_add_test(tests, thread_names);
    tcase_add_test(tests, threads_of_one_process_are_together);
    tcase_add_test(tests, modules);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
