/* SPDX-License-Identifier: MIT */
/*
 * html - a page that reads itself: the template that was built from page/, the report's columns,
 * and for readers without scripts the same in words.
 *
 *   blob = deflate-raw( u32 little endian: length of the JSON | JSON | columns, one behind the other )
 *
 * in base64, so that nothing of a trace is markup. The JSON says who and what; page/read.js reads
 * it.
 */
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "analyze/model/module.h"
#include "analyze/report/page.h"
#include "analyze/report/report_columns.h"
#include "json_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define DEFLATE_LEVEL 6 /* 9 is 1 % smaller and takes ten times as long */
#define LINE_LEN      (57u * 1000u) /* bytes of the blob per line of base64 */

extern const char page_template[];
extern const size_t page_template_len;

/* Where the template is cut. */
#define MARK_TITLE  "@TITLE@"
#define MARK_STATIC "@STATIC@"
#define MARK_DATA   "@DATA@"

/* ---- text as markup ---- */

static void escape(struct sink *to, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '&':
            sink_text(to, "&amp;");
            break;
        case '<':
            sink_text(to, "&lt;");
            break;
        case '>':
            sink_text(to, "&gt;");
            break;
        case '"':
            sink_text(to, "&quot;");
            break;
        default:
            putc(text[i], to->file);
        }
    }
}

/* Names that others chose: nothing in them may reorder what is shown. */
static void escape_visible(struct sink *to, const char *text)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, text);
    if (visible.text != NULL)
        escape(to, visible.text, visible.len);
    buffer_clear(&visible);
}

/* What an output makes of a part's view; the caller's to free. */
static enum status part_text(const struct page_part *part, char **text, size_t *len,
                             struct problem *why)
{
    struct sink memory = {.file = open_memstream(text, len), .width = 100};
    if (memory.file == NULL)
        memory_fail();
    const enum status status = part->output->write(&memory, part->view, why);
    if (fclose(memory.file) != 0)
        memory_fail();
    return status;
}

static enum status write_static(struct sink *to, const struct page *page, struct problem *why)
{
    for (size_t i = 0; i < page->n_texts; i++) {
        char *text;
        size_t len;
        TRY(part_text(&page->texts[i], &text, &len, why));
        sink_text(to, "<h2>");
        escape_visible(to, page->texts[i].name);
        sink_text(to, "</h2>\n<pre>");
        escape(to, text, len);
        sink_text(to, "</pre>\n");
        free(text);
    }
    return STATUS_OK;
}

/* ---- JSON ---- */

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
        write_number(to, "runs", t->n_runs);
        write_number(to, "windows", t->n_windows);
        write_number(to, "carries", t->n_carries);
        sink_print(to, ",\"main\":%s,", t->thread->main ? "true" : "false");
        json_member(to, "name", t->thread->name);
        sink_text(to, "}");
    }
    sink_text(to, "]");
}

static size_t file_number(const char ***files, size_t *n, size_t *size, const char *file)
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

/* Functions as [name, file, first line, module], files, and the text of files. */
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
        sink_print(to, ",%zu,%u,", file_number(&files, &n_files, &files_size, f->file), f->line);
        json_text(to, modules->modules[modules->of_function[number]].name);
        sink_text(to, "]");
    }
    sink_text(to, "],\"files\":[");
    for (size_t i = 0; i < n_files; i++) {
        sink_text(to, i > 0 ? "," : "");
        json_text(to, files[i]);
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

static enum status write_parts(struct sink *to, const struct page *page, struct problem *why)
{
    sink_text(to, ",\"parts\":{");
    for (size_t i = 0; i < page->n_parts; i++) {
        char *text;
        size_t len;
        TRY(part_text(&page->parts[i], &text, &len, why));
        sink_text(to, i > 0 ? "," : "");
        json_text(to, page->parts[i].name);
        sink_text(to, ":");
        fwrite(text, 1, len, to->file);
        free(text);
    }
    sink_text(to, "}");
    return STATUS_OK;
}

static enum status write_json(struct sink *to, const struct page *page,
                              const struct report_columns *columns, struct problem *why)
{
    const struct report *const report = page->report;
    sink_text(to, "{\"v\":1,");
    json_member(to, "title", page->title);
    sink_text(to, ",");
    json_member(to, "made_by", page->made_by);
    sink_text(to, ",");
    json_member(to, "version", PYREC_VERSION);
    write_number(to, "start_ns", page->trace->window.from_ns);
    write_number(to, "end_ns", trace_end_ns(page->trace));
    write_number(to, "nodes", columns->n_nodes);
    write_number(to, "places", columns->n_places);
    write_number(to, "unreadable", page->sources->n_unreadable);
    write_recordings(to, page->trace);
    write_processes(to, report);
    write_threads(to, report);
    sink_text(to, ",\"calls\":[\"\"");
    for (size_t i = 1; i < report->scene.n_calls; i++) {
        sink_text(to, ",");
        json_text(to, report->scene.calls[i]);
    }
    sink_text(to, "]");
    write_symbols(to, page, columns);
    TRY(write_parts(to, page, why));
    sink_text(to, ",\"columns\":[");
    for (int i = 0; i < REPORT_COLUMN_COUNT; i++)
        sink_print(to, "%s[\"%s\",%zu]", i > 0 ? "," : "",
                   report_column_name((enum report_column)i), columns->columns[i].len);
    sink_text(to, "]}");
    return STATUS_OK;
}

/* ---- the blob ---- */

/* deflate, then base64, both as it comes. */
struct packer {
    z_stream stream;
    struct sink *to;
    unsigned char out[3u << 14];
    size_t n_line;
};

static void base64(struct packer *p, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    FILE *const file = p->to->file;
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 |
                               (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? bytes[i + 2] : 0u);
        putc(digits[three >> 18], file);
        putc(digits[three >> 12 & 63], file);
        putc(left > 1 ? digits[three >> 6 & 63] : '=', file);
        putc(left > 2 ? digits[three & 63] : '=', file);
        p->n_line += 3;
        if (p->n_line >= LINE_LEN) {
            putc('\n', file);
            p->n_line = 0;
        }
    }
}

