/* SPDX-License-Identifier: MIT */
#include "process.h"

#include "record/base/clocks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_MAX_LEN    (256u << 20)
#define INTERVAL_MIN_NS 1000u

/* ---- opening ---- */

/* The whole file mapped, its length fixed by its seals: so that it cannot shrink under us. */
static enum status map_open(struct process *process, int memfd, struct problem *why)
{
    struct stat file;
    const int seals = fcntl(memfd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(memfd, &file) != 0)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "its memory is not sealed");
    if (file.st_size < (off_t)(WIRE_HEAD_LEN + 2 * WIRE_RECORD_MAX) ||
        file.st_size > (off_t)(WIRE_HEAD_LEN + RING_MAX_LEN))
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "its memory has %" PRId64 " bytes", (int64_t)file.st_size);
    void *map = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (map == MAP_FAILED)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "mmap: %s", strerror(errno));
    process->head = map;
    process->map_len = (size_t)file.st_size;
    return STATUS_OK;
}

static enum status ring_open(struct process *process, struct problem *why)
{
    const uint32_t len = process->head->ring_len;
    if (memcmp(process->head->magic, WIRE_MAGIC, sizeof process->head->magic) != 0 ||
        process->head->version != WIRE_VERSION)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "its memory has no head");
    if (len < 2 * WIRE_RECORD_MAX || (len & (len - 1)) != 0 ||
        len > process->map_len - WIRE_HEAD_LEN)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "its ring has %u bytes", len);
    ring_init(&process->ring, process->head, (uint8_t *)process->head + WIRE_HEAD_LEN, len);
    if (process->head->marks_len == MARK_QUEUE_BYTES &&
        process->map_len - WIRE_HEAD_LEN - len >= MARK_QUEUE_BYTES)
        process->marks = (struct mark_queue *)(void *)(process->ring.bytes + len);
    return STATUS_OK;
}

/* Where argv's strings begin in the copy. */
static bool argv_split(struct process *process, uint32_t len)
{
    size_t n = 0;
    if (len > sizeof process->argv_text - 1)
        len = sizeof process->argv_text - 1;
    process->argv = calloc(len + 1, sizeof *process->argv);
    if (process->argv == NULL)
        return false;
    for (size_t at = 0; at < len; at += strlen(process->argv_text + at) + 1)
        process->argv[n++] = process->argv_text + at;
    process->argv_len = len;
    process->about.argv = process->argv;
    process->about.n_argv = n;
    return true;
}

/* Its own word; what whoever attached to it has measured comes later, see collect_attached. */
static void attached_take(struct process *process)
{
    const struct wire_head *head = process->head;
    if ((head->flags & WIRE_ATTACHED) == 0)
        return;
    memcpy(process->home, head->home, sizeof head->home);
    process->attached.is_inherited = head->is_forked != 0;
    process->attached.object = process->home[0] != '\0' ? process->home : process->executable;
    process->attached.hooks = head->hooks;
    process->about.attached = &process->attached;
}

static enum status about_take(struct process *process, const struct stream_clock *clock,
                              struct problem *why)
{
    const struct wire_head *head = process->head;
    memcpy(process->executable, head->executable, sizeof head->executable);
    memcpy(process->build, head->python_build, sizeof head->python_build);
    memcpy(process->argv_text, head->argv, sizeof head->argv);
    memcpy(process->working_directory, head->working_directory, sizeof head->working_directory);
    memcpy(process->title.fork_name, head->fork_name, sizeof head->fork_name);
    const uint64_t interval_ns = head->interval_ns, origin_ns = head->origin_ns;
    process->start_ns = head->start_ns;
    process->cpu_zero_ns = head->cpu_zero_ns;
    process->natives.is_late = head->is_late != 0;
    process->about.os_start = head->os_start;
    process->about.parent_pid = (uint32_t)head->parent_pid;
    process->about.is_forked = head->is_forked != 0;
    process->about.hexversion = head->python_hexversion;
    process->about.executable = process->executable;
    process->about.build = process->build;
    process->about.title = process->title.text;
    process->about.working_directory = process->working_directory;
    attached_take(process);
    if (!argv_split(process, head->argv_len))
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "process");
    if (interval_ns < INTERVAL_MIN_NS || interval_ns > LIMIT_INTERVAL_NS)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "interval of %" PRIu64 " ns",
                           interval_ns);
    if (origin_ns < clock->start_mono_ns || process->start_ns < clock->start_mono_ns ||
        process->start_ns > clocks_mono_ns())
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                           "its clock is not the clock of this recording");
    process->about.start_q = stream_quanta(clock, process->start_ns);
    stream_init(&process->stream, *clock, process->start_ns, origin_ns, interval_ns);
    return STATUS_OK;
}

