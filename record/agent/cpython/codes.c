/* SPDX-License-Identifier: MIT */
/*
 * Two parts that meet in three places: the table (the sampler puts in, the freeing thread takes
 * out), the log of deaths (the freeing thread puts in, the sampler reads), and the list of what is
 * being freed right now.
 *
 * The sampler resolves an address only while it stands in a sample that is DONE; so whoever frees
 * the object logs its death. An address that is neither in the log nor in `dying` after it was
 * described was alive all the while. The sampler puts it into the table and looks at `dying`
 * afterwards; the freeing thread puts it into `dying` and looks at the table afterwards: at least
 * one sees the other (both sides seq_cst).
 */
#include "codes.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/reserve.h"
#include <string.h>
#include <time.h>

#define DYING_WAIT_NS 20000

enum { KEY_FREE = 0, KEY_GONE = 1, TRIES = 8 };

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

void codes_free(struct codes *codes)
{
    reserve_give_back(&codes->keys, CODES_TABLE_LEN * sizeof(codes->keys[0]));
    reserve_give_back(&codes->ids, CODES_TABLE_LEN * sizeof(codes->ids[0]));
    reserve_give_back(&codes->log, CODES_LOG_LEN * sizeof(codes->log[0]));
    reserve_give_back(&codes->morgue, CODES_MORGUE * sizeof(codes->morgue[0]));
    reserve_give_back(&codes->scratch, codes->scratch_size);
    memset(codes, 0, sizeof(*codes));
}

