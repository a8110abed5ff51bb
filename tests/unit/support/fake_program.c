/* SPDX-License-Identifier: MIT */
/*
 * A program with a fake agent in it, for tests of the whole pyrec without any Python.
 *
 * usage: fake_program [KEY=VALUE]...
 *     ticks=N        ticks to make, one per interval (from PYREC_AGENT; default 100)
 *     busy=N         threads that may have samples (default 4)
 *     seed=N         what it makes up follows from this
 *     truth=FILE     write the truth there
 *     exit=N         exit status
 *     signal=N       die of this signal instead
 *     child=N        before anything else, start N processes like this one and wait for them
 *     orphan=N       the same, but do not wait
 *     then=PROGRAM   exec this with the rest of the arguments when done
 *     garbage=N      after N ticks write noise into the ring instead
 *     burn=N         use N ms of CPU before the first tick
 *     hello=no do not say hello
 *     refuse=TEXT    say hello, but that this cannot be recorded
 *     read=yes       do not end before all that was written has been read
 *     lines=yes      print a line on stdout when recording has begun, ..
 *     lines=read     .. or when its first tick has been read
 */
#include "fake_agent.h"
#include "record/base/clocks.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plan {
    uint64_t ticks, busy, seed, exit, signal, child, orphan, garbage, burn;
    const char *truth, *then, *hello, *refuse, *read, *lines;
};

/* KEY=VALUE words into the plan; where the rest begins. */
static int plan_parse(struct plan *plan, int argc, char **argv)
{
    const struct {
        const char *key;
        uint64_t *number;
        const char **text;
    } keys[] = {
        {"ticks=", &plan->ticks, NULL},   {"busy=", &plan->busy, NULL},
        {"seed=", &plan->seed, NULL},     {"exit=", &plan->exit, NULL},
        {"signal=", &plan->signal, NULL}, {"child=", &plan->child, NULL},
        {"orphan=", &plan->orphan, NULL}, {"garbage=", &plan->garbage, NULL},
        {"truth=", NULL, &plan->truth},   {"then=", NULL, &plan->then},
        {"hello=", NULL, &plan->hello},   {"refuse=", NULL, &plan->refuse},
        {"lines=", NULL, &plan->lines},   {"burn=", &plan->burn, NULL},
        {"read=", NULL, &plan->read},
    };
    for (int at = 1; at < argc; at++) {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            const size_t len = strlen(keys[i].key);
            if (strncmp(argv[at], keys[i].key, len) != 0)
                continue;
            if (keys[i].number != NULL)
                *keys[i].number = strtoull(argv[at] + len, NULL, 10);
            else
                *keys[i].text = argv[at] + len;
        }
        if (plan->then != NULL)
            return at + 1;
    }
    return argc;
}

static uint64_t interval_of_env(void)
{
    uint64_t interval_ns = 10000000;
    const char *env = getenv(WIRE_ENV);
    if (env != NULL)
        sscanf(env, "%*u,%*[^,],%*[^,],%*d,%*u,%*[^,],%" SCNu64, &interval_ns);
    return interval_ns;
}

static void sleep_until(uint64_t mono_ns)
{
    const struct timespec until = {(time_t)(mono_ns / 1000000000), (long)(mono_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

static void garbage_write(struct fake *fake)
{
    uint8_t *noise = ring_reserve(&fake->ring, WIRE_SAMPLE, 4096);
    for (int i = 0; noise != NULL && i < 4096; i++)
        noise[i] = (uint8_t)fake_random(fake, 256);
    fake_commit(fake);
}

static void begun_say(void)
{
    puts("begun");
    fflush(stdout);
}

static void read_await(struct fake *fake)
{
    while (atomic_load(&fake->head->tail) < atomic_load(&fake->head->head))
        sleep_until(clocks_mono_ns() + 1000000);
}

static void work(const struct plan *plan)
{
    static struct fake fake;
    fake_open(&fake, plan->seed, interval_of_env(), WIRE_RING_LEN);
    if (plan->refuse != NULL) {
        snprintf(fake.head->refused, sizeof fake.head->refused, "%s", plan->refuse);
        atomic_store(&fake.head->state, WIRE_REFUSED);
    }
    if (plan->hello == NULL)
        fake_hello(&fake);
    if (plan->truth != NULL)
        fake.truth = fopen(plan->truth, "w");
    const bool is_read_told = plan->lines != NULL && strcmp(plan->lines, "read") == 0;
    if (plan->lines != NULL && !is_read_told)
        begun_say();
    const uint64_t burned_ns = clocks_ns(CLOCK_PROCESS_CPUTIME_ID) + plan->burn * 1000000;
    while (clocks_ns(CLOCK_PROCESS_CPUTIME_ID) < burned_ns)
        ;
    for (uint64_t i = 0; i < plan->ticks && atomic_load(&fake.head->stop) == 0; i++) {
        const uint64_t due_ns = fake_due_ns(&fake, fake.number + 1);
        if (clocks_mono_ns() < due_ns)
            sleep_until(due_ns);
        if (plan->garbage != 0 && i >= plan->garbage)
            garbage_write(&fake);
        else
            fake_step(&fake, clocks_mono_ns(), (unsigned)plan->busy);
        if (i == 0 && is_read_told) {
            read_await(&fake);
            begun_say();
        }
    }
    if (fake.truth != NULL)
        fclose(fake.truth);
    if (plan->read != NULL)
        read_await(&fake);
    fake_close(&fake);
}

/* Like this one, each with a seed of its own. */
static void children_start(struct plan *plan, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (fork() != 0)
            continue;
        plan->seed += 1 + i;
        plan->truth = NULL;
        plan->then = NULL;
        plan->exit = i;
        work(plan);
        _exit((int)plan->exit);
    }
}

int main(int argc, char **argv)
{
    struct plan plan = {.ticks = 100, .busy = 4, .seed = 1};
    const int rest = plan_parse(&plan, argc, argv);
    children_start(&plan, plan.child);
    for (uint64_t i = 0; i < plan.child; i++)
        wait(NULL);
    children_start(&plan, plan.orphan);
    work(&plan);
    if (plan.signal != 0) {
        signal((int)plan.signal, SIG_DFL);
        raise((int)plan.signal);
    }
    if (plan.then != NULL) {
        argv[rest - 1] = argv[0];
        execv(plan.then, argv + rest - 1);
        return 99;
    }
    return (int)plan.exit;
}
