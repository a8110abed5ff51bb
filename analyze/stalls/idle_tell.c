/* SPDX-License-Identifier: MIT */
#include "idle_tell.h"

#include "analyze/base/path.h"
#include "analyze/idle/idle_names.h"
#include "analyze/view/column.h"
#include "analyze/view/story.h"
#include "stall_text.h"

#include <inttypes.h>
#include <string.h>

#define RIVALS_TOLD 2
#define RIVAL_SHARE 0.02 /* of the thread's time */

const char *idle_place_text(struct view *view, const struct scene *scene,
                            const struct idle_place *p)
{
    return arena_print(&view->arena, "%s in %s", scene->calls[p->call],
                       stall_place_text(view, scene, p->node));
}

/* Places that people cannot tell apart are told as one. */
static bool is_same(const struct scene *scene, const struct idle_place *a,
                    const struct idle_place *b)
{
    const struct frame f = scene_frame(scene, a->node), g = scene_frame(scene, b->node);
    return a->call == b->call && frame_compare(&f, &g) == 0;
}

/* What the i-th one and those like it behind it are together; false when one before is like it. */
static bool sum_place(const struct idle *idle, const struct idle_place *list, size_t n, size_t i,
                      struct idle_place *sum)
{
    *sum = list[i];
    for (size_t k = 0; k < i; k++) {
        if (is_same(idle->scene, &list[k], &list[i]))
            return false;
    }
    for (size_t k = i + 1; k < n; k++) {
        if (!is_same(idle->scene, &list[i], &list[k]))
            continue;
        sum->visits += list[k].visits;
        sum->blocked_ns += list[k].blocked_ns;
        sum->longest_ns =
            list[k].longest_ns > sum->longest_ns ? list[k].longest_ns : sum->longest_ns;
    }
    return true;
}

static const char *times_text(struct view *view, const struct idle_place *p)
{
    return arena_print(&view->arena, "there %" PRIu64 " time%s, %s together", p->visits,
                       p->visits == 1 ? "" : "s", stall_seconds_text(view, p->blocked_ns));
}

/* Does it stand for all of the life of a thread that serves one connection? */
static bool is_life(const struct idle_thread *t, const struct idle_place *p)
{
    return p->visits == 0 && t->request != TREE_ROOT;
}

static const char *surety(const struct idle_place *p)
{
    if (p->visits == 0)
        return "known by name; never seen waiting";
    switch (p->meant ? IDLE_RANK_NAMED : (enum idle_rank)p->rank) {
    case IDLE_RANK_NAMED:
        return "named with --idle";
    case IDLE_RANK_KNOWN:
        return "known by name";
    case IDLE_RANK_CALLS:
        return "a loop in C: it calls the work from that line";
    case IDLE_RANK_QUEUE:
        return "a known wait for work, in the loop itself";
    default:
        return "likely: the wait of the loop itself";
    }
}

/* What to type for a place: a line where the loop itself waits, else the function it calls. */
static const char *option_text(struct view *view, const struct idle *idle,
                               const struct idle_place *p)
{
    const struct tree_node *const nodes = idle->scene->tree.nodes;
    uint32_t node = p->node;
    while (node != TREE_ROOT && p->by_function && idle->function_of[node] != p->wait)
        node = nodes[node].parent;
    const struct frame frame = scene_frame(idle->scene, node);
    if (frame.file[0] == '\0')
        return arena_print(&view->arena, "--idle %s", idle->scene->calls[p->call]);
    return p->by_function
               ? arena_print(&view->arena, "--idle %s:%s", path_short(frame.file), frame.function)
               : arena_print(&view->arena, "--idle %s:%" PRIu32, path_short(frame.file),
                             frame.line);
}

/* ---- which are told ---- */

enum told_as { TOLD_IDLE, TOLD_WORK, TOLD_PERHAPS };

/* A place with all that people cannot tell from it. */
struct told {
    struct idle_place sum;
    enum told_as as;
};

/* Is nothing else but what is idle worth telling, as that is known for sure? */
static bool is_sure(const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_places; i++) {
        const struct idle_place *const p = &t->places[i];
        if (p->meant || (p->rank >= IDLE_RANK_CALLS && p->visits > 0))
            return true;
    }
    return false;
}

