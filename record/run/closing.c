/* SPDX-License-Identifier: MIT */
#include "closing.h"

#include "diagnose.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUSY_PART 10 /* of a CPU: from there on its use of the CPU is a base for others */

/* A line as it grows; what does not fit is cut off. */
struct line {
    char *text;
    size_t size, len;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line->text + line->len, line->size - line->len, format, args);
    va_end(args);
    line->len += n < 0 ? 0 : (size_t)n;
    if (line->len > line->size - 1)
        line->len = line->size - 1;
}

/* "1 thread", "1,234,567 threads". */
static void add_count(struct line *line, uint64_t n, const char *one, const char *many)
{
    char digits[32], grouped[48];
    const size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            grouped[to++] = ',';
        grouped[to++] = digits[i];
    }
    grouped[to] = '\0';
    add(line, "%s %s", grouped, n == 1 ? one : many);
}

static void add_bytes(struct line *line, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit < ARRAY_LEN(units) - 1; unit++)
        value /= 1000;
    add(line, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/*
 * The recorder's own time, in percent of one CPU; beside it in percent of what the program used,
 * unless that was next to nothing: a program that waits would be told that it costs many times as
 * much as itself.
 */
static void add_cost(struct line *line, const struct closing *closing)
{
    const struct account *total = &closing->collect->total;
    const uint64_t inside_ns = total->handler_ns + total->sampler_cpu_ns;
    const uint64_t cost_ns = inside_ns + closing->collector_cpu_ns;
    if (closing->duration_ns == 0)
        return;
    const double of_cpu = 100.0 * (double)cost_ns / (double)closing->duration_ns;
    add(line, ", recorder %.*f %% of a CPU", of_cpu < 1 ? 2 : 1, of_cpu);
    if (total->process_cpu_ns <= inside_ns ||
        total->process_cpu_ns - inside_ns < closing->duration_ns / BUSY_PART)
        return;
    const double percent = 100.0 * (double)cost_ns / (double)(total->process_cpu_ns - inside_ns);
    add(line, " (%.*f %% of the program's)", percent < 1 ? 2 : 1, percent);
}

static void add_faults(struct line *line, const struct collect *collect)
{
    char missing[400];
    missing_write(&collect->missing, missing, sizeof missing);
    if (missing[0] != '\0')
        add(line, "; %s", missing);
    if (collect->newer_hexversion != 0)
        add(line,
            "; Python %u.%u is newer than this pyrec, which believes what it says of itself: if "
            "stacks look wrong, look for a newer pyrec",
            collect->newer_hexversion >> 24, collect->newer_hexversion >> 16 & 0xff);
    if (collect->n_broken > 0) {
        add(line, "; ");
        add_count(line, collect->n_broken, "recording", "recordings");
        add(line, " ended early: %s", collect->broken.detail);
    }
}

/* Why there is no trace: what is known of those that might have been in it, or of the command. */
static void add_nothing(struct line *line, const struct closing *closing)
{
    const struct missing *missing = &closing->collect->missing;
    const char *const name = missing->rows[0].name;
    struct problem why;
    char text[400];
    add(line, "nothing was recorded: ");
    missing_write(missing, text, sizeof text);
    if (missing->n_rows == 1 && missing->rows[0].n == 1 && missing->n[MISSING_PYTHON] == 1) {
        add(line, "%s%s%s", name, name[0] != '\0' ? ": " : "", missing->rows[0].reason);
    } else if (text[0] != '\0') {
        add(line, "%s", text);
    } else if (closing->is_too_early) {
        add(line, "%s ended before --delay was over",
            closing->path[0] != '\0' ? "the command" : "the recording");
    } else if (closing->path[0] == '\0') {
        add(line, "the process ended before its recorder came");
    } else {
        diagnose_command(closing->path, &why);
        add(line, "%s", why.detail);
    }
}

void closing_refusal(char *line, size_t size, const char *output, const char *why, bool is_attached)
{
    const bool is_told = strncmp(why, "cannot ", 7) == 0;
    const bool is_named = output != NULL && !is_told;
    snprintf(line, size, "%s%s%s%s%s",
             is_told          ? ""
             : output != NULL ? "cannot record to "
                              : "cannot record: ",
             is_named ? output : "", is_named ? ": " : "", why,
             is_attached ? "" : "; the command runs unrecorded");
}

void closing_newest(char name[PATH_MAX], const struct settings *settings, const struct emit *emit)
{
    snprintf(name, PATH_MAX, "%s", emit->path[0] != '\0' ? emit->path : settings->output);
}

void closing_output(char name[PATH_MAX], const struct settings *settings, const struct emit *emit)
{
    const uint32_t segment = emit->recording.segment;
    snprintf(name, PATH_MAX, "%s", emit->first[0] != '\0' ? emit->first : settings->output);
    const size_t len = strlen(name);
    if (segment > 0)
        snprintf(name + len, PATH_MAX - len, " and %u more", segment);
}

void closing_write(char *text, size_t size, const struct closing *closing)
{
    const struct collect *collect = closing->collect;
    struct line line = {text, size, 0};
    text[0] = '\0';
    if (collect->n_ever == 0) {
        add_nothing(&line, closing);
        return;
    }
    add(&line, "%s: %.*f s, ", closing->output, closing->duration_ns < 10000000000u ? 2 : 1,
        (double)closing->duration_ns / 1e9);
    add_count(&line, collect->n_ever - collect->n_images - collect->n_helpers, "process",
              "processes");
    if (collect->n_helpers > 0) {
        add(&line, " (and ");
        add_count(&line, collect->n_helpers, "fork", "forks");
        add(&line, " that only called exec)");
    }
    add(&line, ", ");
    add_count(&line, collect->n_threads, "thread", "threads");
    add(&line, ", ");
    add_count(&line, collect->total.samples, "sample", "samples");
    add(&line, ", ");
    add_count(&line, collect->total.ticks_missed + collect->total.ticks_overflowed, "tick",
              "ticks");
    add(&line, " missed, ");
    add_bytes(&line, closing->file_bytes);
    add_cost(&line, closing);
    add_faults(&line, collect);
}
