/* SPDX-License-Identifier: MIT */
/*
 * make_big_trace - write a large made-up trace, the same for the same arguments.
 *
 * usage: make_big_trace [name=value]... FILE
 *
 * The busy threads run all the time, each through stacks of its own choice: mostly some of a few
 * hundred that are hot at the time, now and then any of all. The others sleep and wake up for some
 * microseconds about once a second.
 */
#include "tests/unit/support/make_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ON_CPU = 1, HOLDS_GIL = 2, READY = 32 };

#define N_FUNCTIONS 400
#define N_LINES     5
#define HOT_STACKS  400
#define THREADS_MAX 1024
#define NAME_LEN    48

struct shape {
    uint64_t seed, threads, busy, rate_hz, seconds, stacks, depth_min, depth_max;
    uint64_t chunk_s, generation_s;
};

struct big {
    struct shape shape;
    uint64_t random;
    struct maker *maker;
    uint32_t process;
    uint32_t *pool;            /* of stacks */
    uint32_t hot[THREADS_MAX]; /* where in the pool each thread is hot */
    char names[N_FUNCTIONS][NAME_LEN], files[N_FUNCTIONS][NAME_LEN];
    struct maker_frame frames[N_FUNCTIONS * N_LINES];
};

static uint64_t next_random(struct big *b)
{
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return b->random * 0x2545F4914F6CDD1Du >> 16;
}

static uint64_t below(struct big *b, uint64_t n)
{
    return next_random(b) % n;
}

static void fill_frames(struct big *b)
{
    for (uint32_t f = 0; f < N_FUNCTIONS; f++) {
        snprintf(b->names[f], NAME_LEN, "Class%02u.method_%u", f % 40, f);
        snprintf(b->files[f], NAME_LEN, "/srv/app/package_%02u/module_%u.py", f % 12, f % 60);
        for (uint32_t l = 0; l < N_LINES; l++)
            b->frames[f * N_LINES + l] =
                (struct maker_frame){b->names[f], b->files[f], 10 + 20 * (f / 60), 0, 0};
        for (uint32_t l = 0; l < N_LINES; l++)
            b->frames[f * N_LINES + l].line = b->frames[f * N_LINES].first_line + 1 + 3 * l;
    }
}

/*
 * A walk through calls and returns: every stack is the one before it with some frames less and one
 * or two more, so a stack costs about one and a half nodes, as those of real programs do.
 */
static void fill_pool(struct big *b)
{
    uint32_t path[256];
    uint64_t depth = 0;
    for (uint64_t i = 0; i < b->shape.stacks; i++) {
        uint64_t pops = below(b, 4) == 0 ? below(b, 8) : below(b, 3);
        if (depth < b->shape.depth_min + pops)
            pops = depth > b->shape.depth_min ? depth - b->shape.depth_min : 0;
        if (depth >= b->shape.depth_max - 1)
            pops = depth - b->shape.depth_min;
        depth -= pops;
        uint64_t pushes = 1 + (below(b, 2) == 0);
        if (depth + pushes < b->shape.depth_min)
            pushes = b->shape.depth_min - depth;
        for (; pushes > 0 && depth < b->shape.depth_max; pushes--, depth++) {
            const uint32_t frame = (uint32_t)below(b, N_FUNCTIONS * N_LINES);
            path[depth] = maker_stack_push(b->maker, b->process, depth > 0 ? path[depth - 1] : 0,
                                           &b->frames[frame]);
        }
        b->pool[i] = path[depth - 1];
    }
}

static void change_busy(struct big *b, uint32_t thread, uint64_t length_q)
{
    const uint64_t n = b->shape.stacks;
    if (below(b, 2000) == 0)
        b->hot[thread] = (uint32_t)below(b, n);
    const uint64_t at =
        below(b, 16) == 0 ? below(b, n) : (b->hot[thread] + below(b, HOT_STACKS)) % n;
    const struct maker_sample sample = {
        .stack = b->pool[at],
        .state = below(b, 50) == 0 ? READY : ON_CPU | HOLDS_GIL,
        .cpu_q = length_q - below(b, length_q / 40 + 1),
    };
    maker_change(b->maker, b->process, thread + 1, &sample);
}

