/* SPDX-License-Identifier: MIT */
/*
 * profile_build - how a profile is built, unit by unit; for profile_build() and running.c.
 *
 * On the line:  units -> [builder: sums by the unit's own stacks] -> joined to the profile's tree
 * Threads:      a builder is one worker's; joining is one at a time.
 * Memory:       what a builder grew is freed by builder_clear; its arena holds one unit.
 *
 * A unit that goes on is read and joined again and again: what was joined of its weights is dropped
 * from the builder, what its joint says is said anew. Its squares stay in the builder until the
 * unit is over (builder_join_squares), as they are rounded when they are joined.
 */
#ifndef PYREC_ANALYZE_PROFILE_BUILD_H
#define PYREC_ANALYZE_PROFILE_BUILD_H

#include "analyze/model/carry.h"
#include "analyze/read/unit.h"
#include "profile.h"

#define SPANS_PER_BATCH RANGE_ROOM
#define RANGES_A_JOIN   2u

/* Sums of squares over samples; times in quanta. */
struct squares {
    double ticks, wall, cpu;
};

struct unit_part;

/* A thread in the unit that is being read. By stack: number 0 is DICT_STACK_LOST, else id + 1. */
struct unit_sums {
    struct sheet sheets[CLASS_COUNT];
    struct stretch_list stretches;
    uint64_t cpu_q;
    struct carry carry;     /* in quanta */
    struct weight left_out; /* by its state */
    struct squares squares[CLASS_COUNT];
    struct bare bare; /* sums in quanta */
    bool has_head, head_chosen;
    enum state_class head_class;
    uint32_t head;
    struct unit_part *head_part;   /* NULL = in none, or they are not told apart */
    struct unit_part *parts;       /* the one that was added to last is the first */
    struct profile_thread *thread; /* once it is joined, and what it left there */
    struct profile_joint *joint;
};

/* What a thread did in tasks of one name, or in the same phases: weights, no clock. */
#define PART_PHASES_MAX 8u
struct part_key {
    uint32_t task; /* string id; 0 = in none, or they are not told apart */
    size_t n_phases;
    uint32_t phases[PART_PHASES_MAX]; /* string ids of names, the innermost first */
    bool is_more;                     /* all for which there was no room */
};
struct unit_part {
    struct unit_part *next;
    struct part_key key;
    struct unit_sums sums;
};

/* The unit that a worker is at. */
struct builder {
    struct arena arena;
    struct arena sheet_arena;  /* of the sheets alone: what was joined is dropped */
    struct unit_sums *threads; /* as in the unit's facts */
    size_t n_threads, threads_size;
    struct span spans[SPANS_PER_BATCH];
    uint32_t *places; /* of the unit's locations */
    uint32_t *nodes;  /* of the unit's stacks, numbered as in the sheets */
    uint8_t *kinds;   /* enum stack_kind of the unit's stacks, likewise */
    size_t places_size, nodes_size, kinds_size, n_kinds;
    size_t n_places, n_nodes; /* mapped already */
    bool skipped;
    bool goes_on; /* there may be more of it when it was joined */
};

struct build {
    struct profile *profile;
    const struct select *select;
    struct builder *builders; /* one per worker */
    uint8_t class_of[STATE_MASK + 1];
};

/* Who is weighed, and what class a state is of. */
void build_begin(struct build *build, struct profile *profile, const struct trace *trace,
                 const struct select *select);

/*
 * Begin with a unit; read what there is of it; add that to the profile. Of a unit that goes on as
 * much is read as is to be joined at once, so that the builder never holds the sums of a long one;
 * true when there may be more.
 */
void builder_begin(const struct build *build, struct builder *b, struct unit_reader *reader);
bool builder_read(const struct build *build, struct builder *b, struct unit_reader *reader);
void builder_join(const struct build *build, struct builder *b, struct unit_reader *reader);
void builder_join_squares(struct builder *b, uint64_t quantum_ns);
void builder_clear(struct builder *b);

/* Where the weight of a span goes that has a task or a phase; the part is the thread's first then.
 */
struct unit_sums *unit_part_sums(const struct build *build, struct builder *b,
                                 const struct range *range, struct unit_sums *t,
                                 const struct span *span);

/* The profile's entry for a thread of the census; for a part of it, behind it. */
struct profile_thread *profile_thread(struct profile *profile, const struct thread *thread);
struct profile_thread *profile_part(struct profile *profile, struct profile_thread *whole,
                                    const struct dict *dict, const struct unit_part *part);

#endif
