/* SPDX-License-Identifier: MIT */
#include "page_json.h"

#include "analyze/base/memory.h"
#include "analyze/out/json_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define GROUPS_TOLD 1024u /* of each kind, those with most time */

static void write_said(struct sink *to, const struct report_scopes *s)
{
    sink_text(to, ",");
    json_texts(to, "texts", s->texts, s->n_texts);
    sink_text(to, ",\"said\":[");
    for (size_t i = 0; i < s->n_said; i++) {
        const int64_t value = s->said[i].value == REPORT_ANY ? -1 : (int64_t)s->said[i].value;
        sink_print(to, "%s[%d,%" PRIu32 ",%" PRId64 "]", i > 0 ? "," : "", s->said[i].label,
                   s->said[i].name, value);
    }
    sink_text(to, "],\"scopes\":[");
    for (size_t i = 0; i < s->n_scopes; i++) {
        const struct report_scope *const scope = &s->scopes[i];
        sink_print(to, "%s[%" PRId64, i > 0 ? "," : "",
                   scope->task == REPORT_ANY ? -1 : (int64_t)scope->task);
        for (uint32_t k = 0; k < scope->n; k++)
            sink_print(to, ",%" PRIu32, s->members[scope->first + k]);
        sink_text(to, "]");
    }
    sink_text(to, "]");
}

static void write_marks(struct sink *to, const struct report_scopes *s)
{
    sink_print(to, ",\"marks_all\":%" PRIu64 ",\"marks\":[", s->n_marks_all);
    for (size_t i = 0; i < s->n_marks; i++) {
        const struct report_mark *const m = &s->marks[i];
        sink_print(to, "%s[%" PRIu32 ",%" PRId64 ",%" PRIu64 ",%" PRIu64 ",", i > 0 ? "," : "",
                   m->process, (int64_t)m->thread - 1, m->mark->time_ns, m->n);
        json_text(to, m->mark->text);
        sink_text(to, "]");
    }
    sink_text(to, "]");
}

static int compare_groups(const void *left, const void *right)
{
    const struct phase_group *const a = *(const struct phase_group *const *)left;
    const struct phase_group *const b = *(const struct phase_group *const *)right;
    if (a->total_ns != b->total_ns)
        return a->total_ns < b->total_ns ? 1 : -1;
    return (a > b) - (a < b);
}

/* Index into the report's; of those without samples -1 - their pid. */
static int64_t process_number(const struct report *report, const struct process *process)
{
    for (size_t i = 0; i < report->n_processes; i++)
        if (report->processes[i].process == process)
            return (int64_t)i;
    return -1 - (int64_t)process->pid;
}

static void write_groups(struct sink *to, const struct report *report, const char *name,
                         const struct phases *groups)
{
    const struct phase_group **const order = memory_get((groups->n + 1) * sizeof *order);
    for (size_t i = 0; i < groups->n; i++)
        order[i] = &groups->groups[i];
    if (groups->n > 1)
        qsort(order, groups->n, sizeof *order, compare_groups);
    sink_print(to, ",\"%s_all\":%zu,\"%s\":[", name, groups->n, name);
    for (size_t i = 0; i < groups->n && i < GROUPS_TOLD; i++) {
        const struct phase_group *const g = order[i];
        sink_print(to,
                   "%s[%" PRId64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",",
                   i > 0 ? "," : "", process_number(report, g->process), g->n, g->n_open,
                   g->total_ns, g->longest_ns, g->longest_at_ns);
        json_text(to, g->name);
        sink_text(to, ",");
        json_text(to, g->value != NULL ? g->value : "");
        sink_text(to, "]");
    }
    sink_text(to, "]");
    free(order);
}

void page_scope_json_write(struct sink *to, const struct report *report)
{
    const struct report_scopes *const s = &report->scopes;
    write_said(to, s);
    sink_print(to, ",\"phases\":%zu,\"phases_all\":%" PRIu64 ",\"phases_shortest_ns\":%" PRIu64,
               s->n_phases, s->n_phases_all, s->shortest_ns);
    sink_print(to, ",\"phases_lost\":%" PRIu64, s->groups[PHASES_BY_NAME].n_lost);
    write_marks(to, s);
    write_groups(to, report, "by_name", &s->groups[PHASES_BY_NAME]);
    write_groups(to, report, "by_detail", &s->groups[PHASES_BY_DETAIL]);
    write_groups(to, report, "by_label", &s->groups[PHASES_BY_LABEL]);
}
