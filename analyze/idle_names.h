/* SPDX-License-Identifier: MIT */
/*
 * idle_names - the loops that everybody uses, by name.
 *
 * On the line:  frames of a blocked thread -> [idle_names] -> idle_place
 * Memory:       literals.
 */
#ifndef PYREC_ANALYZE_IDLE_NAMES_H
#define PYREC_ANALYZE_IDLE_NAMES_H

#include "cell.h"

enum idle_name {
    IDLE_NAME_LOOP = 1,   /* a loop that calls a function to wait, and does no work itself */
    IDLE_NAME_SELF = 2,   /* a loop that waits in C: blocked in this very function */
    IDLE_NAME_WAIT = 4,   /* a function that a loop waits in */
    IDLE_NAME_QUEUE = 8,  /* .. and whoever calls it is a loop */
    IDLE_NAME_NESTS = 16, /* such loops may run inside of each other */
    IDLE_NAME_APART = 32, /* what it lets work has stacks of its own: greenlets */
};

/* Bits of enum idle_name; 0 = nothing is known of it. */
unsigned idle_name_of(const struct frame *frame);

/* Is it the function that the user calls `name`: "f" or "Class.f"? */
bool idle_name_is(const struct frame *frame, const char *name);

/* A call in which programs wait for something to happen, rather than for their own reading. */
bool idle_call_waits(const char *call);

#endif
