/* SPDX-License-Identifier: MIT */
/*
 * retry - what an answer means, and how long to wait before the next attempt.
 *
 * On the line:  post (an answer) -> [retry] -> ship
 * Threads:      any; pure functions.
 * Memory:       none.
 *
 * Waits grow by two from attempt to attempt up to a limit, and each is drawn from the whole range
 * below that ("full jitter"), so that a fleet does not come back as one. A server that says when to
 * come (Retry-After) is not asked before; the jitter is added to that.
 */
#ifndef PYREC_ANALYZE_SHIP_RETRY_H
#define PYREC_ANALYZE_SHIP_RETRY_H

#include "destination.h"

#include <stdint.h>

enum verdict {
    VERDICT_TAKEN,   /* it is theirs now */
    VERDICT_LATER,   /* the same again, later */
    VERDICT_REFUSED, /* it would be refused again: it is set aside */
};

/* What an HTTP status means to who sends in this form. */
enum verdict verdict_of(enum ship_format format, long status);

#define RETRY_STEPS_MAX 9 /* waits grow so often */
#define RETRY_ASKED_MAX_NS                                                                         \
    UINT64_C(3600000000000) /* nobody makes us wait longer than an hour                            \
                             */

/*
 * Before attempt `attempt` (from 1 on): `random` is any 64 bits, asked_ns what the server wants (0
 * = nothing).
 */
uint64_t retry_wait_ns(uint64_t base_ns, unsigned attempt, uint64_t random, uint64_t asked_ns);

/*
 * What a header Retry-After says: seconds, or a date as HTTP has it. 0 when it says nothing that
 * can be understood, or a time that is over.
 */
uint64_t retry_after_ns(const char *text, int64_t now_unix_s);

/*
 * OTLP's answer to what was taken: ExportProfilesServiceResponse. How many profiles were rejected
 * all the same, and the server's words, "" = none; false when it is no such message.
 */
bool partial_success(const char *bytes, size_t len, uint64_t *rejected, struct buffer *words);

#endif
