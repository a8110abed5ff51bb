/* SPDX-License-Identifier: MIT */
/*
 * wire - what the agent in a recorded process tells the collector in pyrec.
 *
 * On the line:  raw stack -> sampler -> [wire records in the ring] -> collect
 * Threads:      the head page is written by the agent's sampler (counters also by signal handlers,
 *               atomically); the collector writes only `tail`, `stop` and `collector_beat`.
 * Memory:       one memfd per recorded process, made and sealed by the agent, passed over a socket,
 *               mapped by both sides: one head page (struct wire_head), the ring, the marks.
 * Loss:         counted in struct wire_counters; nothing here ever blocks the program.
 *
 * Both sides are built from the same source tree and check WIRE_VERSION; this is no file format.
 * The collector believes nothing: it copies a record out and checks it before use.
 */
#ifndef PYREC_RECORD_WIRE_H
#define PYREC_RECORD_WIRE_H

#include "mark_queue.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION    7u
#define WIRE_MAGIC      "pyrecwir"
#define WIRE_HEAD_LEN   16384u /* the head "page": whole pages on every page size up to 16 KiB */
#define WIRE_RING_LEN   (2u << 20)   /* power of two */
#define WIRE_RECORD_MAX (128u << 10) /* longest record */
#define WIRE_ENV        "PYREC_AGENT"

/*
 * The environment variable tells the agent where and how to record:
 *     <WIRE_VERSION>,<abstract socket name>,<directory>,<pyrec's pid>,<its start, field 22 of
 *     /proc/PID/stat>,<cookie, 32 hex digits>,<interval_ns>,<max_depth>,<flags, decimal>,
 *     <limit of the cost, ppm>,
 *     <CLOCK_MONOTONIC in ns before which nothing is recorded, or 0>[,<library>]
 * The name or the directory may be empty. The directory holds a socket and a FIFO for notices. Only
 * a program that is attached to is told the library: where the programs that it executes find it,
 * when that is not the path that it was loaded from itself.
 */
#define WIRE_SETTINGS_FORMAT  "%u,%s,%s,%d,%" PRIu64 ",%.32s,%" PRIu64 ",%u,%u,%" PRIu64 ",%" PRIu64
#define WIRE_SETTINGS_LIBRARY 11 /* its number in there, from 0 */
#define WIRE_SOCKET           "door"
#define WIRE_BOARD            "board"
#define WIRE_DIRECTORY_MAX    80 /* "/proc/PID/root" before it still fits a socket's address */

enum wire_flags {
    WIRE_NO_SIGNALS = 1,    /* take a running thread's CPU instead of asking it */
    WIRE_NO_CUMULATIVE = 2, /* top frame only */
    WIRE_NO_CHILDREN = 4,   /* do not record what this process starts */
    WIRE_ATTACHED = 8,      /* in wire_head only: the program ran already when we came */
    WIRE_C_FRAMES = 16,     /* tell the C frames of threads that answer, too; .. */
    WIRE_C_LINES = 32,      /* .. and at which address each of them is */
    WIRE_NO_AWAITS = 64,    /* do not look at what suspended tasks wait for */
};

/*
 * What the library's entry says, which is called in a program that runs already:
 *     int pyrec_attach(const char *settings)
 * `settings` is what PYREC_AGENT would hold; record/agent/entry.h says how to call it.
 */
#define WIRE_ATTACH_ENTRY "pyrec_attach"
/* How a library's path begins that other programs cannot have, or are not to have. */
#define WIRE_NOT_FOR_OTHERS "/proc/"
#define WIRE_ATTACH_LIST(X)                                                                        \
    X(DONE, "is being recorded from now on")                                                       \
    X(SETTINGS, "pyrec and libpyrec.so are not of the same version")                               \
    X(BUSY, "is being recorded already")                                                           \
    X(NO_PYTHON, "has no Python in it")                                                            \
    X(REFUSED, "has a Python that cannot be recorded")                                             \
    X(UNREADABLE, "may not read its own memory (a filter of system calls?)")                       \
    X(THREAD, "can have no thread for the recorder")                                               \
    X(MEMORY, "has no memory for the recorder")                                                    \
    X(UNREACHED,                                                                                   \
      "cannot reach pyrec: it does not see pyrec's sockets (a container?), and pyrec may "         \
      "not put one there; run pyrec as root")                                                      \
    X(STRANGER, "found somebody in pyrec's place who does not prove to be pyrec")                  \
    X(LATER, "has not come to it yet")                                                             \
    X(FORKING, "is just being forked: try again")                                                  \
    X(FILE_SIZE, "has a limit on the size of files (3.1 MB are needed)")

