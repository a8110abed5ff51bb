/* SPDX-License-Identifier: MIT */
#include "wait_judge.h"

#include "analyze/base/memory.h"

#include <string.h>

/* Less than so many ticks in one place say nothing about going on from there. */
#define STAYED_MIN 3u

/* So many waits of one stall may be left to what other processes did. */
#define SHARED_MAX 64

/* One moment at which somebody let go. */
struct wait_moment {
    struct stalls *stalls;
    const struct wait_log *log;
    const struct wait *wait;
    const struct thread *waiter; /* who could go on then */
    uint32_t begin, end;         /* ticks: of the wait, and the first one behind it */
};

/* A thread, as seen from there. */
struct suspect {
    const struct wait_peer *peer;
    uint32_t from;  /* tick: since when it may have held it */
    bool waited;    /* .. because it waited for a lock itself until then */
    uint32_t stays; /* function node that was on its stack all the while; TREE_ROOT = none */
    uint32_t last;  /* tick: its last that is surely before it let go */
    enum stall_evidence evidence;
};

const char *wait_evidence_text(enum stall_evidence evidence)
{
    static const char *const texts[] = {
        [EVIDENCE_NONE] = "",
        [EVIDENCE_BLOCK_LEFT] = "past the same acquire, and went on as the wait ended",
        [EVIDENCE_NEXT_MOVE] = "its next move ended the wait",
        [EVIDENCE_BLOCK] = "past the same acquire all the while",
        [EVIDENCE_WENT_ON] = "it went on as the wait ended",
        [EVIDENCE_RAN_ONCE] = "it ran as the wait ended, and not before",
    };
    return texts[evidence];
}

/* ---- what a thread did ---- */

static bool moved_between(const struct wait_peer *peer, uint32_t first, uint32_t last)
{
    const size_t at = wait_run_before(peer, last);
    for (size_t i = at; i != SIZE_MAX && peer->runs[i].first + peer->runs[i].n > first; i--) {
        if (peer->runs[i].moved)
            return true;
    }
    return false;
}

/* Is it seen no more behind a tick about that of the moment? */
static bool is_gone(const struct wait_moment *m, const struct wait_peer *peer)
{
    const size_t at = wait_run_before(peer, m->end + 1);
    if (at == SIZE_MAX)
        return false;
    const uint32_t end = peer->runs[at].first + peer->runs[at].n;
    return end <= m->end + 1 && end + 1 >= m->end && end < m->log->logged;
}

static bool ran(const struct wait_moment *m, const struct wait_peer *peer)
{
    const uint32_t before = m->end > m->begin ? m->end - 1 : m->end;
    return moved_between(peer, before, m->end + 1) || is_gone(m, peer);
}

static bool waits_for_lock(const struct wait_moment *m, const struct wait_run *run)
{
    if (run->class != CLASS_BLOCKED)
        return false;
    const enum wait_kind kind = wait_kind_of(m->stalls->scene, run->node, run->call);
    return kind == WAIT_LOCK || (kind == WAIT_SHARED && m->wait->kind == WAIT_SHARED);
}

/* A stack that could not be read, or has no Python frame, says nothing. */
static bool is_known(const struct wait_moment *m, uint32_t node)
{
    const struct scene *const scene = m->stalls->scene;
    if (node == TREE_ROOT)
        return false;
    const struct frame frame = scene_frame(scene, node);
    return frame.file[0] != '\0' || frame.function[0] != '<';
}

/* The frame of function node `function` on a stack. */
static uint32_t frame_at(const struct wait_moment *m, uint32_t node, uint32_t function)
{
    while (idle_function(m->stalls->idle, node) != function)
        node = m->stalls->scene->tree.nodes[node].parent;
    return node;
}

static uint32_t common(const struct tree *tree, uint32_t a, uint32_t b)
{
    while (a != b) { /* parents have smaller numbers */
        if (a > b)
            a = tree->nodes[a].parent;
        else
            b = tree->nodes[b].parent;
    }
    return a;
}

/* Was the function that stays ever seen in that line before it let go? */
static bool was_in_line(const struct wait_moment *m, const struct suspect *s, uint32_t node)
{
    const struct scene *const scene = m->stalls->scene;
    const uint32_t place = scene->tree.nodes[frame_at(m, node, s->stays)].place;
    for (size_t i = wait_run_before(s->peer, s->last);
         i != SIZE_MAX && s->peer->runs[i].first + s->peer->runs[i].n > s->from; i--) {
        const uint32_t other = s->peer->runs[i].node;
        if (is_known(m, other) && scene->tree.nodes[frame_at(m, other, s->stays)].place == place)
            return true;
    }
    return false;
}

