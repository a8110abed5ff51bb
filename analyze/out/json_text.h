/* SPDX-License-Identifier: MIT */
/*
 * json_text - the pieces of JSON files that are too large to be built before they are written.
 *
 * On the line:  under speedscope, gecko, chrome.
 */
#ifndef PYREC_ANALYZE_OUT_JSON_TEXT_H
#define PYREC_ANALYZE_OUT_JSON_TEXT_H

#include "analyze/base/sink.h"
#include "analyze/view/view.h"

/* A string with its quotes. The text is UTF-8. */
void json_text(struct sink *to, const char *text);

/* A name and what it is: "name":"text" */
void json_member(struct sink *to, const char *name, const char *text);

/* A name and its list of texts: "name":["text","text"] */
void json_texts(struct sink *to, const char *name, const char *const *texts, size_t n);

/* ns in a unit of 10^digits ns, exact: 1500000 in ms (6) is 1.5 */
void json_time(struct sink *to, uint64_t ns, int digits);

/* A weight: times in a unit of 10^digits ns, what is counted as it is. */
void json_weight(struct sink *to, const struct metric *metric, uint64_t weight, int digits);

#endif
