/* SPDX-License-Identifier: MIT */
/* A request from its last byte to its answer: who asks, for what, and how. */
#define _GNU_SOURCE /* struct ucred */
#include "admin/server_internal.h"

#include "base/log.h"
#include "base/text.h"
#include <event2/buffer.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- who asks ---- */

/* False if the kernel does not know, as of a port. */
static bool find_user(const struct admin_request *request, struct ucred *peer)
{
    socklen_t length = sizeof(*peer);

    return address_is_unix(&request->server->socket.address) &&
           getsockopt(bufferevent_getfd(request->stream), SOL_SOCKET,
                      SO_PEERCRED, peer, &length) == 0;
}

static bool is_user_allowed(const struct admin_request *request)
{
    struct ucred peer;

    if (!address_is_unix(&request->server->socket.address))
        return true;
    return find_user(request, &peer) &&
           (peer.uid == 0 || peer.uid == geteuid());
}

void admin_who(const struct admin_request *request, char *text, size_t size)
{
    struct ucred peer;

    if (find_user(request, &peer))
        text_format(text, size, "uid %u, pid %d", peer.uid, peer.pid);
    else
        text_format(text, size, "a local port");
}

/* Whether |host| is |name| with our port. */
static bool is_host(const char *host, const char *name, uint16_t port)
{
    char expected[ADDRESS_TEXT];

    text_format(expected, sizeof(expected), "%s:%u", name, port);
    return strcasecmp(host, expected) == 0 ||
           (port == 80 && strcasecmp(host, name) == 0);
}

/*
 * A page whose own name was made to resolve to us (DNS rebinding) makes the
 * browser say that name.
 */
static bool is_our_host(const struct address *address, const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    uint16_t port = address_port(address);
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (is_host(host, names[i], port))
            return true;
    return strcasecmp(host, address_format(address, text)) == 0;
}

/* There must be one, and all of them must be ours. */
static bool have_our_host(const struct evkeyvalq *headers,
                          const struct address *address)
{
    size_t count = 0;

    if (address_is_unix(address))
        return true; /* no browser comes this way */
    for (const struct evkeyval *header = headers->tqh_first; header;
         header = header->next.tqe_next) {
        if (strcasecmp(header->key, "Host") != 0)
            continue;
        if (!is_our_host(address, header->value))
            return false;
        count++;
    }
    return count > 0;
}

/* libevent takes the first of several. */
static bool has_two_lengths(const struct evkeyvalq *headers)
{
    size_t count = 0;

    for (const struct evkeyval *header = headers->tqh_first; header;
         header = header->next.tqe_next)
        count += strcasecmp(header->key, "Content-Length") == 0;
    return count > 1;
}

/* Why we do not talk with whoever asks, or NULL. */
static const char *suspicion(const struct admin_request *request,
                             struct evhttp_request *http)
{
    const struct evhttp_uri *target = evhttp_request_get_evhttp_uri(http);
    struct evkeyvalq *headers = evhttp_request_get_input_headers(http);

    if (!is_user_allowed(request))
        return "only root and the user of this process may ask";
    if (evhttp_uri_get_scheme(target) || evhttp_uri_get_host(target))
        return "this is no proxy: ask for a path";
    if (!have_our_host(headers, &request->server->socket.address))
        return "the Host header is not this address";
    if (evhttp_find_header(headers, "Origin"))
        return "web pages may not ask (there is an Origin header)";
    return NULL;
}

/* ---- for what ---- */

static bool has_method(const struct admin_route *route,
                       const struct evhttp_request *http)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(http);

    return (method == EVHTTP_REQ_GET && strcmp(route->method, "GET") == 0) ||
           (method == EVHTTP_REQ_POST && strcmp(route->method, "POST") == 0);
}

