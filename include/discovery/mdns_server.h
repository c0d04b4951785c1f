/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_MDNS_SERVER_H
#define DISCOVERY_MDNS_SERVER_H
#include "base/check.h"
#include "base/status.h"
#include "net/loop.h"
#include <avahi-core/core.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Avahi's multicast DNS stack inside our process, on our loop: no daemon, no
 * bus.  It shares the network's port with a daemon on the same machine, and
 * claims neither the host's name nor its addresses, which are that daemon's.
 * When it fails it is begun again, later and later; what hung on it is gone
 * then.
 */
struct mdns_server;

struct mdns_server_options {
    struct loop *loop;
    bool publishes; /* else it only listens */
    /* It runs: browse, or publish.  Called again after stopped(). */
    void (*running)(void *context, AvahiServer *server);
    /* Release whatever was made with |server|: it goes, for this reason. */
    void (*stopped)(void *context, const char *reason);
    void *context;
};

/* Callbacks come from the loop, never from in here. */
MUST_CHECK enum status
mdns_server_open(const struct mdns_server_options *options,
                 struct mdns_server **server);
/* stopped() is not called.  Accepts NULL.  Not from Avahi's callbacks. */
void mdns_server_close(struct mdns_server *server);

/* Something made with it failed: stop it and begin again, soon. */
void mdns_server_fail(struct mdns_server *server);

/* "_redis._tcp"; if not, |error| (of |size| bytes) says what was expected. */
MUST_CHECK bool mdns_is_service_type(const char *text, char *error,
                                     size_t size);

/* Avahi's poll interface on |loop|; |api| is the caller's. */
void mdns_poll_init(AvahiPoll *api, struct loop *loop);
#endif
