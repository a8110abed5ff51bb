/* SPDX-License-Identifier: MIT */
#include "launch.h"

#include "rawsig.h"
#include "record/base/target.h"
#include "record/cli/hint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY "libpyrec.so"
/* Where CMake puts it, seen from the program's own directory. */
#ifndef PYREC_LIBRARY_DIR
#define PYREC_LIBRARY_DIR "../lib/pyrec"
#endif

/* ---- the command ---- */

static enum status command_status(const char *command, int error, struct problem *why)
{
    char hint[HINT_SIZE];
    const enum status status =
        error == ENOENT || error == ENOTDIR ? STATUS_NOT_FOUND : STATUS_UNSUPPORTED;
    hint_find(hint, command);
    return problem_set(why, status, PROBLEM_NO_OFFSET, "%.120s: %s%s", command,
                       status == STATUS_NOT_FOUND && strchr(command, '/') == NULL
                           ? "command not found"
                           : strerror(error),
                       hint);
}

/* 0 or why it cannot be run. A file that may not be executed is EACCES; EPERM is the word of a filter
 * of system calls that does not know faccessat2(), as older containers have: the older call, which
 * asks for the real user instead of the effective one, is answered there. */
static int executable_error(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return errno;
    if (S_ISDIR(file.st_mode))
        return EISDIR;
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (errno == EPERM && access(path, X_OK) == 0)
        return 0;
    return errno;
}

/* The first executable on PATH; what cannot be run is remembered, but looked past, as shells do. */
static int path_search(struct launch *launch, const char *command)
{
    const char *path = getenv("PATH");
    int found = ENOENT;
    if (path == NULL)
        path = "/bin:/usr/bin";
    for (const char *at = path;; at++) {
        const int len = (int)strcspn(at, ":");
        const int n = snprintf(launch->path, sizeof launch->path, "%.*s%s%s", len, at,
                               len > 0 ? "/" : "", command);
        if (n < (int)sizeof launch->path) {
            const int error = executable_error(launch->path);
            if (error == 0)
                return 0;
            if (error != ENOENT && error != ENOTDIR && error != EISDIR)
                found = error;
        }
        at += len;
        if (*at == '\0')
            return found;
    }
}

enum status launch_find_command(struct launch *launch, const char *command, struct problem *why)
{
    int error;
    *launch = (struct launch){.path = "", .gate = -1, .report = -1};
    if (command[0] == '\0') {
        error = ENOENT;
    } else if (strchr(command, '/') == NULL) {
        error = path_search(launch, command);
    } else {
        const int n = snprintf(launch->path, sizeof launch->path, "%s", command);
        error = n < (int)sizeof launch->path ? executable_error(command) : ENAMETOOLONG;
    }
    return error == 0 ? STATUS_OK : command_status(command, error, why);
}

/* ---- the agent ---- */

/* LD_PRELOAD is cut at spaces and colons, and $ is replaced: such a path goes by another name. */
static enum status link_make(struct launch *launch, struct problem *why)
{
    const char *base = getenv("TMPDIR");
    char path[sizeof launch->directory + sizeof "/" LIBRARY];
    if (base == NULL || base[0] != '/' || strpbrk(base, " :$\t\n") != NULL || strlen(base) > 40)
        base = "/tmp";
    snprintf(launch->directory, sizeof launch->directory, "%s/pyrec-XXXXXX", base);
    if (mkdtemp(launch->directory) == NULL) {
        problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", launch->directory,
                    strerror(errno));
        launch->directory[0] = '\0';
        return STATUS_IO;
    }
    snprintf(path, sizeof path, "%s/" LIBRARY, launch->directory);
    if (symlink(launch->library, path) != 0) {
        problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path, strerror(errno));
        launch_close(launch);
        return STATUS_IO;
    }
    /* whoever the program changes its user to must be able to read it */
    (void)chmod(launch->directory, 0755);
    snprintf(launch->library, sizeof launch->library, "%s", path);
    return STATUS_OK;
}