static enum status refused(const struct process *process, struct problem *why)
{
    char text[sizeof process->head->refused + 1];
    memcpy(text, process->head->refused, sizeof process->head->refused);
    text[sizeof text - 1] = '\0';
    return problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s",
                       text[0] != '\0' ? text : "the agent gave no reason");
}

/* The pidfd of just this process, not of one that got its number later. */
static void pidfd_open_same(struct process *process)
{
    struct procfs_stat is;
    struct stat exe;
    char path[32];
    process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    const bool is_gone = process->pidfd < 0 && errno == ESRCH;
    const bool is_seen = procfs_stat_read(process->pid, &is);
    process->is_dead =
        is_gone ||
        (is_seen && process->about.os_start != 0 && is.start != process->about.os_start) ||
        (!is_seen && (procfs_is_ours() || process->pidfd < 0));
    if (process->is_dead || !is_seen)
        return;
    pid_t inner;
    (void)procfs_inner_number(process->pid, process->pid, &inner, &process->natives.is_nested);
    process->about.os_start = is.start;
    if (process->about.parent_pid == 0 || process->inner_pid != process->pid)
        process->about.parent_pid = (uint32_t)is.parent; /* its own word is of its namespace */
    snprintf(path, sizeof path, "/proc/%d/exe", process->pid);
    if (stat(path, &exe) == 0) {
        process->exe_device = exe.st_dev;
        process->exe_inode = exe.st_ino;
    }
}

static enum status parts_open(struct process *process, const struct hello_guest *guest,
                              const struct emit *emit, struct problem *why)
{
    TRY(map_open(process, guest->memfd, why));
    TRY(ring_open(process, why));
    if (atomic_load_explicit(&process->head->state, memory_order_acquire) == WIRE_REFUSED)
        return refused(process, why);
    return about_take(process, &emit->recording.clock, why);
}

enum status process_open(struct process **out, const struct hello_guest *guest, uint32_t number,
                         const struct emit *emit, struct problem *why)
{
    struct process *process = calloc(1, sizeof *process);
    enum status status = STATUS_NO_MEMORY;
    *out = NULL;
    if (process != NULL) {
        process->pid = guest->pid;
        process->inner_pid = guest->inner_pid;
        process->pidfd = -1;
        process->connection = guest->connection;
        process->about.pid = (uint32_t)guest->pid;
        if (guest->inner_pid != guest->pid)
            process->about.inner_pid = (uint32_t)guest->inner_pid;
        process->about.number = number;
        status = parts_open(process, guest, emit, why);
    } else if (guest->connection >= 0)
        close(guest->connection);
    close(guest->memfd);
    if (status != STATUS_OK) {
        process_free(process);
        return status;
    }
    pidfd_open_same(process);
    *out = process;
    return STATUS_OK;
}

uint32_t process_fds(const struct process *process)
{
    return (uint32_t)(process->pidfd >= 0) + (uint32_t)(process->connection >= 0);
}

void process_save_descriptor(struct process *process, enum process_descriptor which)
{
    int *const fd = which == PROCESS_CONNECTION ? &process->connection : &process->pidfd;
    if (*fd < 0)
        return;
    if (which == PROCESS_CONNECTION)
        atomic_store_explicit(&process->head->is_hung_up, 1, memory_order_release);
    close(*fd);
    *fd = -1;
}

void process_free(struct process *process)
{
    if (process == NULL)
        return;
    if (process->head != NULL)
        munmap(process->head, process->map_len);
    if (process->pidfd >= 0)
        close(process->pidfd);
    if (process->connection >= 0)
        close(process->connection);
    stream_clear(&process->stream);
    sources_clear(&process->sources);
    natives_clear(&process->natives);
    free(process->argv);
    free(process);
}
