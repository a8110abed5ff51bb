/* SPDX-License-Identifier: MIT */
/*
 * emit - chunks of all processes into one trace.
 *
 * On the line:  process -> [emit: encode, tracefile] -> run.trace
 * Threads:      one at a time.
 * Memory:       emit_open gives what emit_close takes; the struct is the caller's.
 * Loss:         the first error is kept in `problem`; after it everything is dropped silently, so
 *               that whoever emits need not care, and whoever owns the recording looks once.
 */
#ifndef PYREC_RECORD_EMIT_H
#define PYREC_RECORD_EMIT_H

#include "encode.h"
#include "tracefile.h"

struct emit {
    struct recording recording;
    struct encoder *encoder;
    struct tracefile *trace;
    struct problem problem; /* status is STATUS_OK while all is well */
    uint64_t file_bytes;
    char path[PATH_MAX];  /* of the file that is written now, or was last; "" = there is none */
    char first[PATH_MAX]; /* what the first one is called when it is finished */
    uint64_t chunks;
    uint32_t sections; /* begun after the first one */
};

/* What a trace is to be. */
struct emit_plan {
    const char *path;
    struct tracefile_plan file;
    uint64_t interval_ns;
    uint32_t max_depth;
    const struct recording_option *options; /* live as long as the emit */
    size_t n_options;
    struct recording_service service; /* lives as long, too */
};

/* Begin the trace: time 0 is now; its first chunk, Meta of the recording, is written at once. */
MUST_CHECK enum status emit_open(struct emit *emit, const struct emit_plan *plan,
                                 struct problem *why);

/* Encode and append a chunk of process `number`. The job's recording is put in by emit. */
enum emit_meta { EMIT_NO_META, EMIT_META };
void emit_chunk(struct emit *emit, struct encode_job *job, uint32_t number, enum emit_meta meta,
                uint64_t first_ns, uint64_t last_ns);

/*
 * Begin a section (see tracefile.h), if it is due: all processes have written everything, and will
 * begin new generations before they write again.
 */
bool emit_section_due(const struct emit *emit, uint64_t now_ns);
void emit_begin_section(struct emit *emit, uint64_t now_ns);

/* Who is missing so far, as of now: for the case that the trace is never closed. */
void emit_missing(struct emit *emit, const struct missing *missing);

/* A copy of the trace as it is, closed. It has no influence on the trace if that fails. */
MUST_CHECK enum status emit_snapshot(struct emit *emit, const struct account *account,
                                     const struct encode_end *end, char path[PATH_MAX],
                                     struct problem *why);

/* Give everything up, e.g. because the command could not be started. */
void emit_abandon(struct emit *emit);

/* End the trace. The problem, if there was one, stays in `problem`. */
void emit_close(struct emit *emit, const struct account *account, const struct encode_end *end);

#endif
