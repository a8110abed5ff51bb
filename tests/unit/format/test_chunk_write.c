/* SPDX-License-Identifier: MIT */
#include "format/chunk_write.h"
#include "tests/unit/support/chunk_check.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

static const struct chunk small = {
    .flags = CHUNK_META, .raw = (const uint8_t *)"\n\7\242\6\4abcd", .raw_len = 9};

static enum status writer_try(const char *path, struct problem *why)
{
    struct chunk_writer *writer;
    const enum status status = chunk_writer_open(&writer, path, 1, 0, why);
    ck_assert_int_eq(writer != NULL, status == STATUS_OK);
    chunk_writer_abandon(writer);
    return status;
}

START_TEST(file_is_new_and_private)
{
    const char *const path = scratch_path("old.trace");
    struct stat st;
    struct problem why;

    scratch_write(path, "old content", 11);
    ck_assert_int_eq(chmod(path, 0644), 0);
    const int old = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(writer_try(path, &why), STATUS_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(st.st_size, 0);
    /* Who reads the old file goes on reading it. */
    ck_assert_int_eq(fstat(old, &st), 0);
    ck_assert_int_eq(st.st_size, 11);
    close(old);
}
END_TEST

START_TEST(what_cannot_be_created)
{
    const char *const link_path = scratch_path("link.trace");
    const char *const target = scratch_path("target");
    struct problem why;

    ck_assert_int_eq(symlink(target, link_path), 0);
    ck_assert_int_eq(writer_try(link_path, &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, "symbolic link"));
    ck_assert_int_eq(access(target, F_OK), -1);
    ck_assert_int_eq(writer_try("/", &why), STATUS_IO);
    ck_assert_int_eq(writer_try("/nowhere/at/all", &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, "/nowhere/at/all"));
    ck_assert_ptr_nonnull(strstr(why.detail, strerror(ENOENT)));
}
END_TEST

START_TEST(full_device)
{
    struct chunk_writer *writer;
    struct problem why;

    ck_assert_int_eq(chunk_writer_open(&writer, "/dev/full", 1, 0, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_append(writer, &small, &why), STATUS_DISK_FULL);
    ck_assert_int_eq(why.status, STATUS_DISK_FULL);
    ck_assert_str_eq(why.detail, strerror(ENOSPC));
    ck_assert_uint_eq(chunk_writer_bytes(writer), 0);
    ck_assert_int_eq(chunk_writer_close(writer, &small, &why), STATUS_DISK_FULL);
}
END_TEST

static void file_size_limit(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit falls on every byte of the second chunk, then is lifted. */
START_TEST(file_size_limit_reached)
{
    const char *const path = scratch_path("limited.trace");

    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t more = 0; more < CHUNK_HEADER_LEN + 20; more++) {
        struct chunk_writer *writer;
        struct chunk_file *file;
        struct stat st;
        struct problem why;

        require(chunk_writer_open(&writer, path, 1, 0, &why) == STATUS_OK);
        require(chunk_writer_append(writer, &small, &why) == STATUS_OK);
        const uint64_t good = chunk_writer_bytes(writer);
        file_size_limit(good + more);
        const enum status status = chunk_writer_append(writer, &small, &why);
        file_size_limit(RLIM_INFINITY);
        if (status == STATUS_OK) {
            require(more >= chunk_writer_bytes(writer) - good);
            chunk_writer_abandon(writer);
            continue;
        }
        require(status == STATUS_DISK_FULL && why.offset == good);
        require(strcmp(why.detail, strerror(EFBIG)) == 0);
        require(chunk_writer_bytes(writer) == good && chunk_writer_seq(writer) == 1);
        require(stat(path, &st) == 0 && (uint64_t)st.st_size == good);

        /* There is room again: nothing is lost. */
        require(chunk_writer_append(writer, &small, &why) == STATUS_OK);
        require(chunk_writer_close(writer, &small, &why) == STATUS_OK);
        require(chunk_file_open(&file, path, no_damage, NULL, &why) == STATUS_OK);
        require(chunk_file_count(file) == 3 && chunk_file_closed(file));
        chunk_file_close(file);
    }
}
END_TEST

/* The last chunk fits, the trailer does not: the file is one that was never closed. */
START_TEST(no_room_for_the_trailer)
{
    const char *const path = scratch_path("limited.trace");
    struct chunk_writer *writer;
    struct chunk_file *file;
    struct problem why;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_close(writer, &small, &why), STATUS_OK);
    struct bytes whole = scratch_read(path);

    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    file_size_limit(whole.len - 1);
    ck_assert_int_eq(chunk_writer_close(writer, &small, &why), STATUS_DISK_FULL);
    file_size_limit(RLIM_INFINITY);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_size(file), whole.len - TRAILER_LEN);
    ck_assert_uint_eq(chunk_file_count(file), 1);
    ck_assert(!chunk_file_closed(file));
    chunk_file_close(file);
    bytes_free(&whole);
}
END_TEST

static void alarm_ignore(int number)
{
    (void)number;
}

