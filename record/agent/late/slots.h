/* SPDX-License-Identifier: MIT */
/*
 * slots - where libraries that are loaded look up the address of a function, changed and put back.
 *
 * On the line:  beside it: calls of the program -> [slots] -> interpose
 * Threads:      one at a time, where the loader's lock may be taken; slots_restore with is_alone
 *               also in the child of a fork. Threads of the program read slots meanwhile, as ever.
 * Memory:       static, for SLOTS_MAX of them.
 * Loss:         counted: a slot that cannot be written, that holds what is neither libc's function
 *               nor the loader's own beginning (somebody else is there), or that is one too many.
 *
 * In a program that was not started by us nothing that it calls comes to us by itself. Each library
 * has a table with one slot per function that it calls of others; the interpreter has one for each
 * of those that count. Objects that are loaded later are not looked at.
 *
 * The loader makes some pages read-only (RELRO). Their addresses are known, and each is made
 * writable for the length of one store. A slot gets back what it held, only if it still holds ours,
 * under the loader's lock and for an object that is still there.
 */
#ifndef PYREC_AGENT_LATE_SLOTS_H
#define PYREC_AGENT_LATE_SLOTS_H

#include "record/base/elf_image.h"
#include <stdbool.h>
#include <stdint.h>

#define SLOTS_MAX   256u
#define SLOTS_MARKS 4u

struct slots_hook {
    const char *name;
    bool is_everywhere; /* in all objects, not only in those of the interpreter */
    uint32_t what;      /* the caller's mark, one bit of SLOTS_MARKS */
    void *ours, *real;  /* NULL: there is none, and nothing is changed */
};

struct slots_count {
    uint32_t taken;   /* slots */
    uint32_t foreign; /* left alone: somebody else's function is in there */
    uint32_t refused; /* could not be written, or there was no room to remember it */
};

struct slots_found {
    struct slots_count all, of[SLOTS_MARKS]; /* of: those with mark 1, 2, 4 .. */
    uint32_t what;     /* marks of those of which one of the interpreter's was taken .. */
    uint32_t not_what; /* .. and of those of which any was not */
};

/* Is this object the interpreter's? */
typedef bool slots_is_home_fn(void *closure, const struct elf_image *image);

/*
 * Let calls of these functions come to ours. Objects that have `own_name` are ours, and left alone;
 * so is libc, and whoever defines the function itself.
 */
struct slots_found slots_take(const struct slots_hook *hooks, uint32_t n, const char *own_name,
                              slots_is_home_fn *is_home, void *closure);

/* Put back what is still ours; is_alone: only the interpreter's, without asking the loader. The
 * number of those that somebody else has changed since. */
uint32_t slots_restore(bool is_alone);

#endif
