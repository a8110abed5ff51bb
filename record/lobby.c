/* SPDX-License-Identifier: MIT */
#include "lobby.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int door_watch(const struct lobby *lobby, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events};
    event.data.u64 = LOBBY_EPOLL_DOOR << 32;
    return epoll_ctl(lobby->epoll_fd, operation, lobby->hello->fd, &event);
}

enum status lobby_open(struct lobby *lobby, struct hello *hello, struct collect *collect,
                       int epoll_fd, uint64_t max_fds, struct problem *why)
{
    *lobby = (struct lobby){
        .hello = hello, .collect = collect, .epoll_fd = epoll_fd, .max_fds = max_fds};
    if (door_watch(lobby, EPOLL_CTL_ADD, EPOLLIN) != 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "epoll: %s", strerror(errno));
    return STATUS_OK;
}

static void caller_leave(struct lobby *lobby, uint32_t i)
{
    close(lobby->callers[i].fd);
    lobby->callers[i] = lobby->callers[--lobby->n];
}

/* A caller has become a guest: its connection stays, but nothing is expected on it any more. */
static void caller_enter(struct lobby *lobby, uint32_t i, struct hello_guest *guest)
{
    guest->connection = lobby->callers[i].fd;
    (void)epoll_ctl(lobby->epoll_fd, EPOLL_CTL_DEL, guest->connection, NULL);
    lobby->callers[i] = lobby->callers[--lobby->n];
    collect_add(lobby->collect, guest);
}

void lobby_close(struct lobby *lobby)
{
    while (lobby->n > 0)
        caller_leave(lobby, 0);
    if (lobby->hello != NULL)
        hello_close(lobby->hello);
}

static void caller_hear(struct lobby *lobby, uint32_t i)
{
    struct hello_guest guest;
    struct problem why = {.status = STATUS_OK};
    switch (hello_receive(lobby->hello, lobby->callers[i].fd, &guest, &why)) {
    case HELLO_WAIT:
        return;
    case HELLO_WELCOME:
        caller_enter(lobby, i, &guest);
        return;
    case HELLO_REFUSED:
        lobby->collect->n_refused++;
        lobby->collect->refused = why;
        break;
    case HELLO_GONE:
        break;
    }
    caller_leave(lobby, i);
}

void lobby_hear(struct lobby *lobby, int fd)
{
    for (uint32_t i = 0; i < lobby->n; i++) {
        if (lobby->callers[i].fd == fd) {
            caller_hear(lobby, i);
            return;
        }
    }
}

/* A connection, its memory and the process behind it take three descriptors for a moment. */
static bool has_room(const struct lobby *lobby)
{
    return lobby->n < LOBBY_MAX &&
           2ull * lobby->collect->n + 3ull * lobby->n + LOBBY_RESERVED_FDS < lobby->max_fds;
}

static void shut(struct lobby *lobby)
{
    lobby->is_shut = true;
    (void)door_watch(lobby, EPOLL_CTL_MOD, 0);
}

void lobby_let_in(struct lobby *lobby, uint64_t now_ns)
{
    while (!lobby->is_shut) {
        if (!has_room(lobby)) {
            shut(lobby);
            return;
        }
        const int fd = hello_accept(lobby->hello);
        if (fd == -2)
            shut(lobby);
        if (fd < 0)
            return;
        struct epoll_event event = {.events = EPOLLIN};
        event.data.u64 = LOBBY_EPOLL_CALLER << 32 | (uint32_t)fd;
        lobby->callers[lobby->n++] = (struct lobby_caller){fd, now_ns};
        if (epoll_ctl(lobby->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
            caller_leave(lobby, lobby->n - 1);
        else
            caller_hear(lobby, lobby->n - 1);
    }
}

void lobby_sweep(struct lobby *lobby, uint64_t now_ns)
{
    for (uint32_t i = 0; i < lobby->n;) {
        if (now_ns - lobby->callers[i].since_ns > LOBBY_PATIENCE_NS)
            caller_leave(lobby, i);
        else
            i++;
    }
    if (lobby->is_shut && has_room(lobby)) {
        lobby->is_shut = false;
        (void)door_watch(lobby, EPOLL_CTL_MOD, EPOLLIN);
    }
}
