/* SPDX-License-Identifier: MIT */
/*
 * gecko - the Firefox Profiler's "processed" format, version 60.
 *
 * Its front end reads all older versions; from this one on, all threads share the tables of
 * stacks, frames and functions. A sample is a stretch of time with its weight; where nothing was
 * observed there is one without a stack. The category, which the front end colours by, is that of
 * the innermost frame, so a place has a frame of its own for every state it was the leaf in.
 */
#include "../memory.h"
#include "../output.h"
#include "json_text.h"
#include "text_table.h"

#include <inttypes.h>
#include <stdlib.h>

#define FORMAT_VERSION 60
#define MILLISECOND    6           /* digits of ns */
#define INNER          CLASS_COUNT /* category of frames that call others */
#define N_CATEGORIES   (INNER + 1)

struct category {
    const char *name, *color; /* of its palette; it wants one that is grey */
};
static const struct category categories[N_CATEGORIES] = {
    [CLASS_ON_CPU] = {"on CPU", "green"},
    [CLASS_READY] = {"ready, no CPU free", "yellow"},
    [CLASS_WAITS_GIL] = {"waits for the GIL", "red"},
    [CLASS_BLOCKED] = {"blocked", "transparent"},
    [CLASS_UNKNOWN] = {"ready or blocked, not known which", "blue"},
    [INNER] = {"Python", "grey"},
};

struct entry {
    uint32_t a, b, c;
};

struct table {
    struct entry *entries;
    size_t n, size;
};

struct writer {
    struct sink *to;
    const struct view *view;
    struct text_table strings, files;
    uint32_t *function_of;  /* numbers + 1: by function of the view, */
    uint32_t *frame_of;     /* by place and category, */
    uint32_t *stack_of;     /* by node and category */
    struct table functions; /* name, file + 1, first line */
    struct table frames;    /* function, line, category */
    struct table stacks;    /* frame, number of the caller's stack + 1 */
};

static uint32_t table_add(struct table *table, uint32_t a, uint32_t b, uint32_t c)
{
    table->entries =
        memory_grow(table->entries, &table->size, table->n + 1, sizeof *table->entries);
    table->entries[table->n++] = (struct entry){a, b, c};
    return (uint32_t)table->n;
}

static uint32_t find_function(struct writer *w, const struct stack_node *node)
{
    uint32_t *const at = &w->function_of[node->function];
    if (*at == 0) {
        const char *const file = node->frame.file;
        *at = table_add(&w->functions, text_table_number(&w->strings, node->frame.function),
                        file[0] != '\0' ? text_table_number(&w->files, file) + 1 : 0,
                        node->first_line);
    }
    return *at - 1;
}

/* Number of the stack of a node whose innermost frame has that category. */
static uint32_t find_stack(struct writer *w, uint32_t node, uint32_t category)
{
    const struct stack_node *const n = &w->view->nodes[node];
    uint32_t *const stack = &w->stack_of[(size_t)node * N_CATEGORIES + category];
    uint32_t *const frame = &w->frame_of[(size_t)n->place * N_CATEGORIES + category];
    if (*frame == 0)
        *frame = table_add(&w->frames, find_function(w, n), n->frame.line, category);
    if (*stack == 0)
        *stack = table_add(
            &w->stacks, *frame - 1,
            n->parent != 0 ? w->stack_of[(size_t)n->parent * N_CATEGORIES + INNER] : 0, 0);
    return *stack - 1;
}

/* Parents come before their children, in the view and so in the table. */
static void number_stacks(struct writer *w)
{
    for (uint32_t i = 1; i < w->view->n_nodes; i++)
        find_stack(w, i, INNER);
    for (size_t i = 0; i < w->view->n_courses; i++) {
        const struct course *const course = &w->view->courses[i];
        for (size_t k = 0; k < course->n_stretches; k++)
            find_stack(w, course->stretches[k].node, course->stretches[k].class);
    }
    for (size_t i = 0; i < w->files.n; i++)
        text_table_number(&w->strings, w->files.texts[i]);
}

