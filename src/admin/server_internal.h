/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SERVER_INTERNAL_H
#define ADMIN_SERVER_INTERNAL_H
#include "admin/server.h"
#include "net/listener_socket.h"
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdbool.h>

/*
 * What server.c (connections) and request.c (what is asked and answered)
 * share.
 *
 * libevent's server does not say when a connection begins or ends, nor has it
 * limits for their number and their whole time.  So each connection's
 * bufferevent is made by us and kept by a reference of our own until libevent
 * has let go of it, and then until the client has had time to read.
 *
 *   FREE --accepted--> ASKING --complete--> WAITING --answer--> ANSWERED
 *                         |                                        |
 *   FREE <--released-- LEAVING <----------libevent lets go---------+
 */
enum request_state {
    REQUEST_FREE,
    REQUEST_ASKING,   /* libevent reads it */
    REQUEST_WAITING,  /* a route has it */
    REQUEST_ANSWERED, /* libevent writes */
    REQUEST_LEAVING   /* we read what is left, so that no reset overtakes
                         the answer */
};

/* A connection and the one request it may make. */
struct admin_request {
    struct admin_server *server; /* borrowed: it is within */
    enum request_state state;
    bool is_overfull;            /* more came in than any request has */
    bool is_sent;                /* the answer, all of it */
    uint64_t since_us;           /* it is in that state */
    struct bufferevent *stream;  /* a reference */
    struct evhttp_request *http; /* borrowed, while REQUEST_WAITING */
    struct evkeyvalq arguments;  /* owned, while REQUEST_WAITING */
};

struct admin_server {
    struct loop *loop; /* borrowed */
    const struct admin_route *routes;
    void *context;
    struct listener_socket socket;
    struct evhttp *http;
    struct evconnlistener *listener; /* owned by |http| once it has it */
    struct loop_task sweep_now;
    struct loop_timer sweep_later;
    uint64_t accept_again_us; /* after a failure; 0: accepting */
    bool is_closed;
    struct loop_deferred deferred;
    struct admin_request requests[ADMIN_MAX_CONNECTIONS];
};

/* libevent has a whole request. */
void request_received(struct evhttp_request *http, void *server);
#endif
