/* SPDX-License-Identifier: MIT */
#include "relay.h"

#include "record/base/clocks.h"
#include "record/kernel/procfs.h"
#include "record/tables/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_AT_ONCE 16 /* the rings want to be emptied, too */
#define WITNESSES      4
#define ANCESTORS_MAX  64
#define FULL_WAIT_NS   1000000 /* until a full queue of signals is tried again */
#define INFO_BYTES     sizeof(struct signalfd_siginfo)

/* ---- beginning and end ---- */

static bool fd_watch(const struct relay *relay, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    event.data.u64 = relay->epoll_data;
    return epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum status relay_open(struct relay *relay, int epoll_fd, uint64_t data, struct problem *why)
{
    *relay = (struct relay){.epoll_fd = epoll_fd, .epoll_data = data};
    relay->witness = (struct witness){-1, -1};
    relay->witnesses_left = WITNESSES;
    relay->signal_fd = rawsig_open(RAWSIG_ALL);
    if (relay->signal_fd < 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "signalfd: %s", strerror(errno));
    if (!fd_watch(relay, relay->signal_fd))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "epoll: %s", strerror(errno));
    return STATUS_OK;
}

/* Without one, what processes send counts as sent to us: rather twice than not at all. */
void relay_witness(struct relay *relay)
{
    if (relay->witnesses_left == 0)
        return;
    relay->witnesses_left--;
    if (witness_start(&relay->witness) && !fd_watch(relay, relay->witness.fd))
        witness_end(&relay->witness);
}

void relay_witness_died(struct relay *relay)
{
    relay->witness.pid = -1;
    witness_end(&relay->witness);
    relay_witness(relay);
}

void relay_close(struct relay *relay)
{
    witness_end(&relay->witness);
    if (relay->signal_fd >= 0)
        close(relay->signal_fd);
    relay->signal_fd = -1;
    free(relay->sightings);
    relay->sightings = NULL;
    relay->n_sightings = relay->capacity = 0;
}

/* ---- the witness ---- */

static void sighting_add(void *closure, int signal, pid_t sender)
{
    struct relay *relay = closure;
    if (sender == getpid()) /* to wake it */
        return;
    if (!vec_room(&relay->sightings, &relay->capacity, relay->n_sightings + 1ull,
                  sizeof *relay->sightings))
        return;
    relay->sightings[relay->n_sightings++] =
        (struct relay_sighting){signal, sender, clocks_mono_ns(), relay->round, false};
}

/* All of a group have got what one of it has: see relay.h. Nothing is changed by it. */
static void group_wait(void)
{
    (void)setpgid(0, getpgrp());
}

static void witness_look(struct relay *relay)
{
    if (relay->witness.fd < 0)
        return;
    group_wait();
    if (!witness_ask(&relay->witness, sighting_add, relay)) {
        witness_end(&relay->witness);
        relay_witness(relay);
    }
    group_wait();
}

static bool is_same(const struct relay_sighting *sighting, const struct signalfd_siginfo *info)
{
    return sighting->signal == (int)info->ssi_signo && sighting->sender == (pid_t)info->ssi_pid;
}

/*
 * Of this round; of an earlier one, too, where processes are signalled one by one. A signal below
 * 32 that the witness got once may have been sent twice meanwhile; others are counted.
 */
static struct relay_sighting *sighting_find(struct relay *relay,
                                            const struct signalfd_siginfo *info, bool is_managed)
{
    for (uint32_t i = 0; i < relay->n_sightings; i++) {
        struct relay_sighting *sighting = &relay->sightings[i];
        if (is_same(sighting, info) && (is_managed || sighting->round == relay->round) &&
            (!sighting->is_used || sighting->signal < RAWSIG_RT_FROM))
            return sighting;
    }
    return NULL;
}

/* One that no other signal was sent with. */
static struct relay_sighting *sighting_unused(struct relay *relay,
                                              const struct signalfd_siginfo *info)
{
    for (uint32_t i = 0; i < relay->n_sightings; i++)
        if (!relay->sightings[i].is_used && is_same(&relay->sightings[i], info))
            return &relay->sightings[i];
    return NULL;
}

/* Those that are used are done with; those whose signal to us is to come, are kept for a while. */
static void sightings_tidy(struct relay *relay)
{
    const uint64_t now_ns = clocks_mono_ns();
    uint32_t to = 0;
    for (uint32_t i = 0; i < relay->n_sightings; i++)
        if (!relay->sightings[i].is_used && now_ns - relay->sightings[i].at_ns < RELAY_HOLD_NS)
            relay->sightings[to++] = relay->sightings[i];
    relay->n_sightings = to;
    relay->round++;
}

/* ---- for whom ---- */

/* Whoever has started us, however indirectly. What is outside of our namespace is one of them. */
static bool is_ancestor(pid_t pid)
{
    struct procfs_stat stat;
    pid_t at = getppid();
    if (pid == 0 || pid == at)
        return true;
    for (int i = 0; i < ANCESTORS_MAX && at > 1; i++) {
        if (!procfs_stat_read(at, &stat))
            return false;
        at = stat.parent;
        if (at == pid)
            return true;
    }
    return false;
}

/* The kernel tells the leader of a session, and nobody else, that the terminal is gone. */
static bool is_hangup(int signal)
{
    return (signal == SIGHUP || signal == SIGCONT) && getsid(0) == getpid();
}

