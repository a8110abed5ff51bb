/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "analyze/tasks/looks.h"

#include <inttypes.h>
#include <stdio.h>

/* Numbers in message Packet's oneof, and of NativeThread in Samples; see trace.proto. */
enum {
    PACKET_META = 1,
    PACKET_DEFS = 2,
    PACKET_SAMPLES = 3,
    PACKET_EVENTS = 4,
    PACKET_SUMMARY = 6
};
#define SAMPLES_NATIVE 25u

/* What of a generation must be read even when it is not about the time that is asked for. */
#define CHUNK_NEEDED (CHUNK_META | CHUNK_DEFS | CHUNK_SUMMARY)

static const struct chunk_file *chunk_file(const struct unit_reader *reader)
{
    const struct unit_chunk *const c = &reader->unit->chunks[reader->next_chunk - 1];
    return reader->trace->files[c->file].chunks;
}

static const struct chunk_place *chunk_place(const struct unit_reader *reader)
{
    const struct unit_chunk *const c = &reader->unit->chunks[reader->next_chunk - 1];
    return chunk_file_get(chunk_file(reader), c->chunk);
}

/* The rest of the current chunk is lost. */
static void report_chunk(struct unit_reader *reader, const struct problem *problem)
{
    const struct chunk_place *const place = chunk_place(reader);
    struct damage damage = {
        .status = problem->status,
        .offset = place->offset,
        .len_bytes = CHUNK_HEADER_LEN + (uint64_t)place->header.comp_len,
        .time_known = true,
        .process = place->header.process,
        .t_first_ns = place->header.t_first_ns,
        .t_last_ns = place->header.t_last_ns,
    };
    snprintf(damage.text, sizeof damage.text, "%.*s", (int)sizeof damage.text - 1, problem->detail);
    reader->unit->chunks[reader->next_chunk - 1].is_bad = true;
    trace_report(reader->trace, chunk_file_path(chunk_file(reader)), &damage);
    reader->chunk_open = false;
}

/* Load the next chunk that can be loaded; false when there is none left. */
static bool open_chunk(struct unit_reader *reader)
{
    while (reader->next_chunk < reader->unit->n_chunks) {
        const struct unit_chunk *const c = &reader->unit->chunks[reader->next_chunk++];
        const struct chunk_file *const file = reader->trace->files[c->file].chunks;
        struct problem why = {0};
        trace_count_done(reader->trace, 1);
        reader->chunk_wanted = trace_chunk_wanted(reader->trace, c);
        const struct chunk_header *const header = &chunk_place(reader)->header;
        if (!reader->chunk_wanted && header->process != 0 && !(header->flags & CHUNK_NEEDED))
            continue;
        if (chunk_file_load(file, c->chunk, &reader->buffer, &why) != STATUS_OK) {
            report_chunk(reader, &why);
            continue;
        }
        reader->payload =
            (struct proto_column){reader->buffer.raw, reader->buffer.raw + reader->buffer.raw_len};
        reader->chunk_open = true;
        return true;
    }
    return false;
}

static uint32_t chunk_seq(const struct unit_reader *reader)
{
    return chunk_place(reader)->header.seq;
}

static enum status read_meta(struct unit_reader *reader, struct proto_column body,
                             struct problem *why)
{
    const size_t len = (size_t)(body.end - body.at);
    const Pyrec__V1__Meta *const meta =
        pyrec__v1__meta__unpack(proto_arena_reset(&reader->proto, len), len, body.at);
    if (meta == NULL)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "Meta does not parse");
    TRY(facts_meta(&reader->facts, meta, chunk_seq(reader), why));
    reader->quantum_ns = meta->quantum_ns;
    if (reader->facts.has_process)
        dict_set_directory(&reader->dict, reader->facts.process.working_directory,
                           reader->facts.process.command);
    return STATUS_OK;
}

static enum status read_defs(struct unit_reader *reader, struct proto_column body,
                             struct problem *why)
{
    const size_t len = (size_t)(body.end - body.at);
    const Pyrec__V1__Defs *const defs =
        pyrec__v1__defs__unpack(proto_arena_reset(&reader->proto, len), len, body.at);
    if (defs == NULL)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "Defs do not parse");
    TRY(dict_add(&reader->dict, defs, why));
    for (size_t i = 0; i < defs->n_thread; i++)
        TRY(facts_thread(&reader->facts, &reader->dict, defs->thread[i], chunk_seq(reader), why));
    return STATUS_OK;
}

static enum status read_summary(struct unit_reader *reader, struct proto_column body,
                                struct problem *why)
{
    const size_t len = (size_t)(body.end - body.at);
    const Pyrec__V1__Summary *const summary =
        pyrec__v1__summary__unpack(proto_arena_reset(&reader->proto, len), len, body.at);
    if (summary == NULL)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "Summary does not parse");
    facts_summary(&reader->facts, summary, reader->quantum_ns, chunk_seq(reader));
    return STATUS_OK;
}

