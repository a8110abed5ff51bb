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

#endif
