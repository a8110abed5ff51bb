/* SPDX-License-Identifier: MIT */
/*
 * story - one thing that happened, told in a heading, some sentences and small tables.
 *
 * On the line:  part of a view: a command fills it, an output gives it a form
 * Memory:       texts and rows are in the view's arena; lists are freed by view_clear.
 *
 * People read heading, lines and parts. Programs that read json get the row's columns as an object,
 * with each part as an array of objects in it; csv has the view's groups, which are flat. What
 * people read above all stories (leads), json has as subjects.
 */
#ifndef PYREC_ANALYZE_STORY_H
#define PYREC_ANALYZE_STORY_H

#include "view.h"

#define PART_COLUMNS_MAX 32

/* A small table in a story. */
struct part {
    const char *name;  /* for programs; NULL = not for them */
    const char *title; /* for people; NULL = none */
    bool instead;      /* for people only where the part before it is too wide for the terminal */
    const struct column *columns[PART_COLUMNS_MAX];
    size_t n_columns, n_shown; /* the first n_shown are for people, all are for programs */
    struct row *rows;
    size_t n_rows, n_left_out;
};

struct story {
    struct row row;      /* what programs get of it, with the view's story_columns */
    const char *heading; /* NULL = none */
    const char **lines;
    size_t n_lines, lines_size;
    struct part *parts;
    size_t n_parts, parts_size;
};

/* What programs get of each story's own row. Names that do not exist end the program. */
void view_set_story_columns(struct view *view, const char *names, unsigned rows);

/*
 * In json the stories are under one name, and whom they are about under another: even of those of
 * whom there is none to tell. Columns are those of a subject's own row.
 */
void view_set_subjects(struct view *view, const char *story_name, const char *subject_name,
                       const char *columns, unsigned rows);

/* A new subject: a row, and parts; the pointer is good until the next one is added. */
struct story *view_add_subject(struct view *view);

/* A new story; the pointer is good until the next one is added. */
struct story *view_add_story(struct view *view, const char *heading);

/* A line for human readers, above all stories. */
void view_add_lead(struct view *view, const char *text);

/* A line of text below the heading. */
void story_add_line(struct story *story, const char *text);

/* What a part is, the same for all stories of a command. */
struct part_kind {
    const char *name, *title;
    const char *columns, *more; /* names with commas between, or NULL; `more` for programs only */
    unsigned rows;              /* enum row_kind */
};

/* A part with room for n_rows zeroed rows. A column that does not exist ends the program. */
struct part *story_add_part(struct view *view, struct story *story, const struct part_kind *kind,
                            size_t n_rows);

/* One more column, for people, of a part that has none for programs only. */
void part_add_column(struct part *part, const struct column *column);

/* Give every row the shortest end of its file's path that tells it from the others. */
void view_shorten_stories(struct view *view);

#endif
