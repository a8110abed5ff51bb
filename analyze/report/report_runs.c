/* SPDX-License-Identifier: MIT */
#include "report_runs.h"

#include "analyze/base/memory.h"

#include <stdlib.h>

bool report_run_same(const struct report_run *a, const struct report_run *b)
{
    return a->node == b->node && a->class == b->class && a->call == b->call && a->gc == b->gc &&
           a->scope == b->scope;
}

void report_run_append(struct report_course *course, struct report_run run, uint64_t n)
{
    while (n > 0) {
        struct report_run *const last =
            course->n_runs > 0 ? &course->runs[course->n_runs - 1] : NULL;
        if (last != NULL && report_run_same(last, &run) && last->n <= UINT32_MAX - n) {
            last->n += (uint32_t)n;
            n = 0;
        } else {
            run.n = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
            n -= run.n;
            course->runs = memory_grow(course->runs, &course->runs_size, course->n_runs + 1,
                                       sizeof *course->runs);
            course->runs[course->n_runs++] = run;
        }
    }
}

void report_course_clear(struct report_course *course)
{
    free(course->runs);
    free(course->windows);
    free(course->carries);
    *course = (struct report_course){0};
}

void report_clear(struct report *report)
{
    for (size_t i = 0; i < report->n_threads; i++) {
        report_course_clear(&report->threads[i].course);
        report_course_clear(&report->threads[i].thinned);
    }
    for (size_t i = 0; i < report->n_processes; i++) {
        free(report->processes[i].odd);
        free(report->processes[i].holds);
        free(report->processes[i].pairs);
    }
    free(report->threads);
    free(report->number_of);
    free(report->processes);
    report_scope_clear(&report->scopes);
    scene_clear(&report->scene);
    *report = (struct report){0};
}
