/* SPDX-License-Identifier: MIT */
/*
 * gecko - the Firefox Profiler's "processed" format, version 60.
 *
 * Its front end reads all older versions; from this one on, all threads share the tables of
 * stacks, frames and functions. The category, which the front end colours by, is that of the
 * innermost frame, so a place has a frame of its own for every state it was the leaf in; frames
 * that call others have the colour of their package.
 *
 * A sample has no length there: it is at a moment, and a range that is zoomed to has those whose
 * moments are in it. So a stretch is cut into a piece for each tick, at the moment of that, as
 * --from and --to take it. Where that would make too many of them, the pieces are longer, and a
 * range is as exact as they are. Around time in which nothing was observed there are samples
 * without a stack.
 *
 * What the program says of itself are markers (gecko_markers.h).
 */
#include "analyze/ask/origin.h"
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "analyze/out/text/text_table.h"
#include "gecko_libs.h"
#include "gecko_markers.h"
#include "json_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define FORMAT_VERSION 60
#define MILLISECOND    6            /* digits of ns */
#define INNER          CLASS_EITHER /* here the category of a frame that calls others */
#define KIND_HALT      (INNER + 1)  /* of HALT_WAITS_WORLD, and the others behind it */
#define N_KINDS        (KIND_HALT + HALT_COUNT - 1)
#define SAMPLES_MAX    250000u /* of all threads; some 20 bytes each */

struct category {
    const char *name, *color; /* of its palette; it wants one that is grey */
};
static const struct category states[] = {
    [CLASS_ON_CPU] = {"on CPU", "green"},
    [CLASS_READY] = {"ready, no CPU free", "yellow"},
    [CLASS_WAITS_GIL] = {"waits for the GIL", "red"},
    [CLASS_BLOCKED] = {"blocked", "transparent"},
    [CLASS_UNKNOWN] = {"ready or blocked, not known which", "blue"},
    [CLASS_KERNEL] = {"in the kernel", "orange"},
    [INNER] = {"other packages", "grey"},
    /* where there is no GIL, so its colour is free */
    [KIND_HALT] = {"waits until the world goes on", "lightred"},
    {"waits for an object's lock", "red"},
    {"stops the world", "magenta"},
};
/* Of the packages that weigh most; what the states do not use. */
static const char *const package_colors[] = {"purple", "lightblue", "brown", "darkgrey"};

struct entry {
    uint32_t a, b, c;
    const struct stack_node *node; /* of a function or frame of C; NULL = of another */
};

struct table {
    struct entry *entries;
    size_t n, size;
};

/* Those with a colour of their own are the first ones. */
struct packages {
    struct text_table names;
    uint32_t *rank; /* by number: its category, or INNER */
    const char *colored[sizeof package_colors / sizeof package_colors[0]];
    uint32_t n_colored;
};

struct writer {
    struct sink *to;
    const struct view *view;
    struct text_table strings, files;
    struct gecko_libs libs;
    uint32_t *function_of; /* numbers + 1: by function of the view, */
    uint32_t *frame_of;    /* by place and state or INNER, */
    uint32_t *stack_of;    /* by node and that */
    struct packages packages;
    struct gecko_markers markers;
    uint32_t per_piece;     /* so many of a thread's ticks become one sample of the file */
    struct table functions; /* name, file + 1, first line */
    struct table frames;    /* function, line, category */
    struct table stacks;    /* frame, number of the caller's stack + 1 */
};

static uint32_t table_add(struct table *table, uint32_t a, uint32_t b, uint32_t c)
{
    table->entries =
        memory_grow(table->entries, &table->size, table->n + 1, sizeof *table->entries);
    table->entries[table->n++] = (struct entry){a, b, c, NULL};
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
        if (gecko_libs_take(&w->libs, node))
            w->functions.entries[*at - 1].node = node;
    }
    return *at - 1;
}

