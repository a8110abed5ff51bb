/* SPDX-License-Identifier: MIT */
/*
 * whole_file - a file that is there when it is whole, and not before.
 *
 * On the line:  under sink.
 * Threads:      one at a time.
 * Memory:       struct whole_file is the caller's; whole_file_open fills it, keep and drop take it
 *               back. The descriptor is the caller's to close.
 *
 * The file has no name while it is written (a temporary one where the file system needs one), and
 * takes its place in one step. Until then the old file stays, with its links and rights.
 */
#ifndef PYREC_ANALYZE_WHOLE_FILE_H
#define PYREC_ANALYZE_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct whole_file {
    int fd;
    char *target;    /* NULL = what stands there is written to: a device, a pipe, /dev/stdout */
    char *temporary; /* its name until then; NULL = none */
};

/* False, and errno, when it cannot be written. */
bool whole_file_open(struct whole_file *file, const char *path);

/* Put it into its place, before the descriptor is closed. False, and errno: it is gone. */
bool whole_file_keep(struct whole_file *file);

/* Forget it. */
void whole_file_drop(struct whole_file *file);

/* Write all of it, in as many calls as that takes. False, and errno, if not all could be. */
bool whole_write(int fd, const void *bytes, size_t len);

/* Make the folders above a file, those that are not there. False, and errno of the last one that
 * could not be made. `path` is as it was afterwards. */
bool whole_file_folders(char *path, mode_t mode);

/* The number that a path like /dev/stdout or /dev/fd/3 means in this process; -1 = it is none. */
int descriptor_of_path(const char *path);

#endif
