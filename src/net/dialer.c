/* SPDX-License-Identifier: MIT */
/*
 * One attempt: a socket that connects, a deadline, and a task by which what
 * is known at once is told later.  A Unix socket whose queue is full cannot
 * be waited for, so it is asked again, ever more seldom.
 */
#include "net/dialer.h"

#include "base/clock.h"
#include "net/socket_options.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint64_t first_retry_us = 1 * CLOCK_MS;
static const uint64_t max_retry_us = 50 * CLOCK_MS;

struct dial {
    struct dial_options options;
    struct loop *loop; /* borrowed */
    int fd;
    enum status outcome; /* for |tell| */
    struct loop_watch watch;
    struct loop_timer deadline;
    struct loop_timer retry; /* of a Unix socket */
    uint64_t retry_us;
    struct loop_task tell;
    struct loop_deferred deferred;
};

static void release(struct loop_deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct dial, deferred));
}

static void stop(struct dial *dial)
{
    loop_watch_stop(&dial->watch);
    loop_timer_stop(&dial->deadline);
    loop_timer_stop(&dial->retry);
    loop_task_cancel(&dial->tell);
    loop_defer(dial->loop, &dial->deferred, release);
}

/* The other end may see it connected already: a reset, as with any failure. */
static void give_up(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static void finish(struct dial *dial, enum status status)
{
    void (*done)(void *, enum status, int) = dial->options.done;
    int fd = dial->fd;

    stop(dial);
    if (status != STATUS_OK) {
        give_up(fd);
        fd = -1;
    }
    done(dial->options.context, status, fd);
}

/*
 * A port of this host that nobody listens on may be the very one the kernel
 * chose for us: then we have reached ourselves.
 */
static bool reached_itself(const struct dial *dial)
{
    struct address own;

    return !address_is_unix(&dial->options.address) &&
           address_of_socket(&own, dial->fd) &&
           address_equal(&own, &dial->options.address);
}

static void finish_connected(struct dial *dial)
{
    finish(dial, reached_itself(dial) ? STATUS_REFUSED : STATUS_OK);
}

static void on_ready(struct loop_watch *watch, unsigned what)
{
    struct dial *dial = CONTAINER_OF(watch, struct dial, watch);
    int error = 0;
    socklen_t length = sizeof(error);

    if (!(what & LOOP_WRITABLE))
        return;
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error != 0)
        finish(dial, status_from_errno(error));
    else
        finish_connected(dial);
}

static void on_deadline(struct loop_timer *timer)
{
    finish(CONTAINER_OF(timer, struct dial, deadline), STATUS_TIMEOUT);
}

static void on_tell(struct loop_task *task)
{
    struct dial *dial = CONTAINER_OF(task, struct dial, tell);

    if (dial->outcome == STATUS_OK)
        finish_connected(dial);
    else
        finish(dial, dial->outcome);
}

static void tell_later(struct dial *dial, enum status outcome)
{
    dial->outcome = outcome;
    loop_schedule(dial->loop, &dial->tell);
}

static void retry_later(struct dial *dial)
{
    loop_timer_start(&dial->retry, dial->retry_us);
    dial->retry_us *= 2;
    if (dial->retry_us > max_retry_us)
        dial->retry_us = max_retry_us;
}

static void try_to_connect(struct dial *dial)
{
    const struct address *address = &dial->options.address;
    enum status status;
    int result;

    do
        result = connect(dial->fd, &address->any, address->length);
    while (result != 0 && errno == EINTR && address_is_unix(address));
    if (result == 0) {
        tell_later(dial, STATUS_OK);
        return;
    }
    if (errno == EAGAIN && address_is_unix(address)) {
        retry_later(dial);
        return;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        tell_later(dial, status_from_errno(errno));
        return;
    }
    status = loop_watch_start(dial->loop, &dial->watch, dial->fd, on_ready);
    if (status != STATUS_OK)
        tell_later(dial, status);
}

static void on_retry(struct loop_timer *timer)
{
    try_to_connect(CONTAINER_OF(timer, struct dial, retry));
}

static void start(struct dial *dial)
{
    const struct address *address = &dial->options.address;

    dial->fd =
        socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0) {
        tell_later(dial, status_from_errno(errno));
        return;
    }
    socket_options_set(dial->fd, address);
    try_to_connect(dial);
}

struct dial *dial_start(struct loop *loop, const struct dial_options *options)
{
    struct dial *dial = calloc(1, sizeof(*dial));

    if (!dial)
        return NULL;
    dial->options = *options;
    dial->loop = loop;
    dial->retry_us = first_retry_us;
    loop_timer_init(loop, &dial->deadline, on_deadline);
    loop_timer_init(loop, &dial->retry, on_retry);
    loop_task_init(&dial->tell, on_tell);
    loop_timer_start(&dial->deadline, options->timeout_us);
    start(dial);
    return dial;
}

void dial_cancel(struct dial *dial)
{
    if (!dial)
        return;
    stop(dial);
    give_up(dial->fd);
}
