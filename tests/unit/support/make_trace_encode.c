/* SPDX-License-Identifier: MIT */
#include "make_trace_parts.h"

#include <stdlib.h>
#include <string.h>

uint32_t maker_string_id(struct maker_process_state *p, const char *text)
{
    if (text[0] == '\0')
        return 0;
    for (size_t i = 0; i < p->n_texts; i++) {
        if (strcmp(p->texts[i].text, text) == 0)
            return p->texts[i].id;
    }
    p->texts = maker_room(p->texts, &p->texts_room, p->n_texts, sizeof *p->texts);
    p->texts[p->n_texts++] = (struct maker_text){text, ++p->defs.n_strings};
    PUSH(p->defs.strings, text);
    return p->defs.n_strings;
}

/* The module of that path; 0 for what is no function of C. */
static uint32_t module_id(struct maker_process_state *p, const struct maker_frame *frame)
{
    if ((frame->kind & 0xff) != PYREC__V1__DEFS__KIND__NATIVE)
        return 0;
    for (size_t i = 0; i < p->defs.modules.n; i++)
        if (strcmp(p->defs.modules.at[i], frame->file) == 0)
            return (uint32_t)i + 1;
    PUSH(p->defs.modules, frame->file);
    return (uint32_t)p->defs.modules.n;
}

/* A function has one id, whatever the line in it. */
static uint32_t function_id(struct maker_process_state *p, struct maker_known_frame *f)
{
    for (size_t i = 0; i < p->n_frames && f->function == 0; i++) {
        const struct maker_known_frame *const other = &p->frames[i];
        if (other->function != 0 && other->frame.first_line == f->frame.first_line &&
            (other->frame.kind & 0xff) == (f->frame.kind & 0xff) &&
            strcmp(other->frame.function, f->frame.function) == 0 &&
            strcmp(other->frame.file, f->frame.file) == 0)
            f->function = other->function;
    }
    if (f->function == 0) {
        PUSH(p->defs.name, maker_string_id(p, f->frame.function));
        PUSH(p->defs.file, maker_string_id(p, f->frame.file));
        PUSH(p->defs.line, f->frame.first_line);
        PUSH(p->defs.module, module_id(p, &f->frame));
        PUSH(p->defs.kind, f->frame.kind & 0xff);
        f->function = ++p->defs.n_functions;
    }
    return f->function;
}

static uint32_t location_id(struct maker_process_state *p, uint32_t frame)
{
    struct maker_known_frame *const f = &p->frames[frame];
    if (f->location == 0) {
        PUSH(p->defs.location_function, function_id(p, f));
        const bool native = (f->frame.kind & 0xff) == PYREC__V1__DEFS__KIND__NATIVE;
        PUSH(p->defs.location_line, native ? 0 : (int32_t)(f->frame.line - f->frame.first_line));
        PUSH(p->defs.column, f->frame.kind >> 8 & 0xfff);
        PUSH(p->defs.end_column, f->frame.kind >> 20);
        f->location = ++p->defs.n_locations;
    }
    return f->location;
}

uint32_t maker_stack_id(struct maker_process_state *p, uint32_t node)
{
    if (node == 0)
        return 0;
    if (p->nodes[node].id == 0) {
        const uint32_t parent = maker_stack_id(p, p->nodes[node].parent);
        const uint32_t location = location_id(p, p->nodes[node].frame);
        const uint32_t id = ++p->defs.n_stacks;
        PUSH(p->defs.up, id - parent);
        PUSH(p->defs.stack_location, location);
        p->nodes[node].id = id;
    }
    return p->nodes[node].id;
}

void maker_fill_meta(const struct maker *maker, Pyrec__V1__Meta *meta, Pyrec__V1__Machine *machine)
{
    static char recorder[] = "make_trace 1", os[] = "Linux", name[] = "x86_64";
    const struct maker_settings *const s = &maker->settings;
    machine->hostname = (char *)(uintptr_t)s->hostname;
    machine->os = os;
    machine->machine = name;
    machine->cpu_count = 2;
    meta->recorder = recorder;
    meta->quantum_ns = s->quantum_ns;
    meta->interval_ns = s->interval_ns;
    meta->start_mono_ns = s->start_mono_ns;
    meta->start_unix_ns = s->start_unix_ns;
    meta->machine = machine;
}

