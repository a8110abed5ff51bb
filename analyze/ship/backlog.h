/* SPDX-License-Identifier: MIT */
/*
 * backlog - which parts are there to be sent.
 *
 * On the line:  files and directories, ledger -> [backlog] -> ship
 * Threads:      one.
 * Memory:       struct backlog is the caller's, zeroed before; backlog_clear takes its heap.
 *
 * Always true:  in order of their last change, the oldest first; each once; none that is marked.
 */
#ifndef PYREC_ANALYZE_SHIP_BACKLOG_H
#define PYREC_ANALYZE_SHIP_BACKLOG_H

#include "ledger.h"

struct backlog {
    struct part_id *parts;
    size_t n, size;
    uint64_t bytes; /* of all of them */
};

/*
 * Look anew. STATUS_NOT_FOUND: a path that was named is not there; later, files that were sent may
 * be gone.
 */
MUST_CHECK enum status backlog_look(struct backlog *backlog, const char *const *paths,
                                    size_t n_paths, const struct ledger *ledger, bool is_first,
                                    struct problem *why);
void backlog_clear(struct backlog *backlog);

#endif
