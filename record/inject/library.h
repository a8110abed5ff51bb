/* SPDX-License-Identifier: MIT */
/*
 * library - which way the library goes into another process: by its path, or as bytes.
 *
 * On the line:  beside inject
 * Threads:      any.
 * Memory:       library_read gives, free() takes.
 */
#ifndef PYREC_RECORD_LIBRARY_H
#define PYREC_RECORD_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether a path leads there to the same file, which its user may read. */
bool library_is_reachable(pid_t pid);

/* A file's bytes; NULL = it cannot be read, or is none. */
char *library_read(const char *path, size_t *size);

#endif
