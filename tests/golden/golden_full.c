/* SPDX-License-Identifier: MIT */
/*
 * Every message with every field set: two processes, the first with two generations and an exec, a
 * rotated recording's second file. The numbers are made up, but keep the rules.
 */
#include "golden.h"

static void recording_add(struct bytes *raw)
{
    Pyrec__V1__Meta meta;
    Pyrec__V1__Machine machine;
    Pyrec__V1__Meta__OptionEntry option, other;
    Pyrec__V1__Meta__OptionEntry *options[] = {&option, &other};

    golden_meta(&meta, 0);
    pyrec__v1__machine__init(&machine);
    pyrec__v1__meta__option_entry__init(&option);
    pyrec__v1__meta__option_entry__init(&other);
    meta.format_minor = 1;
    meta.segment = 1;
    meta.max_depth = 128;
    machine.hostname = golden_text("büro");
    machine.os = golden_text("Linux 6.1.0");
    machine.machine = golden_text("x86_64");
    machine.cpu_model = golden_text("A CPU @ 2.0 GHz");
    machine.cpu_count = 8;
    meta.machine = &machine;
    option.key = golden_text("interval"), option.value = golden_text("10ms");
    other.key = golden_text("children"), other.value = golden_text("yes");
    meta.n_option = 2, meta.option = options;
    golden_add(raw, PYREC__V1__PACKET__BODY_META, &meta);
}

static void process_add(struct bytes *raw, uint32_t number, uint32_t generation)
{
    Pyrec__V1__Meta meta;
    Pyrec__V1__Process process;
    char *argv[] = {golden_text("server.py"), golden_text("--port"), golden_text("80"),
                    golden_text("")};

    golden_meta(&meta, generation);
    pyrec__v1__process__init(&process);
    meta.segment = 1;
    process.number = number;
    process.pid = 100 + number;
    process.parent_pid = number == 1 ? 99 : 101;
    process.image = number - 1;
    process.os_start = 123456789;
    process.start_q = 250;
    process.executable = golden_text("/opt/py thon/bin/python3.13t");
    process.n_argv = 4, process.argv = argv;
    process.python_version = golden_text("3.13.0rc2");
    process.python_hexversion = 0x030d00c2;
    process.python_build = golden_text("free-threaded");
    meta.process = &process;
    golden_add(raw, PYREC__V1__PACKET__BODY_META, &meta);
}

/* How far a process has come. */
struct progress {
    uint64_t next_number, last_q;
    struct seen last[2];
    uint32_t n_ranges;
};

