/* SPDX-License-Identifier: MIT */
#include "thread_group.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Does a word end at `c`? */
static bool ends_word(char c)
{
    return c == '\0' || strchr(" -_:/#.,()[]", c) != NULL;
}

const char *thread_group_name(struct arena *arena, const char *name)
{
    char *const out = arena_get(arena, strlen(name) + 1);
    size_t n = 0;
    for (const char *at = name; *at != '\0';) {
        const size_t digits = strspn(at, "0123456789");
        if (digits == 0 || !ends_word(at[digits]) || at == name) {
            const size_t len = digits > 0 ? digits : 1;
            memcpy(out + n, at, len);
            n += len;
            at += len;
            continue;
        }
        at += digits;
        if (n >= 2 && out[n - 2] == '*' && (out[n - 1] == '_' || out[n - 1] == '-'))
            n--; /* 0_3: one star for both */
        else
            out[n++] = '*';
    }
    out[n] = '\0';
    return out;
}

/* What qsort needs to keep equals in order. */
struct entry {
    struct grouped_thread grouped;
    size_t index;
};

static int compare_entries(const void *left, const void *right)
{
    const struct entry *const a = left, *const b = right;
    int order =
        process_compare(a->grouped.thread->thread->process, b->grouped.thread->thread->process);
    if (order == 0)
        order = strcmp(a->grouped.group, b->grouped.group);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

struct grouped_thread *thread_group_sort(struct arena *arena, struct profile_thread *const *threads,
                                         size_t n)
{
    struct entry *const entries = memory_get(n * sizeof *entries);
    struct grouped_thread *const sorted = memory_get(n * sizeof *sorted);
    for (size_t i = 0; i < n; i++) {
        const char *const group = thread_group_name(arena, threads[i]->thread->name);
        entries[i] = (struct entry){{threads[i], group}, i};
    }
    if (n > 1)
        qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++)
        sorted[i] = entries[i].grouped;
    free(entries);
    return sorted;
}

size_t thread_group_size(const struct grouped_thread *threads, size_t n)
{
    size_t size = 1;
    while (size < n &&
           threads[size].thread->thread->process == threads[0].thread->thread->process &&
           strcmp(threads[size].group, threads[0].group) == 0)
        size++;
    return size;
}

const struct thread *thread_group_thread(struct arena *arena, const struct grouped_thread *threads,
                                         size_t n)
{
    if (n == 1)
        return threads[0].thread->thread;
    struct thread *const thread = arena_get(arena, sizeof *thread);
    thread->process = threads[0].thread->thread->process;
    thread->name = threads[0].group;
    return thread;
}
