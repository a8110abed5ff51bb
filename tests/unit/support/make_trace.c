/* SPDX-License-Identifier: MIT */
#include "make_trace_parts.h"

#include "format/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void maker_fail(const char *what)
{
    fprintf(stderr, "make_trace: %s\n", what);
    abort();
}

void *maker_room(void *at, size_t *room, size_t n, size_t item_len)
{
    if (n < *room)
        return at;
    const size_t larger = *room > 0 ? *room * 2 : 16;
    char *const moved = realloc(at, larger * item_len);
    if (moved == NULL)
        maker_fail("out of memory");
    memset(moved + *room * item_len, 0, (larger - *room) * item_len);
    *room = larger;
    return moved;
}

static struct maker_process_state *process_at(const struct maker *maker, uint32_t process)
{
    if (process == 0 || process > maker->n_processes)
        maker_fail("no such process");
    return &maker->processes[process - 1];
}

static struct maker_thread_state *thread_at(struct maker_process_state *p, uint32_t thread)
{
    if (thread == 0 || thread > p->n_threads)
        maker_fail("no such thread");
    return &p->threads[thread - 1];
}

static void fill_settings(struct maker_settings *s)
{
    s->tag = s->tag != 0 ? s->tag : 0x7e57;
    s->quantum_ns = s->quantum_ns != 0 ? s->quantum_ns : 1000;
    s->interval_ns = s->interval_ns != 0 ? s->interval_ns : 10000000;
    s->start_unix_ns = s->start_unix_ns != 0 ? s->start_unix_ns : INT64_C(1714979289000000000);
    s->hostname = s->hostname != NULL ? s->hostname : "testhost";
}

struct maker *maker_open(const char *path, const struct maker_settings *settings)
{
    struct maker *const maker = calloc(1, sizeof *maker);
    struct problem why = {0};
    if (maker == NULL)
        maker_fail("out of memory");
    if (settings != NULL)
        maker->settings = *settings;
    fill_settings(&maker->settings);
    if (chunk_writer_open(&maker->writer, path, maker->settings.tag, maker->settings.first_seq,
                          &why) != STATUS_OK)
        maker_fail(why.detail);

    Pyrec__V1__Meta meta;

    pyrec__v1__meta__init(&meta);
    Pyrec__V1__Machine machine;
    pyrec__v1__machine__init(&machine);
    Pyrec__V1__Packet packet, *packets[] = {&packet};
    pyrec__v1__packet__init(&packet);
    maker_fill_meta(maker, &meta, &machine);
    packet.body_case = PYREC__V1__PACKET__BODY_META;
    packet.meta = &meta;
    maker_append(maker, packets, 1, CHUNK_META, 0, 0, false);
    return maker;
}

static void free_thread(struct maker_thread_state *t)
{
    free(t->run.at);
    free(t->state_column.at);
    free(t->call_at.at);
    free(t->call_new.at);
    free(t->stack_column.at);
    free(t->cpu.at);
}

static void free_process(struct maker_process_state *p)
{
    for (size_t i = 0; i < p->n_threads; i++)
        free_thread(&p->threads[i]);
    free(p->threads);
    free(p->nodes);
    free(p->node_slots);
    free(p->frames);
    free(p->frame_slots);
    free(p->texts);
    free(p->natives);
    free(p->looks);
    free(p->events);
    free(p->late.at);
    free(p->missed_at.at);
    free(p->missed_n.at);
    free(p->missed_gap.at);
    free(p->holders.at);
    free(p->defs.strings.at);
    free(p->defs.name.at);
    free(p->defs.file.at);
    free(p->defs.line.at);
    free(p->defs.kind.at);
    free(p->defs.module.at);
    free(p->defs.modules.at);
    free(p->defs.location_function.at);
    free(p->defs.column.at);
    free(p->defs.end_column.at);
    free(p->defs.location_line.at);
    free(p->defs.up.at);
    free(p->defs.stack_location.at);
}

