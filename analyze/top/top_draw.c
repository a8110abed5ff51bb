/* SPDX-License-Identifier: MIT */
/* The main page. */
#include "analyze/ask/ending.h"
#include "analyze/base/path.h"
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MIN  12
#define COLS_MIN  40
#define QUIET_NS  (10 * SECOND_NS)
#define RECENT_NS (60 * SECOND_NS)

/* What is where, for the size that there is. */
struct layout {
    int threads_at, threads; /* row of the title; rows below it */
    int places_at, places;
    int stalls_at, stalls;
    int name, strip; /* columns */
    bool blocked, waits, error, total, trend;
    int place;
};

static const char *print_time(char text[24], uint64_t ns)
{
    const uint64_t s = ns / SECOND_NS;
    if (s >= 3600)
        snprintf(text, 24, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 24, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
    return text;
}

static struct layout choose_layout(const struct top *top, const struct canvas *canvas)
{
    const int w = canvas->cols, h = canvas->rows;
    struct layout l = {.strip = w >= 120  ? 30
                                : w >= 60 ? 10
                                          : 5,
                       .blocked = w >= 64,
                       .waits = w >= 120,
                       .error = w >= 56,
                       .total = w >= 64,
                       .trend = w >= 48};
    const bool airy = h >= 20;
    const int n_stalls = (int)top->live.n_stalls;
    l.name = w >= 120 ? 24 : w >= 60 ? 16 : 12;
    l.place = w >= 120 ? 36 : w >= 60 ? 20 : w >= 48 ? 18 : 16;
    l.stalls = h >= 40 ? (n_stalls < 5 ? n_stalls + 1 : 6) : h >= 20 ? 1 : 0;
    const int top_rows = airy ? 4 : 3; /* header, bars, alarm, a blank line */
    int room = h - top_rows - 1 - l.stalls - (airy ? 2 : 0) - 2; /* footer, blanks, two titles */
    const int n = (int)top->model.n_threads;
    const int most = room / 2 > n ? n : room / 2;
    l.threads = most < 1 ? 1 : most;
    l.threads_at = top_rows;
    l.places_at = l.threads_at + 1 + l.threads + airy;
    l.places = room - l.threads;
    l.stalls_at = h - 1 - l.stalls;
    return l;
}

/* ---- the first three lines ---- */

static const char *say_state(const struct top *top, uint64_t now_ns, char text[80])
{
    char time[24];
    const struct census *const census = &top->live.trace->census;
    const bool ended = trace_ended(top->live.trace);
    if (top->is_paused) {
        snprintf(text, 80, "%s at %s", top->settings.plain ? "||" : "\u2016 PAUSED",
                 print_time(time, top->paused_at * SECOND_NS));
        return text;
    }
    if (ended) {
        struct arena arena = {0};
        const char *const word =
            census->n_processes > 0 ? ending_word(&census->processes[0]->ending, &arena) : NULL;
        snprintf(text, 80, "ended%s%.40s", word != NULL ? ": " : "", word != NULL ? word : "");
        arena_clear(&arena);
        return text;
    }
    if (top->written_at_ns != 0 && now_ns > top->written_at_ns + QUIET_NS) {
        snprintf(text, 80, "nothing written for %" PRIu64 " s",
                 (now_ns - top->written_at_ns) / SECOND_NS);
        return text;
    }
    return top->settings.plain ? "> LIVE" : "\u25b6 LIVE";
}

static void draw_header(struct top *top, struct canvas *canvas, uint64_t now_ns)
{
    struct buffer line = {0};
    char time[24], state[80];
    const struct census *const census = &top->live.trace->census;
    const char *const word = say_state(top, now_ns, state);
    const int state_width =
        (int)strlen(word) + 1 < canvas->cols / 2 ? (int)strlen(word) + 1 : canvas->cols / 2;
    buffer_print(&line, "pyrec top");
    if (census->n_processes > 0)
        buffer_print(&line, "  %s", process_title(census->processes[0]));
    if (census->n_processes == 1)
        buffer_print(&line, " %" PRIu32, census->processes[0]->pid);
    else if (census->n_processes > 1)
        buffer_print(&line, " and %zu more", census->n_processes - 1);
    struct buffer right = {0};
    buffer_print(&right, "  %s", print_time(time, trace_end_ns(top->live.trace)));
    if (canvas->cols >= 60)
        buffer_print(&right, "  %.4g Hz", top->model.rate);
    if (top->model.cost >= 0 && canvas->cols >= 72)
        buffer_print(&right, ", costs %.1f %%", 100 * top->model.cost);
    if (top->live.n_damages > 0)
        buffer_print(&right, ", damaged");
    const int room = canvas->cols - state_width - (int)right.len;
    const int col = canvas_put(canvas, 0, 0, room > 10 ? room : 10, line.text, STYLE_TITLE);
    canvas_put(canvas, 0, col, canvas->cols - state_width - col, right.text, STYLE_TITLE);
    canvas_put_right(canvas, 0, canvas->cols - state_width, state_width, word, STYLE_TITLE);
    canvas_style_row(canvas, 0, STYLE_TITLE);
    buffer_clear(&line);
    buffer_clear(&right);
}

static int draw_bar(struct canvas *canvas, int row, int col, int width, double share,
                    enum canvas_style style)
{
    const int full = (int)(share * width + 0.5);
    for (int i = 0; i < width; i++)
        canvas_put(canvas, row, col + i, 1,
                   i < full ? (canvas->plain ? "#" : "\u2588") : (canvas->plain ? "." : "\u2591"),
                   style);
    return col + width;
}

static void draw_bars(struct top *top, struct canvas *canvas)
{
    const struct live_model *const m = &top->model;
    const int width = canvas->cols >= 120 ? 24 : canvas->cols >= 60 ? 10 : 5;
    char text[80];
    int col = canvas_put(canvas, 1, 0, 4, "CPU ", STYLE_PLAIN);
    if (m->n_cpus > 0)
        col = draw_bar(canvas, 1, col, width, m->cpus / m->n_cpus, STYLE_CPU);
    if (m->n_cpus > 0)
        snprintf(text, sizeof text, " %.2f of %" PRIu32 "   ", m->cpus, m->n_cpus);
    else
        snprintf(text, sizeof text, "%.2f   ", m->cpus);
    col = canvas_put(canvas, 1, col, canvas->cols - col, text, STYLE_PLAIN);
    col = canvas_put(canvas, 1, col, canvas->cols - col, "GIL ", STYLE_PLAIN);
    if (!m->gil_known) {
        canvas_put(canvas, 1, col, canvas->cols - col, "not known", STYLE_DIM);
        return;
    }
    col = draw_bar(canvas, 1, col, width, m->held, STYLE_GIL);
    const int n = snprintf(text, sizeof text, " held %.0f %%", 100 * m->held);
    if (canvas->cols >= 72)
        snprintf(text + n, sizeof text - (size_t)n, ", %.1f threads wait   GC %.0f %%", m->waiting,
                 100 * m->gc);
    canvas_put(canvas, 1, col, canvas->cols - col, text, STYLE_PLAIN);
}

/* "waits for the GIL of batch-0, in f (daily.py:86)" */
static void print_cause(struct buffer *text, const struct live_stall *s)
{
    if (s->cause == CLASS_WAITS_GIL)
        buffer_print(text, "waited for the GIL%s%s", s->holder != NULL ? " of " : "",
                     s->holder != NULL ? s->holder->name : "");
    else if (s->cause == CLASS_BLOCKED && state_halt_doing(s->call) != NULL)
        buffer_print(text, "blocked %s", state_halt_doing(s->call));
    else if (s->cause == CLASS_BLOCKED)
        buffer_print(text, "blocked%s%s", s->call[0] != '\0' ? " in " : "", s->call);
    else if (s->cause == CLASS_READY)
        buffer_add_text(text, "waited for a CPU");
    else
        buffer_add_text(text, s->cause == CLASS_ON_CPU ? "computed" : "was ready or blocked");
    if (s->frame.function[0] != '\0')
        buffer_print(text, " in %s", s->frame.function);
    if (s->frame.file[0] != '\0')
        buffer_print(text, " (%s:%" PRIu32 ")", path_name(s->frame.file), s->frame.line);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* The stall that goes on, or a word about what was just done, or about what is looked for. */
static void draw_alarm(struct top *top, struct canvas *canvas)
{
    struct buffer line = {0};
    const struct live_stall *open = NULL;
    for (size_t i = 0; i < top->live.n_stalls && open == NULL; i++)
        open =
            top->live.stalls[i].open && !trace_ended(top->live.trace) ? &top->live.stalls[i] : NULL;
    if (top->is_typing || top->find[0] != '\0') {
        buffer_print(&line, "/%s%s", top->find, top->is_typing ? "_" : "   (Esc: all)");
        canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_BOLD);
    } else if (top->report == TOP_REPORT_ASKED) {
        buffer_print(&line, "write a page of: w these %" PRIu64 " s   a all   Esc nothing",
                     top->model.to - top->model.from);
        canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_BOLD);
    } else if (top->message[0] != '\0') {
        canvas_put(canvas, 2, 0, canvas->cols, top->message, STYLE_BOLD);
    } else if (top->group[0] != '\0') {
        buffer_print(&line, "only %s   (Esc: all)", top->group);
        canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_BOLD);
    } else if (open != NULL && !top->is_paused) {
        const uint64_t ns = open->end_ns - open->begin_ns;
        buffer_print(&line, "! %s stalled %.1f s: %.0f %% ", open->thread->name, seconds(ns),
                     ns > 0 ? 100 * (double)open->cause_ns / (double)ns : 0);
        print_cause(&line, open);
        canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_ALARM);
    }
    buffer_clear(&line);
}

