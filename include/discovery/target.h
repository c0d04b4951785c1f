/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_TARGET_H
#define DISCOVERY_TARGET_H
#include "base/check.h"
#include "discovery/dns_message.h"
#include "discovery/endpoint.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What registries name: a host, which is an IP address, a Unix socket or a
 * name of DNS, and a port.
 */
struct target {
    char host[DNS_NAME]; /* "10.0.0.1", "2001:db8::1", "unix:/path", a name */
    uint16_t port;       /* 0 for Unix */
    uint16_t priority;
    uint16_t weight;
};

/* How many one source may name. */
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
#endif
