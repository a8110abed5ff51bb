/* SPDX-License-Identifier: MIT */
#include "salvage.h"

#include "analyze/base/arena.h"
#include "analyze/base/hash.h"
#include "analyze/base/memory.h"
#include "format/bytes.h"
#include "format/chunk_write.h"
#include "salvage_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UUID_LEN 16u

/* A good chunk, in its turn. */
struct piece {
    uint32_t unit;
    struct unit_chunk chunk;
};

struct salvage {
    struct trace *trace;
    struct chunk_writer *writer;
    struct piece *pieces;
    size_t n_pieces;
    struct salvage_origin *origins; /* in order of recording */
    size_t n_origins;
    struct unit_ids *ids; /* per unit */
    uint8_t uuid[UUID_LEN];
    const Pyrec__V1__Meta *clocks; /* of the new recording; NULL = there is no good Meta */
    struct chunk_buffer buffer;
    struct proto_arena arena;
    struct buffer payload, shifted, summary;
    struct salvage_result *result;
};

static const struct chunk_header *header_of(const struct salvage *s, const struct piece *piece)
{
    return &chunk_file_get(s->trace->files[piece->chunk.file].chunks, piece->chunk.chunk)->header;
}

static const struct unit *unit_of(const struct salvage *s, const struct piece *piece)
{
    return &s->trace->units[piece->unit];
}

static struct salvage_origin *origin_of(const struct salvage *s, const struct piece *piece)
{
    return &s->origins[unit_of(s, piece)->recording->order];
}

/* Of one recording as they were written; of several by time, each in its own order. */
static int compare_pieces(const void *left, const void *right, void *closure)
{
    const struct salvage *const s = closure;
    const struct piece *const a = left, *const b = right;
    const uint32_t order_a = unit_of(s, a)->recording->order;
    const uint32_t order_b = unit_of(s, b)->recording->order;
    const uint32_t seq_a = header_of(s, a)->seq, seq_b = header_of(s, b)->seq;
    if (order_a != order_b)
        return order_a < order_b ? -1 : 1;
    return (seq_a > seq_b) - (seq_a < seq_b);
}

static void list_pieces(struct salvage *s)
{
    const struct trace *const trace = s->trace;
    s->pieces = memory_get((trace->n_chunks + 1) * sizeof *s->pieces);
    for (size_t u = 0; u < trace->n_units; u++) {
        for (size_t i = 0; i < trace->units[u].n_chunks; i++) {
            if (!trace->units[u].chunks[i].is_bad)
                s->pieces[s->n_pieces++] = (struct piece){(uint32_t)u, trace->units[u].chunks[i]};
        }
    }
    if (s->n_pieces > 1)
        qsort_r(s->pieces, s->n_pieces, sizeof *s->pieces, compare_pieces, s);
}

static enum status load(struct salvage *s, const struct piece *piece, struct proto_column *payload,
                        struct problem *why)
{
    TRY(chunk_file_load(s->trace->files[piece->chunk.file].chunks, piece->chunk.chunk, &s->buffer,
                        why));
    *payload = (struct proto_column){s->buffer.raw, s->buffer.raw + s->buffer.raw_len};
    return STATUS_OK;
}

/* The Meta of a chunk, in `arena`; NULL when it has none. */
static Pyrec__V1__Meta *load_meta(struct salvage *s, const struct piece *piece,
                                  struct proto_arena *arena)
{
    struct proto_column payload, body;
    uint32_t field;
    enum status status;
    if (!(header_of(s, piece)->flags & CHUNK_META) || load(s, piece, &payload, NULL) != STATUS_OK)
        return NULL;
    while (packet_next(&payload, &field, &body, &status)) {
        const size_t len = (size_t)(body.end - body.at);
        if (field == PYREC__V1__PACKET__BODY_META)
            return pyrec__v1__meta__unpack(proto_arena_reset(arena, len), len, body.at);
    }
    return NULL;
}

