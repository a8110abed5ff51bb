/* SPDX-License-Identifier: MIT */
#include "stall_find.h"

#include "analyze/base/memory.h"
#include "analyze/idle/idle_next.h"
#include "analyze/idle/idle_place.h"
#include "analyze/read/unit.h"
#include "stall_pieces.h"

#include <stdlib.h>

/* A stack that could not be read must not end a stall, nor must a look whether the GIL is free. */
#define OUTSIDE_MAX_NS 20000000u

struct stall_watch {
    const struct thread *thread;
    const struct idle_thread *idle;
    bool entered; /* it was seen idle, or in a loop that is known */
    bool busy;
    struct stall now;    /* while busy: up to the last sample below the loop */
    struct stall beyond; /* with what came after that, which is the loop's if that comes again */
    struct stall within; /* up to the last sample in a line that it has ever come back from */
    uint64_t last_ns;    /* end of the sample before */
    uint64_t idle_ns;    /* end of the last one in which it was idle; 0 = never */
    bool wants_gil;      /* the last that was sure about it: it waited for the GIL */
    uint32_t line;       /* of the loop's own frame, the last one, */
    uint32_t far_line;   /* .. the one furthest down since it was idle, */
    uint32_t back_line;  /* .. and the one from where it has ever come back */
    uint64_t pieces_ns;  /* of a busy thread: in pieces that may be many, since it was idle */
    uint64_t n_unsure, unsure_ns; /* such times that were as long as a stall */
    uint32_t called; /* by a loop in C, the last time; TREE_ROOT = nothing since then */
    /* of a loop that is entered again and again, while it is not on the stack: */
    uint32_t outer;      /* the function that enters it, */
    uint32_t outer_line; /* .. its line; 0 = it is not on the stack, or the loop is */
    uint32_t outer_far;  /* .. the one furthest down since it was idle, */
    uint32_t outer_back; /* .. and the one that was ever between two visits */
    bool takes_next;     /* see idle_next.h; if so: */
    struct idle_trail trail;
    struct stall_parts parts;
    struct stall_piece piece; /* of the span that is looked at */
};

/* ---- finding ---- */

static void watch_end(struct stalls *stalls, struct stall_watch *w, bool open)
{
    if (!w->busy)
        return;
    w->busy = false;
    /* a loop that is no longer on the stack does not hang */
    open &= w->beyond.end_ns == w->now.end_ns && w->outer_line == 0;
    if (w->takes_next) {
        stall_parts_end(&w->parts, stalls, &w->now, open);
        return;
    }
    if (w->now.wall_ns < stalls->over_ns)
        return;
    stalls->list = memory_grow(stalls->list, &stalls->size, stalls->n + 1, sizeof *stalls->list);
    stalls->list[stalls->n] = w->now;
    stalls->list[stalls->n++].open = open;
}

/* Begin to watch a time in which it is not idle. */
static void watch_begin(struct stalls *stalls, struct stall_watch *w, uint32_t tick)
{
    w->busy = true;
    w->now = (struct stall){
        .thread = w->thread, .idle = w->idle, .begin_ns = scene_before_ns(stalls->scene, tick)};
    w->now.end_ns = w->now.begin_ns;
    w->beyond = w->now;
}

/* What was beyond the loop is the loop's, too. */
static void watch_keep(struct stall_watch *w)
{
    w->now = w->beyond;
    stall_parts_keep(&w->parts);
}

/*
 * The loop is on the stack again: was the time without it the loop's, too? It was when a stack
 * could not be read for a moment, or when the loop is entered again and again.
 */
static void watch_return(struct stalls *stalls, struct stall_watch *w, uint64_t at_ns)
{
    if (!w->busy || w->beyond.end_ns == w->now.end_ns)
        return;
    if (idle_spans(stalls->idle, w->idle, w->idle_ns, at_ns)) {
        w->outer_back = w->outer_far > w->outer_back ? w->outer_far : w->outer_back;
        watch_keep(w);
    } else if (w->beyond.end_ns - w->now.end_ns <= OUTSIDE_MAX_NS) {
        watch_keep(w);
    } else {
        watch_end(stalls, w, false);
    }
}

