/* SPDX-License-Identifier: MIT */
#include "outside.h"

#include "record/agent/base/peek.h"

#include <string.h>

#define PAGES    512u
#define PAGE_LEN 4096u

struct page {
    uintptr_t at;
    uint64_t reading; /* in which it was read; 0 = never */
    bool is_there;
    uint8_t bytes[PAGE_LEN];
};

static struct {
    struct remote remote;
    uint64_t reading, loads;
    bool is_spent;
    struct page pages[PAGES];
} outside = {.reading = 1};

void outside_open(const struct remote *remote)
{
    outside.remote = *remote;
    outside_forget(UINT64_MAX);
}

void outside_forget(uint64_t loads)
{
    outside.reading++;
    outside.loads = loads;
    outside.is_spent = false;
}

bool outside_is_spent(void)
{
    return outside.is_spent;
}

/* The page that begins at `at`; NULL when it cannot be read. */
static const uint8_t *page_find(uintptr_t at)
{
    struct page *const page = &outside.pages[at / PAGE_LEN % PAGES];
    if (page->reading != outside.reading || page->at != at) {
        page->at = at;
        page->reading = outside.reading;
        page->is_there = remote_read(&outside.remote, at, page->bytes, PAGE_LEN);
    }
    return page->is_there ? page->bytes : NULL;
}

static bool load_may(void)
{
    if (outside.loads == 0) {
        outside.is_spent = true;
        return false;
    }
    outside.loads--;
    return true;
}

bool peek_bytes(void *to, uintptr_t from, size_t len)
{
    uint8_t *out = to;
    while (len > 0) {
        const uintptr_t skip = from % PAGE_LEN;
        const size_t n = len < PAGE_LEN - skip ? len : PAGE_LEN - skip;
        const uint8_t *const page = load_may() ? page_find(from - skip) : NULL;
        if (page == NULL)
            return false;
        memcpy(out, page + skip, n);
        out += n;
        from += n;
        len -= n;
    }
    return true;
}

uint64_t peek(uintptr_t address, uint32_t *bad)
{
    uint64_t value = 0;
    if (peek_bytes(&value, address, sizeof value))
        return value;
    *bad = 1;
    return 0;
}
