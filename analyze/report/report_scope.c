/* SPDX-License-Identifier: MIT */
#include "report_scope.h"

#include "analyze/base/memory.h"
#include "analyze/read/range.h"
#include "analyze/read/span.h"
#include "analyze/read/unit.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX (512u << 10)
#define SAID_MAX       4096u
#define SAID_FULL      3072u /* from here on without details and values */
#define SCOPES_FULL    3072u /* .. and scopes without tasks, too */
#define DEPTH_MAX      32u

/* ---- texts ---- */

static uint64_t hash_of_text(const void *owner, uint32_t n)
{
    return hash_text(((const struct report_scopes *)owner)->texts[n]);
}

/* Its number; REPORT_ANY where there is no room. */
static uint32_t text_number(struct report_scopes *s, const char *text)
{
    const size_t len = strlen(text);
    hash_reserve(&s->text_of, hash_of_text, s);
    uint64_t at = hash_text(text);
    for (;; at++) {
        const uint32_t n = hash_slot(&s->text_of, at);
        if (n == HASH_NONE)
            break;
        if (strcmp(s->texts[n], text) == 0)
            return n;
    }
    if (s->text_bytes + len > TEXT_BYTES_MAX || s->n_texts >= 2 * SAID_MAX)
        return REPORT_ANY;
    s->text_bytes += len;
    s->texts = memory_grow(s->texts, &s->texts_size, s->n_texts + 1, sizeof *s->texts);
    const uint32_t n = (uint32_t)s->n_texts++;
    s->texts[n] = arena_copy(&s->arena, text, len);
    hash_put(&s->text_of, at, n);
    return n;
}

/* ---- what was said ---- */

static uint64_t hash_of_pair(const struct report_said *said)
{
    return hash_pair((uint64_t)said->name << 1 | said->label, said->value);
}

static uint64_t hash_of_said(const void *owner, uint32_t n)
{
    return hash_of_pair(&((const struct report_scopes *)owner)->said[n]);
}

static uint32_t said_put(struct report_scopes *s, struct report_said said)
{
    hash_reserve(&s->said_of, hash_of_said, s);
    uint64_t at = hash_of_pair(&said);
    for (;; at++) {
        const uint32_t n = hash_slot(&s->said_of, at);
        if (n == HASH_NONE)
            break;
        const struct report_said *const other = &s->said[n];
        if (other->name == said.name && other->value == said.value && other->label == said.label)
            return n;
    }
    if (s->n_said >= (said.value == REPORT_ANY ? SAID_MAX : SAID_FULL))
        return REPORT_ANY;
    s->said = memory_grow(s->said, &s->said_size, s->n_said + 1, sizeof *s->said);
    const uint32_t n = (uint32_t)s->n_said++;
    s->said[n] = said;
    hash_put(&s->said_of, at, n);
    return n;
}

uint32_t report_said_number(struct report_scopes *s, bool label, const char *name,
                            const char *value)
{
    struct report_said said = {.name = text_number(s, name), .label = label};
    if (said.name == REPORT_ANY)
        return REPORT_ANY;
    said.value = text_number(s, value);
    const uint32_t n = said_put(s, said);
    if (n != REPORT_ANY)
        return n;
    said.value = REPORT_ANY;
    return said_put(s, said);
}

/* ---- scopes ---- */

/* One that is being put together. */
struct putting {
    uint32_t task, n;
    uint32_t members[DEPTH_MAX];
};

static uint64_t hash_of_members(uint32_t task, const uint32_t *members, uint32_t n)
{
    uint64_t hash = hash_pair(task, n);
    for (uint32_t i = 0; i < n; i++)
        hash = hash_pair(hash, members[i]);
    return hash;
}

static uint64_t hash_of_scope(const void *owner, uint32_t n)
{
    const struct report_scopes *const s = owner;
    return hash_of_members(s->scopes[n].task, s->members + s->scopes[n].first, s->scopes[n].n);
}

static void scope_add(struct report_scopes *s, const struct putting *p)
{
    s->scopes = memory_grow(s->scopes, &s->scopes_size, s->n_scopes + 1, sizeof *s->scopes);
    s->scopes[s->n_scopes++] = (struct report_scope){p->task, (uint32_t)s->n_members, p->n};
    s->members = memory_grow(s->members, &s->members_size, s->n_members + p->n, sizeof *s->members);
    if (p->n > 0)
        memcpy(s->members + s->n_members, p->members, p->n * sizeof *p->members);
    s->n_members += p->n;
}

