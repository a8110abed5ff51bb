/* SPDX-License-Identifier: MIT */
/*
 * tick_cost - make ticks of one kind, for valgrind and strace to count.
 *
 * usage: tick_cost KIND      see tests/bench/tick.py
 *
 * The sampler is the real one; the interpreter it looks at is made up (tests/unit/support), and so
 * are the clocks: which thread has run since the tick before is decided here, and each reading is
 * the same in every run. Threads are real ones that sleep, so that the kernel can be asked about
 * them. System calls are made as ever: one for each CPU clock that is read; a thread is asked by
 * the call that does it, with a signal number that sends nothing, and what its handler would do is
 * done between two ticks.
 *
 * Each tick is made by a function named after its kind, which is what callgrind is told to count;
 * for strace, writing to descriptor -1 says where the ticks of a kind begin and end.
 */
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "record/agent/sample/sampler.h"
#include "tests/unit/support/fake_interp.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define MINOR                12 /* of the made-up interpreter */
#define TICKS                100u
#define WARM_TICKS           20u /* threads that do not run are cold by then */
#define INTERVAL_NS          1000000u
#define READING_NS           50u
#define MANY                 300u /* threads */
#define POOL                 (MANY + TICKS + WARM_TICKS)
#define INDEX_LEN            4096u
#define TSTATE_LEN           1024u
#define THREAD_STACK         (64u << 10)
#define RAN_NS               100000u
#define OWN_NS               1000u
#define FUNCTIONS            4u
#define DEEP                 300u
#define DEPTH                10u
#define GIL_WORD             16u /* where a thread waits inside the GIL's struct */
#define CPU_CLOCK_TID(clock) ((int32_t) ~((clock) >> 3))

/* A sleeping thread that stands for one of Python's. */
struct sleeper {
    pthread_t pthread;
    const uint32_t *word; /* that it waits at */
    _Atomic int32_t tid;
    uint64_t cpu_ns;
    uint64_t moves_ns; /* with each reading: it is on a CPU */
};

static struct {
    struct fake fake;
    struct codes codes;
    struct capture capture;
    struct threads threads;
    struct wire_writer writer;
    struct thread_names names;
    struct labels labels;
    struct ring ring, other_end;
    struct sampler sampler;
    struct wire_head *head;
    struct sleeper pool[POOL];
    uintptr_t tstates[POOL];
    uint32_t n_threads;        /* of the pool, that Python knows of */
    uint16_t index[INDEX_LEN]; /* hash of tid -> number in the pool + 1 */
    uint64_t now_ns, own_ns, process_ns;
    pthread_t self; /* whom pthread_self() names; 0 = who calls */
    uintptr_t codes_made[FUNCTIONS];
    uintptr_t leaf, top; /* of the chain, before the leaf that changes */
    _Atomic uint32_t wake;
    uint32_t word;
} made;

/* ---- what is made up ---- */

uint64_t __real_clocks_ns(clockid_t clock);
uint64_t __wrap_clocks_ns(clockid_t clock);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
pthread_t __real_pthread_self(void);
pthread_t __wrap_pthread_self(void);
int __wrap_signals_number(void);

static uint32_t index_first(int32_t tid)
{
    return (uint32_t)tid % INDEX_LEN;
}

static struct sleeper *sleeper_of(int32_t tid)
{
    uint32_t at = index_first(tid);
    for (; made.index[at] != 0; at = (at + 1) % INDEX_LEN)
        if (made.pool[made.index[at] - 1].tid == tid)
            return &made.pool[made.index[at] - 1];
    abort();
}

static void sleeper_runs(struct sleeper *one, uint64_t ns)
{
    one->cpu_ns += ns;
    made.process_ns += ns;
}

static void sampler_runs(uint64_t ns)
{
    made.own_ns += ns;
    made.process_ns += ns;
}

static uint64_t clock_made(clockid_t clock)
{
    if (clock == CLOCK_MONOTONIC)
        return made.now_ns += READING_NS;
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return made.own_ns;
    if (clock == CLOCK_PROCESS_CPUTIME_ID)
        return made.process_ns;
    struct sleeper *const one = sleeper_of(CPU_CLOCK_TID(clock));
    sleeper_runs(one, one->moves_ns);
    return one->cpu_ns;
}

uint64_t __wrap_clocks_ns(clockid_t clock)
{
    (void)__real_clocks_ns(clock == CLOCK_MONOTONIC ? clock : CLOCK_THREAD_CPUTIME_ID);
    return clock_made(clock);
}

