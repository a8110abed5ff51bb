/* SPDX-License-Identifier: MIT */
/* annotate: a source file with what its lines took. */
#include "analyze/ask/remainder.h"
#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/base/suggest.h"
#include "analyze/cli/command.h"
#include "analyze/source/annotate.h"
#include "tree_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AROUND 3u

static enum status no_file(const struct modules *modules, const char *wanted, struct problem *why)
{
    const char **const names = memory_get(modules->n_modules * sizeof(const char *));
    for (size_t i = 0; i < modules->n_modules; i++)
        names[i] = basename(modules->modules[i].file);
    const char *const meant = suggest_among(basename(wanted), names, modules->n_modules);
    free(names);
    if (meant != NULL && strcmp(meant, wanted) != 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "no sample is in a file \"%s\"; did you mean \"%s\"?", wanted, meant);
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "no sample is in a file \"%s\"; pyanalyze files lists them all", wanted);
}

/*
 * The file of the trace that is meant: its path, the end of it, or a file that is here and has the
 * same name.
 */
static enum status find_file(const struct modules *modules, const char *wanted, uint32_t *module,
                             struct problem *why)
{
    struct stat info;
    const bool here = stat(wanted, &info) == 0;
    for (int try = 0; try < 2; try++) {
        const char *const end = try == 0 ? wanted : basename(wanted);
        size_t n = 0;
        for (size_t i = 0; i < modules->n_modules; i++) {
            if (strcmp(modules->modules[i].file, wanted) == 0) {
                *module = (uint32_t)i;
                return STATUS_OK;
            }
            if (!path_ends_with(modules->modules[i].file, end))
                continue;
            if (n++ > 0)
                return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                                   "several files are called \"%s\": %s, %s ..; say more of the "
                                   "path",
                                   wanted, modules->modules[*module].file,
                                   modules->modules[i].file);
            *module = (uint32_t)i;
        }
        if (n == 1)
            return STATUS_OK;
        if (!here)
            break;
    }
    return no_file(modules, wanted, why);
}

/* Where its text is: below --source, the file that was named, in the trace, or at its path. */
static enum status read_source(const struct request *request, const char *file,
                               struct source *source, struct problem *why)
{
    const struct args *const args = request->args;
    const char *const folder = args_text(args, "source");
    struct stat info;
    if (folder != NULL) {
        struct arena arena = {0};
        const char *const path = source_below(&arena, folder, file);
        const enum status status =
            path != NULL ? source_read(source, path, why)
                         : problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: no %s is below it",
                                       folder, basename(file));
        arena_clear(&arena);
        return status;
    }
    return stat(args->word, &info) == 0 ? source_read(source, args->word, why)
                                        : source_find(source, &request->trace->census, file, why);
}

static void add_file(struct request *request, struct view *view, uint32_t module)
{
    const struct profile *const profile = &request->profile;
    const char *const file = profile->symbols.modules->modules[module].file;
    const struct basis *const basis = tree_basis(request, view);
    const struct annotate_wish wish = {
        .module = module,
        .all_lines = args_flag(request->args, "whole"),
        .around = AROUND,
        .machine = request->machine,
    };
    struct source source = {0};
    struct problem why = {0};
    const bool readable = read_source(request, file, &source, &why) == STATUS_OK;
    struct group *const group =
        annotate_add(view, profile, basis, readable ? &source : NULL, &wish);
    group->heading = file;
    view->blank = true;
    if (readable) {
        const char *const doubt = annotate_doubt(&view->arena, profile, module, &source);
        if (doubt != NULL)
            view_add_note(view, doubt);
        if (source.is_ambiguous)
            view_add_note(view, "The trace has several texts of this name: the newest is shown");
        if (source.unknown_coding != NULL)
            view_add_note(view, arena_print(&view->arena,
                                            "%s says that it is written in \"%s\", which is not "
                                            "known here: read as UTF-8",
                                            source.path, source.unknown_coding));
    } else {
        view_add_note(view, arena_print(&view->arena,
                                        "Without its source: %s; --source DIR says where it is",
                                        why.detail));
    }
    source_clear(&source);
}

static enum status build_annotate(struct request *request, struct view *view, struct problem *why)
{
    uint32_t module = 0;
    request->profile.expressions = true;
    tree_read(request);
    TRY(find_file(&request->profile.modules, request->args->word, &module, why));
    view->shape = SHAPE_TABLE;
    if (!basis_is_empty(tree_basis(request, view)))
        add_file(request, view, module);
    else
        view->nothing = true;
    remainder_add_notes(request, view);
    return STATUS_OK;
}

static const struct option options[] = {
    {"source", 's', "DIR", OPTION_TEXT,
     "look for the source below this folder, with as much of its own path as is there", NULL, 0},
    {"whole", 'w', NULL, OPTION_FLAG, "all lines of the file", NULL, 0},
    OPTION_END,
};

const struct command command_annotate = {
    .name = "annotate",
    .synopsis = "[options] SOURCE [FILE...]",
    .summary = "a source file with what its lines and expressions took",
    .text = "SOURCE is a path as files shows it, the end of one, or a file here of the same "
            "name. The lines that took something are printed, with some lines around them; (cum) "
            "counts every stack that contains the line, once per stack. Carets below a line show "
            "which of its expressions took the time (CPython 3.11 and later say so): at most "
            "three per line, and only shares that can be told from nothing. All threads are "
            "taken together; --thread chooses. --match and --exclude choose whole stacks; where "
            "nothing has weight under the metric, shares are of samples.\n"
            "\n"
            "The source is read as it is now. A line says so if it was changed since the "
            "recording, if it does not have what the trace names, or if it is not there. In csv "
            "and json only lines and expressions that took something have a row; an expression "
            "has column and end_column.",
    .example = "pyanalyze annotate --source . demo.py run.trace",
    .takes = TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES | TAKES_FORMAT |
             TAKES_COLOR | TAKES_JOBS | TAKES_RANGE | TAKES_STATE | TAKES_BY,
    .options = options,
    .word = "source file",
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_SOURCE,
    .columns = "share,share_cum,cpu_time,cpu_time_cum,line,source",
    .machine_columns = "file,line,column,end_line,end_column,share,share_cum,cpu_time,"
                       "cpu_time_cum,ticks,ticks_cum,samples,samples_cum,wall,wall_cum,source",
    .build = build_annotate,
};
