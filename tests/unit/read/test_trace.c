/* SPDX-License-Identifier: MIT */
/* Several files, damaged files, and what the census says in the end. */
#include "analyze/export/dump.h"
#include "analyze/export/stacks.h"
#include "analyze/weigh/profile.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include "format/chunk.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define CPU_Q 9000u

static const char *const argv[] = {"python3", "demo.py", NULL};
static const struct maker_frame leaf = {"leaf", "/x/a.py", 1, 2, 0};
static const struct maker_frame other = {"other", "/x/b.py", 5, 6, 0};

static char reports[20][200];
static size_t n_reports;

static void report(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    (void)path;
    if (n_reports < ARRAY_LEN(reports))
        snprintf(reports[n_reports], sizeof reports[0], "%s", damage->text);
    n_reports++;
}

static bool was_reported(const char *words)
{
    for (size_t i = 0; i < n_reports && i < ARRAY_LEN(reports); i++) {
        if (strstr(reports[i], words) != NULL)
            return true;
    }
    return false;
}

static struct trace *open_traces(const char *const *paths, size_t n)
{
    struct trace *trace;
    struct problem why = {0};
    n_reports = 0;
    ck_assert_msg(trace_open(&trace, paths, n, report, NULL, &why) == STATUS_OK, "%s", why.detail);
    return trace;
}

static void build(struct profile *profile, struct trace *trace)
{
    const struct select all = {0};
    *profile = (struct profile){0};
    profile_build(profile, trace, &all, 2);
}

/* One thread on a CPU for n ticks, CPU_Q each. */
static void burn(struct maker *m, uint32_t process, uint32_t thread, uint32_t stack, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        maker_tick(m, process, 0, 0, 0);
        maker_change(m, process, thread, &(struct maker_sample){stack, 1, CPU_Q, NULL});
    }
}