enum wire_attach {
#define WIRE_ATTACH_ENUM(name, text) WIRE_ATTACH_##name,
    WIRE_ATTACH_LIST(WIRE_ATTACH_ENUM)
#undef WIRE_ATTACH_ENUM
        WIRE_ATTACH_COUNT
};

/* Of an attached program: which of its calls come to the agent. A mark that is not there: not all
 * that the interpreter makes. */
enum wire_hook {
    WIRE_HOOK_ENDS = 1,  /* its threads' ends: what they used after their last sample */
    WIRE_HOOK_BELL = 2,  /* the GIL is taken: no tick where nothing runs */
    WIRE_HOOK_EXEC = 4,  /* what it executes is recorded, too */
    WIRE_HOOK_ALONE = 8, /* calls that bear no second thread, or filter system calls */
};
#define WIRE_HOOKS 4u

/* How many places there are from which its libraries make such calls. */
struct wire_slots {
    uint32_t taken;   /* these come to the agent */
    uint32_t foreign; /* somebody else was there before us */
    uint32_t refused; /* could not be written */
};
struct wire_hooks {
    uint32_t what;                       /* enum wire_hook */
    struct wire_slots slots[WIRE_HOOKS]; /* of mark 1, 2, 4, 8 */
};

/* The one message on the socket; the memfd rides along (SCM_RIGHTS). */
struct wire_hello {
    char magic[8];
    uint32_t version;
    int32_t pid;
    char cookie[32];
};

/*
 * Whoever knows the cookie may also ask, on a connection of its own to the same door, and is
 * answered when it is done; then pyrec hangs up. It hangs up without an answer on who is of another
 * version. Outside of this tree: python/pyrec/_door.py.
 */
#define WIRE_ASK_MAGIC    "pyrecask"
#define WIRE_ANSWER_MAGIC "pyrecsay"

enum wire_ask_what {
    WIRE_ASK_WHERE = 1,   /* where is the trace, and what is its time? */
    WIRE_ASK_FLUSH = 2,   /* write down everything up to now */
    WIRE_ASK_END = 3,     /* end the recording; only of --by-itself */
    WIRE_ASK_SOURCES = 4, /* keep these texts; with a memfd: struct wire_source, one by one */
};

/* The text of code that no file has; its name and text follow, without ends. */
struct wire_source {
    uint32_t name_len, text_len;
    uint32_t left_out; /* others that there was no room for; there may be nothing but that */
};

struct wire_ask {
    char magic[8];
    uint32_t version;
    uint32_t what; /* enum wire_ask_what */
    char cookie[32];
};
_Static_assert(sizeof(struct wire_ask) == sizeof(struct wire_hello), "read like one");

enum wire_answer_outcome {
    WIRE_ANSWER_DONE = 0,
    WIRE_ANSWER_FAILED = 1,  /* text says why */
    WIRE_ANSWER_REFUSED = 2, /* such a recording is not ended like that */
};

struct wire_answer {
    char magic[8];
    uint32_t version;
    uint32_t outcome;  /* enum wire_answer_outcome */
    uint64_t time_ns;  /* then, since time 0 of the trace */
    uint32_t is_split; /* the recording is in several files, path is the newest */
    uint32_t reserved;
    char path[4096]; /* absolute; of what can be read now */
    char text[2048]; /* for people: the closing line, or what went wrong; may be "" */
};

