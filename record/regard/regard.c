/* SPDX-License-Identifier: MIT */
#include "regard.h"

#include "record/base/clocks.h"
#include "record/kernel/below.h"
#include "record/kernel/freezer.h"
#include "record/kernel/procfs.h"
#include "record/wire/wire.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define STATUS_MAX     (16u << 10)
#define LOADING_NAP_US 100
#define AWAIT_NAP_US   2000
#define DYNAMIC_MAX    100
#define YOUNG_S        10 /* a program that may be just starting */
#define PIDFS_MAGIC    0x50494446
#define CAP_SYS_PTRACE 19
#define CAP_SYS_ADMIN  21

#if defined(__x86_64__)
#define CAN_ATTACH true
#else
#define CAN_ATTACH false
#endif

/* ---- who it is ---- */

static uint64_t status_number(const char *status, const char *name, uint64_t otherwise)
{
    uint64_t number;
    return procfs_status_number(status, name, 10, &number) ? number : otherwise;
}

static void process_look(struct regard *regard, pid_t pid)
{
    struct facts *const facts = &regard->facts;
    struct procfs_stat is = {.start = 0};
    char status[STATUS_MAX];
    facts->pid = facts->group = pid;
    facts->is_proc_ours = procfs_is_ours();
    facts->is_there = procfs_stat_read(pid, &is) &&
                      procfs_read(status, sizeof status, "/proc/%d/status", pid) > 0;
    facts->state = is.state;
    facts->is_of_kernel = is.is_of_kernel;
    facts->parent = is.parent;
    regard->start = is.start;
    if (!facts->is_there)
        return;
    facts->group = (pid_t)status_number(status, "Tgid", (uint64_t)pid);
    facts->user = (uid_t)status_number(status, "Uid", (uid_t)-1);
}

/* ---- why its memory cannot be read ---- */

/* A user namespace knows all users only if it is the first one. */
static bool is_in_namespace(void)
{
    char map[256];
    unsigned long inside, outside, n;
    return procfs_read(map, sizeof map, "/proc/self/uid_map") >= 0 &&
           (sscanf(map, "%lu %lu %lu", &inside, &outside, &n) != 3 || inside != 0 || outside != 0 ||
            n != 4294967295u);
}

/* What pyrec itself may do. */
static void ourselves_look(struct facts *facts)
{
    char status[STATUS_MAX] = "";
    uint64_t rights = 0;
    facts->are_we_root = geteuid() == 0;
    facts->are_we_in_namespace = is_in_namespace();
    (void)procfs_read(status, sizeof status, "/proc/self/status");
    facts->are_we_filtered = status_number(status, "Seccomp", 0) > 0;
    (void)procfs_status_number(status, "CapEff", 16, &rights);
    facts->may_trace_all = (rights >> CAP_SYS_PTRACE & 1) != 0;
    facts->may_read_filters = (rights >> CAP_SYS_ADMIN & 1) != 0 && !facts->are_we_filtered &&
                              !facts->are_we_in_namespace;
}

static void rights_look(struct facts *facts)
{
    char path[32];
    struct stat file;
    snprintf(path, sizeof path, "/proc/%d/auxv", facts->pid); /* the folder is its user's anyway */
    facts->is_user_ours = facts->user == geteuid();
    facts->is_locked_up = stat(path, &file) == 0 && file.st_uid != geteuid();
    facts->yama = procfs_yama_scope();
    ourselves_look(facts);
}

/* ---- what is in its memory ---- */

/* As a 32-bit program is for our machine. */
static bool is_foreign(const struct regard *regard)
{
    for (uint32_t i = 0; i < regard->maps.n; i++) {
        unsigned char ident[EI_NIDENT];
        const struct remote_map *const map = &regard->maps.list[i];
        if (map->offset == 0 && map->inode != 0 && (map->rights & REMOTE_READ) != 0 &&
            map->path[0] == '/' && strncmp(map->path, "/dev/", 5) != 0 &&
            remote_read(&regard->remote, map->from, ident, sizeof ident) &&
            memcmp(ident, ELFMAG, SELFMAG) == 0)
            return ident[EI_CLASS] != ELFCLASS64;
    }
    return false;
}

static bool has_image(const struct remote_images *images, const char *start)
{
    return remote_images_named(images, start) != NULL;
}

static enum facts_libc libc_look(const struct remote_images *images)
{
    for (uint32_t i = 0; i < images->n; i++) /* both library and loader */
        if (strcmp(remote_image_name(&images->list[i]), "libc.so") == 0)
            return LIBC_MUSL;
    if (has_image(images, "ld-musl") || has_image(images, "libc.musl"))
        return LIBC_MUSL;
    return has_image(images, "ld-linux") ? LIBC_GLIBC : LIBC_STATIC;
}

