/* SPDX-License-Identifier: MIT */
/* suspect: is there a Python in a file that others write to, cut short and replace meanwhile? */
#include "record/collect/suspect.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME  "\0PyCode_Type" /* and the zero byte behind it */
#define BLOCK (256u << 10)

static uint64_t random_state = 1;
static size_t part_max;         /* of what is asked for, so much at once */
static void (*meanwhile)(void); /* somebody else's deed, before the second read */
static int n_reads;
static const char *path;

/* In libc's place: files on some file systems are read in smaller parts than asked for. */
ssize_t pread(int fd, void *to, size_t len, off_t from)
{
    if (++n_reads == 2 && meanwhile != NULL)
        meanwhile();
    if (part_max > 0 && len > part_max)
        len = 1 + scratch_random(&random_state) % part_max;
    return syscall(SYS_pread64, fd, to, len, from);
}

static void setup(void)
{
    part_max = 0;
    meanwhile = NULL;
    n_reads = 0;
    path = scratch_path("program");
}

/* A file of zeros with the name at `at`. */
static void file_make(size_t len, size_t at)
{
    scratch_write(path, "", 0);
    ck_assert_int_eq(truncate(path, (off_t)len), 0);
    const int fd = open(path, O_WRONLY);
    require(pwrite(fd, NAME, sizeof NAME, (off_t)at) == sizeof NAME);
    close(fd);
    n_reads = 0;
}

START_TEST(wherever_it_lies)
{
    for (size_t at = BLOCK - 20; at < BLOCK + 20; at++) {
        file_make(3 * BLOCK, at);
        require(suspect_file_is_python(path));
        require(!suspect_file_is_pypy(path));
    }
    const size_t len = 2 * BLOCK + 100;
    file_make(len, len - sizeof NAME);
    ck_assert(suspect_file_is_python(path));
    ck_assert_int_eq(truncate(path, (off_t)len - 1), 0); /* not the zero byte behind it */
    ck_assert(!suspect_file_is_python(path));
    file_make(len, 0);
    ck_assert(suspect_file_is_python(path));
}
END_TEST

START_TEST(in_small_parts)
{
    const size_t parts[] = {1, 2, 5, 12, 100, 5000};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        part_max = parts[i];
        for (size_t at = 3000; at < 3040; at++) {
            file_make(4000, at);
            require(suspect_file_is_python(path));
        }
        scratch_write(path, NAME "d", sizeof NAME + 1);
        require(!suspect_file_is_python(path));
    }
}
END_TEST

static void cut_short(void)
{
    ck_assert_int_eq(truncate(path, 10), 0);
}

static void grow(void)
{
    ck_assert_int_eq(truncate(path, 1ll << 40), 0); /* of holes */
}

static void replace(void)
{
    ck_assert_int_eq(unlink(path), 0);
    scratch_write(path, "other", 5);
}

START_TEST(while_it_changes)
{
    file_make(3 * BLOCK, 2 * BLOCK + 7);
    meanwhile = cut_short;
    ck_assert(!suspect_file_is_python(path));
    file_make(3 * BLOCK, 2 * BLOCK + 7);
    meanwhile = replace;
    ck_assert(suspect_file_is_python(path)); /* the one that was opened */
    ck_assert(!suspect_file_is_python(path));
    file_make(3 * BLOCK, BLOCK + 7);
    meanwhile = grow;
    ck_assert(suspect_file_is_python(path));
    ck_assert(!suspect_file_is_pypy(path)); /* and comes to an end */
}
END_TEST

START_TEST(what_is_no_file)
{
    ck_assert(!suspect_file_is_python("/no/such/file"));
    ck_assert(!suspect_file_is_python("/"));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert(!suspect_file_is_python(path)); /* nobody writes to it, nobody waits */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("suspect");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, wherever_it_lies);
    tcase_add_test(tests, in_small_parts);
    tcase_add_test(tests, while_it_changes);
    tcase_add_test(tests, what_is_no_file);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
