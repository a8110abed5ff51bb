/* SPDX-License-Identifier: MIT */
#include "session.h"

#include "asked.h"
#include "attach.h"
#include "called.h"
#include "child.h"
#include "closing.h"
#include "linger.h"
#include "record/base/clocks.h"
#include "record/collect/lobby.h"
#include "record/collect/patrol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define EPOLL_SIGNALS     4ull /* beside COLLECT_EPOLL_KIND and LOBBY_EPOLL_* */
#define MAX_EVENTS        64
#define STRANGERS_WAIT_NS 20000000u
#define STRANGERS_FAR_NS  500000000u   /* before recording begins, see --delay */
#define JOIN_MAX_NS       10000000000u /* from attaching to hello, on a crowded machine */
#define FLUSH_VISITS      8            /* while agents go on writing */
#define TIMEOUT_MAX_MS    3600000

struct session {
    const struct settings *settings;
    session_say *say;
    struct launch launch;
    struct hello hello;
    struct emit emit;
    struct collect collect;
    struct lobby lobby;
    struct child child;
    struct patrol patrol;
    int epoll_fd;
    bool is_recording;      /* agents may come, and the trace takes what they say */
    bool has_recorded;      /* it did so once */
    bool is_complete;       /* the trace is closed */
    bool is_end_asked;      /* by the process that is recorded by itself */
    uint64_t program_start; /* when that one began, field 22 of its stat; 0 = not known */
    uint64_t occupied_ns;   /* when somebody was last being recorded */
    struct asked asked;
    uint64_t start_ns;         /* of pyrec; recording may begin later, .. */
    uint64_t begin_ns, end_ns; /* .. and end by itself (0 = not) */
    uint64_t child_end_ns, next_visit_ns;
    struct launch_agent agent; /* of those that are attached to */
    struct attach_plan joining;
    uint32_t n_joined;   /* processes that were attached to, .. */
    uint64_t join_by_ns; /* .. which say hello before this time */
    uint64_t max_fds;
    struct called called;
};

static bool is_attached(const struct session *s)
{
    return s->settings->n_pids > 0;
}

/* ---- beginning ---- */

static enum status recording_open(struct session *s, struct problem *why)
{
    const struct settings *settings = s->settings;
    called_fill(&s->called, settings);
    TRY(launch_find_agent(&s->launch, why));
    TRY(hello_open(&s->hello, why));
    TRY(lobby_open(&s->lobby, &s->hello, &s->collect, s->epoll_fd, s->max_fds, why));
    const struct emit_plan plan = {
        .path = settings->output,
        .file = settings->file,
        .interval_ns = settings->interval_ns,
        .max_depth = settings->max_depth,
        .options = s->called.options,
        .n_options = CALLED_MAX,
        .service = settings->service.who,
    };
    return emit_open(&s->emit, &plan, why);
}

/* Without a recording the command is run all the same. */
static void recording_begin(struct session *s)
{
    char sentence[sizeof((struct problem *)0)->detail + 256];
    struct problem why;
    collect_init(&s->collect, &s->emit, s->epoll_fd,
                 !is_attached(s) && (s->settings->agent_flags & WIRE_NO_CHILDREN) != 0);
    s->collect.chunk_ns = s->settings->flush_ns;
    door_init(&s->hello.door);
    const enum status status = recording_open(s, &why);
    s->is_recording = s->has_recorded = status == STATUS_OK;
    patrol_init(&s->patrol, &s->collect, s->hello.cookie, s->launch.library);
    s->patrol.due_ns =
        s->settings->is_by_itself || (s->settings->agent_flags & WIRE_NO_CHILDREN) != 0
            ? UINT64_MAX
            : s->begin_ns + PATROL_PERIOD_NS;
    if (s->is_recording)
        return;
    const bool is_file = s->lobby.hello != NULL; /* all that comes before it is there */
    closing_refusal(sentence, sizeof sentence, is_file ? s->settings->output : NULL, why.detail,
                    is_attached(s));
    s->say(sentence);
    lobby_close(&s->lobby);
}

