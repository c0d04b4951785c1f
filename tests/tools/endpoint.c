/* SPDX-License-Identifier: MIT */
#include "endpoint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
    struct sockaddr_storage address;
    socklen_t length;
};

static void give_up(const char *name)
{
    fprintf(stderr, "verify: what is %s?\n", name);
    exit(2);
}

static struct place unix_place(const char *path)
{
    struct place place = { .length = sizeof(struct sockaddr_un) };
    struct sockaddr_un *address = (void *)&place.address;

    if (strlen(path) >= sizeof(address->sun_path))
        give_up(path);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    return place;
}

static struct place parse(const char *name)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    struct place place = { .length = 0 };
    const char *colon = strrchr(name, ':');
    char host[64];

    if (strncmp(name, "unix:", 5) == 0)
        return unix_place(name + 5);
    if (!colon || (size_t)(colon - name) >= sizeof(host))
        give_up(name);
    memcpy(host, name, (size_t)(colon - name));
    host[colon - name] = '\0';
    if (host[0] == '[' && colon[-1] == ']') {
        memmove(host, host + 1, strlen(host));
        host[strlen(host) - 1] = '\0';
    }
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        give_up(name);
    place.length = found->ai_addrlen;
    memcpy(&place.address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return place;
}

int endpoint_connect(const char *name)
{
    struct place place = parse(name);
    int fd = socket(place.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    if (connect(fd, (void *)&place.address, place.length) < 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    if (place.address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

int endpoint_listen(const char *name)
{
    struct place place = parse(name);
    int fd = socket(place.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (void *)&place.address, place.length) < 0 ||
        listen(fd, 4096) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int endpoint_port(int listener)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (getsockname(listener, (void *)&address, &length) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port);
    return 0;
}
