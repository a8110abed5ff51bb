/* SPDX-License-Identifier: MIT */
/* Why a process is not looked into, or attached to: by its facts alone. */
#include "record/regard/reason.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <errno.h>
#include <string.h>

static struct facts fine(void)
{
    return (struct facts){.pid = 7,
                          .is_proc_ours = true,
                          .is_there = true,
                          .group = 7,
                          .parent = 5,
                          .state = 'S',
                          .is_user_ours = true,
                          .libc = LIBC_GLIBC,
                          .python = PYTHON_FOUND,
                          .wrong = "so and so",
                          .tracer_name = "gdb",
                          .is_machine_known = true};
}

static const struct {
    enum reason reason;
    struct facts change; /* members that are not zero take the place of a fine process's .. */
    bool is_not_there, is_not_ours, is_machine_unknown, is_static, is_no_python; /* .. and these */
    const char *words;
} cases[] = {
    {.reason = REASON_NONE, .words = ""},
    {.reason = REASON_PROC, .is_not_ours = true, .words = "mount the right one"},
    {.reason = REASON_ABSENT, .is_not_there = true, .words = "no process has this number"},
    {.reason = REASON_THREAD, {.group = 6}, .words = "is a thread of process 6: use that number"},
    {.reason = REASON_ZOMBIE, {.error = ESRCH, .state = 'Z'}, .words = "its parent 5 (a zombie)"},
    {.reason = REASON_ENDING, {.error = ESRCH}, .words = "is ending"},
    {.reason = REASON_KERNEL, {.error = ESRCH, .is_of_kernel = true}, .words = "the kernel's"},
    {.reason = REASON_FORBIDDEN, {.error = EPERM}, .words = "CAP_SYS_PTRACE is missing"},
    {.reason = REASON_FORBIDDEN,
     {.error = EPERM, .are_we_root = true, .is_locked_up = true, .yama = 1},
     .words = "CAP_SYS_PTRACE is missing"},
    {.reason = REASON_CHANGED, {.error = EACCES, .is_locked_up = true}, .words = "not dumpable"},
    {.reason = REASON_YAMA, {.error = EPERM, .yama = 1}, .words = "ptrace_scope is 1"},
    {.reason = REASON_YAMA_ADMIN, {.error = EPERM, .yama = 2}, .words = "ptrace_scope is 2"},
    {.reason = REASON_YAMA_NOBODY,
     {.error = EPERM, .yama = 3, .may_trace_all = true},
     .words = "ptrace_scope is 3"},
    {.reason = REASON_OUR_FILTER,
     {.error = EPERM, .yama = 2, .may_trace_all = true, .are_we_filtered = true},
     .words = "pyrec is under a filter"},
    {.reason = REASON_OUR_NAMESPACE,
     {.error = EPERM, .may_trace_all = true, .are_we_in_namespace = true},
     .words = "user namespace"},
    {.reason = REASON_UNREADABLE, {.error = ENOSYS}, .words = "Function not implemented"},
    {.reason = REASON_NO_MEMORY, {.error = ENOMEM}, .words = "out of memory"},
    {.reason = REASON_FOREIGN, {.is_foreign = true}, .is_no_python = true, .words = "32-bit"},
    {.reason = REASON_NO_PYTHON, .is_no_python = true, .words = "no CPython in its memory"},
    {.reason = REASON_STATIC_UNSEEN,
     .is_no_python = true,
     .is_static = true,
     .words = "does not show"},
    {.reason = REASON_PYPY, {.python = PYTHON_PYPY}, .words = "PyPy"},
    {.reason = REASON_NAMELESS, {.python = PYTHON_NAMELESS}, .words = "does not show its names"},
    {.reason = REASON_UNSAID, {.python = PYTHON_UNSAID}, .words = "does not say its version"},
    {.reason = REASON_UNKNOWN, {.python = PYTHON_UNKNOWN}, .words = "not know: so and so"},
    {.reason = REASON_MACHINE, .is_machine_unknown = true, .words = "x86-64 only"},
    {.reason = REASON_MUSL, {.libc = LIBC_MUSL}, .words = "musl"},
    {.reason = REASON_STATIC, .is_static = true, .words = "nothing can be loaded"},
    {.reason = REASON_SECURE, {.is_secure = true, .tracer = 3}, .words = "set-user-ID"},
    {.reason = REASON_FILTERED, {.is_filtered = true, .is_stopped = true}, .words = "seccomp"},
    {.reason = REASON_FILTERED, {.is_strict = true, .may_read_filters = true}, .words = "seccomp"},
    {.reason = REASON_NONE, {.is_filtered = true, .may_read_filters = true}, .words = ""},
    {.reason = REASON_TRACED,
     {.tracer = 3, .is_stopped = true, .is_recorded = true},
     .words = "by process 3 (gdb), which"},
    {.reason = REASON_STOPPED, {.is_stopped = true}, .words = "kill -CONT 7"},
    {.reason = REASON_FROZEN, {.is_frozen = true}, .words = "paused"},
    {.reason = REASON_VFORK, {.is_vfork_child = true}, .words = "vfork"},
    {.reason = REASON_LOCKED, {.is_locked = true}, .words = "another pyrec"},
    {.reason = REASON_RECORDED, {.is_recorded = true}, .words = "recorded already"},
};

