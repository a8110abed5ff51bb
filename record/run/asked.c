/* SPDX-License-Identifier: MIT */
#include "asked.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof((struct wire_answer *)0)->path == PATH_MAX, "any path fits");

void asked_answer(int fd, const struct asked_answer *answer)
{
    struct wire_answer said = {
        .version = WIRE_VERSION,
        .outcome = answer->outcome,
        .time_ns = answer->time_ns,
        .is_split = answer->is_split,
    };
    memcpy(said.magic, WIRE_ANSWER_MAGIC, sizeof said.magic);
    if (realpath(answer->path, said.path) == NULL)
        snprintf(said.path, sizeof said.path, "%s", answer->path);
    snprintf(said.text, sizeof said.text, "%s", answer->text);
    (void)send(fd, &said, sizeof said, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
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
    for (uint32_t i = 0; i < asked->n; i++)
        asked_answer(asked->waiting[i], answer);
    asked->n = 0;
}
