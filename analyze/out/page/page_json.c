/* SPDX-License-Identifier: MIT */
#include "page_json.h"

#include "analyze/base/memory.h"
#include "analyze/compare/series.h"
#include "analyze/model/module.h"
#include "analyze/out/json_text.h"
#include "analyze/report/report_thin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum status page_part_fill(struct page_part *part, const struct output *output,
                           const struct view *view, struct problem *why)
{
    struct sink memory = {.file = open_memstream(&part->text, &part->len), .width = 100};
    if (memory.file == NULL)
        memory_fail();
    const enum status status = output->write(&memory, view, why);
    if (fclose(memory.file) != 0)
        memory_fail();
    return status;
}

static void write_number(struct sink *to, const char *name, uint64_t value)
{
    sink_print(to, ",\"%s\":%" PRIu64, name, value);
}

static void write_recordings(struct sink *to, const struct trace *trace)
{
    const struct census *const census = &trace->census;
    sink_text(to, ",\"recordings\":[");
    for (size_t i = 0; i < census->n_recordings; i++) {
        const struct recording *const r = census->recordings[i];
        uint64_t first_ns, last_ns;
        series_extent(trace, r, &first_ns, &last_ns);
        first_ns = first_ns <= last_ns ? first_ns : last_ns;
        /* as text: more digits than a JSON number keeps */
        sink_print(to, "%s{\"unix_ns\":\"%" PRId64 "\",\"shift_ns\":%" PRIu64 ",\"recorder\":",
                   i > 0 ? "," : "", r->start_unix_ns, r->shift_ns);
        json_text(to, r->recorder);
        sink_text(to, ",");
        json_member(to, "host", r->hostname);
        sink_text(to, ",");
        json_member(to, "os", r->os);
        sink_text(to, ",");
        json_member(to, "cpu", r->cpu_model);
        write_number(to, "cpus", r->cpu_count);
        write_number(to, "interval_ns", r->interval_ns);
        write_number(to, "first_ns", first_ns + r->shift_ns);
        write_number(to, "last_ns", last_ns + r->shift_ns);
        write_number(to, "max_depth", r->max_depth);
        sink_text(to, "}");
    }
    sink_text(to, "]");
}

static void write_processes(struct sink *to, const struct report *report)
{
    sink_text(to, ",\"processes\":[");
    for (size_t i = 0; i < report->n_processes; i++) {
        const struct report_process *const p = &report->processes[i];
        sink_print(to, "%s{\"pid\":%u", i > 0 ? "," : "", p->process->pid);
        write_number(to, "parent", p->process->parent_pid);
        write_number(to, "number", p->process->number);
        write_number(to, "recording", p->process->recording->order);
        /* origin and first interval together, as the first can have more digits than a double */
        write_number(to, "origin_ns", p->origin_ns + p->first * p->interval_ns);
        write_number(to, "interval_ns", p->interval_ns);
        write_number(to, "quantum_ns", p->quantum_ns);
        write_number(to, "intervals", p->end);
        write_number(to, "start_ns", p->process->start_ns);
        write_number(to, "end_ns", p->process->last_ns);
        write_number(to, "odd", p->n_odd);
        write_number(to, "holds", p->n_holds);
        write_number(to, "pairs", p->n_pairs);
        sink_text(to, ",");
        json_member(to, "title", process_title(p->process));
        sink_text(to, ",");
        json_member(to, "command", p->process->command);
        sink_text(to, ",");
        json_member(to, "python", p->process->python_version);
        sink_text(to, "}");
    }
    sink_text(to, "]");
}

static void write_threads(struct sink *to, const struct report *report)
{
    sink_text(to, ",\"threads\":[");
    for (size_t i = 0; i < report->n_threads; i++) {
        const struct report_thread *const t = &report->threads[i];
        sink_print(to, "%s{\"process\":%u", i > 0 ? "," : "", t->process);
        write_number(to, "tid", t->thread->os_tid);
        write_number(to, "id", t->thread->id);
        write_number(to, "begin", t->begin);
        write_number(to, "runs", t->course.n_runs);
        write_number(to, "windows", t->course.n_windows);
        write_number(to, "carries", t->course.n_carries);
        sink_print(to, ",\"main\":%s,", t->thread->main ? "true" : "false");
        json_member(to, "name", t->thread->name);
        sink_text(to, "}");
    }
    sink_text(to, "]");
}

size_t page_file_number(const char ***files, size_t *n, size_t *size, const char *file)
{
    for (size_t i = *n; i-- > 0;) { /* functions of a file mostly follow each other */
        if ((*files)[i] == file)
            return i;
    }
    *files = memory_grow(*files, size, *n + 1, sizeof(const char *));
    (*files)[*n] = file;
    return (*n)++;
}

