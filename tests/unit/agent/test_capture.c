/* SPDX-License-Identifier: MIT */
/* Asking real threads with real signals for the stacks of a fake interpreter. */
#include "record/agent/base/clock.h"
#include "record/agent/sample/capture.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ASK_SIGNO (SIGRTMAX - 3)

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
    struct slot *const slot = capture_slot_of(&capture, info);
    (void)signo;
    if (slot != NULL)
        capture_answer(&capture, slot, context);
    else
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
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_ask;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(ASK_SIGNO, &action, NULL);
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
    struct slot *const slot = capture_take_slot(&capture, runner_tid, (uint64_t)thread);
    for (int round = 0; round < 100; round++) {
        ck_assert(capture_ask(&capture, slot, ASK_SIGNO));
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
    struct slot *const slot = capture_take_slot(&capture, runner_tid, (uint64_t)thread);
    fake_put_u8(fake.leaf + fake.interp.ver.frame.owner, 99);
    ck_assert(capture_ask(&capture, slot, ASK_SIGNO));
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
    struct slot *const slot = capture_take_slot(&capture, runner_tid, (uint64_t)thread);
    for (unsigned readings = 1; readings < CAPTURE_TRIES; readings++) {
        const uint64_t before = counters.retries;
        mend_at = fake.leaf + fake.interp.ver.frame.owner;
        mend_in = (int)readings;
        fake_put_u8(mend_at, 99);
        ck_assert(capture_ask(&capture, slot, ASK_SIGNO));
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
    struct slot *const slot = capture_take_slot(&capture, runner_tid, (uint64_t)thread);
    ck_assert(capture_ask(&capture, slot, ASK_SIGNO));
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
    struct slot *const slot = capture_take_slot(&capture, runner_tid, (uint64_t)thread);
    ck_assert(capture_ask(&capture, slot, ASK_SIGNO));
    ck_assert(wait_done(slot, LONG_NS));
    ck_assert(slot->blocked_segv);
    ck_assert_uint_eq(slot->stack.depth, 0);
    end();
}
END_TEST

START_TEST(left_python)
{
    start(13, NULL);
    struct slot *const slot = capture_take_slot(&capture, runner_tid, (uint64_t)thread);
    fake_put(fake.tstate + fake.interp.ver.thread.thread_id, 1); /* now another thread's */
    ck_assert(capture_ask(&capture, slot, ASK_SIGNO));
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
        pthread_sigqueue(thread, ASK_SIGNO, values[i]);
    pthread_kill(thread, ASK_SIGNO);
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
        ck_assert_ptr_nonnull(slot = capture_take_slot(&capture, 1, 0));
    ck_assert_ptr_null(capture_take_slot(&capture, 1, 0));
    capture_give_slot(&capture, slot);
    ck_assert_ptr_eq(capture_take_slot(&capture, 1, 0), slot);
    end();
}
END_TEST

/*
 * What the sampler does to the list while another thread reads it: here it is done in the moment
 * in which the reader has come to a certain entry, by letting it fault there.
 */
enum { LISTED_MAX = 5 };
static void *trap_page;
static unsigned trap_entries; /* how many there were, .. */
static unsigned trap_kept;    /* .. which of them stays in, .. */
static unsigned trap_moves;   /* .. and which of the others go, and are replaced: bits */

/* Slots [0, n) have room for their frames. */
static void slots_take(uint32_t n)
{
    while (capture.n_used < n)
        ck_assert_ptr_nonnull(capture_take_slot(&capture, 1, 0));
}

static void slot_fill(struct slot *slot, uintptr_t code)
{
    slot->stack.frames[0] = stack_frame_pack(code, 0);
    slot->stack.depth = 1;
    atomic_store(&slot->state, SLOT_DONE);
}

static void list_add(struct slot *slot)
{
    const uint32_t n = atomic_load(&capture.n_asked);
    atomic_store(&capture.asked[n], (uint32_t)(slot - capture.slots));
    atomic_store(&capture.n_asked, n + 1);
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info, (void)context;
    mprotect(trap_page, 4096, PROT_READ | PROT_WRITE);
    for (unsigned i = 0; i < trap_entries; i++) {
        if (i == trap_kept || !(trap_moves & 1u << i))
            continue;
        capture_done(&capture, &capture.slots[i]);
        slot_fill(&capture.slots[LISTED_MAX + i], code_outer);
        list_add(&capture.slots[LISTED_MAX + i]);
    }
}

/* The list [0, n) with `kept` the one that holds the code; the reader is stopped at `at`. */
static void wants_stopped_at(unsigned at)
{
    for (unsigned i = 0; i < trap_entries; i++) {
        slot_fill(&capture.slots[i], i == trap_kept ? code_inner : code_outer);
        list_add(&capture.slots[i]);
    }
    struct stack *const stack = &capture.slots[at].stack;
    uint64_t *const frames = stack->frames;
    memcpy(trap_page, frames, sizeof(*frames));
    stack->frames = trap_page;
    mprotect(trap_page, 4096, PROT_NONE);
    ck_assert_msg(capture_wants(&capture, code_inner), "%u entries, %u kept, stopped at %u, %#x",
                  trap_entries, trap_kept, at, trap_moves);
    mprotect(trap_page, 4096, PROT_READ | PROT_WRITE);
    stack->frames = frames;
    atomic_store(&capture.n_asked, 0);
}

START_TEST(wants_overlooks_nothing)
{
    struct sigaction action;
    start(13, NULL);
    trap_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(trap_page, MAP_FAILED);
    slots_take(2 * LISTED_MAX);
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, NULL);
    for (trap_entries = 2; trap_entries <= LISTED_MAX; trap_entries++)
        for (trap_kept = 0; trap_kept < trap_entries; trap_kept++)
            for (trap_moves = 1; trap_moves < 1u << trap_entries; trap_moves++)
                for (unsigned at = 0; at < trap_entries; at++)
                    wants_stopped_at(at);
    munmap(trap_page, 4096);
    end();
}
END_TEST

