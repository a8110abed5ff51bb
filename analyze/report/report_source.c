/* SPDX-License-Identifier: MIT */
#include "report_source.h"

#include "analyze/base/buffer.h"
#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/source/source.h"

#include <stdlib.h>
#include <string.h>

#define ABOVE       3u   /* lines shown before a function's first */
#define BELOW       3u   /* and behind the last line seen */
#define SPREAD_MAX  300u /* a function with more lines than that is shown around lines seen */
#define AROUND_LINE 6u

/* How much a file was in use: intervals on a CPU below it; then any at all. */
struct heat {
    const char *file;
    uint64_t cpu, any;
};

static int compare_heat(const void *left, const void *right)
{
    const struct heat *const a = left, *const b = right;
    if (a->cpu != b->cpu)
        return a->cpu < b->cpu ? 1 : -1;
    if (a->any != b->any)
        return a->any < b->any ? 1 : -1;
    return strcmp(a->file, b->file);
}

static int compare_files(const void *left, const void *right)
{
    const struct heat *const a = left, *const b = right;
    return ((uintptr_t)a->file > (uintptr_t)b->file) - ((uintptr_t)a->file < (uintptr_t)b->file);
}

/* Intervals at each node: on a CPU (or ready for one), and in any state. */
static void weigh_nodes(const struct report *report, uint64_t *cpu, uint64_t *any)
{
    for (size_t t = 0; t < report->n_threads; t++) {
        for (size_t i = 0; i < report->threads[t].course.n_runs; i++) {
            const struct report_run *const run = &report->threads[t].course.runs[i];
            if (run->class == REPORT_UNSEEN)
                continue;
            any[run->node] += run->n;
            if (state_gets_cpu((enum state_class)run->class))
                cpu[run->node] += run->n;
        }
    }
    const struct tree *const tree = &report->scene.tree;
    for (size_t i = tree->n; i-- > 1;) { /* a caller's number is smaller */
        cpu[tree->nodes[i].parent] += cpu[i];
        any[tree->nodes[i].parent] += any[i];
    }
}

/* All files, the hottest first; the caller's to free. A text stands once in the symbols. */
static struct heat *rank_files(const struct report *report, size_t *n)
{
    const struct tree *const tree = &report->scene.tree;
    const struct symbols *const symbols = &report->scene.symbols;
    uint64_t *const cpu = memory_get(tree->n * sizeof *cpu);
    uint64_t *const any = memory_get(tree->n * sizeof *any);
    struct heat *const heat = memory_get(tree->n * sizeof *heat);
    size_t n_entries = 0;
    weigh_nodes(report, cpu, any);
    for (size_t i = 1; i < tree->n; i++) {
        const struct symbol_place *const place = &symbols->places[tree->nodes[i].place];
        const struct symbol_function *const f = &symbols->functions[place->function];
        const char *const file = f->file;
        if (any[i] > 0 && !f->native && file[0] != '\0' && file[0] != '<')
            heat[n_entries++] = (struct heat){file, cpu[i], any[i]};
    }
    if (n_entries > 1)
        qsort(heat, n_entries, sizeof *heat, compare_files);
    *n = 0;
    for (size_t i = 0; i < n_entries; i++) {
        if (*n > 0 && heat[*n - 1].file == heat[i].file) {
            heat[*n - 1].cpu += heat[i].cpu;
            heat[*n - 1].any += heat[i].any;
        } else {
            heat[(*n)++] = heat[i];
        }
    }
    if (*n > 1)
        qsort(heat, *n, sizeof *heat, compare_heat);
    free(cpu);
    free(any);
    return heat;
}

/* Mark the lines of the functions that were seen in the file. */
static void mark_lines(const struct symbols *symbols, const char *file, uint8_t *marks,
                       size_t n_lines)
{
    for (size_t i = 0; i < symbols->n_places; i++) {
        const struct symbol_place *const place = &symbols->places[i];
        const struct symbol_function *const f = &symbols->functions[place->function];
        if (f->file != file || place->line == 0)
            continue;
        uint64_t first = f->line > ABOVE ? f->line - ABOVE : 1;
        const uint64_t end = (uint64_t)place->line + BELOW + 1;
        if (end < first || end - first > SPREAD_MAX)
            first = place->line > AROUND_LINE ? place->line - AROUND_LINE : 1;
        for (uint64_t line = first; line < end && line <= n_lines; line++)
            marks[line - 1] = 1;
    }
}

