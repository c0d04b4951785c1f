/* SPDX-License-Identifier: MIT */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H
#include "base/check.h"
#include "base/chunk.h"
#include "base/status.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * One connected, non-blocking stream socket with a queue of bytes that the
 * kernel would not take yet.  Embedded in its owner, which learns through one
 * task that something became possible and then reads and writes.
 *
 * A read that gave less than it could have taken is the last one until the
 * kernel tells of more: |readable| says so, which saves asking again after
 * each message.  Once an end is known to be behind the bytes (|hung_up|),
 * reading goes on until it is reached.  What the kernel does not tell of (a
 * reset that came together with data, urgent data, passed descriptors) is
 * found by another read LOOP_SOON_US later.  Writes likewise.
 *
 * A failure is told by every later call, also when the kernel told it only
 * once, and never becomes an end of file.
 *
 * The socket is armed (SO_LINGER 1, 0): if this process dies, the other end
 * sees a reset, never an end of file.  Only connection_close_in_order(), after
 * both directions have ended, disarms it.  A Unix socket cannot carry a reset:
 * its other end sees an end of file, or a reset if we left bytes unread.
 */
struct connection {
    int fd;             /* -1 once closed */
    bool readable;      /* a read may give something */
    bool writable;      /* a write may take something */
    bool hung_up;       /* an end of file or failure is behind what is unread */
    bool finish_wanted; /* send FIN behind the queue */
    bool finished;      /* FIN is sent: nothing may be written */
    bool ended;         /* the peer's FIN was read */
    bool has_news;      /* an event that connection_has_failed() did not see */
    enum status failed; /* how it failed; STATUS_OK if it did not */
    struct chunk_queue queue; /* taken, but not by the kernel yet */
    struct loop *loop;        /* borrowed */
    struct chunk_pool *pool;  /* borrowed; memory of the queue */
    struct loop_watch watch;
    struct loop_visit look_again;
    struct loop_task *task; /* borrowed: scheduled when anything changes */
};

/*
 * Without a socket yet: bytes may be queued, a FIN may be wanted.  Reads and
 * writes do nothing.
 */
void connection_init(struct connection *connection, struct loop *loop,
                     struct chunk_pool *pool, struct loop_task *task);

/*
 * Takes ownership of |fd|; arms it, watches it and schedules the task.  On
 * failure |fd| is closed.
 */
MUST_CHECK enum status connection_open(struct connection *connection, int fd);

/*
 * Read into |parts|, which have room.  STATUS_OK with |*bytes| 0: nothing
 * there now.  STATUS_CLOSED: the peer's FIN.  STATUS_RESET, _TIMEOUT, _IO: it
 * failed; what had arrived before was read first.
 */
MUST_CHECK enum status connection_read(struct connection *connection,
                                       const struct iovec *parts, int count,
                                       size_t *bytes);

/*
 * Hand |parts| to the kernel, behind what is queued.  |*bytes| of them (0 if
 * anything is queued) are taken; the rest stays the caller's.
 */
MUST_CHECK enum status connection_write(struct connection *connection,
                                        const struct iovec *parts, int count,
                                        size_t *bytes);

/* Copy to the end of the queue; STATUS_NO_MEMORY if the pool is full. */
MUST_CHECK enum status connection_queue(struct connection *connection,
                                        const uint8_t *bytes, size_t length);

/*
 * Give the queue to the kernel, and then the FIN if one is wanted.  |*bytes|
 * is what the kernel took now.
 */
MUST_CHECK enum status connection_flush(struct connection *connection,
                                        size_t *bytes);

/* Send FIN behind the queue, now or by a later flush. */
MUST_CHECK enum status connection_finish(struct connection *connection);

/*
 * Whether it failed, though nobody reads or writes: a FIN of the peer is no
 * failure.
 */
bool connection_has_failed(struct connection *connection);

/*
 * Give the descriptor away, as it is and no longer watched: for another loop.
 * The queue must be empty.
 */
int connection_take(struct connection *connection);

/*
 * Bytes (a FIN counts one) the kernel has taken but the peer's kernel not
 * acknowledged; TCP, 0 otherwise.
 */
size_t connection_unacknowledged(const struct connection *connection);

/*
 * Bytes that have arrived but were not read.  A reset does not take them back:
 * connection_read() still gives them, and then the failure.
 */
size_t connection_unread(const struct connection *connection);

/*
 * Both ends are idempotent, and drop the queue.  In order: what the kernel
 * has taken still arrives, then an end of file, even if this process dies.
 * But bytes in the queue would be missing before that end of file, so then
 * it is a reset all the same.
 */
void connection_close_in_order(struct connection *connection);
void connection_reset(struct connection *connection);
#endif
