/* SPDX-License-Identifier: MIT */
/*
 * wakeup - what the machine takes for being a sampler at all: the floor under
 * tests/bench/overhead.sh.
 *
 * usage: wakeup [HZ [PAIRS]]      default 1000 Hz, 21 pairs
 *
 * A thread computes a fixed amount. Beside it a second one (a) is not there, (b) wakes up HZ times
 * per second and goes back to sleep, (c) also sends the first one a signal each time, whose handler
 * does nothing. Alternating runs; medians of the elapsed times' ratios to (a), and the second
 * thread's CPU per wake-up.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIRS_MAX 200
#define WORK      250000000u

enum kind { ALONE, WAKES, SIGNALS, KINDS };
static const char *const names[] = {"alone", "wakes up", "wakes up and signals"};

static atomic_bool stop;
static pthread_t worker;
static double hz = 1000;

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ignore(int signo)
{
    (void)signo;
}

struct waker {
    enum kind kind;
    double cpu_s;
    uint64_t n;
};

static void *wake(void *closure)
{
    struct waker *const waker = closure;
    double at = clock_s(CLOCK_MONOTONIC);
    while (!atomic_load(&stop)) {
        at += 1 / hz;
        const struct timespec when = {(time_t)at, (long)((at - (double)(time_t)at) * 1e9)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
        if (waker->kind == SIGNALS)
            pthread_kill(worker, SIGUSR1);
        waker->n++;
    }
    waker->cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static double run(enum kind kind, double *cpu_per_wake)
{
    struct waker waker = {.kind = kind};
    pthread_t thread;
    volatile uint64_t sum = 0;
    atomic_store(&stop, false);
    if (kind != ALONE && pthread_create(&thread, NULL, wake, &waker) != 0)
        exit(1);
    const double begin = clock_s(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < WORK; i++)
        sum += i ^ sum >> 3;
    const double took = clock_s(CLOCK_MONOTONIC) - begin;
    atomic_store(&stop, true);
    if (kind != ALONE)
        pthread_join(thread, NULL);
    *cpu_per_wake = waker.n > 0 ? waker.cpu_s / (double)waker.n : 0;
    return took;
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static double ratios[KINDS][PAIRS_MAX], cpu[KINDS][PAIRS_MAX];
    hz = argc > 1 ? strtod(argv[1], NULL) : hz;
    const int pairs = argc > 2 ? atoi(argv[2]) : 21;
    if (hz < 1 || hz > 1e5 || pairs < 1 || pairs > PAIRS_MAX) {
        fprintf(stderr, "usage: wakeup [HZ [PAIRS]]\n");
        return 2;
    }
    worker = pthread_self();
    signal(SIGUSR1, ignore);
    for (int i = 0; i < pairs; i++) {
        double alone = 0;
        for (int kind = 0; kind < KINDS; kind++) {
            const double took = run((enum kind)kind, &cpu[kind][i]);
            alone = kind == ALONE ? took : alone;
            ratios[kind][i] = took / alone;
        }
    }
    printf("| beside one busy thread, %g Hz | elapsed time | CPU per wake-up |\n|---|---|---|\n",
           hz);
    for (int kind = WAKES; kind < KINDS; kind++) {
        qsort(ratios[kind], (size_t)pairs, sizeof(double), compare);
        qsort(cpu[kind], (size_t)pairs, sizeof(double), compare);
        printf("| a thread that %s | %+.2f %% | %.1f us |\n", names[kind],
               100 * (ratios[kind][pairs / 2] - 1), 1e6 * cpu[kind][pairs / 2]);
    }
    return 0;
}
