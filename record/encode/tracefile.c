/* SPDX-License-Identifier: MIT */
#include "tracefile.h"

#include "record/base/clocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_TIME_PART 4               /* of the time to keep: a section, and what is too much */
#define KEEP_SIZE_PART 8               /* of the bytes to keep: a section; .. */
#define KEEP_SIZE_STAY 6               /* .. so many of these parts stay when some are dropped */
#define NAME_ROOM      64              /* for what is put into a name, and behind it */
#define SECTION_MAX_NS 300000000000ull /* the life of a generation */

/* Where a section begins, and when. */
struct section {
    uint64_t offset, begin_ns;
};

struct tracefile {
    struct tracefile_plan plan;
    struct chunk_writer *writer;
    char *path;              /* as it was asked for */
    char base[PATH_MAX];     /* what numbers are put into: that, or a series' own */
    char current[PATH_MAX];  /* of the file that is written now, .. */
    char finished[PATH_MAX]; /* .. and what it will be called at its end */
    uint32_t tag, number;    /* number of that file */
    uint32_t snapshots;      /* so far */
    uint64_t finished_bytes; /* in files before this one */
    bool is_regular;         /* then these say which file it is */
    dev_t device;
    ino_t inode;

    struct section *sections; /* of this file, but for those that were dropped */
    size_t n_sections, sections_room;
};

/* ---- names ---- */

void tracefile_number_path(char to[PATH_MAX], const char *path, uint32_t number, int digits)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *suffix = strrchr(name, '.');
    if (suffix == NULL || suffix == name)
        suffix = name + strlen(name);
    snprintf(to, PATH_MAX, "%.*s.%0*u%s", (int)(suffix - path), path, digits, number, suffix);
}

/* ---- one file ---- */

static enum status still_there(const struct tracefile *trace, struct problem *why)
{
    struct stat now;
    if (trace->is_regular && (stat(trace->current, &now) != 0 || now.st_dev != trace->device ||
                              now.st_ino != trace->inode))
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
                           "the file was removed or replaced");
    return STATUS_OK;
}

static void identity_take(struct tracefile *trace)
{
    struct stat now;
    trace->is_regular = stat(trace->current, &now) == 0 && S_ISREG(now.st_mode);
    if (trace->is_regular) {
        trace->device = now.st_dev;
        trace->inode = now.st_ino;
    }
}

/* Begin file number `number`, or the only one. */
static enum status file_begin(struct tracefile *trace, uint32_t seq, struct problem *why)
{
    const bool is_series = trace->plan.is_series;
    int fd;
    if (trace->plan.how == TRACEFILE_ROTATE)
        tracefile_number_path(trace->finished, trace->base, trace->number,
                              is_series ? PARTS_DIGITS : TRACEFILE_DIGITS);
    else
        snprintf(trace->finished, sizeof trace->finished, "%s", trace->base);
    snprintf(trace->current, sizeof trace->current, "%.*s%s",
             (int)(sizeof trace->current - sizeof PARTS_PART), trace->finished,
             is_series ? PARTS_PART : "");
    if (is_series) {
        TRY(parts_create(&fd, trace->finished, why));
        TRY(chunk_writer_begin(&trace->writer, fd, trace->tag, seq, why));
    } else {
        TRY(chunk_writer_open(&trace->writer, trace->current, trace->tag, seq, why));
    }
    identity_take(trace);
    return STATUS_OK;
}

/* It is closed. */
static enum status file_finish(struct tracefile *trace, struct problem *why)
{
    if (!trace->plan.is_series)
        return STATUS_OK;
    TRY(parts_finish(trace->finished, why));
    snprintf(trace->current, sizeof trace->current, "%s", trace->finished);
    return STATUS_OK;
}

/* What an earlier recording left half-finished, and what is too old. */
static void parts_tidy(const struct tracefile *trace, bool is_first)
{
    char directory[PATH_MAX], stem[NAME_MAX + 1];
    const char *const slash = strrchr(trace->path, '/');
    const char *const name = slash != NULL ? slash + 1 : trace->path;
    const char *const point = strrchr(name, '.');
    const size_t len = point != NULL && point != name ? (size_t)(point - name) : strlen(name);
    if (is_first) {
        snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(name - trace->path),
                 slash == NULL ? "." : trace->path);
        snprintf(stem, sizeof stem, "%.*s", (int)len, name);
        parts_adopt(directory, stem);
    }
    parts_drop(trace->path, &trace->plan.keep, (int64_t)clocks_ns(CLOCK_REALTIME));
}

const char *tracefile_path(const struct tracefile *trace)
{
    return trace->current;
}

