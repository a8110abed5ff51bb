/* SPDX-License-Identifier: MIT */
/*
 * Four threads that wander about in a small call tree for a thousand ticks: chunks large enough for
 * a zstd block per column. golden_open, golden_damaged and golden_later are made from such chunks.
 */
#include "golden.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_THREADS = 4, N_STACKS = 300, N_FUNCTIONS = 40, N_LOCATIONS = 120, N_TICKS = 250 };

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

static void meta_add(struct bytes *raw, uint32_t generation)
{
    Pyrec__V1__Meta meta;
    Pyrec__V1__Process process;

    golden_meta(&meta, generation);
    pyrec__v1__process__init(&process);
    process.number = 1;
    process.pid = 4242;
    process.executable = text("/usr/bin/python3");
    process.python_version = text("3.12.1");
    process.python_hexversion = 0x030c01f0;
    meta.process = &process;
    golden_add(raw, PYREC__V1__PACKET__BODY_META, &meta);
}

static void strings_fill(Pyrec__V1__Defs *defs, char names[N_FUNCTIONS + 6][40], char **strings)
{
    for (int i = 0; i < N_FUNCTIONS + 6; i++) {
        strings[i] = names[i];
        if (i < N_FUNCTIONS)
            snprintf(names[i], sizeof(names[i]), "Class%d.method_%d", i % 7, i);
        else if (i == N_FUNCTIONS)
            snprintf(names[i], sizeof(names[i]), "/srv/app/module.py");
        else if (i == N_FUNCTIONS + 1)
            snprintf(names[i], sizeof(names[i]), "futex");
        else
            snprintf(names[i], sizeof(names[i]), "Thread-%d", i - N_FUNCTIONS - 1);
    }
    defs->first_string = 1;
    defs->n_string = N_FUNCTIONS + 6;
    defs->string = strings;
}

/* Where the threads are; goes on from range to range. */
struct wander {
    struct seen now[N_THREADS];
    uint64_t next_number, last_q, random;
};

