/* SPDX-License-Identifier: MIT */
/* symbols: names, lines and inlined functions of C, from debug information. */
#include "analyze/ask/request.h"
#include "analyze/cli/args.h"
#include "analyze/cli/command.h"
#include "analyze/debug/debug_fetch.h"
#include "analyze/debug/debug_line.h"
#include "analyze/debug/debug_look.h"
#include "analyze/debug/dwarf_read.h"
#include "analyze/names/names_file.h"
#include "analyze/read/input.h"
#include "analyze/repair/salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum status take_places(struct debug_places *places, const struct request *request,
                               struct view *view, struct problem *why)
{
    const struct args *const args = request->args;
    const char *folder;
    size_t at = 0;
    *places = (struct debug_places){
        .folders = arena_get(&view->arena, (args->n_given + 1) * sizeof *places->folders)};
    while ((folder = args_next(args, "debug-dir", &at)) != NULL)
        places->folders[places->n_folders++] = folder;
    if (!args_flag(args, "debuginfod"))
        return STATUS_OK;
    places->servers = getenv(FETCH_VARIABLE);
    if (!debug_fetch_is_there())
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--debuginfod: this pyanalyze was built without libcurl (Debian: "
                           "libcurl4-openssl-dev)");
    if (places->servers == NULL || places->servers[strspn(places->servers, " \t\n")] == '\0')
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--debuginfod asks the servers in " FETCH_VARIABLE
                           ", which is not set; Debian's is https://debuginfod.debian.net");
    return STATUS_OK;
}

/* A trace of which nothing can stand beside needs another place for what is found. */
static enum status check_beside(const struct request *request, struct problem *why)
{
    for (size_t i = 0; i < request->args->n_files; i++)
        if (args_text(request->args, "output") == NULL && input_passes_by(request->args->files[i]))
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "%s is no file that names can be written beside: give --output, a "
                               "new trace",
                               input_name(request->args->files[i]));
    return STATUS_OK;
}

static uint64_t named_before(const struct wish_object *o)
{
    uint64_t n = 0;
    for (size_t i = 0; i < o->n_functions; i++)
        n += !o->functions[i].is_nameless;
    return n;
}

/* What is found is added to the trace's names. */
static enum status look_for(struct debug_line *line, const struct wish_object *o,
                            const struct debug_places *places, struct trace *trace,
                            struct arena *arena, struct problem *why)
{
    struct debug_found found = {0};
    *line = (struct debug_line){.path = arena_copy(arena, o->path, strlen(o->path)),
                                .build_id = arena_copy(arena, o->build_id, strlen(o->build_id)),
                                .n_functions = o->n_functions,
                                .n_named_before = named_before(o),
                                .n_places = o->n_places};
    line->n_named = line->n_named_before;
    if (o->path[0] != '/') {
        line->text = "it is the kernel's";
        return STATUS_OK;
    }
    if (o->build_id[0] == '\0') {
        line->text = "it has no build-id, or could not be read when it was recorded";
        return STATUS_OK;
    }
    TRY(debug_look(&found, o, places, why));
    if (found.is_found)
        TRY(debug_names_add(&trace->names, (const uint8_t *)found.symbols.text, found.symbols.len,
                            why));
    line->text = arena_copy(arena, found.text, strlen(found.text));
    line->n_named += found.n_named;
    line->n_lines = found.n_lines;
    line->n_inlined = found.n_inlined;
    debug_found_clear(&found);
    return STATUS_OK;
}

static enum status write_beside(const struct request *request, struct view *view,
                                struct problem *why)
{
    for (size_t i = 0; i < request->args->n_files; i++) {
        char *const beside = names_file_beside(request->args->files[i]);
        const enum status status = names_file_write(&request->trace->names, beside,
                                                    request->trace->census.recordings[0]->tag, why);
        if (status == STATUS_OK)
            view_add_note(view, arena_print(&view->arena,
                                            "Written: %s. Every command shows these names as long "
                                            "as it stands beside the trace.",
                                            beside));
        free(beside);
        TRY(status);
    }
    return STATUS_OK;
}

static enum status write_trace(const struct request *request, struct view *view,
                               struct problem *why)
{
    const char *const path = args_text(request->args, "output");
    struct salvage_result result;
    struct audit audit;
    audit_run(&audit, request->trace, request_workers(request));
    TRY(salvage_write(request->trace, &audit, path, NULL, &result, why));
    view_add_note(view, arena_print(&view->arena, "Written: %s, with the names in it.", path));
    return STATUS_OK;
}

