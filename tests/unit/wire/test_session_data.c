/* SPDX-License-Identifier: MIT */
/* Bytes of streams: offsets, credit, acknowledgement, room, FIN. */
#include "support/wire/raw_peer.h"
#include "support/wire/session_pair.h"
#include "wire/session_internal.h"

enum { CREDIT = 65536 }; /* what the raw peer's HELLO gives */

static struct raw_peer raw;
static struct session_pair pair;

/* Ask for room without using it. */
static bool has_room(struct stream *stream)
{
    struct iovec part;
    int count = session_prepare(raw.session, stream, &part, 1);

    if (count > 0)
        session_commit(raw.session, stream, 0, raw.now_us);
    return count > 0;
}

static bool is_called(struct stream *stream)
{
    struct stream *called = session_next_writable(raw.session);

    assert_true(!called || called == stream);
    return called != NULL;
}

/* ---- out ---- */

static void data_goes_out_at_rising_offsets_in_full_records(void **state)
{
    struct stream *stream;
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    stream->read_parts = 16;
    assert_int_equal(raw_write(&raw, stream, 3 * FRAME_MAX_DATA + 10),
                     3 * FRAME_MAX_DATA + 10);
    for (uint64_t i = 0; i < 3; i++) {
        frame = raw_expect_frame(&raw, FRAME_DATA, 1);
        assert_int_equal(frame.offset, i * FRAME_MAX_DATA);
        assert_int_equal(frame.length, FRAME_MAX_DATA);
        assert_int_equal(raw.record_length, FRAME_MAX);
    }
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).length, 10);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void small_messages_of_many_streams_share_a_record(void **state)
{
    struct stream *streams[20];

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    for (int i = 0; i < 20; i++)
        streams[i] = raw_open(&raw);
    for (int i = 0; i < 20; i++)
        assert_int_equal(raw_write(&raw, streams[i], 50), 50);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            raw_expect_frame(&raw, FRAME_DATA, streams[i]->id).length, 50);
        assert_int_equal(raw.record_length, 20 * (FRAME_DATA_HEADER + 50));
    }
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void no_byte_is_sent_beyond_the_peers_limit(void **state)
{
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    assert_int_equal(raw_write(&raw, stream, CREDIT + 5000), CREDIT);
    (void)raw_drop_frames(&raw);
    assert_int_equal(stream->sent, CREDIT);
    assert_false(is_called(stream));
    frame_put_window(&raw.out, 1, 0, CREDIT + 2000);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    assert_true(is_called(stream));
    assert_int_equal(raw_write(&raw, stream, 5000), 2000);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).offset, CREDIT);
    raw_expect_no_frame(&raw);
    assert_int_equal(stream->sent, CREDIT + 2000);
    raw_stop(&raw);
}

static void sent_bytes_are_kept_until_they_are_acknowledged(void **state)
{
    struct session_stats stats;
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    stream->read_parts = 16;
    assert_int_equal(raw_write(&raw, stream, 3 * CHUNK_LARGE), 3 * CHUNK_LARGE);
    (void)raw_drop_frames(&raw);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.retained_bytes, 3 * CHUNK_LARGE);
    assert_int_equal(stats.sent_bytes, 3 * CHUNK_LARGE);
    frame_put_window(&raw.out, 1, CHUNK_LARGE - 1, CREDIT);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.retained_bytes, 3 * CHUNK_LARGE);
    frame_put_window(&raw.out, 1, CHUNK_LARGE, CREDIT);
    raw_expect_nothing(&raw);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.retained_bytes, 2 * CHUNK_LARGE);
    frame_put_window(&raw.out, 1, 3 * CHUNK_LARGE, CREDIT);
    raw_expect_nothing(&raw);
    assert_int_equal(raw.pool.used_bytes, 0);
    raw_stop(&raw);
}

