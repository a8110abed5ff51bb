/* SPDX-License-Identifier: MIT */
/*
 * proc_read - small files of /proc, read without libc's streams and without memory.
 *
 * On the line:  beside it; link, reach, notice, aside, the sampler and c_threads ask here.
 * Threads:      any; safe in a child of a fork.
 * Loss:         what cannot be read is 0: not known.
 */
#ifndef PYREC_AGENT_PROC_READ_H
#define PYREC_AGENT_PROC_READ_H

#include <stddef.h>
#include <stdint.h>

/* The first `size` bytes of a file; how many there were. */
size_t proc_read(const char *path, char *to, size_t size);

/* When a process started, field 22 of /proc/PID/stat; pid 0 is this one. */
uint64_t proc_start(int32_t pid);

/* Threads of this process, by the number of links of /proc/self/task; no descriptor is needed. */
uint32_t proc_count_threads(void);

#endif
