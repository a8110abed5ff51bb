/* SPDX-License-Identifier: MIT */
/*
 * idle_learn - read a trace, and learn where each of its threads waits for work.
 *
 * On the line:  scene -> idle_visits -> idle_choose -> [idle_learn] -> idle_model
 * Threads:      one at a time.
 * Memory:       struct idle is the caller's, zeroed before idle_learn; idle_clear takes it back.
 */
#ifndef PYREC_ANALYZE_IDLE_LEARN_H
#define PYREC_ANALYZE_IDLE_LEARN_H

#include "idle_model.h"

/*
 * Read the trace: all threads of the selected processes. `names` are taken instead of what is
 * learnt, for those that idle_wants. Stalls of less than short_ns will not be asked for.
 */
void idle_learn(struct idle *idle, struct scene *scene, struct trace *trace,
                const struct select *select, const char *const *names, size_t n_names,
                uint64_t short_ns);
void idle_clear(struct idle *idle);

#endif
