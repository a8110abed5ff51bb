/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include "memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(max_align_t) char bytes[];
};

/* A block with room for `bytes`: a spare one when its size fits, else from the heap. */
static struct arena_block *block_take(struct arena *arena, size_t bytes)
{
    for (struct arena_block **at = &arena->spare; *at != NULL; at = &(*at)->next) {
        if ((*at)->size >= bytes) {
            struct arena_block *const block = *at;
            *at = block->next;
            block->used = 0;
            return block;
        }
    }
    const size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    if (size > SIZE_MAX - sizeof(struct arena_block))
        memory_fail();
    struct arena_block *const block = malloc(sizeof *block + size);
    if (block == NULL)
        memory_fail();
    block->size = size;
    block->used = 0;
    return block;
}

void *arena_get(struct arena *arena, size_t bytes)
{
    const size_t unit = alignof(max_align_t);
    if (bytes > SIZE_MAX - unit)
        memory_fail();
    const size_t rounded = (bytes + unit - 1) / unit * unit;
    struct arena_block *block = arena->block;
    if (block == NULL || block->size - block->used < rounded) {
        block = block_take(arena, rounded);
        block->next = arena->block;
        arena->block = block;
    }
    void *const piece = block->bytes + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    return memset(piece, 0, rounded);
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
    char *const copy = arena_get(arena, len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = NULL;
    const int len = vasprintf(&text, format, list);
    va_end(list);
    if (len < 0)
        memory_fail();
    char *const copy = arena_copy(arena, text, (size_t)len);
    free(text);
    return copy;
}

void arena_reset(struct arena *arena)
{
    while (arena->block != NULL) {
        struct arena_block *const block = arena->block;
        arena->block = block->next;
        block->next = arena->spare;
        arena->spare = block;
    }
    arena->used_bytes = 0;
}

void arena_clear(struct arena *arena)
{
    arena_reset(arena);
    while (arena->spare != NULL) {
        struct arena_block *const block = arena->spare;
        arena->spare = block->next;
        free(block);
    }
}
