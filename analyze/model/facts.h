/* SPDX-License-Identifier: MIT */
/*
 * facts - what one unit says about its process, its threads and the recorder's work.
 *
 * On the line:  Meta, Thread, Account, NativeThread, Summary -> [facts] -> census
 * Threads:      each worker has its own; facts_settle is called with the trace's lock held.
 * Memory:       struct facts is the caller's, zeroed before the first use; facts_reset keeps its
 *               room, facts_clear gives it back. The census gets copies.
 *
 * The structs of the census are used here too, so that a field is named once; what is not said
 * stays 0 or "".
 */
#ifndef PYREC_ANALYZE_FACTS_H
#define PYREC_ANALYZE_FACTS_H

#include "analyze/base/hash.h"
#include "census.h"
#include "dict.h"
#include "format/status.h"
#include "format/trace.pb-c.h"

/* A thread as a unit knows it. */
struct unit_thread {
    uint32_t id, os_tid;
    const char *name;
    bool main, declared, ended;
    bool is_c; /* it runs no Python */
    uint64_t start_q;
    uint64_t cpu_q;     /* its clock before the unit's first tick */
    uint64_t end_cpu_q; /* and at its very end; 0 = not known */
    uint32_t seq;
};

struct facts {
    struct arena arena;
    bool has_meta, has_process;
    struct recording recording;
    struct process process;
    struct unit_thread *threads; /* in order of appearance */
    size_t n_threads, threads_size;
    struct hash thread_of_id; /* ids may be any 32 bits */
    struct wall wall;         /* what it noted of it; times of its own recording */
    uint64_t last_q;          /* the latest tick */
    struct ending so_far;     /* who was missing at end_ns; absences_known: somebody said so */
    size_t absences_size;

    struct census_told told; /* by this reading of the unit, or by one before it */
};

/* Times that no machine has seen end here: 146 years. */
#define TIME_MAX_NS (UINT64_C(1) << 62)

static inline uint64_t quanta_ns(uint64_t q, uint64_t quantum_ns)
{
    return q < TIME_MAX_NS / quantum_ns ? q * quantum_ns : TIME_MAX_NS;
}

void facts_reset(struct facts *facts);
void facts_clear(struct facts *facts);

/* What a packet says. `seq` is the number of the chunk it was in. */
MUST_CHECK enum status facts_meta(struct facts *facts, const Pyrec__V1__Meta *meta, uint32_t seq,
                                  struct problem *why);
MUST_CHECK enum status facts_thread(struct facts *facts, const struct dict *dict,
                                    const Pyrec__V1__Thread *thread, uint32_t seq,
                                    struct problem *why);
void facts_account(struct facts *facts, const Pyrec__V1__Account *account, uint32_t seq);
void facts_events(struct facts *facts, const Pyrec__V1__Events *events, uint64_t quantum_ns);
void facts_native(struct facts *facts, const Pyrec__V1__NativeThread *native, uint32_t seq);
void facts_summary(struct facts *facts, const Pyrec__V1__Summary *summary, uint64_t quantum_ns,
                   uint32_t seq);

/* The thread with that id; made, undeclared, when nobody spoke of it. Index into threads. */
size_t facts_thread_index(struct facts *facts, uint32_t id);

/* Copy what a recording's Meta says. */
void facts_settle_recording(const struct facts *facts, struct census *census,
                            struct recording *recording);

/*
 * Add the facts of a unit of `process` (0: of the recording itself) to the census. Of a unit that
 * is being written it may be called again when there are more; census_finish then, too.
 */
void facts_settle(struct facts *facts, struct census *census, struct recording *recording,
                  uint32_t process, uint32_t generation, uint64_t quantum_ns);

/* Of these, only who the process and its threads are; may be called again. */
void facts_settle_threads(const struct facts *facts, struct census *census,
                          struct recording *recording, uint32_t process, uint64_t quantum_ns);

/* Of these, only when the wall clock was set. */
void facts_settle_wall(struct facts *facts, struct recording *recording);

#endif