/* Where each recording's times and numbers go. */
static void find_origins(struct salvage *s)
{
    const struct census *const census = &s->trace->census;
    uint32_t base = 0;
    s->n_origins = census->n_recordings;
    s->origins = memory_get(s->n_origins * sizeof *s->origins);
    for (size_t r = 0; r < s->n_origins; r++) {
        struct salvage_origin *const origin = &s->origins[r];
        const struct recording *const recording = census->recordings[r];
        const uint64_t quantum_ns = recording->quantum_ns > 0 ? recording->quantum_ns : 1;
        origin->recording = recording;
        origin->shift_ns = recording->shift_ns - recording->shift_ns % quantum_ns;
        origin->process_base = base;
        for (size_t i = 0; i < s->n_pieces; i++) {
            if (unit_of(s, &s->pieces[i])->recording != recording)
                continue;
            if (origin->meta == NULL)
                origin->meta = load_meta(s, &s->pieces[i], &origin->arena);
            if (unit_of(s, &s->pieces[i])->process + origin->process_base > base)
                base = unit_of(s, &s->pieces[i])->process + origin->process_base;
        }
        if (s->clocks == NULL)
            s->clocks = origin->meta;
    }
}

/* The uuid of one recording, or one that is made of those of several: the same from the same. */
static void choose_uuid(struct salvage *s)
{
    uint64_t low = 0, high = 0;
    for (size_t r = 0; r < s->n_origins; r++) {
        const Pyrec__V1__Meta *const meta = s->origins[r].meta;
        const size_t n = meta != NULL ? meta->trace_uuid.len : 0;
        for (size_t i = 0; i < n; i++) {
            low = hash_pair(low, meta->trace_uuid.data[i]);
            high = hash_pair(high, low);
        }
        low = hash_pair(low, s->origins[r].recording->tag);
    }
    memcpy(s->uuid, &low, sizeof low);
    memcpy(s->uuid + sizeof low, &high, sizeof high);
    const Pyrec__V1__Meta *const meta = s->origins[0].meta;
    if (s->n_origins == 1 && meta != NULL && meta->trace_uuid.len == UUID_LEN)
        memcpy(s->uuid, meta->trace_uuid.data, UUID_LEN);
    else if (s->n_origins == 1)
        bytes_put32(s->uuid, s->origins[0].recording->tag);
}

static uint64_t quantum_of(const struct salvage *s, const struct piece *piece)
{
    const uint64_t quantum_ns = unit_of(s, piece)->recording->quantum_ns;
    return quantum_ns > 0 ? quantum_ns : 1;
}

/* A payload that was made or taken from `piece`, with its times and numbers moved if need be. */
static enum status emit(struct salvage *s, const struct piece *piece,
                        const struct chunk_header *like, uint16_t flags,
                        struct proto_column payload, struct problem *why)
{
    const struct salvage_origin *const origin = origin_of(s, piece);
    struct chunk chunk = {
        .flags = flags,
        .process = like->process,
        .generation = like->generation,
        .t_first_ns = like->t_first_ns,
        .t_last_ns = like->t_last_ns,
        .raw = payload.at,
        .raw_len = (size_t)(payload.end - payload.at),
    };
    if (s->n_origins > 1) {
        buffer_reset(&s->shifted);
        TRY(payload_shift(&s->shifted, payload, origin, quantum_of(s, piece),
                          (ProtobufCBinaryData){UUID_LEN, s->uuid}, s->clocks, &s->arena));
        chunk.raw = (const uint8_t *)s->shifted.text;
        chunk.raw_len = s->shifted.len;
        chunk.process += chunk.process > 0 ? origin->process_base : 0;
        chunk.t_first_ns += origin->shift_ns;
        chunk.t_last_ns += origin->shift_ns;
    }
    return chunk_writer_append(s->writer, &chunk, why);
}

static struct proto_column column_of(const struct buffer *buffer)
{
    const uint8_t *const at = (const uint8_t *)buffer->text;
    return (struct proto_column){at, at + buffer->len};
}