/* Write a column of a table; the value 0 may stand for null. */
enum nulls { ALL_NUMBERS, ZERO_IS_NULL, LESS_ONE_ZERO_IS_NULL };

static void write_column(struct writer *w, const char *name, const struct table *table,
                         size_t offset, enum nulls nulls)
{
    sink_print(w->to, ",\"%s\":[", name);
    for (size_t i = 0; i < table->n; i++) {
        const uint32_t value = *(const uint32_t *)((const char *)&table->entries[i] + offset);
        if (i > 0)
            putc(',', w->to->file);
        if (value == 0 && nulls != ALL_NUMBERS)
            sink_text(w->to, "null");
        else
            sink_print(w->to, "%" PRIu32, value - (nulls == LESS_ONE_ZERO_IS_NULL));
    }
    putc(']', w->to->file);
}

/* A column that says the same of all entries. */
static void write_constant(struct writer *w, const char *name, const char *value, size_t n)
{
    sink_print(w->to, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            putc(',', w->to->file);
        sink_text(w->to, value);
    }
    putc(']', w->to->file);
}

static void write_strings(struct writer *w)
{
    sink_text(w->to, "\"stringArray\":[");
    for (size_t i = 0; i < w->strings.n; i++) {
        sink_text(w->to, i > 0 ? ",\n" : "\n");
        json_text(w->to, w->strings.texts[i]);
    }
    sink_print(w->to, "],\n\"sources\":{\"length\":%zu", w->files.n);
    write_constant(w, "uuid", "null", w->files.n);
    sink_text(w->to, ",\"filename\":[");
    for (size_t i = 0; i < w->files.n; i++)
        sink_print(w->to, i > 0 ? ",%" PRIu32 : "%" PRIu32,
                   text_table_number(&w->strings, w->files.texts[i]));
    sink_text(w->to, "]}");
}

static void write_shared(struct writer *w)
{
    struct sink *const to = w->to;
    sink_text(to, "\"shared\":{");
    write_strings(w);
    sink_print(to, ",\n\"funcTable\":{\"length\":%zu", w->functions.n);
    write_column(w, "name", &w->functions, offsetof(struct entry, a), ALL_NUMBERS);
    write_column(w, "source", &w->functions, offsetof(struct entry, b), LESS_ONE_ZERO_IS_NULL);
    write_column(w, "lineNumber", &w->functions, offsetof(struct entry, c), ZERO_IS_NULL);
    write_constant(w, "columnNumber", "null", w->functions.n);
    write_constant(w, "isJS", "false", w->functions.n);
    write_constant(w, "relevantForJS", "false", w->functions.n);
    write_constant(w, "resource", "-1", w->functions.n);
    sink_print(to, "},\n\"frameTable\":{\"length\":%zu", w->frames.n);
    write_column(w, "func", &w->frames, offsetof(struct entry, a), ALL_NUMBERS);
    write_column(w, "line", &w->frames, offsetof(struct entry, b), ZERO_IS_NULL);
    write_column(w, "category", &w->frames, offsetof(struct entry, c), ALL_NUMBERS);
    write_constant(w, "subcategory", "0", w->frames.n);
    write_constant(w, "column", "null", w->frames.n);
    write_constant(w, "address", "-1", w->frames.n);
    write_constant(w, "inlineDepth", "0", w->frames.n);
    write_constant(w, "nativeSymbol", "null", w->frames.n);
    write_constant(w, "innerWindowID", "0", w->frames.n);
    sink_print(to, "},\n\"stackTable\":{\"length\":%zu", w->stacks.n);
    write_column(w, "frame", &w->stacks, offsetof(struct entry, a), ALL_NUMBERS);
    write_column(w, "prefix", &w->stacks, offsetof(struct entry, b), LESS_ONE_ZERO_IS_NULL);
    sink_text(to, "},\n\"resourceTable\":{\"length\":0,\"type\":[],\"lib\":[],\"name\":[],"
                  "\"host\":[]},\"nativeSymbols\":{\"length\":0,\"libIndex\":[],\"address\":[],"
                  "\"name\":[],\"functionSize\":[]}}");
}

