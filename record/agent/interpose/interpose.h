/* SPDX-License-Identifier: MIT */
/*
 * interpose - how a function takes the place of libc's, in every file of this folder.
 *
 * On the line:  between the program and libc.
 * Threads:      interpose_next where the loader may be asked: in a constructor, or for a call that
 *               comes even before those. Not in a signal handler, not in the child of a fork.
 * Memory:       none.
 * Loss:         NULL for what no library behind ours has; the caller says ENOSYS.
 *
 * What is in this folder runs in programs that have never heard of us, on any of their threads, in
 * their signal handlers, in children of vfork with a few KiB of stack. So it includes nothing but
 * libc, takes no lock, allocates nothing, and leaves errno as libc's own function would. Each file
 * is for one family of functions and has its state to itself; the agent is called back, never
 * included. `tests/layers.py` checks that.
 */
#ifndef PYREC_AGENT_INTERPOSE_H
#define PYREC_AGENT_INTERPOSE_H

#include <stdbool.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * In front of a function in which a thread may be cancelled: it leaves it by unwinding, which
 * AddressSanitizer does not notice, so that what it had marked on the stack would stay (tests build
 * the agent with it).
 */
#define INTERPOSE_CANCELLED __attribute__((no_sanitize("address")))

/* Before the agent's own constructor, which starts a thread. */
#define INTERPOSE_CONSTRUCTOR __attribute__((constructor(1000)))

/* Have we come into a program that runs already? Then libc is in front of us, nothing that the
 * program calls comes here by itself, and what it would have called is in front of us, too. */
bool interpose_is_late(void);

/* The function of this name that the program would have called without us. */
void *interpose_next(const char *name);

/* The path under which the loader knows our library; NULL: it has none. As long as it is loaded. */
const char *interpose_own_path(void);

/* Into a pointer to a function, unless it is there already. */
#define INTERPOSE_FIND(pointer, name)                                                              \
    do {                                                                                           \
        if ((pointer) == NULL) {                                                                   \
            void *const interpose_found = interpose_next(name);                                    \
            memcpy(&(pointer), &interpose_found, sizeof(interpose_found));                         \
        }                                                                                          \
    } while (0)

/* What the file's next_find() finds, also for who calls us before our constructor; NULL: libc has
 * none. */
#define INTERPOSE_NEXT(pointer) ((pointer) != NULL ? (pointer) : (next_find(), (pointer)))

#endif
