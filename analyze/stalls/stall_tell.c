/* SPDX-License-Identifier: MIT */
#include "stall_tell.h"

#include "analyze/base/date.h"
#include "analyze/base/memory.h"
#include "analyze/view/column.h"
#include "stall_look.h"
#include "stall_tables.h"
#include "stall_text.h"
#include "stall_who.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WHERE_SHARE 0.6 /* of a stall's time: the innermost caller of so much is where it was */

#define TIME_MIN_NS 500000 /* 0.000 s is not worth a word */

/* How long it did what, and what it did most. */
struct stall_times {
    uint64_t ns[CLASS_COUNT];
    enum state_class most;
};

/* ---- words ---- */

/* What programs mean by a call that blocks; NULL where its name says it. */
static const char *call_meaning(const char *call)
{
    static const struct {
        const char *call, *meaning;
    } meanings[] = {
        {"futex", "waiting for a lock, or for another thread"},
        {"nanosleep", "sleeping"},
        {"clock_nanosleep", "sleeping"},
        {"[hrtimer_nanosleep]", "sleeping"},
        {"[ep_poll]", "waiting for data"},
        {"select", "sleeping, or waiting for data"},
        {"pselect6", "sleeping, or waiting for data"},
        {"poll", "waiting for data"},
        {"ppoll", "waiting for data"},
        {"epoll_wait", "waiting for data"},
        {"epoll_pwait", "waiting for data"},
        {"read", "reading"},
        {"recvfrom", "reading from a socket"},
        {"recvmsg", "reading from a socket"},
        {"write", "writing"},
        {"sendto", "writing to a socket"},
        {"connect", "connecting"},
        {"wait4", "waiting for another process"},
        {"waitid", "waiting for another process"},
        {"fsync", "waiting for the disk"},
        {"fdatasync", "waiting for the disk"},
        {"flock", "waiting for a lock of a file"},
        {"fcntl", "waiting for a lock of a file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (strcmp(call, meanings[i].call) == 0)
            return meanings[i].meaning;
    }
    return NULL;
}

static const char *time_text(struct view *view, const struct stall *stall)
{
    const struct recording *const recording = stall->thread->process->recording;
    const char *const date =
        date_print(&view->arena, recording_unix_ns(recording, stall->begin_ns), DATE_MS);
    return date != NULL ? date : "";
}

/* ---- choosing ---- */

/* The innermost caller that has most of it; TREE_ROOT when nothing has. */
static uint32_t where_line(const struct stall *stall)
{
    uint32_t best = TREE_ROOT;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == STALL_TREE && e->number > best && /* callers have smaller numbers */
            (double)stall_entry_ns(e) >= WHERE_SHARE * (double)stall->wall_ns)
            best = e->number;
    }
    return best;
}

/* The same, of a function in all its lines: the line of it that has most. */
static uint32_t where_function(const struct stalls *stalls, const struct stall *stall)
{
    uint32_t best = TREE_ROOT, best_function = TREE_ROOT;
    for (size_t i = 0; i < stall->n; i++) {
        const uint32_t function = idle_function(stalls->idle, stall->entries[i].number);
        uint64_t sum_ns = 0, most_ns = 0;
        uint32_t most = TREE_ROOT;
        if (stall->entries[i].kind != STALL_TREE || function <= best_function)
            continue;
        for (size_t k = 0; k < stall->n; k++) {
            const struct stall_entry *const e = &stall->entries[k];
            if (e->kind != STALL_TREE || idle_function(stalls->idle, e->number) != function)
                continue;
            sum_ns += stall_entry_ns(e);
            most = stall_entry_ns(e) > most_ns ? e->number : most;
            most_ns = stall_entry_ns(e) > most_ns ? stall_entry_ns(e) : most_ns;
        }
        if ((double)sum_ns < WHERE_SHARE * (double)stall->wall_ns)
            continue;
        best = most;
        best_function = function;
    }
    return best;
}

uint32_t stall_where(const struct stalls *stalls, const struct stall *stall)
{
    const uint32_t line = where_line(stall), function = where_function(stalls, stall);
    /* the function may be further in than the line that calls it */
    return line == TREE_ROOT || (function > line && idle_function(stalls->idle, function) !=
                                                        idle_function(stalls->idle, line))
               ? function
               : line;
}

/*
 * What it did, by its clock: a thread seen ready had often just made room for the sampler, so of
 * the time on a CPU or ready, what its clock says was on a CPU.
 */
