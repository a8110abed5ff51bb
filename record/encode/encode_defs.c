/* SPDX-License-Identifier: MIT */
/* Defs and Events: what is new in the dictionaries, and what happened. */
#include "encode_parts.h"

static void strings_fill(struct bump *bump, const struct intern *in, Pyrec__V1__Defs *defs)
{
    const uint32_t from = in->sent.strings, n = in->count.strings - from;
    defs->string = bump_take(bump, n, sizeof *defs->string);
    if (bump->has_failed || n == 0)
        return;
    defs->first_string = from + 1;
    defs->n_string = n;
    for (uint32_t i = 0; i < n; i++)
        defs->string[i] = in->text + in->strings[from + i];
}

static void functions_fill(struct bump *bump, const struct intern *in, Pyrec__V1__Defs *defs)
{
    const uint32_t from = in->sent.functions, n = in->count.functions - from;
    bool any_kind = false, any_module = false;
    defs->function_name = bump_take(bump, n, sizeof *defs->function_name);
    defs->function_file = bump_take(bump, n, sizeof *defs->function_file);
    defs->function_line = bump_take(bump, n, sizeof *defs->function_line);
    defs->function_kind = bump_take(bump, n, sizeof *defs->function_kind);
    defs->function_module = bump_take(bump, n, sizeof *defs->function_module);
    defs->function_address = bump_take(bump, n, sizeof *defs->function_address);
    if (bump->has_failed || n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct intern_function *function = &in->functions[from + i];
        defs->function_name[i] = function->name;
        defs->function_file[i] = function->file;
        defs->function_line[i] = function->line;
        defs->function_kind[i] = function->kind;
        defs->function_module[i] = function->module;
        defs->function_address[i] = function->address;
        any_kind = any_kind || function->kind != INTERN_PYTHON;
        any_module = any_module || function->module != 0;
    }
    defs->first_function = from + 1;
    defs->n_function_name = defs->n_function_file = defs->n_function_line = n;
    defs->n_function_kind = any_kind ? n : 0;
    defs->n_function_module = defs->n_function_address = any_module ? n : 0;
}

static void modules_fill(struct bump *bump, const struct intern *in, Pyrec__V1__Defs *defs)
{
    const uint32_t from = in->sent.modules, n = in->count.modules - from;
    defs->module = bump_take(bump, n, sizeof *defs->module);
    for (uint32_t i = 0; i < n && !bump->has_failed; i++) {
        const struct intern_module *module = &in->modules[from + i];
        Pyrec__V1__Module *message = encode_new(bump, &pyrec__v1__module__descriptor);
        if (message == NULL)
            return;
        message->id = from + i + 1;
        message->path = module->path;
        message->kind = (Pyrec__V1__Module__Kind)module->kind;
        message->build_id.len = module->build_id_len;
        message->build_id.data = in->modules[from + i].build_id;
        defs->module[defs->n_module++] = message;
    }
}

/* Only where a location has one. */
static void offsets_fill(struct bump *bump, const struct intern *in, Pyrec__V1__Defs *defs)
{
    const uint32_t from = in->sent.locations, n = in->count.locations - from;
    bool any = false;
    for (uint32_t i = 0; i < n && !any; i++)
        any = in->locations[from + i].offset != 0;
    if (!any)
        return;
    defs->location_offset = bump_take(bump, n, sizeof *defs->location_offset);
    if (bump->has_failed)
        return;
    for (uint32_t i = 0; i < n; i++)
        defs->location_offset[i] = in->locations[from + i].offset;
    defs->n_location_offset = n;
}

/* Lines as differences: they are small where the absolute numbers are not. */
static void locations_fill(struct bump *bump, const struct intern *in, Pyrec__V1__Defs *defs)
{
    const uint32_t from = in->sent.locations, n = in->count.locations - from;
    defs->location_function = bump_take(bump, n, sizeof *defs->location_function);
    defs->location_line = bump_take(bump, n, sizeof *defs->location_line);
    defs->location_end_line = bump_take(bump, n, sizeof *defs->location_end_line);
    defs->location_column = bump_take(bump, n, sizeof *defs->location_column);
    defs->location_end_column = bump_take(bump, n, sizeof *defs->location_end_column);
    if (bump->has_failed || n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct intern_location *location = &in->locations[from + i];
        const struct intern_function *function = &in->functions[location->function - 1];
        defs->location_function[i] = location->function;
        defs->location_line[i] = location->line - (int32_t)function->line;
        defs->location_end_line[i] = (uint32_t)(location->end_line - location->line);
        defs->location_column[i] = (uint32_t)(location->column + 1);
        defs->location_end_column[i] = (uint32_t)(location->end_column + 1);
    }
    defs->first_location = from + 1;
    defs->n_location_function = defs->n_location_line = defs->n_location_end_line = n;
    defs->n_location_column = defs->n_location_end_column = n;
}

