/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_TARGET_H
#define DISCOVERY_TARGET_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/dns_message.h"
#include "discovery/endpoint.h"
#include "discovery/resolver.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What registries name: a host, which is an IP address, a Unix socket or a
 * name of DNS, and a port.  A set of targets keeps the names among them
 * resolved, by their times to live and when in doubt, and tells the endpoints
 * they stand for.  A name that was resolved once keeps its addresses until
 * DNS gives others.
 */
struct target {
    char host[DNS_NAME]; /* "10.0.0.1", "2001:db8::1", "unix:/path", a name */
    uint16_t port;       /* 0 for Unix */
    uint16_t priority;
    uint16_t weight;
};

enum { TARGETS_MAX = ENDPOINTS_MAX, TARGET_WEIGHT = 1 };

/*
 * "host:port", "[v6]:port" or "unix:/path" with the weight TARGET_WEIGHT; if
 * not, |error| (of |size| bytes) says what was expected.
 */
MUST_CHECK bool target_parse(struct target *target, const char *text,
                             char *error, size_t size);

/* The same of a host, as above but for Unix, and a port. */
MUST_CHECK bool target_make(struct target *target, const char *host,
                            uint64_t port);

/* The endpoint's name for |target|, "host:port", into |name|. */
void target_name(const struct target *target, char *name, size_t size);

struct targets_report {
    const struct endpoint *items; /* borrowed for the call */
    size_t count;
    const char *failure; /* names that could not be resolved and why, or that
                          * there are too many; or NULL */
    bool all_failed;     /* every one: this tells nothing new */
};

struct targets_options {
    struct loop *loop;
    struct resolver *resolver;
    /* Called from the loop, never from inside the functions below. */
    void (*changed)(void *context, const struct targets_report *report);
    void *context;
};

struct targets;

MUST_CHECK struct targets *targets_new(const struct targets_options *options);
void targets_free(struct targets *targets); /* accepts NULL */

/*
 * These are all, from now on; |known| (or NULL) has addresses for some of
 * them by their index.  STATUS_NO_MEMORY: nothing has changed.
 */
MUST_CHECK enum status targets_set(struct targets *targets,
                                   const struct target *items, size_t count,
                                   const struct dns_answer *known);

/* Resolve all names again, soon. */
void targets_doubt(struct targets *targets);
#endif
