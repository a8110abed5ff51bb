/* SPDX-License-Identifier: MIT */
#include "analyze/export/dump.h"
#include "analyze/weigh/fold.h"
#include "analyze/weigh/profile.h"
#include "opened.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_SEEDS 150

/* A trace that was damaged nowhere must be read without a word. */
static void no_damage(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("%s: %s", path, damage->text);
}

static void build(struct profile *profile, struct trace *trace, size_t n_workers)
{
    const struct select all = {0};
    trace->report = no_damage;
    profile_build(profile, trace, &all, n_workers);
}

/* Both sides count in quanta; the profile has been scaled to ns. */
static void check_weights(const struct weights *got, const struct weights *wanted, uint64_t quantum)
{
    for (int c = 0; c < CLASS_COUNT; c++) {
        require_equal(got->by[c].samples, wanted->by[c].samples);
        require_equal(got->by[c].ticks, wanted->by[c].ticks);
        require_equal(got->by[c].wall, wanted->by[c].wall * quantum);
        require_equal(got->by[c].cpu, wanted->by[c].cpu * quantum);
    }
}

static const struct reference_row *find_row(const struct reference_row *rows, size_t n,
                                            const struct thread *thread, struct frame frame)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].pid == thread->process->pid && rows[i].thread == thread->id &&
            rows[i].line == frame.line && strcmp(rows[i].function, frame.function) == 0 &&
            strcmp(rows[i].file, frame.file) == 0)
            return &rows[i];
    }
    ck_abort_msg("a row too many: %s (%s:%u)", frame.function, frame.file, frame.line);
}

static void check_rows(const struct profile *profile, const struct reference *reference,
                       enum reference_key reference_key, enum key_id key_id)
{
    const struct key *const key = &keys[key_id];
    struct arena arena = {0};
    size_t n_wanted, n_got = 0;
    struct reference_row *const wanted = reference_rows(reference, reference_key, &n_wanted);
    struct fold *const fold = fold_open(profile, key);
    for (size_t t = 0; t < profile->n_threads; t++) {
        size_t n;
        const struct fold_row *const rows = fold_threads(fold, &profile->threads[t], 1, &arena, &n);
        for (size_t i = 0; i < n; i++) {
            const struct reference_row *const row =
                find_row(wanted, n_wanted, profile->threads[t]->thread,
                         key->frame(&profile->symbols, rows[i].value));
            check_weights(&rows[i].self, &row->self, reference->quantum_ns);
            check_weights(&rows[i].cum, &row->cum, reference->quantum_ns);
        }
        n_got += n;
    }
    ck_assert_uint_eq(n_got, n_wanted);
    fold_close(fold);
    free(wanted);
    arena_clear(&arena);
}

/* All threads in one table: the sum over threads, key by key. */
static void check_merged(const struct profile *profile)
{
    const struct key *const key = &keys[KEY_LINE];
    struct arena arena = {0};
    struct fold *const fold = fold_open(profile, key);
    size_t n;
    const struct fold_row *const merged =
        fold_threads(fold, profile->threads, profile->n_threads, &arena, &n);
    struct weights *const sums = calloc(profile->symbols.n_places, 2 * sizeof *sums);
    for (size_t t = 0; t < profile->n_threads; t++) {
        size_t n_rows;
        const struct fold_row *const rows =
            fold_threads(fold, &profile->threads[t], 1, &arena, &n_rows);
        for (size_t i = 0; i < n_rows; i++) {
            weights_add(&sums[2 * rows[i].value], &rows[i].self);
            weights_add(&sums[2 * rows[i].value + 1], &rows[i].cum);
        }
    }
    for (size_t i = 0; i < n; i++) {
        check_weights(&merged[i].self, &sums[2 * merged[i].value], 1);
        check_weights(&merged[i].cum, &sums[2 * merged[i].value + 1], 1);
    }
    free(sums);
    fold_close(fold);
    arena_clear(&arena);
}

static bool trace_is_whole(const struct profile *profile)
{
    return profile->window.from_ns == 0 && profile->window.to_ns == UINT64_MAX;
}

