/* SPDX-License-Identifier: MIT */
/*
 * relay - the signals that pyrec gets, and for whom each of them was meant.
 *
 * On the line:  the kernel -> [relay, witness] -> child
 * Threads:      one.
 * Memory:       caller's storage; relay_open, then relay_close.
 *
 * Whoever manages a service signals its main process, which pyrec is in the command's place: such a
 * signal is the command's. What was sent to the whole process group has reached the command by
 * itself. Which of the two it was is not in the signal:
 *
 *   from the kernel          to the group (Ctrl-C, Ctrl-Z, the size of the window); but a session
 *                            leader alone is told that its terminal is gone
 *   from a process,
 *     and the witness has
 *     got it, too            to the group, or to every process
 *     and it has not         to us
 *
 * The kernel keeps the list of processes locked while it signals a group, or everybody. So a call
 * that locks this list itself returns only after all have got what one of them has: there is no
 * time to wait for.
 *
 * Service managers may signal each process of a group of their own, one by one (systemd's
 * KillMode=control-group). They are our ancestors. A signal of an ancestor's waits
 * RELAY_HOLD_NS for the witness to get it, too.
 *
 * Loss:         none but what the kernel merges: a signal below 32 that is pending already. Of two
 *               of one number by one sender, to us and to the group, both before we looked, one
 *               may be lost.
 */
#ifndef PYREC_RECORD_RELAY_H
#define PYREC_RECORD_RELAY_H

#include "format/status.h"
#include "rawsig.h"
#include "witness.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

#define RELAY_HOLD_NS 100000000u
#define RELAY_BATCH   64 /* signals read at once */

enum relay_whose { RELAY_OURS, RELAY_EVERYBODYS };

/* What the witness has got. */
struct relay_sighting {
    int signal;
    pid_t sender;
    uint64_t at_ns;
    uint32_t round; /* of relay_take, in which it was said */
    bool is_used;
};

struct relay {
    int signal_fd, epoll_fd;
    uint64_t epoll_data;
    struct witness witness;
    uint32_t witnesses_left; /* how often another one is started when it dies */

    struct signalfd_siginfo batch[RELAY_BATCH];
    uint32_t n, at; /* read, and done with */

    struct signalfd_siginfo held[RAWSIG_MAX + 1]; /* by number, .. */
    uint64_t held_until_ns[RAWSIG_MAX + 1];       /* .. 0 = there is none */

    struct relay_sighting *sightings;
    uint32_t n_sightings, capacity;
    uint32_t round; /* ends when nothing is left to read */
};

/*
 * Take a signal. False: not now, and it is to be offered again.
 */
typedef bool relay_deliver(void *closure, const struct signalfd_siginfo *info,
                           enum relay_whose whose);

/* Who is not to be listened to: the command, and who wakes us. 0 = nobody. */
struct relay_quiet {
    pid_t command, waker;
};

/* Read signals from here on; all are blocked already. `data` comes with events of epoll_fd. */
MUST_CHECK enum status relay_open(struct relay *relay, int epoll_fd, uint64_t data,
                                  struct problem *why);

/* Start the witness: whatever is sent to the group from now on, the command gets, too. */
void relay_witness(struct relay *relay);

/* Deliver what there is and what has waited long enough. */
void relay_take(struct relay *relay, const struct relay_quiet *quiet, relay_deliver *deliver,
                void *closure);

/* When to come back although nothing happens; UINT64_MAX = not. */
uint64_t relay_due_ns(const struct relay *relay);

/* The witness was our child and is gone; it was reaped. */
void relay_witness_died(struct relay *relay);

void relay_close(struct relay *relay);

#endif
