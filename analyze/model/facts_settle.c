/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include <string.h>

static const char *copy(struct census *census, const char *text)
{
    return text != NULL ? arena_copy(&census->arena, text, strlen(text)) : "";
}

static struct service copy_service(struct census *census, const struct service *from)
{
    struct service to = {
        .name = copy(census, from->name),
        .version = copy(census, from->version),
        .labels = arena_get(&census->arena, from->n_labels * sizeof *to.labels),
        .n_labels = from->n_labels,
    };
    for (size_t i = 0; i < from->n_labels; i++)
        to.labels[i] = (struct setting){copy(census, from->labels[i].name),
                                        copy(census, from->labels[i].value)};
    return to;
}

/* A process's Meta has one only where several recordings became one. */
static const struct service *settle_service(struct census *census, const struct service *from,
                                            const struct service *of_recording)
{
    const bool is_said = (from->name != NULL && from->name[0] != '\0') ||
                         (from->version != NULL && from->version[0] != '\0') || from->n_labels > 0;
    if (!is_said)
        return of_recording;
    struct service *const own = arena_get(&census->arena, sizeof *own);
    *own = copy_service(census, from);
    return own;
}

void facts_settle_recording(const struct facts *facts, struct census *census,
                            struct recording *recording)
{
    const struct recording *const from = &facts->recording;
    recording->quantum_ns = from->quantum_ns;
    recording->interval_ns = from->interval_ns;
    recording->start_mono_ns = from->start_mono_ns;
    recording->start_unix_ns = from->start_unix_ns;
    recording->has_uuid = from->has_uuid;
    memcpy(recording->uuid, from->uuid, sizeof recording->uuid);
    recording->segment = from->segment;
    recording->recorder = copy(census, from->recorder);
    recording->hostname = copy(census, from->hostname);
    recording->os = copy(census, from->os);
    recording->machine = copy(census, from->machine);
    recording->cpu_model = copy(census, from->cpu_model);
    recording->cpu_count = from->cpu_count;
    recording->max_depth = from->max_depth;
    recording->service = copy_service(census, &from->service);
    recording->settings = arena_get(&census->arena, from->n_settings * sizeof(struct setting));
    recording->n_settings = from->n_settings;
    for (size_t i = 0; i < from->n_settings; i++) {
        recording->settings[i] = (struct setting){copy(census, from->settings[i].name),
                                                  copy(census, from->settings[i].value)};
    }
}

/* A copy of *list, in the room for `n_known` of before if that is enough. */
static void settle_failures(struct census *census, struct failure **list, size_t n,
                            struct failure *known, size_t n_known)
{
    struct failure *const to =
        n > n_known ? arena_get(&census->arena, n * sizeof(struct failure)) : known;
    for (size_t i = 0; i < n; i++) {
        const struct failure *const failure = &(*list)[i];
        if (n > n_known || strcmp(to[i].reason, failure->reason) != 0)
            to[i].reason = copy(census, failure->reason);
        to[i].count = failure->count;
    }
    *list = to;
}

static void settle_account(const struct facts *facts, struct census *census, struct process *p)
{
    const struct process *const from = &facts->process;
    if (!from->account_known || (p->account_known && from->account_seq < p->account_seq))
        return;
    const struct account known = p->account;
    p->account = from->account;
    settle_failures(census, &p->account.failures, p->account.n_failures, known.failures,
                    known.n_failures);
    settle_failures(census, &p->account.missing, p->account.n_missing, known.missing,
                    known.n_missing);
    p->account_known = true;
    p->account_seq = from->account_seq;
}

static const struct attached *copy_attached(struct census *census, const struct attached *from)
{
    struct attached *const to = arena_get(&census->arena, sizeof *to);
    *to = *from;
    to->object = copy(census, from->object);
    to->hooks = arena_get(&census->arena, from->n_hooks * sizeof *to->hooks);
    for (size_t i = 0; i < from->n_hooks; i++)
        to->hooks[i] = from->hooks[i];
    return to;
}

