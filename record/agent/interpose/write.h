/* SPDX-License-Identifier: MIT */
/*
 * write - a write() that our signal has cut short goes on.
 *
 * On the line:  beside it: write, interposed.
 * Threads:      any, also in signal handlers.
 *
 * A signal in the middle of a large write() to a pipe makes the kernel return what it has written
 * so far, whatever the handler's flags. Python's unbuffered standard output (python -u) takes that
 * for all of it and loses the rest. So where our signal was handled during the call, the rest is
 * written before it returns, as it would have been without us.
 */
#ifndef PYREC_AGENT_INTERPOSE_WRITE_H
#define PYREC_AGENT_INTERPOSE_WRITE_H

/* The calling thread is in our signal handler. */
void write_note_signal(void);

#endif
