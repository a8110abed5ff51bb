/* SPDX-License-Identifier: MIT */
/*
 * destination - where parts are shipped to, and in which form.
 *
 * On the line:  --to, --format -> [destination] -> parcel (what is sent), post (where to)
 * Threads:      any.
 * Memory:       the struct is the caller's, zeroed before; destination_clear takes its heap.
 *
 * Always true:  an address is http: or https:, has a host, and holds nobody's password.
 */
#ifndef PYREC_ANALYZE_SHIP_DESTINATION_H
#define PYREC_ANALYZE_SHIP_DESTINATION_H

#include "analyze/base/buffer.h"
#include "format/status.h"

#include <stdbool.h>
#include <stddef.h>

enum ship_format {
    SHIP_OTLP,      /* OpenTelemetry's profiles: POST */
    SHIP_PYROSCOPE, /* pprof to /ingest: POST */
    SHIP_TABLES,    /* the files of export --format tables: PUT of each, or into a directory */
    SHIP_FORMATS
};

/* What --format calls them; NULL behind the last. */
const char *ship_format_name(size_t i);

struct destination {
    enum ship_format format;
    bool is_directory; /* then `address` is its path, else a URL without query and fragment */
    bool is_encrypted; /* https */
    bool is_near;      /* the host is this machine: 127.0.0.1, [::1], localhost */
    struct buffer address;
};

/*
 * `to` is a URL or a directory, `format` what --format says or NULL: otlp for URLs, tables for
 * directories. Of otlp and Pyroscope the usual path is put in where the URL has none. STATUS_USAGE
 * with a sentence.
 */
MUST_CHECK enum status destination_take(struct destination *destination, const char *to,
                                        const char *format, struct problem *why);
void destination_clear(struct destination *destination);

/* Add text as part of a URL's path or query: all but letters, digits and -._~ as %XX. */
void url_add_encoded(struct buffer *to, const char *text);

#endif
