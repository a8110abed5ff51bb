/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a payload: packets, fields and columns stay inside it, and what protobuf-c makes of
 * it stays under the lid.
 */
#include "format/chunk_index.h"
#include "format/proto_arena.h"
#include "format/trace.pb-c.h"
#include "fuzz.h"

static void column_check(const struct proto_column *column, const struct proto_column *body)
{
    struct proto_column rest = *column;
    uint64_t value;
    size_t n = 0;

    if (column->at == NULL)
        return;
    ALWAYS(column->at >= body->at && column->at <= column->end && column->end <= body->end);
    const size_t count = column_count(column);
    while (column_next(&rest, &value))
        n++;
    /* Nothing is read past the end; numbers of more than ten bytes end it early. */
    ALWAYS(rest.at <= column->end && n <= count);
}

static void samples_check(struct proto_column body)
{
    struct samples_columns c;

    if (samples_columns_parse(&c, body, NULL) != STATUS_OK)
        return;
    const struct proto_column *const all[] = {
        &c.late_q,       &c.missed_at,    &c.missed_n,    &c.missed_gap_q, &c.thread,
        &c.thread_stack, &c.thread_state, &c.thread_call, &c.thread_begin, &c.thread_end,
        &c.thread_runs,  &c.run,          &c.stack,       &c.cpu,          &c.state,
        &c.call_at,      &c.call,         &c.task_at,     &c.task,         &c.holder_run,
        &c.holder,       &c.account};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        column_check(all[i], &body);
    if (c.interval_ns > 0 && c.interval_ns <= LIMIT_INTERVAL_NS && c.first_tick < UINT32_MAX &&
        c.origin_ns < INT64_MAX)
        ALWAYS(tick_due_ns(c.origin_ns, c.interval_ns, c.first_tick) -
                   (c.origin_ns + c.first_tick * c.interval_ns) <
               c.interval_ns);
}

static void fields_check(struct proto_column body)
{
    const struct proto_column all = body;
    struct proto_column bytes;
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    enum status status;

    while (field_next(&body, &number, &wire_type, &value, &bytes, &status)) {
        ALWAYS(number > 0 && number < 1u << 29);
        if (wire_type == 2)
            column_check(&bytes, &all);
    }
    ALWAYS(status == STATUS_DAMAGED || body.at == body.end);
}

static void index_check(struct proto_column body)
{
    const struct chunk_place self = {.offset = 1 << 20, .header = {.seq = 1000, .version = 1}};
    struct chunk_place *places;
    size_t n;

    if (chunk_index_parse(body, &self, &places, &n) != STATUS_OK)
        return;
    for (size_t i = 0; i + 1 < n; i++)
        ALWAYS(places[i].offset + CHUNK_HEADER_LEN + places[i].header.comp_len ==
                   places[i + 1].offset &&
               places[i].header.t_first_ns <= places[i].header.t_last_ns);
    free(places);
}

static void packet_check(uint32_t field, struct proto_column body, struct proto_arena *arena)
{
    static const ProtobufCMessageDescriptor *const kinds[] = {
        NULL,
        &pyrec__v1__meta__descriptor,
        &pyrec__v1__defs__descriptor,
        &pyrec__v1__samples__descriptor,
        &pyrec__v1__events__descriptor,
        &pyrec__v1__index__descriptor,
        &pyrec__v1__summary__descriptor,
    };
    const size_t len = (size_t)(body.end - body.at);

    fields_check(body);
    if (field == 3)
        samples_check(body);
    if (field == 5)
        index_check(body);
    if (field == 0 || field >= ARRAY_LEN(kinds))
        return;
    ProtobufCAllocator *const allocator = proto_arena_reset(arena, len);
    (void)protobuf_c_message_unpack(kinds[field], allocator, len, body.at);
    ALWAYS(arena->used <= 16 * len + 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_arena arena = {0};
    struct proto_column payload = {data, data + size}, body;
    const struct proto_column all = payload;
    uint32_t field;
    enum status status;

    while (packet_next(&payload, &field, &body, &status)) {
        column_check(&body, &all);
        packet_check(field, body, &arena);
    }
    ALWAYS(status == STATUS_DAMAGED || payload.at == payload.end);
    proto_arena_clear(&arena);
    return 0;
}