/* Stack n > 1 hangs on one of the stacks before it: on the last one, or further up. */
static void defs_add(struct bytes *raw, const struct wander *wander)
{
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread[N_THREADS], *threads[N_THREADS];
    char names[N_FUNCTIONS + 6][40], *strings[N_FUNCTIONS + 6];
    uint32_t name[N_FUNCTIONS], file[N_FUNCTIONS], first_line[N_FUNCTIONS];
    uint32_t function[N_LOCATIONS], zero[N_LOCATIONS] = {0}, up[N_STACKS], location[N_STACKS];
    int32_t line[N_LOCATIONS];
    uint64_t random = 7;

    pyrec__v1__defs__init(&defs);
    strings_fill(&defs, names, strings);
    for (uint32_t i = 0; i < N_FUNCTIONS; i++)
        name[i] = i + 1, file[i] = N_FUNCTIONS + 1, first_line[i] = 10 * i + 1;
    for (uint32_t i = 0; i < N_LOCATIONS; i++)
        function[i] = i / 3 + 1, line[i] = (int32_t)(i % 3 * 2);
    for (uint32_t i = 0; i < N_STACKS; i++) {
        const uint32_t most = i < 12 ? i + 1 : 12;
        up[i] = i == 0 ? 1 : (uint32_t)(scratch_random(&random) % most) + 1;
        location[i] = (uint32_t)(scratch_random(&random) % N_LOCATIONS) + 1;
    }
    defs.first_function = defs.first_location = defs.first_stack = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = N_FUNCTIONS;
    defs.function_name = name, defs.function_file = file, defs.function_line = first_line;
    defs.n_location_function = defs.n_location_line = defs.n_location_end_line = N_LOCATIONS;
    defs.n_location_column = defs.n_location_end_column = N_LOCATIONS;
    defs.location_function = function, defs.location_line = line;
    defs.location_end_line = defs.location_column = defs.location_end_column = zero;
    defs.n_stack_up = defs.n_stack_location = N_STACKS;
    defs.stack_up = up, defs.stack_location = location;
    for (uint32_t i = 0; i < N_THREADS; i++) {
        pyrec__v1__thread__init(&thread[i]);
        thread[i].id = i + 1, thread[i].os_tid = 4242 + i, thread[i].main = i == 0;
        thread[i].name = N_FUNCTIONS + 3 + i, thread[i].cpu_q = wander->now[i].cpu_q;
        threads[i] = &thread[i];
    }
    defs.n_thread = N_THREADS, defs.thread = threads;
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

static void thread_move(struct seen *now, uint64_t *random, uint64_t elapsed_q, bool may_run)
{
    if (!may_run || scratch_random(random) % 4 == 0) {
        now->state = 4;
        now->call = N_FUNCTIONS + 2;
        return;
    }
    now->state = 3;
    now->call = 0;
    now->cpu_q += elapsed_q - scratch_random(random) % 100;
    now->stack =
        (uint32_t)((now->stack + scratch_random(random) % 9 + N_STACKS - 5) % N_STACKS) + 1;
}

static void samples_add(struct bytes *raw, struct wander *wander)
{
    static struct seen seen[N_THREADS][N_TICKS];
    uint64_t number[N_TICKS], time_q[N_TICKS], gap_q[N_TICKS] = {0};
    uint32_t missed[N_TICKS] = {0}, holder[N_TICKS];
    struct watched threads[N_THREADS];
    struct watch watch = {.origin_ns = 12345678,
                          .interval_ns = GOLDEN_INTERVAL,
                          .quantum_ns = GOLDEN_QUANTUM,
                          .before_q = wander->last_q,
                          .n_ticks = N_TICKS,
                          .number = number,
                          .time_q = time_q,
                          .missed = missed,
                          .gap_q = gap_q,
                          .holder = holder,
                          .n_threads = N_THREADS,
                          .threads = threads};
    Pyrec__V1__Samples samples;

    for (uint32_t i = 0; i < N_THREADS; i++)
        threads[i] = (struct watched){
            .id = i + 1, .end = N_TICKS, .before = wander->now[i], .seen = seen[i]};
    for (uint32_t k = 0; k < N_TICKS; k++) {
        missed[k] = scratch_random(&wander->random) % 50 == 0 ? 2 : 0;
        number[k] = wander->next_number + missed[k];
        wander->next_number = number[k] + 1;
        time_q[k] = tick_due_ns(watch.origin_ns, watch.interval_ns, number[k]) / GOLDEN_QUANTUM +
                    scratch_random(&wander->random) % 60;
        const uint32_t runner = (uint32_t)(scratch_random(&wander->random) % 2);
        for (uint32_t i = 0; i < N_THREADS; i++) {
            thread_move(&wander->now[i], &wander->random, time_q[k] - wander->last_q, i == runner);
            seen[i][k] = wander->now[i];
        }
        holder[k] = runner + 1;
        wander->last_q = time_q[k];
    }
    watch_build(&watch, &samples);
    golden_add(raw, PYREC__V1__PACKET__BODY_SAMPLES, &samples);
    watch_samples_clear(&samples);
}

/* Open `path`, write the start of the recording and n ranges, a generation every two. */
static struct chunk_writer *ranges_write(const char *path, uint32_t n, struct wander *wander)
{
    struct chunk_writer *writer;
    struct problem why;
    struct bytes raw = {0};
    struct chunk start = {.flags = CHUNK_META | CHUNK_GENERATION_START};
    Pyrec__V1__Meta meta;

    require(chunk_writer_open(&writer, path, GOLDEN_TAG, 0, &why) == STATUS_OK);
    golden_meta(&meta, 0);
    golden_add(&raw, PYREC__V1__PACKET__BODY_META, &meta);
    golden_append(writer, &start, &raw);
    *wander = (struct wander){.now = {{0, 1, 0, 0}}, .last_q = 12000, .random = 99};
    for (uint32_t i = 0; i < n; i++) {
        struct chunk range = {.flags = CHUNK_SAMPLES, .process = 1, .generation = i / 2};
        size_t cuts[3] = {0};
        range.t_first_ns = wander->last_q * GOLDEN_QUANTUM;
        if (i % 2 == 0) {
            range.flags |= CHUNK_META | CHUNK_DEFS | CHUNK_GENERATION_START;
            meta_add(&raw, i / 2);
            cuts[0] = raw.len;
            defs_add(&raw, wander);
        }
        cuts[1] = raw.len;
        samples_add(&raw, wander);
        cuts[2] = cuts[1] + (raw.len - cuts[1]) / 2;
        range.t_last_ns = wander->last_q * GOLDEN_QUANTUM;
        range.cuts = cuts, range.n_cuts = 3;
        golden_append(writer, &range, &raw);
    }
    bytes_free(&raw);
    return writer;
}

static void summary_close(struct chunk_writer *writer, const struct wander *wander)
{
    struct chunk end = {.flags = CHUNK_SUMMARY, .t_last_ns = wander->last_q * GOLDEN_QUANTUM};
    struct bytes raw = {0};
    Pyrec__V1__Summary summary;

    pyrec__v1__summary__init(&summary);
    summary.end_q = wander->last_q;
    summary.stop_reason = text("stopped");
    summary.processes = 1;
    golden_add(&raw, PYREC__V1__PACKET__BODY_SUMMARY, &summary);
    golden_close(writer, &end, &raw);
}

void golden_busy(const char *path)
{
    struct wander wander;
    struct chunk_writer *const writer = ranges_write(path, 4, &wander);
    summary_close(writer, &wander);
}

void golden_open(const char *path)
{
    struct wander wander;
    struct chunk_writer *const writer = ranges_write(path, 3, &wander);
    const uint64_t len = chunk_writer_bytes(writer);
    chunk_writer_abandon(writer);
    struct bytes file = scratch_read(path);
    scratch_write(path, file.at, len - 1000);
    bytes_free(&file);
}

/* Header to header, without looking. */
static size_t chunk_at(const struct bytes *file, size_t i)
{
    size_t at = 0;
    while (i-- > 0)
        at += CHUNK_HEADER_LEN + ((size_t)file->at[at + 36] | (size_t)file->at[at + 37] << 8 |
                                  (size_t)file->at[at + 38] << 16);
    return at;
}

void golden_damaged(const char *path)
{
    struct wander wander;
    struct chunk_writer *writer = ranges_write(path, 5, &wander);
    struct chunk foreign = {.flags = CHUNK_META};
    struct problem why;
    struct bytes raw = {0};

    summary_close(writer, &wander);
    struct bytes file = scratch_read(path);
    require(chunk_writer_open(&writer, path, GOLDEN_TAG + 1, 0, &why) == STATUS_OK);
    bytes_add_packet(&raw, "foreign", 7);
    golden_append(writer, &foreign, &raw);
    chunk_writer_abandon(writer);
    struct bytes other = scratch_read(path);

    file.at[chunk_at(&file, 2) + CHUNK_HEADER_LEN + 100] ^= 0x40; /* a payload */
    memset(file.at + chunk_at(&file, 4) - 200, 0, 300);           /* an end and a header */
    scratch_write(path, file.at, chunk_at(&file, 1));
    scratch_append(path, "garbage", 7);
    scratch_append(path, file.at + chunk_at(&file, 1), chunk_at(&file, 2) - chunk_at(&file, 1));
    scratch_append(path, other.at, other.len);
    scratch_append(path, file.at + chunk_at(&file, 2), file.len - chunk_at(&file, 2));
    bytes_free(&other);
    bytes_free(&file);
    bytes_free(&raw);
}

void golden_later(const char *path)
{
    struct wander wander;
    struct chunk_writer *const writer = ranges_write(path, 2, &wander);
    struct bytes raw = {0}, packet = {0}, body = {0};
    struct chunk later = {.flags = CHUNK_EVENTS | 0x40 | CHUNK_MUST_UNDERSTAND, .process = 1};

    later.t_first_ns = later.t_last_ns = wander.last_q * GOLDEN_QUANTUM;
    bytes_add_packet(&raw, "a packet nobody knows", 21);
    /* Events with a field that came later, then a field of Packet and one of Trace. */
    bytes_add_field(&body, 90, "later", 5);
    bytes_add_field(&packet, 4, body.at, body.len);
    bytes_add_field(&packet, 91, "more", 4);
    bytes_add_field(&raw, 1, packet.at, packet.len);
    golden_append(writer, &later, &raw);
    summary_close(writer, &wander);
    bytes_free(&raw);
    bytes_free(&packet);
    bytes_free(&body);
}