/* The recording's own Meta, with a remark about where it comes from. */
static enum status write_beginning(struct salvage *s, const struct salvage_remark *remark,
                                   struct problem *why)
{
    Pyrec__V1__Meta meta = PYREC__V1__META__INIT;
    Pyrec__V1__Meta__OptionEntry entry = PYREC__V1__META__OPTION_ENTRY__INIT;
    Pyrec__V1__Packet packet = PYREC__V1__PACKET__INIT;
    struct chunk chunk = {.flags = CHUNK_META};
    struct arena arena = {0};
    meta = *s->clocks;
    meta.process = NULL;
    meta.segment = meta.generation = 0;
    meta.trace_uuid = (ProtobufCBinaryData){UUID_LEN, s->uuid};
    Pyrec__V1__Meta__OptionEntry **const options =
        arena_get(&arena, (meta.n_option + 1) * sizeof *options);
    if (meta.n_option > 0)
        memcpy(options, meta.option, meta.n_option * sizeof *options);
    meta.option = options;
    if (remark != NULL) {
        entry.key = arena_copy(&arena, remark->name, strlen(remark->name));
        entry.value = arena_copy(&arena, remark->text, strlen(remark->text));
        options[meta.n_option++] = &entry;
    }
    packet.body_case = PYREC__V1__PACKET__BODY_META;
    packet.meta = &meta;
    buffer_reset(&s->payload);
    payload_add(&s->payload, &packet);
    arena_clear(&arena);
    chunk.raw = (const uint8_t *)s->payload.text;
    chunk.raw_len = s->payload.len;
    return chunk_writer_append(s->writer, &chunk, why);
}

/* Of the recording itself: its Meta is written anew, its Summary comes last, the index is gone. */
static enum status take_own(struct salvage *s, const struct piece *piece,
                            struct proto_column payload, struct problem *why)
{
    const struct chunk_header *const header = header_of(s, piece);
    const uint16_t gone =
        CHUNK_META | CHUNK_INDEX | CHUNK_SUMMARY | CHUNK_GENERATION_START | CHUNK_SYMBOLS;
    struct proto_column body;
    uint32_t field;
    enum status status;
    buffer_reset(&s->payload);
    while (packet_next(&payload, &field, &body, &status)) {
        if (field == PYREC__V1__PACKET__BODY_SUMMARY) {
            buffer_reset(&s->summary);
            payload_copy(&s->summary, field, body);
        } else if (field == PYREC__V1__PACKET__BODY_SYMBOLS) {
            continue; /* write_names has them, with those of the files beside */
        } else if (field == PYREC__V1__PACKET__BODY_EVENTS && s->n_origins > 1) {
            continue; /* who is missing in one of several: the Summary of all will say it */
        } else if (field != PYREC__V1__PACKET__BODY_META &&
                   field != PYREC__V1__PACKET__BODY_INDEX) {
            payload_copy(&s->payload, field, body);
        }
    }
    if (s->payload.len == 0)
        return STATUS_OK;
    return emit(s, piece, header, (uint16_t)(header->flags & ~gone), column_of(&s->payload), why);
}

/* The Meta of a generation whose beginning is lost: that of another generation, or a bare one. */
static void add_lost_meta(struct salvage *s, const struct piece *piece)
{
    const struct unit *const unit = unit_of(s, piece);
    const struct salvage_origin *const origin = origin_of(s, piece);
    struct proto_arena arena = {0};
    Pyrec__V1__Meta bare = PYREC__V1__META__INIT, *meta = NULL;
    Pyrec__V1__Process process = PYREC__V1__PROCESS__INIT;
    Pyrec__V1__Packet packet = PYREC__V1__PACKET__INIT;
    for (size_t i = 0; i < s->n_pieces && meta == NULL; i++) {
        const struct unit *const other = unit_of(s, &s->pieces[i]);
        if (other->recording == unit->recording && other->process == unit->process)
            meta = load_meta(s, &s->pieces[i], &arena);
    }
    if (meta == NULL) {
        process.number = unit->process;
        if (origin->meta != NULL)
            bare = *origin->meta;
        bare.process = &process;
        bare.machine = NULL;
        bare.n_option = 0;
        meta = &bare;
    }
    meta->generation = unit->generation;
    packet.body_case = PYREC__V1__PACKET__BODY_META;
    packet.meta = meta;
    payload_add(&s->payload, &packet);
    proto_arena_clear(&arena);
}

/*
 * Before a chunk: the beginning of its generation and the definitions that it needs, where they
 * were lost. *made says whether there was anything.
 */
static enum status fill(struct salvage *s, const struct piece *piece, struct proto_column payload,
                        bool *made, struct problem *why)
{
    struct unit_ids *const ids = &s->ids[piece->unit];
    const struct unit_ids before = *ids;
    struct chunk_header header = *header_of(s, piece);
    const bool has_start = before.started || header.flags & CHUNK_GENERATION_START;
    struct unit_ids needed = before;

    const bool needs = unit_ids_need(&needed, payload, quantum_of(s, piece), &s->arena);
    *ids = needed;
    ids->started = true;
    unit_ids_add(ids, payload, &s->arena);
    *made = needs || !has_start;
    if (!*made)
        return STATUS_OK;
    buffer_reset(&s->payload);
    header.flags = CHUNK_DEFS;
    if (!has_start) {
        header.flags |= CHUNK_META | CHUNK_GENERATION_START;
        add_lost_meta(s, piece);
    }
    payload_add_lost(&s->payload, &before, &needed);
    header.t_last_ns = header.t_first_ns;
    s->result->n_filled++;
    return emit(s, piece, &header, header.flags, column_of(&s->payload), why);
}

