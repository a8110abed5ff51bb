/* SPDX-License-Identifier: MIT */
/*
 * process: from a ring to a trace file and back, compared with the truth, without sockets and
 * without waiting: the agent's clock is made up, and so is the collector's.
 */
#include "record/base/clocks.h"
#include "record/collect/process.h"
#include "tests/unit/support/fake_agent.h"
#include "tests/unit/support/readback.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INTERVAL_NS 10000000u
#define QUANTUM_NS  (emit.recording.clock.quantum_ns)

static struct emit emit;
static struct fake fake;
static struct process *process;
static struct readback back;
static char trace[256], truth[256];
static uint64_t clock_ns; /* of the made-up agent */
static const struct exit_status exited = {.is_known = true, .status = 3};

static void setup(void)
{
    struct problem why;
    snprintf(trace, sizeof trace, "%s", scratch_path("run.trace"));
    snprintf(truth, sizeof truth, "%s", scratch_path("truth"));
    ck_assert_int_eq(
        emit_open(&emit,
                  &(struct emit_plan){.path = trace, .interval_ns = INTERVAL_NS, .max_depth = 1024},
                  &why),
        STATUS_OK);
    fake_open(&fake, 42, INTERVAL_NS, WIRE_RING_LEN);
    fake.truth = fopen(truth, "w");
    clock_ns = fake.head->origin_ns;
    process = NULL;
}

static enum status start(struct problem *why)
{
    const struct hello_guest guest = {getpid(), getpid(), dup(fake.memfd), -1, 0};
    return process_open(&process, &guest, 1, &emit, why);
}

static void start_good(void)
{
    struct problem why;
    ck_assert_int_eq(start(&why), STATUS_OK);
}

/* Finish, close, read back; the trace's rows must be the truth. */
static void finish(void)
{
    const struct encode_end end = {.end_q =
                                       (clock_ns - emit.recording.clock.start_mono_ns) / QUANTUM_NS,
                                   .reason = "exited",
                                   .processes = 1};
    process_finish(process, &emit, clock_ns, "exited", &exited);
    emit_close(&emit, &process->account, &end);
    ck_assert_int_eq(emit.problem.status, STATUS_OK);
    fclose(fake.truth);
    fake.truth = NULL;
    ck_assert_int_eq(readback_load(&back, trace), STATUS_OK);
    ck_assert_str_eq(back.fault, "");
    ck_assert(back.is_closed);
    ck_assert_uint_eq(back.n_processes, 1);
    ck_assert_uint_eq(back.processes[1].account_samples, back.processes[1].samples);
}

static void teardown(void)
{
    process_free(process);
    readback_free(&back);
    if (fake.truth != NULL)
        fclose(fake.truth);
    fake_close(&fake);
    emit_abandon(&emit);
}

/* n ticks, each a little late; visits now and then. */
static void run(int n, unsigned busy, int visit_every)
{
    for (int i = 0; i < n; i++) {
        clock_ns = fake_due_ns(&fake, fake.number + 1) + fake_random(&fake, 300000);
        fake_step(&fake, clock_ns, busy);
        if (i % visit_every == 0)
            ck_assert(process_visit(process, &emit, clock_ns));
    }
}

START_TEST(test_round_trip)
{
    start_good();
    run(3000, 8, 7);
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_eq(back.processes[1].ticks, 3000);
    ck_assert_uint_gt(back.n_chunks, 14);
    ck_assert_str_eq(back.processes[1].reason, "exited");
    ck_assert_uint_eq(back.processes[1].exit_status, 3);
    ck_assert_uint_gt(back.n_events, 10);
}
END_TEST

/* Nobody looks until the process is dead: everything comes out of the ring, in chunks of 2 s. */
START_TEST(test_all_at_the_end)
{
    start_good();
    run(700, 4, 1000000);
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_ge(back.n_chunks, 5);
}
END_TEST

START_TEST(test_generations)
{
    start_good();
    fake.head->interval_ns = INTERVAL_NS;
    for (int i = 0; i < 13; i++) {
        run(150, 6, 9);
        fake.number += 9850; /* the program is stopped for a while */
    }
    run(1, 1, 1);
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_ge(back.processes[1].generations, 4);
    ck_assert_uint_eq(back.missed, 13 * 9850);
}
END_TEST

