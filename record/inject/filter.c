/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "record/kernel/procfs.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#define FILTERS_MAX 64 /* one upon the other */
#define WORDS       16 /* BPF_MEMWORDS */

/* ---- our calls ---- */

struct call {
    const char *name;
    uint32_t number;
    bool is_vital; /* without it nothing goes on: refusing it is as bad as ending us */
    uint64_t arguments[6];
};

#define CALL(name, ...)                                                                            \
    {                                                                                              \
#name, SYS_##name, false,                                                                  \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define VITAL(name, ...)                                                                           \
    {                                                                                              \
#name, SYS_##name, true,                                                                   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/*
 * Those of stub.S, of libc where threads are made and libraries loaded, and of the agent; with the
 * numbers that filters are known to look at, and 0 for addresses.
 */
static const struct call calls[] = {
    VITAL(mmap, 0, 0x440000, 3, 0x104022, -1u),
    VITAL(mmap, 0, 0x40000, 0, 0x20022, -1u),
    VITAL(mmap, 0, 0x1000, 1, 0x802),
    VITAL(mmap, 0, 0x1000, 5, 0x812),
    VITAL(munmap, 0, 0x1000),
    VITAL(mprotect, 0, 0x1000, 3),
    VITAL(mprotect, 0, 0x1000, 1),
    VITAL(rt_sigprocmask, 2, 0, 0, 8),
    VITAL(clone, 0x50f00),
    VITAL(clone, 0x3d0f00),
    VITAL(futex, 0, 0, 0),
    VITAL(futex, 0, 0x80),
    VITAL(futex, 0, 0x81),
    VITAL(futex, 0, 0x109),
    VITAL(futex, 0, 0x189),
    VITAL(exit, 0),
    VITAL(gettid, 0),
    VITAL(arch_prctl, 0x1002),
    VITAL(read, 0),
    VITAL(write, 0),
    VITAL(close, 0),
    VITAL(openat, -100ull, 0, 0x80000),
    VITAL(process_vm_readv, 0),
    VITAL(memfd_create, 0, 3),
    VITAL(ftruncate, 0),
    VITAL(fcntl, 0, 1033, 0),
    VITAL(socket, 1, 0x80805),
    VITAL(connect, 0),
    VITAL(getsockopt, 0, 1, 17),
    VITAL(sendmsg, 0, 0, 0x4000),
    VITAL(recvfrom, 0, 0, 1, 0x42),
    CALL(close_range, 0, 0xffffffff, 2),
    CALL(unshare, 0x400),
    CALL(clone3, 0),
    CALL(set_robust_list, 0, 24),
    CALL(rseq, 0, 32),
    CALL(set_tid_address, 0),
    CALL(madvise, 0, 0x1000, 4),
    CALL(mremap, 0),
    CALL(brk, 0),
    CALL(memfd_create, 0, 0x11),
    CALL(memfd_create, 0, 1),
    CALL(mmap, 0, 0x210000, 3, 1),
    CALL(open, 0, 0x80000),
    CALL(stat, 0),
    CALL(fstat, 0),
    CALL(lstat, 0),
    CALL(newfstatat, -100ull),
    CALL(access, 0),
    CALL(faccessat, -100ull),
    CALL(pread64, 0),
    CALL(lseek, 0),
    CALL(readlink, 0),
    CALL(readlinkat, -100ull),
    CALL(getcwd, 0),
    CALL(getdents64, 0),
    CALL(getpid, 0),
    CALL(getppid, 0),
    CALL(getuid, 0),
    CALL(geteuid, 0),
    CALL(getgid, 0),
    CALL(getegid, 0),
    CALL(getrandom, 0),
    CALL(getrlimit, 3),
    CALL(prlimit64, 0, 3),
    CALL(uname, 0),
    CALL(kill, 0, 0),
    CALL(tgkill, 0, 0, 0),
    CALL(prctl, 15),
    CALL(prctl, 16),
    CALL(prctl, 21),
    CALL(prctl, 35),
    CALL(rt_sigaction, 34),
    CALL(sigaltstack, 0),
    CALL(clock_gettime, 1),
    CALL(clock_gettime, 2),
    CALL(clock_getres, 1),
    CALL(nanosleep, 0),
    CALL(clock_nanosleep, 1, 1),
    CALL(restart_syscall, 0),
    CALL(sched_yield, 0),
    CALL(sched_getaffinity, 0),
    CALL(sched_setaffinity, 0),
    CALL(sched_getscheduler, 0),
    CALL(sched_getparam, 0),
    CALL(sched_setscheduler, 0),
    CALL(sched_getattr, 0),
    CALL(fstatfs, 0),
    CALL(sched_setattr, 0),
    CALL(getpriority, 0),
    CALL(setpriority, 0),
    CALL(getcpu, 0),
    CALL(gettimeofday, 0),
    CALL(poll, 0),
    CALL(ppoll, 0),
    CALL(eventfd2, 0),
    CALL(membarrier, 0),
    CALL(dup, 0),
    CALL(dup3, 0),
    CALL(shutdown, 0),
    CALL(sendto, 0),
    CALL(recvmsg, 0),
    CALL(fadvise64, 0),
};

/* ---- a program ---- */

struct machine {
    uint32_t a, x, memory[WORDS];
};

static uint32_t operate(uint16_t code, uint32_t a, uint32_t b, bool *is_wrong)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        *is_wrong |= b == 0;
        return b != 0 ? a / b : 0;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return a << (b & 31);
    case BPF_RSH:
        return a >> (b & 31);
    case BPF_NEG:
        return 0u - a;
    default:
        *is_wrong = true;
        return 0;
    }
}