/* The ring of an agent that records. */
static bool has_recorder(const struct remote *remote, const struct remote_maps *maps)
{
    for (uint32_t i = 0; i < maps->n; i++) {
        const struct remote_map *const map = &maps->list[i];
        struct wire_head head;
        uint32_t state;
        if (strncmp(map->path, "/memfd:pyrec", 12) != 0 || map->offset != 0 ||
            !remote_read(remote, map->from, &head, sizeof head) ||
            memcmp(head.magic, WIRE_MAGIC, sizeof head.magic) != 0)
            continue;
        memcpy(&state, (const char *)&head + offsetof(struct wire_head, state), sizeof state);
        if (state == WIRE_STARTING || state == WIRE_RUNNING || state == WIRE_PAUSED)
            return true;
    }
    return false;
}

/* An errno. */
static int images_look(struct regard *regard)
{
    remote_images_clear(&regard->images);
    remote_maps_clear(&regard->maps);
    const int error = remote_maps_read(&regard->maps, &regard->remote);
    if (error != 0)
        return error;
    return remote_images_read(&regard->images, &regard->remote, &regard->maps) ? 0 : ENOMEM;
}

/* No loader is mapped: is that so because the kernel is still about to do it? */
static bool is_just_executed(pid_t pid)
{
    struct procfs_auxiliary auxiliary;
    procfs_auxiliary_read(pid, &auxiliary);
    return !auxiliary.is_told || auxiliary.has_loader;
}

static bool is_younger(const struct regard *regard, unsigned seconds)
{
    return below_now() - regard->start < (uint64_t)sysconf(_SC_CLK_TCK) * seconds;
}

static bool is_young(const struct regard *regard)
{
    return is_younger(regard, YOUNG_S);
}

/* The loader writes into the program's dynamic section where it says how far it is. */
static bool has_begun(const struct remote *remote, const struct remote_image *image)
{
    Elf64_Dyn entry = {.d_tag = DT_NULL};
    for (uint64_t i = 0; i < DYNAMIC_MAX; i++) {
        if (image->dynamic == 0 ||
            !remote_read(remote, image->dynamic + i * sizeof entry, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_DEBUG) /* in programs only */
            return entry.d_un.d_ptr != 0;
    }
    return true;
}

/*
 * Is the loader in the midst of mapping what the program, or a library that it loads, needs? It
 * tells debuggers (link.h): nothing before it has begun, and that it is done when all is mapped.
 */
static bool is_loading(const struct regard *regard)
{
    struct r_debug said;
    uint64_t at;
    if (regard->facts.libc != LIBC_GLIBC)
        return false;
    for (uint32_t i = 0; i < regard->images.n; i++)
        if (!has_begun(&regard->remote, &regard->images.list[i]))
            return is_young(regard);
    if (remote_images_find(&regard->images, &regard->remote, "_r_debug", &at) == NULL ||
        !remote_read(&regard->remote, at, &said, sizeof said))
        return is_young(regard); /* the loader itself is being mapped */
    return said.r_version == 0 || said.r_state != RT_CONSISTENT;
}

/* It has no Python or no C library, or one that is not known: because that is still to come? A
 * program that is stopped may stay so. */
static bool is_arriving(const struct regard *regard)
{
    const struct facts *const facts = &regard->facts;
    if (strchr("tTZX", facts->state) != NULL)
        return false;
    return facts->libc == LIBC_STATIC ? is_just_executed(facts->pid) : is_loading(regard);
}

/* An errno. As it is at one moment, but for what its loader has begun. */
static int contents_look(struct regard *regard)
{
    struct facts *const facts = &regard->facts;
    const uint64_t begin = clocks_mono_ns();
    /* what the loader has said counts for what is mapped after that */
    bool is_settled = !is_young(regard), was_settled;
    do {
        was_settled = is_settled;
        const int error = images_look(regard);
        if (error != 0)
            return error;
        facts->libc = libc_look(&regard->images);
        facts->python = python_find(&regard->python, &regard->remote, &regard->images, facts->wrong,
                                    sizeof facts->wrong);
        if (facts->python == PYTHON_FOUND && !is_young(regard))
            break; /* of a young one the C library may be still to come */
        is_settled = !is_arriving(regard);
        if (!is_settled)
            usleep(LOADING_NAP_US);
    } while ((!is_settled || !was_settled) && clocks_mono_ns() - begin < REGARD_LOADING_NS);
    return 0;
}

/* An errno. What has ended meanwhile has no memory, which looks like one without a Python. */
static int end_look(struct regard *regard)
{
    struct procfs_stat is;
    if (regard->facts.python == PYTHON_FOUND)
        return 0;
    if (!procfs_stat_read(regard->facts.pid, &is) || is.start != regard->start)
        return ESRCH;
    regard->facts.state = is.state;
    return is.state == 'Z' || is.state == 'X' ? ESRCH : 0;
}

/* Whatever runs in it now may execute another program. */
static bool is_to_come(const struct regard *regard)
{
    return regard->facts.python != PYTHON_FOUND && is_younger(regard, REGARD_AWAIT_S) &&
           strchr("tT", regard->facts.state) == NULL;
}

/* An errno. */
static int memory_look(struct regard *regard, bool awaits)
{
    struct facts *const facts = &regard->facts;
    for (bool is_over = false; !is_over;) {
        int error = contents_look(regard);
        error = error == 0 ? end_look(regard) : error;
        if (error != 0)
            return error;
        is_over = !awaits || !is_to_come(regard);
        if (!is_over)
            usleep(AWAIT_NAP_US);
    }
    facts->is_foreign = is_foreign(regard);
    facts->is_recorded = has_recorder(&regard->remote, &regard->maps);
    return 0;
}

/* ---- what is against attaching ---- */

/* A tracer may have any thread. */
static void thread_look(void *closure, pid_t tid)
{
    struct facts *const facts = closure;
    char text[STATUS_MAX];
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/status", facts->pid, tid) <= 0)
        return;
    const char *const state = strstr(text, "\nState:\t");
    const uint64_t by = status_number(text, "TracerPid", 0);
    if (by > 0)
        facts->tracer = (pid_t)by;
    if (state != NULL && (state[8] == 'T' || state[8] == 't'))
        facts->is_stopped = true;
    const uint64_t seccomp = status_number(text, "Seccomp", 0); /* each thread has its own */
    facts->is_strict |= seccomp == SECCOMP_MODE_STRICT;
    facts->is_filtered |= seccomp > SECCOMP_MODE_STRICT;
}

/* It runs in the memory of its parent, which waits for it to become another program. */
static bool is_vfork_child(const struct facts *facts)
{
    return facts->parent > 1 &&
           syscall(SYS_kcmp, facts->pid, facts->parent, KCMP_VM, 0ul, 0ul) == 0;
}

static void obstacles_look(struct facts *facts)
{
    char path[32];
    struct procfs_auxiliary auxiliary;
    procfs_auxiliary_read(facts->pid, &auxiliary);
    facts->is_machine_known = CAN_ATTACH;
    facts->is_secure = auxiliary.is_secure;
    facts->is_frozen = freezer_holds(facts->pid);
    facts->is_vfork_child = is_vfork_child(facts);
    snprintf(path, sizeof path, "/proc/%d/task", facts->pid);
    (void)procfs_each_number(path, thread_look, facts);
    if (facts->is_filtered)
        ourselves_look(facts);
    if (facts->tracer != 0 && !procfs_comm(facts->tracer, facts->tracer, facts->tracer_name))
        snprintf(facts->tracer_name, sizeof facts->tracer_name, "?");
}

/* Another user may hold it, too, only to keep us out: that is not believed. */
static bool is_to_be_believed(const struct regard *regard, pid_t holder)
{
    uid_t user;
    return holder <= 0 || !procfs_user(holder, &user) || user == 0 || user == geteuid() ||
           user == regard->facts.user;
}

/* Since Linux 6.9 a process has one file everywhere, however /proc is mounted. */
static bool is_locked_elsewhere(const struct regard *regard)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct statfs is;
    if (regard->pidfd < 0 || fstatfs(regard->pidfd, &is) != 0 || is.f_type != PIDFS_MAGIC ||
        fcntl(regard->pidfd, F_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES))
        return false;
    return fcntl(regard->pidfd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
           is_to_be_believed(regard, lock.l_pid);
}

/*
 * On the directory of its descriptors: one of the kernel's for each process and mount of /proc, and
 * the owner's alone. An errno.
 */
static int lock_take(struct regard *regard)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", regard->facts.pid);
    regard->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (regard->lock < 0)
        return errno;
    regard->facts.is_locked =
        flock(regard->lock, LOCK_EX | LOCK_NB) != 0 || is_locked_elsewhere(regard);
    return 0;
}

