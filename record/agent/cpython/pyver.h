/* SPDX-License-Identifier: MIT */
/*
 * pyver - where things are inside each minor version of CPython.
 *
 * On the line:  memory of CPython -> capture reads it through these tables.
 * Threads:      the tables are constant; anyone may read them.
 * Memory:       static. struct pyver is copied once at start, when the interpreter's own
 *               description (3.13 and later) or its build corrects it.
 *
 * One file per minor version under pyver/, designated initialisers only. A field that a version
 * does not have is PYVER_NONE, never 0: 0 is a real offset. All offsets are for the 64-bit default
 * build; they are the same on x86-64 and aarch64, in release and debug builds, and in all micro
 * releases up to 3.12 (printed by probes compiled against each version's headers).
 */
#ifndef PYREC_AGENT_PYVER_H
#define PYREC_AGENT_PYVER_H

#include "record/wire/wire.h"
#include <stdbool.h>
#include <stdint.h>

#define PYVER_NONE 0xffffu

/* How the chain of frames hangs together. */
enum pyver_frames {
    FRAMES_OBJECTS,      /* 3.8 - 3.10: heap frame objects from tstate->frame */
    FRAMES_CFRAME_ENTRY, /* 3.11: tstate->cframe->current_frame, entries marked by is_entry */
    FRAMES_CFRAME_SHIM,  /* 3.12: the same, entries are shim frames on the C stack */
    FRAMES_DIRECT,       /* 3.13, 3.14: tstate->current_frame, shim frames */
    FRAMES_BASED,        /* 3.15: the same, every chain ends at tstate->base_frame */
};

/* How an instruction is named in a frame. */
enum pyver_instr {
    INSTR_INDEX_BYTES, /* 3.8, 3.9: int, byte offset */
    INSTR_INDEX_UNITS, /* 3.10: int, code units */
    INSTR_POINTER,     /* 3.11 and later: pointer into the bytecode inside the code object */
};

/* Where an instance has its attributes, other than in a dict that type.dict_offset leads to. */
enum pyver_instance {
    INSTANCE_DICT,   /* 3.8 - 3.10: nowhere else */
    INSTANCE_VALUES, /* 3.11: before it, a pointer to values and one to a dict; one of them is set
                      */
    INSTANCE_TAGGED, /* 3.12: before it, one of these, told apart by a bit */
    INSTANCE_INLINE, /* 3.13: behind it, until there is a dict, which stands before it */
};

/* How a generator or coroutine says whether it runs, and what it waits for. */
enum pyver_gen {
    GEN_OLD,      /* 3.8, 3.9: by its frame's stack, which is not there while it runs */
    GEN_SIGNED,   /* 3.10 - 3.12: -2 created, -1 suspended, 0 running; what at by its bytecode */
    GEN_AWAITING, /* 3.13, 3.14: -3 created, -2 yielded, -1 awaits, 0 running */
    GEN_COUNTED,  /* 3.15: 0 created, 1 yielded, 2 and 3 awaits, 4 running */
};

/* Where a suspended frame has the top of its stack. */
enum pyver_stack {
    STACK_TOP,     /* 3.8, 3.9: a pointer behind it, and one to the bottom */
    STACK_DEPTH,   /* 3.10: how many there are, and a pointer to the bottom */
    STACK_INLINE,  /* 3.11 - 3.13: how many there are, locals counted, and they are in the frame */
    STACK_POINTER, /* 3.14: a pointer behind it */
};

struct pyver {
    uint8_t minor;
    enum pyver_frames frames;
    enum pyver_instr instr;
    enum wire_table table;
    uint64_t tag_mask;     /* low bits to clear in object references held by frames */
    uint16_t object_shift; /* added to every field of every object (free-threaded, trace-refs) */

    struct {
        uint16_t interpreters_head, finalizing, gil, gc_collecting;
    } runtime;
    struct {
        uint16_t next, threads_head, id, gil_pointer, gc_collecting, modules;
        uint16_t stop_world; /* of builds without a GIL */
    } interp;
    struct {
        uint16_t prev, next, interp, frame, base_frame, thread_id, native_id, id;
        uint16_t chunk, chunk_top, cframe, root_cframe;
        uint16_t running_task; /* of asyncio; before 3.14 in a dict */
        uint16_t dict;         /* up to 3.12 the running loop is in there .. */
        uint16_t running_loop; /* .. and then here */
        uint16_t tasks;        /* head of a list of its tasks; before 3.14 in a set of all */
        uint16_t state, critical_section; /* since 3.13, of use without a GIL */
    } thread;
    struct {
        uint16_t current, previous;
    } cframe;
    struct {
        uint16_t previous, top, data;
    } chunk;
    struct {
        uint16_t previous, code, instr, owner, is_entry, gen, tlbc_index;
    } frame;
    struct {
        uint16_t first_line, filename, name, table, bytecode, first_traceable, size, tlbc, flags;
    } code; /* name: the qualified one where there is one */
    struct {
        uint16_t last_holder, locked, switches, len;
    } gil;
    struct {
        uint16_t type, size;
    } object;
    struct {
        uint16_t name, dealloc, flags, dict_offset, basic_size;
        uint16_t cached_keys; /* of a class: the keys that its instances share */
    } type;
    struct {
        uint16_t keys, values;
        uint16_t managed; /* so far before an object is what it has instead of a dict */
        enum pyver_instance instance;
    } dict;
    struct {
        uint16_t size, digits;
        uint8_t size_shift; /* of the number of digits in size; 0 = it is nothing else */
    } number;
    struct {
        uint16_t items;
    } tuple;
    struct {
        uint16_t data;
    } bytes;
    struct {
        uint16_t length, state, ascii, compact, pointer;
        uint8_t kind_shift; /* of the 3-bit kind in state; compact and ascii follow it */
    } str;
    struct {
        uint16_t iframe; /* its frame lies so far inside of it; up to 3.10 the frame leads to it */
        uint16_t qualname;
        uint16_t frame;   /* up to 3.10 */
        uint16_t state;   /* from 3.11 on; in 3.10 its frame has it */
        uint16_t wrapped; /* of what stands for one: coroutine_wrapper, async_generator_asend .. */
        enum pyver_gen states;
    } gen; /* coroutines as well */
    struct {
        uint16_t coro, name, context, waiter;
        uint16_t node; /* in the list of all */
    } task;            /* of asyncio, the one written in C */
    struct {
        uint16_t loop, state; /* state: 0 = it is waited for */
    } future;                 /* of asyncio, likewise; its iterator has it where it has its loop */
    struct {
        enum pyver_stack kind;
        uint16_t base, at;
        uint8_t above; /* words above what is awaited */
    } await_stack;
    struct {
        uint16_t used, mask, table;
    } set;
    struct {
        uint16_t object;
    } weakref;
};

/* The table of 3.`minor`, or NULL. */
const struct pyver *pyver_find(unsigned minor);

/* The newest minor version there is a table for. */
unsigned pyver_newest(void);

/*
 * Correct a table from the description that 3.13 and later keep at the start of _PyRuntime.
 * `words` are the first PYVER_WORDS 64-bit words there. Returns NULL, or why they make no sense;
 * *ver is then unchanged. Sets *free_threaded.
 */
#define PYVER_WORDS 128
const char *pyver_adopt(struct pyver *ver, const uint64_t *words, bool *free_threaded);

/* All fields of all objects lie `shift` bytes further on (Py_TRACE_REFS, free-threaded builds). */
void pyver_shift_objects(struct pyver *ver, uint16_t shift);

#endif
