/* SPDX-License-Identifier: MIT */
/*
 * csv - comma separated values, quoted as in RFC 4180.
 *
 * Lines end in LF, not in the RFC's CRLF: that is what awk, cut and join expect, and every reader
 * of csv takes both.
 */
#include "analyze/cli/output.h"
#include "analyze/view/column.h"

#include <string.h>

static void write_field(struct sink *to, const char *text);

/* Programs get names as they are; a terminal must not get their control characters. */
static void write_visible(struct sink *to, const char *text)
{
    struct sink harmless = *to;
    struct buffer visible = {0};
    buffer_add_visible(&visible, text);
    harmless.terminal = false;
    write_field(&harmless, visible.text);
    buffer_clear(&visible);
}

static void write_field(struct sink *to, const char *text)
{
    if (to->terminal) {
        write_visible(to, text);
        return;
    }
    if (strpbrk(text, ",\"\r\n") == NULL) {
        sink_text(to, text);
        return;
    }
    putc('"', to->file);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            putc('"', to->file);
        putc(*at, to->file);
    }
    putc('"', to->file);
}

static void write_cell(struct sink *to, const struct cell *cell, struct buffer *buffer)
{
    buffer_reset(buffer);
    cell_print(buffer, cell);
    write_field(to, buffer->text != NULL ? buffer->text : "");
}

static void write_row(struct sink *to, const struct view *view, const struct row *row,
                      struct buffer *buffer)
{
    for (size_t i = 0; i < view->n_columns; i++) {
        const struct cell cell = column_cell(view->columns[i], row);
        if (i > 0)
            putc(',', to->file);
        write_cell(to, &cell, buffer);
    }
    putc('\n', to->file);
}

static void write_header(struct sink *to, const struct view *view)
{
    for (size_t i = 0; i < view->n_columns; i++) {
        if (i > 0)
            putc(',', to->file);
        write_field(to, view->columns[i]->name);
    }
    putc('\n', to->file);
}

/* Several sections have the same name, one per process or file: n counts them. */
static void write_facts(struct sink *to, const struct view *view, struct buffer *buffer)
{
    sink_text(to, "section,n,item,value\n");
    for (size_t s = 0; s < view->n_sections; s++) {
        const struct section *const section = &view->sections[s];
        size_t n = 1;
        for (size_t before = 0; before < s; before++)
            n += strcmp(view->sections[before].name, section->name) == 0;
        for (size_t i = 0; i < section->n_facts; i++) {
            write_field(to, section->name);
            sink_print(to, ",%zu,", n);
            write_field(to, section->facts[i].name);
            putc(',', to->file);
            write_cell(to, &section->facts[i].value, buffer);
            putc('\n', to->file);
        }
    }
}

static enum status csv_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct buffer buffer = {0};
    struct row row;
    (void)why;
    if (view->shape == SHAPE_FACTS) {
        write_facts(to, view, &buffer);
    } else {
        write_header(to, view);
        for (size_t g = 0; view->shape != SHAPE_LOG && g < view->n_groups; g++) {
            for (size_t i = 0; i < view->groups[g].n_rows; i++)
                write_row(to, view, &view->groups[g].rows[i], &buffer);
        }
        while ((view->shape & (SHAPE_LOG | SHAPE_LIST)) && view->next(view->closure, &row))
            write_row(to, view, &row, &buffer);
    }
    buffer_clear(&buffer);
    return STATUS_OK;
}

const struct output output_csv = {
    .name = "csv",
    .help = "comma separated values with a header line, for spreadsheets and scripts",
    .accepts = SHAPE_TABLE | SHAPE_LOG | SHAPE_LIST | SHAPE_FACTS | SHAPE_STORY | SHAPE_CURVES,
    .machine = true,
    .per_thread = true,
    .write = csv_write,
};
