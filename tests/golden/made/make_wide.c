/* SPDX-License-Identifier: MIT */
/*
 * make_wide - write wide.trace and crew.trace: what no terminal has room for.
 *
 * usage: make_wide DIRECTORY
 *
 * Two processes of nine threads each, with long names, deep stacks in long paths, imports in
 * imports, and many functions, of which `hottest` is the heaviest in every table. And many
 * processes that all wait, with names of wide and combining characters, in a path without blanks
 * that is wider than any terminal.
 */
#include "tests/unit/support/make_trace.h"

#include <stdio.h>

enum { ON_CPU = 1, HOLDS_GIL = 2, WAITS_GIL = 4, BLOCKED = 0 };

#define PACKAGE   "/srv/applications/warehouse-management/releases/2026-11-29/src/warehouse/"
#define BOOT      "<frozen importlib._bootstrap>"
#define N_THREADS 9u
#define N_COLD    40u
#define N_TICKS   400u

static char names[N_COLD][64], files[N_COLD][160];

static uint32_t push_import(struct maker *m, uint32_t p, uint32_t stack, const char *file)
{
    static const struct maker_frame machinery[] = {
        {"_find_and_load", BOOT, 1165, 1176, 0},
        {"_find_and_load_unlocked", BOOT, 1120, 1147, 0},
        {"_load_unlocked", BOOT, 666, 690, 0},
        {"_LoaderBasics.exec_module", "<frozen importlib._bootstrap_external>", 934, 940, 0},
        {"_call_with_frames_removed", BOOT, 233, 241, 0},
    };
    for (size_t i = 0; i < sizeof machinery / sizeof *machinery; i++)
        stack = maker_stack_push(m, p, stack, &machinery[i]);
    return maker_stack_push(m, p, stack, &(struct maker_frame){"<module>", file, 1, 12, 0});
}

/* The way down to the work: a script, what it imports, and plumbing that only calls on. */
static uint32_t make_base(struct maker *m, uint32_t p)
{
    static const struct maker_frame script = {"<module>", PACKAGE "server/__main__.py", 1, 88, 0};
    uint32_t stack = maker_stack_push(m, p, 0, &script);
    stack = push_import(m, p, stack, PACKAGE "server/application/entry_points.py");
    stack = push_import(m, p, stack, PACKAGE "server/application/__init__.py");
    for (unsigned i = 0; i < 12; i++)
        stack = maker_stack_push(
            m, p, stack, &(struct maker_frame){names[i], PACKAGE "plumbing.py", i + 1, i + 2, 0});
    return stack;
}

static void name_all(void)
{
    for (unsigned i = 0; i < N_COLD; i++) {
        snprintf(names[i], sizeof names[i], "RequestPipeline.handle_stage_number_%u", i);
        snprintf(files[i], sizeof files[i], PACKAGE "inventory/adapters/database_%u.py", i);
    }
}

static void write_process(struct maker *m, uint32_t p)
{
    static const struct maker_frame hottest = {"hottest", PACKAGE "inventory/pricing.py", 7, 9, 0};
    static const struct maker_frame idle = {"WorkQueue.wait_for_next_job", PACKAGE "queue.py", 3, 4,
                                            0};
    const uint32_t base = make_base(m, p), hot = maker_stack_push(m, p, base, &hottest);
    const uint32_t waiting = maker_stack_push(m, p, base, &idle);
    uint32_t cold[N_COLD];
    for (unsigned i = 0; i < N_COLD; i++)
        cold[i] = maker_stack_push(m, p, base,
                                   &(struct maker_frame){names[i], files[i], i + 10, i + 11, 0});
    for (unsigned i = 0; i < N_TICKS; i++) {
        maker_tick(m, p, 0, 0, 0);
        maker_hold(m, p, 1);
        for (unsigned t = 0; t < N_THREADS; t++) {
            struct maker_sample sample = {waiting, BLOCKED, 0, "futex"};
            if (t == 0)
                sample = (struct maker_sample){i % 3 > 0 ? hot : cold[i / 3 % N_COLD],
                                               ON_CPU | HOLDS_GIL, 9000, NULL};
            else if (t < 4)
                sample = (struct maker_sample){cold[(i + t) % N_COLD], WAITS_GIL, 100, NULL};
            maker_change(m, p, t + 1, &sample);
        }
    }
    maker_process_end(m, p, 0);
}

