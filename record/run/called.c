/* SPDX-License-Identifier: MIT */
#include "called.h"

#include "record/wire/wire.h"

#include <stdio.h>
#include <string.h>

void called_fill(struct called *called, const struct settings *settings)
{
    static const char *const how[] = {"one", "rotate", "keep"};
    const uint32_t flags = settings->agent_flags;
    snprintf(called->rate, sizeof called->rate, "%g", settings->rate_hz);
    snprintf(called->depth, sizeof called->depth, "%u", settings->max_depth);
    snprintf(called->overhead, sizeof called->overhead, "%g", (double)settings->max_cost_ppm / 1e4);
    size_t len = 0;
    called->attached[0] = called->command[0] = '\0';
    for (uint32_t i = 0; i < settings->n_pids; i++)
        len += (size_t)snprintf(called->attached + len, sizeof called->attached - len, "%s%d",
                                len > 0 ? " " : "", (int)settings->pids[i]);
    len = 0;
    for (char **word = settings->command; *word != NULL && len < sizeof called->command; word++)
        len += (size_t)snprintf(called->command + len, sizeof called->command - len, "%s%s",
                                len > 0 ? " " : "", *word);
    const struct recording_option options[CALLED_MAX] = {
        {"command", called->command},
        {"rate", called->rate},
        {"max-depth", called->depth},
        {"cumulative", (flags & WIRE_NO_CUMULATIVE) != 0 ? "no" : "yes"},
        {"native", (flags & WIRE_C_FRAMES) != 0 ? "yes" : "no"},
        {"signals", (flags & WIRE_NO_SIGNALS) != 0 ? "no" : "yes"},
        {"awaits", (flags & WIRE_NO_AWAITS) != 0 ? "no" : "yes"},
        {"children", (flags & WIRE_NO_CHILDREN) != 0 ? "no" : "yes"},
        {"file", settings->file.is_series ? "series" : how[settings->file.how]},
        {"max-overhead", called->overhead},
        {"attached", called->attached},
    };
    memcpy(called->options, options, sizeof options);
}