/* Bytes of `change` that are not zero. */
static struct facts changed(const struct facts *change)
{
    struct facts facts = fine();
    const unsigned char *const from = (const unsigned char *)change;
    for (size_t i = 0; i < sizeof facts; i++)
        if (from[i] != 0)
            ((unsigned char *)&facts)[i] = from[i];
    return facts;
}

START_TEST(test_facts)
{
    char text[320];
    struct facts facts = changed(&cases[_i].change);
    if (cases[_i].is_not_there)
        facts.is_there = false;
    if (cases[_i].is_not_ours)
        facts.is_proc_ours = false;
    if (cases[_i].is_machine_unknown)
        facts.is_machine_known = false;
    if (cases[_i].is_static)
        facts.libc = LIBC_STATIC;
    if (cases[_i].is_no_python)
        facts.python = PYTHON_NONE;
    const enum reason reason = reason_not_to_attach(&facts);
    ck_assert_int_eq(reason, cases[_i].reason);
    reason_clause(reason, &facts, text, sizeof text);
    ck_assert_msg(strstr(text, cases[_i].words) != NULL, "%s", text);
    ck_assert_ptr_null(strchr(text, '%'));
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert_uint_le(strlen(reason_mark(reason)), 9); /* the column of ps */
    ck_assert(reason != REASON_NONE ? reason_kind(reason) != REASON_FINE
                                    : reason_kind(reason) == REASON_FINE);
    const enum reason unseen = reason_not_to_look(&facts);
    ck_assert_int_eq(unseen, reason < REASON_MACHINE ? reason : REASON_NONE);
}
END_TEST

START_TEST(test_other_user)
{
    char text[320], brief[8];
    struct facts facts = fine();
    facts.is_user_ours = false;
    facts.error = EPERM;
    facts.user = 4000000001u; /* has no name */
    facts.yama = 1;
    ck_assert_int_eq(reason_not_to_attach(&facts), REASON_OTHER_USER);
    reason_clause(REASON_OTHER_USER, &facts, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "of user 4000000001: only"));
    for (size_t size = 1; size < sizeof brief; size++)
        ck_assert_uint_eq(strlen(reason_clause(REASON_OTHER_USER, &facts, brief, size)), size - 1);
}
END_TEST

/* The table of cases has all that there are. */
START_TEST(test_all_reasons)
{
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        bool is_there = reason == REASON_OTHER_USER;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            is_there |= cases[i].reason == (enum reason)reason;
        ck_assert_msg(is_there, "%d", reason);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reason");
    TCase *tc = tcase_create("reason");
    tcase_add_loop_test(tc, test_facts, 0, (int)ARRAY_LEN(cases));
    tcase_add_test(tc, test_other_user);
    tcase_add_test(tc, test_all_reasons);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
