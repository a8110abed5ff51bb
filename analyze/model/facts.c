/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "format/chunk.h"

#include <stdlib.h>
#include <string.h>

#define QUANTUM_MAX_NS 1000000000u

void facts_reset(struct facts *facts)
{
    arena_reset(&facts->arena);
    struct native *const natives = facts->process.natives;
    const size_t natives_size = facts->process.natives_size;
    struct rate_change *const changes = facts->process.rate_changes;
    const size_t changes_size = facts->process.rate_changes_size;
    struct title_change *const titles = facts->process.titles;
    const size_t titles_size = facts->process.titles_size;
    struct program_mark *const marks = facts->process.marks;
    const size_t marks_size = facts->process.marks_size;
    struct kept_source *const sources = facts->process.sources;
    const size_t sources_size = facts->process.sources_size;
    facts->has_meta = facts->has_process = false;
    facts->recording = (struct recording){0};
    facts->process = (struct process){.natives = natives,
                                      .natives_size = natives_size,
                                      .rate_changes = changes,
                                      .rate_changes_size = changes_size,
                                      .titles = titles,
                                      .titles_size = titles_size,
                                      .marks = marks,
                                      .marks_size = marks_size,
                                      .sources = sources,
                                      .sources_size = sources_size};
    facts->wall.n = 0;
    facts->process.ending.reason = "";
    facts->n_threads = 0;
    hash_reset(&facts->thread_of_id);
    facts->last_q = 0;
    facts->so_far = (struct ending){0};
    facts->absences_size = 0;
    facts->told = (struct census_told){0};
}

void facts_clear(struct facts *facts)
{
    arena_clear(&facts->arena);
    free(facts->process.natives);
    free(facts->process.rate_changes);
    free(facts->process.titles);
    free(facts->process.marks);
    free(facts->process.sources);
    wall_clear(&facts->wall);
    free(facts->threads);
    hash_clear(&facts->thread_of_id);
    *facts = (struct facts){0};
}

static const char *copy_clean(struct arena *arena, const char *text)
{
    const size_t len = strlen(text);
    return unicode_clean(arena, arena_copy(arena, text, len));
}

static const char *join_argv(struct facts *facts, const Pyrec__V1__Process *process)
{
    struct buffer joined = {0};
    for (size_t i = 0; i < process->n_argv; i++) {
        if (i > 0)
            buffer_add_text(&joined, " ");
        buffer_add_text(&joined, process->argv[i]);
    }
    while (joined.len > 0 && joined.text[joined.len - 1] == ' ') /* a title that is padded */
        joined.text[--joined.len] = '\0';
    const char *const copy = copy_clean(&facts->arena, joined.text != NULL ? joined.text : "");
    buffer_clear(&joined);
    return copy;
}

static const struct attached *take_attached(struct arena *arena, const Pyrec__V1__Attached *from)
{
    struct attached *const a = arena_get(arena, sizeof *a);
    *a = (struct attached){
        .inherited = from->inherited,
        .children_looked = from->children_looked,
        .stopped_ns = from->stopped_ns,
        .held_ns = from->held_ns,
        .way = (uint32_t)from->way,
        .threads = from->threads,
        .children = from->children,
        .object = copy_clean(arena, from->object),
        .hooks = arena_get(arena, from->n_hook * sizeof *a->hooks),
        .n_hooks = from->n_hook,
    };
    for (size_t i = 0; i < from->n_hook; i++) {
        const Pyrec__V1__Attached__Hook *const h = from->hook[i];
        a->hooks[i] = (struct attached_hook){(uint32_t)h->calls, h->complete, h->taken, h->foreign,
                                             h->refused};
    }
    return a;
}

static void take_process(struct facts *facts, const Pyrec__V1__Process *from, uint64_t quantum_ns)
{
    struct process *const p = &facts->process;
    facts->has_process = p->described = true;
    p->pid = from->pid;
    p->parent_pid = from->parent_pid;
    p->image = from->image;
    p->start_ns = quanta_ns(from->start_q, quantum_ns);
    p->executable = copy_clean(&facts->arena, from->executable);
    p->command = join_argv(facts, from);
    p->title = copy_clean(&facts->arena, from->title);
    p->working_directory = copy_clean(&facts->arena, from->working_directory);
    p->python_version = copy_clean(&facts->arena, from->python_version);
    p->python_build = copy_clean(&facts->arena, from->python_build);
    p->is_forked = from->forked;
    p->attached = from->attached != NULL ? take_attached(&facts->arena, from->attached) : NULL;
}

