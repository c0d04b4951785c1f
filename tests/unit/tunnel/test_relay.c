/* SPDX-License-Identifier: MIT */
/*
 * Bytes both ways, in order, and ends in order; how relays end otherwise is in
 * test_relay_endings.c.
 */
#include "support/tunnel/passage.h"

#include "support/sockets.h"
#include <sys/socket.h>
#include <unistd.h>

/* ---- bytes ---- */

static void bytes_flow_both_ways_and_are_counted(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    for (int i = 0; i < 20; i++) {
        channel_send(passage, channel, 12345, false);
        channel_write(passage, channel, 23456);
        channel_read(passage, channel, 12345);
        AWAIT(passage, channel->arrived == channel->written);
    }
    assert_int_equal(channel->relay->relay.down_bytes, 20 * 12345);
    assert_int_equal(channel->relay->relay.up_bytes, 20 * 23456);
    /* And no byte stays in our books. */
    AWAIT(passage, channel->consumed == channel->sent);
    assert_false(channel->relay->is_ended);
}

static void a_stream_of_ours_is_answered_by_its_first_frame(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel = passage_attach(passage, relay);

    channel_write(passage, channel, 1000);
    AWAIT(passage, channel->arrived == 1000);
    passage_settle(passage);
    /* The stranger's WINDOW was one. */
    assert_int_equal(relay->answers, 1);
    channel_send(passage, channel, 1000, false);
    channel_read(passage, channel, 1000);
    assert_int_equal(relay->answers, 1);
}

static void an_unanswered_stream_carries_what_the_application_says(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel = passage_attach(passage, relay);

    passage->is_mean = true;
    channel_write(passage, channel, 1000);
    AWAIT(passage, channel->arrived == 1000);
    passage_settle(passage);
    assert_int_equal(relay->answers, 0);
    assert_false(relay->is_ended);
}

/* ---- FIN ---- */

static void a_fin_of_the_socket_ends_one_direction(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_write(passage, channel, 100000);
    channel_finish(channel);
    AWAIT(passage, channel->is_finished);
    assert_int_equal(channel->arrived, 100000);
    for (int i = 0; i < 3; i++) {
        passage_settle(passage);
        assert_false(channel->relay->is_ended);
        channel_send(passage, channel, 50000, false);
        channel_read(passage, channel, 50000);
    }
    channel_send(passage, channel, 7, true);
    assert_int_equal(channel_ending(passage, channel), 0);
    assert_int_equal(channel->read, 150007);
    channel_expect(passage, channel, RELAY_ENDED_IN_ORDER);
    assert_int_equal(channel->reset, -1);
    assert_int_equal(channel->stopped, -1);
}

static void a_fin_of_the_stream_ends_one_direction(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_send(passage, channel, 100000, true);
    assert_int_equal(channel_ending(passage, channel), 0);
    assert_int_equal(channel->read, 100000);
    for (int i = 0; i < 3; i++) {
        passage_settle(passage);
        assert_false(channel->relay->is_ended);
        channel_write(passage, channel, 50000);
        AWAIT(passage, channel->arrived == channel->written);
    }
    channel_write(passage, channel, 7);
    channel_finish(channel);
    AWAIT(passage, channel->is_finished);
    assert_int_equal(channel->arrived, 150007);
    channel_expect(passage, channel, RELAY_ENDED_IN_ORDER);
    assert_int_equal(channel->reset, -1);
    assert_int_equal(channel->stopped, -1);
}

static void a_fin_without_a_byte_is_one(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_send(passage, channel, 0, true);
    assert_int_equal(channel_ending(passage, channel), 0);
    assert_false(channel->relay->is_ended);
    channel_finish(channel);
    AWAIT(passage, channel->is_finished);
    assert_int_equal(channel->arrived, 0);
    channel_expect(passage, channel, RELAY_ENDED_IN_ORDER);
}

static void a_fin_waits_for_bytes_that_nobody_reads(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_narrow(channel);
    channel_send_all(passage, channel);
    channel_send(passage, channel, 0, true);
    channel_finish(channel);
    passage_settle(passage);
    assert_true(channel->consumed < channel->sent);
    assert_true(channel->relay->relay.connection.queue.bytes > 0);
    assert_false(channel->relay->is_ended);
    assert_int_equal(channel_ending(passage, channel), 0);
    assert_int_equal(channel->read, channel->sent);
    channel_expect(passage, channel, RELAY_ENDED_IN_ORDER);
    AWAIT(passage, channel->consumed == channel->sent + 1);
}

