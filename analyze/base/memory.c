/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

_Noreturn void memory_fail(void)
{
    static const char line[] = "pyanalyze: out of memory\n";
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
        _exit(1);
    _exit(1);
}

void memory_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void *memory_get(size_t bytes)
{
    void *const block = calloc(1, bytes > 0 ? bytes : 1);
    if (block == NULL)
        memory_fail();
    return block;
}

void *memory_grow(void *items, size_t *capacity, size_t needed, size_t item_bytes)
{
    if (needed <= *capacity)
        return items;
    size_t larger = *capacity > 0 ? *capacity + *capacity / 2 : 16;
    if (larger < needed)
        larger = needed;
    if (larger > SIZE_MAX / item_bytes)
        memory_fail();
    char *const moved = realloc(items, larger * item_bytes);
    if (moved == NULL)
        memory_fail();
    memset(moved + *capacity * item_bytes, 0, (larger - *capacity) * item_bytes);
    *capacity = larger;
    return moved;
}
