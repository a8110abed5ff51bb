/* SPDX-License-Identifier: MIT */
/*
 * mark_queue - what the program says of itself: phases, labels, marks. A lossy queue in shared
 * memory.
 *
 * On the line:  pyrec.phase() and its like -> agent/marks -> [mark_queue] -> collect
 * Threads:      mark_queue_push by any thread of the program, in handlers of signals as well,
 *               several at once; mark_queue_take by the collector only. No locks, no system calls;
 *               a push waits for nobody.
 * Memory:       the caller's: MARK_QUEUE_BYTES behind the ring, zero at first, mapped by both.
 * Loss:         when full, a push is counted in `lost` and left out.
 *
 * The queue lies in shared memory and the collector reads it from there, so nothing is lost that
 * was said before a program was killed. A slot is valid when it holds its own number. When a writer
 * is stopped or killed in between, the slots behind its own wait until the process is over.
 *
 * Always true:  a slot that was taken was written whole. The collector believes nothing of it.
 */
#ifndef PYREC_RECORD_MARK_QUEUE_H
#define PYREC_RECORD_MARK_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MARK_QUEUE_SLOTS 16384u /* power of two */
#define MARK_TEXT_MAX    252u   /* bytes of a name; longer ones are cut */
#define MARK_PIECE       36u    /* of these in one slot */

enum mark_kind {
    MARK_PHASE = 1, /* it begins: context, up, name, value, ident */
    MARK_LABEL = 2, /* the same of a label: name is its key */
    MARK_END = 3,   /* of one of these: context */
    MARK_POINT = 4, /* something happened: name, ident */
    MARK_NAME = 5,  /* what a name's number stands for: text, in pieces, before its first use */
};

/* The numbers of names: 0 is none, 1 stands for all for which there is no number left. */
#define MARK_NAME_NONE   0u
#define MARK_NAME_OTHERS 1u
#define MARK_NAMES       8192u /* numbers below this */

struct mark {
    uint32_t kind; /* enum mark_kind */
    uint32_t name;
    union {
        struct {
            uint32_t value; /* a name: the phase's detail, the label's value */
            uint32_t pad;
            uint64_t time_ns; /* CLOCK_MONOTONIC */
            uint64_t context; /* its number, from 1, never used again in the process */
            uint64_t up;      /* the one that it is in; 0 = none */
            uint64_t ident;   /* pthread_self() of who said it */
        };
        struct {
            uint16_t at, len; /* where in the whole text; of the whole text */
            char text[MARK_PIECE];
        };
    };
};

struct mark_slot {
    _Atomic uint64_t number; /* of the push that has filled it, from 1; release store */
    struct mark mark;
};

struct mark_queue {
    _Alignas(64) _Atomic uint64_t head; /* pushes so far */
    _Alignas(64) _Atomic uint64_t tail; /* of these taken; release store by the collector */
    _Alignas(64) _Atomic uint64_t lost;
    _Alignas(64) struct mark_slot slots[MARK_QUEUE_SLOTS];
};
#define MARK_QUEUE_BYTES (sizeof(struct mark_queue))
_Static_assert(sizeof(struct mark_slot) == 56, "mark_slot");

/* False: it is full, which was counted. */
bool mark_queue_push(struct mark_queue *queue, const struct mark *mark);

/*
 * Copy the next one. False when there is none, or it is not whole yet; `is_over`: nobody writes any
 * more, so what is not whole is passed over and counted as lost.
 */
bool mark_queue_take(struct mark_queue *queue, struct mark *copy, bool is_over);

#endif