/* ---- credit ---- */

static void
a_socket_that_is_not_read_stops_its_stream_and_nothing_else(void **state)
{
    struct passage *passage = *state;
    struct channel *stuck = passage_open(passage);
    struct channel *other = passage_open(passage);
    uint64_t sent;

    channel_narrow(stuck);
    channel_send_all(passage, stuck);
    sent = stuck->sent;
    assert_true(sent - stuck->consumed <= 65536);
    assert_true(stuck->relay->relay.connection.queue.bytes <= 65536);
    /* Its own other direction, and another stream. */
    channel_write(passage, stuck, 100000);
    AWAIT(passage, stuck->arrived == 100000);
    for (int i = 0; i < 10; i++) {
        channel_send(passage, other, 30000, false);
        channel_read(passage, other, 30000);
    }
    /* What the kernel makes room for by and by is not much. */
    assert_true(stuck->relay->relay.connection.queue.bytes > 0);
    assert_true(stuck->limit < sent + 65536);
    /* Read on, it goes on. */
    channel_read(passage, stuck, sent);
    AWAIT(passage, stuck->consumed == sent);
    for (int i = 0; i < 10; i++) {
        channel_send(passage, stuck, 30000, i == 9);
        channel_read(passage, stuck, 30000);
    }
    assert_int_equal(channel_ending(passage, stuck), 0);
}

static void a_peer_without_room_stops_its_socket_and_nothing_else(void **state)
{
    struct passage *passage = *state;
    struct channel *stuck = passage_open(passage);
    struct channel *other = passage_open(passage);

    passage->is_mean = true; /* 65536 each, as it said in HELLO */
    channel_write_all(passage, stuck);
    assert_int_equal(stuck->arrived, 65536);
    assert_true(stuck->relay->relay.up_bytes < 65536 + 32768);
    channel_send(passage, stuck, 100000, false);
    channel_read(passage, stuck, 100000);
    channel_write(passage, other, 60000);
    AWAIT(passage, other->arrived == 60000);
    /* With room again all of it comes. */
    passage->is_mean = false;
    channel_grant(passage, stuck);
    channel_finish(stuck);
    AWAIT(passage, stuck->is_finished);
    assert_int_equal(stuck->arrived, stuck->written);
    assert_int_equal(stuck->relay->relay.up_bytes, stuck->written);
}

/* ---- before there is a connection ---- */

static void what_comes_before_the_connection_waits_for_it(void **state)
{
    struct passage *passage = *state;
    struct channel *channel;

    passage->end.dials = true;
    channel = passage_open(passage);
    channel_send_all(passage, channel);
    channel_send(passage, channel, 0, true);
    passage_settle(passage);
    /* No more than it was promised at first, and it is told of no service. */
    assert_int_equal(channel->sent, passage->end.host.limits.reserve_bytes);
    assert_int_equal(channel->consumed, 0);
    assert_int_equal(channel->relay->relay.connection.queue.bytes,
                     channel->sent);
    host_relay_connect(channel->relay);
    channel_write(passage, channel, 1000);
    assert_int_equal(channel_ending(passage, channel), 0);
    assert_int_equal(channel->read, channel->sent);
    AWAIT(passage, channel->arrived == 1000);
    channel_finish(channel);
    channel_expect(passage, channel, RELAY_ENDED_IN_ORDER);
}

static void a_connection_alone_is_an_answer(void **state)
{
    struct passage *passage = *state;
    struct channel *channel;
    struct raw_frame frame;

    passage->end.dials = true;
    channel = passage_open(passage);
    passage_settle(passage);
    host_relay_connect(channel->relay);
    stranger_find(passage->stranger, FRAME_WINDOW, channel->id, &frame);
    assert_int_equal(frame.consumed, 0);
}

