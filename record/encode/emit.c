/* SPDX-License-Identifier: MIT */
#include "emit.h"

#include "record/base/clocks.h"
#include "record/kernel/random.h"

#include <stdio.h>
#include <string.h>

/*
 * The unit of all times in the trace. Half of what a sample costs is the noise in its two times;
 * 0.2 % of an interval is finer than the sampler can keep, and since clocks are rounded where they
 * stand, not where they differ, sums stay exact to one unit.
 */
#define QUANTUM_FINE_NS 1000u
#define QUANTUM_NS      2000u
#define QUANTUM_FROM_NS 1000000u /* for intervals from here on */

static enum status recording_begin(struct recording *recording, struct problem *why)
{
    if (!random_fill(recording->uuid, sizeof recording->uuid))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "no random numbers: no getrandom() and no /dev/urandom");
    recording->uuid[6] = (recording->uuid[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
    recording->uuid[8] = (recording->uuid[8] & 0x3f) | 0x80;
    recording->clock.quantum_ns =
        recording->interval_ns >= QUANTUM_FROM_NS ? QUANTUM_NS : QUANTUM_FINE_NS;
    recording->clock.start_mono_ns = clocks_mono_ns();
    recording->start_unix_ns = (int64_t)clocks_ns(CLOCK_REALTIME);
    return STATUS_OK;
}

void emit_abandon(struct emit *emit)
{
    tracefile_abandon(emit->trace);
    encoder_free(emit->encoder);
    emit->trace = NULL;
    emit->encoder = NULL;
}

enum status emit_open(struct emit *emit, const struct emit_plan *plan, struct problem *why)
{
    uint32_t tag;
    *emit = (struct emit){.recording = {.interval_ns = plan->interval_ns,
                                        .max_depth = plan->max_depth,
                                        .options = plan->options,
                                        .n_options = plan->n_options,
                                        .service = plan->service}};
    TRY(recording_begin(&emit->recording, why));
    TRY(encoder_new(&emit->encoder, why));
    memcpy(&tag, emit->recording.uuid, sizeof tag);
    struct encode_job job = {.interval_ns = plan->interval_ns};
    struct tracefile_plan file = plan->file;
    file.start_unix_ns = emit->recording.start_unix_ns;
    enum status status = tracefile_open(&emit->trace, plan->path, &file, tag,
                                        emit->recording.clock.start_mono_ns, why);
    if (status == STATUS_OK) {
        snprintf(emit->path, sizeof emit->path, "%s", tracefile_path(emit->trace));
        snprintf(emit->first, sizeof emit->first, "%s", tracefile_finished_path(emit->trace));
        emit_chunk(emit, &job, 0, EMIT_META, 0, 0);
        status = emit->problem.status;
        if (status != STATUS_OK && why != NULL)
            *why = emit->problem;
    }
    if (status != STATUS_OK)
        emit_abandon(emit);
    return status;
}

void emit_chunk(struct emit *emit, struct encode_job *job, uint32_t number, enum emit_meta meta,
                uint64_t first_ns, uint64_t last_ns)
{
    struct chunk chunk = {.process = number,
                          .generation = job->generation,
                          .t_first_ns = first_ns,
                          .t_last_ns = last_ns > first_ns ? last_ns : first_ns};
    if (emit->problem.status != STATUS_OK)
        return;
    job->recording = meta == EMIT_META ? &emit->recording : NULL;
    enum status status = encode_chunk(emit->encoder, job, &chunk, &emit->problem);
    if (status == STATUS_OK && chunk.raw_len > 0) {
        if (meta == EMIT_META)
            chunk.flags |= CHUNK_GENERATION_START;
        status = tracefile_append(emit->trace, &chunk, &emit->problem);
        emit->chunks++;
        emit->file_bytes = tracefile_bytes(emit->trace);
    }
    emit->problem.status = status;
}

/* ---- sections ---- */

bool emit_section_due(const struct emit *emit, uint64_t now_ns)
{
    return emit->problem.status == STATUS_OK && tracefile_section_due(emit->trace, now_ns);
}

void emit_begin_section(struct emit *emit, uint64_t now_ns)
{
    struct recording *recording = &emit->recording;
    const uint64_t at_ns = now_ns - recording->clock.start_mono_ns;
    struct chunk meta = {.t_first_ns = at_ns, .t_last_ns = at_ns};
    const struct encode_job job = {.recording = recording, .interval_ns = recording->interval_ns};
    if (emit->problem.status != STATUS_OK)
        return;
    emit->sections++;
    recording->segment = tracefile_next_number(emit->trace);
    enum status status = encode_chunk(emit->encoder, &job, &meta, &emit->problem);
    meta.flags |= CHUNK_GENERATION_START;
    if (status == STATUS_OK)
        status = tracefile_begin_section(emit->trace, &meta, now_ns, &emit->problem);
    snprintf(emit->path, sizeof emit->path, "%s", tracefile_path(emit->trace));
    emit->file_bytes = tracefile_bytes(emit->trace);
    emit->problem.status = status;
}

void emit_missing(struct emit *emit, const struct missing *missing)
{
    const struct stream_clock *clock = &emit->recording.clock;
    struct encode_job job = {.missing = missing,
                             .missing_q = stream_quanta(clock, clocks_mono_ns())};
    const uint64_t at_ns = job.missing_q * clock->quantum_ns;
    emit_chunk(emit, &job, 0, EMIT_NO_META, at_ns, at_ns);
}

/* The last chunk of the recording, as it stands. */
static enum status last_encode(struct emit *emit, const struct account *account,
                               const struct encode_end *end, struct chunk *last,
                               struct problem *why)
{
    const struct encode_job job = {.account = account, .end = end};
    *last = (struct chunk){.t_last_ns = end->end_q * emit->recording.clock.quantum_ns};
    return encode_chunk(emit->encoder, &job, last, why);
}

enum status emit_snapshot(struct emit *emit, const struct account *account,
                          const struct encode_end *end, char path[PATH_MAX], struct problem *why)
{
    struct chunk last;
    TRY(last_encode(emit, account, end, &last, why));
    return tracefile_snapshot(emit->trace, &last, path, why);
}

/* ---- the end ---- */

void emit_close(struct emit *emit, const struct account *account, const struct encode_end *end)
{
    struct chunk last;
    if (emit->trace == NULL)
        return;
    if (emit->problem.status == STATUS_OK)
        emit->problem.status = last_encode(emit, account, end, &last, &emit->problem);
    if (emit->problem.status == STATUS_OK) {
        snprintf(emit->path, sizeof emit->path, "%s", tracefile_finished_path(emit->trace));
        emit->problem.status =
            tracefile_close(emit->trace, &last, &emit->file_bytes, &emit->problem);
        emit->trace = NULL;
    }
    emit_abandon(emit);
}