/* Did it go on from where it had been all the while: left the function, or came to a new line? */
static bool went_on(const struct wait_moment *m, const struct suspect *s)
{
    const struct idle *const idle = m->stalls->idle;
    if (s->stays == TREE_ROOT || m->end - s->from < STAYED_MIN)
        return false;
    if (is_gone(m, s->peer))
        return true;
    for (uint32_t tick = s->last + 1; tick <= m->end + 1; tick++) {
        const struct wait_run *const run = wait_run_at(s->peer, tick);
        if (run == NULL || !is_known(m, run->node))
            continue;
        const uint32_t function = idle_function(m->stalls->idle, run->node);
        if (!idle_is_below(idle, function, s->stays) || !was_in_line(m, s, run->node))
            return true;
    }
    return false;
}

/* Was it all the while past that line of the waiter's stack, in the same function? */
static bool was_past_frame(const struct wait_moment *m, const struct suspect *s, uint32_t last,
                           uint32_t taker)
{
    const struct scene *const scene = m->stalls->scene;
    const struct symbol_place *const places = scene->symbols.places;
    const struct symbol_place *const here = &places[scene->tree.nodes[taker].place];
    bool seen = false;
    for (size_t i = wait_run_before(s->peer, last);
         i != SIZE_MAX && s->peer->runs[i].first + s->peer->runs[i].n > s->from; i--) {
        uint32_t node = s->peer->runs[i].node;
        if (!is_known(m, node))
            continue;
        while (node != TREE_ROOT &&
               places[scene->tree.nodes[node].place].function != here->function)
            node = scene->tree.nodes[node].parent;
        if (node == TREE_ROOT || places[scene->tree.nodes[node].place].line <= here->line)
            return false;
        seen = true;
    }
    return seen;
}

/*
 * The same of the line in which the waiter takes the lock. A function with a name like acquire may
 * do nothing else, or hold it as well.
 */
static bool was_past(const struct wait_moment *m, const struct suspect *s, uint32_t last)
{
    const struct scene *const scene = m->stalls->scene;
    const uint32_t taker = wait_taker(scene, m->wait->node);
    for (uint32_t node = m->wait->node; node != TREE_ROOT; node = scene->tree.nodes[node].parent) {
        if (was_past_frame(m, s, last, node))
            return true;
        if (node == taker)
            break;
    }
    return false;
}

/* ---- judging ---- */

/* Since when it may have held it, and what stayed on its stack since. */
static void look_back(const struct wait_moment *m, struct suspect *s)
{
    const struct wait_peer *const peer = s->peer;
    s->from = m->begin;
    s->stays = TREE_ROOT;
    bool seen = false;
    for (size_t i = wait_run_before(peer, s->last); i != SIZE_MAX; i--) {
        const struct wait_run *const run = &peer->runs[i];
        const uint32_t end = run->first + run->n;
        if (end <= m->begin)
            return;
        if (end <= s->last && m->wait->kind != WAIT_SIGNAL && m->wait->kind != WAIT_SEMAPHORE &&
            waits_for_lock(m, run)) {
            s->from = end;
            s->waited = true;
            return;
        }
        s->from = run->first > m->begin ? run->first : m->begin;
        if (!is_known(m, run->node))
            continue;
        const uint32_t function = idle_function(m->stalls->idle, run->node);
        s->stays = seen ? common(&m->stalls->idle->functions, s->stays, function) : function;
        seen = true;
    }
}

/* What says more has the smaller number. */
static unsigned rank(enum stall_evidence evidence)
{
    return evidence == EVIDENCE_RAN_ONCE ? EVIDENCE_WENT_ON : evidence;
}

static void look(const struct wait_moment *m, struct suspect *s)
{
    const struct wait_run *const before = wait_run_at(s->peer, m->end - 1);
    if (!ran(m, s->peer) || (before != NULL && !before->moved && waits_for_lock(m, before)))
        return;
    s->last = m->end - 1;
    /* it may have moved a tick before the waiter did */
    if (s->last > m->begin && (before == NULL || before->moved))
        s->last--;
    look_back(m, s);
    const bool past = was_past(m, s, s->last), on = went_on(m, s);
    const bool stood = m->end - s->from >= STAYED_MIN && s->stays != TREE_ROOT &&
                       !moved_between(s->peer, s->from + 1, s->last);
    if (past)
        s->evidence = on ? EVIDENCE_BLOCK_LEFT : EVIDENCE_BLOCK;
    else if (on)
        s->evidence = stood ? EVIDENCE_NEXT_MOVE : EVIDENCE_WENT_ON;
    else if (stood)
        s->evidence = EVIDENCE_RAN_ONCE;
    if (m->wait->kind == WAIT_SHARED && rank(s->evidence) == rank(EVIDENCE_WENT_ON))
        s->evidence = EVIDENCE_NONE; /* another process may have let go as well */
}

