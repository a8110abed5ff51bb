/* SPDX-License-Identifier: MIT */
/*
 * otlp - a gzipped ExportProfilesServiceRequest, as OpenTelemetry's collector takes it by HTTP.
 *
 * Field numbers are those of opentelemetry-proto 1.11.0, opentelemetry.proto.profiles.v1development
 * (status: alpha; others before 1.9 are not compatible).
 *
 * A process is a resource; service, version and labels are its attributes. Each has one profile per
 * sample type: wall, cpu, gil_wait, blocked, in nanoseconds. A sample is a stack of a thread, in a
 * task and phases of the program's, of wall in a state: attributes thread.name, thread.id,
 * pyrec.task, pyrec.phase, pyrec.state. A location is a line of a function, or a function of C with
 * its address, whose file is a mapping: attributes profile.frame.type and
 * process.executable.build_id.gnu. Names are those of OpenTelemetry's conventions where there are
 * any; they have none for what begins with pyrec.
 */
#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "analyze/cli/output.h"
#include "analyze/model/tree.h"
#include "analyze/out/text/text_table.h"
#include "wire_message.h"

#include <stdlib.h>
#include <string.h>

enum request_field { REQUEST_RESOURCE = 1, REQUEST_DICTIONARY = 2 };
enum dictionary_field {
    DICTIONARY_MAPPING = 1,
    DICTIONARY_LOCATION = 2,
    DICTIONARY_FUNCTION = 3,
    DICTIONARY_LINK = 4,
    DICTIONARY_STRING = 5,
    DICTIONARY_ATTRIBUTE = 6,
    DICTIONARY_STACK = 7,
};
enum resource_profiles_field { RESOURCE_RESOURCE = 1, RESOURCE_SCOPE = 2 };
enum resource_field { RESOURCE_ATTRIBUTE = 1 };
enum scope_profiles_field { SCOPE_SCOPE = 1, SCOPE_PROFILE = 2 };
enum scope_field { SCOPE_NAME = 1, SCOPE_VERSION = 2 };
enum key_value_field { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };
enum any_value_field { VALUE_STRING = 1, VALUE_INT = 3 };
enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_TIME_NS = 3,
    PROFILE_DURATION_NS = 4,
    PROFILE_PERIOD_TYPE = 5,
    PROFILE_PERIOD = 6,
    PROFILE_ID = 7,
};
enum type_field { TYPE_NAME = 1, TYPE_UNIT = 2 };
enum sample_field { SAMPLE_STACK = 1, SAMPLE_ATTRIBUTE = 2, SAMPLE_VALUE = 4 };
enum stack_field { STACK_LOCATION = 1 };
enum mapping_field { MAPPING_FILE = 4, MAPPING_ATTRIBUTE = 5 };
enum location_field {
    LOCATION_MAPPING = 1,
    LOCATION_ADDRESS = 2,
    LOCATION_LINE = 3,
    LOCATION_ATTRIBUTE = 4,
};
enum line_field { LINE_FUNCTION = 1, LINE_NUMBER = 2 };
enum function_field { FUNCTION_NAME = 1, FUNCTION_FILE = 3, FUNCTION_LINE = 4 };
enum attribute_field { ATTRIBUTE_KEY = 1, ATTRIBUTE_VALUE = 2 };
enum link_field { LINK_TRACE = 1, LINK_SPAN = 2 };
enum wire_type { WIRE_FIXED64 = 1 };

#define ID_LEN 16u

static const struct sample_type {
    const char *name;
    enum state_class only; /* CLASS_COUNT: of all states, .. */
    bool by_state;         /* .. each by itself */
    bool is_cpu;           /* CPU time, else elapsed time */
} types[] = {
    {"wall", CLASS_COUNT, true, false},
    {"cpu", CLASS_COUNT, false, true},
    {"gil_wait", CLASS_WAITS_GIL, false, false},
    {"blocked", CLASS_BLOCKED, false, false},
};

