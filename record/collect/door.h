/* SPDX-License-Identifier: MIT */
/*
 * door - the places where agents find pyrec: two sockets and a board for notices.
 *
 * On the line:  agent -> [door] -> hello (connections), notice (the board)
 * Threads:      one.
 * Memory:       caller's storage; door_open, then door_close, which takes the files away, too.
 * Loss:         what cannot be made is left out; without any socket there is no recording.
 *
 * A socket in the file system is found from every network namespace, one with an abstract name
 * from every mount namespace, also in a chroot. The first, and the board (a FIFO, for agents that
 * can have no socket), are in a directory of our own: everybody may go through it to names that
 * are known, nobody may list or change it. Whoever is let in must know the cookie.
 *
 * A pyrec that is killed leaves its directory behind; the next one of the same user removes it.
 */
#ifndef PYREC_RECORD_DOOR_H
#define PYREC_RECORD_DOOR_H

#include "format/status.h"
#include "record/wire/wire.h"
#include <stdbool.h>

enum door_way { DOOR_PATH, DOOR_ABSTRACT, DOOR_WAYS };

struct door {
    int listening[DOOR_WAYS]; /* -1 = there is none */
    int board;                /* both ends of the FIFO; -1 = there is none */
    char name[48];            /* of the abstract socket, without the leading zero byte; "" */
    char directory[WIRE_DIRECTORY_MAX]; /* "" = there is none */
};

/*
 * `random` is hex digits for the abstract name. `base` is where the directory is to be made;
 * NULL: in the first of the usual places where nobody else could replace it.
 */
MUST_CHECK enum status door_open(struct door *door, const char *random, const char *base,
                                 struct problem *why);
void door_close(struct door *door);

/* Neither listens nor has files: as before door_open, for door_close. */
void door_init(struct door *door);

#endif
