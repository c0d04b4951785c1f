/* SPDX-License-Identifier: MIT */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * A listening socket.  Accepts a bounded number of connections a turn.  When
 * descriptors run out it does not spin: it gives up a reserve to reset the
 * connection at the head of the queue, pauses and tries again.
 *
 * TCP sockets are accepted non-blocking, close-on-exec, TCP_NODELAY.  An
 * IPv6 listener takes no IPv4 connections.  A Unix
 * socket's path is taken over if nobody listens on it any more, created with
 * mode 0600 unless |mode| says otherwise, and removed at the end.
 */
struct listener;

struct listener_options {
    struct address address;
    unsigned mode; /* of a Unix socket; 0 is 0600 */
    /* |fd| is the callee's to close; |from| may be unnamed (Unix). */
    void (*accepted)(void *context, int fd, const struct address *from);
    void *context;
};

struct net_error {
    char text[512];
};

/*
 * On failure |error| is one sentence with the address and what to do:
 * STATUS_CONFIG (in use, not ours, no such directory), STATUS_DENIED,
 * STATUS_LIMIT or STATUS_NO_MEMORY.  Blocks for a second at worst, while
 * another process takes over a Unix socket in the same directory.
 */
MUST_CHECK enum status listener_open(struct loop *loop,
                                     const struct listener_options *options,
                                     struct listener **listener,
                                     struct net_error *error);
void listener_close(struct listener *listener); /* accepts NULL */

/* Leave connections in the kernel's queue meanwhile; both are idempotent. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* With the port the kernel chose, if 0 was asked for. */
const struct address *listener_address(const struct listener *listener);
#endif
