/* SPDX-License-Identifier: MIT */
#include "onlook.h"

#include "record/base/clocks.h"
#include "record/run/child.h"
#include "spool.h"
#include "stash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define SCREEN      "pyanalyze"
#define SIGNALS     1ull
#define EXIT_FAILED 1
#define LOOK_MS     20  /* until the recording is there */
#define PRINT_MS    100 /* of what the command writes once the screen has been left */
#define WORDS_MAX   20

struct onlook {
    const struct settings *settings;
    session_say *say;
    struct child child; /* the pyrec that records */
    struct launch recorder, screen;
    struct stash stash;
    struct spool spool;
    int epoll_fd;
    int terminal;         /* -1: screens are plain */
    bool has_modes;       /* of the terminal, .. */
    struct termios modes; /* .. as they were before the screen */
    int printed_to;       /* what the spool is printed to */
    char trace[PATH_MAX]; /* what the screen looks at, .. */
    struct stat before;   /* .. and what stood there before; st_ino 0 = nothing */
    bool was_shown, is_left, is_asked_to_leave, is_detached;
};

static bool is_attached(const struct onlook *o)
{
    return o->settings->n_pids > 0;
}

/* ---- before ---- */

/* The pyanalyze beside us, in the build tree, or on PATH. */
static enum status screen_find(struct onlook *o, struct problem *why)
{
    static const char *const places[] = {"", "../analyze/"};
    char self[PATH_MAX], path[PATH_MAX + 32];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len > 0) {
        self[len] = '\0';
        *strrchr(self, '/') = '\0';
    }
    for (size_t i = 0; len > 0 && i < ARRAY_LEN(places); i++) {
        snprintf(path, sizeof path, "%s/%s" SCREEN, self, places[i]);
        if (launch_find_command(&o->screen, path, why) == STATUS_OK)
            return STATUS_OK;
    }
    if (launch_find_command(&o->screen, SCREEN, why) == STATUS_OK)
        return STATUS_OK;
    return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
                       "top needs " SCREEN ", which is neither beside pyrec nor on PATH");
}

static void terminal_find(struct onlook *o)
{
    const char *const term = getenv("TERM");
    o->terminal = -1;
    if (!o->settings->is_batch && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0)
        o->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    o->has_modes = o->terminal >= 0 && tcgetattr(o->terminal, &o->modes) == 0;
    o->printed_to = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDERR_FILENO;
}

/* Does the command write to the terminal? */
static bool wants_spool(const struct onlook *o)
{
    return o->terminal >= 0 && (isatty(STDOUT_FILENO) || isatty(STDERR_FILENO));
}

static enum status files_open(struct onlook *o, struct problem *why)
{
    const struct settings *const settings = o->settings;
    if (!settings->has_output || wants_spool(o))
        TRY(stash_open(&o->stash, why));
    if (wants_spool(o))
        TRY(spool_open(&o->spool, o->stash.output, why));
    if (!settings->has_output)
        snprintf(o->trace, sizeof o->trace, "%s", o->stash.trace);
    else if (settings->file.how == TRACEFILE_ROTATE)
        tracefile_number_path(o->trace, settings->output, 0, TRACEFILE_DIGITS);
    else
        snprintf(o->trace, sizeof o->trace, "%s", settings->output);
    if (stat(o->trace, &o->before) != 0)
        o->before.st_ino = 0;
    return STATUS_OK;
}

/* ---- the pyrec that records ---- */

/* The same words, behind where to record to if none of them says it, and how soon it is there. */
static char **recorder_words(struct onlook *o)
{
    static char name[] = "pyrec", to[] = "-o", flush[] = "--flush", soon[] = "0.5";
    size_t n = 0, at = 0;
    while (o->settings->words[n] != NULL)
        n++;
    char **const words = calloc(n + 6, sizeof *words);
    if (words == NULL)
        return NULL;
    words[at++] = name;
    words[at++] = flush;
    words[at++] = soon;
    if (!o->settings->has_output) {
        words[at++] = to;
        words[at++] = o->stash.trace;
    }
    memcpy(words + at, o->settings->words, n * sizeof *words);
    return words;
}

