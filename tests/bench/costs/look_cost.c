/* SPDX-License-Identifier: MIT */
/*
 * look_cost - what a look at a file costs that is being written: of the live screen, and of
 * --follow.
 *
 * usage: look_cost [--limit] TRACE [LOOKS [MIB]]
 *
 * A copy of the trace without its last chunks grows by one chunk after the other, each of which is
 * a look. What is counted: bytes that are read and calls that read them (/proc/self/io), which do
 * not depend on the machine, and CPU. With --limit it fails where a look reads more than the chunk
 * that is new and a few headers, or the screen takes more memory than that.
 */
#include "analyze/live/live_model.h"
#include "analyze/top/top.h"
#include "analyze/weigh/running.h"
#include "format/chunk_read.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOKS_MAX   1000
#define LOOKS       40
#define EXTRA_BYTES 4096 /* beside the chunk itself: the headers, read to see where it ends */
#define EXTRA_CALLS 12

struct counts {
    uint64_t cpu_ns, bytes, calls;
};

static struct {
    int from, to;
    uint64_t
        ends[LOOKS_MAX + 1]; /* of the chunks that are added one by one; [0] where they begin */
    size_t n;
} growing;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "look_cost: %s\n", what);
    exit(1);
}

static uint64_t io_number(const char *text, const char *name)
{
    const char *const at = strstr(text, name);
    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static struct counts count(void)
{
    char text[512];
    struct timespec cpu;
    const int fd = open("/proc/self/io", O_RDONLY);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (n <= 0)
        fail("/proc/self/io cannot be read");
    text[n] = '\0';
    close(fd);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct counts){(uint64_t)cpu.tv_sec * SECOND_NS + (uint64_t)cpu.tv_nsec,
                           io_number(text, "rchar: "), io_number(text, "syscr: ")};
}

/* Less what counting itself reads. */
static struct counts since(const struct counts *before)
{
    const struct counts first = count(), second = count();
    return (struct counts){first.cpu_ns - before->cpu_ns,
                           first.bytes - before->bytes - (second.bytes - first.bytes),
                           first.calls - before->calls - (second.calls - first.calls)};
}

/* ---- the file that grows ---- */

static void grow_to(uint64_t end)
{
    while ((uint64_t)lseek(growing.to, 0, SEEK_CUR) < end) {
        const uint64_t left = end - (uint64_t)lseek(growing.to, 0, SEEK_CUR);
        if (sendfile(growing.to, growing.from, NULL, left) <= 0)
            fail("the copy cannot be written");
    }
}

static void begin(const char *path, const char *copy, size_t n_looks)
{
    struct chunk_file *file;
    struct problem why;
    if (chunk_file_open(&file, path, NULL, NULL, &why) != STATUS_OK)
        fail(why.detail);
    const size_t n = chunk_file_count(file);
    if (n < n_looks + 2)
        fail("it has too few chunks");
    growing.n = n_looks;
    for (size_t i = 0; i <= n_looks; i++) { /* the last chunk says that it has ended */
        const size_t at = n - 1 - n_looks + i;
        growing.ends[i] = chunk_file_get(file, at)->offset;
    }
    chunk_file_close(file);
    growing.from = open(path, O_RDONLY);
    growing.to = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (growing.from < 0 || growing.to < 0)
        fail("files cannot be opened");
    grow_to(growing.ends[0]);
}

/* ---- looking ---- */

