/* SPDX-License-Identifier: MIT */
#include "retry.h"

#include "format/columns.h"

#include <string.h>
#include <time.h>

enum response_field { RESPONSE_PARTIAL = 1 };
enum partial_field { PARTIAL_REJECTED = 1, PARTIAL_WORDS = 2 };
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

enum verdict verdict_of(enum ship_format format, long status)
{
    if (status >= 200 && status < 300)
        return VERDICT_TAKEN;
    switch (status) {
    case 408: /* request timeout */
    case 429: /* too many requests */
    case 502:
    case 503:
    case 504:
        return VERDICT_LATER;
    case 500: /* OTLP: must not be sent again */
        return format == SHIP_OTLP ? VERDICT_REFUSED : VERDICT_LATER;
    default:
        return VERDICT_REFUSED;
    }
}

uint64_t retry_wait_ns(uint64_t base_ns, unsigned attempt, uint64_t random, uint64_t asked_ns)
{
    const unsigned steps = attempt <= 1 ? 0 : attempt - 1;
    const uint64_t most_ns = base_ns << (steps < RETRY_STEPS_MAX ? steps : RETRY_STEPS_MAX);
    const uint64_t drawn_ns = most_ns > 0 ? random % (most_ns + 1) : 0;
    const uint64_t least_ns = asked_ns < RETRY_ASKED_MAX_NS ? asked_ns : RETRY_ASKED_MAX_NS;
    return least_ns + drawn_ns;
}

/* ---- Retry-After ---- */

uint64_t retry_after_ns(const char *text, int64_t now_unix_s)
{
    static const char *const dates[] = {
        "%a, %d %b %Y %H:%M:%S GMT",                         /* of today */
        "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", /* what must be understood, too */
    };
    uint64_t seconds = 0;
    text += strspn(text, " \t");
    const size_t n = strspn(text, "0123456789");
    if (n > 0 && strspn(text + n, " \t\r\n") == strlen(text + n)) {
        for (size_t i = 0; i < n && seconds < UINT64_MAX / 100; i++)
            seconds = seconds * 10 + (uint64_t)(text[i] - '0');
    } else {
        for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
            struct tm tm = {.tm_isdst = 0};
            const char *const end = strptime(text, dates[i], &tm);
            if (end == NULL || strspn(end, " \t\r\n") != strlen(end))
                continue;
            const int64_t at_s = timegm(&tm);
            seconds = at_s > now_unix_s ? (uint64_t)(at_s - now_unix_s) : 0;
            break;
        }
    }
    const uint64_t second_ns = 1000000000;
    return seconds < RETRY_ASKED_MAX_NS / second_ns ? seconds * second_ns : RETRY_ASKED_MAX_NS;
}

/* ---- a partial success ---- */

/* A field as it stands: of `at` up to `end`, its content for WIRE_BYTES. */
struct field {
    uint64_t number, value;
    const uint8_t *bytes;
    size_t len;
};

static bool varint_take(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        const uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

static bool field_take(const uint8_t **at, const uint8_t *end, struct field *field)
{
    uint64_t tag;
    *field = (struct field){.bytes = *at};
    if (!varint_take(at, end, &tag) || tag >> 3 == 0)
        return false;
    field->number = tag >> 3;
    switch (tag & 7) {
    case WIRE_VARINT:
        return varint_take(at, end, &field->value);
    case WIRE_FIXED64:
    case WIRE_FIXED32: {
        const size_t len = (tag & 7) == WIRE_FIXED64 ? 8 : 4;
        if ((size_t)(end - *at) < len)
            return false;
        *at += len;
        return true;
    }
    case WIRE_BYTES:
        if (!varint_take(at, end, &field->value) || field->value > (uint64_t)(end - *at))
            return false;
        field->bytes = *at;
        field->len = (size_t)field->value;
        *at += field->len;
        return true;
    default:
        return false;
    }
}

static bool partial_take(const struct field *partial, uint64_t *rejected, struct buffer *words)
{
    const uint8_t *at = partial->bytes, *const end = at + partial->len;
    struct field field;
    while (at < end) {
        if (!field_take(&at, end, &field))
            return false;
        if (field.number == PARTIAL_REJECTED && field.len == 0)
            *rejected = field.value;
        if (field.number == PARTIAL_WORDS && field.len > 0) {
            buffer_reset(words);
            buffer_add(words, (const char *)field.bytes, field.len);
        }
    }
    return true;
}

bool partial_success(const char *bytes, size_t len, uint64_t *rejected, struct buffer *words)
{
    const uint8_t *at = (const uint8_t *)bytes, *const end = at + len;
    struct field field;
    *rejected = 0;
    buffer_reset(words);
    while (len > 0 && at < end) {
        if (!field_take(&at, end, &field))
            return false;
        if (field.number == RESPONSE_PARTIAL && field.bytes != NULL &&
            !partial_take(&field, rejected, words))
            return false;
    }
    return true;
}
