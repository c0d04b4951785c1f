/* SPDX-License-Identifier: MIT */
#include "support/check_test.h"
#include "wire/frame.h"
#include "wire/stream.h"

enum { SEND_LIMIT = 5000, RECEIVE_LIMIT = 1000 };

static struct stream fresh(void)
{
    struct stream stream;

    stream_init(&stream, 1, SEND_LIMIT, RECEIVE_LIMIT);
    return stream;
}

/* A stream that went through |count| of |events|. */
static struct stream after(const enum stream_event *events, size_t count)
{
    struct stream stream = fresh();

    for (size_t i = 0; i < count; i++)
        stream_advance(&stream, events[i]);
    return stream;
}

#define AFTER(...)                                             \
    after((const enum stream_event[]){ __VA_ARGS__ },          \
          sizeof((const enum stream_event[]){ __VA_ARGS__ }) / \
              sizeof(enum stream_event))

static void a_stream_starts_open_in_both_directions(void **state)
{
    struct stream stream;

    (void)state;
    stream_init(&stream, 1, SEND_LIMIT, RECEIVE_LIMIT);
    assert_int_equal(stream.sending, SENDING_OPEN);
    assert_int_equal(stream.receiving, RECEIVING_OPEN);
    assert_false(stream_is_over(&stream));
    assert_true(stream_can_write(&stream));
    assert_true(list_is_empty(&stream.ring));
    assert_true(list_is_empty(&stream.control));
    assert_true(list_is_empty(&stream.room));
}

/* Everything that is legal: all other pairs are not. */
static void only_the_transitions_of_the_protocol_are_legal(void **state)
{
    static const struct {
        enum stream_event event;
        uint8_t sending, next_sending;
        uint8_t receiving, next_receiving;
    } legal[] = {
        { STREAM_FIN_WANTED, SENDING_OPEN, SENDING_FINISHING, 0, 0 },
        { STREAM_RESET_WANTED, SENDING_OPEN, SENDING_RESETTING, 0, 0 },
        { STREAM_FIN_SENT, SENDING_FINISHING, SENDING_FINISHED, 0, 0 },
        { STREAM_RESET_WANTED, SENDING_FINISHING, SENDING_RESETTING, 0, 0 },
        { STREAM_FIN_ACKNOWLEDGED, SENDING_FINISHED, SENDING_OVER, 0, 0 },
        { STREAM_RESET_WANTED, SENDING_FINISHED, SENDING_RESETTING, 0, 0 },
        { STREAM_RESET_SENT, SENDING_RESETTING, SENDING_OVER, 0, 0 },
        { STREAM_FIN_ACKNOWLEDGED, SENDING_RESETTING, SENDING_OVER, 0, 0 },
        { STREAM_FIN_RECEIVED, 0, 0, RECEIVING_OPEN, RECEIVING_FINISHED },
        { STREAM_RESET_RECEIVED, 0, 0, RECEIVING_OPEN, RECEIVING_OVER },
        { STREAM_ALL_CONSUMED, 0, 0, RECEIVING_FINISHED, RECEIVING_CONSUMED },
        { STREAM_RESET_RECEIVED, 0, 0, RECEIVING_FINISHED, RECEIVING_OVER },
        { STREAM_ACKNOWLEDGEMENT_SENT, 0, 0, RECEIVING_CONSUMED,
          RECEIVING_OVER },
        { STREAM_RESET_RECEIVED, 0, 0, RECEIVING_CONSUMED, RECEIVING_OVER },
    };

    (void)state;
    for (uint8_t sending = SENDING_OPEN; sending < SENDING_STATES; sending++)
        for (uint8_t receiving = RECEIVING_OPEN; receiving < RECEIVING_STATES;
             receiving++)
            for (int event = 0; event < STREAM_EVENTS; event++) {
                struct stream stream = fresh();
                uint8_t next_sending = sending, next_receiving = receiving;
                bool is_legal = false;

                for (size_t i = 0; i < ARRAY_LENGTH(legal); i++) {
                    if ((int)legal[i].event != event)
                        continue;
                    if (legal[i].sending == sending)
                        next_sending = legal[i].next_sending;
                    else if (legal[i].receiving == receiving)
                        next_receiving = legal[i].next_receiving;
                    else
                        continue;
                    is_legal = true;
                }
                stream.sending = sending;
                stream.receiving = receiving;
                assert_int_equal(stream_can(&stream, (enum stream_event)event),
                                 is_legal);
                if (!is_legal)
                    continue;
                stream_advance(&stream, (enum stream_event)event);
                assert_int_equal(stream.sending, next_sending);
                assert_int_equal(stream.receiving, next_receiving);
            }
}

