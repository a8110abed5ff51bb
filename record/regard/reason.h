/* SPDX-License-Identifier: MIT */
/*
 * reason - why a process cannot be looked into, or attached to, and what to do about it.
 *
 * On the line:  regard -> [reason] -> dump, ps, inject: what they say, and what pyrec exits with
 * Threads:      any.
 * Memory:       the caller's.
 * Loss:         what could not be found out is a fact of its own here, never one of the others.
 *
 * One table holds all reasons, and one rule picks one. A reason that lasts comes before one that
 * passes: nobody is to wait for a tracer to leave, only to learn that it was in vain.
 */
#ifndef PYREC_RECORD_REASON_H
#define PYREC_RECORD_REASON_H

#include "format/status.h"
#include <stdbool.h>
#include <sys/types.h>

/* What sort of reason it is: pyrec's exit status, of all commands. */
enum reason_kind {
    REASON_FINE = 0,
    REASON_GONE = 3,   /* there is no such process */
    REASON_RIGHTS = 4, /* the kernel does not let us */
    REASON_UNFIT = 5,  /* nobody can: no Python, musl, 32-bit .. */
    REASON_BUSY = 6,   /* not now: traced, stopped, recorded already .. */
    REASON_FAILED = 7, /* no memory .. */
};

/* Whether `pyrec ps` lists such a process. */
enum reason_listing { LIST_NO, LIST_IF_CALLED_PYTHON, LIST_YES };

/*
 * Name, kind, whether it is listed, in a word, and as a clause whose subject is the process.
 * %p: its number, %g: its process's, %d: its parent's, %u: its user, %y: yama's scope, %t: its
 * tracer, %e: an errno in words, %w: what the interpreter's tables say.
 */
#define REASON_LIST(X)                                                                             \
    X(NONE, FINE, LIST_YES, "yes", "")                                                             \
    X(PROC, GONE, LIST_NO, "gone",                                                                 \
      "cannot be found: the /proc here is another PID namespace's, so numbers of processes mean "  \
      "others; mount the right one")                                                               \
    X(ABSENT, GONE, LIST_NO, "gone", "is not there: no process has this number")                   \
    X(THREAD, GONE, LIST_NO, "thread", "is a thread of process %g: use that number")               \
    X(ZOMBIE, GONE, LIST_NO, "ended",                                                              \
      "has ended and waits to be buried by its parent %d (a zombie)")                              \
    X(ENDING, GONE, LIST_NO, "ended", "is ending")                                                 \
    X(KERNEL, UNFIT, LIST_NO, "kernel", "is a thread of the kernel's")                             \
    X(OTHER_USER, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                      \
      "is of user %u: only that user and root may look into it; run pyrec as one of them")         \
    X(CHANGED, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                         \
      "lets not even its own user look into it (it changed its user, has capabilities, or is not " \
      "dumpable): run pyrec as root")                                                              \
    X(YAMA, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                            \
      "may not be looked into by its own user (kernel.yama.ptrace_scope is %y): run pyrec as "     \
      "root, or sysctl kernel.yama.ptrace_scope=0")                                                \
    X(YAMA_ADMIN, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                      \
      "may be looked into only with CAP_SYS_PTRACE (kernel.yama.ptrace_scope is %y): run pyrec "   \
      "as root")                                                                                   \
    X(YAMA_NOBODY, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                     \
      "may be looked into by nobody until the next boot (kernel.yama.ptrace_scope is %y): start "  \
      "it with pyrec -- instead")                                                                  \
    X(OUR_FILTER, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                      \
      "may not be looked into from here: pyrec is under a filter of system calls, as in a "        \
      "container without the capability SYS_PTRACE")                                               \
    X(OUR_NAMESPACE, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                   \
      "may not be looked into from here: pyrec is in a user namespace, whose rights end at its "   \
      "border; run it outside")                                                                    \
    X(FORBIDDEN, RIGHTS, LIST_IF_CALLED_PYTHON, "no rights",                                       \
      "may not be looked into: CAP_SYS_PTRACE is missing here, or a security module or a "         \
      "container forbids it")                                                                      \
    X(UNREADABLE, RIGHTS, LIST_NO, "unread", "cannot be read: %e")                                 \
    X(NO_MEMORY, FAILED, LIST_NO, "unread", "cannot be looked at: out of memory")                  \
    X(FOREIGN, UNFIT, LIST_IF_CALLED_PYTHON, "32-bit",                                             \
      "is a 32-bit program, or one for another machine")                                           \
    X(PYPY, UNFIT, LIST_IF_CALLED_PYTHON, "PyPy", "is a PyPy: pyrec knows CPython")                \
    X(STATIC_UNSEEN, UNFIT, LIST_IF_CALLED_PYTHON, "static",                                       \
      "is statically linked: whether a Python is in it does not show, and nothing can be loaded "  \
      "into it")                                                                                   \
    X(NAMELESS, UNFIT, LIST_IF_CALLED_PYTHON, "stripped",                                          \
      "is called Python but does not show its names (stripped)")                                   \
    X(NO_PYTHON, UNFIT, LIST_NO, "no Python", "is not Python: there is no CPython in its memory")  \
    X(UNSAID, UNFIT, LIST_YES, "unknown",                                                          \
      "is a Python that does not say its version: it is just starting or ending, or older than "   \
      "3.8")                                                                                       \
    X(UNKNOWN, UNFIT, LIST_YES, "unknown", "has a Python that pyrec does not know: %w")            \
    X(MACHINE, UNFIT, LIST_YES, "machine",                                                         \
      "cannot be attached to: pyrec knows how on x86-64 only")                                     \
    X(MUSL, UNFIT, LIST_YES, "musl", "has musl for its C library: the recorder needs glibc")       \
    X(STATIC, UNFIT, LIST_YES, "static", "is statically linked: nothing can be loaded into it")    \
    X(SECURE, UNFIT, LIST_YES, "set-uid",                                                          \
      "has rights of its own (set-user-ID or capabilities): such a program is not attached to")    \
    X(FILTERED, UNFIT, LIST_YES, "seccomp",                                                        \
      "has a filter of system calls (seccomp), which might end it for one of ours, and which "     \
      "only root may read: run pyrec as root, or start it with pyrec -- instead")                  \
    X(TRACED, BUSY, LIST_YES, "traced", "is being traced by process %t, which has to end first")   \
    X(STOPPED, BUSY, LIST_YES, "stopped", "is stopped: let it go on first (kill -CONT %p)")        \
    X(FROZEN, BUSY, LIST_YES, "frozen",                                                            \
      "is frozen (a container that is paused): let it go on first")                                \
    X(VFORK, BUSY, LIST_YES, "vfork", "is about to become another program (vfork): try again")     \
    X(LOCKED, BUSY, LIST_YES, "attaching", "is just being attached to by another pyrec")           \
    X(RECORDED, BUSY, LIST_YES, "recorded", "is being recorded already, by another pyrec")

