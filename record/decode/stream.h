/* SPDX-License-Identifier: MIT */
/*
 * stream - what the records of one process mean: threads, stacks and ticks, generation by
 * generation.
 *
 * On the line:  wire records -> [stream] -> batch, intern, roster -> encode
 * Threads:      one at a time.
 * Memory:       caller's storage; stream_init, then stream_clear.
 * Loss:         a sample of a thread that was never announced is counted in `orphans`.
 *
 * A tick is complete when the next one begins, so chunks and generations are cut between
 * stream_close_tick and the record that opens the next tick: the caller's loop is
 *     if (record is WIRE_TICK) { stream_close_tick; cut if stream_cut_due; .. } stream_apply.
 *
 * Always true:  after STATUS_DAMAGED the process is not to be believed any more.
 */
#ifndef PYREC_RECORD_STREAM_H
#define PYREC_RECORD_STREAM_H

#include "batch.h"
#include "codebook.h"
#include "contexts.h"
#include "format/status.h"
#include "intern.h"
#include "modules.h"
#include "record/wire/wire_awaits.h"
#include "roster.h"
#include "syscalls.h"

#define STREAM_CHUNK_NS      2000000000ull /* a chunk is usually cut after so much time .. */
#define STREAM_CHUNK_BYTES   (256u << 10)  /* .. or so many bytes */
#define STREAM_GENERATION_NS (300 * 1000000000ull)

/* Calls, and functions of the kernel behind them. */
#define STREAM_CALLS ((int32_t)(WIRE_CALL_FIRST_FUNCTION + WIRE_CALL_FUNCTIONS))
_Static_assert(SYSCALL_MAX < WIRE_CALL_FIRST_FUNCTION, "a number is a call or a function");

/* The clocks of the recording, the same for all its processes. */
struct stream_clock {
    uint64_t start_mono_ns; /* CLOCK_MONOTONIC at time 0 of the trace */
    uint64_t quantum_ns;
};

/*
 * What the suspended tasks of asyncio loops were seen to wait for. Chains and the last look of each
 * thread are kept; in a batch the first look of a thread says again what it saw, also when it was
 * the same. Tasks whose chain was not told, or was given another meaning since, are "unknown".
 */
#define LOOKS_THREADS 64u

/* As it was told last. */
struct looks_chain {
    struct wire_frame *frames;
    uint32_t n, capacity;
    uint32_t waits, on;
    bool is_cut;
    uint32_t told;  /* number of the telling; 0 = never */
    uint32_t stack; /* stack id of this generation, 0 = not asked for yet */
};

/* Tasks that wait alike. */
struct looks_tasks {
    uint32_t chain, told;
    uint32_t name; /* number of a task's name */
    uint32_t count;
    uint32_t stack, wait_id, name_id; /* ids of this generation; in a batch */
};

/* Of the tasks of one entry so many are in one phase or label. */
struct looks_context {
    uint64_t context;
    uint32_t entry, count;
};

struct looks_look {
    uint32_t thread;
    uint32_t tick; /* its index in the batch */
    uint32_t outcome;
    uint64_t wall_ns;
    uint32_t tasks, unread, unknown;
    uint32_t first, n; /* of looks.tasks */
    uint32_t first_context, n_contexts;
};

/* What a thread's loop was like when it was looked at last. */
struct looks_last {
    struct looks_look look; /* what begins with `first` means nothing */
    struct looks_tasks *tasks;
    struct looks_context *contexts; /* ascending by entry, then context */
    uint32_t capacity, context_capacity;
    uint32_t in_batch; /* number of its last look + 1; 0 = none in this batch */
};

struct looks {
    struct looks_chain *chains; /* by number; NULL while there is none */
    uint32_t n_told;
    struct looks_last last[LOOKS_THREADS];
    uint32_t n_last, next_last;

    /* of the batch */
    struct looks_look *list;
    struct looks_tasks *tasks;
    struct looks_context *contexts; /* as `last` has them */
    uint32_t n, n_tasks, n_contexts, capacity, task_capacity, context_capacity;
};

/* What a task is called. */
struct stream_task {
    char *name; /* NULL = not said */
    uint32_t len;
    uint32_t id; /* string id of this generation, 0 = not asked for yet */
};

struct stream {
    struct stream_clock clock;
    uint64_t origin_ns, interval_ns; /* of ticks; origin since time 0 of the trace */
    uint64_t chunk_ns;               /* STREAM_CHUNK_NS, unless somebody looks on */

    struct roster roster;
    struct codebook codebook;
    struct modules modules;
    struct intern intern;
    struct contexts contexts;
    struct batch batch;
    struct looks looks; /* of the batch, too */