static void pack(struct packer *p, const char *bytes, size_t len, int flush)
{
    p->stream.next_in = (const Bytef *)bytes;
    p->stream.avail_in = (unsigned)len;
    int result;
    do {
        result = deflate(&p->stream, flush);
        if (p->stream.avail_out > 0 && flush != Z_FINISH)
            continue;
        /* only whole threes, but for the last: base64 has no padding in the middle */
        base64(p, p->out, sizeof p->out - p->stream.avail_out);
        p->stream.next_out = p->out;
        p->stream.avail_out = sizeof p->out;
    } while (p->stream.avail_in > 0 || (flush == Z_FINISH && result != Z_STREAM_END));
}

static void pack_all(struct packer *p, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += 1u << 30)
        pack(p, bytes + at, len - at < (1u << 30) ? len - at : 1u << 30, Z_NO_FLUSH);
}

static enum status write_blob(struct sink *to, const struct page *page, struct problem *why)
{
    struct report_columns columns = {0};
    char *json;
    size_t len;
    struct sink memory = {.file = open_memstream(&json, &len)};
    if (memory.file == NULL)
        memory_fail();
    report_columns_build(&columns, page->report);
    const enum status status = write_json(&memory, page, &columns, why);
    if (fclose(memory.file) != 0)
        memory_fail();
    struct packer *const packer = memory_get(sizeof *packer);
    packer->to = to;
    packer->stream.next_out = packer->out;
    packer->stream.avail_out = sizeof packer->out;
    if (deflateInit2(&packer->stream, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        memory_fail();
    const char head[4] = {(char)len, (char)(len >> 8), (char)(len >> 16), (char)(len >> 24)};
    if (status == STATUS_OK) {
        pack_all(packer, head, sizeof head);
        pack_all(packer, json, len);
        for (int i = 0; i < REPORT_COLUMN_COUNT; i++)
            pack_all(packer, columns.columns[i].text, columns.columns[i].len);
        pack(packer, NULL, 0, Z_FINISH);
    }
    deflateEnd(&packer->stream);
    free(packer);
    free(json);
    report_columns_clear(&columns);
    return status;
}

/* The template up to a mark; returns what is behind it. */
static const char *write_until(struct sink *to, const char *from, const char *mark)
{
    const char *const at = strstr(from, mark);
    if (at == NULL)
        return from; /* a template without it: the build checks that there is none */
    fwrite(from, 1, (size_t)(at - from), to->file);
    return at + strlen(mark);
}

static enum status html_write(struct sink *to, const struct view *view, struct problem *why)
{
    const struct page *const page = view->page;
    const char *at = write_until(to, page_template, MARK_TITLE);
    escape_visible(to, page->title);
    at = write_until(to, at, MARK_STATIC);
    TRY(write_static(to, page, why));
    at = write_until(to, at, MARK_DATA);
    TRY(write_blob(to, page, why));
    sink_text(to, at);
    return STATUS_OK;
}

const struct output output_html = {
    .name = "html",
    .help = "one page for a browser, with everything in it",
    .accepts = SHAPE_PAGE,
    .binary = true,
    .ending = ".html",
    .write = html_write,
};