static struct launch_agent agent_of(const struct session *s)
{
    const struct settings *settings = s->settings;
    return (struct launch_agent){&s->hello,
                                 settings->interval_ns,
                                 settings->max_depth,
                                 settings->agent_flags,
                                 settings->max_cost_ppm,
                                 settings->delay_ns != 0 ? s->begin_ns : 0};
}

static enum status command_start(struct session *s, int *exit_code, struct problem *why)
{
    const struct settings *settings = s->settings;
    const struct launch_agent agent = agent_of(s);
    pid_t pid;
    *exit_code = LAUNCH_NOT_EXECUTABLE;
    TRY(child_watch(&s->child, s->epoll_fd, EPOLL_SIGNALS << 32, why));
    TRY(launch_fork(&s->launch, settings->command, s->is_recording ? &agent : NULL,
                    &s->child.inherited, &pid, exit_code, why));
    child_is_there(&s->child, pid);
    return launch_go(&s->launch, settings->command[0], exit_code, why);
}

/* It will call pyrec_attach() by itself, and is there: tell whoever has started us with what. */
static enum status process_invite(struct session *s, int *exit_code, struct problem *why)
{
    const struct launch_agent agent = agent_of(s);
    struct procfs_stat program;
    char *settings = s->is_recording ? launch_agent_text(&agent, s->launch.library) : NULL;
    lobby_expect(&s->lobby, s->settings->pids[0]);
    const bool is_told =
        settings != NULL && printf(WIRE_ENV "=%s\n", settings) > 0 && fflush(stdout) == 0;
    free(settings);
    if (procfs_stat_read(s->settings->pids[0], &program))
        s->program_start = program.start;
    s->child_end_ns = s->occupied_ns = clocks_mono_ns();
    if (s->is_recording && !is_told)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "nobody to say on standard output what pyrec_attach() is to be given");
    *exit_code = s->is_recording ? 0 : 1;
    return STATUS_OK;
}

/* Instead of a command. *exit_code is 0 when at least one of the processes is being recorded. */
static enum status processes_join(struct session *s, int *exit_code, struct problem *why)
{
    enum inject_outcome last;
    s->agent = agent_of(s);
    *exit_code = 1;
    s->child.has_ended = true; /* there is none, and what it would have left behind goes on */
    TRY(child_watch(&s->child, s->epoll_fd, EPOLL_SIGNALS << 32, why));
    if (s->settings->is_by_itself)
        return process_invite(s, exit_code, why);
    if (s->is_recording)
        s->n_joined = attach_all(&s->joining, &last);
    attach_patrol(&s->joining, &s->patrol);
    if (s->n_joined > 0)
        *exit_code = 0;
    else if (s->is_recording)
        *exit_code = (int)last;
    s->child_end_ns = clocks_mono_ns();
    s->join_by_ns = s->child_end_ns + JOIN_MAX_NS;
    return STATUS_OK;
}

/* ---- the loop ---- */

/* A child of ours is dead, but not buried: what is known of it can still be read. */
static void child_is_dying(void *closure, pid_t pid)
{
    struct session *s = closure;
    if (pid == s->child.pid)
        s->child_end_ns = clocks_mono_ns();
    for (uint32_t i = 0; i < s->collect.n; i++) {
        if (s->collect.processes[i]->pid == pid) {
            collect_reap(&s->collect, s->collect.processes[i]->about.number);
            return;
        }
    }
}

static void event_take(struct session *s, uint64_t what, uint64_t now_ns)
{
    switch (what >> 32) {
    case COLLECT_EPOLL_KIND:
        collect_reap(&s->collect, (uint32_t)what);
        break;
    case LOBBY_EPOLL_DOOR:
        lobby_let_in(&s->lobby, now_ns);
        break;
    case LOBBY_EPOLL_CALLER:
        lobby_hear(&s->lobby, (int)(uint32_t)what);
        break;
    case EPOLL_SIGNALS:
        child_take_signals(&s->child, child_is_dying, s);
        break;
    }
}

