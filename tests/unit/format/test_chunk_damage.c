/* SPDX-License-Identifier: MIT */
#include "format/bytes.h"
#include "format/crc32c.h"
#include "tests/unit/support/chunk_check.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_CHUNKS 9u
#define RAW_LEN  120u

static struct recording whole;

static void setup_closed(void)
{
    recording_make(&whole, scratch_path("whole.trace"), N_CHUNKS, RAW_LEN, 77, true);
}

static void setup_open(void)
{
    recording_make(&whole, scratch_path("whole.trace"), N_CHUNKS, RAW_LEN, 77, false);
}

static void teardown(void)
{
    recording_free(&whole);
}

/* Write `file` and take its account; all chunks whose bytes are in it must be good. */
static void damaged_check(const struct bytes *file, struct account *account)
{
    const char *const path = scratch_path("damaged.trace");

    scratch_write(path, file->at, file->len);
    account_take(account, &whole, path);
    if (account->opened == STATUS_OK)
        account_expect_survivors(account, &whole, file);
    else
        ck_assert_int_eq(account->opened, STATUS_NOT_A_TRACE);
}

START_TEST(whole_file_has_no_damage)
{
    struct account account;
    damaged_check(&whole.file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS);
    ck_assert_uint_eq(account.n_damages, 0);
    ck_assert_int_eq(account.closed, whole.closed);
}
END_TEST

START_TEST(truncated_anywhere)
{
    for (size_t len = 0; len < whole.file.len; len++) {
        const struct bytes cut = {whole.file.at, len, 0};
        struct account account;
        size_t n_whole = 0;

        while (n_whole < N_CHUNKS && whole.end[n_whole] <= len)
            n_whole++;
        damaged_check(&cut, &account);
        ck_assert_int_eq(account.opened, len < CHUNK_HEADER_LEN ? STATUS_NOT_A_TRACE : STATUS_OK);
        if (account.opened != STATUS_OK)
            continue;
        ck_assert(!account.closed);
        ck_assert_uint_eq(account.n_good, n_whole);
        /* Cut between chunks is a file that grows, everything else has a cut end. */
        const bool is_between = n_whole > 0 && whole.end[n_whole - 1] == len;
        ck_assert_uint_eq(account.n_damages, is_between ? 0 : 1);
        ck_assert_uint_eq(account.n_truncated, account.n_damages);
    }
}
END_TEST

START_TEST(one_bit_flipped)
{
    const char *const path = scratch_path("flipped.trace");
    scratch_write(path, whole.file.at, whole.file.len);
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    for (size_t bit = 0; bit < 8 * whole.file.len; bit++) {
        const size_t at = bit / 8;
        const uint8_t good = whole.file.at[at];
        const uint8_t bad = good ^ (uint8_t)(1 << bit % 8);
        const bool in_trailer = at >= whole.end[N_CHUNKS - 1];
        struct account account;

        require(pwrite(fd, &bad, 1, (off_t)at) == 1);
        account_take(&account, &whole, path);
        require(account.opened == STATUS_OK);
        require(account.n_damages >= 1);
        require(account.n_good == (in_trailer ? N_CHUNKS : N_CHUNKS - 1));
        for (size_t i = 0; i < N_CHUNKS; i++)
            require(account.good[i] == (at < whole.start[i] || at >= whole.end[i]));
        require(pwrite(fd, &good, 1, (off_t)at) == 1);
    }
    close(fd);
}
END_TEST

