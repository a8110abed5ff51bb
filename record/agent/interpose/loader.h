/* SPDX-License-Identifier: MIT */
/*
 * loader - dlopen() and dlclose(), interposed, to know that libraries come and go.
 *
 * On the line:  beside it: see arrive.h.
 * Threads:      whichever calls it.
 * Memory:       none.
 * Loss:         what is loaded by dlmopen() goes into a namespace of its own and is not seen.
 *
 * What dlopen() does depends on who calls it: the caller's RUNPATH says where a plugin is looked
 * for. So ours does what it has to do first and then jumps to libc's, which finds the program's own
 * return address on the stack. Nothing can be done after the library was loaded that way.
 */
#ifndef PYREC_AGENT_INTERPOSE_LOADER_H
#define PYREC_AGENT_INTERPOSE_LOADER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Call `opening` whenever the program is about to load a library, on its thread; NULL: no more. */
void loader_watch(void (*opening)(void));

/* Counts the beginnings and ends of dlclose(): other code may lie where there was some. */
const _Atomic uint64_t *loader_unmapped(void);

/* Keep the library of this name, which is loaded, for as long as the process lives. */
bool loader_pin(const char *name);

#endif
