/* SPDX-License-Identifier: MIT */
/*
 * process - one recorded process: its ring, what has come out of it, and how it ends.
 *
 * On the line:  shared ring -> [process: ring_take, stream] -> emit
 * Threads:      one at a time; the other side of the ring is the agent's sampler.
 * Memory:       process_open gives, process_free takes. The mapping is shared with the agent and
 *               lives on when the process dies.
 * Loss:         a process whose records make no sense is ended with that as its reason; the others
 *               are not touched by it.
 *
 * Always true:  nothing in shared memory is used twice: heads and records are copied, then checked.
 */
#ifndef PYREC_RECORD_PROCESS_H
#define PYREC_RECORD_PROCESS_H

#include "format/trace.pb-c.h"
#include "hello.h"
#include "record/encode/emit.h"
#include "record/kernel/exit_status.h"
#include "record/kernel/title.h"
#include "record/wire/ring.h"
#include "sources.h"

struct process {
    struct encode_process about;
    char executable[sizeof((struct wire_head *)0)->executable + 1];
    char build[sizeof((struct wire_head *)0)->python_build + 1];
    char argv_text[sizeof((struct wire_head *)0)->argv + 1];
    const char **argv;
    size_t argv_len; /* of argv_text */
    char working_directory[sizeof((struct wire_head *)0)->working_directory + 1];
    struct encode_attached attached; /* `about` leads here when it was attached to .. */
    char home[sizeof((struct wire_head *)0)->home + 1]; /* .. and this is its object */
    struct title title;

    pid_t pid;
    pid_t inner_pid;  /* what it calls itself, in its own namespace */
    int pidfd;        /* -1: cannot be had */
    int connection;   /* the agent notices its end; -1 = none */
    bool is_dead;     /* was already gone when it was opened, or is known to be since */
    bool is_written;  /* something of it is in the file */
    bool has_left;    /* its pid runs another program: the clock is not its own any more */
    dev_t exe_device; /* of /proc/PID/exe; 0 = not known */
    ino_t exe_inode;

    struct wire_head *head; /* shared */
    size_t map_len;
    struct ring ring;
    struct mark_queue *marks; /* shared, behind the ring; NULL = there is none */
    uint64_t marks_lost;      /* of its count, what the stream knows */
    struct stream stream;
    struct natives natives;
    struct sources sources;
    struct account account;
    uint64_t start_ns;
    uint64_t cpu_clock_ns;  /* the newest reading of the process's CPU clock .. */
    uint64_t cpu_zero_ns;   /* .. which counts from here: exec does not set it back */
    uint64_t next_check_ns; /* when to look again whether this is still the same program */
    uint64_t rest_due;      /* ticks that we wrote in its stead, those spared between them .. */
    uint64_t rest_taken;    /* .. included, and not */
    double fill;            /* of the ring, at the last visit */
    struct problem
        problem; /* its records made no sense: what, and where the recording of it ended */
};

/*
 * Map what a guest has brought, and check it. The guest's descriptors are taken, whatever happens.
 * STATUS_UNSUPPORTED when the agent itself says that this process cannot be recorded (why: its
 * words), STATUS_DAMAGED when what it brought makes no sense.
 */
MUST_CHECK enum status process_open(struct process **out, const struct hello_guest *guest,
                                    uint32_t number, const struct emit *emit, struct problem *why);
void process_free(struct process *process);

/*
 * Take what is in the ring; write chunks that are due. False when there is more in the ring than
 * one visit takes, or when its records made no sense (`problem`).
 */
bool process_visit(struct process *process, struct emit *emit, uint64_t now_ns);

/* Write what there is, due or not. */
void process_flush(struct process *process, struct emit *emit);

/* Having written everything, begin a new generation, with what belongs into each section. */
void process_begin_section(struct process *process, uint32_t section, uint64_t now_ns);

/* Whether a thread of it has called exec, and that has not failed: this program is over then. */
bool process_has_called_exec(const struct process *process);

/*
 * Whether all that it did was to be forked and to call exec, as children of subprocess do, at once,
 * and nothing of it is in the file yet: a part of its parent's work rather than a process.
 */
bool process_is_helper(const struct process *process);

/* Whether its agent, which was attached to a program that goes on, has taken itself away. */
bool process_is_over(const struct process *process);

/* Whether this pid runs another program now, one that brought no agent. */
bool process_has_left(struct process *process, uint64_t now_ns);

/* How many descriptors it holds, and one less. Nothing is lost by that; see collect.h. */
enum process_descriptor { PROCESS_CONNECTION, PROCESS_PIDFD };
uint32_t process_fds(const struct process *process);
void process_save_descriptor(struct process *process, enum process_descriptor which);

/* Whether it is dead, where there is no pidfd that says so. */
bool process_has_died(const struct process *process);

/* Read its CPU clock. */
void process_look_clock(struct process *process);

/* How much of a reading of that clock is the process's own. */
uint64_t process_own_cpu_ns(const struct process *process, uint64_t clock_ns);

/* Look at everything that will be gone when it is told to stop. */
void process_look(struct process *process, uint64_t now_ns);

/* The last visit: everything that is left, and a Summary with `reason` and how it died. */
void process_finish(struct process *process, struct emit *emit, uint64_t now_ns, const char *reason,
                    const struct exit_status *died);

/* Why the agent has stopped by itself, in its words; false when it has not, or says nothing. */
bool process_left_text(const struct process *process, char *text, size_t size);

/* Tell the agent to stop for good. */
void process_stop(struct process *process);

/* Put an event into its part of the trace that only the collector can see. */
enum process_event {
    PROCESS_FORKED = PYREC__V1__EVENT__TYPE__FORK,
    PROCESS_EXEC = PYREC__V1__EVENT__TYPE__EXEC,
    PROCESS_CLOCK_STEP = PYREC__V1__EVENT__TYPE__CLOCK_STEP,
    PROCESS_MARKS_LOST = PYREC__V1__EVENT__TYPE__MARKS_LOST,
};
void process_note(struct process *process, enum process_event event, int64_t value);

/* Keep what is in the memfd, see sources.h. */
void process_take_sources(struct process *process, int memfd, uint32_t section);

#endif
