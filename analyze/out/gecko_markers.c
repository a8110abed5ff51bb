/* SPDX-License-Identifier: MIT */
#include "gecko_markers.h"

#include "analyze/model/census.h"
#include "analyze/model/symbols.h"
#include "json_text.h"

#include <inttypes.h>

#define MILLISECOND 6 /* digits of ns */

/* Who said it is here, and it began in the range of time that is. */
static bool is_said_here(const struct gecko_markers *m, const struct course *course,
                         uint32_t thread, uint64_t at_ns)
{
    return thread == course->thread->id && course->n_stretches > 0 && at_ns >= m->from_ns &&
           at_ns < course->stretches[course->n_stretches - 1].end_ns;
}

static bool is_phase_here(const struct gecko_markers *m, const struct course *course,
                          const struct phase *phase)
{
    return is_said_here(m, course, phase->thread, phase->begin_ns);
}

void gecko_markers_number(const struct gecko_markers *m, const struct course *course)
{
    const struct process *const p = course->thread->process;
    for (size_t i = 0; i < p->n_phases; i++)
        if (is_phase_here(m, course, &p->phases[i]))
            text_table_number(m->strings, p->phases[i].name);
    for (size_t i = 0; i < p->n_marks; i++)
        if (is_said_here(m, course, p->marks[i].thread, p->marks[i].time_ns))
            text_table_number(m->strings, p->marks[i].text);
}

/* How the front end shows what the program says: each in its chart and its table. */
void gecko_markers_schema(struct sink *to)
{
    static const char *const kinds[][3] = {{"phase", "detail", "Detail"},
                                           {"label", "value", "Value"}};
    sink_text(to, "\"markerSchema\":[");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        sink_print(to,
                   "{\"name\":\"%s\",\"display\":[\"marker-chart\",\"marker-table\","
                   "\"timeline-overview\"],\"chartLabel\":\"{marker.name} {marker.data.%s}\","
                   "\"tableLabel\":\"{marker.name} {marker.data.%s}\",\"fields\":[{\"key\":"
                   "\"%s\",\"label\":\"%s\",\"format\":\"string\"}]},",
                   kinds[i][0], kinds[i][1], kinds[i][1], kinds[i][1], kinds[i][2]);
    sink_text(to, "{\"name\":\"mark\",\"display\":[\"marker-chart\",\"marker-table\","
                  "\"timeline-overview\"],\"fields\":[]}]");
}

enum marker_column {
    MARKER_DATA,
    MARKER_NAME,
    MARKER_START,
    MARKER_END,
    MARKER_PHASE,
    MARKER_CATEGORY
};
enum { INSTANT = 0, INTERVAL = 1, INTERVAL_START = 2 }; /* of its column "phase" */

static void write_phase_cell(const struct gecko_markers *m, const struct phase *phase,
                             enum marker_column column)
{
    struct sink *const to = m->to;
    const bool is_open = phase->end_ns == PHASE_OPEN;
    switch (column) {
    case MARKER_DATA:
        sink_print(to, "{\"type\":\"%s\",", phase->label ? "label" : "phase");
        json_member(to, phase->label ? "value" : "detail", phase->value);
        putc('}', to->file);
        break;
    case MARKER_NAME:
        sink_print(to, "%" PRIu32, text_table_number(m->strings, phase->name));
        break;
    case MARKER_START:
        json_time(to, phase->begin_ns, MILLISECOND);
        break;
    case MARKER_END:
        if (is_open)
            sink_text(to, "null");
        else
            json_time(to, phase->end_ns, MILLISECOND);
        break;
    case MARKER_PHASE:
        sink_print(to, "%d", is_open ? INTERVAL_START : INTERVAL);
        break;
    case MARKER_CATEGORY:
        sink_print(to, "%u", m->category);
        break;
    }
}

static void write_mark_cell(const struct gecko_markers *m, const struct program_mark *mark,
                            enum marker_column column)
{
    struct sink *const to = m->to;
    switch (column) {
    case MARKER_DATA:
        sink_text(to, "{\"type\":\"mark\"}");
        break;
    case MARKER_NAME:
        sink_print(to, "%" PRIu32, text_table_number(m->strings, mark->text));
        break;
    case MARKER_START:
        json_time(to, mark->time_ns, MILLISECOND);
        break;
    case MARKER_END:
        sink_text(to, "null");
        break;
    case MARKER_PHASE:
        sink_print(to, "%d", INSTANT);
        break;
    case MARKER_CATEGORY:
        sink_print(to, "%u", m->category);
        break;
    }
}

static size_t write_marker_column(const struct gecko_markers *m, const struct course *course,
                                  enum marker_column column)
{
    const struct process *const p = course->thread->process;
    size_t n = 0;
    for (size_t i = 0; i < p->n_phases; i++) {
        if (!is_phase_here(m, course, &p->phases[i]))
            continue;
        sink_text(m->to, n++ > 0 ? "," : "");
        write_phase_cell(m, &p->phases[i], column);
    }
    for (size_t i = 0; i < p->n_marks; i++) {
        if (!is_said_here(m, course, p->marks[i].thread, p->marks[i].time_ns))
            continue;
        sink_text(m->to, n++ > 0 ? "," : "");
        write_mark_cell(m, &p->marks[i], column);
    }
    return n;
}

void gecko_markers_write(const struct gecko_markers *m, const struct course *course)
{
    static const char *const names[] = {"data",    "name",  "startTime",
                                        "endTime", "phase", "category"};
    size_t n = 0;
    sink_text(m->to, "\"markers\":{");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        sink_print(m->to, "\"%s\":[", names[i]);
        n = write_marker_column(m, course, (enum marker_column)i);
        sink_text(m->to, "],");
    }
    sink_print(m->to, "\"length\":%zu}", n);
}
