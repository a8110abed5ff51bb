/* SPDX-License-Identifier: MIT */
/* repair and merge: what is good of some files, as one that is whole. */
#include "analyze/cli/command.h"
#include "analyze/repair/salvage.h"
#include "cmd_check.h"

#include <inttypes.h>

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

static enum status write_new(struct request *request, struct view *view, struct problem *why)
{
    const char *const path = args_text(request->args, "output");
    const char *const name = request->args->command->name;
    struct damage_log left = {0};
    struct salvage_result result;
    struct audit audit, after = {0};
    struct buffer remark = {0};

    audit_run(&audit, request->trace, request_workers(request));
    if (audit.n_bad == audit.n_chunks)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "there is nothing good in it; %s was not written", path);
    print_remark(&remark, request, &audit);
    const struct salvage_remark made = {*name == 'm' ? "merged_from" : "repaired_from",
                                        remark.text};
    enum status status = salvage_write(request->trace, &audit, path, &made, &result, why);
    if (status == STATUS_OK)
        status = check_result(path, request_workers(request), &after, &left, why);
    if (status == STATUS_OK) {
        view->shape = SHAPE_FACTS;
        struct section *const s = view_add_section(view, name, "Written");
        section_add(s, "path", cell_text(path), NULL);
        section_add(s, "chunks_taken", cell_number(UNIT_COUNT, (int64_t)result.n_chunks), NULL);
        section_add(s, "chunks_damaged", cell_number(UNIT_COUNT, (int64_t)audit.n_bad), NULL);
        section_add(s, "chunks_made", cell_number(UNIT_COUNT, (int64_t)result.n_filled), NULL);
        section_add(s, "samples", cell_number(UNIT_COUNT, (int64_t)after.samples), NULL);
        section_add(s, "damages_left", cell_number(UNIT_COUNT, (int64_t)(left.n + left.n_more)),
                    NULL);
    }
    for (size_t i = 0; i < left.n; i++)
        damage_log_add(&request->damage, path, &left.entries[i].damage);
    /* Of a chunk that breaks the format's rules the front part counts when read, but is not kept.
     */
    if (status == STATUS_OK &&
        (after.samples > audit.samples || (after.samples < audit.samples && audit.n_bad == 0)))
        status = problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                             "%s has %" PRIu64 " samples instead of %" PRIu64, path, after.samples,
                             audit.samples);
    damage_log_clear(&left);
    buffer_clear(&remark);
    return status;
}

static const struct option repair_options[] = {
    {"output", 'o', "FILE", OPTION_TEXT, "the file to write", NULL, 0},
    OPTION_END,
};

const struct command command_repair = {
    .name = "repair",
    .synopsis = "-o NEW [options] FILE",
    .summary = "write what is good of a damaged file into a new one",
    .text = "The new file has every chunk that can be read, as it was written, and is whole: "
            "closed, with an index, and without damage of its own. What is lost stays lost; where "
            "definitions are lost, the samples that need them are kept and shown as "
            "`<lost definitions>` (chunks_made counts the stand-ins). The old file is only read. "
            "Also for a file whose recorder was "
            "killed, which then has an index and opens faster.\n"
            "\n"
            "The damage of the old file is listed, and the exit status is 3 when there was any, 0 "
            "otherwise.",
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
    .synopsis = "-o NEW [options] FILE...",
    .summary = "write several files as one",
    .text = "Parts of one recording are put together as they are, whatever the order in which "
            "they are given; what is in several of them is taken once. Different recordings, also "
            "of different machines, become one: their processes get new numbers, and their times "
            "are shifted to the clock of the one that began first. Recordings of one machine are "
            "aligned by its monotonic clock, those of several by the time of day, so that they "
            "fit as well as the clocks of the machines agreed. All commands do the same when "
            "several files are given; a merged file saves giving them. Damage is treated as by "
            "repair.",
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