/* Its number; REPORT_SCOPE_MORE where there is no room. */
static uint32_t scope_put(struct report_scopes *s, const struct putting *p, size_t most)
{
    hash_reserve(&s->scope_of, hash_of_scope, s);
    uint64_t at = hash_of_members(p->task, p->members, p->n);
    for (;; at++) {
        const uint32_t n = hash_slot(&s->scope_of, at);
        if (n == HASH_NONE)
            break;
        const struct report_scope *const scope = &s->scopes[n];
        if (scope->task == p->task && scope->n == p->n &&
            memcmp(s->members + scope->first, p->members, p->n * sizeof *p->members) == 0)
            return n;
    }
    if (s->n_scopes >= most)
        return REPORT_SCOPE_MORE;
    scope_add(s, p);
    hash_put(&s->scope_of, at, (uint32_t)(s->n_scopes - 1));
    return (uint32_t)(s->n_scopes - 1);
}

/* A phase counts once; of labels of one key the innermost one holds, which came first. */
static bool is_new(const struct report_scopes *s, const struct putting *p, uint32_t said)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct report_said *const a = &s->said[p->members[i]], *const b = &s->said[said];
        if (p->members[i] == said || (a->label && b->label && a->name == b->name))
            return false;
    }
    return true;
}

/* Names alone. */
static uint32_t scope_put_names(struct report_scopes *s, const struct putting *full)
{
    struct putting names = {.task = full->task == 0 ? 0 : REPORT_ANY};
    for (uint32_t i = 0; i < full->n; i++) {
        struct report_said said = s->said[full->members[i]];
        said.value = REPORT_ANY;
        const uint32_t n = said_put(s, said);
        if (n == REPORT_ANY)
            return REPORT_SCOPE_MORE;
        if (is_new(s, &names, n))
            names.members[names.n++] = n;
    }
    return scope_put(s, &names, REPORT_SCOPES_MAX);
}

static uint32_t said_of_context(struct report_scopes *s, const struct dict *dict, uint32_t context)
{
    if (s->of_context[context] == 0) {
        const struct dict_context *const c = &dict->contexts[context];
        const uint32_t said = report_said_number(s, c->label, dict_string(dict, c->name),
                                                 dict_string(dict, c->value));
        if (said == REPORT_ANY)
            return REPORT_ANY;
        s->of_context[context] = said + 1;
    }
    return s->of_context[context] - 1;
}

/* False: there is more than there is room for. */
static bool put_together(struct report_scopes *s, struct putting *p, const struct range *range,
                         const struct span *span)
{
    const struct dict *const dict = range->dict;
    uint32_t at = span->context != 0 ? range_context(range, span->context, span->first) : 0;
    if (span->task != 0) {
        const uint32_t text = text_number(s, dict_string(dict, span->task));
        p->task = text == REPORT_ANY ? REPORT_ANY : text + 1;
    }
    for (; at != 0; at = range_context(range, dict->contexts[at].up, span->first)) {
        const uint32_t said = said_of_context(s, dict, at);
        if (said == REPORT_ANY || p->n == DEPTH_MAX)
            return false;
        if (is_new(s, p, said))
            p->members[p->n++] = said;
    }
    return true;
}

static void put_reserved(struct report_scopes *s)
{
    const struct putting nothing = {0};
    scope_add(s, &nothing);
    scope_add(s, &nothing);
}

void report_scope_enter(struct report_scopes *scopes, const struct scene *scene)
{
    const size_t n = scene->reader->dict.n_contexts;
    if (n == 0)
        return;
    scopes->of_context =
        memory_grow(scopes->of_context, &scopes->of_context_size, n, sizeof *scopes->of_context);
    memset(scopes->of_context, 0, n * sizeof *scopes->of_context);
}

uint32_t report_scope_of(struct report_scopes *scopes, const struct scene *scene,
                         const struct span *span)
{
    struct putting p = {0};
    if (span->context == 0 && span->task == 0)
        return REPORT_SCOPE_NONE;
    const bool fits = put_together(scopes, &p, &scene->reader->range, span);
    if (fits && p.n == 0 && p.task == 0)
        return REPORT_SCOPE_NONE; /* all of it was over */
    if (scopes->n_scopes == 0)
        put_reserved(scopes);
    if (!fits)
        return REPORT_SCOPE_MORE;
    const uint32_t scope = scope_put(scopes, &p, SCOPES_FULL);
    return scope != REPORT_SCOPE_MORE ? scope : scope_put_names(scopes, &p);
}

void report_scope_clear(struct report_scopes *scopes)
{
    for (size_t i = 0; i < sizeof scopes->groups / sizeof *scopes->groups; i++)
        phases_clear(&scopes->groups[i]);
    hash_clear(&scopes->text_of);
    hash_clear(&scopes->said_of);
    hash_clear(&scopes->scope_of);
    free(scopes->texts);
    free(scopes->said);
    free(scopes->scopes);
    free(scopes->members);
    free(scopes->of_context);
    free(scopes->phases);
    free(scopes->marks);
    arena_clear(&scopes->arena);
    *scopes = (struct report_scopes){0};
}
