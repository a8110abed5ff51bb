/* SPDX-License-Identifier: MIT */
/*
 * The callgrind files of tracers: yappi, lsprofcalltree, pyprof2calltree and those made after them.
 *
 * Per function fl=file and fn=name, its own costs "line ticks", and per callee cfn=name,
 * "calls=number line" and "line ticks". Names may be numbered, fn=(n) name, and are said once
 * then. A name is "name file:line", as yappi and lsprofcalltree have it; else the file is that of
 * fl, and the line the first one with costs. How long a tick is depends on who wrote it.
 */
#include "analyze/base/hash.h"
#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "tracer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of names count up from 0. */
#define NUMBER_MAX (1u << 24)
#define EVENTS_MAX 16u

/* The costs that are times. "Ticks" are microseconds of yappi's, else milliseconds. */
static const struct {
    const char *name;
    double seconds;
} units[] = {
    {"Ticks", 1e-3},        {"ns", 1e-9}, {"Nanoseconds", 1e-9},  {"us", 1e-6},
    {"Microseconds", 1e-6}, {"ms", 1e-3}, {"Milliseconds", 1e-3},
};
#define YAPPI_TICK_S 1e-6

/* Texts by number, as the file gives them. */
struct numbered {
    const char **texts;
    size_t size;
};

struct parser {
    struct tracer *tracer;
    struct numbered files, names;
    const char **keys; /* of each function of the tracer: file and name, as they stand there */
    size_t keys_size;
    struct hash hash;
    const char *file, *called_file; /* of fl=, and of cfi= or cfl= for the next call */
    uint32_t current, callee;       /* index + 1, 0 = none */
    uint64_t calls;
    bool calls_given; /* the next costs are of a call */
    bool yappi;
    size_t event; /* which of the costs is a time */
    double tick_s;
    unsigned line;
    struct problem *why;
};

static enum status damaged(const struct parser *p, const char *what)
{
    return problem_set(p->why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "line %u: %s", p->line, what);
}

/* "(12) text", "(12)" or "text": the text, or what the number stood for; NULL = never said. */
static enum status parse_text(struct parser *p, struct numbered *known, const char *text,
                              const char **found)
{
    struct arena *const arena = &p->tracer->arena;
    char *end;
    if (text[0] != '(' || text[1] < '0' || text[1] > '9') {
        *found = unicode_clean(arena, text);
        return STATUS_OK;
    }
    const unsigned long n = strtoul(text + 1, &end, 10);
    if (*end != ')' || n > NUMBER_MAX)
        return damaged(p, "a number that is none");
    const char *const rest = end + 1 + strspn(end + 1, " ");
    known->texts = memory_grow(known->texts, &known->size, n + 1, sizeof(const char *));
    if (*rest != '\0' && known->texts[n] == NULL)
        known->texts[n] = unicode_clean(arena, rest);
    *found = known->texts[n];
    /* yappi joins functions, and forgets the name of one that others call: it is one, all the same
     */
    if (*found == NULL)
        *found = arena_print(arena, "<number %lu, which has no name>", n);
    return STATUS_OK;
}

static uint64_t key_hash(const void *owner, uint32_t n)
{
    return hash_text(((const struct parser *)owner)->keys[n]);
}

/*
 * "name file:line", where the file may have blanks as well; names have none but in <..>. The length
 * of the name; 0 = the text is a name alone.
 */
static size_t name_length(const char *text)
{
    const char *const colon = strrchr(text, ':');
    size_t len = strcspn(text, " ");
    if (text[0] == '<' && strchr(text, '>') != NULL)
        len = (size_t)(strchr(text, '>') - text) + strcspn(strchr(text, '>'), " ");
    return colon != NULL && colon > text + len && colon[1] >= '0' && colon[1] <= '9' ? len : 0;
}

