/* SPDX-License-Identifier: MIT */
/*
 * svg - a flame graph in one file: root at the top, width is weight.
 *
 * The file is a picture as it stands, of all frames that are wide enough to be seen; for a browser
 * there are the whole tree and a script (flame.js), which draws it for the window's width, zooms
 * and searches. Colours come from names: files have hues, functions shades of them; those of C are
 * pale.
 */
#include "analyze/ask/origin.h"
#include "analyze/base/hash.h"
#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "analyze/cli/output.h"
#include "analyze/out/text/text_table.h"
#include "json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH       1200.0 /* of the picture; a browser's window decides for itself */
#define ROW         18u
#define TOP         72u
#define GLYPH       7.25 /* of a 12 pixel monospace font */
#define LEAST_WIDTH 0.5
#define PALE        0.16 /* saturation of C's colours */

extern const char flame_script[];
extern const size_t flame_script_len;

/* Characters that XML does not have at all, even escaped. */
static bool is_no_xml(uint32_t c)
{
    return c == 0xfffe || c == 0xffff || (c < 0x20 && c != '\t' && c != '\n' && c != '\r');
}

/* At most `limit` characters of text that is visible already (buffer_add_visible). */
static void write_xml(struct sink *to, const char *text, size_t limit)
{
    for (const char *at = text; *at != '\0' && limit > 0; limit--) {
        uint32_t c;
        size_t len = unicode_next(at, &c);
        if (len == 0 || is_no_xml(c)) {
            sink_text(to, "\xef\xbf\xbd");
            len += len == 0;
        } else if (strchr("<>&\"'", *at) != NULL) {
            sink_print(to, "&#%d;", *at);
        } else {
            fwrite(at, 1, len, to->file);
        }
        at += len;
    }
}

/* A text of the script: escaped for JSON, and so that no markup and nothing invisible is in it. */
static void write_script_text(struct sink *to, const char *text)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, text);
    putc('"', to->file);
    for (const char *at = visible.text; *at != '\0';) {
        uint32_t c;
        const size_t len = unicode_next(at, &c);
        if (c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == ']' || is_no_xml(c))
            sink_print(to, "\\u%04x", (unsigned)c);
        else
            fwrite(at, 1, len, to->file);
        at += len;
    }
    putc('"', to->file);
    buffer_clear(&visible);
}

static double channel(double hue, double offset, double light, double saturation)
{
    const double k = fmod(offset + hue / 30, 12);
    const double a = saturation * fmin(light, 1 - light);
    return light - a * fmax(-1, fmin(fmin(k - 3, 9 - k), 1));
}

/* "#rrggbb"; light enough for black letters. C is pale, what stands for no function grey. */
static void color_of(const struct stack_node *node, char out[8])
{
    if (node->frame.file[0] == '\0') {
        snprintf(out, 8, "%s", node->thread != NULL ? "#b9c6d6" : "#d4d4d4");
        return;
    }
    const uint64_t file = hash_text(node->frame.file);
    const uint64_t function = hash_text(node->frame.function);
    const double hue = (double)(file % 3600) / 10;
    const double saturation = node->frame.native ? PALE : 0.55;
    const double light = 0.70 + (double)(function % 1000) / 1000 * 0.15;
    snprintf(out, 8, "#%02x%02x%02x", (unsigned)lround(channel(hue, 0, light, saturation) * 255),
             (unsigned)lround(channel(hue, 8, light, saturation) * 255),
             (unsigned)lround(channel(hue, 4, light, saturation) * 255));
}

/* What is written into a box. */
static void write_label(struct sink *to, const struct frame *frame, size_t letters)
{
    struct buffer raw = {0}, visible = {0};
    const char *const slash = strrchr(frame->file, '/');
    struct frame named = *frame;
    if (slash != NULL)
        named.file = slash + 1;
    frame_print(&raw, &named);
    buffer_add_visible(&visible, raw.text);
    if (unicode_length(visible.text) <= letters) {
        write_xml(to, visible.text, letters);
    } else {
        write_xml(to, visible.text, letters - 2);
        sink_text(to, "..");
    }
    buffer_clear(&raw);
    buffer_clear(&visible);
}