    uint32_t generation;
    uint64_t generation_start_q;
    bool is_generation_new;          /* nothing of this generation has been written */
    uint32_t n_declared;             /* threads of this generation, dead ones included */
    uint32_t call_ids[STREAM_CALLS]; /* string ids of this generation, 0 = not asked for yet */
    char functions[WIRE_CALL_FUNCTIONS][WIRE_CALL_FUNCTION_MAX]; /* of calls that are none */
    struct stream_task *tasks; /* by number; NULL while there is none */

    bool is_tick_open;
    struct batch_tick tick;
    uint32_t n_ended_sampled;       /* threads that ended in this tick, but after a sample */
    struct roster_thread **sampled; /* threads that have a sample in this tick */
    uint32_t n_sampled, sampled_capacity;
    bool has_number;
    uint64_t last_number;
    uint32_t last_holder;

    uint64_t n_threads; /* ever */
    uint64_t samples;   /* thread-samples, implied ones included */
    uint64_t ticks;     /* complete ones */
    uint64_t orphans;   /* samples of unknown threads */
    /* those whose C frames were told late, by what is missing of them all the same */
    uint64_t late[WIRE_C_MISSING_COUNT + 1];
    uint64_t python_cpu_q; /* that the clocks of all threads have moved, dead ones included */
};

/* Begin: recording of the process started at CLOCK_MONOTONIC `start_ns`. */
void stream_init(struct stream *stream, struct stream_clock clock, uint64_t start_ns,
                 uint64_t origin_ns, uint64_t interval_ns);
void stream_clear(struct stream *stream);

/*
 * Take one record, copied out of the ring, its length already right for the ring. `now_ns`: no time
 * in it can be later. STATUS_DAMAGED when it makes no sense, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status stream_apply(struct stream *stream, const struct wire_record *record,
                                    uint64_t now_ns, struct problem *why);

/*
 * Take what the program says of itself. Its time is not believed beyond now_ns, nor is anything
 * else. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status stream_apply_mark(struct stream *stream, const struct mark *mark,
                                         uint64_t now_ns, struct problem *why);

/* The tick in progress is complete: compare with the tick before, put what differs into the batch.
 */
MUST_CHECK enum status stream_close_tick(struct stream *stream, struct problem *why);

/* Whether a chunk should be cut before a tick (or at a moment) at CLOCK_MONOTONIC `time_ns`. */
bool stream_cut_due(const struct stream *stream, uint64_t time_ns);

/* Whether, a chunk having been cut and no tick being open, a new generation should begin. */
bool stream_generation_due(const struct stream *stream);

/* Nothing to write but, perhaps, that time has passed. */
bool stream_is_idle(const struct stream *stream);

/* Give the threads' names their ids; before a chunk is encoded. */
void stream_intern_names(struct stream *stream);

/* The batch has been written: empty it, let ended threads go, take over a new interval. */
void stream_restart_batch(struct stream *stream);

/*
 * Begin a new generation, right after stream_restart_batch. In the middle of a tick that one is the
 * first of the new generation, with all that is known of it already.
 */
MUST_CHECK enum status stream_restart_generation(struct stream *stream, struct problem *why);

/* A moment of CLOCK_MONOTONIC in quanta since time 0 of the trace; 0 when it was before. */
uint64_t stream_quanta(const struct stream_clock *clock, uint64_t mono_ns);

/* String id of a system call's name, or of the kernel's function, in []; 0 for none. */
uint32_t stream_call_id(struct stream *stream, int32_t call);

/* String id of a task's name; 0 for none. */
uint32_t stream_task_id(struct stream *stream, uint32_t task);

/* Chains of coroutines, and looks at tasks: records that are as long as their types at least. False
 * when they make no sense; else *status is STATUS_OK or STATUS_NO_MEMORY. */
bool stream_tell_chain(struct stream *stream, const struct wire_chain *record, enum status *status);
bool stream_add_look(struct stream *stream, const struct wire_awaits *record, enum status *status);

void looks_clear(struct looks *looks);

/* The batch was written. And: ids begin again. */
void looks_restart(struct looks *looks);
void looks_restart_generation(struct looks *looks);

/* A thread of C that nobody has named is called like the function that it began with, as soon as a
 * stack of it has that. */
void stream_entry_name(struct stream *stream, struct roster_thread *thread);

/* Intern the thread's stack from frame `from` on. False when there is no memory. */
bool stream_walk(struct stream *stream, struct roster_thread *thread, uint32_t from);

/* The stack id of a sample: of the failure if there was one, else of the stack that was walked. */
uint32_t stream_stack_of(struct stream *stream, const struct roster_thread *thread,
                         uint32_t failed);

#endif
