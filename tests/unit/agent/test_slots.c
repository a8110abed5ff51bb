/* SPDX-License-Identifier: MIT */
/* Calls of a library's come to us and are its own again: lazily bound, and behind RELRO. */
#include "record/agent/late/slots.h"
#include "tests/unit/support/suite.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define OURS  4711
#define OTHER 4712

enum { LAZY, PROTECTED, LIBRARIES };
static char path_lazy[] = SLOTS_LAZY, path_protected[] = SLOTS_PROTECTED;
static char *const paths[LIBRARIES] = {path_lazy, path_protected};

struct library {
    void *handle;
    int (*parent)(void), (*group)(void);
};

static int ours(void)
{
    return OURS;
}

static int other(void)
{
    return OTHER;
}

static void *address_of(int (*function)(void))
{
    void *address;
    memcpy(&address, &function, sizeof(address));
    return address;
}

static struct library library_open(int which)
{
    struct library library = {.handle = dlopen(paths[which], RTLD_LAZY | RTLD_LOCAL)};
    ck_assert_msg(library.handle != NULL, "%s", dlerror());
    void *at = dlsym(library.handle, "library_parent");
    memcpy(&library.parent, &at, sizeof(at));
    at = dlsym(library.handle, "library_group");
    memcpy(&library.group, &at, sizeof(at));
    ck_assert(library.parent != NULL && library.group != NULL);
    return library;
}

static bool is_home(void *name, const struct elf_image *image)
{
    return strstr(image->name, name) != NULL;
}

/* With this function in the place of what `real` is. */
static struct slots_found take(int which, int (*function)(void), void *real)
{
    const struct slots_hook hooks[] = {
        {.name = "getppid", .what = 1, .ours = address_of(function), .real = real},
        {.name = "nobody_calls_this", .what = 2, .ours = address_of(function), .real = real},
    };
    return slots_take(hooks, 2, "pyrec_attach", is_home, paths[which]);
}

static void *real_parent(void)
{
    return dlsym(RTLD_DEFAULT, "getppid");
}

#define LIBRARY_LEN 0x30000u /* its parts lie 64 KiB apart on aarch64 */

/* The pages of the library that may be written and hold this value. */
static bool writable_holds(const struct library *library, void *value)
{
    Dl_info info;
    uintptr_t page[512];
    void *at;
    memcpy(&at, &library->parent, sizeof(at));
    ck_assert_int_ne(dladdr(at, &info), 0);
    for (uintptr_t from = (uintptr_t)info.dli_fbase; from < (uintptr_t)info.dli_fbase + LIBRARY_LEN;
         from += sizeof(page)) {
        const struct iovec here = {page, sizeof(page)}, there = {(void *)from, sizeof(page)};
        if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != (ssize_t)sizeof(page) ||
            memmem(page, sizeof(page), &value, sizeof(value)) == NULL)
            continue;
        return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == (ssize_t)sizeof(page);
    }
    return false;
}

/* Before the first call (the loader has not looked it up) and after it. */
START_TEST(test_there_and_back)
{
    const int which = _i % LIBRARIES;
    const struct library library = library_open(which);
    if (_i >= LIBRARIES)
        ck_assert_int_eq(library.parent(), getppid());
    for (int round = 0; round < 3; round++) {
        const struct slots_found found = take(which, ours, real_parent());
        ck_assert_uint_eq(found.all.taken, 1);
        ck_assert_uint_eq(found.all.foreign + found.all.refused, 0);
        ck_assert_uint_eq(found.of[0].taken, 1);
        ck_assert_uint_eq(found.of[1].taken, 0); /* the other one is called by nobody */
        ck_assert_uint_eq(found.what, 1);
        ck_assert_uint_eq(found.not_what, 0);
        ck_assert_int_eq(library.parent(), OURS);
        ck_assert_int_eq(library.group(), getpgrp());
        ck_assert(writable_holds(&library, address_of(ours)) == (which == LAZY));
        ck_assert_uint_eq(slots_restore(round == 2), 0);
        ck_assert_int_eq(library.parent(), getppid());
        ck_assert(!writable_holds(&library, address_of(ours)));
    }
    dlclose(library.handle);
}
END_TEST

/* Somebody was there before us: it stays his. Somebody has come after us: his, too. */
START_TEST(test_others)
{
    const struct library library = library_open(_i);
    ck_assert_int_eq(library.parent(), getppid());
    ck_assert_uint_eq(take(_i, other, real_parent()).all.taken, 1);
    /* what is in there is not what libc has */
    const struct slots_found found = take(_i, ours, real_parent());
    ck_assert_uint_eq(found.all.taken, 0);
    ck_assert_uint_eq(found.all.foreign, 1);
    ck_assert_uint_eq(found.of[0].foreign, 1);
    ck_assert_uint_eq(found.of[1].foreign, 0);
    ck_assert_uint_eq(found.what, 0);
    ck_assert_uint_eq(found.not_what, 1);
    ck_assert_int_eq(library.parent(), OTHER);
    ck_assert_uint_eq(slots_restore(false), 0);
    ck_assert_int_eq(library.parent(), getppid());

    ck_assert_uint_eq(take(_i, ours, real_parent()).all.taken, 1);
    ck_assert_uint_eq(take(_i, other, address_of(ours)).all.taken, 1);
    ck_assert_int_eq(library.parent(), OTHER);
    ck_assert_uint_eq(slots_restore(false),
                      1); /* the older one of the two finds what is not its own */
    ck_assert_int_eq(library.parent(), OURS);
    ck_assert_uint_eq(slots_restore(false), 0); /* nothing is remembered */
    dlclose(library.handle);
}
END_TEST

static bool is_nobodys(void *closure, const struct elf_image *image)
{
    (void)closure;
    (void)image;
    return false;
}

/* A child that was forked keeps what is not the interpreter's. Who comes back puts that back, too.
 */
START_TEST(test_left)
{
    const struct library library = library_open(_i);
    const struct slots_hook hook = {.name = "getppid",
                                    .is_everywhere = true,
                                    .what = 4,
                                    .ours = address_of(ours),
                                    .real = real_parent()};
    for (int round = 0; round < 2; round++) {
        const struct slots_found found = slots_take(&hook, 1, "pyrec_attach", is_nobodys, NULL);
        ck_assert_uint_ge(found.of[2].taken, 1);
        ck_assert_uint_eq(found.what, 0);
        ck_assert_int_eq(library.parent(), OURS);
        ck_assert_uint_eq(slots_restore(round == 0), 0);
        ck_assert_int_eq(library.parent(), round == 0 ? OURS : getppid());
    }
    dlclose(library.handle);
}
END_TEST

/* The library goes while its slot is ours, and something else may lie there then. */
START_TEST(test_gone)
{
    const struct library library = library_open(_i);
    ck_assert_uint_eq(take(_i, ours, real_parent()).all.taken, 1);
    dlclose(library.handle);
    const struct library next = library_open(1 - _i);
    ck_assert_uint_eq(slots_restore(false), 0);
    ck_assert_int_eq(next.parent(), getppid());
    dlclose(next.handle);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("slots");
    TCase *const tcase = tcase_create("slots");
    tcase_add_loop_test(tcase, test_there_and_back, 0, 2 * LIBRARIES);
    tcase_add_loop_test(tcase, test_others, 0, LIBRARIES);
    tcase_add_loop_test(tcase, test_left, 0, LIBRARIES);
    tcase_add_loop_test(tcase, test_gone, 0, LIBRARIES);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
