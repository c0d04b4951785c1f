/* SPDX-License-Identifier: MIT */
#include "support/tunnel/passage.h"
#include "support/sockets.h"
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

uint8_t channel_byte_up(const struct channel *channel, uint64_t offset)
{
    return sockets_byte_at(channel->id * UINT64_C(1000003) + offset);
}

uint8_t channel_byte_down(const struct channel *channel, uint64_t offset)
{
    return sockets_byte_at(channel->id * UINT64_C(7000003) + offset);
}

/* ---- what the stranger hears ---- */

void channel_grant(struct passage *passage, const struct channel *channel)
{
    frame_put_window(&passage->stranger->out, channel->id, channel->arrived,
                     channel->arrived + 65536);
    stranger_send(passage->stranger);
}

static void note_data(struct passage *passage, struct channel *channel,
                      const struct raw_frame *frame)
{
    assert_int_equal(frame->offset, channel->arrived);
    assert_false(channel->is_finished);
    assert_int_equal(channel->reset, -1);
    for (size_t i = 0; i < frame->length; i++)
        assert_int_equal(frame->bytes[i],
                         channel_byte_up(channel, channel->arrived + i));
    channel->arrived += frame->length;
    channel->is_finished = frame->flags & FRAME_FLAG_FIN;
    if (passage->is_mean)
        return;
    channel_grant(passage, channel);
}

static void note(struct passage *passage, const struct raw_frame *frame)
{
    struct channel *channel = passage->channels;

    while (channel < passage->channels + passage->count &&
           channel->id != frame->stream)
        channel++;
    if (channel == passage->channels + passage->count)
        return;
    if (frame->type == FRAME_DATA)
        note_data(passage, channel, frame);
    if (frame->type == FRAME_WINDOW) {
        assert_true(frame->consumed <= channel->sent + channel->said_fin);
        channel->consumed = frame->consumed;
        if (frame->limit > channel->limit)
            channel->limit = frame->limit;
    }
    if (frame->type == FRAME_RESET) {
        channel->reset = frame->code;
        assert_int_equal(frame->offset, channel->arrived);
    }
    if (frame->type == FRAME_STOP)
        channel->stopped = frame->code;
    if (frame->type == FRAME_OPEN_FAIL) {
        channel->refused = frame->code;
        channel->was_delivered = frame->delivered;
    }
}

void passage_turn(struct passage *passage)
{
    struct raw_frame frame;

    loop_turn(passage->end.loop, CLOCK_MS);
    while (stranger_look(passage->stranger, &frame))
        note(passage, &frame);
}

void passage_settle(struct passage *passage)
{
    uint64_t began_us = clock_now_us();

    while (clock_now_us() - began_us < 60 * CLOCK_MS)
        passage_turn(passage);
}

/* ---- life ---- */

void passage_start_with(struct passage *passage, const struct limits *limits,
                        size_t max_memory_bytes)
{
    *passage = (struct passage){ 0 };
    host_end_start(&passage->end, limits, max_memory_bytes);
    passage->stranger = host_end_meet(&passage->end);
}

void passage_start(struct passage *passage)
{
    passage_start_with(passage, NULL, 0);
}

void passage_start_small(struct passage *passage)
{
    struct limits limits = LIMITS_DEFAULT;

    limits.min_window_bytes = limits.max_window_bytes = 65536;
    passage_start_with(passage, &limits, 0);
}

void passage_stop(struct passage *passage)
{
    host_end_stop(&passage->end);
    stranger_free(passage->stranger);
}

static struct passage of_test;

int passage_set_up(void **state)
{
    passage_start(&of_test);
    *state = &of_test;
    return 0;
}

int passage_set_up_small(void **state)
{
    passage_start_small(&of_test);
    *state = &of_test;
    return 0;
}

int passage_tear_down(void **state)
{
    passage_stop(*state);
    return 0;
}

static struct channel *add_channel(struct passage *passage, uint32_t id,
                                   struct host_relay *relay)
{
    struct channel *channel = &passage->channels[passage->count++];

    assert_true(passage->count <= MAX_CHANNELS);
    *channel =
        (struct channel){ .relay = relay,
                          .id = id,
                          .limit = passage->end.host.limits.reserve_bytes,
                          .reset = -1,
                          .stopped = -1,
                          .refused = -1 };
    return channel;
}

struct channel *passage_open(struct passage *passage)
{
    uint32_t id = stranger_put_open(passage->stranger, "echo");
    struct list *last = passage->end.relays.previous;

    stranger_send(passage->stranger);
    AWAIT(passage, passage->end.relays.previous != last);
    return add_channel(passage, id,
                       LIST_ITEM(passage->end.relays.previous,
                                 struct host_relay, node));
}

struct channel *passage_attach(struct passage *passage,
                               struct host_relay *relay)
{
    assert_int_equal(host_end_attach(relay), STATUS_OK);
    return add_channel(passage, relay->relay.stream->id, relay);
}

