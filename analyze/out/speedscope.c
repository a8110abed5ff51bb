/* SPDX-License-Identifier: MIT */
/*
 * speedscope - a sampled profile per thread, in order of time.
 *
 * The file format is described by the project of that name. Frames are written once, for all
 * profiles; a sample is a list of their numbers, root first. Equal samples in a row are one, with
 * their weights added up.
 */
#include "../memory.h"
#include "../output.h"
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
        json_member(to, "name", node->frame.function);
        if (node->frame.file[0] != '\0') {
            putc(',', to->file);
            json_member(to, "file", node->frame.file);
        }
        if (node->frame.line > 0)
            sink_print(to, ",\"line\":%" PRIu32, node->frame.line);
        putc('}', to->file);
        number[node->place] = ++n;
    }
    return number;
}

static void write_samples(struct sink *to, const struct view *view, const struct course *course,
                          const uint32_t *number)
{
    uint32_t *path = NULL;
    size_t path_size = 0;
    for (size_t i = 0; i < course->n_stretches; i++) {
        const struct stack_node *node = &view->nodes[course->stretches[i].node];
        const uint32_t depth = node->depth;
        path = memory_grow(path, &path_size, depth, sizeof *path);
        for (uint32_t d = depth; d-- > 0; node = &view->nodes[node->parent])
            path[d] = number[node->place] - 1;
        sink_text(to, i > 0 ? ",\n[" : "\n[");
        for (uint32_t d = 0; d < depth; d++)
            sink_print(to, d > 0 ? ",%" PRIu32 : "%" PRIu32, path[d]);
        putc(']', to->file);
    }
    free(path);
}

static void write_profile(struct sink *to, const struct view *view, const struct course *course,
                          const uint32_t *number)
{
    const bool seconds = view->metric->unit == UNIT_SECONDS;
    uint64_t end = 0;
    for (size_t i = 0; i < course->n_stretches; i++)
        end += course->stretches[i].weight;
    sink_text(to, "{\"type\":\"sampled\",");
    json_member(to, "name", course->label);
    sink_print(to, ",\"unit\":\"%s\",\"startValue\":0,\"endValue\":", seconds ? "seconds" : "none");
    json_weight(to, view->metric, end, SECOND);
    sink_text(to, ",\"samples\":[");
    write_samples(to, view, course, number);
    sink_text(to, "],\"weights\":[");
    for (size_t i = 0; i < course->n_stretches; i++) {
        if (i > 0)
            putc(',', to->file);
        json_weight(to, view->metric, course->stretches[i].weight, SECOND);
    }
    sink_text(to, "]}");
}

static enum status speedscope_write(struct sink *to, const struct view *view, struct problem *why)
{
    (void)why;
    sink_text(to, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
                  "\"exporter\":\"pyrec@" PYREC_VERSION "\",");
    json_member(to, "name", view->metric->help);
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
    .write = speedscope_write,
};
