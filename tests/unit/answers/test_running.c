/* SPDX-License-Identifier: MIT */
/* A trace that is read while it is written, in pieces of any length, is read as the whole is. */
#include "analyze/weigh/fold.h"
#include "analyze/weigh/running.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include "format/chunk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const goldens[] = {"v1-tiny", "v1-full", "v1-busy", "v1-later"};

static size_t n_damages;

static void note_damage(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    (void)path;
    (void)damage;
    n_damages++;
}

/* ---- all that a profile and its census say, as lines that can be compared ---- */

static void print_weights(struct buffer *text, const char *name, const struct weights *w)
{
    buffer_print(text, " %s", name);
    for (int c = 0; c < CLASS_COUNT; c++)
        buffer_print(text, " %" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, w->by[c].samples,
                     w->by[c].ticks, w->by[c].wall, w->by[c].cpu);
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void print_rows(struct buffer *text, const struct profile *profile, struct fold *fold,
                       struct profile_thread *const *thread)
{
    struct arena arena = {0};
    size_t n;
    const struct fold_row *const rows = fold_threads(fold, thread, 1, &arena, &n);
    char **const lines = calloc(n + 1, sizeof(char *));
    for (size_t i = 0; i < n; i++) {
        struct buffer line = {0};
        const struct frame frame = keys[KEY_LINE].frame(&profile->symbols, rows[i].value);
        buffer_print(&line, "  %s:%" PRIu32 " %s", frame.file, frame.line, frame.function);
        print_weights(&line, "self", &rows[i].self);
        print_weights(&line, "cum", &rows[i].cum);
        lines[i] = line.text;
    }
    qsort(lines, n, sizeof(char *), compare_lines); /* ids follow the order of reading */
    for (size_t i = 0; i < n; i++) {
        buffer_print(text, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
    arena_clear(&arena);
}

static void print_process(struct buffer *text, const struct process *p)
{
    buffer_print(text,
                 "process %" PRIu32 " %s generations %" PRIu32 " last %" PRIu64
                 " titles %zu rates %zu threads %zu\n",
                 p->pid, process_called(p), p->generations, p->last_ns, p->n_titles,
                 p->n_rate_changes, p->n_threads);
    buffer_print(
        text, " account %d due %" PRIu64 " taken %" PRIu64 " samples %" PRIu64 " cpu %" PRIu64 "\n",
        p->account_known, p->account.ticks_due, p->account.ticks_taken, p->account.samples,
        p->account.process_cpu_ns);
    for (size_t i = 0; i < p->account.n_failures; i++)
        buffer_print(text, " failure %s %" PRIu64 "\n", p->account.failures[i].reason,
                     p->account.failures[i].count);
    for (size_t i = 0; i < p->n_natives; i++)
        buffer_print(text, " native %" PRIu32 " %s %" PRIu64 "\n", p->natives[i].os_tid,
                     p->natives[i].name, p->natives[i].cpu_ns);
    buffer_print(text, " ending %d %s absences %zu\n", p->ending.known,
                 p->ending.known ? p->ending.reason : "", p->ending.n_absences);
}

static char *print_all(const struct profile *profile, const struct trace *trace)
{
    struct buffer text = {0};
    const struct census *const census = &trace->census;
    struct fold *const fold = fold_open(profile, &keys[KEY_LINE]);
    for (size_t i = 0; i < census->n_processes; i++)
        print_process(&text, census->processes[i]);
    for (size_t i = 0; i < census->n_recordings; i++) {
        const struct recording *const r = census->recordings[i];
        buffer_print(&text, "recording %zu steps, ending %d, %zu absences\n", r->wall.n,
                     r->ending.known, r->ending.n_absences);
    }
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        buffer_print(&text,
                     "thread %" PRIu32 " %s of %" PRIu32 " ended %d cpu %" PRIu64
                     " unattributed %" PRIu64 " lost %" PRIu64 " before %" PRIu64,
                     t->thread->id, t->thread->name, t->thread->process->pid, t->thread->ended,
                     t->cpu_ns, t->unattributed_ns, t->lost_ns, t->before_ns);
        print_weights(&text, "total", &t->total);
        print_weights(&text, "squares", &t->squares);
        print_weights(&text, "first", &t->bare_before);
        print_weights(&text, "last", &t->bare_behind);
        buffer_print(&text, " program %d end %" PRIu64 "\n", t->is_program, trace->end_ns);
        print_rows(&text, profile, fold, &profile->threads[i]);
    }
    fold_close(fold);
    buffer_add_text(&text, "");
    return text.text;
}

static char *read_whole(const char *path, struct window window)
{
    const struct select all = {0};
    struct profile profile = {0};
    struct trace *trace;
    struct problem why = {0};
    ck_assert_msg(trace_open(&trace, &path, 1, note_damage, NULL, &why) == STATUS_OK, "%s",
                  why.detail);
    trace_set_window(trace, window);
    profile_build(&profile, trace, &all, 2);
    char *const text = print_all(&profile, trace);
    profile_clear(&profile);
    trace_close(trace);
    return text;
}

/* ---- the reader beside the writer ---- */

struct growing {
    const char *path;
    struct bytes file;
    size_t len;
    struct trace *trace;
    struct running running;
    struct window window;
    struct select all;
    bool is_open, may_open_twice;
    unsigned n_opened;
};

static void check_equal(struct growing *g)
{
    struct profile profile = {0};
    if (g->len % 2 == 0)
        running_show(&g->running, &profile);
    else
        running_lend(&g->running, &profile);
    char *const got = print_all(&profile, g->trace);
    running_take_back(&g->running, &profile);
    char *const wanted = read_whole(g->path, g->window);
    ck_assert_msg(strcmp(got, wanted) == 0, "at %zu of %zu bytes:\n%s\nis not\n%s", g->len,
                  g->file.len, got, wanted);
    free(got);
    free(wanted);
}

static void close_running(struct growing *g)
{
    if (!g->is_open)
        return;
    running_clear(&g->running);
    trace_close(g->trace);
    g->is_open = false;
}

static void open_running(struct growing *g)
{
    struct problem why = {0};
    if (trace_open_growing(&g->trace, &g->path, 1, note_damage, NULL, &why) != STATUS_OK)
        return;
    trace_set_window(g->trace, g->window);
    running_open(&g->running, g->trace, &g->all, 2);
    g->is_open = true;
    g->n_opened++;
}

/* As request_go_on. */
static void look(struct growing *g)
{
    if (g->is_open && (trace_grow(g->trace) == CHUNK_GROWTH_OTHER || !running_read(&g->running)))
        close_running(g);
    if (!g->is_open)
        open_running(g);
}

static void write_more(struct growing *g, size_t len)
{
    len = len < g->file.len - g->len ? len : g->file.len - g->len;
    scratch_append(g->path, g->file.at + g->len, len);
    g->len += len;
}

static void begin(struct growing *g, const char *whole)
{
    *g = (struct growing){.path = scratch_path("growing.trace"), .file = scratch_read(whole)};
    g->window = WINDOW_ALL;
    g->may_open_twice = strstr(whole, "v1-later") != NULL;
    scratch_write(g->path, "", 0);
}

/* All was added to what was opened first; only where a later recorder's chunk needs a word of its
 * own (v1-later) was it opened once more. */
static void finish(struct growing *g)
{
    ck_assert(trace_ended(g->trace));
    ck_assert_uint_le(g->n_opened, g->may_open_twice ? 2 : 1);
    close_running(g);
    bytes_free(&g->file);
}

/* Where the next chunk, or the trailer, ends. */
static size_t next_border(const struct growing *g)
{
    struct chunk_header header;
    const size_t left = g->file.len - g->len;
    if (left < CHUNK_HEADER_LEN || !chunk_header_parse(&header, g->file.at + g->len))
        return left;
    return CHUNK_HEADER_LEN + header.comp_len;
}

static void grow_by_chunks(const char *whole, struct window window)
{
    struct growing g;
    begin(&g, whole);
    g.window = window;
    while (g.len < g.file.len) {
        write_more(&g, next_border(&g));
        look(&g);
        check_equal(&g);
    }
    finish(&g);
}

static void grow_by_bytes(const char *whole, uint64_t seed)
{
    struct growing g;
    uint64_t state = seed;
    begin(&g, whole);
    while (g.len < g.file.len) {
        write_more(&g, (size_t)(scratch_random(&state) >> 20) % (g.file.len / 6) + 1);
        look(&g);
        if (g.is_open && (scratch_random(&state) >> 40) % 3 == 0)
            check_equal(&g);
    }
    check_equal(&g);
    finish(&g);
}

static const char *golden_path(int i)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s.trace", GOLDEN_DIR, goldens[i]);
    return path;
}

START_TEST(golden_at_every_chunk)
{
    grow_by_chunks(golden_path(_i), WINDOW_ALL);
}
END_TEST

START_TEST(golden_at_any_byte)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        grow_by_bytes(golden_path(_i), seed);
}
END_TEST

