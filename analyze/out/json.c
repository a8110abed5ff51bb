/* SPDX-License-Identifier: MIT */
/*
 * json - through jansson: a table or list is an array of objects, facts are an object of objects, a
 * log one object per line, stories an array or an object of two.
 */
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "analyze/view/column.h"
#include "analyze/view/story.h"
#include "json_text.h"

#include <jansson.h>
#include <string.h>

/* 15 digits: all that a double holds, and decimal fractions come out as they went in. */
#define JSON_STYLE (JSON_COMPACT | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY)

static json_t *frame_json(const struct frame *frame)
{
    return json_pack("{s:s, s:s, s:o, s:o*}", "function", frame->function, "file", frame->file,
                     "line", frame->line > 0 ? json_integer(frame->line) : json_null(), "native",
                     frame->native ? json_true() : NULL);
}

static json_t *stack_json(const struct stack *stack)
{
    json_t *const frames = json_array();
    for (size_t i = 0; i < stack->n_frames; i++)
        json_array_append_new(frames, frame_json(&stack->frames[i]));
    return frames;
}

static json_t *printed_json(const struct cell *cell)
{
    struct buffer text = {0};
    cell_print(&text, cell);
    json_t *const json = json_string(text.text);
    buffer_clear(&text);
    return json;
}

static json_t *cell_json(const struct cell *cell)
{
    switch (cell->unit) {
    case UNIT_NONE:
        return json_null();
    case UNIT_TEXT:
        return json_string(cell->text);
    case UNIT_PLACE:
        return json_sprintf("%s:%u", cell->text, cell->line);
    case UNIT_SECONDS:
        return json_real((double)cell->n / 1e9);
    case UNIT_RATIO:
    case UNIT_NUMBER:
        return json_real(cell->ratio);
    case UNIT_STACK:
        return stack_json(cell->stack);
    case UNIT_PSTATS:
    case UNIT_YAPPI:
        return printed_json(cell);
    case UNIT_COUNT:
    case UNIT_ID:
    case UNIT_BYTES:
        return json_integer(cell->n);
    }
    return json_null();
}

static json_t *columns_json(const struct column *const *columns, size_t n_columns,
                            const struct row *row)
{
    json_t *const object = json_object();
    for (size_t i = 0; i < n_columns; i++) {
        const struct cell cell = column_cell(columns[i], row);
        json_object_set_new(object, columns[i]->name, cell_json(&cell));
    }
    return object;
}

static json_t *row_json(const struct view *view, const struct row *row)
{
    return columns_json(view->columns, view->n_columns, row);
}

/* The story's own columns, and each part as an array under its name. */
static json_t *story_json(const struct column *const *columns, size_t n_columns,
                          const struct story *story)
{
    json_t *const object = columns_json(columns, n_columns, &story->row);
    for (size_t p = 0; p < story->n_parts; p++) {
        const struct part *const part = &story->parts[p];
        if (part->name == NULL)
            continue;
        json_t *const rows = json_array();
        for (size_t i = 0; i < part->n_rows; i++)
            json_array_append_new(rows,
                                  columns_json(part->columns, part->n_columns, &part->rows[i]));
        json_object_set_new(object, part->name, rows);
    }
    return object;
}

/*
 * Control characters beyond ASCII, which some terminals obey, and DEL as JSON's escapes. In UTF-8
 * the former are 0xc2 and the character itself; the two can come in different pieces.
 */
struct filter {
    FILE *file;
    bool has_c2;
};

static int write_filtered(const char *bytes, size_t len, void *closure)
{
    struct filter *const filter = closure;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        const bool after_c2 = filter->has_c2;
        filter->has_c2 = c == 0xc2;
        if (c == 0x7f || (after_c2 && c < 0xa0)) {
            fprintf(filter->file, "\\u%04x", c);
            continue;
        }
        if (after_c2)
            putc(0xc2, filter->file);
        if (c != 0xc2)
            putc(c, filter->file);
    }
    return 0;
}

static void dump(struct sink *to, json_t *json, size_t flags)
{
    if (json == NULL)
        memory_fail();
    struct filter filter = {.file = to->file};
    (void)json_dump_callback(json, write_filtered, &filter,
                             flags); /* a failed write is in ferror */
    json_decref(json);
}

