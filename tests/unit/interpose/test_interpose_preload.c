/* SPDX-License-Identifier: MIT */
/* Environments of programs that are executed. */
#include "record/agent/interpose/preload.h"
#include "tests/unit/support/suite.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTING "TEST_SETTING=1,two,3"

static const char *library; /* one that the loader can load */
static char ours[4200];     /* LD_PRELOAD=library */
static char folder[] = "/tmp/test-preload-XXXXXX";
static char foreign[64], script[64];

static void file_make(char *path, const char *name, const void *bytes, size_t len)
{
    snprintf(path, sizeof foreign, "%s/%s", folder, name);
    const int fd = open(path, O_WRONLY | O_CREAT, 0700);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

/* A program for another machine, and a script that one would run. */
static void setup(void)
{
    Dl_info info;
    union {
        Elf32_Ehdr file;
        char bytes[100];
    } head = {.file = {.e_ident = ELFMAG, .e_machine = EM_386}};
    char line[80];
    head.file.e_ident[EI_CLASS] = ELFCLASS32;
    ck_assert_int_ne(dladdr((void *)(uintptr_t)strlen, &info), 0);
    library = info.dli_fname;
    snprintf(ours, sizeof ours, "LD_PRELOAD=%s", library);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    file_make(foreign, "foreign", &head, sizeof head);
    snprintf(line, sizeof line, "#! %s -x\n", foreign);
    file_make(script, "script", line, strlen(line));
    preload_keep("TEST_SETTING", "1,two,3", library);
}

static void teardown(void)
{
    unlink(foreign);
    unlink(script);
    rmdir(folder);
}

static char room[1 << 20] __attribute__((aligned(8)));

/* What a program at `path` is executed with. */
static char *const *made(char *const *environment, const char *path)
{
    const struct preload_target target = {.directory = AT_FDCWD, .path = path};
    struct preload_need need;
    preload_look(&need, environment, &target);
    if (need.bytes == 0)
        return environment;
    ck_assert_uint_le(need.bytes, sizeof room);
    memset(room, 'x', sizeof room);
    char *const *const result = preload_write(&need, environment, room);
    ck_assert_msg(room[need.bytes] == 'x', "more than it said");
    return result;
}

static void check(char *const *environment, const char *path, const char *const *expected)
{
    char *const *const result = made(environment, path);
    size_t n = 0;
    for (; expected[n] != NULL; n++) {
        ck_assert_ptr_nonnull(result[n]);
        ck_assert_str_eq(result[n], expected[n]);
    }
    ck_assert_ptr_null(result[n]);
}

#define ENTRIES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GIVEN(...)   ((char *[]){__VA_ARGS__, NULL})

static char *joined(const char *before, const char *behind)
{
    static char texts[8][9000];
    static unsigned n;
    char *const text = texts[n++ % 8];
    snprintf(text, sizeof texts[0], "%s%s%s", before, library, behind);
    return text;
}

/* With our library twice. */
static char *twice(const char *before, const char *between)
{
    static char text[18000];
    snprintf(text, sizeof text, "%s%s%s%s", before, library, between, library);
    return text;
}

START_TEST(what_lacks_is_added)
{
    check((char *[]){NULL}, "/bin/sh", ENTRIES(ours, SETTING));
    check(NULL, "/bin/sh", ENTRIES(ours, SETTING));
    check(GIVEN("A=1", "B=2"), "/bin/sh", ENTRIES("A=1", "B=2", ours, SETTING));
    check(GIVEN("A=1", "LD_PRELOAD=/x/y.so", "B=2"), "/bin/sh",
          ENTRIES("A=1", joined("LD_PRELOAD=/x/y.so:", ""), "B=2", SETTING));
    check(GIVEN("LD_PRELOAD=", "B=2"), "/bin/sh", ENTRIES(ours, "B=2", SETTING));
    check(GIVEN(SETTING, "LD_PRELOAD=y.so z.so"), "/bin/sh",
          ENTRIES(SETTING, joined("LD_PRELOAD=y.so z.so:", "")));
    check(GIVEN("XLD_PRELOAD=a", "LD_PRELOADX=b", "TEST_SETTINGS=c"), "/nowhere",
          ENTRIES("XLD_PRELOAD=a", "LD_PRELOADX=b", "TEST_SETTINGS=c", ours, SETTING));
}
END_TEST

/* As it is, and not a copy. */
START_TEST(what_is_there_stays)
{
    char *both[] = {ours, "A=1", SETTING, NULL};
    ck_assert_ptr_eq(made(both, "/bin/sh"), both);
    char *last[] = {joined("LD_PRELOAD=/x.so:", ""), "TEST_SETTING=of another one", NULL};
    ck_assert_ptr_eq(made(last, "/bin/sh"), last);
    last[0] = joined("LD_PRELOAD=y.so ", " :");
    ck_assert_ptr_eq(made(last, "/bin/sh"), last);
    /* of several the loader takes the last one */
    check(GIVEN(ours, SETTING, "LD_PRELOAD=/y.so"), "/bin/sh",
          ENTRIES(ours, SETTING, joined("LD_PRELOAD=/y.so:", "")));
    check(GIVEN("TEST_SETTING=other"), "/bin/sh", ENTRIES("TEST_SETTING=other", ours));
    preload_keep(NULL, NULL, NULL);
    char *nothing[] = {NULL};
    ck_assert_ptr_eq(made(nothing, "/bin/sh"), nothing);
    preload_keep("TEST_SETTING", "1", "relative.so");
    ck_assert_ptr_eq(made(nothing, "/bin/sh"), nothing);
    preload_keep("TEST_SETTING", "1", "/with a/space.so");
    ck_assert_ptr_eq(made(nothing, "/bin/sh"), nothing);
}
END_TEST

/* A sanitizer's library ends a program where it is not the first one. */
START_TEST(ours_is_the_last)
{
    check(GIVEN(joined("LD_PRELOAD=", ":libasan.so.8"), SETTING), "/bin/sh",
          ENTRIES(joined("LD_PRELOAD=libasan.so.8:", ""), SETTING));
    check(GIVEN(joined("LD_PRELOAD=/x.so:", " y.so")), "/bin/sh",
          ENTRIES(joined("LD_PRELOAD=/x.so:y.so:", ""), SETTING));
    check(GIVEN(twice("LD_PRELOAD=", ":/x.so ")), "/bin/sh",
          ENTRIES(joined("LD_PRELOAD=/x.so:", ""), SETTING)); /* once */
}
END_TEST

START_TEST(what_it_would_not_bear_is_taken_out)
{
    char *nothing[] = {"A=1", NULL};
    const char *const paths[] = {foreign, script};
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_eq(made(nothing, paths[i]), nothing);
        check(GIVEN(ours, "A=1", SETTING), paths[i], ENTRIES("A=1", SETTING));
        check(GIVEN(joined("LD_PRELOAD=/a.so:", "")), paths[i], ENTRIES("LD_PRELOAD=/a.so"));
        check(GIVEN(joined("LD_PRELOAD=", ":/a.so")), paths[i], ENTRIES("LD_PRELOAD=/a.so"));
        check(GIVEN(joined("LD_PRELOAD=/a.so:", " /b.so")), paths[i],
              ENTRIES("LD_PRELOAD=/a.so:/b.so"));
        check(GIVEN(twice("LD_PRELOAD=", ":/a.so:")), paths[i], ENTRIES("LD_PRELOAD=/a.so"));
        check(GIVEN(joined("LD_PRELOAD=/a.so", "")), paths[i],
              ENTRIES(joined("LD_PRELOAD=/a.so", "")));
    }
    preload_keep("TEST_SETTING", "1", "/gone/with/pyrec.so");
    check(GIVEN("LD_PRELOAD=/gone/with/pyrec.so"), "/bin/sh", (const char *const[]){NULL});
}
END_TEST