/* ---- threads ---- */

static enum canvas_style strip_glyph(const struct live_second *s, bool plain, const char **glyph)
{
    static const char *const heights[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                          "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const shades[] = {"\u2591", "\u2592", "\u2593"};
    static const char *const plain_cpu[] = {"-", "=", "#"}, *const plain_gil[] = {"g", "g", "G"};
    if (!s->seen) {
        *glyph = " ";
        return STYLE_PLAIN;
    }
    const bool is_gil = s->gil >= 0.05f && s->gil >= s->on_cpu;
    const float share = is_gil ? s->gil : s->on_cpu;
    if (share < 0.05f) {
        *glyph = plain ? "." : "\u00b7";
        return STYLE_DIM;
    }
    const int third = share < 0.34f ? 0 : share < 0.67f ? 1 : 2;
    const int eighth = (int)(share * 8) < 7 ? (int)(share * 8) : 7;
    if (is_gil)
        *glyph = plain ? plain_gil[third] : shades[third];
    else
        *glyph = plain ? plain_cpu[third] : heights[eighth];
    return is_gil ? STYLE_GIL : STYLE_CPU;
}

static const char *state_glyph(bool is_there, enum state_class state, bool plain)
{
    static const char *const glyphs[CLASS_COUNT] = {[CLASS_ON_CPU] = "\u25cf",
                                                    [CLASS_READY] = "\u25cc",
                                                    [CLASS_WAITS_GIL] = "\u25d4",
                                                    [CLASS_BLOCKED] = "\u25cb",
                                                    [CLASS_UNKNOWN] = "?"};
    static const char *const letters[CLASS_COUNT] = {[CLASS_ON_CPU] = "C",
                                                     [CLASS_READY] = "r",
                                                     [CLASS_WAITS_GIL] = "g",
                                                     [CLASS_BLOCKED] = ".",
                                                     [CLASS_UNKNOWN] = "?"};
    return !is_there ? "-" : plain ? letters[state] : glyphs[state];
}

/* "1 ● 5 ◔ 2 ○": how many of a group do what. */
static void print_doing(struct buffer *text, const struct live_thread_row *t, bool plain)
{
    static const enum state_class shown[] = {CLASS_ON_CPU, CLASS_READY, CLASS_WAITS_GIL,
                                             CLASS_BLOCKED, CLASS_UNKNOWN};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        const size_t doing = t->doing[shown[i]];
        if (doing > 0)
            buffer_print(text, "%s%zu %s", n > 0 ? "  " : "", doing,
                         state_glyph(true, shown[i], plain));
        n += doing;
    }
    if (n < t->n)
        buffer_print(text, "%s%zu gone", n > 0 ? "  " : "", t->n - n);
}

