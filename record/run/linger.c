/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (256u << 10) /* of it, this much is searched */

struct search {
    const struct collect *collect;
    const char *cookie;
    char *text;
    bool has_found;
};

static void stranger_look(void *closure, pid_t pid)
{
    struct search *search = closure;
    if (search->has_found || pid == getpid() || collect_knows(search->collect, pid))
        return;
    const ssize_t len = procfs_read(search->text, ENVIRONMENT_MAX, "/proc/%d/environ", pid);
    search->has_found =
        len > 0 && memmem(search->text, (size_t)len, search->cookie, strlen(search->cookie));
}

bool linger_has_strangers(const struct collect *collect, const char *cookie)
{
    struct search search = {collect, cookie, malloc(ENVIRONMENT_MAX), false};
    if (search.text != NULL)
        (void)procfs_each_number("/proc", stranger_look, &search);
    free(search.text);
    return search.has_found;
}