START_TEST(large)
{
    static char *many[20001];
    static char longest[9000] = "LD_PRELOAD=";
    memset(longest + 11, 'l', sizeof longest - 12);
    for (int i = 0; i < 20000; i++)
        many[i] = "A=1";
    many[19999] = longest;
    char *const *const result = made(many, "/bin/sh");
    ck_assert_str_eq(result[0], "A=1");
    ck_assert_str_eq(result[19998], "A=1");
    ck_assert_uint_eq(strlen(result[19999]), strlen(longest) + 1 + strlen(library));
    ck_assert_str_eq(result[20000], SETTING);
    ck_assert_ptr_null(result[20001]);
}
END_TEST

/* ---- through each function ---- */

static const char *const ways[] = {"execve",  "execle",  "execv",    "execvp",      "execlp",
                                   "execvpe", "fexecve", "execveat", "posix_spawn", "posix_spawnp"};

static void start(const char *way)
{
    char *args[] = {"env", NULL}, *environment[] = {"PATH=/usr/bin:/bin", NULL};
    char **const empty = &environment[1];
    const char *const path = "/usr/bin/env";
    pid_t child;
    int status;
    environ = environment;
    if (strcmp(way, "execve") == 0)
        execve(path, args, empty);
    else if (strcmp(way, "execle") == 0)
        execle(path, "env", (char *)NULL, empty);
    else if (strcmp(way, "execv") == 0)
        execv(path, args);
    else if (strcmp(way, "execvp") == 0)
        execvp("env", args);
    else if (strcmp(way, "execlp") == 0)
        execlp("env", "env", (char *)NULL);
    else if (strcmp(way, "execvpe") == 0)
        execvpe("env", args, empty);
    else if (strcmp(way, "fexecve") == 0)
        fexecve(open(path, O_RDONLY), args, empty);
    else if (strcmp(way, "execveat") == 0)
        execveat(open("/usr/bin", O_RDONLY), "env", args, empty, 0);
    else if (strcmp(way, "posix_spawn") == 0
                 ? posix_spawn(&child, path, NULL, NULL, args, empty) == 0
                 : posix_spawnp(&child, "env", NULL, NULL, args, empty) == 0)
        _exit(waitpid(child, &status, 0) == child ? status : 97);
    _exit(98);
}

