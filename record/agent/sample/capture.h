/* SPDX-License-Identifier: MIT */
/*
 * capture - get one thread's stack: by asking it, or from outside while it stands still.
 *
 * On the line:  memory of CPython -> [capture] -> raw stack (one slot per thread)
 * Threads:      capture_ask, capture_outside, capture_done by the sampler; capture_answer in the
 *               signal handler on the thread that was asked; capture_wants on threads that free
 *               code objects.
 * Memory:       slots are reserved at start, room for a slot's frames is mapped when a thread is
 *               given it: programs that lock all of their memory lock what there is of ours, too.
 * Loss:         a torn stack is read again up to CAPTURE_TRIES times, a few microseconds apart (a
 *               timer of the thread's own asks it again); what still fails keeps its reason.
 *
 * Always true:  the slot belongs to the sampler while IDLE, to the thread while ASKED, to the
 *               sampler again once DONE. A slot that is ASKED or DONE is in `asked`.
 */
#ifndef PYREC_AGENT_CAPTURE_H
#define PYREC_AGENT_CAPTURE_H

#include "labels.h"
#include "record/agent/cpython/codes.h"
#include "record/agent/cpython/stack.h"
#include "record/agent/native/native.h"
#include <signal.h>

#define CAPTURE_SLOTS 4096u
#define CAPTURE_TRIES 8u

#define BINDINGS_MAX 8u

/* A thread state that belongs to a thread, and the interpreter it is for. */
struct binding {
    uintptr_t tstate, interp;
    uint64_t id;        /* the tstate's */
    uint64_t interp_id; /* greater for newer interpreters */
};

/* In order of the interpreters' age, the newest last. */
struct bindings {
    struct binding list[BINDINGS_MAX];
    uint8_t n;
};

enum slot_state { SLOT_IDLE, SLOT_ASKED, SLOT_DONE };

/* Where the signal has met the thread that was asked. */
enum slot_met {
    SLOT_MET_RUNNING, /* between any two instructions: it was in no system call when it was asked */
    SLOT_MET_BEHIND,  /* behind a system call, which may have begun after that */
    SLOT_MET_DEFERRED, /* behind one in which it had to wait */
};

/* What every answer touches comes first: the lines in which it lies have to come from the sampler's
 * CPU each time. */
struct slot {
    _Alignas(64) _Atomic uint32_t state; /* release by its owner, acquire by the next one */
    int32_t tid;
    uint64_t ident;           /* its pthread_t */
    uintptr_t tstate, interp; /* what was walked; tstate 0: it has left Python */
    uint32_t tries;
    enum wire_failure failure;
    bool holds_gil, in_gc, stops_world;
    bool blocked_segv; /* the thread blocks SIGSEGV: it cannot read safely by itself */
    bool met_waiting;  /* it was in one of nosignal's calls, or has made one since */
    bool has_task;     /* `task` holds a name */
    bool is_c;         /* the thread runs no Python: nothing of Python's is looked at */
    int timer;         /* kernel's id; -1 = none */
    int signo;         /* it was asked with, and is again */
    struct stack stack;
    uint64_t context;        /* that is in force (context.h) */
    uint64_t deaths;         /* see codes.h */
    uint64_t time_ns;        /* when the stack was read */
    uint64_t asked_ns;       /* before the signal was sent */
    uint64_t asked_word;     /* nosignal's then */
    uintptr_t met_at;        /* the instruction before which the signal has met it */
    uint64_t met_mask;       /* the signals that it blocked there, a bit for each */
    struct wire_frame *sent; /* the last stack that was written for this thread, root first */
    uint32_t sent_depth;
    struct native_sample c_frames; /* from outside: of one that is blocked */
    struct bindings bound;         /* what the thread may be running */
    struct task_name task;         /* that it runs, if it has one */
};

