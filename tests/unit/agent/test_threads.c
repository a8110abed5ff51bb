/* SPDX-License-Identifier: MIT */
/* The interpreter's list of threads: found, believed only when whole, told apart. */
#include "record/agent/base/reserve.h"
#include "record/agent/sample/threads.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TSTATES 8

static struct fake fake;
static struct threads threads;
static uintptr_t tstate[TSTATES];
static int32_t tids[TSTATES];
static _Atomic bool stop;
static _Atomic unsigned ready;
static pthread_t pthreads[TSTATES];

static const struct pyver *ver(void)
{
    return &fake.interp.ver;
}

static void *sleeper(void *opaque)
{
    *(int32_t *)opaque = (int32_t)syscall(SYS_gettid);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&stop))
        usleep(1000);
    return NULL;
}

/* Real OS threads, so that their CPU clocks can be read; none is in the list yet. */
static void setup(void)
{
    fake_new(&fake, 12);
    fake_put(fake.state + ver()->interp.threads_head, 0);
    ck_assert(threads_init(&threads, &fake.interp));
    for (unsigned i = 0; i < TSTATES; i++) {
        ck_assert_int_eq(pthread_create(&pthreads[i], NULL, sleeper, &tids[i]), 0);
        tstate[i] = (uintptr_t)calloc(1, 1024);
    }
    while (atomic_load(&ready) < TSTATES)
        usleep(100);
}

static void teardown(void)
{
    atomic_store(&stop, true);
    for (unsigned i = 0; i < TSTATES; i++)
        pthread_join(pthreads[i], NULL);
    fake_free(&fake);
}

/* As many threads as there may be, each in as many interpreters: each tstate is found, no other. */
START_TEST(full_index)
{
    const size_t size = sizeof(struct thread);
    ck_assert(reserve_grow(&threads.list, threads.room * size, THREADS_MAX * size));
    threads.room = THREADS_MAX;
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        struct bindings *const bound = &threads.list[i].bound;
        for (bound->n = 0; bound->n < BINDINGS_MAX; bound->n++)
            bound->list[bound->n].tstate = 0x7f0000000000 + 1024ul * (i * BINDINGS_MAX + bound->n);
    }
    threads.n = THREADS_MAX;
    threads.index_stale = true;
    for (uint32_t i = 0; i < THREADS_MAX; i++)
        for (unsigned k = 0; k < BINDINGS_MAX; k++)
            ck_assert_ptr_eq(threads_find(&threads, threads.list[i].bound.list[k].tstate),
                             &threads.list[i]);
    ck_assert_ptr_null(threads_find(&threads, 0x7f0000000010));
    ck_assert_uint_lt(threads.n * BINDINGS_MAX, threads.index_len);
    threads.n = 0;
}
END_TEST

static uint64_t next_id = 1;

/* New ones come to the head. */
static void list_push(uintptr_t at, int32_t tid)
{
    const uintptr_t head = fake_get(fake.state + ver()->interp.threads_head);
    memset((void *)at, 0, 1024);
    fake_put(at + ver()->thread.interp, fake.state);
    fake_put(at + ver()->thread.id, next_id++);
    fake_put(at + ver()->thread.native_id, (uint64_t)tid);
    fake_put(at + ver()->thread.thread_id, 0x7000 + (uint64_t)tid);
    fake_put(at + ver()->thread.next, head);
    if (head != 0)
        fake_put(head + ver()->thread.prev, at);
    fake_put(fake.state + ver()->interp.threads_head, at);
}

static void list_remove(uintptr_t at)
{
    const uintptr_t previous = fake_get(at + ver()->thread.prev);
    const uintptr_t next = fake_get(at + ver()->thread.next);
    if (previous != 0)
        fake_put(previous + ver()->thread.next, next);
    else
        fake_put(fake.state + ver()->interp.threads_head, next);
    if (next != 0)
        fake_put(next + ver()->thread.prev, previous);
}

START_TEST(finds_new_ones)
{
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 0);
    for (unsigned i = 0; i < 3; i++)
        list_push(tstate[i], tids[i]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 3);
    list_push(tstate[3], tids[3]);
    threads_refresh(&threads);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 4);
    ck_assert_int_eq(threads_find(&threads, tstate[3])->tid, tids[3]);
    ck_assert_uint_eq(threads_find(&threads, tstate[3])->id, 4);
}
END_TEST

/* The tstate that the thread of `at` would be read by, 0 = none. */
static uintptr_t bound(uintptr_t at)
{
    const struct binding *const binding = threads_binding(&threads, threads_find(&threads, at));
    return binding ? binding->tstate : 0;
}

START_TEST(knows_what_is_linked)
{
    for (unsigned i = 0; i < 3; i++)
        list_push(tstate[i], tids[i]);
    threads_refresh(&threads);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(bound(tstate[i]), tstate[i]);
    list_remove(tstate[1]);
    ck_assert_uint_eq(bound(tstate[1]), 0);
    ck_assert_uint_eq(bound(tstate[0]), tstate[0]);
    list_remove(tstate[2]);
    ck_assert_uint_eq(bound(tstate[2]), 0);
}
END_TEST

/* Up to 3.11 a new thread's tstate carries its parent's ids; from 3.12 on it has none. */
START_TEST(waits_for_unbound_ones)
{
    list_push(tstate[0], tids[0]);
    list_push(tstate[1], tids[0]);
    list_push(tstate[2], 0);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 1);
    fake_put(tstate[1] + ver()->thread.native_id, (uint64_t)tids[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 2);
    fake_put(tstate[2] + ver()->thread.native_id, (uint64_t)tids[2]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 3);
    for (unsigned i = 0; i < 3; i++) { /* the newest was met first, and taken for its parent */
        ck_assert_int_eq(threads_find(&threads, tstate[i])->tid, tids[i]);
        ck_assert_uint_eq(bound(tstate[i]), tstate[i]);
    }
}
END_TEST

