/* SPDX-License-Identifier: MIT */
#include "ship.h"

#include "backlog.h"
#include "ledger.h"
#include "parcel.h"
#include "post.h"
#include "retry.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS     UINT64_C(1000000000) /* between two looks at a directory */
#define PROBLEM_LEN sizeof((struct problem *)0)->detail

static atomic_bool is_stopped; /* set by a signal handler */

struct ship {
    const struct ship_settings *settings;
    struct ledger ledger;
    struct backlog backlog;
    struct parcel_settings parcels;
    struct post post;
    uint64_t n_sent, n_left; /* left: set aside, dropped, or given up */
};

/* ---- what is said ---- */

static void say(const struct ship *ship, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct ship *ship, const char *format, ...)
{
    char text[PATH_MAX + 1024];
    struct buffer line = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buffer_add_visible(&line, text);
    ship->settings->say(ship->settings->closure, line.text);
    buffer_clear(&line);
}

/* ---- time ---- */

static void on_signal(int number)
{
    (void)number;
    atomic_store(&is_stopped, true);
}

static void signals_take(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Until then, or a signal. A signal that comes right before it is seen a second later. */
static void pause_ns(uint64_t ns)
{
    const uint64_t second_ns = 1000000000;
    while (ns > 0 && !atomic_load(&is_stopped)) {
        const uint64_t step_ns = ns < second_ns ? ns : second_ns;
        const struct timespec step = {(time_t)(step_ns / second_ns), (long)(step_ns % second_ns)};
        (void)ppoll(NULL, 0, &step, NULL);
        ns -= step_ns;
    }
}

static uint64_t random_take(void)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint64_t)time(NULL) * 0x9E3779B97F4A7C15u ^ (uint64_t)getpid();
    return random;
}

/* ---- one part ---- */

/* What became of an item; *wait_ns is how long the server wants to be left alone. */
static enum verdict item_send(struct ship *ship, const struct parcel_item *item,
                              char problem[PROBLEM_LEN], uint64_t *asked_ns)
{
    const struct destination *const to = &ship->settings->to;
    struct buffer bytes = {0}, words = {0};
    struct post_answer answer = {0};
    struct problem why;
    uint64_t rejected;
    enum verdict verdict = VERDICT_LATER;
    *asked_ns = 0;
    if (parcel_read(item, to->format, &bytes, &why) != STATUS_OK) {
        snprintf(problem, PROBLEM_LEN, "%s", why.detail);
        buffer_clear(&bytes);
        return VERDICT_LATER;
    }
    const struct post_request request = {
        .method = to->format == SHIP_TABLES ? "PUT" : "POST",
        .url = item->url,
        .type = parcel_type(to->format),
        .encoding = to->format == SHIP_OTLP ? "gzip" : NULL,
        .bytes = bytes.text != NULL ? bytes.text : "",
        .len = bytes.len,
    };
    post_send(&ship->post, &request, &answer);
    if (answer.status == 0) {
        snprintf(problem, PROBLEM_LEN, "%s", answer.problem);
    } else {
        verdict = verdict_of(to->format, answer.status);
        snprintf(problem, PROBLEM_LEN, "HTTP status %ld", answer.status);
        *asked_ns = retry_after_ns(answer.retry_after, time(NULL));
    }
    if (verdict == VERDICT_TAKEN && to->format == SHIP_OTLP && answer.body.len > 0 &&
        partial_success(answer.body.text, answer.body.len, &rejected, &words) &&
        (rejected > 0 || words.len > 0))
        say(ship, "the server took it, but rejected %" PRIu64 " of its profiles: %.200s", rejected,
            words.len > 0 ? words.text : "it does not say why");
    buffer_clear(&bytes);
    buffer_clear(&words);
    post_answer_clear(&answer);
    return verdict;
}

