/* SPDX-License-Identifier: MIT */
/*
 * live_model - what a screen shows of a window of seconds, as numbers and names.
 *
 * On the line:  live, recent -> [live_model] -> a screen
 * Threads:      one.
 * Memory:       struct live_model is the caller's, zeroed; each live_model_fill replaces what was
 *               there, live_model_clear takes it back. Rows are in its arena; names are borrowed
 *               from the live and good until its next look.
 *
 * Always true:  a row of threads is that of `pyanalyze threads --from --to` with the window's
 *               seconds, of groups with --group, a row of places that of `lines` or `functions`
 *               with --merge-threads; pairs are those of `gil`.
 */
#ifndef PYREC_ANALYZE_LIVE_MODEL_H
#define PYREC_ANALYZE_LIVE_MODEL_H

#include "analyze/model/key.h"
#include "analyze/model/metric.h"
#include "analyze/time/gil_matrix.h"
#include "analyze/weigh/share.h"
#include "live.h"

#define LIVE_STRIP 60u /* seconds of a thread's strip at most */

enum live_order { LIVE_BY_CPU, LIVE_BY_GIL, LIVE_BY_BLOCKED, LIVE_BY_NAME, LIVE_ORDERS };

/* What is wished. */
struct live_wish {
    uint64_t to;     /* second behind the window */
    uint32_t window; /* its seconds, 1 to LIVE_STRIP */
    const struct metric *metric;
    enum key_id key; /* KEY_LINE or KEY_FUNCTION */
    enum live_order order;
    const char *find;               /* only rows that contain this, in any case; "" = all */
    const struct thread *only;      /* places of this thread; NULL = of all */
    bool groups;                    /* numbered threads of a process are one row, as with --group */
    const char *group;              /* only threads of this group, one by one; "" = all, .. */
    const struct process *group_of; /* .. of this process */
    bool matrix;                    /* who waited for whose GIL, too */
};

/* A second of a strip: shares of what was observed; all 0 = not observed. */
struct live_second {
    float on_cpu, gil, blocked; /* on_cpu: ready for one, too */
    bool seen;
};

struct live_thread_row {
    const struct thread *thread; /* of a group the first */
    const char *name;
    size_t n;                    /* threads of a group; 1 = it is a thread by itself */
    size_t doing[CLASS_COUNT];   /* how many of them do what, at the end of the window */
    double cpu;                  /* CPUs used, by its clock */
    double on_cpu, gil, blocked; /* shares of what was observed */
    uint64_t wall_ns, cpu_ns;
    struct live_second strip[LIVE_STRIP]; /* the newest last */
    bool is_there; /* seen at the end of the window: the rest is what it does now */
    enum state_class state;
    enum state_halt halt;
    uint32_t node;
    struct frame frame;
    const char *call;               /* "" = none */
    const struct thread *waits_for; /* most in the window; NULL = for nobody that is known */
};

/* Who waited for whose GIL in the window. */
struct live_gil {
    const struct process *process; /* that in which most was waited; NULL = in none */
    size_t n_more;                 /* others in which threads waited */
    struct gil_matrix matrix;
    double held[GIL_MATRIX_MAX]; /* by line: share of the window in which that was who held it */
};

/* A place with weight in the window; what else is shown of it says live_place(). */
struct live_place_row {
    uint32_t value;     /* of the wish's key */
    uint64_t self, cum; /* by its metric */
};

struct live_place {
    struct frame frame;
    double now, error, cum; /* shares of the metric's sum in the window, 0 to 1 */
    double total;           /* and of the total's */
    int trend;              /* more (1) or less (-1) than in the total, by more than the error */
};

/* The threads of a total that count, and all that they weigh by the metric. */
struct live_weighed {
    struct profile_thread **threads;
    size_t n;
    uint64_t sum;
};

struct live_model {
    struct arena arena;
    uint64_t from, to; /* seconds of the window */
    double cpus;       /* used by all threads together */
    uint32_t n_cpus;   /* of the machine; 0 = not known */
    bool gil_known;
    double held, waiting, gc; /* share of the time the GIL was held; threads that waited; share */
    struct live_thread_row *threads;
    size_t n_threads;        /* rows */
    size_t n_found;          /* threads in them */
    size_t n_seen;           /* all threads */
    struct gil_entry *pairs; /* of the kind GIL_PAIRS, by waiter; wall_ns is not filled */
    size_t n_pairs;
    struct live_gil gil;
    struct live_place_row *places; /* those that weigh most in themselves first */
    size_t n_places;
    const struct key *key;           /* what places are of .. */
    struct basis basis;              /* .. and what their shares are of */
    struct live_weighed total, base; /* as in struct live */
    double cost;                     /* CPUs that recording takes; < 0: not known */
    double rate;                     /* ticks per second */
};

/* Fill model->pairs, for live_model_fill; of these, those of a thread; the matrix. */
void live_gil_pairs(struct live_model *model, const struct recent *recent);
const struct gil_entry *live_gil_of(const struct live_model *model, const struct thread *waiter,
                                    size_t *n);
void live_gil_matrix(struct live_model *model, const struct recent *recent, bool groups);

/* Does the text contain what is looked for? */
bool live_is_found(const struct live_wish *wish, const char *text);

/* Fill model->places, for live_model_fill. */
void live_fill_places(struct live_model *model, const struct live *live,
                      const struct recent *recent, const struct live_wish *wish);

/* What is shown of a row of model->places; of the live as it was when the model was filled. */
struct live_place live_place(const struct live_model *model, const struct live *live, size_t row);
struct frame live_place_frame(const struct live_model *model, const struct live *live, size_t row);

/* Is that thread one of the wished group? */
bool live_in_group(struct arena *arena, const struct live_wish *wish, const struct thread *thread);

/* Make one row of those of a group; for live_model_fill. Indexes of threads are below that. */
void live_group_rows(struct live_model *model, size_t n_indexes);

void live_model_fill(struct live_model *model, const struct live *live, const struct recent *recent,
                     const struct live_wish *wish);
void live_model_clear(struct live_model *model);

#endif
