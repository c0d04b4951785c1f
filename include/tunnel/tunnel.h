/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_TUNNEL_H
#define TUNNEL_TUNNEL_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include "tunnel/host.h"
#include "wire/session.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * One established TLS connection to a peer with the session in it: where
 * bytes, secrets and sockets meet.  Its life ends once, by tunnel_close() or
 * by what happens to it; then its relays are told that it is lost, and
 * host_events.tunnel_ended is called.  Memory goes back after the turn.
 */
struct tunnel;

struct tunnel_options {
    struct host *host;
    struct tls *tls; /* established; becomes the tunnel's */
    int fd;          /* likewise */
    enum session_role role;
    const uint8_t *surplus; /* what came behind the handshake; copied */
    size_t surplus_length;
    struct address address; /* of the peer */
    /* For whoever dialled it, before the host is told; may be NULL. */
    void (*changed)(void *context, struct tunnel *tunnel);
    void (*ended)(void *context, struct tunnel *tunnel, const char *reason);
    void *context;
};

/* STATUS_NO_MEMORY: what |options| gave away is freed. */
MUST_CHECK enum status tunnel_open(const struct tunnel_options *options,
                                   struct tunnel **tunnel);

/*
 * End it now: CLOSE and close_notify if they still fit, then the socket.
 * |reason| and |text| are for the log and, as a code, for the peer.
 */
void tunnel_close(struct tunnel *tunnel, enum code code, const char *text);

/* Ask the peer for no more streams; ours may still be opened. */
void tunnel_go_away(struct tunnel *tunnel);
/* The same, but none of ours either; close when the last is over. */
void tunnel_drain(struct tunnel *tunnel);

/* Call whoever dialled it back no more. */
void tunnel_disown(struct tunnel *tunnel);

/* The peer's HELLO is here and it takes streams. */
bool tunnel_is_usable(const struct tunnel *tunnel);

/* Something is due in the session: flush it at the end of this turn. */
void tunnel_touch(struct tunnel *tunnel);

struct session *tunnel_session(const struct tunnel *tunnel);
/* The peer's identity. */
const struct spiffe *tunnel_peer(const struct tunnel *tunnel);
uint64_t tunnel_number(const struct tunnel *tunnel);

/* Check by the identity that the handshaker now has; close if it is refused. */
void tunnel_recheck(struct tunnel *tunnel);

/* The tunnel of a node in host.tunnels. */
struct tunnel *tunnel_of_node(struct list *node);

struct tunnel_report {
    uint64_t number;
    const char *peer;    /* identity; borrowed */
    const char *node;    /* as the peer says; borrowed */
    const char *version; /* likewise */
    struct address address;
    const char *aead;
    bool is_dialler; /* we dialled it */
    bool is_ready;
    bool is_draining;
    uint64_t age_us;
    uint64_t sent_bytes;     /* on the wire */
    uint64_t received_bytes; /* on the wire */
    int64_t expires;         /* the peer's certificate, seconds since 1970 */
    const struct offers *offers; /* what it offers us, borrowed, or NULL */
    struct session_stats session;
};

void tunnel_report(const struct tunnel *tunnel, struct tunnel_report *report);
#endif
