/* SPDX-License-Identifier: MIT */
/* Identity of code objects: addresses that are used again, deaths before and after a sample was
 * looked at, and a stress test with two threads in which a wrong name would be noticed. */
#include "record/agent/base/clock.h"
#include "record/agent/cpython/codes.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 40000000u

static struct fake fake;
static struct codes codes;

/* What was told of each id: the number in its name. */
static uint32_t *told;
static uint32_t told_last;

static bool tell(void *closure, uint32_t id, const struct description *what)
{
    char name[32] = "";
    (void)closure;
    memcpy(name, what->bytes, what->name_len < 31 ? what->name_len : 31);
    ck_assert_uint_lt(id, NAMES_MAX);
    told[id] = (uint32_t)strtoul(name + 1, NULL, 10);
    told_last = id;
    return true;
}

static uint32_t freed_last;

static void is_freed(void *closure, uint32_t id)
{
    (void)closure;
    freed_last = id;
}

static bool wanted_yes(uintptr_t code)
{
    (void)code;
    return true;
}

static bool wanted_no(uintptr_t code)
{
    (void)code;
    return false;
}

static void setup(void)
{
    fake_new(&fake, 12);
    told = calloc(NAMES_MAX, sizeof(told[0]));
    ck_assert(codes_init(&codes, &fake.interp));
}

static void teardown(void)
{
    free(told);
    fake_free(&fake);
}

static uintptr_t code_numbered(unsigned number)
{
    char name[32];
    snprintf(name, sizeof(name), "n%u", number);
    return fake_code(&fake, name, "f.py", 1, 0);
}

/* Another object at the same address. */
static void code_rename(uintptr_t code, unsigned number)
{
    const struct pyver *const ver = &fake.interp.ver;
    const uintptr_t str = fake_get(code + ver->code.name);
    char name[32];
    const int len = snprintf(name, sizeof(name), "n%u", number);
    memcpy((void *)(str + ver->str.ascii), name, (size_t)len);
    fake_put(str + ver->str.length, (uint64_t)len);
}

static uint32_t resolve(uintptr_t code, uint64_t deaths)
{
    return codes_resolve(&codes, code, deaths, tell, NULL);
}

START_TEST(known_again)
{
    const uintptr_t code = code_numbered(7);
    const uint32_t id = resolve(code, codes_deaths(&codes));
    ck_assert_uint_eq(told[id], 7);
    told_last = 0;
    ck_assert_uint_eq(resolve(code, codes_deaths(&codes)), id);
    ck_assert_uint_eq(told_last, 0); /* not described twice */
}
END_TEST

START_TEST(reused_address)
{
    const uintptr_t code = code_numbered(1);
    const uint32_t first = resolve(code, codes_deaths(&codes));
    codes_died(&codes, code, wanted_no);
    codes_forget(&codes, codes_deaths(&codes), is_freed, NULL);
    ck_assert_uint_eq(freed_last, first);
    code_rename(code, 2);
    const uint32_t second = resolve(code, codes_deaths(&codes));
    ck_assert_uint_ne(first, second);
    ck_assert_uint_eq(told[second], 2);
}
END_TEST

/* Sampled, then freed and its address used again, and only then looked at. */
START_TEST(died_unseen)
{
    const uintptr_t code = code_numbered(1);
    const uint64_t sampled = codes_deaths(&codes);
    codes_died(&codes, code, wanted_yes);
    code_rename(code, 2);
    const uint64_t later = codes_deaths(&codes);
    codes_died(&codes, code, wanted_yes);
    code_rename(code, 3);
    ck_assert_uint_eq(told[resolve(code, codes_deaths(&codes))], 3);
    ck_assert_uint_eq(told[resolve(code, later)], 2);
    ck_assert_uint_eq(told[resolve(code, sampled)], 1);
    ck_assert_uint_eq(told[resolve(code, sampled)], 1); /* again, without a second description */
}
END_TEST

/* The same, but it had an id already. */
START_TEST(died_known)
{
    const uintptr_t code = code_numbered(1);
    const uint64_t sampled = codes_deaths(&codes);
    const uint32_t id = resolve(code, sampled);
    codes_died(&codes, code, wanted_yes);
    code_rename(code, 2);
    ck_assert_uint_eq(resolve(code, sampled), id);
    ck_assert_uint_eq(told[resolve(code, codes_deaths(&codes))], 2);
}
END_TEST

START_TEST(forgotten_is_not_guessed)
{
    const uintptr_t code = code_numbered(1);
    const uint64_t sampled = codes_deaths(&codes);
    codes_died(&codes, code, wanted_yes);
    codes_forget(&codes, codes_deaths(&codes), is_freed, NULL);
    code_rename(code, 2);
    ck_assert_uint_eq(resolve(code, sampled), 0);
    ck_assert_uint_eq(told[resolve(code, codes_deaths(&codes))], 2);
}
END_TEST

START_TEST(full_log_is_not_guessed)
{
    const uintptr_t code = code_numbered(1);
    const uintptr_t other = code_numbered(5);
    const uint64_t sampled = codes_deaths(&codes);
    for (unsigned i = 0; i < CODES_LOG_LEN; i++)
        codes_died(&codes, other, wanted_yes);
    codes_died(&codes, code, wanted_yes);
    code_rename(code, 2);
    ck_assert_uint_eq(resolve(code, sampled), 0);
    codes_forget(&codes, codes_deaths(&codes), is_freed, NULL);
    ck_assert_uint_eq(told[resolve(code, codes_deaths(&codes))], 2);
}
END_TEST

