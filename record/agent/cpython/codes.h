/* SPDX-License-Identifier: MIT */
/*
 * codes - which code object is which, although their addresses are used again and again.
 *
 * On the line:  raw stack (addresses) -> [codes] -> wire frames (ids) and WIRE_CODE records
 * Threads:      codes_resolve, codes_harvest_* by the sampler only. codes_died runs on whatever
 *               thread frees a code object (it holds that interpreter's GIL); several may run at
 *               once (sub-interpreters, free-threaded builds). codes_deaths: anybody, also
 *               signal handlers.
 * Memory:       reserved at start, touched as needed; about 1.5 MiB when everything is full.
 * Loss:         a code object that dies between being sampled and being described is described
 *               by the thread that frees it. What cannot be (bursts of deaths) is counted and the
 *               sample that held it fails with CODE_GONE; a wrong name is never given.
 *
 * How a reused address is told from its predecessor: every death gets a number. A sample notes
 * the number of the last death when it is taken (codes_deaths). An address in a sample means the
 * object that lived there then: the first death of that address with a greater number is that
 * object's own, deaths with smaller numbers are its predecessors'.
 *
 * Always true:  an address is in the table only while its object lives: the thread that frees it
 *               takes it out before the memory is given back.
 */
#ifndef PYREC_AGENT_CODES_H
#define PYREC_AGENT_CODES_H

#include "describe.h"
#include <stdatomic.h>

#define CODES_TABLE_LEN 65536u /* power of two */
#define CODES_LOG_LEN   4096u
#define CODES_MORGUE    64u
#define CODES_DYING     16u
#define CODES_NOTE_LEN  6144u /* room for one description of a dead object */
#define CODES_HITS      512u  /* power of two */

/* A death that the sampler has to know of. */
struct death {
    _Atomic uint64_t number; /* 0 while it is being written; release store, partner: death_find */
    uintptr_t code;
    _Atomic uint32_t id; /* 0: it had none */
    bool noted;          /* described in morgue[note % CODES_MORGUE] */
    uint64_t note;
};

struct note {
    struct description what; /* bytes points into `bytes` */
    char bytes[CODES_NOTE_LEN];
};

/* What an address was found to mean while the last death had this number. */
struct hit {
    uintptr_t code;
    uint64_t deaths;
    uint32_t id;
};

struct codes {
    const struct interp *interp;
    struct hit hits[CODES_HITS]; /* the sampler's alone */
    _Atomic uintptr_t *keys;     /* 0 free, 1 taken out, else an address */
    uint32_t *ids;
    uint32_t used; /* keys that are not 0 */
    uint32_t next_id;
    _Atomic uint64_t deaths;              /* number of the last death */
    _Atomic uintptr_t dying[CODES_DYING]; /* what threads inside codes_died are about to free */
    _Atomic uint32_t dying_more;          /* threads that found no place in `dying` */
    struct death *log;
    _Atomic uint64_t log_head; /* entries ever claimed */
    _Atomic uint64_t log_tail; /* entries the sampler is done with */
    _Atomic uint64_t lost;     /* number of the newest death that found no room in the log */
    uint64_t forgotten;        /* number of the newest death that was dropped from the log */
    struct note *morgue;
    _Atomic uint64_t morgue_next;
    char *scratch;
    size_t scratch_size;
};

/* The sampler's answer to "does a sample that nobody has looked at hold this code object?" */
typedef bool codes_wanted_fn(uintptr_t code);

/* Reserve memory. False when there is none. */
bool codes_init(struct codes *codes, const struct interp *interp);

/* Give it back. Nobody is in codes_died, and nobody comes. */
void codes_free(struct codes *codes);

/* Forget everything, also from before a fork. */
void codes_reset(struct codes *codes);

/* Number of the last death, to be noted before a stack is read. */
static inline uint64_t codes_deaths(struct codes *codes)
{
    return atomic_load_explicit(&codes->deaths, memory_order_acquire);
}

/* `code` is about to be freed. From the deallocation hook, before the object is touched. */
void codes_died(struct codes *codes, uintptr_t code, codes_wanted_fn *wanted);

/* Called for a code object that gets its id now; false when it could not be passed on. */
typedef bool codes_new_fn(void *closure, uint32_t id, const struct description *what);

/*
 * The id of the object that lived at `code` when the last death was number `deaths`; 0 when it is
 * gone without having been described.
 */
uint32_t codes_resolve(struct codes *codes, uintptr_t code, uint64_t deaths, codes_new_fn *fresh,
                       void *closure);

/* Called for an id whose object is gone and that no sample will name again. */
typedef void codes_free_fn(void *closure, uint32_t id);

/*
 * All samples with a death number up to `deaths` have been resolved: drop the log up to there.
 */
void codes_forget(struct codes *codes, uint64_t deaths, codes_free_fn *freed, void *closure);

#endif
