/* SPDX-License-Identifier: MIT */
/*
 * python_find - find the CPython in another process, and which version it is.
 *
 * On the line:  remote -> [python_find] -> regard
 * Threads:      one; it reads through outside, and leaves that open on this process.
 * Memory:       the caller's struct.
 * Loss:         an interpreter that is not understood is refused, with the reason.
 *
 * As interp_find() does in its own process: the library, or the program, that has PyCode_Type and
 * _PyRuntime in its table of names. The version is what the interpreter says of itself: Py_Version
 * (3.11 and later), the head of _PyRuntime (3.13), else the number that sys.hexversion holds, read
 * with the tables of each version that has no other word for it, and believed if it names that
 * version. Names of files prove nothing.
 */
#ifndef PYREC_RECORD_PYTHON_FIND_H
#define PYREC_RECORD_PYTHON_FIND_H

#include "reason.h"
#include "record/agent/cpython/interp.h"
#include "record/remote/remote_memory.h"

struct python {
    struct interp interp;
    uint32_t tid_offset; /* of a thread's number from its pthread_t; 0 = not known */
};

/* Look for it in `images`. PYTHON_UNKNOWN: `wrong` says with what. */
enum facts_python python_find(struct python *python, const struct remote *remote,
                              const struct remote_images *images, char *wrong, size_t size);

/* "3.11.2", "3.14.0b1" of a hexversion. */
void python_version_text(uint32_t hexversion, char *to, size_t size);

#endif