/* Every kind of function, a location over several lines, one without columns, a deep stack. */
static void defs_add(struct bytes *raw, const struct progress *progress)
{
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread main_thread, kernel_named, ended, other;
    Pyrec__V1__Thread *threads[] = {&main_thread, &kernel_named, &ended, &other};
    char *strings[] = {golden_text(""),          golden_text("<module>"),
                       golden_text("größe.py"),  golden_text("f.<locals>.<lambda>"),
                       golden_text("read"),      golden_text("gc"),
                       golden_text("depth"),     golden_text("memory could not be read"),
                       golden_text("lost"),      golden_text("mark"),
                       golden_text("uv-worker"), golden_text("futex")};
    uint32_t name[] = {2, 4, 5, 6, 7, 8, 9, 10}, file[] = {3, 3, 1, 1, 1, 1, 1, 1};
    uint32_t first_line[] = {1, 70000, 0, 0, 0, 0, 0, 0}, kind[] = {0, 0, 1, 2, 3, 4, 5, 6};
    uint32_t function[] = {1, 2, 2, 3, 4, 5, 6, 7, 8}, end_line[] = {0, 3, 0, 0, 0, 0, 0, 0, 0};
    int32_t line[] = {9, 0, -5, 0, 0, 0, 0, 0, 0};
    uint32_t column[] = {1, 5, 0, 0, 0, 0, 0, 0, 0}, end_column[] = {80, 2, 0, 0, 0, 0, 0, 0, 0};
    uint32_t up[] = {1, 1, 1, 1, 5, 1, 7, 8, 9, 10};
    uint32_t location[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1};

    pyrec__v1__defs__init(&defs);
    defs.first_string = 1, defs.n_string = 12, defs.string = strings;
    defs.first_function = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = defs.n_function_kind = 8;
    defs.function_name = name, defs.function_file = file;
    defs.function_line = first_line, defs.function_kind = kind;
    defs.first_location = 1;
    defs.n_location_function = defs.n_location_line = defs.n_location_end_line = 9;
    defs.n_location_column = defs.n_location_end_column = 9;
    defs.location_function = function, defs.location_line = line;
    defs.location_end_line = end_line, defs.location_column = column;
    defs.location_end_column = end_column;
    defs.first_stack = 1, defs.n_stack_up = defs.n_stack_location = 10;
    defs.stack_up = up, defs.stack_location = location;

    pyrec__v1__thread__init(&main_thread);
    pyrec__v1__thread__init(&kernel_named);
    pyrec__v1__thread__init(&ended);
    pyrec__v1__thread__init(&other);
    main_thread.id = 1, main_thread.os_tid = 101, main_thread.name = 2, main_thread.main = 1;
    main_thread.python_ident = UINT64_MAX, main_thread.cpu_q = progress->last[0].cpu_q;
    kernel_named.id = 3, kernel_named.os_tid = 104, kernel_named.name = 11;
    kernel_named.name_is_kernel = 1, kernel_named.interpreter = 0x7f0000001000;
    kernel_named.start_q = 9000, kernel_named.cpu_q = progress->last[1].cpu_q;
    ended.id = 70 + progress->n_ranges, ended.os_tid = 4000000;
    ended.start_q = progress->last_q + 100, ended.ended = 1;
    other.id = ended.id + 1;
    defs.n_thread = 4, defs.thread = threads;
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

static void account_fill(Pyrec__V1__Account *account, Pyrec__V1__Failure *failures,
                         Pyrec__V1__Failure **list, uint64_t scale)
{
    pyrec__v1__account__init(account);
    account->ticks_due = 9 * scale;
    account->ticks_taken = 6 * scale;
    account->ticks_missed = 3 * scale;
    account->ticks_overflowed = scale;
    account->samples = 15 * scale;
    account->samples_asked = 4 * scale;
    account->samples_outside = 5 * scale;
    account->retries = 2 * scale;
    account->handler_ns = 2345 * scale;
    account->sampler_cpu_ns = 300000 * scale;
    account->collector_cpu_ns = 400000 * scale;
    account->process_cpu_ns = 123456789 * scale;
    account->unobserved_ns = 1000000000 * scale;
    account->codes = 17 * scale;
    account->codes_lost = scale;
    account->native_cpu_ns = 5000000 * scale;
    for (int i = 0; i < 2; i++) {
        pyrec__v1__failure__init(&failures[i]);
        failures[i].reason = golden_text(i == 0 ? "chain without end" : "memory could not be read");
        failures[i].count = scale + (uint64_t)i;
        list[i] = &failures[i];
    }
    account->n_failure = 2, account->failure = list;
}

static void natives_fill(Pyrec__V1__NativeThread *natives, Pyrec__V1__NativeThread **list)
{
    for (int i = 0; i < 2; i++) {
        pyrec__v1__native_thread__init(&natives[i]);
        natives[i].os_tid = 200 + (uint32_t)i;
        natives[i].name = golden_text(i == 0 ? "iou-wrk" : "gmain");
        natives[i].cpu_ns = 5000000 * (uint64_t)i;
        list[i] = &natives[i];
    }
}

/* Six ticks of three threads, with missed ones, a gap, every state, calls that come and go. */
static void samples_add(struct bytes *raw, struct progress *progress)
{
    const uint64_t a = progress->last[0].cpu_q, b = progress->last[1].cpu_q;
    struct seen one[] = {progress->last[0],    progress->last[0],    {a + 9000, 10, 11, 0},
                         {a + 9000, 1, 4, 12}, {a + 9000, 1, 4, 12}, {a + 9005, 1, 0, 5}};
    struct seen two[] = {progress->last[1],  progress->last[1],  {b + 13, 6, 16, 12},
                         {b + 13, 6, 16, 0}, {b + 18, 7, 64, 0}, {b + 22, 2, 32, 0}};
    struct seen three[] = {{7000, 3, 1, 0}, {7000, 4, 0, 5}};
    struct watched threads[] = {
        {.id = 1, .end = 6, .before = progress->last[0], .seen = one},
        {.id = 3, .end = 6, .before = progress->last[1], .seen = two},
        {.id = 70 + progress->n_ranges++, .begin = 2, .end = 4, .seen = three},
    };
    uint64_t number[6], time_q[6], gap_q[] = {500, 0, 0, 0, 1000000, 0};
    uint32_t missed[] = {2, 0, 2, 0, 100, 0}, holder[] = {1, 1, 1, 3, 0, 0};
    const struct watch watch = {.origin_ns = 1000000 - 1,
                                .interval_ns = GOLDEN_INTERVAL,
                                .quantum_ns = GOLDEN_QUANTUM,
                                .before_q = progress->last_q,
                                .n_ticks = 6,
                                .number = number,
                                .time_q = time_q,
                                .missed = missed,
                                .gap_q = gap_q,
                                .holder = holder,
                                .n_threads = 3,
                                .threads = threads};
    Pyrec__V1__Samples samples;
    Pyrec__V1__Account account;
    Pyrec__V1__Failure failures[2], *failure_list[2];
    Pyrec__V1__NativeThread natives[2], *native_list[2];

    for (uint32_t i = 0; i < 6; i++) {
        number[i] = progress->next_number + missed[i];
        time_q[i] =
            tick_due_ns(watch.origin_ns, watch.interval_ns, number[i]) / GOLDEN_QUANTUM + i * 100;
        progress->next_number = number[i] + 1;
    }
    progress->last_q = time_q[5];
    progress->last[0] = one[5];
    progress->last[1] = two[5];
    watch_build(&watch, &samples);
    account_fill(&account, failures, failure_list, progress->n_ranges);
    natives_fill(natives, native_list);
    samples.account = &account;
    samples.n_native = 2, samples.native = native_list;
    golden_add(raw, PYREC__V1__PACKET__BODY_SAMPLES, &samples);
    watch_samples_clear(&samples);
}

static void events_add(struct bytes *raw)
{
    enum { N = PYREC__V1__EVENT__TYPE__CLOCK_STEP + 1 };
    Pyrec__V1__Event event[N], *list[N];
    Pyrec__V1__Events events;

    pyrec__v1__events__init(&events);
    for (int i = 0; i < N; i++) {
        pyrec__v1__event__init(&event[i]);
        event[i].time_q = 50000 + (uint64_t)i;
        event[i].thread = (uint32_t)i % 4;
        event[i].type = (Pyrec__V1__Event__Type)i;
        event[i].text = golden_text(i == PYREC__V1__EVENT__TYPE__MARK ? "Seite geladen" : "");
        event[i].value = (int64_t)i * i * (i % 2 ? -1 : 1000000007);
        list[i] = &event[i];
    }
    events.n_event = N, events.event = list;
    golden_add(raw, PYREC__V1__PACKET__BODY_EVENTS, &events);
}

/* Of a process that ended at end_q, or of the recording. */
static void summary_add(struct bytes *raw, uint64_t end_q)
{
    const bool is_process = end_q != 0;
    Pyrec__V1__Summary summary;
    Pyrec__V1__Account account;
    Pyrec__V1__Failure failures[2], *failure_list[2];
    Pyrec__V1__NativeThread natives[2], *native_list[2];

    pyrec__v1__summary__init(&summary);
    account_fill(&account, failures, failure_list, 5);
    natives_fill(natives, native_list);
    summary.end_q = is_process ? end_q : 9000000;
    summary.account = &account;
    summary.stop_reason = golden_text(is_process ? "killed" : "exited");
    summary.status_known = 1;
    summary.exit_status = is_process ? 0 : 137;
    summary.exit_signal = is_process ? 9 : 0;
    summary.os_cpu_ns = 123456789;
    summary.processes = is_process ? 0 : 2;
    summary.n_native = 2, summary.native = native_list;
    golden_add(raw, PYREC__V1__PACKET__BODY_SUMMARY, &summary);
}

/* A generation: Meta and Defs and the first range, then a range of its own. */
static void generation_write(struct chunk_writer *writer, uint32_t process, uint32_t generation,
                             struct progress *progress, bool is_last)
{
    struct bytes raw = {0};
    struct chunk first = {.flags = CHUNK_META | CHUNK_DEFS | CHUNK_SAMPLES | CHUNK_EVENTS |
                                   CHUNK_GENERATION_START,
                          .process = process,
                          .generation = generation,
                          .t_first_ns = progress->last_q * GOLDEN_QUANTUM};
    struct chunk second = {.flags =
                               (uint16_t)(is_last ? CHUNK_SAMPLES | CHUNK_SUMMARY : CHUNK_SAMPLES),
                           .process = process,
                           .generation = generation};

    process_add(&raw, process, generation);
    defs_add(&raw, progress);
    samples_add(&raw, progress);
    events_add(&raw);
    first.t_last_ns = second.t_first_ns = progress->last_q * GOLDEN_QUANTUM;
    golden_append(writer, &first, &raw);
    samples_add(&raw, progress);
    if (is_last)
        summary_add(&raw, progress->last_q + 1000);
    second.t_last_ns = progress->last_q * GOLDEN_QUANTUM;
    golden_append(writer, &second, &raw);
    bytes_free(&raw);
}

void golden_full(const char *path)
{
    const struct progress start = {
        .next_number = 5, .last_q = 40000, .last = {{10, 1, 3, 0}, {77, 0, 0, 12}}};
    struct progress one = start, two = start;
    struct chunk_writer *writer;
    struct problem why;
    struct bytes raw = {0};
    struct chunk first = {.flags = CHUNK_META | CHUNK_GENERATION_START};
    struct chunk last = {.flags = CHUNK_SUMMARY};

    require(chunk_writer_open(&writer, path, GOLDEN_TAG, 1000, &why) == STATUS_OK);
    recording_add(&raw);
    golden_append(writer, &first, &raw);
    generation_write(writer, 1, 0, &one, false);
    generation_write(writer, 2, 0, &two, true);
    generation_write(writer, 1, 1, &one, true);
    summary_add(&raw, 0);
    last.t_last_ns = one.last_q * GOLDEN_QUANTUM;
    golden_close(writer, &last, &raw);
}