/* More descriptions than the morgue has pages: the oldest are lost, none is mixed up. */
START_TEST(full_morgue)
{
    uintptr_t code[CODES_MORGUE * 2];
    const uint64_t sampled = codes_deaths(&codes);
    for (unsigned i = 0; i < CODES_MORGUE * 2; i++) {
        code[i] = code_numbered(i + 1);
        codes_died(&codes, code[i], wanted_yes);
        code_rename(code[i], 99999);
    }
    for (unsigned i = 0; i < CODES_MORGUE * 2; i++) {
        const uint32_t id = resolve(code[i], sampled);
        if (i < CODES_MORGUE)
            ck_assert_uint_eq(id, 0);
        else
            ck_assert_uint_eq(told[id], i + 1);
    }
}
END_TEST

/* More objects than the table holds: it starts afresh and goes on being right. */
START_TEST(full_table)
{
    enum { ADDRESSES = 1000, ROUNDS = 120 };
    uintptr_t code[ADDRESSES];
    for (unsigned i = 0; i < ADDRESSES; i++)
        code[i] = code_numbered(i);
    for (unsigned i = 0; i < ADDRESSES; i++)
        for (unsigned round = 0; round < ROUNDS; round++) {
            code_rename(code[i], i * ROUNDS + round);
            ck_assert_uint_eq(told[resolve(code[i], codes_deaths(&codes))], i * ROUNDS + round);
            if (round + 1 < ROUNDS)
                codes_died(&codes, code[i], wanted_no);
            codes_forget(&codes, codes_deaths(&codes), is_freed, NULL);
        }
    for (unsigned i = 0; i < ADDRESSES; i++)
        ck_assert_uint_eq(told[resolve(code[i], codes_deaths(&codes))], i * ROUNDS + ROUNDS - 1);
}
END_TEST

/* ---- two threads ---- */

enum { IDLE, DONE, SAMPLES = 3000 };

static struct {
    _Atomic uint32_t state;
    uintptr_t code;
    uint64_t deaths;
    unsigned number;
} sample;
static _Atomic bool stop;

static bool wanted_sample(uintptr_t code)
{
    return atomic_load_explicit(&sample.state, memory_order_acquire) == DONE && sample.code == code;
}

/* Creates and frees code objects at a few addresses; sometimes it is "sampled" while it runs one.
 */
static void *program(void *opaque)
{
    const uintptr_t *const code = opaque;
    unsigned alive[8] = {0}; /* number of the object at each address, 0 = none */
    unsigned next = 1, seed = 1;
    while (!atomic_load(&stop)) {
        const unsigned i = (unsigned)rand_r(&seed) % 8;
        if (alive[i] == 0) {
            alive[i] = next++;
            code_rename(code[i], alive[i]);
        }
        if (atomic_load_explicit(&sample.state, memory_order_acquire) == IDLE) {
            sample.code = code[i];
            sample.deaths = codes_deaths(&codes);
            sample.number = alive[i];
            atomic_store_explicit(&sample.state, DONE, memory_order_release);
        }
        for (volatile unsigned wait = (unsigned)rand_r(&seed) % 200; wait > 0; wait--)
            continue;
        if (rand_r(&seed) % 4 == 0)
            continue; /* it lives on */
        codes_died(&codes, code[i], wanted_sample);
        code_rename(code[i], 9999999); /* freed memory */
        alive[i] = 0;
    }
    return NULL;
}

START_TEST(two_threads)
{
    uintptr_t code[8];
    unsigned right = 0, gone = 0;
    pthread_t thread;
    for (unsigned i = 0; i < 8; i++)
        code[i] = code_numbered(1000000);
    ck_assert_int_eq(pthread_create(&thread, NULL, program, code), 0);
    while (right + gone < SAMPLES || right == 0) {
        if (atomic_load_explicit(&sample.state, memory_order_acquire) != DONE) {
            sched_yield();
            continue;
        }
        const uint64_t deaths = codes_deaths(&codes);
        const uint32_t id = resolve(sample.code, sample.deaths);
        if (id == 0)
            gone++;
        else
            ck_assert_uint_eq(told[id], sample.number);
        right += id != 0;
        atomic_store_explicit(&sample.state, IDLE, memory_order_release);
        /* the second time around the log is full for most of the time */
        if (_i == 0 || (right + gone) % 5000 == 0)
            codes_forget(&codes, deaths, is_freed, NULL);
    }
    printf("%u right, %u gone\n", right, gone);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("codes");
    TCase *const tcase = tcase_create("codes");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, known_again);
    tcase_add_test(tcase, reused_address);
    tcase_add_test(tcase, died_unseen);
    tcase_add_test(tcase, died_known);
    tcase_add_test(tcase, forgotten_is_not_guessed);
    tcase_add_test(tcase, full_log_is_not_guessed);
    tcase_add_test(tcase, full_morgue);
    tcase_add_test(tcase, full_table);
    tcase_add_loop_test(tcase, two_threads, 0, 2);
    suite_add_tcase(suite, tcase);
    fake_catch_faults();
    return suite_run(suite);
}