static void say_missing(struct view *view, const struct group *group, bool asked)
{
    uint64_t n = 0;
    for (size_t i = 0; i < group->n_rows; i++)
        n += group->rows[i].object->n_functions - group->rows[i].object->n_named;
    if (n == 0)
        return;
    view_add_note(view,
                  arena_print(&view->arena,
                              "%" PRIu64 " function%s no name. Debug files come with packages "
                              "such as python3-dbg or libc6-dbg, with -dbgsym or -debuginfo "
                              "packages%s.",
                              n, n == 1 ? " still has" : "s still have",
                              asked ? "" : ", and from servers: --debuginfod"));
}

static enum status fill_view(struct request *request, struct view *view,
                             const struct debug_wish *wish, struct problem *why)
{
    struct debug_places places;
    TRY(take_places(&places, request, view, why));
    struct debug_line *const lines = arena_get(&view->arena, (wish->n_objects + 1) * sizeof *lines);
    view->shape = SHAPE_TABLE;
    struct group *const group = view_add_group(view, NULL, wish->n_objects);
    for (size_t i = 0; i < wish->n_objects; i++) {
        TRY(look_for(&lines[i], &wish->objects[i], &places, request->trace, &view->arena, why));
        group->rows[i] = (struct row){.object = &lines[i]};
    }
    say_missing(view, group, places.servers != NULL);
    if (args_text(request->args, "output") != NULL)
        return write_trace(request, view, why);
    return write_beside(request, view, why);
}

static enum status build_symbols(struct request *request, struct view *view, struct problem *why)
{
    struct debug_wish wish = {0};
    if (!dwarf_read_is_there())
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "this pyanalyze was built without libdw (Debian: libdw-dev), which "
                           "reads debug information");
    TRY(check_beside(request, why));
    debug_wish_read(&wish, request->trace, request_workers(request));
    enum status status = STATUS_OK;
    if (wish.n_objects == 0)
        status = problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
                             "there are no C functions in %s: pyrec --native records them",
                             input_name(request->args->files[0]));
    else
        status = fill_view(request, view, &wish, why);
    debug_wish_clear(&wish);
    return status;
}

static const struct option options[] = {
    {"output", 'o', "FILE", OPTION_TEXT,
     "write a new trace with the names in it; without this they are written beside the trace, and "
     "the trace stays as it is",
     NULL, 0},
    {"debug-dir", 0, "DIR", OPTION_TEXT,
     "also look below DIR, as below /usr/lib/debug, and before that; can be given several times",
     NULL, 0},
    {"debuginfod", 0, NULL, OPTION_FLAG,
     "ask the servers in DEBUGINFOD_URLS for what is not on this machine", NULL, 0},
    OPTION_END,
};

const struct command command_symbols = {
    .name = "symbols",
    .synopsis = "[options] [FILE...]",
    .summary = "name C functions, their lines and inlined functions, from debug information",
    .text =
        "For recordings made with pyrec --native. Each file with C functions is known by its "
        "build-id, and its debug information is looked for: in /usr/lib/debug by build-id, by the "
        "name in .gnu_debuglink and by the path of the file, beside the file, and in the file "
        "itself. What has another build-id, such as a library that was updated since, is never "
        "used. Nothing is asked of a server unless --debuginfod is given; what servers send is "
        "kept in ~/.cache/debuginfod_client, as by other programs.\n"
        "\n"
        "What was found is written beside the trace, into FILE.symbols, and all commands show it "
        "from then on; with --output a new trace has it inside. A function that no symbol named "
        "gets its name, and its place in the source; one that has a name keeps it. Recordings of "
        "pyrec --native-lines also have the addresses that ran: then lines are shown, and "
        "functions that the compiler has put into others are frames of their own, marked "
        "(inlined). A line is shown only where it is one of the file that its function is in.\n"
        "\n"
        "The table says of each file how many of its functions had names, how many have now, and "
        "from where, or why not. Debug information is read in a process of its own: a file that "
        "cannot be read is said to be so, and the others are named.",
    .example = "pyanalyze symbols native.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_FORMAT | TAKES_COLOR | TAKES_JOBS,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_OBJECT,
    .columns = "c_functions,named_before,named,places,with_line,inlined,object,debug_file",
    .machine_columns = "object,build_id,c_functions,named_before,named,places,with_line,inlined,"
                       "debug_file",
    .sort = "c_functions,object",
    .writes_trace = true,
    .writes_beside = true,
    .build = build_symbols,
};