/* Give colours to the packages whose frames are widest where they call others. */
static void choose_packages(struct writer *w)
{
    struct packages *const p = &w->packages;
    const struct view *const view = w->view;
    uint64_t *const weight = memory_get(view->n_nodes * sizeof *weight);
    for (size_t i = 1; i < view->n_nodes; i++) {
        const struct stack_node *const node = &view->nodes[i];
        const uint32_t package = text_table_number(&p->names, node->package);
        weight[package] += node->package[0] != '\0' ? node->total : 0;
    }
    p->rank = memory_get((p->names.n + 1) * sizeof *p->rank);
    for (size_t i = 0; i < p->names.n; i++)
        p->rank[i] = INNER;
    while (p->n_colored < ARRAY_LEN(package_colors)) {
        size_t best = 0;
        for (size_t i = 1; i < p->names.n; i++)
            best = weight[i] > weight[best] ? i : best;
        if (p->names.n == 0 || weight[best] == 0)
            break;
        weight[best] = 0;
        p->rank[best] = N_KINDS + p->n_colored;
        p->colored[p->n_colored++] = p->names.texts[best];
    }
    free(weight);
}

static uint32_t kind_of(const struct stretch *s)
{
    return s->halt != HALT_NONE ? KIND_HALT + s->halt - HALT_WAITS_WORLD
                                : (uint32_t)state_class_shown(s->class);
}

static uint32_t category_of(struct writer *w, const struct stack_node *node, uint32_t kind)
{
    if (kind != INNER)
        return kind;
    return w->packages.rank[text_table_number(&w->packages.names, node->package)];
}

/* Number of the stack of a node that was the leaf in that state, or is INNER. */
static uint32_t find_stack(struct writer *w, uint32_t node, uint32_t kind)
{
    const struct stack_node *const n = &w->view->nodes[node];
    uint32_t *const stack = &w->stack_of[(size_t)node * N_KINDS + kind];
    uint32_t *const frame = &w->frame_of[(size_t)n->place * N_KINDS + kind];
    if (*frame == 0) {
        *frame = table_add(&w->frames, find_function(w, n), n->frame.line, category_of(w, n, kind));
        w->frames.entries[*frame - 1].node = gecko_libs_take(&w->libs, n) ? n : NULL;
    }
    if (*stack == 0)
        *stack =
            table_add(&w->stacks, *frame - 1,
                      n->parent != 0 ? w->stack_of[(size_t)n->parent * N_KINDS + INNER] : 0, 0);
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
            find_stack(w, course->stretches[k].node, kind_of(&course->stretches[k]));
        gecko_markers_number(&w->markers, course);
    }
    for (size_t i = 0; i < w->files.n; i++)
        text_table_number(&w->strings, w->files.texts[i]);
    gecko_libs_name(&w->libs, &w->strings);
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