static void write_wide(const char *folder)
{
    static const char *const command[] = {"/opt/python/bin/python3", "-m", "warehouse.server",
                                          "--config=/etc/warehouse/production.toml", NULL};
    char path[1024], threads[2][N_THREADS][64];
    snprintf(path, sizeof path, "%s/wide.trace", folder);
    struct maker *const m = maker_open(path, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t p = maker_process(m, 1234567 + i, 1234566, command);
        for (uint32_t t = 0; t < N_THREADS; t++) {
            snprintf(threads[i][t], sizeof threads[i][t], "warehouse-request-worker-%u",
                     (unsigned)t);
            maker_thread(m, p, 1234567 + i + 1000 * t, threads[i][t], 0);
        }
        write_process(m, p);
    }
    maker_close(m, "exited");
}

#define DIRECTORY "/a_directory_with_a_very_long_name"
#define CREW_FILE DIRECTORY DIRECTORY DIRECTORY DIRECTORY DIRECTORY "/モジュール名_é.py"

/* Ticks of which every third waits for a lock and every sixth for the GIL. */
static void write_member(struct maker *m, uint32_t p)
{
    static const struct maker_frame script = {"<module>", CREW_FILE, 1, 9, 0};
    static const struct maker_frame works[] = {
        {"hottest計算する関数の名前がとても長いので表に入らない", CREW_FILE, 20, 21, 0},
        {"Καταχωρητήςπολύμεγάλουονόματος.नमस्तेसंयुक्ताक्षर", CREW_FILE, 30, 31, 0},
        {"ก็ที่นี่มีชื่อยาวe\u0301\u0301\u0301tude", CREW_FILE, 40, 41, 0},
    };
    const uint32_t base = maker_stack_push(m, p, 0, &script);
    uint32_t stacks[3];
    for (unsigned i = 0; i < 3; i++)
        stacks[i] = maker_stack_push(m, p, base, &works[i]);
    for (unsigned i = 0; i < 120; i++) {
        const bool waits = i % 6 == 0, blocked = i % 6 == 3;
        maker_tick(m, p, 0, 0, 0);
        maker_hold(m, p, waits ? 2 : 1);
        maker_change(m, p, 1,
                     &(struct maker_sample){stacks[blocked ? 2 : 0],
                                            waits     ? WAITS_GIL
                                            : blocked ? BLOCKED
                                                      : ON_CPU | HOLDS_GIL,
                                            waits || blocked ? 0 : 9000, blocked ? "futex" : NULL});
        maker_change(m, p, 2,
                     &(struct maker_sample){stacks[1], waits ? ON_CPU | HOLDS_GIL : WAITS_GIL,
                                            waits ? 9000 : 0, NULL});
    }
    maker_process_end(m, p, 0);
}

static void write_crew(const char *folder)
{
    static const char *const command[] = {"/opt/python/bin/python3", CREW_FILE, NULL};
    char path[1024];
    snprintf(path, sizeof path, "%s/crew.trace", folder);
    struct maker *const m = maker_open(path, NULL);
    for (uint32_t i = 0; i < 12; i++) {
        const uint32_t p = maker_process(m, 1234567 + i, 1234566, command);
        maker_thread(m, p, 1234567 + i, "漢字のスレッド名がとても長いので入らない", 0);
        maker_thread(m, p, 2234567 + i, "e\u0301\u0301tude 👨👩👧 family of workers", 0);
        write_member(m, p);
    }
    maker_close(m, "exited");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_wide DIRECTORY\n");
        return 2;
    }
    name_all();
    write_wide(argv[1]);
    write_crew(argv[1]);
    return 0;
}
