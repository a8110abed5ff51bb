/* SPDX-License-Identifier: MIT */
/* What the bar shows: every command counts the chunks of all its passes, and had planned them. */
#include "analyze/ask/request.h"
#include "analyze/cli/command.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

#define N_CHUNKS 6 /* that have samples */

/* Every file is opened, and searched for its chunks, once. */
static unsigned n_opened;

enum status __real_chunk_file_adopt(struct chunk_file **file, int fd, const char *path,
                                    damage_fn *report, void *closure, struct problem *why);
enum status __wrap_chunk_file_adopt(struct chunk_file **file, int fd, const char *path,
                                    damage_fn *report, void *closure, struct problem *why);

enum status __wrap_chunk_file_adopt(struct chunk_file **file, int fd, const char *path,
                                    damage_fn *report, void *closure, struct problem *why)
{
    n_opened++;
    return __real_chunk_file_adopt(file, fd, path, report, closure, why);
}

static char path[256], pid[16];

static void write_trace(void)
{
    static const struct maker_frame module = {"<module>", "/p/a.py", 1, 3, 0};
    static const struct maker_frame work = {"work", "/p/a.py", 5, 6, 0};
    static const char *const argv[] = {"python3", "a.py", NULL};
    struct maker *const m = maker_open(path, NULL);
    for (uint32_t k = 0; k < 2; k++) {
        const uint32_t p = maker_process(m, 10 + k, 1, argv);
        const uint32_t base = maker_stack_push(m, p, 0, &module);
        const uint32_t stack = maker_stack_push(m, p, base, &work);
        maker_thread(m, p, 10 + k, "MainThread", 0);
        for (int i = 0; i < 100 * N_CHUNKS; i++) {
            maker_tick(m, p, 0, 0, 0);
            maker_change(m, p, 1, &(struct maker_sample){stack, i % 5 > 0, 900, NULL});
            if (i % 100 == 99)
                maker_flush(m, p);
        }
        maker_process_end(m, p, 0);
    }
    maker_close(m, "exited");
}

/*
 * Run a command but for its output; with the whole plan done, unless it may stop early, and every
 * file opened so often.
 */
static void check_opens(const char *const *words, bool may_stop, unsigned n_opens)
{
    char *argv[12] = {(char *)"pyanalyze"};
    int argc = 1;
    struct args args = {0};
    struct request request = {0};
    struct view view = {0};
    struct problem why = {0};
    for (; *words != NULL; words++)
        argv[argc++] = (char *)(uintptr_t)*words;
    ck_assert_msg(args_parse(&args, argc, argv, &why) == STATUS_OK, "%s", why.detail);
    n_opened = 0;
    ck_assert_msg(request_open(&request, &args, false, &why) == STATUS_OK, "%s", why.detail);
    ck_assert_msg(args.command->build(&request, &view, &why) == STATUS_OK, "%s", why.detail);
    const struct trace_count *const count = request.trace->count;
    const size_t due = atomic_load(&count->due), done = atomic_load(&count->done);
    ck_assert_msg(due >= request.trace->n_chunks, "%s: %zu due", argv[1], due);
    ck_assert_msg(done == due || (may_stop && done < due), "%s: %zu of %zu", argv[1], done, due);
    ck_assert_msg(atomic_load(&count->unplanned) == 0, "%s reads once more than planned", argv[1]);
    const unsigned n_files = (unsigned)args.n_files;
    ck_assert_msg(n_opened == n_opens * n_files, "%s: %u files, opened %u times", argv[1], n_files,
                  n_opened);
    view_clear(&view);
    request_close(&request);
    args_clear(&args);
}

static void check_command(const char *const *words, bool may_stop)
{
    check_opens(words, may_stop, 1);
}

#define CHECK(...) check_command((const char *const[]){__VA_ARGS__, NULL}, false)

START_TEST(single_passes)
{
    static const char *const commands[] = {"lines", "functions", "files",     "modules", "threads",
                                           "tree",  "hot",       "processes", "info",    "check"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        CHECK(commands[i], path);
    CHECK("callers", "work", path);
    CHECK("lines", "--process", pid, path);
    CHECK("lines", "--from", "2s", "--to", "3s", path);
}
END_TEST

START_TEST(several_passes)
{
    CHECK("timeline", path);
    CHECK("timeline", "--thread", "MainThread", path);
    CHECK("gil", path);
    CHECK("gil", "--thread", "MainThread", path);
    /* it goes on while it is written */
    check_command(
        (const char *const[]){"export", "--format", "tables", "--output", "out", path, NULL}, true);
    CHECK("diff", path, path);
    CHECK("diff", "--key", "thread", path, path);
    CHECK("diff", "--from", "1s", path, path);
    check_command((const char *const[]){"stalls", path, NULL}, true);
    check_opens((const char *const[]){"overview", path, NULL}, true, 2); /* once for stalls */
    check_command((const char *const[]){"stalls", "--process", pid, path, NULL}, true);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("passes");
    TCase *const tests = tcase_create("passes");
    snprintf(path, sizeof path, "%s", scratch_path("passes.trace"));
    snprintf(pid, sizeof pid, "10");
    write_trace();
    tcase_add_test(tests, single_passes);
    tcase_add_test(tests, several_passes);
    suite_add_tcase(suite, tests);
    const int failed = suite_run(suite);
    return failed;
}
