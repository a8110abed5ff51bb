/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include <inttypes.h>
#include <string.h>

const char *ending_word(const struct ending *ending, struct arena *arena)
{
    if (!ending->known)
        return NULL;
    if (ending->status_known && ending->exit_signal > 0) {
        const char *const name = sigabbrev_np((int)ending->exit_signal);
        return name != NULL ? arena_print(arena, "SIG%s", name)
                            : arena_print(arena, "signal %" PRIu32, ending->exit_signal);
    }
    if (ending->status_known)
        return arena_print(arena, "exit %" PRIu32, ending->exit_status);
    if (strcmp(ending->reason, "exec") == 0)
        return "exec";
    if (strcmp(ending->reason, "stopped") == 0)
        return "running";
    if (strncmp(ending->reason, "broken", 6) == 0)
        return "broken";
    return "ended";
}

uint64_t ending_missing_count(const struct ending *ending, bool unsure)
{
    uint64_t n = 0;
    for (size_t i = 0; i < ending->n_absences; i++) {
        if (ending->absences[i].unsure == unsure)
            n += ending->absences[i].count;
    }
    return n;
}

const char *ending_missing(const struct ending *ending, bool unsure, struct arena *arena)
{
    const uint64_t n = ending_missing_count(ending, unsure);
    const char *separator = ": ";
    if (n == 0)
        return NULL;
    const char *text = arena_print(arena, "%" PRIu64 " %s%s not recorded%s", n,
                                   unsure ? "program" : "Python process",
                                   n == 1   ? ""
                                   : unsure ? "s"
                                            : "es",
                                   unsure ? ", not known whether Python" : "");
    for (size_t i = 0; i < ending->n_absences; i++) {
        const struct absence *const a = &ending->absences[i];
        if (a->unsure != unsure)
            continue;
        text = arena_print(arena, "%s%s%s (%" PRIu32 ")", text, separator, a->reason, a->count);
        separator = ", ";
    }
    return text;
}
