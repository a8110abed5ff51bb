/* SPDX-License-Identifier: MIT */
/*
 * ledger - which parts were taken by the other side, for ever: what is in it is not sent again.
 *
 * On the line:  ship (an acknowledgement) -> [ledger] -> a file -> ship, after a restart
 * Threads:      one. Processes: one at a time for each destination, by a lock.
 * Memory:       struct ledger is the caller's, zeroed before; ledger_close takes its heap.
 * Loss:         none: ledger_mark comes back when the file is on the disk, in one step.
 *
 * A part is known by its path, size and time of last change, so that a file which takes the place
 * of another is a new one. What is gone from the disk is forgotten.
 */
#ifndef PYREC_ANALYZE_SHIP_LEDGER_H
#define PYREC_ANALYZE_SHIP_LEDGER_H

#include "analyze/base/buffer.h"
#include "analyze/base/hash.h"
#include "format/status.h"

#include <stdbool.h>
#include <stdint.h>

enum outcome {
    OUTCOME_NONE,    /* not known: it is to be sent */
    OUTCOME_SENT,    /* taken by the other side */
    OUTCOME_EMPTY,   /* there was nothing in it to send */
    OUTCOME_ASIDE,   /* refused for good, or unreadable */
    OUTCOME_DROPPED, /* too many waited */
    OUTCOMES
};

struct part_id {
    char *path;
    uint64_t size;
    int64_t changed_ns;
};

struct ledger_entry {
    struct part_id part;
    enum outcome outcome;
};

struct ledger {
    struct buffer path, work; /* the file; a directory for what is being made */
    int lock;                 /* descriptor */
    bool is_open;
    struct ledger_entry *entries;
    size_t n, size;
    struct hash of_path;
};

/*
 * In `directory`, of what is sent to `address`. STATUS_USAGE when another process is sending there,
 * STATUS_DAMAGED when the file is no ledger.
 */
MUST_CHECK enum status ledger_open(struct ledger *ledger, const char *directory,
                                   const char *address, struct problem *why);
void ledger_close(struct ledger *ledger);

enum outcome ledger_find(const struct ledger *ledger, const struct part_id *part);
MUST_CHECK enum status ledger_mark(struct ledger *ledger, const struct part_id *part,
                                   enum outcome outcome, struct problem *why);

/* Take the text of a ledger; false: it is none. For tests, too. */
bool ledger_parse(struct ledger *ledger, const char *text);

#endif
