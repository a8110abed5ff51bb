/* SPDX-License-Identifier: MIT */
/*
 * rights - why a process cannot be looked into, and what to do.
 *
 * On the line:  beside it; dump and ps say it.
 * Threads:      one.
 * Memory:       the caller's.
 */
#ifndef PYREC_RECORD_RIGHTS_H
#define PYREC_RECORD_RIGHTS_H

#include "format/status.h"
#include <stdbool.h>
#include <sys/types.h>

/* Reading its memory failed with this errno: STATUS_NOT_FOUND or STATUS_IO, with a sentence. */
enum status rights_explain(pid_t pid, int error, struct problem *why);

/* The user whose it is, and who traces it (0 = nobody). False when it is gone. */
bool rights_owner(pid_t pid, uid_t *uid, pid_t *tracer);

/* "root", or the number of a user that has no name. */
void rights_user_name(uid_t uid, char *to, size_t size);

#endif