long __wrap_syscall(long number, ...)
{
    long at[6];
    va_list list;
    va_start(list, number);
    for (unsigned i = 0; i < 6; i++)
        at[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_rt_tgsigqueueinfo)
        at[2] = 0; /* is it there? */
    return __real_syscall(number, at[0], at[1], at[2], at[3], at[4], at[5]);
}

pthread_t __wrap_pthread_self(void)
{
    return made.self != 0 ? made.self : __real_pthread_self();
}

int __wrap_signals_number(void)
{
    return SIGRTMAX - 3;
}

/* Asked for once a second, and not in a tick. */
bool link_lost(struct link *link)
{
    (void)link;
    return false;
}

static void *tstate_current(void)
{
    return (void *)made.fake.tstate;
}

/* ---- threads ---- */

static void *sleeper_main(void *opaque)
{
    struct sleeper *const one = opaque;
    one->tid = (int32_t)__real_syscall(SYS_gettid);
    for (;;)
        __real_syscall(SYS_futex, one->word, FUTEX_WAIT, 0, NULL, NULL, 0);
    return NULL;
}

static bool is_asleep(const struct sleeper *one)
{
    struct standing_files files = STANDING_NO_FILES;
    const struct standing standing =
        standing_of_thread(&made.sampler.tasks, one->tid, &files, false);
    return standing.kind != STANDING_READY && standing.kind != STANDING_UNKNOWN;
}

static void pool_start(uint32_t n)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    for (uint32_t i = 0; i < n; i++) {
        struct sleeper *const one = &made.pool[i];
        if (one->word == NULL)
            one->word = &made.word;
        if (pthread_create(&one->pthread, &attr, sleeper_main, one) != 0) {
            fprintf(stderr, "tick_cost: no thread can be made\n");
            exit(1);
        }
        while (one->tid == 0 || !is_asleep(one))
            usleep(100);
        uint32_t at = index_first(one->tid);
        while (made.index[at] != 0)
            at = (at + 1) % INDEX_LEN;
        made.index[at] = (uint16_t)(i + 1);
    }
}

/* Python has one thread more: a tstate at the head of its list. */
static void thread_add(void)
{
    const struct pyver *const ver = &made.fake.interp.ver;
    const uintptr_t head = fake_get(made.fake.state + ver->interp.threads_head);
    const uint32_t i = made.n_threads++;
    const struct sleeper *const one = &made.pool[i];
    const uintptr_t at = i == 0 ? made.fake.tstate : (uintptr_t)calloc(1, TSTATE_LEN);
    made.tstates[i] = at;
    fake_put(at + ver->thread.interp, made.fake.state);
    fake_put(at + ver->thread.id, i + 1);
    fake_put(at + ver->thread.native_id, (uint64_t)one->tid);
    fake_put(at + ver->thread.thread_id, (uint64_t)one->pthread);
    if (i == 0)
        return;
    const uintptr_t root = at + ver->thread.root_cframe; /* runs nothing */
    fake_put(at + ver->thread.frame, root);
    fake_put(at + ver->thread.next, head);
    fake_put(head + ver->thread.prev, at);
    fake_put(made.fake.state + ver->interp.threads_head, at);
}

/* ---- the stack of the first thread ---- */

static uintptr_t chunk_top(void)
{
    return made.fake.tstate + made.fake.interp.ver.thread.chunk_top;
}

static void stack_make(uint32_t depth)
{
    fake_enter(&made.fake);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%u", i);
        made.codes_made[i] = fake_code(&made.fake, name, "made.py", (int)i * 10 + 1, 0);
    }
    for (uint32_t i = 0; i + 1 < depth; i++)
        fake_push(&made.fake, made.codes_made[i % 2], 5);
    made.leaf = made.fake.leaf;
    made.top = fake_get(chunk_top());
    fake_push(&made.fake, made.codes_made[2], 5);
}

/* Another function at the top of the stack. */
static void leaf_change(uintptr_t code)
{
    made.fake.leaf = made.leaf;
    fake_put(chunk_top(), made.top);
    fake_push(&made.fake, code, 7);
}

/* ---- ticks ---- */

/* What the handler would do of the first thread, if that was asked. */
static void thread_answer(void)
{
    ucontext_t context;
    struct slot *const slot = made.threads.n > 0 ? made.threads.list[0].slot : NULL;
    if (slot == NULL || slot->state != SLOT_ASKED)
        return;
    memset(&context, 0, sizeof(context));
#if defined(__x86_64__)
    context.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)thread_answer; /* in no system call */
