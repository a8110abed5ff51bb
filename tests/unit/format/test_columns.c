/* SPDX-License-Identifier: MIT */
#include "format/chunk.h"
#include "format/columns.h"
#include "format/trace.pb-c.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of every length. */
static uint64_t random_number(uint64_t *random)
{
    const uint64_t bits = scratch_random(random) % 65;
    return bits == 0 ? 0 : scratch_random(random) >> (64 - bits);
}

#define RANDOM_COLUMN(message, name, type)                                                         \
    do {                                                                                           \
        (message)->n_##name = scratch_random(&random) % 3 ? scratch_random(&random) % 200 : 0;     \
        (message)->name = calloc((message)->n_##name + 1, sizeof(*(message)->name));               \
        for (size_t i_ = 0; i_ < (message)->n_##name; i_++)                                        \
            (message)->name[i_] = (type)random_number(&random);                                    \
    } while (0)

/* The columns of Samples: name, type, how it is read. */
#define UNSIGNED_COLUMNS(X)                                                                        \
    X(missed_at, uint32_t)                                                                         \
    X(missed_n, uint32_t)                                                                          \
    X(missed_gap_q, uint64_t)                                                                      \
    X(thread, uint32_t)                                                                            \
    X(thread_stack, uint32_t)                                                                      \
    X(thread_state, uint32_t)                                                                      \
    X(thread_call, uint32_t)                                                                       \
    X(thread_begin, uint32_t)                                                                      \
    X(thread_end, uint32_t)                                                                        \
    X(thread_context, uint64_t)                                                                    \
    X(context_at, uint32_t)                                                                        \
    X(thread_runs, uint32_t)                                                                       \
    X(run, uint32_t)                                                                               \
    X(state, uint32_t)                                                                             \
    X(call_at, uint32_t)                                                                           \
    X(call, uint32_t)                                                                              \
    X(task_at, uint32_t)                                                                           \
    X(task, uint32_t)                                                                              \
    X(holder_run, uint32_t)                                                                        \
    X(holder, uint32_t)
#define SIGNED_COLUMNS(X)                                                                          \
    X(late_q, int32_t)                                                                             \
    X(stack, int32_t)                                                                              \
    X(cpu, int64_t)                                                                                \
    X(context, int64_t)

static void unsigned_compare(const Pyrec__V1__Samples *m, const struct samples_columns *c)
{
    uint64_t v;
#define COMPARE(name, type)                                                                        \
    {                                                                                              \
        struct proto_column column = c->name;                                                      \
        require(column_count(&column) == m->n_##name);                                             \
        for (size_t i = 0; i < m->n_##name; i++)                                                   \
            require(column_next(&column, &v) && v == m->name[i]);                                  \
        require(column_empty(&column) && !column_next(&column, &v));                               \
    }
    UNSIGNED_COLUMNS(COMPARE)
#undef COMPARE
}

static void signed_compare(const Pyrec__V1__Samples *m, const struct samples_columns *c)
{
    int64_t v;
#define COMPARE(name, type)                                                                        \
    {                                                                                              \
        struct proto_column column = c->name;                                                      \
        require(column_count(&column) == m->n_##name);                                             \
        for (size_t i = 0; i < m->n_##name; i++)                                                   \
            require(column_next_signed(&column, &v) && v == m->name[i]);                           \
        require(column_empty(&column) && !column_next_signed(&column, &v));                        \
    }
    SIGNED_COLUMNS(COMPARE)
#undef COMPARE
}

static void columns_free(Pyrec__V1__Samples *m)
{
#define FREE(name, type) free(m->name);
    UNSIGNED_COLUMNS(FREE)
    SIGNED_COLUMNS(FREE)
#undef FREE
}

START_TEST(same_as_protobuf_c)
{
    uint64_t random = 11;

    for (int round = 0; round < 500; round++) {
        Pyrec__V1__Samples m;
        Pyrec__V1__Account account;
        Pyrec__V1__NativeThread native;
        Pyrec__V1__NativeThread *natives[] = {&native, &native};
        struct samples_columns columns;
        struct problem why;

        pyrec__v1__samples__init(&m);
        pyrec__v1__account__init(&account);
        pyrec__v1__native_thread__init(&native);
#define FILL(name, type) RANDOM_COLUMN(&m, name, type);
        UNSIGNED_COLUMNS(FILL)
        SIGNED_COLUMNS(FILL)
#undef FILL
        m.origin_ns = random_number(&random);
        m.interval_ns = random_number(&random);
        m.first_tick = random_number(&random);
        m.before_q = random_number(&random);
        account.ticks_due = random_number(&random) | 1;
        m.account = round % 2 ? &account : NULL;
        native.os_tid = 5;
        m.n_native = round % 3 ? 2 : 0;
        m.native = natives;

        const size_t len = pyrec__v1__samples__get_packed_size(&m);
        uint8_t *const packed = malloc(len + 1);
        pyrec__v1__samples__pack(&m, packed);
        require(samples_columns_parse(&columns, (struct proto_column){packed, packed + len},
                                      &why) == STATUS_OK);
        require(columns.origin_ns == m.origin_ns && columns.interval_ns == m.interval_ns);
        require(columns.first_tick == m.first_tick && columns.before_q == m.before_q);
        unsigned_compare(&m, &columns);
        signed_compare(&m, &columns);
        require(column_empty(&columns.account) == (m.account == NULL));
        if (m.account != NULL) {
            Pyrec__V1__Account *const back = pyrec__v1__account__unpack(
                NULL, (size_t)(columns.account.end - columns.account.at), columns.account.at);
            require(back != NULL && back->ticks_due == account.ticks_due);
            pyrec__v1__account__free_unpacked(back, NULL);
        }
        free(packed);
        columns_free(&m);
    }
}
END_TEST

/* Every repeated number in the schema is packed, and every column of Samples is known here. */
START_TEST(every_column_is_packed)
{
    const ProtobufCMessageDescriptor *const messages[] = {&pyrec__v1__defs__descriptor,
                                                          &pyrec__v1__samples__descriptor,
                                                          &pyrec__v1__index__descriptor};
    size_t n_columns = 0;

    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        for (unsigned k = 0; k < messages[i]->n_fields; k++) {
            const ProtobufCFieldDescriptor *const field = &messages[i]->fields[k];
            if (field->label != PROTOBUF_C_LABEL_REPEATED ||
                field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
                continue;
            ck_assert_msg(field->flags & PROTOBUF_C_FIELD_FLAG_PACKED, "%s", field->name);
            n_columns += i == 1;
        }
#define ONE(name, type) +1
    ck_assert_uint_eq(n_columns, 0 UNSIGNED_COLUMNS(ONE) SIGNED_COLUMNS(ONE));
#undef ONE
}
END_TEST

START_TEST(varints)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool good;
        uint64_t value;
    } cases[] = {
        {"\0", 1, true, 0},
        {"\x7f", 1, true, 127},
        {"\x80\x01", 2, true, 128},
        {"\x80\x80\0", 3, true, 0}, /* longer than need be is allowed */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true, UINT64_MAX},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, false, 0},
        {"", 0, false, 0},
        {"\x80", 1, false, 0},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint8_t *const at = (const uint8_t *)cases[i].bytes;
        struct proto_column column = {at, at + cases[i].len};
        uint64_t value;
        ck_assert_int_eq(column_next(&column, &value), cases[i].good);
        ck_assert(column.at <= column.end);
        if (cases[i].good) {
            ck_assert_uint_eq(value, cases[i].value);
            ck_assert(column_empty(&column));
        }
    }
    ck_assert_int_eq(zigzag_decode(0), 0);
    ck_assert_int_eq(zigzag_decode(1), -1);
    ck_assert_int_eq(zigzag_decode(2), 1);
    ck_assert_int_eq(zigzag_decode(UINT64_MAX), INT64_MIN);
    ck_assert_int_eq(zigzag_decode(UINT64_MAX - 1), INT64_MAX);
}
END_TEST

static enum status samples_try(const char *bytes, size_t len)
{
    struct samples_columns columns;
    struct problem why;
    const uint8_t *const at = (const uint8_t *)bytes;
    return samples_columns_parse(&columns, (struct proto_column){at, at + len}, &why);
}

START_TEST(odd_samples)
{
    ck_assert_int_eq(samples_try("", 0), STATUS_OK);
    /* Field 1 as a varint, then as bytes. */
    ck_assert_int_eq(samples_try("\x08\x05", 2), STATUS_OK);
    ck_assert_int_eq(samples_try("\x0a\x01\x05", 3), STATUS_DAMAGED);
    /* Column 5: packed; not packed; empty and then filled; in two pieces; ending in a number. */
    ck_assert_int_eq(samples_try("\x2a\x02\x05\x05", 4), STATUS_OK);
    ck_assert_int_eq(samples_try("\x28\x05", 2), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x2a\x00\x2a\x01\x05", 5), STATUS_OK);
    ck_assert_int_eq(samples_try("\x2a\x01\x05\x2a\x01\x05", 6), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x2a\x02\x05\x85", 4), STATUS_DAMAGED);
    /* Fields nobody knows, of every wire type; groups. */
    ck_assert_int_eq(samples_try("\x78\x05\x79zzzzzzzz\x7dzzzz\x7a\x02\x80\x80", 20), STATUS_OK);
    ck_assert_int_eq(samples_try("\xf8\x07\x05", 3), STATUS_OK);
    ck_assert_int_eq(samples_try("\x7b\x7c", 2), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x7e", 1), STATUS_DAMAGED);
    /* Field 0; a key of more than 32 bits; bytes that end too soon. */
    ck_assert_int_eq(samples_try("\x00\x00", 2), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\xf8\xff\xff\xff\x1f\x00", 6), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x2a\x03\x05\x05", 4), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11),
                     STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x79zzzzzzz", 8), STATUS_DAMAGED);
    ck_assert_int_eq(samples_try("\x7dzzz", 4), STATUS_DAMAGED);
}
END_TEST

struct packet_case {
    const char *bytes;
    size_t len;
    enum status status;
    size_t n;
    uint32_t field; /* of the last packet */
    const char *body;
};

START_TEST(packets)
{
    static const struct packet_case cases[] = {
        {"", 0, STATUS_OK, 0, 0, NULL},
        {"\x0a\x00", 2, STATUS_OK, 1, 0, ""},
        {"\x0a\x03\x1a\x01x", 5, STATUS_OK, 1, 3, "x"},
        {"\x0a\x03\x1a\x01x\x0a\x04\x12\x02yz", 11, STATUS_OK, 2, 2, "yz"},
        /* Unknown packets are shown, unknown fields of Trace are not. */
        {"\x0a\x04\xa2\x06\x01x", 6, STATUS_OK, 1, 100, "x"},
        {"\x12\x01q\x0a\x03\x1a\x01x\x18\x07", 10, STATUS_OK, 1, 3, "x"},
        /* Of two bodies the last counts; what is not known does not hide what is. */
        {"\x0a\x06\x1a\x01x\x12\x01y", 8, STATUS_OK, 1, 2, "y"},
        {"\x0a\x07\x12\x01y\xa2\x06\x01x", 9, STATUS_OK, 1, 2, "y"},
        {"\x0a\x07\xa2\x06\x01x\x12\x01y", 9, STATUS_OK, 1, 2, "y"},
        {"\x0a\x05\x1a\x01x\x78\x01", 7, STATUS_OK, 1, 3, "x"},
        {"\x0a\x02\x18\x07", 4, STATUS_DAMAGED, 0, 0, NULL},
        {"\x08\x07", 2, STATUS_DAMAGED, 0, 0, NULL},
        {"\x0a\x04\x1a\x01x", 5, STATUS_DAMAGED, 0, 0, NULL},
        {"\x0a\x03\x1a\x02x", 5, STATUS_DAMAGED, 0, 0, NULL},
        {"\x0a\x03\x1a\x01x\x0a", 6, STATUS_DAMAGED, 1, 3, "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint8_t *const at = (const uint8_t *)cases[i].bytes;
        struct proto_column payload = {at, at + cases[i].len}, body;
        uint32_t field, last = 0;
        size_t n = 0;
        enum status status;
        struct proto_column last_body = {NULL, NULL};
        while (packet_next(&payload, &field, &body, &status)) {
            ck_assert_int_eq(status, STATUS_OK);
            n++;
            last = field;
            last_body = body;
        }
        ck_assert_int_eq(status, cases[i].status);
        ck_assert_uint_eq(n, cases[i].n);
        ck_assert_uint_eq(last, cases[i].field);
        if (cases[i].body != NULL) {
            ck_assert_uint_eq((size_t)(last_body.end - last_body.at), strlen(cases[i].body));
            ck_assert(memcmp(last_body.at, cases[i].body, strlen(cases[i].body)) == 0);
        }
    }
}
END_TEST

/* Exactly one tick in every interval, each later than the one before. */
START_TEST(ticks_are_one_per_interval)
{
    static const uint64_t intervals[] = {
        2, 3, 1000, 99991, 1000000, 9999999, 100000000, 4000000001, LIMIT_INTERVAL_NS};
    static const uint64_t origins[] = {0, 1, 123456789, 1ull << 40};
    static const uint64_t starts[] = {0, 1000000, 1ull << 31, 4000000000};

    for (size_t i = 0; i < ARRAY_LEN(intervals); i++)
        for (size_t k = 0; k < ARRAY_LEN(origins); k++)
            for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
                const uint64_t interval = intervals[i], origin = origins[k];
                uint64_t last = 0;
                for (uint64_t n = starts[s]; n < starts[s] + 1000; n++) {
                    const uint64_t due = tick_due_ns(origin, interval, n);
                    require(due >= origin + n * interval);
                    require(due < origin + (n + 1) * interval);
                    require(n == starts[s] || due > last);
                    last = due;
                }
            }
}
END_TEST

/* What the golden ratio is for: whatever the program's period, its phases are hit alike. */
START_TEST(ticks_hit_every_phase)
{
    enum { N = 10000, BINS = 50 };
    unsigned hits[BINS] = {0};

    for (uint64_t n = 0; n < N; n++)
        hits[tick_due_ns(0, 1000000, n) % 1000000 * BINS / 1000000]++;
    for (size_t i = 0; i < BINS; i++)
        ck_assert(hits[i] >= N / BINS - 3 && hits[i] <= N / BINS + 3);
    /* Written out in trace.proto; a change would shift every old file. */
    ck_assert_uint_eq(tick_due_ns(500, 1000000, 0), 500);
    ck_assert_uint_eq(tick_due_ns(500, 1000000, 1), 500 + 1000000 + 618033);
    ck_assert_uint_eq(tick_due_ns(500, 1000000, 2), 500 + 2000000 + 236067);
    ck_assert_uint_eq(tick_due_ns(500, 1000000, 3), 500 + 3000000 + 854101);
}
END_TEST

START_TEST(status_texts)
{
    struct problem why;
    ck_assert_str_eq(status_text(STATUS_OK), "ok");
    ck_assert_str_eq(status_text(STATUS_UNSUPPORTED), "not supported");
    ck_assert_str_eq(status_text((enum status)1000), "unknown status");
    ck_assert_int_eq(problem_set(NULL, STATUS_IO, 1, "%d", 2), STATUS_IO);
    ck_assert_int_eq(problem_set(&why, STATUS_LIMIT, 7, "%s %d", "x", 2), STATUS_LIMIT);
    ck_assert_int_eq(why.status, STATUS_LIMIT);
    ck_assert_uint_eq(why.offset, 7);
    ck_assert_str_eq(why.detail, "x 2");
    ck_assert_int_eq(problem_set(&why, STATUS_IO, 0, "%0999d", 1), STATUS_IO);
    ck_assert_uint_eq(strlen(why.detail), sizeof(why.detail) - 1);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("columns");
    TCase *const tests = tcase_create("columns");
    tcase_add_test(tests, same_as_protobuf_c);
    tcase_add_test(tests, every_column_is_packed);
    tcase_add_test(tests, varints);
    tcase_add_test(tests, odd_samples);
    tcase_add_test(tests, packets);
    tcase_add_test(tests, ticks_are_one_per_interval);
    tcase_add_test(tests, ticks_hit_every_phase);
    tcase_add_test(tests, status_texts);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
