/* SPDX-License-Identifier: MIT */
/*
 * target - can the program that is about to be executed be given our library?
 *
 * On the line:  beside it: pyrec asks for the command, the agent for what the command executes.
 * Threads:      any, also in the child of a fork or vfork with a small stack: it takes 2 KiB of it,
 *               calls nothing but the kernel, and leaves errno alone.
 * Memory:       none.
 * Loss:         what cannot be looked at (no right to read it, no descriptor left) is taken for one
 *               that can.
 *
 * The loader prints a line on standard error when it cannot load a library in LD_PRELOAD. The
 * runtime of a sanitizer ends its program when any other library is loaded before it.
 */
#ifndef PYREC_RECORD_TARGET_H
#define PYREC_RECORD_TARGET_H

#include <stdbool.h>

enum target {
    TARGET_FITS,      /* or is nothing that the kernel executes, or static */
    TARGET_FOREIGN,   /* for another machine than our library, as 32-bit programs are */
    TARGET_SANITIZED, /* needs a sanitizer's library, which has to be the first one */
    TARGET_UNSEEN,    /* the library is not there: another root, or pyrec has removed it */
};

/* `path` as in execveat(directory, path, ..); of a script, its interpreter. `library`: ours. */
enum target target_look(int directory, const char *path, const char *library);

/* The program that execvp(name) would execute. `path`: the variable PATH, or NULL. */
enum target target_look_in_path(const char *name, const char *path, const char *library);

/* Why not, in words: "a 32-bit program"; "" for TARGET_FITS. */
const char *target_text(enum target target);

#endif