/* The file that is being written now. */
static void current_name(const struct session *s, char path[PATH_MAX])
{
    closing_newest(path, s->settings, &s->emit);
}

static uint64_t trace_now_ns(const struct session *s)
{
    const struct stream_clock *clock = &s->emit.recording.clock;
    return stream_quanta(clock, clocks_mono_ns()) * clock->quantum_ns;
}

/* The trace cannot be written any more: say so, tell the agents, and let everybody go on. */
static void recording_fail(struct session *s)
{
    char sentence[sizeof s->emit.problem.detail + 256], path[PATH_MAX];
    snprintf(sentence, sizeof sentence, "%s: %s (%s); recording stops, the %s goes on",
             s->settings->output, s->emit.problem.detail, status_text(s->emit.problem.status),
             is_attached(s) ? "program" : "command");
    s->say(sentence);
    s->is_recording = false;
    collect_stop(&s->collect, "stopped");
    lobby_end(&s->lobby);
    current_name(s, path);
    asked_fail(&s->asked, path, trace_now_ns(s), &s->emit.problem);
}

static void wall_clock_look(struct session *s, uint64_t before_ns)
{
    const int64_t wall_ns = (int64_t)clocks_ns(CLOCK_REALTIME);
    const uint64_t after_ns = clocks_mono_ns();
    if (after_ns - before_ns < 1000000) /* else we were held up between the two clocks */
        collect_look_clock(&s->collect, wall_ns, after_ns);
}

static struct encode_end end_of(const struct session *s, uint64_t now_ns, const char *reason)
{
    const struct exit_status *died = &s->child.end;
    return (struct encode_end){
        .end_q = stream_quanta(&s->emit.recording.clock, now_ns),
        .reason = reason,
        .is_status_known = died->is_known,
        .exit_status = died->status,
        .exit_signal = died->signal,
        .processes = s->collect.n_ever - s->collect.n_helpers,
        .missing = &s->collect.missing,
        .helpers = s->collect.n_helpers,
        .helpers_cpu_ns = s->collect.helpers_cpu_ns,
    };
}

/* All that has happened so far is to be on the disk: in the file `path` then, if it could be. */
static enum status recording_flush(struct session *s, char path[PATH_MAX])
{
    char sentence[PATH_MAX + 300];
    struct problem why;
    s->child.has_flush = false;
    for (int i = 0; i < FLUSH_VISITS && !collect_visit(&s->collect, clocks_mono_ns()); i++)
        ;
    collect_flush(&s->collect);
    patrol_tell(&s->patrol, clocks_mono_ns(), true);
    current_name(s, path);
    if (s->settings->file.how != TRACEFILE_KEEP || s->emit.problem.status != STATUS_OK)
        return s->emit.problem.status;
    const struct encode_end end = end_of(s, clocks_mono_ns(), "snapshot");
    const enum status status = emit_snapshot(&s->emit, &s->collect.total, &end, path, &why);
    if (status != STATUS_OK)
        snprintf(sentence, sizeof sentence, "no snapshot: %s (%s)", why.detail,
                 status_text(status));
    else
        snprintf(sentence, sizeof sentence, "%s: a snapshot of the last %s", path,
                 s->settings->file.text);
    if (status != STATUS_OK || !s->settings->is_quiet)
        s->say(sentence);
    return status;
}

/* ---- what is asked ---- */