/* Why a Python process is not recorded, as far as an agent knows. */
#define WIRE_MISSING_LIST(X)                                                                       \
    X(NONE, "")                                                                                    \
    X(THREAD, "no thread for the recorder")                                                        \
    X(DESCRIPTORS, "descriptors used up")                                                          \
    X(FILE_SIZE, "limit on the size of files (3.1 MB are needed)")                                 \
    X(MEMORY, "no memory for the recorder")                                                        \
    X(SOCKET, "socket() failed")                                                                   \
    X(MEMFD, "memfd_create() failed")                                                              \
    X(HELLO, "sendmsg() failed")                                                                   \
    X(DOOR, "pyrec cannot be reached")                                                             \
    X(STRANGER, "somebody else listens in pyrec's place")

enum wire_missing {
#define WIRE_MISSING_ENUM(name, text) WIRE_MISSING_##name,
    WIRE_MISSING_LIST(WIRE_MISSING_ENUM)
#undef WIRE_MISSING_ENUM
        WIRE_MISSING_COUNT
};

/*
 * What is written to the board by an agent that cannot say hello, in one piece. It is Python that
 * is not recorded, unless `is_python` says that nobody knows: about a program that is being
 * started.
 */
struct wire_notice {
    char magic[8];
    uint32_t version;
    int32_t pid;       /* its own word for it, .. */
    uint64_t os_start; /* .. and when it started, field 22 of /proc/self/stat; 0 = not known */
    char cookie[32];
    uint32_t reason; /* enum wire_missing */
    int32_t error;   /* errno, 0 = none */
    uint32_t is_python;
    char name[60]; /* of the program, NUL-terminated */
};
_Static_assert(sizeof(struct wire_notice) == 128, "no holes");

/* Why a stack could not be had. Index into wire_counters.failed. */
#define WIRE_FAILURE_LIST(X)                                                                       \
    X(NONE, "")                                                                                    \
    X(UNREADABLE, "memory could not be read")                                                      \
    X(NOT_CODE, "frame without a code object")                                                     \
    X(OWNER, "frame with an impossible owner")                                                     \
    X(BOUNDS, "frame outside the thread's stack")                                                  \
    X(LINK, "entry frame does not link to its caller")                                             \
    X(STARTING, "frame that is just being entered")                                                \
    X(BOTTOM, "chain does not end at the bottom frame")                                            \
    X(INSTRUCTION, "instruction outside the code")                                                 \
    X(LOOP, "chain without end")                                                                   \
    X(NO_ANSWER, "thread did not answer within the tick")                                          \
    X(MOVED, "thread moved while it was read")                                                     \
    X(NO_STATE, "thread state is gone")                                                            \
    X(CODE_GONE, "code object freed before it was described")                                      \
    X(C_STACK, "Python's frames are not those on the C stack")

enum wire_failure {
#define WIRE_FAILURE_ENUM(name, text) WIRE_FAIL_##name,
    WIRE_FAILURE_LIST(WIRE_FAILURE_ENUM)
#undef WIRE_FAILURE_ENUM
        WIRE_FAIL_COUNT
};

/* Why the C frames of a sample are not known, or not all, where somebody asks for them. Index into
 * wire_counters.c_missing. The first ones are of gaps within a stack, the others of stacks without
 * any; the order of the former is that of enum unwind_stop. */
#define WIRE_C_MISSING_LIST(X)                                                                     \
    X(TOO_DEEP, "more C frames than are kept")                                                     \
    X(NO_END, "end of the stack before Python's")                                                  \
    X(NO_FILE, "code that no file is behind, or of a library just loaded")                         \
    X(NO_RULE, "code without unwind information")                                                  \
    X(NOT_UNDERSTOOD, "unwind information that is not understood")                                 \
    X(BOUNDS, "unwind information that leads nowhere")                                             \
    X(NO_REGISTER, "a register that is not known any more")                                        \
    X(UNCOUNTED, "frames of the eval loop that do not add up (3.8, 3.9)")                          \
    X(NO_ANSWER, "it was asked and did not answer within the tick")                                \
    X(IN_CALL, "it was in a call of libc's in which it is not asked")                              \
    X(NOT_ASKED, "it was not asked, nor seen where it stood")                                      \
    X(TORN, "Python's frames were not those on the C stack")                                       \
    X(CUT, "more Python frames than are kept")                                                     \
    X(UNKNOWN, "this version of Python, or this machine")

