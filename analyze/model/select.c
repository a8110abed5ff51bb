/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "select.h"

#include "analyze/base/memory.h"
#include "analyze/base/suggest.h"
#include "state.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pattern that backtracks for ever shall not hang a report. */
#define MATCH_LIMIT 1000000u

struct select_regex {
    pcre2_code *code;
    pcre2_match_context *context;
    struct select_regex *next;
    bool joined; /* it has a colon: it may mean "file.py:function" */
};

static void regex_clear(struct select_regex *regex)
{
    while (regex != NULL) {
        struct select_regex *const next = regex->next;
        pcre2_code_free(regex->code);
        pcre2_match_context_free(regex->context);
        free(regex);
        regex = next;
    }
}

void select_clear(struct select *select)
{
    free(select->threads);
    free(select->tasks);
    free(select->pids);
    regex_clear(select->match);
    regex_clear(select->exclude);
    for (size_t i = 0; i < select->n_calls; i++) {
        free(select->calls[i].name);
        free(select->calls[i].seen);
    }
    free(select->calls);
    for (size_t i = 0; i < select->n_contexts; i++) {
        free(select->contexts[i].name);
        free(select->contexts[i].seen);
    }
    free(select->contexts);
    *select = (struct select){0};
}

void select_add_thread(struct select *select, const char *text)
{
    select->threads = memory_grow(select->threads, &select->threads_size, select->n_threads + 1,
                                  sizeof *select->threads);
    select->threads[select->n_threads++] = text;
}

void select_add_task(struct select *select, const char *text)
{
    select->tasks =
        memory_grow(select->tasks, &select->tasks_size, select->n_tasks + 1, sizeof *select->tasks);
    select->tasks[select->n_tasks++] = text;
}

bool select_has_task(const struct select *select, const char *task)
{
    for (size_t i = 0; i < select->n_tasks; i++) {
        if (task != NULL &&
            (strcmp(select->tasks[i], task) == 0 || fnmatch(select->tasks[i], task, 0) == 0))
            return true;
    }
    return select->n_tasks == 0;
}

void select_add_pid(struct select *select, uint32_t pid)
{
    select->pids =
        memory_grow(select->pids, &select->pids_size, select->n_pids + 1, sizeof *select->pids);
    select->pids[select->n_pids++] = pid;
}

/* One that means itself: not of "(?:" or "[:alpha:]". */
static bool has_plain_colon(const char *text)
{
    for (const char *at = strchr(text, ':'); at != NULL; at = strchr(at + 1, ':')) {
        if ((at == text || (at[-1] != '?' && at[-1] != '[')) && at[1] != ']')
            return true;
    }
    return false;
}

static enum status regex_add(struct select_regex **list, const char *option, const char *text,
                             struct problem *why)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *const code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &offset, NULL);
    if (code == NULL) {
        PCRE2_UCHAR words[120];
        pcre2_get_error_message(error, words, sizeof words);
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--%s: %s at character %zu of \"%s\"", option, (const char *)words,
                           offset + 1, text);
    }
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it, matching is only slower */
    struct select_regex *const regex = memory_get(sizeof *regex);
    regex->code = code;
    regex->context = pcre2_match_context_create(NULL);
    if (regex->context == NULL)
        memory_fail();
    pcre2_set_match_limit(regex->context, MATCH_LIMIT);
    regex->joined = has_plain_colon(text);
    regex->next = *list;
    *list = regex;
    return STATUS_OK;
}

enum status select_add_match(struct select *select, const char *regex, struct problem *why)
{
    return regex_add(&select->match, "match", regex, why);
}

enum status select_add_exclude(struct select *select, const char *regex, struct problem *why)
{
    return regex_add(&select->exclude, "exclude", regex, why);
}

static bool is_call_name(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_[].")] == '\0';
}

static void add_call(struct select *select, const char *name)
{
    select->calls =
        memory_grow(select->calls, &select->calls_size, select->n_calls + 1, sizeof *select->calls);
    struct select_call *const call = &select->calls[select->n_calls++];
    const size_t size = strlen(name) + 1;
    *call = (struct select_call){memory_get(size), memory_get(sizeof *call->seen)};
    memcpy(call->name, name, size);
    atomic_init(call->seen, false);
}

