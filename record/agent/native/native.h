/* SPDX-License-Identifier: MIT */
/*
 * native - all that is needed for C frames, of one process.
 *
 * On the line:  ucontext + thread state -> [native] -> blend in a slot
 * Threads:      native_take in the signal handler of the thread that was asked; the rest by the
 *               sampler.
 * Memory:       about 1 MiB, reserved at start; a slot's rooms by NATIVE_ROOM.
 * Loss:         other machines than x86-64: no C frames (native_is_known). Our own functions that
 *               stand between the program and libc are left out.
 */
#ifndef PYREC_AGENT_NATIVE_H
#define PYREC_AGENT_NATIVE_H

#include "blend.h"
#include "code_places.h"
#include "record/agent/cpython/interp.h"

#define NATIVE_FRAMES_MAX  256u  /* of C in one sample, gaps included */
#define NATIVE_ENTRIES_MAX 1024u /* activations of the eval loop */

struct native_parts {
    struct segments segments;
    struct unwinder unwinder;
    struct blend_learnt learnt;
    struct code_places places;
    _Atomic uint64_t own_start, own_end;   /* our own code; 0 = not found yet */
    uintptr_t eval_loop;                   /* an address in it; 0 = activations have marks */
    _Atomic uint64_t loop_start, loop_end; /* all of it; 0 = not found yet */
};

/* What a thread's slot has for it: */
struct native_room {
    struct blend_frame frames[NATIVE_FRAMES_MAX];
    struct activation activations[NATIVE_ENTRIES_MAX];
};

/* C frames of one sample. */
struct native_sample {
    struct native_room *room;   /* NULL: nobody asks for them */
    uint64_t epoch;             /* of its addresses */
    uint32_t n;                 /* frames; 0 = none is known */
    bool is_known;              /* they were looked for, and n is what there is .. */
    bool has_gap;               /* .. which is not all */
    enum wire_c_missing why;    /* it is not all, or nothing */
    bool is_partial;            /* code was met that is in no segment yet */
    struct blend_learnt learnt; /* from outside: what this one taught, if it is proved */
};

/* Can this version's C frames be told on this machine? */
bool native_is_known(const struct interp *interp);

/* Reserve memory. False when there is none. */
bool native_init(struct native_parts *native, const struct interp *interp);
void native_free(struct native_parts *native);

/* Read anew what is mapped, if somebody wants it and it is time; by the sampler. */
void native_look(struct native_parts *native, uint64_t now_ns);

/* After a fork. */
void native_reset(struct native_parts *native);

/*
 * The C frames of this thread where a signal has interrupted it, whose Python stack was read just
 * now and is whole. False: it is torn. `n_python`: its frames.
 */
bool native_take(struct native_parts *native, const struct stack_source *source,
                 const void *context, uint32_t n_python, struct native_sample *sample);

/*
 * The C frames of another thread, which is thought to be blocked and to go on at `pc` with this
 * `sp`. Which other registers it has nobody knows: where bp is needed before a frame has saved it,
 * there is a gap. What does not belong together is not known.
 */
void native_take_blocked(struct native_parts *native, const struct stack_source *source,
                         uint64_t pc, uint64_t sp, uint32_t n_python, struct native_sample *sample);

/* The C frames of a thread that runs no Python: where a signal has interrupted it, .. */
void native_take_alone(struct native_parts *native, const void *context,
                       struct native_sample *sample);

/* .. or of another one that is thought to be blocked, as above. */
void native_take_blocked_alone(struct native_parts *native, uint64_t pc, uint64_t sp,
                               struct native_sample *sample);

/* It has stood still all the while: what its stack taught is true. */
void native_proved(struct native_parts *native, const struct native_sample *sample);

#endif
