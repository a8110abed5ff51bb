/* SPDX-License-Identifier: MIT */
/*
 * folded - one line per stack, root first: root;...;leaf N
 *
 * As flamegraph.pl and speedscope read it. They add up frames that have the same text: it is
 * `function (file)`, or with the line. What would be taken for the format's own is written as an
 * escape: ';' as \x3b, a newline as \n, and so are other characters that a terminal would act upon.
 */
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_frame(struct buffer *line, const struct frame *frame)
{
    struct buffer raw = {0}, visible = {0};
    frame_print(&raw, frame);
    buffer_add_visible(&visible, raw.text);
    for (const char *at = visible.text; *at != '\0'; at++)
        buffer_add(line, *at == ';' ? "\\x3b" : at, *at == ';' ? 4 : 1);
    buffer_clear(&raw);
    buffer_clear(&visible);
}

/* Times as whole microseconds, as the readers of this format want integers. */
static uint64_t whole_number(const struct view *view, uint64_t weight)
{
    return view->metric->unit == UNIT_SECONDS ? (weight + 500) / 1000 : weight;
}

/*
 * Nodes come depth first, so the line of a node is that of its parent, cut back to where the
 * parent ended, and one frame more.
 */
static enum status folded_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct buffer line = {0};
    size_t *ends = NULL, ends_size = 0;
    (void)why;
    ends = memory_grow(ends, &ends_size, 1, sizeof *ends);
    for (size_t i = 1; i < view->n_nodes; i++) {
        const struct stack_node *const node = &view->nodes[i];
        ends = memory_grow(ends, &ends_size, (size_t)node->depth + 1, sizeof *ends);
        line.len = ends[node->depth - 1];
        if (node->depth > 1)
            buffer_add_text(&line, ";");
        add_frame(&line, &node->frame);
        ends[node->depth] = line.len;
        const uint64_t n = whole_number(view, node->self);
        if (n > 0)
            sink_print(to, "%s %" PRIu64 "\n", line.text, n);
    }
    free(ends);
    buffer_clear(&line);
    return STATUS_OK;
}

const struct output output_folded = {
    .name = "folded",
    .help =
        "one line per stack, root;...;leaf N, for flame graphs; a frame is `function "
        "(file)` or with --frames line `function (file:line)` (`(:line)` of code without a file), "
        "a semicolon in a name \\x3b, times are in microseconds",
    .accepts = SHAPE_STACKS,
    .machine = true,
    .frames = FRAMES_FUNCTION,
    .write = folded_write,
};
