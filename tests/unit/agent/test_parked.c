/* SPDX-License-Identifier: MIT */
/* What a thread waits for, and whom it lets wait, in builds without a GIL. */
#include "record/wire/wire.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <string.h>

static struct fake fake;
static uint64_t
    stack[64]; /* part of a thread's: a wait_entry, and further out a critical section */

enum { ADDRESS = 1, SEMAPHORE = 2, SECTION = 20, SECTION_MUTEX = 21, OTHER = 30 };

static const unsigned minors[] = {13, 14, 15};
#define N_MINORS ((int)(sizeof(minors) / sizeof(minors[0])))

static void begin(int i)
{
    fake_new(&fake, minors[i]);
    fake.interp.free_threaded = true;
    memset(stack, 0, sizeof(stack));
}

static uint32_t parked_for(void)
{
    return interp_parked_for(&fake.interp, fake.tstate, (uint64_t)(uintptr_t)&stack[SEMAPHORE]);
}

START_TEST(waits_for_the_world)
{
    begin(_i);
    stack[ADDRESS] = fake.tstate + fake.interp.ver.thread.state;
    ck_assert_uint_eq(parked_for(), WIRE_WAITS_WORLD);
    stack[ADDRESS] += 8; /* at something else */
    ck_assert_uint_eq(parked_for(), 0);
    stack[ADDRESS] -= 8;
    fake.interp.free_threaded = false;
    ck_assert_uint_eq(parked_for(), 0);
    fake_free(&fake);
}
END_TEST

/* The two bits of the pointer say: of two objects, and not in force while the thread is detached.
 */
START_TEST(waits_for_an_object)
{
    begin(_i);
    const uintptr_t field = fake.tstate + fake.interp.ver.thread.critical_section;
    stack[ADDRESS] = (uintptr_t)&stack[OTHER];
    ck_assert_uint_eq(parked_for(), 0); /* in no critical section */
    for (unsigned tags = 0; tags < 4; tags++) {
        fake_put(field, (uintptr_t)&stack[SECTION] | tags);
        stack[SECTION_MUTEX] = 0;
        ck_assert_uint_eq(parked_for(), WIRE_WAITS_OBJECT);
        stack[SECTION_MUTEX] = (uintptr_t)&stack[OTHER]; /* it has its lock: another one then */
        ck_assert_uint_eq(parked_for(), 0);
    }
    stack[SECTION_MUTEX] = 0;
    fake_put(field, (uintptr_t)stack); /* further in than where it waits */
    ck_assert_uint_eq(parked_for(), 0);
    fake_put(field, 4096); /* not to be read */
    ck_assert_uint_eq(parked_for(), 0);
    fake_free(&fake);
}
END_TEST

START_TEST(stops_the_world)
{
    begin(_i);
    const uintptr_t at = fake.state + fake.interp.ver.interp.stop_world;
    const uint8_t right[][4] = {{1, 1, 0, 0}, {1, 1, 1, 0}, {3, 1, 1, 0}, {3, 1, 0, 0}};
    const uint8_t wrong[][4] = {
        {0, 0, 0, 0}, {0, 1, 1, 0}, {1, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 2, 0}};
    for (unsigned i = 0; i < 4; i++) {
        memcpy((void *)at, right[i], 4);
        fake_put(at + 16, fake.tstate);
        ck_assert(interp_stops_world(&fake.interp, fake.state, fake.tstate));
        fake_put(at + 16, fake.tstate + 8);
        ck_assert(!interp_stops_world(&fake.interp, fake.state, fake.tstate));
    }
    fake_put(at + 16, fake.tstate);
    for (unsigned i = 0; i < 5; i++) {
        memcpy((void *)at, wrong[i], 4);
        ck_assert(!interp_stops_world(&fake.interp, fake.state, fake.tstate));
    }
    memcpy((void *)at, right[0], 4);
    ck_assert(!interp_stops_world(&fake.interp, 0, fake.tstate));
    fake.interp.free_threaded = false;
    ck_assert(!interp_stops_world(&fake.interp, fake.state, fake.tstate));
    fake_free(&fake);
}
END_TEST

/* A build without a GIL of a version that says nothing of this. */
START_TEST(is_not_known_before)
{
    fake_new(&fake, 12);
    fake.interp.free_threaded = true;
    ck_assert_uint_eq(parked_for(), 0);
    ck_assert(!interp_stops_world(&fake.interp, fake.state, fake.tstate));
    fake_free(&fake);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("parked");
    TCase *const tcase = tcase_create("parked");
    fake_catch_faults();
    tcase_add_loop_test(tcase, waits_for_the_world, 0, N_MINORS);
    tcase_add_loop_test(tcase, waits_for_an_object, 0, N_MINORS);
    tcase_add_loop_test(tcase, stops_the_world, 0, N_MINORS);
    tcase_add_test(tcase, is_not_known_before);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
