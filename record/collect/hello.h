/* SPDX-License-Identifier: MIT */
/*
 * hello - where agents announce themselves.
 *
 * On the line:  agent -> door -> (struct wire_hello + memfd) -> [hello] -> lobby, collect
 * Threads:      one at a time.
 * Memory:       the structs are the caller's; hello_open / hello_close own the door. Descriptors
 *               that are handed out belong to the caller.
 * Loss:         a caller without the cookie, of another version or with broken manners is hung up
 *               on; the agent then does not record, the program goes on.
 *
 * Any process of the machine may connect, so nothing is believed without the cookie, which only
 * those know who inherited the environment (or may read it: processes of the same user, and root).
 * Beside it a guest must be who it says: the kernel's word for its process number against its own,
 * in whatever namespace that counts, and a user that a program of ours may have. Where pyrec
 * attaches to processes it must be one of them, or descend from one.
 */
#ifndef PYREC_RECORD_HELLO_H
#define PYREC_RECORD_HELLO_H

#include "door.h"
#include "kin.h"
#include <stdbool.h>
#include <sys/types.h>

#define HELLO_COOKIE_LEN 32

struct hello {
    struct door door;
    struct kin kin;                    /* who may be recorded, where that is known */
    char cookie[HELLO_COOKIE_LEN + 1]; /* hex digits */
    uint64_t start;                    /* of pyrec, as in /proc/PID/stat; 0 = not known */
};

MUST_CHECK enum status hello_open(struct hello *hello, struct problem *why);
void hello_close(struct hello *hello);

/*
 * A connection (not blocking) and the user behind it; -1 when there is none, -2 when there is one
 * that cannot be taken: no descriptor is left for it.
 */
int hello_accept(const struct hello *hello, uid_t *user);

/* Who has said hello. */
struct hello_guest {
    pid_t pid;       /* as we see it, not as it says .. */
    pid_t inner_pid; /* .. which is this */
    int memfd;       /* the caller's; -1: none came with a question */
    int connection;  /* stays open: its end tells the agent that pyrec is gone; -1 = none */
    uint32_t ask;    /* enum wire_ask_what; 0 = nothing */
};

enum hello_answer {
    HELLO_WELCOME,  /* *guest is filled in */
    HELLO_WAIT,     /* nothing said yet */
    HELLO_GONE,     /* hung up before saying anything */
    HELLO_REFUSED,  /* one of ours, but *why says why it cannot be recorded */
    HELLO_STRANGER, /* does not know the cookie: none of ours; *why */
    HELLO_ASKED,    /* wants something: guest->ask; the connection is for the answer */
};

/* Read what there is on a connection; anything but HELLO_WAIT is the end of it. */
enum hello_answer hello_receive(struct hello *hello, int connection, struct hello_guest *guest,
                                struct problem *why);

#endif