static void short_messages_do_not_hold_large_memory(void **state)
{
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(raw_write(&raw, stream, 100), 100);
        (void)raw_drop_frames(&raw);
    }
    assert_in_range(raw.pool.used_bytes, 500, 600);
    assert_int_equal(raw_write(&raw, stream, 4092), 4092);
    assert_in_range(raw.pool.used_bytes, 4600, 4800);
    raw_stop(&raw);
}

static void a_stream_without_room_is_called_when_there_is_some(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *first, *second;

    (void)state;
    limits.max_unsent_bytes = 40000;
    limits.reserve_bytes = 1024;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    first = raw_open(&raw);
    second = raw_open(&raw);
    assert_in_range(raw_write(&raw, first, 60000), 40000, 59999);
    assert_true(first->starved);
    assert_true(has_room(second)); /* its reserve is its own */
    assert_false(is_called(first));
    while (session_unsent(first) >= 20000)
        assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).stream, 1);
    assert_true(is_called(first));
    assert_false(is_called(first));
    assert_true(has_room(first));
    raw_stop(&raw);
}

static void each_stream_may_always_queue_its_reserve(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *first, *second;

    (void)state;
    limits.max_unsent_bytes = 20000;
    limits.reserve_bytes = 8192;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    first = raw_open(&raw);
    second = raw_open(&raw);
    assert_true(raw_write(&raw, first, 60000) >= 20000);
    assert_int_equal(raw_write(&raw, second, 8192 - 1024), 8192 - 1024);
    assert_true(has_room(second));
    assert_int_equal(raw_write(&raw, second, 1), 1);
    assert_false(has_room(second)); /* what is left is not worth reading */
    raw_stop(&raw);
}

static void who_has_no_memory_is_called_again_after_a_while(void **state)
{
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    raw.pool.max_bytes = 10000;
    assert_false(has_room(stream));
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    assert_true(is_called(stream));
    assert_false(has_room(stream));
    assert_int_equal(session_deadline(raw.session), raw.now_us + 20 * CLOCK_MS);
    raw.pool.max_bytes = 100000;
    raw.now_us += 20 * CLOCK_MS;
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    assert_true(is_called(stream));
    assert_true(has_room(stream));
    raw_stop(&raw);
}

static void memory_that_comes_free_is_offered_to_who_waits_longest(void **state)
{
    struct stream *writer, *first, *second;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    writer = raw_open(&raw);
    first = raw_open(&raw);
    second = raw_open(&raw);
    writer->read_parts = 4;
    assert_int_equal(raw_write(&raw, writer, 3 * CHUNK_LARGE), 3 * CHUNK_LARGE);
    raw.pool.max_bytes = raw.pool.used_bytes;
    (void)raw_drop_frames(&raw);
    assert_false(has_room(first));
    assert_false(has_room(second));
    frame_put_window(&raw.out, 1, CHUNK_LARGE, CREDIT);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    assert_ptr_equal(session_next_writable(raw.session), first);
    assert_null(session_next_writable(raw.session));
    frame_put_window(&raw.out, 1, 3 * CHUNK_LARGE, CREDIT);
    raw_expect_nothing(&raw);
    assert_ptr_equal(session_next_writable(raw.session), second);
    assert_null(session_next_writable(raw.session));
    raw_stop(&raw);
}

static void who_ended_its_direction_is_not_called_any_more(void **state)
{
    struct stream *stream;

    (void)state;
    for (int ending = 0; ending < 3; ending++) {
        raw_start_ready(&raw, SESSION_DIALER, NULL);
        stream = raw_open(&raw);
        assert_int_equal(raw_write(&raw, stream, CREDIT + 1), CREDIT);
        if (ending == 0)
            session_finish(raw.session, stream, raw.now_us);
        if (ending == 1)
            session_reset(raw.session, stream, CODE_RESET);
        if (ending == 2)
            session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
        frame_put_window(&raw.out, 1, 0, 2 * CREDIT);
        (void)raw_expect(&raw, SESSION_ANSWERED);
        assert_false(is_called(stream));
        assert_false(has_room(stream));
        raw_stop(&raw);
    }
}

