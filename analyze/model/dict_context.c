/* SPDX-License-Identifier: MIT */
/* Phases and labels: of a generation, of a process, and which are asked for. */
#include "analyze/base/memory.h"
#include "facts.h"
#include "format/chunk.h"
#include "select.h"

#include <fnmatch.h>
#include <string.h>

/* ---- of a generation ---- */

static uint64_t hash_number(const void *owner, uint32_t n)
{
    const struct dict *const dict = owner;
    return hash_pair(dict->contexts[n].number, 0);
}

uint32_t dict_context_find(const struct dict *dict, uint64_t number)
{
    if (number == 0 || dict->context_of.size == 0)
        return 0;
    for (uint64_t at = hash_pair(number, 0);; at++) {
        const uint32_t n = hash_slot(&dict->context_of, at);
        if (n == HASH_NONE)
            return 0;
        if (dict->contexts[n].number == number)
            return n;
    }
}

static uint64_t later(uint64_t time_q, int64_t by)
{
    return time_q + (uint64_t)by;
}

static void add_context(struct dict *dict, const struct dict_context *context)
{
    if (context->number == 0 || dict_context_find(dict, context->number) != 0)
        return; /* said twice */
    dict->contexts = memory_grow(dict->contexts, &dict->contexts_size, dict->n_contexts + 1,
                                 sizeof *dict->contexts);
    const uint32_t n = (uint32_t)dict->n_contexts++;
    dict->contexts[n] = *context;
    hash_reserve(&dict->context_of, hash_number, dict);
    uint64_t at = hash_pair(context->number, 0);
    while (hash_slot(&dict->context_of, at) != HASH_NONE)
        at++;
    hash_put(&dict->context_of, at, n);
}

static enum status add_ends(struct dict *dict, const Pyrec__V1__Defs *defs, struct problem *why)
{
    uint64_t number = 0, end_q = 0;
    if (defs->n_context_end_q != defs->n_context_ended)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "columns of contexts differ in length");
    for (size_t i = 0; i < defs->n_context_ended; i++) {
        number += defs->context_ended[i];
        end_q = later(end_q, defs->context_end_q[i]);
        struct dict_context *const context = &dict->contexts[dict_context_find(dict, number)];
        if (context->number != 0 && end_q >= context->begin_q && end_q < TIME_MAX_NS)
            context->end_q = end_q;
    }
    return STATUS_OK;
}

enum status dict_add_contexts(struct dict *dict, const Pyrec__V1__Defs *defs, struct problem *why)
{
    const size_t n = defs->n_context;
    uint64_t number = 0, begin_q = 0;
    if (defs->n_context_up != n || defs->n_context_name != n || defs->n_context_value != n ||
        defs->n_context_thread != n || defs->n_context_begin_q != n ||
        (defs->n_context_kind != 0 && defs->n_context_kind != n))
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "columns of contexts differ in length");
    if (dict->n_contexts + n > LIMIT_IDS)
        return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "too many contexts");
    for (size_t i = 0; i < n; i++) {
        number += defs->context[i];
        begin_q = later(begin_q, defs->context_begin_q[i]);
        if (begin_q >= TIME_MAX_NS)
            return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "a context's time");
        const uint32_t kind = defs->n_context_kind != 0 ? defs->context_kind[i] : 0;
        if (kind > PYREC__V1__DEFS__CONTEXT_KIND__LABEL)
            continue; /* one that came later */
        const struct dict_context context = {
            .number = number,
            .begin_q = begin_q,
            .end_q = DICT_CONTEXT_OPEN,
            .up = dict_context_find(dict, number - defs->context_up[i]),
            .name = defs->context_name[i] < dict->n_strings ? defs->context_name[i] : 0,
            .value = defs->context_value[i] < dict->n_strings ? defs->context_value[i] : 0,
            .thread = defs->context_thread[i],
            .label = kind == PYREC__V1__DEFS__CONTEXT_KIND__LABEL,
        };
        add_context(dict, &context);
    }
    return add_ends(dict, defs, why);
}

uint32_t dict_context_live(const struct dict *dict, uint32_t context, uint64_t time_q)
{
    uint32_t at = context;
    while (at != 0) {
        const struct dict_context *const c = &dict->contexts[at];
        if (c->end_q <= time_q)
            context = c->up; /* and with it all that is in it */
        else if (!c->label)
            return context;
        at = c->up;
    }
    return context;
}

/* ---- of a process ---- */

static uint64_t hash_phase(const void *owner, uint32_t n)
{
    const struct process *const process = owner;
    return hash_pair(process->phases[n].number, 1);
}

struct phase *census_phase(const struct process *process, uint64_t number)
{
    if (number == 0 || process->phase_of.size == 0)
        return NULL;
    for (uint64_t at = hash_pair(number, 1);; at++) {
        const uint32_t n = hash_slot(&process->phase_of, at);
        if (n == HASH_NONE)
            return NULL;
        if (process->phases[n].number == number)
            return &process->phases[n];
    }
}

static uint64_t hash_name(const void *owner, uint32_t n)
{
    const struct process *const process = owner;
    return hash_text(process->phase_names[n]);
}