const char *tracefile_finished_path(const struct tracefile *trace)
{
    return trace->finished;
}

/* ---- sections ---- */

static enum status section_add(struct tracefile *trace, uint64_t now_ns, struct problem *why)
{
    if (trace->n_sections == trace->sections_room) {
        const size_t room = trace->sections_room == 0 ? 16 : 2 * trace->sections_room;
        struct section *more = realloc(trace->sections, room * sizeof *more);
        if (more == NULL)
            return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "trace");
        trace->sections = more;
        trace->sections_room = room;
    }
    trace->sections[trace->n_sections++] =
        (struct section){chunk_writer_bytes(trace->writer), now_ns};
    return STATUS_OK;
}

bool tracefile_section_due(const struct tracefile *trace, uint64_t now_ns)
{
    const struct tracefile_plan *plan = &trace->plan;
    const struct section *last = &trace->sections[trace->n_sections - 1];
    const uint64_t age_ns = now_ns - last->begin_ns;
    const uint64_t bytes = chunk_writer_bytes(trace->writer) - last->offset;
    const bool is_keep = plan->how == TRACEFILE_KEEP;
    const uint64_t limit_ns = plan->limit_ns / (is_keep ? KEEP_TIME_PART : 1);
    const uint64_t limit_bytes = plan->limit_bytes / (is_keep ? KEEP_SIZE_PART : 1);
    return (limit_ns != 0 && age_ns >= limit_ns) || (limit_bytes != 0 && bytes >= limit_bytes) ||
           (is_keep && age_ns >= SECTION_MAX_NS);
}

/* Of those that are there: how many are older, or more, than is to be kept. The last one stays. */
static size_t sections_surplus(const struct tracefile *trace, uint64_t now_ns)
{
    const struct tracefile_plan *plan = &trace->plan;
    const uint64_t bytes = chunk_writer_bytes(trace->writer);
    size_t n = 0;
    while (n + 1 < trace->n_sections) {
        const struct section *next = &trace->sections[n + 1];
        const bool is_old = plan->limit_ns != 0 && now_ns - next->begin_ns >= plan->limit_ns;
        const bool is_much =
            plan->limit_bytes != 0 &&
            bytes - trace->sections[n].offset > plan->limit_bytes / KEEP_SIZE_PART * KEEP_SIZE_STAY;
        if (!is_old && !is_much)
            break;
        n++;
    }
    return n;
}

/* What is to stay goes into a new file, which takes the old one's place. */
static enum status head_drop(struct tracefile *trace, size_t n, const struct chunk *meta,
                             struct problem *why)
{
    char part[PATH_MAX];
    struct chunk_writer *writer;
    const uint64_t from = trace->sections[n].offset;
    snprintf(part, sizeof part, "%.*s.part", PATH_MAX - 8, trace->current);
    enum status status = chunk_writer_copy(&writer, part, trace->writer, from, meta, why);
    if (status == STATUS_OK && rename(part, trace->current) != 0) {
        status = problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "rename: %s", strerror(errno));
        chunk_writer_abandon(writer);
    }
    if (status != STATUS_OK) {
        unlink(part);
        return status;
    }
    const uint64_t moved = chunk_writer_bytes(trace->writer) - chunk_writer_bytes(writer);
    chunk_writer_abandon(trace->writer);
    trace->writer = writer;
    trace->n_sections -= n;
    memmove(trace->sections, trace->sections + n, trace->n_sections * sizeof *trace->sections);
    for (size_t i = 0; i < trace->n_sections; i++)
        trace->sections[i].offset -= moved;
    identity_take(trace);
    return STATUS_OK;
}

/* A disk too full for the moment with two files: the old one goes on, and grows. */
static enum status sections_drop(struct tracefile *trace, const struct chunk *meta, uint64_t now_ns,
                                 struct problem *why)
{
    size_t n = sections_surplus(trace, now_ns);
    if (n + 1 == trace->n_sections && n > 0)
        n--; /* the last one is empty yet; a file wants a chunk behind its Meta */
    if (n == 0)
        return STATUS_OK;
    TRY(still_there(trace, why));
    const enum status status = head_drop(trace, n, meta, why);
    return status == STATUS_DISK_FULL ? STATUS_OK : status;
}

