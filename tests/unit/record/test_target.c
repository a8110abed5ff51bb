/* SPDX-License-Identifier: MIT */
/* target: which programs may be given the library, and which would not bear it. */
#include "record/base/target.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY "/proc/self/exe" /* what is sure to be there */

static void teardown(void)
{
}

/* A copy of /bin/true with its header changed. */
static const char *program_make(const char *name, void (*change)(Elf64_Ehdr *head), size_t len)
{
    struct bytes program = scratch_read("/bin/true");
    const char *path = scratch_path(name);
    if (change != NULL)
        change((Elf64_Ehdr *)(void *)program.at);
    scratch_write(path, program.at, len != 0 ? len : program.len);
    ck_assert_int_eq(chmod(path, 0755), 0);
    bytes_free(&program);
    return path;
}

static const char *script_make(const char *name, const char *first_line)
{
    const char *path = scratch_path(name);
    scratch_write(path, first_line, strlen(first_line));
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}

static void be_small(Elf64_Ehdr *head)
{
    head->e_ident[EI_CLASS] = ELFCLASS32;
    head->e_machine = EM_386;
}

static void be_x32(Elf64_Ehdr *head)
{
    head->e_ident[EI_CLASS] = ELFCLASS32;
}

static void be_strange(Elf64_Ehdr *head)
{
    head->e_machine = EM_S390;
}

static void spoil_headers(Elf64_Ehdr *head)
{
    head->e_phoff = UINT64_MAX - 8;
    head->e_phnum = UINT16_MAX;
}

static void spoil_sections(Elf64_Ehdr *head)
{
    Elf64_Phdr *const parts = (Elf64_Phdr *)(void *)((char *)head + head->e_phoff);
    for (unsigned i = 0; i < head->e_phnum; i++)
        if (parts[i].p_type == PT_DYNAMIC)
            parts[i].p_offset = UINT64_MAX - 8;
}

static void check(const char *path, enum target expected)
{
    errno = EDOM;
    const enum target target = target_look(AT_FDCWD, path, LIBRARY);
    ck_assert_msg(target == expected, "%s: %d, expected %d", path, target, expected);
    ck_assert_int_eq(errno, EDOM);
}

START_TEST(test_programs)
{
    check("/bin/true", TARGET_FITS);
    check("/no/such/file", TARGET_FITS); /* exec says so itself */
    check("/", TARGET_FITS);
    check(program_make("small", be_small, 0), TARGET_FOREIGN);
    check(program_make("x32", be_x32, 0), TARGET_FOREIGN);
    check(program_make("strange", be_strange, 0), TARGET_FOREIGN);
    check(program_make("cut", NULL, 20), TARGET_FITS);
    check(program_make("headers", spoil_headers, 0), TARGET_FITS);
    check(program_make("sections", spoil_sections, 0), TARGET_FITS);
}
END_TEST

START_TEST(test_sanitized)
{
#ifdef SANITIZED
    check(SANITIZED, TARGET_SANITIZED);
    ck_assert_str_ne(target_text(TARGET_SANITIZED), "");
#endif
    ck_assert_str_eq(target_text(TARGET_FITS), "");
}
END_TEST

/* What counts is who runs the script; a script that never ends is the kernel's to refuse. */
START_TEST(test_scripts)
{
    char line[400], small[256];
    snprintf(small, sizeof small, "%s", program_make("small", be_small, 0));
    snprintf(line, sizeof line, "#! %s -x\nwhatever", small);
    const char *outer = script_make("script", line);
    check(outer, TARGET_FOREIGN);
    snprintf(line, sizeof line, "#!%s", outer);
    check(script_make("outer", line), TARGET_FOREIGN);
    snprintf(line, sizeof line, "#!%s\n", scratch_path("itself"));
    check(script_make("itself", line), TARGET_FITS);
    check(script_make("shell", "#!/bin/sh\n"), TARGET_FITS);
    check(script_make("nothing", "#!  \n"), TARGET_FITS);
    check(script_make("text", "echo"), TARGET_FITS);
    check(script_make("empty", ""), TARGET_FITS);
}
END_TEST

START_TEST(test_in_path)
{
    char path[800], directory[256];
    snprintf(directory, sizeof directory, "%s", program_make("small", be_small, 0));
    *strrchr(directory, '/') = '\0';
    snprintf(path, sizeof path, "/no/such:%s:/bin", directory);
    ck_assert_int_eq(target_look_in_path("small", path, LIBRARY), TARGET_FOREIGN);
    ck_assert_int_eq(target_look_in_path("true", path, LIBRARY), TARGET_FITS);
    ck_assert_int_eq(target_look_in_path("true", NULL, LIBRARY), TARGET_FITS);
    ck_assert_int_eq(target_look_in_path("no-such-program", path, LIBRARY), TARGET_FITS);
    ck_assert_int_eq(target_look_in_path("small", "/bin", LIBRARY), TARGET_FITS);
    ck_assert_int_eq(chdir(directory), 0);
    ck_assert_int_eq(target_look_in_path("small", "/bin:", LIBRARY), TARGET_FOREIGN);
    ck_assert_int_eq(target_look_in_path("./small", "/bin", LIBRARY), TARGET_FOREIGN);
    const int fd = open(directory, O_PATH | O_DIRECTORY);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(target_look(fd, "small", LIBRARY), TARGET_FOREIGN);
}
END_TEST

START_TEST(test_unseen)
{
    ck_assert_int_eq(target_look(AT_FDCWD, "/bin/true", "/gone/libpyrec.so"), TARGET_UNSEEN);
    ck_assert_int_eq(target_look_in_path("true", NULL, "/gone/libpyrec.so"), TARGET_UNSEEN);
}
END_TEST

/* Not a descriptor left: then nothing is known, and nothing held against it. */
START_TEST(test_no_descriptors)
{
    const char *small = program_make("small", be_small, 0);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {3, limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    check(small, TARGET_FITS);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("target");
    TCase *tc = tcase_create("target");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, test_programs);
    tcase_add_test(tc, test_sanitized);
    tcase_add_test(tc, test_scripts);
    tcase_add_test(tc, test_in_path);
    tcase_add_test(tc, test_unseen);
    tcase_add_test(tc, test_no_descriptors);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
