/* SPDX-License-Identifier: MIT */
#include "text_table.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

static uint64_t text_hash(const void *owner, uint32_t n)
{
    return hash_text(((const struct text_table *)owner)->texts[n]);
}

uint32_t text_table_number(struct text_table *table, const char *text)
{
    uint64_t at = hash_text(text);
    hash_reserve(&table->hash, text_hash, table);
    for (uint32_t n; (n = hash_slot(&table->hash, at)) != HASH_NONE; at++) {
        if (strcmp(table->texts[n], text) == 0)
            return n;
    }
    table->texts = memory_grow(table->texts, &table->size, table->n + 1, sizeof(const char *));
    hash_put(&table->hash, at, (uint32_t)table->n);
    table->texts[table->n] = text;
    return (uint32_t)table->n++;
}

void text_table_clear(struct text_table *table)
{
    hash_clear(&table->hash);
    free(table->texts);
    *table = (struct text_table){0};
}
