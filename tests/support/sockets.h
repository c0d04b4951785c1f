/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_SOCKETS_H
#define SUPPORT_SOCKETS_H
/* Real sockets for tests, on loopback; what goes wrong here aborts. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum socket_kind { SOCKETS_V4, SOCKETS_V6, SOCKETS_UNIX, SOCKETS_KINDS };

#define EACH_KIND(kind)                                           \
    for (enum socket_kind kind = 0; kind < SOCKETS_KINDS; kind++) \
        if (sockets_have(kind))

/* TCP carries resets. */
#define EACH_TCP(kind)                                           \
    for (enum socket_kind kind = 0; kind < SOCKETS_UNIX; kind++) \
        if (sockets_have(kind))

/* Whether this machine has them: IPv6 may be off. */
bool sockets_have(enum socket_kind kind);

/* A blocking listener on a port or abstract name of the kernel's choice. */
int sockets_listen(enum socket_kind kind, int backlog);

/*
 * Two ends of one connection: |pair[0]| non-blocking, |pair[1]| blocking, but
 * no longer than ten seconds.
 */
void sockets_pair(enum socket_kind kind, int pair[2]);

/* Read until the end: how many bytes, and 0 or the errno that ended it. */
size_t sockets_drain(int fd, int *error);

void sockets_send(int fd, const void *bytes, size_t length);
void sockets_receive(int fd, void *bytes, size_t length);

/* Close so that the other end of TCP sees a reset. */
void sockets_reset(int fd);

/* How many descriptors this process has open. */
size_t sockets_count(void);

/* Set the limit so that |count| more descriptors can be had. */
void sockets_leave(size_t count);

/* A byte that depends on where it is, so that a shifted one shows. */
uint8_t sockets_byte_at(uint64_t offset);
#endif
