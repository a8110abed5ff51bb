/* SPDX-License-Identifier: MIT */
#include "origin.h"

#include "analyze/base/date.h"
#include "request.h"

#include <inttypes.h>
#include <string.h>

#define TITLE_MAX 80u

const char *metric_brief(struct arena *arena, const struct metric *metric, const char *unit)
{
    char *const name =
        arena_print(arena, "%s%s%s", metric->by, metric->unit == UNIT_SECONDS ? " " : "",
                    metric->unit == UNIT_SECONDS ? unit : "");
    for (char *at = name; *at != '\0'; at++)
        *at = *at == '_' ? ' ' : *at;
    return name;
}

/* A word of a command line, up to the next blank. */
static const char *next_word(const char *at, size_t *len)
{
    at += *len;
    at += strspn(at, " ");
    *len = strcspn(at, " ");
    return *len > 0 ? at : NULL;
}

static const char *last_part(struct arena *arena, const char *word, size_t len)
{
    const char *const copy = arena_copy(arena, word, len);
    const char *const slash = strrchr(copy, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : copy;
}

/* What a Python was started for: python3 -X dev /srv/fib.py 27 is fib.py. */
static const char *program_of(struct arena *arena, const struct process *process)
{
    size_t len = 0;
    const char *const first = next_word(process->command, &len);
    if (first == NULL)
        return process_title(process)[0] != '\0' ? process_title(process) : "python";
    const size_t first_len = len;
    const bool is_python = strncmp(last_part(arena, first, len), "python", 6) == 0;
    const char *word = first;
    while (is_python && (word = next_word(word, &len)) != NULL && word[0] == '-') {
        const bool takes_more = len == 2 && strchr("WX", word[1]) != NULL;
        if (len == 2 && word[1] == 'm' && (word = next_word(word, &len)) != NULL)
            return arena_copy(arena, word, len);
        if (word == NULL || (len == 2 && word[1] == 'c'))
            return last_part(arena, first, first_len);
        if (takes_more && (word = next_word(word, &len)) == NULL)
            break;
    }
    return is_python && word != NULL ? last_part(arena, word, len)
                                     : last_part(arena, first, first_len);
}

static void add_line(struct origin *o, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0' && o->n_lines < ORIGIN_LINES_MAX)
        o->lines[o->n_lines++] = (struct origin_line){name, text};
}

struct sums {
    const struct process *first;
    size_t n;
    uint64_t due, missed, start_ns, end_ns;
    bool known;
};

static struct sums sum_up(const struct request *request)
{
    const struct census *const census = &request->trace->census;
    struct sums s = {.start_ns = UINT64_MAX, .known = true};
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        if (!request_has_process(request, p))
            continue;
        s.first = s.first != NULL ? s.first : p;
        s.n++;
        s.due += p->account.ticks_due;
        s.missed += p->account.ticks_missed;
        s.known = s.known && p->account_known;
        s.start_ns = p->start_ns < s.start_ns ? p->start_ns : s.start_ns;
        s.end_ns = p->last_ns > s.end_ns ? p->last_ns : s.end_ns;
    }
    return s;
}

static const char *title_of(struct arena *arena, const struct origin *o, const char *started)
{
    const size_t first = strcspn(o->command, " ");
    const char *const what =
        first > 0
            ? arena_print(arena, "%s%s", last_part(arena, o->command, first), o->command + first)
            : o->program;
    const size_t len = strlen(what);
    size_t cut = len > TITLE_MAX ? TITLE_MAX : len;
    while (cut > 0 && cut < len && ((unsigned char)what[cut] & 0xc0) == 0x80)
        cut--; /* not in the middle of a letter */
    return arena_print(arena, "%.*s%s%s%s", (int)cut, what, cut < len ? ".." : "",
                       started != NULL ? ", " : "", started != NULL ? started : "");
}

const struct origin *origin_find(struct arena *arena, struct request *request,
                                 const struct metric *metric, const char *const *notes,
                                 size_t n_notes)
{
    struct origin *const o = arena_get(arena, sizeof *o);
    const struct sums sums = sum_up(request);
    struct buffer selection = {0};
    const char *started = NULL;
    o->program = "python";
    o->command = "";
    if (sums.first != NULL) {
        const struct process *const p = sums.first;
        request_learn_clock(request);
        started = date_print(arena, recording_unix_ns(p->recording, sums.start_ns), DATE_ZONE);
        o->program = program_of(arena, p);
        o->command = p->command;
        o->pid = p->pid;
        add_line(o, "command", o->command);
        add_line(o, "service", p->service->name);
        add_line(o, "service version", p->service->version);
        add_line(o, "labels", service_print_labels(arena, p->service));
        add_line(o, "python", p->python_version);
        add_line(o, "host", p->hostname[0] != '\0' ? p->hostname : p->recording->hostname);
        if (sums.n > 1)
            add_line(o, "processes", arena_print(arena, "%zu", sums.n));
        add_line(o, "started", started);
        add_line(o, "duration",
                 arena_print(arena, "%.3f s", (double)(sums.end_ns - sums.start_ns) / 1e9));
        if (p->recording->interval_ns > 0)
            add_line(
                o, "rate",
                arena_print(arena, "%.6g per second", 1e9 / (double)p->recording->interval_ns));
        if (sums.known)
            add_line(o, "ticks missed",
                     arena_print(arena, "%" PRIu64 " of %" PRIu64, sums.missed, sums.due));
    }
    add_line(o, "weights",
             arena_print(arena, "%s: %s", metric_brief(arena, metric, "seconds"), metric->help));
    request_selection(request->args, &selection);
    add_line(o, "selected", arena_copy(arena, selection.text, selection.len));
    buffer_clear(&selection);
    for (size_t i = 0; i < n_notes; i++)
        add_line(o, i == 0 ? "note" : arena_print(arena, "note %zu", i + 1), notes[i]);
    add_line(o, "recorder", sums.first != NULL ? sums.first->recording->recorder : NULL);
    add_line(o, "exporter", "pyanalyze " PYREC_VERSION);
    o->title = title_of(arena, o, started);
    return o;
}