void maker_append(struct maker *maker, Pyrec__V1__Packet **packets, size_t n_packets,
                  uint16_t flags, uint32_t process, uint64_t first_ns, bool last)
{
    Pyrec__V1__Trace trace;
    pyrec__v1__trace__init(&trace);
    struct problem why = {0};
    trace.n_packet = n_packets;
    trace.packet = packets;
    const size_t len = pyrec__v1__trace__get_packed_size(&trace);
    uint8_t *const raw = malloc(len);
    if (raw == NULL)
        maker_fail("out of memory");
    pyrec__v1__trace__pack(&trace, raw);
    const struct chunk chunk = {
        .flags = flags,
        .process = process,
        .generation = process > 0 ? maker->processes[process - 1].generation : 0,
        .t_first_ns = first_ns,
        .t_last_ns = maker->last_ns > first_ns ? maker->last_ns : first_ns,
        .raw = raw,
        .raw_len = len,
    };
    const enum status status = last ? chunk_writer_close(maker->writer, &chunk, &why)
                                    : chunk_writer_append(maker->writer, &chunk, &why);
    if (status != STATUS_OK)
        maker_fail(why.detail);
    free(raw);
}

static void fill_process(Pyrec__V1__Process *out, const struct maker_process_state *p,
                         uint32_t number)
{
    static char version[] = "3.11.2", build[] = "release", executable[] = "/usr/bin/python3";
    out->number = number;
    out->pid = p->pid;
    out->parent_pid = p->parent_pid;
    out->forked = p->is_forked;
    out->start_q = p->start_q;
    out->executable = executable;
    out->python_version = version;
    out->python_build = build;
    out->argv = (char **)(uintptr_t)p->argv;
    while (p->argv[out->n_argv] != NULL)
        out->n_argv++;
}

static void fill_threads(struct maker_process_state *p, Pyrec__V1__Defs *defs)
{
    defs->thread = calloc(p->n_threads + 1, sizeof(Pyrec__V1__Thread *));
    for (size_t i = 0; i < p->n_threads; i++) {
        struct maker_thread_state *const t = &p->threads[i];
        if (t->declared || (!t->alive && t->end_tick == 0))
            continue;
        Pyrec__V1__Thread *const out = malloc(sizeof *out);
        pyrec__v1__thread__init(out);
        out->id = t->id;
        out->os_tid = t->os_tid;
        out->name = maker_string_id(p, t->name);
        out->cpu_q = t->cpu_before_q;
        out->main = t->main;
        out->ended = t->ended;
        out->end_cpu_q = t->end_cpu_q;
        defs->thread[defs->n_thread++] = out;
        t->declared = true;
    }
}

/* Build-ids are made of the paths. */
static void fill_modules(struct maker_process_state *p, Pyrec__V1__Defs *out)
{
    struct maker_defs *const d = &p->defs;
    out->module = calloc(d->modules.n + 1, sizeof(Pyrec__V1__Module *));
    for (size_t i = d->n_modules_written; i < d->modules.n; i++) {
        const char *const path = d->modules.at[i];
        Pyrec__V1__Module *const module = malloc(sizeof *module);
        pyrec__v1__module__init(module);
        module->id = (uint32_t)i + 1;
        module->path = maker_string_id(p, path);
        module->build_id.len = strlen(path) < 20 ? strlen(path) : 20;
        module->build_id.data = (uint8_t *)(uintptr_t)path;
        out->module[out->n_module++] = module;
    }
    d->n_modules_written = d->modules.n;
    out->function_module = d->module.at;
    out->function_address = calloc(d->module.n + 1, sizeof(uint64_t));
    out->n_function_module = out->n_function_address = d->modules.n > 0 ? d->module.n : 0;
    for (size_t i = 0; i < d->module.n; i++)
        if (d->module.at[i] != 0) { /* a line of C is none */
            out->function_address[i] = d->line.at[i];
            d->line.at[i] = 0;
        }
}

static void fill_defs(struct maker_process_state *p, Pyrec__V1__Defs *out)
{
    struct maker_defs *const d = &p->defs;
    fill_threads(p, out);
    fill_modules(p, out);
    out->first_string = d->n_strings - (uint32_t)d->strings.n + 1;
    out->string = (char **)(uintptr_t)d->strings.at;
    out->n_string = d->strings.n;
    out->first_function = d->n_functions - (uint32_t)d->name.n + 1;
    out->function_name = d->name.at;
    out->function_file = d->file.at;
    out->function_line = d->line.at;
    out->function_kind = d->kind.at;
    out->n_function_name = out->n_function_file = d->name.n;
    out->n_function_line = out->n_function_kind = d->name.n;
    out->first_location = d->n_locations - (uint32_t)d->location_line.n + 1;
    out->location_function = d->location_function.at;
    out->location_line = d->location_line.at;
    out->n_location_function = out->n_location_line = d->location_line.n;
    out->location_column = d->column.at;
    out->location_end_column = d->end_column.at;
    out->n_location_column = out->n_location_end_column = d->column.n;
    out->first_stack = d->n_stacks - (uint32_t)d->up.n + 1;
    out->stack_up = d->up.at;
    out->stack_location = d->stack_location.at;
    out->n_stack_up = out->n_stack_location = d->up.n;
}