enum wire_c_missing {
#define WIRE_C_MISSING_ENUM(name, text) WIRE_C_##name,
    WIRE_C_MISSING_LIST(WIRE_C_MISSING_ENUM)
#undef WIRE_C_MISSING_ENUM
        WIRE_C_MISSING_COUNT
};

/* Where the agent stands. */
enum wire_agent_state {
    WIRE_STARTING = 0,
    WIRE_RUNNING = 1,
    WIRE_PAUSED = 2, /* the sampler is away while the program forks */
    WIRE_STOPPED = 3,
    WIRE_REFUSED = 4, /* this process cannot be recorded; wire_head.refused says why */
};

/* Totals since the agent started. Relaxed atomics: each is right by itself. */
struct wire_counters {
    _Atomic uint64_t ticks_due, ticks_taken, ticks_missed, ticks_overflowed;
    _Atomic uint64_t samples, samples_asked, samples_outside, retries;
    _Atomic uint64_t handler_ns, handler_max_ns, sampler_cpu_ns;
    _Atomic uint64_t codes, codes_lost, unobserved_ns, process_cpu_ns;
    _Atomic uint64_t ticks_spared; /* not taken, to keep the cost down */
    _Atomic uint64_t failed[WIRE_FAIL_COUNT];
    /* Samples where C frames are asked for: with all of them, with some, with none. Not those that
     * are as the one before, and as they were at first: see WIRE_LATE. */
    _Atomic uint64_t native_whole, native_part, native_none;
    _Atomic uint64_t c_missing[WIRE_C_MISSING_COUNT];
};

/*
 * The sampler sleeps through ticks in which nothing changes and writes them down afterwards. For a
 * process that dies before that, the collector does. Relaxed, but for the end.
 */
struct wire_rest {
    _Atomic uint64_t end_ns; /* CLOCK_MONOTONIC; release store; 0 = it does not rest */
    _Atomic uint64_t number; /* of the last tick before it */
    _Atomic uint64_t cpu_ns; /* the process's CPU clock when it began */
    _Atomic uint32_t stride; /* from one tick that is taken to the next, in numbers */
};

struct wire_head {
    char magic[8];
    uint32_t version;
    uint32_t ring_len;

    /* Fixed before the hello is sent. */
    int32_t pid, parent_pid;
    uint64_t os_start;    /* field 22 of /proc/self/stat */
    uint64_t start_ns;    /* CLOCK_MONOTONIC when recording of this process began: its birth, if it
                             is recorded from there */
    uint64_t cpu_zero_ns; /* the process's CPU clock then: not 0 after an exec or a delay */
    uint32_t is_forked;   /* it began by a fork, not by an exec */
    uint32_t is_late;     /* it had to wait for that: its threads have a past that does not count */
    uint64_t interval_ns;
    uint64_t origin_ns; /* CLOCK_MONOTONIC of tick number 0 */
    uint32_t max_depth;
    uint32_t flags; /* enum wire_flags */
    /* Its name for the kernel if it is that of a thread which forked it, or a forefather: nobody
       named the process so. "" = not that. */
    char fork_name[16];
    uint32_t python_hexversion;
    uint32_t marks_len; /* bytes behind the ring: struct mark_queue; 0 = there is none */
    uint32_t is_newer;  /* a version that the agent knows only from what it says of itself */
    char python_build[32];
    char executable[1024];
    uint32_t argv_len;            /* bytes used in argv */
    char working_directory[1024]; /* then; "" = not known, or longer */
    char argv[4096];              /* NUL-terminated strings, one behind the other; cut where full */
    char refused[256];
    struct wire_hooks hooks; /* 0 = not attached */
    char home[512]; /* attached: the library that holds the interpreter; "" = the program itself */

