/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include "record/base/clocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (256u << 10) /* of it, this much is searched */

struct search {
    const struct collect *collect;
    const char *cookie;
    uint64_t passed_ns;
    char *text;
    bool has_found;
};

/* Has it had the time to say hello? Not while it waits for a CPU, unless it had much of one. The
 * kernel counts a wait when it is over; whoever is in one can run. */
static bool is_on_its_way(const struct search *search, pid_t pid)
{
    struct procfs_stat stat;
    struct procfs_schedule schedule;
    if (search->passed_ns <= LINGER_GRACE_NS)
        return true;
    if (!procfs_stat_read(pid, &stat) || !procfs_schedule_read(pid, pid, &schedule))
        return false;
    return schedule.ran_ns < LINGER_GRACE_NS &&
           (stat.state == 'R' || search->passed_ns - LINGER_GRACE_NS <= schedule.waited_ns);
}

/* The words and the environment are the last that execve() sets, and until then both read as empty.
 * So they do of a kernel's thread and of what has ended; neither of these has a file. */
static bool is_in_exec(pid_t pid)
{
    char path[32], text[2];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return procfs_read(text, sizeof text, "/proc/%d/cmdline", pid) == 0 &&
           readlink(path, text, sizeof text) > 0;
}

static bool has_cookie(const struct search *search, pid_t pid)
{
    static const char environment[] = "/proc/%d/environ";
    ssize_t len = procfs_read(search->text, ENVIRONMENT_MAX, environment, pid);
    if (len == 0) {
        const bool may_yet = is_in_exec(pid);
        len = procfs_read(search->text, ENVIRONMENT_MAX, environment, pid);
        if (len == 0)
            return may_yet;
    }
    return len > 0 &&
           memmem(search->text, (size_t)len, search->cookie, strlen(search->cookie)) != NULL;
}

static void stranger_look(void *closure, pid_t pid)
{
    struct search *search = closure;
    if (search->has_found || pid == getpid() || collect_knows(search->collect, pid))
        return;
    search->has_found = has_cookie(search, pid) && is_on_its_way(search, pid);
}

bool linger_has_strangers(struct lobby *lobby, const char *cookie, uint64_t passed_ns)
{
    if (passed_ns > LINGER_MAX_NS)
        return false;
    struct search search = {lobby->collect, cookie, passed_ns, malloc(ENVIRONMENT_MAX), false};
    if (search.text != NULL)
        (void)procfs_each_number("/proc", stranger_look, &search);
    free(search.text);
    if (search.has_found)
        return true;
    /* who knocked meanwhile waits for our answer, and looked like one that only sleeps */
    lobby_let_in(lobby, clocks_mono_ns());
    return lobby->n > 0 || lobby->collect->n > 0;
}
