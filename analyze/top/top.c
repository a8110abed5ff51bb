/* SPDX-License-Identifier: MIT */
#include "top.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_LOOKS 20

static const uint32_t windows[] = {2, 10, 30, LIVE_STRIP};
static const enum metric_id wished[] = {METRIC_CPU, METRIC_ON_CPU, METRIC_WALL, METRIC_GIL_WAIT,
                                        METRIC_BLOCKED};

/* Second behind the window that is shown. */
static uint64_t shown_to(const struct top *top)
{
    return top->is_paused ? top->paused_at : live_now(&top->live);
}

/* Is what the window needs still in `recent`? */
static bool is_recent(const struct top *top, uint64_t to)
{
    const struct recent *const recent = &top->live.recent;
    return !recent->has_any || to + RECENT_SECONDS > recent->newest + LIVE_STRIP + 1;
}

static void refresh(struct top *top)
{
    const struct recent *recent = &top->live.recent;
    if (top->live.trace == NULL)
        return;
    const uint64_t to = shown_to(top);
    if (!is_recent(top, to)) {
        const uint64_t from = to > LIVE_STRIP ? to - LIVE_STRIP : 0;
        if (from < top->past_from || to > top->past_to || top->past_to == 0) {
            /* no more than is kept of it: the newest RECENT_SECONDS */
            live_read_past(&top->live, &top->past, from, to);
            top->past_from = from;
            top->past_to = to;
        }
        recent = &top->past;
    }
    top->wish.to = to;
    top->wish.find = top->find;
    top->wish.only = top->page == TOP_THREAD ? top->chosen : NULL;
    top->wish.group = top->group;
    top->wish.groups = !top->is_apart;
    top->wish.matrix = top->page == TOP_GIL;
    live_model_fill(&top->model, &top->live, recent, &top->wish);
    const size_t n[] = {top->model.n_threads, top->model.n_places};
    for (int i = 0; i < 2; i++)
        top->cursor[i] = n[i] == 0 ? 0 : top->cursor[i] < n[i] ? top->cursor[i] : n[i] - 1;
}

static void say(struct top *top, const char *text)
{
    snprintf(top->message, sizeof top->message, "%.199s", text);
    top->message_looks = MESSAGE_LOOKS;
}

enum status top_open(struct top *top, const struct top_settings *settings, struct problem *why)
{
    *top = (struct top){.settings = *settings};
    top->wish = (struct live_wish){
        .window = settings->window, .metric = &metrics[METRIC_CPU], .key = KEY_LINE, .find = ""};
    const enum status status = live_open(&top->live, settings->path, why);
    if (status != STATUS_OK && settings->output == NULL && settings->mark == NULL)
        return status;
    if (status != STATUS_OK) {
        top->is_lost = true;
        say(top, why->detail);
        return STATUS_OK;
    }
    top->was_there = true;
    if (settings->output != NULL)
        say(top, "o: the program's output, which is printed at the end; its input is empty");
    live_find_stalls(&top->live);
    refresh(top);
    return STATUS_OK;
}

void top_close(struct top *top)
{
    live_model_clear(&top->model);
    recent_clear(&top->past);
    live_close(&top->live);
}

void top_tick(struct top *top, uint64_t now_ns)
{
    struct problem why = {0};
    if (top->written_at_ns == 0)
        top->written_at_ns = now_ns;
    const enum live_look look = live_look(&top->live, &why);
    if (top->message_looks > 0 && --top->message_looks == 0)
        top->message[0] = '\0';
    if (look == LIVE_GONE) {
        live_model_clear(&top->model);
        top->chosen = NULL;
        top->group[0] = '\0';
        top->page = TOP_MAIN;
        top->is_lost = true;
        say(top, why.detail);
        return;
    }
    if (look == LIVE_SAME)
        return;
    top->written_at_ns = now_ns;
    if (look == LIVE_REPLACED) { /* threads and names are others */
        recent_clear(&top->past);
        top->past_to = 0;
        top->chosen = NULL;
        top->group[0] = '\0';
        top->page = top->page == TOP_THREAD || top->page == TOP_SOURCE ? TOP_MAIN : top->page;
        say(top, top->was_there ? "another file stands there: read anew" : "");
        top->is_lost = false;
        top->was_there = true;
    }
    live_find_stalls(&top->live);
    refresh(top); /* while paused, too: the total goes on */
}

/* ---- keys ---- */

static void walk(struct top *top, int64_t seconds)
{
    const int64_t now = (int64_t)live_now(&top->live);
    int64_t to = (int64_t)shown_to(top) + seconds;
    top->is_paused = true;
    to = to < 1 ? 1 : to;
    top->paused_at = (uint64_t)(to < now ? to : now);
}

static void move(struct top *top, int64_t rows)
{
    const size_t n[] = {top->model.n_threads, top->model.n_places};
    size_t *const cursor = &top->cursor[top->panel];
    const int64_t to = (int64_t)*cursor + rows;
    const size_t last = n[top->panel] > 0 ? n[top->panel] - 1 : 0;
    *cursor = to < 0 ? 0 : (size_t)to < last ? (size_t)to : last;
}

static void type(struct top *top, uint32_t key)
{
    const size_t len = strlen(top->find);
    if (key == TOP_KEY_ENTER || key == TOP_KEY_ESCAPE) {
        top->is_typing = false;
        if (key == TOP_KEY_ESCAPE)
            top->find[0] = '\0';
    } else if (key == TOP_KEY_BACKSPACE && len > 0) {
        top->find[len - 1] = '\0';
    } else if (key >= ' ' && key < 0x7f && len + 1 < sizeof top->find) {
        top->find[len] = (char)key;
        top->find[len + 1] = '\0';
    }
}

