/* SPDX-License-Identifier: MIT */
/* Bytes that come in: pieces, acknowledgement, windows, FIN. */
#include "support/wire/raw_peer.h"
#include "support/wire/session_pair.h"

enum { CREDIT = 65536 }; /* what the raw peer's HELLO gives */

static struct raw_peer raw;
static struct session_pair pair;

/* ---- in ---- */

static void data_comes_in_order_with_its_length_and_fin(void **state)
{
    struct session_event event;
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_put_data(&raw, 1, 0, 10, false);
    event = raw_expect(&raw, SESSION_DATA);
    assert_ptr_equal(event.stream, stream);
    assert_int_equal(event.length, 10);
    assert_false(event.finished);
    assert_int_equal(event.bytes[9], 9);
    raw_put_data(&raw, 1, 10, 5, true);
    event = raw_expect(&raw, SESSION_DATA);
    assert_int_equal(event.length, 5);
    assert_true(event.finished);
    raw_stop(&raw);
}

static void a_frame_may_come_in_any_pieces(void **state)
{
    struct session_event event;
    uint8_t bytes[3000];
    struct session_input input;
    size_t length;

    (void)state;
    for (size_t piece = 1; piece < 2100; piece += piece < 20 ? 1 : 97) {
        raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
        (void)raw_accept(&raw, 0);
        raw_put_data(&raw, 1, 0, 2000, false);
        raw_put_data(&raw, 1, 2000, 50, true);
        length = bytes_written(&raw.out);
        memcpy(bytes, raw.bytes, length);
        for (size_t at = 0, got = 0; at < length; at += piece) {
            input.at = bytes + at;
            input.length = length - at < piece ? length - at : piece;
            do {
                assert_int_equal(session_receive(raw.session, &input,
                                                 raw.now_us, &event),
                                 STATUS_OK);
                for (size_t i = 0; i < event.length; i++)
                    assert_int_equal(event.bytes[i], (uint8_t)(got + i));
                got += event.length;
            } while (event.type != SESSION_NOTHING);
            assert_int_equal(input.length, 0);
            assert_true(at + piece < length || got == 2050);
        }
        raw_stop(&raw);
    }
}

static void consumed_bytes_are_acknowledged_within_25_ms(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct raw_frame frame;
    uint64_t limit;

    (void)state;
    raw_deliver_data(&raw, 1, 0, 100, false);
    session_consumed(raw.session, stream, 60, raw.now_us);
    raw.now_us += 25 * CLOCK_MS - 1;
    assert_false(session_wants_to_send(raw.session, raw.now_us));
    raw_expect_no_frame(&raw);
    assert_int_equal(session_deadline(raw.session), raw.now_us + 1);
    raw.now_us++;
    assert_true(session_wants_to_send(raw.session, raw.now_us));
    frame = raw_expect_frame(&raw, FRAME_WINDOW, 1);
    assert_int_equal(frame.consumed, 60);
    limit = frame.limit;
    raw_expect_no_frame(&raw);
    session_consumed(raw.session, stream, 40, raw.now_us);
    raw.now_us += 25 * CLOCK_MS;
    frame = raw_expect_frame(&raw, FRAME_WINDOW, 1);
    assert_int_equal(frame.consumed, 100);
    assert_int_equal(frame.limit, limit + 40);
    raw_stop(&raw);
}

static void who_waits_first_says_how_long_all_wait(void **state)
{
    struct stream *streams[2];

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        streams[i] = raw_accept(&raw, i);
        raw_deliver_data(&raw, streams[i]->id, 0, 100, false);
    }
    session_consumed(raw.session, streams[0], 100, raw.now_us);
    raw.now_us += 20 * CLOCK_MS;
    session_consumed(raw.session, streams[1], 100, raw.now_us);
    raw.now_us += 5 * CLOCK_MS;
    (void)raw_expect_frame(&raw, FRAME_WINDOW, 1);
    (void)raw_expect_frame(&raw, FRAME_WINDOW, 3);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void an_acknowledgement_travels_with_what_is_sent_anyway(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, 100, false);
    session_consumed(raw.session, stream, 100, raw.now_us);
    assert_int_equal(raw_write(&raw, stream, 10), 10);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 100);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).length, 10);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void nothing_is_acknowledged_twice(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, 100, false);
    session_consumed(raw.session, stream, 100, raw.now_us);
    raw.now_us += 25 * CLOCK_MS;
    (void)raw_expect_frame(&raw, FRAME_WINDOW, 1);
    session_accept(raw.session, stream, raw.now_us); /* as is known by now */
    raw.now_us += 25 * CLOCK_MS;
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void credit_is_renewed_at_once_when_half_is_used_up(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *stream;

    (void)state;
    limits.min_window_bytes = 16384;
    raw_start_ready(&raw, SESSION_ACCEPTOR, &limits);
    stream = raw_accept(&raw, 0);
    raw_deliver_data(&raw, 1, 0, 8191, false);
    session_consumed(raw.session, stream, 8191, raw.now_us);
    raw_expect_no_frame(&raw);
    raw_deliver_data(&raw, 1, 8191, 1, false);
    session_consumed(raw.session, stream, 1, raw.now_us);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 8192);
    raw_stop(&raw);
}