static void check_threads(const struct profile *profile, struct reference *reference)
{
    reference_total(reference);
    size_t n_with_samples = 0;
    for (size_t i = 0; i < reference->n_threads; i++) {
        const struct reference_thread *const wanted = &reference->threads[i];
        const struct profile_thread *got = NULL;
        for (size_t t = 0; t < profile->n_threads; t++) {
            if (profile->threads[t]->thread->process->pid == wanted->pid &&
                profile->threads[t]->thread->id == wanted->thread)
                got = profile->threads[t];
        }
        if (got == NULL) { /* it was never observed */
            require_equal(weights_sum(&wanted->total).samples, 0);
            continue;
        }
        n_with_samples++;
        check_weights(&got->total, &wanted->total, reference->quantum_ns);
        require_equal(got->cpu_ns, wanted->cpu_q * reference->quantum_ns);
        require_equal(got->unattributed_ns, wanted->unattributed_q * reference->quantum_ns);
        if (trace_is_whole(profile))
            require_equal(got->before_ns, wanted->before_q * reference->quantum_ns);
        require_equal(got->lost_ns, 0);
        require_equal(weights_sum(&got->total).cpu + got->unattributed_ns, got->cpu_ns);
    }
    require_equal(n_with_samples, profile->n_threads);
}

START_TEST(equals_reference)
{
    struct reference reference = {0};
    struct profile profile = {0};
    const char *const path = scratch_path("random.trace");
    random_trace(&reference, path, (uint64_t)_i + 1);
    struct trace *const trace = opened(path, NULL);
    build(&profile, trace, 1);
    check_threads(&profile, &reference);
    check_rows(&profile, &reference, REFERENCE_LINES, KEY_LINE);
    check_rows(&profile, &reference, REFERENCE_FUNCTIONS, KEY_FUNCTION);
    check_rows(&profile, &reference, REFERENCE_FILES, KEY_FILE);
    check_merged(&profile);
    profile_clear(&profile);
    trace_close(trace);
    reference_clear(&reference);
}
END_TEST

/* A range of time anywhere, from tick to tick or between them, and one state or call. */
static void choose(struct reference *reference, struct trace *trace, struct select *select,
                   uint64_t *state)
{
    static const char *const names[] = {"running", "ready", "gil", "blocked", "unknown"};
    static const char *const calls[] = {"futex", "epoll_wait", "read"};
    struct problem why = {0};
    struct window window = WINDOW_ALL;
    const uint64_t end_ns = trace_end_ns(trace);
    const unsigned how = (unsigned)(scratch_random(state) >> 40) % 4;
    if (how != 1)
        window.from_ns = (scratch_random(state) >> 12) % end_ns;
    if (how != 2)
        window.to_ns = window.from_ns + (scratch_random(state) >> 12) % end_ns + 1;
    if (how == 3 && reference->n_samples > 0)
        window.from_ns =
            reference->samples[reference->n_samples / 2].time_q * reference->quantum_ns;
    trace_set_window(trace, window);
    reference_keep(reference, window.from_ns, window.to_ns);
    if ((scratch_random(state) >> 40) % 2 == 0)
        return;
    reference->by_state = true;
    reference->only_class = (enum state_class)((scratch_random(state) >> 40) % (CLASS_UNKNOWN + 1));
    ck_assert_int_eq(select_add_states(select, names[reference->only_class], &why), STATUS_OK);
    if ((scratch_random(state) >> 40) % 2 == 0) {
        reference->only_call = calls[(scratch_random(state) >> 40) % 3];
        ck_assert_int_eq(select_add_states(select, reference->only_call, &why), STATUS_OK);
    }
}

START_TEST(range_and_state_equal_reference)
{
    struct reference reference = {0};
    struct profile profile = {0};
    struct select select = {0};
    uint64_t state = (uint64_t)_i + 1;
    const char *const path = scratch_path("chosen.trace");
    random_trace(&reference, path, 3000 + (uint64_t)_i);
    struct trace *const trace = opened(path, NULL);
    trace->report = no_damage;
    choose(&reference, trace, &select, &state);
    profile_build(&profile, trace, &select, 1 + (size_t)_i % 3);
    check_threads(&profile, &reference);
    check_rows(&profile, &reference, REFERENCE_LINES, KEY_LINE);
    check_rows(&profile, &reference, REFERENCE_FUNCTIONS, KEY_FUNCTION);
    profile_clear(&profile);
    trace_close(trace);
    select_clear(&select);
    reference_clear(&reference);
}
END_TEST

