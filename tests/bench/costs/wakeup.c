/* SPDX-License-Identifier: MIT */
/*
 * wakeup - what the machine takes for being a sampler at all: the floor under
 * tests/bench/overhead.sh.
 *
 * usage: wakeup [HZ [PAIRS]]      default 1000 Hz, 21 pairs
 *
 * A thread computes a fixed amount. Beside it a second one (a) is not there, (b) wakes up HZ times
 * per second and goes back to sleep, (c) also sends the first one a signal each time, whose handler
 * does nothing; (d) is not there, but a timer of the kernel's signals the first one directly: the
 * least that any sampling of a running thread can cost. Alternating runs; medians of the ratios to
 * (a) of the elapsed time and of the process's CPU time, and the second thread's CPU per wake-up.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 200
#define WORK      250000000u

enum kind { ALONE, WAKES, SIGNALS, TIMER, KINDS };
static const char *const names[] = {"alone", "a thread that wakes up",
                                    "a thread that wakes up and signals", "a timer that signals"};

struct result {
    double elapsed_s, cpu_s, cpu_per_wake_s;
};

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

/* Signals this thread HZ times per second. */
static timer_t timer_begin(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    event._sigev_un._tid = gettid();
    const long ns = (long)(1e9 / hz) % 1000000000;
    const time_t s = hz > 1 ? 0 : 1;
    const struct itimerspec each = {{s, ns}, {s, ns}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &each, NULL) != 0)
        exit(1);
    return timer;
}

static struct result run(enum kind kind)
{
    struct waker waker = {.kind = kind};
    pthread_t thread;
    timer_t timer = NULL;
    volatile uint64_t sum = 0;
    const bool has_thread = kind == WAKES || kind == SIGNALS;
    atomic_store(&stop, false);
    if (has_thread && pthread_create(&thread, NULL, wake, &waker) != 0)
        exit(1);
    if (kind == TIMER)
        timer = timer_begin();
    const double begin = clock_s(CLOCK_MONOTONIC);
    const double cpu_begin = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < WORK; i++)
        sum += i ^ sum >> 3;
    struct result result = {.elapsed_s = clock_s(CLOCK_MONOTONIC) - begin,
                            .cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin};
    atomic_store(&stop, true);
    if (has_thread)
        pthread_join(thread, NULL);
    if (kind == TIMER)
        timer_delete(timer);
    result.cpu_per_wake_s = waker.n > 0 ? waker.cpu_s / (double)waker.n : 0;
    return result;
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(double), compare);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    static double elapsed[KINDS][PAIRS_MAX], cpu[KINDS][PAIRS_MAX], wake_s[KINDS][PAIRS_MAX];
    hz = argc > 1 ? strtod(argv[1], NULL) : hz;
    const int pairs = argc > 2 ? atoi(argv[2]) : 21;
    if (hz < 1 || hz > 1e5 || pairs < 1 || pairs > PAIRS_MAX) {
        fprintf(stderr, "usage: wakeup [HZ [PAIRS]]\n");
        return 2;
    }
    worker = pthread_self();
    signal(SIGUSR1, ignore);
    for (int i = 0; i < pairs; i++) {
        struct result alone = {0};
        for (int kind = 0; kind < KINDS; kind++) {
            const struct result result = run((enum kind)kind);
            alone = kind == ALONE ? result : alone;
            elapsed[kind][i] = result.elapsed_s / alone.elapsed_s;
            cpu[kind][i] = result.cpu_s / alone.cpu_s;
            wake_s[kind][i] = result.cpu_per_wake_s;
        }
    }
    printf("| beside one busy thread, %g Hz | elapsed time | CPU time | CPU per wake-up |\n"
           "|---|---|---|---|\n",
           hz);
    for (int kind = WAKES; kind < KINDS; kind++) {
        printf("| %s | %+.2f %% | %+.2f %% | ", names[kind],
               100 * (median(elapsed[kind], pairs) - 1), 100 * (median(cpu[kind], pairs) - 1));
        if (kind == TIMER)
            printf("- |\n");
        else
            printf("%.1f us |\n", 1e6 * median(wake_s[kind], pairs));
    }
    return 0;
}
