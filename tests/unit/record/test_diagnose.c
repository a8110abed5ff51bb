/* SPDX-License-Identifier: MIT */
/* diagnose, launch: what a command is, and where it is found. */
#include "record/run/diagnose.h"
#include "record/run/launch.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct problem why;
static struct launch launch;

static void teardown(void)
{
}

static const char *file_make(const char *name, const void *bytes, size_t len, mode_t mode)
{
    const char *path = scratch_path(name);
    scratch_write(path, bytes, len);
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

static const char *script_make(const char *name, const char *text)
{
    return file_make(name, text, strlen(text), 0755);
}

static void check_reason(const char *path, const char *says)
{
    diagnose_command(path, &why);
    ck_assert_msg(strstr(why.detail, says) != NULL, "\"%s\" is not in \"%s\"", says, why.detail);
}

/* A copy of a real program with its loader called otherwise; "" = it has none. */
static const char *program_make(const char *name, const char *loader)
{
    struct bytes program = scratch_read("/bin/true");
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)program.at;
    Elf64_Phdr *parts = (Elf64_Phdr *)(void *)(program.at + head->e_phoff);
    for (int i = 0; i < head->e_phnum; i++) {
        if (parts[i].p_type != PT_INTERP)
            continue;
        ck_assert_uint_lt(strlen(loader), parts[i].p_filesz);
        strcpy((char *)program.at + parts[i].p_offset, loader);
        if (loader[0] == '\0')
            parts[i].p_type = PT_NULL;
    }
    const char *path = file_make(name, program.at, program.len, 0755);
    bytes_free(&program);
    return path;
}

START_TEST(test_programs)
{
    check_reason("/bin/true", "true is not Python, and none was seen in it");
    check_reason(program_make("static", ""), "static is statically linked");
    check_reason(program_make("alpine", "/lib/ld-musl-x86_64.so.1"), "alpine is linked with musl");
    /* what a program is called says nothing */
    check_reason(program_make("python3.11", "/lib64/ld.so"), "python3.11 is not Python");
    const char *path = program_make("tool", "/lib64/ld.so");
    scratch_append(path, "\0PyCode_Typed", 14);
    check_reason(path, "tool is not Python");
    scratch_append(path, "\0PyCode_Type", 13);
    check_reason(path, "tool is Python, but nothing was heard of its recorder");
    path = program_make("pypy3", "/lib64/ld.so");
    scratch_append(path, "\0rpython_startup_code", 22);
    check_reason(path, "pypy3 is PyPy");
    check_reason("/no/such/file", "/no/such/file cannot be read");
}
END_TEST

START_TEST(test_other_machine)
{
    struct bytes program = scratch_read("/bin/true");
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)program.at;
    head->e_machine = EM_S390;
    check_reason(file_make("mainframe", program.at, program.len, 0755), "for another machine");
    head->e_machine = EM_386;
    head->e_ident[EI_CLASS] = ELFCLASS32;
    check_reason(file_make("old", program.at, program.len, 0755), "for another machine");
    check_reason(file_make("short", program.at, 18, 0755), "is not Python");
    bytes_free(&program);
}
END_TEST

START_TEST(test_rights)
{
    const char *path = program_make("sudo", "/lib64/ld.so");
    if (geteuid() != 0 || chown(path, 1, 1) != 0)
        return; /* only root can make one that is somebody else's */
    ck_assert_int_eq(chmod(path, 04755), 0);
    check_reason(path, "sudo runs with rights of its own");
    ck_assert_int_eq(chmod(path, 02755), 0);
    check_reason(path, "sudo runs with rights of its own");
    ck_assert_int_eq(chmod(path, 0755), 0);
    check_reason(path, "sudo is not Python");
}
END_TEST

START_TEST(test_scripts)
{
    char text[512];
    check_reason(script_make("a", "#!/bin/true\n"), "true is not Python");
    check_reason(script_make("b", "#! /usr/bin/env true\nrest"), "true is not Python");
    check_reason(script_make("c", "#!/usr/bin/env -S -i A=b true -x"), "true is not Python");
    check_reason(script_make("d", "#!/no/such/python\n"), "/no/such/python cannot be read");
    check_reason(script_make("e", "#!/usr/bin/env no-such-command-at-all\n"), "e is not Python");
    check_reason(script_make("f", "#!\n"), "f is not Python");
    check_reason(script_make("g", "echo no interpreter\n"), "g is not Python");
    const char *inner = program_make("python3", "");
    snprintf(text, sizeof text, "#!%s\n", inner);
    snprintf(text, sizeof text, "#!%s\n", script_make("h", text));
    check_reason(script_make("i", text), "python3 is statically linked"); /* a script's script */
    snprintf(text, sizeof text, "#!%s\n", scratch_path("loop"));
    check_reason(script_make("loop", text), "loop is not Python"); /* the kernel gives up, too */
}
END_TEST

/* ---- finding ---- */

static enum status find(const char *path_variable, const char *command)
{
    setenv("PATH", path_variable, 1);
    return launch_find_command(&launch, command, &why);
}

START_TEST(test_path)
{
    char directory[256], variable[1024];
    snprintf(directory, sizeof directory, "%s", script_make("tool", "x"));
    *strrchr(directory, '/') = '\0';
    file_make("data", "x", 1, 0644);
    snprintf(variable, sizeof variable, "/no/such:%s::/bin", directory);
    ck_assert_int_eq(find(variable, "tool"), STATUS_OK);
    ck_assert_ptr_eq(strstr(launch.path, directory), launch.path);
    ck_assert_int_eq(find(variable, "true"), STATUS_OK);
    ck_assert_str_eq(launch.path, "/bin/true");
    ck_assert_int_eq(find(variable, "none"), STATUS_NOT_FOUND);
    ck_assert_str_eq(why.detail, "none: command not found");
    if (geteuid() != 0 || access(scratch_path("data"), X_OK) != 0) {
        ck_assert_int_eq(find(variable, "data"), STATUS_UNSUPPORTED);
        ck_assert_str_eq(why.detail, "data: Permission denied");
    }
    ck_assert_int_eq(find(variable, ""), STATUS_NOT_FOUND);
    ck_assert_int_eq(chdir(directory), 0);
    ck_assert_int_eq(find(":/bin", "tool"), STATUS_OK); /* an empty entry is where we are */
    ck_assert_str_eq(launch.path, "tool");
    ck_assert_int_eq(find("", "./tool"), STATUS_OK);
    ck_assert_int_eq(find("/bin", "tool"), STATUS_NOT_FOUND);
    unsetenv("PATH");
    ck_assert_int_eq(launch_find_command(&launch, "true", &why), STATUS_OK);
}
END_TEST

START_TEST(test_long_paths)
{
    char variable[3 * PATH_MAX];
    memset(variable, 'x', sizeof variable - 1);
    variable[0] = '/';
    strcpy(variable + sizeof variable - 6, ":/bin");
    ck_assert_int_eq(find(variable, "true"), STATUS_OK); /* what is too long is not there */
    variable[sizeof variable - 6] = '/';
    ck_assert_int_eq(find("/bin", variable), STATUS_UNSUPPORTED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diagnose");
    TCase *tc = tcase_create("diagnose");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, test_programs);
    tcase_add_test(tc, test_other_machine);
    tcase_add_test(tc, test_rights);
    tcase_add_test(tc, test_scripts);
    tcase_add_test(tc, test_path);
    tcase_add_test(tc, test_long_paths);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
