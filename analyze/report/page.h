/* SPDX-License-Identifier: MIT */
/*
 * page - what an HTML report is made of.
 *
 * On the line:  cmd_report -> [page] -> out/html
 * Memory:       everything is borrowed from the command, until view_clear.
 *
 * The page computes what depends on a range of time from the report's columns. What is told of the
 * whole recording (stalls, processes, how well it was recorded) are the answers of the commands
 * that tell it on the command line, so that there are no second versions of them: for the page's
 * script as json, for readers without scripts as text.
 */
#ifndef PYREC_ANALYZE_PAGE_H
#define PYREC_ANALYZE_PAGE_H

#include "analyze/base/buffer.h"
#include "analyze/cli/output.h"
#include "report_runs.h"
#include "report_source.h"

struct page_part {
    const char *name; /* for the script; in text its heading */
    char *text;       /* what an output made of the answer */
    size_t len;
};

struct page {
    const struct report *report;
    const struct trace *trace;
    const char *title;   /* the command that was recorded */
    const char *made_by; /* the command line that makes the page again */
    const struct report_sources *sources;
    const struct page_part *parts; /* outputs of json */
    size_t n_parts;
    const struct page_part *texts; /* outputs of text */
    size_t n_texts;
    const struct buffer *blob; /* all but the texts, packed (out/page_pack) */
};

#endif
