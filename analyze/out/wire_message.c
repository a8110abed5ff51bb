/* SPDX-License-Identifier: MIT */
#include "wire_message.h"

#include "analyze/base/memory.h"
#include "format/columns.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

void packed_add(struct buffer *column, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    buffer_add(column, (const char *)bytes, varint_write(bytes, value));
}

void message_number(struct buffer *message, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    packed_add(message, field << 3 | WIRE_VARINT);
    packed_add(message, value);
}

void message_bytes(struct buffer *message, unsigned field, const char *bytes, size_t len)
{
    packed_add(message, field << 3 | WIRE_BYTES);
    packed_add(message, len);
    buffer_add(message, bytes, len);
}

void message_text(struct buffer *message, unsigned field, const char *text)
{
    message_bytes(message, field, text, strlen(text));
}

void message_message(struct buffer *message, unsigned field, const struct buffer *inner)
{
    message_bytes(message, field, inner->text, inner->len);
}

void gzip_open(struct gzip *gzip, struct sink *to)
{
    *gzip = (struct gzip){.to = to};
    /* 16: a gzip header; it has no time, so that the same profile gives the same file */
    if (deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        memory_fail();
}

static void deflate_all(struct gzip *gzip, int flush)
{
    do {
        gzip->stream.next_out = gzip->out;
        gzip->stream.avail_out = sizeof gzip->out;
        (void)deflate(&gzip->stream, flush); /* fails only when it is called in a wrong way */
        fwrite(gzip->out, 1, sizeof gzip->out - gzip->stream.avail_out, gzip->to->file);
    } while (gzip->stream.avail_out == 0);
}

void gzip_write(struct gzip *gzip, const struct buffer *bytes)
{
    const char *at = bytes->text;
    for (size_t left = bytes->len; left > 0;) {
        const unsigned n = left < (1u << 30) ? (unsigned)left : 1u << 30;
        gzip->stream.next_in = (const Bytef *)at;
        gzip->stream.avail_in = n;
        deflate_all(gzip, Z_NO_FLUSH);
        at += n;
        left -= n;
    }
}

void gzip_close(struct gzip *gzip)
{
    deflate_all(gzip, Z_FINISH);
    deflateEnd(&gzip->stream);
}
