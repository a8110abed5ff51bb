/* SPDX-License-Identifier: MIT */
/*
 * process against rings that were tampered with, at random: it may end the process with a reason,
 * but never crash, and the file stays readable whatever happened. Meant for ASan and UBSan.
 * HOSTILE_ROUNDS in the environment makes it go on for longer.
 */
#include "record/collect/process.h"
#include "tests/unit/support/fake_agent.h"
#include "tests/unit/support/readback.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

#define RING_LEN (2 * WIRE_RECORD_MAX)

static uint64_t seed;

static uint64_t below(uint64_t n)
{
    return scratch_random(&seed) % n;
}

/* One change somewhere in what has not been taken yet. */
static void tamper(struct fake *fake)
{
    static const uint64_t nasty[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX};
    uint8_t *ring = (uint8_t *)fake->head + WIRE_HEAD_LEN;
    const uint64_t head = atomic_load(&fake->head->head), tail = atomic_load(&fake->head->tail);
    if (head == tail)
        return;
    uint8_t *at = ring + ((tail + below(head - tail)) & (RING_LEN - 1) & ~7ull);
    switch (below(6)) {
    case 0: /* a byte */
        at[below(8)] = (uint8_t)below(256);
        break;
    case 1: /* a bit */
        at[below(8)] ^= (uint8_t)(1u << below(8));
        break;
    case 2: /* a number that something may trip over */
        memcpy(at + 4 * below(2), &nasty[below(ARRAY_LEN(nasty))], 4);
        break;
    case 3:
        memcpy(at, &nasty[below(ARRAY_LEN(nasty))], 8);
        break;
    case 4: /* a piece of another record */
        memcpy(at, ring + (below(RING_LEN - 64) & ~7ull), 8 * below(3));
        break;
    case 5: /* the counters of the ring itself */
        if (below(20) == 0)
            atomic_store(&fake->head->head, below(2) == 0 ? scratch_random(&seed) : head + 8);
        break;
    }
}

/* What the sampler writes besides samples, now and then. */
static void extra(struct fake *fake)
{
    struct wire_code_free *freed = ring_reserve(&fake->ring, WIRE_CODE_FREE, sizeof *freed);
    if (freed != NULL)
        freed->code = (uint32_t)below(FAKE_CODES);
    const struct fake_thread *const thread = &fake->threads[below(4)];
    struct wire_late *late = ring_reserve(&fake->ring, WIRE_LATE, sizeof *late);
    if (late != NULL) {
        late->thread = thread->id;
        late->n_counted = (uint16_t)below(3);
        late->why = (uint16_t)below(WIRE_C_MISSING_COUNT + 2);
        late->cpu_ns = thread->cpu_ns;
        late->keep = thread->depth;
        late->n = 0;
    }
    fake_event(fake, (uint32_t)below(13), (uint32_t)below(5), (int64_t)below(1u << 30) + 1000);
    fake_commit(fake);
}

static void round_run(const char *trace)
{
    struct emit emit;
    struct problem why;
    struct process *process;
    struct fake fake;
    struct readback back;
    const struct exit_status unknown = {.is_known = false};
    ck_assert_int_eq(
        emit_open(&emit,
                  &(struct emit_plan){.path = trace, .interval_ns = 1000000, .max_depth = 1024},
                  &why),
        STATUS_OK);
    fake_open(&fake, seed, 1000000, RING_LEN);
    const struct hello_guest guest = {getpid(), getpid(), dup(fake.memfd), -1, 0};
    ck_assert_int_eq(process_open(&process, &guest, 1, &emit, &why), STATUS_OK);
    uint64_t now_ns = fake.head->origin_ns;
    for (int i = 0; i < 20 && process->problem.status == STATUS_OK; i++) {
        for (uint64_t n = below(40); n > 0; n--) {
            now_ns = fake_due_ns(&fake, fake.number + 1);
            fake_step(&fake, now_ns, 6);
            if (below(10) == 0)
                extra(&fake);
        }
        for (uint64_t n = below(4); n > 0; n--)
            tamper(&fake);
        (void)process_visit(process, &emit, now_ns);
    }
    process_finish(process, &emit, now_ns, "exited", &unknown);
    const struct encode_end end = {.end_q = 1, .reason = "exited"};
    emit_close(&emit, &process->account, &end);
    ck_assert_int_eq(emit.problem.status, STATUS_OK);
    process_free(process);
    fake_close(&fake);
    ck_assert_int_eq(readback_load(&back, trace), STATUS_OK);
    ck_assert_str_eq(back.fault, "");
    ck_assert(back.is_closed);
    readback_free(&back);
}

START_TEST(test_tampered)
{
    const char *more = getenv("HOSTILE_ROUNDS");
    const int rounds = more != NULL ? atoi(more) : 300;
    char trace[256];
    snprintf(trace, sizeof trace, "%s", scratch_path("run.trace"));
    for (int i = 0; i < rounds; i++) {
        seed = 0x1234567 + (uint64_t)i * 7919;
        round_run(trace);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tc = tcase_create("hostile");
    tcase_add_test(tc, test_tampered);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
