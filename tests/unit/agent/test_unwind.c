/* SPDX-License-Identifier: MIT */
/* unwind and segments: this process's own stacks against libc's backtrace(), and what is mapped. */
#include "record/agent/native/unwind.h"
#include "tests/unit/agent/guarded_peek.h"
#include "tests/unit/support/suite.h"
#include <alloca.h>
#include <check.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAMES_MAX 256

/* ThreadSanitizer calls handlers later, from code of its own. */
#ifdef __SANITIZE_THREAD__
#define HANDLERS_LATE true
#else
#define HANDLERS_LATE false
#endif

static struct segments segments;
static struct unwinder unwinder;
static struct unwind_frame frames[FRAMES_MAX];
static uint32_t n_frames;
static enum unwind_stop stop;
static void *expected[FRAMES_MAX];
static int n_expected;

static bool maps_read(bool *changed)
{
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    const bool is_read = segments_read(&segments, maps, changed);
    close(maps);
    return is_read;
}

static void start(void)
{
    bool changed = false;
    guarded_peek_set(0, 0);
    ck_assert(segments_init(&segments, NULL));
    ck_assert(unwind_init(&unwinder, &segments));
    ck_assert(backtrace(expected, 1) == 1); /* it loads a library the first time */
    ck_assert(maps_read(&changed));
    ck_assert(changed);
}

/* In DWARF's order. */
static void registers_take(const ucontext_t *context, uint64_t all[CFI_REGISTERS])
{
    static const int order[CFI_REGISTERS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                             REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                             REG_R12, REG_R13, REG_R14, REG_R15};
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        all[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
}

static void on_signal(int signo, siginfo_t *info, void *opaque)
{
    uint64_t all[CFI_REGISTERS];
    const ucontext_t *const context = opaque;
    (void)signo;
    (void)info;
    registers_take(context, all);
    struct unwind_regs regs = {.pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP],
                               .sp = all[7],
                               .bp = all[6],
                               .has_bp = true,
                               .is_exact = true,
                               .all = all};
    const uint64_t pc = regs.pc;
    stop = unwind_walk(&unwinder, &regs, frames, FRAMES_MAX, &n_frames);
    void *all_frames[FRAMES_MAX];
    const int n = backtrace(all_frames, FRAMES_MAX);
    int at = 0;
    while (at < n && (uint64_t)all_frames[at] != pc)
        at++;
    n_expected = n - at;
    memcpy(expected, all_frames + at, (size_t)n_expected * sizeof(void *));
}

static void handler_set(int signo, int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | flags;
    sigemptyset(&action.sa_mask);
    ck_assert_int_eq(sigaction(signo, &action, NULL), 0);
}

static void expect_same(int at_least)
{
    ck_assert_int_ge(n_expected, at_least);
    ck_assert_int_eq(stop, UNWIND_END);
    ck_assert_uint_eq(frames[0].pc, (uint64_t)expected[0]);
    for (uint32_t i = 0; i + 1 < n_frames && (int)i + 1 < n_expected; i++)
        ck_assert_msg(frames[i].back == (uint64_t)expected[i + 1],
                      "frame %u: returns to %lx instead of %lx", i, (unsigned long)frames[i].back,
                      (unsigned long)expected[i + 1]);
    ck_assert_int_ge((int)n_frames, n_expected);
    for (uint32_t i = 0; i < n_frames; i++)
        ck_assert(frames[i].cfa > frames[i].sp || i + 1 == n_frames);
}

/* ---- stacks of all kinds ---- */

static void (*volatile bottom)(void);
static volatile unsigned sink;

__attribute__((noinline)) static void with_alloca(unsigned n)
{
    char *volatile room = alloca(n);
    room[0] = 1;
    bottom();
    sink += (unsigned)room[0];
}

__attribute__((noinline)) static void with_alignment(unsigned n)
{
    _Alignas(128) volatile char room[256];
    room[n] = 1;
    with_alloca(n + 40);
    sink += (unsigned)room[n];
}

