/* SPDX-License-Identifier: MIT */
/*
 * option - what can be said on the command line.
 *
 * On the line:  tables of [option] -> args, help, man page
 *
 * To add one: a row in option.c, when several commands take it, or in the command's own table.
 * Parsing, checks, "did you mean", help and man page come from the row.
 */
#ifndef PYREC_ANALYZE_OPTION_H
#define PYREC_ANALYZE_OPTION_H

#include "analyze/base/suggest.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_COUNT,  /* a number, 0 or more */
    OPTION_CHOICE, /* one of choices() */
};

/* Which commands take a common option: those with the bit in their `takes`. */
enum option_group {
    TAKES_SORT = 1,
    TAKES_LIMIT = 2,
    TAKES_COLUMNS = 4,
    TAKES_THREAD = 8,
    TAKES_PROCESS = 16,
    TAKES_PLACES = 32,
    TAKES_MERGE = 64,
    TAKES_FORMAT = 128,
    TAKES_COLOR = 256,
    TAKES_PATHS = 512,
    TAKES_JOBS = 1024,
    TAKES_RANGE = 2048, /* --from, --to: for all that read samples; see request.h */
    TAKES_STATE = 4096, /* --state */
    TAKES_BY = 8192,    /* --by: request->metric; in tables it decides the order */
    TAKES_GROUP = 1u << 14,
    TAKES_ALWAYS = 1u << 15,
    TAKES_TASKS = 1u << 17,  /* --tasks: request_profile tells them apart */
    TAKES_NATIVE = 1u << 18, /* --native: others see Python's frames alone */
    TAKES_FOLLOW = 1u << 16, /* --follow: main.c asks again and again */
};

struct option {
    const char *name;
    char letter;          /* 0 = none */
    const char *argument; /* how help calls it; NULL for flags */
    enum option_kind kind;
    const char *help;
    name_fn *choices; /* of OPTION_CHOICE; of OPTION_TEXT names that it may hold among others */
    enum option_group group; /* of common options */
};

/* Where a command's own table ends. */
#define OPTION_END                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

/* The i-th common option; NULL behind the last. */
const struct option *option_common(size_t i);

#endif
