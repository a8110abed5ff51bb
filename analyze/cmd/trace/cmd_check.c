/* SPDX-License-Identifier: MIT */
/* check: is everything in the files as it should be, and if not, what is lost? */
#include "cmd_check.h"

#include "analyze/cli/command.h"

static struct cell time_cell(bool known, uint64_t ns)
{
    return known && ns <= INT64_MAX ? cell_number(UNIT_SECONDS, (int64_t)ns) : cell_none();
}

void check_add_damage(struct view *view, struct damage_log *log)
{
    damage_log_sort(log);
    for (size_t i = 0; i < log->n; i++) {
        const struct damage *const d = &log->entries[i].damage;
        const bool to_end = d->t_last_ns == DAMAGE_TO_THE_END;
        struct section *const s =
            view_add_section(view, "damage", arena_print(&view->arena, "Damage %zu", i + 1));
        s->repeated = true;
        section_add(s, "file", cell_text(log->entries[i].path), NULL);
        section_add(s, "what", cell_text(arena_print(&view->arena, "%s", d->text)), NULL);
        section_add(s, "offset", cell_number(UNIT_COUNT, (int64_t)d->offset), NULL);
        section_add(s, "skipped", cell_number(UNIT_BYTES, (int64_t)d->len_bytes), NULL);
        section_add(s, "from", time_cell(d->time_known, d->t_first_ns), NULL);
        section_add(s, "to", time_cell(d->time_known && !to_end, d->t_last_ns),
                    d->time_known && to_end ? "the end" : NULL);
        section_add(
            s, "process_number",
            d->time_known && d->process > 0 ? cell_number(UNIT_ID, d->process) : cell_none(), NULL);
    }
    if (log->n_more > 0)
        view_add_note(view, arena_print(&view->arena, "and %zu more", log->n_more));
}

void check_add_audit(struct section *s, const struct audit *audit)
{
    section_add(s, "chunks_read", cell_number(UNIT_COUNT, (int64_t)audit->n_chunks), NULL);
    section_add(s, "chunks_bad", cell_number(UNIT_COUNT, (int64_t)audit->n_bad), NULL);
    section_add(s, "samples", cell_number(UNIT_COUNT, (int64_t)audit->samples),
                "of a thread at a tick, that can be read");
}

static enum status build_check(struct request *request, struct view *view, struct problem *why)
{
    const struct trace *const trace = request->trace;
    struct damage_log *const log = &request->damage;
    struct audit audit;
    (void)why;
    audit_run(&audit, request->trace, request_workers(request));
    view->shape = SHAPE_FACTS;
    struct section *const s = view_add_section(view, "check", "Result");
    section_add(s, "damages", cell_number(UNIT_COUNT, (int64_t)(log->n + log->n_more)), NULL);
    check_add_audit(s, &audit);
    for (size_t i = 0; i < trace->n_files; i++) {
        const struct chunk_file *const file = trace->files[i].chunks;
        struct section *const f = view_add_section(
            view, "files", arena_print(&view->arena, "File %s", chunk_file_path(file)));
        f->repeated = true;
        section_add(f, "path", cell_text(chunk_file_path(file)), NULL);
        section_add(f, "size", cell_number(UNIT_BYTES, (int64_t)chunk_file_size(file)), NULL);
        section_add(f, "chunks", cell_number(UNIT_COUNT, (int64_t)chunk_file_count(file)), NULL);
        section_add(f, "closed", cell_text(chunk_file_closed(file) ? "yes" : "no"), NULL);
        if (!chunk_file_closed(file))
            view_add_note(view, arena_print(&view->arena,
                                            "%s is not closed: still being written, or cut off.",
                                            chunk_file_path(file)));
    }
    check_add_damage(view, log);
    return STATUS_OK;
}

const struct command command_check = {
    .name = "check",
    .synopsis = "[options] [FILE...]",
    .summary = "whether the files are whole, and what is lost where they are not",
    .text = "Reads everything: headers, checksums, and every sample. Each damage is shown with its "
            "file and offset, the bytes that were skipped, and the time in which something is "
            "lost, in seconds since the start; where the process is not known, what was lost lies "
            "somewhere in that time. Where bytes are lost, the chunks that are missing in the row "
            "of numbers are shown as well. A file that was not closed is no damage: it may still "
            "be growing.\n"
            "\n"
            "The exit status is 0 when nothing is wrong, 3 when there is damage and a part can be "
            "read, 1 when nothing can.",
    .example = "pyanalyze check run.trace",
    .takes = TAKES_FORMAT | TAKES_COLOR | TAKES_JOBS,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_FACTS,
    .output = "text",
    .shows_damage = true,
    .build = build_check,
};
