/* SPDX-License-Identifier: MIT */
/* sources: what is kept of what a program hands over and its agent finds, and what they cannot do.
 */
#include "format/trace.pb-c.h"
#include "record/collect/sources.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct stream stream;
static struct sources sources;
static int memfd;

static void setup(void)
{
    stream_init(&stream, (struct stream_clock){1000, 1000}, 1000, 1000, 1000000);
    sources = (struct sources){0};
    memfd = memfd_create("sources", MFD_CLOEXEC);
    ck_assert_int_ge(memfd, 0);
}

static void teardown(void)
{
    close(memfd);
    sources_clear(&sources);
    stream_clear(&stream);
}

static void put(const void *bytes, size_t len)
{
    ck_assert_int_eq(write(memfd, bytes, len), (ssize_t)len);
}

static void put_source(const char *name, const char *text, size_t text_len)
{
    const struct wire_source head = {(uint32_t)strlen(name), (uint32_t)text_len, 0};
    put(&head, sizeof head);
    put(name, strlen(name));
    put(text, text_len);
}

/* How many texts were kept, and (the return value) how many left out, as an event says. */
static int64_t take(uint32_t section, uint32_t *n)
{
    int64_t left_out = 0;
    const uint32_t before = stream.batch.n_events;
    sources_take(&sources, &stream, memfd, section, 5);
    *n = 0;
    for (uint32_t i = before; i < stream.batch.n_events; i++) {
        const struct batch_event *event = &stream.batch.events[i];
        *n += event->type == PYREC__V1__EVENT__TYPE__SOURCE;
        if (event->type == PYREC__V1__EVENT__TYPE__SOURCES_LEFT_OUT)
            left_out = event->value;
    }
    ck_assert_int_eq(ftruncate(memfd, 0), 0);
    ck_assert_int_eq(lseek(memfd, 0, SEEK_SET), 0);
    return left_out;
}

