/* SPDX-License-Identifier: MIT */
#include "reserve.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

void *reserve_memory(size_t size)
{
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* What the pointer led to before. The kernel is asked for the memory only when nobody can come to it
 * any more: a child that is forked in between has the pointer as it is then. */
static void *pointer_change(void *pointer, void *to)
{
    void *before;
    memcpy(&before, pointer, sizeof(before));
    memcpy(pointer, &to, sizeof(to));
    atomic_signal_fence(memory_order_seq_cst);
    return before;
}

bool reserve_grow(void *pointer, size_t before, size_t size)
{
    void *const grown = reserve_memory(size);
    const void *from;
    if (grown == NULL)
        return false;
    memcpy(&from, pointer, sizeof(from));
    memcpy(grown, from, before);
    munmap(pointer_change(pointer, grown), before);
    return true;
}

void reserve_give_back(void *pointer, size_t size)
{
    void *const memory = pointer_change(pointer, NULL);
    if (memory != NULL)
        munmap(memory, size);
}

void reserve_wipe(void *memory, size_t size)
{
    if (madvise(memory, size, MADV_DONTNEED) != 0)
        memset(memory, 0, size);
}
