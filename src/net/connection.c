/* SPDX-License-Identifier: MIT */
/*
 * Sockets that carry streams.  No SIGPIPE: everything is sent with
 * MSG_NOSIGNAL.
 *
 * How an end is noticed, since a read must not be wasted on asking for one:
 *   FIN            LOOP_HUNG_UP, then reading goes on to the 0
 *   reset, idle    readable and writable, and the read tells
 *   reset + bytes  the same, but the read gives bytes: look_again reads on
 *   reset after FIN  readable and writable without LOOP_HUNG_UP
 */
#include "net/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PARTS = 64 }; /* of the queue in one write: a megabyte */

static enum status note_failure(struct connection *connection,
                                enum status reason)
{
    if (connection->failed == STATUS_OK)
        connection->failed = reason;
    connection->writable = false;
    /* What came before is there to be read, whether or not it was announced. */
    connection->readable = !connection->ended;
    return connection->failed;
}

/* What the kernel holds against the socket, which it tells only once. */
static void note_error(struct connection *connection)
{
    int error = 0;
    socklen_t length = sizeof(error);

    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length) ==
            0 &&
        error != 0)
        note_failure(connection, status_from_errno(error));
}

static bool can_send(const struct connection *connection)
{
    return connection->failed == STATUS_OK && !connection->finished;
}

static void on_ready(struct loop_watch *watch, unsigned what)
{
    struct connection *connection =
        CONTAINER_OF(watch, struct connection, watch);

    if (connection->ended && !(what & LOOP_HUNG_UP))
        note_error(connection);
    if (what & LOOP_WRITABLE)
        connection->writable = can_send(connection);
    if (what & LOOP_HUNG_UP)
        connection->hung_up = true;
    if (what & (LOOP_READABLE | LOOP_HUNG_UP))
        connection->readable = !connection->ended;
    connection->has_news = true;
    loop_schedule(connection->loop, connection->task);
}

static void on_look_again(struct loop_visit *visit)
{
    struct connection *connection =
        CONTAINER_OF(visit, struct connection, look_again);

    connection->readable = !connection->ended;
    connection->writable = can_send(connection);
    loop_schedule(connection->loop, connection->task);
}

void connection_init(struct connection *connection, struct loop *loop,
                     struct chunk_pool *pool, struct loop_task *task)
{
    *connection = (struct connection){
        .fd = -1, .loop = loop, .pool = pool, .task = task
    };
    loop_visit_init(&connection->look_again, on_look_again);
}

static bool set_linger(int fd, bool armed)
{
    struct linger linger = { .l_onoff = armed, .l_linger = 0 };

    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0;
}

enum status connection_open(struct connection *connection, int fd)
{
    enum status status;
    int on = 1;

    ASSERT(connection->fd < 0);
    if (!set_linger(fd, true)) {
        status = status_from_errno(errno);
        goto fail;
    }
    /* Urgent bytes are bytes of the stream too; not for Unix sockets. */
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    status =
        loop_watch_start(connection->loop, &connection->watch, fd, on_ready);
    if (status != STATUS_OK)
        goto fail;
    connection->fd = fd;
    connection->writable = true; /* if not, the first write will tell */
    loop_schedule(connection->loop, connection->task);
    return STATUS_OK;

fail:
    close(fd);
    return status;
}

/* ---- reading ---- */

static size_t total_length(const struct iovec *parts, int count)
{
    size_t total = 0;

    ASSERT(count >= 0 && count <= UIO_MAXIOV);
    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    return total;
}

static ssize_t receive(int fd, const struct iovec *parts, int count)
{
    ssize_t got;

    do {
        if (count == 1)
            got = recv(fd, parts->iov_base, parts->iov_len, 0);
        else
            got = readv(fd, parts, count);
    } while (got < 0 && errno == EINTR);
    return got;
}

/*
 * A 0 from the kernel: the FIN, unless the failure behind it was told before.
 * A reset after the FIN shows here too, and spoils only the other direction.
 */
static enum status read_end(struct connection *connection)
{
    connection->readable = false;
    if (connection->failed != STATUS_OK)
        return connection->failed;
    connection->ended = true;
    note_error(connection);
    return STATUS_CLOSED;
}

enum status connection_read(struct connection *connection,
                            const struct iovec *parts, int count, size_t *bytes)
{
    size_t room = total_length(parts, count);
    ssize_t got;

    *bytes = 0;
    ASSERT(room > 0);
    if (connection->ended)
        return connection->failed != STATUS_OK ? connection->failed
                                               : STATUS_CLOSED;
    if (!connection->readable)
        return connection->failed;
    got = receive(connection->fd, parts, count);
    if (got == 0)
        return read_end(connection);
    if (got < 0) {
        connection->readable = false;
        if (errno == EAGAIN)
            return connection->failed;
        return note_failure(connection, status_from_errno(errno));
    }
    if ((size_t)got < room && !connection->hung_up) {
        connection->readable = false;
        loop_visit_soon(connection->loop, &connection->look_again);
    }
    *bytes = (size_t)got;
    return STATUS_OK;
}

/* ---- writing ---- */