static int put_percent(struct canvas *canvas, int row, int col, int width, double share,
                       enum canvas_style style)
{
    char text[24];
    snprintf(text, sizeof text, "%.0f", 100 * share);
    return canvas_put_right(canvas, row, col, width, text, style);
}

static void draw_now(struct canvas *canvas, int row, int col, const struct live_thread_row *t)
{
    struct buffer text = {0};
    const bool wide = canvas->cols >= 120;
    if (t->n == 1)
        canvas_put(canvas, row, col, 1, state_glyph(t->is_there, t->state, canvas->plain),
                   STYLE_PLAIN);
    if (t->n > 1)
        print_doing(&text, t, canvas->plain);
    else if (!t->is_there)
        buffer_add_text(&text, t->thread->ended ? "ended" : "not seen");
    else if (t->halt != HALT_NONE || t->call[0] != '\0')
        buffer_print(&text, "%s in %s", t->halt != HALT_NONE ? state_halt_words(t->halt) : t->call,
                     t->frame.function);
    else
        buffer_add_text(&text, t->frame.function);
    if (t->n == 1 && t->is_there && wide && t->frame.file[0] != '\0')
        buffer_print(&text, " (%s:%" PRIu32 ")", path_short(t->frame.file), t->frame.line);
    col += t->n == 1 ? 2 : 0;
    canvas_put(canvas, row, col, canvas->cols - col, text.text,
               t->is_there ? STYLE_PLAIN : STYLE_DIM);
    buffer_clear(&text);
}

