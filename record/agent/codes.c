/* SPDX-License-Identifier: MIT */
/*
 * Two parts that meet in three places: the table (the sampler puts in, the freeing thread takes
 * out), the log of deaths (the freeing thread puts in, the sampler reads), and the counters
 * `deaths` and `hooks_active`, by which the sampler knows that an object it has just described
 * was alive all the while.
 */
#include "codes.h"
#include "reserve.h"
#include <string.h>

enum { KEY_FREE = 0, KEY_GONE = 1, TRIES = 16 };

bool codes_init(struct codes *codes, const struct interp *interp)
{
    memset(codes, 0, sizeof(*codes));
    codes->interp = interp;
    codes->scratch_size = 1u << 20;
    codes->keys = reserve_memory(CODES_TABLE_LEN * sizeof(codes->keys[0]));
    codes->ids = reserve_memory(CODES_TABLE_LEN * sizeof(codes->ids[0]));
    codes->log = reserve_memory(CODES_LOG_LEN * sizeof(codes->log[0]));
    codes->morgue = reserve_memory(CODES_MORGUE * sizeof(codes->morgue[0]));
    codes->scratch = reserve_memory(codes->scratch_size);
    codes->next_id = 1;
    return codes->keys && codes->ids && codes->log && codes->morgue && codes->scratch;
}

void codes_reset(struct codes *codes)
{
    reserve_wipe(codes->keys, CODES_TABLE_LEN * sizeof(codes->keys[0]));
    reserve_wipe(codes->ids, CODES_TABLE_LEN * sizeof(codes->ids[0]));
    reserve_wipe(codes->log, CODES_LOG_LEN * sizeof(codes->log[0]));
    codes->used = 0;
    codes->next_id = 1;
    atomic_store(&codes->hooks_active, 0);
    atomic_store(&codes->log_head, 0);
    atomic_store(&codes->log_tail, 0);
    atomic_store(&codes->lost, 0);
    codes->forgotten = 0;
}

static uint32_t slot_first(uintptr_t code)
{
    return (uint32_t)(((uint64_t)code >> 3) * 0x9E3779B97F4A7C15u >> 48) & (CODES_TABLE_LEN - 1);
}

/* Index of `code`'s key, or UINT32_MAX. Also while the other side changes other keys. */
static uint32_t table_find(struct codes *codes, uintptr_t code)
{
    uint32_t i = slot_first(code);
    for (uint32_t n = 0; n < CODES_TABLE_LEN; n++, i = (i + 1) & (CODES_TABLE_LEN - 1)) {
        /* partner: the release store in table_put */
        const uintptr_t key = atomic_load_explicit(&codes->keys[i], memory_order_acquire);
        if (key == code)
            return i;
        if (key == KEY_FREE)
            return UINT32_MAX;
    }
    return UINT32_MAX;
}

/* Start with an empty table rather than rehash under the feet of freeing threads: live objects
 * are described once more, under new ids. */
static void table_clear(struct codes *codes)
{
    for (uint32_t i = 0; i < CODES_TABLE_LEN; i++)
        atomic_store_explicit(&codes->keys[i], KEY_FREE, memory_order_release);
    codes->used = 0;
}

static void table_put(struct codes *codes, uintptr_t code, uint32_t id)
{
    if (codes->used > CODES_TABLE_LEN / 4 * 3)
        table_clear(codes);
    uint32_t i = slot_first(code);
    for (;; i = (i + 1) & (CODES_TABLE_LEN - 1)) {
        const uintptr_t key = atomic_load_explicit(&codes->keys[i], memory_order_relaxed);
        if (key == KEY_FREE)
            codes->used++;
        if (key == KEY_FREE || key == KEY_GONE)
            break;
    }
    codes->ids[i] = id;
    atomic_store_explicit(&codes->keys[i], code, memory_order_release);
}

/* ---- on the thread that frees a code object ---- */

