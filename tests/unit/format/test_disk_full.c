/* SPDX-License-Identifier: MIT */
/*
 * A file system that is really full: a tmpfs of a few pages in a mount namespace of our own. Where
 * that may not be made, the test says so and exits with 77, which ctest counts as skipped.
 */
#include "format/chunk_read.h"
#include "format/chunk_write.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char mount_point[600];

static bool small_disk_mount(void)
{
    snprintf(mount_point, sizeof(mount_point), "%s", scratch_path("disk"));
    return mkdir(mount_point, 0700) == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", mount_point, "tmpfs", 0, "size=64k") == 0;
}

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

START_TEST(disk_full)
{
    char path[700], filler[700];
    uint8_t noise[3000];
    uint64_t random = 5;
    struct bytes raw = {0};
    struct chunk_writer *writer;
    struct chunk_file *file;
    struct stat st;
    struct problem why;
    enum status status;

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(scratch_random(&random) >> 32);
    bytes_add_packet(&raw, noise, sizeof(noise));
    const struct chunk chunk = {.flags = CHUNK_META, .raw = raw.at, .raw_len = raw.len};
    snprintf(path, sizeof(path), "%s/full.trace", mount_point);
    snprintf(filler, sizeof(filler), "%s/filler", mount_point);
    scratch_write(filler, noise, sizeof(noise));

    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    while ((status = chunk_writer_append(writer, &chunk, &why)) == STATUS_OK)
        ck_assert_uint_lt(chunk_writer_bytes(writer), 64u << 10);
    ck_assert_int_eq(status, STATUS_DISK_FULL);
    ck_assert_str_eq(why.detail, strerror(ENOSPC));
    ck_assert_uint_eq(why.offset, chunk_writer_bytes(writer));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq((uint64_t)st.st_size, chunk_writer_bytes(writer));
    const size_t n = chunk_writer_seq(writer);
    ck_assert_uint_gt(n, 10);

    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), n);
    chunk_file_close(file);

    /* There is room for one more or two; then the last one does not fit either. */
    ck_assert_int_eq(unlink(filler), 0);
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    while (chunk_writer_append(writer, &chunk, &why) == STATUS_OK)
        ck_assert_uint_lt(chunk_writer_bytes(writer), 64u << 10);
    const size_t n_more = chunk_writer_seq(writer);
    ck_assert_int_eq(chunk_writer_close(writer, &chunk, &why), STATUS_DISK_FULL);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), n_more);
    chunk_file_close(file);
    bytes_free(&raw);
}
END_TEST

int main(void)
{
    if (!small_disk_mount()) {
        printf("skipped: test_disk_full: cannot mount a tmpfs: %s\n", strerror(errno));
        rmdir(mount_point);
        return 77;
    }
    Suite *const suite = suite_create("disk_full");
    TCase *const tests = tcase_create("disk_full");
    tcase_add_test(tests, disk_full);
    suite_add_tcase(suite, tests);
    const int status = suite_run(suite);
    umount(mount_point);
    rmdir(mount_point);
    return status;
}
