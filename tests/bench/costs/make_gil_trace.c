/* SPDX-License-Identifier: MIT */
/*
 * make_gil_trace - write a made-up trace of a server whose 16 threads share a GIL.
 *
 * usage: make_gil_trace [seed=N] [seconds=N] [rate=N] FILE
 *
 * An event loop that is held up now and then, eight threads of a pool that wait for a database,
 * three that compute in batches, an exporter that keeps the GIL in C, and three that mostly sleep.
 * The load comes and goes; the GIL changes hands every 5 ms when somebody wants it. The same for
 * the same arguments.
 */
#include "tests/unit/support/make_trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ON_CPU = 1, HOLDS = 2, WAITS = 4, IN_GC = 8 };

#define N_THREADS   16
#define N_FUNCTIONS 420
#define N_CALLEES   6
#define N_TASKS     14
#define POOL        1500 /* stacks of a task */
#define DEPTH       26
#define TEXT        80
#define NOBODY      (-1)
#define SWITCH_S    0.005
#define STICKY      0.35 /* how often a thread is found where it was */

enum wants { IDLE, COMPUTE, BLOCK, C_CALL };
enum kind { LOOP, WORKER, BATCH, EXPORTER, METRICS, DRAIN };

struct thread {
    uint32_t number, idle_stack;
    const char *idle_call;
    enum kind kind;
    int task; /* whose stacks it shows; -1: `stack` alone */
    enum wants wants;
    double left_s; /* until it wants something else */
    uint32_t stack;
    const char *call;
    int burst;
    struct maker_sample shown;
};

struct server {
    struct maker *maker;
    uint32_t process;
    uint64_t random;
    char names[N_FUNCTIONS][TEXT], files[N_FUNCTIONS][TEXT];
    uint32_t first_lines[N_FUNCTIONS];
    int callees[N_FUNCTIONS][N_CALLEES], n_callees[N_FUNCTIONS];
    uint32_t pool[N_TASKS][POOL];
    uint32_t stack_export, stack_fsync, stack_report, stack_read, stack_recv[8];
    struct thread threads[N_THREADS];
    int holder;
    double held_s, gc_left_s, next_stall_s;
    int stall_kind;
};

/* ---- chance ---- */

static uint64_t next_random(struct server *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random >> 8;
}

static uint64_t below(struct server *s, uint64_t n)
{
    return next_random(s) % n;
}

static double part(struct server *s)
{
    return (double)(next_random(s) & 0xffffffffffu) / (double)(1ull << 40);
}

static double about(struct server *s, double mean)
{
    return -log(1 - part(s)) * mean;
}

/* Most fall on few. */
static uint32_t uneven(struct server *s, uint32_t n)
{
    return (uint32_t)(pow((double)n + 1, part(s)) - 1);
}

/* ---- code ---- */

static void fill_functions(struct server *s)
{
    static const char *const topics[] = {"orders", "billing", "catalog", "users", "search",
                                         "render", "cache",   "db",      "queue", "report"};
    static const char *const classes[] = {"Service", "Repository", "Serializer", "Validator",
                                          "Client",  "Session",    "Template",   "Index"};
    static const char *const verbs[] = {"load",      "save",      "validate", "to_dict", "from_row",
                                        "execute",   "fetch_all", "render",   "resolve", "match",
                                        "encode",    "decode",    "merge",    "apply",   "lookup",
                                        "iter_rows", "normalize", "tokenize", "score",   "flush"};
    for (int i = 0; i < N_FUNCTIONS; i++) {
        if (i % 3 == 0)
            snprintf(s->names[i], TEXT, "%s_%s", verbs[i * 7 % 20], topics[i % 10]);
        else
            snprintf(s->names[i], TEXT, "%s.%s", classes[i * 5 % 8], verbs[(i * 11 + i / 20) % 20]);
        snprintf(s->files[i], TEXT, "%s/%s/%s.py",
                 i % 4 == 3 ? "/usr/lib/python3.12/site-packages/sqlalchemy" : "/srv/shop",
                 topics[i / 7 % 10], verbs[i / 13 % 20]);
        s->first_lines[i] = 10 + (uint32_t)(i % 13) * 40;
        s->n_callees[i] = i < N_FUNCTIONS - 60 ? 2 + (int)below(s, 4) : 0;
        for (int k = 0; k < s->n_callees[i]; k++) {
            const int callee = i + 1 + (int)below(s, 60);
            s->callees[i][k] = callee < N_FUNCTIONS ? callee : N_FUNCTIONS - 1;
        }
    }
}

