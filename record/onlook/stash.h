/* SPDX-License-Identifier: MIT */
/*
 * stash - a private folder for what is there only while somebody looks on.
 *
 * On the line:  beside it; onlook.
 * Threads:      one.
 * Memory:       the caller's.
 *
 * In it are the recording, where the user wants no file of it, the program's output (spool), and
 * the mark by which the screen says that the recording is to be kept.
 *
 * Who is killed leaves the folder behind, and the next one that makes one removes it: when nobody
 * holds its lock (on the folder itself, let go by the kernel), and the recorder that is written
 * down in it is gone, too, in the same PID namespace. Whatever is not known so stays.
 */
#ifndef PYREC_RECORD_STASH_H
#define PYREC_RECORD_STASH_H

#include "format/status.h"
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct stash {
    char folder[64]; /* "" = none */
    char trace[96], output[96], mark[96];
    int lock; /* of the folder; -1 = none */
};

/* Make the folder, in TMPDIR or /tmp; nobody else can look into it. */
MUST_CHECK enum status stash_open(struct stash *stash, struct problem *why);

/* Note who writes into it, before it does: while it lives the folder stays, whatever becomes of us. */
void stash_note_writer(const struct stash *stash, pid_t pid);

/* Has the screen asked for the recording to be kept? */
bool stash_is_marked(const struct stash *stash);

/* Move the recording to `path`, in place of what is there. */
MUST_CHECK enum status stash_keep(const struct stash *stash, const char *path, struct problem *why);

/* Remove the folder and all in it. */
void stash_close(struct stash *stash);

#endif