enum status launch_find_agent(struct launch *launch, struct problem *why)
{
    /* beside the program, in its build tree, where it is installed, in the usual place */
    static const char *const places[] = {".", "agent", PYREC_LIBRARY_DIR, "../lib/pyrec"};
    char self[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "/proc/self/exe: %s",
                           strerror(errno));
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char path[PATH_MAX + 64];
        snprintf(path, sizeof path, "%s/%s/" LIBRARY, self, places[i]);
        if (realpath(path, launch->library) == NULL)
            continue;
        return strpbrk(launch->library, " :$\t\n") == NULL ? STATUS_OK : link_make(launch, why);
    }
    launch->library[0] = '\0';
    return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, LIBRARY " is not where %.100s is",
                       self);
}

void launch_close(struct launch *launch)
{
    char path[sizeof launch->directory + sizeof "/" LIBRARY];
    if (launch->directory[0] == '\0')
        return;
    snprintf(path, sizeof path, "%s/" LIBRARY, launch->directory);
    (void)unlink(path);
    (void)rmdir(launch->directory);
    launch->directory[0] = '\0';
}

/* ---- the environment ---- */

/* Is `path` an entry of LD_PRELOAD? */
static bool is_preloaded(const char *list, const char *path)
{
    const size_t len = strlen(path);
    for (const char *at = list; *at != '\0'; at += strcspn(at, ": ")) {
        at += strspn(at, ": ");
        if (strcspn(at, ": ") == len && memcmp(at, path, len) == 0)
            return true;
    }
    return false;
}

/*
 * LD_PRELOAD with the agent in it, once: pyrec may run inside pyrec. Behind what the user has
 * there: some of these libraries must be the first (sanitizers end the program else), and none is
 * meant for us.
 */
static char *preload_make(const char *library)
{
    const char *old = getenv("LD_PRELOAD");
    char *text = NULL;
    if (old == NULL || old[0] == '\0')
        return asprintf(&text, "LD_PRELOAD=%s", library) < 0 ? NULL : text;
    if (is_preloaded(old, library))
        return asprintf(&text, "LD_PRELOAD=%s", old) < 0 ? NULL : text;
    return asprintf(&text, "LD_PRELOAD=%s:%s", old, library) < 0 ? NULL : text;
}

char *launch_agent_text(const struct launch_agent *agent, const char *library)
{
    char *text = NULL;
    const struct hello *hello = agent->hello;
    const int n =
        asprintf(&text, WIRE_SETTINGS_FORMAT "%s%s", WIRE_VERSION, hello->door.name,
                 hello->door.directory, (int)getpid(), hello->start, hello->cookie,
                 agent->interval_ns, agent->max_depth, agent->flags, agent->max_cost_ppm,
                 agent->begin_ns, library != NULL ? "," : "", library != NULL ? library : "");
    return n < 0 ? NULL : text;
}

/* The variable. */
static char *agent_make(const struct launch_agent *agent)
{
    char *value = launch_agent_text(agent, NULL), *text = NULL;
    const int n = value != NULL ? asprintf(&text, WIRE_ENV "=%s", value) : -1;
    free(value);
    return n < 0 ? NULL : text;
}