static bool has_compared;

static int compare(const void *a, const void *b)
{
    if (!has_compared) { /* the first time */
        has_compared = true;
        with_alignment(7);
    }
    return memcmp(a, b, 1);
}

__attribute__((noinline)) static void through_libc(void)
{
    char text[] = "qsort";
    has_compared = false;
    qsort(text, 5, 1, compare);
    sink += (unsigned)text[0];
}

static void raise_it(void)
{
    raise(SIGUSR1);
}

START_TEST(own_stack)
{
    start();
    handler_set(SIGUSR1, 0);
    bottom = raise_it;
    uint64_t loads[2];
    for (volatile int i = 0; i < 2; i++) { /* volatile: one call, not two of them */
        guarded_peek_set(0, 0);
        through_libc();
        expect_same(8);
        loads[i] = guarded_peek_loads();
    }
    /* now all rules are known: the return address and bp are what is loaded */
    ck_assert_uint_gt(loads[0], 4 * n_frames);
    ck_assert_uint_le(loads[1], 2 * n_frames);
}
END_TEST

/* The second signal comes within the handler of the first one, on another stack. */
static void on_first(int signo)
{
    (void)signo;
    bottom();
}

START_TEST(signal_frames)
{
    stack_t stack = {.ss_size = 1 << 16};
    stack.ss_sp = malloc(stack.ss_size);
    start();
    ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
    handler_set(SIGUSR1, 0);
    bottom = raise_it;
    for (int i = 0; i < 2; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof(action));
        action.sa_handler = on_first;
        action.sa_flags = i == 0 ? 0 : SA_ONSTACK;
        ck_assert_int_eq(sigaction(SIGUSR2, &action, NULL), 0);
        raise(SIGUSR2);
        ck_assert_int_eq(stop, UNWIND_END);
        ck_assert_int_ge(n_expected, 8);
        for (uint32_t k = 0; k + 1 < n_frames; k++)
            ck_assert_uint_eq(frames[k].back, (uint64_t)expected[k + 1]);
    }
}
END_TEST

START_TEST(no_file_behind_it)
{
    /* call *%rdi; ret: as a JIT would make it */
    static const uint8_t code[] = {0x48, 0x83, 0xec, 0x08, 0xff, 0xd7,
                                   0x48, 0x83, 0xc4, 0x08, 0xc3};
    start();
    handler_set(SIGUSR1, 0);
    void *const page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(page != MAP_FAILED);
    memcpy(page, code, sizeof(code));
    bool changed;
    ck_assert(maps_read(&changed));
    atomic_store(&segments.is_wanted, false);
    void (*calls)(void (*)(void));
    memcpy(&calls, &page, sizeof(calls));
    calls(raise_it);
    ck_assert_int_eq(stop, UNWIND_UNKNOWN_CODE);
    ck_assert_uint_ge(n_frames, 2);
    ck_assert_uint_eq(frames[n_frames - 1].pc, (uint64_t)page + 5);
    ck_assert(atomic_load(&segments.is_wanted));
}
END_TEST

