/* SPDX-License-Identifier: MIT */
/*
 * speedscope - a sampled profile per thread, in order of time.
 *
 * The file format is described by the project of that name. Frames are written once, for all
 * profiles; a sample is a list of their numbers, root first. Equal samples in a row are one, with
 * their weights added up.
 *
 * The reader adds up frames, not functions, so that a frame is a function unless lines are asked
 * for; its table shows their names only, so that they are such as no two have (naming.h). It takes
 * weights for time that passes, so time in which a thread was not there, or in nothing that was
 * asked for, is a sample of no frames: what is shown above a second was then.
 */
#include "analyze/ask/origin.h"
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "json_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define SECOND 9 /* digits of ns */

/* Number places in the order in which the tree has them; writes the frames. */
static uint32_t *write_frames(struct sink *to, const struct view *view)
{
    uint32_t *const number = memory_get((view->n_places + 1) * sizeof *number);
    uint32_t n = 0;
    for (size_t i = 1; i < view->n_nodes; i++) {
        const struct stack_node *const node = &view->nodes[i];
        if (number[node->place] != 0)
            continue;
        sink_text(to, n > 0 ? ",\n{" : "\n{");
        json_member(to, "name", view->by_function ? node->label : node->frame.function);
        if (node->frame.file[0] != '\0') {
            putc(',', to->file);
            json_member(to, "file", node->frame.file);
        }
        const uint32_t line = view->by_function ? node->first_line : node->frame.line;
        if (line > 0)
            sink_print(to, ",\"line\":%" PRIu32, line);
        putc('}', to->file);
        number[node->place] = ++n;
    }
    return number;
}

static void write_stack(struct sink *to, const struct view *view, uint32_t index,
                        const uint32_t *number, uint32_t *path)
{
    const struct stack_node *node = &view->nodes[index];
    const uint32_t depth = node->depth;
    for (uint32_t d = depth; d-- > 0; node = &view->nodes[node->parent])
        path[d] = number[node->place] - 1;
    putc('[', to->file);
    for (uint32_t d = 0; d < depth; d++)
        sink_print(to, d > 0 ? ",%" PRIu32 : "%" PRIu32, path[d]);
    putc(']', to->file);
}

/*
 * Where the axis of a thread begins: with what was asked for, or, as the first tick in that may
 * stand for time before it, with that. Else all that follows would be drawn too late.
 */
static uint64_t axis_start(const struct view *view, const struct course *course)
{
    const bool seconds = view->metric->unit == UNIT_SECONDS;
    return seconds && course->n_stretches > 0 && course->stretches[0].start_ns < view->from_ns
               ? course->stretches[0].start_ns
               : view->from_ns;
}

/*
 * What has to stand before the stretch so that it begins when it did, at `end` of what is written.
 * Seconds are of the axis that they are drawn on. Counts are as many as there would have been.
 */
static uint64_t gap_before(const struct view *view, const struct course *course, size_t i,
                           uint64_t end)
{
    const uint64_t from_ns = axis_start(view, course);
    const uint64_t start_ns = course->stretches[i].start_ns - from_ns;
    if (course->stretches[i].start_ns < from_ns)
        return 0; /* counts have no time before what was asked for */
    if (view->metric->unit == UNIT_SECONDS)
        return start_ns > end ? start_ns - end : 0;
    const uint64_t before_ns = i > 0 ? course->stretches[i - 1].end_ns : from_ns;
    const uint64_t interval_ns = course->thread->process->recording->interval_ns;
    if (interval_ns == 0 || course->stretches[i].start_ns <= before_ns)
        return 0;
    return (course->stretches[i].start_ns - before_ns + interval_ns / 2) / interval_ns;
}

static void write_weight(struct sink *to, const struct view *view, uint64_t weight, bool *any)
{
    if (*any)
        putc(',', to->file);
    json_weight(to, view->metric, weight, SECOND);
    *any = true;
}

/* The samples, or their weights; returns what all of them weigh. */
static uint64_t write_course(struct sink *to, const struct view *view, const struct course *course,
                             const uint32_t *number, bool weights)
{
    uint32_t *path = NULL;
    size_t path_size = 0;
    uint64_t end = 0;
    bool any = false;
    for (size_t i = 0; i < course->n_stretches; i++) {
        const struct stretch *const s = &course->stretches[i];
        const uint64_t gap = gap_before(view, course, i, end);
        end += gap + s->weight;
        if (weights && gap > 0)
            write_weight(to, view, gap, &any);
        if (weights) {
            write_weight(to, view, s->weight, &any);
            continue;
        }
        if (gap > 0)
            sink_text(to, any ? ",\n[]" : "\n[]");
        sink_text(to, any || gap > 0 ? ",\n" : "\n");
        path = memory_grow(path, &path_size, view->nodes[s->node].depth, sizeof *path);
        write_stack(to, view, s->node, number, path);
        any = true;
    }
    free(path);
    return end;
}

static void write_profile(struct sink *to, const struct view *view, const struct course *course,
                          const uint32_t *number)
{
    const bool seconds = view->metric->unit == UNIT_SECONDS;
    const uint64_t start = seconds ? axis_start(view, course) : 0;
    sink_text(to, "{\"type\":\"sampled\",");
    json_member(to, "name", course->label);
    sink_print(to, ",\"unit\":\"%s\",\"samples\":[", seconds ? "seconds" : "none");
    write_course(to, view, course, number, false);
    sink_text(to, "],\"weights\":[");
    const uint64_t length = write_course(to, view, course, number, true);
    sink_text(to, "],\"startValue\":");
    json_weight(to, view->metric, start, SECOND);
    sink_text(to, ",\"endValue\":");
    json_weight(to, view->metric, start + length, SECOND);
    putc('}', to->file);
}

static enum status speedscope_write(struct sink *to, const struct view *view, struct problem *why)
{
    (void)why;
    sink_text(to, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
                  "\"exporter\":\"pyrec@" PYREC_VERSION "\",");
    json_member(to, "name", view->origin->title);
    sink_text(to, ",\"recording\":{"); /* its reader skips what it does not know */
    for (size_t i = 0; i < view->origin->n_lines; i++) {
        sink_text(to, i > 0 ? "," : "");
        json_member(to, view->origin->lines[i].name, view->origin->lines[i].text);
    }
    sink_text(to, "}");
    sink_text(to, ",\"activeProfileIndex\":0,\"shared\":{\"frames\":[");
    uint32_t *const number = write_frames(to, view);
    sink_text(to, "]},\"profiles\":[");
    for (size_t i = 0; i < view->n_courses; i++) {
        sink_text(to, i > 0 ? ",\n" : "\n");
        write_profile(to, view, &view->courses[i], number);
    }
    sink_text(to, "]}\n");
    free(number);
    return STATUS_OK;
}

const struct output output_speedscope = {
    .name = "speedscope",
    .help = "JSON for speedscope: a profile per thread, in order of time, in seconds",
    .accepts = SHAPE_COURSE,
    .machine = true,
    .by = "wall",
    .frames = FRAMES_FUNCTION,
    .write = speedscope_write,
};
