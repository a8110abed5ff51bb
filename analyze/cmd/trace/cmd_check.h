/* SPDX-License-Identifier: MIT */
/*
 * cmd_check - what check, repair and merge show alike.
 *
 * On the line:  audit, damage log -> [cmd_check] -> view
 */
#ifndef PYREC_ANALYZE_CMD_CHECK_H
#define PYREC_ANALYZE_CMD_CHECK_H

#include "analyze/ask/request.h"
#include "analyze/repair/audit.h"
#include "analyze/view/view.h"

/* A section for every damage in the log. */
void check_add_damage(struct view *view, struct damage_log *log);

/* What of the files is good, in a section that may have facts already. */
void check_add_audit(struct section *section, const struct audit *audit);

#endif
