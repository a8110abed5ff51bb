/* SPDX-License-Identifier: MIT */
/*
 * pyanalyze - the whole line in one function: request, view, arrangement, output.
 *
 * Only here errors are printed and exit codes chosen.
 */
#include "analyze/ask/arrange.h"
#include "analyze/ask/follow.h"
#include "analyze/ask/progress.h"
#include "analyze/ask/request.h"
#include "analyze/cli/command.h"
#include "analyze/cli/help.h"
#include "analyze/out/text/text_line.h"
#include "analyze/read/input.h"
#include "format/base/spelling.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_NOTHING = 1, /* nothing usable */
    EXIT_USAGE = 2,
    EXIT_DAMAGE = 3, /* read, with damage */
    EXIT_FAILED = 4, /* a limit that was set (--fail-on) is passed */
    EXIT_EMPTY = 5,  /* there is nothing of what was asked for */
};

/* What is printed beside an answer has the characters that the locale knows, as the answer has. */
static void print_line(FILE *to, const char *before, struct buffer *line)
{
    if (spelling_is_ascii())
        text_line_make_plain(line);
    fprintf(to, "%s%s\n", before, line->text);
}

static void say(struct buffer *line)
{
    print_line(stderr, "pyanalyze: ", line);
}

static enum exit_code say_problem(enum status status, const struct problem *why)
{
    struct buffer line = {0};
    buffer_add_visible(&line, why->detail[0] != '\0' ? why->detail : status_text(status));
    if (status == STATUS_NOT_A_TRACE)
        buffer_print(&line, ": %s", status_text(status));
    say(&line);
    buffer_clear(&line);
    return status == STATUS_USAGE ? EXIT_USAGE : EXIT_NOTHING;
}

/* Names are UTF-8; without such a locale widths would be wrong. Numbers stay as in C. */
static void choose_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void say_open_files(const struct trace *trace)
{
    struct buffer line = {0};
    for (size_t i = 0; i < trace->n_files; i++) {
        const struct chunk_file *const file = trace->files[i].chunks;
        if (chunk_file_closed(file))
            continue;
        buffer_reset(&line);
        buffer_add_visible(&line, chunk_file_path(file));
        buffer_add_text(&line, ": not closed: still being written, or cut off");
        say(&line);
    }
    buffer_clear(&line);
}

static enum exit_code say_damage(struct request *request)
{
    const struct trace *const traces[2] = {request->trace, request->second};
    struct damage_log *const log = &request->damage;
    struct buffer line = {0};
    damage_log_sort(log);
    const bool said = request->args->command->shows_damage;
    for (size_t i = 0; i < log->n && !said; i++) {
        buffer_reset(&line);
        damage_print(&line, &log->entries[i]);
        say(&line);
    }
    if (log->n_more > 0 && !said)
        fprintf(stderr, "pyanalyze: and %zu more\n", log->n_more);
    for (int w = 0; w < 2 && !said; w++) {
        if (traces[w] != NULL)
            say_open_files(traces[w]);
    }
    buffer_clear(&line);
    if (log->n == 0)
        return EXIT_GOOD;
    for (int w = 0; w < 2; w++) {
        if (traces[w] != NULL && traces[w]->census.n_processes > 0)
            return EXIT_DAMAGE;
    }
    return EXIT_NOTHING;
}

/* Writing over a trace that is being read would be the end of it. */
static enum status check_output(const struct args *args, const char *path, struct problem *why)
{
    struct stat out, in;
    if (path == NULL && args->command->writes_trace && !args->command->writes_beside)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s wants --output FILE, the trace to be written", args->command->name);
    if (path == NULL ||
        (strcmp(path, "-") == 0 ? fstat(STDOUT_FILENO, &out) : stat(path, &out)) != 0)
        return STATUS_OK;
    for (size_t i = 0; i < args->n_files; i++) {
        if (input_look(args->files[i], &in) && S_ISREG(in.st_mode) && in.st_dev == out.st_dev &&
            in.st_ino == out.st_ino)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--output: %s is the trace that is read", path);
    }
    return STATUS_OK;
}

