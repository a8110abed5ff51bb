/* SPDX-License-Identifier: MIT */
/*
 * bare - samples of a thread without any Python frame: when in its life they were.
 *
 * On the line:  spans -> [bare, per thread and unit] -> joined in order -> profile_thread
 * Threads:      one at a time.
 * Memory:       struct bare is the owner's, zeroed before the first use; its sums are in the arena
 *               it is given, and made when the first such sample comes.
 *
 * An interpreter that starts reads its configuration, compiles the main script and runs a few
 * frames of its import system between; one that ends frees everything and runs a few more. So what
 * begins the program is the first stack whose root is a program's: the `<module>` of a script, or
 * runpy's entry. What is before it is the start, what is behind the last one the end. In a thread
 * that has no such stack (one that C code made) the first and last stack with any frame count; of a
 * main thread without one that is not sure, as what follows its last frame may be compiling as
 * well.
 *
 * Always true:  before + behind + what lies between is all that was added.
 */
#ifndef PYREC_ANALYZE_BARE_H
#define PYREC_ANALYZE_BARE_H

#include "analyze/base/arena.h"
#include "analyze/model/dict.h"
#include "analyze/model/state.h"

#include <stdbool.h>

/* What a stack tells about where a thread is in its life. */
enum stack_kind {
    STACK_UNKNOWN, /* it could not be read, or is lost */
    STACK_BARE,    /* no Python frames */
    STACK_FRAMED,
    STACK_PROGRAM, /* its root is a program's */
};

struct bare_sums {
    struct weights before; /* the first stack of a program; without one nothing */
    struct weights open;   /* behind the last one; without one everything */
    struct weights first;  /* before the first stack with frames; without one everything */
    struct weights tail;   /* behind the last one; likewise */
};

struct bare {
    bool framed, program;   /* was there such a stack? */
    bool settled;           /* a program's stack came, and no bare sample since */
    struct bare_sums *sums; /* NULL = all are 0 */
};

/* A sample without frames. */
void bare_add(struct bare *bare, struct arena *arena, enum state_class class,
              const struct weight *weight);

/* A stack that is not bare; needs not be told while bare->settled. */
void bare_see(struct bare *bare, enum stack_kind kind);

/* Add what came later in the same thread, in times of `scale` units of the sums. */
void bare_join(struct bare *bare, struct arena *arena, const struct bare *later, uint64_t scale);

/* The sums as they are before anything, and behind everything; all 0 where no frame was seen. */
void bare_ends(const struct bare *bare, struct weights *before, struct weights *behind);

/*
 * The kinds of a dictionary's stacks, by id + 1 (0: DICT_STACK_LOST). `known` of them are there
 * already, 0 at first; returns how many there are now. `kinds` has room for n_stacks + 1.
 */
size_t bare_kinds(const struct dict *dict, uint8_t *kinds, size_t known);

#endif
