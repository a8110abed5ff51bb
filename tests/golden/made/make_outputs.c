/* SPDX-License-Identifier: MIT */
/*
 * make_outputs - write the traces that the golden outputs are of.
 *
 * usage: make_outputs DIRECTORY
 *
 * Small made-up recordings, the same bytes every time: simple (one process, three threads, two
 * generations, missed ticks), family (two processes, native threads), odd (names and stacks that
 * are hard to print), pool (two processes with numbered threads), expressions (columns within
 * lines), hostile (names made to break formats), hostile_endless (a long one), gui (an event loop
 * that stalls), before and after (a change), asleep (time that nobody observed), crowd (many
 * threads that want one GIL), events (gui, while somebody set the wall clock and the rate was
 * changed), loop (an asyncio loop that stalls), halts and held_up (without a GIL).
 */
#include "format/trace.pb-c.h"
#include "make_halts.h"
#include "make_loop.h"
#include "tests/unit/support/make_trace.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ON_CPU = 1, HOLDS_GIL = 2, WAITS_GIL = 4, IN_GC = 8, OUTSIDE = 16, READY = 32, BLOCKED = 0 };

static const struct maker_frame module = {"<module>", "/home/me/proj/demo.py", 1, 30, 0};
static const struct maker_frame main_4 = {"main", "/home/me/proj/demo.py", 20, 24, 0};
static const struct maker_frame main_5 = {"main", "/home/me/proj/demo.py", 20, 25, 0};
static const struct maker_frame fib_3 = {"fib", "/home/me/proj/demo.py", 2, 3, 0};
static const struct maker_frame fib_5 = {"fib", "/home/me/proj/demo.py", 2, 5, 0};
static const struct maker_frame bootstrap = {"Thread._bootstrap",
                                             "/usr/lib/python3.11/threading.py", 995, 995, 0};
static const struct maker_frame run = {"Thread.run", "/usr/lib/python3.11/threading.py", 961, 975,
                                       0};
static const struct maker_frame work = {"Worker.work", "/home/me/proj/pool/worker.py", 40, 47, 0};
static const struct maker_frame get = {"Queue.get", "/usr/lib/python3.11/queue.py", 154, 171, 0};

static uint32_t stack_of(struct maker *m, uint32_t process, const struct maker_frame *const *frames)
{
    uint32_t stack = 0;
    for (; *frames != NULL; frames++)
        stack = maker_stack_push(m, process, stack, *frames);
    return stack;
}

#define STACK(m, process, ...)                                                                     \
    stack_of(m, process, (const struct maker_frame *const[]){__VA_ARGS__, NULL})

static void open_trace(struct maker **m, const char *directory, const char *name, uint32_t tag)
{
    char path[1024];
    const struct maker_settings settings = {.tag = tag};
    snprintf(path, sizeof path, "%s/%s.trace", directory, name);
    *m = maker_open(path, &settings);
}

/* Three threads: main computes, one worker shares the GIL with it, one waits for a queue. */
static void simple_ticks(struct maker *m, uint32_t p, unsigned first, unsigned end)
{
    const uint32_t leaf = STACK(m, p, &module, &main_4, &fib_5, &fib_5, &fib_3);
    const uint32_t deep = STACK(m, p, &module, &main_4, &fib_5, &fib_3);
    const uint32_t other = STACK(m, p, &module, &main_5);
    const uint32_t working = STACK(m, p, &bootstrap, &run, &work);
    const uint32_t waiting = STACK(m, p, &bootstrap, &run, &get);
    for (unsigned i = first; i < end; i++) {
        const bool turn = i % 10 < 7;
        const uint32_t stack = i % 4 == 0 ? deep : i % 9 == 8 ? other : leaf;
        maker_tick(m, p, (int32_t)(i % 5) * 10, i == 57 ? 3 : 0, i == 58 ? 2500 : 0);
        maker_hold(m, p, turn ? 1 : 2);
        maker_change(m, p, 1,
                     &(struct maker_sample){stack, turn ? ON_CPU | HOLDS_GIL : WAITS_GIL,
                                            turn ? 9800 : 130, NULL});
        maker_change(m, p, 2,
                     &(struct maker_sample){working, turn ? WAITS_GIL : ON_CPU | HOLDS_GIL,
                                            turn ? 0 : 9500, NULL});
        if (i == 0)
            maker_change(m, p, 3, &(struct maker_sample){waiting, BLOCKED, 240, "futex"});
        if (i % 50 == 49)
            maker_flush(m, p);
    }
}

