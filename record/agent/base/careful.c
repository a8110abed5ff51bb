/* SPDX-License-Identifier: MIT */
#include "careful.h"
#include "reserve.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_LEN   512u  /* a power of two that divides pages: all of it can be read, or nothing */
#define PAGE_BLOCKS 8u    /* so many are a page of the smallest kind */
#define BLOCKS      512u  /* at most in a reading; of those behind them only the last is kept */
#define INDEX_LEN   1024u /* a power of two */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define HASH_SHIFT  54 /* 64 - log2(INDEX_LEN) */
#define TRAILS      32u
#define STEPS_MAX   (BLOCKS - 1)
#define AGE_MAX     3u /* readings that did not need a step, until it is left out */

_Static_assert(INDEX_LEN == UINT64_C(1) << (64 - HASH_SHIFT), "the hash has a value for each");

/* Of a trail. */
struct step {
    uint64_t at : 56; /* in units of BLOCK_LEN */
    uint64_t age : 8; /* readings in a row that did without */
};

struct trail {
    uint64_t n;
    struct step steps[STEPS_MAX]; /* in order */
};

/* Where a block of this reading is; of another one: nothing. */
struct place {
    uint64_t reading;
    uint32_t block;
};

struct kept {
    struct place index[INDEX_LEN];
    struct step blocks[BLOCKS];                   /* of this reading, in the order of being read */
    struct iovec here[2 * BLOCKS], there[BLOCKS]; /* the kernel takes 1,024 */
    uint8_t rest[PAGE_BLOCKS * BLOCK_LEN];        /* for bytes that nobody asked for */
    struct trail trails[TRAILS];
    uint64_t bytes[BLOCKS + 1][BLOCK_LEN / sizeof(uint64_t)];
};

/* The reading's side is the sampler's alone. */
static struct careful {
    _Atomic int32_t pid;
    _Atomic uint64_t calls;
    struct kept *kept;
    uint64_t reading;    /* number of the last one */
    uint32_t n;          /* of its blocks */
    uint32_t n_before;   /* those of them that were read as it began, in order */
    struct trail *trail; /* that it goes; NULL = none */
    /* The block that was found last: most loads are from there. */
    const uint8_t *last;
    uintptr_t last_from;
    uint32_t last_len; /* so far from there a word may begin; 0 = there is none */
} careful;

static _Thread_local bool is_reading __attribute__((tls_model("initial-exec")));

/* Bytes that were read, up to the first that could not be; or an errno, below 0. */
static long kernel_read_all(const struct iovec *here, uint32_t n_here, const struct iovec *there,
                            uint32_t n_there)
{
    const int saved = errno;
    const int32_t pid = atomic_load_explicit(&careful.pid, memory_order_relaxed);
    atomic_fetch_add_explicit(&careful.calls, 1, memory_order_relaxed);
    long n = syscall(SYS_process_vm_readv, pid, here, (long)n_here, there, (long)n_there, 0L);
    if (n < 0 && errno == ESRCH) /* the first thread has ended, and the number finds no memory */
        n = syscall(SYS_process_vm_readv, syscall(SYS_gettid), here, (long)n_here, there,
                    (long)n_there, 0L);
    const int error = errno;
    errno = saved;
    return n < 0 ? -error : n;
}

/* 0 or an errno. */
static int kernel_read(void *to, uintptr_t from, size_t len)
{
    const struct iovec here = {to, len}, there = {(void *)from, len};
    const long n = kernel_read_all(&here, 1, &there, 1);
    return n < 0 ? (int)-n : n == (long)len ? 0 : EFAULT;
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
    reserve_give_back(&careful.kept, sizeof(*careful.kept));
}

void careful_adopt(void)
{
    atomic_store(&careful.pid, (int32_t)getpid());
    is_reading = false;
    if (careful.kept != NULL) /* the parent's sampler may have been at it */
        reserve_wipe(careful.kept, sizeof(*careful.kept));
}

uint64_t careful_calls(void)
{
    return atomic_load_explicit(&careful.calls, memory_order_relaxed);
}

/* ---- what is kept of a reading ---- */

/* The place of that block, or the one where it is to be put. There is always one that is free. */
static struct place *place_of(uintptr_t at)
{
    struct kept *const kept = careful.kept;
    size_t i = (size_t)(at * HASH_FACTOR >> HASH_SHIFT);
    while (kept->index[i].reading == careful.reading && kept->blocks[kept->index[i].block].at != at)
        i = (i + 1) % INDEX_LEN;
    return &kept->index[i];
}

/* Its bytes are there: it may be found. */
static void block_add(uintptr_t at, uint64_t age)
{
    struct place *const place = place_of(at);
    careful.kept->blocks[careful.n] = (struct step){.at = at, .age = age};
    *place = (struct place){careful.reading, careful.n};
    careful.n++;
}