enum reason {
#define REASON_ENUM(name, kind, listing, mark, text) REASON_##name,
    REASON_LIST(REASON_ENUM)
#undef REASON_ENUM
        REASON_COUNT
};

enum facts_libc { LIBC_STATIC, LIBC_GLIBC, LIBC_MUSL };
enum facts_python {
    PYTHON_NONE,
    PYTHON_PYPY,
    PYTHON_NAMELESS, /* only its file is called so */
    PYTHON_UNSAID,   /* one without a version */
    PYTHON_UNKNOWN,  /* of a version, or a build, that pyrec has no table for */
    PYTHON_FOUND,
};

/* What is known of a process. What stands further down is looked at only if all above is well. */
struct facts {
    pid_t pid;
    bool is_proc_ours; /* numbers in /proc are ours */
    bool is_there;
    pid_t group; /* the process whose thread it is; itself */
    pid_t parent;
    char state; /* as in its stat file */
    bool is_of_kernel;
    int error; /* why its memory cannot be read; 0 = it can */

    uid_t user; /* its real one */
    bool is_user_ours;
    bool is_locked_up; /* its files in /proc are not its user's */
    bool are_we_root;
    int yama; /* ptrace_scope */
    bool may_trace_all, are_we_filtered, are_we_in_namespace;

    bool is_foreign; /* for another machine */
    enum facts_libc libc;
    enum facts_python python;
    char wrong[200]; /* PYTHON_UNKNOWN: with what */

    bool is_machine_known; /* there is code to attach with */
    bool is_secure;        /* AT_SECURE: more rights than who started it */
    bool is_filtered;      /* seccomp, of any of its threads: filters, .. */
    bool is_strict;        /* .. or read() and write() only */
    bool may_read_filters;
    pid_t tracer; /* of any of its threads; 0 = nobody */
    char tracer_name[64];
    bool is_stopped, is_frozen, is_vfork_child;
    bool is_locked; /* another pyrec attaches to it at this moment */
    bool is_recorded;
};

/* Why its memory cannot be read, or understood; why nothing can be loaded into it. */
enum reason reason_not_to_look(const struct facts *facts);
enum reason reason_not_to_attach(const struct facts *facts);

/* The table's columns. */
enum reason_kind reason_kind(enum reason reason);
enum reason_listing reason_listing(enum reason reason);
const char *reason_mark(enum reason reason);

/* "is stopped: ..". Returns `to`. */
const char *reason_clause(enum reason reason, const struct facts *facts, char *to, size_t size);

/* "root", or the number of a user that has no name. */
void reason_user_name(uid_t user, char *to, size_t size);

#endif
