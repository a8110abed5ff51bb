/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the payloads of chunks with good checksums: a profile comes out whose books balance,
 * whatever the messages say, and a repaired file with every sample of the good chunks. "\n--\n" in
 * the input ends a chunk, "\n==\n" a generation as well.
 */
#include "analyze/compare/series.h"
#include "analyze/export/dump.h"
#include "analyze/idle/idle_learn.h"
#include "analyze/repair/audit.h"
#include "analyze/repair/salvage.h"
#include "analyze/stalls/stall.h"
#include "analyze/waits/awaits.h"
#include "analyze/weigh/calltree.h"
#include "analyze/weigh/fold.h"
#include "analyze/weigh/profile.h"
#include "format/chunk_write.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK_LEN   4
#define ROWS_MAX   5000
#define CHUNKS_MAX 8
#define WORKERS    2

static bool is_mark(const uint8_t *at, const uint8_t *end, const char *mark)
{
    return end - at >= MARK_LEN && memcmp(at, mark, MARK_LEN) == 0;
}

/* The input as a file. */
static void write_chunks(const char *path, const uint8_t *data, size_t size)
{
    const uint8_t *const end = data + size, *start = data;
    struct chunk_writer *writer;
    struct chunk chunk = {.process = 1};
    ALWAYS(chunk_writer_open(&writer, path, 7, 0, NULL) == STATUS_OK);
    for (size_t n = 0; n < CHUNKS_MAX && start <= end; n++) {
        const uint8_t *at = start;
        while (at < end && !is_mark(at, end, "\n--\n") && !is_mark(at, end, "\n==\n"))
            at++;
        chunk.raw = start;
        chunk.raw_len = (size_t)(at - start);
        chunk.flags = CHUNK_META | CHUNK_DEFS | CHUNK_SAMPLES;
        ALWAYS(chunk_writer_append(writer, &chunk, NULL) == STATUS_OK);
        chunk.generation += is_mark(at, end, "\n==\n");
        start = at + MARK_LEN;
    }
    chunk_writer_abandon(writer);
}

static void rows_check(const struct profile *profile)
{
    struct arena arena = {0};
    struct fold *const fold = fold_open(profile, &keys[KEY_FUNCTION]);
    for (size_t t = 0; t < profile->n_threads; t++) {
        const struct profile_thread *const thread = profile->threads[t];
        struct weights sum = {0};
        size_t n;
        const struct fold_row *const rows = fold_threads(fold, &profile->threads[t], 1, &arena, &n);
        for (size_t i = 0; i < n; i++)
            weights_add(&sum, &rows[i].self);
        ALWAYS(memcmp(&sum, &thread->total, sizeof sum) == 0);
        ALWAYS(weights_sum(&sum).cpu + thread->unattributed_ns == thread->cpu_ns);
    }
    fold_close(fold);
    arena_clear(&arena);
}

/* All rows together are the whole, block by block, and no sample is lost to any. */
static void series_check(const char *path, const struct select *select)
{
    const struct series_plan plan = {
        .metric = &metrics[METRIC_SAMPLES], .key = SERIES_LINE, .select = select, .n_blocks = 16};
    struct symbols names = {0};
    struct trace *trace;
    size_t n;
    if (trace_open(&trace, &path, 1, NULL, NULL, NULL) != STATUS_OK)
        return;
    struct series *const s = series_read(trace, &plan, &names, &n);
    for (size_t i = 0; i < n; i++) {
        double whole = 0, rows = 0;
        for (size_t b = 0; b < s[i].n_blocks; b++)
            whole += s[i].whole[b];
        for (size_t r = 0; r < s[i].n_rows; r++)
            rows += s[i].rows[r] != NULL ? s[i].rows[r]->total : 0;
        ALWAYS(whole == s[i].total && rows == s[i].total);
        ALWAYS(s[i].total == (double)s[i].samples);
    }
    series_clear(s, n);
    symbols_clear(&names);
    trace_close(trace);
}

/* A tree by line of all threads weighs what they do; by expression the profile is no lighter. */
static void tree_check(const struct profile *profile)
{
    const struct calltree_wish wish = {.kind = CALLTREE_ALL, .lines = true};
    struct calltree tree = {0};
    struct weights sum = {0};
    size_t n;
    for (size_t t = 0; t < profile->n_threads; t++)
        weights_add(&sum, &profile->threads[t]->total);
    calltree_build(&tree, profile, profile->threads, profile->n_threads, &wish);
    ALWAYS(memcmp(&tree.cum[TREE_ROOT], &sum, sizeof sum) == 0);
    uint32_t *const order = calltree_order(&tree, &metrics[METRIC_CPU], &n);
    ALWAYS(n < tree.tree.n);
    free(order);
    calltree_clear(&tree);
}