static void asks_take(struct session *s)
{
    struct lobby_ask ask;
    char path[PATH_MAX];
    while (lobby_next_ask(&s->lobby, &ask)) {
        const bool is_end = ask.what == WIRE_ASK_END && s->settings->is_by_itself;
        const bool is_source = ask.what == WIRE_ASK_SOURCES && ask.memfd >= 0 && s->is_recording;
        const bool is_kept = is_source && collect_sources(&s->collect, ask.pid, ask.memfd);
        if (ask.memfd >= 0)
            close(ask.memfd);
        if (asked_late(&s->asked, ask.fd)) {
            s->is_end_asked |= is_end;
            continue;
        }
        struct asked_answer answer = {
            .outcome = WIRE_ANSWER_DONE,
            .time_ns = trace_now_ns(s),
            .is_split = s->settings->file.how == TRACEFILE_ROTATE,
            .path = path,
            .text = "",
        };
        current_name(s, path);
        if (is_end) {
            s->is_end_asked = true;
            asked_keep(&s->asked, ask.fd);
            continue;
        }
        if (ask.what == WIRE_ASK_FLUSH && recording_flush(s, path) != STATUS_OK) {
            answer.outcome = WIRE_ANSWER_FAILED;
            answer.text = s->emit.problem.status != STATUS_OK ? s->emit.problem.detail
                                                              : "no snapshot could be written";
        } else if (ask.what != WIRE_ASK_WHERE && ask.what != WIRE_ASK_FLUSH && !is_kept) {
            answer.outcome = WIRE_ANSWER_REFUSED;
            answer.text = "it was not begun by a process that may end it";
        }
        asked_answer(ask.fd, &answer);
    }
}

static void visit(struct session *s)
{
    const uint64_t now_ns = clocks_mono_ns();
    char path[PATH_MAX];
    if (!s->is_recording) {
        asks_take(s);
        lobby_sweep(&s->lobby, now_ns);
        return;
    }
    if (s->child.has_flush)
        (void)recording_flush(s, path);
    asks_take(s);
    patrol_look(&s->patrol, s->child.pid, now_ns);
    if (now_ns >= s->next_visit_ns) {
        wall_clock_look(s, now_ns);
        const bool is_empty = collect_visit(&s->collect, now_ns);
        lobby_sweep(&s->lobby, now_ns);
        collect_look_section(&s->collect, now_ns);
        patrol_tell(&s->patrol, now_ns, false);
        s->next_visit_ns = is_empty ? now_ns + s->collect.visit_ns : now_ns;
    }
    if (s->emit.problem.status != STATUS_OK)
        recording_fail(s);
}

/* With PID 1 all that it has started ends, and at once: nobody may keep a container up. */
static uint64_t linger_of(const struct session *s)
{
    const uint64_t linger_ns = s->settings->linger_ns;
    return linger_ns == SETTINGS_FOREVER && getpid() == 1 && !is_attached(s) ? 0 : linger_ns;
}

/* Of --by-itself: who has started us. It asks how it went, though that may be over long before. */
static bool is_author_there(const struct session *s)
{
    return procfs_lives(s->settings->pids[0], s->program_start);
}

static bool is_over(struct session *s)
{
    const uint64_t now_ns = clocks_mono_ns();
    const uint64_t linger_ns = linger_of(s);
    if (!s->child.has_ended)
        return false;
    if (!s->is_recording && s->has_recorded && s->settings->is_by_itself)
        return s->child.was_interrupted || s->is_end_asked || !is_author_there(s);
    if (s->collect.n > 0)
        s->occupied_ns = now_ns;
    if (!s->is_recording || s->child.was_interrupted || s->is_end_asked ||
        (linger_ns != SETTINGS_FOREVER && now_ns - s->child_end_ns >= linger_ns))
        return true;
    if (s->collect.n > 0 || s->lobby.n > 0 ||
        (s->collect.n_ever < s->n_joined && now_ns < s->join_by_ns))
        return false;
    if (s->settings->is_by_itself && is_author_there(s))
        return false; /* it may attach at any time */
    if (is_attached(s) && now_ns - s->occupied_ns < LINGER_GRACE_NS)
        return false; /* its parent has forked and ended: a child may be on its way */
    const uint64_t since_ns = s->child_end_ns > s->begin_ns ? s->child_end_ns : s->begin_ns;
    return !linger_has_strangers(&s->lobby, s->hello.cookie,
                                 now_ns > since_ns ? now_ns - since_ns : 0);
}

