/* SPDX-License-Identifier: MIT */
#include "text_curve.h"

#include "analyze/view/column.h"
#include "text_cell.h"
#include "text_line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_WIDTH    24
#define NAME_NARROW_WIDTH 16 /* on a terminal of less than NARROW columns */
#define NARROW            100
#define LEVELS            8
#define MARK_EVERY        10 /* bins between two times on the axis */

/* A value between 0 and top as a character; nothing at all is a dot, not observed a blank. */
static const char *level_text(double value, double top, bool ascii)
{
    static const char *const blocks[LEVELS] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                               "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[LEVELS] = {"_", ":", "-", "=", "+", "*", "%", "#"};
    if (value < 0)
        return " ";
    if (value < 0.005 * top)
        return ascii ? "." : "\u00b7";
    int level = (int)ceil(value / top * LEVELS) - 1;
    level = level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
    return ascii ? plain[level] : blocks[level];
}

static char *visible_text(const char *text, bool ascii)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, text[0] != '\0' ? text : "-");
    if (ascii)
        text_line_make_plain(&visible);
    return visible.text;
}

static char *name_text(const struct sink *to, const struct curve *curve, bool ascii)
{
    const bool narrow = to->width > 0 && to->width < NARROW;
    char *name = visible_text(curve->name, ascii);
    text_cut(&name, narrow ? NAME_NARROW_WIDTH : NAME_MAX_WIDTH, TEXT_MIDDLE, ascii);
    return name;
}

static size_t names_width(const struct sink *to, const struct curve_set *set)
{
    size_t widest = 0;
    for (size_t i = 0; i < set->n; i++) {
        char *const name = name_text(to, &set->items[i], set->ascii);
        const size_t width = text_width(name);
        widest = width > widest ? width : widest;
        free(name);
    }
    return widest;
}

static void write_blanks(struct sink *to, size_t n)
{
    sink_print(to, "%*s", (int)n, "");
}

/* Which bins are drawn side by side; on a narrow terminal the others stand below. */
struct slice {
    size_t first, end;
};

/* A curve, and once what it says, below it where there is no room behind it. */
static void write_one(struct sink *to, const struct curve_set *set, const struct curve *curve,
                      size_t width, const struct slice *slice)
{
    char *const name = name_text(to, curve, set->ascii);
    const size_t n = slice->end - slice->first;
    const bool has_note = slice->first == 0 && curve->note[0] != '\0';
    const bool behind = to->width == 0 || width + 6 + n + text_width(curve->note) <= to->width;
    sink_print(to, "  %s", name);
    write_blanks(to, width - text_width(name) + 2);
    free(name);
    for (size_t i = slice->first; i < slice->end; i++)
        sink_text(to, level_text(curve->values[i], curve->top, set->ascii));
    sink_print(to, "%s%s\n", has_note && behind ? "  " : "", has_note && behind ? curve->note : "");
    if (!has_note || behind)
        return;
    struct buffer note = {0};
    buffer_print(&note, "%*s%s", (int)width + 4, "", curve->note);
    text_line_write(to, note.text, width + 4, TEXT_DIM);
    buffer_clear(&note);
}

/* As many digits behind the point as the times on the axis have. */
static int axis_decimals(const struct curve_set *set)
{
    uint64_t unit_ns = 1000000000;
    int decimals = 0;
    for (; decimals < 3; decimals++, unit_ns /= 10) {
        if (set->start_ns % unit_ns == 0 && set->bin_ns * MARK_EVERY % unit_ns == 0)
            break;
    }
    return decimals;
}

/* The time at every tenth bin, as far as they do not run into each other or off the screen. */
static void write_axis(struct sink *to, const struct curve_set *set, size_t width,
                       const struct slice *slice)
{
    const int decimals = axis_decimals(set);
    const size_t n = slice->end - slice->first;
    const size_t room = to->width > 0 && to->width < width + 4 + n + MARK_EVERY
                            ? to->width - width - 4 - 2
                            : n + MARK_EVERY + 1;
    size_t at = 0;
    write_blanks(to, width + 4);
    for (size_t bin = 0; bin < n; bin += MARK_EVERY) {
        struct buffer time = {0};
        const uint64_t ns = set->start_ns + (slice->first + bin) * set->bin_ns;
        seconds_print(&time, (int64_t)ns, decimals);
        if (at <= bin && bin + 1 + time.len <= room) {
            write_blanks(to, bin - at);
            sink_print(to, "|%s", time.text);
            at = bin + 1 + time.len;
        }
        buffer_clear(&time);
    }
    sink_text(to, " s\n");
}

/* The curves of one panel: items first .. end - 1. */
static void write_panel(struct sink *to, const struct curve_set *set, size_t first, size_t end,
                        size_t width)
{
    const size_t room = to->width > width + 4 + MARK_EVERY ? to->width - width - 4 : MARK_EVERY;
    const size_t step = to->width == 0 ? set->n_bins : room - room % MARK_EVERY;
    const size_t most = to->width > 0 && set->n_bins > room ? step : set->n_bins;
    text_line_write(to, set->items[first].panel, 2, TEXT_BOLD);
    for (struct slice slice = {0, 0}; slice.first < set->n_bins; slice.first = slice.end) {
        slice.end = set->n_bins - slice.first > most ? slice.first + most : set->n_bins;
        for (size_t i = first; i < end; i++)
            write_one(to, set, &set->items[i], width, &slice);
        write_axis(to, set, width, &slice);
    }
}

void text_write_curves(struct sink *to, const struct view *view)
{
    const struct curve_set *const set = &view->curves;
    const size_t width = names_width(to, set);
    const bool was_ascii = to->ascii;
    to->ascii |= set->ascii;
    for (size_t first = 0, end; first < set->n; first = end) {
        for (end = first + 1; end < set->n; end++) {
            if (strcmp(set->items[end].panel, set->items[first].panel) != 0)
                break;
        }
        if (first > 0)
            sink_text(to, "\n");
        write_panel(to, set, first, end, width);
    }
    to->ascii = was_ascii;
}
