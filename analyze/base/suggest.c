/* SPDX-License-Identifier: MIT */
#include "suggest.h"

#include "format/base/spelling.h"

#include <stdio.h>
#include <string.h>

/* How near a name is, 0 = the same; what it begins with is nearly it. */
static size_t nearness(const char *wrong, const char *name)
{
    const size_t len = strlen(wrong), d = spelling_distance(wrong, name);
    return len >= 3 && d > 1 && strncmp(wrong, name, len) == 0 ? 1 : d;
}

/* More errors than this and it is another word. */
static size_t furthest(const char *wrong)
{
    return strlen(wrong) / 3 + 1;
}

const char *suggest_among(const char *wrong, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = furthest(wrong) + 1;
    for (size_t i = 0; i < n; i++) {
        const size_t d = nearness(wrong, names[i]);
        if (d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

const char *suggest_name(const char *wrong, name_fn *name)
{
    const char *names[128];
    size_t n = 0;
    for (; n < ARRAY_LEN(names) && name(n) != NULL; n++)
        names[n] = name(n);
    return suggest_among(wrong, names, n);
}

void suggest_list(char list[SUGGEST_LIST_SIZE], name_fn *name, const char *see)
{
    static const char more[] = ", .. (see: )";
    const size_t reserved = sizeof more + strlen(see);
    size_t len = 0, whole = 0;
    list[0] = '\0';
    for (size_t i = 0; name(i) != NULL; i++)
        whole += strlen(name(i)) + 2;
    const size_t room =
        whole < SUGGEST_LIST_SIZE ? SUGGEST_LIST_SIZE : SUGGEST_LIST_SIZE - reserved;
    for (size_t i = 0; name(i) != NULL; i++) {
        if (len + strlen(name(i)) + 3 > room) {
            snprintf(list + len, SUGGEST_LIST_SIZE - len, ", .. (see: %s)", see);
            return;
        }
        len += (size_t)snprintf(list + len, SUGGEST_LIST_SIZE - len, "%s%s", i > 0 ? ", " : "",
                                name(i));
    }
}

enum status suggest_problem(struct problem *why, const char *option, const char *what,
                            const char *wrong, name_fn *name)
{
    char before[48] = "", list[SUGGEST_LIST_SIZE];
    if (option != NULL)
        snprintf(before, sizeof before, "--%s: ", option);
    const char *const meant = suggest_name(wrong, name);
    if (meant != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%sthere is no %s \"%s\"; did you mean \"%s\"?", before, what, wrong,
                           meant);
    suggest_list(list, name, option != NULL ? "pyanalyze help COMMAND" : "pyanalyze help");
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "%sthere is no %s \"%s\"; there are: %s", before, what, wrong, list);
}