START_TEST(in_every_way)
{
    char text[9000];
    size_t len = 0;
    ssize_t n;
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        start(ways[_i]);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "%s: %x", ways[_i], (unsigned)status);
    ck_assert_msg(strstr(text, SETTING "\n") != NULL, "%s: %s", ways[_i], text);
    ck_assert_msg(strstr(text, ours) != NULL, "%s: %s", ways[_i], text);
}
END_TEST

START_TEST(what_cannot_be_executed)
{
    char *args[] = {"x", NULL}, *none[] = {NULL};
    pid_t child;
    ck_assert(execve("/nowhere", args, none) == -1 && errno == ENOENT);
    ck_assert(execve("/tmp", args, none) == -1 && errno == EACCES);
    ck_assert(execvpe("no-such-program-anywhere", args, none) == -1 && errno == ENOENT);
    ck_assert(fexecve(-1, args, none) == -1 && errno == EINVAL);
    ck_assert(execveat(-1, "x", args, none, 0) == -1 && errno == EBADF);
    ck_assert_int_eq(posix_spawn(&child, "/nowhere", NULL, NULL, args, none), ENOENT);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("interpose_preload");
    TCase *const tests = tcase_create("interpose_preload");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_lacks_is_added);
    tcase_add_test(tests, what_is_there_stays);
    tcase_add_test(tests, ours_is_the_last);
    tcase_add_test(tests, what_it_would_not_bear_is_taken_out);
    tcase_add_test(tests, large);
    tcase_add_loop_test(tests, in_every_way, 0, sizeof ways / sizeof ways[0]);
    tcase_add_test(tests, what_cannot_be_executed);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
