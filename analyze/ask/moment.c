/* SPDX-License-Identifier: MIT */
#include "moment.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)
#define DAY_S     86400

/* Numbers beyond this are no times: a hundred years in seconds. */
#define NUMBER_MAX INT64_C(3155760000)

/* A whole number of at most `digits` digits; false when there is none. */
static bool take_whole(const char **at, int digits, int64_t *value)
{
    *value = 0;
    int n = 0;
    for (; isdigit((unsigned char)**at) && n < digits; n++)
        *value = *value * 10 + (*(*at)++ - '0');
    return n > 0 && !isdigit((unsigned char)**at);
}

/* What may stand behind a point, in units of 1e-9. */
static int64_t take_fraction(const char **at)
{
    int64_t value = 0, unit = SECOND_NS;
    if (**at != '.' || !isdigit((unsigned char)(*at)[1]))
        return 0;
    for (++*at; isdigit((unsigned char)**at); ++*at) {
        unit /= 10;
        value += unit * (**at - '0');
    }
    return value;
}

/* ns per unit that stands at *at; 0 when none does. "s" is what a bare number counts. */
static int64_t take_unit(const char **at)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ms", SECOND_NS / 1000}, {"min", 60 * SECOND_NS},    {"s", SECOND_NS},
                 {"m", 60 * SECOND_NS},    {"h", 60 * 60 * SECOND_NS}, {"d", DAY_S * SECOND_NS}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const size_t len = strlen(units[i].name);
        if (strncmp(*at, units[i].name, len) == 0 && !isalpha((unsigned char)(*at)[len])) {
            *at += len;
            return units[i].ns;
        }
    }
    return 0;
}

/* 12.5 | 12.5s | 1h30m */
static bool take_duration(const char *text, int64_t *ns)
{
    *ns = 0;
    for (bool first = true; *text != '\0'; first = false) {
        int64_t whole;
        if (!take_whole(&text, 10, &whole) || whole > NUMBER_MAX)
            return false;
        const int64_t part = take_fraction(&text);
        int64_t unit = take_unit(&text);
        if (unit == 0 && *text == '\0' && first)
            unit = SECOND_NS;
        if (unit == 0 || whole > NUMBER_MAX * SECOND_NS / unit)
            return false;
        /* part counts 1e-9 of the unit; units are whole ms */
        *ns += whole * unit + part / 1000 * (unit / 1000) / 1000 + part % 1000 * unit / SECOND_NS;
        if (*ns > NUMBER_MAX * SECOND_NS)
            return false;
    }
    return true;
}

/* 14:03 | 14:03:05.5 */
static bool take_clock(const char **at, int64_t *ns)
{
    int64_t hours, minutes, seconds = 0;
    if (!take_whole(at, 2, &hours) || *(*at)++ != ':' || !take_whole(at, 2, &minutes))
        return false;
    *ns = 0;
    if (**at == ':') {
        ++*at;
        if (!take_whole(at, 2, &seconds))
            return false;
        *ns = take_fraction(at);
    }
    *ns += (hours * 3600 + minutes * 60 + seconds) * SECOND_NS;
    return hours < 24 && minutes < 60 && seconds < 61;
}

/* Z | +02:00 | -0530: seconds east of Greenwich. */
static bool take_zone(const char **at, int64_t *east_s)
{
    int64_t hours, minutes = 0;
    *east_s = 0;
    if (**at == 'Z') {
        ++*at;
        return true;
    }
    const bool west = **at == '-';
    if (!west && **at != '+')
        return false;
    ++*at;
    if (isdigit((unsigned char)(*at)[0]) && isdigit((unsigned char)(*at)[1]) &&
        isdigit((unsigned char)(*at)[2])) { /* +0530 */
        int64_t both;
        if (!take_whole(at, 4, &both))
            return false;
        hours = both / 100;
        minutes = both % 100;
    } else {
        if (!take_whole(at, 2, &hours))
            return false;
        if (**at == ':' && (++*at, !take_whole(at, 2, &minutes)))
            return false;
    }
    *east_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours <= 14 && minutes < 60;
}

/* 2026-05-06 | 2026-05-06 14:03:05.5 | 2026-05-06T14:03Z; in ns since 1970 */
static bool take_date(const char *text, int64_t *ns)
{
    int64_t year, month, day, clock_ns = 0, east_s = 0;
    if (!take_whole(&text, 4, &year) || *text++ != '-' || !take_whole(&text, 2, &month) ||
        *text++ != '-' || !take_whole(&text, 2, &day))
        return false;
    if (*text == 'T' || *text == ' ') {
        text++;
        if (!take_clock(&text, &clock_ns))
            return false;
    }
    struct tm tm = {.tm_year = (int)year - 1900,
                    .tm_mon = (int)month - 1,
                    .tm_mday = (int)day,
                    .tm_hour = (int)(clock_ns / SECOND_NS / 3600),
                    .tm_min = (int)(clock_ns / SECOND_NS / 60 % 60),
                    .tm_sec = (int)(clock_ns / SECOND_NS % 60),
                    .tm_isdst = -1};
    const bool zoned = *text != '\0';
    if (zoned && !take_zone(&text, &east_s))
        return false;
    const time_t seconds = zoned ? timegm(&tm) - (time_t)east_s : mktime(&tm);
    *ns = (int64_t)seconds * SECOND_NS + clock_ns % SECOND_NS;
    return *text == '\0' && year >= 1970 && year < 2200 && tm.tm_mon == month - 1 &&
           tm.tm_mday == day;
}

