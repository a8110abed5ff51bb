/* SPDX-License-Identifier: MIT */
/*
 * pprof - a gzipped message perftools.profiles.Profile, as `go tool pprof` reads it.
 *
 * Every stack of every thread is a sample with all metrics as its values; --by only says which of
 * them pprof shows first. Thread, process, task and phases are labels. A location is a line of a
 * function, or a function of C with its address; the first mapping says what program it was, the
 * others what files C was in, with their build-ids; nothing is left to be symbolized.
 */
#include "analyze/ask/origin.h"
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "analyze/out/text/text_table.h"
#include "wire_message.h"

#include <stdlib.h>
#include <string.h>

/* Numbers of fields. */
enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME_NS = 9,
    PROFILE_DURATION_NS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_TYPE = 14,
};
enum type_field { TYPE_NAME = 1, TYPE_UNIT = 2 };
enum sample_field { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label_field { LABEL_KEY = 1, LABEL_TEXT = 2, LABEL_NUMBER = 3 };
enum mapping_field {
    MAPPING_ID = 1,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILES = 8,
    MAPPING_HAS_LINES = 9,
};
enum location_field {
    LOCATION_ID = 1,
    LOCATION_MAPPING = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
};
enum line_field { LINE_FUNCTION = 1, LINE_NUMBER = 2 };
/*
 * pprof takes functions of one name for one, so the name is the one that no other function has
 * (naming.h), and the system name is what Python calls it. That is written where it is another one
 * only: of two that are equal pprof would think that they are C++, and cut off "<lambda>".
 */
enum function_field {
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILE = 4,
    FUNCTION_LINE = 5,
};

struct writer {
    const struct view *view;
    struct gzip *gzip;
    struct arena arena;
    struct text_table texts;
    struct text_table mappings;   /* files of C: the first one is mapping 2 */
    uint32_t *functions, *places; /* their ids, in order of appearance; 0 = not yet */
    uint32_t n_functions, n_places;
    struct buffer message, inner, leaf; /* a field of Profile, a message in it, one in that */
};

static uint64_t text(struct writer *w, const char *value)
{
    return text_table_number(&w->texts, value);
}

/* Write what is in w->inner as a field of the profile. */
static void flush_field(struct writer *w, unsigned field)
{
    if (w->inner.text == NULL)
        buffer_add(&w->inner, "", 0);
    message_message(&w->message, field, &w->inner);
    gzip_write(w->gzip, &w->message);
    buffer_reset(&w->message);
    buffer_reset(&w->inner);
}

static void write_type(struct writer *w, unsigned field, const char *name, const char *unit)
{
    message_number(&w->inner, TYPE_NAME, text(w, name));
    message_number(&w->inner, TYPE_UNIT, text(w, unit));
    flush_field(w, field);
}

static void write_mapping(struct writer *w, uint64_t id, const char *file, const char *build_id)
{
    message_number(&w->inner, MAPPING_ID, id);
    message_number(&w->inner, MAPPING_FILE, text(w, file));
    if (build_id[0] != '\0')
        message_number(&w->inner, MAPPING_BUILD_ID, text(w, build_id));
    message_number(&w->inner, MAPPING_HAS_FUNCTIONS, 1);
    message_number(&w->inner, MAPPING_HAS_FILES, 1);
    message_number(&w->inner, MAPPING_HAS_LINES, 1);
    flush_field(w, PROFILE_MAPPING);
}

static void write_head(struct writer *w)
{
    text(w, ""); /* text 0 must be empty */
    for (size_t i = 0; i < METRIC_COUNT; i++)
        write_type(w, PROFILE_SAMPLE_TYPE, metrics[i].by,
                   metrics[i].unit == UNIT_SECONDS ? "nanoseconds" : "count");
    write_mapping(w, 1, w->view->origin->program, "");
}

/* The one that the function is in. */
static uint64_t mapping_of(struct writer *w, const struct stack_node *node)
{
    if (node->object[0] == '\0')
        return 1;
    const size_t n_before = w->mappings.n;
    const uint64_t id = text_table_number(&w->mappings, node->object) + 2;
    if (w->mappings.n > n_before)
        write_mapping(w, id, node->object, node->build_id);
    return id;
}

static void write_function(struct writer *w, const struct stack_node *node)
{
    w->functions[node->function] = ++w->n_functions;
    message_number(&w->inner, FUNCTION_ID, w->n_functions);
    message_number(&w->inner, FUNCTION_NAME, text(w, node->label));
    if (strcmp(node->label, node->frame.function) != 0)
        message_number(&w->inner, FUNCTION_SYSTEM_NAME, text(w, node->frame.function));
    message_number(&w->inner, FUNCTION_FILE, text(w, node->frame.file));
    message_number(&w->inner, FUNCTION_LINE, node->first_line);
    flush_field(w, PROFILE_FUNCTION);
}

static void write_location(struct writer *w, const struct stack_node *node)
{
    if (w->functions[node->function] == 0)
        write_function(w, node);
    const uint64_t mapping = mapping_of(w, node);
    buffer_reset(&w->leaf);
    message_number(&w->leaf, LINE_FUNCTION, w->functions[node->function]);
    message_number(&w->leaf, LINE_NUMBER, node->frame.line);
    w->places[node->place] = ++w->n_places;
    message_number(&w->inner, LOCATION_ID, w->n_places);
    message_number(&w->inner, LOCATION_MAPPING, mapping);
    if (node->address != 0)
        message_number(&w->inner, LOCATION_ADDRESS, node->address);
    message_message(&w->inner, LOCATION_LINE, &w->leaf);
    flush_field(w, PROFILE_LOCATION);
}

static void add_label(struct writer *w, const char *key, const char *value, uint64_t number)
{
    buffer_reset(&w->leaf);
    message_number(&w->leaf, LABEL_KEY, text(w, key));
    if (value != NULL)
        message_number(&w->leaf, LABEL_TEXT, text(w, value));
    else
        message_number(&w->leaf, LABEL_NUMBER, number);
    message_message(&w->inner, SAMPLE_LABEL, &w->leaf);
}

static void write_sample(struct writer *w, const struct stack_node *node)
{
    const struct weights *const weights = node->weights;
    buffer_reset(&w->leaf);
    for (; node->thread == NULL; node = &w->view->nodes[node->parent])
        packed_add(&w->leaf, w->places[node->place]);
    message_message(&w->inner, SAMPLE_LOCATION, &w->leaf);
    buffer_reset(&w->leaf);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        packed_add(&w->leaf, metrics[i].of(weights));
    message_message(&w->inner, SAMPLE_VALUE, &w->leaf);
    const struct thread *const thread = node->thread;
    add_label(w, "thread", thread->whole != NULL ? thread->whole->name : thread->name, 0);
    if (thread->os_tid != 0)
        add_label(w, "thread_id", NULL, thread->os_tid);
    if (thread->process->pid != 0)
        add_label(w, "process", NULL, thread->process->pid);
    if (thread->task != NULL)
        add_label(w, "task", thread->task, 0);
    if (thread->phase != NULL)
        add_label(w, "phase", thread->phase, 0);
    flush_field(w, PROFILE_SAMPLE);
}

/* When it was, and how it was sampled: of the first thread's process and of all. */
static void write_times(struct writer *w)
{
    const struct view *const view = w->view;
    const struct recording *recording = NULL;
    uint64_t start_ns = UINT64_MAX, end_ns = 0;
    for (size_t i = 1; i < view->n_nodes; i++) {
        const struct thread *const thread = view->nodes[i].thread;
        if (thread == NULL)
            continue;
        recording = recording != NULL ? recording : thread->process->recording;
        start_ns = thread->process->start_ns < start_ns ? thread->process->start_ns : start_ns;
        end_ns = thread->process->last_ns > end_ns ? thread->process->last_ns : end_ns;
    }
    /* In a later part of a recording a process is older than what is in it. */
    if (recording != NULL && recording->segment > 0 && view->first_ns > start_ns)
        start_ns = view->first_ns;
    write_type(w, PROFILE_PERIOD_TYPE, "wall", "nanoseconds");
    if (recording != NULL) {
        message_number(&w->message, PROFILE_PERIOD, recording->interval_ns);
        message_number(&w->message, PROFILE_TIME_NS,
                       (uint64_t)recording_unix_ns(recording, start_ns));
        message_number(&w->message, PROFILE_DURATION_NS, end_ns > start_ns ? end_ns - start_ns : 0);
    }
}

static void write_tail(struct writer *w)
{
    const struct origin *const origin = w->view->origin;
    write_times(w);
    for (size_t i = 0; i < origin->n_lines; i++) {
        const char *const line =
            arena_print(&w->arena, "%s: %s", origin->lines[i].name, origin->lines[i].text);
        message_number(&w->message, PROFILE_COMMENT, text(w, line));
    }
    message_number(&w->message, PROFILE_DEFAULT_TYPE, text(w, w->view->metric->by));
    for (size_t i = 0; i < w->texts.n; i++) {
        message_text(&w->message, PROFILE_STRING, w->texts.texts[i]);
        gzip_write(w->gzip, &w->message);
        buffer_reset(&w->message);
    }
}

static enum status pprof_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct writer w = {.view = view, .gzip = memory_get(sizeof(struct gzip))};
    (void)why;
    w.functions = memory_get((view->n_functions + 1) * sizeof *w.functions);
    w.places = memory_get((view->n_places + 1) * sizeof *w.places);
    gzip_open(w.gzip, to);
    write_head(&w);
    for (size_t i = 1; i < view->n_nodes; i++) {
        const struct stack_node *const node = &view->nodes[i];
        if (node->thread == NULL && w.places[node->place] == 0)
            write_location(&w, node);
        if (node->self > 0)
            write_sample(&w, node);
    }
    write_tail(&w);
    gzip_close(w.gzip);
    text_table_clear(&w.texts);
    text_table_clear(&w.mappings);
    arena_clear(&w.arena);
    buffer_clear(&w.message);
    buffer_clear(&w.inner);
    buffer_clear(&w.leaf);
    free(w.functions);
    free(w.places);
    free(w.gzip);
    return STATUS_OK;
}

const struct output output_pprof = {
    .name = "pprof",
    .help = "gzipped profile.proto with all metrics, for go tool pprof",
    .accepts = SHAPE_STACKS,
    .machine = true,
    .binary = true,
    .per_thread = true,
    .per_part = true,
    .write = pprof_write,
};