#endif
    made.self = made.pool[0].pthread;
    capture_answer(&made.capture, slot, &context);
    made.self = 0;
}

/* The kinds: what happens before tick number i. */
static void kind_rest(uint32_t i)
{
    (void)i;
}

static void kind_waits(uint32_t i)
{
    (void)i;
    sleeper_runs(&made.pool[0], RAN_NS);
}

static void kind_computes(uint32_t i)
{
    (void)i;
    sleeper_runs(&made.pool[0], RAN_NS);
    made.pool[0].moves_ns = RAN_NS / 100;
}

static void kind_leaf(uint32_t i)
{
    kind_computes(i);
    leaf_change(made.codes_made[2 + i % 2]);
}

/* It stands still when it is looked at. */
static void kind_other_leaf(uint32_t i)
{
    kind_waits(i);
    leaf_change(made.codes_made[2 + i % 2]);
}

static void function_enter(uint32_t i)
{
    char name[16];
    snprintf(name, sizeof(name), "new%03u", i);
    leaf_change(fake_code(&made.fake, name, "made.py", (int)i + 100, 0));
}

static void kind_function(uint32_t i)
{
    kind_computes(i);
    function_enter(i);
}

static void kind_other_function(uint32_t i)
{
    kind_waits(i);
    function_enter(i);
}

static void kind_thread(uint32_t i)
{
    (void)i;
    thread_add();
}

/* One function each, so that callgrind can tell them apart; tick.py has the words. */
#define TICK_OF(kind)                                                                              \
    __attribute__((noinline)) static void tick_of_##kind(uint64_t now_ns)                          \
    {                                                                                              \
        sampler_tick(&made.sampler, now_ns);                                                       \
        __asm__ volatile("" ::: "memory");                                                         \
    }
TICK_OF(rest)
TICK_OF(waits)
TICK_OF(gil)
TICK_OF(computes)
TICK_OF(leaf)
TICK_OF(function)
TICK_OF(deep)
TICK_OF(many)
TICK_OF(thread)
TICK_OF(attached)
TICK_OF(attached_leaf)
TICK_OF(attached_function)
TICK_OF(attached_deep)
TICK_OF(attached_many)

static const struct kind {
    const char *name;
    void (*tick)(uint64_t now_ns);
    void (*before)(uint32_t i);
    uint32_t depth, n_threads;
    uint32_t state; /* in which the first thread is found */
    bool attached;
} kinds[] = {
    {"rest", tick_of_rest, kind_rest, DEPTH, 1, 0, false},
    {"waits", tick_of_waits, kind_waits, DEPTH, 1, 0, false},
    {"gil", tick_of_gil, kind_waits, DEPTH, 1, WIRE_WAITS_GIL, false},
    {"computes", tick_of_computes, kind_computes, DEPTH, 1, WIRE_ON_CPU, false},
    {"leaf", tick_of_leaf, kind_leaf, DEPTH, 1, WIRE_ON_CPU, false},
    {"function", tick_of_function, kind_function, DEPTH, 1, WIRE_ON_CPU, false},
    {"deep", tick_of_deep, kind_leaf, DEEP, 1, WIRE_ON_CPU, false},
    {"many", tick_of_many, kind_rest, DEPTH, MANY, 0, false},
    {"thread", tick_of_thread, kind_thread, DEPTH, 1, 0, false},
    {"attached", tick_of_attached, kind_waits, DEPTH, 1, 0, true},
    {"attached_leaf", tick_of_attached_leaf, kind_other_leaf, DEPTH, 1, 0, true},
    {"attached_function", tick_of_attached_function, kind_other_function, DEPTH, 1, 0, true},
    {"attached_deep", tick_of_attached_deep, kind_other_leaf, DEEP, 1, 0, true},
    {"attached_many", tick_of_attached_many, kind_rest, DEPTH, MANY, 0, true},
};

