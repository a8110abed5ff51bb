/* SPDX-License-Identifier: MIT */
/* What changed, as a page: every table that diff has, and every path with its verdict. */
#include "cmd_diff.h"

#include "analyze/ask/arrange.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/out/page/page_json.h"
#include "analyze/out/page/page_pack.h"
#include "analyze/read/input.h"

#include <stdlib.h>
#include <string.h>

struct diff_page {
    struct page page;
    struct page_diff diff;
    struct page_part parts[DIFF_COMPARISONS_MAX], text;
    struct buffer blob;
};

void diff_page_free(struct diff_page *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < DIFF_COMPARISONS_MAX; i++)
        free(p->parts[i].text);
    free(p->text.text);
    buffer_clear(&p->blob);
    free(p);
}

size_t diff_page_plan(struct comparison *list)
{
    static const struct {
        enum series_key key;
        bool cumulative;
    } wanted[] = {{SERIES_FUNCTION, false}, {SERIES_FUNCTION, true}, {SERIES_LINE, false},
                  {SERIES_LINE, true},      {SERIES_FILE, false},    {SERIES_FILE, true},
                  {SERIES_THREAD, false},   {SERIES_PATH, true}};
    size_t n = 1;
    if (list[0].key == SERIES_THREAD)
        list[0].cumulative = false; /* what is below a thread is all of it */
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (wanted[i].key == list[0].key && wanted[i].cumulative == list[0].cumulative)
            continue;
        list[n].key = wanted[i].key;
        list[n++].cumulative = wanted[i].cumulative;
    }
    return n;
}

static const char *part_name(struct view *view, const struct comparison *comparison)
{
    return arena_print(&view->arena, "%s%s", comparison_key_name(comparison),
                       comparison->cumulative ? "_cum" : "");
}

/* A table as the command writes it in json: all rows and columns. */
static enum status fill_part(struct page_part *part, const struct comparison *comparison,
                             const struct sides *sides, const struct request *request,
                             struct problem *why)
{
    struct view table = {0};
    const struct command *const command = request->args->command;
    table.shape = SHAPE_TABLE;
    if (comparison->diff.n_rows > 0) /* else json has no rows either */
        comparison_fill_view(&table, comparison, sides, request);
    enum status status = columns_parse(command->machine_columns, command->rows, "columns",
                                       table.columns, &table.n_columns, why);
    if (status == STATUS_OK)
        status = page_part_fill(part, output_find("json"), &table, why);
    view_clear(&table);
    return status;
}

/* For readers without scripts: what the command says in text, with its options. */
static enum status fill_text(struct diff_page *p, struct view *view, const struct sides *sides,
                             const struct comparison *asked, const struct request *request,
                             struct problem *why)
{
    struct view table = {0};
    struct arrangement arrangement;
    TRY(arrangement_make(&arrangement, request->args, why));
    comparison_fill_view(&table, asked, sides, request);
    diff_add_notes(&table, sides, asked, request);
    p->diff.heading = arena_print(&view->arena, "%s", table.groups[0].heading);
    const char **const notes = arena_get(&view->arena, (table.n_notes + 1) * sizeof *notes);
    for (size_t i = 0; i < table.n_notes; i++)
        notes[i] = arena_print(&view->arena, "%s", table.notes[i]);
    p->diff.notes = notes;
    p->diff.n_notes = table.n_notes;
    arrangement_apply(&arrangement, &table, &(struct screen){0});
    const enum status status = page_part_fill(&p->text, output_find("text"), &table, why);
    view_clear(&table);
    p->text.name = "What changed";
    return status;
}

static void fill_side(struct page_side *side, const struct sides *sides, int which,
                      const struct comparison *asked, const char *name)
{
    const struct series *const series = asked->series[which];
    const struct census *const census = &sides->traces[which]->census;
    *side = (struct page_side){.name = name,
                               .command = "",
                               .python = "",
                               .recording = series->recording,
                               .n_recordings = sides->n[which],
                               .block_ns = series->block_ns};
    for (size_t i = 0; i < sides->n[which]; i++) {
        side->samples += series[i].samples;
        side->elapsed_ns += series[i].elapsed_ns;
        side->cpu_ns += series[i].cpu_ns;
    }
    for (size_t i = census->n_processes; i-- > 0;) { /* of the first that has it */
        const struct process *const process = census->processes[i];
        side->command = process->command[0] != '\0' ? process->command : side->command;
        side->python = process->python_version[0] != '\0' ? process->python_version : side->python;
    }
}

static void fill_sides(struct diff_page *p, struct view *view, const struct sides *sides,
                       const struct comparison *asked, const struct args *args)
{
    const size_t n_first = args_files_before(args, "vs");
    const char *const first = args->files[0], *const second =
                                                  args->files[n_first != SIZE_MAX ? n_first : 1];
    struct buffer line = {0};
    fill_side(&p->diff.sides[0], sides, 0, asked, input_name(first));
    fill_side(&p->diff.sides[1], sides, 1, asked, input_name(second));
    p->page.title = arena_print(&view->arena, "%s and %s", input_name(first), input_name(second));
    args_print(&line, args);
    p->page.made_by = arena_copy(&view->arena, line.text, line.len);
    buffer_clear(&line);
}

enum status diff_page_fill(struct diff_page **page, struct view *view, const struct sides *sides,
                           const struct comparison *list, size_t n, const struct request *request,
                           struct problem *why)
{
    struct diff_page *const p = *page = memory_get(sizeof *p);
    size_t n_parts = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i].key == SERIES_PATH) {
            p->diff.paths = &list[i].diff;
            p->diff.tree = &list[i].paths;
            p->diff.names = &list[i].names;
            continue;
        }
        struct page_part *const part = &p->parts[n_parts++];
        part->name = part_name(view, &list[i]);
        TRY(fill_part(part, &list[i], sides, request, why));
    }
    TRY(fill_text(p, view, sides, &list[0], request, why));
    fill_sides(p, view, sides, &list[0], request->args);
    p->diff.metric = request->metric;
    p->diff.asked = p->parts[0].name;
    p->page.diff = &p->diff;
    p->page.parts = p->parts;
    p->page.n_parts = n_parts;
    p->page.texts = &p->text;
    p->page.n_texts = 1;
    p->page.blob = &p->blob;
    page_pack(&p->blob, &p->page);
    view->page = &p->page;
    return STATUS_OK;
}
