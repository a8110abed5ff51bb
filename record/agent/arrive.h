/* SPDX-License-Identifier: MIT */
/*
 * arrive - a Python that comes into the program while it runs: a server's plugin, a launcher that
 * loads libpython.
 *
 * On the line:  beside it: it decides when the agent begins.
 * Threads:      whichever loads a library, forks, or takes the GIL for the first time; one at a
 *               time.
 * Memory:       none.
 * Loss:         a Python in a namespace of its own (dlmopen) is not found.
 *
 * Arrive looks for a Python when the program loads the next library, forks, or signals a condition
 * variable. Recording begins when somebody takes its GIL for the first time, in Py_Initialize(): a
 * process that only holds the plugin, and forks others that use it, gets no thread of ours. Once
 * found, the library stays mapped whatever the program closes: we call its functions.
 *
 * A look takes the loader's lock that dl_iterate_phdr() takes. That lock is never held while
 * anybody's code runs. Another thread may have held it when the program forked, though, so a child
 * does not look: it knows what its parent found just before.
 */
#ifndef PYREC_AGENT_ARRIVE_H
#define PYREC_AGENT_ARRIVE_H

/* Wait for it; `begin` is called when it has come, inside pthread_cond_signal(). From the
 * constructor, in a process that has no Python yet. */
void arrive_watch(void (*begin)(void));

#endif