static enum status read_account(struct unit_reader *reader, struct proto_column body,
                                struct problem *why)
{
    const size_t len = (size_t)(body.end - body.at);
    if (len == 0)
        return STATUS_OK;
    const Pyrec__V1__Account *const account =
        pyrec__v1__account__unpack(proto_arena_reset(&reader->proto, len), len, body.at);
    if (account == NULL)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "Account does not parse");
    facts_account(&reader->facts, account, chunk_seq(reader));
    return STATUS_OK;
}

static enum status read_natives(struct unit_reader *reader, struct proto_column body,
                                struct problem *why)
{
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    struct proto_column bytes;
    enum status status;

    while (field_next(&body, &number, &wire_type, &value, &bytes, &status)) {
        if (number != SAMPLES_NATIVE)
            continue;
        const size_t len = (size_t)(bytes.end - bytes.at);
        const Pyrec__V1__NativeThread *const native =
            pyrec__v1__native_thread__unpack(proto_arena_reset(&reader->proto, len), len, bytes.at);
        if (native == NULL)
            return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                               "NativeThread does not parse");
        facts_native(&reader->facts, native, chunk_seq(reader));
    }
    return STATUS_OK;
}

uint64_t unit_time_q(const struct unit_reader *reader, uint64_t ns)
{
    const uint64_t shift_ns = reader->unit->recording->shift_ns;
    if (ns == UINT64_MAX)
        return UINT64_MAX;
    if (ns <= shift_ns)
        return 0;
    const uint64_t own_ns = ns - shift_ns, q = own_ns / reader->quantum_ns;
    return q + (own_ns % reader->quantum_ns != 0);
}

static enum status read_samples(struct unit_reader *reader, struct proto_column body,
                                struct problem *why)
{
    const struct window window = reader->trace->window;
    if (!reader->chunk_wanted)
        return STATUS_OK;
    TRY(range_open(&reader->range, body, reader->quantum_ns, &reader->dict, why));
    TRY(read_account(reader, reader->range.columns.account, why));
    TRY(read_natives(reader, body, why));
    TRY(looks_check(body, reader->range.n_ticks, &reader->proto, why));
    reader->samples = body;
    const uint64_t last_q = reader->range.time_q[reader->range.n_ticks];
    if (reader->range.n_ticks > 0 && last_q > reader->facts.last_q)
        reader->facts.last_q = last_q;
    range_limit(&reader->range, unit_time_q(reader, window.from_ns),
                unit_time_q(reader, window.to_ns));
    reader->range_cut |= reader->range.from_tick > 0;
    /* a chunk that reaches into the window may have a message with nothing in it */
    reader->range_open =
        reader->range.n_ticks == 0 || reader->range.from_tick < reader->range.to_tick;
    return STATUS_OK;
}

static enum status read_events(struct unit_reader *reader, struct proto_column body,
                               struct problem *why)
{
    const size_t len = (size_t)(body.end - body.at);
    const Pyrec__V1__Events *const events =
        pyrec__v1__events__unpack(proto_arena_reset(&reader->proto, len), len, body.at);
    if (events == NULL)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "Events do not parse");
    facts_events(&reader->facts, events, reader->quantum_ns);
    return STATUS_OK;
}

/* Read one packet; unknown ones and those that say nothing here (Index) are skipped. */
static enum status read_packet(struct unit_reader *reader, uint32_t field, struct proto_column body,
                               struct problem *why)
{
    switch (field) {
    case PACKET_META:
        return read_meta(reader, body, why);
    case PACKET_DEFS:
        return read_defs(reader, body, why);
    case PACKET_SAMPLES:
        return read_samples(reader, body, why);
    case PACKET_EVENTS:
        return read_events(reader, body, why);
    case PACKET_SUMMARY:
        return read_summary(reader, body, why);
    default:
        return STATUS_OK;
    }
}

/* After the spans of a range: did it keep its promises, was everything defined? */
static void range_close(struct unit_reader *reader)
{
    struct problem why = {0};
    reader->range_open = false;
    reader->n_undefined += reader->range.n_undefined;
    if (range_finish(&reader->range, &why) != STATUS_OK)
        report_chunk(reader, &why);
}