static void bytes_that_are_not_consumed_give_no_credit(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, FRAME_MAX_DATA, false);
    raw.now_us += CLOCK_SECOND;
    raw_expect_no_frame(&raw);
    assert_int_equal(stream->receive_limit, 262144);
    raw_stop(&raw);
}

static void where_memory_is_short_only_the_reserve_is_promised(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 1000), 1000);
    (void)raw_drop_frames(&raw);
    raw.pool.max_bytes = raw.pool.used_bytes;
    for (uint64_t at = 0; at < 262144; at += 8192) {
        raw_deliver_data(&raw, 1, at, 8192, false);
        session_consumed(raw.session, stream, 8192, raw.now_us);
    }
    (void)raw_drop_frames(&raw);
    assert_int_equal(stream->receive_limit, 262144 + 16384);
    raw_stop(&raw);
}

static void who_waits_for_it_is_acknowledged_at_once(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    frame_put_data_header(&raw.out, 1, 0, 100, FRAME_FLAG_WAITS);
    for (int i = 0; i < 100; i++)
        bytes_put_u8(&raw.out, 0);
    (void)raw_expect(&raw, SESSION_DATA);
    session_consumed(raw.session, stream, 99, raw.now_us);
    raw_expect_no_frame(&raw); /* but not for a part of it */
    session_consumed(raw.session, stream, 1, raw.now_us);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 100);
    raw_stop(&raw);
}

/* How many trips it takes until |total| bytes are written to |stream|. */
static int trips_for(struct stream *stream, uint64_t total)
{
    uint64_t written = 0;
    int trips = 0;

    pair.delay_us = 20 * CLOCK_MS;
    pair.now_us += 61 * CLOCK_SECOND; /* what was measured is forgotten */
    for (; written < total; trips++) {
        assert_in_range(trips, 0, 10000);
        written += pair_write(&pair, 0, stream, total - written);
        (void)pair_turn(&pair, 0);
        (void)pair_turn(&pair, 1);
        for (int side = 0; side < 2; side++)
            assert_int_equal(session_tick(pair.ends[side].session, pair.now_us),
                             STATUS_OK);
        while (session_next_writable(pair.ends[0].session))
            ;
    }
    pair.delay_us = 0;
    return trips;
}

static void windows_grow_with_the_path(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *stream;
    uint64_t total = 100 << 20;

    (void)state;
    limits.max_unsent_bytes = 16 << 20;
    pair_start(&pair, &limits);
    stream = pair_open(&pair, 0);
    /* A window that stays takes 400. */
    assert_in_range(trips_for(stream, total), 0, 300);
    assert_int_equal(pair.ends[1].stream->window, 16 << 20);
    pair_run(&pair);
    assert_int_equal(pair.ends[1].got, total);
    assert_int_equal(pair.ends[0].pool.used_bytes, 0);
    pair_stop(&pair);
}

static void idle_streams_do_not_narrow_the_busy_one(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint64_t total = 20 << 20;
    int alone;

    (void)state;
    limits.max_unsent_bytes = 16 << 20;
    pair_start(&pair, &limits);
    alone = trips_for(pair_open(&pair, 0), total);
    for (int i = 0; i < 1000; i++) {
        struct stream *idle = pair_open(&pair, 0);

        assert_int_equal(pair_write(&pair, 0, idle, 100000), 100000);
        pair_run(&pair);
    }
    assert_in_range(trips_for(pair_open(&pair, 0), total), 0, alone);
    pair_stop(&pair);
}

/* ---- FIN ---- */

static void fin_goes_with_the_last_byte(void **state)
{
    struct stream *stream = raw_start_opened(&raw);
    struct raw_frame frame;

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 10), 10);
    session_finish(raw.session, stream, raw.now_us);
    session_finish(raw.session, stream, raw.now_us);
    frame = raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(frame.length, 10);
    assert_int_equal(frame.flags, FRAME_FLAG_FIN);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void fin_goes_alone_if_the_bytes_are_gone(void **state)
{
    struct stream *stream = raw_start_opened(&raw);
    struct raw_frame frame;

    (void)state;
    assert_int_equal(raw_write(&raw, stream, CREDIT), CREDIT);
    (void)raw_drop_frames(&raw);
    session_finish(raw.session, stream, raw.now_us); /* it needs no credit */
    frame = raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(frame.length, 0);
    assert_int_equal(frame.offset, CREDIT);
    assert_int_equal(frame.flags, FRAME_FLAG_FIN);
    raw_stop(&raw);
}

