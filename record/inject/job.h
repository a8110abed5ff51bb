/* SPDX-License-Identifier: MIT */
/*
 * job - one attaching, as its parts see it.
 *
 * On the line:  inject <-> [job] <-> raw
 * Threads:      one: the child of pyrec that does it.
 * Memory:       the child's, which ends with it.
 */
#ifndef PYREC_RECORD_JOB_H
#define PYREC_RECORD_JOB_H

#include "hold.h"
#include "inject_plan.h"
#include "mailbox.h"

#define JOB_ADDRESS_MAX 0x7fffffffffffu

#define JOB_UNDER_WAY "was being attached to by a pyrec that is gone: try again in 10 s"
#define JOB_INSIDE    "still has a thread in the code of a pyrec that is gone: try again"

struct job {
    const struct inject_plan *plan;
    struct regard regard;
    struct hold_place place;
    struct held held;
    struct inject_result *result;
    struct problem *why;
    uint64_t functions[FUNCTION_COUNT];
    const char *objection; /* of a thread's filters, see hold.h; NULL = none */
    int memory;            /* of the program that it is, as a file; -1 = there is none */
    pid_t last;            /* who was held last, until it is seen outside of our code; 0 = nobody */
    pid_t raw;             /* the raw thread, as we count; 0 = it is not there, or not yet */
    bool is_declined;      /* it has parked without having begun: it may be tried again */
    bool is_changed;       /* somebody else had sent a thread, which has come only now */
};

/* Returns `outcome`. `more` may be NULL. */
enum inject_outcome job_give_up(struct job *job, enum inject_outcome outcome, const char *what,
                                const char *more);

void job_step(const struct job *job, unsigned n);

/* The process is another program than when we came: its memory is gone, and with it all of ours. */
bool job_has_executed(const struct job *job);

/* Read what lies in front of the mailbox; the raw thread hears of us by that. */
bool job_letter_read(const struct job *job, struct mailbox *to);

/* Write into the mailbox. */
bool job_field_write(const struct job *job, unsigned offset, const void *from, size_t n);

#endif