static void take_settings(struct facts *facts, const Pyrec__V1__Meta *meta)
{
    struct recording *const r = &facts->recording;
    r->settings = arena_get(&facts->arena, meta->n_option * sizeof *r->settings);
    for (size_t i = 0; i < meta->n_option; i++) {
        r->settings[r->n_settings++] = (struct setting){
            copy_clean(&facts->arena, meta->option[i]->key),
            copy_clean(&facts->arena, meta->option[i]->value),
        };
    }
}

static void take_service(struct facts *facts, const Pyrec__V1__Meta *meta)
{
    struct service *const s = &facts->recording.service;
    *s = (struct service){
        .name = copy_clean(&facts->arena, meta->service),
        .version = copy_clean(&facts->arena, meta->service_version),
        .labels = arena_get(&facts->arena, meta->n_label * sizeof *s->labels),
        .n_labels = meta->n_label,
    };
    for (size_t i = 0; i < meta->n_label; i++)
        s->labels[i] = (struct setting){copy_clean(&facts->arena, meta->label[i]->key),
                                        copy_clean(&facts->arena, meta->label[i]->value)};
}

static void take_machine(struct facts *facts, const Pyrec__V1__Machine *machine)
{
    struct recording *const r = &facts->recording;
    r->hostname = copy_clean(&facts->arena, machine->hostname);
    r->os = copy_clean(&facts->arena, machine->os);
    r->machine = copy_clean(&facts->arena, machine->machine);
    r->cpu_model = copy_clean(&facts->arena, machine->cpu_model);
    r->cpu_count = machine->cpu_count;
}

enum status facts_meta(struct facts *facts, const Pyrec__V1__Meta *meta, uint32_t seq,
                       struct problem *why)
{
    if (meta->quantum_ns == 0 || meta->quantum_ns > QUANTUM_MAX_NS)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "Meta has an impossible quantum");
    struct recording *const r = &facts->recording;
    facts->has_meta = true;
    r->quantum_ns = meta->quantum_ns;
    r->interval_ns = meta->interval_ns;
    r->start_mono_ns = meta->start_mono_ns;
    r->start_unix_ns = meta->start_unix_ns;
    r->has_uuid = meta->trace_uuid.len == sizeof r->uuid;
    if (r->has_uuid)
        memcpy(r->uuid, meta->trace_uuid.data, sizeof r->uuid);
    r->segment = meta->segment;
    r->recorder = copy_clean(&facts->arena, meta->recorder);
    r->hostname = r->os = r->machine = r->cpu_model = "";
    r->max_depth = meta->max_depth;
    take_settings(facts, meta);
    take_service(facts, meta);
    if (meta->machine != NULL)
        take_machine(facts, meta->machine);
    if (meta->process != NULL)
        take_process(facts, meta->process, meta->quantum_ns);
    facts->process.meta_seq = seq;
    return STATUS_OK;
}

static uint64_t hash_of_id(uint32_t id)
{
    return hash_pair(id, 0);
}

static uint64_t hash_of_thread(const void *owner, uint32_t n)
{
    return hash_of_id(((const struct facts *)owner)->threads[n].id);
}

size_t facts_thread_index(struct facts *facts, uint32_t id)
{
    hash_reserve(&facts->thread_of_id, hash_of_thread, facts);
    for (uint64_t at = hash_of_id(id);; at++) {
        const uint32_t n = hash_slot(&facts->thread_of_id, at);
        if (n != HASH_NONE && facts->threads[n].id != id)
            continue;
        if (n != HASH_NONE)
            return n;
        facts->threads = memory_grow(facts->threads, &facts->threads_size, facts->n_threads + 1,
                                     sizeof *facts->threads);
        facts->threads[facts->n_threads] = (struct unit_thread){.id = id, .name = CENSUS_LOST_NAME};
        hash_put(&facts->thread_of_id, at, (uint32_t)facts->n_threads);
        return facts->n_threads++;
    }
}

