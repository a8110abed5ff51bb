/* SPDX-License-Identifier: MIT */
/*
 * reading - one stack of another process, with the names and lines of its frames.
 *
 * On the line:  outside -> stack, describe, linetable -> [reading] -> dump
 * Threads:      one.
 * Memory:       the struct is the caller's; reading_init takes some MiB of addresses, of which what
 *               is needed is touched. What a reading has found is there until the next one.
 * Loss:         a stack that cannot be read whole gives its reason, and no frames.
 *
 * Names are read together with the stack: while the thread stands still its frames hold their code
 * objects, so all of it is of one moment.
 */
#ifndef PYREC_RECORD_READING_H
#define PYREC_RECORD_READING_H

#include "record/agent/cpython/interp.h"

#define READING_DEPTH_MAX 16000u /* frames; what is deeper is counted as left out, not how much */

/* Which frames are wanted: so many of the innermost ones, and of the outermost. */
struct reading_fold {
    uint32_t inner, outer; /* inner 0: all */
};

struct reading_frame {
    const char *function, *file; /* as they are in memory: UTF-8, lone surrogates too */
    uint32_t function_len, file_len;
    int32_t line; /* -1: it has none */
};

struct reading_code;

struct reading {
    const struct interp *interp;
    struct reading_fold fold;
    uint64_t *raw; /* as in stack.h, leaf first */
    uint32_t depth;
    bool is_cut; /* deeper than READING_DEPTH_MAX */
    struct reading_code *codes;
    uint32_t n_codes;
    uint16_t *slots; /* code -> index + 1 in codes */
    char *text;
    size_t used;
    struct reading_frame *frames;
    uint32_t n_frames; /* that are wanted */
    uint32_t n_left;   /* not wanted ones, behind frames[fold.inner - 1] */
};

/* False: no memory. */
bool reading_init(struct reading *reading, const struct interp *interp, struct reading_fold fold);
void reading_clear(struct reading *reading);

/* The stack of the thread state at `tstate`: NULL, or in words why not. */
const char *reading_take(struct reading *reading, uintptr_t tstate);

#endif