void unit_end(struct unit_reader *reader)
{
    const struct unit_chunk *const first = &reader->unit->chunks[0];
    const struct chunk_file *const file = reader->trace->files[first->file].chunks;
    const struct chunk_place *const place = chunk_file_get(file, first->chunk);
    if (reader->dict.n_lost == 0 && reader->n_undefined == 0)
        return;
    struct damage damage = {
        .status = STATUS_DAMAGED,
        .offset = place->offset,
        .process = place->header.process,
    };
    snprintf(damage.text, sizeof damage.text,
             "generation %" PRIu32 ": %" PRIu64 " definitions are lost, and the stacks of %" PRIu64
             " samples",
             reader->unit->generation, reader->dict.n_lost, reader->n_undefined);
    trace_report(reader->trace, chunk_file_path(file), &damage);
}

bool unit_next_range(struct unit_reader *reader)
{
    struct problem why = {0};
    if (reader->range_open)
        range_close(reader);
    for (;;) {
        uint32_t field;
        struct proto_column body;
        enum status status = STATUS_OK;
        if (!reader->chunk_open && !open_chunk(reader)) {
            if (!reader->goes_on)
                unit_end(reader);
            return false;
        }
        if (packet_next(&reader->payload, &field, &body, &status)) {
            status = read_packet(reader, field, body, &why);
            if (status != STATUS_OK)
                report_chunk(reader, &why);
            else if (reader->range_open)
                return true;
            continue;
        }
        if (status != STATUS_OK) {
            problem_set(&why, status, PROBLEM_NO_OFFSET, "the payload does not parse");
            report_chunk(reader, &why);
        }
        reader->chunk_open = false;
    }
}

/* When the unit's own Meta is lost: one from the recording says at least what a quantum is. */
static bool borrow_meta(struct unit_reader *reader)
{
    struct problem why = {0};
    if (reader->quantum_ns == 0)
        reader->quantum_ns = reader->unit->recording->quantum_ns;
    if (reader->quantum_ns > 0)
        return true;
    do {
        problem_set(&why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "there is no Meta to read it with");
        report_chunk(reader, &why);
    } while (open_chunk(reader));
    return false;
}

bool unit_begin(struct unit_reader *reader, struct trace *trace, const struct unit *unit)
{
    reader->trace = trace;
    reader->unit = unit;
    reader->next_chunk = 0;
    reader->chunk_open = reader->range_open = reader->range_cut = false;
    reader->quantum_ns = reader->n_undefined = 0;
    dict_reset(&reader->dict);
    reader->dict.native = trace->native;
    reader->dict.names = &trace->names;
    facts_reset(&reader->facts);
    reader->facts.told = unit->told;
    if (!trace_unit_wanted(trace, unit) || !open_chunk(reader))
        return false;

    struct proto_column ahead = reader->payload, body;
    uint32_t field;
    enum status status;
    bool found = packet_next(&ahead, &field, &body, &status);
    while (found && field > PACKET_SUMMARY) /* of a kind that came later */
        found = packet_next(&ahead, &field, &body, &status);
    if (found && field == PACKET_META) {
        struct problem why = {0};
        reader->payload = ahead;
        if (read_meta(reader, body, &why) != STATUS_OK)
            report_chunk(reader, &why);
    }
    return borrow_meta(reader);
}

bool unit_is_cut(const struct unit_reader *reader)
{
    const struct unit_chunk *const first = &reader->unit->chunks[0];
    const struct trace *const trace = reader->trace;
    const struct chunk_place *const place =
        chunk_file_get(trace->files[first->file].chunks, first->chunk);
    return reader->range_cut ||
           (!trace_chunk_wanted(trace, first) &&
            place->header.t_first_ns + reader->unit->recording->shift_ns < trace->window.from_ns);
}

bool unit_pid(const struct unit_reader *reader, uint32_t *pid)
{
    *pid = reader->facts.process.pid;
    return reader->facts.has_process;
}

void unit_settle(struct unit_reader *reader)
{
    facts_settle(&reader->facts, &reader->trace->census, reader->unit->recording,
                 reader->unit->process, reader->unit->generation, reader->quantum_ns);
    reader->trace->units[reader->unit - reader->trace->units].told = reader->facts.told;
    if (reader->dict.n_contexts > 1 && reader->unit->process != 0)
        census_contexts(
            &reader->trace->census,
            census_process(&reader->trace->census, reader->unit->recording, reader->unit->process),
            &reader->dict, reader->quantum_ns);
}

void unit_settle_threads(struct unit_reader *reader)
{
    facts_settle_threads(&reader->facts, &reader->trace->census, reader->unit->recording,
                         reader->unit->process, reader->quantum_ns);
}

void unit_reader_clear(struct unit_reader *reader)
{
    dict_clear(&reader->dict);
    facts_clear(&reader->facts);
    range_clear(&reader->range);
    chunk_buffer_clear(&reader->buffer);
    proto_arena_clear(&reader->proto);
    *reader = (struct unit_reader){0};
}
