/* SPDX-License-Identifier: MIT */
#include "entry.h"
#include "agent.h"
#include "aside.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "record/agent/interpose/exec.h"
#include "record/agent/interpose/interpose.h"
#include "record/agent/interpose/loader.h"
#include "record/agent/interpose/thread_ends.h"
#include "record/agent/late/hooks.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AWAIT_NS     5000000000u
#define SETTINGS_MAX 1024u

static _Atomic int32_t busy_pid; /* a thread of that process is in here; 0 = none. A child that was
                                    forked meanwhile finds its parent's number: nobody is */

bool entry_take(void)
{
    const int32_t self = (int32_t)syscall(SYS_getpid);
    int32_t by = atomic_load(&busy_pid);
    return by != self && atomic_compare_exchange_strong(&busy_pid, &by, self);
}

void entry_give(void)
{
    atomic_store_explicit(&busy_pid, 0, memory_order_release);
}

/* ---- who records ---- */

EXPORT int pyrec_is_recording(void)
{
    return agent_is_recording(agent_get());
}

EXPORT int pyrec_settings(char *text, size_t size)
{
    const struct link_settings *const s = &agent_get()->settings;
    const int saved = errno;
    int n = -1;
    if (!entry_take())
        return 0;
    if (pyrec_is_recording())
        n = snprintf(text, size, WIRE_SETTINGS_FORMAT, WIRE_VERSION, s->socket_name, s->directory,
                     (int)s->pyrec_pid, s->pyrec_start, s->cookie, s->interval_ns, s->max_depth,
                     s->flags, s->max_cost_ppm, s->begin_ns);
    entry_give();
    errno = saved;
    return n > 0 && (size_t)n < size;
}

/* Another copy of the library, which came under another path. */
static bool image_records(void *closure, const struct elf_image *image)
{
    bool *const records = closure;
    void *const found = elf_image_holds(image, (uintptr_t)image_records)
                            ? NULL
                            : elf_image_find(image, "pyrec_is_recording");
    int (*ask)(void);
    if (found == NULL)
        return true;
    memcpy(&ask, &found, sizeof(ask));
    *records = ask() != 0;
    return !*records;
}

static bool is_recorded(void)
{
    bool records = pyrec_is_recording() != 0;
    if (!records)
        elf_images_each(image_records, &records);
    return records;
}

/* ---- beginning ---- */

static enum wire_attach failure_of(const struct agent *agent)
{
    switch (agent->link.failed) {
    case WIRE_MISSING_NONE:
    case WIRE_MISSING_THREAD:
        return WIRE_ATTACH_THREAD;
    case WIRE_MISSING_STRANGER:
        return WIRE_ATTACH_STRANGER;
    case WIRE_MISSING_DOOR:
    case WIRE_MISSING_SOCKET:
    case WIRE_MISSING_HELLO:
        return WIRE_ATTACH_UNREACHED;
    case WIRE_MISSING_FILE_SIZE:
        return WIRE_ATTACH_FILE_SIZE;
    default:
        return WIRE_ATTACH_MEMORY;
    }
}

static enum wire_attach interp_settle(struct agent *agent)
{
    char reason[256];
    const char *why = agent_unfit();
    if (agent->interp.code_type != 0) /* it was found before, and has stayed */
        return WIRE_ATTACH_DONE;
    if (why == NULL) {
        const enum interp_found found = interp_find(&agent->interp, reason, sizeof(reason));
        const struct symbols *const home = &agent->interp.symbols;
        if (found == INTERP_NONE)
            return WIRE_ATTACH_NO_PYTHON;
        if (found == INTERP_FOUND) {
            (void)loader_pin(home->images[home->n - 1].name); /* "": the program, which stays */
            return WIRE_ATTACH_DONE;
        }
        why = reason;
    }
    agent_refuse(agent, why);
    agent->interp.code_type = 0;
    return WIRE_ATTACH_REFUSED;
}

