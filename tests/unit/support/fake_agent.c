/* SPDX-License-Identifier: MIT */
#include "fake_agent.h"

#include "format/columns.h"
#include "record/base/clocks.h"
#include "record/decode/syscalls.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "fake agent: %s\n", what);
    abort();
}

uint64_t fake_random(struct fake *fake, uint64_t below)
{
    fake->random ^= fake->random >> 12;
    fake->random ^= fake->random << 25;
    fake->random ^= fake->random >> 27;
    return (fake->random * 0x2545F4914F6CDD1Du >> 33) % below;
}

/* ---- the ring and the hello ---- */

static uint64_t own_start(void)
{
    char text[1024];
    unsigned long long start = 0;
    FILE *file = fopen("/proc/self/stat", "r");
    require(file != NULL && fgets(text, sizeof text, file) != NULL, "/proc/self/stat");
    fclose(file);
    const char *at = strrchr(text, ')') + 1;
    for (int i = 0; i < 19; i++)
        at = strchr(at + 1, ' ');
    sscanf(at, "%llu", &start);
    return start;
}

void fake_open(struct fake *fake, uint64_t seed, uint64_t interval_ns, uint32_t ring_len)
{
    static const char argv[] = "fake\0--of\0agent";
    const size_t len = WIRE_HEAD_LEN + ring_len;
    *fake = (struct fake){.random = seed * 0x9E3779B97F4A7C15u + 1, .next_thread = 1};
    fake->memfd = memfd_create("pyrec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    require(fake->memfd >= 0 && ftruncate(fake->memfd, (off_t)len) == 0 &&
                fcntl(fake->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0,
            "memfd");
    fake->head = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fake->memfd, 0);
    require(fake->head != MAP_FAILED, "mmap");
    struct wire_head *head = fake->head;
    memcpy(head->magic, WIRE_MAGIC, sizeof head->magic);
    head->version = WIRE_VERSION;
    head->ring_len = ring_len;
    head->pid = getpid();
    head->parent_pid = getppid();
    head->os_start = own_start();
    head->start_ns = head->origin_ns = clocks_mono_ns();
    head->interval_ns = interval_ns;
    head->max_depth = 1024;
    head->python_hexversion = 0x030b02f0;
    strcpy(head->python_build, "release");
    strcpy(head->executable, "/usr/bin/fake");
    memcpy(head->argv, argv, sizeof argv);
    head->argv_len = sizeof argv;
    atomic_store(&head->state, WIRE_RUNNING);
    ring_init(&fake->ring, head, (uint8_t *)head + WIRE_HEAD_LEN, ring_len);
}

void fake_close(struct fake *fake)
{
    munmap(fake->head, WIRE_HEAD_LEN + fake->ring.len);
    if (fake->memfd >= 0)
        close(fake->memfd);
    fake->memfd = -1;
}

static bool hello_send(int fd, const struct wire_hello *hello, int memfd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {(void *)(uintptr_t)hello, sizeof *hello};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &memfd, sizeof memfd);
    return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof *hello;
}

bool fake_hello(const struct fake *fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct wire_hello hello = {.version = WIRE_VERSION, .pid = getpid()};
    char name[100], cookie[40];
    const char *env = getenv(WIRE_ENV);
    unsigned version;
    if (env == NULL ||
        sscanf(env, "%u,%99[^,],%*[^,],%*d,%*u,%39[^,],", &version, name, cookie) != 3 ||
        version != WIRE_VERSION)
        return false;
    memcpy(hello.magic, WIRE_MAGIC, sizeof hello.magic);
    memcpy(hello.cookie, cookie, sizeof hello.cookie);
    memcpy(address.sun_path + 1, name, strlen(name));
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    const bool good = connect(fd, (const struct sockaddr *)&address, len) == 0 &&
                      hello_send(fd, &hello, fake->memfd);
    close(fd);
    return good;
}

/* ---- records ---- */

void fake_commit(struct fake *fake)
{
    ring_commit(&fake->ring);
}

static void *reserve(struct fake *fake, uint16_t type, size_t len)
{
    void *record = ring_reserve(&fake->ring, type, len);
    if (record == NULL)
        fake->n_overflowed++;
    return record;
}