static void it_is_over_when_both_directions_are(void **state)
{
    struct stream stream =
        AFTER(STREAM_FIN_WANTED, STREAM_FIN_SENT, STREAM_FIN_ACKNOWLEDGED);

    (void)state;
    assert_false(stream_is_over(&stream));
    stream_advance(&stream, STREAM_FIN_RECEIVED);
    stream_advance(&stream, STREAM_ALL_CONSUMED);
    assert_false(stream_is_over(&stream));
    stream_advance(&stream, STREAM_ACKNOWLEDGEMENT_SENT);
    assert_true(stream_is_over(&stream));
}

static void nothing_is_written_behind_a_fin_or_reset(void **state)
{
    struct stream stream = AFTER(STREAM_FIN_WANTED);

    (void)state;
    assert_false(stream_can_write(&stream));
    stream = AFTER(STREAM_RESET_WANTED);
    assert_false(stream_can_write(&stream));
}

static void what_may_be_sent_is_bounded_by_what_is_written(void **state)
{
    struct stream stream = fresh();

    (void)state;
    assert_int_equal(stream_sendable(&stream), 0);
    stream.written = 300;
    assert_int_equal(stream_sendable(&stream), 300);
    stream.sent = 300;
    assert_int_equal(stream_sendable(&stream), 0);
}

static void what_may_be_sent_is_bounded_by_credit(void **state)
{
    struct stream stream = fresh();

    (void)state;
    stream.written = SEND_LIMIT;
    assert_int_equal(stream_sendable(&stream), SEND_LIMIT);
    stream.written = SEND_LIMIT + 1;
    assert_int_equal(stream_sendable(&stream), SEND_LIMIT);
    stream.sent = SEND_LIMIT;
    assert_int_equal(stream_sendable(&stream), 0);
}

static void nothing_may_be_sent_behind_fin(void **state)
{
    struct stream stream = AFTER(STREAM_FIN_WANTED);

    (void)state;
    stream.written = 10;
    assert_int_equal(stream_sendable(&stream), 10);
    stream.sent = 10;
    stream_advance(&stream, STREAM_FIN_SENT);
    stream.written = 11;
    assert_int_equal(stream_sendable(&stream), 0);
    stream_advance(&stream, STREAM_FIN_ACKNOWLEDGED);
    assert_int_equal(stream_sendable(&stream), 0);
}

static void a_reset_lets_what_is_before_it_go(void **state)
{
    struct stream stream = AFTER(STREAM_RESET_WANTED);

    (void)state;
    stream.written = 10;
    assert_int_equal(stream_sendable(&stream), 10);
    assert_true(stream_wants_to_send(&stream));
}

static void fin_alone_is_something_to_send(void **state)
{
    struct stream stream = fresh();

    (void)state;
    assert_false(stream_wants_to_send(&stream));
    stream_advance(&stream, STREAM_FIN_WANTED);
    assert_true(stream_wants_to_send(&stream));
    stream_advance(&stream, STREAM_FIN_SENT);
    assert_false(stream_wants_to_send(&stream));
}

static void fin_waits_for_the_bytes_before_it(void **state)
{
    struct stream stream = AFTER(STREAM_FIN_WANTED);

    (void)state;
    stream.sent = SEND_LIMIT;
    stream.written = SEND_LIMIT + 1; /* no credit for the last */
    assert_false(stream_wants_to_send(&stream));
    stream.send_limit++;
    assert_true(stream_wants_to_send(&stream));
}

static void nothing_is_sent_before_open(void **state)
{
    struct stream stream = fresh();

    (void)state;
    stream.written = 10;
    stream.open_due = true;
    assert_false(stream_wants_to_send(&stream));
    stream.open_due = false;
    assert_true(stream_wants_to_send(&stream));
}

static void credit_in_drips_is_saved_up_for_a_frame(void **state)
{
    struct stream stream = fresh();

    (void)state;
    stream.written = SEND_LIMIT;
    stream.send_limit = 1023;
    assert_false(stream_wants_to_send(&stream));
    stream.send_limit = 1024;
    assert_true(stream_wants_to_send(&stream));
    stream.send_limit = 1023; /* unless that is all there is */
    stream.written = 1023;
    assert_true(stream_wants_to_send(&stream));
}

static void data_must_come_exactly_where_the_last_ended(void **state)
{
    struct stream stream = fresh();

    (void)state;
    stream.received = 100;
    assert_null(stream_data_fault(&stream, 100, 10));
    assert_string_equal(stream_data_fault(&stream, 99, 10),
                        "data at a wrong offset");
    assert_string_equal(stream_data_fault(&stream, 101, 10),
                        "data at a wrong offset");
    assert_string_equal(stream_data_fault(&stream, UINT64_MAX, 10),
                        "data at a wrong offset");
}

