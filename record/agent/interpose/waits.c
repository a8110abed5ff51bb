/* SPDX-License-Identifier: MIT */
/*
 * waits - calls that a signal cuts short, whatever SA_RESTART says: with EINTR, or with less done
 * than was asked for. In each the thread is sent no signal of ours (nosignal.h).
 *
 * On the line:  beside it: libc's functions of these names, interposed. See signal(7).
 * Threads:      any, also in signal handlers. They are where a thread may be cancelled, as before.
 * Memory:       static.
 *
 * What Python calls comes through here as well, so it costs next to nothing: two words of the
 * thread's own are written, and one that all threads share is read.
 */
#include "interpose.h"
#include "nosignal.h"
#include "record/base/save_bp.h"
#include "signals.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* <sys/socket.h> says it with unions that a definition cannot have. */
struct sockaddr;
struct msghdr;
struct mmsghdr;

/* All of them: result, name, parameters, arguments. */
#define WAITS(X)                                                                                   \
    X(int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))                  \
    X(int, __poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t len),                   \
      (fds, n, timeout, len))                                                                      \
    X(int, select, (int n, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout),       \
      (n, in, out, other, timeout))                                                                \
    X(int, epoll_wait, (int fd, struct epoll_event *events, int n, int timeout),                   \
      (fd, events, n, timeout))                                                                    \
    X(int, nanosleep, (const struct timespec *time, struct timespec *rest), (time, rest))          \
    X(int, clock_nanosleep,                                                                        \
      (clockid_t clock, int flags, const struct timespec *time, struct timespec *rest),            \
      (clock, flags, time, rest))                                                                  \
    X(int, usleep, (useconds_t time), (time))                                                      \
    X(unsigned, sleep, (unsigned time), (time))                                                    \
    X(int, pause, (void), ())                                                                      \
    X(ssize_t, read, (int fd, void *to, size_t len), (fd, to, len))                                \
    X(ssize_t, __read_chk, (int fd, void *to, size_t len, size_t room), (fd, to, len, room))       \
    X(ssize_t, readv, (int fd, const struct iovec *to, int n), (fd, to, n))                        \
    X(ssize_t, write, (int fd, const void *from, size_t len), (fd, from, len))                     \
    X(ssize_t, writev, (int fd, const struct iovec *from, int n), (fd, from, n))                   \
    X(ssize_t, pread, (int fd, void *to, size_t len, off_t at), (fd, to, len, at))                 \
    X(ssize_t, pread64, (int fd, void *to, size_t len, off64_t at), (fd, to, len, at))             \
    X(ssize_t, __pread_chk, (int fd, void *to, size_t len, off_t at, size_t room),                 \
      (fd, to, len, at, room))                                                                     \
    X(ssize_t, __pread64_chk, (int fd, void *to, size_t len, off64_t at, size_t room),             \
      (fd, to, len, at, room))                                                                     \
    X(ssize_t, preadv, (int fd, const struct iovec *to, int n, off_t at), (fd, to, n, at))         \
    X(ssize_t, preadv64, (int fd, const struct iovec *to, int n, off64_t at), (fd, to, n, at))     \
    X(ssize_t, preadv2, (int fd, const struct iovec *to, int n, off_t at, int flags),              \
      (fd, to, n, at, flags))                                                                      \
    X(ssize_t, preadv64v2, (int fd, const struct iovec *to, int n, off64_t at, int flags),         \
      (fd, to, n, at, flags))                                                                      \
    X(ssize_t, pwrite, (int fd, const void *from, size_t len, off_t at), (fd, from, len, at))      \
    X(ssize_t, pwrite64, (int fd, const void *from, size_t len, off64_t at), (fd, from, len, at))  \
    X(ssize_t, pwritev, (int fd, const struct iovec *from, int n, off_t at), (fd, from, n, at))    \
    X(ssize_t, pwritev64, (int fd, const struct iovec *from, int n, off64_t at),                   \
      (fd, from, n, at))                                                                           \
    X(ssize_t, pwritev2, (int fd, const struct iovec *from, int n, off_t at, int flags),           \
      (fd, from, n, at, flags))                                                                    \
    X(ssize_t, pwritev64v2, (int fd, const struct iovec *from, int n, off64_t at, int flags),      \
      (fd, from, n, at, flags))                                                                    \
    X(ssize_t, copy_file_range,                                                                    \
      (int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags),            \
      (from, from_at, to, to_at, len, flags))                                                      \
    X(int, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))                \
    X(int, fallocate64, (int fd, int mode, off64_t at, off64_t len), (fd, mode, at, len))          \
    X(int, posix_fallocate, (int fd, off_t at, off_t len), (fd, at, len))                          \
    X(int, posix_fallocate64, (int fd, off64_t at, off64_t len), (fd, at, len))                    \
    X(int, connect, (int fd, const struct sockaddr *to, unsigned len), (fd, to, len))              \
    X(int, accept, (int fd, struct sockaddr *from, unsigned *len), (fd, from, len))                \
    X(int, accept4, (int fd, struct sockaddr *from, unsigned *len, int flags),                     \
      (fd, from, len, flags))                                                                      \
    X(ssize_t, recv, (int fd, void *to, size_t len, int flags), (fd, to, len, flags))              \
    X(ssize_t, __recv_chk, (int fd, void *to, size_t len, size_t room, int flags),                 \
      (fd, to, len, room, flags))                                                                  \
    X(ssize_t, recvfrom,                                                                           \
      (int fd, void *to, size_t len, int flags, struct sockaddr *from, unsigned *from_len),        \
      (fd, to, len, flags, from, from_len))                                                        \
    X(ssize_t, __recvfrom_chk,                                                                     \
      (int fd, void *to, size_t len, size_t room, int flags, struct sockaddr *from,                \
       unsigned *from_len),                                                                        \
      (fd, to, len, room, flags, from, from_len))                                                  \
    X(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))         \
    X(int, recvmmsg,                                                                               \
      (int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout),         \
      (fd, messages, n, flags, timeout))                                                           \
    X(ssize_t, send, (int fd, const void *from, size_t len, int flags), (fd, from, len, flags))    \
    X(ssize_t, sendto,                                                                             \
      (int fd, const void *from, size_t len, int flags, const struct sockaddr *to,                 \
       unsigned to_len),                                                                           \
      (fd, from, len, flags, to, to_len))                                                          \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))   \
    X(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned n, int flags),                    \
      (fd, messages, n, flags))                                                                    \
    X(ssize_t, sendfile, (int to, int from, off_t *at, size_t len), (to, from, at, len))           \
    X(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t len), (to, from, at, len))       \
    X(ssize_t, splice,                                                                             \
      (int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags),            \
      (from, from_at, to, to_at, len, flags))                                                      \
    X(ssize_t, getrandom, (void *to, size_t len, unsigned flags), (to, len, flags))                \
    X(ssize_t, msgrcv, (int queue, void *to, size_t len, long type, int flags),                    \
      (queue, to, len, type, flags))                                                               \
    X(int, msgsnd, (int queue, const void *from, size_t len, int flags),                           \
      (queue, from, len, flags))                                                                   \
    X(int, semop, (int set, struct sembuf *list, size_t n), (set, list, n))                        \
    X(int, semtimedop, (int set, struct sembuf *list, size_t n, const struct timespec *timeout),   \
      (set, list, n, timeout))                                                                     \
    X(int, sem_timedwait, (sem_t * semaphore, const struct timespec *until), (semaphore, until))   \
    X(int, sem_clockwait, (sem_t * semaphore, clockid_t clock, const struct timespec *until),      \
      (semaphore, clock, until))