/* For as long as a process is made: the streams it gets. Those we had are in `kept`. */
static void streams_lend(const struct onlook *o, int kept[3])
{
    const int empty =
        o->terminal >= 0 && isatty(STDIN_FILENO) ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    const int instead[3] = {empty, o->spool.fd, o->spool.fd};
    for (int fd = 0; fd < 3; fd++) {
        kept[fd] = instead[fd] >= 0 && isatty(fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
        if (kept[fd] >= 0)
            dup2(instead[fd], fd);
    }
    if (empty >= 0)
        close(empty);
}

static void streams_take_back(const int kept[3])
{
    for (int fd = 0; fd < 3; fd++) {
        if (kept[fd] < 0)
            continue;
        dup2(kept[fd], fd);
        close(kept[fd]);
    }
}

static enum status recorder_start(struct onlook *o, int *exit_code, struct problem *why)
{
    char self[PATH_MAX];
    int kept[3];
    pid_t pid;
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    *exit_code = EXIT_FAILED;
    TRY(launch_find_command(&o->recorder, self, why));
    char **const words = recorder_words(o);
    if (words == NULL)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "out of memory");
    streams_lend(o, kept);
    enum status status =
        launch_fork(&o->recorder, words, NULL, &o->child.inherited, &pid, exit_code, why);
    streams_take_back(kept);
    if (status == STATUS_OK) {
        child_is_there(&o->child, pid);
        stash_note_writer(&o->stash, pid); /* it waits for launch_go */
        status = launch_go(&o->recorder, words[0], exit_code, why);
    }
    free(words);
    return status;
}

/* ---- the pyanalyze that shows ---- */

/* Is what stands there what is recorded now? */
static bool is_begun(const struct onlook *o)
{
    struct stat now;
    return stat(o->trace, &now) == 0 && now.st_size > 0 &&
           (o->before.st_ino == 0 || now.st_ino != o->before.st_ino ||
            now.st_size < o->before.st_size || now.st_mtim.tv_sec != o->before.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != o->before.st_mtim.tv_nsec);
}

static void screen_words(struct onlook *o, const char *words[WORDS_MAX])
{
    size_t n = 0;
    words[n++] = SCREEN;
    words[n++] = "top";
    if (o->terminal < 0)
        words[n++] = "--batch";
    if (o->settings->every != NULL) {
        words[n++] = "--delay";
        words[n++] = o->settings->every;
    }
    if (o->settings->window != NULL) {
        words[n++] = "--window";
        words[n++] = o->settings->window;
    }
    if (o->spool.fd >= 0) {
        words[n++] = "--program-output";
        words[n++] = o->stash.output;
    }
    if (!o->settings->has_output) {
        words[n++] = "--keep-mark";
        words[n++] = o->stash.mark;
    }
    words[n++] = "--";
    words[n++] = o->trace;
    words[n] = NULL;
}

/* In the child. It ends when we do, and the keyboard's signals are the command's, not its. */
static _Noreturn void screen_run(const struct onlook *o, const char *const *words, pid_t parent)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILED);
    if (!is_attached(o)) {
        sigaction(SIGINT, &ignored, NULL);
        sigaction(SIGQUIT, &ignored, NULL);
    }
    sigaction(SIGCHLD, &o->child.inherited.on_child, NULL);
    setrlimit(RLIMIT_NOFILE, &o->child.inherited.descriptors);
    if (o->terminal >= 0) {
        for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
            if (!isatty(fd))
                dup2(o->terminal, fd);
    } else if (!is_attached(o)) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    rawsig_mask(o->child.inherited.mask);
    execve(o->screen.path, (char *const *)(uintptr_t)words, environ);
    _exit(EXIT_FAILED);
}

static void screen_start(struct onlook *o)
{
    const char *words[WORDS_MAX];
    const pid_t self = getpid();
    screen_words(o, words);
    o->was_shown = true;
    const pid_t pid = fork();
    if (pid == 0)
        screen_run(o, words, self);
    if (pid > 0) {
        o->child.beside = pid;
        return;
    }
    o->is_left = true;
    o->say("the screen cannot be started; recording goes on");
}

static void screen_look(struct onlook *o)
{
    if (!o->was_shown && is_begun(o))
        screen_start(o);
    o->is_left = o->is_left || (o->was_shown && o->child.beside < 0);
    const bool is_told =
        o->child.was_told_to_end || (o->child.has_ended && o->child.was_interrupted);
    if (o->child.beside > 0 && is_told && !o->is_asked_to_leave) {
        o->is_asked_to_leave = true;
        kill(o->child.beside, SIGTERM);
    }
    /* nobody looks at that process any more: leave it */
    if (is_attached(o) && o->is_left && !o->child.has_ended && !o->is_detached) {
        o->is_detached = true;
        kill(o->child.pid, SIGINT);
    }
}

/* ---- the loop ---- */

