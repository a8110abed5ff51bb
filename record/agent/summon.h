/* SPDX-License-Identifier: MIT */
/*
 * summon - a program that wants to be recorded starts pyrec, and has no child by it.
 *
 * On the line:  before everything: [summon] pyrec, which says what pyrec_attach() is to be given
 * Threads:      any with a C stack of 8 KiB that is not in a signal handler and no child of
 *               vfork(); it waits until the other program has begun, some milliseconds.
 * Memory:       some pages, for as long as it takes.
 * Loss:         says why it could not be started.
 *
 * What is started is nobody's child here: no SIGCHLD comes, wait() neither sees nor reaps it, and
 * it is in a session of its own. A process in between starts it. The end of that one sends no
 * signal and wait() does not know it either (this is so for all that fork() did not make). It
 * shares our memory, so nothing is copied and no fork handler runs. Where this process gets all
 * orphans (process 1 of a namespace, PR_SET_CHILD_SUBREAPER) it gets this one, too, and has to reap
 * it.
 */
#ifndef PYREC_AGENT_SUMMON_H
#define PYREC_AGENT_SUMMON_H

/*
 * Start the program `path` with these arguments and environment, NULL-terminated both. It has no
 * input, `channel` as standard output and error, no other descriptor, / as working directory, and
 * all signals as in the beginning. Returns its process number, or -errno.
 */
int pyrec_summon(const char *path, char *const *argv, char *const *envp, int channel);

#endif