static uint32_t push(struct server *s, uint32_t at, const char *function, const char *file,
                     uint32_t first_line, uint32_t line)
{
    const struct maker_frame frame = {function, file, first_line, line,
                                      MAKER_COLUMNS(5 + line % 9, 20 + line % 31)};
    return maker_stack_push(s->maker, s->process, at, &frame);
}

/* Down through functions that call each other, from lines of their own. */
static uint32_t descend(struct server *s, uint32_t at, int f)
{
    for (int depth = 4;; depth++) {
        const uint32_t line =
            s->first_lines[f] + 1 + (uint32_t)(2 * below(s, 3)) + (uint32_t)(3 * below(s, 5));
        at = push(s, at, s->names[f], s->files[f], s->first_lines[f], line);
        if (depth > DEPTH || s->n_callees[f] == 0 || below(s, 5) == 0)
            return at;
        const double chance = part(s);
        f = s->callees[f][(int)(chance * chance * s->n_callees[f])];
    }
}

static uint32_t thread_root(struct server *s, const char *target, const char *file, uint32_t line)
{
    static const char threading[] = "/usr/lib/python3.12/threading.py";
    uint32_t at = push(s, 0, "Thread._bootstrap", threading, 1028, 1030);
    at = push(s, at, "Thread._bootstrap_inner", threading, 1052, 1073);
    at = push(s, at, "Thread.run", threading, 1000, 1010);
    return push(s, at, target, file, line - 5, line);
}

static void fill_stacks(struct server *s)
{
    static const char events[] = "/usr/lib/python3.12/asyncio/base_events.py";
    static const char pools[] = "/usr/lib/python3.12/concurrent/futures/thread.py";
    static const char alchemy[] = "/usr/lib/python3.12/site-packages/sqlalchemy/engine/default.py";
    static const char mysql[] = "/usr/lib/python3.12/site-packages/pymysql/connections.py";
    uint32_t loop = push(s, 0, "<module>", "/srv/shop/server.py", 1, 212);
    loop = push(s, loop, "run", "/usr/lib/python3.12/asyncio/runners.py", 160, 194);
    loop = push(s, loop, "BaseEventLoop.run_forever", events, 620, 641);
    const uint32_t once = push(s, loop, "BaseEventLoop._run_once", events, 1910, 1961);
    const uint32_t select =
        push(s, push(s, loop, "BaseEventLoop._run_once", events, 1910, 1940),
             "EpollSelector.select", "/usr/lib/python3.12/selectors.py", 452, 468);
    const uint32_t handle =
        push(s, once, "Handle._run", "/usr/lib/python3.12/asyncio/events.py", 82, 84);
    const uint32_t idle = thread_root(s, "_worker", pools, 89);
    const uint32_t work =
        push(s, thread_root(s, "_worker", pools, 93), "_WorkItem.run", pools, 50, 59);
    const uint32_t roots[] = {select,
                              idle,
                              thread_root(s, "batch_loop", "/srv/shop/batch.py", 44),
                              thread_root(s, "exporter", "/srv/shop/export.py", 31),
                              thread_root(s, "metrics_loop", "/srv/shop/metrics.py", 19),
                              thread_root(s, "drain", "/srv/shop/queue/drain.py", 27)};
    for (int i = 0; i < N_TASKS; i++) {
        const int f = (int)below(s, 90);
        const uint32_t root = i < 2     ? handle
                              : i < 9   ? work
                              : i < 12  ? roots[BATCH]
                              : i == 12 ? roots[EXPORTER]
                                        : roots[METRICS];
        for (int k = 0; k < POOL; k++)
            s->pool[i][k] = descend(s, root, f);
    }
    s->stack_export =
        push(s, push(s, roots[EXPORTER], "export_catalog", "/srv/shop/export.py", 40, 50),
             "sorted_by_price", "/srv/shop/export.py", 60, 64);
    s->stack_fsync = push(s, push(s, handle, "AuditLog.append", "/srv/shop/audit.py", 30, 41),
                          "AuditLog._flush", "/srv/shop/audit.py", 50, 57);
    s->stack_report = push(s, push(s, handle, "make_report", "/srv/shop/report/daily.py", 70, 88),
                           "make_report.<locals>.<genexpr>", "/srv/shop/report/daily.py", 86, 86);
    s->stack_read = push(s, push(s, handle, "Config.reload", "/srv/shop/config.py", 20, 33),
                         "read_slowly", "/srv/shop/config.py", 40, 44);
    for (int i = 0; i < 8; i++) {
        const uint32_t query = push(s, s->pool[2 + i % 7][i], "Cursor.execute", alchemy, 900, 918);
        s->stack_recv[i] = push(s, push(s, query, "Connection._read_packet", mysql, 730, 744),
                                "SocketIO.readinto", "/usr/lib/python3.12/socket.py", 700, 720);
    }
    for (int i = 0; i < N_THREADS; i++)
        s->threads[i].idle_stack = roots[s->threads[i].kind];
}

