/* SPDX-License-Identifier: MIT */
/*
 * Accepting.  A turn accepts at most a batch, so that a flood of newcomers
 * does not starve those who are here; and when the system has no descriptor
 * or memory left it pauses, since the queue that cannot be emptied would
 * otherwise wake us again and again.
 */
#define _GNU_SOURCE /* accept4() */
#include "net/listener_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 64 };
static const uint64_t first_pause_us = 100 * CLOCK_MS;
static const uint64_t max_pause_us = 500 * CLOCK_MS;

struct listener {
    struct listener_socket socket;
    struct loop *loop; /* borrowed */
    void (*accepted)(void *context, int fd, const struct address *from);
    void *context;
    struct loop_watch watch;
    struct loop_task task;     /* accepts a batch */
    struct loop_timer backoff; /* runs while out of something */
    uint64_t pause_us;         /* of the next back-off */
    int reserve_fd; /* given up to reset one connection; -1 if it is */
    bool paused;    /* by the owner */
    bool closed;
    struct loop_deferred deferred;
};

static void release(struct loop_deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct listener, deferred));
}

/* ---- nothing left to accept with ---- */

static void keep_reserve(struct listener *listener)
{
    if (listener->reserve_fd < 0)
        listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* So that one client learns it now, instead of all by waiting. */
static void reset_one(struct listener *listener)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    int fd;

    if (listener->reserve_fd < 0)
        return;
    close(listener->reserve_fd);
    listener->reserve_fd = -1;
    fd = accept4(listener->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(fd);
    }
    keep_reserve(listener);
}

static const char *advice(int error_number)
{
    switch (error_number) {
    case EMFILE:
        return "raise this process's limit of open files";
    case ENFILE:
        return "raise the system's fs.file-max";
    case ENOMEM:
    case ENOBUFS:
        return "the system is out of memory for sockets";
    default:
        return "";
    }
}

static void back_off(struct listener *listener, int error_number)
{
    char text[ADDRESS_TEXT];

    if (error_number == EMFILE || error_number == ENFILE)
        reset_one(listener);
    LOG_LIMITED(1, LOG_ERROR, "accept_failed",
                log_text("address",
                         address_format(&listener->socket.address, text)),
                log_text("reason", strerror(error_number)),
                log_text("advice", advice(error_number)),
                log_number("pause_ms",
                           (int64_t)(listener->pause_us / CLOCK_MS)));
    loop_timer_start(&listener->backoff, listener->pause_us);
    listener->pause_us *= 2;
    if (listener->pause_us > max_pause_us)
        listener->pause_us = max_pause_us;
}

static void on_backoff_over(struct loop_timer *timer)
{
    struct listener *listener = CONTAINER_OF(timer, struct listener, backoff);

    keep_reserve(listener);
    loop_schedule(listener->loop, &listener->task);
}

/* ---- accepting ---- */

/* Errors of the one connection that was to be accepted, not of ours. */
static bool is_of_newcomer(int error_number)
{
    switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: /* the firewall */
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* False if there is nothing more to accept for now. */
static bool accept_one(struct listener *listener)
{
    struct address from = { .length = sizeof(from.path) };
    int fd = accept4(listener->socket.fd, &from.any, &from.length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        if (from.length > sizeof(from.path))
            from.length = sizeof(from.path);
        listener->pause_us = first_pause_us;
        listener->accepted(listener->context, fd, &from);
        return true;
    }
    if (errno == EAGAIN)
        return false;
    if (is_of_newcomer(errno))
        return true;
    back_off(listener, errno);
    return false;
}

static void on_task(struct loop_task *task)
{
    struct listener *listener = CONTAINER_OF(task, struct listener, task);

    for (int i = 0; i < BATCH; i++) {
        if (listener->paused || listener->closed ||
            loop_timer_is_running(&listener->backoff))
            return;
        if (!accept_one(listener))
            return;
    }
    loop_schedule(listener->loop, &listener->task);
}

static void on_ready(struct loop_watch *watch, unsigned what)
{
    struct listener *listener = CONTAINER_OF(watch, struct listener, watch);

    (void)what;
    loop_schedule(listener->loop, &listener->task);
}

/* ---- life ---- */

enum status listener_open(struct loop *loop,
                          const struct listener_options *options,
                          struct listener **listener, struct net_error *error)
{
    struct listener *opened = calloc(1, sizeof(*opened));
    enum status status = STATUS_NO_MEMORY;

    error->text[0] = '\0';
    if (!opened)
        goto fail;
    opened->loop = loop;
    opened->accepted = options->accepted;
    opened->context = options->context;
    opened->pause_us = first_pause_us;
    opened->reserve_fd = -1;
    opened->socket.fd = -1;
    loop_task_init(&opened->task, on_task);
    loop_timer_init(loop, &opened->backoff, on_backoff_over);
    status = listener_socket_open(&opened->socket, options, error);
    if (status != STATUS_OK)
        goto fail;
    keep_reserve(opened);
    status =
        loop_watch_start(loop, &opened->watch, opened->socket.fd, on_ready);
    if (status != STATUS_OK)
        goto fail;
    *listener = opened;
    return STATUS_OK;

fail:
    if (error->text[0] == '\0')
        listener_explain(error, &options->address, status_text(status));
    listener_close(opened);
    return status;
}

void listener_close(struct listener *listener)
{
    if (!listener || listener->closed)
        return;
    listener->closed = true;
    loop_task_cancel(&listener->task);
    loop_timer_stop(&listener->backoff);
    loop_watch_stop(&listener->watch);
    listener_socket_close(&listener->socket);
    if (listener->reserve_fd >= 0)
        close(listener->reserve_fd);
    loop_defer(listener->loop, &listener->deferred, release);
}

void listener_pause(struct listener *listener)
{
    listener->paused = true;
}

void listener_resume(struct listener *listener)
{
    listener->paused = false;
    loop_schedule(listener->loop, &listener->task);
}

const struct address *listener_address(const struct listener *listener)
{
    return &listener->socket.address;
}