static uint32_t add_function(struct parser *p, const char *text, const char *given_file)
{
    struct arena *const arena = &p->tracer->arena;
    const size_t name_len = name_length(text);
    const bool whole = name_len > 0;
    const char *const name = whole ? arena_copy(arena, text, name_len) : text;
    const char *file = given_file;
    uint32_t line = 0;
    if (whole) {
        const char *const colon = strrchr(text, ':');
        file = arena_copy(arena, text + name_len + 1, (size_t)(colon - text) - name_len - 1);
        line = (uint32_t)strtoul(colon + 1, NULL, 10);
    }
    struct tracer_function *const f = tracer_add(p->tracer, name, file, line);
    if (!whole && strcmp(given_file, "~") != 0)
        f->file = given_file; /* its line comes with its costs */
    return (uint32_t)p->tracer->n;
}

static enum status parse_function(struct parser *p, const char *text, const char *file,
                                  uint32_t *index)
{
    const char *name = "";
    TRY(parse_text(p, &p->names, text, &name));
    if (name[0] == '\0')
        return damaged(p, "a function that has no name");
    const char *const key =
        name_length(name) > 0 ? name : arena_print(&p->tracer->arena, "%s\n%s", file, name);
    hash_reserve(&p->hash, key_hash, p);
    uint64_t at = hash_text(key);
    for (uint32_t n; (n = hash_slot(&p->hash, at)) != HASH_NONE; at++) {
        if (strcmp(p->keys[n], key) == 0) {
            *index = n + 1;
            return STATUS_OK;
        }
    }
    p->keys = memory_grow(p->keys, &p->keys_size, p->tracer->n + 1, sizeof(const char *));
    p->keys[p->tracer->n] = key;
    hash_put(&p->hash, at, (uint32_t)p->tracer->n);
    *index = add_function(p, name, file);
    return STATUS_OK;
}

/* Of a function whose name does not say where it begins, the first line that is said is that. */
static void learn_line(struct tracer_function *f, uint64_t line)
{
    if (f->line > 0 || f->is_python || f->file[0] == '\0' || line == 0 || line > INT32_MAX)
        return;
    f->line = (uint32_t)line;
    f->is_python = true;
}

/* "line cost cost ..": of the costs the one that is a time. */
static enum status parse_numbers(struct parser *p, const char *text, uint64_t *line,
                                 uint64_t *ticks)
{
    char *end;
    *line = strtoull(text, &end, 10);
    bool good = end != text && *end == ' ';
    for (size_t i = 0; good && i <= p->event; i++) {
        const char *const start = end + strspn(end, " ");
        good = *start >= '0' && *start <= '9';
        *ticks = strtoull(start, &end, 10);
        good = good && (*end == ' ' || *end == '\0');
    }
    return good && strspn(end, " 0123456789") == strlen(end)
               ? STATUS_OK
               : damaged(p, "neither costs nor a name, as tracers write them");
}

