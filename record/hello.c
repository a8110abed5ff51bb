/* SPDX-License-Identifier: MIT */
#include "hello.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FDS 4 /* more than one is bad manners, but they must be taken to be closed */

static bool random_hex(char *hex, size_t digits)
{
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    for (size_t i = 0; i < digits / 2; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

enum status hello_open(struct hello *hello, struct problem *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *hello = (struct hello){.fd = -1};
    snprintf(hello->name, sizeof hello->name, "pyrec-");
    if (!random_hex(hello->name + strlen(hello->name), 32) ||
        !random_hex(hello->cookie, HELLO_COOKIE_LEN))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "no random numbers");
    const size_t len = strlen(hello->name);
    memcpy(address.sun_path + 1, hello->name, len);
    hello->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (hello->fd < 0 ||
        bind(hello->fd, (const struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) != 0 ||
        listen(hello->fd, HELLO_BACKLOG) != 0) {
        const int error = errno;
        hello_close(hello);
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "socket: %s", strerror(error));
    }
    return STATUS_OK;
}

void hello_close(struct hello *hello)
{
    if (hello->fd >= 0)
        close(hello->fd);
    hello->fd = -1;
}

int hello_accept(const struct hello *hello)
{
    const int connection = accept4(hello->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0)
        return connection;
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS ? -2 : -1;
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

static const char *fault_of(const struct hello *hello, const struct wire_hello *said, ssize_t len,
                            const struct msghdr *message, int n_fds)
{
    if (len != sizeof *said || memcmp(said->magic, WIRE_MAGIC, sizeof said->magic) != 0)
        return "no agent of pyrec";
    if (!cookie_is(said->cookie, hello->cookie))
        return "wrong cookie";
    if (said->version != WIRE_VERSION)
        return "its libpyrec.so is of another version than this pyrec";
    if ((message->msg_flags & MSG_CTRUNC) != 0)
        return "no descriptor left for its memory";
    if (n_fds != 1)
        return "not one descriptor";
    return NULL;
}

enum hello_answer hello_receive(const struct hello *hello, int connection,
                                struct hello_guest *guest, struct problem *why)
{
    struct wire_hello said;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct iovec iov = {&said, sizeof said};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t len;
    do
        len = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return HELLO_WAIT;
    if (len < 0)
        return HELLO_GONE;

    struct ucred peer = {.pid = 0};
    socklen_t peer_len = sizeof peer;
    guest->memfd = -1;
    const int n_fds = descriptors_take(&message, &guest->memfd);
    if (len == 0 && n_fds == 0)
        return HELLO_GONE;
    const char *fault = fault_of(hello, &said, len, &message, n_fds);
    if (fault == NULL &&
        (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) != 0 || peer.pid <= 0))
        fault = "it lives where its process number is not known";
    if (fault == NULL) {
        guest->pid = peer.pid;
        return HELLO_WELCOME;
    }
    if (guest->memfd >= 0)
        close(guest->memfd);
    problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", fault);
    return HELLO_REFUSED;
}
