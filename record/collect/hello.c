/* SPDX-License-Identifier: MIT */
#include "hello.h"

#include "record/kernel/procfs.h"
#include "record/kernel/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 4 /* more than one is bad manners, but they must be taken to be closed */

static bool random_hex(char *hex, size_t digits)
{
    uint8_t bytes[16];
    if (!random_fill(bytes, sizeof bytes))
        return false;
    for (size_t i = 0; i < digits / 2; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

enum status hello_open(struct hello *hello, struct problem *why)
{
    char name[33];
    struct procfs_stat self;
    *hello = (struct hello){.start = 0};
    door_init(&hello->door);
    if (!random_hex(name, 32) || !random_hex(hello->cookie, HELLO_COOKIE_LEN))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "no random numbers");
    if (procfs_stat_read(getpid(), &self))
        hello->start = self.start;
    return door_open(&hello->door, name, NULL, why);
}

void hello_close(struct hello *hello)
{
    door_close(&hello->door);
    kin_clear(&hello->kin);
}

int hello_accept(const struct hello *hello, uid_t *user)
{
    int listening;
    for (uint32_t i = 0; (listening = door_socket(&hello->door, i)) != DOOR_END; i++) {
        const int connection =
            listening < 0 ? -1 : accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection >= 0) {
            struct ucred peer = {.uid = (uid_t)-1};
            socklen_t len = sizeof peer;
            (void)getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len);
            *user = peer.uid;
            return connection;
        }
        /* nobody there, or gone again; else somebody is, and would be announced for ever */
        if (listening >= 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return -2;
    }
    return -1;
}

/* Keep the first descriptor, close the others; how many there were. */
static int descriptors_take(struct msghdr *message, int *first)
{
    int n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, (const char *)c + at, sizeof fd);
            if (n++ == 0)
                *first = fd;
            else
                close(fd);
        }
    }
    return n;
}

/* Takes the same time wherever they differ. */
static bool cookie_is(const char *a, const char *b)
{
    unsigned char differ = 0;
    for (size_t i = 0; i < HELLO_COOKIE_LEN; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return differ == 0;
}

/* Whoever does not know the cookie is none of ours, whatever it is. A question is as long as a
 * hello, and has its cookie in the same place. */
static const char *strangeness_of(const struct hello *hello, const struct wire_hello *said,
                                  ssize_t len)
{
    if (len != sizeof *said || (memcmp(said->magic, WIRE_MAGIC, sizeof said->magic) != 0 &&
                                memcmp(said->magic, WIRE_ASK_MAGIC, sizeof said->magic) != 0))
        return "no agent of pyrec";
    if (!cookie_is(said->cookie, hello->cookie))
        return "wrong cookie";
    return NULL;
}

/*
 * A program of root's may become anybody. One of ours only somebody else of a user namespace that
 * it has made: the kernel shows its map of users to everybody.
 */
static bool user_may_be_ours(const struct ucred *peer)
{
    char ours[1024], theirs[1024];
    const uid_t self = geteuid();
    if (self == 0 || peer->uid == self || peer->uid == 0)
        return true;
    return procfs_read(ours, sizeof ours, "/proc/self/uid_map") > 0 &&
           procfs_read(theirs, sizeof theirs, "/proc/%d/uid_map", peer->pid) > 0 &&
           strcmp(ours, theirs) != 0;
}

static const char *fault_of(const struct hello *hello, const struct wire_hello *said,
                            const struct ucred *peer, const struct msghdr *message, int n_fds)
{
    pid_t inner = 0;
    if (said->version != WIRE_VERSION)
        return "its libpyrec.so is of another version than this pyrec";
    if ((message->msg_flags & MSG_CTRUNC) != 0)
        return "descriptors used up";
    if (n_fds != 1)
        return "not one descriptor";
    if (peer->pid <= 0)
        return "it lives where its process number is not known";
    if (peer->pid != said->pid && procfs_inner_pid(peer->pid, &inner) && inner != said->pid)
        return "it does not say its own process number";
    if (!user_may_be_ours(peer))
        return "it belongs to another user";
    if (!kin_has(&hello->kin, peer->pid))
        return "it does not descend from a process that pyrec attached to";
    return NULL;
}

/* It is not recorded for that, so that nobody is missing when it is not answered. */
static enum hello_answer ask_answer(const struct wire_hello *said, const struct ucred *peer,
                                    struct hello_guest *guest)
{
    struct wire_ask ask;
    memcpy(&ask, said, sizeof ask);
    if (ask.version != WIRE_VERSION || !user_may_be_ours(peer)) {
        if (guest->memfd >= 0)
            close(guest->memfd);
        return HELLO_GONE;
    }
    guest->pid = peer->pid;
    guest->ask = ask.what;
    return HELLO_ASKED;
}

/*
 * What has been said. The kernel looks for a message first and for the end afterwards: it tells the
 * end also when the two have come together in between, and the message is still there. Nothing
 * comes after the end, so that a second look is sure.
 */
static ssize_t message_receive(int connection, struct msghdr *message)
{
    const struct msghdr asked = *message;
    unsigned n_ends = 0;
    ssize_t len;
    do {
        *message = asked;
        len = recvmsg(connection, message, MSG_CMSG_CLOEXEC);
    } while ((len < 0 && errno == EINTR) ||
             (len == 0 && message->msg_controllen == 0 && ++n_ends < 2));
    return len;
}

enum hello_answer hello_receive(struct hello *hello, int connection, struct hello_guest *guest,
                                struct problem *why)
{
    struct wire_hello said;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct iovec iov = {&said, sizeof said};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    const ssize_t len = message_receive(connection, &message);
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return HELLO_WAIT;
    if (len < 0)
        return HELLO_GONE;

    struct ucred peer = {.pid = 0, .uid = (uid_t)-1};
    socklen_t peer_len = sizeof peer;
    guest->memfd = -1;
    const int n_fds = descriptors_take(&message, &guest->memfd);
    if (len == 0 && n_fds == 0)
        return HELLO_GONE;
    (void)getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len);
    const char *const strange = strangeness_of(hello, &said, len);
    guest->ask = 0;
    if (strange == NULL && memcmp(said.magic, WIRE_ASK_MAGIC, sizeof said.magic) == 0)
        return ask_answer(&said, &peer, guest);
    const char *const fault =
        strange != NULL ? strange : fault_of(hello, &said, &peer, &message, n_fds);
    guest->pid = peer.pid;
    guest->inner_pid = strange == NULL ? said.pid : 0;
    if (fault == NULL) {
        if (hello->kin.is_closed)
            (void)kin_add(&hello->kin, peer.pid);
        return HELLO_WELCOME;
    }
    if (guest->memfd >= 0)
        close(guest->memfd);
    problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", fault);
    return strange != NULL ? HELLO_STRANGER : HELLO_REFUSED;
}