/*
 * A new generation in the middle of a tick, with some of its samples taken already: as when a new
 * section of the trace begins. Nothing is lost, nothing is there twice.
 */
START_TEST(test_generation_within_a_tick)
{
    start_good();
    for (int i = 0; i < 60; i++) {
        run(20, 6, 3); /* leaves the last tick open */
        ck_assert(process_visit(process, &emit, clock_ns));
        ck_assert(process->stream.is_tick_open);
        process_flush(process, &emit);
        process_begin_section(process, 1, clocks_mono_ns());
        ck_assert_int_eq(process->problem.status, STATUS_OK);
    }
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_eq(back.processes[1].ticks, 1200);
    ck_assert_uint_ge(back.processes[1].generations, 60);
}
END_TEST

/* Threads that sleep through a whole generation are still where they were. */
START_TEST(test_sleepers)
{
    start_good();
    run(400, 20, 5);
    for (int i = 0; i < 40; i++) {
        fake.number += 1000;
        run(3, 1, 1);
    }
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_ge(back.processes[1].generations, 2);
}
END_TEST

START_TEST(test_nothing_at_all)
{
    start_good();
    ck_assert(process_visit(process, &emit, clock_ns));
    finish();
    ck_assert_uint_eq(back.n_rows, 0);
    ck_assert(back.processes[1].has_summary);
    ck_assert_uint_eq(back.processes[1].pid, (uint32_t)getpid());
}
END_TEST

/* ---- special samples ---- */

static struct wire_sample *sample_raw(uint32_t thread, uint32_t keep, uint32_t n)
{
    struct wire_sample *record =
        ring_reserve(&fake.ring, WIRE_SAMPLE, sizeof *record + n * sizeof record->frames[0]);
    const struct wire_record header = record->record;
    *record =
        (struct wire_sample){.record = header, .thread = thread, .call = -1, .keep = keep, .n = n};
    return record;
}

static void tick_raw(void)
{
    clock_ns = fake_due_ns(&fake, fake.number + 1);
    fake_tick(&fake, clock_ns);
}

