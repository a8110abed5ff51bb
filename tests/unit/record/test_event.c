/* SPDX-License-Identifier: MIT */
/* An event of the collector's own on its whole way: into the file, and out of pyanalyze. */
#include "format/trace.pb-c.h"
#include "record/collect/process.h"
#include "tests/unit/support/fake_agent.h"
#include "tests/unit/support/readback.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

#define INTERVAL_NS 10000000u

static struct emit emit;
static struct fake fake;
static struct process *process;
static uint64_t clock_ns;
static char trace[256];

static void setup(void)
{
    struct problem why;
    snprintf(trace, sizeof trace, "%s", scratch_path("run.trace"));
    ck_assert_int_eq(
        emit_open(&emit,
                  &(struct emit_plan){.path = trace, .interval_ns = INTERVAL_NS, .max_depth = 64},
                  &why),
        STATUS_OK);
    fake_open(&fake, 42, INTERVAL_NS, WIRE_RING_LEN);
    clock_ns = fake.head->origin_ns;
    const struct hello_guest guest = {getpid(), getpid(), dup(fake.memfd), -1, 0};
    ck_assert_int_eq(process_open(&process, &guest, 1, &emit, &why), STATUS_OK);
}

static void teardown(void)
{
    process_free(process);
    emit_abandon(&emit);
    fake_close(&fake);
}

static void run(unsigned n)
{
    for (; n > 0; n--) {
        clock_ns = fake_due_ns(&fake, fake.number + 1);
        fake_step(&fake, clock_ns, 2);
        ck_assert(process_visit(process, &emit, clock_ns));
    }
}

static void finish(void)
{
    const struct exit_status exited = {.is_known = true};
    const struct encode_end end = {.reason = "exited", .processes = 1};
    process_finish(process, &emit, clock_ns, "exited", &exited);
    emit_close(&emit, &process->account, &end);
    ck_assert_int_eq(emit.problem.status, STATUS_OK);
}

/* When somebody set the clock is what `pyanalyze info` says, also of files of early recorders. */
START_TEST(test_clock_step)
{
    const bool is_early = _i == 1;
    char command[600], line[300];
    struct readback back;
    bool is_told = false;
    run(20);
    process_note(process,
                 is_early ? (enum process_event)PYREC__V1__EVENT__TYPE__CLOCK_STEP_EARLY
                          : PROCESS_CLOCK_STEP,
                 INT64_C(3600000000000));
    run(20);
    finish();
    ck_assert_int_eq(readback_load(&back, trace), STATUS_OK);
    ck_assert_uint_eq(back.n_steps, is_early ? 0 : 1);
    readback_free(&back);
    snprintf(command, sizeof command, "'%s' info '%s'", PYANALYZE, trace);
    FILE *info = popen(command, "r");
    ck_assert_ptr_nonnull(info);
    while (fgets(line, sizeof line, info) != NULL)
        is_told |= strstr(line, " +3600.000 s ") != NULL;
    ck_assert_int_eq(pclose(info), 0);
    ck_assert(is_told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event");
    TCase *tc = tcase_create("event");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, test_clock_step, 0, 2);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