/* The columns of Samples, gathered over threads. */
struct samples_columns_out {
    struct u32s thread, stack_before, state_before, call_before, begin, end, runs;
    struct u32s run, state, call_at, call, holder_run, holder;
    struct s32s stack;
    struct s64s cpu;
    uint32_t last_thread, n_explicit, last_call_at;
};

static void add_thread(struct samples_columns_out *c, struct maker_process_state *p, uint32_t id,
                       const struct maker_thread_state *t, uint32_t n_ticks)
{
    const uint32_t end = t->alive ? n_ticks : t->end_tick;
    PUSH(c->thread, id - c->last_thread);
    c->last_thread = id;
    PUSH(c->stack_before, maker_stack_id(p, t->stack_before));
    PUSH(c->state_before, t->state_before);
    PUSH(c->call_before, t->call_before);
    PUSH(c->begin, t->first_tick);
    PUSH(c->end, n_ticks - end);
    PUSH(c->runs, (uint32_t)t->run.n);
    for (size_t i = 0; i < t->run.n; i++)
        PUSH(c->run, t->run.at[i]);
    for (size_t i = 0; i < t->call_at.n; i++) {
        const uint32_t at = c->n_explicit + t->call_at.at[i];
        PUSH(c->call_at, at - c->last_call_at);
        PUSH(c->call, t->call_new.at[i]);
        c->last_call_at = at;
    }
    for (size_t i = 0; i < t->cpu.n; i++) {
        PUSH(c->stack, t->stack_column.at[i]);
        PUSH(c->cpu, t->cpu.at[i]);
        PUSH(c->state, t->state_column.at[i]);
    }
    c->n_explicit += (uint32_t)t->cpu.n;
}

#define GIVE(message, field, column)                                                               \
    do {                                                                                           \
        (message)->field = (column).at;                                                            \
        (message)->n_##field = (column).n;                                                         \
    } while (0)

/* Runs of equal holders; none where nobody ever held it. */
static void fill_holders(const struct maker_process_state *p, struct samples_columns_out *c,
                         Pyrec__V1__Samples *out)
{
    bool any = false;
    for (size_t i = 0; i < p->holders.n; i++) {
        any |= p->holders.at[i] != 0;
        if (i > 0 && p->holders.at[i] == p->holders.at[i - 1]) {
            c->holder_run.at[c->holder_run.n - 1]++;
            continue;
        }
        PUSH(c->holder_run, 1);
        PUSH(c->holder, p->holders.at[i]);
    }
    if (!any)
        return;
    GIVE(out, holder_run, c->holder_run);
    GIVE(out, holder, c->holder);
}

static void fill_samples(const struct maker *maker, struct maker_process_state *p,
                         struct samples_columns_out *c, Pyrec__V1__Samples *out)
{
    const uint32_t n_ticks = (uint32_t)p->late.n;
    for (size_t i = 0; i < p->n_threads; i++) {
        const struct maker_thread_state *const t = &p->threads[i];
        const uint32_t end = t->alive ? n_ticks : t->end_tick;
        if (t->first_tick < end)
            add_thread(c, p, t->id, t, n_ticks);
    }
    out->origin_ns = maker->settings.origin_ns;
    out->interval_ns = maker->settings.interval_ns;
    out->first_tick = p->first_number;
    out->before_q = p->before_q;
    GIVE(out, late_q, p->late);
    GIVE(out, missed_at, p->missed_at);
    GIVE(out, missed_n, p->missed_n);
    GIVE(out, missed_gap_q, p->missed_gap);
    GIVE(out, thread, c->thread);
    GIVE(out, thread_stack, c->stack_before);
    GIVE(out, thread_state, c->state_before);
    GIVE(out, thread_call, c->call_before);
    GIVE(out, thread_begin, c->begin);
    GIVE(out, thread_end, c->end);
    GIVE(out, thread_runs, c->runs);
    GIVE(out, run, c->run);
    GIVE(out, stack, c->stack);
    GIVE(out, cpu, c->cpu);
    GIVE(out, state, c->state);
    GIVE(out, call_at, c->call_at);
    GIVE(out, call, c->call);
    fill_holders(p, c, out);
}

