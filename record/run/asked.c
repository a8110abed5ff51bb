/* SPDX-License-Identifier: MIT */
#include "asked.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof((struct wire_answer *)0)->path == PATH_MAX, "any path fits");

static void fill(struct wire_answer *said, const struct asked_answer *answer)
{
    *said = (struct wire_answer){
        .version = WIRE_VERSION,
        .outcome = answer->outcome,
        .time_ns = answer->time_ns,
        .is_split = answer->is_split,
    };
    memcpy(said->magic, WIRE_ANSWER_MAGIC, sizeof said->magic);
    if (realpath(answer->path, said->path) == NULL)
        snprintf(said->path, sizeof said->path, "%s", answer->path);
    snprintf(said->text, sizeof said->text, "%s", answer->text);
}

static void hang_up_with(int fd, const struct wire_answer *said)
{
    (void)send(fd, said, sizeof *said, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

void asked_answer(int fd, const struct asked_answer *answer)
{
    struct wire_answer said;
    fill(&said, answer);
    hang_up_with(fd, &said);
}

void asked_keep(struct asked *asked, int fd)
{
    if (asked->n < LOBBY_ASKS)
        asked->waiting[asked->n++] = fd;
    else
        close(fd);
}

void asked_end(struct asked *asked, const struct asked_answer *answer)
{
    fill(&asked->last, answer);
    asked->is_over = true;
    for (uint32_t i = 0; i < asked->n; i++)
        hang_up_with(asked->waiting[i], &asked->last);
    asked->n = 0;
}

void asked_fail(struct asked *asked, const char *path, uint64_t time_ns, const struct problem *why)
{
    char sentence[sizeof why->detail + 64];
    snprintf(sentence, sizeof sentence, "%s (%s)", why->detail, status_text(why->status));
    const struct asked_answer answer = {
        .outcome = WIRE_ANSWER_FAILED, .time_ns = time_ns, .path = path, .text = sentence};
    asked_end(asked, &answer);
}

bool asked_late(const struct asked *asked, int fd)
{
    if (asked->is_over)
        hang_up_with(fd, &asked->last);
    return asked->is_over;
}