/* Nothing runs: what was there before is over. */
static void past_forget(struct agent *agent)
{
    agent->pid = getpid();
    agent->link.failed = WIRE_MISSING_NONE;
    agent->settings.has_waited = true;
    agent->settings.is_forked = false;
    agent->settings.born_ns = clock_now();
    agent->settings.cpu_zero_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    agent->main_zero_ns = clock_of_thread(agent->pid);
    atomic_store(&agent->is_leaving, false);
    thread_ends_reset();
}

/* ---- what comes to us ---- */

static bool is_home(void *closure, const struct elf_image *image)
{
    const struct symbols *const symbols = closure;
    for (unsigned i = 0; i < symbols->n; i++)
        if (symbols->images[i].base == image->base)
            return true;
    return false;
}

/* The settings of what is executed: those without the library's place, which *library is then; in
 * room of SETTINGS_MAX. NULL: they do not fit. */
static const char *settings_split(const char *text, char *room, const char **library)
{
    const char *at = text;
    for (int i = 0; i < WIRE_SETTINGS_LIBRARY && at != NULL; i++)
        at = strchr(i == 0 ? at : at + 1, ',');
    const size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
    *library = at != NULL && at[1] != '\0' ? at + 1 : interpose_own_path();
    if (len >= SETTINGS_MAX)
        return NULL;
    memcpy(room, text, len);
    room[len] = '\0';
    return room;
}

static void watches_begin(struct agent *agent, const char *text)
{
    static bool is_watching;
    char room[SETTINGS_MAX];
    const char *library = NULL;
    const char *const setting = settings_split(text, room, &library);
    const bool follows = !(agent->settings.flags & WIRE_NO_CHILDREN);
    if (!is_watching) {
        fork_watch();
        aside_watch();
        is_watching = true;
    }
    thread_ends_watch();
    if (library != NULL && strncmp(library, WIRE_NOT_FOR_OTHERS, 6) == 0)
        library = NULL; /* a descriptor of ours: nobody else's */
    hooks_take(is_home, &agent->interp.symbols, follows ? setting : NULL, library,
               &agent->settings.hooks);
    exec_watch(agent->pid, agent_exec);
    agent_watch_codes(agent);
}

static enum wire_attach attach(struct agent *agent, const char *text)
{
    struct link_settings settings = {.cookie = {0}};
    if (fork_is_under_way(agent))
        return WIRE_ATTACH_FORKING;
    if (is_recorded())
        return WIRE_ATTACH_BUSY;
    if (!link_settings(&settings, text))
        return WIRE_ATTACH_SETTINGS;
    settings.flags |= WIRE_ATTACHED | WIRE_NO_SIGNALS;
    agent_release(agent); /* what a recording before this one has left */
    const int error = careful_begin();
    if (error != 0)
        return error == ENOMEM ? WIRE_ATTACH_MEMORY : WIRE_ATTACH_UNREADABLE;
    peek_be_careful();
    agent->settings = settings;
    past_forget(agent);
    const enum wire_attach settled = interp_settle(agent);
    if (settled != WIRE_ATTACH_DONE) {
        careful_end();
        return settled;
    }
    atomic_store(&agent->state, AGENT_OFF);
    watches_begin(agent, text);
    if (agent_start(agent))
        agent_await(agent, AWAIT_NS);
    else
        agent_release(agent);
    const uint32_t state = atomic_load(&agent->state);
    if (state == AGENT_STOPPED)
        return failure_of(agent);
    return state == AGENT_OFF && settings.begin_ns == 0 ? WIRE_ATTACH_LATER : WIRE_ATTACH_DONE;
}

EXPORT int pyrec_attach(const char *settings)
{
    const int saved = errno;
    if (!entry_take())
        return WIRE_ATTACH_BUSY;
    const enum wire_attach result = attach(agent_get(), settings);
    entry_give();
    errno = saved;
    return (int)result;
}

EXPORT int pyrec_leave(void)
{
    struct agent *const agent = agent_get();
    const int saved = errno;
    if (!entry_take())
        return 1;
    const bool is_there = agent_is_recording(agent) && (agent->settings.flags & WIRE_ATTACHED);
    if (is_there)
        agent_end(agent);
    entry_give();
    errno = saved;
    return is_there ? 0 : 1;
}