/* The block that `address` lies in; NULL when it cannot be read. */
static const uint8_t *block_get(uintptr_t address)
{
    struct kept *const kept = careful.kept;
    const uintptr_t at = address / BLOCK_LEN;
    if (careful.last_len > 0 && careful.last_from == at * BLOCK_LEN)
        return careful.last;
    const struct place *const place = place_of(at);
    uint32_t block = careful.n;
    if (place->reading == careful.reading) {
        block = place->block;
        kept->blocks[block].age = 0;
    } else {
        careful.last_len = 0; /* it may be the one that is read over */
        if (kernel_read(kept->bytes[block], at * BLOCK_LEN, BLOCK_LEN) != 0)
            return NULL;
        if (block < BLOCKS)
            block_add(at, 0);
    }
    careful.last = (const uint8_t *)kept->bytes[block];
    careful.last_from = at * BLOCK_LEN;
    careful.last_len = BLOCK_LEN - sizeof(uint64_t) + 1;
    return careful.last;
}

/* ---- trails ---- */

/*
 * Pieces for one call: each block goes to its place. A piece costs some 0.2 us, for its page has to
 * be looked up, and bytes cost next to nothing: so blocks of one page are one piece with what lies
 * between them, and so are those that follow each other.
 */
static uint32_t pieces_make(const struct trail *trail, uint32_t *n_here)
{
    struct kept *const kept = careful.kept;
    uint32_t n_there = 0, here = 0;
    uintptr_t next = 0; /* behind the last piece; 0 = there is none */
    for (uint32_t i = 0; i < trail->n; i++) {
        const uintptr_t at = trail->steps[i].at;
        const bool follows =
            next != 0 && at >= next && (at == next || at / PAGE_BLOCKS == (next - 1) / PAGE_BLOCKS);
        if (follows) {
            if (at > next)
                kept->here[here++] = (struct iovec){kept->rest, (at - next) * BLOCK_LEN};
            kept->there[n_there - 1].iov_len += (at + 1 - next) * BLOCK_LEN;
        } else {
            kept->there[n_there++] = (struct iovec){(void *)(at * BLOCK_LEN), BLOCK_LEN};
        }
        kept->here[here++] = (struct iovec){kept->bytes[i], BLOCK_LEN};
        next = at + 1;
    }
    *n_here = here;
    return n_there;
}

/* The blocks of the trail that can be read, up to the first that cannot be. */
static void trail_read(const struct trail *trail)
{
    const struct kept *const kept = careful.kept;
    uint32_t n_here;
    const uint32_t n_there = pieces_make(trail, &n_here);
    long left = kernel_read_all(kept->here, n_here, kept->there, n_there);
    for (uint32_t piece = 0, i = 0; piece < n_here; piece++) {
        left -= (long)kept->here[piece].iov_len;
        if (left < 0)
            return;
        if (kept->here[piece].iov_base != kept->bytes[i])
            continue;
        block_add(trail->steps[i].at, trail->steps[i].age + 1);
        i++;
    }
}

/* Into order: those that were read as the reading began are so. */
static void steps_sort(struct step *steps, uint32_t n, uint32_t n_sorted)
{
    for (uint32_t i = n_sorted; i < n; i++) {
        const struct step step = steps[i];
        uint32_t k = i;
        for (; k > 0 && steps[k - 1].at > step.at; k--)
            steps[k] = steps[k - 1];
        steps[k] = step;
    }
}

/* What was needed, and what was not lately. */
static void trail_leave(struct trail *trail)
{
    struct step *const blocks = careful.kept->blocks;
    steps_sort(blocks, careful.n, careful.n_before);
    uint32_t n = 0;
    for (uint32_t i = 0; i < careful.n && n < STEPS_MAX; i++)
        if (blocks[i].age <= AGE_MAX)
            trail->steps[n++] = blocks[i];
    trail->n = n;
}

/* ---- readings ---- */

void careful_reading_begin(uint32_t trail)
{
    if (careful.kept == NULL) /* also in a signal handler, where loads are plain */
        return;
    careful_reading_end();
    const uint32_t number = trail < CAREFUL_STACKS ? trail
                                                   : CAREFUL_STACKS + (trail - CAREFUL_STACKS) %
                                                                          (TRAILS - CAREFUL_STACKS);
    careful.reading++;
    careful.n = careful.last_len = 0;
    careful.trail = trail == CAREFUL_NO_TRAIL ? NULL : &careful.kept->trails[number];
    is_reading = true;
    if (careful.trail != NULL && careful.trail->n > 0)
        trail_read(careful.trail);
    careful.n_before = careful.n;
}

void careful_reading_end(void)
{
    if (!is_reading)
        return;
    is_reading = false;
    if (careful.trail != NULL)
        trail_leave(careful.trail);
}

bool careful_reading_pause(void)
{
    const bool was_reading = is_reading;
    is_reading = false;
    return was_reading;
}

void careful_reading_resume(bool was_reading)
{
    is_reading = was_reading;
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
    if (is_reading && address - careful.last_from < careful.last_len) {
        memcpy(&word, careful.last + (address - careful.last_from), sizeof(word));
        return word;
    }
    if (careful_bytes(&word, address, sizeof(word)))
        return word;
    *bad = 1;
    return 0;
}