/* Could it have been the idle place, where that is not known for sure? */
static bool is_rival(const struct idle *idle, const struct idle_thread *t,
                     const struct idle_place *first, const struct idle_place *sum)
{
    return first->visits > 1 && idle_call_of(idle->scene->calls[sum->call]) != IDLE_CALL_NEVER &&
           (double)sum->blocked_ns >= RIVAL_SHARE * (double)t->wall_ns;
}

/* What is idle, then what else may be; their number. The list is in the view's arena. */
static size_t list_told(struct view *view, const struct idle *idle, const struct idle_thread *t,
                        struct told **list)
{
    const size_t max = t->n_places + (t->n_places > 0 ? RIVALS_TOLD : t->n_candidates);
    const struct idle_place *const others = t->places + t->n_places;
    const size_t n_others = t->n_places > 0 && is_sure(t) ? 0 : t->n_all - t->n_places;
    size_t n = 0;
    *list = arena_get(&view->arena, (max + 1) * sizeof **list);
    for (size_t i = 0; i < t->n_places; i++) {
        if (sum_place(idle, t->places, t->n_places, i, &(*list)[n].sum))
            (*list)[n++].as = TOLD_IDLE;
    }
    for (size_t i = 0, end = n + max - t->n_places; i < n_others && n < end; i++) {
        struct told *const told = &(*list)[n];
        if (!sum_place(idle, others, n_others, i, &told->sum) ||
            (t->n_places > 0 && !is_rival(idle, t, &others[i], &told->sum)))
            continue;
        told->as = t->n_places > 0 ? TOLD_WORK : TOLD_PERHAPS;
        n++;
    }
    return n;
}

/* ---- for people ---- */

static const char *told_text(struct view *view, struct idle *idle, const struct idle_thread *t,
                             const struct told *told)
{
    if (is_life(t, &told->sum))
        return arena_print(&view->arena,
                           "  %s is work: a %s serves one connection, in %s (known by name)",
                           t->n_places > 1 ? "all else" : "all that it did",
                           t->thread->main ? "process" : "thread",
                           stall_place_text(view, idle->scene, told->sum.node));
    if (told->sum.visits == 0)
        return arena_print(&view->arena, "  loop %s: there for %s (%s)",
                           stall_place_text(view, idle->scene, told->sum.node),
                           stall_seconds_text(view, t->loop_ns), surety(&told->sum));
    const char *const place = idle_place_text(view, idle->scene, &told->sum);
    const char *const times = times_text(view, &told->sum);
    if (told->as == TOLD_IDLE)
        return arena_print(&view->arena, "  idle in %s: %s (%s)", place, times, surety(&told->sum));
    const char *const option = option_text(view, idle, &told->sum);
    if (told->as == TOLD_WORK)
        return arena_print(&view->arena,
                           "  taken for work: %s: %s, at most %s; if it is idle there: %s", place,
                           times, stall_seconds_text(view, told->sum.longest_ns), option);
    return arena_print(&view->arena, "  blocked in %s: %s of %s; if idle: %s", place, times,
                       stall_seconds_text(view, t->wall_ns), option);
}

static void tell(struct view *view, struct idle *idle, const struct idle_thread *t,
                 enum told_as from, enum told_as to)
{
    struct told *list;
    const size_t n = list_told(view, idle, t, &list);
    for (size_t i = 0; i < n; i++) {
        if (list[i].as >= from && list[i].as <= to)
            view_add_lead(view, told_text(view, idle, t, &list[i]));
    }
}

void idle_tell_places(struct view *view, struct idle *idle, const struct idle_thread *t)
{
    tell(view, idle, t, TOLD_IDLE, TOLD_IDLE);
    if (t->unknown_ns > 0)
        view_add_lead(view,
                      arena_print(&view->arena,
                                  "  of %s it is not known what it did: it could not be looked at",
                                  stall_seconds_text(view, t->unknown_ns)));
    tell(view, idle, t, TOLD_WORK, TOLD_WORK);
}

