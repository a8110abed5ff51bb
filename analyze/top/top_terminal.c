/* SPDX-License-Identifier: MIT */
/* The screen on a terminal, by ncursesw: it gets the cells of a canvas, and gives keys. */
#include "top.h"

#ifdef PYREC_NCURSES
#include "analyze/base/now.h"
#include "analyze/base/path.h"

#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#define LOOK_NS SECOND_NS /* from one look at the file to the next */
#define WAIT_MS 250       /* for a key: a signal is seen after that, too */

static volatile sig_atomic_t is_told_to_end;

static void note_end(int signal)
{
    (void)signal;
    is_told_to_end = 1;
}

static attr_t attribute_of(enum canvas_style style, bool colored)
{
    switch (style) {
    case STYLE_BOLD:
    case STYLE_TITLE:
        return A_BOLD;
    case STYLE_DIM:
        return A_DIM;
    case STYLE_CPU:
        return colored ? COLOR_PAIR(1) : A_NORMAL;
    case STYLE_GIL:
        return colored ? COLOR_PAIR(2) : A_NORMAL;
    case STYLE_ALARM:
        return colored ? COLOR_PAIR(3) | A_BOLD : A_BOLD;
    case STYLE_CHOSEN:
        return A_REVERSE;
    default:
        return A_NORMAL;
    }
}

/* ncurses finds out which of them are others than before. */
static void show(struct top *top, struct canvas *canvas, bool colored)
{
    int rows, cols;
    getmaxyx(stdscr, rows, cols);
    canvas_size(canvas, rows, cols);
    top_draw(top, canvas, clock_ns(CLOCK_MONOTONIC));
    for (int row = 0; row < rows; row++) {
        for (int col = 0; col < cols; col++) {
            const struct canvas_cell *const cell = &canvas->cells[row * cols + col];
            if (cell->text[0] == '\0')
                continue;
            attrset(attribute_of((enum canvas_style)cell->style, colored));
            mvaddstr(row, col, cell->text);
        }
    }
    refresh();
}

static uint32_t key_of(int key)
{
    switch (key) {
    case KEY_UP:
        return TOP_KEY_UP;
    case KEY_DOWN:
        return TOP_KEY_DOWN;
    case KEY_LEFT:
        return TOP_KEY_LEFT;
    case KEY_RIGHT:
        return TOP_KEY_RIGHT;
    case KEY_PPAGE:
        return TOP_KEY_PAGE_UP;
    case KEY_NPAGE:
        return TOP_KEY_PAGE_DOWN;
    case KEY_HOME:
        return TOP_KEY_HOME;
    case KEY_END:
        return TOP_KEY_END;
    case KEY_ENTER:
    case '\n':
    case '\r':
        return TOP_KEY_ENTER;
    case 27:
        return TOP_KEY_ESCAPE;
    case KEY_BACKSPACE:
    case 127:
    case 8:
        return TOP_KEY_BACKSPACE;
    default:
        return key > 0 && key < 0x100 ? (uint32_t)key : 0;
    }
}

/* The page is written by ourselves, in another process: it takes seconds for a long recording. */
struct report_child {
    pid_t pid; /* 0 = none is being written */
    char path[200];
};

/* Of the seconds that are looked at, or of all. */
static void report_begin(struct top *top, struct report_child *report)
{
    const bool is_whole = top->report == TOP_REPORT_ALL;
    char from[32], to[32], range[64];
    top->report = TOP_REPORT_NONE;
    if (report->pid != 0)
        return;
    const char *const name = path_name(top->settings.path);
    const char *const end = strrchr(name, '.');
    const int len = end != NULL && strcmp(end, ".trace") == 0 ? (int)(end - name) : -1;
    snprintf(from, sizeof from, "%" PRIu64 "s", top->model.from);
    snprintf(to, sizeof to, "%" PRIu64 "s", top->model.to);
    snprintf(range, sizeof range, ".%" PRIu64 "-%s", top->model.from, to);
    snprintf(report->path, sizeof report->path, "%.*s%s.html", len < 0 || len > 120 ? 120 : len,
             name, is_whole ? "" : range);
    const char *words[] = {"pyanalyze", "report", "--output", report->path, "--from", from,
                           "--to",      to,       "--",       NULL,         NULL};
    size_t last = 8;
    if (is_whole)
        words[last = 4] = "--";
    words[last + 1] = top->settings.path;
    words[last + 2] = NULL;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDOUT_FILENO + 1);
    if (posix_spawn(&report->pid, "/proc/self/exe", &files, NULL, (char *const *)(uintptr_t)words,
                    environ) != 0)
        report->pid = 0;
    snprintf(top->message, sizeof top->message,
             report->pid != 0 ? "writing %.180s" : "the report cannot be started: %.150s",
             report->path);
    posix_spawn_file_actions_destroy(&files);
}