/* How many samples a range of time has. */
static uint64_t count_samples(struct trace *trace, const struct select *select,
                              struct window window)
{
    struct profile profile = {.expressions = true};
    uint64_t n = 0;
    trace_set_window(trace, window);
    profile_build(&profile, trace, select, WORKERS);
    for (size_t t = 0; t < profile.n_threads; t++)
        n += weights_sum(&profile.threads[t]->total).samples;
    tree_check(&profile);
    profile_clear(&profile);
    trace_set_window(trace, WINDOW_ALL);
    return n;
}

static void dump_check(struct trace *trace, const struct select *select)
{
    struct dump *const dump = dump_open(trace, select, ROWS_MAX);
    struct row row;
    size_t n = 0;
    while (dump_next(dump, &row)) {
        ALWAYS(row.sample->stack.n_frames > 0);
        n++;
    }
    ALWAYS(n <= ROWS_MAX);
    dump_close(dump);
}

/* What tasks waited for: no row is more than all tasks of its loop, nor longer than it was known.
 */
static void awaits_check(struct trace *trace, const struct select *select)
{
    for (int by = AWAITS_BY_CHAIN; by <= AWAITS_BY_WAIT; by++) {
        struct awaits awaits = {0};
        awaits_read(&awaits, trace, select, (enum awaits_by)by);
        for (size_t i = 0; i < awaits.n; i++) {
            const struct await_row *const row = &awaits.rows[i];
            ALWAYS(row->some_ns <= row->at->seen_ns);
            ALWAYS(row->tasks_ns <= row->at->tasks_ns * 1.000001 + 1);
            ALWAYS(row->chain != NULL || by == AWAITS_BY_WAIT);
        }
        awaits_clear(&awaits);
    }
}

/* Phases as stalls: their tasks were suspended for no longer than is known. */
static void phases_check(struct trace *trace)
{
    struct scene scene = {0};
    struct idle idle = {0};
    struct stalls stalls = {0};
    struct select select = {0};
    select_add_context(&select, "*", false);
    idle_learn(&idle, &scene, trace, &select, NULL, 0, 1);
    stalls_find_phases(&stalls, &idle, trace, &select, 1, NULL);
    stalls_detail(&stalls, trace, &select, stalls.n);
    for (size_t i = 0; i < stalls.n; i++) {
        const struct stall_tasks *const tasks = stalls.list[i].tasks;
        ALWAYS(tasks == NULL || tasks->some_ns <= tasks->known_ns);
        for (size_t k = 0; tasks != NULL && tasks->own && k < tasks->n; k++)
            ALWAYS(tasks->rows[k].some_ns <= tasks->some_ns);
    }
    stalls_clear(&stalls);
    idle_clear(&idle);
    scene_clear(&scene);
    select_clear(&select);
}

static struct audit audit_file(const char *path, struct trace **trace)
{
    struct audit audit = {0};
    ALWAYS(trace_open(trace, &path, 1, NULL, NULL, NULL) == STATUS_OK);
    audit_run(&audit, *trace, 1);
    return audit;
}

static void repair_check(const char *path)
{
    char repaired[80];
    struct salvage_result result;
    struct trace *trace;
    snprintf(repaired, sizeof repaired, "%s.repaired", path);
    const struct audit before = audit_file(path, &trace);
    const enum status status = salvage_write(trace, &before, repaired, NULL, &result, NULL);
    trace_close(trace);
    if (status == STATUS_OK) {
        const struct audit after = audit_file(repaired, &trace);
        trace_close(trace);
        ALWAYS(after.samples <= before.samples);
        ALWAYS(before.n_bad > 0 || after.samples == before.samples);
        ALWAYS(after.n_bad == 0);
    }
    unlink(repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const char *const paths[] = {path};
    const struct select all = {0};
    struct profile profile = {0};
    struct trace *trace;
    snprintf(path, sizeof path, "/tmp/fuzz_report.%d.trace", (int)getpid());
    write_chunks(path, data, size);
    if (trace_open(&trace, paths, 1, NULL, NULL, NULL) == STATUS_OK) {
        profile_build(&profile, trace, &all, WORKERS);
        rows_check(&profile);
        tree_check(&profile);
        profile_clear(&profile);
        dump_check(trace, &all);
        awaits_check(trace, &all);
        phases_check(trace);
        const uint64_t middle = trace_end_ns(trace) / 2;
        const uint64_t whole = count_samples(trace, &all, WINDOW_ALL);
        const uint64_t first = count_samples(trace, &all, (struct window){0, middle});
        ALWAYS(first <= whole);
        trace_close(trace);
        repair_check(path);
    }
    series_check(path, &all);
    unlink(path);
    return 0;
}
