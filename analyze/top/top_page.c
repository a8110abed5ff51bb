/* SPDX-License-Identifier: MIT */
/* The pages beside the main one: a thread, a source file, help. */
#include "analyze/base/path.h"
#include "analyze/source/source.h"
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void draw_help(struct canvas *canvas)
{
    static const char *const lines[] = {
        "q             quit; the program and its recording go on",
        "space         pause; recording goes on. Again: live",
        "left right    back and forth in time, a second; < > a minute; End: live",
        "up down, Tab  move; between threads and places",
        "Enter         a thread: stack, places; a group: its threads; a place: its source",
        "p  g          numbered threads as one row, or apart; who waits for whose GIL",
        "s             order of threads: cpu, gil, blocked, name",
        "m             metric of places: CPU, on CPU, seen, GIL wait, blocked",
        "w             window of `now`: 2, 10, 30, 60 s    l  lines or functions",
        "/             find names                           r  total begins anew",
        "W             write the page of `pyanalyze report`: of these seconds, or of all",
        "o  K          with pyrec top: the program's output; keep the recording",
        "",
        "A cell of a strip is a second: height = on a CPU, shade = waited for the",
        "GIL, dot = blocked. Without UTF-8: -=# on a CPU, gG the GIL, . blocked.",
        "CPU is of threads that run Python; that of others is in `pyanalyze processes`.",
        "\u00b1 is a 95% interval; an arrow means that now differs from the total by more.",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines) && (int)i + 3 < canvas->rows; i++)
        canvas_put(canvas, (int)i + 2, 0, canvas->cols, lines[i], STYLE_PLAIN);
}

static const struct live_thread_row *chosen_row(const struct top *top)
{
    for (size_t i = 0; i < top->model.n_threads; i++) {
        if (top->model.threads[i].thread == top->chosen)
            return &top->model.threads[i];
    }
    return NULL;
}

/* Its stack, leaf first, `rows` of it; the row behind. */
static int draw_stack(const struct top *top, struct canvas *canvas, int row, int rows,
                      uint32_t node)
{
    const struct scene *const scene = &top->live.scene;
    for (; rows > 0 && node != TREE_ROOT; rows--, row++, node = scene->tree.nodes[node].parent) {
        const struct frame frame = scene_frame(scene, node);
        const int width = canvas->cols / 2 < 40 ? canvas->cols / 2 : 40;
        canvas_put(canvas, row, 2, width, frame.function, STYLE_PLAIN);
        top_put_place(canvas, row, 4 + width, canvas->cols - width - 4, &frame, true, STYLE_PLAIN);
    }
    if (node != TREE_ROOT)
        canvas_put(canvas, row++, 2, canvas->cols - 2,
                   canvas->plain ? ".. and its callers" : "\u2026 and its callers", STYLE_DIM);
    return row;
}

static void draw_thread_places(const struct top *top, struct canvas *canvas, int row)
{
    char text[120];
    snprintf(text, sizeof text, "  now%%   cum%%  %s of this thread (%s, last %" PRIu64 " s)",
             top->wish.key == KEY_LINE ? "lines" : "functions", top->wish.metric->word,
             top->model.to - top->model.from);
    canvas_put(canvas, row++, 0, canvas->cols, text, STYLE_TITLE);
    const int room = canvas->rows - 1 - row;
    const size_t cursor = top->cursor[TOP_PLACES];
    const size_t first = room > 0 && cursor >= (size_t)room ? cursor - (size_t)room + 1 : 0;
    for (size_t i = first; i < top->model.n_places && row < canvas->rows - 1; i++, row++) {
        const struct live_place p = live_place(&top->model, &top->live, i);
        const int width = canvas->cols / 2 < 40 ? canvas->cols / 2 : 40;
        snprintf(text, sizeof text, "%6.1f %6.1f", 100 * p.now, 100 * p.cum);
        canvas_put(canvas, row, 0, 13, text, STYLE_PLAIN);
        canvas_put(canvas, row, 15, width - 12, p.frame.function, STYLE_PLAIN);
        top_put_place(canvas, row, 4 + width, canvas->cols - width - 4, &p.frame, true,
                      STYLE_PLAIN);
        if (i == cursor)
            canvas_style_row(canvas, row, STYLE_CHOSEN);
    }
}

