/* SPDX-License-Identifier: MIT */
#include "socket.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

_Noreturn void die(const char *what)
{
    perror(what);
    exit(2);
}

void socket_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("setrlimit");
}

bool socket_parse(const char *text, struct sockaddr_in *address)
{
    const char *colon = strchr(text, ':');
    char host[INET_ADDRSTRLEN] = "";
    char *end = NULL;
    unsigned long port;

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    port = strtoul(colon + 1, &end, 10);
    *address = (struct sockaddr_in){ .sin_family = AF_INET };
    address->sin_port = htons((uint16_t)port);
    return *end == '\0' && end != colon + 1 && port > 0 && port <= 65535 &&
           inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

void socket_no_delay(int fd)
{
    int on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        die("TCP_NODELAY");
}

void socket_watch(int epoll, int operation, int fd, uint32_t events,
                  void *owner)
{
    struct epoll_event event = { .events = events, .data.ptr = owner };

    if (epoll_ctl(epoll, operation, fd, &event) != 0)
        die("epoll_ctl");
}

uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
