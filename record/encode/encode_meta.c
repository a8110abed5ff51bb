/* SPDX-License-Identifier: MIT */
/* Meta, Account and Summary: who, on what, how well, and how it ended. */
#include "encode_parts.h"

#include "record/tables/utf8.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FORMAT_MINOR 0

/* ---- the machine ---- */

static void cpu_model_read(char *model, size_t size)
{
    char text[4096];
    model[0] = '\0';
    if (procfs_read(text, sizeof text, "/proc/cpuinfo") <= 0)
        return;
    const char *line = strstr(text, "model name");
    const char *colon = line != NULL ? strchr(line, ':') : NULL;
    if (colon != NULL)
        snprintf(model, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
}

static Pyrec__V1__Machine *machine_build(struct bump *bump)
{
    Pyrec__V1__Machine *machine = encode_new(bump, &pyrec__v1__machine__descriptor);
    struct utsname uts;
    char model[128], os[sizeof uts.sysname + sizeof uts.release];
    if (machine == NULL || uname(&uts) != 0)
        return machine;
    snprintf(os, sizeof os, "%s %s", uts.sysname, uts.release);
    cpu_model_read(model, sizeof model);
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    machine->hostname = encode_clean_text(bump, uts.nodename);
    machine->os = encode_clean_text(bump, os);
    machine->machine = encode_clean_text(bump, uts.machine);
    machine->cpu_model = encode_clean_text(bump, model);
    machine->cpu_count = cpus > 0 ? (uint32_t)cpus : 0;
    return machine;
}

/* ---- the process ---- */

/* sys.hexversion as people write it: 3.11.2, 3.15.0rc2. */
static char *version_text(struct bump *bump, uint32_t hexversion)
{
    char text[32];
    if (hexversion == 0)
        return NULL; /* not known */
    const unsigned level = hexversion >> 4 & 15;
    const char *pre = level == 0xa ? "a" : level == 0xb ? "b" : level == 0xc ? "rc" : NULL;
    const int len = snprintf(text, sizeof text, "%u.%u.%u", hexversion >> 24,
                             hexversion >> 16 & 255, hexversion >> 8 & 255);
    if (pre != NULL)
        snprintf(text + len, sizeof text - (size_t)len, "%s%u", pre, hexversion & 15);
    return encode_text(bump, text);
}

static Pyrec__V1__Attached__Hook *hook_build(struct bump *bump, const struct wire_hooks *hooks,
                                             size_t i)
{
    static const Pyrec__V1__Attached__Hook__Calls calls[WIRE_HOOKS] = {
        PYREC__V1__ATTACHED__HOOK__CALLS__THREAD_ENDS,
        PYREC__V1__ATTACHED__HOOK__CALLS__GIL,
        PYREC__V1__ATTACHED__HOOK__CALLS__EXEC,
        PYREC__V1__ATTACHED__HOOK__CALLS__ALONE,
    };
    Pyrec__V1__Attached__Hook *hook = encode_new(bump, &pyrec__v1__attached__hook__descriptor);
    if (hook == NULL)
        return NULL;
    hook->calls = calls[i];
    hook->complete = (hooks->what & 1u << i) != 0;
    hook->taken = hooks->slots[i].taken;
    hook->foreign = hooks->slots[i].foreign;
    hook->refused = hooks->slots[i].refused;
    return hook;
}

static Pyrec__V1__Attached *attached_build(struct bump *bump, const struct encode_attached *from)
{
    Pyrec__V1__Attached *message = encode_new(bump, &pyrec__v1__attached__descriptor);
    Pyrec__V1__Attached__Hook **list = bump_take(bump, WIRE_HOOKS, sizeof *list);
    if (bump->has_failed)
        return NULL;
    message->inherited = from->is_inherited;
    message->stopped_ns = from->stopped_ns;
    message->held_ns = from->held_ns;
    message->way = (Pyrec__V1__Attached__Way)from->way;
    message->threads = from->n_threads;
    message->children_looked = from->is_children_looked;
    message->children = from->n_children;
    message->object = encode_clean_text(bump, from->object);
    for (size_t i = 0; i < WIRE_HOOKS; i++)
        list[i] = hook_build(bump, &from->hooks, i);
    message->hook = list;
    message->n_hook = WIRE_HOOKS;
    return bump->has_failed ? NULL : message;
}

static Pyrec__V1__Process *process_build(struct bump *bump, const struct encode_process *process)
{
    Pyrec__V1__Process *message = encode_new(bump, &pyrec__v1__process__descriptor);
    char **argv = bump_take(bump, process->n_argv, sizeof *argv);
    if (bump->has_failed)
        return NULL;
    for (size_t i = 0; i < process->n_argv; i++)
        argv[i] = encode_clean_text(bump, process->argv[i]);
    message->number = process->number;
    message->pid = process->pid;
    message->parent_pid = process->parent_pid;
    message->image = process->image;
    message->inner_pid = process->inner_pid;
    message->os_start = process->os_start;
    message->start_q = process->start_q;
    message->executable = encode_clean_text(bump, process->executable);
    message->argv = argv;
    message->n_argv = process->n_argv;
    message->python_version = version_text(bump, process->hexversion);
    message->python_hexversion = process->hexversion;
    message->python_build = encode_clean_text(bump, process->build);
    message->title = encode_clean_text(bump, process->title);
    message->working_directory = encode_clean_text(bump, process->working_directory);
    message->forked = process->is_forked;
    if (process->attached != NULL)
        message->attached = attached_build(bump, process->attached);
    return message;
}

static void options_fill(struct bump *bump, const struct recording *recording,
                         Pyrec__V1__Meta *meta)
{
    Pyrec__V1__Meta__OptionEntry **list = bump_take(bump, recording->n_options, sizeof *list);
    if (list == NULL)
        return;
    for (size_t i = 0; i < recording->n_options; i++) {
        list[i] = encode_new(bump, &pyrec__v1__meta__option_entry__descriptor);
        if (list[i] == NULL)
            return;
        list[i]->key = encode_clean_text(bump, recording->options[i].key);
        list[i]->value = encode_clean_text(bump, recording->options[i].value);
    }
    meta->option = list;
    meta->n_option = recording->n_options;
}

static void service_fill(struct bump *bump, const struct recording_service *service,
                         Pyrec__V1__Meta *meta)
{
    Pyrec__V1__Meta__LabelEntry **list = bump_take(bump, service->n_labels, sizeof *list);
    if (service->name != NULL)
        meta->service = encode_clean_text(bump, service->name);
    if (service->version != NULL)
        meta->service_version = encode_clean_text(bump, service->version);
    if (bump->has_failed)
        return;
    for (size_t i = 0; i < service->n_labels; i++) {
        list[i] = encode_new(bump, &pyrec__v1__meta__label_entry__descriptor);
        if (list[i] == NULL)
            return;
        list[i]->key = encode_clean_text(bump, service->labels[i].key);
        list[i]->value = encode_clean_text(bump, service->labels[i].value);
    }
    meta->label = list;
    meta->n_label = service->n_labels;
}

Pyrec__V1__Meta *encode_meta(struct bump *bump, const struct encode_job *job)
{
    const struct recording *recording = job->recording;
    Pyrec__V1__Meta *meta = encode_new(bump, &pyrec__v1__meta__descriptor);
    if (meta == NULL)
        return NULL;
    meta->format_minor = FORMAT_MINOR;
    meta->recorder = encode_text(bump, "pyrec " PYREC_VERSION);
    meta->trace_uuid.data = encode_copy(bump, recording->uuid, sizeof recording->uuid);
    meta->trace_uuid.len = sizeof recording->uuid;
    meta->segment = recording->segment;
    meta->generation = job->generation;
    meta->quantum_ns = recording->clock.quantum_ns;
    meta->interval_ns = job->interval_ns;
    meta->start_mono_ns = recording->clock.start_mono_ns;
    meta->start_unix_ns = recording->start_unix_ns;
    meta->max_depth = recording->max_depth;
    if (job->process != NULL) {
        meta->process = process_build(bump, job->process);
    } else {
        meta->machine = machine_build(bump);
        options_fill(bump, recording, meta);
        service_fill(bump, &recording->service, meta);
    }
    return meta;
}

/* ---- the books ---- */

static void failure_add(struct bump *bump, Pyrec__V1__Failure **list, size_t *n, const char *reason,
                        uint64_t count)
{
    if (count == 0)
        return;
    Pyrec__V1__Failure *failure = encode_new(bump, &pyrec__v1__failure__descriptor);
    if (failure == NULL)
        return;
    failure->reason = encode_text(bump, reason);
    failure->count = count;
    list[(*n)++] = failure;
}

Pyrec__V1__Account *encode_account(struct bump *bump, const struct account *account)
{
    Pyrec__V1__Account *message = encode_new(bump, &pyrec__v1__account__descriptor);
    Pyrec__V1__Failure **failures = bump_take(bump, WIRE_FAIL_COUNT + 1, sizeof *failures);
    Pyrec__V1__Failure **missing = bump_take(bump, WIRE_C_MISSING_COUNT, sizeof *missing);
    if (bump->has_failed)
        return NULL;
    message->ticks_due = account->ticks_due;
    message->ticks_taken = account->ticks_taken;
    message->ticks_missed = account->ticks_missed;
    message->ticks_overflowed = account->ticks_overflowed;
    message->ticks_spared = account->ticks_spared;
    message->samples = account->samples;
    message->samples_asked = account->samples_asked;
    message->samples_outside = account->samples_outside;
    message->retries = account->retries;
    message->handler_ns = account->handler_ns;
    message->sampler_cpu_ns = account->sampler_cpu_ns;
    message->collector_cpu_ns = account->collector_cpu_ns;
    message->process_cpu_ns = account->process_cpu_ns;
    message->unobserved_ns = account->unobserved_ns;
    message->codes = account->codes;
    message->codes_lost = account->codes_lost;
    message->native_cpu_ns = account->native_cpu_ns;
    message->native_whole = account->native_whole;
    message->native_part = account->native_part;
    message->native_none = account->native_none;
    message->failure = failures;
    for (int i = 0; i < WIRE_FAIL_COUNT; i++)
        failure_add(bump, failures, &message->n_failure, account_failure_text((enum wire_failure)i),
                    account->failed[i]);
    failure_add(bump, failures, &message->n_failure, "sample of a thread that is not known",
                account->orphans);
    message->native_missing = missing;
    for (int i = 0; i < WIRE_C_MISSING_COUNT; i++)
        failure_add(bump, missing, &message->n_native_missing,
                    account_missing_text((enum wire_c_missing)i), account->c_missing[i]);
    return message;
}

size_t encode_native_list(struct bump *bump, const struct natives *natives,
                          enum encode_natives which, Pyrec__V1__NativeThread ***list)
{
    size_t n = 0;
    *list = bump_take(bump, natives->n, sizeof **list);
    Pyrec__V1__NativeThread *messages = bump_take(bump, natives->n, sizeof *messages);
    if (bump->has_failed)
        return 0;
    for (uint32_t i = 0; i < natives->n; i++) {
        const struct native *native = &natives->rows[i];
        if ((which == ENCODE_CHANGED_NATIVES && !natives_is_due(native)) || native->name[0] == '\0')
            continue; /* without a name: it left Python and was never looked at again */
        pyrec__v1__native_thread__init(&messages[n]);
        messages[n].os_tid = (uint32_t)native->tid;
        messages[n].name = encode_clean_text(bump, native->name);
        messages[n].cpu_ns = native->cpu_ns;
        (*list)[n] = &messages[n];
        n++;
    }
    return n;
}

static Pyrec__V1__NotRecorded *row_build(struct bump *bump, const struct missing_row *row)
{
    Pyrec__V1__NotRecorded *message = encode_new(bump, &pyrec__v1__not_recorded__descriptor);
    if (message == NULL)
        return NULL;
    message->reason = encode_clean_text(bump, row->reason);
    message->count = row->n;
    message->name = encode_clean_text(bump, row->name);
    message->unsure = row->kind != MISSING_PYTHON;
    return message;
}

static void missing_build(struct bump *bump, const struct missing *missing,
                          Pyrec__V1__Summary *summary)
{
    Pyrec__V1__NotRecorded **list = bump_take(bump, MISSING_ROWS, sizeof *list);
    if (list == NULL)
        return;
    summary->missing_counted = true;
    summary->strangers = missing->n_strangers;
    summary->not_recorded = list;
    for (uint32_t i = 0; i < missing->n_rows; i++)
        if ((list[summary->n_not_recorded] = row_build(bump, &missing->rows[i])) != NULL)
            summary->n_not_recorded++;
}

/* One event for each row, or one for all when there is none. */
Pyrec__V1__Events *encode_missing(struct bump *bump, const struct encode_job *job)
{
    const uint32_t n_rows = job->missing->n_rows, n = n_rows > 0 ? n_rows : 1;
    Pyrec__V1__Events *events = encode_new(bump, &pyrec__v1__events__descriptor);
    Pyrec__V1__Event **list = bump_take(bump, n, sizeof(Pyrec__V1__Event *));
    Pyrec__V1__Event *messages = bump_take(bump, n, sizeof *messages);
    if (bump->has_failed)
        return NULL;
    events->event = list;
    events->n_event = n;
    for (uint32_t i = 0; i < n; i++) {
        pyrec__v1__event__init(&messages[i]);
        messages[i].type = PYREC__V1__EVENT__TYPE__NOT_RECORDED;
        messages[i].time_q = job->missing_q;
        if (i < n_rows)
            messages[i].not_recorded = row_build(bump, &job->missing->rows[i]);
        list[i] = &messages[i];
    }
    return events;
}

Pyrec__V1__Summary *encode_summary(struct bump *bump, const struct encode_job *job)
{
    const struct encode_end *end = job->end;
    Pyrec__V1__Summary *summary = encode_new(bump, &pyrec__v1__summary__descriptor);
    if (summary == NULL)
        return NULL;
    summary->end_q = end->end_q;
    summary->stop_reason = encode_clean_text(bump, end->reason);
    summary->status_known = end->is_status_known;
    summary->exit_status = end->exit_status;
    summary->exit_signal = end->exit_signal;
    summary->os_cpu_ns = end->os_cpu_ns;
    summary->processes = end->processes;
    summary->helpers = end->helpers;
    summary->helpers_cpu_ns = end->helpers_cpu_ns;
    if (end->missing != NULL)
        missing_build(bump, end->missing, summary);
    if (job->account != NULL)
        summary->account = encode_account(bump, job->account);
    if (job->natives != NULL)
        summary->n_native =
            encode_native_list(bump, job->natives, ENCODE_ALL_NATIVES, &summary->native);
    return summary;
}
