/* SPDX-License-Identifier: MIT */
#include "run_pyrec.h"

#include "record/base/clocks.h"
#include "scratch.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS   40
#define PATIENCE_NS 60000000000u

const char run_pyrec_path[] = STAGE "/pyrec";
const char run_fake_path[] = STAGE "/fake_program";
const char run_library_path[] = STAGE "/libpyrec.so";

const char *run_path(const char *name)
{
    return scratch_path(name);
}

/* What a word stands for; the caller frees it. */
static char *word_make(const char *word)
{
    static const struct {
        const char *key, *stands_for;
    } names[] = {{"PYREC", run_pyrec_path}, {"FAKE", run_fake_path}};
    char *made = NULL;
    for (size_t i = 0; i < 2; i++)
        if (strncmp(word, names[i].key, strlen(names[i].key)) == 0 &&
            asprintf(&made, "%s%s", names[i].stands_for, word + strlen(names[i].key)) > 0)
            return made;
    const char *file = strstr(word, "TRACE");
    if (file == NULL)
        file = strstr(word, "TRUTH");
    if (file == NULL)
        return strdup(word);
    ck_assert_int_gt(asprintf(&made, "%.*s%s", (int)(file - word), word, scratch_path(file)), 0);
    return made;
}

static void child_become(char **words, const int out[2], const int err[2], enum run_group group)
{
    if (group == RUN_OWN_GROUP)
        setpgid(0, 0);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execvp(words[0], words);
    _exit(98);
}

void run_start(struct run *run, const char *line, enum run_group group)
{
    char copy[2048], *words[MAX_WORDS] = {NULL}, *rest = NULL;
    int out[2], err[2], n = 0;
    *run = (struct run){.pid = -1};
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL && n < MAX_WORDS - 1;
         word = strtok_r(NULL, " ", &rest))
        words[n++] = word_make(word);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    run->pid = fork();
    ck_assert_int_ge(run->pid, 0);
    if (run->pid == 0)
        child_become(words, out, err, group);
    if (group == RUN_OWN_GROUP)
        setpgid(run->pid, run->pid);
    close(out[1]);
    close(err[1]);
    run->out = out[0];
    run->err = err[0];
    while (n-- > 0)
        free(words[n]);
}

/* Read what there is; false when that end is closed. */
static bool take(int fd, char *text, size_t size)
{
    const size_t len = strlen(text);
    char beyond[256];
    const ssize_t n =
        len < size - 1 ? read(fd, text + len, size - 1 - len) : read(fd, beyond, sizeof beyond);
    return n > 0;
}

void run_wait_line(struct run *run, const char *text)
{
    while (strstr(run->output, text) == NULL)
        if (!take(run->out, run->output, sizeof run->output))
            ck_abort_msg("no \"%s\" in \"%s\"", text, run->output);
}

bool run_wait(struct run *run)
{
    const uint64_t until_ns = clocks_mono_ns() + PATIENCE_NS;
    struct pollfd ends[2] = {{run->out, POLLIN, 0}, {run->err, POLLIN, 0}};
    bool is_done = false;
    while (!is_done && clocks_mono_ns() < until_ns) {
        poll(ends, 2, 20);
        if (ends[0].revents != 0 && !take(run->out, run->output, sizeof run->output))
            ends[0].fd = -1;
        if (ends[1].revents != 0 && !take(run->err, run->errors, sizeof run->errors))
            ends[1].fd = -1;
        is_done = waitpid(run->pid, &run->status, WNOHANG) == run->pid;
    }
    if (!is_done) {
        kill(run->pid, SIGKILL);
        waitpid(run->pid, &run->status, 0);
    }
    for (int i = 0; i < 2; i++) /* what was said last; somebody else may hold the other end open */
        while (ends[i].fd >= 0 && poll(&ends[i], 1, 0) > 0 &&
               take(ends[i].fd, i == 0 ? run->output : run->errors, sizeof run->output))
            ;
    close(run->out);
    close(run->err);
    return is_done;
}

int run_status(const struct run *run)
{
    return WIFSIGNALED(run->status) ? 1000 + WTERMSIG(run->status) : WEXITSTATUS(run->status);
}

int run_line(struct run *run, const char *line)
{
    run_start(run, line, RUN_SAME_GROUP);
    ck_assert_msg(run_wait(run), "hangs: %s (%s)", line, run->errors);
    return run_status(run);
}