/* What is known of C only. */
static void write_natives(struct writer *w, const char *name, const struct table *table,
                          gecko_libs_get *get, const char *none)
{
    sink_print(w->to, ",\"%s\":[", name);
    for (size_t i = 0; i < table->n; i++) {
        const struct stack_node *const node = table->entries[i].node;
        uint64_t value = 0;
        if (i > 0)
            putc(',', w->to->file);
        if (node != NULL && get(&w->libs, node, &value))
            sink_print(w->to, "%" PRIu64, value);
        else
            sink_text(w->to, none);
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
    write_natives(w, "resource", &w->functions, gecko_libs_number, "-1");
    sink_print(to, "},\n\"frameTable\":{\"length\":%zu", w->frames.n);
    write_column(w, "func", &w->frames, offsetof(struct entry, a), ALL_NUMBERS);
    write_column(w, "line", &w->frames, offsetof(struct entry, b), ZERO_IS_NULL);
    write_column(w, "category", &w->frames, offsetof(struct entry, c), ALL_NUMBERS);
    write_constant(w, "subcategory", "0", w->frames.n);
    write_constant(w, "column", "null", w->frames.n);
    write_natives(w, "address", &w->frames, gecko_libs_address, "-1");
    write_constant(w, "inlineDepth", "0", w->frames.n);
    write_natives(w, "nativeSymbol", &w->frames, gecko_libs_symbol, "null");
    write_constant(w, "innerWindowID", "0", w->frames.n);
    sink_print(to, "},\n\"stackTable\":{\"length\":%zu", w->stacks.n);
    write_column(w, "frame", &w->stacks, offsetof(struct entry, a), ALL_NUMBERS);
    write_column(w, "prefix", &w->stacks, offsetof(struct entry, b), LESS_ONE_ZERO_IS_NULL);
    sink_text(to, "},\n");
    gecko_libs_write_tables(&w->libs, to, &w->strings);
    putc('}', to->file);
}

static void write_entry(struct writer *w, const char *name, const char *text)
{
    sink_text(w->to, "{\"format\":\"string\",");
    json_member(w->to, "label", name);
    putc(',', w->to->file);
    json_member(w->to, "value", text);
    putc('}', w->to->file);
}

/* What the front end shows of the profile as a whole. */
static void write_extra(struct writer *w)
{
    const struct origin *const origin = w->view->origin;
    char piece[64] = "one per tick";
    if (w->per_piece > 1)
        snprintf(piece, sizeof piece, "one for up to %" PRIu32 " ticks", w->per_piece);
    sink_text(w->to, ",\"extra\":[{\"label\":\"Recording\",\"entries\":[");
    for (size_t i = 0; i < origin->n_lines; i++) {
        write_entry(w, origin->lines[i].name, origin->lines[i].text);
        putc(',', w->to->file);
    }
    write_entry(w, "samples", piece);
    sink_text(w->to, "]}]");
}

static void write_meta(struct writer *w)
{
    struct sink *const to = w->to;
    const struct origin *const origin = w->view->origin;
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
    putc(',', to->file);
    json_member(to, "product", origin->program);
    putc(',', to->file);
    json_member(to, "arguments", origin->command);
    sink_text(to, ",\"processType\":0,\"importedFrom\":\"pyrec " PYREC_VERSION
                  "\",\"stackwalk\":0,\"debug\":false,\"symbolicated\":true,"
                  "\"symbolicationNotSupported\":true,\"usesOnlyOneStackType\":true,"
                  "\"sourceCodeIsNotOnSearchfox\":true,");
    gecko_markers_schema(to);
    sink_text(to, ",\"sampleUnits\":"
                  "{\"time\":\"ms\",\"eventDelay\":\"ms\",\"threadCPUDelta\":\"ns\"}");
    if (recording != NULL) {
        putc(',', to->file);
        json_member(to, "oscpu", recording->os);
        putc(',', to->file);
        json_member(to, "CPUName", recording->cpu_model);
    }
    sink_text(to, ",\"categories\":[");
    for (uint32_t c = 0; c < N_KINDS + w->packages.n_colored; c++) {
        const struct category own =
            c < N_KINDS
                ? states[c]
                : (struct category){w->packages.colored[c - N_KINDS], package_colors[c - N_KINDS]};
        sink_text(to, c > 0 ? ",{" : "{");
        json_member(to, "name", own.name);
        sink_print(to, ",\"color\":\"%s\",\"subcategories\":[\"Other\"]}", own.color);
    }
    putc(']', to->file);
    write_extra(w);
    putc('}', to->file);
}

/* ---- samples ---- */

static uint64_t pieces_of(const struct stretch *s, uint32_t per_piece)
{
    const uint64_t n = s->samples / per_piece;
    return n > 0 ? n : 1;
}

/* One, or two, four .. so that there are not too many. */
static uint32_t choose_piece(const struct view *view)
{
    uint32_t per_piece = 1;
    for (uint64_t n = UINT64_MAX; n > SAMPLES_MAX; per_piece *= 2) {
        uint64_t least = 0; /* however many become one */
        n = 0;
        for (size_t i = 0; i < view->n_courses; i++) {
            const struct course *const course = &view->courses[i];
            least += course->n_stretches;
            for (size_t k = 0; k < course->n_stretches; k++)
                n += pieces_of(&course->stretches[k], per_piece);
        }
        if (n <= SAMPLES_MAX || n == least)
            break;
    }
    return per_piece;
}

enum sample_column { COLUMN_STACK, COLUMN_TIME, COLUMN_WEIGHT, COLUMN_CPU };

/* A column of a thread's samples on its way to the file. */
struct column_writer {
    struct writer *w;
    enum sample_column column;
    size_t n;
};

/* A moment from which on nothing is observed, or which ends that. */
static void write_nothing(struct column_writer *c, uint64_t at_ns)
{
    struct sink *const to = c->w->to;
    if (c->n++ > 0)
        putc(',', to->file);
    if (c->column == COLUMN_TIME)
        json_time(to, at_ns, MILLISECOND);
    else
        sink_text(to, c->column == COLUMN_STACK ? "null" : "0");
}

/* What of an amount falls on piece i of n. */
static uint64_t part_of(uint64_t amount, uint64_t i, uint64_t n)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)amount * (i + 1) / n) - (uint64_t)((wide)amount * i / n);
}

