/* SPDX-License-Identifier: MIT */
/*
 * recent - the last seconds of all threads, second by second.
 *
 * On the line:  scene, range by range -> [recent] -> weights of a window -> live_model
 * Threads:      one at a time.
 * Memory:       struct recent is the caller's, zeroed; recent_clear takes it back. A thread has
 *               RECENT_SECONDS cells of 200 bytes, a second 40 bytes for each thread and place.
 *               Threads are the census's, nodes the scene's.
 * Loss:         of seconds before the newest RECENT_SECONDS nothing is kept.
 *
 * Always true:  a window of whole seconds that are kept weighs what profile_build weighs of the
 *               trace with that window.
 */
#ifndef PYREC_ANALYZE_RECENT_H
#define PYREC_ANALYZE_RECENT_H

#include "analyze/model/carry.h"
#include "analyze/read/scene.h"
#include "analyze/weigh/share.h"

#define RECENT_SECONDS 64u
#define RECENT_NONE    UINT64_MAX
#define SECOND_NS      UINT64_C(1000000000)
#define RECENT_WAITS   ((uint8_t)CLASS_COUNT) /* an entry: it waited for the GIL of `number` */
#define RECENT_HOLDS   ((uint8_t)(CLASS_COUNT + 1)) /* it held the GIL; `number` is 0 */
#define RECENT_NOBODY  UINT32_MAX /* nobody held what it waited for, or it is not known who */

/* A second of a thread. */
struct recent_cell {
    uint64_t second; /* number + 1; else it is of another one, and empty */
    uint64_t wall_ns[CLASS_COUNT];
    uint64_t cpu_ns;     /* its clock has moved by this */
    uint64_t waiting_ns; /* CPU that waited, when it began, for whoever takes it .. */
    bool has_first;      /* .. which is this place, with first_ns altogether */
    enum state_class first_class;
    uint32_t first_node;
    uint64_t first_ns;
    struct {
        double ticks, wall, cpu; /* sums of squares; times in ns */
    } squares[CLASS_COUNT];
};

struct recent_thread {
    const struct thread *thread; /* NULL = never seen */
    struct recent_cell cells[RECENT_SECONDS];
    struct carry carry; /* ns */
    /* when it was seen last */
    uint64_t at_ns;
    uint16_t state;
    uint32_t node, call;
    const struct thread *holder; /* of the GIL that it waits for; NULL = nobody, or not known */
    uint32_t last_entry;         /* in the second `last_second` */
    uint64_t last_second;
};

/* What a place of a thread weighs in a second; how long it waited for another thread, or held. */
struct recent_entry {
    uint32_t thread, number;          /* index of the census; node, or the holder's index */
    uint32_t samples : 28, class : 4; /* enum state_class, or one of these */
    uint64_t ticks, wall, cpu;        /* times in ns */
};

/* One that is full goes on in another one. */
#define RECENT_SAMPLES ((UINT32_C(1) << 28) - 1)

/* The GIL of a process in a second. */
struct recent_gil {
    const struct process *process;
    uint64_t wall_ns, held_ns, waits_ns, gc_ns; /* waits: of all threads together */
    bool known;                                 /* somebody said who holds it */
};

struct recent_second {
    uint64_t number; /* + 1; 0 = empty */
    struct recent_entry *entries;
    size_t n, size;
    struct hash hash; /* of entries, while the second is new */
    struct recent_gil *gils;
    size_t n_gils, gils_size;
};

struct recent {
    struct recent_thread **threads; /* by index of the census; NULL = never seen */
    size_t n_threads, threads_size;
    struct recent_second seconds[RECENT_SECONDS];
    uint64_t newest; /* number of the newest second with a tick */
    bool has_any;
};

/* Take the range that the scene has loaded. */
void recent_take(struct recent *recent, struct scene *scene);
void recent_clear(struct recent *recent);

/* The cell of a second; NULL when the thread was not seen in it. */
const struct recent_cell *recent_cell(const struct recent_thread *thread, uint64_t second);

/* The second of that number; NULL when nothing is known of it. */
const struct recent_second *recent_second(const struct recent *recent, uint64_t second);

/* What is to be weighed, and what it weighs altogether. */
struct recent_window {
    uint64_t from, to;    /* seconds; the last one is to - 1 */
    const bool *chosen;   /* which threads count, by index of the census: recent->n_threads */
    struct weights total; /* zeroed before; of what squares are, see struct basis */
    struct weights squares;
};

/* A weight of that place. CPU may be less than nothing (modulo 2^64): all of a place adds up. */
typedef void recent_fn(void *closure, enum state_class class, uint32_t node,
                       const struct weight *weight);

/* Weigh the window: `each` is told of every place of every second. */
void recent_weigh(const struct recent *recent, struct recent_window *window, recent_fn *each,
                  void *closure);

#endif