static enum status take(struct salvage *s, const struct piece *piece, struct problem *why)
{
    const struct chunk_header *const header = header_of(s, piece);
    struct proto_column payload;
    bool made;
    TRY(load(s, piece, &payload, why));
    s->result->n_chunks++;
    if (header->process == 0)
        return take_own(s, piece, payload, why);
    TRY(fill(s, piece, payload, &made, why));
    if (made) /* the buffer was used for other chunks */
        TRY(load(s, piece, &payload, why));
    if (s->n_origins > 1)
        return emit(s, piece, header, header->flags, payload, why);
    return chunk_writer_adopt(s->writer, header, s->buffer.comp + CHUNK_HEADER_LEN, why);
}

/* The next chunk of the recording that is behind the others; `next` has a position for each. */
static struct piece *next_piece(const struct salvage *s, size_t *next)
{
    struct piece *best = NULL;
    size_t best_origin = 0;
    uint64_t best_ns = 0;
    for (size_t r = 0; r < s->n_origins; r++) {
        struct piece *const piece = &s->pieces[next[r]];
        if (next[r] == s->n_pieces || unit_of(s, piece)->recording->order != r)
            continue;
        const uint64_t ns = header_of(s, piece)->t_last_ns + s->origins[r].shift_ns;
        if (best == NULL || ns < best_ns) {
            best = piece;
            best_ns = ns;
            best_origin = r;
        }
    }
    if (best != NULL)
        next[best_origin]++;
    return best;
}

static enum status take_all(struct salvage *s, struct problem *why)
{
    size_t *const next = memory_get((s->n_origins + 1) * sizeof *next);
    enum status status = STATUS_OK;
    const struct piece *piece;
    for (size_t i = 0; i < s->n_pieces; i++) {
        const size_t r = unit_of(s, &s->pieces[i])->recording->order;
        if (i == 0 || unit_of(s, &s->pieces[i - 1])->recording->order != r)
            next[r] = i;
    }
    for (size_t r = 0; r < s->n_origins; r++) {
        if (s->n_pieces == 0 || unit_of(s, &s->pieces[next[r]])->recording->order != r)
            next[r] = s->n_pieces;
    }
    while (status == STATUS_OK && (piece = next_piece(s, next)) != NULL)
        status = take(s, piece, why);
    free(next);
    return status;
}

/* Who is missing in the recordings that become one. */
static void add_absences(const struct census *census, struct arena *arena,
                         Pyrec__V1__Summary *summary)
{
    size_t n = 0;
    summary->missing_counted = true;
    for (size_t r = 0; r < census->n_recordings; r++)
        n += census->recordings[r]->ending.n_absences;
    summary->not_recorded = arena_get(arena, n * sizeof *summary->not_recorded);
    for (size_t r = 0; r < census->n_recordings; r++) {
        const struct ending *const ending = &census->recordings[r]->ending;
        summary->missing_counted = summary->missing_counted && ending->absences_known;
        for (size_t i = 0; i < ending->n_absences; i++) {
            const struct absence *const from = &ending->absences[i];
            Pyrec__V1__NotRecorded *const to = arena_get(arena, sizeof *to);
            pyrec__v1__not_recorded__init(to);
            to->reason = arena_copy(arena, from->reason, strlen(from->reason));
            to->name = arena_copy(arena, from->name, strlen(from->name));
            to->count = from->count;
            to->unsure = from->unsure;
            summary->not_recorded[summary->n_not_recorded++] = to;
        }
    }
}

