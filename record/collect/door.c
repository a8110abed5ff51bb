/* SPDX-License-Identifier: MIT */
#include "door.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PREFIX      "pyrec-door-"
#define STALE_AGE_S 60    /* a younger one may be about to listen */
#define STALE_LOOKS 10000 /* entries of a directory */
#define PATH_ROOM   (WIRE_DIRECTORY_MAX + 8)

void door_init(struct door *door)
{
    *door = (struct door){.listening = {-1, -1}, .board = -1};
}

/* ---- where ---- */

/* Whether nobody but us and root could put something else there under a name of ours. */
static bool place_is_safe(const char *base)
{
    struct stat is;
    if (base[0] != '/' || strlen(base) + sizeof PREFIX "XXXXXX" > WIRE_DIRECTORY_MAX ||
        strchr(base, ',') != NULL || stat(base, &is) != 0 || !S_ISDIR(is.st_mode))
        return false;
    if ((is.st_mode & S_ISVTX) != 0)
        return true;
    return (is.st_uid == geteuid() || is.st_uid == 0) && (is.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool directory_make(struct door *door, const char *base)
{
    if (base == NULL || !place_is_safe(base))
        return false;
    snprintf(door->directory, sizeof door->directory, "%s/" PREFIX "XXXXXX", base);
    if (mkdtemp(door->directory) != NULL)
        return true;
    door->directory[0] = '\0';
    return false;
}

static void paths_make(const char *directory, char socket_path[PATH_ROOM],
                       char board_path[PATH_ROOM])
{
    snprintf(socket_path, PATH_ROOM, "%s/" WIRE_SOCKET, directory);
    snprintf(board_path, PATH_ROOM, "%s/" WIRE_BOARD, directory);
}

static void files_remove(const char *directory)
{
    char socket_path[PATH_ROOM], board_path[PATH_ROOM];
    paths_make(directory, socket_path, board_path);
    (void)unlink(socket_path);
    (void)unlink(board_path);
    (void)rmdir(directory);
}

/* ---- what was left behind ---- */

static int path_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0;
    memcpy(address.sun_path, path, strlen(path));
    const int error =
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    return error;
}

/* Ours, old enough, and nobody listens in it any more. */
static bool is_stale(const char *directory)
{
    char socket_path[PATH_ROOM], board_path[PATH_ROOM];
    struct stat is;
    if (lstat(directory, &is) != 0 || !S_ISDIR(is.st_mode) || is.st_uid != geteuid() ||
        is.st_mtime > time(NULL) - STALE_AGE_S)
        return false;
    paths_make(directory, socket_path, board_path);
    return path_connect(socket_path) == ECONNREFUSED;
}

static void stale_remove(const char *base)
{
    char path[WIRE_DIRECTORY_MAX];
    DIR *dir = opendir(base);
    const struct dirent *entry;
    for (int i = 0; dir != NULL && i < STALE_LOOKS && (entry = readdir(dir)) != NULL; i++) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            snprintf(path, sizeof path, "%s/%.20s", base, entry->d_name) >= (int)sizeof path)
            continue;
        if (is_stale(path))
            files_remove(path);
    }
    if (dir != NULL)
        closedir(dir);
}

/* ---- what listens ---- */

static int give_up(int fd)
{
    const int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

static int bind_at(const struct sockaddr_un *address, size_t len)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)address, (socklen_t)len) == 0)
        return fd;
    return give_up(fd);
}

static int listen_on(int fd)
{
    return fd >= 0 && listen(fd, DOOR_BACKLOG) == 0 ? fd : give_up(fd);
}

int door_bind_abstract(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(name);
    memcpy(address.sun_path + 1, name, len);
    return bind_at(&address, offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

static int abstract_listen(struct door *door, const char *random)
{
    snprintf(door->name, sizeof door->name, "pyrec-%.32s", random);
    const int fd = listen_on(door_bind_abstract(door->name));
    if (fd < 0)
        door->name[0] = '\0';
    return fd;
}

/*
 * Socket and board, in a directory that nobody else may enter until both are there. Others may
 * write to them then: a program may change its user.
 */
static void directory_open(struct door *door)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char socket_path[PATH_ROOM], board_path[PATH_ROOM];
    paths_make(door->directory, socket_path, board_path);
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    const int fd = listen_on(bind_at(&address, sizeof address));
    if (fd >= 0 && (chmod(socket_path, 0666) != 0 || chmod(door->directory, 0711) != 0)) {
        close(fd);
        return;
    }
    door->listening[DOOR_PATH] = fd;
    if (fd >= 0 && mkfifo(board_path, 0600) == 0)
        door->board = open(board_path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (door->board >= 0)
        (void)fchmod(door->board, 0622);
}

static void directory_drop(struct door *door)
{
    if (door->directory[0] != '\0')
        files_remove(door->directory);
    door->directory[0] = '\0';
}

enum status door_open(struct door *door, const char *random, const char *base, struct problem *why)
{
    char own[32];
    snprintf(own, sizeof own, "/run/user/%u", (unsigned)geteuid());
    const char *const usual[] = {getenv("TMPDIR"), "/tmp", "/dev/shm", own, "/var/tmp"};
    door_init(door);
    for (size_t i = 0; i < ARRAY_LEN(usual) && door->listening[DOOR_PATH] < 0; i++) {
        const char *place = base != NULL ? base : usual[i];
        if (!directory_make(door, place))
            continue;
        stale_remove(place);
        directory_open(door);
        if (door->listening[DOOR_PATH] < 0)
            directory_drop(door);
    }
    door->listening[DOOR_ABSTRACT] = abstract_listen(door, random);
    if (door->listening[DOOR_ABSTRACT] >= 0 || door->listening[DOOR_PATH] >= 0)
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "socket: %s", strerror(errno));
}

int door_socket(const struct door *door, uint32_t i)
{
    if (i < DOOR_WAYS)
        return door->listening[i];
    return i - DOOR_WAYS < door->n_near ? door->near[i - DOOR_WAYS] : DOOR_END;
}

void door_close(struct door *door)
{
    int fd;
    for (uint32_t i = 0; (fd = door_socket(door, i)) != DOOR_END; i++)
        if (fd >= 0)
            close(fd);
    if (door->board >= 0)
        close(door->board);
    directory_drop(door);
    door_init(door);
}
