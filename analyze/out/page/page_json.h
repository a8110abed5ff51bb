/* SPDX-License-Identifier: MIT */
/*
 * page_json - the part of a page's data that is names and answers: who, what and how long, as JSON.
 *
 * On the line:  page, report_columns -> [page_json] -> page_pack
 *
 * page/read.js reads it. Numbers that go with columns (how many runs a thread has ..) stand here.
 */
#ifndef PYREC_ANALYZE_OUT_PAGE_JSON_H
#define PYREC_ANALYZE_OUT_PAGE_JSON_H

#include "analyze/report/page.h"
#include "analyze/report/report_columns.h"

void page_json_write(struct sink *to, const struct page *page,
                     const struct report_columns *columns);

/* Pieces that pages of all kinds have: what it is of and what made it, the parts, and files as
 * numbers in the order of their first use; the list is the caller's to free. */
void page_head_write(struct sink *to, const struct page *page);
void page_parts_write(struct sink *to, const struct page *page);
size_t page_file_number(const char ***files, size_t *n, size_t *size, const char *file);

/* What an output makes of an answer; its text is the caller's to free. */
enum status page_part_fill(struct page_part *part, const struct output *output,
                           const struct view *view, struct problem *why);

/* What the program said of itself, as report_scope.h has it. */
void page_scope_json_write(struct sink *to, const struct report *report);

#endif