/* The route for |http|, or NULL and what else could be done there, if any. */
static const struct admin_route *find_route(const struct admin_route *routes,
                                            struct evhttp_request *http,
                                            const char **allowed)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(http));

    *allowed = NULL;
    for (const struct admin_route *route = routes; route->path; route++) {
        if (!path || strcmp(route->path, path) != 0)
            continue;
        if (has_method(route, http))
            return route;
        *allowed = route->method;
    }
    return NULL;
}

/* A NUL would cut what follows it off. */
static bool parse_query(struct admin_request *request,
                        struct evhttp_request *http)
{
    const char *query =
        evhttp_uri_get_query(evhttp_request_get_evhttp_uri(http));

    return !query || (!strstr(query, "%00") &&
                      evhttp_parse_query_str(query, &request->arguments) == 0);
}

static struct admin_request *find_request(struct admin_server *server,
                                          struct evhttp_request *http)
{
    const struct bufferevent *stream =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(http));

    for (size_t i = 0; i < ARRAY_LENGTH(server->requests); i++)
        if (server->requests[i].state == REQUEST_ASKING &&
            server->requests[i].stream == stream)
            return &server->requests[i];
    return NULL;
}

static void refuse(struct admin_request *request, int code, const char *reason)
{
    char text[256];

    LOG_LIMITED(1, LOG_WARNING, "admin_request_refused",
                log_number("code", code), log_text("reason", reason));
    text_format(text, sizeof(text), "%s\n", reason);
    admin_answer(request, code, "text/plain", text);
}

static void refuse_method(struct admin_request *request, const char *allowed)
{
    char text[64];

    text_format(text, sizeof(text), "only %s is possible here", allowed);
    evhttp_add_header(evhttp_request_get_output_headers(request->http), "Allow",
                      allowed);
    refuse(request, 405, text);
}

void request_received(struct evhttp_request *http, void *context)
{
    struct admin_server *server = context;
    struct admin_request *request = find_request(server, http);
    const struct admin_route *route;
    const char *reason, *allowed;

    if (!request) { /* not within our limits */
        evhttp_send_error(http, HTTP_SERVUNAVAIL, NULL);
        return;
    }
    request->http = http;
    request->state = REQUEST_WAITING;
    evhttp_clear_headers(&request->arguments);
    reason = suspicion(request, http);
    route = find_route(server->routes, http, &allowed);
    if (reason)
        refuse(request, 403, reason);
    else if (!route && allowed)
        refuse_method(request, allowed);
    else if (!route)
        refuse(request, 404, "there is no such path");
    else if (has_two_lengths(evhttp_request_get_input_headers(http)))
        refuse(request, 400, "there are two Content-Length headers");
    else if (!parse_query(request, http))
        refuse(request, 400, "the query is malformed");
    else
        route->handle(server->context, request);
}

const char *admin_argument(const struct admin_request *request,
                           const char *name)
{
    return evhttp_find_header(&request->arguments, name);
}

/* ---- how ---- */

static void on_sent(struct evhttp_request *http, void *context)
{
    struct admin_request *request = context;

    (void)http;
    request->is_sent = true;
    loop_schedule(request->server->loop, &request->server->sweep_now);
}

void admin_answer(struct admin_request *request, int code, const char *type,
                  const char *body)
{
    struct evhttp_request *http = request->http;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
    struct evbuffer *content = evbuffer_new();

    ASSERT(request->state == REQUEST_WAITING);
    if (!content || (evhttp_request_get_command(http) != EVHTTP_REQ_HEAD &&
                     evbuffer_add(content, body, strlen(body)) != 0))
        code = 503; /* without memory for the body, and so without one */
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Connection", "close");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    request->http = NULL;
    request->state = REQUEST_ANSWERED;
    request->since_us = loop_now_us(request->server->loop);
    evhttp_clear_headers(&request->arguments);
    evhttp_request_set_on_complete_cb(http, on_sent, request);
    evhttp_send_reply(http, code, NULL, content);
    /* A client that has sent its FIN behind the request still listens. */
    bufferevent_disable(request->stream, EV_READ);
    if (content)
        evbuffer_free(content);
}