static void stacks_fill(struct bump *bump, const struct intern *in, Pyrec__V1__Defs *defs)
{
    const uint32_t from = in->sent.stacks, n = in->count.stacks - from;
    defs->stack_up = bump_take(bump, n, sizeof *defs->stack_up);
    defs->stack_location = bump_take(bump, n, sizeof *defs->stack_location);
    if (bump->has_failed || n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        defs->stack_up[i] = from + i + 1 - in->stacks[from + i].parent;
        defs->stack_location[i] = in->stacks[from + i].location;
    }
    defs->first_stack = from + 1;
    defs->n_stack_up = defs->n_stack_location = n;
}

/* `next_seq`: of the tick behind those of this chunk. */
static Pyrec__V1__Thread *thread_build(struct bump *bump, const struct roster_thread *thread,
                                       uint64_t next_seq)
{
    Pyrec__V1__Thread *message = encode_new(bump, &pyrec__v1__thread__descriptor);
    if (message == NULL)
        return NULL;
    message->id = thread->id;
    message->os_tid = thread->os_tid;
    message->python_ident = thread->python_ident;
    message->name = thread->name_id;
    message->name_is_kernel = thread->name_is_kernel;
    message->interpreter = thread->interpreter;
    message->start_q = thread->start_q;
    message->cpu_q = thread->generation_cpu_q;
    message->main = thread->is_main;
    message->ended = thread->is_ended;
    if (thread->end_seq <= next_seq) /* else its last sample is still to come, and counts first */
        message->end_cpu_q = thread->end_cpu_q;
    return message;
}

Pyrec__V1__Defs *encode_defs(struct bump *bump, const struct stream *stream)
{
    const struct roster *roster = &stream->roster;
    Pyrec__V1__Defs *defs = encode_new(bump, &pyrec__v1__defs__descriptor);
    Pyrec__V1__Thread **threads = bump_take(bump, roster->n, sizeof(Pyrec__V1__Thread *));
    if (bump->has_failed)
        return NULL;
    strings_fill(bump, &stream->intern, defs);
    modules_fill(bump, &stream->intern, defs);
    functions_fill(bump, &stream->intern, defs);
    locations_fill(bump, &stream->intern, defs);
    offsets_fill(bump, &stream->intern, defs);
    stacks_fill(bump, &stream->intern, defs);
    encode_contexts(bump, &stream->contexts, defs);
    defs->thread = threads;
    const uint64_t next_seq = stream->batch.first_seq + stream->batch.n_ticks;
    for (uint32_t i = 0; i < roster->n; i++)
        if (!roster->threads[i]->is_declared)
            threads[defs->n_thread++] = thread_build(bump, roster->threads[i], next_seq);
    return defs;
}

Pyrec__V1__Events *encode_events(struct bump *bump, const struct stream *stream)
{
    const struct batch *batch = &stream->batch;
    Pyrec__V1__Events *events = encode_new(bump, &pyrec__v1__events__descriptor);
    Pyrec__V1__Event **list = bump_take(bump, batch->n_events, sizeof(Pyrec__V1__Event *));
    Pyrec__V1__Event *messages = bump_take(bump, batch->n_events, sizeof *messages);
    if (bump->has_failed)
        return NULL;
    events->event = list;
    events->n_event = batch->n_events;
    for (uint32_t i = 0; i < batch->n_events; i++) {
        const struct batch_event *event = &batch->events[i];
        pyrec__v1__event__init(&messages[i]);
        messages[i].time_q = event->time_q;
        messages[i].thread = event->thread;
        messages[i].type = (Pyrec__V1__Event__Type)event->type;
        messages[i].value = event->value;
        if (event->text != NULL)
            messages[i].text = encode_clean_text(bump, event->text);
        messages[i].source = (ProtobufCBinaryData){event->source_len, (uint8_t *)event->source};
        list[i] = &messages[i];
    }
    return events;
}
