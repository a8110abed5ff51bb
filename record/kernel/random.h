/* SPDX-License-Identifier: MIT */
/*
 * random - bytes that nobody can guess, of the kernel's.
 *
 * Threads: any.
 * Loss:    false where the kernel has neither getrandom() (Linux 3.17) nor /dev/urandom.
 */
#ifndef PYREC_KERNEL_RANDOM_H
#define PYREC_KERNEL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

bool random_fill(void *to, size_t len);

#endif
