/* SPDX-License-Identifier: MIT */
#include "encode.h"

#include "encode_parts.h"
#include "format/columns.h"
#include "record/tables/utf8.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PACKETS 6
#define MAX_CUTS    4

struct encoder {
    struct bump bump;
    uint8_t *bytes;
    size_t size;
    size_t cuts[MAX_CUTS];
};

/* The packets of one chunk. */
struct packets {
    Pyrec__V1__Packet *list[MAX_PACKETS];
    size_t n;
    uint16_t flags;
};

void *encode_new(struct bump *bump, const ProtobufCMessageDescriptor *type)
{
    void *message = bump_take(bump, 1, type->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(type, message);
    return message;
}

void *encode_copy(struct bump *bump, const void *bytes, size_t len)
{
    void *copy = bump_take(bump, 1, len);
    if (copy != NULL)
        memcpy(copy, bytes, len);
    return copy;
}

char *encode_clean_text(struct bump *bump, const char *text)
{
    const size_t room = 4 * strlen(text) + 1;
    char *clean = bump_take(bump, room, 1);
    if (clean != NULL)
        clean[utf8_clean(text, strlen(text), clean, room - 1)] = '\0';
    return clean;
}

char *encode_text(struct bump *bump, const char *text)
{
    return encode_copy(bump, text, strlen(text) + 1);
}

enum status encoder_new(struct encoder **out, struct problem *why)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "encoder");
    return STATUS_OK;
}

void encoder_free(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    bump_clear(&encoder->bump);
    free(encoder->bytes);
    free(encoder);
}

/* ---- packets ---- */

static Pyrec__V1__Packet *packet_add(struct bump *bump, struct packets *to,
                                     Pyrec__V1__Packet__BodyCase body, uint16_t flag)
{
    Pyrec__V1__Packet *packet = encode_new(bump, &pyrec__v1__packet__descriptor);
    if (packet != NULL) {
        packet->body_case = body;
        to->list[to->n++] = packet;
        to->flags |= flag;
    }
    return packet;
}

static bool has_defs(const struct stream *stream)
{
    const struct intern_counts *is = &stream->intern.count, *was = &stream->intern.sent;
    if (memcmp(is, was, sizeof *is) != 0)
        return true;
    if (stream->contexts.n_news > 0)
        return true;
    for (uint32_t i = 0; i < stream->roster.n; i++)
        if (!stream->roster.threads[i]->is_declared)
            return true;
    return false;
}

/* In the order of their numbers, which is the order in which a reader wants them. */
static void packets_build(struct bump *bump, const struct encode_job *job, struct packets *to)
{
    Pyrec__V1__Packet *packet;
    const struct stream *stream = job->stream;
    if (job->recording != NULL &&
        (packet = packet_add(bump, to, PYREC__V1__PACKET__BODY_META, CHUNK_META)) != NULL)
        packet->meta = encode_meta(bump, job);
    if (stream != NULL && has_defs(stream) &&
        (packet = packet_add(bump, to, PYREC__V1__PACKET__BODY_DEFS, CHUNK_DEFS)) != NULL)
        packet->defs = encode_defs(bump, stream);
    if (stream != NULL && stream->batch.n_ticks > 0 &&
        (packet = packet_add(bump, to, PYREC__V1__PACKET__BODY_SAMPLES, CHUNK_SAMPLES)) != NULL)
        packet->samples = encode_samples(bump, job);
    if (stream != NULL && stream->batch.n_events > 0 &&
        (packet = packet_add(bump, to, PYREC__V1__PACKET__BODY_EVENTS, CHUNK_EVENTS)) != NULL)
        packet->events = encode_events(bump, stream);
    if (job->missing != NULL &&
        (packet = packet_add(bump, to, PYREC__V1__PACKET__BODY_EVENTS, CHUNK_EVENTS)) != NULL)
        packet->events = encode_missing(bump, job);
    if (job->end != NULL &&
        (packet = packet_add(bump, to, PYREC__V1__PACKET__BODY_SUMMARY, CHUNK_SUMMARY)) != NULL)
        packet->summary = encode_summary(bump, job);
}

/* ---- cuts ---- */

/* Numbers in trace.proto. */
enum { PACKET_DEFS = 2, PACKET_SAMPLES = 3 };
enum { SAMPLES_STACK = 17, SAMPLES_CPU = 18, SAMPLES_STATE = 19 };

/* Where columns begin whose numbers look unlike those before them. */
static size_t cuts_find(const uint8_t *raw, size_t raw_len, size_t cuts[MAX_CUTS])
{
    struct proto_column payload = {raw, raw + raw_len}, body, bytes;
    uint32_t packet, field;
    unsigned wire_type;
    uint64_t value;
    enum status status;
    size_t n = 0;
    while (packet_next(&payload, &packet, &body, &status)) {
        if (packet == PACKET_DEFS && n < MAX_CUTS)
            cuts[n++] = (size_t)(body.end - raw);
        if (packet != PACKET_SAMPLES)
            continue;
        while (field_next(&body, &field, &wire_type, &value, &bytes, &status))
            if ((field == SAMPLES_STACK || field == SAMPLES_CPU || field == SAMPLES_STATE) &&
                n < MAX_CUTS)
                cuts[n++] = (size_t)(bytes.at - raw);
    }
    return n;
}

/* ---- the chunk ---- */

static bool bytes_reserve(struct encoder *encoder, size_t size)
{
    if (size <= encoder->size)
        return true;
    uint8_t *bytes = realloc(encoder->bytes, size + size / 2);
    if (bytes == NULL)
        return false;
    encoder->bytes = bytes;
    encoder->size = size + size / 2;
    return true;
}

enum status encode_chunk(struct encoder *encoder, const struct encode_job *job, struct chunk *chunk,
                         struct problem *why)
{
    struct packets packets = {.n = 0};
    bump_reset(&encoder->bump);
    packets_build(&encoder->bump, job, &packets);
    Pyrec__V1__Trace trace = PYREC__V1__TRACE__INIT;
    trace.packet = packets.list;
    trace.n_packet = packets.n;
    if (encoder->bump.has_failed ||
        !bytes_reserve(encoder, pyrec__v1__trace__get_packed_size(&trace)))
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "columns of a chunk");
    chunk->raw = encoder->bytes;
    chunk->raw_len = packets.n == 0 ? 0 : pyrec__v1__trace__pack(&trace, encoder->bytes);
    chunk->cuts = encoder->cuts;
    chunk->n_cuts = cuts_find(encoder->bytes, chunk->raw_len, encoder->cuts);
    chunk->flags = packets.flags;
    return STATUS_OK;
}
