/* SPDX-License-Identifier: MIT */
#include "digest.h"
#include "format/chunk_read.h"
#include "format/crc32c.h"
#include "format/proto_arena.h"
#include "watch.h"
#include <inttypes.h>

/* The names, not the words: those may change. */
static const char *status_name(enum status status)
{
    static const char *const names[] = {
#define NAME(name, text) [STATUS_##name] = #name,
        STATUS_LIST(NAME)
#undef NAME
    };
    return names[status];
}

static void damage_write(void *to, const struct damage *damage)
{
    fprintf(to, "damage %s at=%" PRIu64 " len=%" PRIu64, status_name(damage->status),
            damage->offset, damage->len_bytes);
    if (damage->time_known)
        fprintf(to, " process=%u t=%" PRIu64 "..%" PRIu64, damage->process, damage->t_first_ns,
                damage->t_last_ns);
    fprintf(to, "\n");
}

static void account_write(const Pyrec__V1__Account *account, FILE *to)
{
    if (account == NULL)
        return;
    fprintf(to,
            "  account due=%" PRIu64 " taken=%" PRIu64 " samples=%" PRIu64 " cpu_ns=%" PRIu64
            " failures=%zu\n",
            account->ticks_due, account->ticks_taken, account->samples, account->process_cpu_ns,
            account->n_failure);
    if (account->n_native_missing > 0)
        fprintf(to, "  native whole=%" PRIu64 " part=%" PRIu64 " none=%" PRIu64 " missing=%zu\n",
                account->native_whole, account->native_part, account->native_none,
                account->n_native_missing);
}

static void meta_write(const Pyrec__V1__Meta *meta, FILE *to)
{
    fprintf(to, "  meta recorder='%s' segment=%u generation=%u quantum=%" PRIu64 "\n",
            meta->recorder, meta->segment, meta->generation, meta->quantum_ns);
    if (meta->process != NULL)
        fprintf(to, "  process %u pid=%u argv=%zu python='%s'\n", meta->process->number,
                meta->process->pid, meta->process->n_argv, meta->process->python_version);
    if (meta->machine != NULL)
        fprintf(to, "  machine '%s'\n", meta->machine->hostname);
}

static void defs_write(const Pyrec__V1__Defs *defs, FILE *to)
{
    fprintf(to,
            "  defs strings=%u+%zu functions=%u+%zu locations=%u+%zu stacks=%u+%zu threads=%zu\n",
            defs->first_string, defs->n_string, defs->first_function, defs->n_function_name,
            defs->first_location, defs->n_location_function, defs->first_stack, defs->n_stack_up,
            defs->n_thread);
    for (size_t i = 0; i < defs->n_module; i++)
        fprintf(to, "  module %u path=%u build_id=%zu kind=%u\n", defs->module[i]->id,
                defs->module[i]->path, defs->module[i]->build_id.len,
                (unsigned)defs->module[i]->kind);
    for (size_t i = 0; i < defs->n_function_address; i++)
        if (defs->function_module[i] != 0)
            fprintf(to, "  function %zu module=%u address=%" PRIx64 " kind=%u\n",
                    defs->first_function + i, defs->function_module[i], defs->function_address[i],
                    defs->function_kind[i]);
}

static void thread_write(const struct watch *watch, const struct watched *thread, FILE *to)
{
    uint64_t wall_q = 0, stacks = 0, states = 0, calls = 0;
    uint32_t n_changed = 0;
    const struct seen *last = &thread->before;

    for (uint32_t k = thread->begin; k < thread->end; k++) {
        const struct seen *const now = &thread->seen[k - thread->begin];
        wall_q += watch->time_q[k] - (k == 0 ? watch->before_q : watch->time_q[k - 1]);
        stacks = stacks * 31 + now->stack;
        states = states * 31 + now->state;
        calls = calls * 31 + now->call;
        n_changed += now->cpu_q != last->cpu_q || now->stack != last->stack ||
                     now->state != last->state || now->call != last->call;
        last = now;
    }
    fprintf(to,
            "  thread %u ticks=%u..%u explicit=%u wall_q=%" PRIu64 " cpu_q=%" PRIu64
            " stacks=%016" PRIx64 " states=%016" PRIx64 " calls=%016" PRIx64 "\n",
            thread->id, thread->begin, thread->end, n_changed, wall_q, last->cpu_q, stacks, states,
            calls);
}

static void samples_write(struct proto_column body, FILE *to)
{
    struct watch watch;

    if (!watch_read(&watch, body, 1000)) {
        fprintf(to, "  samples do not parse\n");
    } else {
        const uint32_t n = watch.n_ticks;
        uint64_t missed = 0, gap_q = 0, holders = 0;
        for (uint32_t k = 0; k < n; k++) {
            missed += watch.missed[k];
            gap_q += watch.gap_q[k];
            holders = holders * 31 + (watch.holder != NULL ? watch.holder[k] : 0);
        }
        fprintf(to, "  samples ticks=%u", n);
        if (n > 0)
            fprintf(to, " numbers=%" PRIu64 "..%" PRIu64 " q=%" PRIu64 "..%" PRIu64,
                    watch.number[0], watch.number[n - 1], watch.before_q, watch.time_q[n - 1]);
        fprintf(to, " missed=%" PRIu64 " gap_q=%" PRIu64 " holders=%016" PRIx64 "\n", missed, gap_q,
                holders);
        for (uint32_t i = 0; i < watch.n_threads; i++)
            thread_write(&watch, &watch.threads[i], to);
    }
    watch_clear(&watch);
}

