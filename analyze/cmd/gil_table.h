/* SPDX-License-Identifier: MIT */
/*
 * gil_table - the matrix of waiting and holding threads as a small table.
 *
 * On the line:  gil_matrix -> [gil_table] -> story of a view
 * Memory:       columns and rows are in the view's arena.
 */
#ifndef PYREC_ANALYZE_GIL_TABLE_H
#define PYREC_ANALYZE_GIL_TABLE_H

#include "analyze/time/gil_matrix.h"
#include "analyze/view/story.h"

/*
 * Add it for people: with the share of the waiting thread's time in each cell, or without. Cells
 * are seconds, or numbers when the metric is samples or ticks.
 */
struct part *gil_table_add(struct view *view, struct story *story, const struct gil_matrix *matrix,
                           const struct metric *metric, bool with_shares);

#endif