/* When something is due by itself; UINT64_MAX = nothing is. */
static uint64_t next_due_ns(const struct session *s, uint64_t now_ns)
{
    uint64_t due_ns = s->end_ns != 0 ? s->end_ns : UINT64_MAX;
    uint64_t next_ns = s->next_visit_ns;
    if (s->child.has_ended && s->collect.n == 0)
        next_ns = now_ns + (now_ns < s->begin_ns ? STRANGERS_FAR_NS : STRANGERS_WAIT_NS);
    else if (s->collect.n == 0 && s->lobby.n == 0 && !s->lobby.is_shut)
        next_ns = UINT64_MAX;
    if (s->patrol.due_ns < due_ns)
        due_ns = s->patrol.due_ns;
    return next_ns < due_ns ? next_ns : due_ns;
}

/* Milliseconds until then, for epoll; -1 = for ever. */
static int timeout_ms(const struct session *s)
{
    const uint64_t now_ns = clocks_mono_ns();
    const uint64_t signal_ns = child_due_ns(&s->child);
    uint64_t due_ns = s->is_recording             ? next_due_ns(s, now_ns)
                      : s->settings->is_by_itself ? now_ns + STRANGERS_FAR_NS
                                                  : UINT64_MAX;
    due_ns = signal_ns < due_ns ? signal_ns : due_ns;
    const uint64_t ms = due_ns <= now_ns ? 0 : (due_ns - now_ns) / 1000000 + 1;
    return due_ns == UINT64_MAX ? -1 : ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : (int)ms;
}

/* ---- ending ---- */

/* Once: at the end of it all, or when --duration is over. `closing` gets the line to print. */
static void recording_end(struct session *s, char *closing_text, size_t size)
{
    if (!s->has_recorded || s->is_complete)
        return;
    s->is_complete = true;
    patrol_close(&s->patrol);
    const bool had_failed = s->emit.problem.status != STATUS_OK;
    collect_stop(&s->collect, "stopped");
    if (s->settings->is_by_itself)
        lobby_end(&s->lobby); /* it may ask yet */
    else
        lobby_close(&s->lobby);
    char output[PATH_MAX];
    closing_output(output, s->settings, &s->emit);
    const uint64_t end_ns = clocks_mono_ns();
    const uint64_t collector_cpu_ns = clocks_ns(CLOCK_PROCESS_CPUTIME_ID);
    s->collect.total.collector_cpu_ns = collector_cpu_ns;
    const struct encode_end end = end_of(s, end_ns,
                                         s->child.was_interrupted || s->is_end_asked ? "stopped"
                                         : s->child.end.signal != 0                  ? "killed"
                                                                                     : "exited");
    emit_close(&s->emit, &s->collect.total, &end);
    if (s->emit.problem.status != STATUS_OK && !had_failed)
        recording_fail(s);
    const struct closing closing = {
        .output = output,
        .path = s->launch.path,
        .duration_ns = end_ns - s->start_ns,
        .is_too_early = end_ns < s->begin_ns,
        .file_bytes = s->emit.file_bytes,
        .collector_cpu_ns = collector_cpu_ns,
        .collect = &s->collect,
    };
    closing_write(closing_text, size, &closing);
    current_name(s, output);
    if (s->emit.problem.status != STATUS_OK)
        return; /* they know */
    const struct asked_answer answer = {
        .outcome = WIRE_ANSWER_DONE,
        .time_ns = end.end_q * s->emit.recording.clock.quantum_ns,
        .path = output,
        .text = closing_text,
    };
    asked_end(&s->asked, &answer);
}

/* --duration is over: the trace is complete, the agents leave, the command goes on. */
static void recording_look_end(struct session *s)
{
    char line[sizeof((struct session_result *)0)->closing];
    if (!s->is_recording || s->end_ns == 0 || clocks_mono_ns() < s->end_ns)
        return;
    recording_end(s, line, sizeof line);
    s->is_recording = false;
    if (!s->settings->is_quiet && s->emit.problem.status == STATUS_OK)
        s->say(line);
}