/* A pipe is gone when it was read; and of standard input nobody can tell who writes the file. */
static enum status check_follow(const struct args *args, struct problem *why)
{
    for (size_t i = 0; i < args->n_files; i++) {
        if (input_passes_by(args->files[i]))
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--follow: %s cannot be read again when there is more of it; give "
                               "the path of the file that is being written",
                               input_name(args->files[i]));
    }
    return STATUS_OK;
}

/* Standard input has one content; twice is a mistake. */
static enum status check_input(const struct args *args, struct problem *why)
{
    size_t n = 0;
    for (size_t i = 0; i < args->n_files; i++)
        n += strcmp(args->files[i], "-") == 0;
    if (n > 1)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s: \"-\" is standard input, and there is only one",
                           args->command->name);
    return STATUS_OK;
}

/* Can an answer take the place of the one before? */
static bool is_in_place(bool terminal)
{
    const char *const term = getenv("TERM");
    return terminal && (term == NULL || strcmp(term, "dumb") != 0);
}

/* The first answer of --follow makes room for itself; the next ones stand in its place, or below.
 */
static void begin_round(struct sink *sink, const struct args *args, unsigned round)
{
    const bool in_place = is_in_place(sink->terminal);
    if (!(args->command->takes & TAKES_FOLLOW) || !args_flag(args, "follow"))
        return;
    if (in_place)
        sink_text(sink, "\033[H\033[2J");
    else if (round > 0)
        sink_text(sink, "\n");
}

/* Where the answer goes: NULL = standard output. `named` has room for a path that is made up. */
static const char *output_path(const struct arrangement *arrangement, const struct args *args,
                               struct buffer *named)
{
    const char *const path = args_output(args);
    if (args->command->writes_beside && args_text(args, "output") == NULL)
        return NULL;
    if (args->command->writes_trace) /* what it says of the trace, which may be there itself */
        return path == NULL || descriptor_of_path(path) == STDOUT_FILENO ? "/dev/stderr" : NULL;
    if (args_text(args, "output") != NULL || !args->command->writes_file)
        return path;
    const char *const slash = strrchr(args->files[0], '/');
    const char *const name = slash != NULL ? slash + 1 : args->files[0];
    const char *const ending = strrchr(name, '.');
    const bool is_trace = ending != NULL && ending != name && strcmp(ending, ".trace") == 0;
    if (input_passes_by(args->files[0]) || descriptor_of_path(args->files[0]) >= 0)
        buffer_add_text(named, args->command->name);
    else
        buffer_add(named, name, is_trace ? (size_t)(ending - name) : strlen(name));
    buffer_add_text(named, arrangement->output->ending);
    return named->text;
}

/* Of a file that nobody sees being written: where it is, and what the command has to say of it. */
static enum status say_written(const struct args *args, const struct view *view, const char *path,
                               struct problem *why)
{
    struct buffer line = {0};
    struct stat info;
    if (path == NULL || descriptor_of_path(path) >= 0 || stat(path, &info) != 0 ||
        !S_ISREG(info.st_mode))
        return STATUS_OK;
    buffer_add_visible(&line, path);
    buffer_print(&line, ": %.2f MB", (double)info.st_size / 1e6);
    for (size_t i = 0; i < view->n_notes; i++) {
        buffer_add_text(&line, "; ");
        buffer_add_visible(&line, view->notes[i]);
    }
    print_line(stdout, "", &line);
    buffer_clear(&line);
    char *const words[] = {"xdg-open", (char *)(uintptr_t)path, NULL};
    pid_t pid;
    if (args_flag(args, "open") && posix_spawnp(&pid, words[0], NULL, NULL, words, environ) != 0)
        printf("xdg-open is not there: open it in a browser\n");
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "standard output: %s", strerror(errno));
}

static void warn(const char *text)
{
    struct buffer line = {0};
    buffer_add_visible(&line, text);
    say(&line);
    buffer_clear(&line);
}

