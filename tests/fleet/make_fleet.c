/* SPDX-License-Identifier: MIT */
/*
 * make_fleet - write recordings of 50 made-up hosts that run the same program.
 *
 * usage: make_fleet DIRECTORY
 *
 * An event loop and a worker that holds the GIL for a while. Hosts differ by chance, always the
 * same one. From host 25 on the program is a later version, a day later: `price` costs half as much
 * again. Every fifth host stalls.
 */
#include "tests/unit/support/make_trace.h"

#include <stdio.h>
#include <stdlib.h>

enum { ON_CPU = 1, HOLDS = 2, WAITS = 4, BLOCKED = 0 };

#define HOSTS   50u
#define CHANGED 25u /* the first host with the later version */
#define TICKS   9000u
#define DAY     86400
#define START   INT64_C(1714979280)

static const struct maker_frame module = {"<module>", "/srv/shop/app.py", 1, 90, 0};
static const struct maker_frame once = {
    "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1832, 1898, 0};
static const struct maker_frame once_run = {
    "BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py", 1832, 1936, 0};
static const struct maker_frame selecting = {"EpollSelector.select",
                                             "/usr/lib/python3.11/selectors.py", 452, 468, 0};
static const struct maker_frame handle = {"Handle._run", "/usr/lib/python3.11/asyncio/events.py",
                                          78, 80, 0};
static const struct maker_frame serve = {"serve", "/srv/shop/app.py", 10, 12, 0};
static const struct maker_frame price = {"price", "/srv/shop/price.py", 20, 24, 0};
static const struct maker_frame parse = {"parse", "/srv/shop/parse.py", 5, 9, 0};
static const struct maker_frame report = {"report", "/srv/shop/report.py", 40, 44, 0};
/* names that break readers of csv */
static const struct maker_frame pack = {" pack ", "'/srv/shop/it's, \"pack\".py", 60, 66, 0};
#define PACKER " 'packer', \"first\" "

/* One host, while it is written. */
struct host {
    struct maker *m;
    unsigned number;
    uint64_t chance;
    uint32_t process, loop, worker;
    uint32_t idle, pricing, parsing, reporting, packing;
};

static unsigned draw(struct host *host, unsigned below)
{
    host->chance = host->chance * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(host->chance >> 33) % below;
}

#define STACK(host, ...)                                                                           \
    maker_stack((host)->m, (host)->process, (const struct maker_frame[]){__VA_ARGS__},             \
                sizeof((const struct maker_frame[]){__VA_ARGS__}) / sizeof(struct maker_frame))

static void begin(struct host *host)
{
    static const char *const argv[] = {"python3", "/srv/shop/app.py", NULL};
    host->process = maker_process(host->m, 1000 + host->number, 1, argv);
    host->loop = maker_thread(host->m, host->process, 1000 + host->number, "MainThread", 0);
    host->worker = maker_thread(host->m, host->process, 2000 + host->number, PACKER, 0);
    host->idle = STACK(host, module, once, selecting);
    host->pricing = STACK(host, module, once_run, handle, serve, price);
    host->parsing = STACK(host, module, once_run, handle, serve, parse);
    host->reporting = STACK(host, module, once_run, handle, report);
    host->packing = STACK(host, module, pack);
}

/* What the loop does at a tick, while it does not stall. */
static struct maker_sample act(struct host *host, bool contended, unsigned busy)
{
    const unsigned what = draw(host, 1000), more = host->number >= CHANGED ? busy / 2 : 0;
    const uint64_t cpu_q = 9000 + draw(host, 1000);
    if (contended && draw(host, 10) < 3)
        return (struct maker_sample){host->parsing, WAITS, 0, "futex"};
    if (what < busy + more)
        return (struct maker_sample){host->pricing, ON_CPU | HOLDS, cpu_q, NULL};
    if (what < busy + more + 150)
        return (struct maker_sample){host->parsing, ON_CPU | HOLDS, cpu_q, NULL};
    return (struct maker_sample){host->idle, BLOCKED, 0, "epoll_wait"};
}

static void write_ticks(struct host *host)
{
    const unsigned busy = 200 + draw(host, 60); /* of a thousand ticks, in price */
    const unsigned stalls_at = host->number % 5 == 0 ? 1000 + draw(host, 6000) : TICKS;
    const unsigned stall = 60 + draw(host, 200);
    for (unsigned i = 0; i < TICKS; i++) {
        const bool contended = i % 1000 < 100 + host->number % CHANGED;
        struct maker_sample loop = act(host, contended, busy);
        if (i >= stalls_at && i < stalls_at + stall)
            loop = (struct maker_sample){host->reporting, ON_CPU | HOLDS, 9900, NULL};
        const struct maker_sample worker = {host->packing, contended ? ON_CPU | HOLDS : BLOCKED,
                                            contended ? 5000 : 0, contended ? NULL : "read"};
        maker_tick(host->m, host->process, 0, 0, 0);
        maker_hold(host->m, host->process,
                   (loop.state & HOLDS)     ? host->loop
                   : (worker.state & HOLDS) ? host->worker
                                            : 0);
        maker_change(host->m, host->process, host->loop, &loop);
        maker_change(host->m, host->process, host->worker, &worker);
        if (i % 200 == 199)
            maker_flush(host->m, host->process);
    }
}

int main(int argc, char **argv)
{
    char path[4096], name[32];
    if (argc != 2) {
        fprintf(stderr, "usage: make_fleet DIRECTORY\n");
        return 2;
    }
    for (unsigned i = 0; i < HOSTS; i++) {
        snprintf(path, sizeof path, "%s/host-%02u.trace", argv[1], i);
        snprintf(name, sizeof name, "host-%02u", i);
        const int64_t start = START + (i >= CHANGED ? DAY : 0) + i;
        const struct maker_settings settings = {
            .tag = 0x1000 + i, .start_unix_ns = start * INT64_C(1000000000), .hostname = name};
        struct host host = {.m = maker_open(path, &settings), .number = i, .chance = i + 1};
        begin(&host);
        write_ticks(&host);
        maker_process_end(host.m, host.process, 0);
        maker_close(host.m, "exited");
    }
    return EXIT_SUCCESS;
}
