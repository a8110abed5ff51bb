/* SPDX-License-Identifier: MIT */
/*
 * encode_job - what a chunk is made of: who, of what recording, and what was gathered of it.
 *
 * On the line:  process, emit -> [encode_job] -> encode and its parts
 * Threads, memory: values that borrow everything.
 */
#ifndef PYREC_RECORD_ENCODE_JOB_H
#define PYREC_RECORD_ENCODE_JOB_H

#include "record/decode/account.h"
#include "record/decode/missing.h"
#include "record/decode/stream.h"
#include "record/kernel/natives.h"

/* What was said about the recording when it began. */
struct recording_option {
    const char *key, *value;
};

/* Who was recorded, as whoever records says; NULL = nothing is said. */
struct recording_service {
    const char *name, *version;
    const struct recording_option *labels;
    size_t n_labels;
};

struct recording {
    uint8_t uuid[16];
    uint32_t segment; /* number of the file */
    struct stream_clock clock;
    int64_t start_unix_ns;
    uint64_t interval_ns;
    uint32_t max_depth;
    const struct recording_option *options;
    size_t n_options;
    struct recording_service service;
};

/* How we came into a process that ran already; see Attached in trace.proto. */
struct encode_attached {
    bool is_inherited;
    uint64_t stopped_ns, held_ns;
    uint32_t way; /* enum Attached.Way */
    uint32_t n_threads;
    bool is_children_looked;
    uint32_t n_children;
    const char *object;
    struct wire_hooks hooks;
};

/* Who a process is. */
struct encode_process {
    uint32_t number, image;
    uint32_t pid, parent_pid;
    uint32_t inner_pid; /* in its own namespace; 0 = the same */
    bool is_forked;     /* it began by a fork, not by an exec */
    uint64_t os_start;
    uint64_t start_q;
    const char *executable;
    const char *const *argv;
    size_t n_argv;
    uint32_t hexversion;
    const char *build;
    const char *title;                      /* it has given itself; "" = none */
    const char *working_directory;          /* when recording of it began; "" = not known */
    const struct encode_attached *attached; /* NULL = it was recorded from its start */
};

/* How it ended: a process, or (processes != 0) the recording. */
struct encode_end {
    uint64_t end_q;
    const char *reason;
    bool is_status_known;
    uint32_t exit_status, exit_signal;
    uint64_t os_cpu_ns;
    uint32_t processes;
    const struct missing *missing; /* of a recording; NULL = nobody is */
    uint32_t helpers;              /* forks that only called exec, and what they used */
    uint64_t helpers_cpu_ns;
};

/* What goes into a chunk. NULL and false: is not in it. */
struct encode_job {
    const struct recording *recording;    /* Meta */
    const struct encode_process *process; /* in Meta; NULL for the recording itself: machine */
    uint32_t generation;
    uint64_t interval_ns;
    const struct stream *stream;   /* Defs, Samples, Events */
    const struct account *account; /* in Samples, and in Summary */
    const struct natives *natives; /* changed ones in Samples, all in Summary */
    const struct encode_end *end;  /* Summary */
    const struct missing *missing; /* Events: who is missing so far, .. */
    uint64_t missing_q;            /* .. at that time */
};

#endif
