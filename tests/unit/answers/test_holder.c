/* SPDX-License-Identifier: MIT */
/* Who holds what a stalled thread waits for: on made-up traces, over every border of chunks. */
#include "analyze/stalls/wait_judge.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/stall_made.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct maker_frame at_lock = {"handler", "/x/app.py", 10, 12, 0};
static const struct maker_frame inside = {"handler", "/x/app.py", 10, 13, 0};
static const struct maker_frame other_lock = {"handler", "/x/app.py", 10, 19, 0};
static const struct maker_frame start = {"start", "/x/jobs.py", 1, 5, 0};
static const struct maker_frame job_wants = {"job", "/x/jobs.py", 10, 11, 0};
static const struct maker_frame job_has = {"job", "/x/jobs.py", 10, 12, 0};
static const struct maker_frame job_has_more = {"job", "/x/jobs.py", 10, 13, 0};
static const struct maker_frame job_later = {"job", "/x/jobs.py", 10, 20, 0};
static const struct maker_frame noise = {"noise", "/x/noise.py", 1, 3, 0};
static const struct maker_frame sleepy = {"sleepy", "/x/noise.py", 30, 33, 0};
static const struct maker_frame semaphore = {"Semaphore.acquire",
                                             "/usr/lib/python3.11/threading.py", 460, 479, 0};
static const struct maker_frame old_wait = {"wait", "/usr/lib/python3.8/threading.py", 280, 302, 0};
static const struct maker_frame old_get = {"get", "/usr/lib/python3.8/queue.py", 150, 170, 0};
static const struct maker_frame with_mp = {
    "SemLock.__enter__", "/usr/lib/python3.11/multiprocessing/synchronize.py", 94, 95, 0};

enum { MAIN = 1, OTHER, THIRD, FOURTH, NOISE }; /* numbers of threads */

#define WAIT_TICKS 30 /* of 10 ms, in every play but for what it says itself */
#define IDLE_TICKS 15 /* before the wait and behind it, of who waits for another process */
#define ENDS       99 /* instead of a state: the thread ends */

/* From that tick of the stall on a thread does this. */
struct move {
    unsigned tick;
    uint32_t thread;
    uint32_t stack;
    uint16_t state;
    const char *call;
};

struct play {
    struct made made;
    uint32_t idle, work; /* stacks: of the loop, of what waits for the lock */
    uint32_t threads[8]; /* numbers that the maker gave */
};

static void play_open(struct play *p, const char *name, const struct maker_frame *leaf)
{
    static const char *const names[] = {"third", "fourth", "noise"};
    made_open(&p->made, name);
    p->threads[MAIN] = 1;
    p->threads[OTHER] = 2;
    for (uint32_t i = 0; i < 3; i++)
        p->threads[THIRD + i] = maker_thread(p->made.m, p->made.process, 44 + i, names[i], 0);
    p->idle = STACK(&p->made, &module, &once, &selecting);
    p->work = leaf == NULL ? 0 : STACK(&p->made, &module, &once_run, &handle, leaf);
}

static void act(struct play *p, const struct move *m)
{
    if (m->state == ENDS)
        maker_thread_end(p->made.m, p->made.process, p->threads[m->thread]);
    else
        maker_change(p->made.m, p->made.process, p->threads[m->thread],
                     &(struct maker_sample){m->stack, m->state, 50, m->call});
}

/*
 * The main thread is idle, waits for n ticks (what others do meanwhile is in `moves`, in order;
 * tick 0 is the first of the wait), and is idle again. A chunk ends before tick `flush`.
 */
