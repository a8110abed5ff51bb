/* SPDX-License-Identifier: MIT */
/*
 * span - some ticks in a row in which a thread was the same.
 *
 * On the line:  range -> [span] -> attribute, which says what CPU it gets -> profile, dump
 * Threads, memory: a value of whoever reads.
 *
 * A span is one explicit tick, or all implied ticks up to the next explicit one. Spans come in
 * order of time for each thread, threads in order of id.
 */
#ifndef PYREC_ANALYZE_SPAN_H
#define PYREC_ANALYZE_SPAN_H

#include <stdint.h>

struct span {
    uint64_t wall_q;  /* elapsed time it stands for, what was not observed left out */
    uint64_t cpu_q;   /* the thread's clock has moved by this since the span before */
    uint64_t given_q; /* of its clock, what it gets, or has to hand on (attribute.h) */
    uint64_t ticks;   /* intervals accounted to it */
    uint32_t first;   /* index of its first tick in the range .. */
    uint32_t n;       /* .. and how many: samples */
    uint32_t stack;   /* in the dictionary; 0 = no frames, DICT_STACK_LOST */
    uint32_t call;    /* string id of the call it is blocked in, 0 = none */
    uint32_t context; /* phase or label that it is in: its place in the dictionary; 0 = none */
    uint32_t task;    /* string id of the task that it ran, 0 = none */
    uint16_t state;
};

#endif
