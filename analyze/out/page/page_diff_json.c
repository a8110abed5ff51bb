/* SPDX-License-Identifier: MIT */
#include "page_diff_json.h"

#include "analyze/base/memory.h"
#include "analyze/compare/diff.h"
#include "analyze/out/json_text.h"
#include "page_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdicts[] = {"few", "noise", "more", "less",
                                       "new", "gone",  "new?", "gone?"};

static unsigned verdict_number(const struct diff_row *row)
{
    const char *const verdict = diff_verdict(row);
    unsigned i = 0;
    while (i + 1 < ARRAY_LEN(verdicts) && strcmp(verdicts[i], verdict) != 0)
        i++;
    return i;
}

static void write_side(struct sink *to, const struct page_side *side)
{
    sink_text(to, "{");
    json_member(to, "name", side->name);
    sink_text(to, ",");
    json_member(to, "command", side->command);
    sink_text(to, ",");
    json_member(to, "python", side->python);
    sink_text(to, ",");
    json_member(to, "host", side->recording->hostname);
    /* as text: more digits than a JSON number keeps */
    sink_print(to, ",\"unix_ns\":\"%" PRId64 "\",\"recordings\":%zu,\"samples\":%" PRIu64,
               side->recording->start_unix_ns, side->n_recordings, side->samples);
    sink_print(to, ",\"elapsed\":%.9g,\"cpu\":%.9g,\"block\":%.9g}", side->elapsed_ns / 1e9,
               side->cpu_ns / 1e9, (double)side->block_ns / 1e9);
}

/* The paths that a side has, in an order in which callers come first. */
struct listed {
    const struct page_diff *diff;
    const struct diff_row **row_of; /* by node */
    uint32_t *order, *number;       /* nodes; by node, its place in the list */
    size_t n;
    uint32_t *functions, *function_number; /* those that they have; by function, + 1 */
    size_t n_functions;
};

static void list_paths(struct listed *l, const struct page_diff *diff)
{
    const struct tree *const tree = diff->tree;
    uint32_t *const all = tree_preorder(tree);
    *l = (struct listed){.diff = diff, .order = all};
    l->row_of = memory_get(tree->n * sizeof(struct diff_row *));
    l->number = memory_get(tree->n * sizeof *l->number);
    l->functions = memory_get(diff->names->n_functions * sizeof *l->functions);
    l->function_number = memory_get(diff->names->n_functions * sizeof *l->function_number);
    for (size_t i = 0; i < diff->paths->n_rows; i++)
        l->row_of[diff->paths->rows[i].number] = &diff->paths->rows[i];
    for (size_t i = 0; i < tree->n; i++) {
        const uint32_t node = all[i], function = tree->nodes[node].place;
        if (l->row_of[node] == NULL)
            continue;
        l->number[node] = (uint32_t)l->n;
        l->order[l->n++] = node;
        if (l->function_number[function] != 0)
            continue;
        l->functions[l->n_functions++] = function;
        l->function_number[function] = (uint32_t)l->n_functions;
    }
}

static void clear_list(struct listed *l)
{
    free(l->row_of);
    free(l->order);
    free(l->number);
    free(l->functions);
    free(l->function_number);
}

/* Functions as [name, file], and files. */
static void write_functions(struct sink *to, const struct listed *l)
{
    const char **files = NULL;
    size_t n_files = 0, files_size = 0;
    sink_text(to, ",\"functions\":[");
    for (size_t i = 0; i < l->n_functions; i++) {
        const struct symbol_function *const f = &l->diff->names->functions[l->functions[i]];
        sink_text(to, i > 0 ? ",[" : "[");
        json_text(to, f->name);
        sink_print(to, ",%zu]", page_file_number(&files, &n_files, &files_size, f->file));
    }
    sink_text(to, "],");
    json_texts(to, "files", files, n_files);
    free(files);
}

enum list { LIST_UP, LIST_FN, LIST_LINE, LIST_VERDICT, LIST_A, LIST_B, LIST_MARGIN, LIST_COUNT };
static const char *const list_names[] = {"up", "fn", "line", "verdict", "a", "b", "margin"};

static void write_value(struct sink *to, enum list list, const struct listed *l, uint32_t node)
{
    const struct diff_row *const row = l->row_of[node];
    const double unit = row->unit == UNIT_SECONDS ? 1e9 : 1;
    const uint32_t parent = l->diff->tree->nodes[node].parent;
    switch (list) {
    case LIST_UP:
        sink_print(to, "%" PRId64, parent == TREE_ROOT ? -1 : (int64_t)l->number[parent]);
        break;
    case LIST_FN:
        sink_print(to, "%u", l->function_number[l->diff->tree->nodes[node].place] - 1);
        break;
    case LIST_LINE:
        sink_print(to, "%u", row->frame.line);
        break;
    case LIST_VERDICT:
        sink_print(to, "%u", verdict_number(row));
        break;
    default:
        sink_print(to, "%.9g",
                   (list == LIST_MARGIN ? row->difference.margin : row->values[list == LIST_B]) /
                       unit);
    }
}

static void write_paths(struct sink *to, const struct page_diff *diff)
{
    struct listed l;
    list_paths(&l, diff);
    write_functions(to, &l);
    sink_print(to, ",\"paths\":{\"real\":%zu,\"tested\":%zu", diff->paths->n_real,
               diff->paths->n_tested);
    for (int list = 0; list < LIST_COUNT; list++) {
        sink_print(to, ",\"%s\":[", list_names[list]);
        for (size_t i = 0; i < l.n; i++) {
            sink_text(to, i > 0 ? "," : "");
            write_value(to, (enum list)list, &l, l.order[i]);
        }
        sink_text(to, "]");
    }
    sink_text(to, "},\"verdicts\":[");
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        sink_print(to, "%s\"%s\"", i > 0 ? "," : "", verdicts[i]);
    sink_text(to, "]");
    clear_list(&l);
}

void page_diff_json_write(struct sink *to, const struct page *page)
{
    const struct page_diff *const diff = page->diff;
    sink_text(to, "{\"v\":1,\"kind\":\"diff\",");
    page_head_write(to, page);
    sink_text(to, ",");
    json_member(to, "asked", diff->asked);
    sink_text(to, ",");
    json_member(to, "heading", diff->heading);
    sink_text(to, ",");
    json_member(to, "metric", diff->metric->by);
    sink_print(to, ",\"seconds\":%s,\"sides\":[",
               diff->metric->unit == UNIT_SECONDS ? "true" : "false");
    write_side(to, &diff->sides[0]);
    sink_text(to, ",");
    write_side(to, &diff->sides[1]);
    sink_text(to, "],");
    json_texts(to, "notes", diff->notes, diff->n_notes);
    write_paths(to, diff);
    page_parts_write(to, page);
    sink_text(to, "}");
}