/* Those that have a mask of their own for as long as they wait: there our number is in it. */
#define MASKED_WAITS(X)                                                                            \
    X(int, ppoll,                                                                                  \
      (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),       \
      (fds, n, timeout, mask))                                                                     \
    X(int, __ppoll_chk,                                                                            \
      (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,        \
       size_t len),                                                                                \
      (fds, n, timeout, mask, len))                                                                \
    X(int, pselect,                                                                                \
      (int n, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout,              \
       const sigset_t *mask),                                                                      \
      (n, in, out, other, timeout, mask))                                                          \
    X(int, epoll_pwait,                                                                            \
      (int fd, struct epoll_event *events, int n, int timeout, const sigset_t *mask),              \
      (fd, events, n, timeout, mask))                                                              \
    X(int, epoll_pwait2,                                                                           \
      (int fd, struct epoll_event *events, int n, const struct timespec *timeout,                  \
       const sigset_t *mask),                                                                      \
      (fd, events, n, timeout, mask))                                                              \
    X(int, sigsuspend, (const sigset_t *mask), (mask))

#define NEXT(type, name, parameters, arguments) type(*name) parameters;
static struct waits_next {
    WAITS(NEXT)
    MASKED_WAITS(NEXT)
} next; /* set once, before main() */

#define FIND(type, name, parameters, arguments) INTERPOSE_FIND(next.name, #name);
INTERPOSE_CONSTRUCTOR static void next_find(void){WAITS(FIND) MASKED_WAITS(FIND)}

/* With a function that libc does not have, or before our constructor. */
#define CALL(type, name, arguments)                                                                \
    SAVE_BP;                                                                                       \
    if (INTERPOSE_NEXT(next.name) == NULL) {                                                       \
        errno = ENOSYS;                                                                            \
        return (type)-1;                                                                           \
    }                                                                                              \
    struct nosignal stretch;                                                                       \
    nosignal_begin(&stretch);                                                                      \
    const type result = next.name arguments;                                                       \
    nosignal_end(&stretch);                                                                        \
    return result

#define WAIT(type, name, parameters, arguments)                                                    \
    EXPORT type name parameters;                                                                   \
    INTERPOSE_CANCELLED EXPORT type name parameters                                                \
    {                                                                                              \
        CALL(type, name, arguments);                                                               \
    }
WAITS(WAIT)

    static const sigset_t *mask_with_ours(const sigset_t *mask, sigset_t *room)
{
    const int number = signals_number();
    if (mask == NULL || number == 0)
        return mask;
    sigemptyset(room);
    memcpy(room, mask, sizeof(uint64_t)); /* what the kernel reads of it */
    sigaddset(room, number);
    return room;
}

#define MASKED_WAIT(type, name, parameters, arguments)                                             \
    EXPORT type name parameters;                                                                   \
    INTERPOSE_CANCELLED EXPORT type name parameters                                                \
    {                                                                                              \
        sigset_t room;                                                                             \
        mask = mask_with_ours(mask, &room);                                                        \
        CALL(type, name, arguments);                                                               \
    }
MASKED_WAITS(MASKED_WAIT)
