/* SPDX-License-Identifier: MIT */
/*
 * symbol - find functions of Python.
 *
 * On the line:  beside it.
 * Threads:      where the loader may be asked: the constructor, or a thread that holds no lock of
 *               its. Not in the child of a fork, not in a signal handler.
 * Memory:       none but the caller's.
 * Loss:         NULL for what is not there.
 */
#ifndef PYREC_AGENT_SYMBOL_H
#define PYREC_AGENT_SYMBOL_H

#include "record/base/elf_image.h"

/* Where Python's names are: in one library, of which the program may have its own copies of
 * variables, or in the program. */
struct symbols {
    struct elf_image images[2];
    unsigned n;
};

/* Those of the first library that has `name`, and of the program if it has it, too. False when
 * nobody has it. It does not matter how the library was loaded. */
bool symbols_open(struct symbols *symbols, const char *name);

/* Is this an address in one of them? */
bool symbols_hold(const struct symbols *symbols, uintptr_t address);

void *symbols_find(const struct symbols *symbols, const char *name);

#endif
