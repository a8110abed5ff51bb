/* SPDX-License-Identifier: MIT */
#include "freezer.h"

#include "procfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_MAX 4096 /* of a process: a line for each hierarchy */

/* Does one of its lines begin so? */
static bool file_says(const char *root, const char *group, const char *file, const char *line)
{
    char text[256] = "\n", path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s%s/%s", root, group, file) >= sizeof path)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text + 1, sizeof text - 2);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n + 1 : 1] = '\0';
    return strstr(text, line) != NULL;
}

/* The first generation: a hierarchy of its own. FREEZING is as good as frozen. */
static bool holds_first(const char *group)
{
    return file_says("/sys/fs/cgroup/freezer", group, "freezer.state", "\nFR");
}

/* The second: one hierarchy for all, which may be beside those of the first. */
static bool holds_second(const char *group)
{
    return file_says("/sys/fs/cgroup", group, "cgroup.events", "\nfrozen 1") ||
           file_says("/sys/fs/cgroup/unified", group, "cgroup.events", "\nfrozen 1");
}

bool freezer_holds(pid_t pid)
{
    char text[CGROUP_MAX];
    char *rest = text;
    if (procfs_read(text, sizeof text, "/proc/%d/cgroup", pid) <= 0)
        return false;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) { /* NUMBER:CONTROLLERS:GROUP */
        char *const controllers = strchr(line, ':');
        char *const group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        const bool is_second = group == controllers + 1;
        *group = '\0';
        if (is_second ? holds_second(group + 1)
                      : strcmp(controllers + 1, "freezer") == 0 && holds_first(group + 1))
            return true;
    }
    return false;
}