/* This file is finished; the next one begins. */
static enum status file_next(struct tracefile *trace, const struct chunk *meta, struct problem *why)
{
    const struct chunk last = {.t_first_ns = meta->t_first_ns, .t_last_ns = meta->t_last_ns};
    const uint32_t seq = chunk_writer_seq(trace->writer) + 1; /* one is for the index */
    struct chunk_writer *writer = trace->writer;
    struct stat now;
    TRY(still_there(trace, why));
    const uint64_t bytes = chunk_writer_bytes(writer);
    trace->writer = NULL;
    TRY(chunk_writer_close(writer, &last, why));
    trace->finished_bytes += stat(trace->current, &now) == 0 ? (uint64_t)now.st_size : bytes;
    TRY(file_finish(trace, why));
    trace->number++;
    TRY(file_begin(trace, seq, why));
    if (trace->plan.is_series)
        parts_tidy(trace, false);
    trace->n_sections = 0;
    return chunk_writer_append(trace->writer, meta, why);
}

enum status tracefile_begin_section(struct tracefile *trace, const struct chunk *meta,
                                    uint64_t now_ns, struct problem *why)
{
    if (trace->plan.how == TRACEFILE_ROTATE)
        TRY(file_next(trace, meta, why));
    TRY(section_add(trace, now_ns, why));
    return trace->plan.how == TRACEFILE_KEEP ? sections_drop(trace, meta, now_ns, why) : STATUS_OK;
}

uint32_t tracefile_next_number(const struct tracefile *trace)
{
    return trace->plan.how == TRACEFILE_ROTATE ? trace->number + 1 : 0;
}

enum status tracefile_snapshot(struct tracefile *trace, const struct chunk *last,
                               char path[PATH_MAX], struct problem *why)
{
    struct chunk_writer *writer;
    tracefile_number_path(path, trace->path, ++trace->snapshots, 1);
    enum status status = chunk_writer_copy(&writer, path, trace->writer, 0, NULL, why);
    if (status == STATUS_OK)
        status = chunk_writer_close(writer, last, why);
    if (status != STATUS_OK)
        unlink(path);
    return status;
}

/* ---- from beginning to end ---- */

static enum status first_open(struct tracefile *trace, const char *path, uint64_t now_ns,
                              struct problem *why)
{
    trace->path = strdup(path);
    if (trace->path == NULL)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "trace");
    if (strlen(path) + NAME_ROOM > PATH_MAX)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "name too long");
    if (trace->plan.is_series)
        parts_base_path(trace->base, path, trace->plan.start_unix_ns, trace->tag);
    else
        snprintf(trace->base, sizeof trace->base, "%s", path);
    TRY(file_begin(trace, 0, why));
    if (trace->plan.is_series)
        parts_tidy(trace, true);
    if (!trace->is_regular && trace->plan.how != TRACEFILE_ONE)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--rotate and --keep need an ordinary file");
    return section_add(trace, now_ns, why);
}

enum status tracefile_open(struct tracefile **out, const char *path,
                           const struct tracefile_plan *plan, uint32_t tag, uint64_t now_ns,
                           struct problem *why)
{
    struct tracefile *trace = calloc(1, sizeof *trace);
    *out = NULL;
    if (trace == NULL)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "trace");
    trace->plan = *plan;
    trace->tag = tag;
    const enum status status = first_open(trace, path, now_ns, why);
    if (status != STATUS_OK) {
        tracefile_abandon(trace);
        return status;
    }
    *out = trace;
    return STATUS_OK;
}

enum status tracefile_append(struct tracefile *trace, const struct chunk *chunk,
                             struct problem *why)
{
    TRY(still_there(trace, why));
    return chunk_writer_append(trace->writer, chunk, why);
}

static enum status last_close(struct tracefile *trace, const struct chunk *last,
                              struct problem *why)
{
    struct chunk_writer *writer = trace->writer;
    TRY(still_there(trace, why));
    trace->writer = NULL;
    TRY(chunk_writer_close(writer, last, why));
    return file_finish(trace, why);
}

enum status tracefile_close(struct tracefile *trace, const struct chunk *last, uint64_t *bytes,
                            struct problem *why)
{
    struct stat now;
    *bytes = tracefile_bytes(trace);
    const enum status status = last_close(trace, last, why);
    if (status == STATUS_OK && trace->is_regular && stat(trace->current, &now) == 0)
        *bytes = trace->finished_bytes + (uint64_t)now.st_size;
    tracefile_abandon(trace);
    return status;
}

void tracefile_abandon(struct tracefile *trace)
{
    if (trace == NULL)
        return;
    chunk_writer_abandon(trace->writer);
    free(trace->sections);
    free(trace->path);
    free(trace);
}

uint64_t tracefile_bytes(const struct tracefile *trace)
{
    return trace->finished_bytes + (trace->writer != NULL ? chunk_writer_bytes(trace->writer) : 0);
}
