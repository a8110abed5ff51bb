/* SPDX-License-Identifier: MIT */
/*
 * A recording with C frames, of two libraries: "work" calls C that calls "key", which is in C, too;
 * of the last sample the C frames are not known.
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

static void modules_fill(Pyrec__V1__Module *modules, Pyrec__V1__Module **list)
{
    static uint8_t id[] = {0xc5, 0x61, 0xf3, 0xaa, 0x72, 0x32, 0xf2, 0xbd, 0x6a, 0xc6,
                           0xd5, 0x6b, 0xd4, 0x75, 0xf1, 0xc1, 0x54, 0xa0, 0x04, 0x86};
    for (uint32_t i = 0; i < 3; i++) {
        pyrec__v1__module__init(&modules[i]);
        modules[i].id = i + 1;
        modules[i].path = 6 + i;
        list[i] = &modules[i];
    }
    modules[0].build_id.data = id;
    modules[0].build_id.len = sizeof id;
    modules[2].kind = PYREC__V1__MODULE__KIND__VDSO;
}

static void defs_add(struct bytes *raw)
{
    enum { PYTHON, NATIVE = PYREC__V1__DEFS__KIND__NATIVE, GAP = PYREC__V1__DEFS__KIND__GAP };
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread;
    Pyrec__V1__Thread *threads[] = {&thread};
    Pyrec__V1__Module modules[3], *module_list[3];
    char *strings[] = {text("work"),
                       text("demo.py"),
                       text("list.sort"),
                       text("key"),
                       text("_ZN1n4hashEPKcm"),
                       text("/usr/bin/python3.11"),
                       text("/usr/lib/libn.so.2"),
                       text("[vdso]"),
                       text("C frames not known"),
                       text("MainThread")};
    uint32_t name[] = {1, 3, 4, 5, 9}, file[] = {2, 6, 2, 7, 0}, line[] = {1, 0, 10, 0, 0};
    uint32_t kind[] = {PYTHON, NATIVE, PYTHON, NATIVE, GAP}, module[] = {0, 1, 0, 2, 0};
    uint64_t address[] = {0, 0x5a080, 0, 0x1200, 0};
    uint32_t function[] = {1, 2, 3, 4, 5}, up[] = {1, 1, 1, 1, 4}, location[] = {1, 2, 3, 4, 5};
    int32_t offset[] = {1, 0, 2, 0, 0};

    pyrec__v1__defs__init(&defs);
    pyrec__v1__thread__init(&thread);
    modules_fill(modules, module_list);
    defs.first_string = 1, defs.n_string = 10, defs.string = strings;
    defs.first_function = defs.first_location = defs.first_stack = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 5;
    defs.function_name = name, defs.function_file = file, defs.function_line = line;
    defs.n_function_kind = defs.n_function_module = defs.n_function_address = 5;
    defs.function_kind = kind, defs.function_module = module, defs.function_address = address;
    defs.n_location_function = defs.n_location_line = 5;
    defs.location_function = function, defs.location_line = offset;
    defs.n_stack_up = defs.n_stack_location = 5;
    defs.stack_up = up, defs.stack_location = location;
    defs.n_module = 3, defs.module = module_list;
    thread.id = 1;
    thread.os_tid = 4242;
    thread.name = 10;
    thread.start_q = 1000;
    thread.cpu_q = 8600;
    thread.main = 1;
    defs.n_thread = 1, defs.thread = threads;
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

static void samples_add(struct bytes *raw)
{
    struct seen seen[] = {{9500, 2, 3, 0}, {18900, 4, 3, 0}, {24000, 5, 3, 0}};
    struct watched thread = {.id = 1, .end = 3, .before = {.cpu_q = 8600}, .seen = seen};
    uint64_t number[] = {0, 1, 2}, time_q[] = {2040, 18215, 24401}, gap_q[] = {0, 0, 0};
    uint32_t missed[] = {0, 0, 0}, holder[] = {1, 1, 1};
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
    Pyrec__V1__Failure missing, *list[] = {&missing};

    watch_build(&watch, &samples);
    pyrec__v1__account__init(&account);
    account.ticks_due = account.ticks_taken = account.samples = 3;
    account.samples_asked = account.samples_outside = 1;
    account.handler_ns = 2100;
    pyrec__v1__failure__init(&missing);
    missing.reason = text("it was not asked");
    missing.count = 1;
    account.native_whole = 2;
    account.native_none = 1;
    account.n_native_missing = 1, account.native_missing = list;
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

void golden_native(const char *path)
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
