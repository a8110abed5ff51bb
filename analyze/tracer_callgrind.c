/* SPDX-License-Identifier: MIT */
/*
 * The callgrind files of yappi: names numbered with fl=(n) and fn=(n), a function's name being
 * "name file:line"; then per function "line ticks", and per callee cfn=(n), "calls=number line" and
 * "line ticks". A tick is a microsecond.
 */
#include "memory.h"
#include "tracer.h"
#include "unicode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_S 1e-6
/* Numbers of functions count up from 1. */
#define NUMBER_MAX (1u << 24)

struct parser {
    struct tracer *tracer;
    uint32_t *functions; /* by number in the file: index + 1, 0 = not named */
    size_t functions_size;
    uint32_t current, callee; /* index + 1, 0 = none */
    uint64_t calls;
    bool calls_given; /* the next costs are of a call */
    unsigned line;
    struct problem *why;
};

static enum status damaged(const struct parser *p, const char *what)
{
    return problem_set(p->why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "line %u: %s", p->line, what);
}

/* "(12) rest": the number; *rest behind it. */
static enum status parse_number(const struct parser *p, const char *text, uint32_t *number,
                                const char **rest)
{
    char *end;
    if (text[0] != '(')
        return damaged(p, "a name without a number; only what yappi writes is read");
    const unsigned long n = strtoul(text + 1, &end, 10);
    if (end == text + 1 || *end != ')' || n == 0 || n > NUMBER_MAX)
        return damaged(p, "a number that is none");
    *number = (uint32_t)n;
    *rest = end + 1 + strspn(end + 1, " ");
    return STATUS_OK;
}

/* "name file:line", where the file may have blanks as well; names have none but in <..>. */
static void name_function(struct parser *p, uint32_t number, const char *text)
{
    struct arena *const arena = &p->tracer->arena;
    const char *const clean = unicode_clean(arena, text);
    const char *const colon = strrchr(clean, ':');
    size_t name_len = strcspn(clean, " ");
    if (clean[0] == '<' && strchr(clean, '>') != NULL)
        name_len = (size_t)(strchr(clean, '>') - clean) + strcspn(strchr(clean, '>'), " ");
    const char *const name = arena_copy(arena, clean, name_len);
    const char *file = "";
    uint32_t line = 0;
    if (colon != NULL && colon > clean + name_len) {
        file = arena_copy(arena, clean + name_len + 1, (size_t)(colon - clean) - name_len - 1);
        line = (uint32_t)strtoul(colon + 1, NULL, 10);
    }
    p->functions = memory_grow(p->functions, &p->functions_size, number + 1, sizeof *p->functions);
    tracer_add(p->tracer, name, file, line);
    p->functions[number] = (uint32_t)p->tracer->n;
}

static enum status parse_function(struct parser *p, const char *text, uint32_t *index)
{
    uint32_t number = 0;
    const char *rest = "";
    TRY(parse_number(p, text, &number, &rest));
    if (*rest != '\0' && (number >= p->functions_size || p->functions[number] == 0))
        name_function(p, number, rest);
    if (number >= p->functions_size || p->functions[number] == 0)
        return damaged(p, "a function that has no name");
    *index = p->functions[number];
    return STATUS_OK;
}

static enum status parse_cost(struct parser *p, const char *text)
{
    uint64_t line, ticks;
    int end = 0;
    if (text[0] < '0' || text[0] > '9' ||
        sscanf(text, "%" SCNu64 " %" SCNu64 " %n", &line, &ticks, &end) != 2 || text[end] != '\0')
        return damaged(p, "costs that are no line and ticks; only what yappi writes is read");
    if (p->current == 0)
        return damaged(p, "costs of no function");
    struct tracer_function *const f = &p->tracer->functions[p->current - 1];
    const double seconds = (double)ticks * TICK_S;
    if (!p->calls_given) {
        f->self_s += seconds;
        f->cum_s += seconds;
        return STATUS_OK;
    }
    p->calls_given = false;
    const bool recursive = p->callee == p->current;
    const struct tracer_caller caller = {p->current - 1, p->calls, 0, seconds};
    f->cum_s += recursive ? 0 : seconds; /* else it would count double */
    struct tracer_function *const callee = &p->tracer->functions[p->callee - 1];
    callee->calls += p->calls;
    callee->primitive += recursive ? 0 : p->calls;
    tracer_add_caller(p->tracer, p->callee - 1, &caller);
    return STATUS_OK;
}

static enum status parse_calls(struct parser *p, const char *text)
{
    char *end;
    p->calls = strtoull(text, &end, 10);
    if (end == text || p->callee == 0)
        return damaged(p, "calls of no function");
    p->calls_given = true;
    return STATUS_OK;
}

static enum status parse_line(struct parser *p, const char *text)
{
    static const char *const ignored[] = {
        "version:", "creator:", "pid:", "cmd:", "part:", "events:",
        "summary:", "totals:",  "fl=",  "cfl=", "#"};
    if (text[0] == '\0')
        return STATUS_OK;
    if (strncmp(text, "fn=", 3) == 0)
        return parse_function(p, text + 3, &p->current);
    if (strncmp(text, "cfn=", 4) == 0)
        return parse_function(p, text + 4, &p->callee);
    if (strncmp(text, "calls=", 6) == 0)
        return parse_calls(p, text + 6);
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        if (strncmp(text, ignored[i], strlen(ignored[i])) == 0)
            return STATUS_OK;
    }
    return parse_cost(p, text);
}

enum status tracer_parse_callgrind(struct tracer *tracer, const char *text, size_t len,
                                   struct problem *why)
{
    struct parser p = {.tracer = tracer, .why = why};
    enum status status = STATUS_OK;
    tracer->form = "yappi callgrind";
    for (const char *at = text, *const end = text + len; at < end && status == STATUS_OK;) {
        const char *const newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline != NULL ? newline : end) - at);
        char *const line = arena_copy(&tracer->arena, at, n);
        at += n + 1;
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = '\0';
        p.line++;
        status = parse_line(&p, line);
    }
    free(p.functions);
    if (status == STATUS_OK && tracer->n == 0)
        status = problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "there are no functions");
    if (status == STATUS_OK)
        tracer_finish(tracer);
    return status;
}
