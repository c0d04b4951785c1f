/* SPDX-License-Identifier: MIT */
#include "support/sockets.h"

#include "base/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

static socklen_t loopback(enum socket_kind kind, union name *name)
{
    *name = (union name){ 0 };
    switch (kind) {
    case SOCKETS_V4:
        name->v4.sin_family = AF_INET;
        name->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(name->v4);
    case SOCKETS_V6:
        name->v6.sin6_family = AF_INET6;
        name->v6.sin6_addr = in6addr_loopback;
        return sizeof(name->v6);
    case SOCKETS_UNIX:
    case SOCKETS_KINDS:
        break;
    }
    name->path.sun_family = AF_UNIX; /* the kernel makes up a name */
    return sizeof(name->path.sun_family);
}

static int new_socket(enum socket_kind kind)
{
    union name name;

    (void)loopback(kind, &name);
    return socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

bool sockets_have(enum socket_kind kind)
{
    union name name;
    socklen_t length = loopback(kind, &name);
    int fd = new_socket(kind);
    bool have = fd >= 0 && bind(fd, &name.any, length) == 0;

    if (fd >= 0)
        close(fd);
    return have;
}

int sockets_listen(enum socket_kind kind, int backlog)
{
    union name name;
    socklen_t length = loopback(kind, &name);
    int fd = new_socket(kind);

    ASSERT(fd >= 0 && bind(fd, &name.any, length) == 0);
    ASSERT(listen(fd, backlog) == 0);
    return fd;
}

void sockets_pair(enum socket_kind kind, int pair[2])
{
    const struct timeval patience = { .tv_sec = 10 };
    int listener = sockets_listen(kind, 1);
    union name name;
    socklen_t length = sizeof(name);

    ASSERT(getsockname(listener, &name.any, &length) == 0);
    pair[1] = new_socket(kind);
    ASSERT(pair[1] >= 0 && connect(pair[1], &name.any, length) == 0);
    pair[0] = accept(listener, NULL, NULL);
    ASSERT(pair[0] >= 0);
    ASSERT(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
    ASSERT(fcntl(pair[0], F_SETFD, FD_CLOEXEC) == 0);
    ASSERT(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience,
                      sizeof(patience)) == 0);
    ASSERT(setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &patience,
                      sizeof(patience)) == 0);
    close(listener);
}

size_t sockets_drain(int fd, int *error)
{
    static uint8_t bytes[65536];
    size_t total = 0;
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        total += (size_t)got;
    *error = got < 0 ? errno : 0;
    return total;
}

void sockets_send(int fd, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

        ASSERT(sent > 0);
        at += sent;
        length -= (size_t)sent;
    }
}

void sockets_receive(int fd, void *bytes, size_t length)
{
    uint8_t *at = bytes;

    while (length > 0) {
        ssize_t got = read(fd, at, length);

        ASSERT(got > 0);
        at += got;
        length -= (size_t)got;
    }
}

void sockets_reset(int fd)
{
    const struct linger now = { .l_onoff = 1, .l_linger = 0 };

    ASSERT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    close(fd);
}

size_t sockets_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    ASSERT(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* the directory itself */
}

void sockets_leave(size_t count)
{
    struct rlimit limit;
    int lowest;

    ASSERT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    lowest = dup(0); /* of those that are free */
    ASSERT(lowest >= 0);
    close(lowest);
    limit.rlim_cur = (rlim_t)lowest + count;
    ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

uint8_t sockets_byte_at(uint64_t offset)
{
    return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}