static void write_source(struct sink *to, const struct report_file *file)
{
    sink_text(to, "{\"pieces\":[");
    for (size_t i = 0; i < file->n_pieces; i++) {
        sink_print(to, "%s[%u,", i > 0 ? "," : "", file->pieces[i].first);
        json_text(to, file->pieces[i].text);
        sink_text(to, "]");
    }
    sink_text(to, "],\"doubt\":");
    if (file->doubt != NULL)
        json_text(to, file->doubt);
    else
        sink_text(to, "null");
    sink_text(to, "}");
}

/* Functions as [name, file, first line, module, 1 where it is of C], files, and the text of files.
 */
static void write_symbols(struct sink *to, const struct page *page,
                          const struct report_columns *columns)
{
    const struct symbols *const symbols = &page->report->scene.symbols;
    const struct modules *const modules = symbols->modules;
    const char **files = NULL;
    size_t n_files = 0, files_size = 0;
    sink_text(to, ",\"functions\":[");
    for (uint32_t i = 0; i < columns->n_functions; i++) {
        const uint32_t number = columns->functions[i];
        const struct symbol_function *const f = &symbols->functions[number];
        sink_text(to, i > 0 ? ",[" : "[");
        json_text(to, f->name);
        sink_print(to, ",%zu,%u,", page_file_number(&files, &n_files, &files_size, f->file),
                   f->line);
        json_text(to, modules->modules[modules->of_function[number]].name);
        sink_text(to, f->native ? ",1]" : "]");
    }
    sink_text(to, "],");
    json_texts(to, "files", files, n_files);
    sink_text(to, ",\"missing\":[");
    for (size_t i = 0; i < page->sources->n_missing; i++) {
        const struct report_missing *const missing = &page->sources->missing[i];
        size_t file = 0;
        while (file < n_files && files[file] != missing->file)
            file++;
        sink_print(to, "%s[%zu,", i > 0 ? "," : "", file);
        json_text(to, missing->why);
        sink_text(to, "]");
    }
    sink_text(to, "],\"sources\":{");
    const char *between = "";
    for (size_t i = 0; i < n_files; i++) {
        for (size_t k = 0; k < page->sources->n_files; k++) {
            if (page->sources->files[k].file != files[i])
                continue;
            sink_print(to, "%s\"%zu\":", between, i);
            write_source(to, &page->sources->files[k]);
            between = ",";
        }
    }
    sink_text(to, "}");
    free(files);
}

void page_parts_write(struct sink *to, const struct page *page)
{
    sink_text(to, ",\"parts\":{");
    for (size_t i = 0; i < page->n_parts; i++) {
        sink_text(to, i > 0 ? "," : "");
        json_text(to, page->parts[i].name);
        sink_text(to, ":");
        fwrite(page->parts[i].text, 1, page->parts[i].len, to->file);
    }
    sink_text(to, "}");
}

/* What was given up, or null. */
static void write_thinning(struct sink *to, const struct report *report)
{
    size_t n_runs = 0;
    if (report->bin == 0) {
        sink_text(to, ",\"thin\":null");
        return;
    }
    for (size_t i = 0; i < report->n_threads; i++)
        n_runs += report->threads[i].course.n_runs;
    sink_print(to, ",\"thin\":{\"bin\":%" PRIu64, report->bin);
    write_number(to, "fine", report->fine);
    write_number(to, "runs", n_runs);
    sink_print(to, ",\"error\":%.4f}", report_thin_error(report));
}

void page_head_write(struct sink *to, const struct page *page)
{
    json_member(to, "title", page->title);
    sink_text(to, ",");
    json_member(to, "made_by", page->made_by);
    sink_text(to, ",");
    json_member(to, "version", PYREC_VERSION);
}

void page_json_write(struct sink *to, const struct page *page, const struct report_columns *columns)
{
    const struct report *const report = page->report;
    sink_text(to, "{\"v\":1,");
    page_head_write(to, page);
    write_number(to, "start_ns", page->trace->window.from_ns);
    write_number(to, "end_ns", trace_end_ns(page->trace));
    write_number(to, "nodes", columns->n_nodes);
    write_number(to, "places", columns->n_places);
    write_thinning(to, report);
    sink_text(to, ",");
    json_texts(to, "damages", page->damages, page->n_damages);
    write_number(to, "more_damages", page->n_more_damages);
    write_recordings(to, page->trace);
    write_processes(to, report);
    write_threads(to, report);
    sink_text(to, ",\"calls\":[\"\"");
    for (size_t i = 1; i < report->scene.n_calls; i++) {
        sink_text(to, ",");
        json_text(to, report->scene.calls[i]);
    }
    sink_text(to, "]");
    page_scope_json_write(to, report);
    write_symbols(to, page, columns);
    page_parts_write(to, page);
    sink_text(to, ",\"columns\":[");
    for (int i = 0; i < REPORT_COLUMN_COUNT; i++)
        sink_print(to, "%s[\"%s\",%zu]", i > 0 ? "," : "",
                   report_column_name((enum report_column)i), columns->columns[i].len);
    sink_text(to, "]}");
}