static void draw_thread(const struct top *top, struct canvas *canvas)
{
    static const char *const states[CLASS_COUNT] = {[CLASS_ON_CPU] = "on a CPU",
                                                    [CLASS_READY] = "ready, no CPU is free",
                                                    [CLASS_WAITS_GIL] = "waits for the GIL",
                                                    [CLASS_BLOCKED] = "blocked",
                                                    [CLASS_UNKNOWN] =
                                                        "ready or blocked, not known which"};
    struct buffer line = {0};
    const struct live_thread_row *const t = chosen_row(top);
    const struct thread *const thread = top->chosen;
    buffer_print(&line, "%s  tid %" PRIu32 " of process %" PRIu32, thread->name, thread->os_tid,
                 thread->process->pid);
    int row = 3;
    if (t == NULL) {
        canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_BOLD);
        canvas_put(canvas, row++, 2, canvas->cols, "not seen in this time", STYLE_DIM);
    } else {
        buffer_print(&line, "  cpu %.0f %%, gil %.0f %%, blocked %.0f %%", 100 * t->cpu,
                     100 * t->gil, 100 * t->blocked);
        canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_BOLD);
        buffer_reset(&line);
        buffer_print(&line, "%s: %s%s%s", t->is_there ? "now" : "when it was seen last",
                     t->halt != HALT_NONE ? state_halt_words(t->halt) : states[t->state],
                     t->call[0] != '\0' ? " in " : "", t->call);
        if (t->state == CLASS_WAITS_GIL && t->waits_for != NULL)
            buffer_print(&line, ", held most by %s", t->waits_for->name);
        canvas_put(canvas, row++, 0, canvas->cols, line.text, STYLE_TITLE);
        row = draw_stack(top, canvas, row, (canvas->rows - 6) / 2, t->node);
    }
    buffer_clear(&line);
    draw_thread_places(top, canvas, row + 1);
}

/* The row that tells what a line has of the window's sum; SIZE_MAX = it has nothing. */
static size_t row_of_line(const struct top *top, uint32_t line)
{
    for (size_t i = 0; i < top->model.n_places; i++) {
        const struct frame f = live_place_frame(&top->model, &top->live, i);
        if (f.line == line && strcmp(f.file, top->place.file) == 0)
            return i;
    }
    return SIZE_MAX;
}

static void draw_source(const struct top *top, struct canvas *canvas)
{
    struct source source = {0};
    struct problem why = {0};
    char text[48];
    top_put_place(canvas, 2, 0, canvas->cols, &top->place, true, STYLE_BOLD);
    if (source_find(&source, &top->live.trace->census, top->place.file, &why) != STATUS_OK) {
        canvas_put(canvas, 3, 0, canvas->cols, why.detail, STYLE_DIM);
        source_clear(&source);
        return;
    }
    const int rows = canvas->rows - 4;
    const uint32_t half = (uint32_t)rows / 2, at = top->place.line;
    uint32_t line = at > half ? at - half : 1;
    for (int row = 3; row < 3 + rows && line <= source.n_lines; row++, line++) {
        const size_t at_row = row_of_line(top, line);
        text[0] = '\0';
        if (at_row != SIZE_MAX) {
            const struct live_place p = live_place(&top->model, &top->live, at_row);
            snprintf(text, sizeof text, "%5.1f %5.1f", 100 * p.now, 100 * p.cum);
        }
        canvas_put(canvas, row, 0, 11, text, STYLE_CPU);
        snprintf(text, sizeof text, "%" PRIu32, line);
        canvas_put_right(canvas, row, 12, 5, text, STYLE_DIM);
        canvas_put(canvas, row, 18, canvas->cols - 18,
                   source_shown(&source.arena, source.lines[line - 1]), STYLE_PLAIN);
        if (line == at)
            canvas_style_row(canvas, row, STYLE_CHOSEN);
    }
    source_clear(&source);
}

void top_draw_page(struct top *top, struct canvas *canvas)
{
    if (top->page == TOP_HELP)
        draw_help(canvas);
    else if (top->page == TOP_GIL)
        top_draw_gil(top, canvas);
    else if (top->page == TOP_OUTPUT)
        top_draw_output(top, canvas);
    else if (top->page == TOP_SOURCE)
        draw_source(top, canvas);
    else
        draw_thread(top, canvas);
}
