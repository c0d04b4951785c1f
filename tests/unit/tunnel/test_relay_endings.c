/* SPDX-License-Identifier: MIT */
/* Resets, refusals and losses: no end of file where there was none. */
#include "support/tunnel/passage.h"

#include "support/sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the local connection is reset ---- */

static void a_reset_here_goes_up_behind_the_bytes_before_it(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_write(passage, channel, 100000);
    channel_reset(passage, channel);
    AWAIT(passage, channel->reset >= 0 && channel->stopped >= 0);
    /* note() sees that RESET is where the bytes end. */
    assert_int_equal(channel->arrived, 100000);
    assert_false(channel->is_finished);
    assert_int_equal(channel->reset, CODE_RESET);
    assert_int_equal(channel->stopped, CODE_RESET);
    channel_expect(passage, channel, RELAY_RESET_HERE);
}

/* What had arrived before it waits for the peer's credit, a while. */
static void a_reset_here_waits_for_room_in_the_stream(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    passage->is_mean = true;
    channel_write(passage, channel, 90000);
    AWAIT(passage, channel->arrived == 65536);
    channel_reset(passage, channel);
    AWAIT(passage, channel->stopped == CODE_RESET);
    passage_settle(passage);
    assert_int_equal(channel->reset, -1);
    assert_false(channel->relay->is_ended);
    channel_grant(passage, channel);
    AWAIT(passage, channel->reset >= 0);
    assert_int_equal(channel->arrived, 90000);
    channel_expect(passage, channel, RELAY_RESET_HERE);
}

static void a_reset_here_waits_for_room_no_more_than_two_seconds(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);
    uint64_t began_us;

    passage->is_mean = true;
    channel_write(passage, channel, 90000);
    AWAIT(passage, channel->arrived == 65536);
    channel_reset(passage, channel);
    began_us = clock_now_us();
    channel_expect(passage, channel, RELAY_RESET_HERE);
    assert_true(clock_now_us() - began_us > 1 * CLOCK_SECOND);
    AWAIT(passage, channel->reset >= 0);
    assert_int_equal(channel->reset, CODE_RESET);
    assert_int_equal(channel->arrived, 65536);
}

static void a_reset_behind_a_fin_is_told_too(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_write(passage, channel, 1000);
    channel_finish(channel);
    AWAIT(passage, channel->is_finished);
    channel_reset(passage, channel);
    AWAIT(passage, channel->stopped >= 0);
    assert_int_equal(channel->stopped, CODE_RESET);
    channel_expect(passage, channel, RELAY_RESET_HERE);
}

static void bytes_for_a_connection_that_was_reset_go_nowhere(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);
    struct channel *other = passage_open(passage);

    channel_reset(passage, channel);
    channel_send(passage, channel, 10000, false);
    AWAIT(passage, channel->reset >= 0);
    channel_send_some(passage, channel, 1000, true);
    channel_expect(passage, channel, RELAY_RESET_HERE);
    channel_send(passage, other, 100000, false);
    channel_read(passage, other, 100000);
}

static void one_that_waits_for_a_stream_ends_with_its_connection(void **state)
{
    struct passage *passage = *state;
    struct host_relay *relay = host_end_connect(&passage->end);

    host_end_turn(&passage->end, 2);
    sockets_reset(relay->fd);
    relay->fd = -1;
    assert_true(patience_wait(passage->end.loop, &relay->is_ended));
    assert_int_equal(relay->ending, RELAY_RESET_HERE);
}

/* ---- the peer's is ---- */

static void reset_stream_there(struct passage *passage, struct channel *channel)
{
    frame_put_reset(&passage->stranger->out, channel->id, CODE_RESET,
                    channel->sent);
    stranger_send(passage->stranger);
}

static void a_reset_there_comes_behind_the_bytes_before_it(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_send(passage, channel, 100000, false);
    reset_stream_there(passage, channel);
    assert_int_equal(channel_ending(passage, channel), ECONNRESET);
    assert_int_equal(channel->read, 100000);
    channel_expect(passage, channel, RELAY_RESET_THERE);
}

static void a_reset_there_waits_for_bytes_that_nobody_reads_yet(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_narrow(channel);
    channel_send_all(passage, channel);
    reset_stream_there(passage, channel);
    passage_settle(passage);
    assert_true(channel->relay->relay.connection.queue.bytes > 0);
    assert_false(channel->relay->is_ended);
    assert_int_equal(channel_ending(passage, channel), ECONNRESET);
    assert_int_equal(channel->read, channel->sent);
    channel_expect(passage, channel, RELAY_RESET_THERE);
}

static void a_reset_there_waits_no_more_than_two_seconds(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);
    uint64_t began_us;

    channel_narrow(channel);
    channel_send_all(passage, channel);
    reset_stream_there(passage, channel);
    began_us = clock_now_us();
    channel_expect(passage, channel, RELAY_RESET_THERE);
    assert_true(clock_now_us() - began_us > 1 * CLOCK_SECOND);
    assert_int_equal(channel_ending(passage, channel), ECONNRESET);
    assert_true(channel->read < channel->sent);
}

