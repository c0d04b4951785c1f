/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SOCKET_H
#define BENCH_SOCKET_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* The few things client and server do with sockets alike. */

/* Print |what| and errno to stderr, and exit with 2. */
_Noreturn void die(const char *what);

/* Take as many descriptors as the hard limit allows. */
void socket_raise_limit(void);

/* Read "127.0.0.1:7000"; false if it is not an IPv4 address and a port. */
bool socket_parse(const char *text, struct sockaddr_in *address);

/* Turn off Nagle: what is sent leaves at once. */
void socket_no_delay(int fd);

/* Add |fd|, or change what it waits for; |events| as of epoll. */
void socket_watch(int epoll, int operation, int fd, uint32_t events,
                  void *owner);

uint64_t clock_ns(void);
#endif
