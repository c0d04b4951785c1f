/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_WIRE_HOSTILE_PEER_H
#define SUPPORT_WIRE_HOSTILE_PEER_H
#include "support/wire/raw_peer.h"
#include "wire/session_internal.h"

/*
 * A hostile peer: the catalogue of attacks on the multiplexer, as tests of
 * test_session_hostile_*.c.  Each test runs for both roles (the far end of a
 * consumer is as hostile as that of a service: M-54), with a peer that reads
 * and with one that does not, and ends with a look at the bounds on memory and
 * work.
 *
 *  M-5 .. M-10   _frames: hello, lengths, types
 *  M-11 .. M-14  _streams: numbers, limits
 *  M-15          _streams as far as memory goes; the time a stream may be
 *                silent before it is served is service/'s
 *  M-16, M-17    _streams: slots and memory; sockets are service/'s
 *  M-18 .. M-23  _credit.  M-19: there is no credit of the tunnel; what is
 *                promised in all is bounded here and in test_credit.c
 *  M-24          tunnel/: a stall of writing
 *  M-25 .. M-28  _frames: PING, HELLO
 *  M-29 .. M-32  _streams: FIN, RESET, offsets
 *  M-33          _frames: GOAWAY, STREAMS
 *  M-34          _streams; each field in test_metadata.c
 *  M-35          service/: who may use what; the wire says DENIED for both
 *  M-36          service/: whose source addresses are believed
 *  M-37          no deadline exists on the wire
 *  M-38, M-39    _credit and test_schedule.c
 *  M-50          _frames as far as no end of file comes of it; tunnel/ for TLS
 *  M-51          numbers of streams are in order (M-13) and the table's
 *                multiplier is secret; names of services are service/'s
 *  M-52          service/ and admin/: names become no labels
 *  M-53          no compression exists
 */
enum { HOSTILE_MANY = 20000, HOSTILE_GLITCHES = 100, HOSTILE_STREAMS = 50 };

struct hostile_way {
    enum session_role role;
    bool reads;
};

extern struct hostile_way hostile_ways[4];

#define HOSTILE_WAY(test, how, index)              \
    {                                              \
        .name = #test ", " how, .test_func = test, \
        .initial_state = &hostile_ways[index]      \
    }
#define EACH_WAY(test)                            \
    HOSTILE_WAY(test, "dialer, read", 0),         \
        HOSTILE_WAY(test, "dialer, not read", 1), \
        HOSTILE_WAY(test, "acceptor, read", 2),   \
        HOSTILE_WAY(test, "acceptor, not read", 3)

extern struct raw_peer raw;

/* A session in the role and with the peer that the test's |state| says. */
void start_limited(void **state, const struct limits *limits);
/* The same, and the peer may open HOSTILE_STREAMS streams at a time. */
void start(void **state);

/*
 * The end of each test: memory for what is allowed to exist, and no more work
 * or answers than ten times what the peer spent.
 */
void stop(void);

/* A stream of the peer's, and one of the session's that it has heard of. */
uint32_t accept_one(void);
uint32_t open_one(void);

uint32_t glitches(void);
/* What was put is odd, but goes. */
void expect_odd(void);
/*
 * |put| again and again: GOAWAY at three quarters of what may be odd, the end
 * behind all of it.
 */
void expect_flood_broken(void (*put)(uint32_t index));
#endif
