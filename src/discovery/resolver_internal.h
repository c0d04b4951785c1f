/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_RESOLVER_INTERNAL_H
#define DISCOVERY_RESOLVER_INTERNAL_H
#include "discovery/resolver.h"
#include <ares.h>

/*
 * c-ares on our loop: one channel is one configuration of servers.  Shared by
 * resolver.c (lookups) and channel.c.
 */
struct channel;

/* |bytes| is NULL unless |status| is ARES_SUCCESS. */
typedef void channel_answered(void *context, int status, const uint8_t *bytes,
                              size_t length);

MUST_CHECK struct channel *channel_open(const struct resolver_options *options,
                                        const char *servers);
/* What is under way ends by ARES_EDESTRUCTION.  Accepts NULL. */
void channel_close(struct channel *channel);
bool channel_is_idle(const struct channel *channel);

/* |answered| may be called before this returns. */
void channel_ask(struct channel *channel, const char *name, enum dns_type type,
                 channel_answered *answered, void *context);

/* What the hosts file says of |name|: the number of addresses, at most |max|.
 */
size_t channel_read_hosts(struct channel *channel, const char *name,
                          struct dns_address *addresses, size_t max);
#endif