static void play(struct play *p, const struct move *moves, size_t n_moves, const char *call,
                 unsigned n, unsigned flush)
{
    struct maker *const m = p->made.m;
    size_t at = 0;
    go(&p->made, 10, p->idle, BLOCKED, "epoll_wait");
    for (unsigned tick = 0; tick < n + 10; tick++) {
        if (tick == flush)
            maker_flush(m, p->made.process);
        for (; at < n_moves && moves[at].tick == tick && moves[at].state == ENDS; at++)
            act(p, &moves[at]); /* the tick before was its last */
        maker_tick(m, p->made.process, 0, 0, 0);
        maker_change(m, p->made.process, p->threads[NOISE],
                     &(struct maker_sample){STACK(&p->made, &start, &noise), ON_CPU, 900, NULL});
        if (tick == 0 && call != NULL)
            act(p, &(struct move){0, MAIN, p->work, BLOCKED, call});
        if (tick == n && call != NULL)
            act(p, &(struct move){0, MAIN, p->idle, BLOCKED, "epoll_wait"});
        for (; at < n_moves && moves[at].tick == tick && moves[at].state != ENDS; at++)
            act(p, &moves[at]);
    }
    ck_assert_uint_eq(at, n_moves);
    made_read(&p->made, NULL);
    ck_assert_uint_eq(p->made.stalls.n, 1);
}

#define PLAY(p, moves, flush) play(p, moves, ARRAY_LEN(moves), "futex", WAIT_TICKS, flush)

static const struct stall *stall_of(const struct play *p)
{
    return &p->made.stalls.list[0];
}

/* For how many ticks that thread likely held it. */
static unsigned held_ticks(const struct play *p, const char *name)
{
    const struct stall *const s = stall_of(p);
    uint64_t ns = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct stall_entry *const e = &s->entries[i];
        if (e->kind == STALL_HELD && e->thread != NULL && strcmp(e->thread->name, name) == 0)
            ns += stall_entry_ns(e);
    }
    return (unsigned)(ns / 10000000);
}

static enum stall_evidence evidence(const struct play *p, const char *name)
{
    const struct stall *const s = stall_of(p);
    for (size_t i = 0; i < s->n_peers; i++) {
        if (strcmp(s->peers[i].thread->name, name) == 0)
            return s->peers[i].evidence;
    }
    return EVIDENCE_NONE;
}

static unsigned unheld_ticks(const struct play *p, enum stall_unheld why)
{
    return (unsigned)(stall_of(p)->unheld_ns[why] / 10000000);
}

/* All of its waits is somebody's or nobody's. */
static void check_sum(const struct play *p)
{
    const struct stall *const s = stall_of(p);
    uint64_t lock_ns = 0, ns = 0, unheld_ns = 0;
    for (int kind = 0; kind < WAIT_KIND_COUNT; kind++)
        lock_ns += s->lock_ns[kind];
    for (int why = 0; why < UNHELD_COUNT; why++)
        unheld_ns += s->unheld_ns[why];
    for (size_t i = 0; i < s->n; i++)
        ns += s->entries[i].kind == STALL_HELD ? stall_entry_ns(&s->entries[i]) : 0;
    ck_assert_uint_eq(ns, lock_ns);
    ck_assert_uint_le(unheld_ns, lock_ns);
}

/* Another function holds it, and is elsewhere, or at its end, as the wait ends or a tick before. */
START_TEST(holder_moves_once)
{
    const unsigned flush = (unsigned)_i % 6 + 26, early = (unsigned)_i / 6 % 2;
    const bool ends = _i >= 12;
    struct play p;
    play_open(&p, "once.trace", &at_lock);
    const uint32_t has = STACK(&p.made, &start, &job_has);
    const uint32_t later = STACK(&p.made, &start, &job_later);
    const struct move moves[] = {
        {0, OTHER, has, BLOCKED, "clock_nanosleep"},
        {0, THIRD, STACK(&p.made, &start, &sleepy), BLOCKED, "clock_nanosleep"},
        {12, THIRD, STACK(&p.made, &start, &noise), BLOCKED, "clock_nanosleep"},
        {WAIT_TICKS - early, OTHER, later, ends ? ENDS : ON_CPU, NULL},
    };
    PLAY(&p, moves, flush);
    ck_assert_int_eq(evidence(&p, "other"), EVIDENCE_NEXT_MOVE);
    ck_assert_uint_ge(held_ticks(&p, "other"), WAIT_TICKS - early);
    ck_assert_uint_eq(held_ticks(&p, "third") + held_ticks(&p, "noise"), 0);
    ck_assert_uint_eq(stall_of(&p)->lock_ns[WAIT_LOCK], stall_of(&p)->wall_ns);
    if (!ends)
        check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* It went on to the next line while it still held it, some ticks before. */
START_TEST(holder_works_at_the_end)
{
    struct play p;
    play_open(&p, "works.trace", &at_lock);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &job_has), BLOCKED, "clock_nanosleep"},
        {27, OTHER, STACK(&p.made, &start, &job_has_more, &deeper), ON_CPU, NULL},
        {28, OTHER, STACK(&p.made, &start, &job_has_more), ON_CPU, NULL},
        {WAIT_TICKS, OTHER, STACK(&p.made, &start, &job_later), BLOCKED, "read"},
    };
    PLAY(&p, moves, (unsigned)_i + 26);
    ck_assert_int_eq(evidence(&p, "other"), EVIDENCE_WENT_ON);
    ck_assert_uint_eq(held_ticks(&p, "other"), WAIT_TICKS);
    check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* It comes round to the same line again: there is nothing else that it can be seen in. */