START_TEST(random_trace_in_pieces)
{
    struct reference reference = {0};
    const char *const path = scratch_path("random.trace");
    random_trace(&reference, path, 500 + (uint64_t)_i);
    grow_by_chunks(path, WINDOW_ALL);
    grow_by_bytes(path, 1 + (uint64_t)_i);
    const uint64_t end_ns =
        reference.samples[reference.n_samples - 1].time_q * reference.quantum_ns;
    const struct window window = {0, end_ns / 2};
    grow_by_chunks(path, window);
    reference_clear(&reference);
}
END_TEST

/* A file that ends at a border in its middle, and has been looked at. */
static void begin_half(struct growing *g)
{
    begin(g, golden_path(2));
    while (g->len < g->file.len / 2)
        write_more(g, next_border(g));
    look(g);
}

/* The recorder is killed in the middle of a chunk: nothing of that is counted, nor made up. */
START_TEST(ends_in_the_middle)
{
    struct growing g;
    begin_half(&g);
    write_more(&g, next_border(&g) / 2);
    for (int i = 0; i < 3; i++) {
        look(&g);
        check_equal(&g);
        ck_assert(!trace_ended(g.trace));
    }
    ck_assert_uint_eq(g.n_opened, 1);
    close_running(&g);
    bytes_free(&g.file);
}
END_TEST

