/* SPDX-License-Identifier: MIT */
/*
 * plot_png, plot_svg, plot_pdf - pictures of values over time, drawn by gnuplot.
 *
 * gnuplot reads a script of ours from a file without a name and writes into the sink's file. Names
 * from the trace stand in single quotes, in which gnuplot expands nothing.
 */
#include "analyze/cli/output.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH        1200
#define PANEL_HEIGHT 320
#define WORDS_MAX    200

extern char **environ;

/* A name in single quotes, in which gnuplot expands nothing. */
static void script_quoted(FILE *script, const char *name)
{
    struct buffer text = {0};
    buffer_add_visible(&text, name); /* nothing in it may order a terminal about */
    putc('\'', script);
    for (const char *at = text.text; *at != '\0'; at++) {
        if (*at == '\'')
            putc('\'', script);
        putc(*at, script);
    }
    putc('\'', script);
    buffer_clear(&text);
}

/* One value per line; a blank one where nothing was observed, which breaks the line. */
static void script_data(FILE *script, const struct curve_set *set, size_t n)
{
    fprintf(script, "$data%zu << END_OF_DATA\n", n);
    for (size_t i = 0; i < set->n_bins; i++) {
        const double time_s = (double)(set->start_ns + i * set->bin_ns + set->bin_ns / 2) / 1e9;
        if (set->items[n].values[i] < 0)
            fputs("\n", script);
        else
            fprintf(script, "%.6f %.6f\n", time_s, set->items[n].values[i]);
    }
    fputs("END_OF_DATA\n", script);
}

static size_t panel_end(const struct curve_set *set, size_t first)
{
    size_t end = first + 1;
    while (end < set->n && strcmp(set->items[end].panel, set->items[first].panel) == 0)
        end++;
    return end;
}

static size_t count_panels(const struct curve_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i = panel_end(set, i))
        n++;
    return n;
}

/* "CPUs", or all that there are: "CPUs, threads waiting". */
static const char *panel_unit(const struct curve_set *set, size_t first, size_t end,
                              struct buffer *unit)
{
    for (size_t i = first; i < end; i++) {
        const char *const own = set->items[i].unit;
        bool said = own == NULL;
        for (size_t k = first; k < i && !said; k++)
            said = set->items[k].unit != NULL && strcmp(set->items[k].unit, own) == 0;
        if (!said)
            buffer_print(unit, "%s%s", unit->len > 0 ? ", " : "", own);
    }
    return unit->len > 0 ? unit->text : "";
}

static void script_panel(FILE *script, const struct curve_set *set, size_t first, size_t end)
{
    const double from_s = (double)set->start_ns / 1e9;
    const double to_s = (double)(set->start_ns + set->n_bins * set->bin_ns) / 1e9;
    struct buffer unit = {0};
    fputs("set title ", script);
    script_quoted(script, set->items[first].panel);
    fputs(" noenhanced\nset ylabel ", script);
    script_quoted(script, panel_unit(set, first, end, &unit));
    buffer_clear(&unit);
    fprintf(script, " noenhanced\nplot [%.6f:%.6f] [0:*]", from_s, to_s);
    for (size_t i = first; i < end; i++) {
        fprintf(script, "%s $data%zu using 1:2 with lines linewidth 1.5 title ",
                i > first ? "," : "", i);
        script_quoted(script, set->items[i].name);
        fputs(" noenhanced", script);
    }
    fputs("\n", script);
}

static void script_write(FILE *script, const struct curve_set *set, const char *terminal,
                         double unit)
{
    const size_t n = count_panels(set);
    fprintf(script, "set encoding utf8\nset terminal %s size %g,%g\n", terminal, WIDTH * unit,
            (double)(PANEL_HEIGHT * n + 40) * unit);
    fputs(
        "set output '/dev/stdout'\nset key outside right\n"
        "set lmargin at screen 0.08\nset rmargin at screen 0.85\nset grid\nset xlabel 'seconds'\n",
        script);
    for (size_t i = 0; i < set->n; i++)
        script_data(script, set, i);
    fprintf(script, "set multiplot layout %zu,1\n", n);
    for (size_t i = 0; i < set->n; i = panel_end(set, i))
        script_panel(script, set, i, panel_end(set, i));
    fputs("unset multiplot\nunset output\n", script);
}

/* What gnuplot said, on one line. */
static void read_words(FILE *from, char words[WORDS_MAX])
{
    rewind(from);
    const size_t n = fread(words, 1, WORDS_MAX - 1, from);
    words[n] = '\0';
    for (char *at = words; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ')
            *at = ' ';
    }
}

static enum status run_gnuplot(FILE *script, FILE *out, FILE *complaints, struct problem *why)
{
    char name[] = "gnuplot";
    char *argv[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    char words[WORDS_MAX];
    pid_t pid;
    int code;

    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, fileno(script), 0) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, fileno(out), 1) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, fileno(complaints), 2) != 0)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "gnuplot cannot be started");
    const int failed = posix_spawnp(&pid, name, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "pictures are drawn by gnuplot, which is not installed (Debian: "
                           "gnuplot-nox); --format csv has the same numbers");
    if (failed != 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "gnuplot cannot be started: %s",
                           strerror(failed));
    while (waitpid(pid, &code, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(code) && WEXITSTATUS(code) == 0)
        return STATUS_OK;
    read_words(complaints, words);
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "gnuplot failed: %s", words);
}

static enum status draw(struct sink *to, const struct view *view, const char *terminal, double unit,
                        struct problem *why)
{
    if (view->curves.n == 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "there is nothing to draw");
    FILE *const script = tmpfile(), *const complaints = tmpfile();
    enum status status = STATUS_OK;
    if (script == NULL || complaints == NULL)
        status = problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "no temporary file: %s",
                             strerror(errno));
    if (status == STATUS_OK) {
        script_write(script, &view->curves, terminal, unit);
        if (fflush(script) != 0 || ferror(script) || fflush(to->file) != 0)
            status = problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "script for gnuplot: %s",
                                 strerror(errno));
    }
    if (status == STATUS_OK) {
        rewind(script);
        status = run_gnuplot(script, to->file, complaints, why);
    }
    if (script != NULL)
        fclose(script);
    if (complaints != NULL)
        fclose(complaints);
    return status;
}

static enum status write_png(struct sink *to, const struct view *view, struct problem *why)
{
    return draw(to, view, "pngcairo font 'sans,10'", 1, why);
}

static enum status write_svg(struct sink *to, const struct view *view, struct problem *why)
{
    return draw(to, view, "svg font 'sans,10' dynamic background '#ffffff'", 1, why);
}

static enum status write_pdf(struct sink *to, const struct view *view, struct problem *why)
{
    return draw(to, view, "pdfcairo font 'sans,10'", 0.01, why);
}

const struct output output_plot_png = {
    .name = "plot_png",
    .help = "a picture, drawn by gnuplot; also by --output NAME.png",
    .accepts = SHAPE_CURVES,
    .binary = true,
    .ending = ".png",
    .write = write_png,
};

const struct output output_plot_svg = {
    .name = "plot_svg",
    .help = "the same as svg; also by --output NAME.svg",
    .accepts = SHAPE_CURVES,
    .ending = ".svg",
    .write = write_svg,
};

const struct output output_plot_pdf = {
    .name = "plot_pdf",
    .help = "the same as pdf; also by --output NAME.pdf",
    .accepts = SHAPE_CURVES,
    .binary = true,
    .ending = ".pdf",
    .write = write_pdf,
};
