/* SPDX-License-Identifier: MIT */
/*
 * make_trace - write made-up traces, for tests and benchmarks.
 *
 * On the line:  stands in for the recorder: ticks and samples -> [make_trace] -> run.trace
 * Memory:       maker_open gives, maker_close or maker_abandon takes. Texts are borrowed until
 *               then.
 *
 * A test says what happened: processes, threads, stacks, and tick by tick which threads changed.
 * Whatever is not said stays as it was (implied ticks), as in the format. Dictionaries, columns
 * and chunks come by themselves. Everything here ends the program when it cannot do its work.
 */
#ifndef PYREC_TESTS_MAKE_TRACE_H
#define PYREC_TESTS_MAKE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct maker;

struct maker_settings {
    uint32_t tag; /* 0 = 0x7e57 */
    uint32_t first_seq;
    uint64_t quantum_ns;  /* 0 = 1000 */
    uint64_t interval_ns; /* 0 = 10 ms */
    uint64_t origin_ns;
    int64_t start_unix_ns; /* 0 = 2024-05-06 07:08:09 UTC */
    uint64_t start_mono_ns;
    const char *hostname; /* NULL = "testhost" */
};

/* Root first. `kind` as in trace.proto, 0 = Python; plus MAKER_COLUMNS. Of kind NATIVE `file` is a
 * module, first_line the function's address in it; neither has a line. */
struct maker_frame {
    const char *function, *file;
    uint32_t first_line, line;
    uint32_t kind;
};

/* Columns of an expression in its line, from 1 on, the end exclusive; 4095 at most. */
#define MAKER_COLUMNS(first, end) ((uint32_t)(first) << 8 | (uint32_t)(end) << 20)

struct maker_sample {
    uint32_t stack; /* from maker_stack; 0 = no frames */
    uint16_t state;
    uint64_t cpu_q;   /* its clock moved by this since the previous tick */
    const char *call; /* NULL = none */
};

/* settings may be NULL. The file's first chunk, the recording's Meta, is written at once. */
struct maker *maker_open(const char *path, const struct maker_settings *settings);

/* With Summary of the recording, index and trailer; or without. */
void maker_close(struct maker *maker, const char *stop_reason);
void maker_abandon(struct maker *maker);

/* argv ends with NULL. The result is the process's number. */
uint32_t maker_process(struct maker *maker, uint32_t pid, uint32_t parent_pid,
                       const char *const *argv);
/* Did it begin with the stack of the parent's that forked? */
void maker_forked(struct maker *maker, uint32_t process, bool is_forked);

/* Observed from the next tick on. Its clock stands at cpu_q before. */
uint32_t maker_thread(struct maker *maker, uint32_t process, uint32_t os_tid, const char *name,
                      uint64_t cpu_q);

/* Threads that are made from now on have higher ids in the file; their numbers here do not change.
 */
void maker_skip_thread_ids(struct maker *maker, uint32_t process, uint32_t n);

/* The last tick was the last in which it was observed. */
void maker_thread_end(struct maker *maker, uint32_t process, uint32_t thread);
/* The same, and its clock stood at cpu_q at its very end. */
void maker_thread_end_at(struct maker *maker, uint32_t process, uint32_t thread, uint64_t cpu_q);
void maker_thread_name(struct maker *maker, uint32_t process, uint32_t thread, const char *name);

/* The same frames give the same number. */
uint32_t maker_stack(struct maker *maker, uint32_t process, const struct maker_frame *frames,
                     size_t n_frames);
/* One frame more than a stack that is known; for large numbers of them. */
uint32_t maker_stack_push(struct maker *maker, uint32_t process, uint32_t parent,
                          const struct maker_frame *frame);

/*
 * A tick: so many quanta late, after `missed` tick numbers that were skipped, of which gap_q
 * quanta were not observed at all. All threads are as before until maker_change says otherwise.
 */
void maker_tick(struct maker *maker, uint32_t process, int32_t late_q, uint32_t missed,
                uint64_t gap_q);
void maker_change(struct maker *maker, uint32_t process, uint32_t thread,
                  const struct maker_sample *sample);

/* Who holds the GIL, from the last tick on; 0 = nobody. Not known at all until it is first said. */
void maker_hold(struct maker *maker, uint32_t process, uint32_t thread);

/* The time of the last tick, in quanta, and its number. */
uint64_t maker_time_q(const struct maker *maker, uint32_t process);
uint64_t maker_number(const struct maker *maker, uint32_t process);

/* Put what happened since the last chunk into a chunk; begin a new generation with the next. */
void maker_flush(struct maker *maker, uint32_t process);
void maker_generation(struct maker *maker, uint32_t process);

/* The recorder's books, in the next chunk. A reason NULL has no count. */
struct maker_account {
    uint64_t ticks_due, ticks_taken, ticks_missed, ticks_overflowed;
    uint64_t samples, samples_asked, samples_outside, retries;
    uint64_t handler_ns, sampler_cpu_ns, collector_cpu_ns, process_cpu_ns, native_cpu_ns;
    const char *failure;
    uint64_t failures;
};
void maker_set_account(struct maker *maker, uint32_t process, const struct maker_account *account);
void maker_native(struct maker *maker, uint32_t process, uint32_t os_tid, const char *name,
                  uint64_t cpu_ns);

/* Tasks that wait alike, for maker_look. */
struct maker_tasks {
    uint32_t stack;          /* where they are suspended */
    const char *wait, *name; /* for what; "" = no name */
    uint32_t count;
};

/* In the last tick somebody looked at the tasks of the thread's loop; `outcome` and what else as in
 * trace.proto's Look. `tasks` ends with a count of 0. */
void maker_look(struct maker *maker, uint32_t process, uint32_t thread, uint32_t outcome,
                uint64_t wall_q, const struct maker_tasks *tasks, uint32_t unread,
                uint32_t unknown);

/* At the time of the last tick: a type and a value as in trace.proto's Event. */
void maker_event(struct maker *maker, uint32_t process, uint32_t type, int64_t value);

/* The process is over: its last chunk, with a Summary. */
void maker_process_end(struct maker *maker, uint32_t process, uint32_t exit_status);

#endif
