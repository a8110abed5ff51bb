/* SPDX-License-Identifier: MIT */
/*
 * status - what can go wrong, once, with its words.
 *
 * On the line:  everywhere; functions that can fail return one of these.
 * Memory:       struct problem is the caller's; its detail is a copy.
 * Idea:         one list for codes and texts, so they cannot drift (libuv).
 */
#ifndef PYREC_FORMAT_STATUS_H
#define PYREC_FORMAT_STATUS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_LIST(X)                                                                             \
    X(OK, "ok")                                                                                    \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(IO, "input/output error")                                                                    \
    X(DISK_FULL, "no space left")                                                                  \
    X(NOT_FOUND, "not found")                                                                      \
    X(NOT_A_TRACE, "not a trace file")                                                             \
    X(TOO_NEW, "written by a newer recorder than this tool knows")                                 \
    X(DAMAGED, "file is damaged")                                                                  \
    X(TRUNCATED, "file ends inside a chunk")                                                       \
    X(LIMIT, "a size in the file is over the limit")                                               \
    X(USAGE, "wrong usage")                                                                        \
    X(UNSUPPORTED, "not supported")

enum status {
#define STATUS_ENUM(name, text) STATUS_##name,
    STATUS_LIST(STATUS_ENUM)
#undef STATUS_ENUM
};

/* Of an errno of what creates or writes a file: STATUS_DISK_FULL, or STATUS_IO for all else. */
static inline enum status status_of_errno(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? STATUS_DISK_FULL : STATUS_IO;
}

/* Where an error has no place in a file. */
#define PROBLEM_NO_OFFSET UINT64_MAX

/* An error with what helps to mend it: where in the file, and the particulars in words. */
struct problem {
    enum status status;
    uint64_t offset;
    char detail[320];
};

/* The text of a status; a literal. */
const char *status_text(enum status status);

/*
 * Fill *why (which may be NULL) and return `status`, so that a failing function can say
 * `return problem_set(why, STATUS_DAMAGED, offset, "chunk %u ..", n);`.
 */
enum status problem_set(struct problem *why, enum status status, uint64_t offset,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Return the status of `call` unless it is STATUS_OK. Only where nothing is owned. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        const enum status try_status_ = (call);                                                    \
        if (try_status_ != STATUS_OK)                                                              \
            return try_status_;                                                                    \
    } while (0)

#define MUST_CHECK   __attribute__((warn_unused_result))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Something in the file that is not as it should be: bytes that were skipped, or chunks that are
 * missing in the row of seq. A chunk that was lost in bytes that are still there shows up as both.
 * What only chunk_file_load can see (a bad payload) is in its struct problem, not here.
 */
struct damage {
    enum status status; /* STATUS_DAMAGED, _TRUNCATED, _LIMIT, _TOO_NEW, _UNSUPPORTED, _IO */
    uint64_t offset;
    uint64_t len_bytes; /* skipped; 0 for chunks that are simply missing */
    bool time_known;    /* what is lost lies between t_first_ns and t_last_ns .. */
    uint32_t process;   /* .. and is this one's; 0 = the recording's own, or nobody knows whose */
    uint64_t t_first_ns, t_last_ns; /* t_last_ns DAMAGE_TO_THE_END = to the end */
    char text[160];                 /* what happened, in words; no offset, no time in it */
};

#define DAMAGE_TO_THE_END UINT64_MAX

/* Called once per damage, from the thread that found it. */
typedef void damage_fn(void *closure, const struct damage *damage);

#endif