/* All items from *next on; *next stays at the one that was not taken. */
static enum verdict items_send(struct ship *ship, const struct parcel *parcel, size_t *next,
                               char problem[PROBLEM_LEN], uint64_t *asked_ns)
{
    struct problem why;
    for (; *next < parcel->n && !atomic_load(&is_stopped); (*next)++) {
        const struct parcel_item *const item = &parcel->items[*next];
        enum verdict verdict = VERDICT_TAKEN;
        *asked_ns = 0;
        if (!ship->settings->to.is_directory) {
            verdict = item_send(ship, item, problem, asked_ns);
        } else if (parcel_copy(item, &why) != STATUS_OK) {
            snprintf(problem, PROBLEM_LEN, "%s", why.detail);
            verdict = VERDICT_LATER;
        }
        if (verdict != VERDICT_TAKEN)
            return verdict;
    }
    return *next == parcel->n ? VERDICT_TAKEN : VERDICT_LATER;
}

/* As often as it takes, or as is allowed. */
static enum verdict parcel_deliver(struct ship *ship, const struct part_id *part,
                                   const struct parcel *parcel, char problem[PROBLEM_LEN])
{
    const struct ship_settings *const s = ship->settings;
    size_t next = 0;
    for (unsigned attempt = 1;; attempt++) {
        uint64_t asked_ns = 0;
        const enum verdict verdict = items_send(ship, parcel, &next, problem, &asked_ns);
        if (verdict != VERDICT_LATER || atomic_load(&is_stopped) ||
            (s->is_once && attempt >= s->attempts_max))
            return verdict;
        const uint64_t wait_ns = retry_wait_ns(s->backoff_ns, attempt, random_take(), asked_ns);
        say(ship, "%s: %s; attempt %u follows in %.1f s", part->path, problem, attempt + 1,
            (double)wait_ns / 1e9);
        pause_ns(wait_ns);
    }
}

static enum status part_mark(struct ship *ship, const struct part_id *part, enum outcome outcome,
                             struct problem *why)
{
    TRY(ledger_mark(&ship->ledger, part, outcome, why));
    if (ship->settings->removes && outcome != OUTCOME_ASIDE && unlink(part->path) != 0)
        say(ship, "%s: it cannot be removed: %s", part->path, strerror(errno));
    return STATUS_OK;
}

/* *later: it waits for another time, and so do those behind it. */
static enum status part_ship(struct ship *ship, const struct part_id *part, bool *later,
                             struct problem *why)
{
    struct parcel parcel = {0};
    char problem[PROBLEM_LEN] = "";
    *later = false;
    const enum status made = parcel_make(&parcel, part->path, &ship->parcels, why);
    if (made != STATUS_OK) {
        parcel_clear(&parcel);
        return made;
    }
    enum verdict verdict = VERDICT_TAKEN;
    enum outcome outcome = OUTCOME_SENT;
    if (parcel.problem[0] != '\0' && access(part->path, F_OK) != 0) {
        say(ship, "%s: it was removed before it was sent", part->path);
        ship->n_left++;
        parcel_clear(&parcel);
        return STATUS_OK;
    }
    if (parcel.problem[0] != '\0') {
        outcome = OUTCOME_ASIDE;
        snprintf(problem, sizeof problem, "%s", parcel.problem);
    } else if (parcel.is_empty) {
        outcome = OUTCOME_EMPTY;
    } else {
        verdict = parcel_deliver(ship, part, &parcel, problem);
        outcome = verdict == VERDICT_REFUSED ? OUTCOME_ASIDE : OUTCOME_SENT;
    }
    parcel_clear(&parcel);
    if (verdict == VERDICT_LATER) {
        *later = true;
        if (!atomic_load(&is_stopped))
            say(ship, "%s: %s; given up for now", part->path, problem);
        ship->n_left++;
        return STATUS_OK;
    }
    TRY(part_mark(ship, part, outcome, why));
    ship->n_sent += outcome != OUTCOME_ASIDE;
    ship->n_left += outcome == OUTCOME_ASIDE;
    if (outcome == OUTCOME_ASIDE)
        say(ship, "%s: set aside, not sent again: %s", part->path, problem);
    else
        say(ship, "%s: %s", part->path, outcome == OUTCOME_SENT ? "sent" : "nothing in it to send");
    return STATUS_OK;
}

/* ---- all of them ---- */

