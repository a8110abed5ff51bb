/* SPDX-License-Identifier: MIT */
/*
 * collect - all recorded processes: who comes, who goes, who is visited when.
 *
 * On the line:  hello -> [collect: process, process, ..] -> emit
 * Threads:      one at a time.
 * Memory:       caller's storage; collect_init, then collect_clear. Borrows the emit and the epoll
 *               descriptor, in which it registers the pidfds of its processes.
 * Loss:         a guest that cannot be recorded is counted, with the reason.
 */
#ifndef PYREC_RECORD_COLLECT_H
#define PYREC_RECORD_COLLECT_H

#include "process.h"
#include "record/decode/missing.h"

#define COLLECT_VISIT_MAX_NS 100000000u /* rings are emptied every so often, .. */
#define COLLECT_VISIT_MIN_NS 5000000u   /* .. or more often when they fill up fast */

/* Who has left by exec; the same pid may come back with another Python. */
struct collect_left {
    pid_t pid;
    uint64_t os_start;
    uint32_t image;
    uint64_t cpu_ns; /* what was on its clock */
};

/* What was measured of a process when it was attached to. */
struct collect_attached {
    pid_t pid;
    uint64_t stopped_ns, held_ns;
    bool is_by_memory;
    uint32_t n_threads;
    bool is_children_looked;
    uint32_t n_children;
};

struct collect {
    struct emit *emit;
    int epoll_fd;
    bool is_first_only; /* --no-children */
    pid_t first_pid;

    struct process **processes;
    uint32_t n, capacity;
    struct collect_left *left;
    struct collect_attached *attached; /* who has not yet said hello .. */
    uint32_t n_attached, attached_capacity;
    uint32_t n_left, left_capacity;
    struct symbol_files symbol_files; /* that C frames are in */
    pid_t *told;                      /* who was being recorded when collect_stop ended that */
    uint32_t n_told, told_capacity;
    uint32_t n_ever;         /* programs: a process that calls exec counts again */
    uint32_t n_images;       /* of them, such that came by exec under a number that was known */
    uint32_t n_helpers;      /* of them, such that only forked and called exec: not in the file */
    uint64_t helpers_cpu_ns; /* what these used */
    uint64_t n_fds;          /* descriptors that its processes hold */
    uint64_t visit_ns;       /* between two visits, now */
    uint64_t chunk_ns;       /* how much time a chunk is of; 0 = as usual (stream.h) */
    int64_t wall_ahead_ns;   /* CLOCK_REALTIME - CLOCK_MONOTONIC when they were looked at last */

    /* Of those that have ended. */
    struct account total;
    uint64_t n_threads;
    uint32_t n_broken;
    uint32_t newer_hexversion; /* of an interpreter that pyrec has no table of; 0 = none */
    struct problem broken;     /* the last one */
    struct missing missing;
};

/* epoll events of processes carry this and the process's number: kind << 32 | number. */
#define COLLECT_EPOLL_KIND 1ull

void collect_init(struct collect *collect, struct emit *emit, int epoll_fd, bool is_first_only);
void collect_clear(struct collect *collect);

/* Before a process that was attached to is heard: how it went. */
void collect_attached(struct collect *collect, const struct collect_attached *attached);

/* Somebody has said hello. Its descriptor is taken. */
void collect_add(struct collect *collect, const struct hello_guest *guest);

/* Somebody is a Python of ours, but cannot be recorded. Its descriptors are not taken. */
void collect_refuse(struct collect *collect, const struct hello_guest *guest, const char *reason);

/*
 * Give back descriptors of processes until they hold no more than this. A connection first: its
 * agent then has to look now and then whether pyrec is there. Then its pidfd: its death is noticed
 * at the next visit, and how it died may not be known.
 */
void collect_save_descriptors(struct collect *collect, uint64_t n_fds);

/* Visit everybody. False when some ring was not emptied: come back at once. */
bool collect_visit(struct collect *collect, uint64_t now_ns);

/*
 * Look whether the wall clock was set: what it shows and what CLOCK_MONOTONIC shows, at once. All
 * processes get an event that says by how much. Slow corrections (NTP's) are followed silently.
 */
void collect_look_clock(struct collect *collect, int64_t wall_ns, uint64_t mono_ns);

/* The pidfd of process`number` says that it is dead. */
void collect_reap(struct collect *collect, uint32_t number);

/* Write everything that is not written yet. */
void collect_flush(struct collect *collect);

/* Keep the texts of code that process `pid` has handed over. False: it is not being recorded. */
bool collect_sources(struct collect *collect, pid_t pid, int memfd);

/* Begin a new section of the trace, if it is time to. */
void collect_look_section(struct collect *collect, uint64_t now_ns);

/*
 * End all recording, with this as the reason; agents are told to stop, and do so soon: who they are
 * stays in `told`.
 */
void collect_stop(struct collect *collect, const char *reason);

/* Whether a process with this pid is being recorded. */
bool collect_knows(const struct collect *collect, pid_t pid);

#endif
