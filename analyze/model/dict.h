/* SPDX-License-Identifier: MIT */
/*
 * dict - the dictionary of one generation: strings, functions, locations, stacks.
 *
 * On the line:  Defs packets -> [dict] -> spans are checked against it, consumers read it
 * Threads:      each worker has its own.
 * Memory:       struct dict is the caller's, zeroed before the first use; dict_reset keeps its
 *               room for the next generation, dict_clear gives it back.
 * Loss:         what was defined in a chunk that is lost is an entry like any other, called
 *               "<lost definitions>", so that everything that refers to it still counts.
 *
 * Where debug information says that functions were put into each other (debug_names), they are
 * frames as any other, that no Defs has: so ids here need not be those of the trace. dict_stack_id
 * has the id of a stack for that in a Samples.
 *
 * Always true:  every id in an entry is smaller than the number of entries it points into; the
 *               parent of a stack comes before it; no stack is deeper than LIMIT_DEPTH. Entry 0 of
 *               functions and locations is the lost one, stack 0 is a thread without frames.
 */
#ifndef PYREC_ANALYZE_DICT_H
#define PYREC_ANALYZE_DICT_H

#include "analyze/base/arena.h"
#include "analyze/base/hash.h"
#include "analyze/names/debug_names.h"
#include "cell.h"
#include "format/status.h"
#include "format/trace.pb-c.h"

#define DICT_LOST_NAME  "<lost definitions>"
#define DICT_TRUNCATED  "<truncated>" /* callers were cut off */
#define DICT_FAILED     "<failed"     /* .. how, > */
#define DICT_NO_FRAMES  "<no Python frames>"
#define DICT_STACK_LOST UINT32_MAX /* a stack that was never defined */
#define DICT_INLINED    " (inlined)"

struct dict_function {
    const char *name; /* as tables show it; what is no function stands in angle brackets */
    const char *file; /* "" = none; of one of C its source, where that is known, else `object` */
    uint32_t line;
    uint8_t kind;                     /* Pyrec__V1__Defs__Kind */
    bool is_nameless;                 /* of one of C: no symbol says what it is called */
    uint64_t address;                 /* of one of C: where it begins in its file; 0 = not known */
    const char *object;               /* that file; "" = it is not of C */
    const char *build_id;             /* of that file, in hexadecimal digits; "" = not known */
    const struct debug_object *known; /* what else is known of that file; NULL = nothing */
};

/* Of C, or C frames that are not known. */
static inline bool dict_is_native(const struct dict_function *function)
{
    return function->kind == PYREC__V1__DEFS__KIND__NATIVE ||
           function->kind == PYREC__V1__DEFS__KIND__GAP;
}

struct dict_location {
    uint32_t function;
    uint32_t line;
    uint32_t inside;  /* the location that its function was put into by the compiler; 0 = none */
    uint64_t address; /* of C: within the instruction, as the file counts; 0 = not known */
    struct position position;
};

struct dict_stack {
    uint32_t parent;
    uint32_t location;
};

/* A file that functions of C are in. */
struct dict_module {
    uint32_t id;
    const char *build_id;
    const struct debug_object *known; /* NULL = nothing */
};

/* Ids here by those of the trace. */
struct dict_ids {
    uint32_t *own; /* unless is_same */
    size_t n, size;
    bool is_same; /* so far each is what it is in the trace */
};

/* A phase or label that the program says is in force (see Defs in trace.proto). */
#define DICT_CONTEXT_OPEN UINT64_MAX
struct dict_context {
    uint64_t number;
    uint64_t begin_q, end_q; /* end_q: DICT_CONTEXT_OPEN where its end is not known (yet) */
    uint32_t up;             /* place of the one that it is in; smaller than its own; 0 = none */
    uint32_t name, value; /* string ids: of a phase its name and detail, of a label key and value */
    uint32_t thread;      /* id of the one that began it; 0 = not known */
    bool label;
};

/* Which C frames stacks have (--native). Those left out are as if they had not been recorded. */
enum dict_native {
    DICT_NATIVE_ALL,
    DICT_NATIVE_LEAF, /* below the innermost Python frame only */
    DICT_NATIVE_HIDE,
};

/* What --native calls the i-th; NULL behind the last. */
const char *dict_native_name(size_t i);

struct dict {
    struct arena arena; /* of the strings */
    const char **strings;
    struct dict_function *functions;
    struct dict_location *locations;
    struct dict_stack *stacks;
    uint16_t *depths;
    struct dict_context *contexts; /* [0] is none */
    struct hash context_of;        /* by number */
    size_t n_contexts, contexts_size;
    struct dict_module *modules; /* few */
    size_t n_modules, modules_size;
    size_t n_strings, n_functions, n_locations, n_stacks;
    size_t strings_size, functions_size, locations_size, stacks_size, depths_size;
    size_t string_bytes;
    const char *directory, *command; /* see dict_set_directory */
    uint32_t joined_id;              /* string id of the name that was joined last, .. */
    const char *joined;              /* .. and what it became */
    enum dict_native native;         /* set between dict_reset and the first dict_add .. */
    const struct debug_names *names; /* .. as this; NULL = there are none */
    struct dict_ids function_ids, location_ids, stack_ids;
    uint64_t n_lost; /* ids that were skipped or refer to nothing */
};

/* An empty dictionary: entry 0 of everything. */
void dict_reset(struct dict *dict);
void dict_clear(struct dict *dict);

/*
 * Where the process was, and its command line ("" = not known). Files that Python names relative to
 * that (3.8 the main script, later what is imported by way of a relative path) become whole names,
 * so that two files are two. Only names of Python files, and words of the command line: others need
 * not be files. Both texts live as long as the dictionary.
 */
void dict_set_directory(struct dict *dict, const char *directory, const char *command);

/*
 * Add what a Defs message defines. When it is wrong, what came before the wrong entry stays; the
 * ids of the rest are lost.
 */
MUST_CHECK enum status dict_add(struct dict *dict, const Pyrec__V1__Defs *defs,
                                struct problem *why);

/* The id of a stack that a Samples names; DICT_STACK_LOST: it was never defined. */
static inline uint32_t dict_stack_id(const struct dict *dict, uint32_t id)
{
    if (__builtin_expect(id >= dict->stack_ids.n, 0))
        return DICT_STACK_LOST;
    return __builtin_expect(dict->stack_ids.is_same, 1) ? id : dict->stack_ids.own[id];
}

const char *dict_string(const struct dict *dict, uint32_t id);

/* The frame at the leaf of a stack; of stack 0 and DICT_STACK_LOST the one that says so. */
struct frame dict_frame(const struct dict *dict, uint32_t stack);

/* Write its frames, leaf first, at most `room`; returns how many there are. */
size_t dict_frames(const struct dict *dict, uint32_t stack, struct frame *frames, size_t room);

/* Add what a Defs message says of contexts; dict_add does. */
MUST_CHECK enum status dict_add_contexts(struct dict *dict, const Pyrec__V1__Defs *defs,
                                         struct problem *why);

/* The place of the one with that number; 0 = there is none. */
uint32_t dict_context_find(const struct dict *dict, uint64_t number);

/*
 * Itself, or the one around it that is in force at that time: a task may go on when the phase is
 * over in which it was made, and a label is over with its phase. 0 = none.
 */
uint32_t dict_context_live(const struct dict *dict, uint32_t context, uint64_t time_q);

#endif