    _Alignas(64) _Atomic uint64_t head; /* bytes ever written; release store by the sampler,
                                           acquire load by the collector */
    _Alignas(64) _Atomic uint64_t tail; /* bytes ever read; the other way round */
    _Alignas(64) _Atomic uint32_t stop; /* collector: stop sampling, for good */
    _Atomic uint32_t state;             /* enum wire_agent_state */
    _Atomic uint32_t is_hung_up;        /* collector: the connection's end means nothing, it had to
                                           save a descriptor */
    _Atomic uint64_t exec_cpu_ns;    /* the process's CPU clock when a thread called exec, or when
                                        an agent left that was attached, .. */
    _Atomic uint64_t exec_ns;        /* .. CLOCK_MONOTONIC then, release store; 0 = nobody has,
                                        or it failed */
    _Atomic uint64_t collector_beat; /* collector: CLOCK_MONOTONIC of its last visit */
    _Atomic uint64_t sampler_beat;   /* sampler: CLOCK_MONOTONIC of its last tick */
    struct wire_rest rest;
    _Alignas(64) struct wire_counters counters;
};
_Static_assert(sizeof(struct wire_head) <= WIRE_HEAD_LEN, "the head fits its pages");

/* All of it, and where marks are in there: as the agent makes it. */
#define WIRE_MEMORY_LEN (WIRE_HEAD_LEN + WIRE_RING_LEN + MARK_QUEUE_BYTES)
static inline struct mark_queue *wire_marks(struct wire_head *head)
{
    return (struct mark_queue *)(void *)((uint8_t *)head + WIRE_HEAD_LEN + WIRE_RING_LEN);
}

/* Every record starts with this and is 8-byte aligned; len counts all of it, a multiple of 8. */
struct wire_record {
    uint32_t len;
    uint16_t type;
    uint16_t flags;
};

enum wire_type {
    WIRE_PAD = 0, /* skip to the start of the ring */
    WIRE_TICK = 1,
    WIRE_SAMPLE = 2,
    WIRE_THREAD = 3,
    WIRE_THREAD_NAME = 4,
    WIRE_THREAD_END = 5,
    WIRE_CODE = 6,
    WIRE_CODE_TABLE = 7,
    WIRE_EVENT = 8,
    WIRE_CODE_FREE = 9,
    WIRE_CALL_FUNCTION = 20,
    WIRE_TASK = 24,
    WIRE_MODULE = 25,
    WIRE_LATE = 26,
    WIRE_CONTEXT = 30,
    WIRE_SOURCE = 31,
    WIRE_CHAIN = 34,  /* wire_awaits.h */
    WIRE_AWAITS = 35, /* likewise */
};

/*
 * A tick begins. The records up to the next tick belong to it; threads that are alive and have no
 * sample in it are as they were at the tick before (implied). Samples that a signal handler took
 * for this tick may be written up to an interval later, still before the next tick's record.
 */
struct wire_tick {
    struct wire_record record;
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t number;  /* of the interval it is for; see trace.proto for when it was due */
    uint64_t gap_ns;  /* of the time before it, this much was not observed (program stopped) */
    uint32_t missed;  /* tick numbers skipped since the tick before */
    uint32_t holder;  /* thread that held the GIL, 0 = nobody or not known */
};

struct wire_frame { /* of a stack */
    uint32_t code;  /* WIRE_CODE's id */
    int32_t instr;  /* byte offset into the bytecode; -1: before the first instruction */
};

/*
 * A C frame: `code` is WIRE_NATIVE and the number of a WIRE_MODULE, `instr` where its function
 * begins in there, as the file counts addresses; with WIRE_NATIVE_PC an address in it, of which
 * nothing says where its function begins. Module 0: C frames that are not known. The bits between:
 * with WIRE_C_LINES an address in its instruction - `instr` + 1; 0 = not told, or too far. */
#define WIRE_NATIVE      0x80000000u
#define WIRE_NATIVE_PC   0x40000000u
#define WIRE_NATIVE_GAP  WIRE_NATIVE
#define WIRE_MODULES_MAX 1024u /* numbers are from 1 to below that; above it are offsets */