struct writer {
    const struct view *view;
    struct arena arena;
    struct text_table texts, mappings,
        attributes; /* by file; by "key=value"; all have an empty one first */
    uint32_t *functions, *places, *paths, *stacks; /* numbers of a function, a place, a node's path,
                                                      and of that in the table; 0 = not yet */
    uint32_t n_functions, n_places, n_stacks;
    struct tree tree; /* paths of all threads: a stack is there once */
    struct buffer dictionary, resources, resource, scope, profile, message, inner, leaf;
};

/* ---- the dictionary ---- */

static uint64_t text(struct writer *w, const char *value)
{
    return text_table_number(&w->texts, value);
}

/* Put w->message into the dictionary. */
static void entry_add(struct writer *w, unsigned field)
{
    if (w->message.text == NULL)
        buffer_add(&w->message, "", 0);
    message_message(&w->dictionary, field, &w->message);
    buffer_reset(&w->message);
}

/* Number 0 of each table stands for nothing. */
static void dictionary_begin(struct writer *w)
{
    static const unsigned empty[] = {DICTIONARY_MAPPING, DICTIONARY_LOCATION, DICTIONARY_FUNCTION,
                                     DICTIONARY_ATTRIBUTE, DICTIONARY_STACK};
    static const char zeros[ID_LEN];
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        entry_add(w, empty[i]);
    message_bytes(&w->message, LINK_TRACE, zeros, ID_LEN);
    message_bytes(&w->message, LINK_SPAN, zeros, ID_LEN / 2);
    entry_add(w, DICTIONARY_LINK);
    text(w, "");
    text_table_number(&w->mappings, "");
    text_table_number(&w->attributes, "");
}

static void value_add(struct buffer *to, unsigned field, const char *value, uint64_t number,
                      struct buffer *inner)
{
    buffer_reset(inner);
    if (value != NULL)
        message_bytes(inner, VALUE_STRING, value, unicode_prefix(value, LABEL_VALUE_MAX));
    else { /* one of several, so a 0 is written, too */
        packed_add(inner, VALUE_INT << 3);
        packed_add(inner, number);
    }
    message_message(to, field, inner);
}

static uint32_t attribute(struct writer *w, const char *key, const char *value, uint64_t number)
{
    const char *const whole =
        value != NULL ? arena_print(&w->arena, "%s=%s", key, value)
                      : arena_print(&w->arena, "%s %llu", key, (unsigned long long)number);
    const size_t n = w->attributes.n;
    const uint32_t found = text_table_number(&w->attributes, whole);
    if (w->attributes.n == n)
        return found;
    message_number(&w->message, ATTRIBUTE_KEY, text(w, key));
    value_add(&w->message, ATTRIBUTE_VALUE, value, number, &w->leaf);
    entry_add(w, DICTIONARY_ATTRIBUTE);
    return found;
}

static uint32_t function_number(struct writer *w, const struct stack_node *node)
{
    uint32_t *const number = &w->functions[node->function];
    if (*number != 0)
        return *number;
    *number = ++w->n_functions;
    message_number(&w->message, FUNCTION_NAME, text(w, node->frame.function));
    message_number(&w->message, FUNCTION_FILE, text(w, node->frame.file));
    message_number(&w->message, FUNCTION_LINE, node->first_line);
    entry_add(w, DICTIONARY_FUNCTION);
    return *number;
}

/* The file that a function of C is in. */
static uint32_t mapping_number(struct writer *w, const struct stack_node *node)
{
    if (!node->frame.native || node->frame.file[0] == '\0')
        return 0;
    const size_t n = w->mappings.n;
    const uint32_t found = text_table_number(&w->mappings, node->frame.file);
    if (w->mappings.n == n)
        return found;
    struct buffer column = {0};
    if (node->build_id[0] != '\0')
        packed_add(&column, attribute(w, "process.executable.build_id.gnu", node->build_id, 0));
    message_number(&w->message, MAPPING_FILE, text(w, node->frame.file));
    if (column.len > 0)
        message_message(&w->message, MAPPING_ATTRIBUTE, &column);
    buffer_clear(&column);
    entry_add(w, DICTIONARY_MAPPING);
    return found;
}

