/* SPDX-License-Identifier: MIT */
#include "sink.h"

#include "format/base/spelling.h"
#include "memory.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEIGHT_GUESS   50u /* of a pipe: somebody will scroll */
#define WIDTH_GUESS    80u
#define SIZE_MAX_CELLS 10000u

/* A size from the environment, which wins over the terminal's own; 0 when it is none. */
static unsigned environment_size(const char *name)
{
    const char *const text = getenv(name);
    char *end;
    if (text == NULL || *text == '\0')
        return 0;
    const unsigned long n = strtoul(text, &end, 10);
    return *end == '\0' && n <= SIZE_MAX_CELLS ? (unsigned)n : 0;
}

static void measure_terminal(struct sink *sink)
{
    struct winsize size = {0};
    sink->width = WIDTH_GUESS;
    if (ioctl(fileno(sink->file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        sink->width = size.ws_col;
        sink->height = size.ws_row;
    }
    const unsigned columns = environment_size("COLUMNS"), lines = environment_size("LINES");
    if (columns > 0)
        sink->width = columns;
    if (lines > 0)
        sink->height = lines;
}

const char *sink_color_name(size_t choice)
{
    static const char *const names[] = {
        [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
    return choice < ARRAY_LEN(names) ? names[choice] : NULL;
}

static bool wants_color(const struct sink *sink, enum color_choice color)
{
    const char *const no_color = getenv("NO_COLOR"), *const term = getenv("TERM");
    if (color != COLOR_AUTO)
        return color == COLOR_ALWAYS;
    return sink->terminal && (no_color == NULL || *no_color == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void sink_screen(unsigned *width, unsigned *height)
{
    struct sink sink = {.file = stdout, .height = HEIGHT_GUESS};
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    if (terminal)
        measure_terminal(&sink);
    *width = terminal ? sink.width : 0;
    *height = terminal ? sink.height : 0;
}

bool sink_wait(unsigned milliseconds)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    const int end = milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
    return poll(&output, 1, end) <= 0 || !(output.revents & POLLERR);
}

enum status sink_open(struct sink *sink, const char *path, enum color_choice color,
                      struct problem *why)
{
    *sink = (struct sink){.file = stdout, .path = path, .height = HEIGHT_GUESS};
    if (path != NULL) {
        if (!whole_file_open(&sink->whole, path))
            return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path, strerror(errno));
        sink->file = fdopen(sink->whole.fd, "w");
        if (sink->file == NULL)
            memory_fail();
    }
    sink->terminal = isatty(fileno(sink->file)) == 1;
    if (sink->terminal)
        measure_terminal(sink);
    sink->color = wants_color(sink, color);
    sink->ascii = spelling_is_ascii();
    return STATUS_OK;
}

void sink_text(struct sink *sink, const char *text)
{
    fputs(text, sink->file);
}

void sink_print(struct sink *sink, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(sink->file, format, list);
    va_end(list);
}

/*
 * Why it failed: what errno said then is long overwritten, but where nothing has changed, another
 * byte fails as well. What has it is not whole, whatever is written behind.
 */
static int error_again(FILE *file)
{
    clearerr(file);
    errno = 0;
    return fputc('\n', file) == EOF || fflush(file) != 0 ? errno : 0;
}

enum status sink_close(struct sink *sink, struct problem *why)
{
    const char *const name = sink->path != NULL ? sink->path : "standard output";
    bool failed = ferror(sink->file) != 0;
    errno = 0;
    failed |= fflush(sink->file) != 0;
    int error = errno;
    if (failed && error == 0)
        error = error_again(sink->file);
    if (!failed && !whole_file_keep(&sink->whole)) {
        error = errno;
        failed = true;
    }
    if (failed)
        whole_file_drop(&sink->whole);
    if (sink->path != NULL)
        (void)fclose(sink->file); /* nothing is left to be written */
    sink->file = NULL;
    if (!failed)
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", name,
                       error != 0 ? strerror(error) : "write failed");
}

void sink_abandon(struct sink *sink)
{
    whole_file_drop(&sink->whole);
    if (sink->path != NULL)
        (void)fclose(sink->file);
    else
        (void)fflush(sink->file);
    sink->file = NULL;
}