/* State bits of a sample: as in trace.proto, which stream_apply.c checks. */
enum wire_state {
    WIRE_ON_CPU = 1,
    WIRE_HOLDS_GIL = 2,
    WIRE_WAITS_GIL = 4,
    WIRE_IN_GC = 8,
    WIRE_OUTSIDE = 16,
    WIRE_READY = 32,
    WIRE_STALLED = 64,
    WIRE_IN_KERNEL = 128,
    WIRE_UNKNOWN = 256,
    WIRE_WAITS_WORLD = 512,
    WIRE_WAITS_OBJECT = 1024,
    WIRE_STOPS_WORLD = 2048,
};

enum wire_sample_flags {
    WIRE_SAMPLE_CUT = 1,    /* in record.flags: deeper than max_depth, the root side is missing */
    WIRE_SAMPLE_JOINED = 2, /* a WIRE_LATE of it is one of those before, too, with their clock */
};

/* An explicit sample. The stack is: `keep` frames, from the root, of the last stack that was sent
 * for this thread, then n frames, root side first. A failed sample says nothing about the stack. */
struct wire_sample {
    struct wire_record record;
    uint32_t thread;
    uint16_t state;  /* enum wire_state */
    uint16_t task;   /* WIRE_TASK's number of the task that ran; 0 = none, or not known */
    uint64_t cpu_ns; /* the thread's CPU clock */
    int32_t call;    /* it is blocked in, or WIRE_CALL_FUNCTION's number; -1 = none or not known */
    uint32_t failed; /* enum wire_failure */
    uint32_t keep, n;
    struct wire_frame frames[];
};

/* A thread that was asked got no CPU for some ticks. This, its answer, is its stack in all its last
 * samples with this clock, or joined to those, for it has executed nothing since. As a sample. */
struct wire_late {
    struct wire_record record;
    uint32_t thread;
    uint16_t n_counted; /* so many of them were counted as without C frames: NO_ANSWER; .. */
    uint16_t why;       /* .. what is missing now; WIRE_C_MISSING_COUNT = nothing */
    uint64_t cpu_ns;
    uint32_t keep, n;
    struct wire_frame frames[];
};

/* From this sample of the thread on, which follows, its phase or label is another (see
 * mark_queue.h). */
struct wire_context {
    struct wire_record record;
    uint32_t thread;
    uint32_t pad;
    uint64_t context; /* 0 = none, or not known */
};

enum wire_thread_flags {
    WIRE_THREAD_MAIN = 1, /* in record.flags */
};

struct wire_thread {
    struct wire_record record;
    uint32_t thread; /* from 1, never used again */
    uint32_t os_tid;
    uint64_t python_ident; /* 0 = it has run no Python; it is told once more when it does */
    uint64_t interpreter;
    uint64_t start_ns; /* CLOCK_MONOTONIC when it was first seen */
    uint64_t cpu_ns;   /* CPU clock that counts as zero: 0 when it was born under the recorder */
};

struct wire_thread_name { /* Python's name for it; may come again with another name */
    struct wire_record record;
    uint32_t thread;
    uint32_t len;
    char name[]; /* UTF-8, lone surrogates as three bytes; not terminated */
};

struct wire_thread_end {
    struct wire_record record;
    uint32_t thread;
    uint32_t pad;
    uint64_t time_ns;
    uint64_t cpu_ns; /* its CPU clock at its very end, 0 = not known */
};

/* Where /proc does not say which system call a thread is blocked in, but in which function of the
 * kernel: these have numbers, too, above those of calls. */
#define WIRE_CALL_FIRST_FUNCTION 1024u
#define WIRE_CALL_FUNCTIONS      64u
#define WIRE_CALL_FUNCTION_MAX   64u
struct wire_call_function {
    struct wire_record record;
    uint32_t call;
    uint32_t len;
    char name[]; /* not terminated */
};