void channel_narrow(struct channel *channel)
{
    const int bytes = 32768;

    assert_int_equal(setsockopt(channel->relay->relay.connection.fd, SOL_SOCKET,
                                SO_SNDBUF, &bytes, sizeof(bytes)),
                     0);
    assert_int_equal(setsockopt(channel->relay->fd, SOL_SOCKET, SO_RCVBUF,
                                &bytes, sizeof(bytes)),
                     0);
}

/* ---- bytes ---- */

size_t channel_send_some(struct passage *passage, struct channel *channel,
                         size_t length, bool fin)
{
    uint8_t bytes[CHANNEL_PART];
    uint64_t credit = channel->limit - channel->sent;
    size_t part = length < sizeof(bytes) ? length : sizeof(bytes);

    if (part > credit)
        part = credit;
    for (size_t i = 0; i < part; i++)
        bytes[i] = channel_byte_down(channel, channel->sent + i);
    stranger_put_data(passage->stranger, channel->id, channel->sent, bytes,
                      part, fin && part == length);
    stranger_send(passage->stranger);
    channel->sent += part;
    channel->said_fin = channel->said_fin || (fin && part == length);
    return part;
}

void channel_send(struct passage *passage, struct channel *channel,
                  size_t length, bool fin)
{
    do {
        AWAIT(passage, length == 0 || channel->sent < channel->limit);
        length -= channel_send_some(passage, channel, length, fin);
    } while (length > 0);
}

void channel_send_all(struct passage *passage, struct channel *channel)
{
    while (channel->sent < channel->limit) {
        channel_send_some(passage, channel, CHANNEL_PART, false);
        for (int i = 0; i < 5 && channel->sent == channel->limit; i++)
            passage_settle(passage);
    }
}

size_t channel_write_some(struct channel *channel, size_t length)
{
    uint8_t bytes[CHANNEL_PART];
    size_t part = length < sizeof(bytes) ? length : sizeof(bytes);
    ssize_t sent;

    for (size_t i = 0; i < part; i++)
        bytes[i] = channel_byte_up(channel, channel->written + i);
    sent = send(channel->relay->fd, bytes, part, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    assert_true(sent > 0);
    channel->written += (uint64_t)sent;
    return (size_t)sent;
}

void channel_write_all(struct passage *passage, struct channel *channel)
{
    uint64_t written;

    do {
        written = channel->written;
        while (channel_write_some(channel, CHANNEL_PART) > 0)
            passage_turn(passage);
        passage_settle(passage);
    } while (channel->written > written);
}

void channel_write(struct passage *passage, struct channel *channel,
                   size_t length)
{
    uint64_t end = channel->written + length;

    while (channel->written < end)
        if (channel_write_some(channel, end - channel->written) == 0)
            passage_turn(passage);
}

/* What is there at the socket; how it ended: 0, an errno, or -1: it did not. */
static int channel_read_some(struct channel *channel, size_t length)
{
    uint8_t bytes[CHANNEL_PART];
    size_t part = length < sizeof(bytes) ? length : sizeof(bytes);
    ssize_t got = recv(channel->relay->fd, bytes, part, 0);

    if (got <= 0)
        return got == 0 ? 0 : errno == EAGAIN ? -1 : errno;
    for (ssize_t i = 0; i < got; i++)
        assert_int_equal(bytes[i], channel_byte_down(channel, channel->read +
                                                                  (uint64_t)i));
    channel->read += (uint64_t)got;
    return -1;
}

void channel_read(struct passage *passage, struct channel *channel,
                  size_t length)
{
    uint64_t end = channel->read + length, began_us = clock_now_us();

    while (channel->read < end) {
        assert_int_equal(channel_read_some(channel, end - channel->read), -1);
        assert_true(clock_now_us() - began_us < 10 * CLOCK_SECOND);
        passage_turn(passage);
    }
}

int channel_ending(struct passage *passage, struct channel *channel)
{
    uint64_t began_us = clock_now_us();
    int ending;

    while ((ending = channel_read_some(channel, CHANNEL_PART)) < 0) {
        assert_true(clock_now_us() - began_us < 10 * CLOCK_SECOND);
        passage_turn(passage);
    }
    return ending;
}

/* What the other kernel does not have yet would be lost with a reset. */
static bool channel_is_sent(const struct channel *channel)
{
    int bytes;

    assert_int_equal(ioctl(channel->relay->fd, SIOCOUTQ, &bytes), 0);
    return bytes == 0;
}

void channel_reset(struct passage *passage, struct channel *channel)
{
    AWAIT(passage, channel_is_sent(channel));
    sockets_reset(channel->relay->fd);
    channel->relay->fd = -1;
}

void channel_finish(struct channel *channel)
{
    assert_int_equal(shutdown(channel->relay->fd, SHUT_WR), 0);
}

void channel_expect(struct passage *passage, struct channel *channel,
                    enum relay_ending ending)
{
    AWAIT(passage, channel->relay->is_ended);
    assert_int_equal(channel->relay->ending, ending);
}
