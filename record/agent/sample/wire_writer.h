/* SPDX-License-Identifier: MIT */
/*
 * wire_writer - write what was sampled as wire records.
 *
 * On the line:  raw stack -> [wire_writer] -> ring
 * Threads:      the sampler only.
 * Memory:       one scratch stack, reserved at start.
 * Loss:         a record that finds no room is left out; the thread's next stack is then sent
 *               whole. The caller counts.
 */
#ifndef PYREC_AGENT_WIRE_WRITER_H
#define PYREC_AGENT_WIRE_WRITER_H

#include "record/agent/cpython/linecache.h"
#include "record/wire/ring.h"
#include "threads.h"

struct wire_writer {
    struct ring *ring;
    struct codes *codes;
    struct wire_counters *counters;
    struct labels *labels;       /* NULL = tasks are not told */
    struct linecache *linecache; /* NULL = the text of code that no file has is not told */
    bool has_c_frames;           /* they are asked for .. */
    struct native_parts *native; /* .. and this can tell them; NULL = nobody can */
    struct wire_frame *scratch;
    uint32_t max_depth;   /* of Python frames, and of C frames */
    bool has_lost;        /* a C frame of the last stack is in no file that is known any more */
    bool full;            /* something found no room in this tick */
    uint32_t n_functions; /* the kernel's, in which threads wait, by their number */
    char functions[WIRE_CALL_FUNCTIONS][WIRE_CALL_FUNCTION_MAX];
};

bool wire_writer_init(struct wire_writer *writer, struct codes *codes, uint32_t max_depth);

/* Give it back. */
void wire_writer_free(struct wire_writer *writer);

/* One explicit sample, said in words. */
struct observation {
    struct slot *slot; /* holds the stack; NULL when there is none */
    uint64_t cpu_ns;
    uint32_t state;
    int32_t call;
    enum wire_failure failure;
    bool is_late;   /* it was asked in an earlier tick and has not answered; .. */
    bool is_joined; /* .. what it will answer is true of this sample and of the one before */
};

/*
 * The number of a "call" of which only the kernel's function is known in which the thread waits.
 * -1 when that is "", there are too many of them, or the ring is full.
 */
int32_t wire_writer_call_function(struct wire_writer *writer, const char *function);

/* The number of the code object that was at this address when the last death was number `deaths`,
 * described before if need be; 0 when it is gone or the ring is full. */
uint32_t wire_writer_code(struct wire_writer *writer, uintptr_t code, uint64_t deaths);

/* The number of a task's name, or of what else there are as few of; 0 = none, or no room. */
uint32_t wire_writer_task(struct wire_writer *writer, const char *text, uint32_t len);

/* Write it, announcing the thread and describing new code objects before. */
void wire_writer_sample(struct wire_writer *writer, struct thread *thread,
                        const struct observation *seen);

/*
 * The stack in the thread's slot is that of its last samples, too, all with this clock. Of nobody
 * else's: Python's frames are compared with what was said of them.
 */
void wire_writer_late(struct wire_writer *writer, struct thread *thread, uint64_t cpu_ns);

/* A codes_free_fn: `closure` is a struct wire_writer. */
void wire_writer_code_free(void *closure, uint32_t id);

void wire_writer_tick(struct wire_writer *writer, const struct wire_tick *tick);
void wire_writer_thread_end(struct wire_writer *writer, const struct thread *thread,
                            uint64_t time_ns);
void wire_writer_thread_name(struct wire_writer *writer, uint32_t thread, const char *name,
                             uint32_t len);
void wire_writer_event(struct wire_writer *writer, uint32_t event, uint32_t thread,
                       uint64_t time_ns, int64_t value);

#endif