static void change_idle(struct big *b, uint32_t thread)
{
    const struct maker_sample sample = {
        .stack = b->pool[thread % b->shape.stacks], .cpu_q = 20 + below(b, 40), .call = "futex"};
    maker_change(b->maker, b->process, thread + 1, &sample);
}

static void run_ticks(struct big *b)
{
    const struct shape *const s = &b->shape;
    const uint64_t n_ticks = s->seconds * s->rate_hz;
    uint64_t before_q = 0;
    for (uint64_t tick = 1; tick <= n_ticks; tick++) {
        maker_tick(b->maker, b->process, 40 + (int32_t)below(b, 60), 0, 0);
        const uint64_t now_q = maker_time_q(b->maker, b->process);
        for (uint32_t t = 0; t < s->threads; t++) {
            if (t < s->busy)
                change_busy(b, t, now_q - before_q);
            else if (tick == 1 || (tick + t * 37) % s->rate_hz == 0)
                change_idle(b, t);
        }
        before_q = now_q;
        if (tick % (s->generation_s * s->rate_hz) == 0 && tick < n_ticks)
            maker_generation(b->maker, b->process);
        else if (tick % (s->chunk_s * s->rate_hz) == 0)
            maker_flush(b->maker, b->process);
    }
}

static bool set_value(struct shape *s, const char *text)
{
    const struct {
        const char *name;
        uint64_t *value;
    } values[] = {
        {"seed", &s->seed},           {"threads", &s->threads},
        {"busy", &s->busy},           {"rate", &s->rate_hz},
        {"seconds", &s->seconds},     {"stacks", &s->stacks},
        {"depth_min", &s->depth_min}, {"depth_max", &s->depth_max},
        {"chunk", &s->chunk_s},       {"generation", &s->generation_s},
    };
    const size_t len = strcspn(text, "=");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (text[len] == '=' && strlen(values[i].name) == len &&
            strncmp(values[i].name, text, len) == 0) {
            *values[i].value = strtoull(text + len + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

static bool is_possible(const struct shape *s)
{
    return s->seed > 0 && s->threads > 0 && s->threads <= THREADS_MAX && s->busy <= s->threads &&
           s->rate_hz > 0 && s->rate_hz <= 10000 && s->stacks > 0 && s->depth_min > 0 &&
           s->depth_max >= s->depth_min && s->depth_max < 256 && s->chunk_s > 0 &&
           s->generation_s > 0;
}

static void make(const struct shape *shape, const char *path)
{
    static const char *const argv[] = {"python3", "server.py", NULL};
    static struct big b;
    static char names[THREADS_MAX][NAME_LEN];
    const struct maker_settings settings = {.interval_ns = 1000000000 / shape->rate_hz};
    b.shape = *shape;
    b.random = shape->seed * 0x9E3779B97F4A7C15u | 1;
    b.maker = maker_open(path, &settings);
    b.process = maker_process(b.maker, 1000, 1, argv);
    b.pool = calloc(shape->stacks, sizeof *b.pool);
    if (b.pool == NULL)
        abort();
    fill_frames(&b);
    fill_pool(&b);
    for (uint32_t t = 0; t < shape->threads; t++) {
        snprintf(names[t], NAME_LEN, t == 0 ? "MainThread" : "Thread-%u", t);
        maker_thread(b.maker, b.process, 1000 + t, names[t], 0);
        b.hot[t] = (uint32_t)below(&b, shape->stacks);
    }
    run_ticks(&b);
    maker_process_end(b.maker, b.process, 0);
    maker_close(b.maker, "exited");
    free(b.pool);
}

int main(int argc, char **argv)
{
    struct shape shape = {.seed = 1,
                          .threads = 16,
                          .busy = 2,
                          .rate_hz = 1000,
                          .seconds = 600,
                          .stacks = 94000,
                          .depth_min = 10,
                          .depth_max = 60,
                          .chunk_s = 2,
                          .generation_s = 300};
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        if (path == NULL && set_value(&shape, argv[i]))
            continue;
        if (path != NULL || strchr(argv[i], '=') != NULL) {
            path = NULL;
            break;
        }
        path = argv[i];
    }
    if (path == NULL || !is_possible(&shape)) {
        fprintf(stderr, "usage: make_big_trace [seed=|threads=|busy=|rate=|seconds=|stacks=|"
                        "depth_min=|depth_max=|chunk=|generation=N]... FILE\n");
        return 2;
    }
    make(&shape, path);
    return 0;
}
