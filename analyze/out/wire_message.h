/* SPDX-License-Identifier: MIT */
/*
 * wire_message - write protobuf messages field by field, and gzip what is written.
 *
 * On the line:  under pprof.
 * Memory:       a message is a struct buffer; struct gzip is the caller's, gzip_open fills it and
 *               gzip_close takes it back.
 * Loss:         a failed write shows when the sink is closed.
 *
 * A profile has as many samples as there are stacks: each is written when it is known, so that the
 * whole message is never in memory.
 */
#ifndef PYREC_ANALYZE_OUT_WIRE_MESSAGE_H
#define PYREC_ANALYZE_OUT_WIRE_MESSAGE_H

#include "analyze/base/buffer.h"
#include "analyze/base/sink.h"

#include <stdint.h>
#define ZLIB_CONST
#include <zlib.h>

/* A number; 0 is left out, as in proto3. */
void message_number(struct buffer *message, unsigned field, uint64_t value);
/* A text or a message within. */
void message_bytes(struct buffer *message, unsigned field, const char *bytes, size_t len);
void message_text(struct buffer *message, unsigned field, const char *text);
void message_message(struct buffer *message, unsigned field, const struct buffer *inner);

/* One entry more of a packed column: the column is gathered first, then it is message_message. */
void packed_add(struct buffer *column, uint64_t value);

struct gzip {
    z_stream stream;
    struct sink *to;
    unsigned char out[1 << 16];
};

void gzip_open(struct gzip *gzip, struct sink *to);
void gzip_write(struct gzip *gzip, const struct buffer *bytes);
void gzip_close(struct gzip *gzip);

#endif
