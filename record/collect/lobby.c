/* SPDX-License-Identifier: MIT */
#include "lobby.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Watch whoever knocks, or look away for a while; the board is never looked away from. */
static bool door_watch(const struct lobby *lobby, int operation, uint32_t events)
{
    const struct door *door = &lobby->hello->door;
    struct epoll_event event = {.events = events};
    bool is_good = true;
    event.data.u64 = LOBBY_EPOLL_DOOR << 32;
    int fd;
    for (uint32_t i = 0; (fd = door_socket(door, i)) != DOOR_END; i++)
        if (fd >= 0)
            is_good &= epoll_ctl(lobby->epoll_fd, operation, fd, &event) == 0;
    if (operation == EPOLL_CTL_ADD && door->board >= 0)
        is_good &= epoll_ctl(lobby->epoll_fd, operation, door->board, &event) == 0;
    return is_good;
}

enum status lobby_open(struct lobby *lobby, struct hello *hello, struct collect *collect,
                       int epoll_fd, uint64_t max_fds, struct problem *why)
{
    *lobby = (struct lobby){
        .hello = hello, .collect = collect, .epoll_fd = epoll_fd, .max_fds = max_fds};
    if (!door_watch(lobby, EPOLL_CTL_ADD, EPOLLIN))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "epoll: %s", strerror(errno));
    return STATUS_OK;
}

