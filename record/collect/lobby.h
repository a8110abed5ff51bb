/* SPDX-License-Identifier: MIT */
/*
 * lobby - connections whose agent has not said hello yet.
 *
 * On the line:  hello -> [lobby] -> collect
 * Threads:      one.
 * Memory:       caller's storage; lobby_open, then lobby_close. Borrows hello, collect and the
 *               epoll descriptor.
 * Loss:         who says nothing for LOBBY_PATIENCE_NS is hung up on; of other users' connections
 *               that say nothing, the oldest when there are more than LOBBY_STRANGERS.
 *
 * When descriptors run low, recorded processes give theirs back (collect_save_descriptors). When
 * that is not enough, nobody is let in for a while: connections wait in the socket's backlog.
 *
 * Everybody may connect. So other users can neither fill the lobby nor keep ours from it.
 */
#ifndef PYREC_RECORD_LOBBY_H
#define PYREC_RECORD_LOBBY_H

#include "collect.h"
#include "hello.h"

#define LOBBY_MAX          256
#define LOBBY_PATIENCE_NS  5000000000u
#define LOBBY_STRANGERS    32 /* at most, of users that are neither ours nor root */
#define LOBBY_RESERVED_FDS 16 /* for everything that is not a recorded process */
#define LOBBY_ASKS         4  /* of them; more than wait at once are hung up on */
#define LOBBY_CALLER_FDS   3  /* of a caller for a moment: connection, memory, process */

/* epoll events: a listening socket or the board, and a connection (with its descriptor). */
#define LOBBY_EPOLL_DOOR   2ull
#define LOBBY_EPOLL_CALLER 3ull

struct lobby_caller {
    int fd;
    bool is_stranger; /* another user's */
    uint64_t since_ns;
};

/* Who has asked, and waits for its answer: whoever takes it closes the connection. */
struct lobby_ask {
    int fd;
    uint32_t what; /* enum wire_ask_what, or anything */
    int memfd;     /* that came with it, the taker's as well; -1 = none */
    pid_t pid;     /* who asks, as we see it */
};

struct lobby {
    struct hello *hello;
    struct collect *collect;
    int epoll_fd;
    uint64_t max_fds;
    bool is_shut; /* nobody is let in until the next sweep */
    bool is_over; /* nobody is recorded any more, but questions are taken */
    struct lobby_caller callers[LOBBY_MAX];
    uint32_t n;
    uint32_t n_strangers; /* of them */
    struct lobby_ask asks[LOBBY_ASKS];
    uint32_t n_asks;
};

MUST_CHECK enum status lobby_open(struct lobby *lobby, struct hello *hello, struct collect *collect,
                                  int epoll_fd, uint64_t max_fds, struct problem *why);
void lobby_close(struct lobby *lobby);

/* The recording is over: agents that come are hung up on, and who asks is heard until
 * lobby_close(). */
void lobby_end(struct lobby *lobby);

/*
 * A process is to be attached to: from then on only those that are expected are let in, and who
 * descends from them. Where it would find no door there will be one.
 */
void lobby_expect(struct lobby *lobby, pid_t pid);

/* Somebody knocks: let in all who wait, and hear them at once if they have spoken. Reads the board,
 * too. */
void lobby_let_in(struct lobby *lobby, uint64_t now_ns);

/* A caller says something. */
void lobby_hear(struct lobby *lobby, int fd);

/* The next one who has asked something; false when nobody has. */
bool lobby_next_ask(struct lobby *lobby, struct lobby_ask *ask);

/* Now and then: open the door again, hang up on the silent. */
void lobby_sweep(struct lobby *lobby, uint64_t now_ns);

#endif