static void maker_free(struct maker *maker)
{
    for (size_t i = 0; i < maker->n_processes; i++)
        free_process(&maker->processes[i]);
    free(maker->processes);
    free(maker);
}

void maker_abandon(struct maker *maker)
{
    chunk_writer_abandon(maker->writer);
    maker_free(maker);
}

void maker_close(struct maker *maker, const char *stop_reason)
{
    Pyrec__V1__Summary summary;
    pyrec__v1__summary__init(&summary);
    Pyrec__V1__Packet packet, *packets[] = {&packet};
    pyrec__v1__packet__init(&packet);
    char reason[32];
    snprintf(reason, sizeof reason, "%s", stop_reason);
    summary.end_q = maker->last_ns / maker->settings.quantum_ns;
    summary.stop_reason = reason;
    summary.processes = (uint32_t)maker->n_processes;
    packet.body_case = PYREC__V1__PACKET__BODY_SUMMARY;
    packet.summary = &summary;
    maker_append(maker, packets, 1, CHUNK_SUMMARY, 0, maker->last_ns, true);
    maker_free(maker);
}

uint32_t maker_process(struct maker *maker, uint32_t pid, uint32_t parent_pid,
                       const char *const *argv)
{
    maker->processes = maker_room(maker->processes, &maker->processes_room, maker->n_processes,
                                  sizeof *maker->processes);
    struct maker_process_state *const p = &maker->processes[maker->n_processes++];
    const uint64_t start_q = maker->last_ns / maker->settings.quantum_ns;
    *p = (struct maker_process_state){
        .pid = pid, .parent_pid = parent_pid, .argv = argv, .start_q = start_q};
    p->number = maker->settings.origin_ns > maker->last_ns
                    ? 0
                    : (maker->last_ns - maker->settings.origin_ns) / maker->settings.interval_ns;
    p->time_q = p->before_q = start_q;
    p->nodes = maker_room(NULL, &p->nodes_room, 0, sizeof *p->nodes);
    p->n_nodes = 1;
    return (uint32_t)maker->n_processes;
}

void maker_forked(struct maker *maker, uint32_t process, bool is_forked)
{
    process_at(maker, process)->is_forked = is_forked;
}

uint32_t maker_thread(struct maker *maker, uint32_t process, uint32_t os_tid, const char *name,
                      uint64_t cpu_q)
{
    struct maker_process_state *const p = process_at(maker, process);
    p->threads = maker_room(p->threads, &p->threads_room, p->n_threads, sizeof *p->threads);
    struct maker_thread_state *const t = &p->threads[p->n_threads++];
    const uint32_t tick = (uint32_t)p->late.n;
    *t = (struct maker_thread_state){.id = (uint32_t)p->n_threads + p->ids_skipped,
                                     .os_tid = os_tid,
                                     .name = name,
                                     .cpu_q = cpu_q,
                                     .cpu_before_q = cpu_q,
                                     .main = p->n_threads == 1,
                                     .alive = true,
                                     .first_tick = tick,
                                     .next_tick = tick};
    return (uint32_t)p->n_threads;
}

void maker_skip_thread_ids(struct maker *maker, uint32_t process, uint32_t n)
{
    process_at(maker, process)->ids_skipped += n;
}

void maker_thread_end(struct maker *maker, uint32_t process, uint32_t thread)
{
    struct maker_process_state *const p = process_at(maker, process);
    struct maker_thread_state *const t = thread_at(p, thread);
    t->alive = false;
    t->ended = true;
    t->declared = false;
    t->end_tick = (uint32_t)p->late.n;
}

void maker_thread_end_at(struct maker *maker, uint32_t process, uint32_t thread, uint64_t cpu_q)
{
    maker_thread_end(maker, process, thread);
    thread_at(process_at(maker, process), thread)->end_cpu_q = cpu_q;
}