static enum status write_view(const struct arrangement *arrangement, const struct args *args,
                              const struct request *request, struct view *view, unsigned round,
                              struct problem *why)
{
    const char *const wanted = args_text(args, "color");
    enum color_choice color = COLOR_AUTO;
    struct sink sink;
    for (size_t i = 0; wanted != NULL && sink_color_name(i) != NULL; i++) {
        if (strcmp(wanted, sink_color_name(i)) == 0)
            color = (enum color_choice)i;
    }
    struct buffer named = {0};
    const char *const path = output_path(arrangement, args, &named);
    if (arrangement->output->folder) {
        buffer_clear(&named);
        return arrangement->output->write(&(struct sink){.path = path}, view, why);
    }
    enum status status = sink_open(&sink, path, color, why);
    if (status != STATUS_OK) {
        buffer_clear(&named);
        return status;
    }
    if (sink.terminal && arrangement->output->binary) {
        sink_abandon(&sink);
        buffer_clear(&named);
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--format: %s is not for a terminal; say --output FILE",
                           arrangement->output->name);
    }
    if (args->command->takes & TAKES_FOLLOW && args_flag(args, "follow") &&
        !arrangement->output->machine)
        view->headline = follow_headline(&view->arena, request->trace,
                                         request->damage.n + request->damage.n_more);
    const struct screen screen = {sink.width, sink.terminal ? sink.height : 0};
    arrangement_apply(arrangement, view, &screen);
    begin_round(&sink, args, round);
    status = arrangement->output->write(&sink, view, why);
    if (status != STATUS_OK)
        sink_abandon(&sink);
    else
        status = sink_close(&sink, why);
    if (status == STATUS_OK && args->command->writes_file)
        status = say_written(args, view, path, why);
    if (status == STATUS_OK && arrangement->output->machine && view->warning != NULL)
        warn(view->warning);
    buffer_clear(&named);
    return status;
}

/* Where a sample list is written while it is read, nothing may stand between its lines. */
static bool may_show_progress(const struct args *args)
{
    return args->command->shape != SHAPE_LOG || isatty(STDOUT_FILENO) != 1;
}

/* A misspelt name must not pass for an answer, least of all in a script. */
static enum exit_code say_empty(const struct request *request)
{
    struct buffer raw = {0}, line = {0};
    request_say_nothing(request, &raw);
    buffer_add_visible(&line, raw.text);
    say(&line);
    buffer_clear(&raw);
    buffer_clear(&line);
    return EXIT_EMPTY;
}

/* Is an answer without rows one that a program reads as such? A whole profile of nothing is not. */
static bool may_be_empty(const struct arrangement *arrangement, const struct request *request,
                         const struct view *view)
{
    const unsigned tables = SHAPE_TABLE | SHAPE_STORY | SHAPE_CURVES;
    return arrangement->output->machine && view->shape & tables &&
           args_output(request->args) == NULL;
}

/* The answer, unless it is none. While a file grows, there may be one the next time. */
static enum status write_answer(const struct arrangement *arrangement,
                                const struct request *request, struct view *view, unsigned round,
                                bool follows, struct problem *why)
{
    if (view->shape != SHAPE_LOG)
        view->nothing = view->nothing || request_asks_nobody(request);
    if (view->nothing && follows)
        view_add_note(view, "There are no samples of what was asked for.");
    else if (view->nothing && view->shape != SHAPE_LOG && !may_be_empty(arrangement, request, view))
        return STATUS_OK;
    return write_view(arrangement, request->args, request, view, round, why);
}

/* Open what is asked, or, from the second round on, go on where the last one ended. */
static enum status begin_request(struct request *request, const struct args *args, bool machine,
                                 struct problem *why)
{
    bool anew = false;
    if (request->trace != NULL) {
        TRY(request_go_on(request, &anew, why));
        if (!anew)
            return STATUS_OK;
        request_close(request);
    }
    return request_open(request, args, machine, why);
}

/* A name that works for one more version. */
static void say_renamed(const struct select *select)
{
    if (select->renamed != NULL)
        fprintf(stderr,
                "pyanalyze: --state: that state is called %s now; its old name will be gone with "
                "the next version\n",
                select->renamed);
}

