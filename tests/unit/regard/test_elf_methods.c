/* SPDX-License-Identifier: MIT */
/* elf_methods: libraries whose symbols were taken away, beside those that have them still.
 * With a file as its argument it prints what is found there. */
#include "record/symbols/elf_methods.h"
#include "record/symbols/elf_names.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *whole, *stripped;
} files[] = {{METHODS_SHARED, METHODS_SHARED_STRIPPED},
             {METHODS_PACKED, METHODS_PACKED_STRIPPED},
             {METHODS_PROGRAM, METHODS_PROGRAM_STRIPPED}};

static int file_open(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s", path);
    return fd;
}

/* Just these, each at the function of that name: the symbols say where it is. */
START_TEST(test_names)
{
    static const char *const expected[] = {
        "library.first",       "library.second",      "library.third", "library.exported",
        "library.List.append", "library.List.copied", "slotted",
    };
    struct elf_names symbols;
    struct elf_methods methods;
    const int whole = file_open(files[_i].whole), stripped = file_open(files[_i].stripped);
    ck_assert(elf_names_read(&symbols, whole));
    elf_methods_read(&methods, stripped);
    size_t n_found = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *const dot = strrchr(expected[i], '.');
        char symbol[64];
        snprintf(symbol, sizeof symbol, "method_%s", dot != NULL ? dot + 1 : expected[i]);
        for (size_t k = 0; k < symbols.n; k++)
            if (strcmp(symbols.symbols[k].name, symbol) == 0) {
                const char *const name = elf_methods_find(&methods, symbols.symbols[k].start);
                ck_assert_msg(name != NULL && strcmp(name, expected[i]) == 0, "%s: %s not %s",
                              files[_i].stripped, name, expected[i]);
                ck_assert(elf_methods_find(&methods, symbols.symbols[k].start + 1) == NULL);
                n_found++;
                break;
            }
    }
    ck_assert_uint_eq(n_found,
                      sizeof expected / sizeof *expected - 1); /* the exported one has a symbol */
    /* the program has itself what libraries take from others */
    ck_assert_uint_eq(methods.n, sizeof expected / sizeof *expected + (_i == 2));
    elf_names_clear(&symbols);
    elf_methods_clear(&methods);
    close(whole);
    close(stripped);
}
END_TEST

/* Of a stripped file no name is wrong: a symbol that it has still, or none. */
START_TEST(test_no_wrong_name)
{
    struct elf_names symbols, left;
    const int whole = file_open(files[_i].whole), stripped = file_open(files[_i].stripped);
    ck_assert(elf_names_read(&symbols, whole) && elf_names_read(&left, stripped));
    ck_assert_uint_lt(left.n, symbols.n);
    size_t n_named = 0, n_nameless = 0;
    for (size_t i = 0; i < symbols.n; i++)
        for (uint64_t at = symbols.symbols[i].start; at < symbols.symbols[i].end; at++) {
            const char *const name = elf_names_find(&left, at);
            ck_assert_msg(name == NULL || strcmp(name, elf_names_find(&symbols, at)) == 0,
                          "%s at %lx", name, (unsigned long)at);
            n_named += name != NULL;
            n_nameless += name == NULL;
        }
    ck_assert_uint_gt(n_named, 0);
    ck_assert_uint_gt(n_nameless, 0);
    elf_names_clear(&symbols);
    elf_names_clear(&left);
    close(whole);
    close(stripped);
}
END_TEST

static uint64_t random_state = 11;

static uint64_t random_next(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 24;
}

/* Bytes that say anything, files that end anywhere: some names or none, and never a fault. */
START_TEST(test_damaged)
{
    struct stat stat;
    struct elf_methods methods;
    const int whole = file_open(files[_i].stripped);
    ck_assert_int_eq(fstat(whole, &stat), 0);
    uint8_t *const bytes = malloc((size_t)stat.st_size);
    ck_assert_int_eq(pread(whole, bytes, (size_t)stat.st_size, 0), stat.st_size);
    close(whole);
    const int fd = memfd_create("damaged", MFD_CLOEXEC);
    for (unsigned round = 0; round < 400; round++) {
        uint8_t changed[8];
        const off_t at = (off_t)(random_next() % ((uint64_t)stat.st_size - sizeof changed)) & ~7;
        const uint64_t word = random_next() << (random_next() % 40);
        memcpy(changed, &word, sizeof changed);
        ck_assert_int_eq(pwrite(fd, bytes, (size_t)stat.st_size, 0), stat.st_size);
        ck_assert_int_eq(pwrite(fd, changed, sizeof changed, round % 2 ? at : at % 1024), 8);
        if (round % 4 == 0)
            ck_assert_int_eq(ftruncate(fd, (off_t)(random_next() % (uint64_t)stat.st_size)), 0);
        elf_methods_read(&methods, fd);
        for (size_t i = 1; i < methods.n; i++)
            ck_assert(methods.list[i - 1].address < methods.list[i].address);
        elf_methods_clear(&methods);
    }
    close(fd);
    free(bytes);
}
END_TEST

/* This program knows nothing of Python. */
START_TEST(test_others)
{
    struct elf_methods methods;
    const int own = file_open("/proc/self/exe"), null = file_open("/dev/null");
    elf_methods_read(&methods, own);
    ck_assert_uint_eq(methods.n, 0);
    elf_methods_clear(&methods);
    elf_methods_read(&methods, null);
    ck_assert(methods.n == 0 && elf_methods_find(&methods, 0) == NULL);
    elf_methods_clear(&methods);
    close(own);
    close(null);
}
END_TEST

static int print(const char *path)
{
    struct elf_methods methods;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 1;
    elf_methods_read(&methods, fd);
    for (size_t i = 0; i < methods.n; i++)
        printf("%lx %s\n", (unsigned long)methods.list[i].address, methods.list[i].name);
    elf_methods_clear(&methods);
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return print(argv[1]);
    const int n = sizeof files / sizeof *files;
    Suite *const suite = suite_create("elf_methods");
    TCase *const tc = tcase_create("elf_methods");
    tcase_add_loop_test(tc, test_names, 0, n);
    tcase_add_loop_test(tc, test_no_wrong_name, 0, n);
    tcase_add_loop_test(tc, test_damaged, 0, n);
    tcase_add_test(tc, test_others);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