/* What is outside the range is not even loaded: damage in it goes without a word. */
START_TEST(range_reads_its_generations_only)
{
    static const char *const argv[] = {"python3", NULL};
    static const struct maker_frame frame = {"f", "/x.py", 1, 2, 0};
    const char *const path = scratch_path("generations.trace");
    struct profile profile = {0};
    const struct select all = {0};
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 7, 1, argv);
    maker_thread(m, p, 7, "MainThread", 0);
    for (int generation = 0; generation < 4; generation++) {
        if (generation > 0)
            maker_generation(m, p);
        const uint32_t stack = maker_stack(m, p, &frame, 1);
        for (int i = 0; i < 10; i++) {
            maker_tick(m, p, 0, 0, 0);
            maker_change(m, p, 1, &(struct maker_sample){stack, 1, 10000, NULL});
        }
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    struct trace *trace = opened(path, NULL);
    const struct unit *const first = &trace->units[1];
    ck_assert_uint_eq(first->process, 1);
    const uint64_t payload =
        chunk_file_get(trace->files[0].chunks, first->chunks[0].chunk)->offset + CHUNK_HEADER_LEN;
    trace_close(trace);
    struct bytes bytes = scratch_read(path);
    bytes.at[payload + 20] ^= 0x55;
    scratch_write(path, bytes.at, bytes.len);
    bytes_free(&bytes);
    trace = opened(path, NULL);
    trace->report = no_damage;
    trace_set_window(trace, (struct window){200000000, 300000000});
    profile_build(&profile, trace, &all, 1);
    ck_assert_uint_eq(profile.n_threads, 1);
    ck_assert_uint_eq(weights_sum(&profile.threads[0]->total).samples, 10);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

/* What threads used after their last sample is in their clocks, but in no place's. */
START_TEST(clocks_at_the_end)
{
    static const char *const argv[] = {"python3", NULL};
    static const struct maker_frame frame = {"f", "/x.py", 1, 2, 0};
    static const uint64_t at_end_q[] = {57000, 50000, 0}; /* more; no more; not known */
    const char *const path = scratch_path("ends.trace");
    const struct select all = {0};
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 7, 1, argv);
    for (uint32_t t = 1; t <= 3; t++)
        maker_thread(m, p, 6 + t, "thread", 0);
    for (int i = 0; i < 5; i++) {
        if (i == 3)
            maker_generation(m, p);
        const uint32_t stack = maker_stack(m, p, &frame, 1);
        maker_tick(m, p, 0, 0, 0);
        for (uint32_t t = 1; t <= 3; t++)
            maker_change(m, p, t, &(struct maker_sample){stack, 1, 10000, NULL});
    }
    for (uint32_t t = 1; t <= 3; t++)
        maker_thread_end_at(m, p, t, at_end_q[t - 1]);
    maker_tick(m, p, 0, 0, 0);
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    for (int part = 0; part < 2; part++) {
        struct profile profile = {0};
        struct trace *const trace = opened(path, NULL);
        if (part == 1) /* the end may be outside */
            trace_set_window(trace, (struct window){0, 1000000000});
        profile_build(&profile, trace, &all, 1);
        ck_assert_uint_eq(profile.n_threads, 3);
        for (size_t t = 0; t < 3; t++) {
            const uint64_t more_ns = t == 0 && part == 0 ? 7000000 : 0;
            ck_assert_uint_eq(weights_sum(&profile.threads[t]->total).cpu, 50000000);
            ck_assert_uint_eq(profile.threads[t]->unattributed_ns, more_ns);
            ck_assert_uint_eq(profile.threads[t]->cpu_ns, 50000000 + more_ns);
        }
        profile_clear(&profile);
        trace_close(trace);
    }
}
END_TEST

/* The rows of the whole profile as text, in an order that does not depend on numbers. */
static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct buffer profile_text(const struct profile *profile)
{
    struct arena arena = {0};
    struct buffer text = {0};
    struct fold *const fold = fold_open(profile, &keys[KEY_LINE]);
    for (size_t t = 0; t < profile->n_threads; t++) {
        const struct profile_thread *const thread = profile->threads[t];
        size_t n;
        const struct fold_row *const rows = fold_threads(fold, &profile->threads[t], 1, &arena, &n);
        char **const lines = calloc(n + 1, sizeof(char *));
        for (size_t i = 0; i < n; i++) {
            const struct frame f = symbols_frame(&profile->symbols, rows[i].value);
            const struct weight s = weights_sum(&rows[i].self), c = weights_sum(&rows[i].cum);
            lines[i] = arena_print(&arena, "%s %s:%u %lu %lu %lu %lu, %lu %lu %lu %lu\n",
                                   f.function, f.file, f.line, s.samples, s.ticks, s.wall, s.cpu,
                                   c.samples, c.ticks, c.wall, c.cpu);
        }
        qsort(lines, n, sizeof(char *), compare_lines);
        buffer_print(&text, "%u %u %s: %lu %lu\n", thread->thread->process->pid, thread->thread->id,
                     thread->thread->name, thread->cpu_ns, thread->unattributed_ns);
        for (size_t i = 0; i < n; i++)
            buffer_add_text(&text, lines[i]);
        free(lines);
    }
    fold_close(fold);
    arena_clear(&arena);
    return text;
}