/* Take everything out of a pipe, a little at a time, with pauses in which it is full. */
static void *pipe_drain(void *path)
{
    struct bytes *const taken = calloc(1, sizeof(*taken));
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char part[8192];
    ssize_t n;

    while ((n = read(fd, part, sizeof(part))) > 0) {
        bytes_add(taken, part, (size_t)n);
        usleep(200);
    }
    close(fd);
    return taken;
}

/* A pipe is written to as it is; short writes and interrupted ones lose and double nothing. */
START_TEST(pipe_and_signals)
{
    const char *const pipe_path = scratch_path("pipe"), *const path = scratch_path("taken.trace");
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    const struct sigaction interrupt = {.sa_handler = alarm_ignore}; /* no SA_RESTART */
    static uint8_t noise[300000];
    struct chunk_writer *writer;
    struct chunk_file *file;
    struct chunk_buffer buffer = {0};
    struct problem why;
    struct bytes raw = {0}, *taken;
    pthread_t drain;
    sigset_t alarms;
    uint64_t random = 4;

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(scratch_random(&random) >> 32);
    bytes_add_packet(&raw, noise, sizeof(noise));
    const struct chunk large = {.flags = CHUNK_META, .raw = raw.at, .raw_len = raw.len};

    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    /* The writer's thread is to be interrupted, not the reader's. */
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL);
    ck_assert_int_eq(pthread_create(&drain, NULL, pipe_drain, (void *)(uintptr_t)pipe_path), 0);
    ck_assert_int_eq(chunk_writer_open(&writer, pipe_path, 1, 0, &why), STATUS_OK);
    sigaction(SIGALRM, &interrupt, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(chunk_writer_append(writer, &large, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_close(writer, &large, &why), STATUS_OK);
    setitimer(ITIMER_REAL, &never, NULL);
    ck_assert_int_eq(pthread_join(drain, (void **)&taken), 0);

    scratch_write(path, taken->at, taken->len);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), 6);
    ck_assert(chunk_file_closed(file));
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(chunk_file_load(file, i, &buffer, &why), STATUS_OK);
        ck_assert(memcmp(buffer.raw, raw.at, raw.len) == 0);
    }
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    bytes_free(taken);
    free(taken);
    bytes_free(&raw);
}
END_TEST

/* The end of a file as a file of its own: the same chunks, the same numbers, a beginning. */
START_TEST(copied)
{
    struct chunk_writer *from, *to;
    struct chunk_file *file;
    struct problem why;
    uint64_t offset[4];
    char path[600], copy[600];

    snprintf(path, sizeof(path), "%s", scratch_path("from.trace"));
    snprintf(copy, sizeof(copy), "%s", scratch_path("copy.trace"));
    ck_assert_int_eq(chunk_writer_open(&from, path, 1, 0, &why), STATUS_OK);
    for (uint32_t i = 0; i < 4; i++) {
        struct chunk chunk = small;
        chunk.generation = i;
        offset[i] = chunk_writer_bytes(from);
        ck_assert_int_eq(chunk_writer_append(from, &chunk, &why), STATUS_OK);
    }
    ck_assert_int_eq(chunk_writer_copy(&to, copy, from, offset[2] + 1, &small, &why), STATUS_USAGE);
    ck_assert_int_eq(chunk_writer_copy(&to, copy, from, 0, &small, &why), STATUS_USAGE);
    ck_assert_int_eq(chunk_writer_copy(&to, copy, from, offset[2], &small, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_append(from, &small, &why), STATUS_OK); /* goes on by itself */
    chunk_writer_abandon(from);
    ck_assert_int_eq(chunk_writer_append(to, &small, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_close(to, &small, &why), STATUS_OK);

    ck_assert_int_eq(chunk_file_open(&file, copy, no_damage, NULL, &why), STATUS_OK);
    static const uint32_t generations[] = {0, 2, 3, 0, 0};
    ck_assert(chunk_file_closed(file));
    ck_assert_uint_eq(chunk_file_count(file), 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(chunk_file_get(file, i)->header.seq, i + 1);
        ck_assert_uint_eq(chunk_file_get(file, i)->header.generation, generations[i]);
    }
    chunk_file_close(file);

    /* All of it, as it is. */
    ck_assert_int_eq(chunk_writer_open(&from, path, 1, 0, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_append(from, &small, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_copy(&to, copy, from, 0, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_writer_seq(to), 1);
    ck_assert_uint_eq(chunk_writer_bytes(to), chunk_writer_bytes(from));
    chunk_writer_abandon(from);
    chunk_writer_abandon(to);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("chunk_write");
    TCase *const tests = tcase_create("chunk_write");
    tcase_add_test(tests, file_is_new_and_private);
    tcase_add_test(tests, copied);
    tcase_add_test(tests, what_cannot_be_created);
    tcase_add_test(tests, full_device);
    tcase_add_test(tests, file_size_limit_reached);
    tcase_add_test(tests, no_room_for_the_trailer);
    tcase_add_test(tests, pipe_and_signals);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