/* A screen that was killed has not given the terminal back: as it was, and off the other page. */
static void terminal_restore(const struct onlook *o)
{
    static const char main_page[] = "\033[?1049l\033[?25h\033[m\r\n";
    if (!o->has_modes)
        return;
    tcsetattr(o->terminal, TCSANOW, &o->modes);
    const ssize_t unused = write(o->terminal, main_page, sizeof main_page - 1);
    (void)unused;
}

static void child_is_dying(void *closure, pid_t pid)
{
    struct onlook *const o = closure;
    struct exit_status end;
    if (pid != o->child.beside)
        return;
    exit_status_find(pid, -1, &end);
    if (end.signal != 0)
        terminal_restore(o);
}

/* Whatever is not on the screen, or has no screen before it, is printed as it comes. */
static bool output_print(struct onlook *o)
{
    if (o->child.beside > 0)
        return false;
    if (o->child.has_ended && o->child.was_interrupted)
        o->spool.is_over = true; /* somebody does not want to read it all */
    return spool_print(&o->spool, o->printed_to);
}

static int timeout_ms(const struct onlook *o, bool is_more)
{
    const uint64_t due_ns = child_due_ns(&o->child), now_ns = clocks_mono_ns();
    int ms = is_more ? 0 : o->child.beside > 0 ? -1 : o->was_shown ? PRINT_MS : LOOK_MS;
    if (due_ns != UINT64_MAX) {
        const int due_ms = due_ns > now_ns ? (int)((due_ns - now_ns) / 1000000) + 1 : 0;
        ms = ms < 0 || due_ms < ms ? due_ms : ms;
    }
    return ms;
}

static void loop(struct onlook *o)
{
    struct epoll_event event;
    bool is_more = false;
    while (!o->child.has_ended || o->child.beside > 0 || is_more) {
        const int n = epoll_wait(o->epoll_fd, &event, 1, timeout_ms(o, is_more));
        if (n > 0 || clocks_mono_ns() >= child_due_ns(&o->child))
            child_take_signals(&o->child, child_is_dying, o);
        screen_look(o);
        is_more = output_print(o);
    }
    while (output_print(o)) /* what was written last */
        ;
}

static void recording_keep(struct onlook *o)
{
    char sentence[PATH_MAX + 64];
    struct problem why;
    if (o->settings->has_output || !is_begun(o))
        return;
    if (!stash_is_marked(&o->stash)) {
        if (o->was_shown && !o->settings->is_quiet)
            o->say("the recording is removed; -o FILE, or the key K of the screen, keeps it");
        return;
    }
    if (stash_keep(&o->stash, o->settings->output, &why) == STATUS_OK)
        snprintf(sentence, sizeof sentence, "the recording is kept: %s", o->settings->output);
    else
        snprintf(sentence, sizeof sentence, "the recording is lost: %s", why.detail);
    o->say(sentence);
}

static void onlook_close(struct onlook *o)
{
    spool_close(&o->spool);
    stash_close(&o->stash);
    child_close(&o->child);
    launch_close(&o->recorder);
    if (o->terminal >= 0)
        close(o->terminal);
    if (o->epoll_fd >= 0)
        close(o->epoll_fd);
}

static enum status onlook_open(struct onlook *o, struct problem *why)
{
    uint64_t max_fds;
    TRY(screen_find(o, why));
    terminal_find(o);
    TRY(files_open(o, why));
    child_prepare(&o->child, &max_fds);
    o->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return child_watch(&o->child, o->epoll_fd, SIGNALS, why);
}

void onlook_run(const struct settings *settings, session_say *say, struct session_result *result)
{
    struct onlook o = {.settings = settings, .say = say, .epoll_fd = -1, .terminal = -1};
    struct problem why;
    int exit_code = EXIT_FAILED;
    *result = (struct session_result){.exit_code = 0};
    o.spool.fd = -1;
    o.child = (struct child){.pid = -1, .beside = -1};
    o.child.relay.signal_fd = o.child.relay.witness.fd = o.child.relay.witness.pid = -1;
    o.recorder.gate = o.recorder.report = -1;
    enum status status = onlook_open(&o, &why);
    if (status == STATUS_OK)
        status = recorder_start(&o, &exit_code, &why);
    if (status != STATUS_OK) {
        say(why.detail);
        result->exit_code = exit_code;
    } else {
        loop(&o);
        recording_keep(&o);
        result->exit_code = (int)o.child.end.status;
        result->exit_signal = o.child.end.signal;
    }
    onlook_close(&o);
}
