/* SPDX-License-Identifier: MIT */
#include "loader.h"
#include "interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

typedef void *open_fn(const char *name, int flags);
typedef void opening_fn(void);

static _Atomic(opening_fn *) watcher;
static _Atomic(void *) next; /* libc's dlopen */

static void *next_find(void)
{
    void *found = atomic_load_explicit(&next, memory_order_acquire);
    if (found == NULL) {
        found = interpose_next("dlopen");
        atomic_store_explicit(&next, found, memory_order_release);
    }
    return found;
}

/* Where to jump to. */
__attribute__((visibility("hidden"))) void *loader_begin(void);
void *loader_begin(void)
{
    opening_fn *const opening = atomic_load_explicit(&watcher, memory_order_acquire);
    const int saved = errno;
    if (opening != NULL)
        opening();
    void *const found = next_find();
    errno = saved;
    return found;
}

/* The arguments are kept, the stack is as it was; where there is no libc's, nothing is loaded. */
#if defined(__x86_64__)
__asm__(".text\n"
        ".globl dlopen\n.type dlopen,@function\n"
        ".p2align 4\n"
        "dlopen:\n"
        "    endbr64\n"
        "    pushq %rdi\n"
        "    pushq %rsi\n"
        "    subq $8, %rsp\n"
        "    call loader_begin\n"
        "    addq $8, %rsp\n"
        "    popq %rsi\n"
        "    popq %rdi\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    jmp *%rax\n"
        "1:  ret\n"
        ".size dlopen, . - dlopen\n");
#else
__asm__(".text\n"
        ".globl dlopen\n.type dlopen,%function\n"
        ".p2align 4\n"
        "dlopen:\n"
        "    hint #34\n" /* bti c */
        "    stp x29, x30, [sp, #-32]!\n"
        "    stp x0, x1, [sp, #16]\n"
        "    bl loader_begin\n"
        "    mov x16, x0\n"
        "    ldp x0, x1, [sp, #16]\n"
        "    ldp x29, x30, [sp], #32\n"
        "    cbz x16, 1f\n"
        "    br x16\n"
        "1:  mov x0, #0\n"
        "    ret\n"
        ".size dlopen, . - dlopen\n");
#endif

void loader_watch(void (*opening)(void))
{
    atomic_store_explicit(&watcher, opening, memory_order_release);
}

static _Atomic uint64_t unmapped;

const _Atomic uint64_t *loader_unmapped(void)
{
    return &unmapped;
}

/* It does not look at its caller, as dlopen() does. */
EXPORT int dlclose(void *library)
{
    static int (*close)(void *);
    INTERPOSE_FIND(close, "dlclose");
    atomic_fetch_add(&unmapped, 1);
    const int result = close != NULL ? close(library) : -1;
    atomic_fetch_add(&unmapped, 1);
    return result;
}

bool loader_pin(const char *name)
{
    void *const found = next_find();
    open_fn *open;
    memcpy(&open, &found, sizeof(open));
    return open != NULL && open(name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != NULL;
}