static void fill_threads(struct server *s)
{
    static const char *const calls[] = {"epoll_wait",      "futex",           "clock_nanosleep",
                                        "clock_nanosleep", "clock_nanosleep", "futex"};
    static const char *const fixed[] = {"exporter", "metrics", "drain-0", "drain-1"};
    static char names[N_THREADS][TEXT];
    for (int i = 0; i < N_THREADS; i++) {
        struct thread *const t = &s->threads[i];
        t->kind = i == 0 ? LOOP : i <= 8 ? WORKER : i <= 11 ? BATCH : i < 14 ? i - 9 : DRAIN;
        if (t->kind == LOOP)
            snprintf(names[i], TEXT, "MainThread");
        else if (t->kind == WORKER)
            snprintf(names[i], TEXT, "ThreadPoolExecutor-0_%d", i - 1);
        else if (t->kind == BATCH)
            snprintf(names[i], TEXT, "batch-%d", i - 9);
        else
            snprintf(names[i], TEXT, "%s", fixed[i - 12]);
        t->number = maker_thread(s->maker, s->process, 4821 + (uint32_t)i, names[i], 0);
        t->idle_call = calls[t->kind];
        t->left_s = about(s, 0.3);
    }
}

/* ---- what they want ---- */

static void want(struct thread *t, enum wants wants, double left_s)
{
    t->wants = wants;
    t->left_s = left_s;
}

/* The event loop runs callbacks for moments, and every so often one that takes long. */
static void go_on_loop(struct server *s, struct thread *t, double now_s)
{
    if (t->wants != IDLE) {
        want(t, IDLE, about(s, 0.02));
        return;
    }
    if (now_s <= s->next_stall_s) {
        t->task = (int)below(s, 2);
        want(t, COMPUTE, 0.0005 + about(s, 0.0025));
        return;
    }
    s->next_stall_s = now_s + 18 + about(s, 40);
    s->stall_kind = (s->stall_kind + 1) % 4;
    const bool computes = s->stall_kind == 1;
    t->stack = s->stall_kind == 0 ? s->stack_read : computes ? s->stack_report : s->stack_fsync;
    t->call = s->stall_kind == 0 ? "read" : "fsync";
    t->task = computes ? -1 : 0;
    want(t, computes ? COMPUTE : BLOCK, 0.25 + about(s, 0.5));
}

