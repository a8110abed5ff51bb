/* SPDX-License-Identifier: MIT */
/*
 * spool - what a program writes while something else has the terminal, and later prints.
 *
 * On the line:  the program's stdout and stderr -> [spool] -> the terminal, when it is free
 * Threads:      one.
 * Memory:       the caller's.
 * Loss:         none while the disk has room: it is a file, so whoever writes never waits for us
 *               and does not notice when we are gone.
 */
#ifndef PYREC_RECORD_SPOOL_H
#define PYREC_RECORD_SPOOL_H

#include "format/status.h"
#include <stdbool.h>
#include <sys/types.h>

struct spool {
    int fd;       /* what is written goes to its end; -1 = there is none */
    off_t done;   /* so much has been printed */
    bool is_over; /* nobody takes any more of it */
};

MUST_CHECK enum status spool_open(struct spool *spool, const char *path, struct problem *why);

/* Print a block of what was not printed yet to `to`; false when there is nothing more for now. */
bool spool_print(struct spool *spool, int to);

void spool_close(struct spool *spool);

#endif