/* True when it was done just now. */
static bool report_ended(struct top *top, struct report_child *report)
{
    int status;
    if (report->pid == 0 || waitpid(report->pid, &status, WNOHANG) != report->pid)
        return false;
    report->pid = 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 0 || code == 3) /* 3: what is damaged is said in the page */
        snprintf(top->message, sizeof top->message, "written: %.180s", report->path);
    else
        snprintf(top->message, sizeof top->message,
                 "the report was not written; pyanalyze report says why");
    return true;
}

/* Take the keys that are there; false where the terminal has gone. */
static bool take_keys(struct top *top, struct canvas *canvas, bool *changed)
{
    struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
    const int ready = poll(&terminal, 1, WAIT_MS);
    if (ready > 0 && terminal.revents & (POLLERR | POLLNVAL))
        return false;
    int key;
    while ((key = getch()) != ERR) {
        *changed = true;
        if (key == KEY_RESIZE)
            continue;
        if (key == 12) { /* ^L: whatever somebody else wrote there */
            clearok(stdscr, TRUE);
            continue;
        }
        top_press(top, key_of(key));
        (void)canvas;
    }
    return !(ready > 0 && terminal.revents & POLLHUP);
}

static void loop(struct top *top, bool colored)
{
    struct canvas canvas = {.plain = top->settings.plain};
    struct report_child report = {0};
    uint64_t looked_ns = 0;
    bool changed = true;
    while (!top->is_over && !is_told_to_end) {
        const uint64_t ns = clock_ns(CLOCK_MONOTONIC);
        if (ns - looked_ns >= LOOK_NS) {
            looked_ns = ns;
            top_tick(top, ns);
            changed = true;
        }
        if (top->report > TOP_REPORT_ASKED)
            report_begin(top, &report);
        if (report_ended(top, &report) || changed)
            show(top, &canvas, colored);
        changed = false;
        if (!take_keys(top, &canvas, &changed))
            break;
    }
    canvas_clear(&canvas);
}

/* A screen needs a terminal that is known and has a cursor that can be placed ("dumb" has none). */
static enum status check_terminal(struct problem *why)
{
    int found;
    const char *const term = getenv("TERM");
    const bool is_known = setupterm(NULL, STDOUT_FILENO, &found) == OK;
    static char name[] = "cup"; /* the cursor's place */
    const char *const place = is_known ? tigetstr(name) : NULL;
    if (is_known && place != NULL && place != (const char *)-1)
        return STATUS_OK;
    return problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
                       is_known ? "top: the terminal \"%.40s\" (TERM) cannot place its cursor; "
                                  "--batch needs none"
                                : "top: the terminal \"%.40s\" is not known here (TERM); --batch "
                                  "needs none",
                       term != NULL ? term : "");
}

static bool are_alike(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
           memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

/*
 * Give the terminal back. When who started us was killed, the shell may have taken it by now, and
 * we are in the background: there setting its modes fails, or stops us, unless SIGTTOU is blocked.
 * Modes that are not ours any more are the shell's, which has set them for its prompt, and stay.
 */
static void give_back(SCREEN *screen, const struct termios *own)
{
    struct termios found;
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    const bool is_others = tcgetattr(STDIN_FILENO, &found) == 0 && !are_alike(&found, own);
    endwin();
    if (is_others && tcgetpgrp(STDIN_FILENO) != getpgrp())
        tcsetattr(STDIN_FILENO, TCSANOW, &found);
    delscreen(screen);
}

enum status top_run_terminal(struct top *top, struct problem *why)
{
    struct termios own = {0};
    const struct sigaction action = {.sa_handler = note_end};
    const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct sigaction before; /* who is shown beside a program leaves the keyboard's to it */
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
    }
    TRY(check_terminal(why));
    SCREEN *const screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
                           "top: the terminal cannot be used; --batch needs none");
    set_term(screen);
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    set_escdelay(50);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    const char *const no_color = getenv("NO_COLOR");
    const bool colored = has_colors() && (no_color == NULL || no_color[0] == '\0');
    if (colored) {
        start_color();
        use_default_colors();
        init_pair(1, COLOR_BLUE, -1);
        init_pair(2, COLOR_YELLOW, -1);
        init_pair(3, COLOR_RED, -1);
    }
    tcgetattr(STDIN_FILENO, &own);
    loop(top, colored);
    give_back(screen, &own);
    return STATUS_OK;
}

#else

enum status top_run_terminal(struct top *top, struct problem *why)
{
    (void)top;
    return problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
                       "top: this pyanalyze was built without ncursesw (Debian: libncurses-dev); "
                       "--batch needs none");
}

#endif
