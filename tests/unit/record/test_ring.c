/* SPDX-License-Identifier: MIT */
/* ring: order, wrap-around, full, hostile content, and two threads at once (run it under TSan). */
#include "record/wire/ring.h"
#include "tests/unit/support/suite.h"

#include <pthread.h>
#include <string.h>

#define LEN (2 * WIRE_RECORD_MAX)

struct pair {
    struct wire_head *head;
    uint8_t *bytes;
    struct ring in, out;
    uint8_t *copy;
};

static struct pair pair_new(void)
{
    struct pair p = {.head = aligned_alloc(64, sizeof *p.head), .bytes = aligned_alloc(64, LEN)};
    p.copy = malloc(WIRE_RECORD_MAX);
    memset(p.head, 0, sizeof *p.head);
    memset(p.bytes, 0xee, LEN);
    ring_init(&p.in, p.head, p.bytes, LEN);
    ring_init(&p.out, p.head, p.bytes, LEN);
    return p;
}

static void pair_free(struct pair *p)
{
    free(p->head);
    free(p->bytes);
    free(p->copy);
}

/* A record whose bytes all follow from its number. */
static bool put(struct pair *p, uint32_t number, size_t len)
{
    uint8_t *record = ring_reserve(&p->in, (uint16_t)(1 + number % 7), len);
    if (record == NULL)
        return false;
    for (size_t i = sizeof(struct wire_record); i < len; i++)
        record[i] = (uint8_t)(number * 31 + i);
    return true;
}

static void check_is(const struct pair *p, uint32_t number, size_t len)
{
    struct wire_record record;
    memcpy(&record, p->copy, sizeof record);
    ck_assert_uint_eq(record.type, 1 + number % 7);
    ck_assert_uint_eq(record.flags, 0);
    ck_assert_uint_eq(record.len, (len + 7) / 8 * 8);
    for (size_t i = sizeof record; i < record.len; i++)
        if (p->copy[i] != (i < len ? (uint8_t)(number * 31 + i) : 0))
            ck_abort_msg("byte %zu of record %u", i, number);
}

START_TEST(test_empty_then_one)
{
    struct pair p = pair_new();
    ck_assert_int_eq(ring_take(&p.out, p.copy), 0);
    ck_assert(put(&p, 1, 40));
    ck_assert_int_eq(ring_take(&p.out, p.copy), 0); /* invisible before commit */
    ring_commit(&p.in);
    ck_assert_int_eq(ring_take(&p.out, p.copy), 40);
    check_is(&p, 1, 40);
    ck_assert_int_eq(ring_take(&p.out, p.copy), 0);
    ck_assert_uint_eq(ring_free(&p.in), LEN - 40);
    ring_release(&p.out);
    ck_assert_uint_eq(ring_free(&p.in), LEN);
    pair_free(&p);
}
END_TEST

START_TEST(test_lengths)
{
    struct pair p = pair_new();
    ck_assert_ptr_null(ring_reserve(&p.in, 1, 7));
    ck_assert_ptr_null(ring_reserve(&p.in, 1, WIRE_RECORD_MAX + 1));
    for (size_t len = 8; len < 64; len++)
        ck_assert(put(&p, (uint32_t)len, len));
    ck_assert(put(&p, 99, WIRE_RECORD_MAX));
    ring_commit(&p.in);
    for (size_t len = 8; len < 64; len++) {
        ck_assert_int_eq(ring_take(&p.out, p.copy), (int64_t)((len + 7) / 8 * 8));
        check_is(&p, (uint32_t)len, len);
    }
    ck_assert_int_eq(ring_take(&p.out, p.copy), WIRE_RECORD_MAX);
    check_is(&p, 99, WIRE_RECORD_MAX);
    pair_free(&p);
}
END_TEST

/* Lengths that do not divide the ring: every way of wrapping comes by. */
START_TEST(test_wrap)
{
    struct pair p = pair_new();
    uint32_t taken = 0;
    for (uint32_t number = 0; number < 20000; number++) {
        const size_t len = 8 + number * 7919 % 3000;
        ck_assert(put(&p, number, len));
        ring_commit(&p.in);
        if (number % 5 != 4)
            continue;
        while (ring_take(&p.out, p.copy) > 0) {
            check_is(&p, taken, 8 + taken * 7919 % 3000);
            taken++;
        }
        ring_release(&p.out);
    }
    ck_assert_uint_eq(taken, 20000);
    ck_assert_uint_gt(p.in.at, 10 * LEN);
    pair_free(&p);
}
END_TEST

START_TEST(test_full)
{
    struct pair p = pair_new();
    uint32_t n = 0;
    while (put(&p, n, 1000))
        n++;
    ck_assert_uint_eq(n, LEN / 1000);
    ring_commit(&p.in);
    ck_assert(!put(&p, n, 1000));
    ck_assert_int_eq(ring_take(&p.out, p.copy), 1000);
    ck_assert(!put(&p, n, 1000)); /* taken, but not given back */
    ring_release(&p.out);
    /* Room at both ends together would do, but a record does not wrap. */
    ck_assert_uint_eq(ring_free(&p.in), LEN % 1000 + 1000);
    ck_assert(!put(&p, n, 1008));
    ck_assert(put(&p, n, 1000));
    ring_commit(&p.in);
    for (uint32_t i = 1; i <= n; i++) {
        ck_assert_int_eq(ring_take(&p.out, p.copy), 1000);
        check_is(&p, i, 1000);
    }
    pair_free(&p);
}
END_TEST

