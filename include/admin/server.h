/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SERVER_H
#define ADMIN_SERVER_H
#include "base/check.h"
#include "base/status.h"
#include "net/listener.h"
#include "net/loop.h"
#include <stddef.h>

/*
 * The operator's window: HTTP/1.1 on a Unix socket (mode 0600) or a loopback
 * port, in the main thread's loop.  A connection carries one request, which is
 * answered now or later, once.
 *
 * Who may ask: on a Unix socket root and our own user, whatever its mode has
 * become; on a port everybody on this machine, but nobody a web page could
 * make ask: a Host that is not ours, any Origin and a change by anything but
 * POST are refused.  Bounded: connections, sizes, time.
 */
struct admin_server;
struct admin_request;

enum {
    ADMIN_MAX_CONNECTIONS = 64,        /* more wait in the kernel's queue */
    ADMIN_MAX_HEADER_BYTES = 8 * 1024, /* of a request */
    ADMIN_MAX_BODY_BYTES = 16 * 1024,  /* of a request */
};
/* For a request to come in, and again for its answer to be taken. */
#define ADMIN_PATIENCE_US UINT64_C(5000000)

struct admin_route {
    const char *method; /* "GET" or "POST" */
    const char *path;   /* "/status" */
    /* Answers |request| by admin_answer(), from inside or later. */
    void (*handle)(void *context, struct admin_request *request);
};

struct admin_options {
    struct loop *loop;
    struct address address;           /* Unix or loopback; else STATUS_CONFIG */
    const struct admin_route *routes; /* borrowed, ended by one without path */
    void *context;
};

/* On failure |error| is one sentence.  SIGPIPE is ignored from here on. */
MUST_CHECK enum status admin_server_open(const struct admin_options *options,
                                         struct admin_server **server,
                                         struct net_error *error);
/*
 * Requests that wait for an answer get 503 and must not be used any more;
 * answers already given are sent as far as the kernel takes them at once.
 * Accepts NULL.
 */
void admin_server_close(struct admin_server *server);
const struct address *admin_server_address(const struct admin_server *server);

/* The value of |name| in the query, or NULL; lives as long as |request|. */
const char *admin_argument(const struct admin_request *request,
                           const char *name);

/* Who asks, for the log: "uid 0, pid 123", or "a local port". */
void admin_who(const struct admin_request *request, char *text, size_t size);

/*
 * |type| is like "application/json"; |body| is copied.  Ends |request|, also
 * when its client is gone.
 */
void admin_answer(struct admin_request *request, int code, const char *type,
                  const char *body);
#endif