/* Job control is not a manager's, and must not wait. */
static bool can_wait(int signal)
{
    return signal != SIGCONT && signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU;
}

/* Whom nobody is to hear of: our children, our own writing, what the command does to its group. */
static bool is_nothing(const struct relay_quiet *quiet, const struct signalfd_siginfo *info)
{
    const pid_t sender = (pid_t)info->ssi_pid;
    const uint32_t signal = info->ssi_signo;
    if (info->ssi_code > 0)
        return signal == SIGCHLD;
    if (sender == getpid()) /* other signals were sent by what we were before an exec */
        return signal == SIGPIPE || signal == SIGXFSZ;
    return sender != 0 && (sender == quiet->command || sender == quiet->waker);
}

/* Let the one before go first: it has waited, and nobody else has got it meanwhile. */
static bool hold(struct relay *relay, const struct signalfd_siginfo *info, relay_deliver *deliver,
                 void *closure)
{
    const uint32_t signal = info->ssi_signo;
    if (relay->held_until_ns[signal] != 0 && !deliver(closure, &relay->held[signal], RELAY_OURS))
        return false;
    relay->held[signal] = *info;
    relay->held_until_ns[signal] = clocks_mono_ns() + RELAY_HOLD_NS;
    return true;
}

static bool signal_take(struct relay *relay, const struct signalfd_siginfo *info,
                        relay_deliver *deliver, void *closure)
{
    const int signal = (int)info->ssi_signo;
    if (info->ssi_code > 0)
        return deliver(closure, info, is_hangup(signal) ? RELAY_OURS : RELAY_EVERYBODYS);
    /* sigqueue() and the like reach one process only */
    if (info->ssi_code != SI_USER || relay->witness.fd < 0)
        return deliver(closure, info, RELAY_OURS);
    const bool is_managed = is_ancestor((pid_t)info->ssi_pid);
    struct relay_sighting *sighting = sighting_find(relay, info, is_managed);
    if (sighting != NULL) {
        const bool is_done = deliver(closure, info, RELAY_EVERYBODYS);
        sighting->is_used = sighting->is_used || is_done;
        return is_done;
    }
    if (is_managed && can_wait(signal))
        return hold(relay, info, deliver, closure);
    return deliver(closure, info, RELAY_OURS);
}

/* Those that wait: the witness has got one, or it will not any more. */
static void held_look(struct relay *relay, relay_deliver *deliver, void *closure)
{
    for (int signal = 1; signal <= RAWSIG_MAX; signal++) {
        if (relay->held_until_ns[signal] == 0)
            continue;
        struct relay_sighting *sighting = sighting_unused(relay, &relay->held[signal]);
        if (sighting == NULL && clocks_mono_ns() < relay->held_until_ns[signal])
            continue;
        if (!deliver(closure, &relay->held[signal],
                     sighting != NULL ? RELAY_EVERYBODYS : RELAY_OURS))
            continue;
        relay->held_until_ns[signal] = 0;
        if (sighting != NULL)
            sighting->is_used = true;
    }
}

/* ---- taking ---- */

/* Deliver what was read; false when somebody's queue is full. */
static bool batch_work(struct relay *relay, const struct relay_quiet *quiet, relay_deliver *deliver,
                       void *closure)
{
    const struct timespec wait = {0, FULL_WAIT_NS};
    for (; relay->at < relay->n; relay->at++) {
        const struct signalfd_siginfo *info = &relay->batch[relay->at];
        if (is_nothing(quiet, info) || signal_take(relay, info, deliver, closure))
            continue;
        nanosleep(&wait, NULL); /* we are called again at once, and ours fills up meanwhile */
        return false;
    }
    return true;
}

/* Whether there is anything that only the witness can tell, or that it wants to. */
static bool needs_witness(const struct relay *relay)
{
    if (witness_has_news(&relay->witness))
        return true;
    for (uint32_t i = 0; i < relay->n; i++)
        if (relay->batch[i].ssi_code == SI_USER)
            return true;
    return false;
}

static bool batch_read(struct relay *relay)
{
    const ssize_t len = read(relay->signal_fd, relay->batch, sizeof relay->batch);
    relay->at = 0;
    relay->n = len > 0 ? (uint32_t)((size_t)len / INFO_BYTES) : 0;
    return relay->n > 0;
}

void relay_take(struct relay *relay, const struct relay_quiet *quiet, relay_deliver *deliver,
                void *closure)
{
    bool is_more = batch_work(relay, quiet, deliver, closure);
    for (int i = 0; i < ROUNDS_AT_ONCE && is_more; i++) {
        const uint32_t n_before = relay->n_sightings;
        const bool has_read = batch_read(relay);
        if (needs_witness(relay))
            witness_look(relay);
        if (!batch_work(relay, quiet, deliver, closure))
            return;
        is_more = has_read || relay->n_sightings > n_before;
    }
    held_look(relay, deliver, closure);
    if (!is_more)
        sightings_tidy(relay);
}

uint64_t relay_due_ns(const struct relay *relay)
{
    uint64_t due_ns = UINT64_MAX;
    for (int signal = 1; signal <= RAWSIG_MAX; signal++)
        if (relay->held_until_ns[signal] != 0 && relay->held_until_ns[signal] < due_ns)
            due_ns = relay->held_until_ns[signal];
    return due_ns;
}
