/* SPDX-License-Identifier: MIT */
/* Filters of system calls: what ours says of a program, and what the kernel does. */
#include "format/status.h"
#include "record/inject/filter.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_AT          ((uint32_t)offsetof(struct seccomp_data, nr))
#define ARCH_AT        ((uint32_t)offsetof(struct seccomp_data, arch))
#define ARGUMENT(i)    ((uint32_t)offsetof(struct seccomp_data, args) + 8 * (i))
#define LOAD(at)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define RETURN(x)      BPF_STMT(BPF_RET | BPF_K, x)
#define IS(x, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, x, yes, no)

/* A filter that does `action` for one call and lets all others through. */
static const char *objection(uint32_t call, uint32_t action)
{
    const struct sock_filter program[] = {LOAD(NR_AT), IS(call, 0, 1), RETURN(action),
                                          RETURN(SECCOMP_RET_ALLOW)};
    return filter_objects(program, ARRAY_LEN(program));
}

START_TEST(test_one_call)
{
    static const uint32_t deadly[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
                                      SECCOMP_RET_TRAP,         SECCOMP_RET_TRACE,
                                      SECCOMP_RET_USER_NOTIF,   0x12340000};
    for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
        ck_assert_str_eq(objection(SYS_futex, deadly[i] | 7), "futex");
        ck_assert_str_eq(objection(SYS_close_range, deadly[i]), "close_range");
        ck_assert_ptr_null(objection(SYS_kexec_load, deadly[i]));
    }
    ck_assert_str_eq(objection(SYS_futex, SECCOMP_RET_ERRNO | EPERM), "futex");
    ck_assert_ptr_null(objection(SYS_close_range, SECCOMP_RET_ERRNO | EPERM));
    ck_assert_ptr_null(objection(SYS_futex, SECCOMP_RET_LOG));
    ck_assert_ptr_null(objection(SYS_futex, SECCOMP_RET_ALLOW));
}
END_TEST

/* What filters look at beside the number. */
START_TEST(test_arguments)
{
    const struct sock_filter processes_only[] = {
        LOAD(NR_AT),
        IS(SYS_clone, 0, 3),
        LOAD(ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10000 /* CLONE_THREAD */, 0, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        RETURN(SECCOMP_RET_ALLOW)};
    const struct sock_filter no_new_namespace[] = {
        LOAD(NR_AT),
        IS(SYS_clone, 0, 3),
        LOAD(ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7e020000, 0, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        RETURN(SECCOMP_RET_ALLOW)};
    const struct sock_filter no_code[] = {LOAD(NR_AT),
                                          IS(SYS_mmap, 0, 3),
                                          LOAD(ARGUMENT(2)),
                                          BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 0, 1),
                                          RETURN(SECCOMP_RET_ERRNO | EPERM),
                                          RETURN(SECCOMP_RET_ALLOW)};
    const struct sock_filter other_machine[] = {LOAD(ARCH_AT), IS(AUDIT_ARCH_X86_64, 1, 0),
                                                RETURN(SECCOMP_RET_KILL_PROCESS),
                                                RETURN(SECCOMP_RET_ALLOW)};
    ck_assert_str_eq(filter_objects(processes_only, ARRAY_LEN(processes_only)), "clone");
    ck_assert_ptr_null(filter_objects(no_new_namespace, ARRAY_LEN(no_new_namespace)));
    ck_assert_str_eq(filter_objects(no_code, ARRAY_LEN(no_code)), "mmap");
    ck_assert_ptr_null(filter_objects(other_machine, ARRAY_LEN(other_machine)));
}
END_TEST

/* What no kernel would take ends somewhere, and lets nothing through. */
START_TEST(test_malformed)
{
    const struct seccomp_data call = {.nr = SYS_getpid};
    const struct sock_filter endless[] = {BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff),
                                          RETURN(0x7fff0000)};
    const struct sock_filter far[] = {BPF_STMT(BPF_JMP | BPF_JA, 70000), RETURN(0x7fff0000)};
    const struct sock_filter none[] = {LOAD(NR_AT)};
    const struct sock_filter nothing[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
                                          RETURN(0x7fff0000)};
    const struct sock_filter odd[] = {LOAD(62), RETURN(0x7fff0000)};
    const struct sock_filter outside[] = {LOAD(64), RETURN(0x7fff0000)};
    const struct sock_filter memory[] = {BPF_STMT(BPF_ST, 16), RETURN(0x7fff0000)};
    const struct sock_filter division[] = {BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
                                           RETURN(0x7fff0000)};
#define CHECK(program)                                                                             \
    ck_assert_uint_eq(filter_run(program, ARRAY_LEN(program), &call), SECCOMP_RET_KILL_PROCESS)
    CHECK(endless);
    CHECK(far);
    CHECK(none);
    CHECK(nothing);
    CHECK(odd);
    CHECK(outside);
    CHECK(memory);
    CHECK(division);
    ck_assert_uint_eq(filter_run(NULL, 0, &call), SECCOMP_RET_KILL_PROCESS);
}
END_TEST

