/* SPDX-License-Identifier: MIT */
/*
 * A mutator that gets behind the checksums: it takes a chunk apart, changes header or payload, and
 * puts it together with good lengths and CRCs. Only libFuzzer calls it.
 */
#include "format/bytes.h"
#include "format/chunk.h"
#include "format/crc32c.h"
#include "fuzz.h"
#include <string.h>
#include <zstd.h>

enum { RAW_MAX = 64 << 10 };

/* Where the chunks are that one can hop to; at most `room`. */
static size_t chunks_find(const uint8_t *data, size_t size, size_t *offsets, size_t room)
{
    struct chunk_header header;
    size_t n = 0, at = 0;
    while (n < room && at + CHUNK_HEADER_LEN <= size && chunk_header_parse(&header, data + at)) {
        if (header.comp_len > size - at - CHUNK_HEADER_LEN)
            break;
        offsets[n++] = at;
        at += CHUNK_HEADER_LEN + header.comp_len;
    }
    return n;
}

/* Put `len` bytes in the place of the `old_len` bytes at `at`; the new size, 0 if it is too much.
 */
static size_t replace(uint8_t *data, size_t size, size_t max_size, size_t at, size_t old_len,
                      const uint8_t *with, size_t len)
{
    if (size - old_len + len > max_size)
        return 0;
    memmove(data + at + len, data + at + old_len, size - at - old_len);
    memcpy(data + at, with, len);
    return size - old_len + len;
}

static size_t payload_mutate(uint8_t *data, size_t size, size_t max_size, size_t at)
{
    static uint8_t raw[RAW_MAX], frame[CHUNK_HEADER_LEN + ZSTD_COMPRESSBOUND(RAW_MAX)];
    struct chunk_header header;

    chunk_header_parse(&header, data + at);
    size_t raw_len =
        ZSTD_decompress(raw, sizeof(raw), data + at + CHUNK_HEADER_LEN, header.comp_len);
    if (ZSTD_isError(raw_len))
        return 0;
    raw_len = LLVMFuzzerMutate(raw, raw_len, sizeof(raw));
    const size_t comp_len =
        ZSTD_compress(frame + CHUNK_HEADER_LEN, sizeof(frame) - CHUNK_HEADER_LEN, raw, raw_len, 1);
    if (ZSTD_isError(comp_len))
        return 0;
    const size_t old_len = CHUNK_HEADER_LEN + header.comp_len;
    header.raw_len = (uint32_t)raw_len;
    header.comp_len = (uint32_t)comp_len;
    header.payload_crc = crc32c_add(0, frame + CHUNK_HEADER_LEN, comp_len);
    chunk_header_write(&header, frame);
    return replace(data, size, max_size, at, old_len, frame, CHUNK_HEADER_LEN + comp_len);
}

/* Bytes of the frame itself, with a CRC that fits. */
static size_t frame_mutate(uint8_t *data, size_t size, size_t max_size, size_t at)
{
    static uint8_t frame[CHUNK_HEADER_LEN + RAW_MAX];
    struct chunk_header header;

    chunk_header_parse(&header, data + at);
    if (header.comp_len > RAW_MAX)
        return 0;
    memcpy(frame + CHUNK_HEADER_LEN, data + at + CHUNK_HEADER_LEN, header.comp_len);
    const size_t old_len = CHUNK_HEADER_LEN + header.comp_len;
    header.comp_len =
        (uint32_t)LLVMFuzzerMutate(frame + CHUNK_HEADER_LEN, header.comp_len, RAW_MAX);
    header.payload_crc = crc32c_add(0, frame + CHUNK_HEADER_LEN, header.comp_len);
    chunk_header_write(&header, frame);
    return replace(data, size, max_size, at, old_len, frame, CHUNK_HEADER_LEN + header.comp_len);
}

static size_t header_mutate(uint8_t *data, size_t size, size_t at)
{
    LLVMFuzzerMutate(data + at + 16, 52, 52);
    bytes_put32(data + at + 68, crc32c_add(0, data + at, 68));
    return size;
}

/* The last 48 bytes as a trailer that fits the file, so that the index is read. */
static size_t trailer_fix(uint8_t *data, size_t size, size_t max_size, const size_t *offsets,
                          size_t n)
{
    struct chunk_header header;
    chunk_header_parse(&header, data + offsets[n - 1]);
    const size_t end = offsets[n - 1] + CHUNK_HEADER_LEN + header.comp_len;
    const struct chunk_trailer trailer = {.tag = header.tag,
                                          .n_chunks = (uint32_t)n,
                                          .index_offset = offsets[n - 1],
                                          .file_size = end + TRAILER_LEN};
    if (end + TRAILER_LEN > max_size)
        return size;
    chunk_trailer_write(&trailer, data + end);
    return end + TRAILER_LEN;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t offsets[64];
    const size_t n = chunks_find(data, size, offsets, sizeof(offsets) / sizeof(offsets[0]));
    size_t changed = 0;

    if (n > 0) {
        const size_t at = offsets[seed / 8 % n];
        switch (seed % 8) {
        case 0:
        case 1:
        case 2:
            changed = payload_mutate(data, size, max_size, at);
            break;
        case 3:
            changed = frame_mutate(data, size, max_size, at);
            break;
        case 4:
        case 5:
            changed = header_mutate(data, size, at);
            break;
        default:
            break;
        }
    }
    if (changed == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (seed / 512 % 2 == 0)
        return changed;
    const size_t n_now = chunks_find(data, changed, offsets, sizeof(offsets) / sizeof(offsets[0]));
    return n_now > 0 ? trailer_fix(data, changed, max_size, offsets, n_now) : changed;
}
