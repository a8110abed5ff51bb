/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include "record/base/clocks.h"

#include <unistd.h>

struct search {
    const struct collect *collect;
    const char *cookie;
    uint64_t passed_ns;
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

static void stranger_look(void *closure, pid_t pid)
{
    struct search *search = closure;
    if (search->has_found || pid == getpid() || collect_knows(search->collect, pid))
        return;
    search->has_found =
        procfs_environment_has(pid, search->cookie) != PROCFS_HAS_NOT && is_on_its_way(search, pid);
}

bool linger_has_strangers(struct lobby *lobby, const char *cookie, uint64_t passed_ns)
{
    if (passed_ns > LINGER_MAX_NS)
        return false;
    struct search search = {lobby->collect, cookie, passed_ns, false};
    (void)procfs_each_number("/proc", stranger_look, &search);
    if (search.has_found)
        return true;
    /* who knocked meanwhile waits for our answer, and looked like one that only sleeps */
    lobby_let_in(lobby, clocks_mono_ns());
    return lobby->n > 0 || lobby->collect->n > 0;
}
