/* SPDX-License-Identifier: MIT */
/*
 * cmd_info - the sections about one process or one recording, for the command info.
 *
 * On the line:  census, profile -> [cmd_info] -> view (SHAPE_FACTS)
 * Memory:       names are in the view's arena or borrowed from the census.
 */
#ifndef PYREC_ANALYZE_CMD_INFO_H
#define PYREC_ANALYZE_CMD_INFO_H

#include "analyze/ask/request.h"
#include "analyze/view/view.h"

/* Whom it is of, where that was said. */
void info_add_service(struct view *view, struct section *section, const struct service *service);

/* When and by how much the wall clock was set; nothing when it was not. */
void info_add_steps(struct view *view, const struct request *request,
                    const struct recording *recording);

/* When the rate was changed, and to what; nothing when it was not. */
void info_add_rate_changes(struct view *view, const struct request *request,
                           const struct process *process);

/* How it was attached to; nothing when it was recorded from its start. */
void info_add_attached(struct view *view, const struct process *process);

/* Who it was, how well it was recorded, the books, what it cost. */
void info_add_process(struct view *view, const struct request *request,
                      const struct process *process);

#endif