static void data_must_stay_within_its_credit(void **state)
{
    struct stream stream = fresh();

    (void)state;
    assert_null(stream_data_fault(&stream, 0, RECEIVE_LIMIT));
    assert_string_equal(stream_data_fault(&stream, 0, RECEIVE_LIMIT + 1),
                        "data beyond its credit");
    stream.received = RECEIVE_LIMIT;
    assert_null(stream_data_fault(&stream, RECEIVE_LIMIT, 0)); /* FIN */
    assert_string_equal(stream_data_fault(&stream, RECEIVE_LIMIT, 1),
                        "data beyond its credit");
    assert_string_equal(stream_data_fault(&stream, RECEIVE_LIMIT, UINT64_MAX),
                        "data beyond its credit");
}

static void no_data_comes_behind_fin_or_reset(void **state)
{
    struct stream stream = AFTER(STREAM_FIN_RECEIVED);

    (void)state;
    assert_string_equal(stream_data_fault(&stream, 0, 1),
                        "data behind the end of a stream");
    assert_string_equal(stream_data_fault(&stream, 0, 0), /* a second FIN */
                        "data behind the end of a stream");
    stream = AFTER(STREAM_RESET_RECEIVED);
    assert_string_equal(stream_data_fault(&stream, 0, 1),
                        "data behind the end of a stream");
}

static void only_what_was_sent_can_be_acknowledged(void **state)
{
    struct stream stream = fresh();

    (void)state;
    stream.written = 20;
    stream.sent = 10;
    assert_null(stream_window_fault(&stream, 10, SEND_LIMIT));
    assert_string_equal(stream_window_fault(&stream, 11, SEND_LIMIT),
                        "acknowledgement of what was not sent");
    assert_string_equal(stream_window_fault(&stream, UINT64_MAX, SEND_LIMIT),
                        "acknowledgement of what was not sent");
}

static void a_fin_counts_as_one_byte_once_it_is_sent(void **state)
{
    struct stream stream = AFTER(STREAM_FIN_WANTED);

    (void)state;
    stream.sent = stream.written = 10;
    assert_string_equal(stream_window_fault(&stream, 11, SEND_LIMIT),
                        "acknowledgement of what was not sent");
    stream_advance(&stream, STREAM_FIN_SENT);
    assert_null(stream_window_fault(&stream, 11, SEND_LIMIT));
    assert_string_equal(stream_window_fault(&stream, 12, SEND_LIMIT),
                        "acknowledgement of what was not sent");
}

static void a_limit_ends_at_two_to_the_62(void **state)
{
    struct stream stream = fresh();

    (void)state;
    assert_null(stream_window_fault(&stream, 0, FRAME_MAX_OFFSET));
    assert_string_equal(stream_window_fault(&stream, 0, FRAME_MAX_OFFSET + 1),
                        "limit out of range");
}

static void a_window_never_falls(void **state)
{
    struct stream stream = fresh();

    (void)state;
    stream.written = stream.sent = 20;
    stream.acknowledged = 10;
    assert_null(stream_window_fault(&stream, 10, SEND_LIMIT));
    assert_string_equal(stream_window_fault(&stream, 9, SEND_LIMIT),
                        "window taken back");
    assert_string_equal(stream_window_fault(&stream, 20, SEND_LIMIT - 1),
                        "window taken back");
}

RUN_TESTS(TEST(a_stream_starts_open_in_both_directions),
          TEST(only_the_transitions_of_the_protocol_are_legal),
          TEST(it_is_over_when_both_directions_are),
          TEST(nothing_is_written_behind_a_fin_or_reset),
          TEST(what_may_be_sent_is_bounded_by_what_is_written),
          TEST(what_may_be_sent_is_bounded_by_credit),
          TEST(nothing_may_be_sent_behind_fin),
          TEST(a_reset_lets_what_is_before_it_go),
          TEST(fin_alone_is_something_to_send),
          TEST(fin_waits_for_the_bytes_before_it),
          TEST(nothing_is_sent_before_open),
          TEST(credit_in_drips_is_saved_up_for_a_frame),
          TEST(data_must_come_exactly_where_the_last_ended),
          TEST(data_must_stay_within_its_credit),
          TEST(no_data_comes_behind_fin_or_reset),
          TEST(only_what_was_sent_can_be_acknowledged),
          TEST(a_fin_counts_as_one_byte_once_it_is_sent),
          TEST(a_limit_ends_at_two_to_the_62), TEST(a_window_never_falls))
