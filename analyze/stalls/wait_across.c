/* SPDX-License-Identifier: MIT */
#include "wait_across.h"

#include "analyze/base/memory.h"
#include "analyze/idle/idle_names.h"
#include "analyze/waits/wait_log.h"
#include "wait_judge.h"

#include <stdlib.h>
#include <string.h>

#define ASKS_MIN   3                   /* sleeps in one place: it asks again and again */
#define ASKS_SHARE 0.5                 /* .. that are so much of the stall */
#define ASKS_NS    UINT64_C(110000000) /* sqlite's longest sleep, and a tick */

#define ACROSS_MAX 1000 /* waits that are looked at */

/* What a process did during a wait. */
struct across_log {
    const struct process *process;
    struct wait_log log;
    struct wait wait; /* at its own ticks */
    uint32_t slack;
};

/* A wait of a stall, and all the processes that were recorded meanwhile. */
struct across_wait {
    struct stall *stall;
    struct stall_shared *shared;
    struct across_log *logs;
    size_t n, size;
};

struct across {
    struct stalls *stalls;
    struct across_wait *list;
    size_t n, size;
};

bool wait_asks(const struct stalls *stalls, const struct stall *stall)
{
    const struct stall_entry *const e = stall_largest(stall, STALL_CALL);
    return e != NULL && e->call != SCENE_NO_CALL &&
           idle_name_is_call(stalls->scene->calls[e->call], "sleep") &&
           stall->n_blocked >= ASKS_MIN &&
           (double)stall_entry_ns(e) >= ASKS_SHARE * (double)stall->wall_ns;
}

/* ---- reading ---- */

static struct across_log *log_of(struct across_wait *w, const struct process *process)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->logs[i].process == process)
            return &w->logs[i];
    }
    w->logs = memory_grow(w->logs, &w->size, w->n + 1, sizeof *w->logs);
    w->logs[w->n] = (struct across_log){
        .process = process,
        .wait = {.first = UINT32_MAX,
                 .node = w->shared->node,
                 .call = w->shared->call,
                 .kind = w->shared->kind,
                 .counts = w->shared->counts},
    };
    return &w->logs[w->n++];
}

/* The ticks of the open range that are of the wait's time, and some behind it. */
static void log_range(struct across_wait *w, struct scene *scene)
{
    const struct stall_shared *const s = w->shared;
    if ((w->stall->thread->process == scene->process && !s->own) ||
        scene_time_ns(scene, scene->n_ticks - 1) <= s->begin_ns)
        return;
    struct across_log *const l = log_of(w, scene->process);
    if (l->wait.ended && l->log.logged >= l->wait.end + WAIT_LOOKAHEAD)
        return;
    const uint32_t first = scene_tick_at(scene, s->begin_ns);
    const uint32_t end = scene_tick_at(scene, s->end_ns); /* the first that may show it */
    if (l->wait.first == UINT32_MAX) {
        if (end <= first)
            return;
        l->wait.first = l->log.base + first;
    }
    if (!l->wait.ended) {
        l->wait.end = l->log.base + end;
        l->wait.ended = end < scene->n_ticks;
        l->slack =
            end - scene_tick_at(scene, s->end_ns > s->slack_ns ? s->end_ns - s->slack_ns : 0);
    }
    const uint32_t to = l->wait.end + WAIT_LOOKAHEAD - l->log.base;
    wait_log_ticks(&l->log, scene, first, to < scene->n_ticks ? to : scene->n_ticks);
}

static void across_range(void *closure, struct scene *scene)
{
    struct across *const a = closure;
    for (size_t i = 0; i < a->n && i < ACROSS_MAX; i++)
        log_range(&a->list[i], scene);
}

/* ---- judging ---- */

static bool is_enough(const struct stall_shared *s, enum stall_evidence evidence)
{
    if (!s->ended)
        return s->kind == WAIT_SHARED && evidence == EVIDENCE_BLOCK;
    return evidence == EVIDENCE_BLOCK_LEFT ||
           (s->kind == WAIT_SHARED && evidence == EVIDENCE_NEXT_MOVE);
}

static void judge(struct stalls *stalls, struct across_wait *w)
{
    const struct stall_shared *const s = w->shared;
    struct wait_found found = {.evidence = EVIDENCE_NONE};
    const struct thread *maybe[2] = {NULL, NULL}, *before;
    const struct across_log *where = NULL;
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct across_log *const l = &w->logs[i];
        if (l->wait.first == UINT32_MAX)
            continue;
        l->wait.ended = s->ended;
        before = found.thread;
        wait_judge_best(stalls, w->stall, &l->log, &l->wait, l->slack, &found, &n, maybe);
        where = found.thread != before ? l : where;
    }
    if (n == 1 && is_enough(s, found.evidence)) {
        wait_add_found(stalls, w->stall, &where->log, &where->wait, &found);
        return;
    }
    const bool several = n > 1 && is_enough(s, found.evidence);
    if (stall_entry_ns(&s->unheld) == 0)
        return;
    w->stall->unheld_ns[several ? UNHELD_SEVERAL : s->why] += stall_entry_ns(&s->unheld);
    if (several)
        memcpy(w->stall->maybe, maybe, sizeof maybe);
    stall_add_entry(w->stall, &s->unheld);
}

/* ---- all of it ---- */

/* One that seems to ask for a lock: who lets it go may be of any process. */
static void add_asking(struct stall *stall)
{
    const struct stall_entry *const e = stall_largest(stall, STALL_CALL);
    const uint64_t late_ns = 2 * stall->thread->process->recording->interval_ns;
    stall->shared =
        memory_grow(stall->shared, &stall->shared_size, stall->n_shared + 1, sizeof *stall->shared);
    stall->shared[stall->n_shared++] = (struct stall_shared){
        .begin_ns = stall->begin_ns + late_ns,
        .end_ns = stall->end_ns,
        .slack_ns = ASKS_NS,
        .ended = !stall->open,
        .own = true,
        .counts = weights_sum(&e->counted).wall > 0,
        .node = e->number,
        .call = e->call,
        .kind = WAIT_SHARED,
    };
}

void wait_across(struct stalls *stalls, struct trace *trace, size_t n)
{
    struct across a = {.stalls = stalls};
    const struct select all = {0};
    for (size_t i = 0; i < n; i++) {
        struct stall *const stall = &stalls->list[i];
        if (wait_asks(stalls, stall))
            add_asking(stall);
        for (size_t k = 0; k < stall->n_shared; k++) {
            a.list = memory_grow(a.list, &a.size, a.n + 1, sizeof *a.list);
            a.list[a.n++] = (struct across_wait){.stall = stall, .shared = &stall->shared[k]};
        }
    }
    stalls->scene->names = stalls->select->n_pids > 0;
    if (a.n > 0) {
        trace_plan(trace, 1);
        scene_run(stalls->scene, trace, &all, across_range, &a);
    }
    stalls->scene->names = false;
    for (size_t i = 0; i < a.n; i++) {
        judge(stalls, &a.list[i]);
        for (size_t k = 0; k < a.list[i].n; k++)
            wait_log_clear(&a.list[i].logs[k].log);
        free(a.list[i].logs);
    }
    free(a.list);
}
