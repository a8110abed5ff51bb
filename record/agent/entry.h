/* SPDX-License-Identifier: MIT */
/*
 * entry - recording begins in a program that runs already.
 *
 * On the line:  before everything, where the library was not preloaded: dlopen(), then this.
 * Threads:      any thread with a C stack of 64 KiB, one at a time; with or without the GIL, which
 *               is neither taken nor waited for. Not in a signal handler, not in a child of
 *               vfork(). The caller may be a thread that Python has never heard of.
 * Memory:       what a start takes; given back when recording ends, but for the library itself.
 * Loss:         says why, and has then changed nothing.
 *
 * The library may be loaded under any path, and RTLD_LOCAL: its constructor does nothing in a
 * program that runs, and Python is found in the libraries that are mapped. It stays for as long as
 * the process lives, whatever is closed. To come back, the same is called again.
 *
 * While a program is attached to, no handler of a signal is ours and no signal is sent: memory is
 * read by the kernel (careful.h), and a thread that runs is read by taking its CPU (--no-signals).
 */
#ifndef PYREC_AGENT_ENTRY_H
#define PYREC_AGENT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

/* Nobody else begins or ends recording between the two; false: somebody does. */
bool entry_take(void);
void entry_give(void);

/*
 * Record this process as `settings` say, the text that PYREC_AGENT would hold (wire.h). Returns
 * enum wire_attach. DONE: pyrec has the ring; the recorder's thread takes the first tick. LATER:
 * its thread was made, but had no CPU for 5 s; it goes on by itself. REFUSED: pyrec was told why.
 */
int pyrec_attach(const char *settings);

/*
 * End it, and return when nothing runs any more. 0, or 1 when nothing was being recorded by
 * pyrec_attach(). pyrec has another way to say so (wire_head.stop).
 */
int pyrec_leave(void);

/* Is this process being recorded, by this copy of the library? 1 or 0. For another copy of it. */
int pyrec_is_recording(void);

/*
 * By whom: writes the text of PYREC_AGENT that this process is recorded with, NUL-terminated, into
 * `text`, so that pyrec can be asked something (struct wire_ask). 1, or 0 when it is not being
 * recorded by this copy of the library, or `size` is too small.
 */
int pyrec_settings(char *text, size_t size);

#endif
