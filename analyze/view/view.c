/* SPDX-License-Identifier: MIT */
#include "view.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/base/unicode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void view_clear(struct view *view)
{
    if (view->release != NULL)
        view->release(view->closure);
    for (size_t i = 0; i < view->n_sections; i++)
        free(view->sections[i].facts);
    free(view->sections);
    free(view->groups);
    free(view->notes);
    if (view->clear_stories != NULL)
        view->clear_stories(view);
    free(view->curves.items);
    arena_clear(&view->arena);
    *view = (struct view){0};
}

/* Columns of a terminal that a title takes in a heading, and what stands for its middle. */
#define TITLE_WIDTH 40u
#define TITLE_DOTS  "..."

static size_t take_character(const char *text, size_t *width)
{
    uint32_t c;
    const size_t len = unicode_next(text, &c);
    *width += len > 0 ? unicode_width(c) : 1;
    return len > 0 ? len : 1;
}

static size_t columns_of(const char *text)
{
    size_t width = 0;
    while (*text != '\0')
        text += take_character(text, &width);
    return width;
}

/* Where at least the first `n` columns of a text, which has as many, end. */
static const char *after_columns(const char *text, size_t n)
{
    for (size_t width = 0; width < n;)
        text += take_character(text, &width);
    return text;
}

const char *view_name_process(struct view *view, const struct process *process)
{
    const char *const title = process_title(process);
    const size_t width = columns_of(title), kept = TITLE_WIDTH - strlen(TITLE_DOTS);
    if (width == 0)
        return arena_print(&view->arena, "%" PRIu32, process->pid);
    if (width <= TITLE_WIDTH)
        return arena_print(&view->arena, "%" PRIu32 " (%s)", process->pid, title);
    const char *const end = after_columns(title, kept / 2);
    return arena_print(&view->arena, "%" PRIu32 " (%.*s" TITLE_DOTS "%s)", process->pid,
                       (int)(end - title), title, after_columns(title, width - (kept - kept / 2)));
}

struct group *view_add_group(struct view *view, const char *heading, size_t n_rows)
{
    view->groups =
        memory_grow(view->groups, &view->groups_size, view->n_groups + 1, sizeof *view->groups);
    struct group *const group = &view->groups[view->n_groups++];
    *group = (struct group){
        .heading = heading,
        .rows = arena_get(&view->arena, n_rows * sizeof(struct row)),
        .n_rows = n_rows,
    };
    return group;
}

struct section *view_add_section(struct view *view, const char *name, const char *heading)
{
    view->sections = memory_grow(view->sections, &view->sections_size, view->n_sections + 1,
                                 sizeof *view->sections);
    struct section *const section = &view->sections[view->n_sections++];
    *section = (struct section){.name = name, .heading = heading};
    return section;
}

void view_add_note(struct view *view, const char *note)
{
    view->notes =
        memory_grow(view->notes, &view->notes_size, view->n_notes + 1, sizeof *view->notes);
    view->notes[view->n_notes++] = note;
}

void section_add(struct section *section, const char *name, struct cell value, const char *note)
{
    section->facts = memory_grow(section->facts, &section->facts_size, section->n_facts + 1,
                                 sizeof *section->facts);
    section->facts[section->n_facts++] = (struct fact){name, value, note};
}

void view_shorten_paths(struct view *view)
{
    struct path_set paths = {0};
    for (size_t g = 0; g < view->n_groups; g++) {
        for (size_t i = 0; i < view->groups[g].n_rows; i++)
            path_set_add(&paths, view->groups[g].rows[i].frame.file);
    }
    path_set_shorten(&paths);
    for (size_t g = 0; g < view->n_groups; g++) {
        for (size_t i = 0; i < view->groups[g].n_rows; i++) {
            struct frame *const frame = &view->groups[g].rows[i].frame;
            if (frame->file != NULL)
                frame->file = path_untagged(&view->arena, path_set_find(&paths, frame->file));
        }
    }
    path_set_clear(&paths);
}
