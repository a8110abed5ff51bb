/* SPDX-License-Identifier: MIT */
/*
 * exec_guard - no signal of ours may be under way when a thread calls exec.
 *
 * On the line:  beside it. A signal that is pending survives exec and would kill the new program.
 * Threads:      any thread of the program; also vfork children, where it does nothing.
 */
#ifndef PYREC_AGENT_EXEC_GUARD_H
#define PYREC_AGENT_EXEC_GUARD_H

/* libc's own functions. */
struct exec_next {
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execv)(const char *, char *const[]);
    int (*execvp)(const char *, char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int);
};

/* Look them up; from the constructor. */
void exec_guard_find(struct exec_next *next);

#endif