/* Function f of the program is called "fN" in file "modM.py"; two bytes of code per line. */
static void describe(struct fake *fake, uint32_t code)
{
    enum { PAIRS = 100, HERE = 20 };
    char name[32], file[32];
    if (fake->is_described[code])
        return;
    const size_t name_len = (size_t)snprintf(name, sizeof name, "f%u", code);
    const size_t file_len = (size_t)snprintf(file, sizeof file, "mod%u.py", code % 7);
    struct wire_code *record =
        reserve(fake, WIRE_CODE, sizeof *record + name_len + file_len + HERE);
    if (record == NULL)
        return;
    const struct wire_record header = record->record;
    *record = (struct wire_code){.record = header,
                                 .code = code,
                                 .first_line = (int32_t)(code * 10),
                                 .table_kind = WIRE_TABLE_LNOTAB,
                                 .name_len = (uint32_t)name_len,
                                 .file_len = (uint32_t)file_len,
                                 .table_len = 2 * PAIRS,
                                 .table_here = HERE};
    char *at = mempcpy(mempcpy(record->bytes, name, name_len), file, file_len);
    for (int i = 0; i < HERE; i++)
        at[i] = (char)(i % 2 == 0 ? 2 : 1);
    struct wire_code_table *more = reserve(fake, WIRE_CODE_TABLE, sizeof *more + 2 * PAIRS - HERE);
    if (more == NULL)
        return;
    more->code = code;
    more->offset = HERE;
    more->len = 2 * PAIRS - HERE;
    more->pad = 0;
    for (int i = 0; i < 2 * PAIRS - HERE; i++)
        more->bytes[i] = i % 2 == 0 ? 2 : 1;
    fake->is_described[code] = true;
}

uint32_t fake_start_thread(struct fake *fake, const char *name)
{
    struct fake_thread *thread = NULL;
    for (int i = 0; i < FAKE_THREADS && thread == NULL; i++)
        if (fake->threads[i].id == 0)
            thread = &fake->threads[i];
    struct wire_thread *record = thread == NULL ? NULL : reserve(fake, WIRE_THREAD, sizeof *record);
    if (record == NULL)
        return 0;
    *thread = (struct fake_thread){.id = fake->next_thread++, .call = -1};
    const struct wire_record header = record->record;
    *record =
        (struct wire_thread){.record = header,
                             .thread = thread->id,
                             .os_tid = thread->id == 1 ? (uint32_t)getpid() : 4000000 + thread->id,
                             .python_ident = 0x7f0000000000 + thread->id,
                             .start_ns = fake->time_ns};
    record->record.flags = thread->id == 1 ? WIRE_THREAD_MAIN : 0;
    if (name == NULL)
        return thread->id;
    struct wire_thread_name *named = reserve(fake, WIRE_THREAD_NAME, sizeof *named + strlen(name));
    if (named != NULL) {
        named->thread = thread->id;
        named->len = (uint32_t)strlen(name);
        memcpy(named->name, name, strlen(name));
    }
    return thread->id;
}

void fake_end_thread(struct fake *fake, uint32_t id, uint64_t cpu_ns)
{
    struct wire_thread_end *record = reserve(fake, WIRE_THREAD_END, sizeof *record);
    if (record == NULL)
        return;
    record->thread = id;
    record->pad = 0;
    record->time_ns = fake->time_ns;
    record->cpu_ns = cpu_ns;
    for (int i = 0; i < FAKE_THREADS; i++)
        if (fake->threads[i].id == id)
            fake->threads[i].id = 0;
}

uint64_t fake_due_ns(const struct fake *fake, uint64_t number)
{
    return tick_due_ns(fake->head->origin_ns, fake->head->interval_ns, number);
}

void fake_tick(struct fake *fake, uint64_t time_ns)
{
    struct wire_tick *record = reserve(fake, WIRE_TICK, sizeof *record);
    fake->time_ns = time_ns;
    fake->number++;
    if (record == NULL)
        return;
    const struct wire_record header = record->record;
    *record = (struct wire_tick){.record = header, .time_ns = time_ns, .number = fake->number};
    atomic_store_explicit(&fake->head->sampler_beat, time_ns, memory_order_relaxed);
    atomic_store_explicit(&fake->head->counters.process_cpu_ns, clocks_ns(CLOCK_PROCESS_CPUTIME_ID),
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&fake->head->counters.ticks_due, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&fake->head->counters.ticks_taken, 1, memory_order_relaxed);
}

/* What a task is called is said before it is seen, once. */
static void name_task(struct fake *fake, uint32_t task)
{
    char name[16];
    const int len = snprintf(name, sizeof name, "task%u", task);
    if (task == 0 || fake->is_named[task])
        return;
    struct wire_task *record = reserve(fake, WIRE_TASK, sizeof *record + (size_t)len);
    if (record == NULL)
        return;
    record->task = task;
    record->len = (uint32_t)len;
    memcpy(record->name, name, (size_t)len);
    fake->is_named[task] = true;
}

void fake_sample(struct fake *fake, struct fake_thread *thread, uint32_t keep)
{
    const uint32_t n = thread->depth - keep;
    for (uint32_t i = keep; i < thread->depth; i++)
        describe(fake, thread->frames[i].code);
    name_task(fake, thread->task);
    struct wire_sample *record =
        reserve(fake, WIRE_SAMPLE, sizeof *record + n * sizeof record->frames[0]);
    if (record == NULL)
        return;
    const struct wire_record header = record->record;
    *record = (struct wire_sample){.record = header,
                                   .thread = thread->id,
                                   .state = (uint16_t)thread->state,
                                   .cpu_ns = thread->cpu_ns,
                                   .call = thread->call,
                                   .task = (uint16_t)thread->task,
                                   .keep = keep,
                                   .n = n};
    memcpy(record->frames, thread->frames + keep, n * sizeof record->frames[0]);
    fake->n_samples++;
}