static void loop(struct session *s)
{
    struct epoll_event events[MAX_EVENTS];
    while (!is_over(s)) {
        const int n = epoll_wait(s->epoll_fd, events, MAX_EVENTS, timeout_ms(s));
        const uint64_t now_ns = clocks_mono_ns();
        for (int i = 0; i < n; i++)
            event_take(s, events[i].data.u64, now_ns);
        if (now_ns >= child_due_ns(&s->child))
            child_take_signals(&s->child, child_is_dying, s);
        visit(s);
        recording_look_end(s);
    }
}

static void result_fill(const struct session *s, struct session_result *result)
{
    result->exit_code = (int)s->child.end.status;
    result->exit_signal = s->child.end.signal;
}

static void session_close(struct session *s)
{
    collect_clear(&s->collect);
    lobby_close(&s->lobby);
    patrol_close(&s->patrol);
    emit_abandon(&s->emit);
    launch_close(&s->launch);
    child_close(&s->child);
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
}

/* What keeps the command from being started ends pyrec with what a shell would say. */
static void session_fail(struct session *s, const struct problem *why, int exit_code,
                         struct session_result *result)
{
    s->say(why->detail);
    result->exit_code = exit_code;
    if (s->child.pid > 0)
        waitpid(s->child.pid, NULL, 0);
}

/* We cannot have a child: the command takes our place. Returns when it cannot do that either. */
static void session_step_aside(struct session *s, const struct problem *why,
                               struct session_result *result)
{
    char sentence[sizeof why->detail + 64];
    struct problem failed;
    int exit_code;
    snprintf(sentence, sizeof sentence, "%s; the command runs unrecorded", why->detail);
    if (s->has_recorded) /* else something is said already */
        s->say(sentence);
    session_close(s);
    launch_become(&s->launch, s->settings->command, &s->child.inherited, &exit_code, &failed);
    session_fail(s, &failed, exit_code, result);
}

static void session_open(struct session *s, const struct settings *settings)
{
    child_prepare(&s->child, &s->max_fds);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->start_ns = clocks_mono_ns();
    s->begin_ns = s->start_ns + settings->delay_ns;
    s->end_ns = settings->duration_ns == SETTINGS_FOREVER ? 0 : s->begin_ns + settings->duration_ns;
    recording_begin(s);
}

/* pyrec -p: until all of the processes have ended, --duration is over, or a signal asks for it. */
static void session_attach(struct session *s, struct session_result *result)
{
    enum inject_outcome last;
    s->joining = (struct attach_plan){s->settings->pids, s->settings->n_pids, &s->launch, &s->agent,
                                      &s->lobby,         &s->collect,         s->say};
    struct problem why;
    if (!s->settings->is_by_itself && !attach_look(&s->joining, &last)) {
        result->exit_code = (int)last;
        return;
    }
    session_open(s, s->settings);
    if (processes_join(s, &result->exit_code, &why) != STATUS_OK)
        session_fail(s, &why, 1, result);
    if (result->exit_code == 0) {
        loop(s);
        recording_end(s, result->closing, sizeof result->closing);
        attach_await_leave(&s->joining);
    }
    session_close(s);
}

void session_run(const struct settings *settings, session_say *say, struct session_result *result)
{
    struct session s = {.settings = settings, .say = say, .epoll_fd = -1};
    struct problem why;
    int exit_code;
    *result = (struct session_result){.exit_code = 0};
    s.child.pid = -1;
    if (settings->n_pids > 0) {
        session_attach(&s, result);
        return;
    }
    const enum status found = launch_find_command(&s.launch, settings->command[0], &why);
    if (found != STATUS_OK) {
        exit_code = found == STATUS_NOT_FOUND ? LAUNCH_NOT_FOUND : LAUNCH_NOT_EXECUTABLE;
        session_fail(&s, &why, exit_code, result);
        return;
    }
    session_open(&s, settings);
    const enum status started = command_start(&s, &exit_code, &why);
    if (started == STATUS_OK) {
        loop(&s);
        recording_end(&s, result->closing, sizeof result->closing);
        result_fill(&s, result);
    } else if (s.child.pid > 0) {
        session_fail(&s, &why, exit_code, result);
    } else {
        session_step_aside(&s, &why, result);
        return;
    }
    session_close(&s);
}