static void make_simple(const char *directory)
{
    static const char *const argv[] = {"python3", "demo.py", "27", NULL};
    struct maker *m;
    open_trace(&m, directory, "simple", 0x51);
    const uint32_t p = maker_process(m, 4711, 4700, argv);
    maker_thread(m, p, 4711, "MainThread", 35000);
    maker_thread(m, p, 4713, "Worker-1", 0);
    maker_thread(m, p, 4714, "Thread-2 (consume)", 0);
    maker_native(m, p, 4712, "openblas", 4000000);
    simple_ticks(m, p, 0, 100);
    maker_generation(m, p);
    simple_ticks(m, p, 100, 150);
    maker_native(m, p, 4712, "openblas", 6500000);
    maker_set_account(m, p,
                      &(struct maker_account){.ticks_due = 153,
                                              .ticks_taken = 150,
                                              .ticks_missed = 3,
                                              .samples = 450,
                                              .samples_asked = 150,
                                              .samples_outside = 151,
                                              .retries = 2,
                                              .handler_ns = 63000,
                                              .sampler_cpu_ns = 6500000,
                                              .collector_cpu_ns = 2100000,
                                              .process_cpu_ns = 1485000000,
                                              .native_cpu_ns = 0,
                                              .failure = "thread did not answer within the tick",
                                              .failures = 1});
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* Python, C below it, Python called from that, and C again; C++, and C that is not known. */
static void make_native(const char *directory)
{
    static const char *const argv[] = {"python3", "demo.py", NULL};
    enum { NATIVE = 1, GAP = 7 };
    static const char python[] = "/usr/bin/python3.11", numbers[] = "/usr/lib/libnumbers.so.2";
    static const struct maker_frame sorting = {"list.sort", python, 0x5a080, 0, NATIVE};
    static const struct maker_frame merging = {"python3.11+0x4e6d00", python, 0x4e6d00, 0, NATIVE};
    static const struct maker_frame solving = {"_ZN7numbers5solveEi", numbers, 0x1200, 0, NATIVE};
    static const struct maker_frame unknown = {"C frames not known", "", 0, 0, GAP};
    struct maker *m;
    open_trace(&m, directory, "native", 0xc0);
    const uint32_t p = maker_process(m, 40, 1, argv);
    maker_thread(m, p, 40, "MainThread", 0);
    const uint32_t stacks[] = {
        STACK(m, p, &module, &main_4),
        STACK(m, p, &module, &main_4, &sorting, &merging),
        STACK(m, p, &module, &main_4, &sorting, &merging, &fib_3),
        STACK(m, p, &module, &main_4, &sorting, &merging, &fib_3, &solving),
        STACK(m, p, &module, &main_5, &solving, &unknown),
        STACK(m, p, &module, &main_5, &unknown),
        STACK(m, p, &solving),
    };
    for (unsigned i = 0; i < 140; i++) {
        const uint32_t stack = stacks[i * i % 7 * (i % 3 + 1) % 7];
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, 1, &(struct maker_sample){stack, ON_CPU | HOLDS_GIL, 9900, NULL});
        if (i == 90)
            maker_generation(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* One line of three calls, of which CPython says which was running. */
static void make_expressions(const char *directory)
{
    static const char *const argv[] = {"python3", "/home/me/proj/demo.py", NULL};
    static const char file[] = "/home/me/proj/demo.py";
    static const struct maker_frame call = {"<module>", file, 1, 30, MAKER_COLUMNS(1, 7)};
    static const struct maker_frame first = {"fib", file, 2, 5, MAKER_COLUMNS(12, 22)};
    static const struct maker_frame second = {"fib", file, 2, 5, MAKER_COLUMNS(25, 35)};
    static const struct maker_frame sum = {"fib", file, 2, 5, MAKER_COLUMNS(12, 35)};
    static const struct maker_frame test = {"fib", file, 2, 3, MAKER_COLUMNS(8, 13)};
    static const struct maker_frame list = {"main", file, 20, 22, MAKER_COLUMNS(15, 56)};
    static const struct maker_frame print = {"main", file, 20, 22, MAKER_COLUMNS(3, 57)};
    static const struct maker_frame late = {"main", file, 20, 24, MAKER_COLUMNS(5, 12)};
    struct maker *m;
    open_trace(&m, directory, "expressions", 0xe4);
    const uint32_t p = maker_process(m, 9, 1, argv);
    maker_thread(m, p, 9, "MainThread", 0);
    const uint32_t stacks[] = {
        STACK(m, p, &call, &late, &first, &test),
        STACK(m, p, &call, &late, &first, &second, &test),
        STACK(m, p, &call, &late, &first, &first, &sum),
        STACK(m, p, &call, &list),
        STACK(m, p, &call, &print),
        STACK(m, p, &call, &late),
    };
    for (unsigned i = 0; i < 200; i++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, 1,
                     &(struct maker_sample){stacks[i % 17 < 12 ? i % 3 : i % 6], ON_CPU | HOLDS_GIL,
                                            9000 + i % 7, NULL});
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* A pool of threads in each of two processes; one line of many takes most. */
static void make_pool(const char *directory)
{
    static const char *const argv[] = {"python3", "/home/me/proj/demo.py", NULL};
    static const char *const names[] = {"MainThread", "ThreadPoolExecutor-0_0",
                                        "ThreadPoolExecutor-0_1", "ThreadPoolExecutor-0_2"};
    struct maker *m;
    open_trace(&m, directory, "pool", 0x90);
    for (uint32_t p = 1; p <= 2; p++) {
        const uint32_t process = maker_process(m, 50 + p, 1, argv);
        for (uint32_t t = 0; t < 4; t++)
            maker_thread(m, process, 500 * p + t, names[t], 0);
        const uint32_t waiting = STACK(m, process, &module, &main_4, &get);
        for (unsigned i = 0; i < 40 * p; i++) {
            maker_tick(m, process, 0, 0, 0);
            if (i == 0)
                maker_change(m, process, 1, &(struct maker_sample){waiting, BLOCKED, 0, "futex"});
            for (uint32_t t = 1; t < 4; t++) {
                struct maker_frame line = work;
                line.line += (i + t) % 7 == 0 ? i % 5 : 0;
                const uint32_t stack = STACK(m, process, &bootstrap, &run, &line);
                const bool turn = i % 3 + 1 == t;
                maker_change(m, process, t + 1,
                             &(struct maker_sample){stack, turn ? ON_CPU | HOLDS_GIL : WAITS_GIL,
                                                    turn ? 9000 : 50, NULL});
            }
        }
        maker_flush(m, process);
        maker_process_end(m, process, 0);
    }
    maker_close(m, "exited");
}

/* A parent that waits, and a child that burns CPU; a library's thread in the child. */
static void make_family(const char *directory)
{
    static const char *const parent_argv[] = {"/usr/bin/python3", "-m", "boss", NULL};
    static const char *const child_argv[] = {
        "/usr/bin/python3", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()",
        NULL};
    struct maker *m;
    open_trace(&m, directory, "family", 0xfa);
    const uint32_t parent = maker_process(m, 100, 1, parent_argv);
    maker_thread(m, parent, 100, "MainThread", 0);
    const uint32_t waiting = STACK(m, parent, &module, &main_4, &get);
    for (int i = 0; i < 20; i++)
        maker_tick(m, parent, 0, 0, 0);
    maker_change(m, parent, 1, &(struct maker_sample){waiting, BLOCKED, 100, "wait4"});
    maker_flush(m, parent);
    const uint32_t child = maker_process(m, 101, 100, child_argv);
    maker_thread(m, child, 101, "MainThread", 0);
    const uint32_t main = maker_thread(m, child, 102, "pool-0", 0);
    const uint32_t stack = STACK(m, child, &module, &main_5, &work);
    for (int i = 0; i < 30; i++) {
        maker_tick(m, parent, 3, 0, 0);
        maker_tick(m, child, 1, 0, 0);
        maker_change(m, child, 1, &(struct maker_sample){stack, ON_CPU | HOLDS_GIL, 10000, NULL});
        if (i == 10)
            maker_thread_end(m, child, main);
    }
    maker_native(m, child, 103, "openblas", 250000000);
    maker_native(m, child, 104, "openblas", 120000000);
    maker_flush(m, parent);
    maker_process_end(m, child, 3);
    maker_process_end(m, parent, 0);
    maker_close(m, "exited");
}

/* An hour forward, later one and a half back; seven other rates. */
static void gui_events(struct maker *m, uint32_t p, unsigned tick)
{
    enum {
        INTERVAL = PYREC__V1__EVENT__TYPE__INTERVAL,
        CLOCK_STEP = PYREC__V1__EVENT__TYPE__CLOCK_STEP
    };
    if (tick == 30)
        maker_event(m, p, CLOCK_STEP, INT64_C(3600000000000));
    if (tick == 110)
        maker_event(m, p, CLOCK_STEP, INT64_C(-5400000000000));
    if (tick % 25 == 24 && tick < 190)
        maker_event(m, p, INTERVAL, tick % 50 == 24 ? 20000000 + tick * 100000 : 10000000);
}

/*
 * A GUI that stalls: a slot reads a file, another waits for the GIL that a worker holds. With
 * `mark` in all names that a program can choose.
 */
static void make_gui(const char *directory, const char *name, const char *mark, bool has_events)
{
    char script[40], file[60], main_name[40], worker[40], slot[40], call_name[40];
    snprintf(script, sizeof script, "%sgui.py", mark);
    snprintf(file, sizeof file, "/home/me/%sgui.py", mark);
    snprintf(main_name, sizeof main_name, "%sMainThread", mark);
    snprintf(worker, sizeof worker, "%sWorker-1", mark);
    snprintf(slot, sizeof slot, "App.%sopen_file", mark);
    snprintf(call_name, sizeof call_name, "%sread", mark);
    const char *const argv[] = {"python3", script, NULL};
    static const struct maker_frame top = {"<module>", "/home/me/gui.py", 1, 90, 0};
    static const struct maker_frame mainloop = {
        "Misc.mainloop", "/usr/lib/python3.11/tkinter/__init__.py", 1480, 1485, 0};
    static const struct maker_frame call = {
        "CallWrapper.__call__", "/usr/lib/python3.11/tkinter/__init__.py", 1940, 1948, 0};
    const struct maker_frame open_file = {slot, file, 20, 25, 0};
    const struct maker_frame parse = {"parse", file, 40, 44, 0};
    struct maker *m;
    open_trace(&m, directory, name, has_events ? 0xe7 : 0x61);
    const uint32_t p = maker_process(m, 300, 1, argv);
    maker_thread(m, p, 300, main_name, 0);
    maker_thread(m, p, 301, worker, 0);
    const uint32_t idle = STACK(m, p, &top, &mainloop);
    const uint32_t reading = STACK(m, p, &top, &mainloop, &call, &open_file);
    const uint32_t parsing = STACK(m, p, &top, &mainloop, &call, &open_file, &parse);
    const uint32_t working = STACK(m, p, &bootstrap, &run, &work);
    const struct maker_sample at_rest = {idle, BLOCKED, 20, "futex"};
    for (unsigned i = 0; i < 200; i++) {
        maker_tick(m, p, 0, i == 70 ? 4 : 0, i == 70 ? 38000 : 0);
        if (i == 0 || i == 90 || i == 150)
            maker_change(m, p, 1, &at_rest);
        if (i == 40)
            maker_change(m, p, 1, &(struct maker_sample){reading, BLOCKED, 100, call_name});
        if (i >= 60 && i < 90)
            maker_change(
                m, p, 1,
                &(struct maker_sample){parsing, i % 3 ? ON_CPU | HOLDS_GIL : READY, 9900, NULL});
        if (i == 120)
            maker_change(m, p, 1, &(struct maker_sample){parsing, WAITS_GIL, 100, NULL});
        if (i == 120 || i == 150)
            maker_change(m, p, 2,
                         &(struct maker_sample){working, i == 120 ? ON_CPU | HOLDS_GIL : BLOCKED,
                                                100, i == 120 ? NULL : "recvfrom"});
        if (has_events)
            gui_events(m, p, i);
        maker_hold(m, p, i >= 60 && i < 90 ? 1 : i >= 120 && i < 150 ? 2 : 0);
        if (i % 50 == 49)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

static void make_odd(const char *directory)
{
    static const char *const argv[] = {"python3", "a, \"b\"\033[31m", NULL};
    static const struct maker_frame semicolon = {"a;b", "/tmp/x;y.py", 1, 2, 0};
    static const struct maker_frame newline = {"line\nbreak", "/tmp/t\tab.py", 1, 3, 0};
    static const struct maker_frame escape = {"\033[31mred\033[0m, \"quoted\"", "/tmp/x.py", 1, 0,
                                              0};
    static const struct maker_frame wide = {"f\xc3\xbcr_\xe6\x97\xa5\xe6\x9c\xac", "/other/x.py", 1,
                                            9, 0};
    static const struct maker_frame failed = {"frame outside the thread's stack", "", 0, 0, 4};
    static const struct maker_frame cut = {"truncated", "", 0, 0, 3};
    struct maker *m;
    open_trace(&m, directory, "odd", 0x0d);
    const uint32_t p = maker_process(m, 7, 1, argv);
    maker_thread(m, p, 7, "Main\033]0;title\aThread", 0);
    const uint32_t stacks[] = {
        STACK(m, p, &semicolon, &newline),
        STACK(m, p, &semicolon, &newline, &escape),
        STACK(m, p, &wide),
        STACK(m, p, &failed),
        STACK(m, p, &cut, &wide, &semicolon),
        0,
    };
    for (unsigned i = 0; i < 18; i++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, 1,
                     &(struct maker_sample){stacks[i % 6], i % 7 == 6 ? READY : ON_CPU | OUTSIDE,
                                            1000 + i, NULL});
    }
    maker_flush(m, p);
    maker_abandon(m);
}

/* Code that was compiled without a name of a file: only its lines tell it apart. */
static void make_nameless(const char *directory)
{
    static const char *const argv[] = {"python3", "exec.py", NULL};
    static const struct maker_frame first = {"run", "", 3, 4, 0};
    static const struct maker_frame second = {"run", "", 9, 10, 0};
    static const struct maker_frame again = {"run", "", 9, 11, 0};
    static const struct maker_frame alone = {"stop", "", 20, 21, 0};
    struct maker *m;
    open_trace(&m, directory, "nameless", 0x4a);
    const uint32_t p = maker_process(m, 7, 1, argv);
    maker_thread(m, p, 7, "MainThread", 0);
    const uint32_t stacks[] = {
        STACK(m, p, &module, &first),
        STACK(m, p, &module, &second),
        STACK(m, p, &module, &again),
        STACK(m, p, &module, &alone),
    };
    for (unsigned i = 0; i < 12; i++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, 1, &(struct maker_sample){stacks[i % 4], ON_CPU, 1000, NULL});
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* A program before and after a change: parse is slower and further down, check is gone, cache new.
 */
static void make_change(const char *directory, const char *name, bool after, bool elsewhere)
{
    static const char *const argv[] = {"python3", "app.py", NULL};
    const char *const app = elsewhere ? "/ci/build-7/app.py" : "/home/me/proj/app.py";
    const char *const store = elsewhere ? "/ci/build-7/store.py" : "/home/me/proj/store.py";
    const uint32_t down = after ? 12 : 0;
    const struct maker_frame top = {"<module>", app, 1, 90, 0};
    const struct maker_frame frames[] = {
        {"load", app, 10, 12, 0},
        {"parse", app, 20 + down, 23 + down, 0},
        {"parse", app, 20 + down, 25 + down, 0},
        {after ? "cache" : "check", app, 15, 17, 0},
        {"Store.save", store, 5, 8, 0},
    };
    const unsigned lengths[] = {4, 3, after ? 6 : 3, 2, after ? 4 : 5}; /* ticks in each round */
    struct maker *m;
    open_trace(&m, directory, name, elsewhere ? 0xc1 : after ? 0xb1 : 0xa1);
    const uint32_t p = maker_process(m, 8000, 7999, argv);
    maker_thread(m, p, 8000, "MainThread", 0);
    for (unsigned round = 0, noise = 7; round < 160; round++) {
        for (size_t f = 0; f < sizeof frames / sizeof *frames; f++) {
            const uint32_t stack = STACK(m, p, &top, &frames[f]);
            noise = noise * 1103515245 + 12345;
            const unsigned more = (noise >> 16) % 3;
            for (unsigned i = 0; i + 1 < lengths[f] + more; i++) {
                maker_tick(m, p, 0, 0, 0);
                maker_change(m, p, 1,
                             &(struct maker_sample){stack, ON_CPU | HOLDS_GIL, 10000, NULL});
            }
        }
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
}

/* samples/fib.py: a third in fib, two thirds in fib2. */
static void make_fib(const char *directory)
{
    static const char *const argv[] = {"python3", "fib.py", "18", NULL};
    const struct maker_frame frames[] = {
        {"<module>", "/home/me/proj/fib.py", 1, 39, 0}, {"fib", "/home/me/proj/fib.py", 15, 17, 0},
        {"<module>", "/home/me/proj/fib.py", 1, 43, 0}, {"fib2", "/home/me/proj/fib.py", 21, 25, 0},
        {"fib2", "/home/me/proj/fib.py", 21, 27, 0},
    };
    struct maker *m;
    open_trace(&m, directory, "fib", 0xf1);
    const uint32_t p = maker_process(m, 8100, 8099, argv);
    const uint32_t stacks[] = {
        STACK(m, p, &frames[0], &frames[1]),
        STACK(m, p, &frames[2], &frames[3]),
        STACK(m, p, &frames[2], &frames[4]),
        STACK(m, p, &frames[0], &frames[1], &frames[1]),
        STACK(m, p, &frames[0]),
    };
    const unsigned ticks[] = {30, 70, 60, 35, 1};
    maker_thread(m, p, 8100, "MainThread", 0);
    for (size_t s = 0; s < sizeof stacks / sizeof *stacks; s++) {
        for (unsigned i = 0; i < ticks[s]; i++) {
            maker_tick(m, p, 0, 0, 0);
            maker_change(m, p, 1, &(struct maker_sample){stacks[s], ON_CPU | HOLDS_GIL, 10, NULL});
        }
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
}

/* Names that break out of the formats that they are written in, if they can. */
static void make_hostile(const char *directory, const char *name, size_t longest, unsigned n_ticks)
{
    static const char *const argv[] = {"python3", "</script>]]>\"'&", "\033]0;argv\007", NULL};
    static char long_name[65536 + 1];
    static const char *const names[] = {
        "\"quoted\" 'single' \\ back\\nslash",
        "line\nbreak\r\n\ttab",
        "\001\002\033[31m\177 control \302\205\302\233",
        "wrong \377\376 \303( utf-8 \355\240\200",
        "</script><script>alert(1)</script><!-- ]]> &amp; &#0;",
        "\342\200\250\342\200\251\342\200\256\357\273\277 marks",
        "\360\237\220\215 \346\227\245\346\234\254",
        "%s%n%1000000d {0} $(id) `id`",
        "(1) calls=1 2",
        "fn=(2)",
        " ; a;b ; ",
        "=cmd|' /C calc'!A0",
        "",
        "[1,2]{\"a\":null}",
        long_name,
    };
    struct maker *m;
    memset(long_name, 'x', longest);
    open_trace(&m, directory, name, 0x40);
    const uint32_t p = maker_process(m, 7, 1, argv);
    maker_thread(m, p, 7, "Main\"\n\377</title>;Thread\033[41m\302\233K", 0);
    for (unsigned i = 0; i < n_ticks; i++) {
        const unsigned n = sizeof names / sizeof *names;
        const struct maker_frame frames[] = {
            {names[i % n], names[(i / n + i) % n], i % 3, i % 5, 0},
            {names[(i + 1) % n], names[(i + 3) % n], 4000000000u, 4294967295u, 0},
            {names[(i * 7 + 2) % n], "", 0, 0, 0},
        };
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, 1,
                     &(struct maker_sample){maker_stack(m, p, frames, 3),
                                            i % 4 != 0 ? ON_CPU : BLOCKED, 1000 + i,
                                            i % 4 != 0 ? NULL : "\"call\"\n\033"});
    }
    maker_native(m, p, 8, "native\033[2J", 5000000);
    maker_set_account(
        m, p,
        &(struct maker_account){
            .ticks_due = n_ticks, .ticks_taken = n_ticks, .failure = "torn\033[5m", .failures = 3});
    maker_flush(m, p);
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* A thread that waits all the time, while the machine sleeps for five seconds. */
static void make_asleep(const char *directory)
{
    static const char *const argv[] = {"python3", "asleep.py", NULL};
    struct maker *m;
    open_trace(&m, directory, "asleep", 0x5a);
    const uint32_t p = maker_process(m, 9, 1, argv);
    maker_thread(m, p, 9, "MainThread", 0);
    const uint32_t waiting = STACK(m, p, &module, &main_4, &get);
    for (unsigned i = 0; i < 60; i++) {
        maker_tick(m, p, 0, i == 30 ? 500 : 0, i == 30 ? 5000000 : 0);
        if (i == 0)
            maker_change(m, p, 1, &(struct maker_sample){waiting, BLOCKED, 0, "futex"});
    }
    maker_flush(m, p);
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/*
 * Threads in turns: each holds the GIL for some ticks, the lower its number the more often, with
 * some others waiting; now and then it collects garbage or sleeps with it, or nobody has it.
 */
static void crowd_ticks(struct maker *m, uint32_t p, uint32_t n_threads)
{
    const uint32_t working = STACK(m, p, &bootstrap, &run, &work);
    const uint32_t waiting = STACK(m, p, &bootstrap, &run, &get);
    for (uint32_t i = 0; i < 240; i++) {
        const uint32_t turn = i / 4, holder = turn % (turn % n_threads + 1);
        const uint8_t doing = turn % 5 == 1 ? ON_CPU | IN_GC : turn % 7 == 1 ? BLOCKED : ON_CPU;
        maker_tick(m, p, 0, i == 100 ? 2 : 0, 0);
        maker_hold(m, p, turn % 11 == 10 ? 0 : holder + 1);
        for (uint32_t t = 0; t < n_threads; t++) {
            const bool waits = t != holder && (t + turn) % 3 != 0;
            struct maker_sample sample = {waiting, waits ? WAITS_GIL : BLOCKED, 50,
                                          waits ? NULL : "futex"};
            if (t == holder)
                sample = (struct maker_sample){working, doing | HOLDS_GIL, 9000,
                                               doing == BLOCKED ? "clock_nanosleep" : NULL};
            maker_change(m, p, t + 1, &sample);
        }
    }
    maker_process_end(m, p, 0);
}

static void make_crowd(const char *directory)
{
    static const char *const argv[] = {"python3", "crowd.py", NULL};
    char names[12][40];
    struct maker *m;
    open_trace(&m, directory, "crowd", 0xc4);
    const uint32_t p = maker_process(m, 20, 1, argv);
    maker_thread(m, p, 20, "MainThread", 0);
    for (uint32_t t = 1; t < 12; t++) {
        snprintf(names[t], sizeof names[t], "ThreadPoolExecutor-0_%u", (unsigned)(t - 1));
        maker_thread(m, p, 20 + t, names[t], 0);
    }
    crowd_ticks(m, p, 12);
    const uint32_t q = maker_process(m, 40, 1, argv);
    maker_thread(m, q, 40, "a\033[2Jb", 0);
    maker_thread(m, q, 41, "\xe6\x97\xa5\xe6\x9c\xac", 0);
    maker_thread(m, q, 42, "c", 0);
    crowd_ticks(m, q, 3);
    maker_close(m, "exited");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_outputs DIRECTORY\n");
        return 2;
    }
    make_simple(argv[1]);
    make_family(argv[1]);
    make_odd(argv[1]);
    make_native(argv[1]);
    make_nameless(argv[1]);
    make_gui(argv[1], "gui", "", false);
    make_gui(argv[1], "hostile_gui", "\033]2;\302\233J\a\r\n\342\200\256", false);
    make_gui(argv[1], "events", "", true);
    make_change(argv[1], "before", false, false);
    make_change(argv[1], "after", true, false);
    make_change(argv[1], "elsewhere", true, true);
    make_fib(argv[1]);
    make_pool(argv[1]);
    make_expressions(argv[1]);
    make_hostile(argv[1], "hostile", 300, 90);
    make_hostile(argv[1], "hostile_endless", 65536, 40); /* the longest that a trace can have */
    make_asleep(argv[1]);
    make_crowd(argv[1]);
    char path[4096];
    snprintf(path, sizeof path, "%s/loop.trace", argv[1]);
    make_loop(path, "");
    snprintf(path, sizeof path, "%s/hostile_loop.trace", argv[1]);
    make_loop(path, "\033]2;\302\233J\a\r\n\342\200\256");
    make_halts(argv[1]);
    return 0;
}
