/* SPDX-License-Identifier: MIT */
/* Asking real threads with real signals for the stacks of a fake interpreter. */
#include "fake_interp.h"
#include "record/agent/capture.h"
#include "record/agent/clock.h"
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct fake fake;
static struct codes codes;
static struct capture capture;
static struct wire_counters counters;
static _Thread_local void *own_tstate;
static _Atomic int32_t runner_tid;
static _Atomic bool stop;
static _Atomic unsigned strangers; /* signals that were not the capture's */

/* Called once per reading: the chain can be mended just before the n-th one. */
static uintptr_t mend_at;
static int mend_in;

static void *own_tstate_get(void)
{
    if (mend_at != 0 && --mend_in <= 0)
        fake_put_u8(mend_at, 0);
    return own_tstate;
}

static void on_ask(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    if (!capture_answer(&capture, info, context))
        atomic_fetch_add(&strangers, 1);
}

/* A thread that runs "Python": its tstate's chain never changes. */
static void *runner(void *opaque)
{
    const sigset_t *const blocked = opaque;
    own_tstate = (void *)fake.tstate;
    fake_put(fake.tstate + fake.interp.ver.thread.thread_id, (uint64_t)pthread_self());
    if (blocked != NULL)
        pthread_sigmask(SIG_BLOCK, blocked, NULL);
    atomic_store(&runner_tid, (int32_t)syscall(SYS_gettid));
    while (!atomic_load(&stop))
        continue;
    return NULL;
}

static uintptr_t code_outer, code_inner;
static pthread_t thread;

static void start(unsigned minor, const sigset_t *blocked)
{
    fake_new(&fake, minor);
    code_outer = fake_code(&fake, "outer", "f.py", 1, 0);
    code_inner = fake_code(&fake, "inner", "f.py", 9, 0);
    fake_enter(&fake);
    fake_push(&fake, code_outer, 3);
    fake_push(&fake, code_inner, 4);
    fake.interp.call.own_tstate = own_tstate_get;
    fake.interp.call.current_tstate = own_tstate_get;
    ck_assert(codes_init(&codes, &fake.interp));
    ck_assert(capture_init(&capture, &fake.interp, &codes, 16));
    capture.counters = &counters;
    capture.pid = getpid();
    capture.signo = SIGRTMAX - 3;
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_ask;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(capture.signo, &action, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, runner, (void *)(uintptr_t)blocked), 0);
    while (atomic_load(&runner_tid) == 0)
        continue;
}

static void end(void)
{
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    fake_free(&fake);
}

static bool wait_done(const struct slot *slot, uint64_t ns)
{
    const uint64_t until = clock_now() + ns;
    while (clock_now() < until)
        if (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_DONE)
            return true;
    return false;
}

#define LONG_NS 20000000000u

START_TEST(answers)
{
    start((unsigned)_i, NULL);
    struct slot *const slot = capture_take_slot(&capture, runner_tid);
    for (int round = 0; round < 100; round++) {
        ck_assert(capture_ask(&capture, slot));
        ck_assert(wait_done(slot, LONG_NS));
        ck_assert_int_eq(slot->failure, WIRE_FAIL_NONE);
        ck_assert_uint_eq(slot->stack.depth, 2);
        ck_assert_uint_eq(stack_frame_code(slot->stack.frames[0]), code_inner);
        ck_assert_uint_eq(stack_frame_code(slot->stack.frames[1]), code_outer);
        ck_assert_uint_eq(slot->tstate, fake.tstate);
        ck_assert(capture_wants(&capture, code_outer));
        ck_assert(!capture_wants(&capture, code_outer + 8));
        capture_done(&capture, slot);
        ck_assert(!capture_wants(&capture, code_outer));
    }
    ck_assert_uint_gt(counters.handler_ns, 0);
    ck_assert_uint_eq(strangers, 0);
    end();
}
END_TEST

/* A torn chain is read again, by a timer of the thread's own, and then given up with its reason. */
START_TEST(torn_for_good)
{
    start(13, NULL);
    struct slot *const slot = capture_take_slot(&capture, runner_tid);
    fake_put_u8(fake.leaf + fake.interp.ver.frame.owner, 99);
    ck_assert(capture_ask(&capture, slot));
    ck_assert(wait_done(slot, LONG_NS));
    ck_assert_int_eq(slot->failure, WIRE_FAIL_OWNER);
    ck_assert_uint_eq(counters.retries, CAPTURE_TRIES - 1);
    ck_assert_int_eq(slot->timer, -1);
    end();
}
END_TEST