START_TEST(holder_comes_round)
{
    struct play p;
    play_open(&p, "round.trace", &at_lock);
    const uint32_t has = STACK(&p.made, &start, &job_has);
    const struct move moves[] = {
        {0, OTHER, has, BLOCKED, "clock_nanosleep"},
        {WAIT_TICKS, OTHER, has, BLOCKED, "clock_nanosleep"},
    };
    PLAY(&p, moves, (unsigned)_i + 28);
    ck_assert_int_eq(evidence(&p, "other"), EVIDENCE_RAN_ONCE);
    ck_assert_uint_eq(held_ticks(&p, "other"), WAIT_TICKS);
    check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* In the same function past the lock: sooner than another thread that goes on by chance. */
START_TEST(past_the_same_acquire)
{
    struct play p;
    play_open(&p, "past.trace", &at_lock);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &inside, &deeper), BLOCKED, "read"},
        {0, THIRD, STACK(&p.made, &start, &sleepy), BLOCKED, "clock_nanosleep"},
        {WAIT_TICKS, OTHER, STACK(&p.made, &start), ON_CPU, NULL},
        {WAIT_TICKS, THIRD, STACK(&p.made, &start, &noise), BLOCKED, "read"},
    };
    PLAY(&p, moves, 0);
    ck_assert_int_eq(evidence(&p, "other"), EVIDENCE_BLOCK_LEFT);
    ck_assert_uint_eq(held_ticks(&p, "other"), WAIT_TICKS);
    ck_assert_uint_eq(held_ticks(&p, "third"), 0);
    made_close(&p.made);
}
END_TEST

/* Two locks one after the other, of two threads; no wait is the other's. */
START_TEST(two_waits)
{
    struct play p;
    play_open(&p, "two.trace", &at_lock);
    const uint32_t second = STACK(&p.made, &module, &once_run, &handle, &other_lock);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &job_has), BLOCKED, "clock_nanosleep"},
        {0, THIRD, STACK(&p.made, &start, &sleepy), BLOCKED, "clock_nanosleep"},
        {10, MAIN, second, BLOCKED, "futex"},
        {10, OTHER, 0, ENDS, NULL},
        {WAIT_TICKS, THIRD, STACK(&p.made, &start, &noise), BLOCKED, "clock_nanosleep"},
    };
    struct move ordered[] = {moves[0], moves[1], moves[3], moves[2], moves[4]};
    PLAY(&p, ordered, (unsigned)_i + 8);
    ck_assert_uint_eq(held_ticks(&p, "other"), 10);
    ck_assert_uint_eq(held_ticks(&p, "third"), WAIT_TICKS - 10);
    made_close(&p.made);
}
END_TEST