static void looks_write(struct proto_column body, struct proto_arena *arena, FILE *to)
{
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    struct proto_column bytes;
    enum status status;
    while (field_next(&body, &number, &wire_type, &value, &bytes, &status)) {
        const size_t len = (size_t)(bytes.end - bytes.at);
        if (number != 29)
            continue;
        const Pyrec__V1__Look *const look =
            pyrec__v1__look__unpack(proto_arena_reset(arena, len), len, bytes.at);
        fprintf(to, "  look thread=%u tick=%u wall_q=%" PRIu64 " outcome=%d tasks=%u/%u/%u",
                look->thread, look->tick, look->wall_q, (int)look->outcome, look->tasks,
                look->unread, look->unknown);
        for (size_t i = 0; i < look->n_count; i++)
            fprintf(to, " %u:%u:%u:%u", look->stack[i], look->wait[i],
                    look->n_name > 0 ? look->name[i] : 0, look->count[i]);
        for (size_t i = 0; i < look->n_context; i++)
            fprintf(to, " in %u:%" PRId64 ":%u", look->context_entry[i], look->context[i],
                    look->context_count[i]);
        fprintf(to, "\n");
    }
}

static void events_write(const Pyrec__V1__Events *events, FILE *to)
{
    for (size_t i = 0; i < events->n_event; i++)
        fprintf(to, "  event %d q=%" PRIu64 " thread=%u '%s' %" PRId64 "\n",
                (int)events->event[i]->type, events->event[i]->time_q, events->event[i]->thread,
                events->event[i]->text, events->event[i]->value);
}

static void summary_write(const Pyrec__V1__Summary *summary, FILE *to)
{
    fprintf(to, "  summary end_q=%" PRIu64 " '%s' known=%d status=%u signal=%u processes=%u\n",
            summary->end_q, summary->stop_reason, summary->status_known, summary->exit_status,
            summary->exit_signal, summary->processes);
    account_write(summary->account, to);
}

static void samples_account_write(struct proto_column account, ProtobufCAllocator *allocator,
                                  FILE *to)
{
    if (!column_empty(&account))
        account_write(
            pyrec__v1__account__unpack(allocator, (size_t)(account.end - account.at), account.at),
            to);
}

static void packet_write(uint32_t field, struct proto_column body, struct proto_arena *arena,
                         FILE *to)
{
    const size_t len = (size_t)(body.end - body.at);
    ProtobufCAllocator *const allocator = proto_arena_reset(arena, len);
    struct samples_columns columns;
    const void *message;

    if (field == 1 && (message = pyrec__v1__meta__unpack(allocator, len, body.at)) != NULL) {
        meta_write(message, to);
    } else if (field == 2 && (message = pyrec__v1__defs__unpack(allocator, len, body.at)) != NULL) {
        defs_write(message, to);
    } else if (field == 3 && samples_columns_parse(&columns, body, NULL) == STATUS_OK) {
        samples_write(body, to);
        samples_account_write(columns.account, allocator, to);
        looks_write(body, arena, to);
    } else if (field == 4 &&
               (message = pyrec__v1__events__unpack(allocator, len, body.at)) != NULL) {
        events_write(message, to);
    } else if (field == 5) {
        fprintf(to, "  index\n"); /* its offsets depend on zstd */
    } else if (field == 6 &&
               (message = pyrec__v1__summary__unpack(allocator, len, body.at)) != NULL) {
        summary_write(message, to);
    } else {
        fprintf(to, "  packet %u len=%zu\n", field, len);
    }
}

static void chunk_write(const struct chunk_file *file, size_t i, struct chunk_buffer *buffer,
                        struct proto_arena *arena, FILE *to)
{
    const struct chunk_header *const header = &chunk_file_get(file, i)->header;
    struct problem why;
    struct proto_column body;
    uint32_t field;
    enum status status = chunk_file_load(file, i, buffer, &why);

    fprintf(to, "chunk %u flags=%x process=%u generation=%u t=%" PRIu64 "..%" PRIu64, header->seq,
            header->flags, header->process, header->generation, header->t_first_ns,
            header->t_last_ns);
    if (status != STATUS_OK) {
        fprintf(to, " %s\n", status_name(status));
        return;
    }
    if (header->flags & CHUNK_INDEX)
        fprintf(to, "\n");
    else
        fprintf(to, " len=%zu crc=%08x\n", buffer->raw_len,
                crc32c_add(0, buffer->raw, buffer->raw_len));
    struct proto_column payload = {buffer->raw, buffer->raw + buffer->raw_len};
    while (packet_next(&payload, &field, &body, &status))
        packet_write(field, body, arena, to);
    if (status != STATUS_OK)
        fprintf(to, "  %s\n", status_name(status));
}

void digest_write(const char *path, FILE *to)
{
    struct chunk_buffer buffer = {0};
    struct proto_arena arena = {0};
    struct chunk_file *file;
    struct problem why;

    const enum status status = chunk_file_open(&file, path, damage_write, to, &why);
    if (status != STATUS_OK) {
        fprintf(to, "%s\n", status_name(status));
        return;
    }
    fprintf(to, "file %s chunks=%zu\n", chunk_file_closed(file) ? "closed" : "open",
            chunk_file_count(file));
    for (size_t i = 0; i < chunk_file_count(file); i++)
        chunk_write(file, i, &buffer, &arena, to);
    chunk_buffer_clear(&buffer);
    proto_arena_clear(&arena);
    chunk_file_close(file);
}
