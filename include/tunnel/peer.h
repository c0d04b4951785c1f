/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_PEER_H
#define TUNNEL_PEER_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include "tunnel/host.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * An ambassador we dial, from one worker: keeps a tunnel to it, for as long as
 * anybody wants it.  A tunnel that is lost is dialled again, later and later
 * and at random times, so that many who lost the same peer do not all come
 * back at once; one that takes no more streams gets a successor beside it.
 */
struct peer;

struct peer_options {
    struct host *host;
    struct address address;
    const char *name; /* "db-1.example.com:7411", for people; copied */
};

/* Dials at once.  NULL without memory. */
MUST_CHECK struct peer *peer_new(const struct peer_options *options);
/* Drains its tunnels and forgets them.  Accepts NULL. */
void peer_free(struct peer *peer);

/* A tunnel that takes streams, or NULL. */
struct tunnel *peer_tunnel(const struct peer *peer);

/* Somebody waits: do not sleep long before the next attempt. */
void peer_hurry(struct peer *peer);

const struct address *peer_address(const struct peer *peer);

struct peer_report {
    const char *state;   /* "up", "dialling", "down" */
    const char *failure; /* of the last attempt, or "" */
    uint32_t failures;   /* in a row */
};

void peer_report(const struct peer *peer, struct peer_report *report);
#endif
