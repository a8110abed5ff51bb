/* SPDX-License-Identifier: MIT */
/*
 * trace - one or several files, as one recording, unit by unit.
 *
 * On the line:  chunk_file -> [trace] -> units -> spans -> profile, dump
 * Threads:      trace_open and trace_close by one thread. Workers (trace_run.h) share the list of
 *               units (read-only), the census and the damage callback (under the trace's lock).
 * Memory:       trace_open gives, trace_close takes. Roster and names belong to the trace. 8 bytes
 *               per chunk; decoded is never more than one chunk per worker, plus one dictionary.
 * Loss:         everything that cannot be read is reported with file and offset, and the rest is
 *               read all the same.
 *
 * A unit is one generation of one process: it has a dictionary of its own and can be read alone.
 * Files of the same recording (same tag: parts of a rotated one) are joined; other recordings keep
 * their own processes, and their times are shifted so that all clocks start with the earliest.
 *
 * Always true:  units are in order of recording, process and generation; the chunks of a unit in
 *               order of seq, each once.
 */
#ifndef PYREC_ANALYZE_TRACE_H
#define PYREC_ANALYZE_TRACE_H

#include "analyze/model/census.h"
#include "analyze/model/dict.h"
#include "format/chunk_read.h"

#include <pthread.h>
#include <stdatomic.h>

/* Something is wrong with a file: which, and what. Calls do not overlap. */
typedef void trace_damage_fn(void *closure, const char *path, const struct damage *damage);

struct trace_file {
    struct chunk_file *chunks;
    struct recording *recording;
};

struct unit_chunk {
    uint32_t file;
    uint32_t chunk : 31, is_bad : 1; /* bad: something in it could not be read */
};

struct unit {
    struct recording *recording;
    uint32_t process, generation;
    struct unit_chunk *chunks; /* its reader marks the bad ones */
    size_t n_chunks;
    size_t chunks_size; /* of a list of its own, once it has grown; 0 = in the trace's */
    size_t n_taken;     /* chunks of it that a tail has read (tail.h) .. */
    size_t tail;        /* .. and its number there + 1, while it goes on */
    struct census_told told;
};

/* A range of time on the common clock: from_ns <= t < to_ns. */
struct window {
    uint64_t from_ns, to_ns;
};
#define WINDOW_ALL ((struct window){0, UINT64_MAX})

/* How far reading is: chunks of all passes. Relaxed, only to be shown. */
struct trace_count {
    atomic_size_t due;       /* of the passes that are planned or begun */
    atomic_size_t done;      /* read or left out */
    atomic_size_t unplanned; /* passes that nobody had planned when others had begun: `due` grew */
};

struct trace {
    struct trace_file *files;
    size_t n_files;
    struct unit_chunk *chunks;
    struct unit *units;
    size_t n_chunks, n_units, units_size;
    uint64_t end_ns; /* when the last chunk ends, on the common clock */
    bool grows;      /* it is being written: an end that is cut is no damage */
    bool has_tail;   /* trace_run leaves out the units that a tail reads */
    struct census census;
    struct window window;
    struct debug_names names; /* of C functions, from debug information; set by trace_open */
    enum dict_native native;  /* which C frames stacks have; set before anything is read */
    bool has_steps;           /* trace_read_steps has been here */
    struct trace_count own_count, *count; /* of its passes; another trace's where they share it */
    size_t n_planned;                     /* passes that are still to come */
    trace_damage_fn *report;
    void *closure;
    pthread_mutex_t lock;
};

/*
 * Open `paths`. A file that cannot be used is reported as damage; when none can, the status of the
 * first one is returned.
 */
MUST_CHECK enum status trace_open(struct trace **out, const char *const *paths, size_t n_paths,
                                  trace_damage_fn *report, void *closure, struct problem *why);
void trace_close(struct trace *trace);

/* The same of files that are still being written, to be looked at again with trace_grow. */
MUST_CHECK enum status trace_open_growing(struct trace **out, const char *const *paths,
                                          size_t n_paths, trace_damage_fn *report, void *closure,
                                          struct problem *why);

/*
 * Look whether there is more of a growing trace: chunks behind the last one, or, where a recording
 * in numbered files has gone on, the next of them. New chunks are at the end of their unit, new
 * units among the others, which may move. OTHER: it is not what was opened with more behind it (a
 * file was replaced or cut, a chunk is missing or of a time that is over): to be opened anew.
 */
enum chunk_growth trace_grow(struct trace *trace);

/* Would trace_grow find anything? Looks at the files' names and sizes only. */
bool trace_changed(const struct trace *trace);

/* Have all its recordings come to their end? */
bool trace_ended(const struct trace *trace);

/* As if it were just opened: an empty census. Whoever has pointers into the old one loses them. */
void trace_renew(struct trace *trace);

/* When its last chunk ends, and its first one with samples begins, on the common clock. */
uint64_t trace_end_ns(const struct trace *trace);
uint64_t trace_first_ns(const struct trace *trace);

/*
 * Learn when the wall clock was set, before or without reading all that is in the window: only
 * chunks with events are loaded. See recording_unix_ns. The second time it does nothing.
 */
void trace_read_steps(struct trace *trace);

/*
 * Give out only samples in that range of time. Generations outside are not read at all, and of the
 * others only the chunks that have samples in it, or definitions.
 */
void trace_set_window(struct trace *trace, struct window window);

const struct chunk_header *trace_header(const struct trace *trace, const struct unit_chunk *chunk);

/* Does the chunk have time in the window? */
bool trace_chunk_wanted(const struct trace *trace, const struct unit_chunk *chunk);

/* Does any of the unit's chunks? What is about the recording itself always is. */
bool trace_unit_wanted(const struct trace *trace, const struct unit *unit);

/* Is this unit the newest of its process? */
bool trace_unit_newest(const struct trace *trace, size_t unit);

/* Put the recordings in order and on a common clock, by their Metas; for trace_renew. */
void trace_align(struct trace *trace);

void trace_report(struct trace *trace, const char *path, const struct damage *damage);

/*
 * Say beforehand how often the trace will be read, so that it can be told how far all of it is. A
 * single pass needs no plan.
 */
void trace_plan(struct trace *trace, size_t n_passes);

/* A pass begins; one that is not planned plans itself. So many chunks of it are done with. For
 * trace_run and the readers of units. */
void trace_begin_pass(struct trace *trace);
void trace_count_done(struct trace *trace, size_t n_chunks);

#endif
