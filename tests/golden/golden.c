/* SPDX-License-Identifier: MIT */
#include "golden.h"
#include <stdlib.h>

const struct golden goldens[] = {
    {"v1-tiny", "v1-tiny.trace", golden_tiny},
    {"v1-full", "v1-full.trace", golden_full},
    {"v1-busy", "v1-busy.trace", golden_busy},
    {"v1-open", "v1-open.trace", golden_open},
    {"v1-damaged", "v1-damaged.trace", golden_damaged},
    {"v1-later", "v1-later.trace", golden_later},
    {"v1-native", "v1-native.trace", golden_native},
    {"v1-symbols", "v1-native.trace.symbols", golden_symbols},
    {"v1-awaits", "v1-awaits.trace", golden_awaits},
    {"v1-phases", "v1-phases.trace", golden_phases},
    {NULL, NULL, NULL},
};

/* The pointers in protobuf-c's union are one pointer, whatever they point to. */
void golden_add(struct bytes *raw, Pyrec__V1__Packet__BodyCase which, void *message)
{
    Pyrec__V1__Packet packet;
    Pyrec__V1__Packet *packets[] = {&packet};
    Pyrec__V1__Trace trace;

    pyrec__v1__packet__init(&packet);
    pyrec__v1__trace__init(&trace);
    packet.body_case = which;
    packet.meta = message;
    trace.n_packet = 1;
    trace.packet = packets;
    const size_t len = pyrec__v1__trace__get_packed_size(&trace);
    uint8_t *const packed = malloc(len);
    require(packed != NULL);
    pyrec__v1__trace__pack(&trace, packed);
    bytes_add(raw, packed, len);
    free(packed);
}

void golden_meta(Pyrec__V1__Meta *meta, uint32_t generation)
{
    static uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x46, 0x77,
                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    static char recorder[] = "pyrec 0.1.0";

    pyrec__v1__meta__init(meta);
    meta->recorder = recorder;
    meta->trace_uuid = (ProtobufCBinaryData){sizeof(uuid), uuid};
    meta->generation = generation;
    meta->quantum_ns = GOLDEN_QUANTUM;
    meta->interval_ns = GOLDEN_INTERVAL;
    meta->start_mono_ns = 5000000000;
    meta->start_unix_ns = 1700000000000000000;
}

void golden_append(struct chunk_writer *writer, struct chunk *chunk, struct bytes *raw)
{
    struct problem why;
    chunk->raw = raw->at;
    chunk->raw_len = raw->len;
    require(chunk_writer_append(writer, chunk, &why) == STATUS_OK);
    raw->len = 0;
}

void golden_close(struct chunk_writer *writer, struct chunk *chunk, struct bytes *raw)
{
    struct problem why;
    chunk->raw = raw->at;
    chunk->raw_len = raw->len;
    require(chunk_writer_close(writer, chunk, &why) == STATUS_OK);
    bytes_free(raw);
}
