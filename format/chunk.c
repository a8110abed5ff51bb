/* SPDX-License-Identifier: MIT */
#include "chunk.h"
#include "bytes.h"
#include "crc32c.h"
#include <string.h>

_Static_assert(sizeof(CHUNK_MAGIC) == CHUNK_MAGIC_LEN + 1, "the magic has eight bytes");
_Static_assert(sizeof(TRAILER_MAGIC) == CHUNK_MAGIC_LEN + 1, "so has the trailer's");

/* Both frames begin alike: zstd's magic, the length of the rest, a magic of ours. */
static void frame_start(uint8_t *bytes, uint32_t len, const char *magic)
{
    bytes_put32(bytes, CHUNK_SKIPPABLE_MAGIC);
    bytes_put32(bytes + 4, len - 8);
    memcpy(bytes + 8, magic, CHUNK_MAGIC_LEN);
}

/* And both end with the CRC of what is before it. */
static bool frame_is_good(const uint8_t *bytes, uint32_t len, const char *magic)
{
    return bytes_get32(bytes) == CHUNK_SKIPPABLE_MAGIC && bytes_get32(bytes + 4) == len - 8 &&
           memcmp(bytes + 8, magic, CHUNK_MAGIC_LEN) == 0 &&
           bytes_get32(bytes + len - 4) == crc32c_add(0, bytes, len - 4);
}

void chunk_header_write(const struct chunk_header *header, uint8_t bytes[CHUNK_HEADER_LEN])
{
    frame_start(bytes, CHUNK_HEADER_LEN, CHUNK_MAGIC);
    bytes_put32(bytes + 16, header->tag);
    bytes[20] = header->version;
    bytes[21] = 0;
    bytes_put16(bytes + 22, header->flags);
    bytes_put32(bytes + 24, header->seq);
    bytes_put32(bytes + 28, header->process);
    bytes_put32(bytes + 32, header->generation);
    bytes_put32(bytes + 36, header->comp_len);
    bytes_put32(bytes + 40, header->raw_len);
    bytes_put32(bytes + 44, header->payload_crc);
    bytes_put64(bytes + 48, header->t_first_ns);
    bytes_put64(bytes + 56, header->t_last_ns);
    bytes_put32(bytes + 64, 0);
    bytes_put32(bytes + 68, crc32c_add(0, bytes, 68));
}

bool chunk_header_parse(struct chunk_header *header, const uint8_t bytes[CHUNK_HEADER_LEN])
{
    if (!frame_is_good(bytes, CHUNK_HEADER_LEN, CHUNK_MAGIC))
        return false;
    *header = (struct chunk_header){
        .tag = bytes_get32(bytes + 16),
        .version = bytes[20],
        .flags = bytes_get16(bytes + 22),
        .seq = bytes_get32(bytes + 24),
        .process = bytes_get32(bytes + 28),
        .generation = bytes_get32(bytes + 32),
        .comp_len = bytes_get32(bytes + 36),
        .raw_len = bytes_get32(bytes + 40),
        .payload_crc = bytes_get32(bytes + 44),
        .t_first_ns = bytes_get64(bytes + 48),
        .t_last_ns = bytes_get64(bytes + 56),
    };
    return true;
}

void chunk_trailer_write(const struct chunk_trailer *trailer, uint8_t bytes[TRAILER_LEN])
{
    frame_start(bytes, TRAILER_LEN, TRAILER_MAGIC);
    bytes_put32(bytes + 16, trailer->tag);
    bytes_put32(bytes + 20, trailer->n_chunks);
    bytes_put64(bytes + 24, trailer->index_offset);
    bytes_put64(bytes + 32, trailer->file_size);
    bytes_put32(bytes + 40, 0);
    bytes_put32(bytes + 44, crc32c_add(0, bytes, 44));
}

bool chunk_trailer_parse(struct chunk_trailer *trailer, const uint8_t bytes[TRAILER_LEN])
{
    if (!frame_is_good(bytes, TRAILER_LEN, TRAILER_MAGIC))
        return false;
    *trailer = (struct chunk_trailer){
        .tag = bytes_get32(bytes + 16),
        .n_chunks = bytes_get32(bytes + 20),
        .index_offset = bytes_get64(bytes + 24),
        .file_size = bytes_get64(bytes + 32),
    };
    return true;
}
