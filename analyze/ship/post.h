/* SPDX-License-Identifier: MIT */
/*
 * post - one HTTP request at a time, by libcurl; nothing else knows that library.
 *
 * On the line:  parcel -> [post] -> a server; its answer -> retry
 * Threads:      one.
 * Memory:       struct post is the caller's, zeroed before post_open; post_close takes its heap.
 *               Of an answer at most 64 KiB are kept.
 *
 * Certificates are verified, and there is no way to turn that off. Redirections are not followed:
 * credentials would go with them.
 */
#ifndef PYREC_ANALYZE_SHIP_POST_H
#define PYREC_ANALYZE_SHIP_POST_H

#include "destination.h"
#include "headers.h"
#include "signing.h"

#include <stdatomic.h>
#include <stdint.h>

struct post_settings {
    const struct destination *to;
    const struct headers *headers;
    const struct signing *signing;
    const char *authorities; /* a file of certificates that are believed beside nobody else's; NULL
                                = the system's */
    uint64_t timeout_ms;     /* of a whole request */
    const atomic_bool *stop; /* set by a signal: give the request up */
};

struct post {
    struct post_settings settings;
    void *handle; /* the library's own */
};

struct post_request {
    const char *method; /* POST, PUT */
    const char *url, *type;
    const char *encoding; /* Content-Encoding; NULL = none */
    const char *bytes;
    size_t len;
};

struct post_answer {
    long status;       /* HTTP's; 0 = there was none, and `problem` says why */
    char problem[300]; /* "" = none */
    char retry_after[128];
    struct buffer body;
};

/* STATUS_USAGE where this pyanalyze, or this machine, has no libcurl. */
MUST_CHECK enum status post_open(struct post *post, const struct post_settings *settings,
                                 struct problem *why);
void post_close(struct post *post);

/* The answer is the caller's; post_answer_clear takes it back. */
void post_send(struct post *post, const struct post_request *request, struct post_answer *answer);
void post_answer_clear(struct post_answer *answer);

#endif