enum status facts_thread(struct facts *facts, const struct dict *dict,
                         const Pyrec__V1__Thread *thread, uint32_t seq, struct problem *why)
{
    if (thread->id == 0)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "a thread has the id 0");
    if (facts->n_threads >= LIMIT_IDS)
        return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "too many threads");
    const size_t index = facts_thread_index(facts, thread->id); /* may move the array */
    struct unit_thread *const t = &facts->threads[index];
    const char *name = dict_string(dict, thread->name);
    if (name[0] == '\0')
        name = arena_print(&facts->arena, "<unnamed> tid %u", thread->os_tid);
    *t = (struct unit_thread){
        .id = thread->id,
        .os_tid = thread->os_tid,
        .name = name,
        .main = thread->main,
        .is_c = thread->python_ident == 0,
        .ended = thread->ended,
        .declared = true,
        .start_q = thread->start_q,
        .cpu_q = t->declared ? t->cpu_q : thread->cpu_q,
        .end_cpu_q = thread->end_cpu_q,
        .seq = seq,
    };
    return STATUS_OK;
}

/* Into the room for so many of before, if that is enough. */
static struct failure *copy_failures(struct facts *facts, struct failure *to, size_t room,
                                     Pyrec__V1__Failure *const *from, size_t n)
{
    if (n > room)
        to = arena_get(&facts->arena, n * sizeof *to);
    for (size_t i = 0; i < n; i++) {
        to[i].count = from[i]->count;
        to[i].reason = copy_clean(&facts->arena, from[i]->reason);
    }
    return to;
}

void facts_account(struct facts *facts, const Pyrec__V1__Account *from, uint32_t seq)
{
    struct process *const p = &facts->process;
    if (p->account_known && seq < p->account_seq)
        return;
    struct account *const to = &p->account;
    struct failure *const failures = to->failures, *const missing = to->missing;
    const size_t room = to->n_failures, missing_room = to->n_missing;
    *to = (struct account){
#define ACCOUNT_COPY(name) .name = from->name,
        ACCOUNT_LIST(ACCOUNT_COPY)
#undef ACCOUNT_COPY
    };
    to->failures = copy_failures(facts, failures, room, from->failure, from->n_failure);
    to->n_failures = from->n_failure;
    to->missing =
        copy_failures(facts, missing, missing_room, from->native_missing, from->n_native_missing);
    to->n_missing = from->n_native_missing;
    p->account_known = true;
    p->account_seq = seq;
}

static struct absence absence_of(struct facts *facts, const Pyrec__V1__NotRecorded *message)
{
    return (struct absence){.reason = copy_clean(&facts->arena, message->reason),
                            .name = copy_clean(&facts->arena, message->name),
                            .count = message->count,
                            .unsure = message->unsure};
}

/* What is said at one time replaces what was said before. */
static void add_missing_so_far(struct facts *facts, const Pyrec__V1__Event *event, uint64_t time_ns)
{
    struct ending *const so_far = &facts->so_far;
    if (so_far->absences_known && time_ns < so_far->end_ns)
        return;
    if (!so_far->absences_known || time_ns > so_far->end_ns)
        so_far->n_absences = 0;
    so_far->absences_known = true;
    so_far->end_ns = time_ns;
    if (event->not_recorded == NULL)
        return;
    if (so_far->n_absences == facts->absences_size) {
        struct absence *const before = so_far->absences;
        facts->absences_size = 2 * facts->absences_size + 8;
        so_far->absences =
            arena_get(&facts->arena, facts->absences_size * sizeof *so_far->absences);
        for (size_t i = 0; i < so_far->n_absences; i++)
            so_far->absences[i] = before[i];
    }
    so_far->absences[so_far->n_absences++] = absence_of(facts, event->not_recorded);
}

static void add_source(struct facts *facts, const Pyrec__V1__Event *event, uint64_t time_ns)
{
    const struct kept_source source = {
        .time_ns = time_ns,
        .file = copy_clean(&facts->arena, event->text),
        .bytes = arena_copy(&facts->arena, (const char *)event->source.data, event->source.len),
        .len = event->source.len,
    };
    facts->process.sources_left_out += !census_source(&facts->process, source);
}