/* A recording of one process and thread: n_chunks chunks of ten ticks, five a generation. */
static void make_file(const char *path, const struct maker_settings *settings, uint32_t pid,
                      unsigned n_chunks)
{
    struct maker *const m = maker_open(path, settings);
    const uint32_t p = maker_process(m, pid, 1, argv);
    const uint32_t t = maker_thread(m, p, pid, "MainThread", 0);
    uint32_t stack = maker_stack_push(m, p, 0, &leaf);
    for (unsigned i = 0; i < n_chunks; i++) {
        if (i % 5 == 4)
            stack = maker_stack_push(m, p, stack, &other);
        burn(m, p, t, stack, 10);
        if (i % 5 == 4 && i + 1 < n_chunks)
            maker_generation(m, p);
        else
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

static struct weight total(const struct profile *profile)
{
    struct weight sum = {0};
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct weight w = weights_sum(&profile->threads[i]->total);
        weight_add(&sum, &w);
    }
    return sum;
}

START_TEST(reads_one_file)
{
    const char *const path = scratch_path("one.trace");
    struct profile profile;
    make_file(path, NULL, 42, 12);
    struct trace *const trace = open_traces(&path, 1);
    ck_assert_uint_eq(trace->n_units, 4); /* the recording's own, and three generations */
    build(&profile, trace);
    ck_assert_uint_eq(n_reports, 0);
    ck_assert_uint_eq(total(&profile).samples, 120);
    ck_assert_uint_eq(total(&profile).cpu, 120ull * CPU_Q * 1000);
    ck_assert_uint_eq(trace->census.n_processes, 1);
    const struct process *const process = trace->census.processes[0];
    ck_assert_uint_eq(process->pid, 42);
    ck_assert_str_eq(process->command, "python3 demo.py");
    ck_assert_str_eq(process_title(process), "python3 demo.py");
    ck_assert_uint_eq(process->generations, 3);
    ck_assert(process->ending.known);
    ck_assert_str_eq(process->ending.reason, "exited");
    ck_assert_str_eq(trace->census.recordings[0]->hostname, "testhost");
    ck_assert(trace->census.recordings[0]->ending.known);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

START_TEST(the_same_file_twice_counts_once)
{
    const char *const path = scratch_path("twice.trace");
    const char *const paths[] = {path, path};
    struct profile profile;
    make_file(path, NULL, 42, 12);
    struct trace *const trace = open_traces(paths, 2);
    build(&profile, trace);
    ck_assert_uint_eq(total(&profile).samples, 120);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/* Two recordings of machines whose calendars are 1.5 s apart; processes may have equal numbers. */
START_TEST(recordings_are_aligned)
{
    const struct maker_settings first = {
        .tag = 1, .start_unix_ns = INT64_C(1000000000000), .hostname = "a"};
    const struct maker_settings second = {
        .tag = 2, .start_unix_ns = INT64_C(1001500000000), .hostname = "b"};
    char early[256], late[256];
    struct profile profile;
    snprintf(early, sizeof early, "%s", scratch_path("early.trace"));
    snprintf(late, sizeof late, "%s", scratch_path("late.trace"));
    const char *const paths[] = {late, early};
    make_file(early, &first, 42, 3);
    make_file(late, &second, 42, 4);
    struct trace *const trace = open_traces(paths, 2);
    ck_assert_uint_eq(trace->census.n_recordings, 2);
    ck_assert_uint_eq(trace->census.recordings[0]->tag, 1);
    ck_assert_uint_eq(trace->census.recordings[0]->shift_ns, 0);
    ck_assert_uint_eq(trace->census.recordings[1]->shift_ns, 1500000000);
    build(&profile, trace);
    ck_assert_uint_eq(profile.n_threads, 2);
    ck_assert_uint_eq(weights_sum(&profile.threads[0]->total).samples, 30);
    ck_assert_uint_eq(weights_sum(&profile.threads[1]->total).samples, 40);

    const struct select all = {0};
    struct dump *const dump = dump_open(trace, &all, 0);
    struct row row;
    uint64_t n = 0, last_ns = 0;
    for (; dump_next(dump, &row); n++) {
        ck_assert_uint_ge(row.sample->time_ns, last_ns);
        last_ns = row.sample->time_ns;
    }
    ck_assert_uint_eq(n, 70);
    ck_assert_uint_gt(last_ns, 1500000000);
    dump_close(dump);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/* On one machine the monotonic clock decides: somebody has set the calendar by 300 ms. */
START_TEST(one_machine_is_aligned_by_its_own_clock)
{
    const struct maker_settings first = {
        .tag = 1, .start_unix_ns = INT64_C(1000000000000), .start_mono_ns = 5000000000};
    const struct maker_settings second = {
        .tag = 2, .start_unix_ns = INT64_C(1002300000000), .start_mono_ns = 7000000000};
    char a[256], b[256];
    snprintf(a, sizeof a, "%s", scratch_path("a.trace"));
    snprintf(b, sizeof b, "%s", scratch_path("b.trace"));
    const char *const paths[] = {a, b};
    make_file(a, &first, 1, 1);
    make_file(b, &second, 1, 1);
    struct trace *const trace = open_traces(paths, 2);
    ck_assert_uint_eq(trace->census.recordings[1]->shift_ns, 2000000000);
    trace_close(trace);
}
END_TEST

START_TEST(what_is_no_trace_is_refused)
{
    const char *const path = scratch_path("text.trace");
    struct trace *trace;
    struct problem why = {0};
    scratch_write(path, "hello world, hello world\n", 25);
    ck_assert_int_eq(trace_open(&trace, &path, 1, report, NULL, &why), STATUS_NOT_A_TRACE);
    ck_assert_ptr_nonnull(strstr(why.detail, path));
    const char *const nowhere = "/nonexistent/x.trace";
    ck_assert_int_eq(trace_open(&trace, &nowhere, 1, report, NULL, &why), STATUS_NOT_FOUND);
}
END_TEST

/* A trace that somebody has packed, or its first bytes: what to type. */
START_TEST(packed_file)
{
    static const struct {
        const char *begin, *words;
    } cases[] = {
        {"\x1f\x8b\x08 and so on", "is packed (gzip -dc FILE | pyanalyze COMMAND -)"},
        {"\x28\xb5\x2f\xfd and so on", "is packed (zstd -dc FILE"},
        {"\x28\xb5", "has no chunk header"},
    };
    char good[256], bad[256];
    snprintf(good, sizeof good, "%s", scratch_path("good.trace"));
    snprintf(bad, sizeof bad, "%s", scratch_path("packed.trace"));
    const char *const paths[] = {bad, good};
    make_file(good, NULL, 1, 2);
    scratch_write(bad, cases[_i].begin, strlen(cases[_i].begin));
    struct trace *const trace = open_traces(paths, 2);
    ck_assert(was_reported(cases[_i].words));
    trace_close(trace);
}
END_TEST

START_TEST(one_bad_file_among_good_ones_is_damage)
{
    char good[256], bad[256];
    struct profile profile;
    snprintf(good, sizeof good, "%s", scratch_path("good.trace"));
    snprintf(bad, sizeof bad, "%s", scratch_path("bad.trace"));
    const char *const paths[] = {bad, good};
    make_file(good, NULL, 1, 2);
    scratch_write(bad, "nothing", 7);
    struct trace *const trace = open_traces(paths, 2);
    ck_assert_uint_eq(n_reports, 1);
    ck_assert(was_reported("has no chunk header"));
    build(&profile, trace);
    ck_assert_uint_eq(total(&profile).samples, 20);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/* Where in a file the header of chunk number `seq` is. */
static size_t chunk_offset(const struct bytes *file, uint32_t seq)
{
    struct chunk_header header;
    for (size_t at = 0; at + CHUNK_HEADER_LEN <= file->len;
         at += CHUNK_HEADER_LEN + header.comp_len) {
        ck_assert(chunk_header_parse(&header, file->at + at));
        if (header.seq == seq)
            return at;
    }
    ck_abort_msg("no chunk %u", seq);
}

/*
 * One flipped bit in the payload of chunk 3, in the middle of the first generation: ten samples
 * are lost, and the CPU that passed shows up as lost, because the next generation says where the
 * clock stood.
 */
START_TEST(a_lost_chunk_is_lost_cpu)
{
    const char *const path = scratch_path("flipped.trace");
    struct profile profile;
    make_file(path, NULL, 42, 12);
    struct bytes file = scratch_read(path);
    file.at[chunk_offset(&file, 3) + CHUNK_HEADER_LEN + 20] ^= 4;
    scratch_write(path, file.at, file.len);
    bytes_free(&file);
    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    ck_assert_uint_eq(n_reports, 1);
    ck_assert(was_reported("chunk 3: checksum mismatch"));
    const struct profile_thread *const t = profile.threads[0];
    ck_assert_uint_eq(weights_sum(&t->total).samples, 110);
    ck_assert_uint_eq(weights_sum(&t->total).cpu, 110ull * CPU_Q * 1000);
    ck_assert_uint_eq(t->lost_ns, 10ull * CPU_Q * 1000);
    ck_assert_uint_eq(t->unattributed_ns, t->lost_ns);
    ck_assert_uint_eq(t->cpu_ns, 120ull * CPU_Q * 1000);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/* Chunk 1 has the generation's Meta and most of its definitions; everything still counts. */
START_TEST(lost_definitions_keep_their_counts)
{
    const char *const path = scratch_path("lost.trace");
    struct profile profile;
    make_file(path, NULL, 42, 5);
    struct bytes file = scratch_read(path);
    file.at[chunk_offset(&file, 1) + CHUNK_HEADER_LEN + 20] ^= 4;
    scratch_write(path, file.at, file.len);
    bytes_free(&file);
    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    ck_assert(was_reported("chunk 1: checksum mismatch"));
    ck_assert(was_reported("definitions are lost"));
    const struct profile_thread *const t = profile.threads[0];
    ck_assert_uint_eq(weights_sum(&t->total).samples, 40);
    ck_assert_str_eq(t->thread->name, CENSUS_LOST_NAME);
    struct view view = {0};
    stacks_build(&view, &profile, &metrics[METRIC_SAMPLES], (struct stacks_form){0});
    ck_assert_str_eq(view.nodes[1].frame.function, "<lost definitions>");
    ck_assert_uint_eq(view.nodes[1].self, 30);
    view_clear(&view);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

START_TEST(a_cut_file_is_read_up_to_the_cut)
{
    const char *const path = scratch_path("cut.trace");
    struct profile profile;
    make_file(path, NULL, 42, 5);
    struct bytes file = scratch_read(path);
    scratch_write(path, file.at, chunk_offset(&file, 4) + 100);
    bytes_free(&file);
    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    ck_assert_uint_eq(n_reports, 1);
    ck_assert_uint_eq(total(&profile).samples, 30);
    ck_assert(!trace->census.processes[0]->ending.known);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/*
 * What a thread used before it blocked is carried over any number of units to where it runs
 * again; at the end it is unattributed.
 */
START_TEST(cpu_is_carried_over_generations)
{
    const char *const path = scratch_path("carry.trace");
    struct profile profile;
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 9, 1, argv);
    const uint32_t t = maker_thread(m, p, 9, "MainThread", 0);
    const uint32_t runs = maker_stack_push(m, p, 0, &leaf);
    const uint32_t waits = maker_stack_push(m, p, 0, &other);
    for (int generation = 0; generation < 4; generation++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, t, &(struct maker_sample){waits, 0, 100, NULL});
        maker_generation(m, p);
    }
    maker_tick(m, p, 0, 0, 0);
    maker_change(m, p, t, &(struct maker_sample){runs, 32, 50, NULL}); /* ready */
    maker_flush(m, p); /* in one range, the next sample's would be its own */
    maker_tick(m, p, 0, 0, 0);
    maker_change(m, p, t, &(struct maker_sample){waits, 4, 30, NULL}); /* waits for the GIL */
    maker_generation(m, p);
    maker_tick(m, p, 0, 0, 0);
    maker_process_end(m, p, 0);
    maker_close(m, "exited");

    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    const struct profile_thread *const thread = profile.threads[0];
    ck_assert_uint_eq(thread->total.by[CLASS_READY].cpu, 450000);
    ck_assert_uint_eq(weights_sum(&thread->total).cpu, 450000);
    ck_assert_uint_eq(thread->unattributed_ns, 30000);
    ck_assert_uint_eq(thread->cpu_ns, 480000);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

START_TEST(native_threads_are_kept_apart)
{
    const char *const path = scratch_path("native.trace");
    struct profile profile;
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 9, 1, argv);
    maker_thread(m, p, 9, "MainThread", 0);
    maker_native(m, p, 11, "blas", 500);
    maker_native(m, p, 12, "blas", 70);
    maker_tick(m, p, 0, 0, 0);
    maker_generation(m, p);
    maker_tick(m, p, 0, 0, 0);
    maker_native(m, p, 11, "blas", 900);
    maker_generation(m, p);
    maker_tick(m, p, 0, 0, 0);
    maker_native(m, p, 11, "new", 30); /* the number was given to another thread */
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    const struct process *const process = trace->census.processes[0];
    ck_assert_uint_eq(process->n_natives, 3);
    ck_assert_uint_eq(process_native_ns(process), 900 + 70 + 30);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/* Ids are any 32 bits: a server that starts a thread per request has used up many in a month. */
START_TEST(thread_ids_of_any_size)
{
    const char *const path = scratch_path("ids.trace");
    static const uint32_t steps[] = {1, 65536, 3000000000u, 1000000000u};
    static const char *const names[] = {"a", "b", "c", "d"};
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 42, 1, argv);
    const uint32_t stack = maker_stack_push(m, p, 0, &leaf);
    struct profile profile;
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        maker_skip_thread_ids(m, p, steps[i] - 1);
        const uint32_t t = maker_thread(m, p, 100 + i, names[i], 0);
        burn(m, p, t, stack, 10 + i);
        if (i % 2 == 1)
            maker_generation(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    ck_assert_uint_eq(n_reports, 0);
    ck_assert_uint_eq(profile.n_threads, ARRAY_LEN(steps));
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        const struct profile_thread *const t = profile.threads[i];
        ck_assert_str_eq(t->thread->name, names[i]);
        ck_assert_uint_eq(t->thread->os_tid, 100 + i);
        ck_assert_uint_eq(weights_sum(&t->total).cpu, (10 + i) * CPU_Q * 1000ull);
    }
    ck_assert_uint_eq(profile.threads[ARRAY_LEN(steps) - 1]->thread->id, 4000065537u);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

START_TEST(names_are_the_latest)
{
    const char *const path = scratch_path("names.trace");
    struct profile profile;
    struct select select = {0};
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 9, 1, argv);
    const uint32_t t = maker_thread(m, p, 9, "Thread-1", 0);
    maker_tick(m, p, 0, 0, 0);
    maker_flush(m, p);
    maker_thread_name(m, p, t, "loader");
    maker_tick(m, p, 0, 0, 0);
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    struct trace *const trace = open_traces(&path, 1);
    select_add_thread(&select, "load*");
    profile = (struct profile){0};
    profile_build(&profile, trace, &select, 1);
    ck_assert_uint_eq(profile.n_threads, 1);
    ck_assert_uint_eq(weights_sum(&profile.threads[0]->total).samples, 2);
    ck_assert_str_eq(profile.threads[0]->thread->name, "loader");
    select_clear(&select);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

START_TEST(stacks_are_chosen_whole)
{
    const char *const path = scratch_path("choose.trace");
    struct profile profile;
    struct select select = {0};
    struct problem why;
    make_file(path, NULL, 42, 10); /* leaf alone in 4 of 5 chunks, then leaf;other */
    struct trace *const trace = open_traces(&path, 1);
    build(&profile, trace);
    const uint64_t all = total(&profile).samples;
    ck_assert_int_eq(select_add_exclude(&select, "^other$", &why), STATUS_OK);
    profile_keep_stacks(&profile, &select);
    const uint64_t without = total(&profile).samples;
    ck_assert_uint_gt(without, 0);
    ck_assert_uint_lt(without, all);
    profile_clear(&profile);
    select_clear(&select);
    build(&profile, trace);
    ck_assert_int_eq(select_add_match(&select, "^other$", &why), STATUS_OK);
    profile_keep_stacks(&profile, &select);
    ck_assert_uint_eq(total(&profile).samples, all - without);
    ck_assert_uint_eq(total(&profile).cpu, profile.threads[0]->cpu_ns);
    profile_clear(&profile);
    select_clear(&select);
    trace_close(trace);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("trace");
    TCase *const tests = tcase_create("trace");
    tcase_add_test(tests, reads_one_file);
    tcase_add_test(tests, the_same_file_twice_counts_once);
    tcase_add_test(tests, recordings_are_aligned);
    tcase_add_test(tests, one_machine_is_aligned_by_its_own_clock);
    tcase_add_test(tests, what_is_no_trace_is_refused);
    tcase_add_loop_test(tests, packed_file, 0, 3);
    tcase_add_test(tests, one_bad_file_among_good_ones_is_damage);
    tcase_add_test(tests, a_lost_chunk_is_lost_cpu);
    tcase_add_test(tests, lost_definitions_keep_their_counts);
    tcase_add_test(tests, a_cut_file_is_read_up_to_the_cut);
    tcase_add_test(tests, cpu_is_carried_over_generations);
    tcase_add_test(tests, native_threads_are_kept_apart);
    tcase_add_test(tests, thread_ids_of_any_size);
    tcase_add_test(tests, names_are_the_latest);
    tcase_add_test(tests, stacks_are_chosen_whole);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