void lobby_expect(struct lobby *lobby, pid_t pid)
{
    struct epoll_event event = {.events = lobby->is_shut ? 0 : EPOLLIN};
    if (lobby->hello == NULL) /* it was never opened */
        return;
    const int fd = door_open_near(&lobby->hello->door, pid);
    event.data.u64 = LOBBY_EPOLL_DOOR << 32;
    (void)kin_add(&lobby->hello->kin, pid);
    if (fd >= 0)
        (void)epoll_ctl(lobby->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void caller_forget(struct lobby *lobby, uint32_t i)
{
    lobby->n_strangers -= lobby->callers[i].is_stranger;
    lobby->callers[i] = lobby->callers[--lobby->n];
}

static void caller_leave(struct lobby *lobby, uint32_t i)
{
    close(lobby->callers[i].fd);
    caller_forget(lobby, i);
}

/* A caller has become a guest: its connection stays, but nothing is expected on it any more. */
static void caller_enter(struct lobby *lobby, uint32_t i, struct hello_guest *guest)
{
    guest->connection = lobby->callers[i].fd;
    (void)epoll_ctl(lobby->epoll_fd, EPOLL_CTL_DEL, guest->connection, NULL);
    caller_forget(lobby, i);
    collect_add(lobby->collect, guest);
}

/* Whoever still stands outside because there was no descriptor left is not recorded for that. */
static void outside_count(struct lobby *lobby)
{
    struct hello_guest guest;
    struct problem why;
    uid_t user;
    for (int fd; (fd = hello_accept(lobby->hello, &user)) >= 0; close(fd)) {
        const enum hello_answer answer = hello_receive(lobby->hello, fd, &guest, &why);
        if ((answer == HELLO_WELCOME || answer == HELLO_ASKED) && guest.memfd >= 0)
            close(guest.memfd);
        if (answer == HELLO_WELCOME || answer == HELLO_REFUSED)
            collect_refuse(lobby->collect, &guest, "descriptors used up");
    }
}

bool lobby_next_ask(struct lobby *lobby, struct lobby_ask *ask)
{
    if (lobby->n_asks == 0)
        return false;
    *ask = lobby->asks[0];
    lobby->n_asks--;
    memmove(lobby->asks, lobby->asks + 1, lobby->n_asks * sizeof *ask);
    return true;
}

/* A caller waits for an answer and says no more. */
static void caller_ask(struct lobby *lobby, uint32_t i, const struct hello_guest *guest)
{
    const int fd = lobby->callers[i].fd;
    if (lobby->n_asks == LOBBY_ASKS) {
        if (guest->memfd >= 0)
            close(guest->memfd);
        caller_leave(lobby, i);
        return;
    }
    (void)epoll_ctl(lobby->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    lobby->asks[lobby->n_asks++] = (struct lobby_ask){fd, guest->ask, guest->memfd, guest->pid};
    caller_forget(lobby, i);
}

void lobby_close(struct lobby *lobby)
{
    struct lobby_ask ask;
    while (lobby->n > 0)
        caller_leave(lobby, 0);
    while (lobby_next_ask(lobby, &ask)) {
        close(ask.fd);
        if (ask.memfd >= 0)
            close(ask.memfd);
    }
    if (lobby->is_shut)
        outside_count(lobby);
    lobby->is_shut = false;
    lobby->n_strangers = 0;
    if (lobby->hello != NULL)
        hello_close(lobby->hello);
}

void lobby_end(struct lobby *lobby)
{
    if (lobby->is_shut && !lobby->is_over) {
        outside_count(lobby);
        lobby->is_shut = false;
        (void)door_watch(lobby, EPOLL_CTL_MOD, EPOLLIN);
    }
    lobby->is_over = true;
}

static void caller_hear(struct lobby *lobby, uint32_t i)
{
    struct hello_guest guest;
    struct problem why = {.status = STATUS_OK};
    switch (hello_receive(lobby->hello, lobby->callers[i].fd, &guest, &why)) {
    case HELLO_WAIT:
        return;
    case HELLO_WELCOME:
        if (!lobby->is_over) {
            caller_enter(lobby, i, &guest);
            return;
        }
        close(guest.memfd);
        break;
    case HELLO_ASKED:
        caller_ask(lobby, i, &guest);
        return;
    case HELLO_REFUSED:
        collect_refuse(lobby->collect, &guest, why.detail);
        break;
    case HELLO_STRANGER:
        lobby->collect->missing.n_strangers++;
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

/* Whether one more caller fits, after some saving if need be. */
static bool has_room(const struct lobby *lobby)
{
    const uint64_t needed = LOBBY_CALLER_FDS * (lobby->n + 1ull) + LOBBY_RESERVED_FDS;
    if (lobby->n >= LOBBY_MAX || needed > lobby->max_fds)
        return false;
    if (needed + lobby->collect->n_fds > lobby->max_fds)
        collect_save_descriptors(lobby->collect, lobby->max_fds - needed);
    return true;
}

/* Of the other users' connections the oldest makes room for a new one. */
static void strangers_limit(struct lobby *lobby)
{
    uint32_t oldest = lobby->n;
    if (lobby->n_strangers < LOBBY_STRANGERS)
        return;
    for (uint32_t i = 0; i < lobby->n; i++)
        if (lobby->callers[i].is_stranger &&
            (oldest == lobby->n || lobby->callers[i].since_ns < lobby->callers[oldest].since_ns))
            oldest = i;
    lobby->collect->missing.n_strangers++;
    caller_leave(lobby, oldest);
}

static void caller_add(struct lobby *lobby, int fd, uid_t user, uint64_t now_ns)
{
    struct epoll_event event = {.events = EPOLLIN};
    const bool is_stranger = user != geteuid() && user != 0;
    event.data.u64 = LOBBY_EPOLL_CALLER << 32 | (uint32_t)fd;
    if (is_stranger)
        strangers_limit(lobby);
    lobby->n_strangers += is_stranger;
    lobby->callers[lobby->n++] = (struct lobby_caller){fd, is_stranger, now_ns};
    if (epoll_ctl(lobby->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        caller_leave(lobby, lobby->n - 1);
    else
        caller_hear(lobby, lobby->n - 1);
}

static void shut(struct lobby *lobby)
{
    lobby->is_shut = true;
    (void)door_watch(lobby, EPOLL_CTL_MOD, 0);
}

void lobby_let_in(struct lobby *lobby, uint64_t now_ns)
{
    if (lobby->hello->door.board >= 0)
        missing_take_notices(&lobby->collect->missing, lobby->hello->door.board,
                             lobby->hello->cookie);
    while (!lobby->is_shut) {
        uid_t user = 0;
        if (!has_room(lobby)) {
            shut(lobby);
            return;
        }
        const int fd = hello_accept(lobby->hello, &user);
        if (fd == -2)
            shut(lobby);
        if (fd < 0)
            return;
        caller_add(lobby, fd, user, now_ns);
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
