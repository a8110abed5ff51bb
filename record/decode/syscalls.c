/* SPDX-License-Identifier: MIT */
#include "syscalls.h"

#include <stddef.h>
#include <sys/syscall.h>

static const char *const names[SYSCALL_MAX + 1] = {
#define SYSCALL(name) [__NR_##name] = #name,
#include "syscalls.inc"
#undef SYSCALL
};

const char *syscall_find_name(int32_t number)
{
    return number >= 0 && number <= SYSCALL_MAX ? names[number] : NULL;
}