/* Four wait for one lock and get it one after the other: who waits does not hold it. */
START_TEST(convoy)
{
    struct play p;
    play_open(&p, "convoy.trace", &at_lock);
    const uint32_t wants = STACK(&p.made, &start, &job_wants);
    const uint32_t has = STACK(&p.made, &start, &job_has, &deeper);
    const uint32_t later = STACK(&p.made, &start, &job_later);
    const struct move moves[] = {
        {0, OTHER, has, BLOCKED, "clock_nanosleep"},
        {0, THIRD, wants, BLOCKED, "futex"},
        {0, FOURTH, wants, BLOCKED, "futex"},
        {8, OTHER, later, BLOCKED, "read"},
        {8, THIRD, has, BLOCKED, "clock_nanosleep"},
        {20, THIRD, later, BLOCKED, "read"},
        {20, FOURTH, has, ON_CPU, NULL},
        {23, FOURTH, has, BLOCKED, "read"},
        {WAIT_TICKS, FOURTH, later, BLOCKED, "read"},
    };
    PLAY(&p, moves, (unsigned)_i);
    ck_assert_uint_eq(held_ticks(&p, "other"), 8);
    ck_assert_uint_eq(held_ticks(&p, "third"), 12);
    ck_assert_uint_eq(held_ticks(&p, "fourth"), 10);
    ck_assert_uint_eq(held_ticks(&p, "noise"), 0);
    check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* Only waiters and idle threads are there, and none runs as it ends: nobody is claimed. */
START_TEST(nobody_ran)
{
    struct play p;
    play_open(&p, "nobody.trace", &at_lock);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &inside), BLOCKED, "clock_nanosleep"},
        {0, THIRD, STACK(&p.made, &start, &at_lock), BLOCKED, "futex"},
    };
    p.threads[NOISE] = p.threads[FOURTH]; /* somebody does run */
    PLAY(&p, moves, 0);
    ck_assert_uint_eq(held_ticks(&p, "other") + held_ticks(&p, "third"), 0);
    ck_assert_uint_eq(unheld_ticks(&p, UNHELD_NOBODY_FITS), WAIT_TICKS);
    check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* Its clock is too coarse to show that it ran: that it is elsewhere does. */
START_TEST(clock_did_not_move)
{
    struct made made;
    made_open(&made, "coarse.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2,
                 &(struct maker_sample){STACK(&made, &start, &job_has), BLOCKED, 0, "write"});
    go(&made, 30, STACK(&made, &module, &once_run, &handle, &at_lock), BLOCKED, "futex");
    go(&made, 1, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2,
                 &(struct maker_sample){STACK(&made, &start, &job_later), BLOCKED, 0, "write"});
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    const struct stall *const s = &made.stalls.list[0];
    ck_assert_uint_eq(entry_ns(&made, s, STALL_HELD, "job"), s->wall_ns);
    made_close(&made);
}
END_TEST

/* No thread runs as it ends: another process let go, or it was a timeout. */
START_TEST(all_stood_still)
{
    struct made made;
    made_open(&made, "still.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2,
                 &(struct maker_sample){STACK(&made, &start, &inside), BLOCKED, 50, "read"});
    go(&made, 30, STACK(&made, &module, &once_run, &handle, &at_lock), BLOCKED, "futex");
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    ck_assert_uint_eq(made.stalls.list[0].unheld_ns[UNHELD_NOBODY_RAN], 300000000);
    made_close(&made);
}
END_TEST

START_TEST(two_go_on_alike)
{
    struct play p;
    play_open(&p, "alike.trace", &at_lock);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &job_has), BLOCKED, "clock_nanosleep"},
        {0, THIRD, STACK(&p.made, &start, &job_has), BLOCKED, "clock_nanosleep"},
        {WAIT_TICKS, OTHER, STACK(&p.made, &start, &job_later), BLOCKED, "read"},
        {WAIT_TICKS, THIRD, STACK(&p.made, &start, &job_later), BLOCKED, "read"},
    };
    PLAY(&p, moves, (unsigned)_i + 29);
    ck_assert_uint_eq(held_ticks(&p, "other") + held_ticks(&p, "third"), 0);
    ck_assert_uint_eq(unheld_ticks(&p, UNHELD_SEVERAL), WAIT_TICKS);
    ck_assert_str_eq(stall_of(&p)->maybe[0]->name, "other");
    ck_assert_str_eq(stall_of(&p)->maybe[1]->name, "third");
    check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* Waits of two ticks each: nobody stays anywhere long enough to be seen to leave. */