/* What the interpreter ran, or the processor; NULL: it stands for what is no frame. */
static const char *frame_type(const struct stack_node *node)
{
    if (node->frame.native)
        return "native";
    return node->frame.file[0] != '\0' ? "cpython" : NULL;
}

static uint32_t place_number(struct writer *w, const struct stack_node *node)
{
    uint32_t *const number = &w->places[node->place];
    if (*number != 0)
        return *number;
    const char *const type = frame_type(node);
    const uint32_t function = function_number(w, node), mapping = mapping_number(w, node);
    struct buffer column = {0};
    if (type != NULL)
        packed_add(&column, attribute(w, "profile.frame.type", type, 0));
    *number = ++w->n_places;
    message_number(&w->message, LOCATION_MAPPING, mapping);
    message_number(&w->message, LOCATION_ADDRESS, node->address);
    buffer_reset(&w->leaf);
    message_number(&w->leaf, LINE_FUNCTION, function);
    message_number(&w->leaf, LINE_NUMBER, node->frame.line);
    message_message(&w->message, LOCATION_LINE, &w->leaf);
    if (column.len > 0)
        message_message(&w->message, LOCATION_ATTRIBUTE, &column);
    buffer_clear(&column);
    entry_add(w, DICTIONARY_LOCATION);
    return *number;
}

/* Of a node's path, leaf first; a thread without frames has none. */
static uint32_t stack_number(struct writer *w, size_t i)
{
    const struct stack_node *node = &w->view->nodes[i];
    if (node->thread != NULL)
        return 0;
    uint32_t *const number = &w->stacks[w->paths[i]];
    if (*number != 0)
        return *number;
    struct buffer locations = {0};
    for (; node->thread == NULL; node = &w->view->nodes[node->parent])
        packed_add(&locations, place_number(w, node));
    message_message(&w->message, STACK_LOCATION, &locations);
    buffer_clear(&locations);
    entry_add(w, DICTIONARY_STACK);
    return *number = ++w->n_stacks;
}

/* ---- profiles ---- */

static void sample_add(struct writer *w, size_t node, const struct thread *thread,
                       const char *state, uint64_t value)
{
    struct buffer column = {0};
    if (value == 0)
        return;
    const uint32_t stack = stack_number(w, node);
    const char *const name = thread->whole != NULL ? thread->whole->name : thread->name;
    packed_add(&column, attribute(w, "thread.name", name, 0));
    if (thread->os_tid != 0)
        packed_add(&column, attribute(w, "thread.id", NULL, thread->os_tid));
    if (thread->task != NULL)
        packed_add(&column, attribute(w, "pyrec.task", thread->task, 0));
    if (thread->phase != NULL)
        packed_add(&column, attribute(w, "pyrec.phase", thread->phase, 0));
    if (state != NULL)
        packed_add(&column, attribute(w, "pyrec.state", state, 0));
    buffer_reset(&w->inner);
    message_number(&w->inner, SAMPLE_STACK, stack);
    message_message(&w->inner, SAMPLE_ATTRIBUTE, &column);
    buffer_reset(&column);
    packed_add(&column, value);
    message_message(&w->inner, SAMPLE_VALUE, &column);
    message_message(&w->profile, PROFILE_SAMPLE, &w->inner);
    buffer_clear(&column);
}

static void node_samples_add(struct writer *w, size_t i, const struct thread *thread,
                             const struct sample_type *type)
{
    const struct weights *const weights = w->view->nodes[i].weights;
    if (!type->by_state) {
        sample_add(w, i, thread, NULL,
                   type->is_cpu ? weights_sum(weights).cpu : weights->by[type->only].wall);
        return;
    }
    for (int c = 0; c < CLASS_KERNEL; c++)
        sample_add(w, i, thread, state_class_name((enum state_class)c),
                   c == CLASS_ON_CPU ? weights_on_cpu(weights).wall : weights->by[c].wall);
}

static void fixed64_add(struct buffer *to, unsigned field, uint64_t value)
{
    char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(value >> 8 * i);
    packed_add(to, field << 3 | WIRE_FIXED64);
    buffer_add(to, bytes, sizeof bytes);
}