void fake_event(struct fake *fake, uint32_t event, uint32_t thread, int64_t value)
{
    struct wire_event *record = reserve(fake, WIRE_EVENT, sizeof *record);
    if (record == NULL)
        return;
    record->event = event;
    record->thread = thread;
    record->time_ns = fake->time_ns;
    record->value = value;
}

/* ---- a program ---- */

static const char *call_name(int32_t call, char *text, size_t size)
{
    const char *name = syscall_find_name(call);
    if (call < 0)
        return "-";
    if (name != NULL)
        return name;
    snprintf(text, size, "syscall_%" PRId32, call);
    return text;
}

void fake_tell(struct fake *fake)
{
    char call[32];
    for (int i = 0; i < FAKE_THREADS && fake->truth != NULL; i++) {
        const struct fake_thread *thread = &fake->threads[i];
        if (thread->id == 0)
            continue;
        char task[16] = "-";
        if (thread->task != 0)
            snprintf(task, sizeof task, "task%u", thread->task);
        fprintf(fake->truth, "%" PRIu64 " %" PRIu64 " %u %" PRIu64 " %u %s/%s ", fake->number,
                fake->time_ns, thread->id, thread->cpu_ns, thread->state,
                call_name(thread->call, call, sizeof call), task);
        for (uint32_t f = 0; f < thread->depth; f++)
            fprintf(fake->truth, "f%u:%d;", thread->frames[f].code,
                    (int)thread->frames[f].code * 10 + thread->frames[f].instr / 2);
        fputc('\n', fake->truth);
    }
}

/* Drop some frames, push some others. Where the stack is still as it was: what may be kept. */
static uint32_t stack_change(struct fake *fake, struct fake_thread *thread)
{
    uint32_t keep = thread->depth > 0 ? thread->depth - (uint32_t)fake_random(fake, 3) : 0;
    if (keep > thread->depth || fake_random(fake, 20) == 0)
        keep = (uint32_t)fake_random(fake, thread->depth + 1);
    uint32_t depth = keep + (uint32_t)fake_random(fake, 4);
    if (depth > FAKE_DEPTH)
        depth = FAKE_DEPTH;
    for (uint32_t i = keep; i < depth; i++)
        thread->frames[i] = (struct wire_frame){.code = 1 + (uint32_t)fake_random(fake, FAKE_CODES),
                                                .instr = 2 * (int32_t)fake_random(fake, 90)};
    thread->depth = depth;
    return keep < depth ? keep : depth;
}

static void thread_step(struct fake *fake, struct fake_thread *thread)
{
    static const uint32_t states[] = {0, WIRE_ON_CPU, WIRE_ON_CPU | WIRE_HOLDS_GIL, WIRE_WAITS_GIL};
    uint32_t keep = thread->depth;
    if (fake_random(fake, 3) != 0)
        keep = stack_change(fake, thread);
    if (fake_random(fake, 4) != 0)
        thread->cpu_ns += fake_random(fake, 2 * fake->head->interval_ns);
    thread->state = states[fake_random(fake, 4)];
    thread->call = thread->state == 0 ? (int32_t)fake_random(fake, 600) : -1;
    if (fake_random(fake, 3) == 0)
        thread->task = (uint32_t)(fake_random(fake, 2) * fake_random(fake, FAKE_TASKS));
    fake_sample(fake, thread, keep);
}

/* A thread that ends in a tick was seen in it only if it had a sample first. */
static void victim_step(struct fake *fake, struct fake_thread *victim)
{
    const bool is_sampled = fake_random(fake, 2) == 0;
    const uint32_t id = victim->id;
    if (is_sampled)
        thread_step(fake, victim);
    else
        victim->id = 0;
    fake_tell(fake);
    fake_end_thread(fake, id, 0);
}

void fake_step(struct fake *fake, uint64_t time_ns, unsigned busy)
{
    fake_tick(fake, time_ns);
    if (fake->next_thread == 1 || fake_random(fake, 50) == 0)
        fake_start_thread(fake, fake_random(fake, 2) == 0 ? "worker" : NULL);
    struct fake_thread *victim = &fake->threads[1 + fake_random(fake, FAKE_THREADS - 1)];
    for (unsigned i = 0; i < busy; i++)
        if (fake->threads[i].id != 0 && fake_random(fake, 4) != 0 && &fake->threads[i] != victim)
            thread_step(fake, &fake->threads[i]);
    if (victim->id != 0)
        victim_step(fake, victim);
    else
        fake_tell(fake);
    if (fake->truth != NULL)
        fflush(fake->truth); /* it must not know less than the trace, whoever is killed when */
    fake_commit(fake);
}
