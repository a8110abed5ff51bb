/* SPDX-License-Identifier: MIT */
/*
 * syscalls - the names of the system calls of the machine pyrec is built for.
 *
 * On the line:  wire_sample.call -> [syscalls] -> intern's strings
 * Threads:      pure.
 * Memory:       literals.
 */
#ifndef PYREC_RECORD_SYSCALLS_H
#define PYREC_RECORD_SYSCALLS_H

#include <stdint.h>

#define SYSCALL_MAX 1023 /* greater numbers are no calls of any machine we know */

/* NULL when the kernel headers pyrec was built with do not know that number. */
const char *syscall_find_name(int32_t number);

#endif