/* More waits than may: the oldest of it is given up. */
static enum status spool_bound(struct ship *ship, struct problem *why)
{
    struct backlog *const w = &ship->backlog;
    size_t n = 0;
    while (ship->settings->spool_bytes != 0 && w->bytes > ship->settings->spool_bytes &&
           n + 1 < w->n) {
        TRY(part_mark(ship, &w->parts[n], OUTCOME_DROPPED, why));
        say(ship, "%s: dropped, the oldest of %zu that wait", w->parts[n].path, w->n - n);
        w->bytes -= w->parts[n++].size;
        ship->n_left++;
    }
    for (size_t i = 0; i < n; i++)
        free(w->parts[i].path);
    memmove(w->parts, w->parts + n, (w->n - n) * sizeof *w->parts);
    w->n -= n;
    return STATUS_OK;
}

static enum status ship_loop(struct ship *ship, struct problem *why)
{
    const struct ship_settings *const s = ship->settings;
    for (bool is_first = true; !atomic_load(&is_stopped); is_first = false) {
        bool later = false;
        TRY(backlog_look(&ship->backlog, s->paths, s->n_paths, &ship->ledger, is_first, why));
        if (ship->backlog.n > 0)
            TRY(spool_bound(ship, why));
        if (ship->backlog.n > 0)
            TRY(part_ship(ship, &ship->backlog.parts[0], &later, why));
        if (s->is_once && (ship->backlog.n == 0 || later))
            break;
        if (ship->backlog.n == 0)
            pause_ns(LOOK_NS);
    }
    return STATUS_OK;
}

/* The first that was named, or where it is. */
static enum status state_find(const struct ship_settings *s, struct buffer *directory,
                              struct problem *why)
{
    struct stat st;
    char *const whole = realpath(s->state != NULL ? s->state : s->paths[0], NULL);
    if (whole == NULL || stat(whole, &st) != 0 || (s->state != NULL && !S_ISDIR(st.st_mode))) {
        const int code = whole == NULL ? errno : ENOTDIR;
        free(whole);
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "%s%s: %s",
                           s->state != NULL ? "--state: " : "",
                           s->state != NULL ? s->state : s->paths[0], strerror(code));
    }
    char *const slash = strrchr(whole, '/');
    if (!S_ISDIR(st.st_mode))
        *(slash == whole ? slash + 1 : slash) = '\0';
    buffer_add_text(directory, whole);
    free(whole);
    return STATUS_OK;
}

/* What is sent there in another form is another matter. */
static enum status ledger_begin(struct ship *ship, struct problem *why)
{
    const struct destination *const to = &ship->settings->to;
    struct buffer directory = {0}, name = {0};
    enum status status = state_find(ship->settings, &directory, why);
    buffer_print(&name, "%s %s", ship_format_name(to->format), to->address.text);
    if (status == STATUS_OK)
        status = ledger_open(&ship->ledger, directory.text, name.text, why);
    buffer_clear(&directory);
    buffer_clear(&name);
    return status;
}

static enum status ship_open(struct ship *ship, struct problem *why)
{
    const struct ship_settings *const s = ship->settings;
    const struct post_settings post = {
        .to = &s->to,
        .headers = &s->headers,
        .signing = &s->signing,
        .authorities = s->authorities,
        .timeout_ms = s->timeout_ns / 1000000,
        .stop = &is_stopped,
    };
    if (!s->to.is_directory)
        TRY(post_open(&ship->post, &post, why));
    TRY(ledger_begin(ship, why));
    ship->parcels = (struct parcel_settings){
        .to = &s->to,
        .redact = s->redact,
        .redact_key = s->redact_key,
        .bin = s->bin,
        .work = ship->ledger.work.text,
    };
    return STATUS_OK;
}

enum status ship_run(const struct ship_settings *settings, struct problem *why)
{
    struct ship ship = {.settings = settings};
    atomic_store(&is_stopped, false);
    signals_take();
    enum status status = ship_open(&ship, why);
    if (status == STATUS_OK) {
        status = ship_loop(&ship, why);
        folder_empty(ship.ledger.work.text);
        (void)rmdir(ship.ledger.work.text);
    }
    backlog_clear(&ship.backlog);
    post_close(&ship.post);
    ledger_close(&ship.ledger);
    if (status == STATUS_OK && settings->is_once && ship.n_left > 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "%" PRIu64 " of %" PRIu64 " parts were not taken", ship.n_left,
                           ship.n_left + ship.n_sent);
    return status;
}
