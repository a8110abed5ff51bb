/* SPDX-License-Identifier: MIT */
/* The packets of one recording as those of another: other times, other numbers. */
#include "salvage_parts.h"

struct shift {
    const struct salvage_origin *origin;
    uint64_t shift_q;
    ProtobufCBinaryData uuid;
    const Pyrec__V1__Meta *clocks;
};

/* Unless it has its own already: then it was merged before. */
static void shift_service(const Pyrec__V1__Meta *from, Pyrec__V1__Meta *to)
{
    if (from == NULL || to->service[0] != '\0' || to->service_version[0] != '\0' || to->n_label > 0)
        return;
    to->service = from->service;
    to->service_version = from->service_version;
    to->label = from->label;
    to->n_label = from->n_label;
}

static void shift_meta(const struct shift *shift, Pyrec__V1__Meta *meta)
{
    meta->trace_uuid = shift->uuid;
    meta->segment = 0;
    if (shift->clocks != NULL) {
        meta->start_mono_ns = shift->clocks->start_mono_ns;
        meta->start_unix_ns = shift->clocks->start_unix_ns;
    }
    /* The recording's own says only where the first of them was made. */
    if (meta->machine == NULL && shift->origin->meta != NULL)
        meta->machine = shift->origin->meta->machine;
    shift_service(shift->origin->meta, meta);
    if (meta->process == NULL)
        return;
    meta->process->number += shift->origin->process_base;
    meta->process->start_q += shift->shift_q;
}

static void shift_samples(const struct shift *shift, Pyrec__V1__Samples *samples)
{
    samples->origin_ns += shift->origin->shift_ns;
    samples->before_q += shift->shift_q;
}

static enum status shift_packet(const struct shift *shift, struct buffer *to, uint32_t field,
                                struct proto_column body, ProtobufCAllocator *memory)
{
    const size_t len = (size_t)(body.end - body.at);
    Pyrec__V1__Packet packet = PYREC__V1__PACKET__INIT;
    switch (field) {
    case PYREC__V1__PACKET__BODY_META:
        packet.meta = pyrec__v1__meta__unpack(memory, len, body.at);
        packet.body_case = PYREC__V1__PACKET__BODY_META;
        if (packet.meta != NULL)
            shift_meta(shift, packet.meta);
        break;
    case PYREC__V1__PACKET__BODY_DEFS:
        packet.defs = pyrec__v1__defs__unpack(memory, len, body.at);
        packet.body_case = PYREC__V1__PACKET__BODY_DEFS;
        for (size_t i = 0; packet.defs != NULL && i < packet.defs->n_thread; i++)
            packet.defs->thread[i]->start_q += shift->shift_q;
        break;
    case PYREC__V1__PACKET__BODY_SAMPLES:
        packet.samples = pyrec__v1__samples__unpack(memory, len, body.at);
        packet.body_case = PYREC__V1__PACKET__BODY_SAMPLES;
        if (packet.samples != NULL)
            shift_samples(shift, packet.samples);
        break;
    case PYREC__V1__PACKET__BODY_EVENTS:
        packet.events = pyrec__v1__events__unpack(memory, len, body.at);
        packet.body_case = PYREC__V1__PACKET__BODY_EVENTS;
        for (size_t i = 0; packet.events != NULL && i < packet.events->n_event; i++)
            packet.events->event[i]->time_q += shift->shift_q;
        break;
    case PYREC__V1__PACKET__BODY_SUMMARY:
        packet.summary = pyrec__v1__summary__unpack(memory, len, body.at);
        packet.body_case = PYREC__V1__PACKET__BODY_SUMMARY;
        if (packet.summary != NULL)
            packet.summary->end_q += shift->shift_q;
        break;
    case PYREC__V1__PACKET__BODY_INDEX:
        return STATUS_OK;
    default: /* nobody knows whether there are times in it */
        payload_copy(to, field, body);
        return STATUS_OK;
    }
    if (packet.meta == NULL) /* whichever it is: they are a union */
        return STATUS_DAMAGED;
    payload_add(to, &packet);
    return STATUS_OK;
}

enum status payload_shift(struct buffer *to, struct proto_column payload,
                          const struct salvage_origin *origin, uint64_t quantum_ns,
                          ProtobufCBinaryData uuid, const Pyrec__V1__Meta *clocks,
                          struct proto_arena *arena)
{
    const struct shift shift = {origin, origin->shift_ns / quantum_ns, uuid, clocks};
    struct proto_column body;
    uint32_t field;
    enum status status;
    while (packet_next(&payload, &field, &body, &status)) {
        ProtobufCAllocator *const memory = proto_arena_reset(arena, (size_t)(body.end - body.at));
        TRY(shift_packet(&shift, to, field, body, memory));
    }
    return status;
}