/* Read and answer once. `again` says that this may not have been the last time. */
static enum exit_code run_once(struct request *request, const struct arrangement *arrangement,
                               const struct args *args, unsigned round, bool *again)
{
    struct progress progress = {.running = false};
    struct view view = {0};
    struct problem why = {0};
    enum exit_code code = EXIT_GOOD;

    enum status status = begin_request(request, args, arrangement->output->machine, &why);
    if (args_output(args) == NULL && !arrangement->output->machine)
        sink_screen(&request->screen.width, &request->screen.height);
    if (status == STATUS_OK && round == 0)
        say_renamed(&request->select);
    if (status == STATUS_OK && round == 0 && may_show_progress(args))
        progress_start(&progress, request->trace->count, STDERR_FILENO, PROGRESS_DELAY_MS);
    if (status == STATUS_OK)
        status = args->command->build(request, &view, &why);
    if (!(view.shape & (SHAPE_LOG | SHAPE_STAR))) /* which are read while they are written */
        progress_stop(&progress);
    if (status == STATUS_OK && view.shape != SHAPE_LOG)
        status = request_check(request, &why);
    if (status == STATUS_OK)
        status = write_answer(arrangement, request, &view, round, *again, &why);
    progress_stop(&progress);
    if (status == STATUS_OK)
        status = request_check(request, &why);
    *again = *again && status == STATUS_OK && !trace_ended(request->trace);
    if (request->trace != NULL && !*again)
        code = say_damage(request);
    if (code == EXIT_GOOD && view.failed)
        code = EXIT_FAILED;
    if (status == STATUS_OK && view.nothing && !*again && code != EXIT_NOTHING)
        code = say_empty(request);
    if (status != STATUS_OK)
        code = say_problem(status, &why);
    view_clear(&view);
    return code;
}

static enum exit_code run(const struct args *args)
{
    struct arrangement arrangement;
    struct problem why = {0};
    struct follow follow = {.prints = args_output(args) == NULL};
    struct request request = {0};
    enum exit_code code = EXIT_GOOD;

    enum status status = arrangement_make(&arrangement, args, &why);
    if (status == STATUS_OK)
        status = check_output(args, args_text(args, "output"), &why);
    const bool follows = args->command->takes & TAKES_FOLLOW && args_flag(args, "follow");
    if (status == STATUS_OK)
        status = check_input(args, &why);
    if (status == STATUS_OK && follows)
        status = check_follow(args, &why);
    if (status != STATUS_OK)
        return say_problem(status, &why);
    bool again = follows;
    for (unsigned round = 0; round == 0 || again; round++) {
        if (round > 0 &&
            !follow_wait(&follow, request.trace, is_in_place(isatty(STDOUT_FILENO) == 1)))
            raise(SIGPIPE); /* as the next answer would */
        follow_note(&follow);
        code = run_once(&request, &arrangement, args, round, &again);
    }
    request_close(&request);
    return code;
}

static enum exit_code answer(const struct args *args)
{
    struct buffer text = {0};
    struct problem why = {0};
    enum exit_code code = EXIT_GOOD;
    if (args_flag(args, "help")) {
        help_command(args->command, &text);
    } else {
        const enum status status = help_answer(args, &text, &why);
        if (status != STATUS_OK)
            code = say_problem(status, &why);
    }
    if (text.text != NULL)
        fputs(text.text, stdout);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        problem_set(&why, STATUS_IO, PROBLEM_NO_OFFSET, "standard output: %s", strerror(errno));
        code = say_problem(STATUS_IO, &why);
    }
    buffer_clear(&text);
    return code;
}

/*
 * Whoever runs us with one of these closed does not want our files in its place: then it is held by
 * something that cannot be read, or written, and fails as it should. And a pipe whose reader has
 * gone ends us, as by default, also below a program that ignores that signal.
 */
static void settle_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
    (void)signal(SIGPIPE, SIG_DFL);
}

int main(int argc, char **argv)
{
    struct args args = {0};
    struct problem why = {0};
    enum exit_code code;

    settle_standard_files();
    choose_locale();
    enum status status = args_parse(&args, argc, argv, &why);
    if (status == STATUS_OK && args.command->run != NULL && !args_flag(&args, "help")) {
        status = args.command->run(&args, &why);
        code = status == STATUS_OK ? EXIT_GOOD : say_problem(status, &why);
    } else if (status != STATUS_OK)
        code = say_problem(status, &why);
    else if (args.command->build == NULL || args_flag(&args, "help"))
        code = answer(&args);
    else
        code = run(&args);
    args_clear(&args);
    return code;
}
