/* SPDX-License-Identifier: MIT */
#include "destination.h"

#include <string.h>

#define OTLP_PATH      "/v1development/profiles"
#define PYROSCOPE_PATH "/ingest"
#define ADDRESS_MAX    4096

const char *ship_format_name(size_t i)
{
    static const char *const names[] = {"otlp", "pyroscope", "tables"};
    return i < ARRAY_LEN(names) ? names[i] : NULL;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

void url_add_encoded(struct buffer *to, const char *text)
{
    buffer_add_percent(to, text, is_plain);
}

/* The host of "host:port", "[::1]:port"; its length, 0 = there is none. */
static size_t host_len(const char *authority, size_t len)
{
    if (len > 0 && authority[0] == '[') {
        const char *const end = memchr(authority, ']', len);
        return end != NULL && end > authority + 1 ? (size_t)(end - authority) + 1 : 0;
    }
    const char *const colon = memchr(authority, ':', len);
    return colon != NULL ? (size_t)(colon - authority) : len;
}

/* Is it an own port number, or nothing? */
static bool is_port(const char *text, size_t len)
{
    unsigned long port = 0;
    if (len == 0)
        return true;
    if (text[0] != ':' || len < 2 || len > 6)
        return false;
    for (size_t i = 1; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port > 0 && port < 65536;
}

static bool is_near(const char *host, size_t len)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == len && memcmp(names[i], host, len) == 0)
            return true;
    return len > 4 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len;
}

static enum status url_take(struct destination *d, const char *to, size_t scheme_len,
                            struct problem *why)
{
    const char *const authority = to + scheme_len;
    const size_t len = strcspn(authority, "/?#");
    for (const char *c = to; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return problem_set(
                why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                "--to: a URL has no blanks and no letters but ASCII's; write them as "
                "%%XX");
    if (memchr(authority, '@', len) != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--to: no user or password in a URL, others can read command lines; see "
                           "--headers");
    if (strpbrk(to, "?#") != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--to wants a URL without '?' and '#'");
    const size_t host = host_len(authority, len);
    if (host == 0 || !is_port(authority + host, len - host))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--to wants http[s]://HOST[:PORT][/PATH], not '%.80s'", to);
    d->is_encrypted = scheme_len == strlen("https://");
    d->is_near = is_near(authority, host);
    size_t end = strlen(to);
    while (end > scheme_len + len && to[end - 1] == '/')
        end--;
    buffer_add(&d->address, to, end);
    const bool has_path = end > scheme_len + len;
    if (d->format == SHIP_OTLP && !has_path)
        buffer_add_text(&d->address, OTLP_PATH);
    const size_t usual = strlen(PYROSCOPE_PATH);
    if (d->format == SHIP_PYROSCOPE &&
        (end < usual || memcmp(to + end - usual, PYROSCOPE_PATH, usual) != 0))
        buffer_add_text(&d->address, PYROSCOPE_PATH);
    return STATUS_OK;
}

static bool format_find(const char *name, enum ship_format *format)
{
    for (size_t i = 0; i < SHIP_FORMATS; i++) {
        if (strcmp(ship_format_name(i), name) == 0) {
            *format = (enum ship_format)i;
            return true;
        }
    }
    return false;
}

enum status destination_take(struct destination *d, const char *to, const char *format,
                             struct problem *why)
{
    const size_t scheme_len = strncmp(to, "https://", 8) == 0  ? 8
                              : strncmp(to, "http://", 7) == 0 ? 7
                                                               : 0;
    if (to[0] == '\0' || strlen(to) > ADDRESS_MAX)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--to wants a URL or a directory");
    d->is_directory = scheme_len == 0;
    d->format = d->is_directory ? SHIP_TABLES : SHIP_OTLP;
    if (format != NULL && !format_find(format, &d->format))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--format wants otlp, pyroscope or tables, not '%.40s'", format);
    if (!d->is_directory)
        return url_take(d, to, scheme_len, why);
    const size_t colon = strcspn(to, ":/");
    if (strncmp(to + colon, "://", 3) == 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--to takes http:// and https://, and directories, not '%.80s'", to);
    if (d->format != SHIP_TABLES)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--to: a directory gets tables; %s wants a URL",
                           ship_format_name(d->format));
    buffer_add_text(&d->address, to);
    return STATUS_OK;
}

void destination_clear(struct destination *d)
{
    buffer_clear(&d->address);
}
