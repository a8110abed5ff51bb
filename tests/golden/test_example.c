/* SPDX-License-Identifier: MIT */
/*
 * The worked example in FORMAT.md is a real file: the bytes in its ```hex blocks are what the
 * writer writes today, what it wrote when the example was made, and what the reader reads.
 * FORMAT_MD and GOLDEN_DIR are paths in the source tree.
 */
#include "format/chunk_read.h"
#include "golden.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "01f6  2a 03 50 46 52    late_q = ..": an offset, bytes with one space between, two spaces. */
static void line_take(const char *line, struct bytes *bytes)
{
    char *at;
    const unsigned long offset = strtoul(line, &at, 16);

    ck_assert_msg(at == line + 4 && at[0] == ' ' && at[1] == ' ', "no offset: %s", line);
    ck_assert_msg(offset == bytes->len, "offset %04lx, but %04zx bytes so far", offset, bytes->len);
    at += 1;
    while (at[0] == ' ' && at[1] != ' ' && at[1] != 0) {
        char *end;
        const uint8_t byte = (uint8_t)strtoul(at + 1, &end, 16);
        ck_assert_msg(end == at + 3, "not two digits: %s", line);
        bytes_add(bytes, &byte, 1);
        at = end;
    }
}

static struct bytes example_read(void)
{
    struct bytes bytes = {0};
    char line[400];
    bool is_hex = false;

    FILE *const document = fopen(FORMAT_MD, "r");
    ck_assert_ptr_nonnull(document);
    while (fgets(line, sizeof(line), document) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "```", 3) == 0)
            is_hex = strcmp(line, "```hex") == 0;
        else if (is_hex)
            line_take(line, &bytes);
    }
    fclose(document);
    return bytes;
}

static void bytes_compare(const struct bytes *a, const struct bytes *b)
{
    for (size_t i = 0; i < a->len && i < b->len; i++)
        ck_assert_msg(a->at[i] == b->at[i], "byte %04zx: %02x and %02x", i, a->at[i], b->at[i]);
    ck_assert_uint_eq(a->len, b->len);
}

START_TEST(is_the_golden_file)
{
    struct bytes example = example_read();
    struct bytes golden = scratch_read(GOLDEN_DIR "/v1-tiny.trace");
    bytes_compare(&example, &golden);
    bytes_free(&example);
    bytes_free(&golden);
}
END_TEST

START_TEST(is_what_the_writer_writes)
{
    const char *const path = scratch_path("tiny.trace");
    struct bytes example = example_read();
    golden_tiny(path);
    struct bytes written = scratch_read(path);
    bytes_compare(&example, &written);
    bytes_free(&example);
    bytes_free(&written);
}
END_TEST

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

/* The Samples in chunk 1. */
static struct proto_column samples_find(const struct chunk_buffer *buffer)
{
    struct proto_column payload = {buffer->raw, buffer->raw + buffer->raw_len}, body;
    uint32_t field;
    enum status status;

    while (packet_next(&payload, &field, &body, &status))
        if (field == 3)
            return body;
    ck_abort_msg("no samples");
}

/* The numbers that the text under the example derives. */
START_TEST(is_read_as_the_text_says)
{
    const char *const path = scratch_path("example.trace");
    struct bytes example = example_read();
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;
    struct watch watch;

    ck_assert_uint_eq(example.len, 810);
    scratch_write(path, example.at, example.len);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert(chunk_file_closed(file));
    ck_assert_uint_eq(chunk_file_count(file), 3);
    ck_assert_uint_eq(chunk_file_get(file, 0)->header.comp_len, 72);
    ck_assert_uint_eq(chunk_file_get(file, 1)->header.comp_len, 390);
    ck_assert_uint_eq(chunk_file_get(file, 2)->offset, 606);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(chunk_file_load(file, i, &buffer, &why), STATUS_OK);
    ck_assert_int_eq(chunk_file_load(file, 1, &buffer, &why), STATUS_OK);
    ck_assert(watch_read(&watch, samples_find(&buffer), 1000));

    static const uint64_t due_ns[] = {2000000, 18180339, 24360679}, time_q[] = {2040, 18215, 24401};
    static const struct seen seen[] = {{900, 2, 3, 0}, {1300, 3, 0, 5}, {1300, 3, 0, 5}};
    ck_assert_uint_eq(watch.n_ticks, 3);
    ck_assert_uint_eq(watch.n_threads, 1);
    ck_assert_uint_eq(watch.before_q, 1000);
    for (size_t k = 0; k < 3; k++) {
        ck_assert_uint_eq(tick_due_ns(watch.origin_ns, watch.interval_ns, k), due_ns[k]);
        ck_assert_uint_eq(watch.time_q[k], time_q[k]);
        ck_assert_uint_eq(watch.holder[k], k == 0 ? 1 : 0);
        ck_assert_uint_eq(watch.threads[0].seen[k].cpu_q, seen[k].cpu_q);
        ck_assert_uint_eq(watch.threads[0].seen[k].stack, seen[k].stack);
        ck_assert_uint_eq(watch.threads[0].seen[k].state, seen[k].state);
        ck_assert_uint_eq(watch.threads[0].seen[k].call, seen[k].call);
    }
    watch_clear(&watch);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    bytes_free(&example);
}
END_TEST

/* It must not fall behind: the names that need explaining. */
START_TEST(names_what_there_is)
{
    static const char *const words[] = {
        "META",        "DEFS",         "SAMPLES",    "EVENTS",    "INDEX",      "SUMMARY",
        "ON_CPU",      "HOLDS_GIL",    "WAITS_GIL",  "IN_GC",     "OUTSIDE",    "READY",
        "STALLED",     "PYTHON",       "NATIVE",     "TRUNCATED", "FAILED",     "LOST",
        "MARKER",      "late_q",       "missed_at",  "missed_n",  "call_at",    "thread_begin",
        "thread_end",  "missed_gap_q", "holder_run", "before_q",  "first_tick", "cpu_q",
        "WAITS_WORLD", "WAITS_OBJECT", "STOPS_WORLD"};
    struct bytes text = scratch_read(FORMAT_MD);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        ck_assert_msg(memmem(text.at, text.len, words[i], strlen(words[i])) != NULL, "%s",
                      words[i]);
    bytes_free(&text);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("example");
    TCase *const tests = tcase_create("example");
    tcase_add_test(tests, is_the_golden_file);
    tcase_add_test(tests, is_what_the_writer_writes);
    tcase_add_test(tests, is_read_as_the_text_says);
    tcase_add_test(tests, names_what_there_is);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
