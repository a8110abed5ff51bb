/* SPDX-License-Identifier: MIT */
/*
 * interp - find the CPython in this process, without help from Python.
 *
 * On the line:  the ground everything in the agent stands on.
 * Threads:      interp_find once, in the library's constructor; afterwards read-only.
 * Memory:       the caller's struct.
 * Loss:         an interpreter that is found but not understood is refused, with the reason.
 *
 * The symbols of a shared libpython and those of a static python3 that exports them (Debian's)
 * are there before main() runs, although the runtime is still all zeros.
 */
#ifndef PYREC_AGENT_INTERP_H
#define PYREC_AGENT_INTERP_H

#include "pyver.h"
#include "record/agent/base/symbol.h"

/* Functions of the interpreter that the agent calls; those a version lacks are NULL. */
struct interp_calls {
    void *(*own_tstate)(void);     /* PyGILState_GetThisThreadState: no lock, no GIL */
    void *(*current_tstate)(void); /* 3.12+: this thread's attached tstate or NULL */
    int (*add_pending)(int (*call)(void *), void *arg); /* Py_AddPendingCall */
};

struct interp {
    struct symbols symbols; /* where its names are */
    struct pyver ver;       /* the table, corrected by what the interpreter says of itself */
    uint32_t hexversion;
    uintptr_t runtime;   /* &_PyRuntime */
    uintptr_t code_type; /* &PyCode_Type */
    uintptr_t eval_loop; /* &_PyEval_EvalFrameDefault; 0 = it has no such name */
    bool free_threaded;
    bool is_newer; /* than all versions there is a table of */
    char build[32];
    struct interp_calls call;
};

enum interp_found {
    INTERP_NONE,    /* no Python in this process */
    INTERP_REFUSED, /* a Python that cannot be recorded; `reason` says why */
    INTERP_FOUND,
};

/* Look for it. `reason` has room for `size` bytes. */
enum interp_found interp_find(struct interp *interp, char *reason, size_t size);

/*
 * The second half of that, for who has found runtime, code_type and hexversion himself: the table
 * for it, corrected. Calls nothing and reads through peek(), so it may be another process's.
 */
enum interp_found interp_fit(struct interp *interp, char *reason, size_t size);

/* Address of the GIL of the interpreter state at `state`; 0 when there is none (yet). */
uintptr_t interp_gil(const struct interp *interp, uintptr_t state);

/* The tstate that holds this GIL at this moment, 0 = nobody. */
uintptr_t interp_gil_holder(const struct interp *interp, uintptr_t gil);

/* Whether anybody holds it; true when that cannot be told. */
bool interp_gil_is_locked(const struct interp *interp, uintptr_t gil);

/* The tstate that held it last, whether it still does or not. */
uintptr_t interp_gil_last(const struct interp *interp, uintptr_t gil);

/*
 * Without a GIL. What a thread waits for that stands in futex(`futex`): WIRE_WAITS_WORLD,
 * WIRE_WAITS_OBJECT, or 0 = neither, as far as is known. True if it has stood still all the while.
 */
uint32_t interp_parked_for(const struct interp *interp, uintptr_t tstate, uint64_t futex);

/* Has this thread asked all others to stand still, and not yet let them go on? */
bool interp_stops_world(const struct interp *interp, uintptr_t state, uintptr_t tstate);

/* Whether the interpreter at `state` is collecting garbage. */
bool interp_in_gc(const struct interp *interp, uintptr_t state);

#endif