enum status select_add_states(struct select *select, const char *list, struct problem *why)
{
    for (const char *at = list;; at++) {
        const size_t len = strcspn(at, ",");
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)len, at);
        const char *const now = state_new_name(name);
        if (now != NULL)
            select->renamed = now;
        if (!state_add_name(now != NULL ? now : name, &select->classes, &select->bits)) {
            if (!is_call_name(name) || len >= sizeof name)
                return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                                   "--state wants names with commas between them, not \"%s\"",
                                   list);
            add_call(select, name);
        }
        at += len;
        if (*at == '\0')
            return STATUS_OK;
    }
}

bool select_has_state(const struct select *select, uint16_t state, const char *call)
{
    const enum state_class class = state_class(state);
    bool wanted = (select->classes == 0 && select->bits == 0 && select->n_calls == 0) ||
                  select->classes >> class & 1 || (state & select->bits) != 0;
    if (class != CLASS_BLOCKED || call == NULL)
        return wanted;
    for (size_t i = 0; i < select->n_calls; i++) {
        if (strcmp(select->calls[i].name, call) == 0) {
            atomic_store_explicit(select->calls[i].seen, true, memory_order_relaxed);
            wanted = true;
        }
    }
    return wanted;
}

enum status select_check_calls(const struct select *select, struct problem *why)
{
    for (size_t i = 0; i < select->n_calls; i++) {
        if (atomic_load_explicit(select->calls[i].seen, memory_order_relaxed))
            continue;
        char names[SUGGEST_LIST_SIZE];
        suggest_list(names, state_name, "pyanalyze help lines");
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--state: \"%s\" is none of %s, and no call that a sample is blocked in",
                           select->calls[i].name, names);
    }
    for (size_t i = 0; i < select->n_contexts; i++) {
        const struct select_context *const wanted = &select->contexts[i];
        if (!atomic_load_explicit(wanted->seen, memory_order_relaxed))
            return problem_set(
                why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                "--%s: no sample is in \"%s\"; pyanalyze phases%s lists what there is",
                wanted->label ? "label" : "phase", wanted->text,
                wanted->label ? " --by label" : "");
    }
    return STATUS_OK;
}

bool select_has_pid(const struct select *select, uint32_t pid)
{
    for (size_t i = 0; i < select->n_pids; i++) {
        if (select->pids[i] == pid)
            return true;
    }
    return select->n_pids == 0;
}

static bool thread_is(const char *wanted, const char *name, uint32_t os_tid)
{
    char number[12];
    snprintf(number, sizeof number, "%" PRIu32, os_tid);
    return strcmp(wanted, name) == 0 || (os_tid > 0 && strcmp(wanted, number) == 0) ||
           fnmatch(wanted, name, 0) == 0;
}

bool select_has_thread(const struct select *select, const char *name, uint32_t os_tid)
{
    for (size_t i = 0; i < select->n_threads; i++) {
        if (thread_is(select->threads[i], name, os_tid))
            return true;
    }
    return select->n_threads == 0;
}

static bool regex_finds(const struct select_regex *regex, const char *text)
{
    pcre2_match_data *const data = pcre2_match_data_create(1, NULL);
    if (data == NULL)
        memory_fail();
    const int found = pcre2_match(regex->code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data,
                                  regex->context);
    pcre2_match_data_free(data);
    return found >= 0;
}

static bool regex_finds_both(const struct select_regex *regex, const struct frame *frame)
{
    struct buffer both = {0};
    buffer_print(&both, "%s:%s", frame->file, frame->function);
    const bool found = regex_finds(regex, both.text);
    buffer_clear(&both);
    return found;
}

static bool any_finds(const struct select_regex *list, const struct frame *frame)
{
    for (const struct select_regex *regex = list; regex != NULL; regex = regex->next) {
        if (regex_finds(regex, frame->function) || regex_finds(regex, frame->file) ||
            (regex->joined && regex_finds_both(regex, frame)))
            return true;
    }
    return false;
}

bool select_has_regex(const struct select *select)
{
    return select->match != NULL || select->exclude != NULL;
}

bool select_matches(const struct select *select, const struct frame *frame)
{
    return any_finds(select->match, frame);
}

bool select_excludes(const struct select *select, const struct frame *frame)
{
    return any_finds(select->exclude, frame);
}

bool select_has_place(const struct select *select, const struct frame *frame)
{
    return (select->match == NULL || select_matches(select, frame)) &&
           !select_excludes(select, frame);
}
