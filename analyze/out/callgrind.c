/* SPDX-License-Identifier: MIT */
/*
 * callgrind - valgrind's format for call graphs, as callgrind_annotate and KCachegrind read it.
 *
 * The readers add up the calls of a function to have what it weighs with all that it calls, so
 * every stack is counted in one call of each function that it contains, the outermost, and a
 * function stands for what calls the outermost ones (graph.h). Times are whole nanoseconds. Calls
 * cannot be counted by sampling; where the format wants a count it is 1.
 */
#include "../graph.h"
#include "../memory.h"
#include "../output.h"
#include "text_table.h"

#include <inttypes.h>
#include <stdlib.h>

struct writer {
    struct sink *to;
    const struct graph *graph;
    struct arena arena;
    struct text_table files, names, keys;
    uint32_t *file_of, *name_of; /* by function of the graph */
    bool *file_written, *name_written;
};

/* A name that is one line, and is not empty. */
static const char *harmless(struct writer *w, const char *name)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, name[0] != '\0' ? name : "???");
    const char *const copy = arena_copy(&w->arena, visible.text, visible.len);
    buffer_clear(&visible);
    return copy;
}

/*
 * Number files and names. A function is known by both together: one with the name of an earlier
 * one in the same file gets its line behind it.
 */
static void number_names(struct writer *w)
{
    for (size_t i = 0; i < w->graph->n_functions; i++) {
        const struct graph_function *const f = &w->graph->functions[i];
        const char *const file = harmless(w, f->file);
        const char *name = harmless(w, f->name);
        const size_t n_known = w->keys.n;
        w->file_of[i] = text_table_number(&w->files, file);
        text_table_number(&w->keys, arena_print(&w->arena, "%s\n%s", file, name));
        if (w->keys.n == n_known)
            name = arena_print(&w->arena, "%s:%" PRIu32, name, f->first_line);
        w->name_of[i] = text_table_number(&w->names, name);
    }
    w->file_written = memory_get(w->files.n);
    w->name_written = memory_get(w->names.n);
}

/* "fn=(1) name", and when it was said before "fn=(1)" */
static void write_name(struct writer *w, const char *what, const struct text_table *table,
                       uint32_t number, bool *written)
{
    if (written[number])
        sink_print(w->to, "%s=(%" PRIu32 ")\n", what, number + 1);
    else
        sink_print(w->to, "%s=(%" PRIu32 ") %s\n", what, number + 1, table->texts[number]);
    written[number] = true;
}

static void write_function(struct writer *w, uint32_t i)
{
    const struct graph_function *const f = &w->graph->functions[i];
    sink_text(w->to, "\n");
    write_name(w, "fl", &w->files, w->file_of[i], w->file_written);
    write_name(w, "fn", &w->names, w->name_of[i], w->name_written);
    for (size_t k = 0; k < f->n_lines; k++) {
        if (f->lines[k].self > 0)
            sink_print(w->to, "%" PRIu32 " %" PRIu64 "\n", f->lines[k].line, f->lines[k].self);
    }
    for (size_t k = 0; k < f->n_calls; k++) {
        const struct graph_call *const call = &f->calls[k];
        write_name(w, "cfi", &w->files, w->file_of[call->to], w->file_written);
        write_name(w, "cfn", &w->names, w->name_of[call->to], w->name_written);
        sink_print(w->to, "calls=1 %" PRIu32 "\n%" PRIu32 " %" PRIu64 "\n",
                   w->graph->functions[call->to].first_line, call->from_line, call->cum);
    }
}

static enum status callgrind_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct writer w = {.to = to, .graph = view->graph};
    const size_t n = view->graph->n_functions;
    (void)why;
    w.file_of = memory_get(n * sizeof *w.file_of);
    w.name_of = memory_get(n * sizeof *w.name_of);
    number_names(&w);
    sink_print(to,
               "# callgrind format\nversion: 1\ncreator: pyrec " PYREC_VERSION
               "\npositions: line\nevent: %s%s : %s\nevents: %s%s\nsummary: %" PRIu64 "\n",
               view->metric->name, view->metric->unit == UNIT_SECONDS ? "_ns" : "",
               view->metric->help, view->metric->name,
               view->metric->unit == UNIT_SECONDS ? "_ns" : "", view->graph->functions[0].cum);
    for (uint32_t i = 0; i < n; i++)
        write_function(&w, i);
    sink_print(to, "\ntotals: %" PRIu64 "\n", view->graph->functions[0].cum);
    text_table_clear(&w.files);
    text_table_clear(&w.names);
    text_table_clear(&w.keys);
    arena_clear(&w.arena);
    free(w.file_of);
    free(w.name_of);
    free(w.file_written);
    free(w.name_written);
    return STATUS_OK;
}

const struct output output_callgrind = {
    .name = "callgrind",
    .help = "a call graph of functions and lines, for KCachegrind and callgrind_annotate",
    .accepts = SHAPE_GRAPH,
    .machine = true,
    .write = callgrind_write,
};