static void write_box(struct sink *to, const struct stack_node *node, double x, double width)
{
    const unsigned y = TOP + node->depth * ROW;
    char color[8];
    color_of(node, color);
    sink_print(to,
               "<g class=\"frame\"><rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%u\" "
               "fill=\"%s\"/>",
               x, y, fmax(width - 0.5, 0.3), ROW - 1, color);
    const double letters = floor((width - 6) / GLYPH);
    if (letters >= 3) {
        sink_print(to, "<text x=\"%.2f\" y=\"%u\">", x + 3, y + ROW - 5);
        write_label(to, &node->frame, (size_t)letters);
        sink_text(to, "</text>");
    }
    sink_text(to, "</g>\n");
}

/* The root stands for everything. */
static struct stack_node named_root(const struct view *view)
{
    struct stack_node root = view->nodes[0];
    root.frame.function = "all";
    return root;
}

static void write_picture(struct sink *to, const struct view *view)
{
    const double whole = view->nodes[0].total > 0 ? (double)view->nodes[0].total : 1;
    const struct stack_node root = named_root(view);
    uint64_t *next = NULL; /* where the next node of a depth begins */
    size_t next_size = 0;
    sink_text(to, "<g id=\"frames\">\n");
    for (size_t i = 0; i < view->n_nodes; i++) {
        const struct stack_node *const node = i == 0 ? &root : &view->nodes[i];
        next = memory_grow(next, &next_size, (size_t)node->depth + 2, sizeof *next);
        const uint64_t start = next[node->depth];
        const double width = (double)node->total / whole * WIDTH;
        next[node->depth] += node->total;
        next[node->depth + 1] = start;
        if (width >= LEAST_WIDTH)
            write_box(to, node, (double)start / whole * WIDTH, width);
    }
    sink_text(to, "</g>\n");
    free(next);
}

static void write_place(struct sink *to, const struct stack_node *node, struct text_table *files)
{
    const struct frame *const frame = &node->frame;
    char color[8];
    color_of(node, color);
    putc('[', to->file);
    write_script_text(to, frame->function);
    sink_print(to, ",%" PRIu32 ",%" PRIu32 ",\"%s\"]",
               frame->file[0] != '\0' ? text_table_number(files, frame->file) + 1 : 0, frame->line,
               color);
}

/* What flame.js says that it wants. */
static void write_tree(struct sink *to, const struct view *view)
{
    uint32_t *const number = memory_get(((size_t)view->n_places + 1) * sizeof *number);
    const struct stack_node root = named_root(view);
    struct text_table files = {0};
    uint32_t n = 0;
    sink_print(to,
               "const flame = {\"unit\":\"%s\",\"top\":%u,\"row\":%u,\"glyph\":%.2f,\n\"places\":[",
               view->metric->unit == UNIT_SECONDS ? "s" : "", TOP, ROW, GLYPH);
    write_place(to, &root, &files);
    for (size_t i = 1; i < view->n_nodes; i++) {
        if (number[view->nodes[i].place] != 0)
            continue;
        number[view->nodes[i].place] = ++n;
        sink_text(to, ",\n");
        write_place(to, &view->nodes[i], &files);
    }
    sink_text(to, "],\n\"files\":[");
    for (size_t i = 0; i < files.n; i++) {
        sink_text(to, i > 0 ? ",\n" : "");
        write_script_text(to, files.texts[i]);
    }
    sink_text(to, "],\n\"nodes\":[0,0,0");
    for (size_t i = 1; i < view->n_nodes; i++)
        sink_print(to, ",\n%" PRIu32 ",%" PRIu32 ",%" PRIu64, view->nodes[i].depth,
                   number[view->nodes[i].place], view->nodes[i].self);
    sink_text(to, "],\n\"threads\":[");
    for (size_t i = 0; i < view->n_part_threads; i++) {
        sink_text(to, i > 0 ? "," : "");
        write_script_text(to, view->part_threads[i]);
    }
    sink_text(to, "],\n\"parts\":[");
    for (size_t i = 0; i < view->n_parts; i++)
        sink_print(to, "%s%" PRIu32 ",%" PRIu32 ",%" PRIu64, i > 0 ? ",\n" : "",
                   view->parts[i].node, view->parts[i].thread, view->parts[i].self);
    sink_text(to, "]};\n");
    text_table_clear(&files);
    free(number);
}