/* The wait never ended: nobody let go, but who is past the line may still be. */
static void look_open(const struct wait_moment *m, struct suspect *s)
{
    s->from = m->begin;
    s->last = m->end - 1;
    if (was_past(m, s, s->last))
        s->evidence = EVIDENCE_BLOCK;
}

/* Who let go at that moment? False when that cannot be told: why is in the stall then. */
static bool find(const struct wait_moment *m, struct stall *stall, struct suspect *found,
                 enum stall_unheld *why)
{
    size_t n = 0, n_ran = 0;
    const struct thread *maybe[2] = {NULL, NULL};
    *found = (struct suspect){.evidence = EVIDENCE_NONE};
    for (size_t i = 0; i < m->log->n_peers; i++) {
        struct suspect s = {.peer = &m->log->peers[i]};
        if (s.peer->thread == stall->thread || s.peer->thread == m->waiter || s.peer->n == 0)
            continue;
        n_ran += ran(m, s.peer);
        if (m->wait->ended)
            look(m, &s);
        else
            look_open(m, &s);
        if (s.evidence == EVIDENCE_NONE ||
            (found->evidence != EVIDENCE_NONE && rank(s.evidence) > rank(found->evidence)))
            continue;
        n = rank(s.evidence) == rank(found->evidence) ? n + 1 : 1;
        maybe[n == 1 ? 0 : 1] = s.peer->thread;
        *found = s;
    }
    *why = m->log->full                     ? UNHELD_LONG
           : !m->wait->ended                ? UNHELD_OPEN
           : n > 1                          ? UNHELD_SEVERAL
           : n_ran == 0                     ? UNHELD_NOBODY_RAN
           : m->end - m->begin < STAYED_MIN ? UNHELD_SHORT
                                            : UNHELD_NOBODY_FITS;
    if (n > 1)
        memcpy(stall->maybe, maybe, sizeof maybe);
    return n == 1 && !m->log->full;
}

/* ---- what is found ---- */

/* The part of a run between two ticks, as an entry of the stall; its weights are the waiter's. */
static struct stall_entry entry_of(const struct wait_log *log, const struct wait_run *run,
                                   uint32_t first, uint32_t end, bool counts)
{
    const uint32_t from = run->first > first ? run->first : first;
    const uint32_t to = run->first + run->n < end ? run->first + run->n : end;
    struct stall_entry e = {.kind = STALL_HELD, .number = run->node, .call = run->call};
    if (from >= to)
        return e;
    const struct weight weight = wait_weight(log, from, to);
    e.wall_ns[run->class] = weight.wall;
    if (counts)
        e.counted.by[CLASS_BLOCKED] = weight;
    return e;
}

static void add_held(const struct wait_moment *m, struct stall *stall, const struct suspect *s)
{
    struct stall_peer *const known = stall_peer_of(stall, s->peer->thread);
    for (size_t i = wait_run_before(s->peer, m->end - 1);
         i != SIZE_MAX && s->peer->runs[i].first + s->peer->runs[i].n > s->from; i--) {
        struct stall_entry e =
            entry_of(m->log, &s->peer->runs[i], s->from, m->end, m->wait->counts);
        e.thread = s->peer->thread;
        known->held_ns += stall_entry_ns(&e);
        stall_add_entry(stall, &e);
    }
    known->evidence = s->evidence > known->evidence ? s->evidence : known->evidence;
}

/* May it be another process's doing, which is to be looked at later? */
static bool may_be_shared(const struct wait_moment *m, const struct stall *stall, uint32_t end,
                          enum stall_unheld why)
{
    return (m->wait->kind == WAIT_SHARED || m->wait->kind == WAIT_LOCK) &&
           (why == UNHELD_NOBODY_RAN || why == UNHELD_NOBODY_FITS || why == UNHELD_OPEN) &&
           end - m->begin >= STAYED_MIN && stall->n_shared < SHARED_MAX && !m->log->full;
}

