/* SPDX-License-Identifier: MIT */
/*
 * chunk - the frame around everything in a trace file, and its limits.
 *
 * On the line:  shared by chunk_write and chunk_read; FORMAT.md is the specification.
 *
 * A chunk is a zstd skippable frame that holds a chunk header, followed by one zstd frame,
 * the payload. All integers are little-endian. A chunk is the unit of flushing and of loss.
 *
 *   off size field
 *     0   4  0x184D2A57        zstd: skippable frame
 *     4   4  64                bytes that follow in the skippable frame
 *     8   8  89 'P' 'Y' 'T' 0D 0A 1A 0A
 *    16   4  tag               random, the same in every chunk of a recording
 *    20   1  version           1; a reader refuses a greater one
 *    21   1  0
 *    22   2  flags             CHUNK_*
 *    24   4  seq               number of the chunk in the recording, from 0
 *    28   4  process           0 = the recording itself
 *    32   4  generation        of that process
 *    36   4  comp_len          bytes of the zstd frame that follows
 *    40   4  raw_len           bytes it decompresses to, exactly
 *    44   4  payload_crc       CRC-32C of the comp_len bytes
 *    48   8  t_first_ns        time of the tick before the first sample, since time 0 of the trace
 *    56   8  t_last_ns         time of the last tick
 *    64   4  0
 *    68   4  header_crc        CRC-32C of bytes 0..67
 */
#ifndef PYREC_FORMAT_CHUNK_H
#define PYREC_FORMAT_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SKIPPABLE_MAGIC 0x184D2A57u
#define CHUNK_HEADER_LEN      72u
#define CHUNK_MAGIC           "\x89PYT\r\n\x1a\n"
#define CHUNK_MAGIC_LEN       8u
#define CHUNK_VERSION         1u

/* What a chunk holds. */
enum chunk_flags {
    CHUNK_META = 1,
    CHUNK_DEFS = 2,
    CHUNK_SAMPLES = 4,
    CHUNK_EVENTS = 8,
    CHUNK_INDEX = 16,
    CHUNK_SUMMARY = 32,
    CHUNK_GENERATION_START = 0x100, /* first chunk of a generation: has Meta, ids start at 1 */
    CHUNK_SYMBOLS = 0x200,
    CHUNK_MUST_UNDERSTAND = 0x8000, /* who does not know all of its content must say so */
};
#define CHUNK_KNOWN_FLAGS 0x833Fu

/*
 * Trailer, at a clean close only: a skippable frame that says where the index is.
 *
 *   off size field
 *     0   4  0x184D2A57        zstd: skippable frame
 *     4   4  40                bytes that follow
 *     8   8  89 'P' 'Y' 'E' 0D 0A 1A 0A
 *    16   4  tag               as in the chunks
 *    20   4  n_chunks          in this file, the one with the index included
 *    24   8  index_offset      of the header of the last chunk, which holds the index
 *    32   8  file_size         this trailer included
 *    40   4  0
 *    44   4  crc               CRC-32C of bytes 0..43
 */
#define TRAILER_LEN   48u
#define TRAILER_MAGIC "\x89PYE\r\n\x1a\n"

/* Limits. A writer stays far below; a reader checks before it allocates. */
#define CHUNK_COMP_MAX     (16u << 20)
#define CHUNK_RAW_MAX      (64u << 20)
#define LIMIT_TICKS        (1u << 22) /* per Samples message */
#define LIMIT_IDS          (1u << 22) /* strings, functions, locations, stacks: each, per generation */
#define LIMIT_DEPTH        16384u
#define LIMIT_STRING       (64u << 10)
#define LIMIT_STRING_BYTES (64u << 20) /* per generation */
#define LIMIT_THREADS      65536u      /* per Samples message; their ids are any 32 bits */
#define LIMIT_PROCESSES    (1u << 20)
#define LIMIT_INTERVAL_NS  UINT32_MAX /* beyond it, the due times of ticks overflow */

/* A chunk header in the machine's own form. */
struct chunk_header {
    uint32_t tag;
    uint8_t version;
    uint16_t flags;
    uint32_t seq;
    uint32_t process;
    uint32_t generation;
    uint32_t comp_len;
    uint32_t raw_len;
    uint32_t payload_crc;
    uint64_t t_first_ns;
    uint64_t t_last_ns;
};

/* Put `header` into its 72 bytes, header CRC included. */
void chunk_header_write(const struct chunk_header *header, uint8_t bytes[CHUNK_HEADER_LEN]);

/*
 * Take a header from 72 bytes. False when the magic numbers or the header CRC are wrong; a
 * version that is too new is not an error here (the caller says it by name).
 */
bool chunk_header_parse(struct chunk_header *header, const uint8_t bytes[CHUNK_HEADER_LEN]);

/* A trailer in the machine's own form. */
struct chunk_trailer {
    uint32_t tag;
    uint32_t n_chunks;
    uint64_t index_offset;
    uint64_t file_size;
};

/* Put `trailer` into its 48 bytes, CRC included. */
void chunk_trailer_write(const struct chunk_trailer *trailer, uint8_t bytes[TRAILER_LEN]);

/* Take a trailer from 48 bytes. False when its magic numbers or its CRC are wrong. */
bool chunk_trailer_parse(struct chunk_trailer *trailer, const uint8_t bytes[TRAILER_LEN]);

/* Where a chunk is. Sorted by seq in the file's list. */
struct chunk_place {
    uint64_t offset; /* of the header */
    struct chunk_header header;
};

/* What a second look at a file found. */
enum chunk_growth {
    CHUNK_GROWTH_NONE,  /* nothing new that is whole */
    CHUNK_GROWTH_MORE,  /* chunks, or the trailer */
    CHUNK_GROWTH_OTHER, /* it is not as before with more behind it: open it anew */
};

#endif