static void fin_goes_behind_whole_records_too(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    stream->read_parts = 16;
    assert_int_equal(raw_write(&raw, stream, 2 * FRAME_MAX_DATA),
                     2 * FRAME_MAX_DATA);
    session_finish(raw.session, stream, raw.now_us);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).flags, 0);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).flags,
                     FRAME_FLAG_FIN);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void fin_is_acknowledged_once_it_was_passed_on(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, 10, true);
    session_consumed(raw.session, stream, 10, raw.now_us);
    raw.now_us += 25 * CLOCK_MS;
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 10);
    session_fin_consumed(raw.session, stream, raw.now_us);
    session_fin_consumed(raw.session, stream, raw.now_us);
    raw.now_us += 25 * CLOCK_MS;
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 11);
    raw.now_us += 25 * CLOCK_MS;
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_stream_is_over_when_both_fins_are_acknowledged(void **state)
{
    struct stream *stream;

    (void)state;
    pair_start(&pair, NULL);
    stream = pair_open(&pair, 0);
    assert_int_equal(pair_write(&pair, 0, stream, 1000), 1000);
    session_finish(pair.ends[0].session, stream, pair.now_us);
    pair_run(&pair);
    assert_true(pair.ends[1].got_fin);
    assert_int_equal(pair_write(&pair, 1, pair.ends[1].stream, 500), 500);
    session_finish(pair.ends[1].session, pair.ends[1].stream, pair.now_us);
    pair_run(&pair);
    assert_true(pair.ends[0].got_fin);
    assert_int_equal(pair.ends[0].got, 500);
    for (int side = 0; side < 2; side++) {
        struct session *session = pair.ends[side].session;

        assert_int_equal(session_stream_count(session), 1);
        session_release(session, pair.ends[side].stream, CODE_NONE);
        assert_int_equal(session_stream_count(session), 0);
        assert_false(session_wants_to_send(session, pair.now_us));
    }
    pair_stop(&pair);
}

static void a_half_closed_stream_goes_on_the_other_way(void **state)
{
    struct stream *stream;

    (void)state;
    pair_start(&pair, NULL);
    stream = pair_open(&pair, 0);
    session_finish(pair.ends[0].session, stream, pair.now_us);
    pair_run(&pair);
    for (int i = 0; i < 10; i++) {
        pair.now_us += 3600 * CLOCK_SECOND;
        assert_int_equal(pair_write(&pair, 1, pair.ends[1].stream, 10000),
                         10000);
        pair_run(&pair);
    }
    assert_int_equal(pair.ends[0].got, 100000);
    assert_false(pair.ends[0].got_fin);
    pair_stop(&pair);
}

/* ---- one stream and the others ---- */

static void a_stream_that_is_not_read_stalls_no_other(void **state)
{
    struct stream *stalled, *other;

    (void)state;
    pair_start(&pair, NULL);
    stalled = pair_open(&pair, 0);
    pair.ends[1].holds = true;
    for (int i = 0; i < 20; i++) {
        (void)pair_write(&pair, 0, stalled, 1 << 20);
        pair_run(&pair);
    }
    /* Its first window, no more, but for what is not worth a frame. */
    assert_in_range(pair.ends[1].got, 262144 - 1023, 262144);
    pair.ends[1].holds = false;
    pair.ends[1].got = 0;
    other = pair_open(&pair, 0);
    for (uint64_t left = 3 << 20; left > 0; pair_run(&pair))
        left -= pair_write(&pair, 0, other, left);
    assert_int_equal(pair.ends[1].got, 3 << 20);
    pair_stop(&pair);
}

RUN_TESTS(TEST(data_comes_in_order_with_its_length_and_fin),
          TEST(a_frame_may_come_in_any_pieces),
          TEST(consumed_bytes_are_acknowledged_within_25_ms),
          TEST(who_waits_first_says_how_long_all_wait),
          TEST(an_acknowledgement_travels_with_what_is_sent_anyway),
          TEST(nothing_is_acknowledged_twice),
          TEST(credit_is_renewed_at_once_when_half_is_used_up),
          TEST(bytes_that_are_not_consumed_give_no_credit),
          TEST(where_memory_is_short_only_the_reserve_is_promised),
          TEST(who_waits_for_it_is_acknowledged_at_once),
          TEST(windows_grow_with_the_path),
          TEST(idle_streams_do_not_narrow_the_busy_one),
          TEST(fin_goes_with_the_last_byte),
          TEST(fin_goes_alone_if_the_bytes_are_gone),
          TEST(fin_goes_behind_whole_records_too),
          TEST(fin_is_acknowledged_once_it_was_passed_on),
          TEST(a_stream_is_over_when_both_fins_are_acknowledged),
          TEST(a_half_closed_stream_goes_on_the_other_way),
          TEST(a_stream_that_is_not_read_stalls_no_other))
