/* SPDX-License-Identifier: MIT */
/* Names in mapped libraries, beside what the loader says; and clocks that are the kernel's. */
#include "record/agent/base/symbol.h"
#include "record/agent/interpose/interpose.h"
#include "record/base/clocks.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What libfaketime does: everybody in this program who asks libc is told another time. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = 42};
    errno = EDOM;
    return 0;
}

static uint64_t kernel_ns(clockid_t clock)
{
    struct timespec now;
    ck_assert_int_eq(syscall(SYS_clock_gettime, clock, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

START_TEST(test_clocks)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME_ID,
                                       CLOCK_PROCESS_CPUTIME_ID};
    if (_i == 1)
        clocks_find();
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        errno = ENOENT;
        const uint64_t before = kernel_ns(clocks[i]);
        const uint64_t now = clocks_ns(clocks[i]);
        ck_assert_uint_le(before, now);
        ck_assert_uint_le(now, kernel_ns(clocks[i]));
        ck_assert_uint_eq(clocks_ns(12345), UINT64_MAX);
        ck_assert_int_eq(errno, ENOENT);
    }
}
END_TEST

/* The names that the agent asks for, and some that have an older version or another one per CPU. */
START_TEST(test_next)
{
    static const char *const names[] = {"write",
                                        "execve",
                                        "execvpe",
                                        "pthread_create",
                                        "pthread_cond_signal",
                                        "pthread_cond_wait",
                                        "signal",
                                        "sigaction",
                                        "fork",
                                        "dlopen",
                                        "dlsym",
                                        "memcpy",
                                        "strlen",
                                        "time",
                                        "stat",
                                        "pthread_key_create",
                                        "realpath",
                                        "environ"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(interpose_next(names[i]) == dlsym(RTLD_NEXT, names[i]), "%s", names[i]);
    ck_assert_ptr_null(interpose_next("no_such_function_anywhere"));
    ck_assert_ptr_null(interpose_next(""));
    ck_assert_ptr_null(interpose_next("errno")); /* a thread's own */
}
END_TEST

START_TEST(test_vdso)
{
    struct elf_image vdso;
    ck_assert(elf_image_open_vdso(&vdso));
    void *found = elf_image_find(&vdso, "__vdso_clock_gettime");
    if (found == NULL)
        found = elf_image_find(&vdso, "__kernel_clock_gettime"); /* aarch64 */
    ck_assert_ptr_nonnull(found);
    ck_assert(elf_image_holds(&vdso, (uintptr_t)found));
    ck_assert(!elf_image_holds(&vdso, (uintptr_t)test_vdso));
    ck_assert_ptr_null(elf_image_find(&vdso, "write"));
}
END_TEST

/* A library that nobody else sees is found; names of two libraries are not mixed. */
START_TEST(test_local_library)
{
    struct symbols symbols;
    ck_assert(!symbols_open(&symbols, "uncompress2"));
    void *const zlib = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
    ck_assert_ptr_nonnull(zlib);
    ck_assert_ptr_null(dlsym(RTLD_DEFAULT, "uncompress2"));
    ck_assert(symbols_open(&symbols, "uncompress2"));
    ck_assert_uint_eq(symbols.n, 1);
    ck_assert_ptr_eq(symbols_find(&symbols, "crc32"), dlsym(zlib, "crc32"));
    ck_assert_ptr_null(symbols_find(&symbols, "write"));
    dlclose(zlib);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("elf_image");
    TCase *tc = tcase_create("elf_image");
    tcase_add_loop_test(tc, test_clocks, 0, 2);
    tcase_add_test(tc, test_next);
    tcase_add_test(tc, test_vdso);
    tcase_add_test(tc, test_local_library);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
