/* SPDX-License-Identifier: MIT */
/*
 * headers - what is sent along with every request, credentials above all.
 *
 * On the line:  --headers FILE, OTEL_EXPORTER_OTLP_HEADERS -> [headers] -> post
 * Threads:      any.
 * Memory:       struct headers is the caller's, zeroed before; headers_clear overwrites and frees.
 *
 * Always true:  a line is "Name: value" of printable ASCII, and no message says what is in one.
 */
#ifndef PYREC_ANALYZE_SHIP_HEADERS_H
#define PYREC_ANALYZE_SHIP_HEADERS_H

#include "format/status.h"

#include <stdbool.h>
#include <stddef.h>

struct headers {
    char **lines;
    size_t n, size;
};

/* A file that nobody but its owner and group may read: a line each; empty ones and # are left out.
 */
MUST_CHECK enum status headers_take_file(struct headers *headers, const char *path,
                                         struct problem *why);

/* As OpenTelemetry's variable has them: name=value,name=value, percent-encoded. `name` is said. */
MUST_CHECK enum status headers_take_variable(struct headers *headers, const char *name,
                                             const char *value, struct problem *why);
void headers_clear(struct headers *headers);

#endif