static void write_meta(struct writer *w)
{
    struct sink *const to = w->to;
    const struct recording *const recording =
        w->view->n_courses > 0 ? w->view->courses[0].thread->process->recording : NULL;
    const uint64_t interval_ns = recording != NULL ? recording->interval_ns : 0;
    sink_print(to, "\"meta\":{\"preprocessedProfileVersion\":%d,\"version\":31", FORMAT_VERSION);
    sink_text(to, ",\"interval\":");
    json_time(to, interval_ns > 0 ? interval_ns : 1000000, MILLISECOND);
    const int64_t start_ns =
        recording != NULL ? recording->start_unix_ns - (int64_t)recording->shift_ns : 0;
    sink_text(to, ",\"startTime\":");
    json_time(to, start_ns > 0 ? (uint64_t)start_ns : 0, MILLISECOND);
    sink_text(to,
              ",\"processType\":0,\"product\":\"Python\",\"importedFrom\":\"pyrec " PYREC_VERSION
              "\",\"stackwalk\":0,\"debug\":false,\"symbolicated\":true,"
              "\"symbolicationNotSupported\":true,\"usesOnlyOneStackType\":true,"
              "\"sourceCodeIsNotOnSearchfox\":true,\"markerSchema\":[],\"sampleUnits\":"
              "{\"time\":\"ms\",\"eventDelay\":\"ms\",\"threadCPUDelta\":\"ns\"}");
    if (recording != NULL) {
        putc(',', to->file);
        json_member(to, "oscpu", recording->os);
        putc(',', to->file);
        json_member(to, "CPUName", recording->cpu_model);
    }
    sink_text(to, ",\"categories\":[");
    for (int c = 0; c < N_CATEGORIES; c++)
        sink_print(to, "%s{\"name\":\"%s\",\"color\":\"%s\",\"subcategories\":[\"Other\"]}",
                   c > 0 ? "," : "", categories[c].name, categories[c].color);
    sink_text(to, "]}");
}

/* Where the next stretch does not begin at once, and at the end, is a sample without a stack. */
static bool gap_behind(const struct course *course, size_t i)
{
    return i + 1 == course->n_stretches ||
           course->stretches[i + 1].start_ns != course->stretches[i].end_ns;
}

enum sample_column { COLUMN_STACK, COLUMN_TIME, COLUMN_WEIGHT, COLUMN_CPU };

/* CPU is of the time since the sample before, so it stands one sample further on. */
static void write_value(struct writer *w, enum sample_column column, const struct stretch *s,
                        uint64_t cpu_ns)
{
    switch (column) {
    case COLUMN_STACK:
        sink_print(w->to, "%" PRIu32, find_stack(w, s->node, s->class));
        break;
    case COLUMN_TIME:
        json_time(w->to, s->start_ns, MILLISECOND);
        break;
    case COLUMN_WEIGHT:
        json_weight(w->to, w->view->metric, s->weight, MILLISECOND);
        break;
    case COLUMN_CPU:
        sink_print(w->to, "%" PRIu64, cpu_ns);
        break;
    }
}

static void write_gap(struct writer *w, enum sample_column column, const struct stretch *before)
{
    putc(',', w->to->file);
    if (column == COLUMN_TIME)
        json_time(w->to, before->end_ns, MILLISECOND);
    else if (column == COLUMN_CPU)
        sink_print(w->to, "%" PRIu64, before->cpu_ns);
    else
        sink_text(w->to, column == COLUMN_STACK ? "null" : "0");
}

