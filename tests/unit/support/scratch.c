/* SPDX-License-Identifier: MIT */
#include "scratch.h"
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void bytes_add(struct bytes *bytes, const void *more, size_t len)
{
    if (len == 0)
        return;
    if (bytes->len + len > bytes->room) {
        bytes->room = 2 * bytes->room + len;
        bytes->at = realloc(bytes->at, bytes->room);
        require(bytes->at != NULL);
    }
    memcpy(bytes->at + bytes->len, more, len);
    bytes->len += len;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}

static void add_varint(struct bytes *bytes, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        bytes_add(bytes, &(uint8_t){(uint8_t)(v | 0x80)}, 1);
    bytes_add(bytes, &(uint8_t){(uint8_t)v}, 1);
}

void bytes_add_field(struct bytes *bytes, unsigned number, const void *content, size_t len)
{
    add_varint(bytes, number << 3 | 2);
    add_varint(bytes, len);
    bytes_add(bytes, content, len);
}

void bytes_add_packet(struct bytes *bytes, const void *content, size_t len)
{
    struct bytes packet = {0};
    bytes_add_field(&packet, 100, content, len);
    bytes_add_field(bytes, 1, packet.at, packet.len);
    bytes_free(&packet);
}

static pid_t owner;
static char own_directory[256];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

static void remove_own(void)
{
    if (owner == getpid()) /* and not a child's parent's */
        (void)nftw(own_directory, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static const char *directory(void)
{
    if (owner != getpid()) {
        const char *const base = getenv("TMPDIR");
        snprintf(own_directory, sizeof(own_directory), "%s/pyrec-test-XXXXXX",
                 base != NULL ? base : "/tmp");
        require(mkdtemp(own_directory) != NULL);
        if (owner == 0) /* a child has what its parent registered */
            require(atexit(remove_own) == 0);
        owner = getpid();
    }
    return own_directory;
}

const char *scratch_path(const char *name)
{
    static char paths[4][512];
    static unsigned next;

    char *const path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", directory(), name);
    return path;
}

static void file_write(const char *path, int flags, const void *bytes, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    require(fd >= 0);
    for (size_t done = 0; done < len;) {
        const ssize_t n = write(fd, (const char *)bytes + done, len - done);
        require(n > 0);
        done += (size_t)n;
    }
    close(fd);
}

void scratch_write(const char *path, const void *bytes, size_t len)
{
    file_write(path, O_TRUNC, bytes, len);
}

void scratch_append(const char *path, const void *bytes, size_t len)
{
    file_write(path, O_APPEND, bytes, len);
}

struct bytes scratch_read(const char *path)
{
    struct bytes bytes = {0};
    char part[65536];
    ssize_t n;

    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    require(fd >= 0);
    while ((n = read(fd, part, sizeof(part))) > 0)
        bytes_add(&bytes, part, (size_t)n);
    require(n == 0);
    close(fd);
    return bytes;
}

uint64_t scratch_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Du;
}

static _Atomic int32_t named_tid;

static void *named_main(void *name)
{
    prctl(PR_SET_NAME, name);
    named_tid = (int32_t)syscall(SYS_gettid);
    while (pause() != 0)
        continue;
    return NULL;
}

int32_t scratch_named_thread(const char *name)
{
    char own[16];
    pthread_t thread;
    snprintf(own, sizeof own, "%s", name);
    named_tid = 0;
    if (pthread_create(&thread, NULL, named_main, own) != 0)
        return 0;
    while (named_tid == 0)
        sched_yield();
    return named_tid;
}