static struct stall_times times_of(const struct stall *stall)
{
    struct stall_times times;
    uint64_t *const ns = times.ns;
    const uint64_t running_ns = stall->class_ns[CLASS_ON_CPU] + stall->class_ns[CLASS_READY];
    for (int c = 0; c < CLASS_COUNT; c++)
        ns[c] = stall->class_ns[c];
    ns[CLASS_ON_CPU] = stall->cpu_ns < running_ns ? stall->cpu_ns : running_ns;
    ns[CLASS_READY] = running_ns - ns[CLASS_ON_CPU];
    times.most = CLASS_ON_CPU;
    for (int c = 1; c < CLASS_COUNT; c++)
        times.most = ns[c] > ns[times.most] ? (enum state_class)c : times.most;
    return times;
}

/* Of a phase: its thread was not at it for longer than it did anything. */
static bool is_away(const struct stall *stall)
{
    const struct stall_times times = times_of(stall);
    return stall->elsewhere_ns > times.ns[times.most];
}

const char *stall_cause(const struct stall *stall)
{
    static const char *const causes[CLASS_COUNT] = {"cpu", "ready", "gil", "blocked", "unknown"};
    if (is_away(stall))
        return stall->tasks != NULL && stall->tasks->own ? "suspended" : "elsewhere";
    return causes[times_of(stall).most];
}

/* The call it was blocked in most, wherever; and how long. */
static uint32_t largest_call(const struct stall *stall, uint64_t *ns)
{
    uint32_t best = SCENE_NO_CALL;
    *ns = 0;
    for (size_t i = 0; i < stall->n; i++) {
        uint64_t sum_ns = 0;
        if (stall->entries[i].kind != STALL_CALL)
            continue;
        for (size_t k = 0; k < stall->n; k++) {
            const struct stall_entry *const e = &stall->entries[k];
            if (e->kind == STALL_CALL && e->call == stall->entries[i].call)
                sum_ns += stall_entry_ns(e);
        }
        if (sum_ns > *ns) {
            *ns = sum_ns;
            best = stall->entries[i].call;
        }
    }
    return best;
}

uint32_t stall_call(const struct stall *stall)
{
    uint64_t ns;
    return largest_call(stall, &ns);
}

/* ---- the story ---- */

/* Its task was suspended: what was it seen to wait for most? */
static const char *away_text(struct view *view, const struct stalls *stalls,
                             const struct stall *stall)
{
    const char *const time = stall_seconds_text(view, stall->elsewhere_ns);
    if (stall->tasks == NULL || !stall->tasks->own || stall->tasks->n == 0)
        return arena_print(&view->arena,
                           "its thread was not at it for %s; what its task waited for was not seen",
                           time);
    const struct await_row *const most = &stall->tasks->rows[0];
    return arena_print(&view->arena, "suspended for %s, seen %s%s for %s of it, in %s", time,
                       stall_is_ready(most->wait)          ? ""
                       : strcmp(most->wait, "future") == 0 ? "waiting for a "
                                                           : "waiting for ",
                       most->wait, stall_seconds_text(view, most->some_ns),
                       stall_place_text(view, stalls->scene, most->node));
}

/* One sentence: what it did most of the time, and where. */
static const char *verdict(struct view *view, const struct stalls *stalls,
                           const struct stall *stall, uint32_t node)
{
    const struct scene *const scene = stalls->scene;
    const struct stall_times times = times_of(stall);
    const enum state_class class = times.most;
    const char *const time = stall_seconds_text(view, times.ns[class]);
    if (is_away(stall))
        return away_text(view, stalls, stall);
    const char *const place =
        node != TREE_ROOT ? stall_place_text(view, scene, node) : "several places";
    if (class == CLASS_BLOCKED) {
        uint64_t call_ns;
        const uint32_t call = largest_call(stall, &call_ns);
        const char *const name = call != SCENE_NO_CALL ? scene->calls[call] : "an unknown call";
        const char *const what = stall_call_text(view, name);
        const char *const meaning = call_meaning(name);
        const char *const most =
            call_ns + TIME_MIN_NS < times.ns[class]
                ? arena_print(&view->arena, "%s of it ", stall_seconds_text(view, call_ns))
                : "";
        if (most[0] != '\0')
            return arena_print(&view->arena, "blocked for %s, %s%s%s%s%s, in %s", time, most, what,
                               meaning != NULL ? " (" : "", meaning != NULL ? meaning : "",
                               meaning != NULL ? ")" : "", place);
        return arena_print(&view->arena, "blocked %s%s%s%s for %s in %s", what,
                           meaning != NULL ? " (" : "", meaning != NULL ? meaning : "",
                           meaning != NULL ? ")" : "", time, place);
    }
    if (class == CLASS_WAITS_GIL)
        return arena_print(&view->arena, "waited %s for the GIL, in %s", time, place);
    if (class == CLASS_READY)
        return arena_print(&view->arena, "ready to run for %s but no CPU was free, in %s", time,
                           place);
    if (class == CLASS_UNKNOWN)
        return arena_print(&view->arena,
                           "ready or blocked (it could not be looked which) for %s in %s", time,
                           place);
    return arena_print(&view->arena, "computed for %s in %s", time, place);
}

