/* SPDX-License-Identifier: MIT */
/*
 * census - who was recorded, and what the recorder says about its own work.
 *
 * On the line:  trace (Meta, Threads, Account, Summary of each unit) -> [census] -> commands
 * Threads:      one at a time; the workers of a trace take its lock (trace.h).
 * Memory:       everything it points to is in the census's arena until census_clear. Pointers to
 *               processes and threads stay good while the census grows.
 * Loss:         what was declared in a lost chunk only is missing: a thread nobody declared has
 *               the name CENSUS_LOST_NAME.
 *
 * Always true:  of several declarations of the same thing the one with the highest chunk number
 *               holds, whatever the order in which workers found them.
 */
#ifndef PYREC_ANALYZE_CENSUS_H
#define PYREC_ANALYZE_CENSUS_H

#include "analyze/base/arena.h"
#include "analyze/base/hash.h"
#include "analyze/base/wall.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CENSUS_LOST_NAME "<lost definitions>"

struct dict; /* dict.h */

/* The numbers of message Account, one line each. */
#define ACCOUNT_LIST(X)                                                                            \
    X(ticks_due)                                                                                   \
    X(ticks_taken)                                                                                 \
    X(ticks_missed)                                                                                \
    X(ticks_spared)                                                                                \
    X(ticks_overflowed)                                                                            \
    X(samples)                                                                                     \
    X(samples_asked)                                                                               \
    X(samples_outside)                                                                             \
    X(retries)                                                                                     \
    X(handler_ns)                                                                                  \
    X(sampler_cpu_ns)                                                                              \
    X(collector_cpu_ns)                                                                            \
    X(process_cpu_ns)                                                                              \
    X(unobserved_ns)                                                                               \
    X(codes)                                                                                       \
    X(codes_lost)                                                                                  \
    X(native_cpu_ns)                                                                               \
    X(native_whole)                                                                                \
    X(native_part)                                                                                 \
    X(native_none)

struct failure {
    const char *reason;
    uint64_t count;
};

struct account {
#define ACCOUNT_FIELD(name) uint64_t name;
    ACCOUNT_LIST(ACCOUNT_FIELD)
#undef ACCOUNT_FIELD
    struct failure *failures, *missing; /* missing: C frames */
    size_t n_failures, n_missing;
};

/* A thread that runs no Python. */
struct native {
    uint32_t os_tid;
    const char *name;
    uint64_t cpu_ns;
    uint32_t seq; /* of the chunk that said so */
    bool final;   /* from the process's Summary: nothing else counts then */
};

/* Processes that are not in the recording, for one reason. */
struct absence {
    const char *reason, *name; /* name: of the program of one of them */
    uint32_t count;
    bool unsure; /* not known to be Python */
};

/* How something ended; of a process or of the recording. */
struct ending {
    bool known;
    uint64_t end_ns;
    const char *reason;
    bool status_known;
    uint32_t exit_status, exit_signal;
    uint64_t os_cpu_ns;  /* 0 = not known */
    bool absences_known; /* else nobody has counted */
    struct absence *absences;
    size_t n_absences;
    uint32_t helpers; /* processes that only forked and called exec: they are not in it */
    uint64_t helpers_cpu_ns;
    uint32_t strangers; /* others who wanted to be recorded, and were not let in */
};

/* What Meta says about how it was recorded, and about where. */
struct setting {
    const char *name, *value;
};

/* Of what a server makes a label, in bytes: Pyroscope refuses all with a longer one. */
#define LABEL_VALUE_MAX 2048u

/* Who was recorded, as whoever recorded it said; "" and none where nothing is said. */
struct service {
    const char *name, *version;
    struct setting *labels;
    size_t n_labels;
};

/* key=value,key=value, in order, percent-encoded as in OTEL_RESOURCE_ATTRIBUTES; "" = none. */
const char *service_print_labels(struct arena *arena, const struct service *service);