START_TEST(cannot_go_on)
{
    start();
    uint64_t stack[4] = {0};
    /* where nothing is; a stack that is not there; one that is not a stack */
    struct unwind_regs regs = {.pc = 0x1000, .sp = (uint64_t)stack, .is_exact = true};
    ck_assert_int_eq(unwind_step(&unwinder, &regs, frames), UNWIND_UNKNOWN_CODE);
    regs = (struct unwind_regs){.pc = UINT64_MAX - 4, .sp = (uint64_t)stack, .is_exact = true};
    ck_assert_int_eq(unwind_step(&unwinder, &regs, frames), UNWIND_UNKNOWN_CODE);
    const uint64_t function = (uint64_t)(uintptr_t)raise_it;
    regs = (struct unwind_regs){.pc = function, .sp = 0x1000, .is_exact = true};
    ck_assert_int_eq(unwind_step(&unwinder, &regs, frames), UNWIND_BOUNDS);
    ck_assert_uint_eq(regs.pc, function);
    regs = (struct unwind_regs){.pc = function, .sp = (uint64_t)stack + 1, .is_exact = true};
    ck_assert_int_eq(unwind_step(&unwinder, &regs, frames), UNWIND_BOUNDS);
    regs = (struct unwind_regs){.pc = function, .sp = UINT64_MAX - 7, .is_exact = true};
    ck_assert_int_eq(unwind_step(&unwinder, &regs, frames), UNWIND_BOUNDS);
    regs = (struct unwind_regs){.pc = function, .sp = (uint64_t)stack, .is_exact = true};
    ck_assert_int_eq(unwind_step(&unwinder, &regs, frames), UNWIND_END); /* a return address 0 */
}
END_TEST

/* ---- what is mapped ---- */

static struct segment found;

static bool is_found(const void *function)
{
    return segments_find(&segments, (uint64_t)(uintptr_t)function, &found);
}

START_TEST(knows_its_own)
{
    start();
    ck_assert(is_found((const void *)(uintptr_t)raise_it));
    ck_assert_uint_ne(found.hdr, 0);
    ck_assert_uint_ge(found.hdr, found.low);
    ck_assert_uint_lt(found.hdr, found.high);
    ck_assert_uint_ne(found.inode, 0);
    ck_assert(is_found((const void *)(uintptr_t)qsort));
    ck_assert(!is_found(&found));
    ck_assert(!is_found(NULL));
}
END_TEST

START_TEST(libraries_come_and_go)
{
    bool changed;
    start();
    void *const library = dlopen(LIBRARY, RTLD_NOW);
    ck_assert_ptr_nonnull(library);
    const void *const function = dlsym(library, "library_parent");
    ck_assert(!is_found(function));
    segments_look(&segments, 1);
    ck_assert_msg(is_found(function), "the first time it is wanted anyway");
    segments_look(&segments, UINT64_MAX / 2);
    ck_assert(maps_read(&changed) && !changed);
    /* what is unmapped may be anything a moment later */
    const uint64_t epoch = segments_epoch(&segments);
    segments_unmapped(&segments);
    ck_assert(!is_found((const void *)(uintptr_t)raise_it));
    ck_assert_int_eq(dlclose(library), 0);
    segments_unmapped(&segments);
    ck_assert(maps_read(&changed) && changed);
    ck_assert(is_found((const void *)(uintptr_t)raise_it));
    ck_assert(!is_found(function));
    ck_assert_uint_gt(segments_epoch(&segments), epoch);
}
END_TEST