static void a_reset_before_there_is_a_connection_ends_it(void **state)
{
    struct passage *passage = *state;
    struct channel *channel;

    passage->end.dials = true;
    channel = passage_open(passage);
    reset_stream_there(passage, channel);
    channel_expect(passage, channel, RELAY_RESET_THERE);
}

/* 1000 bytes and a reset have come while the service is dialled. */
static struct channel *open_and_reset_there(struct passage *passage)
{
    struct channel *channel;

    passage->end.dials = true;
    channel = passage_open(passage);
    channel_send(passage, channel, 1000, false);
    reset_stream_there(passage, channel);
    passage_settle(passage);
    assert_false(channel->relay->is_ended);
    return channel;
}

static void bytes_before_a_reset_wait_for_the_connection(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = open_and_reset_there(passage);

    host_relay_connect(channel->relay);
    assert_int_equal(channel_ending(passage, channel), ECONNRESET);
    assert_int_equal(channel->read, 1000);
    channel_expect(passage, channel, RELAY_RESET_THERE);
}

static void bytes_before_a_reset_wait_no_longer_than_the_dialling(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = open_and_reset_there(passage);

    relay_refuse(&channel->relay->relay, CODE_REFUSED);
    channel_expect(passage, channel, RELAY_REFUSED);
}

static void a_stop_ends_one_direction(void **state)
{
    struct passage *passage = *state;
    struct channel *channel = passage_open(passage);

    channel_write(passage, channel, 1000);
    AWAIT(passage, channel->arrived == 1000);
    frame_put_stop(&passage->stranger->out, channel->id, CODE_STOPPED);
    stranger_send(passage->stranger);
    passage_settle(passage);
    assert_false(channel->relay->is_ended);
    channel_send(passage, channel, 50000, true);
    assert_int_equal(channel_ending(passage, channel), 0);
    assert_int_equal(channel->read, 50000);
    channel_expect(passage, channel, RELAY_ENDED_IN_ORDER);
}

/* ---- the tunnel is lost ---- */

static void die_by_fin(struct passage *passage)
{
    close(passage->stranger->fd);
    passage->stranger->fd = -1;
}

static void die_by_reset(struct passage *passage)
{
    sockets_reset(passage->stranger->fd);
    passage->stranger->fd = -1;
}

static void die_by_close(struct passage *passage)
{
    frame_put_close(&passage->stranger->out, CODE_NONE, "bye");
    stranger_send(passage->stranger);
}

static void die_of_garbage(struct passage *passage)
{
    static const uint8_t zeros[100];

    stranger_send_raw(passage->stranger, zeros, sizeof(zeros));
}

static void die_by_our_hand(struct passage *passage)
{
    tunnel_close(passage->end.tunnel, CODE_NONE, "test");
}

static void (*const deaths[])(struct passage *passage) = {
    die_by_fin, die_by_reset, die_by_close, die_of_garbage, die_by_our_hand
};

#define EACH_DEATH(i) for (size_t i = 0; i < ARRAY_LENGTH(deaths); i++)

/* Without a look at the stranger, whose end may be gone. */
static void expect_loss(struct passage *passage, struct channel *channel,
                        uint64_t bytes)
{
    struct host_relay *relay = channel->relay;

    while (channel->read < bytes) {
        uint8_t byte;

        assert_true(patience_receive(passage->end.loop, relay->fd, &byte, 1));
        assert_int_equal(byte, channel_byte_down(channel, channel->read));
        channel->read++;
    }
    assert_int_equal(patience_ending(passage->end.loop, relay->fd), ECONNRESET);
    assert_true(patience_wait(passage->end.loop, &relay->is_ended));
    assert_int_equal(relay->ending, RELAY_LOST);
}

static void a_lost_tunnel_resets_whatever_way_it_dies(void **state)
{
    (void)state;
    EACH_DEATH(i)
    {
        struct passage passage;
        struct channel *channel;

        passage_start(&passage);
        channel = passage_open(&passage);
        channel_send(&passage, channel, 1000, false);
        channel_read(&passage, channel, 1000);
        deaths[i](&passage);
        expect_loss(&passage, channel, 1000);
        passage_stop(&passage);
    }
}

/* Its own end of file is on its way, and no answer will come. */
static void a_lost_tunnel_resets_one_that_had_finished(void **state)
{
    (void)state;
    EACH_DEATH(i)
    {
        struct passage passage;
        struct channel *channel;

        passage_start(&passage);
        channel = passage_open(&passage);
        channel_write(&passage, channel, 1000);
        channel_finish(channel);
        AWAIT(&passage, channel->is_finished);
        deaths[i](&passage);
        expect_loss(&passage, channel, 0);
        passage_stop(&passage);
    }
}