static void go_on_worker(struct server *s, struct thread *t, double load)
{
    if (t->wants == IDLE) {
        t->task = 2 + (int)uneven(s, 7);
        t->burst = 2 + (int)below(s, 9);
        want(t, COMPUTE, about(s, 0.012));
    } else if (t->wants == COMPUTE && t->burst-- > 0) {
        t->stack = s->stack_recv[below(s, 8)];
        t->call = "recvfrom";
        want(t, BLOCK, about(s, 0.015));
    } else if (t->wants == BLOCK) {
        want(t, COMPUTE, about(s, 0.008));
    } else {
        want(t, IDLE, about(s, 0.12 / load));
    }
}

static void go_on_exporter(struct server *s, struct thread *t)
{
    if (t->wants != IDLE) {
        want(t, IDLE, 10 + about(s, 35));
    } else if (below(s, 3) > 0) {
        t->stack = s->stack_export;
        want(t, C_CALL, 0.15 + about(s, 0.5));
    } else {
        t->task = 12;
        want(t, COMPUTE, about(s, 0.8));
    }
}

static void go_on(struct server *s, struct thread *t, double now_s)
{
    double load = 0.35 + 0.35 * sin(now_s / 47) + (fmod(now_s, 180) > 150 ? 0.5 : 0);
    if (load < 0.03)
        load = 0.03;
    switch (t->kind) {
    case LOOP:
        go_on_loop(s, t, now_s);
        break;
    case WORKER:
        go_on_worker(s, t, load);
        break;
    case BATCH:
        t->task = 9 + (int)below(s, 3);
        if (t->wants == IDLE)
            want(t, COMPUTE, 4 + about(s, 20));
        else
            want(t, IDLE, 15 + about(s, 60));
        break;
    case EXPORTER:
        go_on_exporter(s, t);
        break;
    case METRICS:
        t->task = 13;
        if (t->wants == IDLE)
            want(t, COMPUTE, 0.004);
        else
            want(t, IDLE, 1);
        break;
    case DRAIN:
        want(t, IDLE, 1e9);
        break;
    }
}

/* ---- the GIL ---- */

static bool wants_gil(const struct thread *t)
{
    return t->wants == COMPUTE || t->wants == C_CALL;
}

static void pass_gil(struct server *s, double tick_s)
{
    int waiting = 0;
    for (int i = 0; i < N_THREADS; i++)
        waiting += wants_gil(&s->threads[i]) && i != s->holder;
    s->held_s += tick_s;
    if (s->holder != NOBODY) {
        const enum wants wants = s->threads[s->holder].wants;
        const bool gives = wants == IDLE || wants == BLOCK ||
                           (wants == COMPUTE && waiting > 0 && s->held_s > SWITCH_S);
        if (!gives)
            return;
    }
    int next = NOBODY;
    const int start = (int)below(s, N_THREADS);
    for (int i = 0; i < N_THREADS && next == NOBODY; i++) {
        const int at = (start + i) % N_THREADS;
        if (at != s->holder && wants_gil(&s->threads[at]))
            next = at;
    }
    if (next == NOBODY && s->holder != NOBODY && s->threads[s->holder].wants == COMPUTE)
        next = s->holder;
    if (next != s->holder)
        s->held_s = 0;
    s->holder = next;
}

/* ---- ticks ---- */

static uint32_t stack_of(struct server *s, struct thread *t, double sticky)
{
    if (t->wants == C_CALL || t->task < 0)
        return t->stack;
    if ((t->shown.state & (ON_CPU | WAITS)) && t->shown.stack != 0 && part(s) < sticky)
        return t->shown.stack;
    return s->pool[t->task][uneven(s, POOL)];
}

static void show(struct server *s, int i, uint64_t length_q)
{
    struct thread *const t = &s->threads[i];
    struct maker_sample sample = {0};
    if (t->wants == IDLE) {
        sample.stack = t->idle_stack;
        sample.call = t->idle_call;
    } else if (t->wants == BLOCK) {
        sample.stack = t->stack;
        sample.call = t->call;
    } else if (i == s->holder) {
        sample.state = ON_CPU | HOLDS | (s->gc_left_s > 0 ? IN_GC : 0);
        sample.cpu_q = length_q - below(s, length_q / 30 + 1);
        sample.stack = stack_of(s, t, STICKY);
    } else {
        sample.state = WAITS;
        sample.stack = stack_of(s, t, 2);
    }
    if (sample.stack != t->shown.stack || sample.state != t->shown.state ||
        sample.call != t->shown.call || sample.cpu_q > 0)
        maker_change(s->maker, s->process, t->number, &sample);
    t->shown = sample;
}