START_TEST(ten_bits_flipped)
{
    uint64_t random = 10;
    for (int round = 0; round < 2000; round++) {
        struct bytes file = {0};
        struct account account;
        bytes_add(&file, whole.file.at, whole.file.len);
        for (int i = 0; i < 10; i++) {
            const uint64_t bit = scratch_random(&random) % (8 * file.len);
            file.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        damaged_check(&file, &account);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(range_zeroed)
{
    uint64_t random = 20;
    for (int round = 0; round < 2000; round++) {
        struct bytes file = {0};
        struct account account;
        bytes_add(&file, whole.file.at, whole.file.len);
        const size_t from = scratch_random(&random) % file.len;
        const size_t most = scratch_random(&random) % 2 ? 40 : file.len;
        size_t len = scratch_random(&random) % most + 1;
        if (len > file.len - from)
            len = file.len - from;
        memset(file.at + from, 0, len);
        damaged_check(&file, &account);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(range_deleted)
{
    uint64_t random = 30;
    for (int round = 0; round < 4000; round++) {
        struct bytes file = {0};
        struct account account;
        const size_t from = scratch_random(&random) % whole.file.len;
        const size_t most = scratch_random(&random) % 2 ? 40 : whole.file.len;
        size_t len = scratch_random(&random) % most + 1;
        if (len > whole.file.len - from)
            len = whole.file.len - from;
        bytes_add(&file, whole.file.at, from);
        bytes_add(&file, whole.file.at + from + len, whole.file.len - from - len);
        damaged_check(&file, &account);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(garbage_inserted)
{
    uint64_t random = 40;
    for (int round = 0; round < 4000; round++) {
        struct bytes file = {0};
        struct account account;
        const size_t from = scratch_random(&random) % (whole.file.len + 1);
        size_t len = scratch_random(&random) % 1000 + 1;
        bytes_add(&file, whole.file.at, from);
        while (len-- > 0) {
            const uint8_t byte = (uint8_t)(scratch_random(&random) >> 32);
            bytes_add(&file, &byte, 1);
        }
        bytes_add(&file, whole.file.at + from, whole.file.len - from);
        damaged_check(&file, &account);
        ck_assert_int_eq(account.opened, STATUS_OK);
        ck_assert_uint_ge(account.n_good, N_CHUNKS - 1);
        bytes_free(&file);
    }
}
END_TEST

/* The search reads the file piece by piece; wherever a header lies across a border, it is found. */
START_TEST(header_across_the_border_of_a_window)
{
    enum { WINDOW = 256 << 10 };
    const size_t middle = whole.start[4];
    uint8_t *const noise = malloc(WINDOW + 200);
    require(noise != NULL);
    memset(noise, 0x57, WINDOW + 200);

    for (size_t len = WINDOW - 150; len < WINDOW + 150; len++) {
        struct bytes file = {0};
        struct account account;
        bytes_add(&file, whole.file.at, middle);
        bytes_add(&file, noise, len);
        bytes_add(&file, whole.file.at + middle, whole.file.len - middle);
        damaged_check(&file, &account);
        require(account.n_good == N_CHUNKS && account.bytes_damaged == len);
        bytes_free(&file);
    }
    free(noise);
}
END_TEST

/* Garbage that looks like chunk headers, down to the last byte but one. */
START_TEST(near_headers_inserted)
{
    uint64_t random = 41;
    for (int round = 0; round < 200; round++) {
        struct bytes file = {0};
        struct account account;
        const size_t n = scratch_random(&random) % 50;
        const size_t at = scratch_random(&random) % N_CHUNKS;
        bytes_add(&file, whole.file.at, whole.start[at]);
        for (size_t i = 0; i < n; i++) {
            uint8_t header[CHUNK_HEADER_LEN];
            memcpy(header, whole.file.at + whole.start[i % N_CHUNKS], sizeof(header));
            header[24 + scratch_random(&random) % 48] ^= 1;
            bytes_add(&file, header, scratch_random(&random) % sizeof(header) + 1);
        }
        bytes_add(&file, whole.file.at + whole.start[at], whole.file.len - whole.start[at]);
        damaged_check(&file, &account);
        ck_assert_uint_eq(account.n_good, N_CHUNKS);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(chunks_shuffled)
{
    uint64_t random = 50;
    for (int round = 0; round < 200; round++) {
        size_t order[N_CHUNKS];
        struct bytes file = {0};
        struct account account;
        for (size_t i = 0; i < N_CHUNKS; i++) {
            const size_t other = scratch_random(&random) % (i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        for (size_t i = 0; i < N_CHUNKS; i++)
            bytes_add(&file, whole.file.at + whole.start[order[i]],
                      whole.end[order[i]] - whole.start[order[i]]);
        bytes_add(&file, whole.file.at + whole.end[N_CHUNKS - 1],
                  whole.file.len - whole.end[N_CHUNKS - 1]);
        damaged_check(&file, &account);
        ck_assert_uint_eq(account.n_good, N_CHUNKS);
        ck_assert_uint_eq(account.n_damages, 0);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(file_twice_in_a_row)
{
    struct bytes file = {0};
    struct account account;
    bytes_add(&file, whole.file.at, whole.file.len);
    bytes_add(&file, whole.file.at, whole.file.len);
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS);
    ck_assert_uint_eq(account.bytes_damaged, whole.file.len);

    /* One copy of each is enough. */
    for (size_t i = 0; i < N_CHUNKS; i++)
        file.at[(i % 2 ? whole.file.len : 0) + whole.end[i] - 1] ^= 0x10;
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS);
    bytes_free(&file);
}
END_TEST

START_TEST(chunks_of_another_recording_between)
{
    struct recording other;
    struct bytes file = {0};
    struct account account;
    size_t added = 0;

    recording_make(&other, scratch_path("other.trace"), N_CHUNKS, 60, 78, true);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        const size_t len = i % 3 == 0 ? other.end[i] - other.start[i] : 0;
        bytes_add(&file, whole.file.at + whole.start[i], whole.end[i] - whole.start[i]);
        bytes_add(&file, other.file.at + other.start[i], len);
        added += len;
    }
    bytes_add(&file, whole.file.at + whole.end[N_CHUNKS - 1],
              whole.file.len - whole.end[N_CHUNKS - 1]);
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS);
    ck_assert_uint_eq(account.n_damages, 3);
    ck_assert_uint_eq(account.bytes_damaged, added);
    bytes_free(&file);
    recording_free(&other);
}
END_TEST

START_TEST(one_file_behind_the_other)
{
    struct recording other;
    struct bytes file = {0};
    struct account account;

    recording_make(&other, scratch_path("other.trace"), N_CHUNKS, 60, 78, true);
    bytes_add(&file, whole.file.at, whole.file.len);
    bytes_add(&file, other.file.at, other.file.len);
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS);
    ck_assert_uint_ge(account.bytes_damaged, other.file.len);
    bytes_free(&file);
    recording_free(&other);
}
END_TEST

START_TEST(trailer_and_garbage_in_front)
{
    const char garbage[] = "W*M\x18 and so on";
    const struct chunk_trailer trailer = {.tag = 77, .n_chunks = 1, .file_size = TRAILER_LEN};
    struct bytes file = {0};
    struct account account;
    uint8_t bytes[TRAILER_LEN];

    chunk_trailer_write(&trailer, bytes);
    bytes_add(&file, garbage, sizeof(garbage));
    bytes_add(&file, bytes, sizeof(bytes));
    bytes_add(&file, garbage, sizeof(garbage));
    bytes_add(&file, whole.file.at, whole.file.len);
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS);
    ck_assert_uint_eq(account.bytes_damaged, sizeof(bytes) + 2 * sizeof(garbage));
    bytes_free(&file);
}
END_TEST

START_TEST(first_or_last_chunk_gone_without_a_trace)
{
    struct bytes file = {0};
    struct account account;

    bytes_add(&file, whole.file.at + whole.start[1], whole.file.len - whole.start[1]);
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS - 1);
    ck_assert_uint_eq(account.n_damages, 1);

    if (whole.closed) {
        const size_t end = whole.end[N_CHUNKS - 2], trailer = whole.end[N_CHUNKS - 1];
        file.len = 0;
        bytes_add(&file, whole.file.at, end);
        bytes_add(&file, whole.file.at + trailer, whole.file.len - trailer);
        damaged_check(&file, &account);
        ck_assert_uint_eq(account.n_good, N_CHUNKS - 1);
        ck_assert_uint_eq(account.n_damages, 1);
    }
    bytes_free(&file);
}
END_TEST

static void damage_copy(void *closure, const struct damage *damage)
{
    struct damage *const copy = closure;
    if (damage->len_bytes == 0)
        *copy = *damage;
}

START_TEST(lost_time_is_said)
{
    const char *const path = scratch_path("gap.trace");
    struct damage gap = {0};
    struct chunk_file *file;
    struct problem why;

    scratch_write(path, whole.file.at, whole.start[3]);
    scratch_append(path, whole.file.at + whole.start[5], whole.file.len - whole.start[5]);
    ck_assert_int_eq(chunk_file_open(&file, path, damage_copy, &gap, &why), STATUS_OK);
    ck_assert_str_eq(gap.text, "chunks 3 to 4 are missing");
    ck_assert(gap.time_known);
    ck_assert_uint_eq(gap.process, 1);
    ck_assert_uint_eq(gap.t_first_ns, 3000);
    ck_assert_uint_eq(gap.t_last_ns, 5000);
    chunk_file_close(file);
}
END_TEST

static void damage_first(void *closure, const struct damage *damage)
{
    struct damage *const copy = closure;
    if (copy->text[0] == 0)
        *copy = *damage;
}

START_TEST(zeros_at_the_end_are_named)
{
    const char *const path = scratch_path("zeros.trace");
    struct damage tail = {0};
    struct chunk_file *file;
    struct problem why;
    uint8_t zeros[5000] = {0};

    scratch_write(path, whole.file.at, whole.start[5]);
    scratch_append(path, zeros, sizeof(zeros));
    ck_assert_int_eq(chunk_file_open(&file, path, damage_first, &tail, &why), STATUS_OK);
    ck_assert_int_eq(tail.status, STATUS_TRUNCATED);
    ck_assert_uint_eq(tail.offset, whole.start[5]);
    ck_assert_uint_eq(tail.len_bytes, sizeof(zeros));
    ck_assert_ptr_nonnull(strstr(tail.text, "zeros"));
    chunk_file_close(file);
}
END_TEST

START_TEST(cut_chunk_tells_its_time)
{
    const char *const path = scratch_path("cut.trace");
    struct damage tail = {0};
    struct chunk_file *file;
    struct problem why;

    scratch_write(path, whole.file.at, whole.end[5] - 1);
    ck_assert_int_eq(chunk_file_open(&file, path, damage_first, &tail, &why), STATUS_OK);
    ck_assert_int_eq(tail.status, STATUS_TRUNCATED);
    ck_assert_uint_eq(tail.offset, whole.start[5]);
    ck_assert(tail.time_known);
    ck_assert_uint_eq(tail.t_first_ns, 5000);
    ck_assert_uint_eq(tail.t_last_ns, 6000);
    chunk_file_close(file);
}
END_TEST

/* Rewrite one header field and its CRC. */
static void header_poke(struct bytes *file, size_t chunk, size_t at, const void *value, size_t len)
{
    uint8_t *const header = file->at + whole.start[chunk];
    memcpy(header + at, value, len);
    bytes_put32(header + 68, crc32c_add(0, header, 68));
}

START_TEST(chunk_of_a_later_version)
{
    struct bytes file = {0};
    struct account account;
    const uint8_t version = CHUNK_VERSION + 1;

    bytes_add(&file, whole.file.at, whole.end[N_CHUNKS - 1]);
    header_poke(&file, 4, 20, &version, 1);
    damaged_check(&file, &account);
    ck_assert_uint_eq(account.n_good, N_CHUNKS - 1);
    ck_assert_uint_eq(account.n_too_new, 1);
    ck_assert(account.named[4]);

    header_poke(&file, 0, 20, &version, 1);
    scratch_write(scratch_path("new.trace"), file.at, file.len);
    account_take(&account, &whole, scratch_path("new.trace"));
    ck_assert_int_eq(account.opened, STATUS_TOO_NEW);
    bytes_free(&file);
}
END_TEST

/* A header that says impossible things costs its chunk and nothing else. */
START_TEST(header_over_the_limits)
{
    static const struct {
        size_t at;
        uint64_t value;
        size_t len;
        size_t n_limit;
    } cases[] = {
        {36, CHUNK_COMP_MAX + 1, 4, 1},  {36, 0, 4, 1},
        {36, UINT32_MAX, 4, 1},          {40, CHUNK_RAW_MAX + 1, 4, 1},
        {28, LIMIT_PROCESSES + 1, 4, 1}, {20, 0, 1, 1},
        {48, UINT64_MAX, 8, 1},          {36, CHUNK_COMP_MAX, 4, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes file = {0};
        struct account account;
        uint8_t value[8];
        bytes_put64(value, cases[i].value);
        bytes_add(&file, whole.file.at, whole.end[N_CHUNKS - 1]);
        header_poke(&file, 4, cases[i].at, value, cases[i].len);
        damaged_check(&file, &account);
        ck_assert_uint_eq(account.n_good, N_CHUNKS - 1);
        ck_assert_uint_eq(account.n_limit, cases[i].n_limit);
        ck_assert(account.named[4]);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(not_a_trace)
{
    const char *const path = scratch_path("noise");
    uint64_t random = 60;
    uint8_t noise[3000];
    struct chunk_file *file;
    struct problem why;
    struct damage damage = {0};

    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)(scratch_random(&random) >> 32);
        scratch_write(path, noise, scratch_random(&random) % sizeof(noise));
        ck_assert_int_eq(chunk_file_open(&file, path, damage_first, &damage, &why),
                         STATUS_NOT_A_TRACE);
        ck_assert_ptr_null(file);
        ck_assert_int_eq(damage.text[0], 0);
    }
    ck_assert_int_eq(chunk_file_open(&file, scratch_path("none"), NULL, NULL, &why),
                     STATUS_NOT_FOUND);
    ck_assert_int_eq(chunk_file_open(&file, "/dev/null", NULL, NULL, &why), STATUS_NOT_A_TRACE);
    ck_assert_int_eq(chunk_file_open(&file, "/", NULL, NULL, &why), STATUS_NOT_A_TRACE);
}
END_TEST

static void tests_add(TCase *tests)
{
    tcase_add_test(tests, whole_file_has_no_damage);
    tcase_add_test(tests, truncated_anywhere);
    tcase_add_test(tests, one_bit_flipped);
    tcase_add_test(tests, ten_bits_flipped);
    tcase_add_test(tests, range_zeroed);
    tcase_add_test(tests, range_deleted);
    tcase_add_test(tests, garbage_inserted);
    tcase_add_test(tests, header_across_the_border_of_a_window);
    tcase_add_test(tests, near_headers_inserted);
    tcase_add_test(tests, chunks_shuffled);
    tcase_add_test(tests, file_twice_in_a_row);
    tcase_add_test(tests, chunks_of_another_recording_between);
    tcase_add_test(tests, one_file_behind_the_other);
    tcase_add_test(tests, trailer_and_garbage_in_front);
    tcase_add_test(tests, first_or_last_chunk_gone_without_a_trace);
    tcase_add_test(tests, lost_time_is_said);
    tcase_add_test(tests, zeros_at_the_end_are_named);
    tcase_add_test(tests, cut_chunk_tells_its_time);
    tcase_add_test(tests, chunk_of_a_later_version);
    tcase_add_test(tests, header_over_the_limits);
    tcase_add_test(tests, not_a_trace);
}

int main(void)
{
    Suite *const suite = suite_create("chunk_damage");
    TCase *const closed = tcase_create("closed");
    TCase *const open = tcase_create("open");
    tcase_add_checked_fixture(closed, setup_closed, teardown);
    tcase_add_checked_fixture(open, setup_open, teardown);
    tests_add(closed);
    tests_add(open);
    suite_add_tcase(suite, closed);
    suite_add_tcase(suite, open);
    return suite_run(suite);
}