START_TEST(too_short)
{
    struct play p;
    play_open(&p, "short.trace", &at_lock);
    struct move moves[24];
    size_t n = 0;
    for (unsigned tick = 2; tick < WAIT_TICKS - 6; tick += 2)
        moves[n++] = (struct move){tick, MAIN, p.work, BLOCKED, "futex"};
    play(&p, moves, n, "futex", WAIT_TICKS - 6, 7);
    ck_assert_uint_eq(unheld_ticks(&p, UNHELD_SHORT), WAIT_TICKS - 6);
    check_sum(&p);
    made_close(&p.made);
}
END_TEST

/* It hangs to the end: who is past the acquire may still be told, another cannot. */
START_TEST(never_ends)
{
    struct made made;
    made_open(&made, "hangs.trace");
    const struct maker_frame *const where = _i == 0 ? &inside : &job_has;
    go(&made, 10, STACK(&made, &module, &once, &selecting), BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2,
                 &(struct maker_sample){STACK(&made, &start, where), BLOCKED, 50, "futex"});
    go(&made, 30, STACK(&made, &module, &once_run, &handle, &at_lock), BLOCKED, "futex");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    const struct stall *const s = &made.stalls.list[0];
    ck_assert_uint_eq(entry_ns(&made, s, STALL_HELD, "handler"), _i == 0 ? s->wall_ns : 0);
    ck_assert_uint_eq(s->unheld_ns[UNHELD_OPEN], _i == 0 ? 0 : s->wall_ns);
    made_close(&made);
}
END_TEST

/* What is not Python's lock: by its names, of old versions too, and by the call. */
START_TEST(kinds_of_waits)
{
    static const struct {
        const struct maker_frame *frames[4];
        const char *call;
        enum wait_kind kind;
    } kinds[] = {
        {{&at_lock}, "futex", WAIT_LOCK},
        {{&at_lock}, "[futex_wait_queue]", WAIT_LOCK},
        {{&semaphore, &condition}, "futex", WAIT_SEMAPHORE},
        {{&queue_get, &condition}, "futex", WAIT_SIGNAL},
        {{&old_get, &old_wait}, "futex", WAIT_SIGNAL},
        {{&semaphore}, "futex", WAIT_LOCK},
        {{&with_mp}, "futex", WAIT_SHARED},
        {{&at_lock}, "flock", WAIT_SHARED},
        {{&at_lock}, "fcntl", WAIT_SHARED},
        {{&at_lock}, "read", WAIT_NONE},
    };
    struct play p;
    play_open(&p, "kinds.trace", NULL);
    const struct maker_frame *const *const f = kinds[_i].frames;
    p.work = STACK(&p.made, &module, &once_run, &handle, &handler);
    for (size_t i = 0; f[i] != NULL; i++)
        p.work = maker_stack_push(p.made.m, p.made.process, p.work, f[i]);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &job_has), BLOCKED, "clock_nanosleep"},
        {20, OTHER, STACK(&p.made, &start, &job_has), ON_CPU, NULL},
        {WAIT_TICKS, OTHER, STACK(&p.made, &start, &job_later), BLOCKED, "read"},
    };
    play(&p, moves, ARRAY_LEN(moves), kinds[_i].call, WAIT_TICKS, 5);
    const enum wait_kind kind = kinds[_i].kind;
    ck_assert_uint_eq(stall_of(&p)->lock_ns[kind],
                      kind == WAIT_NONE ? 0 : WAIT_TICKS * 10000000ull);
    /* it did run before: that is too little where another process may have held it */
    const bool claimed = kind != WAIT_NONE && kind != WAIT_SHARED;
    ck_assert_uint_eq(held_ticks(&p, "other"), claimed ? WAIT_TICKS : 0);
    made_close(&p.made);
}
END_TEST