static void type_add(struct writer *w, unsigned field, const char *name)
{
    buffer_reset(&w->inner);
    message_number(&w->inner, TYPE_NAME, text(w, name));
    message_number(&w->inner, TYPE_UNIT, text(w, "nanoseconds"));
    message_message(&w->profile, field, &w->inner);
}

/* The same whenever the same part is exported: who gets it twice can know it. */
static void id_add(struct writer *w, const struct process *process, size_t type)
{
    const struct recording *const r = process->recording;
    uint8_t id[ID_LEN];
    uint64_t last;
    memcpy(id, r->uuid, ID_LEN);
    memcpy(&last, id + 8, sizeof last);
    last = hash_pair(last ^ r->segment, (uint64_t)process->number << 8 | type);
    memcpy(id + 8, &last, sizeof last);
    message_bytes(&w->profile, PROFILE_ID, (const char *)id, ID_LEN);
}

/* Of the process whose nodes are [begin, end). */
static void profile_add(struct writer *w, size_t begin, size_t end, const struct process *process,
                        size_t type)
{
    const struct recording *const r = process->recording;
    const struct view *const view = w->view;
    const struct thread *thread = NULL;
    const uint64_t start_ns =
        process->start_ns > view->first_ns ? process->start_ns : view->first_ns;
    buffer_reset(&w->profile);
    type_add(w, PROFILE_SAMPLE_TYPE, types[type].name);
    const size_t empty = w->profile.len;
    for (size_t i = begin; i < end; i++) {
        const struct stack_node *const node = &view->nodes[i];
        thread = node->thread != NULL ? node->thread : thread;
        if (node->self > 0 && node->weights != NULL)
            node_samples_add(w, i, thread, &types[type]);
    }
    if (w->profile.len == empty)
        return; /* nobody waited */
    fixed64_add(&w->profile, PROFILE_TIME_NS, (uint64_t)recording_unix_ns(r, start_ns));
    message_number(&w->profile, PROFILE_DURATION_NS,
                   process->last_ns > start_ns ? process->last_ns - start_ns : 0);
    type_add(w, PROFILE_PERIOD_TYPE, "wall");
    message_number(&w->profile, PROFILE_PERIOD, r->interval_ns);
    if (r->has_uuid)
        id_add(w, process, type);
    message_message(&w->scope, SCOPE_PROFILE, &w->profile);
}

/* ---- resources ---- */

static void resource_attribute(struct writer *w, const char *key, const char *value,
                               uint64_t number)
{
    if (value != NULL && value[0] == '\0')
        return;
    buffer_reset(&w->inner);
    message_text(&w->inner, KEY_VALUE_KEY, key);
    value_add(&w->inner, KEY_VALUE_VALUE, value, number, &w->leaf);
    message_message(&w->message, RESOURCE_ATTRIBUTE, &w->inner);
}

static bool has_label(const struct service *service, const char *key)
{
    for (size_t i = 0; i < service->n_labels; i++)
        if (strcmp(service->labels[i].name, key) == 0)
            return true;
    return false;
}

/* What OpenTelemetry's conventions call them. What was said (labels) comes before what was seen. */
static void resource_add(struct writer *w, const struct process *p)
{
    const struct service *const service = p->service;
    const struct {
        const char *key, *value;
    } seen[] = {
        {"host.name", p->hostname[0] != '\0' ? p->hostname : p->recording->hostname},
        {"process.executable.path", p->executable},
        {"process.command_line", p->command},
        {"process.runtime.name", p->python_version[0] != '\0' ? "cpython" : ""},
        {"process.runtime.version", p->python_version},
    };
    resource_attribute(w, "service.name",
                       service->name[0] != '\0' ? service->name : "unknown_service:python", 0);
    resource_attribute(w, "service.version", service->version, 0);
    for (size_t i = 0; i < service->n_labels; i++)
        resource_attribute(w, service->labels[i].name, service->labels[i].value, 0);
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        if (!has_label(service, seen[i].key))
            resource_attribute(w, seen[i].key, seen[i].value, 0);
    if (p->pid != 0 && !has_label(service, "process.pid"))
        resource_attribute(w, "process.pid", NULL, p->pid);
    message_message(&w->resource, RESOURCE_RESOURCE, &w->message);
    buffer_reset(&w->message);
}