START_TEST(test_failed_and_cut)
{
    start_good();
    tick_raw();
    fake_start_thread(&fake, "main");
    struct fake_thread *thread = &fake.threads[0];
    thread->depth = 2;
    thread->frames[0] = (struct wire_frame){1, 2};
    thread->frames[1] = (struct wire_frame){2, -1};
    fake_sample(&fake, thread, 0);
    tick_raw(); /* a walk that failed: the stack that was sent last still counts for `keep` */
    sample_raw(1, 0, 0)->failed = WIRE_FAIL_MOVED;
    tick_raw();
    sample_raw(1, 1, 1)->frames[0] = (struct wire_frame){2, 4};
    tick_raw(); /* cut: the same frames below a marker */
    sample_raw(1, 2, 0)->record.flags = WIRE_SAMPLE_CUT;
    tick_raw(); /* a code that was never described */
    sample_raw(1, 1, 1)->frames[0] = (struct wire_frame){199, 4};
    tick_raw(); /* no Python frame at all */
    sample_raw(1, 0, 0)->cpu_ns = 5000000;
    fake_commit(&fake);
    finish();
    static const char *const stacks[] = {
        "f1:11;f2:20;",
        "thread moved while it was read:0;",
        "f1:11;f2:22;",
        "<truncated>:0;f1:11;f2:22;",
        "f1:11;code object freed before it was described:0;",
        "",
    };
    ck_assert_uint_eq(back.n_rows, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_str_eq(back.rows[i].stack, stacks[i]);
    ck_assert_uint_eq(back.rows[5].cpu_q, 5000000 / QUANTUM_NS);
}
END_TEST

/* Who held the GIL, and time that nobody has seen. */
START_TEST(test_holders_and_gaps)
{
    static const uint32_t holders[] = {0, 1, 1, 2, 99, 1}; /* 99: who is that? */
    start_good();
    for (int i = 0; i < 6; i++) {
        tick_raw();
        struct wire_tick *tick = (struct wire_tick *)(void *)((uint8_t *)fake.head + WIRE_HEAD_LEN +
                                                              fake.ring.at - sizeof *tick);
        tick->holder = holders[i];
        tick->gap_ns = i == 3 ? 4000000 : i == 5 ? UINT64_MAX : 0; /* no more than has passed */
        if (i == 0) {
            fake_start_thread(&fake, "main");
            fake_start_thread(&fake, "other");
        }
    }
    fake_commit(&fake);
    finish();
    ck_assert_uint_eq(back.n_rows, 12);
    for (size_t i = 0; i < 12; i++)
        ck_assert_uint_eq(back.rows[i].holder, holders[i / 2] == 99 ? 0 : holders[i / 2]);
    const uint64_t passed_q = back.rows[10].time_q - back.rows[8].time_q;
    ck_assert_uint_eq(back.gap_q, 4000000 / QUANTUM_NS + passed_q);
    ck_assert_uint_eq(back.missed, 0);
}
END_TEST

/* What differs by less thana quantum, or not at all, costs nothing. */
START_TEST(test_implied)
{
    start_good();
    tick_raw();
    fake_start_thread(&fake, "main");
    fake_sample(&fake, &fake.threads[0], 0);
    for (int i = 0; i < 50; i++) {
        tick_raw();
        fake.threads[0].cpu_ns += QUANTUM_NS / 100; /* half a quantum in all */
        fake_sample(&fake, &fake.threads[0], 0);
    }
    fake_commit(&fake);
    ck_assert(process_visit(process, &emit, clock_ns - 1));
    ck_assert_uint_eq(process->stream.batch.n_entries, 0);
    tick_raw();
    fake.threads[0].cpu_ns += QUANTUM_NS / 2;
    fake_sample(&fake, &fake.threads[0], 0);
    tick_raw();
    fake_commit(&fake);
    ck_assert(process_visit(process, &emit, clock_ns - 1));
    ck_assert_uint_eq(process->stream.batch.n_entries, 1);
    finish();
    ck_assert_uint_eq(back.rows[50].cpu_q, 0);
    ck_assert_uint_eq(back.rows[51].cpu_q, 1);
}
END_TEST

/* Three of four ticks are spared: the grid stays, they count as skipped. */
START_TEST(test_every_fourth)
{
    start_good();
    run(50, 3, 10);
    const uint64_t before = back.n_events;
    fake_event(&fake, WIRE_EVENT_INTERVAL, 0, 4 * (int64_t)INTERVAL_NS);
    for (int i = 0; i < 80; i++) {
        fake.number += 3;
        run(1, 3, 1);
    }
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_eq(back.processes[1].ticks, 130);
    ck_assert_uint_eq(back.missed, 240);
    ck_assert_uint_gt(back.n_events, before);
    for (size_t i = 0; i < back.n_rows; i++) {
        const struct readback_row *row = &back.rows[i];
        const uint64_t due_q = (fake_due_ns(&fake, row->number) - back.start_mono_ns) / QUANTUM_NS;
        ck_assert_uint_ge(row->time_q, due_q);
        ck_assert_uint_le(row->time_q, due_q + 300000 / QUANTUM_NS);
    }
}
END_TEST

struct rest {
    uint32_t stride, told, lived; /* ticks that were promised, and that it was alive for */
    uint64_t cpu_ns;              /* that the process used in it */
    uint32_t unseen;              /* ticks before it that did not come through the ring */
    uint32_t written;
};
static const struct rest rests[] = {
    {1, 8, 8, 0, 0, 8},        /* the sampler was about to write them itself */
    {1, 20, 7, 0, 0, 7},       /* killed in the middle */
    {1, 7, 30, 0, 0, 7},       /* nobody knows what was after that */
    {4, 5, 9, 0, 0, 5},        /* three of four are spared */
    {1, 8, 8, 10000000, 0, 8}, /* to die takes some */
    {1, 8, 8, 60000000, 0, 0}, /* who knows who ran */
    {1, 200, 150, 0, 0, 0},    /* nobody rests for so long */
    {1, 8, 8, 0, 3, 0},        /* what was in between is not known */
    {0, 8, 8, 0, 0, 0},
};

/* The agent died while it slept through ticks. */
START_TEST(test_killed_in_a_rest)
{
    const struct rest *const rest = &rests[_i];
    struct wire_rest *const told = &fake.head->rest;
    start_good();
    run(50, 3, 10);
    atomic_store(&told->number, fake.number + rest->unseen);
    atomic_store(&told->end_ns, fake_due_ns(&fake, fake.number + rest->told * rest->stride) + 1);
    atomic_store(&told->cpu_ns, clocks_ns(CLOCK_PROCESS_CPUTIME_ID));
    atomic_store(&told->stride, rest->stride);
    while (clocks_ns(CLOCK_PROCESS_CPUTIME_ID) < told->cpu_ns + rest->cpu_ns)
        ;
    clock_ns = fake_due_ns(&fake, fake.number + rest->lived * rest->stride) + 1;
    for (uint32_t i = 0; i < rest->written; i++) {
        fake.number += rest->stride;
        fake.time_ns = fake_due_ns(&fake, fake.number);
        fake_tell(&fake);
    }
    finish();
    ck_assert_int_eq(readback_compare(&back, 1, truth, false), 0);
    ck_assert_uint_eq(back.processes[1].ticks, 50 + rest->written);
    ck_assert_uint_eq(process->account.ticks_taken, 50 + rest->written);
    ck_assert_uint_eq(process->account.ticks_due, 50 + rest->written * rest->stride);
    ck_assert_uint_eq(process->account.ticks_spared, rest->written * (rest->stride - 1));
}
END_TEST

/* ---- names ---- */

START_TEST(test_kernel_names)
{
    start_good();
    tick_raw();
    fake_start_thread(&fake, NULL);
    fake_start_thread(&fake, NULL); /* a thread number that no thread of ours has */
    fake_commit(&fake);
    ck_assert(process_visit(process, &emit, clock_ns));
    ck_assert_ptr_null(process->stream.roster.threads[1]->name);
    ck_assert_ptr_null(process->stream.roster.threads[0]->name);
    process_flush(process, &emit);
    ck_assert_str_eq(process->stream.roster.threads[0]->name, "MainThread");
    struct roster_thread *const thread = process->stream.roster.threads[1];
    thread->os_tid = (uint32_t)getpid(); /* has the name that every new thread has */
    ck_assert(process_visit(process, &emit, clock_ns));
    ck_assert_ptr_null(thread->name);
    thread->os_tid = (uint32_t)scratch_named_thread("own name");
    thread->name_looks = 1;
    process_flush(process, &emit);
    ck_assert(process_visit(process, &emit, clock_ns));
    ck_assert_str_eq(thread->name, "own name");
    ck_assert(thread->name_is_kernel);
    finish();
}
END_TEST

/* ---- what a guest may bring ---- */

static void check_refused(enum status status, const char *text)
{
    struct problem why = {.detail = ""};
    ck_assert_int_eq(start(&why), status);
    ck_assert_ptr_nonnull(strstr(why.detail, text));
    ck_assert_ptr_null(process);
}

START_TEST(test_bad_heads)
{
    struct wire_head *head = fake.head;
    const struct hello_guest unsealed = {getpid(), getpid(), memfd_create("x", 0), -1, 0};
    struct problem why;
    ck_assert_int_eq(process_open(&process, &unsealed, 1, &emit, &why), STATUS_DAMAGED);
    ck_assert_str_eq(why.detail, "its memory is not sealed");
    head->ring_len = WIRE_RING_LEN * 2;
    check_refused(STATUS_DAMAGED, "its ring has");
    head->ring_len = WIRE_RING_LEN - 8;
    check_refused(STATUS_DAMAGED, "its ring has");
    head->ring_len = 0;
    check_refused(STATUS_DAMAGED, "its ring has");
    head->ring_len = WIRE_RING_LEN;
    head->interval_ns = 0;
    check_refused(STATUS_DAMAGED, "interval");
    head->interval_ns = UINT64_MAX;
    check_refused(STATUS_DAMAGED, "interval");
    head->interval_ns = INTERVAL_NS;
    head->origin_ns = 17;
    check_refused(STATUS_DAMAGED, "clock");
    head->origin_ns = head->start_ns;
    head->magic[3] ^= 1;
    check_refused(STATUS_DAMAGED, "no head");
    head->magic[3] ^= 1;
    head->version++;
    check_refused(STATUS_DAMAGED, "no head");
    head->version--;
    atomic_store(&head->state, WIRE_REFUSED);
    memset(head->refused, 'x', sizeof head->refused); /* not terminated */
    check_refused(STATUS_UNSUPPORTED, "xxx");
    strcpy(head->refused, "Python 2.7 is too old");
    check_refused(STATUS_UNSUPPORTED, "Python 2.7 is too old");
}
END_TEST

START_TEST(test_unterminated_texts)
{
    struct wire_head *head = fake.head;
    memset(head->executable, 0xff, sizeof head->executable);
    memset(head->python_build, 'b', sizeof head->python_build);
    memset(head->argv, 'a', sizeof head->argv);
    head->argv_len = UINT32_MAX;
    start_good();
    ck_assert_uint_eq(process->about.n_argv, 1);
    ck_assert_uint_eq(strlen(process->about.argv[0]), sizeof head->argv);
    finish();
}
END_TEST

/* ---- records that make no sense ---- */

struct bad {
    const char *says;
    uint16_t type, flags;
    uint32_t words[12];
    size_t n_words;
};
#define WORDS(...) {__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static const struct bad bads[] = {
    {"unknown type", 77, 0, WORDS(0, 0)},
    {"unknown type", 0xffff, 0, WORDS(0, 0)},
    {"too short", WIRE_TICK, 0, WORDS(0, 0)},
    {"tick at an impossible time", WIRE_TICK, 0, WORDS(0, 0, 9, 0, 0, 0, 0, 0)},
    {"tick at an impossible time", WIRE_TICK, 0, WORDS(~0u, ~0u, 9, 0, 0, 0, 0, 0)},
    {"with more or fewer frames", WIRE_SAMPLE, 0, WORDS(1, 0, 0, 0, ~0u, 0, 0, 1)},
    {"with more or fewer frames", WIRE_SAMPLE, 0, WORDS(1, 0, 0, 0, ~0u, 0, 0, ~0u)},
    {"with more or fewer frames", WIRE_SAMPLE, 0, WORDS(1, 0, 0, 0, ~0u, 0, 0, 0, 5, 5)},
    {"unknown failure", WIRE_SAMPLE, 0, WORDS(1, 0, 0, 0, ~0u, 999, 0, 0)},
    {"never sent", WIRE_SAMPLE, 0, WORDS(1, 0, 0, 0, ~0u, 0, 1, 0)},
    {"never sent", WIRE_SAMPLE, 0, WORDS(1, 0, 0, 0, ~0u, 0, ~0u, 0)},
    {"thread without a number", WIRE_THREAD, 0, WORDS(0, 1, 0, 0, 0, 0, 0, 0, 0, 0)},
    {"name longer", WIRE_THREAD_NAME, 0, WORDS(1, 9, 0, 0)},
    {"name longer", WIRE_THREAD_NAME, 0, WORDS(1, ~0u)},
    {"code that does not fit", WIRE_CODE, 0, WORDS(1, 1, 1, ~0u, 1, 0, 0, 0)},
    {"line table that does not fit", WIRE_CODE_TABLE, 0, WORDS(1, 0, 100, 0)},
    {"unknown event", WIRE_EVENT, 0, WORDS(12, 0, 0, 0, 0, 0)},
    {"impossible interval", WIRE_EVENT, 0, WORDS(6, 0, 0, 0, 0, 0)},
    {"impossible interval", WIRE_EVENT, 0, WORDS(6, 0, ~0u, ~0u, ~0u, ~0u)},
};

