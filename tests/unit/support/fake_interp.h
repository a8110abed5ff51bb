/* SPDX-License-Identifier: MIT */
/*
 * fake_interp - memory that looks like a CPython's, laid out from the version tables.
 *
 * For tests of what reads that memory: one thread, code objects, a chain of frames, in the shape
 * of any version there is a table for. Everything lives in one arena and can be spoilt at will.
 */
#ifndef PYREC_TESTS_FAKE_INTERP_H
#define PYREC_TESTS_FAKE_INTERP_H

#include "record/agent/cpython/interp.h"

#define FAKE_CODE_UNITS 100u

struct fake {
    struct interp interp;
    uint8_t *memory;
    size_t used;
    uintptr_t tstate, state; /* thread state, interpreter state */
    uintptr_t cframe;        /* 3.11, 3.12: the innermost one */
    uintptr_t chunk;         /* 3.11+: the datastack */
    uintptr_t leaf;          /* innermost frame, 0 = none */
    bool entry_next;         /* 3.11: the next frame is an activation's first */
};

/* An interpreter of 3.`minor` with one thread that runs nothing. */
void fake_new(struct fake *fake, unsigned minor);
void fake_free(struct fake *fake);

/* A code object; its bytecode is FAKE_CODE_UNITS long, traceable from unit `first_traceable`. */
uintptr_t fake_code(struct fake *fake, const char *name, const char *file, int line,
                    unsigned first_traceable);

/* A str object from code points (kind 1, 2 or 4), as that version stores them. */
uintptr_t fake_str(struct fake *fake, const uint32_t *points, size_t n);

/* Begin another activation of the eval loop: entry frame or mark, new cframe. */
void fake_enter(struct fake *fake);

/* Push a frame that executes instruction number `unit` of `code`. */
uintptr_t fake_push(struct fake *fake, uintptr_t code, int unit);

/* Push a generator's frame: it lies outside the datastack. */
uintptr_t fake_push_generator(struct fake *fake, uintptr_t code, int unit);

/* Let loads of peek()'s that fault recover, as the agent's handler does. */
void fake_catch_faults(void);

/* Read and write its memory. */
uint64_t fake_get(uintptr_t at);
void fake_put(uintptr_t at, uint64_t value);
void fake_put_u32(uintptr_t at, uint32_t value);
void fake_put_u8(uintptr_t at, uint8_t value);

#endif