#define RECORDING_UUID 16u
struct recording {
    uint32_t tag;
    bool has_uuid;
    uint8_t uuid[RECORDING_UUID]; /* the same in all its files */
    uint32_t segment;             /* number of the first of these that was read, from 0 */
    uint32_t order;               /* among the recordings that are read, by start */
    uint64_t quantum_ns, interval_ns;
    uint64_t start_mono_ns;
    int64_t start_unix_ns;
    struct wall wall;  /* when the wall clock was set meanwhile; see recording_unix_ns */
    uint64_t shift_ns; /* its time 0 on the common clock of all files that are read */
    const char *recorder, *hostname, *os, *machine, *cpu_model;
    uint32_t cpu_count, max_depth;
    struct setting *settings;
    size_t n_settings;
    struct service service;
    struct ending ending;
};

struct thread {
    const struct process *process;
    size_t index; /* of all threads, in the order in which they were met: for tables of one's own */
    uint32_t id, os_tid;
    const char *name;
    const char *task;  /* of a part of a thread: in which it ran tasks of that name, .. */
    const char *phase; /* .. or was in phases of these, "outer;inner"; NULL = in none, or it is not
                          told apart by it */
    const struct thread *whole; /* .. and the thread; else all are NULL */
    bool main, declared, ended;
    bool is_c; /* it runs no Python */
    uint64_t start_ns;
    uint32_t seq; /* of the chunk that declared it last */
};

/* The rate was changed to keep the cost down (--max-overhead). */
struct rate_change {
    uint64_t time_ns;     /* on the common clock */
    uint64_t interval_ns; /* from one tick that is taken to the next, from then on */
};

/* pyrec.mark(): something has happened. */
struct program_mark {
    uint64_t time_ns; /* on the common clock */
    uint32_t thread;  /* id; 0 = not known */
    const char *text;
};

/* The text of code that no file has: cells of notebooks, what was typed at a prompt. */
struct kept_source {
    uint64_t time_ns; /* on the common clock: from when on the name stands for it */
    const char *file;
    const char *bytes;
    size_t len;
};
#define KEPT_SOURCES_MAX 4096u       /* of a process; a file may hold any number */
#define KEPT_BYTES_MAX   (16u << 20) /* of these */

/* A process has called itself something else. */
struct title_change {
    uint64_t time_ns; /* on the common clock */
    const char *text; /* "" = its arguments again */
};

/* Calls of a program that was attached to: how many entries of its libraries' tables .. */
struct attached_hook {
    uint32_t calls; /* Pyrec__V1__Attached__Hook__Calls, or one that is not known */
    bool complete;
    uint32_t taken, foreign, refused; /* .. lead to the recorder, to others, could not be written */
};

/* How the recorder came into a process that ran already; see Attached in trace.proto. */
struct attached {
    bool inherited, children_looked;
    uint64_t stopped_ns, held_ns;
    uint32_t way; /* Pyrec__V1__Attached__Way, or one that is not known */
    uint32_t threads, children;
    const char *object;
    struct attached_hook *hooks;
    size_t n_hooks;
};

/* A phase or label that the program has said is in force; see Defs in trace.proto. */
#define PHASE_OPEN UINT64_MAX
struct phase {
    uint64_t number, up;       /* up 0 = it is in none */
    uint64_t begin_ns, end_ns; /* on the common clock; end_ns PHASE_OPEN: its end is not known */
    const char *name, *value;  /* of a phase its detail; "" = none */
    uint32_t thread;           /* id of the one that began it; 0 = not known */
    bool label;
};

