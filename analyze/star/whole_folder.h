/* SPDX-License-Identifier: MIT */
/*
 * whole_folder - a folder that is there when it is whole, and not before.
 *
 * On the line:  under the output tables.
 * Threads:      one at a time.
 * Memory:       struct whole_folder is the caller's, zeroed; keep and drop take it back.
 * Loss:         who is killed meanwhile leaves a folder NAME.PID~ behind, and no NAME.
 *
 * It is filled beside its place and takes it in one step, in exchange for what stood there: an
 * empty folder, or one with nothing in it but what is written anew. Anything else stays as it is,
 * and there is no new one. Where the file system knows no exchange the old one goes first: for a
 * moment there is neither.
 *
 * It has folders of files, no deeper.
 */
#ifndef PYREC_ANALYZE_WHOLE_FOLDER_H
#define PYREC_ANALYZE_WHOLE_FOLDER_H

#include "format/status.h"

/* What is done with each name in a folder, whose descriptor is `folder`; false ends it. */
typedef bool folder_name_fn(void *closure, int folder, const char *name);

/* With all names in a folder of `parent`'s, but . and ..; links are not followed. False, and errno,
 * where it could not be read, or fn said so. */
bool folder_walk(int parent, const char *name, folder_name_fn *fn, void *closure);

struct whole_folder {
    char *target, *temporary;
    int fd; /* of the temporary one */
};

/* STATUS_IO when it cannot be made, or something stands in its place that cannot be given up. */
MUST_CHECK enum status whole_folder_open(struct whole_folder *folder, const char *path,
                                         struct problem *why);

/* A new file in it, in a folder that is made where it is not there yet; -1, and errno. */
int whole_folder_create(struct whole_folder *folder, const char *in, const char *name);

/* Put it into its place. STATUS_IO says why not; it is gone then. */
MUST_CHECK enum status whole_folder_keep(struct whole_folder *folder, struct problem *why);

/* Forget it. */
void whole_folder_drop(struct whole_folder *folder);

#endif
