/* SPDX-License-Identifier: MIT */
#include "peek.h"
#include "careful.h"
#include <stdatomic.h>

extern _Atomic bool peek_is_careful __attribute__((visibility("hidden")));
_Atomic bool peek_is_careful;

extern const char peek_load[] __attribute__((visibility("hidden")));
extern const char peek_fault[] __attribute__((visibility("hidden")));

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl peek\n.hidden peek\n.type peek,@function\n"
        ".globl peek_load\n.hidden peek_load\n"
        ".globl peek_fault\n.hidden peek_fault\n"
        ".p2align 4\n"
        "peek:\n"
        "    cmpb $0, peek_is_careful(%rip)\n"
        "    jne careful_load\n"
        "peek_load:\n"
        "    movq (%rdi), %rax\n"
        "    ret\n"
        "peek_fault:\n"
        "    movl $1, (%rsi)\n"
        "    xorl %eax, %eax\n"
        "    ret\n"
        ".size peek, . - peek\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl peek\n.hidden peek\n.type peek,%function\n"
        ".globl peek_load\n.hidden peek_load\n"
        ".globl peek_fault\n.hidden peek_fault\n"
        ".p2align 4\n"
        "peek:\n"
        "    adrp x9, peek_is_careful\n"
        "    ldrb w9, [x9, :lo12:peek_is_careful]\n"
        "    cbnz w9, careful_load\n"
        "peek_load:\n"
        "    ldr x0, [x0]\n"
        "    ret\n"
        "peek_fault:\n"
        "    mov w9, #1\n"
        "    str w9, [x1]\n"
        "    mov x0, #0\n"
        "    ret\n"
        ".size peek, . - peek\n");
#else
#error "pyrec knows x86-64 and aarch64"
#endif

void peek_be_careful(void)
{
    atomic_store(&peek_is_careful, true);
}

bool peek_recover(uintptr_t *pc)
{
    if (*pc != (uintptr_t)peek_load)
        return false;
    *pc = (uintptr_t)peek_fault;
    return true;
}

bool peek_bytes(void *to, uintptr_t from, size_t len)
{
    uint8_t *out = to;
    uint32_t bad = 0;
    if (atomic_load_explicit(&peek_is_careful, memory_order_relaxed))
        return careful_bytes(to, from, len);
    while (len > 0) {
        const uint64_t word = peek(from & ~(uintptr_t)7, &bad);
        if (bad)
            return false;
        const unsigned skip = from & 7;
        const size_t n = len < 8 - skip ? len : 8 - skip;
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)(word >> (8 * (skip + i)));
        out += n;
        from += n;
        len -= n;
    }
    return true;
}
