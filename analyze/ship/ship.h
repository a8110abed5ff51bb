/* SPDX-License-Identifier: MIT */
/*
 * ship - send the finished parts of recordings to where many of them are looked at together.
 *
 * On the line:  a directory of parts -> [ship: parcel, post, retry, ledger] -> a server
 * Threads:      one.
 * Memory:       what one parcel is. Settings are borrowed.
 * Loss:         a part that was not acknowledged stays to be sent. One that is refused for good, or
 *               cannot be read, is set aside; of those that wait longer than `spool_bytes` allows
 *               the oldest are dropped. Each of these is said.
 *
 * What is sent: files that were named; of a directory those whose names say that they are finished
 * (format/parts.h), and files NAME.trace that have a trailer. What a recorder that was killed has
 * left there is finished first. The oldest goes first, by the time of its last change.
 *
 * Always true:  a part is marked, durably, after it was acknowledged and before the next is sent.
 *               So killed at any moment nothing is lost, and nothing is sent twice but what was
 *               under way.
 */
#ifndef PYREC_ANALYZE_SHIP_H
#define PYREC_ANALYZE_SHIP_H

#include "destination.h"
#include "headers.h"
#include "signing.h"

#include <stdint.h>

/* What happens, a line each, without its end. */
typedef void ship_say(void *closure, const char *line);

struct ship_settings {
    struct destination to;
    struct headers headers;
    struct signing signing;
    const char *const *paths; /* files and directories */
    size_t n_paths;
    const char *state;       /* directory of the ledger; NULL = beside what is sent */
    const char *authorities; /* see post.h */
    const char *redact, *redact_key, *bin;
    bool is_once;          /* what is there, then end */
    bool removes;          /* what was taken is removed */
    unsigned attempts_max; /* of is_once: for one part; then it ends without it */
    uint64_t spool_bytes;  /* of parts that wait; 0 = no limit */
    uint64_t backoff_ns, timeout_ns;
    ship_say *say;
    void *closure;
};

/*
 * Until SIGINT or SIGTERM, or (is_once) until all is sent. STATUS_IO: something that was there has
 * not been taken.
 */
MUST_CHECK enum status ship_run(const struct ship_settings *settings, struct problem *why);

#endif