static void next_metric(struct top *top)
{
    size_t i = 0;
    while (i < ARRAY_LEN(wished) && &metrics[wished[i]] != top->wish.metric)
        i++;
    top->wish.metric = &metrics[wished[(i + 1) % ARRAY_LEN(wished)]];
}

static void next_window(struct top *top)
{
    size_t i = 0;
    while (i < ARRAY_LEN(windows) && windows[i] <= top->wish.window)
        i++;
    top->wish.window = windows[i % ARRAY_LEN(windows)];
}

static void enter(struct top *top)
{
    const size_t at = top->cursor[top->panel];
    if (top->page == TOP_MAIN && top->panel == TOP_THREADS && at < top->model.n_threads &&
        top->model.threads[at].n > 1) {
        snprintf(top->group, sizeof top->group, "%s", top->model.threads[at].name);
        top->wish.group_of = top->model.threads[at].thread->process;
        top->cursor[TOP_THREADS] = 0;
    } else if (top->page == TOP_MAIN && top->panel == TOP_THREADS && at < top->model.n_threads) {
        top->chosen = top->model.threads[at].thread;
        top->page = TOP_THREAD;
        top->panel = TOP_PLACES;
        top->cursor[TOP_PLACES] = top->first[TOP_PLACES] = 0;
    } else if (top->panel == TOP_PLACES && at < top->model.n_places) {
        top->place = live_place_frame(&top->model, &top->live, at);
        top->page = TOP_SOURCE;
    }
}

static void leave(struct top *top)
{
    if (top->page == TOP_MAIN && top->find[0] != '\0')
        top->find[0] = '\0';
    else if (top->page == TOP_MAIN)
        top->group[0] = '\0';
    if (top->page == TOP_SOURCE && top->chosen != NULL) {
        top->page = TOP_THREAD;
        return;
    }
    if (top->page == TOP_THREAD)
        top->panel = TOP_THREADS;
    top->page = TOP_MAIN;
    top->chosen = NULL;
}

static void press_time(struct top *top, uint32_t key)
{
    switch (key) {
    case ' ':
        top->paused_at = shown_to(top);
        top->is_paused = !top->is_paused;
        break;
    case TOP_KEY_LEFT:
        walk(top, -1);
        break;
    case TOP_KEY_RIGHT:
        walk(top, 1);
        break;
    case '<':
        walk(top, -60);
        break;
    case '>':
        walk(top, 60);
        break;
    case TOP_KEY_END:
        top->is_paused = false;
        break;
    case TOP_KEY_HOME:
        walk(top, -(int64_t)shown_to(top) + (int64_t)top->wish.window);
        break;
    case 'r':
        live_reset_total(&top->live);
        break;
    default:
        break;
    }
}

/* The recording is removed by whoever shows it, unless it finds the mark. */
static void keep(struct top *top)
{
    const int fd = top->settings.mark == NULL
                       ? -1
                       : open(top->settings.mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    say(top, top->settings.mark == NULL ? "the recording stays where it is"
             : fd >= 0                  ? "the recording will be kept: run.trace"
                                        : "the recording cannot be kept");
}

/* Answers what W has asked. */
static void answer(struct top *top, uint32_t key)
{
    top->report = key == 'w' ? TOP_REPORT_WINDOW : key == 'a' ? TOP_REPORT_ALL : TOP_REPORT_NONE;
}

static void press_table(struct top *top, uint32_t key)
{
    switch (key) {
    case TOP_KEY_UP:
    case 'k':
        move(top, -1);
        break;
    case TOP_KEY_DOWN:
    case 'j':
        move(top, 1);
        break;
    case TOP_KEY_PAGE_UP:
        move(top, -10);
        break;
    case TOP_KEY_PAGE_DOWN:
        move(top, 10);
        break;
    case '\t':
        top->panel = top->page == TOP_MAIN && top->panel == TOP_PLACES ? TOP_THREADS : TOP_PLACES;
        break;
    case 's':
        top->wish.order = (top->wish.order + 1) % LIVE_ORDERS;
        break;
    case 'm':
        next_metric(top);
        break;
    case 'l':
        top->wish.key = top->wish.key == KEY_LINE ? KEY_FUNCTION : KEY_LINE;
        break;
    case 'w':
        next_window(top);
        break;
    case 'p':
        top->is_apart = !top->is_apart;
        top->group[0] = '\0';
        break;
    default:
        break;
    }
}

void top_press(struct top *top, uint32_t key)
{
    top->message[0] = '\0';
    if (top->is_typing) {
        type(top, key);
        refresh(top);
        return;
    }
    if (top->report == TOP_REPORT_ASKED) {
        answer(top, key);
        return;
    }
    if (key == 'q') {
        top->is_over = true;
        return;
    }
    if (key == 'o' && top->settings.output != NULL) {
        top->page = top->page == TOP_OUTPUT ? TOP_MAIN : TOP_OUTPUT;
        top->chosen = NULL;
    }
    if (top->live.trace == NULL) /* there is nothing else to be looked at */
        return;
    if (key == 'h' || key == '?')
        top->page = top->page == TOP_HELP ? TOP_MAIN : TOP_HELP;
    else if (key == 'g')
        top->page = top->page == TOP_GIL ? TOP_MAIN : TOP_GIL;
    else if (key == '/')
        top->is_typing = true;
    else if (key == 'W')
        top->report = TOP_REPORT_ASKED;
    else if (key == 'K')
        keep(top);
    else if (key == TOP_KEY_ENTER)
        enter(top);
    else if (key == TOP_KEY_ESCAPE || key == TOP_KEY_BACKSPACE)
        leave(top);
    press_time(top, key);
    press_table(top, key);
    refresh(top);
}