static void write_table(struct sink *to, const struct view *view)
{
    const char *between = "[\n";
    for (size_t g = 0; g < view->n_groups; g++) {
        for (size_t i = 0; i < view->groups[g].n_rows; i++) {
            sink_text(to, between);
            dump(to, row_json(view, &view->groups[g].rows[i]), JSON_STYLE);
            between = ",\n";
        }
    }
    sink_text(to, between[0] == '[' ? "[]\n" : "\n]\n");
}

#define PARTS_MAX 32 /* kinds of parts that the stories of a command have */

/* The names of all parts that any of the stories has. */
static size_t name_parts(const struct story *list, size_t n, const char **names)
{
    size_t n_names = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < list[i].n_parts; p++) {
            const char *const name = list[i].parts[p].name;
            size_t k = 0;
            while (k < n_names && name != NULL && strcmp(names[k], name) != 0)
                k++;
            if (name != NULL && k == n_names && n_names < PARTS_MAX)
                names[n_names++] = name;
        }
    }
    return n_names;
}

static void write_each(struct sink *to, const struct story *list, size_t n,
                       const struct column *const *columns, size_t n_columns)
{
    const char *names[PARTS_MAX], *between = "[\n";
    const size_t n_names = name_parts(list, n, names);
    for (size_t i = 0; i < n; i++) {
        sink_text(to, between);
        json_t *const object = story_json(columns, n_columns, &list[i]);
        for (size_t k = 0; k < n_names; k++) { /* all objects have the same keys */
            if (json_object_get(object, names[k]) == NULL)
                json_object_set_new(object, names[k], json_array());
        }
        dump(to, object, JSON_STYLE);
        between = ",\n";
    }
    sink_text(to, between[0] == '[' ? "[]" : "\n]");
}

/* An array; with subjects an object of two, and of those whom it is not about. */
static void write_stories(struct sink *to, const struct view *view)
{
    if (view->subject_name != NULL) {
        sink_print(to, "{\"%s\":", view->subject_name);
        write_each(to, view->subjects, view->n_subjects, view->subject_columns,
                   view->n_subject_columns);
        sink_text(to, ",\n");
        json_texts(to, "not_asked", view->outside, view->n_outside);
        sink_print(to, ",\n\"not_asked_more\":%zu,\n\"%s\":", view->n_outside_more,
                   view->story_name);
    }
    write_each(to, view->stories, view->n_stories, view->story_columns, view->n_story_columns);
    sink_text(to, view->subject_name != NULL ? "}\n" : "\n");
}

static void write_list(struct sink *to, const struct view *view)
{
    struct row row;
    const char *between = "[\n";
    while (view->next(view->closure, &row)) {
        sink_text(to, between);
        dump(to, row_json(view, &row), JSON_STYLE);
        between = ",\n";
    }
    sink_text(to, between[0] == '[' ? "[]\n" : "\n]\n");
}

static json_t *section_json(const struct section *section)
{
    json_t *const object = json_object();
    for (size_t i = 0; i < section->n_facts; i++)
        json_object_set_new(object, section->facts[i].name, cell_json(&section->facts[i].value));
    return object;
}

static void write_facts(struct sink *to, const struct view *view)
{
    json_t *const object = json_object();
    for (size_t i = 0; i < view->n_sections; i++) {
        const struct section *const section = &view->sections[i];
        if (!section->repeated) {
            json_object_set_new(object, section->name, section_json(section));
            continue;
        }
        json_t *list = json_object_get(object, section->name);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(object, section->name, list);
        }
        json_array_append_new(list, section_json(section));
    }
    dump(to, object, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    sink_text(to, "\n");
}

static enum status json_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct row row;
    (void)why;
    if (view->shape & (SHAPE_TABLE | SHAPE_CURVES))
        write_table(to, view);
    else if (view->shape == SHAPE_FACTS)
        write_facts(to, view);
    else if (view->shape == SHAPE_STORY)
        write_stories(to, view);
    else if (view->shape == SHAPE_LIST)
        write_list(to, view);
    while (view->shape == SHAPE_LOG && view->next(view->closure, &row)) {
        dump(to, row_json(view, &row), JSON_STYLE);
        sink_text(to, "\n");
    }
    return STATUS_OK;
}

const struct output output_json = {
    .name = "json",
    .help = "an array of objects; of stalls two, in an object; of dump one object per line",
    .accepts = SHAPE_TABLE | SHAPE_LOG | SHAPE_LIST | SHAPE_FACTS | SHAPE_STORY | SHAPE_CURVES,
    .machine = true,
    .per_thread = true,
    .write = json_write,
};
