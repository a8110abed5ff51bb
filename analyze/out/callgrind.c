/* SPDX-License-Identifier: MIT */
/*
 * callgrind - valgrind's format for call graphs, as callgrind_annotate and KCachegrind read it.
 *
 * The readers add up the calls of a function to have what it weighs with all that it calls, so
 * every stack is counted in one call of each function that it contains, the outermost, and a
 * function stands for what calls the outermost ones (graph.h). A call that leads back into a
 * recursion thus weighs nothing, and is not written: KCachegrind would make one heap of all that
 * are in the circle, and gprof2dot divide nothing by nothing. Times are whole nanoseconds. Calls
 * cannot be counted by sampling; where the format wants a count it is 1.
 *
 * KCachegrind takes functions for one that have the same number, or the same name in files of the
 * same last part; gprof2dot those of the same name. So every function has a number and a name of
 * its own (naming.h). Objects are packages, by which KCachegrind can group.
 */
#include "analyze/ask/origin.h"
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "analyze/export/graph.h"
#include "analyze/out/text/text_table.h"

#include <inttypes.h>
#include <stdlib.h>

struct writer {
    struct sink *to;
    const struct view *view;
    const struct graph *graph; /* the first one; all have the same functions, lines and calls */
    struct arena arena;
    struct text_table files, objects;
    uint32_t *file_of, *object_of; /* by function of the graph */
    bool *file_written, *object_written, *function_written;
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

static void number_names(struct writer *w)
{
    const size_t n = w->graph->n_functions;
    w->file_of = memory_get(n * sizeof *w->file_of);
    w->object_of = memory_get(n * sizeof *w->object_of);
    for (size_t i = 0; i < n; i++) {
        const struct graph_function *const f = &w->graph->functions[i];
        w->file_of[i] = text_table_number(&w->files, harmless(w, f->file));
        w->object_of[i] = text_table_number(&w->objects, harmless(w, f->package));
    }
    w->file_written = memory_get(w->files.n);
    w->object_written = memory_get(w->objects.n);
    w->function_written = memory_get(n);
}

/* "fn=(1) name", and when it was said before "fn=(1)" */
static void write_name(struct writer *w, const char *what, uint32_t number, const char *name,
                       bool *written)
{
    if (written[number])
        sink_print(w->to, "%s=(%" PRIu32 ")\n", what, number + 1);
    else
        sink_print(w->to, "%s=(%" PRIu32 ") %s\n", what, number + 1, name);
    written[number] = true;
}

/* Where a function is, and which: of itself, or as one that is called. */
static void write_position(struct writer *w, uint32_t i, bool called)
{
    const uint32_t file = w->file_of[i], object = w->object_of[i];
    write_name(w, called ? "cob" : "ob", object, w->objects.texts[object], w->object_written);
    write_name(w, called ? "cfi" : "fl", file, w->files.texts[file], w->file_written);
    const char *const label = w->graph->functions[i].label;
    write_name(w, called ? "cfn" : "fn", i, w->function_written[i] ? "" : harmless(w, label),
               w->function_written);
}

static void write_line(struct writer *w, uint32_t i, size_t k)
{
    const struct graph *const graphs = w->view->graphs;
    bool any = false;
    for (size_t e = 0; e < w->view->n_graphs; e++)
        any = any || graphs[e].functions[i].lines[k].self > 0;
    if (!any)
        return;
    sink_print(w->to, "%" PRIu32, w->graph->functions[i].lines[k].line);
    for (size_t e = 0; e < w->view->n_graphs; e++)
        sink_print(w->to, " %" PRIu64, graphs[e].functions[i].lines[k].self);
    sink_text(w->to, "\n");
}

/* A call back into a recursion: all of its stacks were counted further out. */
static bool leads_back(const struct writer *w, uint32_t i, size_t k)
{
    for (size_t e = 0; e < w->view->n_graphs; e++)
        if (w->view->graphs[e].functions[i].calls[k].cum > 0)
            return false;
    return true;
}

static void write_call(struct writer *w, uint32_t i, size_t k)
{
    const struct graph_call *const call = &w->graph->functions[i].calls[k];
    if (call->to != i && leads_back(w, i, k))
        return;
    write_position(w, call->to, true);
    sink_print(w->to, "calls=1 %" PRIu32 "\n%" PRIu32, w->graph->functions[call->to].first_line,
               call->from_line);
    for (size_t e = 0; e < w->view->n_graphs; e++)
        sink_print(w->to, " %" PRIu64, w->view->graphs[e].functions[i].calls[k].cum);
    sink_text(w->to, "\n");
}

static void write_function(struct writer *w, uint32_t i)
{
    const struct graph_function *const f = &w->graph->functions[i];
    sink_text(w->to, "\n");
    write_position(w, i, false);
    for (size_t k = 0; k < f->n_lines; k++)
        write_line(w, i, k);
    for (size_t k = 0; k < f->n_calls; k++)
        write_call(w, i, k);
}

static void write_totals(struct writer *w, const char *name)
{
    sink_print(w->to, "%s:", name);
    for (size_t e = 0; e < w->view->n_graphs; e++)
        sink_print(w->to, " %" PRIu64, w->view->graphs[e].functions[GRAPH_ROOT].cum);
    sink_text(w->to, "\n");
}

static void write_head(struct writer *w)
{
    const struct origin *const origin = w->view->origin;
    sink_text(w->to, "# callgrind format\nversion: 1\ncreator: pyrec " PYREC_VERSION "\n");
    if (origin->pid != 0)
        sink_print(w->to, "pid: %" PRIu32 "\n", origin->pid);
    sink_print(w->to, "cmd: %s\n", harmless(w, origin->title));
    for (size_t i = 0; i < origin->n_lines; i++)
        sink_print(w->to, "desc: %s: %s\n", origin->lines[i].name,
                   harmless(w, origin->lines[i].text));
    sink_text(w->to, "positions: line\n");
    for (size_t e = 0; e < w->view->n_graphs; e++) {
        const struct metric *const metric = w->view->graphs[e].metric;
        sink_print(w->to, "event: %s : %s\n", metric->by, metric_brief(&w->arena, metric, "ns"));
    }
    sink_text(w->to, "events:");
    for (size_t e = 0; e < w->view->n_graphs; e++)
        sink_print(w->to, " %s", w->view->graphs[e].metric->by);
    sink_text(w->to, "\n");
    write_totals(w, "summary");
}

static enum status callgrind_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct writer w = {.to = to, .view = view, .graph = &view->graphs[0]};
    (void)why;
    number_names(&w);
    write_head(&w);
    for (uint32_t i = 0; i < w.graph->n_functions; i++)
        write_function(&w, i);
    sink_text(to, "\n");
    write_totals(&w, "totals");
    text_table_clear(&w.files);
    text_table_clear(&w.objects);
    arena_clear(&w.arena);
    free(w.file_of);
    free(w.object_of);
    free(w.file_written);
    free(w.object_written);
    free(w.function_written);
    return STATUS_OK;
}

const struct output output_callgrind = {
    .name = "callgrind",
    .help = "a call graph of functions and lines by several metrics, for KCachegrind and "
            "callgrind_annotate",
    .accepts = SHAPE_GRAPH,
    .machine = true,
    .more_metrics = true,
    .write = callgrind_write,
};
