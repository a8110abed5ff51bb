/* SPDX-License-Identifier: MIT */
/*
 * state - what a thread was doing, and what a place weighs in each state.
 *
 * On the line:  the bits come from Samples.state (trace.proto); spans carry them; a profile keeps
 *               its weights apart by class, so that every metric can be had afterwards.
 *
 * Always true:  each state belongs to exactly one class; the weights of all classes together are
 *               the weight of the place. CPU is only in the classes that state_gets_cpu() names.
 */
#ifndef PYREC_ANALYZE_STATE_H
#define PYREC_ANALYZE_STATE_H

#include "analyze/base/buffer.h"
#include "format/trace.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* The bits of a state, as trace.proto numbers them: X(name, text, what it means). */
#define STATE_LIST(X)                                                                              \
    X(ON_CPU, "on_cpu", "it was running on a CPU")                                                 \
    X(HOLDS_GIL, "holds_gil", "it held the GIL")                                                   \
    X(WAITS_GIL, "waits_gil", "it was blocked waiting for the GIL")                                \
    X(IN_GC, "in_gc", "it was collecting garbage")                                                 \
    X(OUTSIDE, "outside", "running but read from outside: the stack is likely, not proven")        \
    X(READY, "ready", "runnable, but no CPU was free for it")                                      \
    X(STALLED, "unanswered", "it did not answer within the tick")                                  \
    X(IN_KERNEL, "kernel", "running, and the kernel worked for it in a system call")               \
    X(UNKNOWN, "unknown",                                                                          \
      "it stood still, and what it did could not be looked at; on a CPU: in a "                    \
      "system call or not")                                                                        \
    X(WAITS_WORLD, "waits_world", "it was blocked until a stop-the-world pause was over")          \
    X(WAITS_OBJECT, "waits_object", "it was blocked waiting for the lock of an object")            \
    X(STOPS_WORLD, "stops_world", "it had asked all other threads to stand still")

enum state_bit {
#define STATE_ENUM(name, text, help) STATE_##name = PYREC__V1__STATE__##name,
    STATE_LIST(STATE_ENUM)
#undef STATE_ENUM
};

/* Bits above these are not read. */
#define STATE_MASK 0xfffu

/*
 * What --state calls them: X(name, class, bit). Those with a bit are in that state whatever else
 * they are; the others are of a class.
 */
#define STATE_NAME_LIST(X)                                                                         \
    X("running", CLASS_ON_CPU, 0)                                                                  \
    X("ready", CLASS_READY, 0)                                                                     \
    X("gil", CLASS_WAITS_GIL, 0)                                                                   \
    X("blocked", CLASS_BLOCKED, 0)                                                                 \
    X("unknown", CLASS_UNKNOWN, 0)                                                                 \
    X("holds_gil", CLASS_COUNT, STATE_HOLDS_GIL)                                                   \
    X("gc", CLASS_COUNT, STATE_IN_GC)                                                              \
    X("outside", CLASS_COUNT, STATE_OUTSIDE)                                                       \
    X("unanswered", CLASS_COUNT, STATE_STALLED)                                                    \
    X("kernel", CLASS_COUNT, STATE_IN_KERNEL)                                                      \
    X("waits_world", CLASS_COUNT, STATE_WAITS_WORLD)                                               \
    X("waits_object", CLASS_COUNT, STATE_WAITS_OBJECT)                                             \
    X("stops_world", CLASS_COUNT, STATE_STOPS_WORLD)

/* The i-th name; NULL behind the last. */
const char *state_name(size_t i);

/* Names that a state had before, and has now: accepted for one version, with a word about it. */
#define STATE_OLD_NAME_LIST(X) X("stalled", "unanswered")

/* What the name is now; NULL when it is no old one. */
const char *state_new_name(const char *old);

/* What a thread's time is divided into. */
enum state_class {
    CLASS_ON_CPU,
    CLASS_READY,
    CLASS_WAITS_GIL,
    CLASS_BLOCKED, /* none of these: blocked or idle in a system call */
    CLASS_UNKNOWN, /* one of ready and blocked: the kernel could not be asked which */
    CLASS_KERNEL,  /* of ON_CPU, apart from it in weights: in a system call .. */
    CLASS_EITHER,  /* .. and where it could not be told whether it was */
    CLASS_COUNT
};