static int compare_ns(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* One line; true when no look read more than it may. */
static bool tell(const char *what, const struct counts *opened, const struct counts *looks)
{
    static uint64_t cpu_ns[LOOKS_MAX];
    uint64_t bytes = 0, calls = 0, most = 0, chunks = 0;
    bool good = true;
    for (size_t i = 0; i < growing.n; i++) {
        const uint64_t chunk = growing.ends[i + 1] - growing.ends[i];
        cpu_ns[i] = looks[i].cpu_ns;
        bytes += looks[i].bytes;
        calls += looks[i].calls;
        chunks += chunk;
        most = looks[i].bytes > most ? looks[i].bytes : most;
        good = good && looks[i].bytes <= 2 * chunk + EXTRA_BYTES && looks[i].calls <= EXTRA_CALLS;
    }
    qsort(cpu_ns, growing.n, sizeof *cpu_ns, compare_ns);
    printf("%-8s opened: %.0f ms CPU; a look: %.2f ms CPU (median; most %.2f), %.0f bytes (most "
           "%" PRIu64 "; new %.0f) in %.1f reads\n",
           what, (double)opened->cpu_ns / 1e6, (double)cpu_ns[growing.n / 2] / 1e6,
           (double)cpu_ns[growing.n - 1] / 1e6, (double)bytes / (double)growing.n, most,
           (double)chunks / (double)growing.n, (double)calls / (double)growing.n);
    return good;
}

static void no_damage(void *closure, const char *path, const struct damage *damage)
{
    (void)closure;
    (void)path;
    fail(damage->text);
}

static bool look_as_follow(const char *copy)
{
    static struct counts looks[LOOKS_MAX];
    const struct select all = {0};
    struct running running = {0};
    struct profile profile = {0};
    struct trace *trace;
    struct problem why;
    struct counts before = count();
    if (trace_open_growing(&trace, &copy, 1, no_damage, NULL, &why) != STATUS_OK)
        fail(why.detail);
    running_open(&running, trace, &all, 1);
    running_lend(&running, &profile);
    const struct counts opened = since(&before);
    for (size_t i = 0; i < growing.n; i++) {
        grow_to(growing.ends[i + 1]);
        before = count();
        running_take_back(&running, &profile);
        if (trace_grow(trace) != CHUNK_GROWTH_MORE || !running_read(&running))
            fail("there was nothing new");
        running_lend(&running, &profile);
        looks[i] = since(&before);
    }
    running_take_back(&running, &profile);
    running_clear(&running);
    trace_close(trace);
    return tell("follow", &opened, looks);
}

/* Stalls are looked for now and then, at half a percent of a CPU: that is told by itself. */
static bool look_as_top(const char *copy)
{
    static struct counts looks[LOOKS_MAX];
    const struct top_settings settings = {.path = copy, .window = 10};
    struct top top;
    struct canvas canvas = {0};
    struct problem why;
    struct counts before = count();
    if (top_open(&top, &settings, &why) != STATUS_OK)
        fail(why.detail);
    const struct counts opened = since(&before);
    for (size_t i = 0; i < growing.n; i++) {
        grow_to(growing.ends[i + 1]);
        top.live.stalls_next_ns = UINT64_MAX;
        before = count();
        top_tick(&top, (i + 1) * SECOND_NS);
        canvas_size(&canvas, 50, 160);
        top_draw(&top, &canvas, (i + 1) * SECOND_NS);
        looks[i] = since(&before);
    }
    const bool good = tell("top", &opened, looks);
    top.live.stalls_next_ns = 0;
    before = count();
    live_find_stalls(&top.live);
    const struct counts stalls = since(&before);
    printf("stalls   %.1f ms CPU, so every %.1f s\n", (double)stalls.cpu_ns / 1e6,
           (double)stalls.cpu_ns * 200 > 2e9 ? (double)stalls.cpu_ns * 200 / 1e9 : 2.0);
    canvas_clear(&canvas);
    top_close(&top);
    return good;
}

int main(int argc, char **argv)
{
    char copy[] = "/tmp/pyrec-look-XXXXXX";
    struct rusage usage;
    const bool limited = argc > 1 && strcmp(argv[1], "--limit") == 0;
    char **const words = argv + 1 + limited;
    if (argc - limited < 2)
        fail("usage: look_cost [--limit] TRACE [LOOKS [MIB]]");
    const size_t n = words[1] != NULL ? strtoul(words[1], NULL, 10) : LOOKS;
    if (n < 1 || n > LOOKS_MAX || mkstemp(copy) < 0)
        fail("from 1 to 1000 looks, and room in /tmp");
    begin(words[0], copy, n);
    bool good = look_as_top(copy);
    getrusage(RUSAGE_SELF, &usage);
    const double most = words[1] != NULL && words[2] != NULL ? strtod(words[2], NULL) : 0;
    printf("memory   %.1f MiB\n", (double)usage.ru_maxrss / 1024);
    if (limited && most > 0 && (double)usage.ru_maxrss / 1024 > most)
        fail("it takes too much memory");
    begin(words[0], copy, n);
    good = look_as_follow(copy) && good;
    unlink(copy);
    if (limited && !good)
        fail("a look reads more than what is new");
    return 0;
}