/* " in 20 waits, the longest 0.310 s": one long wait, or many that the loop let through? */
static const char *pieces_text(struct view *view, const struct stall *stall)
{
    if (stall->n_blocked < 2)
        return "";
    return arena_print(&view->arena, " in %" PRIu64 " waits, the longest %s", stall->n_blocked,
                       stall_seconds_text(view, stall->longest_ns));
}

/* "computed 1.200 s, waited for the GIL 0.300 s" */
static const char *times_text(struct view *view, const struct stall *stall)
{
    static const char *const words[CLASS_COUNT] = {"computed", "waited for a CPU",
                                                   "waited for the GIL", "was blocked",
                                                   "did what is not known"};
    const struct stall_times times = times_of(stall);
    const char *text = "";
    for (int c = 0; c < CLASS_COUNT; c++) {
        if (times.ns[c] >= TIME_MIN_NS)
            text = arena_print(&view->arena, "%s%s%s %s%s", text, text[0] != '\0' ? ", " : "",
                               words[c], stall_seconds_text(view, times.ns[c]),
                               c == CLASS_BLOCKED ? pieces_text(view, stall) : "");
    }
    if (stall->elsewhere_ns >= TIME_MIN_NS)
        text =
            arena_print(&view->arena, "%s%sfor %s its thread was not at it", text,
                        text[0] != '\0' ? "; " : "", stall_seconds_text(view, stall->elsewhere_ns));
    if (stall_unseen_ns(stall) >= TIME_MIN_NS)
        text = arena_print(&view->arena, "%s%s%s nobody saw (program stopped, or no CPU for pyrec)",
                           text, text[0] != '\0' ? "; " : "",
                           stall_seconds_text(view, stall_unseen_ns(stall)));
    return text;
}

/* Its CPU, of which so much was used in the kernel, and so much where that could not be told. */
static void story_cpu(struct weights *weights, const struct stall *stall)
{
    const struct weight *const counted = stall->counted.by;
    const uint64_t either_ns = counted[CLASS_EITHER].cpu + counted[CLASS_READY].cpu;
    const uint64_t kernel_ns = counted[CLASS_KERNEL].cpu;
    uint64_t left_ns = stall->cpu_ns;
    weights->by[CLASS_KERNEL].cpu = kernel_ns < left_ns ? kernel_ns : left_ns;
    left_ns -= weights->by[CLASS_KERNEL].cpu;
    weights->by[CLASS_EITHER].cpu = either_ns < left_ns ? either_ns : left_ns;
    weights->by[CLASS_ON_CPU].cpu = left_ns - weights->by[CLASS_EITHER].cpu;
}

static struct row story_row(struct view *view, const struct stalls *stalls,
                            const struct stall *stall, uint32_t node)
{
    struct stall_facts *const facts = arena_get(&view->arena, sizeof *facts);
    struct weights *const weights = arena_get(&view->arena, sizeof *weights);
    struct weight *const all = &weights->by[CLASS_ON_CPU]; /* what is not known by state */
    const uint32_t call = stall_call(stall);
    for (int c = 0; c < CLASS_COUNT; c++)
        weights->by[c].wall = stall->class_ns[c];
    *all = (struct weight){stall->samples, stall->ticks, all->wall, 0};
    story_cpu(weights, stall);
    *facts = (struct stall_facts){
        .start_ns = stall->begin_ns,
        .duration_ns = stall_length_ns(stall),
        .unobserved_ns = stall_unseen_ns(stall),
        .time = time_text(view, stall),
        .cause = stall_cause(stall),
        .call = call != SCENE_NO_CALL ? stalls->scene->calls[call] : NULL,
        .end = stall->open    ? "recording ended"
               : stall->ended ? "ended"
                              : "came back",
        .pieces = stall->several ? "may be several" : "one",
        .phase = stall->phase,
        .detail = stall->detail,
        .phase_ns = stall->phase_end_ns - stall->phase_begin_ns,
        .away_ns = stall->elsewhere_ns,
        .tasks = stall->tasks,
    };
    struct row row = {.process = stall->thread->process,
                      .thread = stall->thread,
                      .self = weights,
                      .stall = facts};
    if (node != TREE_ROOT)
        row.frame = scene_frame(stalls->scene, node);
    return row;
}

const char *stall_sight_text(enum stall_sight sight)
{
    static const char *const words[] = {"not known", "after", "before", "in it"};
    return words[sight];
}

/* "2 of this phase at a time at most, suspended for 0.950 s of the 1.000 s of which that is known"
 */