static size_t write_samples(struct writer *w, const struct course *course,
                            enum sample_column column, const char *name)
{
    size_t n = 0;
    uint64_t cpu_ns = 0;
    sink_print(w->to, ",\"%s\":[", name);
    for (size_t i = 0; i < course->n_stretches; i++) {
        const struct stretch *const s = &course->stretches[i];
        if (i > 0)
            putc(',', w->to->file);
        write_value(w, column, s, cpu_ns);
        cpu_ns = s->cpu_ns;
        n++;
        if (!gap_behind(course, i))
            continue;
        write_gap(w, column, s);
        cpu_ns = 0;
        n++;
    }
    putc(']', w->to->file);
    return n;
}

/* Pids are strings; one that another process has, too, gets a number behind it. */
static void write_pid(struct writer *w, size_t course)
{
    const struct process *const process = w->view->courses[course].thread->process;
    const struct process *last = NULL;
    unsigned n_before = 0;
    for (size_t i = 0; i < course && w->view->courses[i].thread->process != process; i++) {
        const struct process *const other = w->view->courses[i].thread->process;
        n_before += other != last && other->pid == process->pid;
        last = other;
    }
    sink_print(w->to, ",\"pid\":\"%" PRIu32, process->pid);
    if (n_before > 0)
        sink_print(w->to, ".%u", n_before + 1);
    sink_text(w->to, "\"");
}

static void write_thread(struct writer *w, size_t i)
{
    struct sink *const to = w->to;
    const struct course *const course = &w->view->courses[i];
    const struct thread *const thread = course->thread;
    const char *const title = process_title(thread->process);
    sink_text(to, i > 0 ? ",\n{" : "\n{");
    json_member(to, "name", thread->name);
    sink_print(to, ",\"isMainThread\":%s,\"processType\":\"default\",",
               thread->main ? "true" : "false");
    json_member(to, "processName", title[0] != '\0' ? title : "python");
    write_pid(w, i);
    sink_print(to, ",\"tid\":%" PRIu32 ",\"processStartupTime\":", thread->os_tid);
    json_time(to, thread->process->start_ns, MILLISECOND);
    sink_text(to, ",\"processShutdownTime\":null,\"registerTime\":");
    json_time(to, course->stretches[0].start_ns, MILLISECOND);
    sink_text(to, ",\"unregisterTime\":null,\"pausedRanges\":[],\"markers\":{\"length\":0,"
                  "\"data\":[],\"name\":[],\"startTime\":[],\"endTime\":[],\"phase\":[],"
                  "\"category\":[]},\n\"samples\":{\"weightType\":");
    json_text(to, w->view->metric->unit == UNIT_SECONDS ? "tracing-ms" : "samples");
    write_samples(w, course, COLUMN_STACK, "stack");
    write_samples(w, course, COLUMN_TIME, "time");
    write_samples(w, course, COLUMN_WEIGHT, "weight");
    const size_t n = write_samples(w, course, COLUMN_CPU, "threadCPUDelta");
    sink_print(to, ",\"length\":%zu}}", n);
}

static enum status gecko_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct writer w = {.to = to, .view = view};
    (void)why;
    w.function_of = memory_get((view->n_functions + 1) * sizeof(uint32_t));
    w.frame_of = memory_get(((size_t)view->n_places + 1) * N_CATEGORIES * sizeof(uint32_t));
    w.stack_of = memory_get(view->n_nodes * N_CATEGORIES * sizeof(uint32_t));
    number_stacks(&w);
    sink_text(to, "{");
    write_meta(&w);
    sink_text(to, ",\"libs\":[],\"pages\":[],\n");
    write_shared(&w);
    sink_text(to, ",\n\"threads\":[");
    for (size_t i = 0; i < view->n_courses; i++)
        write_thread(&w, i);
    sink_text(to, "]}\n");
    text_table_clear(&w.strings);
    text_table_clear(&w.files);
    free(w.function_of);
    free(w.frame_of);
    free(w.stack_of);
    free(w.functions.entries);
    free(w.frames.entries);
    free(w.stacks.entries);
    return STATUS_OK;
}

const struct output output_gecko = {
    .name = "gecko",
    .help = "JSON for the Firefox Profiler: all threads over time, with their states",
    .accepts = SHAPE_COURSE,
    .machine = true,
    .write = gecko_write,
};
