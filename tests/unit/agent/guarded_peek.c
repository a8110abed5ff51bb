/* SPDX-License-Identifier: MIT */
#include "guarded_peek.h"
#include "record/agent/base/peek.h"
#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>

static uintptr_t guard_low, guard_high;
static _Atomic uint64_t outside, loads;

void guarded_peek_set(uintptr_t low, uintptr_t high)
{
    guard_low = low & ~(uintptr_t)7;
    guard_high = (high + 7) & ~(uintptr_t)7;
    atomic_store(&outside, 0);
    atomic_store(&loads, 0);
}

uint64_t guarded_peek_outside(void)
{
    return atomic_load(&outside);
}

uint64_t guarded_peek_loads(void)
{
    return atomic_load(&loads);
}

bool peek_bytes(void *to, uintptr_t from, size_t len)
{
    struct iovec local = {to, len}, remote = {(void *)from, len};
    atomic_fetch_add(&loads, 1);
    if (guard_high != 0 && (from < guard_low || from + len > guard_high))
        atomic_fetch_add(&outside, 1);
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len;
}

uint64_t peek(uintptr_t address, uint32_t *bad)
{
    uint64_t value = 0;
    if (!peek_bytes(&value, address, sizeof(value))) {
        *bad = 1;
        return 0;
    }
    return value;
}
