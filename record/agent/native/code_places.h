/* SPDX-License-Identifier: MIT */
/*
 * code_places - which function of which file an address is in, said in numbers that outlive it.
 *
 * On the line:  pc of a C frame -> [code_places] -> module and offset in a sample, WIRE_MODULE
 * Threads:      the sampler only.
 * Memory:       512 KiB, reserved at start.
 * Loss:         an address whose file was unmapped since is not known any more; nor is one in a
 *               module past WIRE_MODULES_MAX.
 *
 * A function is what its unwind information covers: exact in files that have no symbols, too. Where
 * there is none, the address itself is told.
 */
#ifndef PYREC_AGENT_CODE_PLACES_H
#define PYREC_AGENT_CODE_PLACES_H

#include "record/wire/wire.h"
#include "segments.h"

#define CODE_PLACES 16384u /* addresses that are remembered; power of two */

struct code_place {
    uint64_t pc, epoch;
    struct wire_frame frame; /* code 0: not looked up */
};

/* A file, as it is mapped. */
struct code_module {
    uint64_t bias, inode;
};

struct code_places {
    struct segments *segments;
    struct code_place *places;
    struct code_module *modules; /* number i + 1 */
    uint32_t n_modules;
    bool tells_offsets; /* where in its function an address is, too; false unless it is set */
};

/* Reserve memory. False when there is none. */
bool code_places_init(struct code_places *places, struct segments *segments);
void code_places_free(struct code_places *places);

/* After a fork: no module has been told yet. */
void code_places_reset(struct code_places *places);

/* A module that has no number yet gets this one: false when that cannot be written down. */
typedef bool code_module_new_fn(void *closure, uint32_t number, const struct segment *segment,
                                const char *path, uint32_t len);

/* What stands for it in a sample: WIRE_NATIVE and the module, and where in it; WIRE_NATIVE_GAP if
 * it is not known. `epoch`: when the address was seen. */
struct wire_frame code_places_find(struct code_places *places, uint64_t pc, uint64_t epoch,
                                   code_module_new_fn *add, void *closure);

#endif