void codes_reset(struct codes *codes)
{
    reserve_wipe(codes->keys, CODES_TABLE_LEN * sizeof(codes->keys[0]));
    reserve_wipe(codes->ids, CODES_TABLE_LEN * sizeof(codes->ids[0]));
    reserve_wipe(codes->log, CODES_LOG_LEN * sizeof(codes->log[0]));
    codes->used = 0;
    codes->next_id = 1;
    for (unsigned i = 0; i < CODES_DYING; i++)
        atomic_store(&codes->dying[i], 0);
    atomic_store(&codes->dying_more, 0);
    atomic_store(&codes->log_head, 0);
    atomic_store(&codes->log_tail, 0);
    atomic_store(&codes->lost, 0);
    codes->forgotten = 0;
    memset(codes->hits, 0, sizeof(codes->hits));
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

/* Index in `dying`, or CODES_DYING when that is full. */
static unsigned dying_enter(struct codes *codes, uintptr_t code)
{
    for (unsigned i = 0; i < CODES_DYING; i++) {
        uintptr_t expected = 0;
        if (atomic_compare_exchange_strong_explicit(&codes->dying[i], &expected, code,
                                                    memory_order_seq_cst, memory_order_relaxed))
            return i;
    }
    atomic_fetch_add_explicit(&codes->dying_more, 1, memory_order_seq_cst);
    return CODES_DYING;
}

static void dying_leave(struct codes *codes, unsigned i)
{
    if (i < CODES_DYING)
        atomic_store_explicit(&codes->dying[i], 0, memory_order_release);
    else
        atomic_fetch_sub_explicit(&codes->dying_more, 1, memory_order_release);
}

void codes_died(struct codes *codes, uintptr_t code, codes_wanted_fn *wanted)
{
    const unsigned place = dying_enter(codes, code);
    const uint64_t number = atomic_fetch_add_explicit(&codes->deaths, 1, memory_order_seq_cst) + 1;
    /* samples first, table second: the sampler puts into the table before it lets a sample go */
    const bool is_wanted = wanted(code);
    const uint32_t id = table_take(codes, code);
    if (is_wanted || id != 0)
        death_log(codes, code, number, id, is_wanted && id == 0);
    dying_leave(codes, place);
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

static bool is_dying(struct codes *codes, uintptr_t code)
{
    for (unsigned i = 0; i < CODES_DYING; i++)
        if (atomic_load_explicit(&codes->dying[i], memory_order_seq_cst) == code)
            return true;
    return atomic_load_explicit(&codes->dying_more, memory_order_seq_cst) != 0;
}

/* The object may have been among those whose death we know nothing of. */
static bool is_unsure(struct codes *codes, uint64_t deaths)
{
    return deaths < codes->forgotten ||
           deaths < atomic_load_explicit(&codes->lost, memory_order_seq_cst);
}

/* The freeing thread is at it and will log it; it may need our CPU for that. */
static void wait_a_little(void)
{
    const struct timespec wait = {.tv_nsec = DYING_WAIT_NS};
    nanosleep(&wait, NULL);
}

/*
 * The object died while it was given `id`, and the freeing thread took the id out of the table:
 * its log says so. When that is the first death since the sample, the description was made of
 * the object in the sample and holds; else it may be of another, and nobody may use the id.
 */
static bool id_was_taken_rightly(struct codes *codes, uintptr_t code, uint64_t deaths, uint32_t id)
{
    for (int i = 0; i < TRIES && is_dying(codes, code); i++)
        wait_a_little();
    const struct death *const first = death_find(codes, code, deaths);
    if (first != NULL && atomic_load_explicit(&first->id, memory_order_relaxed) == id)
        return true;
    const uint64_t head = atomic_load_explicit(&codes->log_head, memory_order_acquire);
    for (uint64_t at = codes->log_tail; at < head; at++) {
        uint32_t ours = id;
        atomic_compare_exchange_strong(&codes->log[at % CODES_LOG_LEN].id, &ours, 0);
    }
    return false;
}

/* Describe a living object and give it an id. 0 when it died under our hands. */
static uint32_t resolve_new(struct codes *codes, uintptr_t code, uint64_t deaths,
                            codes_new_fn *fresh, void *closure)
{
    struct description what;
    careful_reading_begin(CAREFUL_NO_TRAIL);
    const bool is_code =
        describe_code(codes->interp, code, codes->scratch, codes->scratch_size, &what);
    careful_reading_end();
    if (!is_code)
        return 0;
    const uint32_t id = codes->next_id++;
    table_put(codes, code, id);
    atomic_thread_fence(memory_order_seq_cst);
    const bool dead = is_dying(codes, code) || is_unsure(codes, deaths) ||
                      death_find(codes, code, deaths) != NULL;
    if (dead && table_take(codes, code) == id)
        return 0;
    if (dead && !id_was_taken_rightly(codes, code, deaths, id))
        return 0;
    if (fresh(closure, id, &what))
        return id;
    if (!dead)
        table_take(codes, code);
    else
        id_was_taken_rightly(codes, code, UINT64_MAX, id);
    return 0;
}

static uint32_t resolve(struct codes *codes, uintptr_t code, uint64_t deaths, codes_new_fn *fresh,
                        void *closure)
{
    for (int i = 0; i < TRIES; i++) {
        if (is_unsure(codes, deaths))
            return 0; /* also when a death is found: it need not be the first one */
        const bool dying = is_dying(codes, code); /* before the log is looked at */
        struct death *const death = death_find(codes, code, deaths);
        if (death != NULL)
            return resolve_dead(codes, death, fresh, closure);
        if (dying) {
            wait_a_little();
            continue;
        }
        const uint32_t at = table_find(codes, code);
        const uint32_t id =
            at != UINT32_MAX ? codes->ids[at] : resolve_new(codes, code, deaths, fresh, closure);
        if (id != 0)
            return id;
    }
    return 0;
}

/*
 * The question is which object lived at `code` when the last death had that number, so an answer is
 * right for good, whoever dies later. It is refused like any other once that number is forgotten.
 */
uint32_t codes_resolve(struct codes *codes, uintptr_t code, uint64_t deaths, codes_new_fn *fresh,
                       void *closure)
{
    struct hit *const hit = &codes->hits[slot_first(code) % CODES_HITS];
    if (hit->code == code && hit->deaths == deaths && !is_unsure(codes, deaths))
        return hit->id;
    const uint32_t id = resolve(codes, code, deaths, fresh, closure);
    if (id != 0)
        *hit = (struct hit){code, deaths, id};
    return id;
}

void codes_forget(struct codes *codes, uint64_t deaths, codes_free_fn *freed, void *closure)
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
        const uint32_t id = atomic_load_explicit(&death->id, memory_order_relaxed);
        if (id != 0)
            freed(closure, id);
        atomic_store_explicit(&death->number, 0, memory_order_relaxed);
        atomic_store_explicit(&codes->log_tail, ++tail, memory_order_release);
    }
}