START_TEST(workers_change_nothing)
{
    struct reference reference = {0};
    const char *const path = scratch_path("workers.trace");
    random_trace(&reference, path, 1000 + (uint64_t)_i);
    struct buffer texts[3];
    for (size_t n = 1; n <= 3; n++) {
        struct profile profile = {0};
        struct trace *const trace = opened(path, NULL);
        build(&profile, trace, n == 3 ? 5 : n);
        texts[n - 1] = profile_text(&profile);
        profile_clear(&profile);
        trace_close(trace);
    }
    ck_assert_str_eq(texts[0].text, texts[1].text);
    ck_assert_str_eq(texts[0].text, texts[2].text);
    for (size_t n = 0; n < 3; n++)
        buffer_clear(&texts[n]);
    reference_clear(&reference);
}
END_TEST

/* Sample by sample: the dump against what was written. */
static const struct reference_sample *find_sample(const struct reference *reference,
                                                  const struct row *row)
{
    for (size_t i = 0; i < reference->n_samples; i++) {
        const struct reference_sample *const s = &reference->samples[i];
        if (s->time_q * reference->quantum_ns == row->sample->time_ns &&
            s->pid == row->process->pid && s->thread == row->thread->id)
            return s;
    }
    ck_abort_msg("a sample that was not written");
}

START_TEST(dump_shows_every_sample)
{
    const struct select all = {0};
    struct reference reference = {0};
    struct row row;
    size_t n = 0;
    uint64_t last_ns = 0;
    const char *const path = scratch_path("dump.trace");
    random_trace(&reference, path, 2000 + (uint64_t)_i);
    struct trace *const trace = opened(path, NULL);
    trace->report = no_damage;
    struct dump *const dump = dump_open(trace, &all, 0);
    for (; dump_next(dump, &row); n++) {
        const struct reference_sample *const s = find_sample(&reference, &row);
        const struct reference_stack *const stack = &reference.stacks[s->stack];
        require(row.sample->time_ns >= last_ns);
        last_ns = row.sample->time_ns;
        require_equal(row.sample->cpu_ns, s->cpu_q * reference.quantum_ns);
        require_equal(row.sample->stack.n_frames, stack->n > 0 ? stack->n : 1);
        for (uint32_t f = 0; f < stack->n; f++) {
            const struct frame *const frame = &row.sample->stack.frames[stack->n - 1 - f];
            require(strcmp(frame->function, stack->frames[f].function) == 0);
            require_equal(frame->line, stack->frames[f].line);
        }
        require((s->call == NULL) == (row.sample->call == NULL));
        require(s->call == NULL || strcmp(row.sample->call, s->call) == 0);
    }
    require_equal(n, reference.n_samples);
    dump_close(dump);
    trace_close(trace);
    reference_clear(&reference);
}
END_TEST

START_TEST(dump_stops_at_its_limit)
{
    const struct select all = {0};
    struct reference reference = {0};
    struct row row;
    const char *const path = scratch_path("limit.trace");
    random_trace(&reference, path, 77);
    struct trace *const trace = opened(path, NULL);
    struct dump *const dump = dump_open(trace, &all, 5);
    for (int i = 0; i < 5; i++)
        ck_assert(dump_next(dump, &row));
    ck_assert(!dump_next(dump, &row));
    dump_close(dump);
    trace_close(trace);
    reference_clear(&reference);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("profile");
    TCase *const tests = tcase_create("profile");
    tcase_add_loop_test(tests, equals_reference, 0, N_SEEDS);
    tcase_add_loop_test(tests, range_and_state_equal_reference, 0, 80);
    tcase_add_test(tests, range_reads_its_generations_only);
    tcase_add_test(tests, clocks_at_the_end);
    tcase_add_loop_test(tests, workers_change_nothing, 0, 30);
    tcase_add_loop_test(tests, dump_shows_every_sample, 0, 20);
    tcase_add_test(tests, dump_stops_at_its_limit);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