static void add_pieces(struct report_sources *sources, struct report_file *file,
                       const struct source *source, const uint8_t *marks)
{
    struct buffer text = {0};
    for (size_t at = 0; at < source->n_lines;) {
        size_t end = at;
        buffer_reset(&text);
        for (; end < source->n_lines && marks[end]; end++) {
            buffer_add_text(&text, source->lines[end]);
            buffer_add_text(&text, "\n");
        }
        if (end > at) {
            file->pieces = memory_grow(file->pieces, &file->pieces_size, file->n_pieces + 1,
                                       sizeof *file->pieces);
            file->pieces[file->n_pieces++] =
                (struct report_piece){(uint32_t)at + 1, (uint32_t)(end - at),
                                      arena_copy(&sources->arena, text.text, text.len)};
            sources->n_lines += end - at;
            sources->n_bytes += text.len;
        }
        at = end + (end == at);
    }
    buffer_clear(&text);
}

/* Is it what was recorded? NULL, or why not. */
static const char *find_doubt(struct report_sources *sources, const struct report *report,
                              const struct source *source, const char *file)
{
    const struct symbols *const symbols = &report->scene.symbols;
    for (size_t i = 0; i < symbols->n_functions; i++) {
        const struct symbol_function *const f = &symbols->functions[i];
        const char *const name = qualname_last(f->name);
        if (f->file == file && f->line > 0 && name[0] != '<' &&
            !source_defines(source, name, f->line))
            return arena_print(&sources->arena,
                               "not what was recorded: %s does not begin in line %u", name,
                               f->line);
    }
    if (source->is_ambiguous)
        return "one of several texts of this name, the newest";
    for (size_t i = 0; i < report->n_processes; i++) {
        const struct process *const p = report->processes[i].process;
        if (source->changed_unix_ns > recording_unix_ns(p->recording, p->start_ns))
            return "changed since it was recorded";
    }
    return NULL;
}

static void add_missing(struct report_sources *sources, const char *file, const char *why)
{
    sources->missing = memory_grow(sources->missing, &sources->missing_size, sources->n_missing + 1,
                                   sizeof *sources->missing);
    sources->missing[sources->n_missing++] =
        (struct report_missing){file, arena_copy(&sources->arena, why, strlen(why))};
}

/* False: it is listed among those that are missing. */
static bool read_file(struct report_sources *sources, const struct census *census,
                      struct source *source, const char *file, const char *folder)
{
    struct problem why = {0};
    const char *const path = folder == NULL ? file : source_below(&sources->arena, folder, file);
    if (path == NULL) {
        add_missing(sources, file, "is not below the folder of --source");
        return false;
    }
    if ((folder == NULL ? source_find(source, census, path, &why)
                        : source_read(source, path, &why)) == STATUS_OK)
        return true;
    const size_t len = strlen(path);
    const char *const words = strncmp(why.detail, path, len) == 0 ? why.detail + len : why.detail;
    add_missing(sources, file, words + strspn(words, ": "));
    return false;
}

void report_sources_read(struct report_sources *sources, const struct report *report,
                         const struct census *census, const char *folder)
{
    size_t n;
    struct heat *const heat = rank_files(report, &n);
    for (size_t i = 0; i < n && i < REPORT_FILES_MAX && sources->n_bytes < REPORT_TEXT_MAX; i++) {
        struct source source = {0};
        if (!read_file(sources, census, &source, heat[i].file, folder)) {
            source_clear(&source);
            continue;
        }
        uint8_t *const marks = memory_get(source.n_lines + 1);
        struct report_file file = {.file = heat[i].file};
        mark_lines(&report->scene.symbols, file.file, marks, source.n_lines);
        add_pieces(sources, &file, &source, marks);
        file.doubt = find_doubt(sources, report, &source, file.file);
        sources->files = memory_grow(sources->files, &sources->files_size, sources->n_files + 1,
                                     sizeof *sources->files);
        sources->files[sources->n_files++] = file;
        free(marks);
        source_clear(&source);
    }
    free(heat);
}

void report_sources_clear(struct report_sources *sources)
{
    for (size_t i = 0; i < sources->n_files; i++)
        free(sources->files[i].pieces);
    free(sources->files);
    free(sources->missing);
    arena_clear(&sources->arena);
    *sources = (struct report_sources){0};
}
