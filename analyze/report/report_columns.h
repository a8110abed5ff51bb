/* SPDX-License-Identifier: MIT */
/*
 * report_columns - a report as columns of small numbers, one behind the other.
 *
 * On the line:  report -> [report_columns] -> out/html, which packs them into the page
 * Memory:       struct report_columns is the caller's, zeroed before; report_columns_clear takes it
 *               back.
 *
 * Numbers are LEB128, signed ones zigzag; states are single bytes. What stands how often is told
 * by the counts that go with them: numbers of nodes, places, and the runs, windows and carries of
 * each thread, the odd ticks and holds of each process. page/read.js reads them.
 *
 *   place_fn, place_line, place_col, place_end   per place: function (difference to the one
 *                      before, signed), line less the function's first (signed), columns of the
 *                      expression + 1, 0 = not known
 *   node_group         per node, callers first: 0 = no run is at it, else how frequent it is (1
 *                      most, 3 least); node 0 is the root, without frames
 *   node_up, node_place   per node but the root: own number - its caller's - 1; place
 *   run_state          per run, thread by thread: class (7 = not seen) + 8 (collecting garbage) +
 *                      16 x call; where that is 15, the call is in run_call. waits_world,
 *                      waits_object and stops_world stand in place of a call
 *   run_node           per run that was seen: the node's code. Codes of group 1 begin at 0, of
 *                      group 2 at 128, of group 3 at 16384: what is frequent takes one byte
 *   run_scope          per run that was seen: its scope - that of the thread's one before (signed);
 *                      nothing at all where there are no scopes
 *   run_len            per run: intervals - 1; first of all runs of class 0 of all threads, then of
 *                      class 1 and so on, as what is alike takes less space side by side
 *   cpu_n, cpu_q       per window: intervals that take CPU; its CPU in quanta - n x the rate of
 *                      the one before, rounded down (signed)
 *   carry_at, carry_q  per carry: interval - that of the one before; CPU in quanta
 *   odd_at, odd_missed per odd tick of a process: interval - that of the one before; missed
 *   hold, hold_len     per hold of a process: number of the thread + 1, 0 = nobody; n - 1
 *   pair_bin, pair_waiter, pair_holder, pair_n   per pair of a process that was thinned: bin - that
 *                      of the one before; number of the thread that waits; as of hold; intervals
 *   phase_said, phase_up, phase_thread, phase_begin, phase_len   per phase or label that is kept,
 * by beginning: what was said + 1, 0 = there was no room for it; number of the innermost of these
 * that it is in + 1, 0 = none; 2 x number of the thread + 1, or 2 x number of the process where it
 * is none of these; ns since the one before; ns + 1, 0 = its end is not known
 */
#ifndef PYREC_ANALYZE_REPORT_COLUMNS_H
#define PYREC_ANALYZE_REPORT_COLUMNS_H

#include "analyze/base/buffer.h"
#include "report_runs.h"

#define REPORT_COLUMN_LIST(X)                                                                      \
    X(place_fn)                                                                                    \
    X(place_line)                                                                                  \
    X(place_col)                                                                                   \
    X(place_end)                                                                                   \
    X(node_group)                                                                                  \
    X(node_up)                                                                                     \
    X(node_place)                                                                                  \
    X(run_state)                                                                                   \
    X(run_call)                                                                                    \
    X(run_node)                                                                                    \
    X(run_scope)                                                                                   \
    X(run_len)                                                                                     \
    X(cpu_n)                                                                                       \
    X(cpu_q)                                                                                       \
    X(carry_at)                                                                                    \
    X(carry_q)                                                                                     \
    X(odd_at)                                                                                      \
    X(odd_missed)                                                                                  \
    X(hold)                                                                                        \
    X(hold_len)                                                                                    \
    X(pair_bin)                                                                                    \
    X(pair_waiter)                                                                                 \
    X(pair_holder)                                                                                 \
    X(pair_n)                                                                                      \
    X(phase_said)                                                                                  \
    X(phase_up)                                                                                    \
    X(phase_thread)                                                                                \
    X(phase_begin)                                                                                 \
    X(phase_len)

enum report_column {
#define REPORT_COLUMN_ENUM(name) REPORT_COLUMN_##name,
    REPORT_COLUMN_LIST(REPORT_COLUMN_ENUM)
#undef REPORT_COLUMN_ENUM
        REPORT_COLUMN_COUNT
};

struct report_columns {
    struct buffer columns[REPORT_COLUMN_COUNT];
    uint32_t n_nodes, n_places;
    uint32_t *functions; /* of the scene's symbols, those that the places have, in their order */
    uint32_t n_functions;
};

const char *report_column_name(enum report_column column);

void report_columns_build(struct report_columns *out, const struct report *report);
void report_columns_clear(struct report_columns *columns);

#endif