struct capture {
    const struct interp *interp;
    struct codes *codes;
    struct wire_counters *counters;
    const struct labels *labels; /* NULL = nobody asks for tasks */
    struct native_parts *native; /* NULL = or for C frames; set before capture_init */
    int32_t pid;
    bool top_only;
    _Atomic bool
        is_restricted; /* threads may make no system call: torn stacks are not read again */
    uint32_t max_depth;
    struct slot *slots; /* CAPTURE_SLOTS + 1; the last one is the sampler's scratch */
    uint32_t n_slots;
    uint32_t n_used;          /* slots [0, n_used) were taken at least once */
    uint64_t *again;          /* max_depth frames: a second reading, to compare */
    struct stack_fact *facts; /* STACK_FACTS; the sampler's alone */
    uint32_t *free_slots;     /* stack of slot numbers */
    uint32_t n_free;
    _Atomic uint32_t *asked; /* slots that are ASKED or DONE, for capture_wants */
    _Atomic uint32_t n_asked;
};

/* Reserve memory. False when there is none. */
bool capture_init(struct capture *capture, const struct interp *interp, struct codes *codes,
                  uint32_t max_depth);

/* Give it back. No thread is asked, and nobody asks what is wanted. */
void capture_free(struct capture *capture);

/* After a fork: all slots are free. False when there is no memory: it must not be used then. */
bool capture_reset(struct capture *capture);

/* A slot for a thread that was seen busy; NULL when all are in use, or there is no memory. */
struct slot *capture_take_slot(struct capture *capture, int32_t tid, uint64_t ident);
void capture_give_slot(struct capture *capture, struct slot *slot);
struct slot *capture_scratch(struct capture *capture);

/* Of one that has answered; the sampler's: the handler does not wait for code to be loaded as data.
 */
enum slot_met capture_met(const struct slot *slot);

/* Has this tstate a chain of frames? */
bool capture_has_frames(const struct interp *interp, uintptr_t tstate);

/*
 * Ask the slot's thread for its stack, with this signal. False when it could not be sent, or is not
 * to be: the thread is in a call that it would cut short, or that is an exec
 * (interpose/nosignal.h).
 */
bool capture_ask(struct capture *capture, struct slot *slot, int signo);

/*
 * What is read of the slot's thread from now on, until capture_outside() or capture_look_away(), is
 * of one reading (careful.h), which begins here. Its clock is to be read before.
 */
void capture_look(struct capture *capture, struct slot *slot);
void capture_look_away(void);

/*
 * Read the stack of a thread that is thought to stand still into `slot`, which is DONE then; the
 * caller finds out whether it did stand still by reading its CPU clock again.
 */
void capture_outside(struct capture *capture, struct slot *slot);

/*
 * Then, the C frames of a thread that is blocked, from where it goes on (`pc` 0: that is not known)
 * ..
 */
void capture_outside_native(struct capture *capture, struct slot *slot, uint64_t pc, uint64_t sp);

/* The same for a thread that runs no Python, of which nothing else is read. */
void capture_outside_c(struct capture *capture, struct slot *slot, uint64_t pc, uint64_t sp);

/* .. and it did stand still all the while. */
void capture_still(struct capture *capture, struct slot *slot);

/* The sampler is done with what a slot holds. */
void capture_done(struct capture *capture, struct slot *slot);

/* In the signal handler: which slot's thread is asked by this signal, by us or by a slot's timer?
 * NULL: it is not ours. */
struct slot *capture_slot_of(struct capture *capture, const siginfo_t *info);

/*
 * Is the thread with this pthread_t in a call of libc's in which it is not asked? An odd number
 * then, another one for each call. As long as it stays, no stack of Python's can change.
 */
uint64_t capture_call_of(uint64_t ident);

/* Then: write the stack down. */
void capture_answer(struct capture *capture, struct slot *slot, void *context);

/* What the sampler walks from outside; `deaths`: codes_deaths() before it is read. */
struct stack_source capture_source(const struct capture *capture, uintptr_t tstate,
                                   uint64_t deaths);

/* Does a sample nobody has resolved yet hold this code object? */
bool capture_wants(struct capture *capture, uintptr_t code);

#endif
