/* SPDX-License-Identifier: MIT */
/*
 * demo.py:
 *     1  def work(n):
 *     2      total = sum(range(n))
 *     3      print(total)
 *     4
 *     5  work(10**6)
 * Three ticks of its main thread at 100 Hz: in line 2 on a CPU, in line 3 blocked in write(), and
 * there still.
 */
#include "golden.h"

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

static void process_add(struct bytes *raw)
{
    Pyrec__V1__Meta meta;
    Pyrec__V1__Process process;
    char *argv[] = {text("demo.py")};

    golden_meta(&meta, 0);
    pyrec__v1__process__init(&process);
    process.number = 1;
    process.pid = 4242;
    process.parent_pid = 4241;
    process.os_start = 360000;
    process.start_q = 1000;
    process.executable = text("/usr/bin/python3");
    process.n_argv = 1;
    process.argv = argv;
    process.python_version = text("3.11.2");
    process.python_hexversion = 0x030b02f0;
    process.python_build = text("release");
    meta.process = &process;
    golden_add(raw, PYREC__V1__PACKET__BODY_META, &meta);
}

static void defs_add(struct bytes *raw)
{
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread;
    Pyrec__V1__Thread *threads[] = {&thread};
    char *strings[] = {text("<module>"), text("demo.py"), text("work"), text("MainThread"),
                       text("write")};
    uint32_t function_name[] = {1, 3}, function_file[] = {2, 2}, function_line[] = {1, 1};
    uint32_t location_function[] = {1, 2, 2}, end_line[] = {0, 0, 0};
    int32_t line[] = {4, 1, 2};
    uint32_t column[] = {1, 13, 5}, end_column[] = {12, 26, 17};
    uint32_t stack_up[] = {1, 1, 2}, stack_location[] = {1, 2, 3};

    pyrec__v1__defs__init(&defs);
    pyrec__v1__thread__init(&thread);
    defs.first_string = 1, defs.n_string = 5, defs.string = strings;
    defs.first_function = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 2;
    defs.function_name = function_name, defs.function_file = function_file;
    defs.function_line = function_line;
    defs.first_location = 1;
    defs.n_location_function = defs.n_location_line = defs.n_location_end_line = 3;
    defs.n_location_column = defs.n_location_end_column = 3;
    defs.location_function = location_function, defs.location_line = line;
    defs.location_end_line = end_line, defs.location_column = column;
    defs.location_end_column = end_column;
    defs.first_stack = 1, defs.n_stack_up = defs.n_stack_location = 3;
    defs.stack_up = stack_up, defs.stack_location = stack_location;
    thread.id = 1;
    thread.os_tid = 4242;
    thread.python_ident = 139637976727552;
    thread.name = 4;
    thread.start_q = 1000;
    thread.cpu_q = 8600;
    thread.main = 1;
    defs.n_thread = 1, defs.thread = threads;
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

static void samples_add(struct bytes *raw)
{
    struct seen seen[] = {{9500, 2, 3, 0}, {9900, 3, 0, 5}, {9900, 3, 0, 5}};
    struct watched thread = {.id = 1, .end = 3, .before = {.cpu_q = 8600}, .seen = seen};
    uint64_t number[] = {0, 1, 2}, time_q[] = {2040, 18215, 24401}, gap_q[] = {0, 0, 0};
    uint32_t missed[] = {0, 0, 0}, holder[] = {1, 0, 0};
    const struct watch watch = {.origin_ns = 2000000,
                                .interval_ns = GOLDEN_INTERVAL,
                                .quantum_ns = GOLDEN_QUANTUM,
                                .before_q = 1000,
                                .n_ticks = 3,
                                .number = number,
                                .time_q = time_q,
                                .missed = missed,
                                .gap_q = gap_q,
                                .holder = holder,
                                .n_threads = 1,
                                .threads = &thread};
    Pyrec__V1__Samples samples;
    Pyrec__V1__Account account;

    watch_build(&watch, &samples);
    pyrec__v1__account__init(&account);
    account.ticks_due = account.ticks_taken = account.samples = 3;
    account.samples_asked = account.samples_outside = 1;
    account.handler_ns = 2100;
    account.process_cpu_ns = 12000000;
    samples.account = &account;
    golden_add(raw, PYREC__V1__PACKET__BODY_SAMPLES, &samples);
    watch_samples_clear(&samples);
}

static void summary_add(struct bytes *raw, bool is_process)
{
    Pyrec__V1__Summary summary;

    pyrec__v1__summary__init(&summary);
    summary.end_q = is_process ? 31000 : 31500;
    summary.stop_reason = text("exited");
    summary.status_known = 1;
    summary.processes = is_process ? 0 : 1;
    golden_add(raw, PYREC__V1__PACKET__BODY_SUMMARY, &summary);
}

void golden_tiny(const char *path)
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
    defs_add(&raw);
    samples_add(&raw);
    summary_add(&raw, true);
    golden_append(writer, &range, &raw);
    summary_add(&raw, false);
    golden_close(writer, &end, &raw);
}