/*
 * The loop is not on the stack: where is what enters it? On its way out of the loop it is below
 * functions that call the loop, too; so it is the frame of which all that was seen was part.
 */
static void watch_outer(struct stalls *stalls, struct stall_watch *w, uint32_t node)
{
    const struct tree_node *const nodes = stalls->scene->tree.nodes;
    const uint32_t inner = idle_loop_node(stalls->idle, w->idle, node);
    uint32_t outer = inner;
    if (inner == TREE_ROOT)
        return;
    while (outer != TREE_ROOT && idle_function(stalls->idle, outer) != w->outer)
        outer = nodes[outer].parent;
    if (outer == TREE_ROOT) {
        outer = inner;
        w->outer = idle_function(stalls->idle, inner);
        w->outer_back = w->outer_far = 0;
    }
    w->outer_line = scene_frame(stalls->scene, outer).line;
    w->outer_far = w->outer_line > w->outer_far ? w->outer_line : w->outer_far;
}

static void watch_work(struct stalls *stalls, struct stall_watch *w, const struct span *span,
                       uint32_t tick, bool is_work)
{
    const bool counts = scene_has_state(stalls->scene, stalls->select, span);
    /* the last turn of what enters the loop is like those before */
    is_work |= w->outer_line != 0 && w->outer_line <= w->outer_back;
    if (is_work)
        watch_return(stalls, w, scene_time_ns(stalls->scene, tick));
    if (!w->busy) {
        if (!w->entered)
            return;
        watch_begin(stalls, w, tick);
    }
    if (w->takes_next) {
        w->piece.outside = !is_work;
        w->piece.begins =
            w->piece.kind == IDLE_PIECE_WAIT && tick == span->first && span->cpu_q > 0;
        stall_parts_add(&w->parts, &w->beyond, stalls->over_ns, stalls->scene, span, tick, counts,
                        &w->piece);
    }
    w->beyond.end_ns = scene_time_ns(stalls->scene, tick);
    stall_count(&w->beyond, stalls->scene, span, tick, counts);
    if (is_work)
        w->now = w->beyond;
}

/* The time in which it did who knows how many pieces has ended. */
static void watch_pieces_end(const struct stalls *stalls, struct stall_watch *w)
{
    if (w->pieces_ns >= stalls->over_ns) {
        w->n_unsure++;
        w->unsure_ns += w->pieces_ns;
    }
    w->pieces_ns = 0;
}

/* It is where it waits for work. */
static void watch_back(struct stalls *stalls, struct stall_watch *w, const struct span *span,
                       bool is_idle)
{
    if (!w->wants_gil)
        watch_return(stalls, w, scene_time_ns(stalls->scene, span->first));
    w->wants_gil = false;
    w->called = TREE_ROOT;
    w->back_line = w->far_line > w->back_line ? w->far_line : w->back_line;
    w->far_line = w->outer_far = 0;
    watch_end(stalls, w, false);
    if (!is_idle)
        return;
    w->entered = true;
    w->idle_ns = w->last_ns;
}

/*
 * Of a busy thread: is it at work that is not known to be of one piece? That may have come to its
 * end between any two ticks, unseen.
 */
static bool watch_piece(struct stalls *stalls, struct stall_watch *w, const struct span *span)
{
    struct scene *const scene = stalls->scene;
    uint32_t which;
    const enum idle_piece piece =
        idle_busy_piece(stalls->idle, w->idle, scene_node(scene, span->stack),
                        state_class(span->state), scene_call(scene, span), &which);
    if (piece == IDLE_PIECE_NONE) {
        watch_end(stalls, w, false);
        w->pieces_ns += w->entered ? scene_wall_ns(scene, span->first, span->n) : 0;
        return true;
    }
    watch_pieces_end(stalls, w);
    if (piece == IDLE_PIECE_WAIT && span->cpu_q > 0)
        watch_end(stalls, w, false);
    return false;
}

