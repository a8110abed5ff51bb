/* SPDX-License-Identifier: MIT */
#include "text_curve.h"

#include "../column.h"
#include "text_cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_WIDTH 24
#define LEVELS         8
#define MARK_EVERY     10 /* bins between two times on the axis */

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

/* Other characters as question marks. */
static void make_plain(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x80)
            *to++ = *at;
        else if (((unsigned char)*at & 0xc0) != 0x80) /* the first byte of one */
            *to++ = '?';
    }
    *to = '\0';
}

static char *visible_text(const char *text, bool ascii)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, text[0] != '\0' ? text : "-");
    if (ascii)
        make_plain(visible.text);
    return visible.text;
}

static char *name_text(const struct curve *curve, bool ascii)
{
    char *name = visible_text(curve->name, ascii);
    text_cut(&name, NAME_MAX_WIDTH, TEXT_MIDDLE);
    if (ascii)
        make_plain(name);
    return name;
}

static size_t names_width(const struct curve_set *set)
{
    size_t widest = 0;
    for (size_t i = 0; i < set->n; i++) {
        char *const name = name_text(&set->items[i], set->ascii);
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

static void write_one(struct sink *to, const struct curve_set *set, const struct curve *curve,
                      size_t width)
{
    char *const name = name_text(curve, set->ascii);
    sink_print(to, "  %s", name);
    write_blanks(to, width - text_width(name) + 2);
    free(name);
    for (size_t i = 0; i < set->n_bins; i++)
        sink_text(to, level_text(curve->values[i], curve->top, set->ascii));
    sink_print(to, "  %s\n", curve->note);
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

/* The time at every tenth bin, as far as they do not run into each other. */
static void write_axis(struct sink *to, const struct curve_set *set, size_t width)
{
    const int decimals = axis_decimals(set);
    size_t at = 0;
    write_blanks(to, width + 4);
    for (size_t bin = 0; bin < set->n_bins; bin += MARK_EVERY) {
        struct buffer time = {0};
        seconds_print(&time, (int64_t)(set->start_ns + bin * set->bin_ns), decimals);
        if (at <= bin && bin + time.len <= set->n_bins + MARK_EVERY) {
            write_blanks(to, bin - at);
            sink_print(to, "|%s", time.text);
            at = bin + 1 + time.len;
        }
        buffer_clear(&time);
    }
    sink_text(to, " s\n");
}

void text_write_curves(struct sink *to, const struct view *view)
{
    const struct curve_set *const set = &view->curves;
    const size_t width = names_width(set);
    for (size_t i = 0; i < set->n; i++) {
        const struct curve *const curve = &set->items[i];
        if (i == 0 || strcmp(curve->panel, set->items[i - 1].panel) != 0) {
            char *const panel = visible_text(curve->panel, set->ascii);
            sink_print(to, "%s%s%s%s\n", i > 0 ? "\n" : "", to->color ? "\033[1m" : "", panel,
                       to->color ? "\033[0m" : "");
            free(panel);
        }
        write_one(to, set, curve, width);
        if (i + 1 == set->n || strcmp(curve->panel, set->items[i + 1].panel) != 0)
            write_axis(to, set, width);
    }
}