/* ---- against the kernel ---- */

#define BODY   40u
#define PREFIX 20u
#define CALLED SYS_getpgid

static uint64_t seed = 1;

static uint32_t dice(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static uint32_t any_word(void)
{
    static const uint32_t words[] = {0, 1, 7, 0x80000000u, 0xffffffffu, 0x12345678u};
    return dice(2) ? words[dice(ARRAY_LEN(words))] : dice(0x7fffffff);
}

static struct sock_filter any_instruction(uint32_t left)
{
    static const uint16_t operations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR,
                                          BPF_XOR, BPF_DIV, BPF_LSH, BPF_RSH, BPF_NEG};
    static const uint16_t tests[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    const uint16_t operation = operations[dice(ARRAY_LEN(operations))];
    const uint16_t source = dice(2) ? BPF_X : BPF_K;
    const uint32_t word = any_word();
    switch (dice(9)) {
    case 0:
        return (struct sock_filter)LOAD(ARGUMENT(dice(6)) + 4 * dice(2));
    case 1:
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, word);
    case 2:
        return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, word);
    case 3:
        return (struct sock_filter)BPF_STMT((dice(2) ? BPF_LD : BPF_LDX) | BPF_MEM, dice(16));
    case 4:
        return (struct sock_filter)BPF_STMT(dice(2) ? BPF_ST : BPF_STX, dice(16));
    case 5:
        return (struct sock_filter)BPF_STMT(BPF_MISC | (dice(2) ? BPF_TAX : BPF_TXA), 0);
    case 6:
        return (struct sock_filter)BPF_JUMP(BPF_JMP | tests[dice(4)] | source, word,
                                            (uint8_t)dice(left), (uint8_t)dice(left));
    case 7:
        return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, dice(left));
    default:
        if (operation == BPF_DIV)
            return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, word | 1);
        if (operation == BPF_LSH || operation == BPF_RSH)
            return (struct sock_filter)BPF_STMT(BPF_ALU | operation | source, word % 32);
        if (operation == BPF_NEG)
            return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_NEG, 0);
        return (struct sock_filter)BPF_STMT(BPF_ALU | operation | source, word);
    }
}

/* Whatever it computes becomes the error of one call; others pass. */
static size_t any_program(struct sock_filter *program)
{
    size_t n = 0;
    program[n++] = (struct sock_filter)LOAD(NR_AT);
    program[n++] = (struct sock_filter)IS(CALLED, 1, 0);
    program[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    for (uint32_t i = 0; i < 16; i++) /* memory that was not written may not be read */
        program[n++] = (struct sock_filter)BPF_STMT(BPF_ST, i);
    for (uint32_t i = 0; i < BODY; i++)
        program[n++] = any_instruction(BODY - i);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7ff);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
    return n;
}

/* What the kernel answers; -1: it does not take the program. */
static int kernel_answers(struct sock_filter *program, size_t n, const uint64_t *arguments)
{
    int answer = -1, ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const struct sock_fprog filter = {(unsigned short)n, program};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
            _exit(1);
        errno = 0;
        const long result = syscall(CALLED, arguments[0], arguments[1], arguments[2], arguments[3],
                                    arguments[4], arguments[5]);
        answer = result < 0 ? errno : (int)result;
        _exit(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &answer, sizeof answer) != sizeof answer)
        answer = -1;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return answer;
}

START_TEST(test_as_the_kernel)
{
    struct sock_filter program[PREFIX + BODY + 10];
    unsigned n_taken = 0;
    for (int i = 0; i < 400; i++) {
        struct seccomp_data call = {.nr = CALLED, .arch = AUDIT_ARCH_X86_64};
        const size_t n = any_program(program);
        for (size_t k = 0; k < 6; k++)
            call.args[k] = (uint64_t)any_word() << 32 | any_word();
        const int kernel = kernel_answers(program, n, (const uint64_t *)call.args);
        if (kernel < 0)
            continue;
        n_taken++;
        const uint32_t ours = filter_run(program, n, &call);
        ck_assert_msg((ours & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
                          (int)(ours & SECCOMP_RET_DATA) == kernel,
                      "program %d: %x, the kernel %d", i, ours, kernel);
    }
    ck_assert_msg(n_taken == 0 || n_taken > 300, "%u", n_taken); /* 0: no filters here */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filter");
    TCase *tc = tcase_create("filter");
    tcase_add_test(tc, test_one_call);
    tcase_add_test(tc, test_arguments);
    tcase_add_test(tc, test_malformed);
    tcase_add_test(tc, test_as_the_kernel);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