/* How many a group has stands there whatever is cut. */
static void put_name(struct canvas *canvas, int row, int width, const struct live_thread_row *t)
{
    char number[24] = "";
    if (t->n > 1)
        snprintf(number, sizeof number, canvas->plain ? " x%zu" : " \u00d7%zu", t->n);
    const int number_width = (int)strlen(number) - (t->n > 1 && !canvas->plain);
    const int col = canvas_put(canvas, row, 0, width - number_width, t->name, STYLE_PLAIN);
    canvas_put(canvas, row, col, width - col, number, STYLE_PLAIN);
}

static void draw_thread(const struct layout *l, struct canvas *canvas, int row,
                        const struct live_thread_row *t)
{
    int col = 0;
    put_name(canvas, row, l->name, t);
    col += l->name + 1;
    for (int i = 0; i < l->strip; i++) {
        const char *glyph;
        const enum canvas_style style =
            strip_glyph(&t->strip[(int)LIVE_STRIP - l->strip + i], canvas->plain, &glyph);
        canvas_put(canvas, row, col + i, 1, glyph, style);
    }
    col += l->strip + 1;
    put_percent(canvas, row, col, 5, t->cpu, STYLE_PLAIN);
    put_percent(canvas, row, col + 5, 5, t->gil, STYLE_PLAIN);
    col += 10;
    if (l->blocked) {
        put_percent(canvas, row, col, 5, t->blocked, STYLE_PLAIN);
        col += 5;
    }
    col += 2;
    if (l->waits) {
        canvas_put(canvas, row, col, 16, t->waits_for != NULL ? t->waits_for->name : "",
                   STYLE_PLAIN);
        col += 18;
    }
    draw_now(canvas, row, col, t);
}

/* Which rows of a panel are shown, so that the cursor is among them. */
static size_t scroll(struct top *top, enum top_panel panel, size_t n, int rows)
{
    size_t *const first = &top->first[panel];
    const size_t cursor = top->cursor[panel], room = rows > 0 ? (size_t)rows : 1;
    if (cursor < *first)
        *first = cursor;
    if (cursor >= *first + room)
        *first = cursor - room + 1;
    if (n <= room)
        *first = 0;
    return *first;
}

static void draw_threads(struct top *top, const struct layout *l, struct canvas *canvas)
{
    static const char *const orders[LIVE_ORDERS] = {"cpu", "gil", "blocked", "name"};
    char text[80];
    const struct live_model *const m = &top->model;
    const size_t first = scroll(top, TOP_THREADS, m->n_threads, l->threads);
    int col = l->name + 1;
    snprintf(text, sizeof text, "thread (%zu)", m->n_found);
    canvas_put(canvas, l->threads_at, 0, l->name, text, STYLE_TITLE);
    snprintf(text, sizeof text, l->strip >= 10 ? "last %d s" : "%d s", l->strip);
    canvas_put(canvas, l->threads_at, col, l->strip, text, STYLE_TITLE);
    col += l->strip + 1;
    canvas_put(canvas, l->threads_at, col, 15, l->blocked ? " cpu% gil% blk%" : " cpu% gil%",
               STYLE_TITLE);
    col += l->blocked ? 17 : 12;
    if (l->waits)
        canvas_put(canvas, l->threads_at, col, 16, "waits for", STYLE_TITLE);
    col += l->waits ? 18 : 0;
    snprintf(text, sizeof text, "now%s%s", canvas->cols >= 80 ? "   sorted by " : "",
             canvas->cols >= 80 ? orders[top->wish.order] : "");
    canvas_put(canvas, l->threads_at, col, canvas->cols - col, text, STYLE_TITLE);
    const bool more = m->n_threads > (size_t)l->threads;
    for (int i = 0; i < l->threads && first + (size_t)i < m->n_threads; i++) {
        const size_t at = first + (size_t)i;
        draw_thread(l, canvas, l->threads_at + 1 + i, &m->threads[at]);
        if (at == top->cursor[TOP_THREADS] && top->panel == TOP_THREADS)
            canvas_style_row(canvas, l->threads_at + 1 + i, STYLE_CHOSEN);
    }
    if (more) {
        snprintf(text, sizeof text, "%zu more", m->n_threads - (size_t)l->threads);
        canvas_put_right(canvas, l->threads_at, canvas->cols - 12, 12, text, STYLE_TITLE);
    }
}

