/* SPDX-License-Identifier: MIT */
/*
 * Connections to the operator's window: how many, for how long, and their
 * end.  A sweep, every so often while there are any, enforces it.
 */
#include "admin/server_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include <errno.h>
#include <event2/buffer.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint64_t sweep_us = 50 * CLOCK_MS;
static const uint64_t linger_us = 1 * CLOCK_SECOND;
static const uint64_t accept_pause_us = 100 * CLOCK_MS;

/* While there is no room for others, whoever dawdles goes first. */
static const uint64_t impatience_us = 500 * CLOCK_MS;

/*
 * What libevent may have read and not looked at yet; its own limits do not
 * cover the lines between chunks of a body.
 */
enum { MAX_INPUT = 2 * (ADMIN_MAX_HEADER_BYTES + ADMIN_MAX_BODY_BYTES) };

/* ---- one connection ---- */

/* After bufferevent_free() nobody is called any more. */
static bool has_let_go(const struct admin_request *request)
{
    bufferevent_event_cb event_callback = NULL;

    bufferevent_getcb(request->stream, NULL, NULL, &event_callback, NULL);
    return !event_callback;
}

static void release(struct admin_request *request)
{
    /* Without memory for a connection libevent forgets what we gave it. */
    if (bufferevent_getfd(request->stream) < 0)
        bufferevent_free(request->stream);
    bufferevent_decref(request->stream);
    request->stream = NULL;
    request->state = REQUEST_FREE;
}

static void make_let_go(struct admin_request *request)
{
    bufferevent_trigger_event(request->stream,
                              BEV_EVENT_READING | BEV_EVENT_TIMEOUT, 0);
}

static void begin_to_leave(struct admin_request *request, uint64_t now_us)
{
    bufferevent_disable(request->stream, EV_READ | EV_WRITE);
    request->state = REQUEST_LEAVING;
    request->since_us = now_us;
}

/* Read on for a while: closing with bytes unread would reset. */
static bool has_client_left(const struct admin_request *request)
{
    int fd = bufferevent_getfd(request->stream);
    char bytes[4096];
    ssize_t length = 1;

    if (fd < 0)
        return true;
    for (int i = 0; i < 16 && length > 0; i++)
        length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    return length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR);
}

/* Whether it had its time, or more than its share. */
static bool is_overdue(const struct admin_request *request, uint64_t now_us,
                       bool is_full)
{
    return request->is_overfull ||
           now_us - request->since_us >=
               (is_full ? impatience_us : ADMIN_PATIENCE_US);
}

static void look_after(struct admin_request *request, uint64_t now_us,
                       bool is_full)
{
    switch (request->state) {
    case REQUEST_FREE:
    case REQUEST_WAITING:
        return;
    case REQUEST_ASKING:
    case REQUEST_ANSWERED:
        if (request->is_sent && !has_let_go(request))
            make_let_go(request);
        if (has_let_go(request)) {
            begin_to_leave(request, now_us);
        } else if (is_overdue(request, now_us, is_full)) {
            make_let_go(request);
            release(request);
        }
        return;
    case REQUEST_LEAVING:
        if (now_us - request->since_us >= linger_us || has_client_left(request))
            release(request);
        return;
    }
}

/* ---- all of them ---- */

static struct admin_request *find_free(struct admin_server *server)
{
    for (size_t i = 0; i < ARRAY_LENGTH(server->requests); i++)
        if (server->requests[i].state == REQUEST_FREE)
            return &server->requests[i];
    return NULL;
}

static bool has_any(const struct admin_server *server)
{
    for (size_t i = 0; i < ARRAY_LENGTH(server->requests); i++)
        if (server->requests[i].state != REQUEST_FREE)
            return true;
    return false;
}

static void pause_accepting(struct admin_server *server)
{
    server->accept_again_us = loop_now_us(server->loop) + accept_pause_us;
    evconnlistener_disable(server->listener);
}