/* What tasks are called; the same number for all of one name. */
#define WIRE_TASKS_MAX     2048u /* numbers are from 1 to below that */
#define WIRE_TASK_NAME_MAX 80u
struct wire_task {
    struct wire_record record;
    uint32_t task;
    uint32_t len;
    char name[]; /* UTF-8, lone surrogates as three bytes; not terminated */
};

/* A file that C frames are in. */
#define SEGMENT_PATH_MAX 4096u
struct wire_module {
    struct wire_record record;
    uint32_t module;
    uint32_t len;
    uint64_t inode; /* 0 = it is none: "[vdso]" */
    char path[];    /* as the kernel names it; not terminated */
};

/* Dialects of line tables, see linetable.h. */
enum wire_table {
    WIRE_TABLE_NONE = 0,
    WIRE_TABLE_LNOTAB = 1,    /* <= 3.9 */
    WIRE_TABLE_LINES = 2,     /* 3.10 */
    WIRE_TABLE_LOCATIONS = 3, /* >= 3.11 */
};

/* A code object: qualified name, file name, then the first bytes of its line table. */
struct wire_code {
    struct wire_record record;
    uint32_t code; /* id, never used again */
    int32_t first_line;
    uint32_t table_kind; /* enum wire_table */
    uint32_t name_len, file_len;
    uint32_t table_len;  /* of the whole table */
    uint32_t table_here; /* bytes of it in this record */
    uint32_t pad;
    char bytes[];
};

/* The next bytes of a line table. */
struct wire_code_table {
    struct wire_record record;
    uint32_t code;
    uint32_t offset;
    uint32_t len;
    uint32_t pad;
    uint8_t bytes[];
};

/* The text of code that was told, and that no file has. */
struct wire_source_told {
    struct wire_record record;
    struct wire_source source;
    uint32_t pad;
    char bytes[]; /* its name, its text */
};

/*
 * The interpreter freed a code object: no record after this one names it. An agent need not send
 * it, but then a program that makes code in a loop makes the collector grow (to a limit).
 */
struct wire_code_free {
    struct wire_record record;
    uint32_t code;
    uint32_t pad;
};

/*
 * Something that happened; type as in trace.proto's Event. FORK, EXEC and the start and end of
 * threads are not sent, the collector sees them itself. INTERVAL: `value` is the time from one tick
 * that is taken to the next, a multiple of the interval that numbers count. UNOBSERVED: value is in
 * nanoseconds here.
 */
#define WIRE_EVENT_INTERVAL 6u /* stream_apply.c holds it against trace.proto */
struct wire_event {
    struct wire_record record;
    uint32_t event;
    uint32_t thread;
    uint64_t time_ns;
    int64_t value;
};

_Static_assert(sizeof(struct wire_record) == 8, "wire_record");
_Static_assert(sizeof(struct wire_tick) == 40, "wire_tick");
_Static_assert(sizeof(struct wire_sample) == 40, "wire_sample");
_Static_assert(sizeof(struct wire_late) == 32, "wire_late");
_Static_assert(sizeof(struct wire_context) == 24, "wire_context");
_Static_assert(sizeof(struct wire_thread) == 48, "wire_thread");
_Static_assert(sizeof(struct wire_thread_name) == 16, "wire_thread_name");
_Static_assert(sizeof(struct wire_thread_end) == 32, "wire_thread_end");
_Static_assert(sizeof(struct wire_call_function) == 16, "wire_call_function");
_Static_assert(sizeof(struct wire_task) == 16, "wire_task");
_Static_assert(sizeof(struct wire_module) == 24, "wire_module");
_Static_assert(sizeof(struct wire_code) == 40, "wire_code");
_Static_assert(sizeof(struct wire_code_table) == 24, "wire_code_table");
_Static_assert(sizeof(struct wire_code_free) == 16, "wire_code_free");
_Static_assert(sizeof(struct wire_source_told) == 24, "wire_source_told");
_Static_assert(sizeof(struct wire_event) == 32, "wire_event");
_Static_assert(sizeof(struct wire_frame) == 8, "wire_frame");

#endif
