/* SPDX-License-Identifier: MIT */
/*
 * cmd_stalls - what stalls were found, to be told in more than one form.
 *
 * On the line:  request -> [stalls_ask] -> rows of stalls -> [stalls_show] -> views
 * Memory:       stalls_ask gives, stalls_answer_free takes it back, after all views of it: they
 *               borrow from it.
 *
 * To find stalls the trace is read four times, whatever is then said of them. So who wants them in
 * two forms asks once.
 */
#ifndef PYREC_ANALYZE_CMD_STALLS_H
#define PYREC_ANALYZE_CMD_STALLS_H

#include "analyze/ask/request.h"
#include "analyze/view/view.h"

struct stalls_answer;

/* Find them, with the details of the largest n_told. Only words of --over, --idle, --by are taken.
 */
MUST_CHECK enum status stalls_ask(struct stalls_answer **answer, struct request *request,
                                  size_t n_told, struct problem *why);
void stalls_answer_free(struct stalls_answer *answer);

/*
 * Fill a view with a story for each of the largest n; `rows` per table, 0 = all. Those of which
 * there are no details have no tables, and no place.
 */
void stalls_show(struct view *view, struct stalls_answer *answer, const struct request *request,
                 size_t n, size_t rows);

#endif
