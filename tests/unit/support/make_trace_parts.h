/* SPDX-License-Identifier: MIT */
/*
 * make_trace_parts - what make_trace and its encoder share.
 *
 * On the line:  inside make_trace.
 */
#ifndef PYREC_TESTS_MAKE_TRACE_PARTS_H
#define PYREC_TESTS_MAKE_TRACE_PARTS_H

#include "format/chunk_write.h"
#include "format/trace.pb-c.h"
#include "make_trace.h"

/* A column that grows. */
struct u32s {
    uint32_t *at;
    size_t n, room;
};
struct s32s {
    int32_t *at;
    size_t n, room;
};
struct u64s {
    uint64_t *at;
    size_t n, room;
};
struct s64s {
    int64_t *at;
    size_t n, room;
};

void *maker_room(void *at, size_t *room, size_t n, size_t item_len);
#define PUSH(column, value)                                                                        \
    do {                                                                                           \
        (column).at = maker_room((column).at, &(column).room, (column).n, sizeof *(column).at);    \
        (column).at[(column).n++] = (value);                                                       \
    } while (0)

struct maker_thread_state {
    uint32_t id; /* in the file */
    uint32_t os_tid;
    const char *name;
    uint64_t cpu_q, cpu_before_q; /* now; before the first tick of the generation */
    uint64_t end_cpu_q;
    bool main, alive, ended, declared;
    uint32_t first_tick, end_tick; /* in this chunk; end_tick is one past the last */

    /* as it stands, and as it stood when the chunk began; stacks as nodes */
    uint32_t stack, call;
    uint16_t state;
    uint32_t stack_before, call_before;
    uint16_t state_before;

    uint32_t next_tick; /* the first tick of the chunk that is not in `run` */
    struct u32s run, state_column, call_at, call_new;
    struct s32s stack_column;
    struct s64s cpu;
};

/* A stack: its parent, its frame, and its id in this generation. */
struct maker_node {
    uint32_t parent, frame;
    uint32_t id; /* 0 = not defined in this generation */
};

struct maker_known_frame {
    struct maker_frame frame;
    uint32_t function, location; /* ids in this generation, 0 = not defined */
};

struct maker_text {
    const char *text;
    uint32_t id;
};

/* What is defined and not yet written. */
struct maker_defs {
    uint32_t n_strings, n_functions, n_locations, n_stacks; /* in the generation */
    struct {
        const char **at;
        size_t n, room;
    } strings;
    struct u32s name, file, line, kind, location_function, column, end_column, up, stack_location;
    struct s32s location_line;
    struct u32s module; /* per function, 0 = none; its address is its line then */
    struct {
        const char **at; /* paths */
        size_t n, room;
    } modules;
    size_t n_modules_written;
};

struct maker_native_state {
    uint32_t os_tid;
    const char *name;
    uint64_t cpu_ns;
};

struct maker_look_state {
    Pyrec__V1__Look look;
    struct u32s stack, wait, name, count;
};

struct maker_process_state {
    uint32_t pid, parent_pid;
    bool is_forked;
    const char *const *argv;
    uint32_t generation;
    bool begun; /* this generation's Meta is written */
    uint64_t start_q;

    uint64_t number, first_number; /* of the last tick; of the first one in this chunk */
    uint64_t time_q, before_q;
    bool any_tick;
    struct s32s late;
    struct u32s missed_at, missed_n;
    struct u64s missed_gap;
    struct u32s holders; /* per tick */
    uint32_t holder;
    uint32_t last_missed_at;

    struct maker_thread_state *threads; /* number - 1 */
    size_t n_threads, threads_room;
    uint32_t ids_skipped;
    struct maker_node *nodes; /* 0 is none */
    size_t n_nodes, nodes_room;
    uint32_t *node_slots; /* hash, node or 0 */
    size_t n_node_slots;
    struct maker_known_frame *frames;
    size_t n_frames, frames_room;
    uint32_t *frame_slots; /* hash, frame + 1 or 0 */
    size_t n_frame_slots;
    struct maker_text *texts;
    size_t n_texts, texts_room;
    struct maker_defs defs;

    bool has_account;
    struct maker_account account;
    struct maker_native_state *natives;
    size_t n_natives, natives_room;
    Pyrec__V1__Event *events;
    size_t n_events, events_room;
    struct maker_look_state *looks;
    size_t n_looks, looks_room;
};

struct maker {
    struct chunk_writer *writer;
    struct maker_settings settings;
    struct maker_process_state *processes; /* number - 1 */
    size_t n_processes, processes_room;
    uint64_t last_ns;
};

/* Write a chunk: Meta when the generation begins, Defs, Samples, and Summary when that is set. */
void maker_write_chunk(struct maker *maker, uint32_t process, Pyrec__V1__Summary *summary);

/* Fill in Meta, without its process. `machine` must live as long. */
void maker_fill_meta(const struct maker *maker, Pyrec__V1__Meta *meta, Pyrec__V1__Machine *machine);

/* The id of a text, a stack in this generation, defined when it is new. */
uint32_t maker_string_id(struct maker_process_state *p, const char *text);
uint32_t maker_stack_id(struct maker_process_state *p, uint32_t node);

/* Pack `packets` and append them; or close the file with them. */
void maker_append(struct maker *maker, Pyrec__V1__Packet **packets, size_t n_packets,
                  uint16_t flags, uint32_t process, uint64_t first_ns, bool last);

_Noreturn void maker_fail(const char *what);

#endif