/* Whatever tail the other side writes, the producer only ever finds the ring full. */
START_TEST(test_hostile_tail)
{
    struct pair p = pair_new();
    ck_assert(put(&p, 0, 800));
    ring_commit(&p.in);
    while (put(&p, 1, 4096))
        ;
    atomic_store(&p.head->tail, UINT64_MAX - 12345);
    ck_assert_uint_eq(ring_free(&p.in), 0);
    ck_assert_ptr_null(ring_reserve(&p.in, 1, 8));
    pair_free(&p);
}
END_TEST

static void check_refused(uint64_t head, uint32_t len, uint16_t type, uint64_t at)
{
    struct pair p = pair_new();
    p.out.at = p.out.other = at;
    struct wire_record record = {.len = len, .type = type};
    memcpy(p.bytes + (at & (LEN - 1)), &record, sizeof record);
    atomic_store(&p.head->head, head);
    ck_assert_int_eq(ring_take(&p.out, p.copy), -1);
    pair_free(&p);
}

START_TEST(test_hostile_content)
{
    check_refused(LEN + 8, 16, 1, 0);              /* more than there can be */
    check_refused(12, 16, 1, 0);                   /* head not aligned */
    check_refused(0, 16, 1, 4096);                 /* head behind what was taken */
    check_refused(4096, 0, 1, 0);                  /* no length */
    check_refused(4096, 4, 1, 0);                  /* shorter than a header */
    check_refused(4096, 17, 1, 0);                 /* not a multiple of 8 */
    check_refused(4096, 4104, 1, 0);               /* past the head */
    check_refused(LEN, WIRE_RECORD_MAX + 8, 1, 0); /* longer than the longest */
    check_refused(4096, UINT32_MAX - 7, 1, 0);
    check_refused(LEN + 64, 128, 1, LEN - 64); /* wraps */
    check_refused(4096, 64, WIRE_PAD, 0);      /* padding that is not at the end */
}
END_TEST

/* Noise: whatever is handed out is whole, says its own length, and lies before the head. */
START_TEST(test_random_content)
{
    struct pair p = pair_new();
    unsigned seed = 12345;
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; i < 4096; i++)
            p.bytes[i] = (uint8_t)(rand_r(&seed) >> 5);
        for (size_t at = 0; at < 4096; at += 64) { /* now and then a length that can be true */
            p.bytes[at + 1] = p.bytes[at + 2] = p.bytes[at + 3] = 0;
            p.bytes[at] = (uint8_t)(p.bytes[at] & 0x78);
        }
        p.out.at = p.out.other = 0;
        atomic_store(&p.head->head, 4096);
        int64_t len, sum = 0;
        while ((len = ring_take(&p.out, p.copy)) > 0) {
            struct wire_record record;
            memcpy(&record, p.copy, sizeof record);
            ck_assert_int_eq(record.len, len);
            sum += len;
        }
        ck_assert_int_le(sum, 4096);
    }
    pair_free(&p);
}
END_TEST

/* ---- two threads ---- */

#define STRESS 200000u

static size_t stress_len(uint32_t number)
{
    return 16 + (number * 2654435761u >> 16) % 1500;
}

static void *produce(void *closure)
{
    struct pair *p = closure;
    for (uint32_t number = 0; number < STRESS;) {
        uint32_t *record = ring_reserve(&p->in, 1, stress_len(number));
        if (record == NULL) {
            sched_yield();
            continue;
        }
        record[2] = number;
        record[3] = ~number;
        memset(record + 4, (int)(number & 0xff), stress_len(number) - 16);
        if (number++ % 3 != 0)
            ring_commit(&p->in);
    }
    ring_commit(&p->in);
    return NULL;
}

START_TEST(test_two_threads)
{
    struct pair p = pair_new();
    pthread_t producer;
    ck_assert_int_eq(pthread_create(&producer, NULL, produce, &p), 0);
    for (uint32_t number = 0; number < STRESS;) {
        const int64_t len = ring_take(&p.out, p.copy);
        if (len == 0) {
            ring_release(&p.out);
            sched_yield();
            continue;
        }
        uint32_t words[4];
        memcpy(words, p.copy, sizeof words);
        if (len != (int64_t)((stress_len(number) + 7) / 8 * 8) || words[2] != number ||
            words[3] != ~number)
            ck_abort_msg("record %u: length %lld, number %u", number, (long long)len, words[2]);
        for (size_t i = 16; i < stress_len(number); i++)
            if (p.copy[i] != (number & 0xff))
                ck_abort_msg("byte %zu of record %u", i, number);
        number++;
    }
    ck_assert_int_eq(pthread_join(producer, NULL), 0);
    ck_assert_int_eq(ring_take(&p.out, p.copy), 0);
    pair_free(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tc = tcase_create("ring");
    tcase_add_test(tc, test_empty_then_one);
    tcase_add_test(tc, test_lengths);
    tcase_add_test(tc, test_wrap);
    tcase_add_test(tc, test_full);
    tcase_add_test(tc, test_hostile_tail);
    tcase_add_test(tc, test_hostile_content);
    tcase_add_test(tc, test_random_content);
    tcase_add_test(tc, test_two_threads);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
