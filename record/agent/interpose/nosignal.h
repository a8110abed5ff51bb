/* SPDX-License-Identifier: MIT */
/*
 * nosignal - stretches of a thread's time in which we send it no signal.
 *
 * On the line:  calls that a signal would cut short -> [nosignal] <- the sampler, before it asks
 * Threads:      nosignal_begin, nosignal_end, nosignal_settle on any thread of the program, also in
 *               signal handlers and in children of vfork; nosignal_ask_begin on the sampler's;
 *               nosignal_ask_end on either. No lock; only nosignal_settle ever waits.
 * Memory:       two words per thread, in the thread's own storage; a table of 8 KiB.
 *
 * The kernel ends poll(), nanosleep() and many others with EINTR when a handler has run, whatever
 * the handler's flags, and returns from a large write() with half of it. To go on with the rest
 * would not do: a signal of the program's that comes at that moment is to end the call. So nobody
 * is asked in there. Each side writes down what it is about to do before it looks at what the other
 * one has written: the thread that it is in such a call, the sampler that it is about to ask. If a
 * signal is under way already, the thread blocks it for the length of the call, and answers behind
 * it.
 *
 * Always true:  the thread's word is odd within a stretch, and another one in each. While the same
 *               odd value stands there, the thread is in one and the same call of libc's.
 *
 * What is under way is counted in a table, by the thread's pthread_t. When two threads share an
 * entry, one of them may block what does not come: that costs two system calls.
 */
#ifndef PYREC_AGENT_INTERPOSE_NOSIGNAL_H
#define PYREC_AGENT_INTERPOSE_NOSIGNAL_H

#include <stdbool.h>
#include <stdint.h>

struct nosignal {
    uint64_t blocked; /* for the length of it: bit of the number */
    uintptr_t outer;  /* where the stretch around this one began; 0 = there is none */
    bool is_on;
};

/* One may be inside another one (a handler's). errno is left alone. */
void nosignal_begin(struct nosignal *stretch);
void nosignal_end(struct nosignal *stretch);

/* Within a stretch: wait until what is under way to the calling thread has come; a tenth of a
 * second at most. */
void nosignal_settle(struct nosignal *stretch);

/* Where the word of the thread with this pthread_t is: it may not be there any more. */
uintptr_t nosignal_word(uint64_t ident);

/*
 * That thread is about to be asked: from now on its word tells whether it may be. Each one ends
 * when the answer was given, or will not come.
 */
void nosignal_ask_begin(uint64_t ident);
void nosignal_ask_end(uint64_t ident);

/* In a forked child: nothing is under way. */
void nosignal_reset(void);

#endif
