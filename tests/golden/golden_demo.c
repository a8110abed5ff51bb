/* SPDX-License-Identifier: MIT */
#include "golden.h"

#include <string.h>

char *golden_text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

static void process_add(struct bytes *raw)
{
    Pyrec__V1__Meta meta;
    Pyrec__V1__Process process;
    char *argv[] = {golden_text("demo.py")};

    golden_meta(&meta, 0);
    pyrec__v1__process__init(&process);
    process.number = 1;
    process.pid = 4242;
    process.parent_pid = 4241;
    process.os_start = 360000;
    process.start_q = 1000;
    process.executable = golden_text("/usr/bin/python3");
    process.n_argv = 1;
    process.argv = argv;
    process.python_version = golden_text("3.11.2");
    process.python_hexversion = 0x030b02f0;
    process.python_build = golden_text("release");
    meta.process = &process;
    golden_add(raw, PYREC__V1__PACKET__BODY_META, &meta);
}

static void samples_add(struct bytes *raw, const struct golden_demo *demo)
{
    struct seen seen[GOLDEN_DEMO_TICKS];
    struct watched thread = {.id = 1, .end = 3, .before = {.cpu_q = 8600}, .seen = seen};
    uint64_t number[] = {0, 1, 2}, time_q[] = {2040, 18215, 24401}, gap_q[] = {0, 0, 0};
    uint32_t missed[] = {0, 0, 0}, holder[GOLDEN_DEMO_TICKS];
    const struct watch watch = {.origin_ns = 2000000,
                                .interval_ns = GOLDEN_INTERVAL,
                                .quantum_ns = GOLDEN_QUANTUM,
                                .before_q = 1000,
                                .n_ticks = GOLDEN_DEMO_TICKS,
                                .number = number,
                                .time_q = time_q,
                                .missed = missed,
                                .gap_q = gap_q,
                                .holder = holder,
                                .n_threads = 1,
                                .threads = &thread};
    Pyrec__V1__Samples samples;
    Pyrec__V1__Account account;

    memcpy(seen, demo->seen, sizeof seen);
    memcpy(holder, demo->holder, sizeof holder);
    watch_build(&watch, &samples);
    pyrec__v1__account__init(&account);
    account.ticks_due = account.ticks_taken = account.samples = GOLDEN_DEMO_TICKS;
    account.samples_asked = account.samples_outside = 1;
    account.handler_ns = 2100;
    account.process_cpu_ns = 12000000;
    if (demo->account_fill != NULL)
        demo->account_fill(&account);
    samples.account = &account;
    samples.look = demo->looks, samples.n_look = demo->n_looks;
    golden_add(raw, PYREC__V1__PACKET__BODY_SAMPLES, &samples);
    samples.look = NULL, samples.n_look = 0;
    watch_samples_clear(&samples);
}

static void summary_add(struct bytes *raw, bool is_process)
{
    Pyrec__V1__Summary summary;

    pyrec__v1__summary__init(&summary);
    summary.end_q = is_process ? 31000 : 31500;
    summary.stop_reason = golden_text("exited");
    summary.status_known = 1;
    summary.processes = is_process ? 0 : 1;
    golden_add(raw, PYREC__V1__PACKET__BODY_SUMMARY, &summary);
}

void golden_demo(const char *path, const struct golden_demo *demo)
{
    struct chunk_writer *writer;
    struct problem why;
    struct bytes raw = {0};
    struct chunk start = {.flags = CHUNK_META | CHUNK_GENERATION_START};
    struct chunk range = {.flags = CHUNK_META | CHUNK_DEFS | CHUNK_SAMPLES | CHUNK_SUMMARY |
                                   CHUNK_GENERATION_START,
                          .process = 1,
                          .t_first_ns = 1000000,
                          .t_last_ns = 24401000};
    struct chunk end = {.flags = CHUNK_SUMMARY, .t_last_ns = 31500000};
    Pyrec__V1__Meta meta;

    require(chunk_writer_open(&writer, path, GOLDEN_TAG, 0, &why) == STATUS_OK);
    golden_meta(&meta, 0);
    golden_add(&raw, PYREC__V1__PACKET__BODY_META, &meta);
    golden_append(writer, &start, &raw);
    process_add(&raw);
    demo->defs_add(&raw);
    samples_add(&raw, demo);
    summary_add(&raw, true);
    golden_append(writer, &range, &raw);
    summary_add(&raw, false);
    golden_close(writer, &end, &raw);
}