/* Of a loop that takes the next piece at once: has it taken one? And of which is this span? */
static void watch_next(struct stalls *stalls, struct stall_watch *w, const struct span *span,
                       uint32_t node)
{
    struct scene *const scene = stalls->scene;
    if (idle_took_next(stalls->idle, &w->trail, node))
        watch_end(stalls, w, false);
    w->piece.call = scene_call(scene, span);
    w->piece.kind = idle_busy_piece(stalls->idle, w->idle, node, state_class(span->state),
                                    w->piece.call, &w->piece.which);
    if (w->piece.kind != IDLE_PIECE_WAIT)
        w->piece.call = SCENE_NO_CALL;
}

static void watch_span(struct stalls *stalls, struct stall_watch *w, const struct span *span)
{
    struct scene *const scene = stalls->scene;
    const enum state_class class = state_class(span->state);
    const uint32_t node = scene_node(scene, span->stack);
    const enum idle_relation relation =
        idle_relation(stalls->idle, w->idle, node, class, scene_call(scene, span));
    if (scene_before_ns(scene, span->first) != w->last_ns) { /* nobody saw what was between */
        watch_end(stalls, w, false);
        watch_pieces_end(stalls, w);
        w->entered = idle_has_loop(w->idle);
    }
    w->last_ns = scene_time_ns(scene, span->first + span->n - 1);
    if (relation != IDLE_WORK)
        watch_pieces_end(stalls, w);
    else if (w->idle->busy && watch_piece(stalls, w, span))
        return;
    /* who waits for the GIL wakes up every few ms to ask for it: that is no coming back */
    const bool asks = w->wants_gil && (class == CLASS_ON_CPU || class == CLASS_READY);
    if (relation != IDLE_OUTSIDE) {
        w->line = scene_frame(scene, idle_loop_node(stalls->idle, w->idle, node)).line;
        w->far_line = w->line > w->far_line ? w->line : w->far_line;
    }
    if ((relation == IDLE_BACK && !asks) || relation == IDLE_UNKNOWN) {
        watch_back(stalls, w, span, relation == IDLE_BACK);
        return;
    }
    if (!asks)
        w->wants_gil = class == CLASS_WAITS_GIL;
    if (relation == IDLE_OUTSIDE && !w->busy && w->idle_ns == 0)
        return; /* it was not in its loop yet */
    if (w->takes_next)
        watch_next(stalls, w, span, node);
    w->outer_line = 0;
    if (relation == IDLE_OUTSIDE)
        watch_outer(stalls, w, node);
    if (relation == IDLE_WORK) {
        const uint32_t called = idle_called(stalls->idle, w->idle, node);
        if (called != TREE_ROOT && w->called != TREE_ROOT && called != w->called)
            watch_end(stalls, w, false); /* it has been back in between */
        w->called = called;
    }
    for (uint32_t k = 0; k < span->n; k++) {
        watch_work(stalls, w, span, span->first + k, relation == IDLE_WORK);
        if (relation == IDLE_BACK && w->beyond.end_ns - w->now.end_ns > OUTSIDE_MAX_NS)
            watch_back(stalls, w, span, true); /* it asks no longer: it works there */
    }
    if (w->busy && w->now.end_ns == w->beyond.end_ns && w->line <= w->back_line)
        w->within = w->now;
}

static bool exited(const struct thread *thread)
{
    const struct ending *const ending = &thread->process->ending;
    return ending->known && ending->status_known && ending->exit_signal == 0;
}

