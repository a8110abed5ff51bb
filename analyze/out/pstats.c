/* SPDX-License-Identifier: MIT */
/*
 * pstats - what cProfile saves, for Python's pstats and the programs that read its files.
 *
 * A marshalled dict, in the types that every Python 3 reads:
 *   (file, first line, name): (calls, calls, own, cumulative, {caller: (the same of its calls)})
 * A sampler counts no calls: they are 0, which pstats shows as such and never divides by. Where
 * there is no file it is "~", as of built-in functions.
 */
#include "analyze/cli/output.h"
#include "analyze/export/graph.h"

#include <string.h>

/* Types of marshal. */
#define TYPE_DICT    '{'
#define TYPE_NULL    '0' /* ends a dict */
#define TYPE_TUPLE   '('
#define TYPE_INT     'i'
#define TYPE_LONG    'l' /* the number of its digits of 15 bits, and they, lowest first */
#define TYPE_FLOAT   'g'
#define TYPE_UNICODE 'u'

static void put_u32(struct sink *to, uint32_t value)
{
    for (unsigned shift = 0; shift < 32; shift += 8)
        putc((int)(value >> shift & 0xff), to->file);
}

static void put_int(struct sink *to, uint32_t value)
{
    if (value <= INT32_MAX) {
        putc(TYPE_INT, to->file);
        put_u32(to, value);
        return;
    }
    putc(TYPE_LONG, to->file);
    put_u32(to, 3);
    for (unsigned shift = 0; shift < 45; shift += 15) {
        const uint32_t digit = shift < 32 ? value >> shift & 0x7fff : 0;
        putc((int)(digit & 0xff), to->file);
        putc((int)(digit >> 8), to->file);
    }
}

static void put_float(struct sink *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    putc(TYPE_FLOAT, to->file);
    put_u32(to, (uint32_t)bits);
    put_u32(to, (uint32_t)(bits >> 32));
}

static void put_text(struct sink *to, const char *text)
{
    putc(TYPE_UNICODE, to->file);
    put_u32(to, (uint32_t)strlen(text));
    sink_text(to, text);
}

static void put_tuple(struct sink *to, uint32_t n)
{
    putc(TYPE_TUPLE, to->file);
    put_u32(to, n);
}

static void put_function(struct sink *to, const struct graph_function *function)
{
    put_tuple(to, 3);
    put_text(to, function->file[0] != '\0' ? function->file : "~");
    put_int(to, function->first_line);
    put_text(to, function->name);
}

/* Two counts of calls and two weights; `n` is 5 where a dict follows. */
static void put_numbers(struct sink *to, const struct view *view, uint32_t n, uint64_t self,
                        uint64_t cum)
{
    const double unit = view->metric->unit == UNIT_SECONDS ? 1e9 : 1;
    put_tuple(to, n);
    put_int(to, 0);
    put_int(to, 0);
    put_float(to, (double)self / unit);
    put_float(to, (double)cum / unit);
}

static enum status pstats_write(struct sink *to, const struct view *view, struct problem *why)
{
    const struct graph *const graph = &view->graphs[0];
    (void)why;
    putc(TYPE_DICT, to->file);
    for (size_t i = GRAPH_ROOT + 1; i < graph->n_functions; i++) {
        const struct graph_function *const f = &graph->functions[i];
        put_function(to, f);
        put_numbers(to, view, 5, f->self, f->cum);
        putc(TYPE_DICT, to->file);
        for (size_t k = 0; k < f->n_callers; k++) {
            const struct graph_call *const call = &f->callers[k];
            if (call->from == GRAPH_ROOT)
                continue;
            put_function(to, &graph->functions[call->from]);
            put_numbers(to, view, 4, call->self, call->cum);
        }
        putc(TYPE_NULL, to->file);
    }
    putc(TYPE_NULL, to->file);
    return STATUS_OK;
}

const struct output output_pstats = {
    .name = "pstats",
    .help = "the file that cProfile saves, for Python's pstats, snakeviz, gprof2dot",
    .accepts = SHAPE_GRAPH,
    .machine = true,
    .binary = true,
    .by = "cpu",
    .write = pstats_write,
};
