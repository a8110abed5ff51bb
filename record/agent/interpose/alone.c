/* SPDX-License-Identifier: MIT */
#include "alone.h"
#include "interpose.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define NAMESPACES_ALONE (CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

typedef long syscall_fn(long number, long a, long b, long c, long d, long e, long f);

static struct alone {
    bool (*before)(enum alone_call call);
    void (*after)(enum alone_call call, bool is_done);
} alone;

/* libc's syscall(), in every process: what returns twice must not return through us. */
__attribute__((visibility("hidden"))) syscall_fn *alone_next;

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(alone_next, "syscall");
}

/* For calls that come before that, and our own. */
static long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    result = x0;
#endif
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

/* ---- what is asked for ---- */

/* Could this filter end whoever makes a call? One that only refuses calls harms nobody. */
static bool filter_kills(const struct sock_fprog *program)
{
    for (unsigned i = 0; i < program->len; i++) {
        const struct sock_filter *const at = &program->filter[i];
        if (BPF_CLASS(at->code) != BPF_RET)
            continue;
        const uint32_t action = at->k & SECCOMP_RET_ACTION_FULL;
        if (BPF_RVAL(at->code) != BPF_K ||
            (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_ERRNO &&
             action != SECCOMP_RET_LOG))
            return true;
    }
    return false;
}

static bool filter_look(const struct sock_fprog *program, bool is_shared, enum alone_call *call)
{
    if (program == NULL || program->filter == NULL || !filter_kills(program))
        return false; /* libc's way to ask whether the kernel knows of filters; or harmless */
    *call = is_shared ? ALONE_FILTER_SHARED : ALONE_FILTER;
    return true;
}

/* Is it one of those that `alone` is about? */
static bool call_look(long number, long a, long b, long c, enum alone_call *call)
{
    switch (number) {
    case SYS_unshare:
        *call = ALONE_NAMESPACE;
        return (a & NAMESPACES_ALONE) != 0;
    case SYS_setns: /* of what kind it is, the descriptor says; and a file system's must be unshared
                     */
        *call = ALONE_NAMESPACE;
        return b == 0 || (b & (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWTIME)) != 0;
    case SYS_prctl:
        *call = ALONE_FILTER;
        return a == PR_SET_SECCOMP && (b == SECCOMP_MODE_STRICT ||
                                       (b == SECCOMP_MODE_FILTER &&
                                        filter_look((const struct sock_fprog *)c, false, call)));
    case SYS_seccomp:
        *call = ALONE_FILTER;
        return a == SECCOMP_SET_MODE_STRICT ||
               (a == SECCOMP_SET_MODE_FILTER &&
                filter_look((const struct sock_fprog *)c, b & SECCOMP_FILTER_FLAG_TSYNC, call));
    default:
        return false;
    }
}

/* ---- what the program calls ---- */

__attribute__((visibility("hidden"))) long alone_call_make(long number, long a, long b, long c,
                                                           long d, long e, long f);
long alone_call_make(long number, long a, long b, long c, long d, long e, long f)
{
    enum alone_call call;
    const int saved = errno;
    const bool is_told =
        alone.before != NULL && call_look(number, a, b, c, &call) && alone.before(call);
    errno = saved;
    const long result = kernel_call(number, a, b, c, d, e, f);
    if (is_told) {
        const int error = errno;
        alone.after(call, result == 0);
        errno = error;
    }
    return result;
}

EXPORT int unshare(int flags)
{
    return (int)alone_call_make(SYS_unshare, flags, 0, 0, 0, 0, 0);
}

EXPORT int setns(int fd, int kind)
{
    return (int)alone_call_make(SYS_setns, fd, kind, 0, 0, 0, 0);
}

EXPORT int prctl(int option, ...)
{
    va_list more;
    va_start(more, option);
    const long a = va_arg(more, long), b = va_arg(more, long);
    const long c = va_arg(more, long), d = va_arg(more, long);
    va_end(more);
    return (int)alone_call_make(SYS_prctl, option, a, b, c, d, 0);
}

/*
 * libc's syscall() is jumped to, but for those four: some calls return twice, on another stack, or
 * to a caller whose frame must be as it is. The words are where a function of seven has them.
 */
#if defined(__x86_64__)
_Static_assert(SYS_prctl == 157 && SYS_unshare == 272 && SYS_setns == 308 && SYS_seccomp == 317,
               "the numbers below");
__asm__(".text\n"
        ".globl syscall\n.type syscall,@function\n"
        ".p2align 4\n"
        "syscall:\n"
        "    endbr64\n"
        "    cmpq $157, %rdi\n    je 1f\n"
        "    cmpq $272, %rdi\n    je 1f\n"
        "    cmpq $308, %rdi\n    je 1f\n"
        "    cmpq $317, %rdi\n    je 1f\n"
        "    movq alone_next(%rip), %rax\n"
        "    testq %rax, %rax\n    jz 1f\n"
        "    jmp *%rax\n"
        "1:  jmp alone_call_make\n"
        ".size syscall, . - syscall\n");
#else
_Static_assert(SYS_prctl == 167 && SYS_unshare == 97 && SYS_setns == 268 && SYS_seccomp == 277,
               "the numbers below");
__asm__(".text\n"
        ".globl syscall\n.type syscall,%function\n"
        ".p2align 4\n"
        "syscall:\n"
        "    hint #34\n" /* bti c */
        "    cmp x0, #167\n    b.eq 1f\n"
        "    cmp x0, #97\n    b.eq 1f\n"
        "    cmp x0, #268\n    b.eq 1f\n"
        "    cmp x0, #277\n    b.eq 1f\n"
        "    adrp x16, alone_next\n"
        "    ldr x16, [x16, :lo12:alone_next]\n"
        "    cbz x16, 1f\n"
        "    br x16\n"
        "1:  b alone_call_make\n"
        ".size syscall, . - syscall\n");
#endif

void alone_watch(bool (*before)(enum alone_call call),
                 void (*after)(enum alone_call call, bool is_done))
{
    alone.before = before;
    alone.after = after;
}
