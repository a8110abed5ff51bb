/* SPDX-License-Identifier: MIT */
#include "link_settings.h"
#include <stdlib.h>
#include <string.h>

/* Up to the next comma (or the end) into `to`. The rest, or NULL when it does not fit. */
static const char *field_copy(const char *from, char *to, size_t size)
{
    const size_t len = from != NULL ? strcspn(from, ",") : size;
    if (len >= size)
        return NULL;
    memcpy(to, from, len);
    to[len] = '\0';
    return from[len] == ',' ? from + len + 1 : from + len;
}

static const char *field_number(const char *from, uint64_t *to)
{
    char number[24];
    from = field_copy(from, number, sizeof(number));
    *to = from != NULL ? strtoull(number, NULL, 10) : 0;
    return from;
}

bool link_settings(struct link_settings *settings, const char *text)
{
    char cookie[sizeof(settings->cookie) + 1];
    uint64_t version, pid, depth, flags;
    const char *at = field_number(text, &version);
    if (version != WIRE_VERSION)
        return false;
    at = field_copy(at, settings->socket_name, sizeof(settings->socket_name));
    at = field_copy(at, settings->directory, sizeof(settings->directory));
    at = field_number(at, &pid);
    at = field_number(at, &settings->pyrec_start);
    at = field_copy(at, cookie, sizeof(cookie));
    if (at == NULL || strlen(cookie) != sizeof(settings->cookie))
        return false;
    memcpy(settings->cookie, cookie, sizeof(settings->cookie));
    at = field_number(at, &settings->interval_ns);
    at = field_number(at, &depth);
    at = field_number(at, &flags);
    at = field_number(at, &settings->max_cost_ppm);
    at = field_number(at, &settings->begin_ns);
    settings->pyrec_pid = (int32_t)pid;
    settings->max_depth = (uint32_t)depth;
    settings->flags = (uint32_t)flags;
    return at != NULL && settings->interval_ns >= 10000 && settings->interval_ns <= 1000000000u &&
           depth >= 1 && depth <= 16384;
}
