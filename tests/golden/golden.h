/* SPDX-License-Identifier: MIT */
/*
 * golden - recordings that are the same on every machine, one per file v1-*.trace.
 *
 * On the line:  [golden] -> chunk_write -> v1-*.trace -> chunk_read -> digest
 * Memory:       nothing is given out.
 *
 * The files in this folder were written once and stay for ever: a reader of today must read them to
 * the content in v1-*.txt. These functions say how they were made; when the format moves on, they
 * move with it, and new files join the old ones.
 */
#ifndef PYREC_TESTS_GOLDEN_H
#define PYREC_TESTS_GOLDEN_H

#include "format/chunk_write.h"
#include "format/trace.pb-c.h"
#include "tests/unit/support/scratch.h"
#include "watch.h"

struct golden {
    const char *name; /* of what is in it: NAME.txt */
    const char *file;
    void (*write)(const char *path);
};

/* All of them; ends with a NULL name. */
extern const struct golden goldens[];

void golden_tiny(const char *path);    /* the worked example of FORMAT.md */
void golden_full(const char *path);    /* every message and every field */
void golden_native(const char *path);  /* C frames among Python's */
void golden_symbols(const char *path); /* what pyanalyze symbols writes beside that one */
void golden_awaits(const char *path);  /* looks at suspended tasks */
void golden_phases(const char *path);  /* the same, in phases and labels */
void golden_busy(const char *path);    /* several chunks of many samples, columns in blocks */
void golden_open(const char *path);    /* never closed, ends inside a chunk */
void golden_damaged(const char *path); /* a bad payload, a foreign chunk, zeros, garbage */
void golden_later(const char *path);   /* by a recorder that knows more than we do */

/* ---- parts for them ---- */

#define GOLDEN_TAG      0x33221100u
#define GOLDEN_QUANTUM  1000u
#define GOLDEN_INTERVAL 10000000u

/* Append `message` (a Meta, Defs, ..) as a packet. */
void golden_add(struct bytes *raw, Pyrec__V1__Packet__BodyCase which, void *message);

/* Meta of a generation, its process unset. */
void golden_meta(Pyrec__V1__Meta *meta, uint32_t generation);

char *golden_text(const char *literal); /* as protobuf-c wants it */

/* Write what is in `raw` and empty it. */
void golden_append(struct chunk_writer *writer, struct chunk *chunk, struct bytes *raw);
void golden_close(struct chunk_writer *writer, struct chunk *chunk, struct bytes *raw);

#define GOLDEN_DEMO_TICKS 3

/* demo.py for three ticks of its main thread. */
struct golden_demo {
    void (*defs_add)(struct bytes *raw);               /* what is defined before them */
    void (*account_fill)(Pyrec__V1__Account *account); /* more than all have; NULL = nothing */
    Pyrec__V1__Look **looks;
    size_t n_looks;
    struct seen seen[GOLDEN_DEMO_TICKS];
    uint32_t holder[GOLDEN_DEMO_TICKS];
};
void golden_demo(const char *path, const struct golden_demo *demo);

#endif
