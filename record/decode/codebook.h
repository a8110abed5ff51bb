/* SPDX-License-Identifier: MIT */
/*
 * codebook - the code objects of one process, and where their instructions are in the source.
 *
 * On the line:  WIRE_CODE, WIRE_CODE_TABLE -> [codebook] -> (code, instruction) -> location id
 * Threads:      one at a time.
 * Memory:       caller's storage; codebook_init, then codebook_clear. Descriptions are kept across
 *               generations, as they come only once over the wire, until the code object is freed;
 *               locations are kept for one generation. When descriptions take more than
 *               CODEBOOK_SOFT_BYTES, those unused for a generation go, too.
 * Loss:         an instruction of a code object that is not known gets a location of kind FAILED.
 *               Past CODEBOOK_HARD_BYTES nothing is added; counted in `refused`.
 *
 * Always true:  a table is used only when all of it has arrived.
 */
#ifndef PYREC_RECORD_CODEBOOK_H
#define PYREC_RECORD_CODEBOOK_H

#include "intern.h"
#include "record/wire/wire.h"

#define CODEBOOK_SOFT_BYTES (64u << 20)
#define CODEBOOK_HARD_BYTES (256u << 20)
#define CODEBOOK_TABLE_MAX  (16u << 20)

struct codebook_code {
    uint32_t code; /* the wire's id */
    int32_t first_line;
    uint32_t table_kind, table_len, table_have;
    uint32_t name_len, file_len;
    uint32_t function; /* its id in this generation, 0 = not asked for yet */
    bool is_freed, is_used;
    uint8_t *bytes; /* name, file name, table */
};

struct codebook_location {
    uint32_t code;
    int32_t instr;
    uint32_t location;
};

struct codebook {
    uint64_t seed;
    struct codebook_code *codes;
    struct codebook_location *locations;
    uint32_t n_codes, n_locations, code_capacity, location_capacity;
    struct idmap code_map, location_map;
    size_t bytes; /* of the descriptions */
    uint64_t refused;
};

void codebook_init(struct codebook *book);
void codebook_clear(struct codebook *book);

/*
 * Take a record that was copied out of the ring, its length checked against the fixed part only.
 * False when it makes no sense; what is refused for lack of room is counted, not false.
 */
bool codebook_add_code(struct codebook *book, const struct wire_code *record);
bool codebook_add_table(struct codebook *book, const struct wire_code_table *record);
void codebook_free_code(struct codebook *book, uint32_t code);

/* The location id of a frame in this generation's dictionaries. */
uint32_t codebook_get_location(struct codebook *book, struct intern *in, struct wire_frame frame);

/* A new generation: ids start again; what nobody needs any more is dropped. */
void codebook_restart(struct codebook *book);

#endif