/* Take `code` out of the table. Its id, or 0. */
static uint32_t table_take(struct codes *codes, uintptr_t code)
{
    const uint32_t i = table_find(codes, code);
    if (i == UINT32_MAX)
        return 0;
    const uint32_t id = codes->ids[i];
    uintptr_t expected = code;
    if (!atomic_compare_exchange_strong_explicit(&codes->keys[i], &expected, KEY_GONE,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return 0; /* the table was cleared meanwhile */
    return id;
}

/* No room in the log: samples older than this death can no longer be trusted. */
static void death_lose(struct codes *codes, uint64_t number)
{
    uint64_t lost = atomic_load_explicit(&codes->lost, memory_order_relaxed);
    while (lost < number &&
           !atomic_compare_exchange_weak_explicit(&codes->lost, &lost, number, memory_order_release,
                                                  memory_order_relaxed))
        continue;
}

static void death_log(struct codes *codes, uintptr_t code, uint64_t number, uint32_t id, bool note)
{
    uint64_t at = atomic_load_explicit(&codes->log_head, memory_order_relaxed);
    do {
        if (at - atomic_load_explicit(&codes->log_tail, memory_order_acquire) >= CODES_LOG_LEN) {
            death_lose(codes, number);
            return;
        }
    } while (!atomic_compare_exchange_weak_explicit(&codes->log_head, &at, at + 1,
                                                    memory_order_acq_rel, memory_order_relaxed));
    struct death *const death = &codes->log[at % CODES_LOG_LEN];
    death->code = code;
    death->noted = false;
    atomic_store_explicit(&death->id, id, memory_order_relaxed);
    if (note) {
        death->note = atomic_fetch_add_explicit(&codes->morgue_next, 1, memory_order_acq_rel);
        struct note *const page = &codes->morgue[death->note % CODES_MORGUE];
        death->noted =
            describe_code(codes->interp, code, page->bytes, sizeof(page->bytes) - 8, &page->what);
    }
    atomic_store_explicit(&death->number, number, memory_order_release);
}

void codes_died(struct codes *codes, uintptr_t code, codes_wanted_fn *wanted)
{
    /* hooks_active goes up before the death has a number: see alive_begin */
    atomic_fetch_add_explicit(&codes->hooks_active, 1, memory_order_seq_cst);
    const uint64_t number = atomic_fetch_add_explicit(&codes->deaths, 1, memory_order_seq_cst) + 1;
    /* samples first, table second: the sampler puts into the table before it lets a sample go */
    const bool is_wanted = wanted(code);
    const uint32_t id = table_take(codes, code);
    if (is_wanted || id != 0)
        death_log(codes, code, number, id, is_wanted && id == 0);
    atomic_fetch_sub_explicit(&codes->hooks_active, 1, memory_order_seq_cst);
}

/* ---- on the sampler ---- */

/* The first death of `code` after number `deaths`: the one of the object that lived there then. */
static struct death *death_find(struct codes *codes, uintptr_t code, uint64_t deaths)
{
    const uint64_t head = atomic_load_explicit(&codes->log_head, memory_order_acquire);
    uint64_t at = atomic_load_explicit(&codes->log_tail, memory_order_relaxed);
    struct death *found = NULL;
    for (; at < head; at++) {
        struct death *const death = &codes->log[at % CODES_LOG_LEN];
        const uint64_t number = atomic_load_explicit(&death->number, memory_order_acquire);
        if (number > deaths && death->code == code &&
            (found == NULL || number < atomic_load_explicit(&found->number, memory_order_relaxed)))
            found = death;
    }
    return found;
}

static uint32_t resolve_dead(struct codes *codes, struct death *death, codes_new_fn *fresh,
                             void *closure)
{
    const uint32_t known = atomic_load_explicit(&death->id, memory_order_relaxed);
    if (known != 0 || !death->noted)
        return known;
    const struct note *const page = &codes->morgue[death->note % CODES_MORGUE];
    struct description what = page->what;
    const size_t len = (size_t)what.name_len + what.file_len + what.table_len;
    if (len > CODES_NOTE_LEN)
        return 0;
    memcpy(codes->scratch, page->bytes, len);
    /* was the page written over while we copied it? partner: fetch_add in death_log */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&codes->morgue_next, memory_order_seq_cst) >
        death->note + CODES_MORGUE)
        return 0;
    what.bytes = codes->scratch;
    if (!fresh(closure, codes->next_id, &what))
        return 0;
    atomic_store_explicit(&death->id, codes->next_id, memory_order_relaxed);
    return codes->next_id++;
}

/* No thread is freeing a code object now. From here on, *deaths unchanged means: none died. */
static bool alive_begin(struct codes *codes, uint64_t *deaths)
{
    *deaths = atomic_load_explicit(&codes->deaths, memory_order_seq_cst);
    return atomic_load_explicit(&codes->hooks_active, memory_order_seq_cst) == 0;
}

static bool alive_still(struct codes *codes, uint64_t deaths)
{
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&codes->deaths, memory_order_seq_cst) == deaths;
}

uint32_t codes_resolve(struct codes *codes, uintptr_t code, uint64_t deaths, codes_new_fn *fresh,
                       void *closure)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t before;
        const bool quiet = alive_begin(codes, &before);
        struct death *const death = before != deaths ? death_find(codes, code, deaths) : NULL;
        if (death != NULL)
            return resolve_dead(codes, death, fresh, closure);
        if (deaths < codes->forgotten ||
            deaths < atomic_load_explicit(&codes->lost, memory_order_acquire))
            return 0; /* it may have been among those we know nothing of */
        if (!quiet)
            continue; /* a thread is at it: wait for what it logs */
        const uint32_t at = table_find(codes, code);
        const uint32_t id = at != UINT32_MAX ? codes->ids[at] : 0;
        if (id != 0) {
            if (alive_still(codes, before))
                return id;
            continue;
        }
        struct description what;
        if (!describe_code(codes->interp, code, codes->scratch, codes->scratch_size, &what) ||
            !alive_still(codes, before))
            continue;
        if (!fresh(closure, codes->next_id, &what))
            return 0;
        table_put(codes, code, codes->next_id);
        return codes->next_id++;
    }
    return 0;
}

void codes_forget(struct codes *codes, uint64_t deaths)
{
    uint64_t tail = atomic_load_explicit(&codes->log_tail, memory_order_relaxed);
    const uint64_t head = atomic_load_explicit(&codes->log_head, memory_order_acquire);
    while (tail < head) {
        struct death *const death = &codes->log[tail % CODES_LOG_LEN];
        const uint64_t number = atomic_load_explicit(&death->number, memory_order_acquire);
        if (number == 0 || number > deaths)
            break;
        if (number > codes->forgotten)
            codes->forgotten = number;
        atomic_store_explicit(&death->number, 0, memory_order_relaxed);
        atomic_store_explicit(&codes->log_tail, ++tail, memory_order_release);
    }
}
