/* SPDX-License-Identifier: MIT */
/* A library that calls libc, for test_slots: linked once with slots that may be written, and once
 * with slots that the loader protects. */
#include <unistd.h>

__attribute__((visibility("default"))) int library_parent(void);
__attribute__((visibility("default"))) int library_group(void);

int library_parent(void)
{
    return (int)getppid();
}

int library_group(void)
{
    return (int)getpgrp();
}