/* Nobody can be told for the waiter's own ticks first .. end - 1. */
static void add_unheld(const struct wait_moment *m, struct stall *stall, uint32_t end,
                       enum stall_unheld why)
{
    const struct wait_peer *const own = wait_log_peer(m->log, stall->thread);
    struct stall_shared *shared = NULL;
    if (may_be_shared(m, stall, end, why)) {
        stall->shared = memory_grow(stall->shared, &stall->shared_size, stall->n_shared + 1,
                                    sizeof *stall->shared);
        shared = &stall->shared[stall->n_shared++];
        *shared = (struct stall_shared){
            .begin_ns = m->log->ticks[m->begin + 1 - m->log->first].at_ns,
            .end_ns = m->log->ticks[end - m->log->first].at_ns,
            .ended = m->wait->ended,
            .node = m->wait->node,
            .call = m->wait->call,
            .kind = m->wait->kind,
            .counts = m->wait->counts,
            .why = why,
        };
    }
    for (size_t i = own != NULL && end > 0 ? wait_run_before(own, end - 1) : SIZE_MAX;
         i != SIZE_MAX && own->runs[i].first + own->runs[i].n > m->begin; i--) {
        struct stall_entry e = entry_of(m->log, &own->runs[i], m->begin, end, m->wait->counts);
        e.number = TREE_ROOT;
        e.call = SCENE_NO_CALL;
        if (shared == NULL) {
            stall->unheld_ns[why] += stall_entry_ns(&e);
            stall_add_entry(stall, &e);
            continue;
        }
        shared->unheld.kind = e.kind;
        for (int c = 0; c < CLASS_COUNT; c++)
            shared->unheld.wall_ns[c] += e.wall_ns[c];
        weights_add(&shared->unheld.counted, &e.counted);
    }
}

/* The best of one thread, whenever it may have let go. */
static struct suspect look_back_from(struct wait_moment *m, const struct wait_peer *peer,
                                     uint32_t slack, uint32_t *end)
{
    struct suspect best = {.peer = peer};
    const uint32_t last = m->end;
    for (uint32_t back = 0; back <= slack && last - back > m->begin + STAYED_MIN; back++) {
        struct suspect s = {.peer = peer};
        m->end = last - back;
        if (m->wait->ended)
            look(m, &s);
        else
            look_open(m, &s);
        if (s.evidence != EVIDENCE_NONE &&
            (best.evidence == EVIDENCE_NONE || rank(s.evidence) < rank(best.evidence))) {
            best = s;
            *end = m->end;
        }
    }
    m->end = last;
    return best;
}

void wait_judge_best(struct stalls *stalls, const struct stall *stall, const struct wait_log *log,
                     const struct wait *wait, uint32_t slack, struct wait_found *found, size_t *n,
                     const struct thread *maybe[2])
{
    struct wait_moment m = {stalls, log, wait, NULL, wait->first, wait->end};
    for (size_t i = 0; i < log->n_peers && !log->full; i++) {
        const struct wait_peer *const peer = &log->peers[i];
        uint32_t end = m.end;
        if (peer->thread == stall->thread || peer->n == 0)
            continue;
        const struct suspect s = look_back_from(&m, peer, slack, &end);
        /* what it was before it waited for something itself is another one's, or nobody's */
        if (s.evidence == EVIDENCE_NONE || rank(s.evidence) == rank(EVIDENCE_WENT_ON) ||
            (found->evidence != EVIDENCE_NONE && rank(s.evidence) > rank(found->evidence)))
            continue;
        *n = rank(s.evidence) == rank(found->evidence) ? *n + 1 : 1;
        maybe[*n == 1 ? 0 : 1] = peer->thread;
        *found = (struct wait_found){peer->thread, s.from, end, s.evidence};
    }
}

void wait_add_found(struct stalls *stalls, struct stall *stall, const struct wait_log *log,
                    const struct wait *wait, const struct wait_found *found)
{
    const struct wait_moment m = {stalls, log, wait, NULL, wait->first, found->end};
    const struct suspect s = {.peer = wait_log_peer(log, found->thread),
                              .from = found->from,
                              .evidence = found->evidence};
    add_held(&m, stall, &s);
}

void wait_judge(struct stalls *stalls, struct stall *stall, const struct wait_log *log,
                const struct wait *wait)
{
    struct wait_moment m = {stalls, log,         wait,
                            NULL,   wait->first, wait->ended ? wait->end : log->logged};
    const struct wait_peer *const own = wait_log_peer(log, stall->thread);
    for (size_t i = 0; own != NULL && i < own->n; i++) {
        const struct stall_entry e = entry_of(log, &own->runs[i], m.begin, m.end, false);
        stall->lock_ns[wait->kind] += stall_entry_ns(&e);
    }
    while (m.end > m.begin) {
        struct suspect s;
        enum stall_unheld why;
        if (!find(&m, stall, &s, &why)) {
            add_unheld(&m, stall, m.end, why);
            return;
        }
        s.from = s.from > m.begin ? s.from : m.begin;
        add_held(&m, stall, &s);
        if (!s.waited && s.from > m.begin)
            add_unheld(&m, stall, s.from, UNHELD_NOBODY_FITS);
        if (!s.waited)
            return;
        m.end = s.from;
        m.waiter = s.peer->thread;
    }
}