/* Two files in turn at one address, of which nobody has told us. */
START_TEST(another_one_at_the_address)
{
    bool changed;
    start();
    const size_t size = 1 << 16;
    void *const place = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const char *const files[2] = {"/proc/self/exe", "/lib/x86_64-linux-gnu/libm.so.6"};
    uint64_t inodes[2];
    for (int i = 0; i < 2; i++) {
        const uint64_t epoch = segments_epoch(&segments);
        const int fd = open(files[i], O_RDONLY);
        if (fd < 0)
            return; /* libc is elsewhere on this system */
        ck_assert(mmap(place, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
                  place);
        close(fd);
        ck_assert(maps_read(&changed) && changed);
        ck_assert(is_found(place));
        inodes[i] = found.inode;
        ck_assert_uint_eq(segments_epoch(&segments), epoch + (i == 1));
    }
    ck_assert_uint_ne(inodes[0], inodes[1]);
    munmap(place, size);
}
END_TEST

START_TEST(rare_looks)
{
    start();
    segments_look(&segments, 1);
    uint64_t now = 1, first = 0;
    for (int i = 0; i < 20; i++) { /* always the same JIT */
        segments_miss(&segments);
        now += SEGMENTS_MOST_NS;
        segments_look(&segments, now);
        ck_assert(!atomic_load(&segments.is_wanted));
        if (i == 0)
            first = segments.wait_ns;
    }
    ck_assert_uint_lt(first, segments.wait_ns);
    ck_assert_uint_eq(segments.wait_ns, SEGMENTS_MOST_NS);
    segments_miss(&segments);
    segments_look(&segments, now + SEGMENTS_WAIT_NS);
    ck_assert(atomic_load(&segments.is_wanted)); /* not yet */
}
END_TEST

static void text_read(const char *text, size_t len, bool expected_read, uint32_t expected_n)
{
    bool changed;
    const int fd = memfd_create("maps", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    lseek(fd, 0, SEEK_SET);
    ck_assert_int_eq(segments_read(&segments, fd, &changed), expected_read);
    close(fd);
    if (expected_read)
        ck_assert_uint_eq(segments.lists[atomic_load(&segments.current)].n, expected_n);
}

START_TEST(hostile_lists)
{
    static char text[1 << 20];
    size_t len = 0;
    start();
    text_read("", 0, false, 0);
    ck_assert(is_found((const void *)(uintptr_t)raise_it)); /* the old one stays */
    memset(text, 'a', sizeof(text));
    text_read(text, sizeof(text), false, 0);
    static const char lines[] = "\n1000-2000\n1000-2000 r-xp\nzz-1 r-xp 0 0:0 0\n"
                                "1000-3000 r-xp 00000000 08:01 77   /no such file\n"
                                "fffffffffffffffffffff-2000 r-xp 00000000 08:01 78 /x";
    text_read(lines, sizeof(lines) - 1, true, 1);
    ck_assert(segments_find(&segments, 0x2fff, &found));
    ck_assert_uint_eq(found.hdr, 0);
    for (unsigned i = 1; i <= SEGMENTS_MAX + 10; i++)
        len += (size_t)sprintf(text + len, "%x-%x r-xp 00000000 08:01 %u /f\n", i * 4096,
                               (i + 1) * 4096, i);
    text_read(text, len, true, SEGMENTS_MAX);
}
END_TEST

/* ---- while others ask ---- */

static _Atomic bool is_over;
static _Atomic uint64_t n_asked, n_right;

static void *asks(void *closure)
{
    struct segment segment;
    (void)closure;
    while (!atomic_load(&is_over)) {
        struct rule rule;
        const uint64_t pc = (uint64_t)(uintptr_t)raise_it;
        if (segments_find(&segments, pc, &segment)) {
            const struct cfi_source source = {segment.hdr, segment.low, segment.high};
            atomic_fetch_add(&n_right, cfi_rule(&source, pc, &rule, NULL) && segment.start <= pc &&
                                           pc < segment.end);
            atomic_fetch_add(&n_asked, 1);
        }
    }
    return NULL;
}

START_TEST(read_while_asked)
{
    pthread_t threads[2];
    bool changed;
    start();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, asks, NULL), 0);
    for (int i = 0; i < 300; i++) {
        if (i % 3 == 0)
            segments_unmapped(&segments);
        ck_assert(maps_read(&changed));
    }
    while (atomic_load(&n_asked) == 0)
        continue;
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&n_right), atomic_load(&n_asked));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("unwind");
    TCase *const tc = tcase_create("unwind");
    if (!HANDLERS_LATE) {
        tcase_add_test(tc, own_stack);
        tcase_add_test(tc, signal_frames);
        tcase_add_test(tc, no_file_behind_it);
    }
    tcase_add_test(tc, cannot_go_on);
    tcase_add_test(tc, knows_its_own);
    tcase_add_test(tc, libraries_come_and_go);
    tcase_add_test(tc, another_one_at_the_address);
    tcase_add_test(tc, rare_looks);
    tcase_add_test(tc, hostile_lists);
    tcase_add_test(tc, read_while_asked);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
