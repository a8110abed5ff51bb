/* SPDX-License-Identifier: MIT */
/*
 * active - threading._active: which object is which thread's, and what it is called.
 *
 * On the line:  memory of CPython -> [active] -> thread_names
 * Threads:      any; without the GIL, while the program changes what is read.
 * Memory:       none.
 * Loss:         a thread that is not in there, or whose class keeps its attributes elsewhere than
 *               in a dict, has no name.
 *
 * A dict of ident -> Thread, found by way of the interpreter's modules: each interpreter has its
 * own. A name is the text of the Thread's own attribute _name.
 */
#ifndef PYREC_AGENT_ACTIVE_H
#define PYREC_AGENT_ACTIVE_H

#include "objects.h"

/* Where things were in their dicts last time. */
struct active_hints {
    uint32_t module, active, name, ident;
};

enum active_found {
    ACTIVE_NAMED,
    ACTIVE_NONE,  /* it has no name, or is not that thread's */
    ACTIVE_MOVED, /* it got another one meanwhile */
};

/* threading._active of the interpreter at `state`; none if threading was not imported. */
struct entries active_find(const struct pyver *ver, uintptr_t state, struct active_hints *hints);

/*
 * The name that the Thread at `object` has, if it is that of the thread with this ident: at most
 * `max` bytes of UTF-8, whole characters.
 */
enum active_found active_name(const struct pyver *ver, uintptr_t object, uint64_t ident, char *text,
                              uint32_t max, uint32_t *len, struct active_hints *hints);

#endif