START_TEST(torn_for_a_moment)
{
    start(13, NULL);
    struct slot *const slot = capture_take_slot(&capture, runner_tid);
    for (unsigned readings = 1; readings < CAPTURE_TRIES; readings++) {
        const uint64_t before = counters.retries;
        mend_at = fake.leaf + fake.interp.ver.frame.owner;
        mend_in = (int)readings;
        fake_put_u8(mend_at, 99);
        ck_assert(capture_ask(&capture, slot));
        ck_assert(wait_done(slot, LONG_NS));
        ck_assert_int_eq(slot->failure, WIRE_FAIL_NONE);
        ck_assert_uint_eq(slot->stack.depth, 2);
        ck_assert_uint_eq(counters.retries - before, readings - 1);
        capture_done(&capture, slot);
    }
    end();
}
END_TEST

START_TEST(blocked_signal)
{
    sigset_t set;
    sigfillset(&set);
    start(13, &set);
    struct slot *const slot = capture_take_slot(&capture, runner_tid);
    ck_assert(capture_ask(&capture, slot));
    ck_assert(!wait_done(slot, 50000000));
    end();
}
END_TEST

/* Without SIGSEGV a load that faults would be the end: it says so instead of trying. */
START_TEST(blocked_segv)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    start(13, &set);
    struct slot *const slot = capture_take_slot(&capture, runner_tid);
    ck_assert(capture_ask(&capture, slot));
    ck_assert(wait_done(slot, LONG_NS));
    ck_assert(slot->blocked_segv);
    ck_assert_uint_eq(slot->stack.depth, 0);
    end();
}
END_TEST

START_TEST(left_python)
{
    start(13, NULL);
    struct slot *const slot = capture_take_slot(&capture, runner_tid);
    fake_put(fake.tstate + fake.interp.ver.thread.thread_id, 1); /* now another thread's */
    ck_assert(capture_ask(&capture, slot));
    ck_assert(wait_done(slot, LONG_NS));
    ck_assert_int_eq(slot->failure, WIRE_FAIL_NONE);
    ck_assert_uint_eq(slot->stack.depth, 0);
    end();
}
END_TEST

/* Signals of the program's own with the same number, and forged ones, are not ours. */
START_TEST(strange_signals)
{
    start(13, NULL);
    const union sigval values[] = {
        {.sival_ptr = NULL},
        {.sival_ptr = &capture.slots[1].tid},
        {.sival_ptr = &capture.slots[capture.n_slots]},
        {.sival_ptr = (char *)capture.slots - sizeof(struct slot)},
    };
    for (unsigned i = 0; i < 4; i++)
        pthread_sigqueue(thread, capture.signo, values[i]);
    pthread_kill(thread, capture.signo);
    const uint64_t until = clock_now() + LONG_NS;
    while (atomic_load(&strangers) < 5 && clock_now() < until)
        continue;
    ck_assert_uint_eq(strangers, 5);
    end();
}
END_TEST

START_TEST(slots_run_out_and_come_back)
{
    start(13, NULL);
    struct slot *slot = NULL;
    for (uint32_t i = 0; i < capture.n_slots; i++)
        ck_assert_ptr_nonnull(slot = capture_take_slot(&capture, 1));
    ck_assert_ptr_null(capture_take_slot(&capture, 1));
    capture_give_slot(&capture, slot);
    ck_assert_ptr_eq(capture_take_slot(&capture, 1), slot);
    end();
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("capture");
    TCase *const tcase = tcase_create("capture");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, answers, 8, 16);
    tcase_add_test(tcase, torn_for_good);
    tcase_add_test(tcase, torn_for_a_moment);
    tcase_add_test(tcase, blocked_signal);
    tcase_add_test(tcase, blocked_segv);
    tcase_add_test(tcase, left_python);
    tcase_add_test(tcase, strange_signals);
    tcase_add_test(tcase, slots_run_out_and_come_back);
    suite_add_tcase(suite, tcase);
    fake_catch_faults();
    SRunner *const runner_ = srunner_create(suite);
    srunner_run_all(runner_, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner_);
    srunner_free(runner_);
    return failed == 0 ? 0 : 1;
}
