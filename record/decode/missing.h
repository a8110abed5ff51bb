/* SPDX-License-Identifier: MIT */
/*
 * missing - who was not recorded, and why.
 *
 * On the line:  agents' notices, guests turned away, patrol -> [missing] -> closing, encode
 * Threads:      one.
 * Memory:       caller's storage; missing_init, then missing_clear.
 * Loss:         reasons beyond MISSING_ROWS are counted together; without memory a process may be
 *               counted twice.
 *
 * A process counts once, however many agents and patrols speak of it, with what was said first.
 */
#ifndef PYREC_RECORD_MISSING_H
#define PYREC_RECORD_MISSING_H

#include "record/wire/wire.h"
#include <stdbool.h>
#include <sys/types.h>

#define MISSING_ROWS 24

/* What is known of it: that it is a Python, or not even that. */
enum missing_kind { MISSING_PYTHON, MISSING_PROGRAM, MISSING_KINDS };

struct missing_row {
    enum missing_kind kind;
    char reason[160];
    char name[64]; /* of one of them */
    uint32_t n;
};

/* A process, whatever namespace it is in. */
struct missing_who {
    pid_t inner_pid; /* what it calls itself; 0 = not known */
    uint64_t start;  /* as in /proc/PID/stat; 0 = not known */
};

struct missing {
    struct missing_row rows[MISSING_ROWS];
    uint32_t n_rows;
    uint32_t n[MISSING_KINDS];
    uint32_t n_strangers; /* hung up on: they did not know the cookie */
    struct missing_who *seen;
    uint32_t n_seen, seen_capacity;
    char tail[sizeof(struct wire_notice)]; /* what came of a notice so far */
    size_t n_tail;
};

void missing_init(struct missing *missing);
void missing_clear(struct missing *missing);

/* One more; where it is not known who, it is counted in any case. */
void missing_add(struct missing *missing, enum missing_kind kind, struct missing_who who,
                 const char *reason, const char *name);

/* Whether it was added already. */
bool missing_knows(const struct missing *missing, struct missing_who who);

/* A copy to count on in; missing_clear takes it back. */
void missing_copy(struct missing *to, const struct missing *from);

/* Whether both say the same. */
bool missing_is_same(const struct missing *a, const struct missing *b);

/* Read the notices on the board; what does not carry the cookie is a stranger's. */
void missing_take_notices(struct missing *missing, int board, const char *cookie);

/*
 * "3 Python processes not recorded: network namespace (2), descriptors used up (1)"; "" when nobody
 * is missing. Cut off where it does not fit.
 */
void missing_write(const struct missing *missing, char *text, size_t size);

#endif
