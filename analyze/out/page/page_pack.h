/* SPDX-License-Identifier: MIT */
/*
 * page_pack - a page's data in as few bytes as deflate makes of it.
 *
 * On the line:  page -> page_json, report_columns -> [page_pack] -> out/html
 * Memory:       the caller's buffer.
 *
 *   blob = deflate-raw( u32 little endian: length of the JSON | JSON | columns, one behind the
 * other )
 *
 * Columns are of different kinds, so each is compressed for itself, with and without looking for
 * what it has said before, and the shorter of both is taken; together they are still one stream. A
 * page of ten minutes is 6 % smaller for it than with one table of codes for all.
 */
#ifndef PYREC_ANALYZE_OUT_PAGE_PACK_H
#define PYREC_ANALYZE_OUT_PAGE_PACK_H

#include "analyze/base/buffer.h"
#include "analyze/report/page.h"

/* Add the blob to an empty buffer. */
void page_pack(struct buffer *blob, const struct page *page);

/* How many bytes the file will have with the blob that the page has, to some hundred. */
size_t page_size(const struct page *page);

#endif
