/* SPDX-License-Identifier: MIT */
/*
 * scene - all threads of a process side by side, one range of ticks after the other.
 *
 * On the line:  trace -> [scene] -> gil, idle, stall, timeline
 * Threads:      one at a time.
 * Memory:       struct scene is the caller's, zeroed before the first use; scene_clear takes it
 *               back. What it knows of the open range (threads, spans, holders) is good until
 *               scene_run goes on; nodes, places and calls until scene_clear. One chunk is decoded
 *               at a time.
 *
 * A profile adds up and forgets when. Here is who did what at the same time: ticks of a process
 * are numbered 0 .. n_ticks - 1 in each range, ranges come in order of time, processes one after
 * the other. A stack is a node of one tree for the whole trace, a call a number of one list.
 *
 * Always true:  the spans of a thread are in order and do not overlap; a holder is one of the
 *               range's threads, or none.
 */
#ifndef PYREC_ANALYZE_SCENE_H
#define PYREC_ANALYZE_SCENE_H

#include "analyze/model/select.h"
#include "analyze/model/state.h"
#include "analyze/model/symbols.h"
#include "analyze/model/tree.h"
#include "trace.h"

struct span; /* span.h */
struct unit_reader;

#define SCENE_NOBODY  UINT32_MAX /* nobody, or not known */
#define SCENE_NO_CALL 0u

/* A thread in the open range. */
struct scene_thread {
    const struct thread *thread; /* of the census: the same for the whole trace */
    const struct span *spans;
    size_t n_spans;
    size_t at; /* span that was looked at last */
};

/* Who held the GIL from tick `first` to the next one's. */
struct scene_holder {
    uint32_t first;
    uint32_t thread; /* index into the range's threads, or SCENE_NOBODY */
};

struct scene {
    bool names;       /* processes that were not selected before get their names now */
    bool expressions; /* places are told apart within a line; set before the first scene_run */
    struct trace *trace;
    struct arena arena;
    struct symbols symbols;
    struct tree tree;
    const char **calls; /* 0 is none */
    size_t n_calls, calls_size;

    /* the open range */
    const struct process *process;
    struct unit_reader *reader;
    struct scene_thread *threads;
    size_t n_threads, threads_size;
    uint32_t n_ticks;
    const struct scene_holder *holders;
    size_t n_holders;

    /* of its unit: nodes by stack (0 = DICT_STACK_LOST, else id + 1), places by location,
     * calls by string; all + 1, 0 = not asked for yet */
    uint8_t *tops; /* by node: what its outermost frame says, once it was asked for */
    size_t tops_size;
    uint32_t *nodes, *places, *call_of;
    size_t n_nodes, nodes_size, n_places, places_size, n_call_of, call_of_size;
    struct span *spans;
    size_t spans_size, holders_size;
    struct scene_holder *holder_list;
    bool again;
};

/* Samples in ranges, and of these such whose callers were cut off, or that have no stack. */
struct scene_stacks {
    uint64_t samples, cut, failed;
    const char *reason; /* why one has none; the scene's */
};

typedef void scene_fn(void *closure, struct scene *scene);

/*
 * Read the trace and call fn for every range with ticks of the selected processes. The first time
 * the census is filled and damage reported; the same trace can be read again. Threads have their
 * names when some are selected by name, or from the second time on.
 */
void scene_run(struct scene *scene, struct trace *trace, const struct select *select, scene_fn *fn,
               void *closure);
void scene_clear(struct scene *scene);

/*
 * For those who read units by themselves (tail.h): enter a unit, then load each range that
 * unit_next_range has opened. False where it has no ticks or no threads.
 */
void scene_enter(struct scene *scene, struct trace *trace, struct unit_reader *reader);
bool scene_load(struct scene *scene);

/* Fill the census, once: a thread's name and kind may be told after its first samples. */
void scene_names(struct scene *scene, struct trace *trace, const struct select *select);

/* Until when a tick stands, and since when, on the common clock of all files. */
uint64_t scene_time_ns(const struct scene *scene, uint32_t tick);
uint64_t scene_before_ns(const struct scene *scene, uint32_t tick);

/* The first tick at or after ns; n_ticks when there is none. */
uint32_t scene_tick_at(const struct scene *scene, uint64_t ns);

/* How much time the ticks first .. first + n - 1 stand for, and how many intervals. */
uint64_t scene_wall_ns(const struct scene *scene, uint32_t first, uint32_t n);
uint64_t scene_due(const struct scene *scene, uint32_t first, uint32_t n);

/* Are its samples in one of the states that were asked for? */
bool scene_has_state(const struct scene *scene, const struct select *select,
                     const struct span *span);

/* What the thread did at a tick; NULL where it was not observed. Fast when ticks go up. */
const struct span *scene_span(struct scene_thread *thread, uint32_t tick);

/* The thread with that id, as an index into threads, or SCENE_NOBODY. */
uint32_t scene_thread_index(const struct scene *scene, uint32_t id);

/* The outermost frame above a node of scene->tree. */
uint32_t scene_outermost(const struct scene *scene, uint32_t node);

/* Who held the GIL at a tick: index into threads, or SCENE_NOBODY. */
uint32_t scene_holder_at(const struct scene *scene, uint32_t tick);

/*
 * A stack's node in scene->tree, a call's number in scene->calls: what a thread is blocked in. Of
 * who waits for the world or an object's lock, or stops the world, that is the name of its halt.
 */
uint32_t scene_node(struct scene *scene, uint32_t stack);
uint32_t scene_call(struct scene *scene, const struct span *span);
uint32_t scene_call_named(struct scene *scene, const char *name);

/* A stack without its leaf, 0 at the root; what its leaf is in within its line, all 0 = not known.
 */
uint32_t scene_callers(const struct scene *scene, uint32_t stack);
struct position scene_position(const struct scene *scene, uint32_t stack);

/* Add the open range to what `seen` has. */
void scene_count_stacks(struct scene *scene, struct scene_stacks *seen);

/* The leaf of a node; of the root the frame that says that there is none. */
struct frame scene_frame(const struct scene *scene, uint32_t node);

#endif