enum status moment_parse(struct moment *moment, const char *option, const char *text,
                         struct problem *why)
{
    const char *at = text;
    if (text[0] == '-' && take_duration(text + 1, &moment->ns) && text[1] != '\0') {
        moment->kind = MOMENT_BEFORE_END;
        return STATUS_OK;
    }
    if (text[0] != '\0' && take_duration(text, &moment->ns)) {
        moment->kind = MOMENT_SINCE_START;
        return STATUS_OK;
    }
    if (take_clock(&at, &moment->ns) && *at == '\0') {
        moment->kind = MOMENT_OF_DAY;
        return STATUS_OK;
    }
    if (take_date(text, &moment->ns)) {
        moment->kind = MOMENT_DATE;
        return STATUS_OK;
    }
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--%s wants a time like " MOMENT_HELP ", not \"%s\"", option, text);
}

/* That time on the day `days` after the one in which `unix_ns` lies. */
static int64_t on_day(int64_t of_day_ns, int64_t unix_ns, int days)
{
    const time_t seconds = (time_t)(unix_ns / SECOND_NS);
    struct tm tm;
    if (localtime_r(&seconds, &tm) == NULL)
        return unix_ns;
    tm.tm_mday += days;
    tm.tm_hour = (int)(of_day_ns / SECOND_NS / 3600);
    tm.tm_min = (int)(of_day_ns / SECOND_NS / 60 % 60);
    tm.tm_sec = (int)(of_day_ns / SECOND_NS % 60);
    tm.tm_isdst = -1;
    return (int64_t)mktime(&tm) * SECOND_NS + of_day_ns % SECOND_NS;
}

bool moment_is_absolute(const struct moment *moment)
{
    return moment->kind == MOMENT_OF_DAY || moment->kind == MOMENT_DATE;
}

/* A file may say anything: it may be wrong then, but not undefined. */
static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t subtract(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* A part of the recording in which nobody set the clock: from_ns <= t < to_ns. */
struct moment_part {
    int64_t from_ns, to_ns;
    int64_t zero_unix_ns; /* what the clock showed at time 0, had it always been right */
    int64_t step_ns;      /* at its end; 0 = it is the last one */
};

static struct moment_part part_first(const struct moment_span *span)
{
    const struct wall *const wall = span->wall;
    const bool is_last = wall->n == 0;
    return (struct moment_part){.from_ns = 0,
                                .to_ns = is_last ? INT64_MAX : (int64_t)wall->steps[0].time_ns,
                                .zero_unix_ns = span->start_unix_ns,
                                .step_ns = is_last ? 0 : wall->steps[0].by_ns};
}

/* The one behind step i. */
static struct moment_part part_after(const struct moment_span *span, const struct moment_part *part,
                                     size_t i)
{
    const struct wall *const wall = span->wall;
    const bool is_last = i + 1 >= wall->n;
    return (struct moment_part){.from_ns = part->to_ns,
                                .to_ns = is_last ? INT64_MAX : (int64_t)wall->steps[i + 1].time_ns,
                                .zero_unix_ns = add(part->zero_unix_ns, part->step_ns),
                                .step_ns = is_last ? 0 : wall->steps[i + 1].by_ns};
}

/* Is the part not over at `ns`? Or did the clock jump over that at its end? Then its end is it. */
static bool part_has(const struct moment_part *part, int64_t *ns)
{
    if (*ns < part->to_ns)
        return true;
    if (part->step_ns <= 0 || subtract(*ns, part->step_ns) >= part->to_ns)
        return false;
    *ns = part->to_ns;
    return true;
}

static int64_t resolve_date(int64_t unix_ns, const struct moment_span *span)
{
    struct moment_part part = part_first(span);
    const int64_t first = subtract(unix_ns, part.zero_unix_ns);
    for (size_t i = 0;; i++) {
        int64_t ns = subtract(unix_ns, part.zero_unix_ns);
        if (ns >= part.from_ns && part_has(&part, &ns))
            return ns;
        if (i >= span->wall->n)
            return first;
        part = part_after(span, &part, i);
    }
}

static int64_t resolve_of_day(int64_t of_day_ns, const struct moment_span *span, int64_t end_ns)
{
    struct moment_part part = part_first(span);
    const int64_t first = subtract(on_day(of_day_ns, part.zero_unix_ns, 0), part.zero_unix_ns);
    for (size_t i = 0;; i++) {
        const int64_t from_unix_ns = add(part.zero_unix_ns, part.from_ns);
        for (int day = 0; day < 2; day++) {
            int64_t ns = subtract(on_day(of_day_ns, from_unix_ns, day), part.zero_unix_ns);
            if (ns >= part.from_ns && part_has(&part, &ns) && ns <= end_ns)
                return ns;
        }
        if (i >= span->wall->n)
            return first;
        part = part_after(span, &part, i);
    }
}

int64_t moment_resolve(const struct moment *moment, const struct moment_span *span)
{
    const int64_t end = span->end_ns < INT64_MAX / 2 ? (int64_t)span->end_ns : INT64_MAX / 2;
    switch (moment->kind) {
    case MOMENT_SINCE_START:
        return moment->ns;
    case MOMENT_BEFORE_END:
        return end - moment->ns;
    case MOMENT_DATE:
        return resolve_date(moment->ns, span);
    case MOMENT_OF_DAY:
        return resolve_of_day(moment->ns, span, end);
    }
    return 0;
}