START_TEST(test_bad_records)
{
    const struct bad *bad = &bads[_i];
    start_good();
    tick_raw();
    fake_start_thread(&fake, "main");
    fake_commit(&fake);
    uint32_t *record = ring_reserve(&fake.ring, bad->type, 8 + bad->n_words * 4);
    memcpy(record + 2, bad->words, bad->n_words * 4);
    fake_commit(&fake);
    ck_assert(!process_visit(process, &emit, clock_ns));
    ck_assert_int_eq(process->problem.status, STATUS_DAMAGED);
    ck_assert_ptr_nonnull(strstr(process->problem.detail, bad->says));
    finish();
    ck_assert_uint_eq(atomic_load(&fake.head->stop), 1);
    ck_assert_ptr_nonnull(strstr(back.processes[1].reason, bad->says));
    ck_assert_uint_eq(back.n_rows, 1); /* what came before is kept */
}
END_TEST

/* What an honest agent with a full ring may say. */
START_TEST(test_gaps)
{
    start_good();
    sample_raw(1, 0, 0); /* before the first tick: none would say this */
    fake_commit(&fake);
    ck_assert(!process_visit(process, &emit, clock_ns));
    ck_assert_ptr_nonnull(strstr(process->problem.detail, "outside a tick"));
    process->problem.status = STATUS_OK;
    tick_raw();
    sample_raw(7, 0, 0); /* whose thread record was lost */
    fake_end_thread(&fake, 7, 0);
    fake_event(&fake, 7, 7, 0);
    fake_event(&fake, 3, 0, 12345); /* FORK: the collector's own to say */
    fake_start_thread(&fake, "main");
    fake.next_thread = 1;
    fake_start_thread(&fake, "main again");
    fake_commit(&fake);
    ck_assert(process_visit(process, &emit, clock_ns));
    ck_assert_uint_eq(process->stream.orphans, 1);
    ck_assert_uint_eq(process->stream.roster.n, 1);
    ck_assert_uint_eq(process->stream.batch.n_events, 3);
    const struct batch_event *const title = &process->stream.batch.events[0];
    ck_assert_uint_eq(title->type, PYREC__V1__EVENT__TYPE__TITLE); /* of ours, not "fake --of" */
    ck_assert_ptr_nonnull(strstr(title->text, "test_process"));
    ck_assert_str_eq(title->text, process->about.title);
    finish();
}
END_TEST

