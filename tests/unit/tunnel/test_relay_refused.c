/* SPDX-License-Identifier: MIT */
/* A stream the peer refuses, and what becomes of the bytes in it. */
#include "support/tunnel/passage.h"

#include "support/sockets.h"
#include <errno.h>
#include <sys/socket.h>

static void refuse_there(struct passage *passage, struct channel *channel,
                         enum code code, bool delivered)
{
    frame_put_open_fail(&passage->stranger->out, channel->id, (uint16_t)code,
                        delivered);
    stranger_send(passage->stranger);
}

static void what_was_not_delivered_is_presented_elsewhere(void **state)
{
    enum { EARLY = 3000 };
    static uint8_t bytes[EARLY];
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *first = passage_attach(passage, relay);
    struct channel *second;

    passage->is_mean = true;
    relay->keeps = true;
    first->id = 0; /* not looked at: these are to be the second's */
    for (size_t i = 0; i < EARLY; i++)
        bytes[i] = channel_byte_up(&(struct channel){ .id = 4 }, i);
    sockets_send(relay->fd, bytes, EARLY);
    AWAIT(passage, relay->relay.up_bytes == EARLY);
    passage_settle(passage);
    first->id = 2;
    first->arrived = EARLY;
    refuse_there(passage, first, CODE_DRAINING, false);
    AWAIT(passage, relay->refusals == 1);
    assert_int_equal(relay->code, CODE_DRAINING);
    assert_false(relay->delivered);
    assert_false(relay->is_ended);
    assert_null(relay->relay.stream);
    assert_int_equal(relay->relay.early.bytes, EARLY);
    second = passage_attach(passage, relay);
    assert_int_equal(second->id, 4);
    second->written = EARLY;
    channel_write(passage, second, 1000);
    channel_finish(second);
    AWAIT(passage, second->is_finished);
    assert_int_equal(second->arrived, EARLY + 1000);
    assert_int_equal(relay->relay.early.bytes, 0);
    channel_send(passage, second, 1000, true);
    assert_int_equal(channel_ending(passage, second), 0);
    channel_expect(passage, second, RELAY_ENDED_IN_ORDER);
    assert_int_equal(relay->relay.up_bytes, EARLY + 1000);
}

/* The end of file was read once, and belongs to the next stream too. */
static void a_fin_that_was_not_delivered_is_presented_too(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *first = passage_attach(passage, relay);
    struct channel *second;

    passage->is_mean = true; /* no frame of its own: no answer */
    relay->keeps = true;
    channel_finish(first);
    AWAIT(passage, first->is_finished);
    refuse_there(passage, first, CODE_UNREACHABLE, false);
    AWAIT(passage, relay->refusals == 1);
    second = passage_attach(passage, relay);
    AWAIT(passage, second->is_finished);
    assert_int_equal(second->arrived, 0);
}

/* A peer's credit is what bounds the bytes that may have to be kept. */
static void what_is_kept_for_elsewhere_is_bounded_by_credit(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel = passage_attach(passage, relay);

    passage->is_mean = true;
    relay->keeps = true;
    channel_write_all(passage, channel);
    refuse_there(passage, channel, CODE_OVERLOAD, false);
    AWAIT(passage, relay->refusals == 1);
    assert_true(relay->relay.early.bytes >= 65536);
    assert_true(relay->relay.early.bytes < 65536 + 32768);
    /* Nor does more come while it waits. */
    passage_settle(passage);
    assert_true(relay->relay.early.bytes < 65536 + 32768);
    assert_int_equal(relay->relay.up_bytes, relay->relay.early.bytes);
}

static void what_may_have_been_delivered_is_not_presented_again(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel = passage_attach(passage, relay);

    passage->is_mean = true; /* no frame of its own: no answer */
    channel_write(passage, channel, 3000);
    AWAIT(passage, channel->arrived == 3000);
    refuse_there(passage, channel, CODE_LOST, true);
    channel_expect(passage, channel, RELAY_REFUSED);
    assert_int_equal(relay->refusals, 1);
    assert_int_equal(relay->code, CODE_LOST);
    assert_true(relay->delivered);
    assert_int_equal(channel_ending(passage, channel), ECONNRESET);
}

/* Nobody is left to take it elsewhere for. */
static void a_refusal_after_the_application_left_ends_it(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel = passage_attach(passage, relay);

    passage->is_mean = true;
    relay->keeps = true;
    channel_write(passage, channel, 90000);
    AWAIT(passage, channel->arrived == 65536);
    channel_reset(passage, channel);
    AWAIT(passage, channel->stopped >= 0);
    refuse_there(passage, channel, CODE_OVERLOAD, false);
    channel_expect(passage, channel, RELAY_RESET_HERE);
    assert_int_equal(relay->refusals, 0);
}

static void
a_peer_that_takes_no_more_streams_leaves_the_relay_as_it_was(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel;

    assert_int_equal(relay_prefix(&relay->relay, (const uint8_t *)"x", 1),
                     STATUS_OK);
    frame_put_goaway(&passage->stranger->out, CODE_DRAINING);
    stranger_send(passage->stranger);
    AWAIT(passage, !passage->end.is_usable);
    assert_int_equal(host_end_attach(relay), STATUS_CLOSED);
    assert_null(relay->relay.stream);
    assert_int_equal(relay->relay.early.bytes, 1);
    assert_false(relay->is_ended);
    relay_abort(&relay->relay, RELAY_REFUSED);
    channel = &(struct channel){ .relay = relay, .id = 2 };
    channel_expect(passage, channel, RELAY_REFUSED);
    assert_int_equal(channel_ending(passage, channel), ECONNRESET);
}

RUN_TESTS(WITH(what_was_not_delivered_is_presented_elsewhere),
          WITH(a_fin_that_was_not_delivered_is_presented_too),
          WITH(what_is_kept_for_elsewhere_is_bounded_by_credit),
          WITH(what_may_have_been_delivered_is_not_presented_again),
          WITH(a_refusal_after_the_application_left_ends_it),
          WITH(a_peer_that_takes_no_more_streams_leaves_the_relay_as_it_was))