/* ---- places ---- */

void top_put_place(struct canvas *canvas, int row, int col, int width, const struct frame *frame,
                   bool full, enum canvas_style style)
{
    char text[512];
    const char *const file = full ? path_short(frame->file) : path_name(frame->file);
    if (frame->file[0] == '\0')
        return;
    /* its end says which it is, so a long one loses its beginning */
    const int n = snprintf(text, sizeof text, "%.400s:%" PRIu32, file, frame->line);
    const int skip = n > width && full ? (int)(path_name(frame->file) - file) : 0;
    canvas_put(canvas, row, col, width, text + (skip > 0 && skip < n ? skip : 0), style);
}

static void draw_place(const struct layout *l, struct canvas *canvas, int row,
                       const struct live_place *p)
{
    char text[24];
    int col = 0;
    snprintf(text, sizeof text, "%.1f", 100 * p->now);
    canvas_put_right(canvas, row, col, 6, text, STYLE_PLAIN);
    col += 6;
    if (l->error) {
        snprintf(text, sizeof text, "%.1f", 100 * p->error);
        canvas_put_right(canvas, row, col, 6, text, STYLE_DIM);
        col += 6;
    }
    if (l->total) {
        snprintf(text, sizeof text, "%.1f", 100 * p->total);
        canvas_put_right(canvas, row, col, 8, text, STYLE_PLAIN);
        snprintf(text, sizeof text, "%.1f", 100 * p->cum);
        canvas_put_right(canvas, row, col + 8, 7, text, STYLE_PLAIN);
        col += 15;
    }
    if (l->trend) {
        const char *const sign = p->trend > 0   ? (canvas->plain ? "+" : "\u25b2")
                                 : p->trend < 0 ? (canvas->plain ? "-" : "\u25bc")
                                                : "";
        canvas_put(canvas, row, col + 1, 1, sign, p->trend > 0 ? STYLE_ALARM : STYLE_PLAIN);
        col += 2;
    }
    col++;
    top_put_place(canvas, row, col, l->place, &p->frame, canvas->cols >= 120, STYLE_PLAIN);
    col += l->place + 1;
    if (col < canvas->cols)
        canvas_put(canvas, row, col, canvas->cols - col, p->frame.function, STYLE_PLAIN);
}

/* Why there is no place. */
static const char *say_nothing(const struct top *top)
{
    const struct live_model *const m = &top->model;
    if (top->find[0] != '\0')
        return "nothing is called so";
    if (top->live.trace->census.n_processes == 0)
        return trace_ended(top->live.trace) ? "no Python process was recorded"
                                            : "no Python process yet";
    if (m->to == 0)
        return "the first second is not over yet";
    return m->n_seen == 0 ? "nothing was recorded in these seconds" : "nothing of this kind";
}

static void draw_places(struct top *top, const struct layout *l, struct canvas *canvas)
{
    char text[160], since[24];
    const struct live_model *const m = &top->model;
    const size_t first = scroll(top, TOP_PLACES, m->n_places, l->places);
    const char *const error = !l->error ? "" : canvas->plain ? "    +-" : "     \u00b1";
    snprintf(text, sizeof text, "  now%%%s%s", error, l->total ? "  total%   cum%" : "");
    const int col =
        canvas_put(canvas, l->places_at, 0, canvas->cols, text, STYLE_TITLE) + (l->trend ? 3 : 1);
    snprintf(text, sizeof text, "%s (%s, last %" PRIu64 " s; total since %s)",
             top->wish.key == KEY_LINE ? "line" : "function", top->wish.metric->word,
             m->to - m->from, print_time(since, top->live.total_from_ns));
    canvas_put(canvas, l->places_at, col, canvas->cols - col, text, STYLE_TITLE);
    for (int i = 0; i < l->places && first + (size_t)i < m->n_places; i++) {
        const size_t at = first + (size_t)i;
        const struct live_place place = live_place(m, &top->live, at);
        draw_place(l, canvas, l->places_at + 1 + i, &place);
        if (at == top->cursor[TOP_PLACES] && top->panel == TOP_PLACES)
            canvas_style_row(canvas, l->places_at + 1 + i, STYLE_CHOSEN);
    }
    if (m->n_places == 0)
        canvas_put(canvas, l->places_at + 1, 2, canvas->cols - 2, say_nothing(top), STYLE_DIM);
}