static void write_head(struct sink *to, const struct view *view)
{
    struct buffer total = {0};
    if (view->metric->unit == UNIT_SECONDS)
        seconds_print(&total, (int64_t)view->nodes[0].total, 3);
    else
        buffer_print(&total, "%" PRIu64, view->nodes[0].total);
    sink_print(to,
               "<g id=\"head\"><rect id=\"bar\" width=\"%.0f\" height=\"%u\" fill=\"#f4f4f0\"/>"
               "<text x=\"8\" y=\"18\" class=\"title\">%s: %s%s, all together</text>",
               WIDTH, TOP - 6, view->metric->name, total.text,
               view->metric->unit == UNIT_SECONDS ? " s" : "");
    sink_text(to, "<g id=\"tools\" style=\"display:none\">"
                  "<foreignObject x=\"330\" y=\"3\" width=\"250\" height=\"24\">"
                  "<input xmlns=\"http://www.w3.org/1999/xhtml\" id=\"search\" type=\"search\" "
                  "placeholder=\"search: function or file (/)\" spellcheck=\"false\" "
                  "style=\"width:236px;font:12px monospace\"/></foreignObject>"
                  "<text id=\"found\" x=\"590\" y=\"18\"></text>"
                  "<text id=\"reset\" class=\"link\" x=\"350\" y=\"38\">back to all (Esc)</text>"
                  "<text id=\"invert\" class=\"link\" x=\"190\" y=\"38\"></text>"
                  "<foreignObject x=\"8\" y=\"23\" width=\"172\" height=\"24\">"
                  "<select xmlns=\"http://www.w3.org/1999/xhtml\" id=\"thread\" "
                  "style=\"width:170px;font:12px monospace\"></select></foreignObject></g>"
                  "<text id=\"detail\" x=\"8\" y=\"58\"></text></g>\n");
    buffer_clear(&total);
}

/* What browsers show as the name of the tab, and what else there is to say. */
static void write_origin(struct sink *to, const struct origin *origin)
{
    struct buffer text = {0};
    sink_text(to, "<title>");
    buffer_add_visible(&text, origin->title);
    write_xml(to, text.text, SIZE_MAX);
    sink_text(to, "</title>\n<desc>");
    for (size_t i = 0; i < origin->n_lines; i++) {
        buffer_reset(&text);
        buffer_add_visible(&text, origin->lines[i].text);
        sink_print(to, "%s%s: ", i > 0 ? "\n" : "", origin->lines[i].name);
        write_xml(to, text.text, SIZE_MAX);
    }
    sink_text(to, "</desc>\n");
    buffer_clear(&text);
}

static enum status svg_write(struct sink *to, const struct view *view, struct problem *why)
{
    uint32_t depth = 0;
    (void)why;
    for (size_t i = 0; i < view->n_nodes; i++)
        depth = view->nodes[i].depth > depth ? view->nodes[i].depth : depth;
    const unsigned height = TOP + (depth + 2) * ROW;
    sink_print(to,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%u\" "
               "viewBox=\"0 0 %.0f %u\">\n",
               WIDTH, height, WIDTH, height);
    write_origin(to, view->origin);
    sink_text(to, "<style>svg{background:#fff}text{font:12px monospace;fill:#111;"
                  "pointer-events:none;white-space:pre}"
                  ".title{font-weight:bold}.frame{cursor:pointer}.frame:hover rect{stroke:#000}"
                  ".outer{opacity:.55}.hit text{fill:#fff}.link{cursor:pointer;pointer-events:all;"
                  "text-decoration:underline}#head{cursor:default}</style>\n");
    write_picture(to, view);
    write_head(to, view);
    sink_text(to, "<script><![CDATA[\n");
    write_tree(to, view);
    fwrite(flame_script, 1, flame_script_len, to->file);
    sink_text(to, "]]></script>\n</svg>\n");
    return STATUS_OK;
}

const struct output output_svg = {
    .name = "svg",
    .help =
        "a flame graph as one file for a browser, with zoom, search, a choice of threads, and the "
        "tree turned around",
    .accepts = SHAPE_STACKS,
    .machine = true,
    .frames = FRAMES_LINE,
    .parts = true,
    .write = svg_write,
};