/* Accept exactly while there is room. */
static void regulate(struct admin_server *server)
{
    if (!find_free(server)) {
        evconnlistener_disable(server->listener);
        return;
    }
    if (loop_now_us(server->loop) < server->accept_again_us)
        return;
    server->accept_again_us = 0;
    if (evconnlistener_enable(server->listener) != 0)
        pause_accepting(server);
}

static void sweep(struct admin_server *server)
{
    uint64_t now_us = loop_now_us(server->loop);
    bool is_full = !find_free(server);

    for (size_t i = 0; i < ARRAY_LENGTH(server->requests); i++)
        look_after(&server->requests[i], now_us, is_full);
    regulate(server);
    if (has_any(server) || server->accept_again_us)
        loop_timer_start(&server->sweep_later, sweep_us);
}

static void on_sweep_now(struct loop_task *task)
{
    sweep(CONTAINER_OF(task, struct admin_server, sweep_now));
}

static void on_sweep_later(struct loop_timer *timer)
{
    sweep(CONTAINER_OF(timer, struct admin_server, sweep_later));
}

/* ---- accepting ---- */

/*
 * A high-water mark is no bound: above one, libevent calls back over and over
 * in one and the same turn.
 */
static void on_input(struct evbuffer *input,
                     const struct evbuffer_cb_info *info, void *context)
{
    struct admin_request *request = context;

    (void)info;
    if (evbuffer_get_length(input) <= MAX_INPUT)
        return;
    request->is_overfull = true;
    loop_schedule(request->server->loop, &request->server->sweep_now);
}

static struct bufferevent *new_stream(struct event_base *base,
                                      struct admin_request *request)
{
    struct bufferevent *stream =
        bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    if (!stream)
        return NULL;
    if (evbuffer_add_cb(bufferevent_get_input(stream), on_input, request)) {
        bufferevent_incref(stream);
        return stream;
    }
    bufferevent_free(stream);
    return NULL;
}

/* libevent accepted one and wants a bufferevent to give it to. */
static struct bufferevent *on_accepted(struct event_base *base, void *context)
{
    struct admin_server *server = context;
    struct admin_request *request = find_free(server);
    struct bufferevent *stream = request ? new_stream(base, request) : NULL;

    if (!stream)
        return NULL; /* it makes its own, whose request is refused */
    request->stream = stream;
    request->state = REQUEST_ASKING;
    request->is_overfull = false;
    request->is_sent = false;
    request->since_us = loop_now_us(server->loop);
    regulate(server);
    if (!loop_timer_is_running(&server->sweep_later))
        loop_timer_start(&server->sweep_later, sweep_us);
    return stream;
}

/* Without a pause it would be tried again and again. */
static void on_accept_failed(struct evconnlistener *listener, void *context)
{
    int error_number = errno;
    struct admin_server *server = context;

    (void)listener;
    LOG_LIMITED(1, LOG_ERROR, "admin_accept_failed",
                log_text("reason", strerror(error_number)));
    pause_accepting(server);
    loop_timer_start(&server->sweep_later, accept_pause_us);
}

/* ---- life ---- */

static enum status refuse_address(const struct address *address,
                                  struct net_error *error)
{
    char text[ADDRESS_TEXT];

    text_format(error->text, sizeof(error->text),
                "the admin address %s can be reached from other hosts, and "
                "asks nobody for a password; choose unix:/path or "
                "127.0.0.1:port",
                address_format(address, text));
    return STATUS_CONFIG;
}

static enum status listen_by_library(struct admin_server *server)
{
    struct event_base *base = loop_base(server->loop);
    const struct timeval patience = { .tv_sec = (time_t)(ADMIN_PATIENCE_US /
                                                         CLOCK_SECOND) };