static bool is_variable(const char *entry, const char *name)
{
    const size_t len = strlen(name);
    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* Our own environment but for the two variables. The array is the caller's; the rest is shared. */
static char **environment_make(const struct launch *launch, const struct launch_agent *agent)
{
    size_t n = 0, to = 0;
    while (environ[n] != NULL)
        n++;
    char **copy = calloc(n + 3, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy[to++] = preload_make(launch->library);
    copy[to++] = agent_make(agent);
    for (size_t i = 0; i < n; i++)
        if (!is_variable(environ[i], "LD_PRELOAD") && !is_variable(environ[i], WIRE_ENV))
            copy[to++] = environ[i];
    if (copy[0] == NULL || copy[1] == NULL) {
        free(copy[0]);
        free(copy[1]);
        free(copy);
        return NULL;
    }
    return copy;
}

static void environment_free(char **copy)
{
    if (copy == NULL)
        return;
    free(copy[0]);
    free(copy[1]);
    free(copy);
}

/* ---- the child ---- */

/* A shell does not take a file for a script when there is a zero byte in it. */
static bool is_binary(const char *path)
{
    char text[80];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return n > 0 && memchr(text, '\0', (size_t)n) != NULL;
}

/* A script without "#!" is the shell's to run. Returns only when that failed, too. */
static void shell_run(const struct launch *launch, char *const *command, char *const *environment)
{
    static char shell[] = "/bin/sh";
    char path[PATH_MAX];
    size_t n = 0;
    while (command[n] != NULL)
        n++;
    char **args = calloc(n + 2, sizeof *args);
    if (args == NULL)
        return;
    snprintf(path, sizeof path, "%s", launch->path);
    args[0] = shell;
    args[1] = path;
    for (size_t i = 1; i < n; i++)
        args[i + 1] = command[i];
    execve(shell, args, environment);
    free(args);
}

/* Undo what pyrec did for itself, and become the command; returns why that is impossible. */
static int command_become(const struct launch *launch, char *const *command,
                          char *const *environment, const struct launch_inherited *inherited)
{
    sigaction(SIGCHLD, &inherited->on_child, NULL);
    setrlimit(RLIMIT_NOFILE, &inherited->descriptors);
    for (int which = 0; which < (int)ARRAY_LEN(inherited->timers); which++)
        setitimer((__itimer_which_t)which, &inherited->timers[which], NULL);
    rawsig_mask(inherited->mask);
    execve(launch->path, command, environment);
    const int error = errno;
    if (error == ENOEXEC && !is_binary(launch->path))
        shell_run(launch, command, environment);
    return error;
}

/* In the child. */
static _Noreturn void child_run(const struct launch *launch, char *const *command,
                                char *const *environment, const struct launch_inherited *inherited,
                                int gate, int report)
{
    char go;
    if (read(gate, &go, 1) != 1) /* pyrec was killed meanwhile */
        _exit(LAUNCH_NOT_EXECUTABLE);
    if (inherited->is_killed_with_parent)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int error = command_become(launch, command, environment, inherited);
    const ssize_t unused = write(report, &error, sizeof error);
    (void)unused;
    _exit(LAUNCH_NOT_EXECUTABLE);
}

static void end_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static enum status exec_failed(const char *command, int error, int *exit_code, struct problem *why)
{
    *exit_code = error == ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_NOT_EXECUTABLE;
    return problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%.120s: %s", command,
                       strerror(error));
}

enum status launch_fork(struct launch *launch, char *const *command,
                        const struct launch_agent *agent, const struct launch_inherited *inherited,
                        pid_t *pid, int *exit_code, struct problem *why)
{
    int gate[2] = {-1, -1}, report[2] = {-1, -1};
    const bool is_recorded = agent != NULL && launch->library[0] != '\0' &&
                             target_look(AT_FDCWD, launch->path, launch->library) == TARGET_FITS;
    char **environment = is_recorded ? environment_make(launch, agent) : NULL;
    *exit_code = LAUNCH_NOT_EXECUTABLE;
    int error = is_recorded && environment == NULL ? ENOMEM : 0;
    if (error == 0 && (pipe2(gate, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0))
        error = errno;
    if (error == 0) {
        *pid = fork();
        if (*pid == 0) {
            close(gate[1]);
            child_run(launch, command, environment != NULL ? environment : environ, inherited,
                      gate[0], report[1]);
        }
        error = *pid < 0 ? errno : 0;
    }
    environment_free(environment);
    end_close(&gate[0]);
    end_close(&report[1]);
    launch->gate = gate[1];
    launch->report = report[0];
    if (error == 0)
        return STATUS_OK;
    end_close(&launch->gate);
    end_close(&launch->report);
    return problem_set(why, error == ENOMEM ? STATUS_NO_MEMORY : STATUS_IO, PROBLEM_NO_OFFSET,
                       "cannot start a process: %s", strerror(error));
}

enum status launch_go(struct launch *launch, const char *command, int *exit_code,
                      struct problem *why)
{
    int error = 0;
    ssize_t n = write(launch->gate, "!", 1);
    end_close(&launch->gate);
    do /* nothing comes once the command runs */
        n = read(launch->report, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    end_close(&launch->report);
    if (n != (ssize_t)sizeof error)
        return STATUS_OK;
    return exec_failed(command, error, exit_code, why);
}

void launch_become(struct launch *launch, char *const *command,
                   const struct launch_inherited *inherited, int *exit_code, struct problem *why)
{
    const int error = command_become(launch, command, environ, inherited);
    (void)exec_failed(command[0], error, exit_code, why);
}
