/* SPDX-License-Identifier: MIT */
/*
 * idle_names - the loops and waits that everybody uses, by name; and what users call a place.
 *
 * On the line:  frames of a blocked thread -> [idle_names] -> idle_choose
 * Memory:       literals.
 */
#ifndef PYREC_ANALYZE_IDLE_NAMES_H
#define PYREC_ANALYZE_IDLE_NAMES_H

#include "analyze/model/cell.h"

enum idle_name {
    IDLE_NAME_LOOP = 1,    /* a loop that calls a function to wait, and does no work itself */
    IDLE_NAME_SELF = 2,    /* a loop that waits in C: blocked in this very function */
    IDLE_NAME_WAIT = 4,    /* a function that does nothing but wait */
    IDLE_NAME_QUEUE = 8,   /* .. for something to do: whoever calls it may be a loop */
    IDLE_NAME_NESTS = 16,  /* such loops may run inside of each other */
    IDLE_NAME_APART = 32,  /* what it lets work has stacks of its own: greenlets */
    IDLE_NAME_DEEP = 64,   /* whatever it calls is part of the wait */
    IDLE_NAME_HERE = 128,  /* only where it is blocked: it, or what it calls, does work as well */
    IDLE_NAME_TAKES = 256, /* takes the next piece of work, if there is one: then lets it be done */
    IDLE_NAME_ONCE = 512,  /* runs straight down, once for each piece of work */
    IDLE_NAME_BEGINS = 1024, /* a process that was forked begins here: callers are its parent's */
    IDLE_NAME_SERVES = 2048, /* a thread is begun with it, for one connection, and ends with it */
    IDLE_NAME_ASKS = 4096,   /* reads a request from its connection, then lets it be served */
    IDLE_NAME_READS = 8192,  /* directly below such a one: it reads the request */
    IDLE_NAME_FORKS = 16384, /* one of its name forks a process for each connection */
    IDLE_NAME_LEFT = 32768,  /* what a loop calls once it has ended */
};

/* Bits of enum idle_name; 0 = nothing is known of it. */
unsigned idle_name_of(const struct frame *frame);

/* Is it the function that the user calls `name`: f, Class.f, FILE:f, or the line FILE:12? */
bool idle_name_is(const struct frame *frame, const char *name);

/* Is it the call that the user calls `name`: the kernel's word for it, or "sleep"? */
bool idle_name_is_call(const char *call, const char *name);

/* What a call says of who waits in it. */
enum idle_call {
    IDLE_CALL_NEVER, /* something is written, opened, found: never a wait for work */
    IDLE_CALL_MAY,   /* work may come, and may be read, from one place, or it is time for it */
    IDLE_CALL_MANY,  /* for any of many things: made for loops, but drivers use it, too */
    IDLE_CALL_LOOPS, /* nobody but a loop waits so */
};
enum idle_call idle_call_of(const char *call);

/* Is it one that waits for a time to come, and for nothing else? */
bool idle_call_sleeps(const char *call);

/* Is it a file of Python's own library or of an installed package? */
bool idle_is_library(const char *file);

#endif
