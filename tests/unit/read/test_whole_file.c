/* SPDX-License-Identifier: MIT */
/* A file is there when it is whole, and what was there before stays until then. */
#include "analyze/base/sink.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[40];

static const char *in_folder(const char *name)
{
    static char path[4][320];
    static unsigned next;
    char *const out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/pyrec-whole-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    DIR *const open = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(open)) != NULL;)
        (void)unlink(in_folder(entry->d_name));
    closedir(open);
    ck_assert_int_eq(rmdir(folder), 0);
}

static size_t count_entries(void)
{
    size_t n = 0;
    DIR *const open = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(open)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(open);
    return n;
}

static void write_old(const char *path, mode_t mode)
{
    FILE *const file = fopen(path, "w");
    fputs("old", file);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void check_content(const char *path, const char *wanted)
{
    char text[32] = "";
    FILE *const file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_lt(fread(text, 1, sizeof text - 1, file), sizeof text);
    fclose(file);
    ck_assert_str_eq(text, wanted);
}

static struct sink begin(const char *path)
{
    struct sink sink;
    struct problem why = {0};
    ck_assert_int_eq(sink_open(&sink, path, COLOR_NEVER, &why), STATUS_OK);
    sink_text(&sink, "new");
    fflush(sink.file);
    return sink;
}

START_TEST(is_there_when_whole)
{
    struct problem why = {0};
    struct stat after;
    const mode_t mask = umask(027);
    struct sink sink = begin(in_folder("out"));
    ck_assert_int_ne(access(in_folder("out"), F_OK), 0);
    ck_assert_int_eq(sink_close(&sink, &why), STATUS_OK);
    check_content(in_folder("out"), "new");
    ck_assert_int_eq(stat(in_folder("out"), &after), 0);
    ck_assert_uint_eq(after.st_mode & 0777, 0640);
    ck_assert_uint_eq(count_entries(), 1);
    umask(mask);
}
END_TEST

START_TEST(replaces_at_the_end)
{
    struct problem why = {0};
    struct stat after;
    write_old(in_folder("out"), 0604);
    ck_assert_int_eq(symlink("out", in_folder("link")), 0);
    struct sink sink = begin(in_folder("link"));
    check_content(in_folder("out"), "old");
    ck_assert_int_eq(sink_close(&sink, &why), STATUS_OK);
    check_content(in_folder("out"), "new");
    ck_assert_int_eq(lstat(in_folder("link"), &after), 0);
    ck_assert(S_ISLNK(after.st_mode));
    ck_assert_int_eq(stat(in_folder("out"), &after), 0);
    ck_assert_uint_eq(after.st_mode & 0777, 0604);
    ck_assert_uint_eq(count_entries(), 2);
}
END_TEST

START_TEST(nothing_half_is_left)
{
    struct problem why = {0};
    write_old(in_folder("out"), 0644);
    struct sink sink = begin(in_folder("out"));
    sink_abandon(&sink);
    check_content(in_folder("out"), "old");
    sink = begin(in_folder("other"));
    /* what is written next fails, as on a full disk */
    ck_assert_ptr_nonnull(freopen("/dev/full", "w", sink.file));
    sink_text(&sink, "more");
    ck_assert_int_eq(sink_close(&sink, &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, "No space left"));
    ck_assert_uint_eq(count_entries(), 1);
}
END_TEST

START_TEST(places_that_cannot_be)
{
    struct sink sink;
    struct problem why = {0};
    ck_assert_int_eq(sink_open(&sink, in_folder("no/such"), COLOR_NEVER, &why), STATUS_IO);
    ck_assert_int_eq(sink_open(&sink, folder, COLOR_NEVER, &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, "directory"));
    sink = begin("/dev/null"); /* is written to, not replaced */
    ck_assert_int_eq(sink_close(&sink, &why), STATUS_OK);
    ck_assert_uint_eq(count_entries(), 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("whole_file");
    TCase *const tests = tcase_create("whole_file");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, is_there_when_whole);
    tcase_add_test(tests, replaces_at_the_end);
    tcase_add_test(tests, nothing_half_is_left);
    tcase_add_test(tests, places_that_cannot_be);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
