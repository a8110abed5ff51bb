/* SPDX-License-Identifier: MIT */
/*
 * scratch - files for tests: a directory that goes away, and whole files as bytes.
 *
 * On the line:  under the test suites.
 * Memory:       struct bytes is the caller's storage, zeroed first; bytes_free takes what it grew.
 *
 * Everything here fails the running test when it cannot do its work.
 */
#ifndef PYREC_TESTS_SCRATCH_H
#define PYREC_TESTS_SCRATCH_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *at;
    size_t len, room;
};

/*
 * As ck_assert, for loops: Check notes the place of every ck_assert in a file, and moves 8 KB for
 * each when it reads that, which can be half of what a test costs. These are for failures only.
 */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #condition);                             \
    } while (0)

#define require_equal(a, b) require_equal_numbers(a, b, #a, __FILE__, __LINE__)

static inline void require_equal_numbers(uint64_t is, uint64_t should_be, const char *what,
                                         const char *file, int line)
{
    if (is != should_be)
        ck_abort_msg("%s:%d: %s is %ju, not %ju", file, line, what, (uintmax_t)is,
                     (uintmax_t)should_be);
}

void bytes_add(struct bytes *bytes, const void *more, size_t len);
void bytes_free(struct bytes *bytes);

/* Add a field of wire type 2: key, length, bytes. */
void bytes_add_field(struct bytes *bytes, unsigned number, const void *content, size_t len);

/* Add message Trace's field 1 with a packet of a kind that nobody knows, and `len` bytes in it. */
void bytes_add_packet(struct bytes *bytes, const void *content, size_t len);

/*
 * A path in this process's own directory under $TMPDIR; good until the next call but three. The directory and
 * all that is in it go when the process exits; what a test leaves that fails stays to be looked at.
 */
const char *scratch_path(const char *name);

void scratch_write(const char *path, const void *bytes, size_t len);
void scratch_append(const char *path, const void *bytes, size_t len);
struct bytes scratch_read(const char *path);

/* The number of a new thread that has this name for the kernel, and sleeps as long as we live. */
int32_t scratch_named_thread(const char *name);

/* The same numbers on every machine: xorshift64*. `state` must not be 0. */
uint64_t scratch_random(uint64_t *state);

#endif
