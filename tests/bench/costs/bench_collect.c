/* SPDX-License-Identifier: MIT */
/*
 * What the collector costs, by itself: a made-up program of 16 threads, 2 of them busy, 27 frames
 * deep, at 1 kHz (the load with which the format was chosen), from the ring to the file.
 *
 * usage: bench_collect [THREADS BUSY SECONDS [FILE]]      FILE: leave the trace there
 *
 * Prints nanoseconds per tick and per sample, and bytes per thread and tick and per sample. Fails
 * when a sample of the default load takes more than 8 bytes, several times what is usual; how long
 * it takes is for whoever reads it.
 */
#include "record/base/clocks.h"
#include "record/collect/process.h"
#include "tests/unit/support/fake_agent.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERVAL_NS   1000000u
#define MAX_BYTES     8.0
#define TICKS_A_VISIT 100

struct bench {
    struct fake fake;
    struct emit emit;
    struct process *process;
    uint64_t now_ns;
    uint64_t spent_ns;
};

/* What function `code` calls from its i-th call site: always the same, so there is a call tree. */
static struct wire_frame callee_of(struct wire_frame caller, uint64_t site)
{
    const uint64_t mixed = hash_mix(caller.code + 1, 0x9E3779B97F4A7C15u + site);
    return (struct wire_frame){.code = 1 + (uint32_t)(mixed % FAKE_CODES),
                               .instr = 2 * (int32_t)(mixed >> 32 & 63)};
}

/* Mostly another line of the leaf, or a call or a return; now and then another branch. */
static uint32_t stack_walk(struct fake *fake, struct fake_thread *thread)
{
    uint32_t keep = thread->depth;
    for (uint64_t n = fake_random(fake, 10) == 0 ? fake_random(fake, 12) : fake_random(fake, 3);
         n > 0 && keep > 3; n--)
        keep--;
    uint32_t depth = keep;
    const uint32_t want = 15 + (uint32_t)fake_random(fake, 24);
    while (depth < want && depth < FAKE_DEPTH && (depth < keep + 4 || depth < 10)) {
        const struct wire_frame root = {0, 0};
        thread->frames[depth] = callee_of(depth == 0 ? root : thread->frames[depth - 1],
                                          fake_random(fake, 100) == 0 ? fake_random(fake, 3) : 0);
        depth++;
    }
    if (depth == keep && depth > 0) {
        thread->frames[--keep].instr = 2 * (int32_t)fake_random(fake, 3);
    }
    thread->depth = depth;
    return keep;
}

static void tick(struct bench *b, unsigned busy)
{
    struct fake *fake = &b->fake;
    const uint64_t before_ns = b->now_ns;
    b->now_ns = fake_due_ns(fake, fake->number + 1) + 50000 + fake_random(fake, 20000);
    fake_tick(fake, b->now_ns);
    for (unsigned i = 0; i < busy; i++) {
        struct fake_thread *thread = &fake->threads[i];
        /* It runs all the time, but for what the kernel and others take. */
        thread->cpu_ns += b->now_ns - before_ns - fake_random(fake, 30000);
        thread->state = i == 0 ? WIRE_ON_CPU | WIRE_HOLDS_GIL : WIRE_WAITS_GIL;
        fake_sample(fake, thread, stack_walk(fake, thread));
    }
    fake_commit(fake);
}

static void bench_run(struct bench *b, unsigned threads, unsigned busy, uint64_t ticks)
{
    fake_tick(&b->fake, b->now_ns);
    for (unsigned i = 0; i < threads; i++)
        fake_start_thread(&b->fake, "worker");
    for (uint64_t i = 0; i < ticks; i += TICKS_A_VISIT) {
        for (int n = 0; n < TICKS_A_VISIT; n++)
            tick(b, busy);
        b->process->natives.next_look_ns = UINT64_MAX; /* the threads are made up */
        const uint64_t begin_ns = clocks_ns(CLOCK_PROCESS_CPUTIME_ID);
        (void)process_visit(b->process, &b->emit, b->now_ns);
        b->spent_ns += clocks_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns;
    }
}

int main(int argc, char **argv)
{
    static struct bench b;
    const struct exit_status unknown = {.is_known = false};
    const struct encode_end end = {.end_q = 1, .reason = "exited"};
    const unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 16;
    const unsigned busy = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
    const uint64_t ticks = 1000 * (argc > 3 ? (uint64_t)atoi(argv[3]) : 60);
    char made[] = "/tmp/bench_collect.XXXXXX";
    struct problem why;
    struct stat file;
    const int fd = argc > 4 ? -1 : mkstemp(made);
    const char *const path = argc > 4 ? argv[4] : made;
    const struct emit_plan plan = {.path = path, .interval_ns = INTERVAL_NS, .max_depth = 1024};
    if ((fd < 0 && argc <= 4) || emit_open(&b.emit, &plan, &why) != STATUS_OK)
        return EXIT_FAILURE;
    fake_open(&b.fake, 7, INTERVAL_NS, WIRE_RING_LEN);
    const struct hello_guest guest = {getpid(), getpid(), dup(b.fake.memfd), -1, 0};
    if (process_open(&b.process, &guest, 1, &b.emit, &why) != STATUS_OK)
        return EXIT_FAILURE;
    b.now_ns = b.fake.head->origin_ns;
    bench_run(&b, threads, busy, ticks);
    process_finish(b.process, &b.emit, b.now_ns, "exited", &unknown);
    emit_close(&b.emit, &b.process->account, &end);
    if (b.fake.n_overflowed != 0 || b.emit.problem.status != STATUS_OK || stat(path, &file) != 0)
        return EXIT_FAILURE;

    const double ns_tick = (double)b.spent_ns / (double)ticks;
    const double bytes = (double)file.st_size / (double)b.fake.n_samples;
    printf("%u threads, %u busy: %.0f ns/tick, %.0f ns/sample; %.3f bytes/thread-tick, "
           "%.2f bytes/sample\n",
           threads, busy, ns_tick, (double)b.spent_ns / (double)b.fake.n_samples,
           (double)file.st_size / (double)ticks / threads, bytes);
    process_free(b.process);
    fake_close(&b.fake);
    if (argc <= 4) {
        unlink(path);
        close(fd);
    }
    return argc > 1 || bytes < MAX_BYTES ? EXIT_SUCCESS : EXIT_FAILURE;
}
