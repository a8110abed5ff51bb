/* SPDX-License-Identifier: MIT */
/* elf_names: this program's own file, and what others may be. */
#include "record/symbols/elf_names.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct elf_names names;

int a_function_of_this_test(int x);
__attribute__((noinline)) int a_function_of_this_test(int x)
{
    return x * 3 + 1;
}

static int first_base(struct dl_phdr_info *info, size_t size, void *closure)
{
    (void)size;
    *(uintptr_t *)closure = info->dlpi_addr;
    return 1;
}

/* As the file counts. */
static uint64_t address_of(const void *function)
{
    uintptr_t base = 0;
    dl_iterate_phdr(first_base, &base);
    return (uintptr_t)function - base;
}

static int own_file(void)
{
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(test_own)
{
    const int fd = own_file();
    ck_assert(elf_names_read(&names, fd));
    close(fd);
    const uint64_t at = address_of((const void *)(uintptr_t)a_function_of_this_test);
    ck_assert_str_eq(elf_names_find(&names, at), "a_function_of_this_test");
    ck_assert_str_eq(elf_names_find(&names, at + 1), "a_function_of_this_test");
    ck_assert_uint_gt(names.bytes, 0);
    ck_assert(elf_names_find(&names, 0) == NULL);
    ck_assert(elf_names_find(&names, UINT64_MAX) == NULL);
    for (size_t i = 1; i < names.n; i++)
        ck_assert(names.symbols[i - 1].start <= names.symbols[i].start);
    elf_names_clear(&names);
}
END_TEST

/* Where no symbol says that something is there, it has no name, however near one is. */
START_TEST(test_not_the_nearest)
{
    struct elf_symbol list[] = {{.start = 100, .end = 110, .name = "a"},
                                {.start = 200, .end = 300, .name = "outer"},
                                {.start = 220, .end = 230, .name = "inner"},
                                {.start = 220, .end = 230, .name = "__inner", .rank = 9},
                                {.start = 400, .end = 400, .name = "unsized"}};
    names = (struct elf_names){.symbols = list, .n = 5};
    static const struct {
        uint64_t address;
        const char *name;
    } cases[] = {{99, NULL},     {100, "a"},     {109, "a"},       {110, NULL},    {199, NULL},
                 {200, "outer"}, {219, "outer"}, {220, "inner"},   {229, "inner"}, {230, "outer"},
                 {299, "outer"}, {300, NULL},    {400, "unsized"}, {401, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const found = elf_names_find(&names, cases[i].address);
        ck_assert_msg(found == cases[i].name || (found != NULL && cases[i].name != NULL &&
                                                 strcmp(found, cases[i].name) == 0),
                      "%lu: %s", (unsigned long)cases[i].address, found ? found : "none");
    }
}
END_TEST

static uint64_t random_state = 7;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* Headers that say anything, files that end anywhere: no name, or some, and never a fault. */
START_TEST(test_damaged)
{
    const int own = own_file();
    struct stat stat;
    ck_assert_int_eq(fstat(own, &stat), 0);
    uint8_t *const bytes = malloc((size_t)stat.st_size);
    ck_assert_int_eq(pread(own, bytes, (size_t)stat.st_size, 0), stat.st_size);
    close(own);
    Elf64_Ehdr elf;
    memcpy(&elf, bytes, sizeof elf);
    const int fd = memfd_create("damaged", MFD_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, bytes, (size_t)stat.st_size, 0), stat.st_size);
    for (unsigned round = 0; round < 300; round++) {
        const uint64_t part = round % 3 == 0 ? 0 : round % 3 == 1 ? elf.e_phoff : elf.e_shoff;
        const uint64_t at = part + random_below(round % 3 == 2 ? elf.e_shnum * 64u : 64);
        const uint8_t byte = (uint8_t)random_below(256);
        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
        if (elf_names_read(&names, fd))
            for (unsigned i = 0; i < 20; i++) {
                const char *const name = elf_names_find(&names, random_below(1 << 20));
                ck_assert(name == NULL || strlen(name) < (size_t)stat.st_size);
            }
        elf_names_clear(&names);
        ck_assert_int_eq(pwrite(fd, bytes + at, 1, (off_t)at), 1);
    }
    for (unsigned round = 0; round < 50; round++) {
        ck_assert_int_eq(ftruncate(fd, random_below((uint32_t)stat.st_size)), 0);
        if (elf_names_read(&names, fd))
            elf_names_find(&names, 4096);
        elf_names_clear(&names);
        ck_assert_int_eq(pwrite(fd, bytes, (size_t)stat.st_size, 0), stat.st_size);
    }
    close(fd);
    free(bytes);
}
END_TEST

START_TEST(test_no_elf)
{
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert(!elf_names_read(&names, fd));
    close(fd);
    const int text = memfd_create("text", MFD_CLOEXEC);
    ck_assert_int_eq(write(text, "#!/bin/sh\n", 10), 10);
    ck_assert(!elf_names_read(&names, text));
    close(text);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("elf_names");
    TCase *const tc = tcase_create("elf_names");
    tcase_add_test(tc, test_own);
    tcase_add_test(tc, test_not_the_nearest);
    tcase_add_test(tc, test_damaged);
    tcase_add_test(tc, test_no_elf);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
