/* SPDX-License-Identifier: MIT */
/*
 * page - what an HTML page is made of: a report of a recording, or what changed between two sides.
 *
 * On the line:  cmd_report, cmd_diff_page -> [page] -> out/html
 * Memory:       everything is borrowed from the command, until view_clear.
 *
 * The page computes what depends on a range of time from the report's columns. What is told of the
 * whole recording (stalls, processes, how well it was recorded) are the answers of the commands
 * that tell it on the command line, so that there are no second versions of them: for the page's
 * script as json, for readers without scripts as text. A page of a diff has no columns: its parts
 * are the tables of the command diff, and with them go all paths and their verdicts.
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

struct diff;
struct metric;
struct symbols;
struct tree;

/* One side of a diff. */
struct page_side {
    const char *name; /* of its first file */
    const char *command, *python;
    const struct recording *recording; /* the first of .. */
    size_t n_recordings;
    uint64_t samples, block_ns;
    double elapsed_ns, cpu_ns;
};

struct page_diff {
    struct page_side sides[2];
    const struct metric *metric;
    const struct diff *paths; /* rows are nodes of the tree, whose places are functions of .. */
    const struct tree *tree;
    const struct symbols *names;
    const char *asked; /* the part with the table that was asked for */
    const char *heading, *const *notes;
    size_t n_notes;
};

#define PAGE_DAMAGES 5u /* told one by one */

struct page {
    const struct page_diff *diff; /* instead of report, trace and sources */
    const struct report *report;
    const struct trace *trace;
    const char *title;   /* the command that was recorded; the names of both sides */
    const char *made_by; /* the command line that makes the page again */
    const struct report_sources *sources;
    const struct page_part *parts; /* outputs of json */
    size_t n_parts;
    const struct page_part *texts; /* outputs of text */
    size_t n_texts;
    const char *notes[4]; /* above them, each a sentence */
    size_t n_notes;
    const char *damages[PAGE_DAMAGES]; /* of the trace: what could not be read, and where */
    size_t n_damages, n_more_damages;
    const struct buffer *blob; /* all but the texts, packed (out/page/page_pack) */
};

/* The page itself, from page/; of length 0 where it could not be built. */
extern const char page_template[];
extern const size_t page_template_len;
#define PAGE_MISSING                                                                               \
    "%s: this pyanalyze was built without the page (npm was not there); README.md says how to "    \
    "build it"

#endif
