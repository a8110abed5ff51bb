/* SPDX-License-Identifier: MIT */
#include "roster.h"

#include "format/base/bisect.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <string.h>

static void thread_free(struct roster_thread *thread)
{
    free(thread->name);
    free(thread->frames);
    free(thread->nodes);
    free(thread);
}

void roster_clear(struct roster *roster)
{
    for (uint32_t i = 0; i < roster->n; i++)
        thread_free(roster->threads[i]);
    free(roster->threads);
    *roster = (struct roster){0};
}

static bool is_before(const void *threads, size_t i, const void *id)
{
    return ((struct roster_thread *const *)threads)[i]->id < *(const uint32_t *)id;
}

/* The first thread whose id is not smaller. */
static uint32_t lower_bound(const struct roster *roster, uint32_t id)
{
    return (uint32_t)bisect(roster->threads, roster->n, is_before, &id);
}

static bool is_at(const struct roster *roster, uint32_t i, uint32_t id)
{
    return i < roster->n && roster->threads[i]->id == id;
}

/* Samples of a tick come in the order of the threads: try the last one and the one behind it. */
struct roster_thread *roster_find(struct roster *roster, uint32_t id)
{
    uint32_t i = roster->last;
    if (!is_at(roster, i, id) && !is_at(roster, ++i, id))
        i = lower_bound(roster, id);
    if (!is_at(roster, i, id))
        return NULL;
    roster->last = i;
    return roster->threads[i];
}

struct roster_thread *roster_add(struct roster *roster, uint32_t id)
{
    const uint32_t i = lower_bound(roster, id);
    if (is_at(roster, i, id) ||
        !vec_room(&roster->threads, &roster->capacity, roster->n + 1ull, sizeof *roster->threads))
        return NULL;
    struct roster_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->id = id;
    thread->end_seq = ROSTER_ALIVE;
    thread->now.call = thread->chunk.call = -1;
    memmove(roster->threads + i + 1, roster->threads + i,
            (roster->n - i) * sizeof *roster->threads);
    roster->threads[i] = thread;
    roster->n++;
    roster->n_alive++;
    return thread;
}

bool roster_set_name(struct roster_thread *thread, const char *name, size_t len, bool is_kernel)
{
    if (thread->name != NULL && thread->name_is_kernel == is_kernel && thread->name_len == len &&
        memcmp(thread->name, name, len) == 0)
        return true;
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, len);
    copy[len] = '\0';
    free(thread->name);
    thread->name = copy;
    thread->name_len = (uint32_t)len;
    thread->name_is_kernel = is_kernel;
    thread->is_declared = false;
    return true;
}

void roster_drop_ended(struct roster *roster, uint64_t seq)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < roster->n; i++) {
        if (roster->threads[i]->end_seq <= seq)
            thread_free(roster->threads[i]);
        else
            roster->threads[n++] = roster->threads[i];
    }
    roster->n = n;
    roster->last = 0;
}
