/* SPDX-License-Identifier: MIT */
/*
 * atfork - what pthread_atfork() is in all versions of glibc.
 *
 * Weak: another libc has no such name. Programs that use one run unrecorded.
 */
#ifndef PYREC_AGENT_ATFORK_H
#define PYREC_AGENT_ATFORK_H

#include <stdbool.h>
#include <stddef.h>

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *object) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

/* Have these called around each fork; false when that cannot be. */
static inline bool atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return __register_atfork != NULL &&
           __register_atfork(prepare, parent, child, &__dso_handle) == 0;
}

#endif
