/* SPDX-License-Identifier: MIT */
/*
 * door - the places where agents find pyrec: two sockets and a board for notices.
 *
 * On the line:  agent -> [door] -> hello (connections), notice (the board)
 * Threads:      one.
 * Memory:       caller's storage; door_open, then door_close, which takes the files away, too.
 * Loss:         what cannot be made is left out; without any socket there is no recording.
 *
 * Agents find a socket in the file system from every network namespace, and one with an abstract
 * name from every mount namespace, also in a chroot. For a process that pyrec attaches to and that
 * can reach neither there is a third one near to it. The first socket, and the board (a FIFO, for
 * agents that can have no socket), are in a directory of our own: everybody may go through it to
 * names that are known, nobody may list or change it. Whoever is let in must know the cookie.
 *
 * A pyrec that is killed leaves its directory behind; the next one of the same user removes it.
 */
#ifndef PYREC_RECORD_DOOR_H
#define PYREC_RECORD_DOOR_H

#include "format/status.h"
#include "record/wire/wire.h"
#include <stdbool.h>
#include <sys/types.h>

#define DOOR_BACKLOG  4096
#define DOOR_NEAR_MAX 64

enum door_way { DOOR_PATH, DOOR_ABSTRACT, DOOR_WAYS };

struct door {
    int listening[DOOR_WAYS];      /* -1 = there is none */
    int near[DOOR_NEAR_MAX];       /* of the abstract name in other network namespaces .. */
    ino_t near_net[DOOR_NEAR_MAX]; /* .. in which ones */
    uint32_t n_near;
    int board;     /* both ends of the FIFO; -1 = there is none */
    char name[48]; /* of the abstract socket, without the leading zero byte; "" */
    char directory[WIRE_DIRECTORY_MAX]; /* "" = there is none */
};

/*
 * `random` is hex digits for the abstract name. `base` is where the directory is to be made;
 * NULL: in the first of the usual places where nobody else could replace it.
 */
MUST_CHECK enum status door_open(struct door *door, const char *random, const char *base,
                                 struct problem *why);
void door_close(struct door *door);

/*
 * Listen in the network namespace of a process, too, under the abstract name: a process in a
 * container sees neither our files nor our own namespace. The socket, which the door keeps; -1: it
 * is ours, there is one already, or we may not.
 */
int door_open_near(struct door *door, pid_t pid);

/* The i-th of all sockets; -1: there is none. Behind the last: DOOR_END. */
#define DOOR_END (-2)
int door_socket(const struct door *door, uint32_t i);

/* A socket with an abstract name, nobody listens yet; -1 and errno. For door_open_near. */
int door_bind_abstract(const char *name);

/* Neither listens nor has files: as before door_open, for door_close. */
void door_init(struct door *door);

#endif