void facts_events(struct facts *facts, const Pyrec__V1__Events *events, uint64_t quantum_ns)
{
    for (size_t i = 0; i < events->n_event; i++) {
        const Pyrec__V1__Event *const event = events->event[i];
        const uint64_t time_ns = quanta_ns(event->time_q, quantum_ns);
        if (event->type == PYREC__V1__EVENT__TYPE__CLOCK_STEP ||
            event->type == PYREC__V1__EVENT__TYPE__CLOCK_STEP_EARLY)
            wall_add(&facts->wall, (struct wall_step){time_ns, event->value});
        if (event->type == PYREC__V1__EVENT__TYPE__NOT_RECORDED)
            add_missing_so_far(facts, event, time_ns);
        if (event->type == PYREC__V1__EVENT__TYPE__TITLE)
            census_title(&facts->process,
                         (struct title_change){time_ns, copy_clean(&facts->arena, event->text)});
        if (event->type == PYREC__V1__EVENT__TYPE__MARK)
            census_mark(&facts->process,
                        (struct program_mark){time_ns, event->thread,
                                              copy_clean(&facts->arena, event->text)});
        if (event->type == PYREC__V1__EVENT__TYPE__SOURCE)
            add_source(facts, event, time_ns);
        if (event->type == PYREC__V1__EVENT__TYPE__SOURCES_LEFT_OUT && event->value >= 0)
            facts->process.sources_left_out = (uint64_t)event->value;
        if (event->type == PYREC__V1__EVENT__TYPE__MARKS_LOST && event->value > 0)
            facts->process.marks_lost = (uint64_t)event->value;
        if (event->type == PYREC__V1__EVENT__TYPE__INTERVAL && event->value > 0)
            census_rate_change(&facts->process,
                               (struct rate_change){time_ns, (uint64_t)event->value});
    }
}

static void add_native(struct facts *facts, const Pyrec__V1__NativeThread *native, uint32_t seq,
                       bool final)
{
    struct process *const p = &facts->process;
    p->natives = memory_grow(p->natives, &p->natives_size, p->n_natives + 1, sizeof *p->natives);
    p->natives[p->n_natives++] = (struct native){
        .os_tid = native->os_tid,
        .name = copy_clean(&facts->arena, native->name),
        .cpu_ns = native->cpu_ns,
        .seq = seq,
        .final = final,
    };
}

void facts_native(struct facts *facts, const Pyrec__V1__NativeThread *native, uint32_t seq)
{
    struct process *const p = &facts->process;
    for (size_t i = p->n_natives; i-- > 0;) {
        struct native *const known = &p->natives[i];
        if (known->os_tid != native->os_tid || known->final)
            continue;
        if (known->cpu_ns > native->cpu_ns || strcmp(known->name, native->name) != 0)
            break;
        known->cpu_ns = native->cpu_ns;
        known->seq = seq;
        return;
    }
    add_native(facts, native, seq, false);
}

static void add_absences(struct facts *facts, const Pyrec__V1__Summary *summary)
{
    struct ending *const ending = &facts->process.ending;
    ending->absences_known = summary->missing_counted;
    ending->strangers = summary->strangers;
    ending->helpers = summary->helpers;
    ending->helpers_cpu_ns = summary->helpers_cpu_ns;
    ending->absences = arena_get(&facts->arena, summary->n_not_recorded * sizeof *ending->absences);
    for (size_t i = 0; i < summary->n_not_recorded; i++)
        ending->absences[ending->n_absences++] = absence_of(facts, summary->not_recorded[i]);
}

void facts_summary(struct facts *facts, const Pyrec__V1__Summary *summary, uint64_t quantum_ns,
                   uint32_t seq)
{
    facts->process.ending = (struct ending){
        .known = true,
        .end_ns = quanta_ns(summary->end_q, quantum_ns),
        .reason = copy_clean(&facts->arena, summary->stop_reason),
        .status_known = summary->status_known,
        .exit_status = summary->exit_status,
        .exit_signal = summary->exit_signal,
        .os_cpu_ns = summary->os_cpu_ns,
    };
    add_absences(facts, summary);
    if (summary->account != NULL)
        facts_account(facts, summary->account, seq);
    for (size_t i = 0; i < summary->n_native; i++)
        add_native(facts, summary->native[i], seq, true);
}