static void process_add(struct writer *w, size_t begin, size_t end, const struct process *process)
{
    buffer_reset(&w->scope);
    buffer_reset(&w->inner);
    message_text(&w->inner, SCOPE_NAME, "pyrec");
    message_text(&w->inner, SCOPE_VERSION, PYREC_VERSION);
    message_message(&w->scope, SCOPE_SCOPE, &w->inner);
    const size_t empty = w->scope.len;
    for (size_t type = 0; type < ARRAY_LEN(types); type++)
        profile_add(w, begin, end, process, type);
    if (w->scope.len == empty)
        return;
    buffer_reset(&w->resource);
    resource_add(w, process);
    message_message(&w->resource, RESOURCE_SCOPE, &w->scope);
    message_message(&w->resources, REQUEST_RESOURCE, &w->resource);
}

/* Nodes of a process stand together: threads are in order of process. */
static void processes_add(struct writer *w)
{
    const struct view *const view = w->view;
    const struct process *process = NULL;
    size_t begin = 1;
    for (size_t i = 1; i < view->n_nodes; i++) {
        const struct stack_node *const node = &view->nodes[i];
        if (node->thread == NULL) {
            const uint32_t up =
                view->nodes[node->parent].thread != NULL ? TREE_ROOT : w->paths[node->parent];
            w->paths[i] = tree_child(&w->tree, up, node->place);
        }
    }
    w->stacks = memory_get(w->tree.n * sizeof *w->stacks);
    for (size_t i = 1; i <= view->n_nodes; i++) {
        const struct thread *const thread = i < view->n_nodes ? view->nodes[i].thread : NULL;
        if (i < view->n_nodes && (thread == NULL || thread->process == process))
            continue;
        if (process != NULL)
            process_add(w, begin, i, process);
        begin = i;
        process = thread != NULL ? thread->process : NULL;
    }
}

static void writer_clear(struct writer *w)
{
    struct buffer *const buffers[] = {&w->dictionary, &w->resources, &w->resource, &w->scope,
                                      &w->profile,    &w->message,   &w->inner,    &w->leaf};
    for (size_t i = 0; i < ARRAY_LEN(buffers); i++)
        buffer_clear(buffers[i]);
    text_table_clear(&w->texts);
    text_table_clear(&w->mappings);
    text_table_clear(&w->attributes);
    tree_clear(&w->tree);
    arena_clear(&w->arena);
    free(w->functions);
    free(w->places);
    free(w->paths);
    free(w->stacks);
}

static enum status otlp_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct writer w = {.view = view};
    struct gzip *const gzip = memory_get(sizeof *gzip);
    (void)why;
    w.functions = memory_get((view->n_functions + 1) * sizeof *w.functions);
    w.places = memory_get((view->n_places + 1) * sizeof *w.places);
    w.paths = memory_get((view->n_nodes + 1) * sizeof *w.paths);
    tree_init(&w.tree);
    dictionary_begin(&w);
    processes_add(&w);
    for (size_t i = 0; i < w.texts.n; i++)
        message_text(&w.dictionary, DICTIONARY_STRING, w.texts.texts[i]);
    message_message(&w.resources, REQUEST_DICTIONARY, &w.dictionary);
    gzip_open(gzip, to);
    gzip_write(gzip, &w.resources);
    gzip_close(gzip);
    free(gzip);
    writer_clear(&w);
    return STATUS_OK;
}

const struct output output_otlp = {
    .name = "otlp",
    .help = "gzipped profiles of OpenTelemetry (v1development), as its collector takes them",
    .accepts = SHAPE_STACKS,
    .machine = true,
    .binary = true,
    .per_thread = true,
    .per_part = true,
    .write = otlp_write,
};
