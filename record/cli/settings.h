/* SPDX-License-Identifier: MIT */
/*
 * settings - what the user asked for on the command line.
 *
 * On the line:  argv -> [settings] -> session
 * Threads:      one.
 * Memory:       the struct is the caller's; strings and the command are those of argv.
 * Idea:         every option is one row of one table; parsing, --help and "did you mean" read it.
 *
 * Options end at "--" or at the first word that is none; the rest is the command. With "top" before
 * them, options that are its own are taken out of argv.
 */
#ifndef PYREC_RECORD_SETTINGS_H
#define PYREC_RECORD_SETTINGS_H

#include "format/status.h"
#include "record/encode/tracefile.h"
#include "service.h"
#include "settings_option.h"
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define SETTINGS_FOREVER  UINT64_MAX
#define SETTINGS_MAX_PIDS 64

enum settings_action { SETTINGS_RECORD, SETTINGS_HELP, SETTINGS_VERSION, SETTINGS_COMPLETION };

struct settings {
    enum settings_action action;
    const char *shell; /* whose completion is wanted */
    const char *output;
    double rate_hz;
    uint64_t interval_ns;
    uint32_t max_depth;
    uint64_t max_cost_ppm; /* --max-overhead, of one CPU; 0 = no limit */
    uint32_t agent_flags;  /* enum wire_flags */
    uint64_t linger_ns;    /* how long to follow other processes after the command's end */
    uint64_t delay_ns;     /* nothing is recorded before */
    uint64_t duration_ns;  /* recording ends after so much; SETTINGS_FOREVER */
    uint64_t flush_ns;     /* --flush; 0 = as usual (stream.h) */
    struct tracefile_plan file;
    struct service service;
    bool has_rotate, has_keep;  /* both: `file` is a series */
    struct tracefile_plan keep; /* --keep as it was given */
    bool is_quiet;
    bool has_output;               /* -o was given */
    bool is_top;                   /* the first word was "top": it is looked at meanwhile, .. */
    bool is_batch;                 /* .. as plain screens, .. */
    const char *window, *every;    /* .. with these seconds; NULL = as pyanalyze has it */
    char **words;                  /* what a pyrec that only records would be called with */
    pid_t pids[SETTINGS_MAX_PIDS]; /* to attach to, instead of a command, .. */
    uint32_t n_pids;               /* .. so many; 0 = there is a command */
    bool is_by_itself;             /* the only one of them calls pyrec_attach() by itself */
    char **command;                /* NULL-terminated; not empty when something is to be started */
};

/* Fill in *settings. STATUS_USAGE with a full sentence in why->detail. */
MUST_CHECK enum status settings_parse(struct settings *settings, int argc, char **argv,
                                      struct problem *why);

/* The i-th option; false behind the last. */
bool settings_option(size_t i, struct settings_option *option);

/* The text of --help; of `pyrec top --help`. */
void settings_write_help(FILE *to);
void settings_write_help_top(FILE *to);

#endif