const char *idle_doubt_text(struct view *view, const struct idle_thread *t)
{
    switch (t->doubt) {
    case IDLE_NEVER_BLOCKED:
        return "it was never seen blocked";
    case IDLE_NOT_LOOKED_AT:
        return arena_print(&view->arena, "for %s of %s it could not be looked at what it did%s",
                           stall_seconds_text(view, t->unknown_ns),
                           stall_seconds_text(view, t->wall_ns),
                           t->n_all == 0 ? ", and else it was not blocked" : "");
    case IDLE_SELDOM:
        return "it comes back to a place, but is there too seldom to be sure";
    case IDLE_TWO_READINGS:
        return "more than one place may be where it waits for work";
    case IDLE_HIDDEN:
        return "it comes back to one place, but that may as well be work";
    case IDLE_TOO_BUSY:
        return "its loop waits so seldom that many short calls in a row may look like a long one";
    case IDLE_NOT_AROUND:
        return "nothing else was seen around that place, so nothing comes back to it";
    default:
        return "it comes back to no place in which it waits";
    }
}

void idle_tell_doubt(struct view *view, struct idle *idle, const struct idle_thread *t,
                     const char *who)
{
    view_add_lead(view, arena_print(&view->arena, "%s: cannot tell its stalls: %s%s.", who,
                                    t->n_places == 0 ? "no idle place is known; " : "",
                                    idle_doubt_text(view, t)));
    tell(view, idle, t, TOLD_IDLE, TOLD_PERHAPS);
}

const char *idle_first_option(struct view *view, struct idle *idle, const struct idle_thread *t)
{
    struct told *list;
    return list_told(view, idle, t, &list) > 0 && list[0].as == TOLD_PERHAPS
               ? option_text(view, idle, &list[0].sum)
               : NULL;
}

/* ---- for programs ---- */

void idle_tell_columns(struct view *view)
{
    view_set_subjects(
        view, "stalls", "threads",
        "process,thread,thread_id,outcome,stalls,stalled,may_be_several,unsure,unsure_time,"
        "observed,not_known,why",
        ROW_IDLE);
}

static const struct part_kind place_kind = {
    .name = "places",
    .columns = "taken_for,sure,blocked_in,function,file,line,visits,seconds,longest,option",
    .rows = ROW_IDLE_LINE,
};

bool idle_can_tell(const struct idle_thread *t, uint64_t n_stalls, uint64_t n_unsure)
{
    return t->n_places > 0 && (n_stalls > 0 || n_unsure == 0);
}

void idle_tell_thread(struct view *view, struct idle *idle, const struct idle_thread *t,
                      const struct idle_facts *found)
{
    static const char *const words[] = {"idle", "work", "idle or work"};
    struct idle_facts *const facts = arena_get(&view->arena, sizeof *facts);
    const bool told = idle_can_tell(t, found->n_stalls, found->n_unsure);
    struct told *list;
    const size_t n = list_told(view, idle, t, &list);
    *facts = *found;
    facts->outcome = !told ? "cannot tell" : found->n_stalls > 0 ? "found" : "none";
    facts->why = told && found->n_unsure == 0 ? NULL : idle_doubt_text(view, t);
    facts->observed_ns = t->wall_ns;
    facts->unknown_ns = t->unknown_ns;
    struct story *const subject = view_add_subject(view);
    subject->row = (struct row){.process = t->thread->process, .thread = t->thread, .idle = facts};
    struct part *const part = story_add_part(view, subject, &place_kind, n);
    for (size_t i = 0; i < n; i++) {
        const struct idle_place *const p = &list[i].sum;
        struct idle_line *const line = arena_get(&view->arena, sizeof *line);
        *line = (struct idle_line){
            .taken_for = words[is_life(t, p) ? TOLD_WORK : list[i].as],
            .call = p->visits > 0 ? idle->scene->calls[p->call] : NULL,
            .sure = is_life(t, p)             ? "known by name"
                    : list[i].as == TOLD_IDLE ? surety(p)
                                              : NULL,
            .option = p->visits > 0 ? option_text(view, idle, p) : NULL,
            .visits = p->visits,
            .blocked_ns = p->blocked_ns,
            .longest_ns = p->longest_ns,
        };
        part->rows[i] = (struct row){.process = t->thread->process,
                                     .thread = t->thread,
                                     .frame = scene_frame(idle->scene, p->node),
                                     .idle_line = line};
    }
}
