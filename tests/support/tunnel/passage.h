/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_PASSAGE_H
#define SUPPORT_TUNNEL_PASSAGE_H
/*
 * Relays between real sockets and a real tunnel with a stranger at its far
 * end: for the tests of tunnel/relay.  Every byte depends on its stream, its
 * direction and its place, and is checked where it comes out.
 */
#include "support/await.h"
#include "support/sockets.h"
#include "support/tunnel/host_end.h"
#include "support/tunnel/patience.h"

enum { MAX_CHANNELS = 4, CHANNEL_PART = 8192 };

/* One stream with what is at either end of it. */
struct channel {
    struct host_relay *relay;
    uint32_t id;
    /* At the stranger's. */
    uint64_t sent;
    uint64_t limit;    /* of what it may send */
    uint64_t consumed; /* of that, as it was told; FIN counts one */
    bool said_fin;
    uint64_t arrived;
    bool is_finished;   /* FIN came behind it */
    int reset, stopped; /* the code that came; -1: none */
    int refused;        /* likewise */
    bool was_delivered; /* as the refusal says */
    /* At the application's or service's. */
    uint64_t written, read;
};

struct passage {
    struct host_end end;
    struct stranger *stranger;
    struct channel channels[MAX_CHANNELS];
    unsigned count;
    bool is_mean; /* the stranger gives no more credit */
};

uint8_t channel_byte_up(const struct channel *channel, uint64_t offset);
uint8_t channel_byte_down(const struct channel *channel, uint64_t offset);
void passage_turn(struct passage *passage);

/* Turn until |condition|. */
#define AWAIT(passage, condition) AWAIT_BY(passage_turn(passage), condition)

/* Long enough for what should not happen. */
void passage_settle(struct passage *passage);

/* ---- life ---- */

void passage_start_with(struct passage *passage, const struct limits *limits,
                        size_t max_memory_bytes);
void passage_start(struct passage *passage);
/* With windows that do not grow: it is soon seen that credit is used up. */
void passage_start_small(struct passage *passage);
void passage_stop(struct passage *passage);

/* A test with a passage in |*state|. */
int passage_set_up(void **state);
int passage_set_up_small(void **state);
int passage_tear_down(void **state);
#define WITH(name) \
    cmocka_unit_test_setup_teardown(name, passage_set_up, passage_tear_down)
#define WITH_SMALL(name)                                        \
    cmocka_unit_test_setup_teardown(name, passage_set_up_small, \
                                    passage_tear_down)

/* A stream of the stranger's, and the relay it got. */
struct channel *passage_open(struct passage *passage);
/* A stream of ours for |relay|. */
struct channel *passage_attach(struct passage *passage,
                               struct host_relay *relay);
/* Have the kernel hold little of what is not read. */
void channel_narrow(struct channel *channel);

/* ---- bytes ---- */

/* One frame, as far as |length| and the credit go. */
size_t channel_send_some(struct passage *passage, struct channel *channel,
                         size_t length, bool fin);
/* From the stranger, waiting for credit. */
void channel_send(struct passage *passage, struct channel *channel,
                  size_t length, bool fin);
/* All that the stranger may send, until it is given no more credit. */
void channel_send_all(struct passage *passage, struct channel *channel);
/* Credit of the stranger's, as if it consumed what arrived. */
void channel_grant(struct passage *passage, const struct channel *channel);
/* To the socket, as much as it takes of |length| now. */
size_t channel_write_some(struct channel *channel, size_t length);
/* To the socket until it takes no more. */
void channel_write_all(struct passage *passage, struct channel *channel);
void channel_write(struct passage *passage, struct channel *channel,
                   size_t length);
void channel_read(struct passage *passage, struct channel *channel,
                  size_t length);
/* Read to the end: 0 by FIN, else the errno; |read| says behind how much. */
int channel_ending(struct passage *passage, struct channel *channel);
/* The application goes away with a reset, behind all that it wrote. */
void channel_reset(struct passage *passage, struct channel *channel);
void channel_finish(struct channel *channel);
/* Its relay ends so. */
void channel_expect(struct passage *passage, struct channel *channel,
                    enum relay_ending ending);
#endif