static void sampler_make(void)
{
    struct wire_head *const head = made.head;
    head->interval_ns = INTERVAL_NS;
    head->origin_ns = made.now_ns;
    ring_init(&made.ring, head, (uint8_t *)head + WIRE_HEAD_LEN, WIRE_RING_LEN);
    ring_init(&made.other_end, head, (uint8_t *)head + WIRE_HEAD_LEN, WIRE_RING_LEN);
    made.writer.ring = &made.ring;
    made.writer.counters = &head->counters;
    made.capture.labels = made.writer.labels = &made.labels;
    made.capture.counters = &head->counters;
    made.capture.pid = getpid();
    made.sampler = (struct sampler){
        .interp = &made.fake.interp,
        .codes = &made.codes,
        .capture = &made.capture,
        .threads = &made.threads,
        .writer = &made.writer,
        .names = &made.names,
        .labels = &made.labels,
        .head = head,
        .interval_ns = head->interval_ns,
        .origin_ns = head->origin_ns,
        .number = UINT64_MAX,
        .signals = true,
        .tasks = {.fd = -1},
        .wake = &made.wake,
    };
    affinity_init(&made.sampler.affinity, false);
    made.sampler.affinity.rseq = 0; /* on which CPU somebody is would be another one in each run */
    pace_init(&made.sampler.pace, 0, INTERVAL_NS);
    standing_open(&made.sampler.tasks, false);
}

/* As in entry.c. */
static void attach(void)
{
    if (careful_begin() != 0)
        abort();
    peek_be_careful();
    made.head->flags |= WIRE_ATTACHED | WIRE_NO_SIGNALS;
    made.sampler.signals = false;
}

static void process_make(const struct kind *kind)
{
    struct interp *const interp = &made.fake.interp;
    fake_new(&made.fake, MINOR);
    interp->call.own_tstate = interp->call.current_tstate = tstate_current;
    stack_make(kind->depth);
    made.head = calloc(1, WIRE_MEMORY_LEN);
    if (made.head == NULL || !codes_init(&made.codes, interp) ||
        !capture_init(&made.capture, interp, &made.codes, 1024) ||
        !threads_init(&made.threads, interp) ||
        !wire_writer_init(&made.writer, &made.codes, 1024) || !labels_init(&made.labels, interp))
        abort();
    thread_names_init(&made.names, interp);
    made.now_ns = 1000000000;
    sampler_make();
    if (kind->attached)
        attach();
    if (kind->state == WIRE_WAITS_GIL)
        made.pool[0].word = (const uint32_t *)(interp_gil(interp, made.fake.state) + GIL_WORD);
    pool_start(kind->n_threads + (kind->before == kind_thread ? WARM_TICKS + TICKS : 0));
    while (made.n_threads < kind->n_threads)
        thread_add();
}

/* What was written is nobody's; a tick in which the ring is full is none. */
static uint64_t ring_empty(void)
{
    static uint8_t record[WIRE_RECORD_MAX];
    uint64_t n = 0;
    while (ring_take(&made.other_end, record) > 0)
        n++;
    ring_release(&made.other_end);
    return n;
}

static void mark(const char *what)
{
    if (write(-1, what, strlen(what)) >= 0)
        abort();
}

static void kind_run(const struct kind *kind)
{
    uint64_t n_records = 0;
    clocks_find();
    process_make(kind);
    for (uint32_t i = 0; i < WARM_TICKS + TICKS; i++) {
        kind->before(i);
        sampler_runs(OWN_NS);
        made.now_ns = made.head->origin_ns + (i + 1) * (uint64_t)INTERVAL_NS;
        if (i < WARM_TICKS) {
            sampler_tick(&made.sampler, made.now_ns);
            ring_empty();
        } else {
            mark("tick");
            kind->tick(made.now_ns);
            mark("over");
            n_records += ring_empty();
        }
        thread_answer();
    }
    const struct wire_counters *const counters = &made.head->counters;
    const uint32_t states = WIRE_WAITS_GIL | WIRE_ON_CPU | WIRE_READY | WIRE_UNKNOWN;
    if (made.threads.n != made.n_threads ||
        (made.threads.list[0].state & states & ~(kind->state & WIRE_ON_CPU ? WIRE_UNKNOWN : 0u)) !=
            kind->state) {
        fprintf(stderr, "tick_cost: %s: not what it was to be: %u threads, state %#x\n", kind->name,
                made.threads.n, made.threads.list[0].state);
        exit(1);
    }
    printf("%u ticks, %llu records, %llu samples asked for, %llu read from outside\n", TICKS,
           (unsigned long long)n_records, (unsigned long long)counters->samples_asked,
           (unsigned long long)counters->samples_outside);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (argc == 2 && strcmp(argv[1], kinds[i].name) == 0) {
            kind_run(&kinds[i]);
            return 0;
        }
    }
    fprintf(stderr, "usage: tick_cost KIND\n");
    return 2;
}
