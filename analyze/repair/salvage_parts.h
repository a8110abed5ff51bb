/* SPDX-License-Identifier: MIT */
/*
 * salvage_parts - what the files of salvage share.
 *
 * On the line:  inside salvage
 * Threads:      one.
 */
#ifndef PYREC_ANALYZE_SALVAGE_PARTS_H
#define PYREC_ANALYZE_SALVAGE_PARTS_H

#include "analyze/base/buffer.h"
#include "analyze/read/trace.h"
#include "format/columns.h"
#include "format/proto_arena.h"
#include "format/trace.pb-c.h"

/* Where a recording comes from, and what becomes of it in the new file. */
struct salvage_origin {
    const struct recording *recording;
    struct proto_arena arena;
    Pyrec__V1__Meta *meta; /* its first; NULL when none is left */
    uint64_t shift_ns;     /* added to its times */
    uint32_t process_base; /* added to its process numbers */
};

/* Ids that a generation of the new file has, one past the last; by kind. */
enum id_kind { ID_STRING, ID_FUNCTION, ID_LOCATION, ID_STACK, ID_KINDS };
struct unit_ids {
    uint32_t next[ID_KINDS]; /* 0 = nothing yet, the same as 1 */
    bool started;
};

/* Append a packet to a payload. */
void payload_add(struct buffer *payload, const Pyrec__V1__Packet *packet);

/* Append a packet as it stands: its field in message Packet and its bytes. */
void payload_copy(struct buffer *payload, uint32_t field, struct proto_column body);

/*
 * What a payload needs to be defined before it, with `ids` there already: raises ids to that, and
 * returns whether there was anything to raise. Afterwards unit_ids_add has what it defines itself.
 */
bool unit_ids_need(struct unit_ids *ids, struct proto_column payload, uint64_t quantum_ns,
                   struct proto_arena *arena);
void unit_ids_add(struct unit_ids *ids, struct proto_column payload, struct proto_arena *arena);

/* Append a Defs packet that defines the ids from `from` up to `to` as lost. */
void payload_add_lost(struct buffer *payload, const struct unit_ids *from,
                      const struct unit_ids *to);

/*
 * Append the packets of a chunk's payload with times and process number moved, and the Metas of
 * `uuid`, with the clocks of `clocks`. STATUS_DAMAGED where one does not parse.
 */
MUST_CHECK enum status payload_shift(struct buffer *to, struct proto_column payload,
                                     const struct salvage_origin *origin, uint64_t quantum_ns,
                                     ProtobufCBinaryData uuid, const Pyrec__V1__Meta *clocks,
                                     struct proto_arena *arena);

#endif