/* The new thread writes its ids one after the other: a look in between sees one of each thread. */
START_TEST(half_written_ids)
{
    list_push(tstate[0], tids[0]);
    threads_refresh(&threads);
    list_push(tstate[1], tids[0]);
    fake_put(tstate[1] + ver()->thread.thread_id, 0x7000 + (uint64_t)tids[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 1);
    ck_assert_uint_eq(threads.list[0].ident, 0x7000 + (uint64_t)tids[0]);
    fake_put(tstate[1] + ver()->thread.native_id, (uint64_t)tids[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 2);
    ck_assert_uint_eq(threads_find(&threads, tstate[1])->ident, 0x7000 + (uint64_t)tids[1]);
}
END_TEST

START_TEST(ignores_dead_threads)
{
    list_push(tstate[0], 0x3fffff00); /* no such thread */
    list_push(tstate[1], tids[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 1);
}
END_TEST

/* A thread of C's that leaves Python and comes back gets another tstate; it is the same thread. */
START_TEST(rebinds)
{
    list_push(tstate[0], tids[0]);
    list_push(tstate[1], tids[1]);
    threads_refresh(&threads);
    const uint32_t id = threads_find(&threads, tstate[1])->id;
    list_remove(tstate[1]);
    list_push(tstate[2], tids[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 2);
    ck_assert_uint_eq(threads_find(&threads, tstate[2])->id, id);
    /* and the same memory again */
    list_remove(tstate[2]);
    list_push(tstate[2], tids[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 2);
    ck_assert_uint_eq(bound(tstate[2]), tstate[2]);
}
END_TEST

/* One OS thread with a tstate in each of two interpreters: one thread, and it is read by the one
 * that has frames. */
START_TEST(sub_interpreter)
{
    list_push(tstate[0], tids[0]);
    const uintptr_t sub = (uintptr_t)calloc(1, 8192);
    fake_put(fake.interp.runtime + ver()->runtime.interpreters_head, sub);
    fake_put(sub + ver()->interp.next, fake.state);
    fake_put(sub + ver()->interp.id, 1);
    fake_put(sub + ver()->interp.threads_head, tstate[1]);
    memset((void *)tstate[1], 0, 1024);
    fake_put(tstate[1] + ver()->thread.interp, sub);
    fake_put(tstate[1] + ver()->thread.id, 99);
    fake_put(tstate[1] + ver()->thread.native_id, (uint64_t)tids[0]);
    uint64_t cframe[2][8] = {{0}}, frame[16];
    for (unsigned i = 0; i < 2; i++)
        fake_put(tstate[i] + ver()->thread.frame, (uintptr_t)cframe[i]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 1);
    ck_assert_uint_eq(threads.unbound, 0);
    ck_assert_uint_eq(threads.list[0].bound.n, 2);
    fake_put((uintptr_t)cframe[0] + ver()->cframe.current, (uintptr_t)frame);
    ck_assert_uint_eq(bound(tstate[1]), tstate[0]);
    fake_put((uintptr_t)cframe[1] + ver()->cframe.current, (uintptr_t)frame);
    ck_assert_uint_eq(bound(tstate[0]), tstate[1]);
    fake_put(sub + ver()->interp.threads_head, 0); /* the sub-interpreter ends */
    ck_assert_uint_eq(bound(tstate[0]), tstate[0]);
}
END_TEST

START_TEST(leaves_our_own_out)
{
    threads.own_tid = tids[2];
    list_push(tstate[0], tids[0]);
    list_push(tstate[2], tids[2]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 1);
}
END_TEST

/* Links that lead astray: nothing is believed that does not point back. */
START_TEST(broken_list)
{
    for (unsigned i = 0; i < 4; i++)
        list_push(tstate[i], tids[i]);
    fake_put(tstate[2] + ver()->thread.next, 0xdead0000);
    threads_refresh(&threads);
    ck_assert_uint_le(threads.n, 2);
    fake_put(tstate[2] + ver()->thread.next, tstate[3]); /* a circle */
    threads_refresh(&threads);
    ck_assert_uint_le(threads.n, 2);
    fake_put(tstate[2] + ver()->thread.next, tstate[1]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 4);
}
END_TEST

/* Just after a fork the forking thread's tstate still has the parent's id. */
START_TEST(fork_child)
{
    threads.fork_ident = 0x7000 + (uint64_t)tids[0];
    threads.fork_tid = tids[5];
    list_push(tstate[0], tids[0]);
    threads_refresh(&threads);
    ck_assert_uint_eq(threads.n, 1);
    ck_assert_int_eq(threads.list[0].tid, tids[5]);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("threads");
    TCase *const tcase = tcase_create("threads");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, full_index);
    tcase_add_test(tcase, finds_new_ones);
    tcase_add_test(tcase, knows_what_is_linked);
    tcase_add_test(tcase, waits_for_unbound_ones);
    tcase_add_test(tcase, half_written_ids);
    tcase_add_test(tcase, ignores_dead_threads);
    tcase_add_test(tcase, rebinds);
    tcase_add_test(tcase, sub_interpreter);
    tcase_add_test(tcase, leaves_our_own_out);
    tcase_add_test(tcase, broken_list);
    tcase_add_test(tcase, fork_child);
    suite_add_tcase(suite, tcase);
    fake_catch_faults();
    return suite_run(suite);
}
