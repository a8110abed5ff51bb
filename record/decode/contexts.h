/* SPDX-License-Identifier: MIT */
/*
 * contexts - the phases and labels of one process: which are open, which have not been written yet.
 *
 * On the line:  mark_queue -> stream -> [contexts] -> encode
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed; contexts_clear takes it back. An entry lives until its
 *               end has been written, and a chunk longer: a sample in it may still be under way.
 * Loss:         what is more than can be open at a time is counted in `lost`, and so are marks.
 *
 * A context is a phase or a label that is in force, inside of another one. Numbers go up in the
 * process and are not used again. What the program says is not believed: a number that is there
 * already, or an end of one that is not, says nothing.
 *
 * Always true:  the list is in order of number; `up` is smaller than the number.
 */
#ifndef PYREC_RECORD_CONTEXTS_H
#define PYREC_RECORD_CONTEXTS_H

#include "intern.h"
#include "record/wire/mark_queue.h"

#define CONTEXTS_MAX    131072u /* in the list */
#define CONTEXTS_POINTS 100000u /* marks of a process that are kept */
#define CONTEXT_OPEN    UINT64_MAX

struct context {
    uint64_t number, up;        /* up 0 = none */
    uint64_t begin_q, end_q;    /* end_q: CONTEXT_OPEN */
    uint32_t thread;            /* in which it began; 0 = not known */
    uint32_t name, value;       /* numbers of names, as the agent has them */
    uint32_t name_id, value_id; /* string ids of this generation */
    bool is_label;
    bool is_declared; /* in this generation */
    bool is_end_written;
};

struct contexts {
    struct context *list;
    uint32_t n, capacity;
    uint32_t n_news;          /* begins and ends that are not in the file yet */
    uint64_t lost, lost_told; /* what could not be kept; what of it an event has said */
    uint32_t n_points;
    char *names[MARK_NAMES]; /* NULL = not told */
};

void contexts_clear(struct contexts *contexts);

/* These three: false when there is no memory. */
bool contexts_tell_name(struct contexts *contexts, const struct mark *piece);
bool contexts_begin(struct contexts *contexts, const struct context *context);
void contexts_end(struct contexts *contexts, uint64_t number, uint64_t end_q);

/* What a name's number stands for; never NULL. */
const char *contexts_name(const struct contexts *contexts, uint32_t name);

/* NULL: there is none with that number (any more). */
const struct context *contexts_find(const struct contexts *contexts, uint64_t number);

/* Bytes of what is not in the file yet, about. */
size_t contexts_bytes(const struct contexts *contexts);

/* Before a chunk is encoded; when it was written; when a new generation begins. */
void contexts_intern_names(struct contexts *contexts, struct intern *in);
void contexts_have_written(struct contexts *contexts);
void contexts_restart(struct contexts *contexts);

#endif
