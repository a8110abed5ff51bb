/* SPDX-License-Identifier: MIT */
/* repair and merge: what is good of some files, as one that is whole. */
#include "analyze/base/whole_file.h"
#include "analyze/cli/command.h"
#include "analyze/read/input.h"
#include "analyze/repair/salvage.h"
#include "cmd_check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Read the new file as any other. */
static enum status check_result(const char *path, size_t n_workers, struct audit *audit,
                                struct damage_log *log, struct problem *why)
{
    struct trace *trace;
    TRY(trace_open(&trace, &path, 1, damage_log_add, log, why));
    audit_run(audit, trace, n_workers);
    trace_close(trace);
    return STATUS_OK;
}

/* What people will want to know who find the new file. */
static void print_remark(struct buffer *text, const struct request *request,
                         const struct audit *audit)
{
    const struct census *const census = &request->trace->census;
    const size_t n_damages = request->damage.n + request->damage.n_more;
    buffer_print(text, "%zu file%s", request->trace->n_files,
                 request->trace->n_files == 1 ? "" : "s");
    for (size_t i = 0; i < census->n_recordings && census->n_recordings > 1; i++) {
        const struct recording *const r = census->recordings[i];
        buffer_print(text, "%s%s from %.3f s", i == 0 ? "; " : ", ",
                     r->hostname[0] != '\0' ? r->hostname : "a machine without name",
                     (double)r->shift_ns / 1e9);
    }
    if (n_damages > 0)
        buffer_print(text, "; %zu damage%s, %" PRIu64 " chunks left out", n_damages,
                     n_damages == 1 ? "" : "s", audit->n_bad);
}

/* Where the new trace is written to, and read again before anybody is told that it is good. */
struct place {
    const char *path; /* as it was given */
    int fd;           /* of a file without name, to be copied there; -1 = it is written there */
    char self[40];    /* its path then */
};

/* What is no regular file cannot be read again: the trace is made elsewhere, and then copied. */
static enum status find_place(struct place *place, const char *path, struct problem *why)
{
    struct stat info;
    const int own = strcmp(path, "-") == 0 ? STDOUT_FILENO : descriptor_of_path(path);
    *place = (struct place){.path = path, .fd = -1};
    if (own < 0 && (stat(path, &info) != 0 || S_ISREG(info.st_mode)))
        return STATUS_OK;
    if (own >= 0 && isatty(own) == 1)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--output: a trace is not for a terminal; give a file, or a pipe");
    TRY(input_make_unnamed(&place->fd, "--output", why));
    snprintf(place->self, sizeof place->self, "/proc/self/fd/%d", place->fd);
    return STATUS_OK;
}

static enum status fill_place(const struct place *place, struct request *request,
                              const struct audit *audit, const struct salvage_remark *made,
                              struct salvage_result *result, struct problem *why)
{
    if (place->fd < 0)
        return salvage_write(request->trace, audit, place->path, made, result, why);
    return salvage_write_into(request->trace, audit, dup(place->fd), made, result, why);
}

/* The good trace goes where it was wanted. */
static enum status deliver(const struct place *place, struct problem *why)
{
    if (place->fd < 0)
        return STATUS_OK;
    const int own = strcmp(place->path, "-") == 0 ? STDOUT_FILENO : descriptor_of_path(place->path);
    const int to = own >= 0 ? dup(own) : open(place->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    bool good = to >= 0 && lseek(place->fd, 0, SEEK_SET) == 0 && input_copy(place->fd, to);
    const int error = errno;
    if (to >= 0 && close(to) != 0)
        good = false;
    return good ? STATUS_OK
                : problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s",
                              own == STDOUT_FILENO ? "standard output" : place->path,
                              strerror(error));
}

static void add_written(struct view *view, const char *name, const struct place *place,
                        const struct salvage_result *result, const struct audit *before,
                        const struct audit *after, const struct damage_log *left)
{
    view->shape = SHAPE_FACTS;
    struct section *const s = view_add_section(view, name, "Written");
    section_add(s, "path", cell_text(place->path), NULL);
    section_add(s, "chunks_taken", cell_number(UNIT_COUNT, (int64_t)result->n_chunks), NULL);
    section_add(s, "chunks_damaged", cell_number(UNIT_COUNT, (int64_t)before->n_bad), NULL);
    section_add(s, "chunks_made", cell_number(UNIT_COUNT, (int64_t)result->n_filled), NULL);
    section_add(s, "samples", cell_number(UNIT_COUNT, (int64_t)after->samples), NULL);
    section_add(s, "damages_left", cell_number(UNIT_COUNT, (int64_t)(left->n + left->n_more)),
                NULL);
}

