/* SPDX-License-Identifier: MIT */
#include "damage_log.h"

#include "analyze/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void damage_log_add(void *closure, const char *path, const struct damage *damage)
{
    struct damage_log *const log = closure;
    if (log->n == DAMAGE_LOG_MAX) {
        log->n_more++;
        return;
    }
    log->entries = memory_grow(log->entries, &log->size, log->n + 1, sizeof *log->entries);
    log->entries[log->n++] =
        (struct damage_entry){arena_copy(&log->paths, path, strlen(path)), *damage};
}

static int compare_entries(const void *left, const void *right)
{
    const struct damage_entry *const a = left, *const b = right;
    const int order = strcmp(a->path, b->path);
    if (order != 0)
        return order;
    if (a->damage.offset != b->damage.offset)
        return a->damage.offset < b->damage.offset ? -1 : 1;
    if (a->damage.process != b->damage.process)
        return a->damage.process < b->damage.process ? -1 : 1;
    return strcmp(a->damage.text, b->damage.text);
}

static bool is_same(const struct damage *a, const struct damage *b)
{
    return a->status == b->status && a->len_bytes == b->len_bytes &&
           a->time_known == b->time_known && a->process == b->process &&
           a->t_first_ns == b->t_first_ns && a->t_last_ns == b->t_last_ns;
}

void damage_log_sort(struct damage_log *log)
{
    size_t kept = log->n > 0 ? 1 : 0;
    if (log->n > 1)
        qsort(log->entries, log->n, sizeof *log->entries, compare_entries);
    for (size_t i = 1; i < log->n; i++) {
        const struct damage_entry *const entry = &log->entries[i], *const last = entry - 1;
        if (compare_entries(last, entry) != 0 || !is_same(&last->damage, &entry->damage))
            log->entries[kept++] = *entry;
    }
    log->n = kept;
}

void damage_print(struct buffer *buffer, const struct damage_entry *entry)
{
    const struct damage *const d = &entry->damage;
    buffer_add_visible(buffer, entry->path);
    buffer_add_text(buffer, ": ");
    buffer_add_visible(buffer, d->text);
    if (d->offset > 0 || d->len_bytes > 0)
        buffer_print(buffer, ", at offset %" PRIu64, d->offset);
    if (d->len_bytes > 0)
        buffer_print(buffer, ", %" PRIu64 " bytes skipped", d->len_bytes);
    if (!d->time_known)
        return;
    buffer_print(buffer, ", %.3f", (double)d->t_first_ns / 1e9);
    if (d->t_last_ns != DAMAGE_TO_THE_END)
        buffer_print(buffer, " to %.3f s", (double)d->t_last_ns / 1e9);
    else
        buffer_add_text(buffer, " s to the end");
    if (d->process != 0)
        buffer_print(buffer, " of process number %" PRIu32 " lost", d->process);
    else
        buffer_add_text(buffer, " of the recording affected");
}

void damage_log_clear(struct damage_log *log)
{
    free(log->entries);
    arena_clear(&log->paths);
    *log = (struct damage_log){0};
}