/* The name of a class; those of ON_CPU that are told apart have its name. */
const char *state_class_name(enum state_class class);

static inline enum state_class state_class(uint16_t state)
{
    if (state & STATE_WAITS_GIL)
        return CLASS_WAITS_GIL;
    if (state & STATE_ON_CPU)
        return CLASS_ON_CPU;
    if (state & STATE_READY)
        return CLASS_READY;
    return state & STATE_UNKNOWN ? CLASS_UNKNOWN : CLASS_BLOCKED;
}

/* The same, and of those on a CPU whether they were in the kernel: what weights are kept by. */
static inline enum state_class state_part(uint16_t state)
{
    const enum state_class class = state_class(state);
    if (class != CLASS_ON_CPU)
        return class;
    if (state & STATE_IN_KERNEL)
        return CLASS_KERNEL;
    return state & STATE_UNKNOWN ? CLASS_EITHER : CLASS_ON_CPU;
}

/*
 * What a picture or a text tells beside the class, of builds without a GIL: X(name, text, words,
 * what the same is behind "blocked"). Who waits so is blocked; who stops the world may be in any
 * class.
 */
#define STATE_HALT_LIST(X)                                                                         \
    X(WAITS_WORLD, "waits_world", "waits until the world goes on",                                 \
      "waiting until the world goes on")                                                           \
    X(WAITS_OBJECT, "waits_object", "waits for an object's lock", "waiting for an object's lock")  \
    X(STOPS_WORLD, "stops_world", "stops the world", "stopping the world")

enum state_halt {
    HALT_NONE,
#define STATE_HALT_ENUM(name, text, words, doing) HALT_##name,
    STATE_HALT_LIST(STATE_HALT_ENUM)
#undef STATE_HALT_ENUM
        HALT_COUNT
};

/* What --state calls it, and the words for a reader; "" for HALT_NONE. */
const char *state_halt_name(enum state_halt halt);
const char *state_halt_words(enum state_halt halt);

/* What stands in place of a call (scene_call), behind "blocked"; NULL where it is a call. */
const char *state_halt_doing(const char *call);

static inline enum state_halt state_halt(uint16_t state)
{
    if (state & STATE_STOPS_WORLD)
        return HALT_STOPS_WORLD;
    if (state_class(state) != CLASS_BLOCKED)
        return HALT_NONE;
    if (state & STATE_WAITS_WORLD)
        return HALT_WAITS_WORLD;
    return state & STATE_WAITS_OBJECT ? HALT_WAITS_OBJECT : HALT_NONE;
}

/* For a picture: what could not be told is not apart. */
static inline enum state_class state_class_shown(enum state_class part)
{
    return part == CLASS_EITHER ? CLASS_ON_CPU : part;
}
static inline enum state_class state_shown(uint16_t state)
{
    return state_class_shown(state_part(state));
}

/*
 * CPU that a thread used goes to samples in one of these classes: stacks that were seen where CPU
 * is used up. What it used before it blocked was not used by the place it blocks in.
 */
static inline bool state_gets_cpu(enum state_class c)
{
    return c == CLASS_ON_CPU || c == CLASS_READY || c == CLASS_KERNEL || c == CLASS_EITHER;
}

/*
 * Add the state of that name to a set: to a mask of classes (1 << class) or of bits. False when
 * there is none.
 */
bool state_add_name(const char *name, uint8_t *classes, uint16_t *bits);

/* The names of all bits joined by '+', "blocked" when it was that (no bit says so). */
void state_print(struct buffer *buffer, uint16_t state);

/* What samples weigh; times in quanta or in ns, as the owner says. */
struct weight {
    uint64_t samples; /* times observed */
    uint64_t ticks;   /* intervals accounted to them; more than samples when ticks were missed */
    uint64_t wall;    /* elapsed time they stand for */
    uint64_t cpu;     /* CPU time attributed to them */
};

struct weights {
    struct weight by[CLASS_COUNT];
};

static inline void weight_add(struct weight *to, const struct weight *more)
{
    to->samples += more->samples;
    to->ticks += more->ticks;
    to->wall += more->wall;
    to->cpu += more->cpu;
}

void weights_add(struct weights *to, const struct weights *more);

/* What is on a CPU, in the kernel and not. */
struct weight weights_on_cpu(const struct weights *weights);

/* All classes together. */
struct weight weights_sum(const struct weights *weights);

#endif
