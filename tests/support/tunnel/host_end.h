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
    unsigned changes;      /* how often any told of a change */
    unsigned endings;      /* likewise */
    bool is_usable;        /* the one that told last */
    char reason[300];      /* of the last end that whoever dialled was told */
    struct list relays;
    bool refuses; /* every stream; else each gets a relay with a service */
    bool dials;   /* its relays stay without a connection */
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
/* Let |us| of real time pass. */
void host_end_pass(struct host_end *end, uint64_t us);
/* Turn until |*condition|; ten seconds at most, then false. */
bool host_end_wait(struct host_end *end, const bool *condition);
/* Turn until it is |count| or more. */
bool host_end_wait_count(struct host_end *end, const unsigned *counter,
                         unsigned count);

/* A stranger that dialled this end; neither has said hello, or both have. */
struct stranger *host_end_shake(struct host_end *end);
struct stranger *host_end_meet(struct host_end *end);
/* A tunnel over |fd|, which was accepted; its handshake is still to come. */
void host_end_greet(struct host_end *end, int fd);

/* The first relay that the stranger's streams made; or NULL. */
struct host_relay *host_end_relay(struct host_end *end);
/* A connection of ours, waiting; and a stream for it in the tunnel. */
struct host_relay *host_end_connect(struct host_end *end);
enum status host_end_attach(struct host_relay *relay);
/* The |length| bytes that come out of a connection, or the end before. */
bool host_end_receive(struct host_end *end, int fd, void *bytes, size_t length);
/* How a connection ends after nothing more: 0 by FIN, else the errno. */
int host_end_ending(struct host_end *end, int fd);
#endif
