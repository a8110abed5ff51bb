/* SPDX-License-Identifier: MIT */
#include "bump.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (256u << 10)
#define KEEP_BYTES  (4u << 20) /* one huge chunk does not hold its memory for ever */
#define ALIGN       16u

struct bump_block {
    struct bump_block *older;
    size_t size;
    _Alignas(ALIGN) uint8_t bytes[];
};

static bool block_add(struct bump *bump, size_t size)
{
    struct bump_block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return false;
    block->older = bump->block;
    block->size = size;
    bump->block = block;
    bump->used = 0;
    return true;
}

void *bump_take(struct bump *bump, size_t n, size_t item_bytes)
{
    size_t len;
    if (__builtin_mul_overflow(n, item_bytes, &len) || len > SIZE_MAX / 2) {
        bump->has_failed = true;
        return NULL;
    }
    len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (len == 0)
        len = ALIGN;
    if ((bump->block == NULL || bump->block->size - bump->used < len) &&
        !block_add(bump, len > BLOCK_BYTES ? len : BLOCK_BYTES)) {
        bump->has_failed = true;
        return NULL;
    }
    void *array = bump->block->bytes + bump->used;
    bump->used += len;
    bump->total += len;
    memset(array, 0, len);
    return array;
}

static void blocks_free(struct bump *bump, const struct bump_block *but)
{
    for (struct bump_block *block = bump->block, *older; block != NULL; block = older) {
        older = block->older;
        if (block != but)
            free(block);
    }
    bump->block = NULL;
}

void bump_reset(struct bump *bump)
{
    struct bump_block *keep = bump->block;
    if (keep != NULL && (keep->older != NULL || keep->size > KEEP_BYTES)) {
        const size_t size = bump->total < KEEP_BYTES ? bump->total : KEEP_BYTES;
        blocks_free(bump, NULL);
        keep = block_add(bump, size) ? bump->block : NULL;
    }
    *bump = (struct bump){.block = keep};
    if (keep != NULL)
        keep->older = NULL;
}

void bump_clear(struct bump *bump)
{
    blocks_free(bump, NULL);
    *bump = (struct bump){0};
}