/* Write it, read it again, and hand it over when it is good. */
static enum status make_new(const struct place *place, struct request *request, struct view *view,
                            const struct audit *audit, const struct salvage_remark *made,
                            struct problem *why)
{
    const char *const written = place->fd >= 0 ? place->self : place->path;
    struct damage_log left = {0};
    struct salvage_result result;
    struct audit after = {0};
    enum status status = fill_place(place, request, audit, made, &result, why);
    if (status == STATUS_OK)
        status = check_result(written, request_workers(request), &after, &left, why);
    if (status == STATUS_OK)
        add_written(view, request->args->command->name, place, &result, audit, &after, &left);
    for (size_t i = 0; i < left.n; i++)
        damage_log_add(&request->damage, place->path, &left.entries[i].damage);
    damage_log_clear(&left);
    /* Of a chunk that breaks the format's rules the front part counts when read, but is not kept.
     */
    if (status == STATUS_OK &&
        (after.samples > audit->samples || (after.samples < audit->samples && audit->n_bad == 0)))
        status = problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                             "%s has %" PRIu64 " samples instead of %" PRIu64, place->path,
                             after.samples, audit->samples);
    return status == STATUS_OK ? deliver(place, why) : status;
}

static enum status write_new(struct request *request, struct view *view, struct problem *why)
{
    const char *const path = args_text(request->args, "output");
    const char *const name = request->args->command->name;
    struct audit audit;
    struct buffer remark = {0};
    struct place place;

    audit_run(&audit, request->trace, request_workers(request));
    if (audit.n_bad == audit.n_chunks)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "there is nothing good in it; %s was not written", path);
    TRY(find_place(&place, path, why));
    print_remark(&remark, request, &audit);
    const struct salvage_remark made = {*name == 'm' ? "merged_from" : "repaired_from",
                                        remark.text};
    const enum status status = make_new(&place, request, view, &audit, &made, why);
    if (place.fd >= 0)
        close(place.fd);
    buffer_clear(&remark);
    return status;
}

static const struct option repair_options[] = {
    {"output", 'o', "FILE", OPTION_TEXT,
     "the file to write; - is standard output, and what is said of it goes to standard error then",
     NULL, 0},
    OPTION_END,
};

const struct command command_repair = {
    .name = "repair",
    .synopsis = "-o NEW [options] [FILE]",
    .summary = "write what is good of a damaged file into a new one",
    .text = "The new file has every chunk that can be read, as it was written, and is whole: "
            "closed, with an index, and without damage of its own. What is lost stays lost; "
            "where definitions are lost, the samples that need them are kept and shown as `<lost "
            "definitions>` (chunks_made counts the stand-ins). The old file is only read. It is "
            "worth it for a file whose recorder was killed as well: the new one has an index and "
            "opens faster.\n"
            "\n"
            "The damage of the old file is listed, and the exit status is 3 when there was any, "
            "0 otherwise.",
    .example = "pyanalyze repair -o good.trace run.trace",
    .takes = TAKES_FORMAT | TAKES_COLOR | TAKES_JOBS,
    .options = repair_options,
    .min_files = 1,
    .max_files = 1,
    .shape = SHAPE_FACTS,
    .output = "text",
    .writes_trace = true,
    .build = write_new,
};

const struct command command_merge = {
    .name = "merge",
    .synopsis = "-o NEW [options] [FILE...]",
    .summary = "write several files as one",
    .text = "Parts of one recording are put together as they are, in whatever order they are "
            "given; what is in several of them is taken once. Different recordings, also of "
            "different machines, become one: their processes get new numbers, and their times "
            "are shifted to the clock of the one that began first. Recordings of one machine are "
            "aligned by its monotonic clock, those of several machines by the time of day, so "
            "they fit as well as the clocks of the machines agreed. Every command does the same "
            "if it is given several files; a merged file spares naming them. Damage is treated "
            "as by repair.",
    .example = "pyanalyze merge -o all.trace run.trace other.trace",
    .takes = TAKES_FORMAT | TAKES_COLOR | TAKES_JOBS,
    .options = repair_options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_FACTS,
    .output = "text",
    .writes_trace = true,
    .build = write_new,
};
