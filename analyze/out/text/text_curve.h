/* SPDX-License-Identifier: MIT */
/*
 * text_curve - values over time as one line of characters each.
 *
 * On the line:  view (SHAPE_CURVES) -> [text_curve] -> sink, for text.c
 */
#ifndef PYREC_ANALYZE_OUT_TEXT_CURVE_H
#define PYREC_ANALYZE_OUT_TEXT_CURVE_H

#include "analyze/base/sink.h"
#include "analyze/view/view.h"

void text_write_curves(struct sink *to, const struct view *view);

#endif