static void run_ticks(struct server *s, uint64_t seconds, uint64_t rate_hz)
{
    const double tick_s = 1.0 / (double)rate_hz;
    const uint64_t n = seconds * rate_hz;
    uint64_t before_q = 0;
    int last_holder = NOBODY;
    for (uint64_t k = 1; k <= n; k++) {
        maker_tick(s->maker, s->process, (int32_t)below(s, 40), 0, 0);
        const uint64_t now_q = maker_time_q(s->maker, s->process);
        for (int i = 0; i < N_THREADS; i++) {
            struct thread *const t = &s->threads[i];
            if (wants_gil(t) && i != s->holder)
                continue; /* cannot go on without it */
            t->left_s -= tick_s;
            if (t->left_s <= 0)
                go_on(s, t, (double)k * tick_s);
        }
        pass_gil(s, tick_s);
        if (s->gc_left_s <= 0 && below(s, 4000) == 0)
            s->gc_left_s = 0.01 + about(s, 0.03);
        s->gc_left_s -= tick_s;
        for (int i = 0; i < N_THREADS; i++)
            show(s, i, now_q - before_q);
        if (s->holder != last_holder || k == 1)
            maker_hold(s->maker, s->process,
                       s->holder == NOBODY ? 0 : s->threads[s->holder].number);
        last_holder = s->holder;
        before_q = now_q;
        if (k % (300 * rate_hz) == 0 && k < n)
            maker_generation(s->maker, s->process);
        else if (k % (2 * rate_hz) == 0)
            maker_flush(s->maker, s->process);
    }
    const struct maker_account account = {.ticks_due = n,
                                          .ticks_taken = n,
                                          .samples = N_THREADS * n,
                                          .samples_asked = n / 2,
                                          .samples_outside = n / 9,
                                          .sampler_cpu_ns = n * 12000,
                                          .handler_ns = n * 500,
                                          .process_cpu_ns = seconds * 800000000};
    maker_set_account(s->maker, s->process, &account);
}

static void make(uint64_t seed, uint64_t seconds, uint64_t rate_hz, const char *path)
{
    static const char *const argv[] = {"python3", "-m", "shop.server", NULL};
    static struct server s;
    const struct maker_settings settings = {.interval_ns = 1000000000 / rate_hz,
                                            .hostname = "shop-web-3"};
    s.random = seed * 0x9E3779B97F4A7C15u;
    s.holder = NOBODY;
    s.next_stall_s = 20;
    s.maker = maker_open(path, &settings);
    s.process = maker_process(s.maker, 4821, 1, argv);
    fill_functions(&s);
    fill_threads(&s);
    fill_stacks(&s);
    run_ticks(&s, seconds, rate_hz);
    maker_process_end(s.maker, s.process, 0);
    maker_close(s.maker, "exited");
}

int main(int argc, char **argv)
{
    unsigned long long seed = 1, seconds = 600, rate = 1000;
    const char *path = NULL;
    bool is_right = true;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "seed=%llu", &seed) == 1 || sscanf(argv[i], "rate=%llu", &rate) == 1 ||
            sscanf(argv[i], "seconds=%llu", &seconds) == 1)
            continue;
        is_right = is_right && path == NULL;
        path = argv[i];
    }
    if (path == NULL || !is_right || seed == 0 || seconds == 0 || rate == 0 || rate > 10000) {
        fprintf(stderr, "usage: make_gil_trace [seed=N] [seconds=N] [rate=N] FILE\n");
        return 2;
    }
    make(seed, seconds, rate, path);
    return 0;
}