static void fill_account(const struct maker_account *from, Pyrec__V1__Account *out)
{
    out->ticks_due = from->ticks_due;
    out->ticks_taken = from->ticks_taken;
    out->ticks_missed = from->ticks_missed;
    out->ticks_overflowed = from->ticks_overflowed;
    out->samples = from->samples;
    out->samples_asked = from->samples_asked;
    out->samples_outside = from->samples_outside;
    out->retries = from->retries;
    out->handler_ns = from->handler_ns;
    out->sampler_cpu_ns = from->sampler_cpu_ns;
    out->collector_cpu_ns = from->collector_cpu_ns;
    out->process_cpu_ns = from->process_cpu_ns;
    out->native_cpu_ns = from->native_cpu_ns;
}

static void fill_natives(const struct maker_process_state *p, Pyrec__V1__Samples *out)
{
    out->native = calloc(p->n_natives + 1, sizeof(Pyrec__V1__NativeThread *));
    for (size_t i = 0; i < p->n_natives; i++) {
        Pyrec__V1__NativeThread *const native = malloc(sizeof *native);
        pyrec__v1__native_thread__init(native);
        native->os_tid = p->natives[i].os_tid;
        native->name = (char *)(uintptr_t)p->natives[i].name;
        native->cpu_ns = p->natives[i].cpu_ns;
        out->native[out->n_native++] = native;
    }
}

static void fill_looks(const struct maker_process_state *p, Pyrec__V1__Samples *out)
{
    out->look = calloc(p->n_looks + 1, sizeof *out->look);
    if (out->look == NULL)
        maker_fail("out of memory");
    for (size_t i = 0; i < p->n_looks; i++) {
        struct maker_look_state *const look = &p->looks[i];
        GIVE(&look->look, stack, look->stack);
        GIVE(&look->look, wait, look->wait);
        GIVE(&look->look, name, look->name);
        GIVE(&look->look, count, look->count);
        out->look[out->n_look++] = &look->look;
    }
}

static void free_looks(struct maker_process_state *p, Pyrec__V1__Samples *out)
{
    for (size_t i = 0; i < p->n_looks; i++) {
        free(p->looks[i].stack.at);
        free(p->looks[i].wait.at);
        free(p->looks[i].name.at);
        free(p->looks[i].count.at);
    }
    p->n_looks = 0;
    free(out->look);
}

/* Begin the next chunk where this one ends. */
static void reset_thread(struct maker_thread_state *t)
{
    t->first_tick = t->next_tick = t->end_tick = 0;
    t->stack_before = t->stack;
    t->state_before = t->state;
    t->call_before = t->call;
    t->run.n = t->state_column.n = t->call_at.n = t->call_new.n = 0;
    t->stack_column.n = t->cpu.n = 0;
}

static void reset_chunk(struct maker_process_state *p)
{
    struct maker_defs *const d = &p->defs;
    for (size_t i = 0; i < p->n_threads; i++)
        reset_thread(&p->threads[i]);
    d->strings.n = d->name.n = d->file.n = d->line.n = d->kind.n = d->module.n = 0;
    d->location_function.n = d->column.n = d->end_column.n = 0;
    d->location_line.n = d->up.n = d->stack_location.n = 0;
    p->late.n = p->holders.n = p->missed_at.n = p->missed_n.n = p->missed_gap.n = 0;
    p->before_q = p->time_q;
    p->begun = true;
    p->n_natives = p->n_events = 0;
}

static void free_columns(struct samples_columns_out *c)
{
    struct u32s *const columns[] = {&c->thread, &c->stack_before, &c->state_before, &c->call_before,
                                    &c->begin,  &c->end,          &c->runs,         &c->run,
                                    &c->state,  &c->call_at,      &c->call,         &c->holder_run,
                                    &c->holder};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        free(columns[i]->at);
    free(c->stack.at);
    free(c->cpu.at);
}

/* The messages of one chunk, and the packets they are in. */
struct chunk_messages {
    Pyrec__V1__Packet packet[5], *packets[5];
    size_t n;
    uint16_t flags;
    Pyrec__V1__Meta meta;
    Pyrec__V1__Machine machine;
    Pyrec__V1__Process process;
    Pyrec__V1__Defs defs;
    Pyrec__V1__Samples samples;
    Pyrec__V1__Account account;
    Pyrec__V1__Failure failure, *failures[1];
    Pyrec__V1__Events events;
};

