/* SPDX-License-Identifier: MIT */
/*
 * What pyrec takes for a Python 3.11, seen from outside: its names, its version, the name of its
 * type of code; and a life that the first argument decides. It says "up" when it is there.
 *
 * usage: like_python [quiet|old|new|filter|record|vfork]
 */
#include "record/wire/wire.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct type {
    uint64_t count, type, size;
    const char *name;
};

#define SEEN __attribute__((visibility("default")))
SEEN uint64_t _PyRuntime[512];
SEEN unsigned long Py_Version = 0x030b02f0;
SEEN struct type PyCode_Type = {1, 0, 0, "code"};

static void filter_set(void)
{
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, all};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* A ring whose head says that somebody records. */
static void ring_make(void)
{
    const int fd = memfd_create("pyrec", 0);
    if (ftruncate(fd, sizeof(struct wire_head)) != 0)
        return;
    struct wire_head *const head =
        mmap(NULL, sizeof *head, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memcpy(head->magic, WIRE_MAGIC, sizeof head->magic);
    atomic_store(&head->state, WIRE_RUNNING);
}

SEEN int main(int argc, char **argv)
{
    const char *const what = argc > 1 ? argv[1] : "";
    char byte;
    if (strcmp(what, "quiet") == 0)
        Py_Version = 0;
    if (strcmp(what, "old") == 0)
        Py_Version = 0x030700f0;
    if (strcmp(what, "new") == 0)
        PyCode_Type.name = "something else";
    if (strcmp(what, "filter") == 0)
        filter_set();
    if (strcmp(what, "record") == 0)
        ring_make();
    if (strcmp(what, "vfork") == 0 && vfork() == 0) {
        (void)!write(1, "up\n", 3);
        (void)!read(0, &byte, 1);
        _exit(0);
    }
    (void)!write(1, "up\n", 3);
    (void)!read(0, &byte, 1); /* until the test lets go */
    return 0;
}
