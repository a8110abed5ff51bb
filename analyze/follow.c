/* SPDX-License-Identifier: MIT */
#include "follow.h"

#include "memory.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
#define STEP_NS   (SECOND_NS / 5)

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void follow_init(struct follow *follow, const char *const *paths, size_t n_paths)
{
    *follow = (struct follow){.paths = paths, .n_paths = n_paths};
    follow->sizes = memory_get((n_paths + 1) * sizeof *follow->sizes);
}

void follow_clear(struct follow *follow)
{
    free(follow->sizes);
    *follow = (struct follow){0};
}

void follow_note(struct follow *follow)
{
    follow->noted_ns = now_ns();
    for (size_t i = 0; i < follow->n_paths; i++)
        follow->sizes[i] = size_of(follow->paths[i]);
}

void follow_wait(struct follow *follow)
{
    const struct timespec step = {.tv_nsec = STEP_NS};
    const uint64_t took_ns = now_ns() - follow->noted_ns;
    const uint64_t least_ns = took_ns > SECOND_NS / 10 ? 10 * took_ns : SECOND_NS;
    for (;;) {
        bool changed = false;
        for (size_t i = 0; i < follow->n_paths; i++)
            changed = changed || size_of(follow->paths[i]) != follow->sizes[i];
        if (changed && now_ns() - follow->noted_ns >= least_ns)
            return;
        nanosleep(&step, NULL);
    }
}