static bool jumps(uint16_t code, uint32_t a, uint32_t b, bool *is_wrong)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    case BPF_JSET:
        return (a & b) != 0;
    default:
        *is_wrong = true;
        return false;
    }
}

/* LD and LDX. */
static uint32_t load(const struct machine *machine, const struct sock_filter *at,
                     const struct seccomp_data *call, bool *is_wrong)
{
    uint32_t word = 0;
    switch (BPF_MODE(at->code)) {
    case BPF_IMM:
        return at->k;
    case BPF_LEN:
        return sizeof *call;
    case BPF_MEM:
        *is_wrong |= at->k >= WORDS;
        return at->k < WORDS ? machine->memory[at->k] : 0;
    case BPF_ABS:
        if (BPF_CLASS(at->code) == BPF_LD && BPF_SIZE(at->code) == BPF_W && at->k % 4 == 0 &&
            at->k < sizeof *call) {
            memcpy(&word, (const char *)call + at->k, sizeof word);
            return word;
        }
        break;
    default:
        break;
    }
    *is_wrong = true;
    return 0;
}

/* One that is neither a jump nor the end. */
static void step(struct machine *machine, const struct sock_filter *at,
                 const struct seccomp_data *call, bool *is_wrong)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
        machine->a = load(machine, at, call, is_wrong);
        break;
    case BPF_LDX:
        machine->x = load(machine, at, call, is_wrong);
        break;
    case BPF_ST:
    case BPF_STX:
        *is_wrong |= at->k >= WORDS;
        if (at->k < WORDS)
            machine->memory[at->k] = BPF_CLASS(at->code) == BPF_ST ? machine->a : machine->x;
        break;
    case BPF_ALU:
        machine->a = operate(at->code, machine->a, BPF_SRC(at->code) == BPF_X ? machine->x : at->k,
                             is_wrong);
        break;
    default: /* BPF_MISC */
        if (BPF_MISCOP(at->code) == BPF_TAX)
            machine->x = machine->a;
        else
            machine->a = machine->x;
    }
}

uint32_t filter_run(const struct sock_filter *program, size_t n, const struct seccomp_data *call)
{
    struct machine machine = {.a = 0};
    bool is_wrong = false;
    for (size_t i = 0; i < n && !is_wrong; i++) { /* jumps lead forward only */
        const struct sock_filter *const at = &program[i];
        const uint32_t other = BPF_SRC(at->code) == BPF_X ? machine.x : at->k;
        if (BPF_CLASS(at->code) == BPF_RET)
            return BPF_RVAL(at->code) == BPF_A ? machine.a : at->k;
        if (BPF_CLASS(at->code) != BPF_JMP)
            step(&machine, at, call, &is_wrong);
        else if (BPF_OP(at->code) == BPF_JA)
            i += at->k;
        else
            i += jumps(at->code, machine.a, other, &is_wrong) ? at->jt : at->jf;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static bool is_harmless(const struct call *call, uint32_t answer)
{
    const uint32_t action = answer & SECCOMP_RET_ACTION_FULL;
    if (action != SECCOMP_RET_ERRNO)
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
    /* libc makes threads by the older call where this one is not there, and only then */
    if (call->number == SYS_clone3)
        return (answer & SECCOMP_RET_DATA) == ENOSYS;
    return !call->is_vital;
}

const char *filter_objects(const struct sock_filter *program, size_t n)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct seccomp_data data = {.nr = (int)calls[i].number, .arch = AUDIT_ARCH_X86_64};
        memcpy(data.args, calls[i].arguments, sizeof data.args);
        if (!is_harmless(&calls[i], filter_run(program, n, &data)))
            return calls[i].name;
    }
    return NULL;
}

/* False only where the kernel says so. */
static bool has_filter(pid_t tid)
{
    char status[4096];
    uint64_t mode;
    return procfs_read(status, sizeof status, "/proc/%d/status", tid) <= 0 ||
           !procfs_status_number(status, "Seccomp", 10, &mode) || mode != 0;
}

enum filter_answer filter_look(pid_t tid, const char **call)
{
    struct sock_filter program[FILTER_STEPS];
    for (unsigned long i = 0; i < FILTERS_MAX; i++) {
        const long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, i, program);
        if (n < 0) /* behind the last one, or there is none at all: each thread has its own */
            return errno == ENOENT || (i == 0 && !has_filter(tid)) ? FILTER_PASSES
                                                                   : FILTER_UNREADABLE;
        *call = filter_objects(program, (size_t)n);
        if (*call != NULL)
            return FILTER_OBJECTS;
    }
    return FILTER_UNREADABLE;
}
