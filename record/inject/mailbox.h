/* SPDX-License-Identifier: MIT */
/*
 * mailbox - the memory that pyrec and its code in another process share while it attaches.
 *
 * On the line:  inject -> [mailbox] -> stub
 * Threads:      pyrec writes it from outside; the thread that was stopped, the raw thread and the
 *               real one (see stub.S) from inside. Each word has one writer, but for `claim`.
 * Memory:       one mapping of MAILBOX_LEN in the other process, of which some 20 KiB are ever
 *               used: letters in front, a stack, thread-local storage. It is never unmapped, as
 *               allocators know the storage for as long as the process lives; `is_parked` says that
 *               nobody is in it, and the next attaching takes it again.
 *
 * Included by the assembler as well: numbers first.
 */
#ifndef PYREC_RECORD_MAILBOX_H
#define PYREC_RECORD_MAILBOX_H

#define MAILBOX_LEN       0x440000
#define MAILBOX_STACK     0x4000   /* of the raw thread .. */
#define MAILBOX_STACK_TOP 0x30000  /* .. to here */
#define MAILBOX_TCB       0x430000 /* 4 MiB of thread-local storage lie before it */
#define MAILBOX_DTV       0x434000

#define MB_SELF        0
#define MB_MASK        8
#define MB_CLONE       16
#define MB_BACK        20
#define MB_FILES       24
#define MB_RAW_TID     28
#define MB_GO          32
#define MB_BEAT        36
#define MB_CREATE      40
#define MB_PHASE       44
#define MB_JOIN        48
#define MB_HEARD       52
#define MB_THREAD      56
#define MB_HANDLE      64
#define MB_ENTRY       72
#define MB_RESULT      80
#define MB_FUNCTIONS   96
#define MB_LIB_LEN     160
#define MB_LIB_FD      164
#define MB_LIB_WRITTEN 168
#define MB_CLAIM       172
#define MB_LIB_AT      176
#define MB_LIB_FULL    184
#define MB_TLS_READY   188
#define MB_PARKED      192
#define MB_CLOCK       208
#define MB_SINCE       224
#define MB_SOLO_CLOCK  232
#define MB_ATTR        256
#define MB_SYMBOL      512
#define MB_ERROR       576
#define MB_PATH        1024
#define MB_SETTINGS    5120

/* MB_FUNCTIONS: addresses in the other process's libc. */
#define FUNCTION_ATTR_INIT  0
#define FUNCTION_ATTR_STACK 1
#define FUNCTION_CREATE     2
#define FUNCTION_JOIN       3
#define FUNCTION_DLOPEN     4
#define FUNCTION_DLSYM      5
#define FUNCTION_DLERROR    6
#define FUNCTION_TLS_INIT   7
#define FUNCTION_COUNT      8

#define MAILBOX_ERROR_MAX 256

/* MB_GO */
#define GO_BEGIN 1
#define GO_LEAVE 2

/* MB_CLAIM: who came first */
#define CLAIM_RAW 1 /* the raw thread is in libc */
#define CLAIM_SOLO                                                                                 \
    2 /* the only thread of the process has gone on, and the raw one must not begin */

/* MB_PHASE */
#define PHASE_CREATED 1 /* pthread_create has returned: libc knows of more than one thread */
#define PHASE_THREAD  2 /* the real thread runs */
#define PHASE_DONE    3
#define PHASE_JOINED  4

/* The registers that the stopped thread gets back, behind the code. */
#define TABLE_FLAGS 0
#define TABLE_RAX   8
#define TABLE_RBX   16
#define TABLE_RCX   24
#define TABLE_RDX   32
#define TABLE_RSI   40
#define TABLE_RDI   48
#define TABLE_R8    56
#define TABLE_R9    64
#define TABLE_R10   72
#define TABLE_R11   80
#define TABLE_R15   88
#define TABLE_RIP   96
#define TABLE_SOLO  104
#define TABLE_RBP   112
#define TABLE_WHO   120 /* whose they are, as its process counts: nobody else is in the code */
#define TABLE_LEN   128

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/* What lies in front. */
struct mailbox {
    uint64_t self; /* its own address: this is one of ours */
    uint64_t mask; /* of signals, of the thread that was stopped */
    int32_t clone; /* the raw thread, as its process counts, or -errno; 0 = not yet */
    int32_t is_back;
    int32_t files; /* the raw thread's descriptors: 0 = none, 1 = a copy of the process's; -errno */
    int32_t raw_tid;
    uint32_t go;
    uint32_t beat;  /* another number every now and then: pyrec lives */
    int32_t create; /* what pthread_create said */
    uint32_t phase;
    int32_t join;
    uint32_t heard; /* the last beat that the raw thread has seen */
    uint64_t thread, handle, entry, result, unused;
    uint64_t functions[FUNCTION_COUNT];
    uint32_t lib_len; /* 0: the library has a path */
    int32_t lib_fd, lib_written;
    uint32_t claim;
    uint64_t lib_at; /* where its bytes are to be written, or -errno */
    uint32_t is_lib_full, is_tls_ready;
    uint32_t is_parked;
};

_Static_assert(offsetof(struct mailbox, clone) == MB_CLONE &&
                   offsetof(struct mailbox, go) == MB_GO &&
                   offsetof(struct mailbox, phase) == MB_PHASE &&
                   offsetof(struct mailbox, thread) == MB_THREAD &&
                   offsetof(struct mailbox, result) == MB_RESULT &&
                   offsetof(struct mailbox, functions) == MB_FUNCTIONS &&
                   offsetof(struct mailbox, lib_len) == MB_LIB_LEN &&
                   offsetof(struct mailbox, lib_written) == MB_LIB_WRITTEN &&
                   offsetof(struct mailbox, claim) == MB_CLAIM &&
                   offsetof(struct mailbox, beat) == MB_BEAT &&
                   offsetof(struct mailbox, heard) == MB_HEARD &&
                   offsetof(struct mailbox, lib_at) == MB_LIB_AT &&
                   offsetof(struct mailbox, is_tls_ready) == MB_TLS_READY &&
                   offsetof(struct mailbox, is_parked) == MB_PARKED,
               "the assembler's numbers");

/* stub.S: one piece of code that may lie anywhere. */
extern const uint8_t stub_begin[], stub_again[], stub_table[], stub_end[];
#define STUB_LEN ((size_t)(stub_end - stub_begin))
#define STUB_MAX 1536

#endif
#endif
