/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_HOST_END_H
#define SUPPORT_TUNNEL_HOST_END_H
#include "support/tunnel/papers.h"
#include "support/tunnel/stranger.h"
#include "tunnel/handshaker.h"
#include "tunnel/host.h"
#include "tunnel/relay.h"
#include "tunnel/tunnel.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * One ambassador up to the layer tunnel/, without services: a loop, a
 * handshaker that is spiffe://acme/db, and a host that notes what it is told.
 * The far end is a stranger, spiffe://acme/app.
 */
struct host_end {
    struct loop *loop;
    struct papers papers;
    struct handshaker *handshaker;
    struct host host;
    struct tunnel *tunnel; /* the last that was opened; NULL: it ended */
    bool is_usable;        /* the one that told last */
    struct list relays;
    bool dials; /* its relays stay without a connection */
};

/* One relay with the other end of its connection. */
struct host_relay {
    struct list node;
    struct relay relay;
    struct host_end *end;
    int fd; /* what a test reads and writes; -1 without a connection */
    unsigned answers;
    unsigned refusals;
    enum code code; /* of the last refusal */
    bool delivered;
    bool is_ended;
    enum relay_ending ending;
    bool keeps; /* what is refused: to be attached again */
};

/* |limits| and |max_memory_bytes| NULL and 0: plenty. */
void host_end_start(struct host_end *end, const struct limits *limits,
                    size_t max_memory_bytes);
/* Closes what is left, and checks that nothing stays behind. */
void host_end_stop(struct host_end *end);

void host_end_turn(struct host_end *end, unsigned times);
/* A stranger that dialled this end; both have said hello. */
struct stranger *host_end_meet(struct host_end *end);

/* A connection of ours, waiting; and a stream for it in the tunnel. */
struct host_relay *host_end_connect(struct host_end *end);
enum status host_end_attach(struct host_relay *relay);
/* The connection of one that dials. */
void host_relay_connect(struct host_relay *relay);
#endif
