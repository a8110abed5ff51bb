/* SPDX-License-Identifier: MIT */
/*
 * columns - packed protobuf columns without expanding them.
 *
 * On the line:  encode writes columns through protobuf-c; trace reads them through this.
 * Memory:       nothing is owned; a column borrows the bytes of the payload.
 * Idea:         a packed repeated field and a bytes field look the same on the wire, so a Samples
 *               message can be cut into byte ranges and its varints read straight from there:
 *               three times faster than unpacking into arrays (trace-format measurements).
 *
 * Always true:  a column never reads past its end; reading from an empty one fails.
 */
#ifndef PYREC_FORMAT_COLUMNS_H
#define PYREC_FORMAT_COLUMNS_H

#include "status.h"
#include "tick.h"
#include <stdbool.h>

struct proto_column {
    const uint8_t *at, *end;
};

/* The next varint; false at the end or when it is longer than ten bytes. */
static inline bool column_next(struct proto_column *c, uint64_t *value)
{
    if (__builtin_expect(c->at < c->end && *c->at < 0x80, 1)) {
        *value = *c->at++;
        return true;
    }
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        const uint8_t byte = *c->at++;
        v |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (byte < 0x80) {
            *value = v;
            return true;
        }
    }
    return false;
}

/* The other way round: write a varint, at most VARINT_MAX bytes; returns how many. */
#define VARINT_MAX 10u
static inline size_t varint_write(uint8_t *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (uint8_t)(value | 0x80);
    to[n++] = (uint8_t)value;
    return n;
}

static inline uint64_t zigzag_encode(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t zigzag_decode(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline bool column_next_signed(struct proto_column *c, int64_t *value)
{
    uint64_t v;
    if (!column_next(c, &v))
        return false;
    *value = zigzag_decode(v);
    return true;
}

static inline bool column_empty(const struct proto_column *c)
{
    return c->at >= c->end;
}

/* How many varints it holds (bytes below 0x80). */
size_t column_count(const struct proto_column *c);

/*
 * The packets of a payload, one after the other: *field is the number in message Packet's oneof
 * (1 meta .. 6 summary; others are to be skipped), *body its bytes. False at the end; *status is
 * then STATUS_OK, or STATUS_DAMAGED when the bytes do not parse.
 */
bool packet_next(struct proto_column *payload, uint32_t *field, struct proto_column *body,
                 enum status *status);

/*
 * The fields of one message: number, wire type; varints and fixed values in *value, length-
 * delimited ones in *bytes. False at the end or (status says) where it does not parse.
 */
bool field_next(struct proto_column *message, uint32_t *number, unsigned *wire_type,
                uint64_t *value, struct proto_column *bytes, enum status *status);

/* A Samples message, cut up. Absent columns are empty. Names as in trace.proto. */
struct samples_columns {
    uint64_t origin_ns, interval_ns, first_tick, before_q;
    struct proto_column late_q, missed_at, missed_n, missed_gap_q;
    struct proto_column thread, thread_stack, thread_state, thread_call, thread_begin, thread_end,
        thread_runs;
    struct proto_column run, stack, cpu, state, call_at, call, task_at, task, holder_run, holder;
    struct proto_column context_at, context, thread_context;
    struct proto_column account; /* serialized Account, empty when absent */
};

/* Cut `body` (of a samples packet). STATUS_DAMAGED where it does not parse. */
MUST_CHECK enum status samples_columns_parse(struct samples_columns *out, struct proto_column body,
                                             struct problem *why);

#endif
