/* SPDX-License-Identifier: MIT */
/*
 * ps - the Python processes of this machine that pyrec could look into, and why not the others.
 *
 * On the line:  /proc, regard -> [ps] -> a table or a document
 * Threads:      one.
 * Memory:       the caller's struct, zeroed; ps_clear frees what it lists.
 * Loss:         of a process whose memory may not be read it is only known what it is called: it is
 *               listed if that begins with "python", its version is not known.
 *
 * A process is Python if a CPython is in its memory, whatever it is called.
 */
#ifndef PYREC_RECORD_PS_H
#define PYREC_RECORD_PS_H

#include "format/status.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PS_VERSION_MAX 24
#define PS_REASON_MAX  320

struct ps_row {
    pid_t pid;
    uid_t uid;
    char user[32];
    char version[PS_VERSION_MAX]; /* "" = not known */
    uint32_t n_threads;
    double cpu_seconds;
    char *command;              /* UTF-8 */
    const char *mark;           /* "yes", or in a word why not */
    char reason[PS_REASON_MAX]; /* in a sentence; "" = there is none */
    bool can_attach, can_dump;
};

struct ps {
    struct ps_row *rows;
    uint32_t n, capacity;
    uint32_t n_looked_at;
    bool is_all; /* root's: of all users */
};

/* Look at all processes of this user; of all users, if it is root. */
enum status ps_take(struct ps *ps, struct problem *why);
void ps_clear(struct ps *ps);

/* A table of at most `columns` columns; 0: commands are not cut. */
void ps_write_text(FILE *to, const struct ps *ps, unsigned columns);
enum status ps_write_json(FILE *to, const struct ps *ps, struct problem *why);

#endif
