/* SPDX-License-Identifier: MIT */
/*
 * compare - a profile that a tracer saved, beside what was sampled, function by function.
 *
 * On the line:  profile + tracer -> [compare] -> rows of a table
 * Threads:      one.
 * Memory:       struct compare is the caller's, zeroed before compare_build; compare_clear takes
 *               it back. Names borrow from profile and tracer.
 *
 * A function is the same when its name, first line and file are; of the name the last component
 * counts, of the file the longest end that both have, as tracers write what Python was called with,
 * and ".." and "." are followed.
 *
 * What is not Python (list.append) has a row in the tracer's file only. A sampler sees it as part
 * of the line that calls it. So its time belongs to its caller on both sides; beside it stands the
 * time of the lines that call it, which is an upper bound of its own.
 */
#ifndef PYREC_ANALYZE_COMPARE_H
#define PYREC_ANALYZE_COMPARE_H

#include "analyze/model/metric.h"
#include "analyze/source/source.h"
#include "analyze/weigh/profile.h"
#include "tracer.h"

/* Times in ns. What is not known is < 0. */
struct compare_side {
    double self, cum;
    double self_share, cum_share; /* of all self times */
};

struct compare_row {
    struct frame frame;
    struct compare_side sampled, traced;
    double margin;     /* of the sampled self share: 95 % interval */
    double distortion; /* shares that differ by so much */
    uint64_t calls;    /* 0 = not known */
    uint64_t paid;     /* calls of it, and by it of what is not Python: each cost the tracer;
                          0 = not the same work */
    bool at_most;      /* sampled.self is that of the lines that call it */
};

struct compare {
    struct compare_row *rows; /* most distorted first */
    size_t n, size;
    double sampled_ns;
    uint64_t samples;
    double common_ns, common_s; /* self times of functions that both have: sampled, traced */
};

void compare_build(struct compare *compare, const struct profile *profile,
                   const struct metric *metric, const struct tracer *tracer);
void compare_clear(struct compare *compare);

/* What the name of a function that is not Python is called by: "append"; "" = not known. */
void compare_called_name(const char *name, char *called, size_t size);

/* Lines of source files, as annotate reads them; the last file is kept. */
struct compare_source {
    char *path;
    bool is_there;
    struct source source;
};
/* Does that line call something of that name? False when the file cannot be read, too. */
bool compare_source_calls(struct compare_source *source, const char *path, uint32_t line,
                          const char *called);
/* Can the file be read? */
bool compare_source_open(struct compare_source *source, const char *path);
void compare_source_clear(struct compare_source *source);

#endif
