/* SPDX-License-Identifier: MIT */
/* tracefile: one file, numbered files, and only the last of one; at any moment a whole file. */
#include "format/chunk_read.h"
#include "record/encode/tracefile.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND 1000000000ull

static struct tracefile *trace;
static struct problem why;
static char path[300];

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

static struct chunk chunk_of(uint32_t generation, bool is_meta)
{
    static uint8_t noise[3000];
    static struct bytes raw;
    uint64_t random = generation + 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(scratch_random(&random) >> 32);
    raw.len = 0;
    bytes_add_packet(&raw, noise, is_meta ? 10 : sizeof noise);
    return (struct chunk){.flags = is_meta ? CHUNK_META | CHUNK_GENERATION_START : CHUNK_SAMPLES,
                          .process = !is_meta,
                          .generation = is_meta ? 0 : generation,
                          .raw = raw.at,
                          .raw_len = raw.len};
}

static void begin(enum tracefile_how how, uint64_t limit_bytes, uint64_t limit_ns)
{
    const struct tracefile_plan plan = {
        .how = how, .limit_bytes = limit_bytes, .limit_ns = limit_ns, .text = "it"};
    const struct chunk meta = chunk_of(0, true);
    snprintf(path, sizeof path, "%s", scratch_path("run.trace"));
    ck_assert_int_eq(tracefile_open(&trace, path, &plan, 7, 0, &why), STATUS_OK);
    ck_assert_int_eq(tracefile_append(trace, &meta, &why), STATUS_OK);
}

/* `n` chunks, one per second; a new section, and generation, where one is due. */
static void run(uint32_t n, void (*look)(uint64_t now_ns))
{
    uint32_t generation = 1;
    for (uint64_t now_ns = SECOND; now_ns <= n * SECOND; now_ns += SECOND) {
        const struct chunk chunk = chunk_of(generation, false);
        ck_assert_int_eq(tracefile_append(trace, &chunk, &why), STATUS_OK);
        if (tracefile_section_due(trace, now_ns)) {
            const struct chunk meta = chunk_of(0, true);
            ck_assert_int_eq(tracefile_begin_section(trace, &meta, now_ns, &why), STATUS_OK);
            generation++;
        }
        if (look != NULL)
            look(now_ns);
    }
}

static void end(void)
{
    uint64_t bytes;
    const struct chunk last = {.flags = CHUNK_SUMMARY, .raw = NULL};
    ck_assert_int_eq(tracefile_close(trace, &last, &bytes, &why), STATUS_OK);
    ck_assert_uint_gt(bytes, 0);
}

/* Opens without any damage, begins with a Meta, and its generations begin in it. */
static struct chunk_file *open_whole(const char *at)
{
    struct chunk_file *file;
    ck_assert_int_eq(chunk_file_open(&file, at, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_ne(chunk_file_get(file, 0)->header.flags & CHUNK_META, 0);
    return file;
}

START_TEST(test_one)
{
    begin(TRACEFILE_ONE, 0, 0);
    run(1000, NULL);
    end();
    struct chunk_file *file = open_whole(path);
    ck_assert_uint_eq(chunk_file_count(file), 1002);
    chunk_file_close(file);
}
END_TEST

START_TEST(test_rotate)
{
    char name[PATH_MAX];
    uint32_t seq = 0, chunks = 0;
    begin(TRACEFILE_ROTATE, 0, 10 * SECOND);
    run(35, NULL);
    end();
    for (uint32_t i = 0; i < 4; i++) {
        tracefile_number_path(name, path, i, TRACEFILE_DIGITS);
        struct chunk_file *file = open_whole(name);
        ck_assert(chunk_file_closed(file));
        for (size_t k = 0; k < chunk_file_count(file); k++, seq++) {
            ck_assert_uint_eq(chunk_file_get(file, k)->header.seq, seq);
            chunks += chunk_file_get(file, k)->header.process;
            if (chunk_file_get(file, k)->header.process != 0)
                ck_assert_uint_eq(chunk_file_get(file, k)->header.generation, i + 1);
        }
        chunk_file_close(file);
    }
    ck_assert_uint_eq(chunks, 35);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static void look_time(uint64_t now_ns)
{
    struct chunk_file *file = open_whole(path);
    const size_t n = chunk_file_count(file) - 1; /* chunks of a second each */
    ck_assert_uint_ge(n + 1, now_ns / SECOND < 20 ? now_ns / SECOND : 20);
    ck_assert_uint_le(n, 26);
    chunk_file_close(file);
}

START_TEST(test_keep_time)
{
    begin(TRACEFILE_KEEP, 0, 20 * SECOND);
    run(300, look_time);
    end();
    struct chunk_file *file = open_whole(path);
    ck_assert(chunk_file_closed(file));
    ck_assert_uint_gt(chunk_file_get(file, 0)->header.seq, 200);
    chunk_file_close(file);
}
END_TEST

static void look_size(uint64_t now_ns)
{
    ck_assert_uint_le(tracefile_bytes(trace), 100000);
    if (now_ns > 100 * SECOND)
        ck_assert_uint_ge(tracefile_bytes(trace), 60000);
    struct chunk_file *file = open_whole(path);
    chunk_file_close(file);
}

START_TEST(test_keep_size)
{
    begin(TRACEFILE_KEEP, 100000, 0);
    run(300, look_size);
    end();
}
END_TEST

START_TEST(test_snapshot)
{
    char name[PATH_MAX];
    const struct chunk last = {.flags = CHUNK_SUMMARY, .raw = NULL};
    begin(TRACEFILE_KEEP, 100000, 0);
    run(300, NULL);
    ck_assert_int_eq(tracefile_snapshot(trace, &last, name, &why), STATUS_OK);
    ck_assert_str_eq(strrchr(name, '/'), "/run.1.trace");
    struct chunk_file *copy = open_whole(name), *file = open_whole(path);
    ck_assert(chunk_file_closed(copy));
    ck_assert_uint_eq(chunk_file_count(copy), chunk_file_count(file) + 1);
    chunk_file_close(copy);
    chunk_file_close(file);
    run(30, NULL); /* and on */
    end();
}
END_TEST

/* Whoever takes the file away is not overwritten. */
START_TEST(test_replaced)
{
    const struct chunk meta = chunk_of(0, true);
    begin(TRACEFILE_KEEP, 0, 20 * SECOND);
    run(3, NULL);
    ck_assert_int_eq(unlink(path), 0);
    scratch_write(path, "mine", 4);
    ck_assert_int_eq(tracefile_append(trace, &meta, &why), STATUS_NOT_FOUND);
    tracefile_abandon(trace);
}
END_TEST

START_TEST(test_names)
{
    static const char *const names[][2] = {{"run.trace", "run.07.trace"},
                                           {"a.b/run", "a.b/run.07"},
                                           {"/x/.hidden", "/x/.hidden.07"},
                                           {"a.b.c", "a.b.07.c"}};
    char name[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        tracefile_number_path(name, names[i][0], 7, 2);
        ck_assert_str_eq(name, names[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracefile");
    TCase *tc = tcase_create("tracefile");
    tcase_add_test(tc, test_one);
    tcase_add_test(tc, test_rotate);
    tcase_add_test(tc, test_keep_time);
    tcase_add_test(tc, test_keep_size);
    tcase_add_test(tc, test_snapshot);
    tcase_add_test(tc, test_replaced);
    tcase_add_test(tc, test_names);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