/* Another file under the same name, one that was cut, one that is overwritten: opened anew. */
START_TEST(another_file_is_read_anew)
{
    struct growing g;
    begin_half(&g);
    const char *const other = scratch_path("other.trace");
    struct bytes bytes = scratch_read(golden_path(1));
    scratch_write(other, bytes.at, bytes.len);
    ck_assert(!trace_changed(g.trace));
    ck_assert_int_eq(rename(other, g.path), 0);
    ck_assert(trace_changed(g.trace));
    look(&g);
    check_equal(&g);
    ck_assert_uint_eq(g.n_opened, 2);

    ck_assert_int_eq(truncate(g.path, (off_t)bytes.len / 2), 0);
    look(&g);
    check_equal(&g);
    ck_assert_uint_eq(g.n_opened, 3);
    scratch_append(g.path,
                   "no chunk, and longer than a header of one has to be to be looked at at "
                   "all: 72 bytes",
                   84);
    look(&g);
    ck_assert_uint_eq(g.n_opened, 4);
    close_running(&g);
    bytes_free(&bytes);
    bytes_free(&g.file);
}
END_TEST

/* A file that nobody can find any more is read to its end; the reader does not fall over it. */
START_TEST(file_that_is_removed)
{
    struct growing g;
    begin_half(&g);
    ck_assert_int_eq(unlink(g.path), 0);
    ck_assert(!trace_changed(g.trace));
    look(&g);
    ck_assert(g.is_open);
    ck_assert_uint_eq(g.n_opened, 1);
    close_running(&g);
    bytes_free(&g.file);
}
END_TEST

/* A window that moves is read from a trace that grows, but in a census that is new. */
START_TEST(window_that_moves)
{
    struct growing g;
    struct problem why = {0};
    begin(&g, golden_path(2));
    write_more(&g, next_border(&g));
    write_more(&g, next_border(&g));
    ck_assert_int_eq(trace_open_growing(&g.trace, &g.path, 1, note_damage, NULL, &why), STATUS_OK);
    while (g.len < g.file.len) {
        struct profile profile = {0};
        write_more(&g, next_border(&g));
        ck_assert_int_ne(trace_grow(g.trace), CHUNK_GROWTH_OTHER);
        trace_renew(g.trace);
        g.window.from_ns = trace_end_ns(g.trace) / 2;
        trace_set_window(g.trace, g.window);
        profile_build(&profile, g.trace, &g.all, 1);
        char *const got = print_all(&profile, g.trace), *const wanted =
                                                            read_whole(g.path, g.window);
        ck_assert_str_eq(got, wanted);
        free(got);
        free(wanted);
        profile_clear(&profile);
    }
    trace_close(g.trace);
    bytes_free(&g.file);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("running");
    TCase *const tests = tcase_create("running");
    tcase_add_loop_test(tests, golden_at_every_chunk, 0, (int)ARRAY_LEN(goldens));
    tcase_add_loop_test(tests, golden_at_any_byte, 0, (int)ARRAY_LEN(goldens));
    tcase_add_loop_test(tests, random_trace_in_pieces, 0, 20);
    tcase_add_test(tests, ends_in_the_middle);
    tcase_add_test(tests, another_file_is_read_anew);
    tcase_add_test(tests, file_that_is_removed);
    tcase_add_test(tests, window_that_moves);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
