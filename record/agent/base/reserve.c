/* SPDX-License-Identifier: MIT */
#include "reserve.h"
#include <string.h>
#include <sys/mman.h>

void *reserve_memory(size_t size)
{
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *reserve_grow(void *memory, size_t before, size_t size)
{
    void *const grown = mremap(memory, before, size, MREMAP_MAYMOVE);
    return grown == MAP_FAILED ? NULL : grown;
}

void reserve_give_back(void *memory, size_t size)
{
    if (memory != NULL)
        munmap(memory, size);
}

void reserve_wipe(void *memory, size_t size)
{
    if (madvise(memory, size, MADV_DONTNEED) != 0)
        memset(memory, 0, size);
}
