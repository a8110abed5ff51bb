/* SPDX-License-Identifier: MIT */
/* Another process's memory: a child that is our twin, so that we know what is where in it. */
#include "record/remote/remote_memory.h"
#include "suite.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char words[] = "what the child has";
static pid_t child;

static void *sleep_on(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

/* Its first thread ends at once where `is_headless`. */
static void child_start(bool is_headless)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        pthread_t thread;
        strcpy(words, "something else now");
        pthread_create(&thread, NULL, sleep_on, NULL);
        (void)!write(ready[1], "", 1);
        if (is_headless)
            pthread_exit(NULL);
        sleep_on(NULL);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
}

static void child_stop(void)
{
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

START_TEST(test_memory)
{
    struct remote remote;
    char text[64];
    child_start(_i == 1);
    char *const edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int tries = 0; _i == 1 && tries < 5000; tries++) { /* until the first thread has ended */
        ck_assert_int_eq(remote_open(&remote, child), 0);
        if (remote.tid != child)
            break;
        usleep(1000);
    }
    ck_assert_int_eq(remote_open(&remote, child), 0);
    ck_assert_int_eq(remote.pid, child);
    ck_assert(_i == 0 ? remote.tid == child : remote.tid != child);
    ck_assert(remote_read(&remote, (uintptr_t)words, text, sizeof words));
    ck_assert_str_eq(text, "something else now");
    ck_assert(remote_read_text(&remote, (uintptr_t)words, text, sizeof text));
    ck_assert_str_eq(text, "something else now");
    ck_assert(!remote_read_text(&remote, (uintptr_t)words, text, 5));
    ck_assert(!remote_read(&remote, 8, text, 1));
    ck_assert(!remote_read(&remote, (uintptr_t)edge, text, 1)); /* mapped after the fork */
    ck_assert(remote_read(&remote, 8, text, 0));
    child_stop();
    ck_assert_int_eq(remote_open(&remote, child), ESRCH);
}
END_TEST

START_TEST(test_maps)
{
    struct remote remote;
    struct remote_maps maps;
    child_start(_i == 1);
    ck_assert_int_eq(remote_open(&remote, child), 0);
    ck_assert_int_eq(remote_maps_read(&maps, &remote), 0);
    const struct remote_map *const map = remote_maps_find(&maps, (uintptr_t)words);
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(map->rights, REMOTE_READ | REMOTE_WRITE);
    ck_assert_ptr_nonnull(strstr(map->path, "test_remote"));
    const struct remote_map *const code = remote_maps_find(&maps, (uintptr_t)strtol);
    ck_assert_ptr_nonnull(code);
    ck_assert_uint_eq(code->rights, REMOTE_READ | REMOTE_EXECUTE);
    ck_assert_ptr_null(remote_maps_find(&maps, 8));
    ck_assert_ptr_null(remote_maps_find(&maps, UINT64_MAX));
    for (uint32_t i = 1; i < maps.n; i++)
        ck_assert_uint_ge(maps.list[i].from, maps.list[i - 1].to);
    remote_maps_clear(&maps);
    child_stop();
    ck_assert_int_eq(remote_maps_read(&maps, &remote), ESRCH);
    remote_maps_clear(&maps);
}
END_TEST

/* Lines as they come, and such as do not come. */
START_TEST(test_lines)
{
    struct remote_maps maps;
    ck_assert_int_eq(
        remote_maps_parse(&maps, strdup("1000-2000 r-xp 00000400 08:01 77      /a b (deleted)\n"
                                        "2000-3000 rw-s 00000000 00:00 0\n"
                                        "nonsense\n"
                                        "5000-4000 rw-p 00000000 00:00 0\n"
                                        "6000-7000 rw-p\n"
                                        "7000-8000 ---p 00000000 00:00 0 [anon:x]")),
        0);
    ck_assert_uint_eq(maps.n, 3);
    ck_assert_str_eq(maps.list[0].path, "/a b (deleted)");
    ck_assert_uint_eq(maps.list[0].offset, 0x400);
    ck_assert_uint_eq(maps.list[0].inode, 77);
    ck_assert_str_eq(maps.list[1].path, "");
    ck_assert_uint_eq(maps.list[1].rights, REMOTE_READ | REMOTE_WRITE | REMOTE_SHARED);
    ck_assert_uint_eq(maps.list[2].rights, 0);
    ck_assert_str_eq(maps.list[2].path, "[anon:x]");
    ck_assert_ptr_eq(remote_maps_find(&maps, 0x1fff), &maps.list[0]);
    ck_assert_ptr_eq(remote_maps_find(&maps, 0x2000), &maps.list[1]);
    ck_assert_ptr_null(remote_maps_find(&maps, 0x3000));
    remote_maps_clear(&maps);
}
END_TEST

/* Names that have one body are where our own loader found them. */
START_TEST(test_names)
{
    static const char *const names[] = {"pthread_create", "dlopen",  "dlsym", "pthread_attr_init",
                                        "environ",        "execve",  "fork",  "pthread_join",
                                        "getenv",         "realpath"};
    struct remote remote;
    struct remote_maps maps;
    struct remote_images images;
    uint64_t at, size;
    child_start(false);
    ck_assert_int_eq(remote_open(&remote, child), 0);
    ck_assert_int_eq(remote_maps_read(&maps, &remote), 0);
    ck_assert(remote_images_read(&images, &remote, &maps));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_ptr_nonnull(remote_images_find(&images, &remote, names[i], &at));
        ck_assert_msg(at == (uintptr_t)dlsym(RTLD_DEFAULT, names[i]), "%s", names[i]);
    }
    ck_assert_ptr_null(remote_images_find(&images, &remote, "no_such_name_anywhere", &at));
    ck_assert_ptr_null(remote_images_find(&images, &remote, "", &at));
    const struct remote_image *const libc = remote_images_named(&images, "libc.so.6");
    ck_assert_ptr_nonnull(libc);
    ck_assert_uint_ne(remote_image_find(libc, &remote, "qsort", &size), 0);
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_eq(remote_image_find(libc, &remote, "memcpy", NULL),
                      0); /* for each CPU another */
    ck_assert(libc->from <= (uintptr_t)qsort && (uintptr_t)qsort < libc->to);
    ck_assert_ptr_null(remote_images_named(&images, "libnothing"));
    remote_images_clear(&images);
    remote_maps_clear(&maps);
    child_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote");
    TCase *tc = tcase_create("remote");
    tcase_add_loop_test(tc, test_memory, 0, 2);
    tcase_add_loop_test(tc, test_maps, 0, 2);
    tcase_add_test(tc, test_lines);
    tcase_add_test(tc, test_names);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
