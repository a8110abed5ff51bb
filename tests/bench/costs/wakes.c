/* SPDX-License-Identifier: MIT */
/*
 * wakes - a thread that only wakes up, in any program: what overhead.py sets beside the sampler.
 *
 * LD_PRELOAD=libwakes.so WAKES_HZ=1000 program
 *
 * What a program loses to this, it loses to whatever runs in it that often: the wake-up takes a
 * CPU, and memory that is unmapped has to be forgotten by the CPU where that was.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static void *wake(void *closure)
{
    const uint64_t interval_ns = *(const uint64_t *)closure;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t at = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    for (;;) {
        at += interval_ns;
        const struct timespec when = {(time_t)(at / 1000000000), (long)(at % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
    }
    return NULL;
}

__attribute__((constructor)) static void wakes_begin(void)
{
    static uint64_t interval_ns;
    const char *const hz = getenv("WAKES_HZ");
    const double rate = hz != NULL ? strtod(hz, NULL) : 0;
    pthread_t thread;
    if (rate < 1 || rate > 1e5)
        return;
    interval_ns = (uint64_t)(1e9 / rate);
    if (pthread_create(&thread, NULL, wake, &interval_ns) != 0)
        abort(); /* or the figure would be that of nothing */
    pthread_detach(thread);
}