/* What is known of C functions. */
static enum status write_names(struct salvage *s, const struct audit *audit, struct problem *why)
{
    const struct debug_names *const names = &s->trace->names;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < names->n_objects && status == STATUS_OK; i++) {
        const uint8_t *const at = names->objects[i].bytes;
        buffer_reset(&s->payload);
        payload_copy(&s->payload, PYREC__V1__PACKET__BODY_SYMBOLS,
                     (struct proto_column){at, at + names->objects[i].n_bytes});
        const struct chunk chunk = {.flags = CHUNK_SYMBOLS,
                                    .t_first_ns = audit->last_ns,
                                    .t_last_ns = audit->last_ns,
                                    .raw = (const uint8_t *)s->payload.text,
                                    .raw_len = s->payload.len};
        status = chunk_writer_append(s->writer, &chunk, why);
    }
    return status;
}

/* The Summary of the recording, or one that says that there was none. */
static enum status write_end(struct salvage *s, const struct audit *audit, struct problem *why)
{
    Pyrec__V1__Summary summary = PYREC__V1__SUMMARY__INIT;
    Pyrec__V1__Packet packet = PYREC__V1__PACKET__INIT;
    struct chunk chunk = {.flags = CHUNK_SUMMARY, .t_last_ns = audit->last_ns};
    char cut[] = "cut off", merged[] = "merged";
    struct arena arena = {0};
    if (s->summary.len == 0 || s->n_origins > 1) {
        const uint64_t quantum_ns = s->clocks->quantum_ns;
        summary.end_q = quantum_ns > 0 ? audit->last_ns / quantum_ns : 0;
        summary.stop_reason = s->n_origins > 1 ? merged : cut;
        summary.processes = (uint32_t)s->trace->census.n_processes;
        if (s->n_origins > 1)
            add_absences(&s->trace->census, &arena, &summary);
        packet.body_case = PYREC__V1__PACKET__BODY_SUMMARY;
        packet.summary = &summary;
        buffer_reset(&s->summary);
        payload_add(&s->summary, &packet);
        arena_clear(&arena);
    }
    chunk.raw = (const uint8_t *)s->summary.text;
    chunk.raw_len = s->summary.len;
    struct chunk_writer *const writer = s->writer;
    s->writer = NULL;
    return chunk_writer_close(writer, &chunk, why);
}

static void salvage_clear(struct salvage *s)
{
    chunk_writer_abandon(s->writer);
    for (size_t r = 0; r < s->n_origins; r++)
        proto_arena_clear(&s->origins[r].arena);
    free(s->origins);
    free(s->pieces);
    free(s->ids);
    chunk_buffer_clear(&s->buffer);
    proto_arena_clear(&s->arena);
    buffer_clear(&s->payload);
    buffer_clear(&s->shifted);
    buffer_clear(&s->summary);
}

/* Into `path`, or, where that is NULL, into `fd`, which is closed in any case. */
static enum status write_to(struct trace *trace, const struct audit *audit, const char *path,
                            int fd, const struct salvage_remark *remark,
                            struct salvage_result *result, struct problem *why)
{
    struct salvage s = {.trace = trace, .result = result};
    *result = (struct salvage_result){0};
    list_pieces(&s);
    s.ids = memory_get((trace->n_units + 1) * sizeof *s.ids);
    find_origins(&s);
    if (s.clocks == NULL) {
        salvage_clear(&s);
        if (path == NULL)
            close(fd);
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "there is no Meta left that says how to read the rest");
    }
    choose_uuid(&s);
    const uint32_t tag = s.n_origins == 1 ? s.origins[0].recording->tag : bytes_get32(s.uuid);
    enum status status = path != NULL ? chunk_writer_open(&s.writer, path, tag, 0, why)
                                      : chunk_writer_begin(&s.writer, fd, tag, 0, why);
    if (status == STATUS_OK)
        status = write_beginning(&s, remark, why);
    if (status == STATUS_OK)
        status = take_all(&s, why);
    if (status == STATUS_OK)
        status = write_names(&s, audit, why);
    if (status == STATUS_OK)
        status = write_end(&s, audit, why);
    salvage_clear(&s);
    return status;
}

enum status salvage_write(struct trace *trace, const struct audit *audit, const char *path,
                          const struct salvage_remark *remark, struct salvage_result *result,
                          struct problem *why)
{
    return write_to(trace, audit, path, -1, remark, result, why);
}

enum status salvage_write_into(struct trace *trace, const struct audit *audit, int fd,
                               const struct salvage_remark *remark, struct salvage_result *result,
                               struct problem *why)
{
    return write_to(trace, audit, NULL, fd, remark, result, why);
}