void maker_thread_name(struct maker *maker, uint32_t process, uint32_t thread, const char *name)
{
    struct maker_thread_state *const t = thread_at(process_at(maker, process), thread);
    t->name = name;
    t->declared = false;
}

static size_t mix(size_t h, size_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint32_t *grow_slots(uint32_t *slots, size_t *n_slots)
{
    free(slots);
    *n_slots = *n_slots > 0 ? *n_slots * 4 : 1024;
    slots = calloc(*n_slots, sizeof *slots);
    if (slots == NULL)
        maker_fail("out of memory");
    return slots;
}

/* Frames are told apart by their texts' addresses or contents, whichever comes first. */
static size_t frame_hash(const struct maker_frame *f)
{
    size_t h = mix(f->line, f->first_line);
    for (const char *at = f->function; *at != '\0'; at++)
        h = mix(h, (unsigned char)*at);
    return h;
}

static bool same_frame(const struct maker_frame *a, const struct maker_frame *b)
{
    return a->line == b->line && a->first_line == b->first_line && a->kind == b->kind &&
           strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0;
}

static uint32_t find_frame(struct maker_process_state *p, const struct maker_frame *frame)
{
    if ((p->n_frames + 1) * 2 > p->n_frame_slots) {
        p->frame_slots = grow_slots(p->frame_slots, &p->n_frame_slots);
        for (uint32_t i = 0; i < p->n_frames; i++) {
            size_t at = frame_hash(&p->frames[i].frame);
            while (p->frame_slots[at % p->n_frame_slots] != 0)
                at++;
            p->frame_slots[at % p->n_frame_slots] = i + 1;
        }
    }
    size_t at = frame_hash(frame);
    for (uint32_t n; (n = p->frame_slots[at % p->n_frame_slots]) != 0; at++) {
        if (same_frame(&p->frames[n - 1].frame, frame))
            return n - 1;
    }
    p->frames = maker_room(p->frames, &p->frames_room, p->n_frames, sizeof *p->frames);
    p->frames[p->n_frames] = (struct maker_known_frame){.frame = *frame};
    p->frame_slots[at % p->n_frame_slots] = (uint32_t)p->n_frames + 1;
    return (uint32_t)p->n_frames++;
}

uint32_t maker_stack_push(struct maker *maker, uint32_t process, uint32_t parent,
                          const struct maker_frame *frame)
{
    struct maker_process_state *const p = process_at(maker, process);
    const uint32_t f = find_frame(p, frame);
    if ((p->n_nodes + 1) * 2 > p->n_node_slots) {
        p->node_slots = grow_slots(p->node_slots, &p->n_node_slots);
        for (uint32_t i = 1; i < p->n_nodes; i++) {
            size_t at = mix(p->nodes[i].parent, p->nodes[i].frame);
            while (p->node_slots[at % p->n_node_slots] != 0)
                at++;
            p->node_slots[at % p->n_node_slots] = i;
        }
    }
    size_t at = mix(parent, f);
    for (uint32_t n; (n = p->node_slots[at % p->n_node_slots]) != 0; at++) {
        if (p->nodes[n].parent == parent && p->nodes[n].frame == f)
            return n;
    }
    p->nodes = maker_room(p->nodes, &p->nodes_room, p->n_nodes, sizeof *p->nodes);
    p->nodes[p->n_nodes] = (struct maker_node){.parent = parent, .frame = f};
    p->node_slots[at % p->n_node_slots] = (uint32_t)p->n_nodes;
    return (uint32_t)p->n_nodes++;
}

uint32_t maker_stack(struct maker *maker, uint32_t process, const struct maker_frame *frames,
                     size_t n_frames)
{
    uint32_t stack = 0;
    for (size_t i = 0; i < n_frames; i++)
        stack = maker_stack_push(maker, process, stack, &frames[i]);
    return stack;
}

void maker_tick(struct maker *maker, uint32_t process, int32_t late_q, uint32_t missed,
                uint64_t gap_q)
{
    struct maker_process_state *const p = process_at(maker, process);
    const struct maker_settings *const s = &maker->settings;
    p->number += 1 + missed;
    if (p->late.n == 0)
        p->first_number = p->number;
    if (missed > 0 || gap_q > 0) {
        const uint32_t at = (uint32_t)p->late.n;
        const uint32_t before = p->missed_at.n > 0 ? p->last_missed_at : 0;
        PUSH(p->missed_at, at - before);
        PUSH(p->missed_n, missed);
        PUSH(p->missed_gap, gap_q);
        p->last_missed_at = at;
    }
    PUSH(p->late, late_q);
    PUSH(p->holders, p->holder);
    const uint64_t due_q = tick_due_ns(s->origin_ns, s->interval_ns, p->number) / s->quantum_ns;
    const uint64_t time_q = due_q + (uint64_t)(int64_t)late_q;
    if (time_q < p->time_q)
        maker_fail("a tick before the one before it");
    p->time_q = time_q;
    if (time_q * s->quantum_ns > maker->last_ns)
        maker->last_ns = time_q * s->quantum_ns;
}

/* The time of the last tick but one is needed for the cpu column; it is its time that was kept. */
static uint64_t tick_length_q(const struct maker *maker, const struct maker_process_state *p)
{
    const struct maker_settings *const s = &maker->settings;
    if (p->late.n == 1)
        return p->time_q - p->before_q;
    uint64_t number = p->number - 1;
    if (p->missed_at.n > 0 && p->last_missed_at == p->late.n - 1)
        number -= p->missed_n.at[p->missed_n.n - 1];
    const uint64_t due_q = tick_due_ns(s->origin_ns, s->interval_ns, number) / s->quantum_ns;
    return p->time_q - (due_q + (uint64_t)(int64_t)p->late.at[p->late.n - 2]);
}

void maker_change(struct maker *maker, uint32_t process, uint32_t thread,
                  const struct maker_sample *sample)
{
    struct maker_process_state *const p = process_at(maker, process);
    struct maker_thread_state *const t = thread_at(p, thread);
    const uint32_t tick = (uint32_t)p->late.n - 1;
    if (!t->alive || p->late.n == 0 || t->next_tick > tick)
        maker_fail("a change where there can be none");
    const uint32_t implied = tick - t->next_tick;
    if (implied > 0 || t->run.n == 0) {
        PUSH(t->run, implied);
        PUSH(t->run, 1);
    } else {
        t->run.at[t->run.n - 1]++;
    }
    const uint32_t stack = maker_stack_id(p, sample->stack);
    const uint32_t call = sample->call != NULL ? maker_string_id(p, sample->call) : 0;
    if (call != t->call) {
        PUSH(t->call_at, (uint32_t)t->cpu.n);
        PUSH(t->call_new, call);
    }
    PUSH(t->stack_column, (int32_t)(stack - maker_stack_id(p, t->stack)));
    PUSH(t->cpu, (int64_t)(sample->cpu_q - tick_length_q(maker, p)));
    PUSH(t->state_column, sample->state);
    t->cpu_q += sample->cpu_q;
    t->stack = sample->stack;
    t->call = call;
    t->state = sample->state;
    t->next_tick = tick + 1;
}

void maker_hold(struct maker *maker, uint32_t process, uint32_t thread)
{
    struct maker_process_state *const p = process_at(maker, process);
    if (thread > p->n_threads || p->holders.n == 0)
        maker_fail("no such holder");
    p->holder = thread;
    p->holders.at[p->holders.n - 1] = thread;
}

uint64_t maker_time_q(const struct maker *maker, uint32_t process)
{
    return process_at(maker, process)->time_q;
}

uint64_t maker_number(const struct maker *maker, uint32_t process)
{
    return maker->processes[process - 1].number;
}

void maker_flush(struct maker *maker, uint32_t process)
{
    maker_write_chunk(maker, process, NULL);
}

void maker_generation(struct maker *maker, uint32_t process)
{
    struct maker_process_state *const p = process_at(maker, process);
    maker_flush(maker, process);
    p->generation++;
    p->begun = false;
    for (size_t i = 0; i < p->n_nodes; i++)
        p->nodes[i].id = 0;
    for (size_t i = 0; i < p->n_frames; i++)
        p->frames[i].function = p->frames[i].location = 0;
    p->n_texts = 0;
    p->defs.modules.n = p->defs.n_modules_written = 0;
    p->defs.n_strings = p->defs.n_functions = p->defs.n_locations = p->defs.n_stacks = 0;
    for (size_t i = 0; i < p->n_threads; i++) {
        p->threads[i].declared = false;
        p->threads[i].cpu_before_q = p->threads[i].cpu_q;
        p->threads[i].call = 0; /* its string has no id any more */
        p->threads[i].call_before = 0;
    }
}

void maker_set_account(struct maker *maker, uint32_t process, const struct maker_account *account)
{
    struct maker_process_state *const p = process_at(maker, process);
    p->has_account = true;
    p->account = *account;
}

void maker_native(struct maker *maker, uint32_t process, uint32_t os_tid, const char *name,
                  uint64_t cpu_ns)
{
    struct maker_process_state *const p = process_at(maker, process);
    p->natives = maker_room(p->natives, &p->natives_room, p->n_natives, sizeof *p->natives);
    p->natives[p->n_natives++] = (struct maker_native_state){os_tid, name, cpu_ns};
}

void maker_look(struct maker *maker, uint32_t process, uint32_t thread, uint32_t outcome,
                uint64_t wall_q, const struct maker_tasks *tasks, uint32_t unread, uint32_t unknown)
{
    struct maker_process_state *const p = process_at(maker, process);
    p->looks = maker_room(p->looks, &p->looks_room, p->n_looks, sizeof *p->looks);
    struct maker_look_state *const look = &p->looks[p->n_looks++];
    *look = (struct maker_look_state){0};
    pyrec__v1__look__init(&look->look);
    look->look.thread = p->threads[thread - 1].id;
    look->look.tick = (uint32_t)p->late.n - 1;
    look->look.wall_q = wall_q;
    look->look.outcome = (Pyrec__V1__Look__Outcome)outcome;
    look->look.unread = unread;
    look->look.unknown = unknown;
    look->look.tasks = unread + unknown;
    for (; tasks != NULL && tasks->count > 0; tasks++) {
        look->look.tasks += tasks->count;
        PUSH(look->stack, maker_stack_id(p, tasks->stack));
        PUSH(look->wait, maker_string_id(p, tasks->wait));
        PUSH(look->name, maker_string_id(p, tasks->name));
        PUSH(look->count, tasks->count);
    }
}

void maker_event(struct maker *maker, uint32_t process, uint32_t type, int64_t value)
{
    struct maker_process_state *const p = process_at(maker, process);
    p->events = maker_room(p->events, &p->events_room, p->n_events, sizeof *p->events);
    Pyrec__V1__Event *const event = &p->events[p->n_events++];
    pyrec__v1__event__init(event);
    event->time_q = p->time_q;
    event->type = (Pyrec__V1__Event__Type)type;
    event->value = value;
}

void maker_process_end(struct maker *maker, uint32_t process, uint32_t exit_status)
{
    Pyrec__V1__Summary summary;
    pyrec__v1__summary__init(&summary);
    char reason[] = "exited";
    const struct maker_process_state *const p = process_at(maker, process);
    summary.end_q = p->time_q;
    summary.stop_reason = reason;
    summary.status_known = true;
    summary.exit_status = exit_status;
    maker_write_chunk(maker, process, &summary);
}
