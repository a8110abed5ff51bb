/* SPDX-License-Identifier: MIT */
/*
 * suspect - is there a CPython in a process that nobody speaks for, and why does nobody?
 *
 * On the line:  beside it; patrol asks here.
 * Threads:      one.
 * Memory:       the caller's, and a block of a file.
 * Loss:         a Python whose name comes after the first 128 MiB of its file is not seen in there.
 *
 * Only what the kernel shows is said: files that are mapped and what is in them, the environment and
 * the auxiliary vector it began with, its namespaces.
 */
#ifndef PYREC_RECORD_SUSPECT_H
#define PYREC_RECORD_SUSPECT_H

#include <stdbool.h>
#include <sys/types.h>

struct suspect {
    bool is_suspect; /* false: no Python is in it, or it is gone */
    bool is_python;  /* false: that could not be looked at */
    bool is_exe_known; /* its file was looked at: no Python is in that; whoever execs takes it back */
    pid_t inner_pid; /* 0 = not known */
    char reason[160];
    char name[64]; /* the kernel's name for it */
};

/* Whether a program is a CPython, or linked with one; a PyPy. False: it is not, or cannot be read. */
bool suspect_file_is_python(const char *path);
bool suspect_file_is_pypy(const char *path);

/* `library`: the agent's path. */
void suspect_look(struct suspect *suspect, pid_t pid, const char *library);

#endif
