/* SPDX-License-Identifier: MIT */
#include "tracefile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tracefile_kind {
    enum status (*append)(struct tracefile *trace, const struct chunk *chunk, struct problem *why);
    enum status (*close)(struct tracefile *trace, const struct chunk *last, struct problem *why);
};

struct tracefile {
    const struct tracefile_kind *kind;
    struct chunk_writer *writer;
    char *path;
    bool is_regular; /* then these say which file it is */
    dev_t device;
    ino_t inode;
};

/* ---- one file ---- */

static enum status file_still_there(const struct tracefile *trace, struct problem *why)
{
    struct stat now;
    if (trace->is_regular &&
        (stat(trace->path, &now) != 0 || now.st_dev != trace->device || now.st_ino != trace->inode))
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
                           "the file was removed or replaced");
    return STATUS_OK;
}

static enum status file_append(struct tracefile *trace, const struct chunk *chunk,
                               struct problem *why)
{
    TRY(file_still_there(trace, why));
    return chunk_writer_append(trace->writer, chunk, why);
}

static enum status file_close(struct tracefile *trace, const struct chunk *last,
                              struct problem *why)
{
    TRY(file_still_there(trace, why));
    struct chunk_writer *writer = trace->writer;
    trace->writer = NULL;
    return chunk_writer_close(writer, last, why);
}

static const struct tracefile_kind kind_file = {file_append, file_close};

/* ---- any kind ---- */

enum status tracefile_open(struct tracefile **out, const char *path, uint32_t tag,
                           struct problem *why)
{
    struct stat now;
    struct tracefile *trace = calloc(1, sizeof *trace);
    *out = NULL;
    if (trace == NULL || (trace->path = strdup(path)) == NULL) {
        free(trace);
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "trace");
    }
    trace->kind = &kind_file;
    const enum status status = chunk_writer_open(&trace->writer, path, tag, 0, why);
    if (status != STATUS_OK) {
        free(trace->path);
        free(trace);
        return status;
    }
    if (stat(path, &now) == 0 && S_ISREG(now.st_mode)) {
        trace->is_regular = true;
        trace->device = now.st_dev;
        trace->inode = now.st_ino;
    }
    *out = trace;
    return STATUS_OK;
}

enum status tracefile_append(struct tracefile *trace, const struct chunk *chunk,
                             struct problem *why)
{
    return trace->kind->append(trace, chunk, why);
}

enum status tracefile_close(struct tracefile *trace, const struct chunk *last, uint64_t *bytes,
                            struct problem *why)
{
    struct stat now;
    *bytes = tracefile_bytes(trace);
    const enum status status = trace->kind->close(trace, last, why);
    if (status == STATUS_OK && trace->is_regular && stat(trace->path, &now) == 0)
        *bytes = (uint64_t)now.st_size;
    tracefile_abandon(trace);
    return status;
}

void tracefile_abandon(struct tracefile *trace)
{
    if (trace == NULL)
        return;
    chunk_writer_abandon(trace->writer);
    free(trace->path);
    free(trace);
}

uint64_t tracefile_bytes(const struct tracefile *trace)
{
    return chunk_writer_bytes(trace->writer);
}