struct process {
    const struct recording *recording;
    uint32_t number, pid, parent_pid, image;
    bool is_forked; /* its first thread began with the stack of the parent's that forked */
    const char *executable, *command; /* command: argv joined by spaces, may be empty */
    const char *title;                /* what it called itself last; "" = its command */
    const char *working_directory;    /* when recording of it began; "" = not known */
    const struct attached *attached;  /* NULL = it was recorded from its start */
    struct title_change *titles;      /* in order of time */
    size_t n_titles, titles_size;
    const char *python_version, *python_build;
    const struct service *service; /* the recording's, but where that was merged of several */
    const char *hostname;          /* where that is not the recording's: it was merged; else "" */
    uint64_t start_ns, last_ns;    /* of its recording; last tick or end */
    uint32_t generations;
    struct account account;
    bool account_known;
    struct ending ending;
    uint64_t interval_ns;
    struct rate_change *rate_changes; /* in order of time */
    size_t n_rate_changes, rate_changes_size;
    bool from_start; /* its first generation was read: before the first change it was interval_ns */
    struct native *natives;
    size_t n_natives, natives_size;
    bool natives_final;
    struct phase *phases; /* as they came; labels, too */
    size_t n_phases, phases_size;
    struct hash phase_of, phase_name_of;
    const char **phase_names;
    size_t n_phase_names, phase_names_size;
    uint64_t marks_lost;        /* phases, labels and marks that could not be kept */
    struct program_mark *marks; /* in order of time */
    size_t n_marks, marks_size;
    struct kept_source *sources;
    size_t n_sources, sources_size, sources_bytes;
    uint64_t sources_left_out; /* that the trace had no room for */
    struct thread **threads;   /* in order of id */
    size_t n_threads, threads_size;
    uint32_t meta_seq, account_seq;
    bool described;
};

/*
 * How much of what a unit says the census has already, of lists that are only added to: a trace is
 * read more than once.
 */
struct census_told {
    bool any;
    size_t n_marks, n_sources, n_titles, n_rates, n_steps;
    uint64_t so_far_ns; /* when what was missing so far was noted */
};

struct census {
    struct arena arena;
    struct recording **recordings;
    size_t n_recordings, recordings_size;
    struct process **processes; /* in order of recording and number */
    size_t n_processes, processes_size;
    size_t n_threads;
};

void census_clear(struct census *census);

struct recording *census_recording(struct census *census, uint32_t tag);

/* The process with that number, made when it is new. */
struct process *census_process(struct census *census, const struct recording *recording,
                               uint32_t number);

/* The thread with that id; NULL when there is none. */
struct thread *census_find_thread(const struct process *process, uint32_t id);

/* The thread with that id, made when it is new. */
struct thread *census_thread(struct census *census, struct process *process, uint32_t id);

/* Note how a native thread's clock stood at some time; in any order. */
void census_native(struct census *census, struct process *process, const struct native *native);

/* Note a change of the rate; in any order. */
void census_rate_change(struct process *process, struct rate_change change);
void census_title(struct process *process, struct title_change change);
void census_mark(struct process *process, struct program_mark mark);

/* Note the text of a file that there is none of; what is there already counts once. False: there is
 * no room for more. */
bool census_source(struct process *process, struct kept_source source);

/*
 * The text that the trace has under this name, the newest where there are several; NULL = none.
 * `is_only`: no other text was ever under it.
 */
const struct kept_source *census_find_source(const struct census *census, const char *file,
                                             bool *is_only);

/* Note the phases and labels of a generation; of those that are known already, their ends. */
void census_contexts(struct census *census, struct process *process, const struct dict *dict,
                     uint64_t quantum_ns);

/* The one with that number; NULL = there is none. */
struct phase *census_phase(const struct process *process, uint64_t number);

/*
 * When all units have been read: make one entry per native thread of what was noted. A clock that
 * went back means that the OS gave the number to another thread: both are kept.
 */
void census_finish(struct census *census);

/* How many of its processes run a Python that was built without a GIL; whether all do. */
size_t census_without_gil(const struct census *census);
bool census_has_no_gil(const struct census *census);

/*
 * What the wall clock showed at that time of the common clock, in ns since 1970, steps included:
 * those in units that were read, or all of them after trace_read_steps.
 */
int64_t recording_unix_ns(const struct recording *recording, uint64_t time_ns);

/* What an option of pyrec's was; NULL = not recorded. */
const char *recording_setting(const struct recording *recording, const char *name);

/* What all its native threads used. */
uint64_t process_native_ns(const struct process *process);

/* Of that, what no thread that was looked at has used: a remainder, not a measurement. */
uint64_t process_unseen_ns(const struct process *process);

/* By recording, then number: the order of the census. */
int process_compare(const struct process *a, const struct process *b);

/* What it is called: its title, or its command, or the executable; "" when none is known. */
const char *process_called(const struct process *process);

/* A name for a human: of what it is called, without the folders of the first word. */
const char *process_title(const struct process *process);

#endif
