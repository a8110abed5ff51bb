/* SPDX-License-Identifier: MIT */
#include "columns.h"
#include <stddef.h>

enum wire_types { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Numbers in the messages Trace and Packet, see trace.proto. */
enum { TRACE_PACKET = 1, PACKET_META = 1, PACKET_SUMMARY = 6 };

size_t column_count(const struct proto_column *c)
{
    size_t n = 0;
    for (const uint8_t *at = c->at; at < c->end; at++)
        n += *at < 0x80;
    return n;
}

static bool take_fixed(struct proto_column *c, size_t len, uint64_t *value)
{
    if ((size_t)(c->end - c->at) < len)
        return false;
    *value = 0;
    for (size_t i = 0; i < len; i++)
        *value |= (uint64_t)c->at[i] << (8 * i);
    c->at += len;
    return true;
}

static bool take_bytes(struct proto_column *c, struct proto_column *bytes)
{
    uint64_t len;
    if (!column_next(c, &len) || len > (uint64_t)(c->end - c->at))
        return false;
    *bytes = (struct proto_column){c->at, c->at + len};
    c->at += len;
    return true;
}

static bool take_value(struct proto_column *c, unsigned wire_type, uint64_t *value,
                       struct proto_column *bytes)
{
    switch (wire_type) {
    case WIRE_VARINT:
        return column_next(c, value);
    case WIRE_FIXED64:
        return take_fixed(c, 8, value);
    case WIRE_FIXED32:
        return take_fixed(c, 4, value);
    case WIRE_BYTES:
        return take_bytes(c, bytes);
    default:
        return false; /* groups, which the format never uses */
    }
}

bool field_next(struct proto_column *message, uint32_t *number, unsigned *wire_type,
                uint64_t *value, struct proto_column *bytes, enum status *status)
{
    uint64_t key;

    *status = STATUS_OK;
    if (column_empty(message))
        return false;
    *value = 0;
    *bytes = (struct proto_column){NULL, NULL};
    if (!column_next(message, &key) || key > UINT32_MAX || key >> 3 == 0 ||
        !take_value(message, key & 7, value, bytes)) {
        *status = STATUS_DAMAGED;
        return false;
    }
    *number = (uint32_t)(key >> 3);
    *wire_type = key & 7;
    return true;
}

/* The body in a packet: the last one we know, as protobuf has it for a oneof; else any other. */
static enum status packet_body(struct proto_column packet, uint32_t *field,
                               struct proto_column *body)
{
    struct proto_column bytes;
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    enum status status;
    bool known = false;

    *field = 0;
    *body = (struct proto_column){packet.end, packet.end};
    while (field_next(&packet, &number, &wire_type, &value, &bytes, &status)) {
        const bool is_known = number >= PACKET_META && number <= PACKET_SUMMARY;
        if (is_known && wire_type != WIRE_BYTES)
            return STATUS_DAMAGED;
        if (wire_type != WIRE_BYTES || (known && !is_known))
            continue;
        *field = number;
        *body = bytes;
        known = is_known;
    }
    return status;
}

bool packet_next(struct proto_column *payload, uint32_t *field, struct proto_column *body,
                 enum status *status)
{
    struct proto_column packet;
    uint32_t number;
    unsigned wire_type;
    uint64_t value;

    while (field_next(payload, &number, &wire_type, &value, &packet, status)) {
        if (number != TRACE_PACKET)
            continue;
        *status = wire_type == WIRE_BYTES ? packet_body(packet, field, body) : STATUS_DAMAGED;
        return *status == STATUS_OK;
    }
    return false;
}

/* The numbers of message Samples: what is where in struct samples_columns. */
struct samples_field {
    bool is_column;
    size_t offset;
};

#define SCALAR(name)                                                                               \
    {                                                                                              \
        false, offsetof(struct samples_columns, name)                                              \
    }
#define COLUMN(name)                                                                               \
    {                                                                                              \
        true, offsetof(struct samples_columns, name)                                               \
    }
#define ABSENT SIZE_MAX

static const struct samples_field *samples_field_find(uint32_t number)
{
    static const struct samples_field fields[] = {
        [0] = {false, ABSENT},       [1] = SCALAR(origin_ns),     [2] = SCALAR(interval_ns),
        [3] = SCALAR(first_tick),    [4] = SCALAR(before_q),      [5] = COLUMN(late_q),
        [6] = COLUMN(missed_at),     [7] = COLUMN(missed_n),      [8] = COLUMN(thread),
        [9] = COLUMN(thread_stack),  [10] = COLUMN(thread_state), [11] = COLUMN(thread_call),
        [12] = COLUMN(thread_begin), [13] = COLUMN(thread_end),   [14] = COLUMN(thread_runs),
        [15] = {false, ABSENT},      [16] = COLUMN(run),          [17] = COLUMN(stack),
        [18] = COLUMN(cpu),          [19] = COLUMN(state),        [20] = COLUMN(call_at),
        [21] = COLUMN(call),         [22] = COLUMN(holder_run),   [23] = COLUMN(holder),
        [24] = COLUMN(account),      [25] = {false, ABSENT}, /* native: many, each a message;
                                                                field_next finds them */
        [26] = COLUMN(missed_gap_q), [27] = COLUMN(task_at),      [28] = COLUMN(task),
        [40] = COLUMN(context_at),   [41] = COLUMN(context),      [42] = COLUMN(thread_context),
    };
    const bool is_there = number < ARRAY_LEN(fields) && fields[number].offset != ABSENT;
    if (!is_there || (number != 1 && fields[number].offset == 0)) /* a gap in the numbers */
        return NULL;
    return &fields[number];
}

/* protobuf allows a column in several pieces; this format does not (FORMAT.md). */
static const char *column_set(struct proto_column *column, unsigned wire_type,
                              struct proto_column bytes, bool is_varints)
{
    if (wire_type != WIRE_BYTES)
        return "is not packed";
    if (column->at != column->end)
        return "comes in two pieces";
    if (is_varints && bytes.at != bytes.end && bytes.end[-1] >= 0x80)
        return "ends inside a number";
    *column = bytes;
    return NULL;
}

enum status samples_columns_parse(struct samples_columns *out, struct proto_column body,
                                  struct problem *why)
{
    struct proto_column bytes;
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    enum status status;

    *out = (struct samples_columns){0};
    while (field_next(&body, &number, &wire_type, &value, &bytes, &status)) {
        const struct samples_field *field = samples_field_find(number);
        if (field == NULL)
            continue;
        char *const target = (char *)out + field->offset;
        if (field->is_column) {
            const bool is_varints = field->offset != offsetof(struct samples_columns, account);
            const char *fault =
                column_set((struct proto_column *)(void *)target, wire_type, bytes, is_varints);
            if (fault != NULL)
                return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "column %u %s", number,
                                   fault);
        } else {
            if (wire_type != WIRE_VARINT)
                return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                                   "field %u is not a number", number);
            *(uint64_t *)(void *)target = value;
        }
    }
    if (status != STATUS_OK)
        return problem_set(why, status, PROBLEM_NO_OFFSET, "samples do not parse");
    return STATUS_OK;
}