static void what_is_announced_comes_first_and_is_not_of_the_stream(void **state)
{
    struct passage *passage = *state;
    struct channel *channel;
    char text[16];

    passage->end.dials = true;
    channel = passage_open(passage);
    /* It is known last, when the service is reached. */
    channel_send(passage, channel, 5000, false);
    passage_settle(passage);
    assert_int_equal(relay_announce(&channel->relay->relay,
                                    (const uint8_t *)"PROXY somebody\r\n", 16),
                     STATUS_OK);
    host_relay_connect(channel->relay);
    assert_true(patience_receive(passage->end.loop, channel->relay->fd, text,
                                 sizeof(text)));
    assert_memory_equal(text, "PROXY somebody\r\n", sizeof(text));
    channel_read(passage, channel, 5000);
    /* note() sees that no more is told as consumed than was sent. */
    AWAIT(passage, channel->consumed == 5000);
    passage_settle(passage);
    assert_int_equal(channel->relay->relay.down_bytes, 5000);
}

static void what_another_worker_read_goes_first(void **state)
{
    enum { READ = 40000 }; /* more than a chunk */
    static uint8_t bytes[READ];
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel;

    for (size_t i = 0; i < READ; i++) /* the stream will be our first: 2 */
        bytes[i] = channel_byte_up(&(struct channel){ .id = 2 }, i);
    assert_int_equal(relay_prefix(&relay->relay, bytes, READ), STATUS_OK);
    channel = passage_attach(passage, relay);
    assert_int_equal(channel->id, 2);
    channel->written = READ;
    channel_write(passage, channel, 1000);
    channel_finish(channel);
    AWAIT(passage, channel->is_finished);
    assert_int_equal(channel->arrived, READ + 1000);
}

/* ---- without a stream ---- */

static void a_connection_can_be_taken_back(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    char text[5];
    int fd, was;

    sockets_send(relay->fd, "hello", 5);
    passage_settle(passage);
    was = relay->relay.connection.fd;
    fd = relay_take(&relay->relay);
    assert_int_equal(fd, was);
    assert_false(relay->is_ended); /* not from inside */
    host_end_turn(&passage->end, 2);
    assert_true(relay->is_ended);
    assert_int_equal(relay->ending, RELAY_REFUSED);
    assert_int_equal(passage->end.host.relay_count, 0);
    /* As it was: nothing read, nothing said, nobody reset. */
    assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
    assert_memory_equal(text, "hello", 5);
    sockets_send(fd, "olleh", 5);
    assert_int_equal(recv(relay->fd, text, sizeof(text), 0), 5);
    assert_memory_equal(text, "olleh", 5);
    close(fd);
}

/* Whoever waits for a stream is not read, which bounds what waits with it. */
static void who_has_no_stream_is_not_read(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);
    struct channel *channel;

    channel = &(struct channel){ .relay = relay, .id = 2 };
    for (int i = 0; i < 2; i++) {
        while (channel_write_some(channel, CHANNEL_PART) > 0)
            ;
        patience_pass(passage->end.loop, 50 * CLOCK_MS);
    }
    assert_int_equal(relay->relay.up_bytes, 0);
    assert_int_equal(relay->relay.early.bytes, 0);
    /* Nor is its FIN an end: it comes behind the bytes. */
    channel_finish(channel);
    patience_pass(passage->end.loop, 50 * CLOCK_MS);
    assert_false(relay->is_ended);
    {
        struct channel *attached = passage_attach(passage, relay);

        assert_int_equal(attached->id, 2);
        AWAIT(passage, attached->is_finished);
        assert_int_equal(attached->arrived, channel->written);
    }
}

RUN_TESTS(
    WITH(bytes_flow_both_ways_and_are_counted),
    WITH(a_stream_of_ours_is_answered_by_its_first_frame),
    WITH(an_unanswered_stream_carries_what_the_application_says),
    WITH(a_fin_of_the_socket_ends_one_direction),
    WITH(a_fin_of_the_stream_ends_one_direction),
    WITH(a_fin_without_a_byte_is_one),
    WITH_SMALL(a_fin_waits_for_bytes_that_nobody_reads),
    WITH_SMALL(a_socket_that_is_not_read_stops_its_stream_and_nothing_else),
    WITH(a_peer_without_room_stops_its_socket_and_nothing_else),
    WITH(what_comes_before_the_connection_waits_for_it),
    WITH(a_connection_alone_is_an_answer),
    WITH(what_is_announced_comes_first_and_is_not_of_the_stream),
    WITH(what_another_worker_read_goes_first),
    WITH(a_connection_can_be_taken_back), WITH(who_has_no_stream_is_not_read))