START_TEST(test_kept_once)
{
    uint32_t n;
    intern_string(&stream.intern, "<cell 1>", 8);
    for (int round = 0; round < 3; round++) {
        put_source("<cell 1>", "a = 1\n", 6);
        put_source("<cell 2>", "never run", 9);
        ck_assert_int_eq(take(0, &n), 0);
        ck_assert_uint_eq(n, round == 0);
    }
    const struct batch_event *event = &stream.batch.events[0];
    ck_assert_str_eq(event->text, "<cell 1>");
    ck_assert_uint_eq(event->source_len, 6);
    ck_assert_mem_eq(event->source, "a = 1\n", 6);
    put_source("<cell 1>", "a = 2\n", 6); /* another text under the name */
    ck_assert_int_eq(take(0, &n), 0);
    ck_assert_uint_eq(n, 1);
    put_source("<cell 1>", "a = 1\n", 6); /* what is in an older section may be gone */
    ck_assert_int_eq(take(1, &n), 0);
    ck_assert_uint_eq(n, 1);
    stream.generation = 1; /* who ran in the one before is not known any more */
    put_source("<cell 2>", "may have run", 12);
    ck_assert_int_eq(take(1, &n), 0);
    ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(test_limits)
{
    static char much[SOURCES_BYTES];
    uint32_t n;
    char name[32];
    stream.generation = 1;
    put_source("<all>", much, sizeof much);
    put_source("<one more>", "x", 1);
    ck_assert_int_eq(take(0, &n), 1);
    ck_assert_uint_eq(n, 1);
    for (uint32_t i = 0; i < SOURCES_MAX + 7; i++) {
        snprintf(name, sizeof name, "<%u>", i);
        put_source(name, "x", 1);
    }
    const struct wire_source others = {.left_out = 3};
    put(&others, sizeof others);
    ck_assert_int_eq(take(1, &n), 10);
    ck_assert_uint_eq(n, SOURCES_MAX);
    put_source("<0>", "x", 1); /* nothing is new, and nothing is left out: which is said */
    ck_assert_int_eq(take(1, &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(stream.batch.events[stream.batch.n_events - 1].value, 0);
}
END_TEST

/* Lengths that lead beyond the end, a head that is cut, nothing, too much, no memory to read from.
 */
START_TEST(test_hostile)
{
    uint32_t n;
    stream.generation = 1;
    const struct wire_source bad[] = {
        {UINT32_MAX, 1, 0}, {1, UINT32_MAX, 0}, {UINT32_MAX, UINT32_MAX, UINT32_MAX}, {5, 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put_source("<good>", "x", 1);
        put(&bad[i], sizeof bad[i]);
        put("abc", 3);
        ck_assert_int_ge(take((uint32_t)i, &n), 1);
        ck_assert_uint_eq(n, 1);
    }
    put("abc", 3);
    ck_assert_int_eq(take(9, &n), 1);
    ck_assert_uint_eq(n, 0);
    (void)take(10, &n);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(ftruncate(memfd, 1 << 30), 0);
    (void)take(11, &n);
    ck_assert_uint_eq(n, 0);
    sources_take(&sources, &stream, -1, 12, 5);
    sources_take(&sources, &stream, STDOUT_FILENO, 12, 5);
}
END_TEST

/* ---- what the agent tells ---- */

static int64_t n_sources_since(uint32_t before)
{
    int64_t n = 0;
    for (uint32_t i = before; i < stream.batch.n_events; i++)
        n += stream.batch.events[i].type == PYREC__V1__EVENT__TYPE__SOURCE;
    return n;
}

static struct wire_source_told *told_new(const char *name, const char *text, size_t text_len)
{
    const size_t name_len = strlen(name);
    struct wire_source_told *told = calloc(1, sizeof *told + name_len + text_len);
    ck_assert_ptr_nonnull(told);
    told->record.len = (uint32_t)(sizeof *told + name_len + text_len);
    told->source = (struct wire_source){(uint32_t)name_len, (uint32_t)text_len, 0};
    memcpy(told->bytes, name, name_len);
    memcpy(told->bytes + name_len, text, text_len);
    return told;
}

static void tell(const char *name, const char *text, size_t text_len, uint32_t section)
{
    struct wire_source_told *told = told_new(name, text, text_len);
    ck_assert(sources_tell(&sources, &stream, told, section, 5));
    free(told);
}

/* Once in a section, in each of them, and not again when it is handed over as well. */
START_TEST(test_told)
{
    uint32_t n;
    tell("<cell>", "a = 1\n", 6, 0);
    tell("<cell>", "a = 1\n", 6, 0);
    tell("<cell>", "a = 2\n", 6, 0);
    ck_assert_int_eq(n_sources_since(0), 2);
    ck_assert_mem_eq(stream.batch.events[0].source, "a = 1\n", 6);
    for (uint32_t section = 1; section < 3; section++) {
        const uint32_t before = stream.batch.n_events;
        sources_repeat(&sources, &stream, section, 7);
        ck_assert_int_eq(n_sources_since(before), 2);
    }
    intern_string(&stream.intern, "<cell>", 6);
    put_source("<cell>", "a = 1\n", 6);
    ck_assert_int_eq(take(2, &n), 0);
    ck_assert_uint_eq(n, 0);
}
END_TEST

/* What there is no room for is counted, for good; so is what the agent could not tell. */
START_TEST(test_told_limits)
{
    static char much[SOURCES_BYTES / 64];
    uint32_t n;
    for (int i = 0; i < 66; i++) {
        much[0] = (char)i;
        tell("<much>", much, sizeof much, 0);
    }
    ck_assert_int_eq(n_sources_since(0), 64);
    ck_assert_int_eq(stream.batch.events[stream.batch.n_events - 1].value, 2);
    struct wire_source_told none = {.record.len = sizeof none, .source.left_out = 1};
    ck_assert(sources_tell(&sources, &stream, &none, 0, 5));
    ck_assert_int_eq(stream.batch.events[stream.batch.n_events - 1].value, 3);
    const uint32_t before = stream.batch.n_events;
    sources_repeat(&sources, &stream, 1, 7);
    ck_assert_int_eq(n_sources_since(before), 64);
    ck_assert_int_eq(stream.batch.events[stream.batch.n_events - 1].value, 3);
    const struct wire_source others = {.left_out = 4};
    put(&others, sizeof others);
    ck_assert_int_eq(take(1, &n), 7);
}
END_TEST

/* Lengths that lead beyond the record. */
START_TEST(test_told_hostile)
{
    const uint32_t bad[][2] = {
        {UINT32_MAX, 1}, {1, UINT32_MAX}, {7, 6}, {6, 7}, {UINT32_MAX, UINT32_MAX}};
    struct wire_source_told *told = told_new("<cell>", "a = 1\n", 6);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        told->source = (struct wire_source){bad[i][0], bad[i][1], 0};
        ck_assert(!sources_tell(&sources, &stream, told, 0, 5));
    }
    ck_assert_uint_eq(stream.batch.n_events, 0);
    free(told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sources");
    TCase *tc = tcase_create("sources");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_kept_once);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_hostile);
    tcase_add_test(tc, test_told);
    tcase_add_test(tc, test_told_limits);
    tcase_add_test(tc, test_told_hostile);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