/* A thread's clock at its end is said once, behind its last sample, wherever a chunk was cut. */
START_TEST(test_ends)
{
    start_good();
    tick_raw();
    for (int i = 0; i < 3; i++)
        fake_start_thread(&fake, "thread");
    struct fake_thread *const threads = fake.threads;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            threads[i].cpu_ns += 10 * QUANTUM_NS;
            fake_sample(&fake, &threads[i], 0);
        }
        tick_raw();
    }
    threads[0].cpu_ns += 5 * QUANTUM_NS; /* its last sample is in the tick that it ends in */
    fake_sample(&fake, &threads[0], 0);
    fake_end_thread(&fake, 1, 29 * QUANTUM_NS);
    fake_end_thread(&fake, 2, 20 * QUANTUM_NS); /* no more than was seen */
    fake_end_thread(&fake, 3, 22 * QUANTUM_NS + 1);
    fake_commit(&fake);
    ck_assert(process_visit(process, &emit, clock_ns));
    process_flush(process, &emit); /* within the tick */
    process_begin_section(process, 1, clocks_mono_ns());
    tick_raw();
    tick_raw();
    fake_commit(&fake);
    ck_assert(process_visit(process, &emit, clock_ns));
    ck_assert_uint_eq(process->stream.python_cpu_q, 29 + 20 + 22);
    finish();
    ck_assert_uint_eq(back.n_ends, 2);
    ck_assert_uint_eq(back.ends_q, 29 + 22);
    ck_assert_uint_eq(back.rows[back.n_rows - 1].cpu_q, 25);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("process");
    TCase *tc = tcase_create("process");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_round_trip);
    tcase_add_test(tc, test_all_at_the_end);
    tcase_add_test(tc, test_generations);
    tcase_add_test(tc, test_generation_within_a_tick);
    tcase_add_test(tc, test_sleepers);
    tcase_add_test(tc, test_nothing_at_all);
    tcase_add_test(tc, test_failed_and_cut);
    tcase_add_test(tc, test_holders_and_gaps);
    tcase_add_test(tc, test_implied);
    tcase_add_test(tc, test_every_fourth);
    tcase_add_loop_test(tc, test_killed_in_a_rest, 0, ARRAY_LEN(rests));
    tcase_add_test(tc, test_kernel_names);
    tcase_add_test(tc, test_bad_heads);
    tcase_add_test(tc, test_unterminated_texts);
    tcase_add_loop_test(tc, test_bad_records, 0, ARRAY_LEN(bads));
    tcase_add_test(tc, test_gaps);
    tcase_add_test(tc, test_ends);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