/* ---- all of it ---- */

void regard_open(struct regard *regard, pid_t pid, unsigned how)
{
    struct facts *const facts = &regard->facts;
    *regard = (struct regard){.pidfd = -1, .lock = -1};
    process_look(regard, pid);
    regard->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (facts->is_proc_ours && facts->is_there && facts->group == pid) {
        facts->error = remote_open(&regard->remote, pid);
        if (facts->error == 0 &&
            (how & REGARD_LOCK) != 0) /* before it is looked at what is mapped */
            facts->error = lock_take(regard);
        if (facts->error == 0)
            facts->error = memory_look(regard, (how & REGARD_AWAIT) != 0);
        if (facts->error != 0)
            rights_look(facts);
    }
    regard->not_to_look = reason_not_to_look(facts);
    if (regard->not_to_look == REASON_NONE)
        obstacles_look(facts);
    regard->not_to_attach = reason_not_to_attach(facts);
}

bool regard_has_recorder(pid_t pid)
{
    struct remote remote;
    struct remote_maps maps = {.n = 0};
    const bool has = remote_open(&remote, pid) == 0 && remote_maps_read(&maps, &remote) == 0 &&
                     has_recorder(&remote, &maps);
    remote_maps_clear(&maps);
    return has;
}

bool regard_is_same(const struct regard *regard)
{
    return procfs_is_same(regard->facts.pid, regard->start);
}

void regard_close(struct regard *regard)
{
    remote_images_clear(&regard->images);
    remote_maps_clear(&regard->maps);
    if (regard->pidfd >= 0)
        close(regard->pidfd);
    if (regard->lock >= 0)
        close(regard->lock);
    regard->pidfd = regard->lock = -1;
}
