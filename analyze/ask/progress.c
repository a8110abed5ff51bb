/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS  100u
#define BAR_MAX  40u
#define TEXT_LEN 24u /* of what stands around the bar */

static void put(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody is looking */
        text += n;
        len -= (size_t)n;
    }
}

static void draw(const struct progress *p)
{
    const size_t total = atomic_load_explicit(&p->count->due, memory_order_relaxed);
    size_t done = atomic_load_explicit(&p->count->done, memory_order_relaxed);
    struct winsize size = {0};
    char line[128], bar[BAR_MAX + 1];
    size_t width = BAR_MAX;
    if (total == 0)
        return;
    if (done > total)
        done = total;
    if (ioctl(p->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_col < BAR_MAX + TEXT_LEN)
        width = size.ws_col > TEXT_LEN + 5 ? size.ws_col - TEXT_LEN : 5;
    const size_t full = done * width / total;
    memset(bar, '.', width);
    memset(bar, '#', full);
    bar[width] = '\0';
    const int len =
        snprintf(line, sizeof line, "\rreading [%s] %zu%%\033[K", bar, done * 100 / total);
    put(p->fd, line, (size_t)len);
}

/* Sleep until told to stop (true) or the time is over. */
static bool wait_ms(struct progress *p, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!p->stopping && pthread_cond_timedwait(&p->changed, &p->lock, &until) != ETIMEDOUT)
        continue;
    return p->stopping;
}

static void *run(void *closure)
{
    struct progress *const p = closure;
    pthread_mutex_lock(&p->lock);
    for (bool stop = wait_ms(p, p->delay_ms); !stop; stop = wait_ms(p, STEP_MS)) {
        draw(p);
        p->drawn = true;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void progress_start(struct progress *p, const struct trace_count *count, int fd, unsigned delay_ms)
{
    const char *const term = getenv("TERM");
    pthread_condattr_t attributes;
    *p = (struct progress){.count = count, .fd = fd, .delay_ms = delay_ms};
    if (isatty(fd) != 1 || term == NULL || strcmp(term, "dumb") == 0)
        return;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    p->running = pthread_create(&p->thread, NULL, run, p) == 0;
}

void progress_stop(struct progress *p)
{
    static const char wipe[] = "\r\033[K";
    if (!p->running)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    if (p->drawn)
        put(p->fd, wipe, sizeof wipe - 1);
    p->running = false;
}