static void more_is_read_at_once_while_there_is_more(void **state)
{
    struct iovec parts[16];
    struct stream *stream;
    int most = 0;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    frame_put_window(&raw.out, 1, 0, 64 << 20);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    for (int i = 0; i < 6; i++) {
        int count = session_prepare(raw.session, stream, parts, 16);

        assert_in_range(count, most, 16);
        most = count;
        session_commit(raw.session, stream, (size_t)count * CHUNK_LARGE,
                       raw.now_us);
        (void)raw_drop_frames(&raw);
    }
    assert_int_equal(most, 16);
    for (int i = 0; i < 6; i++) {
        most = session_prepare(raw.session, stream, parts, 16);
        session_commit(raw.session, stream, 10, raw.now_us);
    }
    assert_int_equal(most, 1);
    raw_stop(&raw);
}

static void no_more_parts_are_given_than_asked_for(void **state)
{
    struct iovec parts[16];
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
    stream->read_parts = 16;
    assert_int_equal(session_prepare(raw.session, stream, parts, 2), 2);
    session_commit(raw.session, stream, 0, raw.now_us);
    assert_int_equal(session_prepare(raw.session, stream, parts, 16), 5);
    assert_int_equal(parts[3].iov_len, CHUNK_LARGE);
    assert_int_equal(parts[4].iov_len, CREDIT - 4 * CHUNK_LARGE);
    session_commit(raw.session, stream, 0, raw.now_us);
    assert_int_equal(raw.pool.used_bytes, 0);
    raw_stop(&raw);
}

/* ---- in ---- */

static void data_comes_in_order_with_its_length_and_fin(void **state)
{
    struct session_event event;
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
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
    struct stream *stream;
    struct raw_frame frame;
    uint64_t limit;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
    raw_put_data(&raw, 1, 0, 100, false);
    (void)raw_expect(&raw, SESSION_DATA);
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

static void an_acknowledgement_travels_with_what_is_sent_anyway(void **state)
{
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
    raw_put_data(&raw, 1, 0, 100, false);
    (void)raw_expect(&raw, SESSION_DATA);
    session_consumed(raw.session, stream, 100, raw.now_us);
    assert_int_equal(raw_write(&raw, stream, 10), 10);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 100);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).length, 10);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void nothing_is_acknowledged_twice(void **state)
{
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
    raw_put_data(&raw, 1, 0, 100, false);
    (void)raw_expect(&raw, SESSION_DATA);
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
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
    raw_put_data(&raw, 1, 0, 8191, false);
    (void)raw_expect(&raw, SESSION_DATA);
    session_consumed(raw.session, stream, 8191, raw.now_us);
    raw_expect_no_frame(&raw);
    raw_put_data(&raw, 1, 8191, 1, false);
    (void)raw_expect(&raw, SESSION_DATA);
    session_consumed(raw.session, stream, 1, raw.now_us);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 8192);
    raw_stop(&raw);
}

static void bytes_that_are_not_consumed_give_no_credit(void **state)
{
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
    raw_put_data(&raw, 1, 0, FRAME_MAX_DATA, false);
    (void)raw_expect(&raw, SESSION_DATA);
    raw.now_us += CLOCK_SECOND;
    raw_expect_no_frame(&raw);
    assert_int_equal(stream->receive_limit, 16384);
    raw_stop(&raw);
}

static void windows_grow_with_the_path(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *stream;
    uint64_t total = 100 << 20, written = 0;

    (void)state;
    limits.max_unsent_bytes = 16 << 20;
    pair_start(&pair, &limits);
    stream = pair_open(&pair, 0);
    pair.delay_us = 20 * CLOCK_MS;
    pair.now_us += 61 * CLOCK_SECOND; /* what was measured is forgotten */
    for (int i = 0; written < total; i++) {
        assert_in_range(i, 0, 300); /* a window that stays takes 400 trips */
        written += pair_write(&pair, 0, stream, total - written);
        (void)pair_turn(&pair, 0);
        (void)pair_turn(&pair, 1);
        for (int side = 0; side < 2; side++)
            assert_int_equal(session_tick(pair.ends[side].session, pair.now_us),
                             STATUS_OK);
        while (session_next_writable(pair.ends[0].session))
            ;
    }
    assert_int_equal(pair.ends[1].stream->window, 16 << 20);
    pair_run(&pair);
    assert_int_equal(pair.ends[1].got, total);
    assert_int_equal(pair.ends[0].pool.used_bytes, 0);
    pair_stop(&pair);
}

