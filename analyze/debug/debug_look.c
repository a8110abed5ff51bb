/* SPDX-License-Identifier: MIT */
#include "debug_look.h"

#include "analyze/base/whole_file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_SECONDS_MAX 300
#define MEMORY_MAX      ((rlim_t)32 << 30) /* of addresses: files are mapped */

/* What the child says first; behind it the text and the message. */
struct child_answer {
    uint64_t n_text, n_symbols, n_named, n_lines, n_inlined;
    uint64_t is_found;
};

void debug_found_clear(struct debug_found *found)
{
    free(found->text);
    buffer_clear(&found->symbols);
    *found = (struct debug_found){0};
}

/* In the child: what goes wrong here ends nothing but itself. */
_Noreturn static void answer_and_end(int fd, const struct wish_object *wish,
                                     const struct debug_places *places)
{
    struct debug_found found = {0};
    struct buffer text = {0};
    signal(SIGPIPE, SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_SECONDS_MAX, CPU_SECONDS_MAX});
#ifndef __SANITIZE_ADDRESS__ /* which has taken more addresses than that already */
    setrlimit(RLIMIT_AS, &(struct rlimit){MEMORY_MAX, MEMORY_MAX});
#endif
    const bool is_found = debug_find(wish, places, &text, &found);
    const struct child_answer answer = {.n_text = text.len,
                                        .n_symbols = found.symbols.len,
                                        .n_named = found.n_named,
                                        .n_lines = found.n_lines,
                                        .n_inlined = found.n_inlined,
                                        .is_found = is_found};
    const bool good = whole_write(fd, &answer, sizeof answer) &&
                      whole_write(fd, text.text, text.len) &&
                      whole_write(fd, found.symbols.text, found.symbols.len);
    _exit(good ? 0 : 1);
}

static void read_all(int fd, struct buffer *all)
{
    char bytes[65536];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) != 0) {
        if (n > 0)
            buffer_add(all, bytes, (size_t)n);
        else if (errno != EINTR)
            return;
    }
}

/* Believed only as far as it fits. */
static bool take_answer(struct debug_found *found, const struct buffer *all)
{
    struct child_answer answer;
    if (all->len < sizeof answer)
        return false;
    memcpy(&answer, all->text, sizeof answer);
    const size_t rest = all->len - sizeof answer;
    if (answer.n_text > rest || answer.n_symbols != rest - answer.n_text)
        return false;
    found->is_found = answer.is_found != 0;
    found->text = strndup(all->text + sizeof answer, answer.n_text);
    buffer_add(&found->symbols, all->text + sizeof answer + answer.n_text, answer.n_symbols);
    found->n_named = answer.n_named;
    found->n_lines = answer.n_lines;
    found->n_inlined = answer.n_inlined;
    return true;
}

static void say_end(struct debug_found *found, int status)
{
    struct buffer text = {0};
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        buffer_print(&text, "given up: reading its debug information took more than %d s of CPU",
                     CPU_SECONDS_MAX);
    else if (WIFSIGNALED(status))
        buffer_print(&text, "its debug information cannot be read: the reader ended by signal %d",
                     WTERMSIG(status));
    else
        buffer_add_text(&text, "its debug information cannot be read");
    found->text = text.text;
}

enum status debug_look(struct debug_found *found, const struct wish_object *wish,
                       const struct debug_places *places, struct problem *why)
{
    struct buffer all = {0};
    int ends[2], status = 0;
    *found = (struct debug_found){0};
    if (pipe(ends) != 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "pipe: %s", strerror(errno));
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        answer_and_end(ends[1], wish, places);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "fork: %s", strerror(errno));
    }
    read_all(ends[0], &all);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0 || !take_answer(found, &all)) {
        debug_found_clear(found);
        say_end(found, status);
    }
    buffer_clear(&all);
    return STATUS_OK;
}
