/* SPDX-License-Identifier: MIT */
#include "running.h"

#include "analyze/base/memory.h"
#include "profile_build.h"

#include <stdlib.h>
#include <string.h>

static struct builder *builder_of(struct running *running, size_t number,
                                  struct unit_reader *reader)
{
    running->builders = memory_grow(running->builders, &running->builders_size, number + 1,
                                    sizeof(struct builder *));
    if (number >= running->n_builders)
        running->n_builders = number + 1;
    if (running->builders[number] == NULL) {
        struct builder *const b = running->builders[number] = memory_get(sizeof *b);
        b->goes_on = true;
        builder_begin(running->build, b, reader);
    }
    return running->builders[number];
}

static void read_more(void *closure, size_t number, struct unit_reader *reader)
{
    struct running *const running = closure;
    struct builder *const b = builder_of(running, number, reader);
    while (!b->skipped && builder_read(running->build, b, reader)) {
        unit_settle(reader);
        builder_join(running->build, b, reader);
    }
}

static void join_more(void *closure, size_t number, struct unit_reader *reader)
{
    struct running *const running = closure;
    builder_join(running->build, running->builders[number], reader);
}

static void drop_builder(struct running *running, size_t number)
{
    if (running->builders[number] != NULL)
        builder_clear(running->builders[number]);
    free(running->builders[number]);
    running->builders[number] = NULL;
}

static void end_unit(void *closure, size_t number, struct unit_reader *reader)
{
    struct running *const running = closure;
    builder_join_squares(running->builders[number], reader->quantum_ns);
    drop_builder(running, number);
}

bool running_read(struct running *running)
{
    const struct tail_job job = {read_more, join_more, end_unit, running};
    return tail_run(&running->tail, &job);
}

void running_open(struct running *running, struct trace *trace, const struct select *select,
                  size_t n_workers)
{
    running->select = select;
    running->build = memory_get(sizeof *running->build);
    tail_open(&running->tail, trace);
    if (!running->newest_only)
        profile_read(&running->whole, trace, select, n_workers);
    build_begin(running->build, &running->whole, trace, select);
    running_read(running); /* nothing was read before: it cannot be in vain */
}

/* The squares of units that go on are not in the profile yet: for the copy they are. */
static void add_open_squares(struct running *running)
{
    for (size_t i = 0; i < running->n_builders; i++) {
        if (running->builders[i] != NULL)
            builder_join_squares(running->builders[i], tail_reader(&running->tail, i)->quantum_ns);
    }
}

static struct profile_thread *copy_thread(struct profile *to, const struct profile_thread *from)
{
    struct profile_thread *const copy = arena_get(&to->arena, sizeof *copy);
    *copy = *from;
    for (int c = 0; c < CLASS_COUNT && !to->is_lent; c++)
        copy->sheets[c] = sheet_copy(&from->sheets[c], &to->arena);
    return copy;
}

/* Parts stand behind their threads: of the copies, too. */
static void link_parts(struct profile *profile)
{
    struct profile_thread *whole = NULL;
    for (size_t i = 0; i < profile->n_threads; i++) {
        struct profile_thread *const t = profile->threads[i];
        t->parts = t->next_part = NULL;
        if (t->thread->whole == NULL) {
            whole = t;
        } else if (whole != NULL) {
            t->next_part = whole->parts;
            whole->parts = t;
        }
    }
}

static void show(struct running *running, struct profile *profile, bool lends_weights)
{
    struct profile *const whole = &running->whole;
    struct weights *const squares = memory_get((whole->n_threads + 1) * sizeof *squares);
    for (size_t i = 0; i < whole->n_threads; i++)
        squares[i] = whole->threads[i]->squares;
    add_open_squares(running);
    *profile = (struct profile){.arena = running->spare,
                                .symbols = whole->symbols,
                                .tree = whole->tree,
                                .census = whole->census,
                                .flat = whole->flat,
                                .expressions = whole->expressions,
                                .window = whole->window,
                                .is_lent = lends_weights};
    profile->threads = memory_grow(NULL, &profile->threads_size, whole->n_threads + 1,
                                   sizeof(struct profile_thread *));
    for (size_t i = 0; i < whole->n_threads; i++) {
        profile->threads[profile->n_threads++] = copy_thread(profile, whole->threads[i]);
        whole->threads[i]->squares = squares[i];
    }
    link_parts(profile);
    free(squares);
    running->spare = (struct arena){0};
    running->is_lent = true;
    profile_finish(profile, running->select);
}

void running_show(struct running *running, struct profile *profile)
{
    show(running, profile, false);
}

void running_lend(struct running *running, struct profile *profile)
{
    show(running, profile, true);
}

void running_take_back(struct running *running, struct profile *profile)
{
    if (!running->is_lent)
        return;
    running->is_lent = false;
    for (struct profile_carry *c = profile->carries; c != NULL; c = c->next)
        c->at->cpu -= c->cpu_ns;
    running->whole.symbols = profile->symbols;
    running->whole.symbols.modules = NULL;
    running->whole.tree = profile->tree;
    profile->symbols = (struct symbols){0};
    profile->tree = (struct tree){0};
    arena_clear(&running->spare);
    arena_reset(&profile->arena);
    running->spare = profile->arena;
    profile->arena = (struct arena){0};
    profile_clear(profile);
}

void running_clear(struct running *running)
{
    for (size_t i = 0; i < running->n_builders; i++)
        drop_builder(running, i);
    free(running->builders);
    free(running->build);
    arena_clear(&running->spare);
    tail_clear(&running->tail);
    profile_clear(&running->whole);
    *running = (struct running){0};
}