static void what_came_before_the_loss_is_delivered(void **state)
{
    (void)state;
    EACH_DEATH(i)
    {
        struct passage passage;
        struct channel *channel;

        passage_start_small(&passage);
        channel = passage_open(&passage);
        channel_narrow(channel);
        channel_send_all(&passage, channel);
        assert_true(channel->relay->relay.connection.queue.bytes > 0);
        deaths[i](&passage);
        expect_loss(&passage, channel, channel->sent);
        passage_stop(&passage);
    }
}

/* ---- by us ---- */

static void an_abort_resets_both_sides_and_ends_as_it_is_told(void **state)
{
    (void)state;
    for (enum relay_ending ending = RELAY_RESET_HERE; ending <= RELAY_SHORT;
         ending++) {
        struct passage passage;
        struct channel *channel;

        passage_start(&passage);
        channel = passage_open(&passage);
        channel_write(&passage, channel, 1000);
        AWAIT(&passage, channel->arrived == 1000);
        relay_abort(&channel->relay->relay, ending);
        relay_abort(&channel->relay->relay, RELAY_ENDED_IN_ORDER); /* late */
        assert_false(channel->relay->is_ended); /* not from inside */
        channel_expect(&passage, channel, ending);
        assert_int_equal(channel_ending(&passage, channel), ECONNRESET);
        AWAIT(&passage, channel->reset >= 0 && channel->stopped >= 0);
        assert_int_equal(channel->reset, CODE_RESET);
        assert_int_equal(channel->stopped, CODE_RESET);
        assert_int_equal(passage.end.host.relay_count, 0);
        passage_stop(&passage);
    }
}

static void a_refusal_says_why_and_that_nothing_was_delivered(void **state)
{
    struct passage passage;

    (void)state;
    for (enum code code = CODE_REFUSED; code < CODE_COUNT; code++) {
        struct channel *channel;

        passage_start(&passage);
        passage.end.dials = true;
        channel = passage_open(&passage);
        channel_send(&passage, channel, 1000, false);
        passage_settle(&passage);
        relay_refuse(&channel->relay->relay, code);
        assert_false(channel->relay->is_ended); /* not from inside */
        channel_expect(&passage, channel, RELAY_REFUSED);
        AWAIT(&passage, channel->refused >= 0);
        assert_int_equal(channel->refused, code);
        assert_false(channel->was_delivered);
        assert_int_equal(channel->reset, -1);
        assert_int_equal(passage.end.host.relay_count, 0);
        passage_stop(&passage);
    }
}

static void a_connection_that_comes_too_late_is_closed(void **state)
{
    struct passage *passage = *state;
    struct channel *channel;
    int fds[2];

    passage->end.dials = true;
    channel = passage_open(passage);
    relay_abort(&channel->relay->relay, RELAY_REFUSED);
    sockets_pair(SOCKETS_V4, fds);
    assert_int_equal(relay_connect(&channel->relay->relay, fds[0]),
                     STATUS_CLOSED);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    close(fds[1]);
    channel_expect(passage, channel, RELAY_REFUSED);
}

static void without_memory_for_its_bytes_a_relay_ends(void **state)
{
    struct passage passage;
    struct channel *channel;

    (void)state;
    passage_start_with(&passage, NULL, 2 * CHUNK_SMALL);
    passage.end.dials = true;
    channel = passage_open(&passage);
    channel_send(&passage, channel, 8000, false);
    channel_expect(&passage, channel, RELAY_SHORT);
    AWAIT(&passage, channel->reset >= 0);
    passage_stop(&passage);
}

RUN_TESTS(WITH(a_reset_here_goes_up_behind_the_bytes_before_it),
          WITH(a_reset_here_waits_for_room_in_the_stream),
          WITH(a_reset_here_waits_for_room_no_more_than_two_seconds),
          WITH(a_reset_behind_a_fin_is_told_too),
          WITH(bytes_for_a_connection_that_was_reset_go_nowhere),
          WITH(one_that_waits_for_a_stream_ends_with_its_connection),
          WITH(a_reset_there_comes_behind_the_bytes_before_it),
          WITH_SMALL(a_reset_there_waits_for_bytes_that_nobody_reads_yet),
          WITH_SMALL(a_reset_there_waits_no_more_than_two_seconds),
          WITH(a_reset_before_there_is_a_connection_ends_it),
          WITH(bytes_before_a_reset_wait_for_the_connection),
          WITH(bytes_before_a_reset_wait_no_longer_than_the_dialling),
          WITH(a_stop_ends_one_direction),
          TEST(a_lost_tunnel_resets_whatever_way_it_dies),
          TEST(a_lost_tunnel_resets_one_that_had_finished),
          TEST(what_came_before_the_loss_is_delivered),
          TEST(an_abort_resets_both_sides_and_ends_as_it_is_told),
          TEST(a_refusal_says_why_and_that_nothing_was_delivered),
          WITH(a_connection_that_comes_too_late_is_closed),
          TEST(without_memory_for_its_bytes_a_relay_ends))