static const char *own_text(struct view *view, const struct stall_tasks *tasks)
{
    const char *text = arena_print(
        &view->arena,
        "%" PRIu32 " of this phase%s, suspended for %s of the %s of which that is known",
        tasks->n_tasks, tasks->n_tasks == 1 ? "" : " at a time at most",
        stall_seconds_text(view, tasks->some_ns), stall_seconds_text(view, tasks->known_ns));
    if (tasks->unknown_ns >= TIME_MIN_NS)
        text = arena_print(&view->arena, "%s; for %s nobody could look", text,
                           stall_seconds_text(view, tasks->unknown_ns));
    return text;
}

/* "12 of its loop waited, 3 of them for nothing but the loop, seen 0.040 s after it had begun" */
static const char *tasks_text(struct view *view, const struct stall *stall)
{
    const struct stall_tasks *const tasks = stall->tasks;
    static const char *const offs[] = {"", "after it had ended", "before it began",
                                       "after it had begun"};
    if (tasks->own)
        return own_text(view, tasks);
    if (tasks->sight == SIGHT_NOT_KNOWN)
        return "what those of its loop waited for is not known: nobody could look within 2 s of it";
    const char *const off = arena_print(
        &view->arena, "%s %s", stall_seconds_text(view, tasks->off_ns), offs[tasks->sight]);
    const char *text = arena_print(&view->arena, "%" PRIu32 " of its loop waited", tasks->n_tasks);
    if (tasks->ready > 0)
        text = arena_print(&view->arena, "%s, %s%.0f of them for nothing but the loop", text,
                           tasks->n_unread > 0 ? "about " : "", tasks->ready);
    text = arena_print(&view->arena, "%s, %s %s", text,
                       tasks->sight == SIGHT_BEFORE ? "seen last" : "seen", off);
    if (tasks->n_unknown > 0)
        text = arena_print(&view->arena, "%s; %" PRIu32 " of them could not be read", text,
                           tasks->n_unknown);
    if (tasks->n_unread > 0)
        text = arena_print(&view->arena, "%s; %" PRIu32 " were not read, the others stand for them",
                           text, tasks->n_unread);
    if (is_away(stall))
        text = arena_print(&view->arena, "%s; which of them is in this phase is not known", text);
    return text;
}

/* Its thread, and of which process where there are several. */
static const char *who_text(struct view *view, const struct stalls *stalls,
                            const struct stall *stall)
{
    const struct process *const process = stall->thread->process;
    for (size_t i = 0; i < stalls->idle->n_threads; i++) {
        if (stalls->idle->threads[i]->thread->process != process)
            return arena_print(&view->arena, "%s of process %" PRIu32, stall->thread->name,
                               process->pid);
    }
    return stall->thread->name;
}

static const char *heading(struct view *view, const struct stalls *stalls,
                           const struct stall *stall, size_t number)
{
    const char *const open = stall->open ? ", until the recording ended" : "";
    const char *const who = who_text(view, stalls, stall);
    if (stall->phase == NULL)
        return arena_print(&view->arena, "%zu. %s %s for %s%s%s", number, who,
                           stall->open ? "hung" : "stalled",
                           stall_seconds_text(view, stall_length_ns(stall)),
                           stall->several ? ", or did several things in a row" : "", open);
    return arena_print(&view->arena, "%zu. %s%s%s took %s in %s%s", number, stall->phase,
                       stall->detail[0] != '\0' ? " " : "", stall->detail,
                       stall_seconds_text(view, stall->phase_end_ns - stall->phase_begin_ns), who,
                       open);
}

void stall_tell(struct view *view, const struct stalls *stalls, const struct stall *stall,
                size_t number, size_t rows_max)
{
    const uint32_t node = stall_where(stalls, stall);
    const enum state_class class = times_of(stall).most;
    const unsigned why = class == CLASS_BLOCKED && !is_away(stall) ? 1u << STALL_CALL : 0;
    const struct row row = story_row(view, stalls, stall, node);
    struct story *const story = view_add_story(view, heading(view, stalls, stall, number));
    story->row = row;
    story_add_line(story, arena_print(&view->arena, "at    %s, %s after the start", row.stall->time,
                                      stall_seconds_text(view, stall->begin_ns)));
    story_add_line(story,
                   arena_print(&view->arena, "why   %s", verdict(view, stalls, stall, node)));
    const unsigned who = stall_tell_who(view, stalls, stall, story);
    story_add_line(story, arena_print(&view->arena, "did   %s", times_text(view, stall)));
    if (stall->tasks != NULL)
        story_add_line(story, arena_print(&view->arena, "tasks %s", tasks_text(view, stall)));
    if (stall->several)
        story_add_line(story, arena_print(&view->arena,
                                          "may be several: %s, which no sample shows; a higher "
                                          "rate (pyrec -r 1000) tells more",
                                          stall->idle->request != TREE_ROOT
                                              ? "the next request on its connection may have come"
                                              : "its loop takes what is there without waiting"));
    stall_add_tables(view, stalls, stall, story, rows_max, why | who);
}
