/* SPDX-License-Identifier: MIT */
/*
 * top - the live screen: what is shown, and what a key does to it; without a terminal.
 *
 * On the line:  live -> live_model -> [top, top_draw] -> canvas -> top_terminal or --batch
 * Threads:      one.
 * Memory:       struct top is the caller's; top_open fills it, top_close takes it back.
 *
 * Always true:  a key never waits for a file but for the ones it names: what was recorded is read
 *               from where it is, however far back one walks.
 */
#ifndef PYREC_ANALYZE_TOP_H
#define PYREC_ANALYZE_TOP_H

#include "analyze/live/live_model.h"
#include "canvas.h"

/* Keys that are no character; others are themselves. */
enum top_key {
    TOP_KEY_UP = 0x110000,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
};

enum top_page { TOP_MAIN, TOP_THREAD, TOP_SOURCE, TOP_GIL, TOP_OUTPUT, TOP_HELP };
enum top_panel { TOP_THREADS, TOP_PLACES };

struct top_settings {
    const char *path;
    const char *output; /* where the program's own output goes; NULL = not told */
    const char *mark;   /* to be made when a recording that would be removed is to be kept; NULL */
    uint32_t window;
    bool plain; /* ASCII only */
};

/* What W asks for, then what is to be written. */
enum top_report { TOP_REPORT_NONE, TOP_REPORT_ASKED, TOP_REPORT_WINDOW, TOP_REPORT_ALL };

struct top {
    struct top_settings settings;
    struct live live;
    struct recent past; /* while one walks in it */
    struct live_model model;
    struct live_wish wish;
    uint64_t past_from, past_to; /* what `past` holds */
    bool is_paused;
    uint64_t paused_at; /* second behind the window, while paused */
    enum top_page page;
    enum top_panel panel;
    size_t cursor[2], first[2];  /* by panel: row, and the first that is shown */
    const struct thread *chosen; /* of TOP_THREAD */
    char group[96];              /* whose threads alone are shown; "" = all of all */
    bool is_apart;               /* numbered threads have a row each */
    struct frame place;          /* of TOP_SOURCE */
    char find[64];
    bool is_typing; /* what is looked for */
    char message[200];
    int message_looks; /* for so many looks more */
    enum top_report report;
    bool is_over;
    bool is_lost; /* the file is not there (any more), or no trace */
    bool was_there;
    uint64_t written_at_ns; /* by the monotonic clock: when something new came last */
};

/* With settings->output or ->mark (pyrec top) the file may come later: until then it is lost. */
MUST_CHECK enum status top_open(struct top *top, const struct top_settings *settings,
                                struct problem *why);
void top_close(struct top *top);

/* Look whether there is something new; `now_ns` is the monotonic clock. */
void top_tick(struct top *top, uint64_t now_ns);

/* A key was pressed. */
void top_press(struct top *top, uint32_t key);

/* Draw into a canvas that has its size. */
void top_draw(struct top *top, struct canvas *canvas, uint64_t now_ns);

/* Who waits for whose GIL; for top_draw_page. */
void top_draw_gil(const struct top *top, struct canvas *canvas);

/* The last lines of the program's output, for top_draw_page. */
void top_draw_output(const struct top *top, struct canvas *canvas);

/* The pages beside the main one, from row 2 on; for top_draw. */
void top_draw_page(struct top *top, struct canvas *canvas);

/* A place: its file, short where there is no room, and line. */
void top_put_place(struct canvas *canvas, int row, int col, int width, const struct frame *frame,
                   bool full, enum canvas_style style);

/* ---- ways to run it ---- */

/* On the terminal, until q. STATUS_UNSUPPORTED where pyanalyze was built without ncursesw. */
MUST_CHECK enum status top_run_terminal(struct top *top, struct problem *why);

/* `count` plain screens (0 = until the recording ends), `delay_s` seconds apart, on stdout. */
MUST_CHECK enum status top_run_batch(struct top *top, size_t count, uint32_t delay_s,
                                     struct problem *why);

#endif
