/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ZOOKEEPER_SESSION_H
#define DISCOVERY_ZOOKEEPER_SESSION_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/source.h"
#include "discovery/zookeeper_place.h"
#include <zookeeper/zookeeper.h>

/*
 * A session with a ZooKeeper ensemble, kept for as long as it is wanted: its
 * servers' names are resolved by us, a lost connection is made again at most
 * once a second, an expired session is replaced.  The client library runs on
 * our loop, without threads.
 *
 *   (no handle) --resolved--> connecting --> CONNECTED
 *   CONNECTED --connection lost--> connecting          the session may live on
 *   connecting --expired, refused--> (no handle)       watches, nodes are gone
 */
struct zookeeper_session;

struct zookeeper_session_options {
    const struct source_world *world; /* borrowed */
    struct zookeeper_place place;     /* its path is the owner's business */
    /*
     * From the loop; |connected| also when a connection was made again: then
     * ask for everything again.  |lost| says why, whenever that is known.
     */
    void (*connected)(void *context);
    void (*lost)(void *context, const char *reason);
    void *context;
};

MUST_CHECK enum status
zookeeper_session_open(const struct zookeeper_session_options *options,
                       struct zookeeper_session **session);

/*
 * Ends the session, so that its ephemeral nodes go at once.  Completions that
 * are still due are called from in here, with ZCLOSING.  Accepts NULL.  Not
 * from inside a callback of the library.
 */
void zookeeper_session_close(struct zookeeper_session *session);

/* For zoo_*() calls while connected, else NULL. */
zhandle_t *zookeeper_session_handle(struct zookeeper_session *session);

/* Requests were made: send them.  Needed except in callbacks of the library. */
void zookeeper_session_send(struct zookeeper_session *session);

/* The IP address from which we are connected; false if we are not. */
MUST_CHECK bool zookeeper_session_own_ip(struct zookeeper_session *session,
                                         char *ip, size_t size);

/* In words, for logs. */
const char *zookeeper_session_error(int code);
#endif
