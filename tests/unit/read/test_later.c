/* SPDX-License-Identifier: MIT */
/*
 * Files of recorders that come later: what is new is skipped, what must not be skipped is said,
 * and another version of the format is refused by its number.
 */
#include "analyze/repair/audit.h"
#include "format/chunk_write.h"
#include "format/columns.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

static char path[256], later[256];
static size_t n_damages;
static struct damage last_damage;
static uint64_t total;

static void note(void *closure, const char *file, const struct damage *damage)
{
    (void)closure;
    (void)file;
    last_damage = *damage;
    n_damages++;
}

static struct audit read_file(const char *from)
{
    struct trace *trace;
    struct audit audit = {0};
    struct problem why = {0};
    n_damages = 0;
    ck_assert_msg(trace_open(&trace, &from, 1, note, NULL, &why) == STATUS_OK, "%s", why.detail);
    audit_run(&audit, trace, 1);
    trace_close(trace);
    return audit;
}

static void setup(void)
{
    const struct maker_frame frame = {"work", "/x/a.py", 1, 2, 0};
    const char *const argv[] = {"python3", "a.py", NULL};
    snprintf(path, sizeof path, "%s", scratch_path("now.trace"));
    snprintf(later, sizeof later, "%s", scratch_path("later.trace"));
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 5, 1, argv);
    const uint32_t t = maker_thread(m, p, 5, "MainThread", 0);
    const uint32_t stack = maker_stack_push(m, p, 0, &frame);
    for (unsigned i = 0; i < 40; i++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, t, &(struct maker_sample){stack, 1, 9000, "read"});
        if (i % 10 == 9)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    total = read_file(path).samples;
    ck_assert_uint_eq(total, 40);
    ck_assert_uint_eq(n_damages, 0);
}

/* Fields that nobody knows yet, of every wire type. */
static const uint8_t unknown[] = {
    0xa0, 0x06, 0x96, 0x01,                            /* 100: varint */
    0xaa, 0x06, 0x03, 'n',  'e',  'w',                 /* 101: bytes */
    0xb5, 0x06, 1,    2,    3,    4,                   /* 102: four bytes */
    0xb9, 0x06, 1,    2,    3,    4,    5,    6, 7, 8, /* 103: eight bytes */
    0xc2, 0x06, 0x04, 0xa0, 0x06, 0x96, 0x01,          /* 104: a message */
};

/* The payload with new fields in every message, and packets of a new kind around them. */
static struct bytes later_payload(struct proto_column payload)
{
    struct bytes out = {0};
    struct proto_column body;
    uint32_t field;
    enum status status;
    bytes_add_packet(&out, unknown, sizeof unknown);
    while (packet_next(&payload, &field, &body, &status)) {
        struct bytes message = {0}, packet = {0};
        if (field == 5) /* the index: chunk_writer_close makes one */
            continue;
        bytes_add(&message, body.at, (size_t)(body.end - body.at));
        bytes_add(&message, unknown, sizeof unknown);
        bytes_add_field(&packet, field, message.at, message.len);
        bytes_add_field(&out, 1, packet.at, packet.len);
        bytes_add_packet(&out, unknown, sizeof unknown);
        bytes_free(&message);
        bytes_free(&packet);
    }
    ck_assert_int_eq(status, STATUS_OK);
    return out;
}

