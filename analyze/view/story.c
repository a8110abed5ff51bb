/* SPDX-License-Identifier: MIT */
#include "story.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "column.h"

#include <stdlib.h>

void view_set_story_columns(struct view *view, const char *names, unsigned rows)
{
    struct problem why;
    if (columns_parse(names, (enum row_kind)rows, "columns", view->story_columns,
                      &view->n_story_columns, &why) != STATUS_OK)
        abort();
}

void view_set_subjects(struct view *view, const char *story_name, const char *subject_name,
                       const char *columns, unsigned rows)
{
    struct problem why;
    if (columns_parse(columns, (enum row_kind)rows, "columns", view->subject_columns,
                      &view->n_subject_columns, &why) != STATUS_OK)
        abort();
    view->story_name = story_name;
    view->subject_name = subject_name;
}

static void story_clear(struct story *story)
{
    free(story->lines);
    free(story->parts);
}

static void clear_stories(struct view *view)
{
    for (size_t i = 0; i < view->n_stories; i++)
        story_clear(&view->stories[i]);
    for (size_t i = 0; i < view->n_subjects; i++)
        story_clear(&view->subjects[i]);
    free(view->stories);
    free(view->subjects);
    free(view->leads);
}

struct story *view_add_subject(struct view *view)
{
    view->clear_stories = clear_stories;
    view->subjects = memory_grow(view->subjects, &view->subjects_size, view->n_subjects + 1,
                                 sizeof *view->subjects);
    struct story *const subject = &view->subjects[view->n_subjects++];
    *subject = (struct story){0};
    return subject;
}

struct story *view_add_story(struct view *view, const char *heading)
{
    view->clear_stories = clear_stories;
    view->stories =
        memory_grow(view->stories, &view->stories_size, view->n_stories + 1, sizeof *view->stories);
    struct story *const story = &view->stories[view->n_stories++];
    *story = (struct story){.heading = heading};
    return story;
}

void view_add_lead(struct view *view, const char *text)
{
    view->clear_stories = clear_stories;
    view->leads =
        memory_grow(view->leads, &view->leads_size, view->n_leads + 1, sizeof *view->leads);
    view->leads[view->n_leads++] = text;
}

void story_add_line(struct story *story, const char *text)
{
    story->lines =
        memory_grow(story->lines, &story->lines_size, story->n_lines + 1, sizeof *story->lines);
    story->lines[story->n_lines++] = text;
}

static size_t add_columns(struct part *part, const char *names, unsigned rows)
{
    const struct column *found[VIEW_COLUMNS_MAX];
    size_t n;
    struct problem why;
    if (columns_parse(names, (enum row_kind)rows, "columns", found, &n, &why) != STATUS_OK ||
        part->n_columns + n > PART_COLUMNS_MAX)
        abort();
    for (size_t i = 0; i < n; i++)
        part->columns[part->n_columns++] = found[i];
    return part->n_columns;
}

struct part *story_add_part(struct view *view, struct story *story, const struct part_kind *kind,
                            size_t n_rows)
{
    story->parts =
        memory_grow(story->parts, &story->parts_size, story->n_parts + 1, sizeof *story->parts);
    struct part *const part = &story->parts[story->n_parts++];
    *part = (struct part){
        .name = kind->name,
        .title = kind->title,
        .rows = arena_get(&view->arena, n_rows * sizeof(struct row)),
        .n_rows = n_rows,
    };
    if (kind->columns != NULL)
        part->n_shown = add_columns(part, kind->columns, kind->rows);
    if (kind->more != NULL)
        add_columns(part, kind->more, kind->rows);
    return part;
}

void part_add_column(struct part *part, const struct column *column)
{
    if (part->n_columns == PART_COLUMNS_MAX || part->n_shown != part->n_columns)
        abort();
    part->columns[part->n_columns++] = column;
    part->n_shown = part->n_columns;
}

static void shorten(struct row *row, const struct path_set *paths)
{
    if (row->frame.file != NULL)
        row->frame.file = path_set_find(paths, row->frame.file);
}

void view_shorten_stories(struct view *view)
{
    struct path_set paths = {0};
    for (int round = 0; round < 2; round++) {
        for (size_t s = 0; s < view->n_stories; s++) {
            struct story *const story = &view->stories[s];
            for (size_t p = 0; p < story->n_parts; p++) {
                for (size_t i = 0; i < story->parts[p].n_rows; i++) {
                    if (round == 0)
                        path_set_add(&paths, story->parts[p].rows[i].frame.file);
                    else
                        shorten(&story->parts[p].rows[i], &paths);
                }
            }
        }
        if (round == 0)
            path_set_shorten(&paths);
    }
    path_set_clear(&paths);
}
