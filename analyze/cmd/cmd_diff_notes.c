/* SPDX-License-Identifier: MIT */
#include "cmd_diff.h"

#include "analyze/ask/remainder.h"

#include <string.h>

static const char *python_of(const struct trace *trace)
{
    for (size_t i = 0; i < trace->census.n_processes; i++) {
        if (trace->census.processes[i]->python_version[0] != '\0')
            return trace->census.processes[i]->python_version;
    }
    return "";
}

static void note_unlike(struct view *view, const char *what, const char *a, const char *b)
{
    if (a[0] != '\0' && b[0] != '\0' && strcmp(a, b) != 0)
        view_add_note(view, arena_print(&view->arena,
                                        "Not alike: %s, %s on the first side, %s on "
                                        "the second.",
                                        what, a, b));
}

/* How many characters of two paths are the same at their ends, up to whole components. */
static size_t common_end(const char *a, const char *b)
{
    const size_t a_len = strlen(a), b_len = strlen(b);
    size_t n = 0, whole = 0;
    while (n < a_len && n < b_len && a[a_len - n - 1] == b[b_len - n - 1]) {
        n++;
        whole = a[a_len - n] == '/' ? n : whole;
    }
    return whole;
}

/* A function that is gone from one folder and new in another: the program has moved. */
static void note_moved(struct view *view, const struct diff *diff)
{
    for (size_t i = 0; i < diff->n_rows; i++) {
        const struct diff_row *const gone = &diff->rows[i];
        if (!gone->real || gone->samples[1] > 0)
            continue;
        for (size_t k = 0; k < diff->n_rows; k++) {
            const struct diff_row *const new = &diff->rows[k];
            const size_t end = common_end(gone->frame.file, new->frame.file);
            if (!new->real || new->samples[0] > 0 || end == 0 ||
                strcmp(gone->frame.function, new->frame.function) != 0)
                continue;
            view_add_note(view,
                          arena_print(&view->arena,
                                      "%s of the first side has a counterpart elsewhere. If it is "
                                      "the same program: --map %.*s=%.*s",
                                      gone->frame.file, (int)(strlen(gone->frame.file) - end),
                                      gone->frame.file, (int)(strlen(new->frame.file) - end),
                                      new->frame.file));
            return;
        }
    }
}

void diff_add_notes(struct view *view, const struct sides *s, const struct comparison *comparison,
                    const struct request *request)
{
    const struct series *const a = comparison->series[0], *const b = comparison->series[1];
    const struct diff *const diff = &comparison->diff;
    size_t n_few = 0;
    for (size_t i = 0; i < diff->n_rows; i++)
        n_few += !diff->rows[i].tested;
    view_add_note(view,
                  arena_print(&view->arena,
                              "%zu of %zu rows tested %s real; of rows called real, 1 in 20 "
                              "may be chance. \u00b1 is a 95%% interval.",
                              diff->n_real, diff->n_tested, diff->n_real == 1 ? "is" : "are"));
    if (n_few > 0)
        view_add_note(view,
                      arena_print(&view->arena, "%zu row%s with fewer than %u samples: not tested.",
                                  n_few, n_few == 1 ? "" : "s", DIFF_SAMPLES_MIN));
    if (s->n[0] == 1 && s->n[1] == 1)
        view_add_note(view, arena_print(&view->arena,
                                        "One recording per side: judged by how they vary within "
                                        "(blocks of %.3g s and %.3g s); how runs differ, only "
                                        "several per side can tell.",
                                        (double)a->block_ns / 1e9, (double)b->block_ns / 1e9));
    note_moved(view, diff);
    note_unlike(view, "Python", python_of(s->traces[0]), python_of(s->traces[1]));
    note_unlike(view, "CPU", a->recording->cpu_model, b->recording->cpu_model);
    note_unlike(view, "host", a->recording->hostname, b->recording->hostname);
    for (int w = 0; w < 2; w++) {
        remainder_add_other_cpu(request, &s->traces[w]->census, w == 0 ? "A" : "B", view);
        remainder_add_absent(request, &s->traces[w]->census, view);
    }
}
