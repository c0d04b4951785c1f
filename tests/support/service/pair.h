/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_SERVICE_PAIR_H
#define SUPPORT_SERVICE_PAIR_H
#include "service/switchboard.h"
#include "support/tunnel/papers.h"
#include "tunnel/acceptor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Two ambassadors in one process and one loop, with real certificates, real
 * sockets on loopback and a real tunnel between them: spiffe://acme/app
 * consumes "echo", spiffe://acme/db offers it.  The test is the application
 * and the service; whatever it waits for, the loop turns meanwhile.
 */
enum { PAIR_CONSUMER, PAIR_OFFERER };

struct pair {
    struct loop *loop;
    struct handshaker *handshakers[2];
    struct switchboard boards[2];
    struct acceptor *acceptor; /* of the offerer */
    int service;               /* what listens where the service is */
    bool usable;               /* as the consumer last told */
    unsigned homeless;         /* connections it gave back; reset */
    struct papers papers;
};

struct pair_options {
    const char *allow;  /* NULL: spiffe://acme/app */
    const char *peer;   /* NULL: spiffe://acme/db */
    uint64_t hold_us;   /* 0: a second */
    bool is_reverse;    /* the offerer dials, the consumer has inbound: */
    bool is_away;       /* nothing listens where the service should be */
    bool first_refuses; /* the service is the second choice of two */
    bool proxy_protocol;
    uint32_t max_connections; /* 0: as usual */
    struct limits limits;     /* max_streams 0: as usual */
};

/* Anything that goes wrong here aborts the test. */
struct pair *pair_new(const struct pair_options *options);
/* Ends both, and checks that nothing is left. */
void pair_free(struct pair *pair);

void pair_turn(struct pair *pair, unsigned times);
/* Let |us| of real time pass. */
void pair_pass(struct pair *pair, uint64_t us);

/* The consumer has a tunnel it can use. */
void pair_connect(struct pair *pair);

/* A connection of the application; returns its end of it. */
int pair_dial(struct pair *pair);
/* The service's end of the next one. */
int pair_accept(struct pair *pair);

void pair_send(struct pair *pair, int fd, const void *bytes, size_t length);
/* Exactly |length| bytes; false if they end before. */
bool pair_receive(struct pair *pair, int fd, void *bytes, size_t length);

/* How a socket ends after nothing more: 0 by FIN, else the errno. */
int pair_ending(struct pair *pair, int fd);

struct service *pair_service(struct pair *pair, int side);
#endif