/* Write what the file has as a later recorder might; `flags` are added to those of every chunk. */
static void write_later(uint16_t flags, uint16_t extra_chunk)
{
    struct chunk_file *file;
    struct chunk_writer *writer;
    struct chunk_buffer buffer = {0};
    struct problem why;
    ck_assert_int_eq(chunk_file_open(&file, path, NULL, NULL, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_open(&writer, later, 0x7e57, 0, &why), STATUS_OK);
    for (size_t i = 0; i < chunk_file_count(file); i++) {
        const struct chunk_header *const header = &chunk_file_get(file, i)->header;
        ck_assert_int_eq(chunk_file_load(file, i, &buffer, &why), STATUS_OK);
        struct bytes raw =
            later_payload((struct proto_column){buffer.raw, buffer.raw + buffer.raw_len});
        const struct chunk chunk = {
            .flags = (uint16_t)((header->flags & ~CHUNK_INDEX) | flags),
            .process = header->process,
            .generation = header->generation,
            .t_first_ns = header->t_first_ns,
            .t_last_ns = header->t_last_ns,
            .raw = raw.at,
            .raw_len = raw.len,
        };
        if (i + 1 < chunk_file_count(file))
            ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
        else
            ck_assert_int_eq(chunk_writer_close(writer, &chunk, &why), STATUS_OK);
        bytes_free(&raw);
        if (i == 1 && extra_chunk != 0) { /* a chunk of a kind that nobody knows */
            const struct chunk strange = {.flags = extra_chunk, .process = 1, .raw = unknown};
            ck_assert_int_eq(chunk_writer_append(writer, &strange, &why), STATUS_OK);
        }
    }
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
}

START_TEST(new_fields_and_packets_are_skipped)
{
    write_later(0, 0);
    ck_assert_uint_eq(read_file(later).samples, total);
    ck_assert_uint_eq(n_damages, 0);
}
END_TEST

START_TEST(new_kinds_of_chunks_are_skipped)
{
    write_later(0x40, 0x80);
    ck_assert_uint_eq(read_file(later).samples, total);
    ck_assert_uint_eq(n_damages, 0);
}
END_TEST

START_TEST(what_must_be_understood_is_said)
{
    write_later(0, 0x80 | CHUNK_MUST_UNDERSTAND);
    ck_assert_uint_eq(read_file(later).samples, total);
    ck_assert_uint_eq(n_damages, 1);
    ck_assert_int_eq(last_damage.status, STATUS_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(last_damage.text, "only a newer reader understands"));
    /* The flag alone, with nothing that is not known, says nothing. */
    write_later(CHUNK_MUST_UNDERSTAND, 0);
    ck_assert_uint_eq(read_file(later).samples, total);
    ck_assert_uint_eq(n_damages, 0);
}
END_TEST

/* Give the headers from the n-th on another version. */
static void change_version(uint8_t version, size_t from)
{
    struct bytes file = scratch_read(path);
    struct chunk_header header;
    size_t at = 0;
    for (size_t i = 0; chunk_header_parse(&header, file.at + at); i++) {
        if (i >= from)
            header.version = version;
        chunk_header_write(&header, file.at + at);
        at += CHUNK_HEADER_LEN + header.comp_len;
        if (at + CHUNK_HEADER_LEN > file.len)
            break;
    }
    scratch_write(later, file.at, file.len);
    bytes_free(&file);
}

START_TEST(another_version_is_refused_by_name)
{
    struct trace *trace;
    struct problem why = {0};
    const char *const from = later;
    change_version(7, 0);
    ck_assert_int_eq(trace_open(&trace, &from, 1, note, NULL, &why), STATUS_TOO_NEW);
    ck_assert_ptr_nonnull(strstr(why.detail, later));
    ck_assert_ptr_nonnull(strstr(why.detail, "version 7"));
}
END_TEST

START_TEST(later_chunks_of_another_version_are_left_out)
{
    change_version(2, 3);
    ck_assert_uint_eq(read_file(later).samples, 20); /* the Meta, and two chunks of ten */
    ck_assert_uint_ge(n_damages, 1);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("later");
    TCase *const tcase = tcase_create("later");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, new_fields_and_packets_are_skipped);
    tcase_add_test(tcase, new_kinds_of_chunks_are_skipped);
    tcase_add_test(tcase, what_must_be_understood_is_said);
    tcase_add_test(tcase, another_version_is_refused_by_name);
    tcase_add_test(tcase, later_chunks_of_another_version_are_left_out);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
