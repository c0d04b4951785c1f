/* SPDX-License-Identifier: MIT */
#ifndef NET_DIALER_H
#define NET_DIALER_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * One attempt to connect, with one deadline.  The socket is non-blocking,
 * close-on-exec, TCP_NODELAY.
 */
struct dial;

struct dial_options {
    struct address address;
    uint64_t timeout_us;
    /*
     * Called once, never from inside dial_start(), the dial gone by then.
     * STATUS_OK: |fd| is the callee's to close.  Otherwise |fd| is -1 and
     * |status| says why: REFUSED, UNREACHABLE, TIMEOUT, DENIED, RESET, LIMIT,
     * NO_MEMORY, IO.
     */
    void (*done)(void *context, enum status status, int fd);
    void *context;
};

/* NULL if there is no memory; |done| is not called then. */
MUST_CHECK struct dial *dial_start(struct loop *loop,
                                   const struct dial_options *options);
void dial_cancel(struct dial *dial); /* |done| is not called; accepts NULL */
#endif
