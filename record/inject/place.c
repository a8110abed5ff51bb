/* SPDX-License-Identifier: MIT */
#include "place.h"

#include "raw.h"
#include "record/base/clocks.h"
#include "record/kernel/procfs.h"

#include <string.h>
#include <unistd.h>

#define GAP_MIN     (1ull << 27) /* the middle of such a gap is far from all that grows .. */
#define GAP_LOW     0x100000000u /* .. and not where somebody wants addresses of 32 bits */
#define LAST_MAX_NS 3000000000u  /* for who was held last to come out: the stub's 2 s, and some */
#define LAST_RUN_NS 5000000u     /* so long nothing is seen of it, and it may be held itself */
#define LAST_NAP_US 250

/* ---- the code ---- */

/* The end of a page of code that nobody uses: zero, or code of ours that was left there. */
static bool code_fits(const struct job *job, uint64_t at)
{
    uint8_t is[STUB_MAX];
    if (!remote_read(&job->regard.remote, at, is, STUB_LEN))
        return false;
    if (memcmp(is, stub_begin, (size_t)(stub_table - stub_begin)) == 0)
        return true;
    for (size_t i = 0; i < STUB_LEN; i++)
        if (is[i] != 0)
            return false;
    return true;
}

static bool code_find_in(struct job *job, const struct remote_image *image)
{
    for (uint32_t s = 0; image != NULL && s < image->n_segments; s++) {
        const struct remote_segment *const segment = &image->segments[s];
        const uint64_t at = (segment->to + 15) & ~15ull;
        const uint64_t end = (segment->to + 4095) & ~4095ull;
        if (segment->rights != (REMOTE_READ | REMOTE_EXECUTE) || at + STUB_LEN > end ||
            !code_fits(job, at))
            continue;
        job->place.code = at;
        return true;
    }
    return false;
}

/* The one that holds `address`. */
static const struct remote_image *image_at(const struct job *job, uint64_t address)
{
    for (uint32_t i = 0; i < job->regard.images.n; i++) {
        const struct remote_image *const image = &job->regard.images.list[i];
        if (address - image->from < image->to - image->from)
            return image;
    }
    return NULL;
}

static bool code_find(struct job *job)
{
    static const char *const names[] = {"ld-linux", "libc.so.", "libpthread.so.", "libdl.so."};
    struct procfs_auxiliary auxiliary;
    procfs_auxiliary_read(job->plan->pid, &auxiliary);
    if (auxiliary.headers != 0 && code_find_in(job, image_at(job, auxiliary.headers)))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (code_find_in(job, remote_images_named(&job->regard.images, names[i])))
            return true;
    return code_find_in(job, image_at(job, job->regard.python.interp.code_type));
}

/* ---- who was held last ---- */

enum hold_sight place_look(struct job *job)
{
    if (job->last == 0)
        return SIGHT_OUT;
    const enum hold_sight sight = hold_sight(job->plan->pid, job->last, job->place.code);
    if (sight == SIGHT_OUT)
        job->last = 0;
    return sight;
}

static enum inject_outcome last_await(struct job *job)
{
    const uint64_t begin = clocks_mono_ns();
    uint64_t who = 0;
    uint64_t inside = begin; /* when it was seen in there last */
    job->last = 0;
    if (remote_read(&job->regard.remote,
                    job->place.code + (uint64_t)(stub_table - stub_begin) + TABLE_WHO, &who,
                    sizeof who) &&
        who != 0)
        job->last = raw_thread_find(job->plan->pid, (pid_t)who);
    for (;;) {
        const enum hold_sight sight = place_look(job);
        const uint64_t now = clocks_mono_ns();
        if (sight == SIGHT_OUT || (sight == SIGHT_RUNS && now - inside > LAST_RUN_NS))
            return INJECT_DONE;
        if (now - begin > LAST_MAX_NS)
            return job_give_up(job, INJECT_BUSY, JOB_INSIDE, NULL);
        if (sight == SIGHT_INSIDE)
            inside = now;
        usleep(LAST_NAP_US);
    }
}

/* ---- the mailbox ---- */

static bool mailbox_read(const struct job *job, const struct remote_map *map, struct mailbox *is)
{
    return map->to - map->from == MAILBOX_LEN && map->inode == 0 && map->path[0] == '\0' &&
           remote_read(&job->regard.remote, map->from, is, sizeof *is) && is->self == map->from;
}

/* The thread of a pyrec that was killed, or of one that has not done: it gives up by itself. */
static bool is_under_way(const struct job *job, const struct mailbox *is)
{
    return is->is_parked == 0 && is->clone > 0 && raw_thread_find(job->plan->pid, is->clone) != 0;
}

static bool gap_find(struct job *job, const struct remote_maps *maps)
{
    for (uint32_t i = maps->n - (maps->n > 0); i > 0; i--) {
        const uint64_t low = maps->list[i - 1].to, high = maps->list[i].from;
        const uint64_t middle = (low + (high - low) / 2) & ~0xfffull;
        if (high > JOB_ADDRESS_MAX || high - low < GAP_MIN || middle < GAP_LOW)
            continue;
        job->place.mailbox = middle;
        return true;
    }
    return false;
}

static enum inject_outcome mailbox_find_in(struct job *job, const struct remote_maps *maps)
{
    job->place.is_again = job->place.is_clean = false;
    for (uint32_t i = 0; i < maps->n; i++) {
        struct mailbox is;
        if (!mailbox_read(job, &maps->list[i], &is))
            continue;
        if (is_under_way(job, &is))
            return job_give_up(job, INJECT_BUSY, JOB_UNDER_WAY, NULL);
        if (hold_is_free(&is)) {
            job->place.mailbox = maps->list[i].from;
            job->place.is_again = true;
        }
    }
    return job->place.is_again || gap_find(job, maps)
               ? INJECT_DONE
               : job_give_up(job, INJECT_UNFIT, "has no room for a mapping of 4 MiB", NULL);
}

/* As things are now: who was waited for may have made it. */
static enum inject_outcome mailbox_find(struct job *job)
{
    struct remote_maps maps = {.n = 0};
    const enum inject_outcome outcome =
        remote_maps_read(&maps, &job->regard.remote) == 0
            ? mailbox_find_in(job, &maps)
            : job_give_up(job, INJECT_FAILED, "cannot be looked at", NULL);
    remote_maps_clear(&maps);
    return outcome;
}

/* ---- all of it ---- */

enum inject_outcome place_find(struct job *job)
{
    if (!code_find(job))
        return job_give_up(job, INJECT_UNFIT,
                           "has no room for 1,400 bytes of code, neither in the program nor in its "
                           "C library",
                           NULL);
    const enum inject_outcome outcome = last_await(job);
    return outcome == INJECT_DONE ? mailbox_find(job) : outcome;
}