    server->http = evhttp_new(base);
    server->listener =
        evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0,
                           server->socket.fd);
    if (!server->http || !server->listener ||
        !evhttp_bind_listener(server->http, server->listener)) {
        if (server->listener)
            evconnlistener_free(server->listener);
        return STATUS_NO_MEMORY;
    }
    if (evconnlistener_enable(server->listener) != 0)
        return STATUS_NO_MEMORY;
    evconnlistener_set_error_cb(server->listener, on_accept_failed);
    evhttp_set_bevcb(server->http, on_accepted, server);
    evhttp_set_gencb(server->http, request_received, server);
    evhttp_set_timeout_tv(server->http, &patience);
    evhttp_set_max_headers_size(server->http, ADMIN_MAX_HEADER_BYTES);
    evhttp_set_max_body_size(server->http, ADMIN_MAX_BODY_BYTES);
    /* So that it is we who refuse those we do not want. */
    evhttp_set_allowed_methods(server->http,
                               EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
                                   EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                   EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                   EVHTTP_REQ_PATCH | EVHTTP_REQ_TRACE |
                                   EVHTTP_REQ_CONNECT);
    return STATUS_OK;
}

enum status admin_server_open(const struct admin_options *options,
                              struct admin_server **server,
                              struct net_error *error)
{
    const struct listener_options socket = { .address = options->address };
    struct admin_server *opened;
    enum status status = STATUS_NO_MEMORY;

    if (!address_is_loopback(&options->address))
        return refuse_address(&options->address, error);
    text_format(error->text, sizeof(error->text), "admin: out of memory");
    opened = calloc(1, sizeof(*opened));
    if (!opened)
        return STATUS_NO_MEMORY;
    opened->loop = options->loop;
    opened->routes = options->routes;
    opened->context = options->context;
    for (size_t i = 0; i < ARRAY_LENGTH(opened->requests); i++)
        opened->requests[i].server = opened;
    loop_task_init(&opened->sweep_now, on_sweep_now);
    loop_timer_init(opened->loop, &opened->sweep_later, on_sweep_later);
    signal(SIGPIPE, SIG_IGN); /* libevent writes by writev() */
    status = listener_socket_open(&opened->socket, &socket, error);
    if (status == STATUS_OK)
        status = listen_by_library(opened);
    if (status == STATUS_OK) {
        *server = opened;
        return STATUS_OK;
    }
    admin_server_close(opened);
    return status;
}

/* Give the kernel what it takes at once: libevent will not have the time. */
static void push(struct bufferevent *stream)
{
    struct evbuffer_iovec parts[16];
    int count = evbuffer_peek(bufferevent_get_output(stream), -1, NULL, parts,
                              ARRAY_LENGTH(parts));
    struct msghdr message = { .msg_iov = parts };

    message.msg_iovlen = (size_t)count < ARRAY_LENGTH(parts)
                             ? (size_t)count
                             : ARRAY_LENGTH(parts);
    if (count > 0)
        (void)sendmsg(bufferevent_getfd(stream), &message,
                      MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void end_requests(struct admin_server *server)
{
    for (size_t i = 0; i < ARRAY_LENGTH(server->requests); i++) {
        struct admin_request *request = &server->requests[i];

        if (request->state == REQUEST_WAITING)
            admin_answer(request, 503, "text/plain", "the ambassador ends\n");
        if (request->state == REQUEST_ANSWERED && !has_let_go(request))
            push(request->stream);
    }
}

static void free_server(struct loop_deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct admin_server, deferred));
}

void admin_server_close(struct admin_server *server)
{
    if (!server || server->is_closed)
        return;
    server->is_closed = true;
    end_requests(server);
    if (server->http)
        evhttp_free(server->http);
    for (size_t i = 0; i < ARRAY_LENGTH(server->requests); i++)
        if (server->requests[i].state != REQUEST_FREE)
            release(&server->requests[i]);
    listener_socket_close(&server->socket);
    loop_task_cancel(&server->sweep_now);
    loop_timer_stop(&server->sweep_later);
    loop_defer(server->loop, &server->deferred, free_server);
}

const struct address *admin_server_address(const struct admin_server *server)
{
    return &server->socket.address;
}
