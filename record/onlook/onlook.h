/* SPDX-License-Identifier: MIT */
/*
 * onlook - record and look on: pyrec top.
 *
 * On the line:  settings -> [onlook: a pyrec that records, a pyanalyze that shows] -> result
 * Threads:      one.
 * Memory:       everything is given back before onlook_run returns.
 * Loss:         of the recording nothing that pyrec alone would not lose.
 *
 * Recording is left to a pyrec of its own, called with the same words: whatever happens to us, to
 * the screen or to the terminal, it and the command go on as they would without. We are in the
 * place that pyrec has otherwise: signals for us are passed on to it, its exit status is ours, and
 * when it stops, or the screen does, we do.
 *
 * The screen has the terminal. What of the command's standard streams is the terminal is replaced:
 * its input is empty, its output goes to a spool, which is printed when the screen has been left.
 * What is a file or a pipe stays. With --batch, or where there is no terminal, all stays, and
 * screens go to standard error; with -p to standard output, which nobody else has.
 */
#ifndef PYREC_RECORD_ONLOOK_H
#define PYREC_RECORD_ONLOOK_H

#include "record/run/session.h"

void onlook_run(const struct settings *settings, session_say *say, struct session_result *result);

#endif
