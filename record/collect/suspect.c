/* SPDX-License-Identifier: MIT */
#include "suspect.h"

#include "record/base/target.h"
#include "record/kernel/procfs.h"
#include "record/wire/wire.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPS_MAX    (4u << 20)
#define ENVIRON_MAX (1u << 20)
#define FILE_MAX    (128 << 20) /* so much of a file is looked at */
#define BLOCK       (256u << 10)
#define KEPT_MAX    32u /* no name is longer */

/* Names in files, whole ones: with a zero byte before and behind. */
static const char code_type[] = "\0PyCode_Type";
static const char pypy_start[] = "\0rpython_startup_code";
static const char pypy_main[] = "\0pypy_main_startup"; /* where the rest of it is in a library */
static const char python_library[] = "\0libpython";    /* the beginning of one */
_Static_assert(sizeof code_type <= KEPT_MAX && sizeof pypy_start <= KEPT_MAX &&
                   sizeof pypy_main <= KEPT_MAX,
               "a block is enough");
static const char other_user[] = "another user's, it cannot be looked at";

/* What was found out about a process. */
struct look {
    bool has_python, has_agent;
    struct procfs_auxiliary auxiliary;
};

/* ---- files ---- */

/* Block by block: a file that is mapped would kill us if somebody cut it short meanwhile. */
static bool bytes_find(int fd, const char *bytes, size_t len)
{
    static char text[KEPT_MAX + BLOCK];
    size_t kept = 0; /* the end of what was read before: they may begin there */
    ssize_t n;
    for (off_t at = 0; at < FILE_MAX && (n = pread(fd, text + kept, BLOCK, at)) > 0; at += n) {
        const size_t have = kept + (size_t)n;
        if (memmem(text, have, bytes, len) != NULL)
            return true;
        kept = have < len ? have : len - 1;
        memmove(text, text + have - kept, kept);
    }
    return false;
}

static bool file_has(const char *path, const char *bytes, size_t len)
{
    struct stat is;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    const bool found = fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && bytes_find(fd, bytes, len);
    close(fd);
    return found;
}

/* Whether it exports what every CPython has, and by which the agent finds it. */
static bool file_has_python(const char *path)
{
    return file_has(path, code_type, sizeof code_type);
}

bool suspect_file_is_python(const char *path)
{
    return file_has_python(path) || file_has(path, python_library, sizeof python_library - 1);
}

bool suspect_file_is_pypy(const char *path)
{
    return file_has(path, pypy_start, sizeof pypy_start) ||
           file_has(path, pypy_main, sizeof pypy_main);
}

/* Which of the mapped files to open: where a Python is if it is not in the program. */
static bool may_be_python(const char *path)
{
    return strcasestr(basename(path), "python") != NULL;
}

static void mapped_look(struct look *look, pid_t pid, const char *file, const char *library)
{
    char path[PATH_MAX + 32];
    if (strcmp(basename(file), basename(library)) == 0)
        look->has_agent = true;
    if (look->has_python || !may_be_python(file))
        return;
    snprintf(path, sizeof path, "/proc/%d/root%s", pid, file);
    look->has_python = file_has_python(path);
}

/* False when it is not shown to us. */
static bool maps_look(struct look *look, pid_t pid, const char *library)
{
    char *text = malloc(MAPS_MAX), *rest = NULL;
    char before[PATH_MAX] = "";
    const ssize_t len = text != NULL ? procfs_read(text, MAPS_MAX, "/proc/%d/maps", pid) : -1;
    for (char *line = len > 0 ? strtok_r(text, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *file = strchr(line, '/');
        if (file == NULL || strcmp(file, before) == 0)
            continue;
        snprintf(before, sizeof before, "%s", file);
        mapped_look(look, pid, file, library);
    }
    free(text);
    return len >= 0;
}

/* ---- how it began ---- */

/* Whether it was given both variables. */
static bool has_variables(pid_t pid, const char *library)
{
    char *text = malloc(ENVIRON_MAX);
    const ssize_t len = text != NULL ? procfs_read(text, ENVIRON_MAX, "/proc/%d/environ", pid) : -1;
    bool has_agent = false, has_preload = false;
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(text + at) + 1) {
        has_agent |= strncmp(text + at, WIRE_ENV "=", sizeof WIRE_ENV) == 0;
        has_preload |= strncmp(text + at, "LD_PRELOAD=", 11) == 0 &&
                       strstr(text + at, basename(library)) != NULL;
    }
    free(text);
    return has_agent && has_preload;
}

static bool has_library(pid_t pid, const char *library)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "/proc/%d/root%s", pid, library);
    return access(path, R_OK) == 0;
}

/* Where the agent is, it has been kept from us; else it was kept out. */
static const char *reason_of(const struct look *look, pid_t pid, const char *library)
{
    char path[32];
    if (look->has_agent)
        return !procfs_shares_namespace(pid, "net")   ? "network namespace"
               : !procfs_shares_namespace(pid, "mnt") ? "mount namespace"
                                                      : "its recorder has said nothing";
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    const enum target target = target_look(AT_FDCWD, path, library);
    if (target == TARGET_FOREIGN || target == TARGET_SANITIZED)
        return target_text(target);
    if (look->auxiliary.is_told && !look->auxiliary.has_loader)
        return "statically linked: nothing can be loaded into it";
    if (look->auxiliary.is_secure)
        return "rights of its own (set-user-ID or capabilities): the loader lets nobody in";
    if (!has_library(pid, library)) /* so whoever started it took our variables away */
        return "the recorder's library is not in its file system";
    if (!has_variables(pid, library))
        return "environment replaced";
    return "the loader has not taken the recorder's library";
}

void suspect_look(struct suspect *suspect, pid_t pid, const char *library)
{
    struct look look = {.has_python = false};
    char path[32], name[PROCFS_COMM_MAX] = "";
    const bool is_exe_known = suspect->is_exe_known;
    *suspect = (struct suspect){.is_exe_known = true};
    errno = 0;
    const bool is_shown = maps_look(&look, pid, library);
    const bool is_hidden = !is_shown && (errno == EACCES || errno == EPERM);
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (is_shown && !look.has_python && !is_exe_known)
        look.has_python = file_has_python(path);
    if (!look.has_python && !is_hidden)
        return;
    procfs_auxiliary_read(pid, &look.auxiliary);
    (void)procfs_comm(pid, pid, name);
    suspect->is_suspect = true;
    suspect->is_python = look.has_python;
    if (!procfs_inner_pid(pid, &suspect->inner_pid))
        suspect->inner_pid = 0;
    snprintf(suspect->name, sizeof suspect->name, "%s", name);
    snprintf(suspect->reason, sizeof suspect->reason, "%s",
             is_hidden ? other_user : reason_of(&look, pid, library));
}
