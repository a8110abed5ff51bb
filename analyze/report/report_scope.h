/* SPDX-License-Identifier: MIT */
/*
 * report_scope - what the program said of itself, as the page has it: in which phases, with which
 * labels and in which task each run was; when phases began and ended; marks.
 *
 * On the line:  scene + census -> [report_scope] -> report_runs, report_columns, out/page
 * Threads:      one at a time.
 * Memory:       struct report_scopes is zeroed with the report and taken back with it. Texts are
 *               copies, but for those of marks and groups, which are the census's.
 *
 * A scope is all that is in force for a sample: phases, each once, labels, of one key the innermost
 * one, and the task that ran. What --phase, --label and --task ask of a sample, the page asks of
 * its run's scope.
 *
 * Loss:         names are data, and a page may not grow with them. Of what is too much, details,
 *               values and tasks are given up first (REPORT_ANY), then whole scopes
 *               (REPORT_SCOPE_MORE): samples are never left out, but of these it is not known
 *               whether a detail was theirs.
 */
#ifndef PYREC_ANALYZE_REPORT_SCOPE_H
#define PYREC_ANALYZE_REPORT_SCOPE_H

#include "analyze/read/scene.h"
#include "analyze/time/phases.h"

#define REPORT_SCOPE_BITS 12u
#define REPORT_SCOPES_MAX (1u << REPORT_SCOPE_BITS)
#define REPORT_SCOPE_NONE 0u /* no phase, no label, no task */
#define REPORT_SCOPE_MORE 1u /* one for which there was no room */
#define REPORT_ANY        UINT32_MAX

/* A phase or label: name and detail, key and value. */
struct report_said {
    uint32_t name, value; /* texts; value REPORT_ANY: any, as there was no room for it */
    bool label;
};

struct report_scope {
    uint32_t task;     /* text + 1; 0 = none; REPORT_ANY */
    uint32_t first, n; /* of members: what was said, innermost first */
};

struct report_phase {
    uint64_t begin_ns, end_ns; /* on the common clock; end_ns may be PHASE_OPEN */
    uint32_t said;             /* REPORT_ANY: there was no room even for its name */
    uint32_t process, thread;  /* of the report; thread + 1, 0 = none of these */
    uint32_t up;               /* the innermost of those kept that it is in, + 1; 0 = none */
    const struct phase *phase;
};

struct report_mark {
    const struct program_mark *mark; /* the first of .. */
    uint64_t n;                      /* .. so many that are close together */
    uint32_t process, thread;        /* as above */
};

struct report_scopes {
    struct arena arena;
    const char **texts;
    size_t n_texts, texts_size, text_bytes;
    struct hash text_of;
    struct report_said *said;
    size_t n_said, said_size;
    struct hash said_of;
    struct report_scope *scopes; /* none at all where nothing was said */
    size_t n_scopes, scopes_size;
    struct hash scope_of;
    uint32_t *members;
    size_t n_members, members_size;
    uint32_t *of_context; /* while a range is read: by context said + 1, 0 = not asked yet */
    size_t of_context_size;

    struct report_phase *phases; /* by their beginning */
    size_t n_phases;
    uint64_t n_phases_all;
    uint64_t shortest_ns;      /* of those kept, where some are not */
    struct report_mark *marks; /* process by process, in order of time */
    size_t n_marks, marks_size;
    uint64_t n_marks_all;
    struct phases groups[PHASES_BY_LABEL + 1]; /* how many and how long; no samples */
};

/* Before the spans of a range. */
void report_scope_enter(struct report_scopes *scopes, const struct scene *scene);

/* The scope of a span of the open range. */
uint32_t report_scope_of(struct report_scopes *scopes, const struct scene *scene,
                         const struct span *span);

/* What was said, as a number; REPORT_ANY: there is no room even for its name. */
uint32_t report_said_number(struct report_scopes *scopes, bool label, const char *name,
                            const char *value);

void report_scope_clear(struct report_scopes *scopes);

#endif