static void messages_init(struct chunk_messages *c)
{
    *c = (struct chunk_messages){.flags = CHUNK_DEFS | CHUNK_SAMPLES};
    for (size_t i = 0; i < ARRAY_LEN(c->packet); i++) {
        pyrec__v1__packet__init(&c->packet[i]);
        c->packets[i] = &c->packet[i];
    }
    pyrec__v1__meta__init(&c->meta);
    pyrec__v1__machine__init(&c->machine);
    pyrec__v1__process__init(&c->process);
    pyrec__v1__defs__init(&c->defs);
    pyrec__v1__samples__init(&c->samples);
    pyrec__v1__account__init(&c->account);
    pyrec__v1__failure__init(&c->failure);
    pyrec__v1__events__init(&c->events);
    c->failures[0] = &c->failure;
}

static Pyrec__V1__Packet *next_packet(struct chunk_messages *c,
                                      Pyrec__V1__Packet__BodyCase body_case)
{
    c->packet[c->n].body_case = body_case;
    return &c->packet[c->n++];
}

static void add_meta(struct chunk_messages *c, const struct maker *maker, uint32_t process)
{
    const struct maker_process_state *const p = &maker->processes[process - 1];
    maker_fill_meta(maker, &c->meta, &c->machine);
    fill_process(&c->process, p, process);
    c->meta.process = &c->process;
    c->meta.generation = p->generation;
    c->flags |= CHUNK_META | CHUNK_GENERATION_START;
    next_packet(c, PYREC__V1__PACKET__BODY_META)->meta = &c->meta;
}

static void add_account(struct chunk_messages *c, const struct maker_process_state *p)
{
    fill_account(&p->account, &c->account);
    c->failure.reason = (char *)(uintptr_t)p->account.failure;
    c->failure.count = p->account.failures;
    c->account.failure = c->failures;
    c->account.n_failure = p->account.failure != NULL;
    c->samples.account = &c->account;
}

static void add_events(struct chunk_messages *c, const struct maker_process_state *p)
{
    c->events.event = malloc(p->n_events * sizeof(Pyrec__V1__Event *));
    if (c->events.event == NULL)
        maker_fail("out of memory");
    c->events.n_event = p->n_events;
    for (size_t i = 0; i < p->n_events; i++)
        c->events.event[i] = &p->events[i];
    c->flags |= CHUNK_EVENTS;
    next_packet(c, PYREC__V1__PACKET__BODY_EVENTS)->events = &c->events;
}

static void messages_free(struct chunk_messages *c)
{
    free(c->events.event);
    for (size_t i = 0; i < c->defs.n_thread; i++)
        free(c->defs.thread[i]);
    free(c->defs.thread);
    for (size_t i = 0; i < c->defs.n_module; i++)
        free(c->defs.module[i]);
    free(c->defs.module);
    free(c->defs.function_address);
    for (size_t i = 0; i < c->samples.n_native; i++)
        free(c->samples.native[i]);
    free(c->samples.native);
}

void maker_write_chunk(struct maker *maker, uint32_t process, Pyrec__V1__Summary *summary)
{
    struct maker_process_state *const p = &maker->processes[process - 1];
    struct samples_columns_out columns = {0};
    struct chunk_messages c;

    messages_init(&c);
    fill_samples(maker, p, &columns, &c.samples);
    if (!p->begun)
        add_meta(&c, maker, process);
    fill_defs(p, &c.defs);
    next_packet(&c, PYREC__V1__PACKET__BODY_DEFS)->defs = &c.defs;
    if (p->has_account)
        add_account(&c, p);
    fill_natives(p, &c.samples);
    fill_looks(p, &c.samples);
    next_packet(&c, PYREC__V1__PACKET__BODY_SAMPLES)->samples = &c.samples;
    if (p->n_events > 0)
        add_events(&c, p);
    if (summary != NULL) {
        c.flags |= CHUNK_SUMMARY;
        next_packet(&c, PYREC__V1__PACKET__BODY_SUMMARY)->summary = summary;
    }
    maker_append(maker, c.packets, c.n, c.flags, process, p->before_q * maker->settings.quantum_ns,
                 false);
    messages_free(&c);
    free_looks(p, &c.samples);
    free_columns(&columns);
    reset_chunk(p);
}
