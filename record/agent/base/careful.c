/* SPDX-License-Identifier: MIT */
#include "careful.h"
#include "reserve.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_LEN   512u /* a power of two that divides pages: all of it can be read, or nothing */
#define BLOCKS      128u /* a power of two */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define HASH_SHIFT  57 /* 64 - log2(BLOCKS) */

_Static_assert(BLOCKS == UINT64_C(1) << (64 - HASH_SHIFT), "the hash has a value for each");

struct block {
    uintptr_t at;     /* in units of BLOCK_LEN */
    uint64_t reading; /* in which it was read */
};

struct kept {
    struct block blocks[BLOCKS];
    uint64_t bytes[BLOCKS][BLOCK_LEN / sizeof(uint64_t)];
};

static struct careful {
    _Atomic int32_t pid;
    _Atomic uint64_t calls;
    struct kept *kept;
    uint64_t reading; /* number of the last one; the sampler's */
} careful;

static _Thread_local bool is_reading __attribute__((tls_model("initial-exec")));

/* 0 or an errno. */
static int kernel_read(void *to, uintptr_t from, size_t len)
{
    const struct iovec here = {to, len}, there = {(void *)from, len};
    const int saved = errno;
    const int32_t pid = atomic_load_explicit(&careful.pid, memory_order_relaxed);
    atomic_fetch_add_explicit(&careful.calls, 1, memory_order_relaxed);
    const long n = syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0);
    const int error = n < 0 ? errno : n == (long)len ? 0 : EFAULT;
    errno = saved;
    return error;
}

/* ---- beginning ---- */

int careful_begin(void)
{
    static const uint64_t here = HASH_FACTOR;
    uint64_t word = 0;
    careful_adopt();
    const int error = kernel_read(&word, (uintptr_t)&here, sizeof(word));
    if (error != 0 || word != here)
        return error != 0 ? error : EIO;
    if (careful.kept == NULL)
        careful.kept = reserve_memory(sizeof(*careful.kept));
    if (careful.kept == NULL)
        return ENOMEM;
    return 0;
}

void careful_end(void)
{
    if (careful.kept != NULL)
        reserve_give_back(careful.kept, sizeof(*careful.kept));
    careful.kept = NULL;
}

void careful_adopt(void)
{
    atomic_store(&careful.pid, (int32_t)getpid());
    is_reading = false;
}

uint64_t careful_calls(void)
{
    return atomic_load_explicit(&careful.calls, memory_order_relaxed);
}

/* ---- readings ---- */

void careful_reading_begin(void)
{
    if (careful.kept == NULL) /* also in a signal handler, where loads are plain */
        return;
    careful.reading++;
    is_reading = true;
}

void careful_reading_end(void)
{
    is_reading = false;
}

/* The block that `address` lies in; NULL when it cannot be read. */
static const uint8_t *block_get(uintptr_t address)
{
    const uintptr_t at = address / BLOCK_LEN;
    const size_t i = (size_t)(at * HASH_FACTOR >> HASH_SHIFT);
    struct block *const block = &careful.kept->blocks[i];
    uint64_t *const bytes = careful.kept->bytes[i];
    if (block->at == at && block->reading == careful.reading)
        return (const uint8_t *)bytes;
    block->reading = 0;
    if (kernel_read(bytes, at * BLOCK_LEN, BLOCK_LEN) != 0)
        return NULL;
    *block = (struct block){at, careful.reading};
    return (const uint8_t *)bytes;
}

static bool kept_bytes(uint8_t *to, uintptr_t from, size_t len)
{
    while (len > 0) {
        const size_t skip = from % BLOCK_LEN;
        const size_t n = len < BLOCK_LEN - skip ? len : BLOCK_LEN - skip;
        const uint8_t *const block = block_get(from);
        if (block == NULL)
            return false;
        memcpy(to, block + skip, n);
        to += n;
        from += n;
        len -= n;
    }
    return true;
}

bool careful_bytes(void *to, uintptr_t from, size_t len)
{
    if (is_reading && len <= BLOCK_LEN)
        return kept_bytes(to, from, len);
    return len == 0 || kernel_read(to, from, len) == 0;
}

uint64_t careful_load(uintptr_t address, uint32_t *bad)
{
    uint64_t word;
    if (careful_bytes(&word, address, sizeof(word)))
        return word;
    *bad = 1;
    return 0;
}