static void settle_meta(const struct facts *facts, struct census *census, struct process *p)
{
    const struct process *const from = &facts->process;
    if (!facts->has_process || (p->described && from->meta_seq < p->meta_seq) ||
        (facts->told.any && p->described && from->meta_seq == p->meta_seq))
        return;
    p->described = true;
    p->meta_seq = from->meta_seq;
    p->pid = from->pid;
    p->parent_pid = from->parent_pid;
    p->image = from->image;
    p->start_ns = from->start_ns + p->recording->shift_ns;
    p->executable = copy(census, from->executable);
    p->command = copy(census, from->command);
    p->title = copy(census, from->title);
    p->working_directory = copy(census, from->working_directory);
    p->is_forked = from->is_forked;
    p->python_version = copy(census, from->python_version);
    p->python_build = copy(census, from->python_build);
    p->attached = from->attached != NULL ? copy_attached(census, from->attached) : NULL;
    p->interval_ns = facts->recording.interval_ns;
    p->service = settle_service(census, &facts->recording.service, &p->recording->service);
    if (strcmp(facts->recording.hostname, p->recording->hostname) != 0)
        p->hostname = copy(census, facts->recording.hostname);
}

/* Only where C frames are asked for does it mean something that a thread is none of Python's. */
static bool has_c_threads(const struct recording *recording)
{
    const char *const native = recording_setting(recording, "native");
    return native != NULL && strcmp(native, "yes") == 0;
}

static void settle_threads(const struct facts *facts, struct census *census, struct process *p,
                           uint64_t quantum_ns)
{
    for (size_t i = 0; i < facts->n_threads; i++) {
        const struct unit_thread *const from = &facts->threads[i];
        struct thread *const t = census_thread(census, p, from->id);
        if (!from->declared || (t->declared && from->seq < t->seq))
            continue;
        if (!t->declared || strcmp(t->name, from->name) != 0)
            t->name = copy(census, from->name);
        t->os_tid = from->os_tid;
        t->main = from->main;
        t->is_c = from->is_c && has_c_threads(p->recording);
        t->ended = from->ended;
        t->start_ns = quanta_ns(from->start_q, quantum_ns) + p->recording->shift_ns;
        t->declared = true;
        t->seq = from->seq;
    }
}

static void settle_absences(const struct ending *from, struct census *census, struct ending *to)
{
    to->absences_known = from->absences_known;
    to->n_absences = from->n_absences;
    to->absences = arena_get(&census->arena, from->n_absences * sizeof *to->absences);
    for (size_t i = 0; i < from->n_absences; i++) {
        to->absences[i] = from->absences[i];
        to->absences[i].reason = copy(census, from->absences[i].reason);
        to->absences[i].name = copy(census, from->absences[i].name);
    }
}

static void settle_ending(struct facts *facts, struct census *census, struct ending *ending,
                          uint64_t shift_ns)
{
    const struct ending *const from = &facts->process.ending;
    const struct ending *const so_far = &facts->so_far;
    const bool is_later = facts->told.any && so_far->end_ns > facts->told.so_far_ns;
    if (from->known) {
        *ending = *from;
        ending->reason = copy(census, from->reason);
        ending->end_ns += shift_ns;
        settle_absences(from, census, ending);
    }
    if (so_far->absences_known && (!ending->absences_known || (is_later && !ending->known)))
        settle_absences(so_far, census, ending);
    facts->told.so_far_ns = so_far->end_ns;
}

/* A reading of less than the one before it has told nothing new. */
static void told_grows(size_t *told, size_t n)
{
    *told = n > *told ? n : *told;
}

static void settle_titles(struct facts *facts, struct census *census, struct process *p)
{
    for (size_t i = facts->told.n_titles; i < facts->process.n_titles; i++) {
        struct title_change change = facts->process.titles[i];
        change.time_ns += p->recording->shift_ns;
        change.text = copy(census, change.text);
        census_title(p, change);
    }
    told_grows(&facts->told.n_titles, facts->process.n_titles);
}