static enum status parse_cost(struct parser *p, const char *text)
{
    uint64_t line = 0, ticks = 0;
    TRY(parse_numbers(p, text, &line, &ticks));
    if (p->current == 0)
        return damaged(p, "costs of no function");
    struct tracer_function *const f = &p->tracer->functions[p->current - 1];
    const double seconds = (double)ticks * p->tick_s;
    if (!p->calls_given) {
        learn_line(f, line);
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

/* "calls=12 34": how often, and where the callee begins. */
static enum status parse_calls(struct parser *p, const char *text)
{
    char *end;
    p->calls = strtoull(text, &end, 10);
    if (end == text || p->callee == 0)
        return damaged(p, "calls of no function");
    learn_line(&p->tracer->functions[p->callee - 1], strtoull(end, NULL, 10));
    p->calls_given = true;
    p->called_file = NULL;
    return STATUS_OK;
}

/* Which of the costs is a time. */
static enum status parse_events(struct parser *p, const char *text)
{
    size_t n = 0;
    for (const char *at = text + strspn(text, " "); *at != '\0' && n < EVENTS_MAX; n++) {
        const size_t len = strcspn(at, " ");
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
            if (strlen(units[i].name) != len || strncmp(at, units[i].name, len) != 0)
                continue;
            p->event = n;
            p->tick_s = i == 0 && p->yappi ? YAPPI_TICK_S : units[i].seconds;
            return STATUS_OK;
        }
        at += len + strspn(at + len, " ");
    }
    return problem_set(p->why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                       "callgrind data, but its costs (%.60s) are not the seconds of a tracer of "
                       "Python functions",
                       text + strspn(text, " "));
}

static const char *behind(const char *text, const char *word)
{
    const size_t len = strlen(word);
    return strncmp(text, word, len) == 0 ? text + len : NULL;
}

static enum status parse_creator(struct parser *p, const char *text)
{
    text += strspn(text, " ");
    if (behind(text, "pyrec") != NULL)
        return problem_set(p->why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "an export of pyrec's, which was sampled as the trace was; compare "
                           "two recordings with: pyanalyze diff");
    p->yappi = behind(text, "yappi") != NULL;
    return STATUS_OK;
}

static enum status parse_line(struct parser *p, const char *text)
{
    static const char *const ignored[] = {
        "version:",   "pid:",    "cmd:", "part:", "desc:", "event:", "thread:", "summary:",
        "positions:", "totals:", "ob=",  "cob=",  "#",     "jump=",  "jcnd="};
    const char *rest;
    if (text[0] == '\0')
        return STATUS_OK;
    if ((rest = behind(text, "creator:")) != NULL)
        return parse_creator(p, rest);
    if ((rest = behind(text, "events:")) != NULL)
        return parse_events(p, rest);
    if ((rest = behind(text, "fl=")) != NULL || (rest = behind(text, "fi=")) != NULL ||
        (rest = behind(text, "fe=")) != NULL)
        return parse_text(p, &p->files, rest, &p->file);
    if ((rest = behind(text, "cfl=")) != NULL || (rest = behind(text, "cfi=")) != NULL)
        return parse_text(p, &p->files, rest, &p->called_file);
    if ((rest = behind(text, "fn=")) != NULL)
        return parse_function(p, rest, p->file, &p->current);
    if ((rest = behind(text, "cfn=")) != NULL)
        return parse_function(p, rest, p->called_file != NULL ? p->called_file : p->file,
                              &p->callee);
    if ((rest = behind(text, "calls=")) != NULL)
        return parse_calls(p, rest);
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        if (behind(text, ignored[i]) != NULL)
            return STATUS_OK;
    }
    return parse_cost(p, text);
}

/* The file has inclusive costs per caller; of what is not Python, its own divide as they do. */
static void divide_self(struct tracer *tracer)
{
    for (size_t i = 0; i < tracer->n; i++) {
        struct tracer_function *const f = &tracer->functions[i];
        double all_s = 0;
        if (!f->is_python)
            f->file = "";
        for (size_t c = 0; c < f->n_callers; c++)
            all_s += f->callers[c].cum_s;
        for (size_t c = 0; all_s > 0 && !f->is_python && c < f->n_callers; c++)
            f->callers[c].self_s = f->self_s * f->callers[c].cum_s / all_s;
    }
}

enum status tracer_parse_callgrind(struct tracer *tracer, const char *text, size_t len,
                                   struct problem *why)
{
    struct parser p = {.tracer = tracer, .file = "", .tick_s = YAPPI_TICK_S, .why = why};
    enum status status = STATUS_OK;
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
    tracer->form = p.yappi ? "yappi callgrind" : "callgrind";
    free(p.files.texts);
    free(p.names.texts);
    free(p.keys);
    hash_clear(&p.hash);
    if (status == STATUS_OK && tracer->n == 0)
        status = problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "there are no functions");
    if (status == STATUS_OK) {
        divide_self(tracer);
        tracer_finish(tracer);
    }
    return status;
}
