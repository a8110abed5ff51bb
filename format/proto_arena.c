/* SPDX-License-Identifier: MIT */
#include "proto_arena.h"
#include <stdlib.h>

/* protobuf-c allocates structs, pointers, numbers and strings: nothing wants more than 8. */
#define ALIGNMENT sizeof(uint64_t)

static void *arena_alloc(void *data, size_t len)
{
    struct proto_arena *const arena = data;
    const size_t left = arena->lid - arena->used;

    if (len > left || (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT > left)
        return NULL;
    if (arena->block == NULL) {
        /* All that may ever be used: what is not touched costs only addresses. */
        arena->block = malloc(arena->lid);
        if (arena->block == NULL)
            return NULL;
        arena->size = arena->lid;
    }
    void *const result = arena->block + arena->used;
    arena->used += (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return result;
}

static void arena_free(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

ProtobufCAllocator *proto_arena_reset(struct proto_arena *arena, size_t raw_len)
{
    arena->allocator = (ProtobufCAllocator){arena_alloc, arena_free, arena};
    arena->lid = 16 * raw_len + (64u << 10);
    arena->used = 0;
    if (arena->size < arena->lid) {
        free(arena->block);
        arena->block = NULL;
        arena->size = 0;
    }
    return &arena->allocator;
}

void proto_arena_clear(struct proto_arena *arena)
{
    free(arena->block);
    *arena = (struct proto_arena){0};
}
