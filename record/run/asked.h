/* SPDX-License-Identifier: MIT */
/*
 * asked - what processes of the recording ask of pyrec, and its answers.
 *
 * On the line:  lobby -> [asked] -> session, and back to who has asked
 * Threads:      one.
 * Memory:       caller's storage; the connections of those who wait for the end are kept in it
 *               until asked_end().
 * Loss:         an answer that cannot be sent at once is not sent; who waits for it sees the
 *               connection's end.
 */
#ifndef PYREC_RECORD_ASKED_H
#define PYREC_RECORD_ASKED_H

#include "record/collect/lobby.h"

struct asked {
    int waiting[LOBBY_ASKS]; /* for the end of the recording */
    uint32_t n;
    bool is_over; /* it has come, and this is told of it */
    struct wire_answer last;
};

/* What is answered, but for what every answer has. */
struct asked_answer {
    enum wire_answer_outcome outcome;
    uint64_t time_ns; /* since time 0 of the trace */
    bool is_split;
    const char *path, *text; /* the path of what can be read now, which may be relative */
};

/* Answer, and hang up. */
void asked_answer(int fd, const struct asked_answer *answer);

/* This one is to be answered when the recording is over; beyond LOBBY_ASKS it is hung up on. */
void asked_keep(struct asked *asked, int fd);

/* It is: answer all who wait, and keep the answer for who asks later. */
void asked_end(struct asked *asked, const struct asked_answer *answer);

/* The same when the trace cannot be written any more: what there is of it stays readable. */
void asked_fail(struct asked *asked, const char *path, uint64_t time_ns, const struct problem *why);

/* Answer with that, whatever was asked; false, and nothing is done, while it is not over. */
bool asked_late(const struct asked *asked, int fd);

#endif
