/* SPDX-License-Identifier: MIT */
/*
 * screen - what a terminal has room for, and how the tables of a view share it.
 *
 * On the line:  view -> [screen_limit] -> the same with fewer rows
 * Threads:      pure functions but for the view.
 *
 * The end of what is written stays on a screen, so what is too long has scrolled away at its
 * beginning, where the heaviest rows are. Lines are counted, not rows: headings, notes and what
 * stands below a table take some, more on a narrow terminal.
 */
#ifndef PYREC_ANALYZE_SCREEN_H
#define PYREC_ANALYZE_SCREEN_H

#include "view.h"

/* 0 = there is no screen: a pipe or a file. */
struct screen {
    unsigned width, height;
};

/*
 * Keep what the screen has room for: the heaviest tables, at least the first, and of all of them
 * the rows that are heaviest under `by` (NULL: each table as many). Tables and rows are in order.
 */
void screen_limit(struct view *view, const struct screen *screen, const struct column *by);

#endif
