/* SPDX-License-Identifier: MIT */
#include "stall_made.h"

#include "scratch.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const argv[] = {"python3", "app.py", NULL};

void made_open(struct made *made, const char *name)
{
    *made = (struct made){.path = scratch_path(name)};
    made->m = maker_open(made->path, NULL);
    made->process = maker_process(made->m, 42, 1, argv);
    maker_thread(made->m, made->process, 42, "MainThread", 0);
    maker_thread(made->m, made->process, 43, "other", 0);
}

uint32_t made_stack(struct made *made, const struct maker_frame *const *frames)
{
    uint32_t id = 0;
    for (; *frames != NULL; frames++)
        id = maker_stack_push(made->m, made->process, id, *frames);
    return id;
}

/* The main thread does this for n ticks of 10 ms, changing at the first only. */
void go(struct made *made, unsigned n, uint32_t stack_id, uint16_t state, const char *call)
{
    for (unsigned i = 0; i < n; i++) {
        maker_tick(made->m, made->process, 0, 0, 0);
        if (i == 0 || state == ON_CPU)
            maker_change(
                made->m, made->process, 1,
                &(struct maker_sample){stack_id, state, state == ON_CPU ? 9000 : 50, call});
    }
}

void made_no_damage(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("%s: %s", path, damage->text);
}

void made_read(struct made *made, const char *name)
{
    const char *const names[] = {name};
    struct problem why = {0};
    maker_process_end(made->m, made->process, 0);
    maker_close(made->m, "exited");
    ck_assert_msg(trace_open(&made->trace, &made->path, 1, made_no_damage, NULL, &why) == STATUS_OK,
                  "%s", why.detail);
    idle_learn(&made->idle, &made->scene, made->trace, &made->select, names, name != NULL, OVER_NS);
    stalls_find(&made->stalls, &made->idle, made->trace, &made->select, OVER_NS, made->metric);
    stalls_detail(&made->stalls, made->trace, &made->select, SIZE_MAX);
}

void made_close(struct made *made)
{
    stalls_clear(&made->stalls);
    idle_clear(&made->idle);
    scene_clear(&made->scene);
    select_clear(&made->select);
    trace_close(made->trace);
}

const struct idle_thread *main_thread(const struct made *made)
{
    const struct idle_thread *found = NULL;
    for (size_t i = 0; i < made->idle.n_threads; i++) {
        if (made->idle.threads[i]->thread->main)
            found = made->idle.threads[i];
    }
    ck_assert_ptr_nonnull(found);
    return found;
}

uint64_t entry_ns(const struct made *made, const struct stall *stall, enum stall_kind kind,
                  const char *function)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == kind && strcmp(scene_frame(&made->scene, e->number).function, function) == 0)
            sum_ns += stall_entry_ns(e);
    }
    return sum_ns;
}

void check_length(const struct stall *stall, unsigned ticks)
{
    const int64_t off_ns = (int64_t)stall_length_ns(stall) - (int64_t)ticks * 10000000;
    ck_assert_msg(llabs(off_ns) < 15000000, "%lld ns instead of %u ticks",
                  (long long)stall_length_ns(stall), ticks);
    ck_assert_uint_eq(stall->wall_ns, stall_length_ns(stall));
}