/* ---- FIN ---- */

static void fin_goes_with_the_last_byte(void **state)
{
    struct stream *stream;
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
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
    struct stream *stream;
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
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
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    stream = raw_open(&raw);
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
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    stream = raw_accept(&raw, 0);
    raw_put_data(&raw, 1, 0, 10, true);
    (void)raw_expect(&raw, SESSION_DATA);
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
    /* The reserve, no more, but for what is not worth a frame. */
    assert_in_range(pair.ends[1].got, 16384 - 1023, 16384);
    pair.ends[1].holds = false;
    pair.ends[1].got = 0;
    other = pair_open(&pair, 0);
    for (uint64_t left = 3 << 20; left > 0; pair_run(&pair))
        left -= pair_write(&pair, 0, other, left);
    assert_int_equal(pair.ends[1].got, 3 << 20);
    pair_stop(&pair);
}

static void an_interactive_message_overtakes_a_queue_of_bulk(void **state)
{
    struct stream *bulk, *interactive;
    size_t between = 0;
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    bulk = raw_open(&raw);
    interactive = raw_open(&raw);
    frame_put_window(&raw.out, 1, 0, 8 << 20);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    (void)raw_write(&raw, bulk, 1 << 20);
    for (int i = 0; i < 10; i++)
        (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(raw_write(&raw, interactive, 64), 64);
    do {
        assert_true(raw_pull(&raw, &frame));
        between += frame.length;
    } while (frame.stream != 3);
    assert_int_equal(between, 64);
    raw_stop(&raw);
}

RUN_TESTS(TEST(data_goes_out_at_rising_offsets_in_full_records),
          TEST(small_messages_of_many_streams_share_a_record),
          TEST(no_byte_is_sent_beyond_the_peers_limit),
          TEST(sent_bytes_are_kept_until_they_are_acknowledged),
          TEST(short_messages_do_not_hold_large_memory),
          TEST(a_stream_without_room_is_called_when_there_is_some),
          TEST(each_stream_may_always_queue_its_reserve),
          TEST(who_has_no_memory_is_called_again_after_a_while),
          TEST(memory_that_comes_free_is_offered_to_who_waits_longest),
          TEST(who_ended_its_direction_is_not_called_any_more),
          TEST(more_is_read_at_once_while_there_is_more),
          TEST(no_more_parts_are_given_than_asked_for),
          TEST(data_comes_in_order_with_its_length_and_fin),
          TEST(a_frame_may_come_in_any_pieces),
          TEST(consumed_bytes_are_acknowledged_within_25_ms),
          TEST(an_acknowledgement_travels_with_what_is_sent_anyway),
          TEST(nothing_is_acknowledged_twice),
          TEST(credit_is_renewed_at_once_when_half_is_used_up),
          TEST(bytes_that_are_not_consumed_give_no_credit),
          TEST(windows_grow_with_the_path), TEST(fin_goes_with_the_last_byte),
          TEST(fin_goes_alone_if_the_bytes_are_gone),
          TEST(fin_goes_behind_whole_records_too),
          TEST(fin_is_acknowledged_once_it_was_passed_on),
          TEST(a_stream_is_over_when_both_fins_are_acknowledged),
          TEST(a_half_closed_stream_goes_on_the_other_way),
          TEST(a_stream_that_is_not_read_stalls_no_other),
          TEST(an_interactive_message_overtakes_a_queue_of_bulk))
