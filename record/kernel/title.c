/* SPDX-License-Identifier: MIT */
#include "title.h"

#include <string.h>

#define PERIOD_MIN_NS 100000000u
#define PERIOD_MAX_NS 2000000000u
#define COMMAND_MAX   4096 /* as many bytes as the agent sends */

/* Arguments as one text, without what pads them. `bytes` is overwritten. */
static size_t words_join(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\0')
            bytes[i] = ' ';
    while (len > 0 && bytes[len - 1] == ' ')
        len--;
    return len;
}

/* The kernel's first name for a process is the file's that was executed, cut: the interpreter's, or
 * a script's that names its interpreter. */
static bool is_first_name(const char *comm, const char *argv, size_t argv_len,
                          const char *executable)
{
    const char *at = argv;
    for (int i = 0; i < 3 && at < argv + argv_len; i++) {
        if (strncmp(basename(at), comm, strlen(comm)) == 0)
            return true;
        at += strlen(at) + 1;
    }
    return strncmp(basename(executable), comm, strlen(comm)) == 0;
}

/* Its title now, "" for none. False when that is not to be seen. */
static bool title_read(const struct title *title, char text[TITLE_MAX], pid_t pid, const char *argv,
                       size_t argv_len, const char *executable)
{
    char now[COMMAND_MAX + 1], then[COMMAND_MAX + 1], comm[PROCFS_COMM_MAX];
    const ssize_t n = procfs_read(now, sizeof now, "/proc/%d/cmdline", pid);
    if (n <= 0)
        return false;
    const size_t then_bytes = argv_len < COMMAND_MAX ? argv_len : COMMAND_MAX;
    memcpy(then, argv, then_bytes);
    const size_t now_len = words_join(now, (size_t)n), then_len = words_join(then, then_bytes);
    text[0] = '\0';
    const bool is_cut = then_bytes + 2 > COMMAND_MAX;
    const size_t common = now_len < then_len ? now_len : then_len;
    if (now_len > 0 && (memcmp(now, then, common) != 0 || (now_len != then_len && !is_cut))) {
        const size_t len = now_len < TITLE_MAX ? now_len : TITLE_MAX - 1;
        memcpy(text, now, len);
        text[len] = '\0';
    } else if (procfs_comm(pid, pid, comm) && comm[0] != '\0' &&
               strcmp(comm, title->fork_name) != 0 &&
               !is_first_name(comm, argv, argv_len, executable)) {
        memcpy(text, comm, strlen(comm) + 1);
    }
    return true;
}

bool title_look(struct title *title, pid_t pid, const char *argv, size_t argv_len,
                const char *executable, uint64_t age_ns, uint64_t now_ns)
{
    char text[TITLE_MAX];
    if (now_ns < title->next_look_ns)
        return false;
    const uint64_t period_ns = age_ns < PERIOD_MIN_NS   ? PERIOD_MIN_NS
                               : age_ns > PERIOD_MAX_NS ? PERIOD_MAX_NS
                                                        : age_ns;
    title->next_look_ns = now_ns + period_ns;
    if (!title_read(title, text, pid, argv, argv_len, executable) || strcmp(text, title->text) == 0)
        return false;
    memcpy(title->text, text, sizeof text);
    return true;
}
