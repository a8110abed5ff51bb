/* SPDX-License-Identifier: MIT */
#include "reason.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum reason_kind kind;
    enum reason_listing listing;
    const char *mark, *text;
} table[REASON_COUNT] = {
#define REASON_ROW(name, kind, listing, mark, text) {REASON_##kind, listing, mark, text},
    REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

enum reason_kind reason_kind(enum reason reason)
{
    return table[reason].kind;
}

enum reason_listing reason_listing(enum reason reason)
{
    return table[reason].listing;
}

const char *reason_mark(enum reason reason)
{
    return table[reason].mark;
}

void reason_user_name(uid_t user, char *to, size_t size)
{
    const struct passwd *const found = getpwuid(user);
    if (found != NULL)
        snprintf(to, size, "%s", found->pw_name);
    else
        snprintf(to, size, "%u", user);
}

/* ---- which ---- */

static enum reason gone_judge(const struct facts *facts)
{
    if (facts->is_of_kernel)
        return REASON_KERNEL;
    return facts->state == 'Z' || facts->state == 'X' ? REASON_ZOMBIE : REASON_ENDING;
}

static enum reason rights_judge(const struct facts *facts)
{
    const bool is_any_user = !facts->may_trace_all && !facts->are_we_root;
    if (!facts->is_user_ours && is_any_user)
        return REASON_OTHER_USER;
    if (facts->is_locked_up && is_any_user)
        return REASON_CHANGED;
    if (facts->yama >= 3)
        return REASON_YAMA_NOBODY;
    if (facts->yama > 0 && is_any_user)
        return facts->yama == 1 ? REASON_YAMA : REASON_YAMA_ADMIN;
    if (facts->are_we_filtered)
        return REASON_OUR_FILTER;
    return facts->are_we_in_namespace ? REASON_OUR_NAMESPACE : REASON_FORBIDDEN;
}

static enum reason error_judge(const struct facts *facts)
{
    switch (facts->error) {
    case ESRCH:
    case ENOENT:
        return gone_judge(facts);
    case EPERM:
    case EACCES:
        return rights_judge(facts);
    case ENOMEM:
        return REASON_NO_MEMORY;
    default:
        return REASON_UNREADABLE;
    }
}

static enum reason python_judge(const struct facts *facts)
{
    switch (facts->python) {
    case PYTHON_FOUND:
        return REASON_NONE;
    case PYTHON_PYPY:
        return REASON_PYPY;
    case PYTHON_UNSAID:
        return REASON_UNSAID;
    case PYTHON_UNKNOWN:
        return REASON_UNKNOWN;
    case PYTHON_NAMELESS:
    case PYTHON_NONE:
        break;
    }
    if (facts->libc == LIBC_STATIC)
        return REASON_STATIC_UNSEEN;
    return facts->python == PYTHON_NAMELESS ? REASON_NAMELESS : REASON_NO_PYTHON;
}

enum reason reason_not_to_look(const struct facts *facts)
{
    if (!facts->is_proc_ours)
        return REASON_PROC;
    if (!facts->is_there)
        return REASON_ABSENT;
    if (facts->group != facts->pid)
        return REASON_THREAD;
    if (facts->error != 0)
        return error_judge(facts);
    return facts->is_foreign ? REASON_FOREIGN : python_judge(facts);
}

enum reason reason_not_to_attach(const struct facts *facts)
{
    const enum reason unseen = reason_not_to_look(facts);
    const struct {
        bool is_so;
        enum reason reason;
    } rules[] = {
        {unseen != REASON_NONE, unseen},
        {!facts->is_machine_known, REASON_MACHINE},
        {facts->libc == LIBC_MUSL, REASON_MUSL},
        {facts->libc == LIBC_STATIC, REASON_STATIC},
        {facts->is_secure, REASON_SECURE},
        {facts->is_strict || (facts->is_filtered && !facts->may_read_filters), REASON_FILTERED},
        {facts->tracer != 0, REASON_TRACED},
        {facts->is_stopped, REASON_STOPPED},
        {facts->is_frozen, REASON_FROZEN},
        {facts->is_vfork_child, REASON_VFORK},
        {facts->is_locked, REASON_LOCKED},
        {facts->is_recorded, REASON_RECORDED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].is_so)
            return rules[i].reason;
    return REASON_NONE;
}

/* ---- in words ---- */

static void word_make(char letter, const struct facts *facts, char *to, size_t size)
{
    const pid_t number = letter == 'g' ? facts->group : letter == 'd' ? facts->parent : facts->pid;
    switch (letter) {
    case 'u':
        reason_user_name(facts->user, to, size);
        break;
    case 'y':
        snprintf(to, size, "%d", facts->yama);
        break;
    case 't':
        snprintf(to, size, "%d (%s)", (int)facts->tracer, facts->tracer_name);
        break;
    case 'e':
        snprintf(to, size, "%s", strerror(facts->error));
        break;
    case 'w':
        snprintf(to, size, "%s", facts->wrong);
        break;
    default:
        snprintf(to, size, "%d", (int)number);
    }
}

const char *reason_clause(enum reason reason, const struct facts *facts, char *to, size_t size)
{
    size_t len = 0;
    for (const char *at = table[reason].text; *at != '\0' && len + 1 < size; at++) {
        if (*at == '%') {
            word_make(*++at, facts, to + len, size - len);
            len += strlen(to + len);
        } else {
            to[len++] = *at;
        }
    }
    to[len] = '\0';
    return to;
}