/* Names are few, phases are many: each once. */
static const char *name_of(struct census *census, struct process *process, const char *text)
{
    hash_reserve(&process->phase_name_of, hash_name, process);
    uint64_t at = hash_text(text);
    for (;; at++) {
        const uint32_t n = hash_slot(&process->phase_name_of, at);
        if (n == HASH_NONE)
            break;
        if (strcmp(process->phase_names[n], text) == 0)
            return process->phase_names[n];
    }
    process->phase_names = memory_grow(process->phase_names, &process->phase_names_size,
                                       process->n_phase_names + 1, sizeof(char *));
    const uint32_t n = (uint32_t)process->n_phase_names++;
    process->phase_names[n] = arena_copy(&census->arena, text, strlen(text));
    hash_put(&process->phase_name_of, at, n);
    return process->phase_names[n];
}

static struct phase *phase_add(struct process *process, uint64_t number)
{
    process->phases = memory_grow(process->phases, &process->phases_size, process->n_phases + 1,
                                  sizeof *process->phases);
    const uint32_t n = (uint32_t)process->n_phases++;
    process->phases[n] = (struct phase){.number = number};
    hash_add(&process->phase_of, hash_phase, process, n);
    return &process->phases[n];
}

void census_contexts(struct census *census, struct process *process, const struct dict *dict,
                     uint64_t quantum_ns)
{
    const uint64_t shift_ns = process->recording->shift_ns;
    for (size_t i = 1; i < dict->n_contexts; i++) {
        const struct dict_context *const from = &dict->contexts[i];
        struct phase *phase = census_phase(process, from->number);
        if (phase == NULL) {
            phase = phase_add(process, from->number);
            phase->up = dict->contexts[from->up].number;
            phase->name = name_of(census, process, dict_string(dict, from->name));
            phase->value = name_of(census, process, dict_string(dict, from->value));
            phase->thread = from->thread;
            phase->label = from->label;
            phase->begin_ns = quanta_ns(from->begin_q, quantum_ns) + shift_ns;
            phase->end_ns = PHASE_OPEN;
        }
        if (from->end_q != DICT_CONTEXT_OPEN)
            phase->end_ns = quanta_ns(from->end_q, quantum_ns) + shift_ns;
    }
}

/* ---- which are asked for ---- */

void select_add_context(struct select *select, const char *text, bool label)
{
    select->contexts = memory_grow(select->contexts, &select->contexts_size, select->n_contexts + 1,
                                   sizeof *select->contexts);
    struct select_context *const to = &select->contexts[select->n_contexts++];
    const size_t len = strcspn(text, "=");
    *to = (struct select_context){text, memory_get(len + 1), NULL, label,
                                  memory_get(sizeof *to->seen)};
    memcpy(to->name, text, len);
    to->name[len] = '\0';
    if (text[len] == '=')
        to->value = text + len + 1;
    atomic_init(to->seen, false);
}

static bool is_like(const char *wanted, const char *text)
{
    return strcmp(wanted, text) == 0 || fnmatch(wanted, text, 0) == 0;
}

static bool is_it(const struct select_context *wanted, const char *name, const char *value)
{
    return (is_like(wanted->name, name) &&
            (wanted->value == NULL || is_like(wanted->value, value))) ||
           (wanted->value != NULL && strcmp(wanted->text, name) == 0);
}

bool select_names_context(const struct select *select, bool label, const char *name,
                          const char *value)
{
    bool is_named = false;
    for (size_t i = 0; i < select->n_contexts; i++) {
        if (select->contexts[i].label != label || !is_it(&select->contexts[i], name, value))
            continue;
        atomic_store_explicit(select->contexts[i].seen, true, memory_order_relaxed);
        is_named = true;
    }
    return is_named;
}

/* Is one of a kind in force? Of labels with one key the innermost one is. */
static bool is_in(const struct select_context *wanted, const struct dict *dict, uint32_t context,
                  uint64_t time_q)
{
    uint32_t at = dict_context_live(dict, context, time_q);
    while (at != 0) {
        const struct dict_context *const c = &dict->contexts[at];
        const char *const name = dict_string(dict, c->name);
        if (c->label == wanted->label) {
            if (is_it(wanted, name, dict_string(dict, c->value))) {
                atomic_store_explicit(wanted->seen, true, memory_order_relaxed);
                return true;
            }
            if (c->label && strcmp(wanted->name, name) == 0)
                return false;
        }
        at = dict_context_live(dict, c->up, time_q);
    }
    return false;
}

bool select_has_context(const struct select *select, const struct dict *dict, uint32_t context,
                        uint64_t time_q)
{
    bool any_phase = false, has_phase = false, has_labels = true; /* all are tried: seen or not */
    for (size_t i = 0; i < select->n_contexts; i++) {
        const struct select_context *const wanted = &select->contexts[i];
        if (!wanted->label) {
            any_phase = true;
            has_phase = is_in(wanted, dict, context, time_q) || has_phase;
            continue;
        }
        bool has_label = false;
        for (size_t k = 0; k < select->n_contexts; k++)
            has_label =
                (select->contexts[k].label && strcmp(select->contexts[k].name, wanted->name) == 0 &&
                 is_in(&select->contexts[k], dict, context, time_q)) ||
                has_label;
        has_labels = has_labels && has_label;
    }
    return has_labels && (!any_phase || has_phase);
}