/*
 * The thread or the program has ended by itself, and in a line below all that its loop was ever
 * seen to come back from: then it had left the loop, which is only a part of its function. What
 * lets greenlets work is on no stack but its own, so that nobody sees it end.
 */
static bool has_left(const struct stall_watch *w)
{
    bool apart = false;
    for (size_t i = 0; i < w->idle->n_places; i++)
        apart |= w->idle->places[i].loop == TREE_ROOT;
    return !idle_has_loop(w->idle) && (apart || w->line > w->back_line) &&
           (w->thread->ended || exited(w->thread));
}

/* All is read. Of a loop that was left, what it did in its own lines after it was idle for the last
 * time was its work, and what came after them was not. */
static void watch_last(struct stalls *stalls, struct stall_watch *w)
{
    const bool left = has_left(w);
    if (left && (w->takes_next || w->within.begin_ns != w->now.begin_ns))
        return;
    if (left)
        w->now = w->within;
    /* a process of one request ends as such a thread does; another one that exits may do so because
     * of its stall */
    const bool ended = w->thread->ended || (w->idle->request != TREE_ROOT && exited(w->thread));
    const size_t first = stalls->n;
    watch_end(stalls, w, !left && !ended);
    if (stalls->n > first)
        stalls->list[stalls->n - 1].ended = ended;
}

static struct stall_watch *watch_of(struct stalls *stalls, const struct thread *thread)
{
    stalls->watch_of = memory_grow(stalls->watch_of, &stalls->watch_of_size, thread->index + 1,
                                   sizeof *stalls->watch_of);
    size_t *const number = &stalls->watch_of[thread->index];
    if (*number != 0)
        return &stalls->watches[*number - 1];
    const struct idle_thread *const idle = idle_thread_of(stalls->idle, thread);
    if (idle == NULL)
        return NULL;
    *number = stalls->n_watches + 1;
    stalls->watches = memory_grow(stalls->watches, &stalls->watches_size, stalls->n_watches + 1,
                                  sizeof *stalls->watches);
    stalls->watches[stalls->n_watches] =
        (struct stall_watch){.thread = thread,
                             .idle = idle,
                             .takes_next = !idle->busy && idle_takes_next(stalls->idle, idle)};
    return &stalls->watches[stalls->n_watches++];
}

static void find_in_range(void *closure, struct scene *scene)
{
    struct stalls *const stalls = closure;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        struct stall_watch *const w = idle_wants(stalls->idle, stalls->select, t->thread)
                                          ? watch_of(stalls, t->thread)
                                          : NULL;
        for (size_t s = 0; w != NULL && w->idle->n_places > 0 && s < t->n_spans; s++)
            watch_span(stalls, w, &t->spans[s]);
    }
}

void stalls_find(struct stalls *stalls, struct idle *idle, struct trace *trace,
                 const struct select *select, uint64_t over_ns, const struct metric *metric)
{
    *stalls =
        (struct stalls){.scene = idle->scene, .idle = idle, .select = select, .over_ns = over_ns};
    stalls->metric = metric == NULL && select_by_state(select) ? &metrics[METRIC_WALL] : metric;
    scene_run(stalls->scene, trace, select, find_in_range, stalls);
    for (size_t i = 0; i < stalls->n_watches; i++) {
        watch_pieces_end(stalls, &stalls->watches[i]);
        watch_last(stalls, &stalls->watches[i]);
    }
    for (size_t i = 0; i < stalls->n_watches; i++)
        stall_parts_clear(&stalls->watches[i].parts);
    stalls_order(stalls);
}

uint64_t stalls_unsure(const struct stalls *stalls, const struct thread *thread, uint64_t *ns)
{
    const size_t number =
        thread->index < stalls->watch_of_size ? stalls->watch_of[thread->index] : 0;
    *ns = number != 0 ? stalls->watches[number - 1].unsure_ns : 0;
    return number != 0 ? stalls->watches[number - 1].n_unsure : 0;
}
