/* SPDX-License-Identifier: MIT */
/*
 * text_line - lines of words on a screen: harmless, broken at blanks, plain where they must be.
 *
 * On the line:  headings, notes and what stands below tables -> [text_line] -> sink
 * Memory:       texts are borrowed.
 */
#ifndef PYREC_ANALYZE_TEXT_LINE_H
#define PYREC_ANALYZE_TEXT_LINE_H

#include "analyze/base/buffer.h"
#include "analyze/base/sink.h"

enum text_weight { TEXT_NORMAL, TEXT_BOLD, TEXT_DIM };

/*
 * Write a text as lines not wider than the sink, broken at blanks; those behind the first begin
 * with `indent` blanks. A word that is wider stays whole.
 */
void text_line_write(struct sink *to, const char *text, size_t indent, enum text_weight weight);

/* For a sink of plain characters: what draws becomes one that looks alike, others an escape. */
void text_line_make_plain(struct buffer *text);

/* Likewise of a text of the heap, which may be given back for another one. */
char *text_line_plain(char *text);

#endif