/* ---- stalls ---- */

static void draw_stall(struct canvas *canvas, int row, int col, const struct live_stall *s)
{
    struct buffer line = {0};
    char at[24];
    buffer_print(&line, "%s.%" PRIu64 "  %.2f s  %s  ", print_time(at, s->begin_ns),
                 s->begin_ns / (SECOND_NS / 10) % 10, seconds(s->end_ns - s->begin_ns),
                 s->thread->name);
    print_cause(&line, s);
    if (s->open)
        buffer_add_text(&line, " - going on");
    canvas_put(canvas, row, col, canvas->cols - col, line.text,
               s->open ? STYLE_ALARM : STYLE_PLAIN);
    buffer_clear(&line);
}

static void draw_stalls(struct top *top, const struct layout *l, struct canvas *canvas)
{
    char text[40];
    if (l->stalls == 0)
        return;
    if (top->live.n_stalls == 0 && !top->live.are_stalls_told)
        snprintf(text, sizeof text, "stalls: cannot tell");
    else
        snprintf(text, sizeof text, "stalls %zu%s", top->live.n_stalls,
                 top->live.n_stalls > 0 ? ": " : "");
    const int col = canvas_put(canvas, l->stalls_at, 0, canvas->cols, text, STYLE_TITLE);
    if (l->stalls == 1 && top->live.n_stalls > 0)
        draw_stall(canvas, l->stalls_at, col, &top->live.stalls[0]);
    for (int i = 0; i + 1 < l->stalls && (size_t)i < top->live.n_stalls; i++)
        draw_stall(canvas, l->stalls_at + 1 + i, 2, &top->live.stalls[i]);
}

static void draw_footer(struct top *top, struct canvas *canvas)
{
    struct buffer line = {0};
    const int w = canvas->cols;
    const char *const output = top->settings.output != NULL ? "  o output" : "";
    if (w >= 120)
        buffer_print(&line,
                     "q quit  space pause  left/right back in time  w window %" PRIu32
                     " s  m %s  l lines/functions  s sort  / find  Enter details  g GIL  r reset  "
                     "W report  ? help%s",
                     top->wish.window, top->wish.metric->word, output);
    else if (w >= 70)
        buffer_print(&line,
                     "q quit  space pause  m %s  w %" PRIu32
                     " s  g GIL  / find  Enter more  ? help%s",
                     top->wish.metric->word, top->wish.window, output);
    else
        buffer_print(&line, "q quit  space pause  ? help%s", output);
    canvas_put(canvas, canvas->rows - 1, 0, w, line.text, STYLE_DIM);
    buffer_clear(&line);
}

static void draw_lost(const struct top *top, struct canvas *canvas)
{
    canvas_put(canvas, 0, 0, canvas->cols, top->message,
               top->was_there ? STYLE_ALARM : STYLE_PLAIN);
    canvas_put(canvas, 2, 0, canvas->cols,
               top->was_there ? "waiting for a trace to come back; q quits"
                              : "waiting for the recording to begin; q quits",
               STYLE_PLAIN);
}

void top_draw(struct top *top, struct canvas *canvas, uint64_t now_ns)
{
    if (canvas->rows < ROWS_MIN || canvas->cols < COLS_MIN) {
        canvas_put(canvas, 0, 0, canvas->cols, "too small", STYLE_PLAIN);
        canvas_put(canvas, 1, 0, canvas->cols, "40x12 at least", STYLE_PLAIN);
        return;
    }
    if (top->live.trace == NULL && top->page == TOP_OUTPUT) {
        top_draw_page(top, canvas);
        return;
    }
    if (top->live.trace == NULL) {
        draw_lost(top, canvas);
        return;
    }
    draw_header(top, canvas, now_ns);
    draw_footer(top, canvas);
    draw_alarm(top, canvas);
    if (top->page != TOP_MAIN) {
        top_draw_page(top, canvas);
        return;
    }
    const struct layout l = choose_layout(top, canvas);
    draw_bars(top, canvas);
    draw_threads(top, &l, canvas);
    draw_places(top, &l, canvas);
    draw_stalls(top, &l, canvas);
}
