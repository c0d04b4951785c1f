/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_PRESENCE_H
#define SERVICE_PRESENCE_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/announcement.h"
#include "discovery/dns_message.h"
#include "service/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What registries are told of us: that this ambassador offers a service, and
 * where peers reach it.  Not how the service behind it is doing: that changes
 * faster than registries tell, and peers hear it in their tunnels.
 *
 * Each announcement has the name SERVICE@NODE, so that no two of ours meet
 * under one name, whatever they are told; one that is started again takes over
 * what it has left behind.  On the main thread.
 */
struct presence;

/* Where peers reach us. */
struct presence_place {
    char host[DNS_NAME]; /* IP or name; "": ours as each registry sees us */
    uint16_t port;       /* 0: not said */
    sa_family_t family;  /* of "": where we listen; AF_UNSPEC: with both */
};

/* "HOST", "HOST:PORT" with IPv6 in brackets; none that is on no one host. */
MUST_CHECK bool presence_place_parse(struct presence_place *place,
                                     const char *text);

/* The name of |service|'s announcements; cut with a checksum if too long. */
enum { PRESENCE_NAME = TEXT_MAX_NAME + 1 };
void presence_name(const char *service, const char *node, char *name);

/* |world| is borrowed; NULL without memory. */
MUST_CHECK struct presence *presence_new(const struct source_world *world,
                                         const char *node);
void presence_free(
    struct presence *presence); /* takes all back; NULL is fine */

/*
 * Announce what the offers among |services| say, at |place|, and nothing else:
 * what is announced already says something else from now on, if it is to, and
 * is not touched otherwise.  Without memory some are missing or say what they
 * said, and the log tells.
 */
void presence_set(struct presence *presence,
                  const struct service_options *services, size_t count,
                  const struct presence_place *place);
/* Take everything back, at once. */
void presence_withdraw(struct presence *presence);

/* One of the announcements of |service|, or NULL past the last. */
const struct announcement *presence_of(const struct presence *presence,
                                       const char *service, size_t index);
#endif
