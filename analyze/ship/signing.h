/* SPDX-License-Identifier: MIT */
/*
 * signing - with what requests to an object store are signed: AWS's Signature Version 4, of S3.
 *
 * On the line:  variables of the environment, a request -> [signing] -> headers of post
 * Threads:      any.
 * Memory:       borrows the environment's texts; what is added to a buffer is the caller's.
 *
 * Variables are those that every client of S3 takes: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN (where the key is one for some hours), AWS_REGION or AWS_DEFAULT_REGION
 * (us-east-1). The secret is not sent; no message says what is in one of them.
 *
 * libcurl signs, too, but that of Debian 12 (7.88) does not send the hash of the body, which S3
 * wants, and signs headers that it does not send.
 */
#ifndef PYREC_ANALYZE_SHIP_SIGNING_H
#define PYREC_ANALYZE_SHIP_SIGNING_H

#include "analyze/base/buffer.h"
#include "format/status.h"

#include <stdint.h>

struct signing {
    const char *key, *secret; /* key NULL: nothing is signed */
    const char *token;        /* NULL = none */
    const char *region;
};

/* STATUS_USAGE says which variable is missing, or holds what cannot be right. */
MUST_CHECK enum status signing_take(struct signing *signing, struct problem *why);

/* What is signed. */
struct signing_request {
    const char *method;
    const char *url;  /* without query */
    const char *type; /* Content-Type */
    const void *bytes;
    size_t len;
    int64_t time_unix_s;
};

/* Add the headers that make the request a signed one: lines, each ended by LF. */
void signing_add(const struct signing *signing, const struct signing_request *request,
                 struct buffer *lines);

#endif