/* Give the kernel |parts|; if it takes less than all, it is full. */
static enum status transmit(struct connection *connection,
                            const struct iovec *parts, int count, size_t *bytes)
{
    struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)parts, /* only read */
        .msg_iovlen = (size_t)count,
    };
    size_t wanted = total_length(parts, count);
    ssize_t sent;

    *bytes = 0;
    do {
        if (count == 1)
            sent = send(connection->fd, parts->iov_base, parts->iov_len,
                        MSG_NOSIGNAL);
        else
            sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        return note_failure(connection, status_from_errno(errno));
    if (sent > 0)
        *bytes = (size_t)sent;
    if (*bytes < wanted) {
        connection->writable = false;
        if (*bytes > 0)
            loop_visit_soon(connection->loop, &connection->look_again);
    }
    return STATUS_OK;
}

enum status connection_write(struct connection *connection,
                             const struct iovec *parts, int count,
                             size_t *bytes)
{
    ASSERT(!connection->finish_wanted);
    *bytes = 0;
    if (connection->failed != STATUS_OK)
        return connection->failed;
    if (connection->queue.bytes > 0 || !connection->writable)
        return STATUS_OK;
    return transmit(connection, parts, count, bytes);
}

enum status connection_queue(struct connection *connection,
                             const uint8_t *bytes, size_t length)
{
    ASSERT(!connection->finish_wanted);
    return chunk_queue_copy(&connection->queue, connection->pool, bytes, length)
               ? STATUS_OK
               : STATUS_NO_MEMORY;
}

/* The front of the queue, as far as one write takes it. */
static int collect(const struct chunk_queue *queue, struct iovec *parts)
{
    int count = 0;

    for (struct chunk *chunk = queue->head; chunk && count < MAX_PARTS;
         chunk = chunk->next)
        parts[count++] = (struct iovec){
            .iov_base = chunk_bytes(chunk) + chunk->start,
            .iov_len = chunk->end - chunk->start,
        };
    return count;
}

static enum status send_finish(struct connection *connection)
{
    if (!connection->finish_wanted || connection->finished ||
        connection->queue.bytes > 0 || connection->fd < 0)
        return STATUS_OK;
    if (shutdown(connection->fd, SHUT_WR) != 0)
        return note_failure(connection, errno == ENOTCONN
                                            ? STATUS_RESET
                                            : status_from_errno(errno));
    connection->finished = true;
    connection->writable = false;
    return STATUS_OK;
}

enum status connection_flush(struct connection *connection, size_t *bytes)
{
    struct iovec parts[MAX_PARTS];

    *bytes = 0;
    if (connection->failed != STATUS_OK)
        return connection->failed;
    while (connection->queue.bytes > 0 && connection->writable) {
        size_t taken;
        enum status status =
            transmit(connection, parts, collect(&connection->queue, parts),
                     &taken);

        if (status != STATUS_OK)
            return status;
        chunk_queue_consume(&connection->queue, connection->pool, taken);
        *bytes += taken;
    }
    return send_finish(connection);
}

enum status connection_finish(struct connection *connection)
{
    connection->finish_wanted = true;
    if (connection->failed != STATUS_OK)
        return connection->failed;
    return send_finish(connection);
}

size_t connection_unacknowledged(const struct connection *connection)
{
    int domain = AF_UNSPEC, bytes = 0;
    socklen_t length = sizeof(domain);

    if (connection->fd < 0 ||
        getsockopt(connection->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) !=
            0 ||
        domain == AF_UNIX)
        return 0; /* what a Unix socket took lies with the reader already */
    if (ioctl(connection->fd, SIOCOUTQ, &bytes) != 0 || bytes < 0)
        return 0;
    return (size_t)bytes;
}

size_t connection_unread(const struct connection *connection)
{
    int bytes = 0;

    if (connection->fd < 0 || connection->ended ||
        ioctl(connection->fd, FIONREAD, &bytes) != 0 || bytes < 0)
        return 0;
    return (size_t)bytes;
}

/* ---- the end ---- */

static void close_socket(struct connection *connection)
{
    loop_visit_cancel(&connection->look_again);
    loop_watch_stop(&connection->watch);
    close(connection->fd);
    connection->fd = -1;
    connection->readable = connection->writable = false;
}

void connection_close_in_order(struct connection *connection)
{
    if (connection->fd >= 0) {
        if (connection->queue.bytes == 0)
            (void)set_linger(connection->fd, false);
        close_socket(connection);
    }
    chunk_queue_clear(&connection->queue, connection->pool);
}

void connection_reset(struct connection *connection)
{
    if (connection->fd >= 0)
        close_socket(connection);
    chunk_queue_clear(&connection->queue, connection->pool);
}

bool connection_has_failed(struct connection *connection)
{
    struct pollfd state = { .fd = connection->fd };

    if (connection->failed != STATUS_OK)
        return true;
    /*
     * A reset that came alone is told as readable, not as hung up.  Who is
     * blocked asks again and again: only after news is there an answer.
     */
    if (connection->fd < 0 || !connection->has_news)
        return false;
    if (poll(&state, 1, 0) > 0 && (state.revents & POLLERR))
        return true;
    connection->has_news = false;
    return false;
}

int connection_take(struct connection *connection)
{
    int fd = connection->fd;

    ASSERT(connection->queue.bytes == 0);
    loop_watch_stop(&connection->watch);
    loop_visit_cancel(&connection->look_again);
    connection->fd = -1;
    return fd;
}
