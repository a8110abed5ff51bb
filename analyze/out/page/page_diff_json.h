/* SPDX-License-Identifier: MIT */
/*
 * page_diff_json - the data of a page of a diff, as JSON.
 *
 * On the line:  page (diff) -> [page_diff_json] -> page_pack
 *
 * Its parts are what the command diff says in json, table by table. Paths are lists of equal
 * lengths, callers first: `up` is the path that it is one function longer than (-1 = none), `fn`
 * a number of functions, a, b and margin in the unit of the tables, verdict a number of verdicts.
 * page/read.js and page/diff.js read it.
 */
#ifndef PYREC_ANALYZE_OUT_PAGE_DIFF_JSON_H
#define PYREC_ANALYZE_OUT_PAGE_DIFF_JSON_H

#include "analyze/report/page.h"

void page_diff_json_write(struct sink *to, const struct page *page);

#endif