/* The same by chance, on two threads: a number of rounds, and at least so many looks that count. */
enum { ROUNDS = 100000, LOOKS = 1000, LONG = 1000 };
static _Atomic uint32_t epoch; /* odd: the one to be found is in the list all the while */
static _Atomic uint32_t looks, overlooked;
static _Atomic bool looker_stop;

static void *looker(void *opaque)
{
    (void)opaque;
    while (!atomic_load(&looker_stop)) {
        const uint32_t before = atomic_load(&epoch);
        const bool is_found = capture_wants(&capture, code_inner);
        if (!(before & 1) || atomic_load(&epoch) != before)
            continue;
        atomic_fetch_add(&looks, 1);
        if (!is_found)
            atomic_fetch_add(&overlooked, 1);
    }
    return NULL;
}

static void wants_round(struct slot *slow, struct slot *kept, struct slot *other)
{
    slot_fill(kept, code_inner);
    atomic_store(&slow->state, SLOT_DONE);
    list_add(slow);
    list_add(kept);
    atomic_fetch_add(&epoch, 1);
    for (int i = 0; i < 4; i++) {
        capture_done(&capture, slow);
        slot_fill(other, code_outer);
        list_add(other);
        capture_done(&capture, other);
        atomic_store(&slow->state, SLOT_DONE);
        list_add(slow);
    }
    atomic_fetch_add(&epoch, 1);
    capture_done(&capture, kept);
    capture_done(&capture, slow);
}

START_TEST(wants_while_the_list_changes)
{
    static uint64_t many[LONG];
    pthread_t looking;
    start(13, NULL);
    slots_take(3);
    struct slot *const slow = &capture.slots[0];
    for (int i = 0; i < LONG; i++)
        many[i] = stack_frame_pack(code_outer, 0);
    slow->stack.frames = many;
    slow->stack.max = slow->stack.depth = LONG;
    ck_assert_int_eq(pthread_create(&looking, NULL, looker, NULL), 0);
    for (int i = 0; i < ROUNDS || atomic_load(&looks) < LOOKS; i++)
        wants_round(slow, &capture.slots[1], &capture.slots[2]);
    atomic_store(&looker_stop, true);
    pthread_join(looking, NULL);
    ck_assert_uint_eq(overlooked, 0);
    end();
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("capture");
    TCase *const tcase = tcase_create("capture");
    tcase_add_loop_test(tcase, answers, 8, 16);
    tcase_add_test(tcase, torn_for_good);
    tcase_add_test(tcase, torn_for_a_moment);
    tcase_add_test(tcase, blocked_signal);
    tcase_add_test(tcase, blocked_segv);
    tcase_add_test(tcase, left_python);
    tcase_add_test(tcase, strange_signals);
    tcase_add_test(tcase, slots_run_out_and_come_back);
    tcase_add_test(tcase, wants_overlooks_nothing);
    tcase_add_test(tcase, wants_while_the_list_changes);
    suite_add_tcase(suite, tcase);
    fake_catch_faults();
    return suite_run(suite);
}