static void settle_marks(struct facts *facts, struct census *census, struct process *p)
{
    for (size_t i = facts->told.n_marks; i < facts->process.n_marks; i++) {
        struct program_mark mark = facts->process.marks[i];
        mark.time_ns += p->recording->shift_ns;
        mark.text = copy(census, mark.text);
        census_mark(p, mark);
    }
    told_grows(&facts->told.n_marks, facts->process.n_marks);
    if (facts->process.marks_lost > p->marks_lost) /* counts go up */
        p->marks_lost = facts->process.marks_lost;
}

static void settle_sources(struct facts *facts, struct census *census, struct process *p)
{
    for (size_t i = facts->told.n_sources; i < facts->process.n_sources; i++) {
        struct kept_source source = facts->process.sources[i];
        source.time_ns += p->recording->shift_ns;
        source.file = copy(census, source.file);
        source.bytes = arena_copy(&census->arena, source.bytes, source.len);
        p->sources_left_out += !census_source(p, source);
    }
    told_grows(&facts->told.n_sources, facts->process.n_sources);
    if (facts->process.sources_left_out > p->sources_left_out)
        p->sources_left_out = facts->process.sources_left_out;
}

static void settle_rate(struct facts *facts, struct process *p, uint32_t generation)
{
    p->from_start = p->from_start || generation == 0;
    for (size_t i = facts->told.n_rates; i < facts->process.n_rate_changes; i++) {
        struct rate_change change = facts->process.rate_changes[i];
        change.time_ns += p->recording->shift_ns;
        census_rate_change(p, change);
    }
    told_grows(&facts->told.n_rates, facts->process.n_rate_changes);
}

void facts_settle_wall(struct facts *facts, struct recording *recording)
{
    const char *const hostname = facts->recording.hostname;
    if (hostname != NULL && hostname[0] != '\0' && strcmp(hostname, recording->hostname) != 0)
        return; /* it was merged from another machine: another clock */
    for (size_t i = facts->told.n_steps; i < facts->wall.n; i++) {
        struct wall_step step = facts->wall.steps[i];
        step.time_ns += recording->shift_ns;
        wall_add(&recording->wall, step);
    }
    told_grows(&facts->told.n_steps, facts->wall.n);
}

void facts_settle_threads(const struct facts *facts, struct census *census,
                          struct recording *recording, uint32_t process, uint64_t quantum_ns)
{
    if (process == 0)
        return;
    struct process *const p = census_process(census, recording, process);
    settle_meta(facts, census, p);
    settle_threads(facts, census, p, quantum_ns);
}

void facts_settle(struct facts *facts, struct census *census, struct recording *recording,
                  uint32_t process, uint32_t generation, uint64_t quantum_ns)
{
    const uint64_t shift_ns = recording->shift_ns;
    if (facts->has_meta && facts->recording.segment < recording->segment)
        recording->segment = facts->recording.segment;
    if (process == 0) {
        settle_ending(facts, census, &recording->ending, shift_ns);
        facts->told.any = true;
        return;
    }
    struct process *const p = census_process(census, recording, process);
    p->generations += !facts->told.any;
    settle_meta(facts, census, p);
    settle_account(facts, census, p);
    settle_threads(facts, census, p, quantum_ns);
    settle_rate(facts, p, generation);
    settle_titles(facts, census, p);
    settle_marks(facts, census, p);
    settle_sources(facts, census, p);
    facts_settle_wall(facts, recording);
    settle_ending(facts, census, &p->ending, shift_ns);
    for (size_t i = 0; i < facts->process.n_natives; i++)
        census_native(census, p, &facts->process.natives[i]);
    const uint64_t last_ns = quanta_ns(facts->last_q, quantum_ns) + shift_ns;
    if (last_ns > p->last_ns)
        p->last_ns = last_ns;
    facts->told.any = true;
}
