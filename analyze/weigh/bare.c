/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include <string.h>

static struct bare_sums *sums_of(struct bare *bare, struct arena *arena)
{
    if (bare->sums == NULL)
        bare->sums = arena_get(arena, sizeof *bare->sums);
    return bare->sums;
}

void bare_add(struct bare *bare, struct arena *arena, enum state_class class,
              const struct weight *weight)
{
    struct bare_sums *const sums = sums_of(bare, arena);
    weight_add(&sums->open.by[class], weight);
    weight_add(&sums->tail.by[class], weight);
    if (!bare->framed)
        weight_add(&sums->first.by[class], weight);
    bare->settled = false;
}

void bare_see(struct bare *bare, enum stack_kind kind)
{
    struct bare_sums *const sums = bare->sums;
    if (kind == STACK_UNKNOWN)
        return;
    bare->framed = true;
    if (sums != NULL)
        sums->tail = (struct weights){0};
    if (kind != STACK_PROGRAM)
        return;
    if (sums != NULL) {
        if (!bare->program)
            sums->before = sums->open;
        sums->open = (struct weights){0};
    }
    bare->program = bare->settled = true;
}

static struct weights scaled(const struct weights *weights, uint64_t scale)
{
    struct weights w = *weights;
    for (int c = 0; c < CLASS_COUNT; c++) {
        w.by[c].wall *= scale;
        w.by[c].cpu *= scale;
    }
    return w;
}

void bare_join(struct bare *bare, struct arena *arena, const struct bare *later, uint64_t scale)
{
    static const struct bare_sums nothing;
    const struct bare_sums *const more = later->sums != NULL ? later->sums : &nothing;
    const struct weights before = scaled(&more->before, scale), open = scaled(&more->open, scale);
    const struct weights first = scaled(&more->first, scale), tail = scaled(&more->tail, scale);

    if (bare->sums == NULL && later->sums == NULL) {
        bare->framed |= later->framed;
        bare->program |= later->program;
        return;
    }
    struct bare_sums *const sums = sums_of(bare, arena);
    if (!bare->program && later->program) {
        sums->before = sums->open;
        weights_add(&sums->before, &before);
    }
    if (later->program)
        sums->open = (struct weights){0};
    weights_add(&sums->open, &open);
    if (!bare->framed)
        weights_add(&sums->first, &first);
    if (later->framed)
        sums->tail = (struct weights){0};
    weights_add(&sums->tail, &tail);
    bare->framed |= later->framed;
    bare->program |= later->program;
}

void bare_ends(const struct bare *bare, struct weights *before, struct weights *behind)
{
    *before = *behind = (struct weights){0};
    if (!bare->framed || bare->sums == NULL)
        return;
    *before = bare->program ? bare->sums->before : bare->sums->first;
    *behind = bare->program ? bare->sums->open : bare->sums->tail;
}

/* The root of a program: its `<module>`, or what `python -m` begins with. */
static bool is_program(const struct dict_function *f)
{
    if (strcmp(f->name, "_run_module_as_main") == 0)
        return true;
    return strcmp(f->name, "<module>") == 0 && strncmp(f->file, "<frozen importlib", 17) != 0;
}

/* A stack that was cut is deep: of a program. */
static enum stack_kind kind_of_root(const struct dict_function *f)
{
    if (f->kind == PYREC__V1__DEFS__KIND__TRUNCATED)
        return STACK_PROGRAM;
    if (f->kind > PYREC__V1__DEFS__KIND__NATIVE)
        return STACK_UNKNOWN;
    return is_program(f) ? STACK_PROGRAM : STACK_FRAMED;
}

size_t bare_kinds(const struct dict *dict, uint8_t *kinds, size_t known)
{
    kinds[0] = STACK_UNKNOWN;
    kinds[1] = STACK_BARE;
    for (size_t i = known > 1 ? known : 1; i < dict->n_stacks; i++) {
        const struct dict_stack *const s = &dict->stacks[i];
        kinds[i + 1] = s->parent != 0
                           ? kinds[s->parent + 1]
                           : kind_of_root(&dict->functions[dict->locations[s->location].function]);
    }
    return dict->n_stacks;
}