/* Only --state's samples count, but who held it is found all the same. */
START_TEST(of_a_state)
{
    struct play p;
    struct problem why = {0};
    play_open(&p, "state.trace", &at_lock);
    const struct move moves[] = {
        {0, OTHER, STACK(&p.made, &start, &job_has), BLOCKED, "clock_nanosleep"},
        {WAIT_TICKS, OTHER, STACK(&p.made, &start, &job_later), BLOCKED, "read"},
    };
    ck_assert(select_add_states(&p.made.select, _i == 0 ? "blocked" : "running", &why) ==
              STATUS_OK);
    PLAY(&p, moves, 5);
    ck_assert_uint_eq(held_ticks(&p, "other"), WAIT_TICKS);
    uint64_t samples = 0;
    for (size_t i = 0; i < stall_of(&p)->n; i++) {
        const struct stall_entry *const e = &stall_of(&p)->entries[i];
        samples += e->kind == STALL_HELD ? weights_sum(&e->counted).samples : 0;
    }
    ck_assert_uint_eq(samples, _i == 0 ? WAIT_TICKS : 0);
    made_close(&p.made);
}
END_TEST

/* Nobody observed a part of the second wait: what is before it weighs no less. */
START_TEST(with_a_gap)
{
    struct made made;
    made_open(&made, "gap.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2,
                 &(struct maker_sample){STACK(&made, &start, &job_has), BLOCKED, 50, "read"});
    go(&made, 20, STACK(&made, &module, &once_run, &handle, &at_lock), BLOCKED, "futex");
    go(&made, 5, STACK(&made, &module, &once_run, &handle, &other_lock), BLOCKED, "futex");
    maker_tick(made.m, made.process, 0, 30, 280000);
    go(&made, 5, STACK(&made, &module, &once_run, &handle, &other_lock), BLOCKED, "futex");
    go(&made, 1, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2,
                 &(struct maker_sample){STACK(&made, &start, &job_later), BLOCKED, 50, "read"});
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    const struct stall *const s = &made.stalls.list[0];
    uint64_t ns = 0;
    for (size_t i = 0; i < s->n; i++)
        ns += s->entries[i].kind == STALL_HELD ? stall_entry_ns(&s->entries[i]) : 0;
    ck_assert_uint_eq(ns, s->wall_ns);
    ck_assert_uint_eq(s->lock_ns[WAIT_LOCK], s->wall_ns);
    made_close(&made);
}
END_TEST

