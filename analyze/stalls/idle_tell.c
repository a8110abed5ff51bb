/* SPDX-License-Identifier: MIT */
#include "idle_tell.h"

#include "analyze/base/path.h"
#include "analyze/view/story.h"
#include "idle_names.h"
#include "stall_tell.h"

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

static const char *surety(const struct idle_place *p)
{
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

/* What else may have been the idle place, where that was not known for sure. */
static void tell_rivals(struct view *view, struct idle *idle, const struct idle_thread *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_places; i++) {
        if (t->places[i].meant || t->places[i].rank >= IDLE_RANK_CALLS)
            return;
    }
    const struct idle_place *const list = t->places + t->n_places;
    for (size_t i = 0; i < t->n_all - t->n_places && n < RIVALS_TOLD; i++) {
        struct idle_place sum;
        if (list[i].visits < 2 || !sum_place(idle, list, t->n_all - t->n_places, i, &sum) ||
            idle_call_of(idle->scene->calls[sum.call]) == IDLE_CALL_NEVER ||
            (double)sum.blocked_ns < RIVAL_SHARE * (double)t->wall_ns)
            continue;
        n++;
        view_add_lead(view,
                      arena_print(&view->arena,
                                  "  taken for work: %s: %s, at most %s; if it is idle "
                                  "there: %s",
                                  idle_place_text(view, idle->scene, &sum), times_text(view, &sum),
                                  stall_seconds_text(view, sum.longest_ns),
                                  option_text(view, idle, &sum)));
    }
}

void idle_tell_places(struct view *view, struct idle *idle, const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_places; i++) {
        struct idle_place sum;
        if (sum_place(idle, t->places, t->n_places, i, &sum))
            view_add_lead(view, arena_print(&view->arena, "  idle in %s: %s (%s)",
                                            idle_place_text(view, idle->scene, &sum),
                                            times_text(view, &sum), surety(&sum)));
    }
    if (t->unknown_ns > 0)
        view_add_lead(view,
                      arena_print(&view->arena,
                                  "  of %s it is not known what it did: it could not be looked at",
                                  stall_seconds_text(view, t->unknown_ns)));
    tell_rivals(view, idle, t);
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
    case IDLE_NOT_AROUND:
        return "nothing else was seen around that place, so nothing comes back to it";
    default:
        return "it comes back to no place in which it waits";
    }
}

void idle_tell_doubt(struct view *view, struct idle *idle, const struct idle_thread *t,
                     const char *who)
{
    view_add_lead(view, arena_print(&view->arena,
                                    "%s: cannot tell its stalls: no idle place is known; %s.", who,
                                    idle_doubt_text(view, t)));
    const struct idle_place *const list = t->places + t->n_places;
    size_t n = 0;
    for (size_t i = 0; i < t->n_all - t->n_places && n < t->n_candidates; i++) {
        struct idle_place sum;
        if (!sum_place(idle, list, t->n_all - t->n_places, i, &sum))
            continue;
        n++;
        view_add_lead(
            view, arena_print(&view->arena, "  blocked in %s: %s of %s; if idle: %s",
                              idle_place_text(view, idle->scene, &sum), times_text(view, &sum),
                              stall_seconds_text(view, t->wall_ns), option_text(view, idle, &sum)));
    }
}