/* CPU is what was used since the sample before, which is where the piece begins. */
static void write_stretch(struct column_writer *c, const struct stretch *s)
{
    struct sink *const to = c->w->to;
    const uint64_t n = pieces_of(s, c->w->per_piece);
    uint64_t at_ns = s->start_ns;
    for (uint64_t i = 0; i < n; i++) {
        at_ns += part_of(s->end_ns - s->start_ns, i, n);
        if (c->n++ > 0)
            putc(',', to->file);
        switch (c->column) {
        case COLUMN_STACK:
            sink_print(to, "%" PRIu32, find_stack(c->w, s->node, kind_of(s)));
            break;
        case COLUMN_TIME:
            json_time(to, at_ns, MILLISECOND);
            break;
        case COLUMN_WEIGHT:
            json_weight(to, c->w->view->metric, part_of(s->weight, i, n), MILLISECOND);
            break;
        case COLUMN_CPU:
            sink_print(to, "%" PRIu64, part_of(s->cpu_ns, i, n));
            break;
        }
    }
}

static size_t write_samples(struct writer *w, const struct course *course,
                            enum sample_column column, const char *name)
{
    struct column_writer c = {w, column, 0};
    uint64_t end_ns = UINT64_MAX;
    sink_print(w->to, ",\"%s\":[", name);
    for (size_t i = 0; i < course->n_stretches; i++) {
        const struct stretch *const s = &course->stretches[i];
        if (i > 0 && s->start_ns != end_ns)
            write_nothing(&c, end_ns);
        if (s->start_ns != end_ns)
            write_nothing(&c, s->start_ns);
        write_stretch(&c, s);
        end_ns = s->end_ns;
    }
    write_nothing(&c, end_ns);
    putc(']', w->to->file);
    return c.n;
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
    sink_text(to, ",\"unregisterTime\":");
    if (thread->ended)
        json_time(to, course->stretches[course->n_stretches - 1].end_ns, MILLISECOND);
    else
        sink_text(to, "null");
    sink_text(to, ",\"pausedRanges\":[],");
    gecko_markers_write(&w->markers, course);
    sink_text(to, ",\n\"samples\":{\"weightType\":");
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
    w.markers = (struct gecko_markers){to, &w.strings, view->from_ns, INNER};
    (void)why;
    w.function_of = memory_get((view->n_functions + 1) * sizeof(uint32_t));
    w.frame_of = memory_get(((size_t)view->n_places + 1) * N_KINDS * sizeof(uint32_t));
    w.stack_of = memory_get(view->n_nodes * N_KINDS * sizeof(uint32_t));
    choose_packages(&w);
    number_stacks(&w);
    w.per_piece = choose_piece(view);
    sink_text(to, "{");
    write_meta(&w);
    sink_text(to, ",\"libs\":[");
    gecko_libs_write(&w.libs, to);
    sink_text(to, "],\"pages\":[],\n");
    write_shared(&w);
    sink_text(to, ",\n\"threads\":[");
    for (size_t i = 0; i < view->n_courses; i++)
        write_thread(&w, i);
    sink_text(to, "]}\n");
    text_table_clear(&w.strings);
    text_table_clear(&w.files);
    text_table_clear(&w.packages.names);
    gecko_libs_clear(&w.libs);
    free(w.packages.rank);
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
    .keeps_pace = true,
    .write = gecko_write,
};