/* Threads of another process, which is recorded beside this one. */
START_TEST(of_another_process)
{
    static const struct {
        const char *call;
        const struct maker_frame *leaf; /* where it stands .. */
        unsigned until;                 /* .. up to this tick of the wait */
        unsigned n_threads;             /* that do so */
        enum stall_evidence evidence;
        enum stall_unheld why;
    } cases[] = {
        {"flock", &inside, WAIT_TICKS, 1, EVIDENCE_BLOCK_LEFT, 0},
        {"flock", &sleepy, WAIT_TICKS, 1, EVIDENCE_NEXT_MOVE, 0},
        {"flock", &sleepy, WAIT_TICKS - 10, 1, EVIDENCE_NONE, UNHELD_NOBODY_RAN},
        {"flock", &inside, WAIT_TICKS + 10, 1, EVIDENCE_NONE, UNHELD_NOBODY_RAN},
        {"flock", &sleepy, WAIT_TICKS, 2, EVIDENCE_NONE, UNHELD_SEVERAL},
        {"futex", &inside, WAIT_TICKS, 1, EVIDENCE_BLOCK_LEFT, 0},
        {"futex", &sleepy, WAIT_TICKS, 1, EVIDENCE_NONE, UNHELD_NOBODY_RAN},
    };
    static const struct maker_frame *const frames[] = {&start, &job_has, NULL};
    static const char *const argv[] = {"python3", "jobs.py", NULL};
    struct play p;
    play_open(&p, "across.trace", &at_lock);
    struct maker *const m = p.made.m;
    const uint32_t process = maker_process(m, 77, 1, argv); /* at the same time as the other */
    go(&p.made, IDLE_TICKS, p.idle, BLOCKED, "epoll_wait");
    go(&p.made, WAIT_TICKS, p.work, BLOCKED, cases[_i].call);
    go(&p.made, IDLE_TICKS, p.idle, BLOCKED, "epoll_wait");
    uint32_t stands = 0, goes = 0, threads[2];
    for (size_t i = 0; frames[i] != NULL; i++)
        goes = maker_stack_push(m, process, goes, frames[i]);
    stands = maker_stack_push(m, process, maker_stack_push(m, process, 0, &start), cases[_i].leaf);
    for (unsigned i = 0; i < 2; i++)
        threads[i] = maker_thread(m, process, 77 + i, i == 0 ? "first" : "second", 0);
    for (unsigned tick = 0; tick < IDLE_TICKS + WAIT_TICKS + IDLE_TICKS; tick++) {
        const bool moves = tick == IDLE_TICKS + cases[_i].until;
        maker_tick(m, process, 0, 0, 0);
        for (unsigned i = 0; i < 2 && (tick == 0 || (moves && i < cases[_i].n_threads)); i++)
            maker_change(
                m, process, threads[i],
                &(struct maker_sample){moves ? goes : stands, BLOCKED, 50, "clock_nanosleep"});
    }
    maker_process_end(m, process, 0);
    made_read(&p.made, NULL);
    ck_assert_uint_eq(p.made.stalls.n, 1);
    const struct stall *const stall = &p.made.stalls.list[0];
    const struct thread *holder = NULL;
    enum stall_evidence evidence = EVIDENCE_NONE;
    uint64_t held_ns = 0, all_ns = 0;
    for (size_t i = 0; i < stall->n_peers; i++) {
        if (stall->peers[i].held_ns == 0)
            continue;
        ck_assert_ptr_null(holder);
        holder = stall->peers[i].thread;
        evidence = stall->peers[i].evidence;
        held_ns = stall->peers[i].held_ns;
    }
    for (size_t i = 0; i < stall->n; i++)
        all_ns += stall->entries[i].kind == STALL_HELD ? stall_entry_ns(&stall->entries[i]) : 0;
    ck_assert_int_eq(evidence, cases[_i].evidence);
    ck_assert((holder != NULL) == (evidence != EVIDENCE_NONE));
    ck_assert(holder == NULL || strcmp(holder->name, "first") == 0);
    ck_assert(holder == NULL || holder->process->pid == 77);
    ck_assert(holder != NULL ? held_ns >= (WAIT_TICKS - 2) * 10000000ull
                             : stall->unheld_ns[cases[_i].why] == WAIT_TICKS * 10000000ull);
    ck_assert_uint_le(all_ns, stall->wall_ns);
    made_close(&p.made);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("holder");
    TCase *const tests = tcase_create("holder");
    tcase_add_loop_test(tests, holder_moves_once, 0, 24);
    tcase_add_loop_test(tests, holder_works_at_the_end, 0, 6);
    tcase_add_loop_test(tests, holder_comes_round, 0, 4);
    tcase_add_test(tests, past_the_same_acquire);
    tcase_add_loop_test(tests, two_waits, 0, 5);
    tcase_add_loop_test(tests, convoy, 0, 34);
    tcase_add_test(tests, nobody_ran);
    tcase_add_test(tests, clock_did_not_move);
    tcase_add_test(tests, all_stood_still);
    tcase_add_loop_test(tests, two_go_on_alike, 0, 3);
    tcase_add_test(tests, too_short);
    tcase_add_loop_test(tests, never_ends, 0, 2);
    tcase_add_loop_test(tests, kinds_of_waits, 0, 10);
    tcase_add_loop_test(tests, of_a_state, 0, 2);
    tcase_add_test(tests, with_a_gap);
    tcase_add_loop_test(tests, of_another_process, 0, 7);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
