/* SPDX-License-Identifier: MIT */
/* Resets, stops, releases: how a stream ends that does not end by FINs. */
#include "support/wire/raw_peer.h"
#include "support/wire/session_pair.h"
#include "wire/session_internal.h"

static struct raw_peer raw;
static struct session_pair pair;

static void assert_gone(void)
{
    assert_int_equal(session_stream_count(raw.session), 0);
    assert_int_equal(raw.pool.used_bytes, 0);
    assert_int_equal(raw.session->unsent_bytes, 0);
    assert_int_equal(raw.session->retained_bytes, 0);
    assert_int_equal(raw.session->credit.held_bytes, 0);
}

/* ---- our reset ---- */

static void a_reset_drops_what_is_not_sent_and_names_what_is(void **state)
{
    struct stream *stream = raw_start_opened(&raw);
    struct raw_frame frame;

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 1000), 1000);
    (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(raw_write(&raw, stream, 500), 500);
    session_reset(raw.session, stream, CODE_TIMEOUT);
    session_reset(raw.session, stream, CODE_RESET); /* the first counts */
    frame = raw_expect_frame(&raw, FRAME_RESET, 1);
    assert_int_equal(frame.code, CODE_TIMEOUT);
    assert_int_equal(frame.offset, 1000);
    raw_expect_no_frame(&raw);
    assert_int_equal(session_unsent(stream), 0);
    session_reset(raw.session, stream, CODE_RESET);
    session_finish(raw.session, stream, raw.now_us);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_reset_behind_lets_the_bytes_before_it_go(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 40000), 40000);
    session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
    for (uint64_t offset = 0; offset < 40000;)
        offset += raw_expect_frame(&raw, FRAME_DATA, 1).length;
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, 40000);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_reset_behind_nothing_goes_at_once(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, 0);
    raw_stop(&raw);
}

static void a_reset_behind_bytes_can_be_brought_forward(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 40000), 40000);
    session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
    session_reset(raw.session, stream, CODE_INTERNAL);
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, 0);
    raw_expect_no_frame(&raw);
    session_release(raw.session, stream, CODE_RESET);
    (void)raw_expect_frame(&raw, FRAME_STOP, 1);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_reset_may_follow_fin_until_it_is_acknowledged(void **state)
{
    struct stream *stream;

    (void)state;
    for (int acknowledged = 0; acknowledged < 2; acknowledged++) {
        stream = raw_start_opened(&raw);
        assert_int_equal(raw_write(&raw, stream, 10), 10);
        session_finish(raw.session, stream, raw.now_us);
        (void)raw_expect_frame(&raw, FRAME_DATA, 1);
        if (acknowledged) {
            frame_put_window(&raw.out, 1, 11, 65536);
            (void)raw_expect(&raw, SESSION_ANSWERED);
        }
        session_reset(raw.session, stream, CODE_RESET);
        if (!acknowledged)
            assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, 10);
        raw_expect_no_frame(&raw);
        raw_stop(&raw);
    }
}

static void an_acknowledged_fin_takes_the_place_of_a_reset(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    session_finish(raw.session, stream, raw.now_us);
    (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    session_reset(raw.session, stream, CODE_RESET); /* and they cross */
    frame_put_window(&raw.out, 1, 1, 65536);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

/* ---- the peer's reset ---- */

static void a_reset_of_the_peers_is_told_once_with_its_code(void **state)
{
    struct session_event event;
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, 100, false);
    frame_put_reset(&raw.out, 1, CODE_TIMEOUT, 100);
    event = raw_expect(&raw, SESSION_RESET);
    assert_ptr_equal(event.stream, stream);
    assert_int_equal(event.code, CODE_TIMEOUT);
    frame_put_reset(&raw.out, 1, CODE_TIMEOUT, 100);
    raw_expect_nothing(&raw);
    /* What came before it may still be delivered, but is no news. */
    session_consumed(raw.session, stream, 100, raw.now_us);
    raw.now_us += CLOCK_SECOND;
    raw_expect_no_frame(&raw);
    /* The other direction goes on. */
    assert_int_equal(raw_write(&raw, stream, 10), 10);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).length, 10);
    raw_stop(&raw);
}

static void a_reset_behind_fin_is_told(void **state)
{
    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    (void)raw_accept(&raw, 0);
    raw_deliver_data(&raw, 1, 0, 100, true);
    frame_put_reset(&raw.out, 1, CODE_RESET, 100);
    (void)raw_expect(&raw, SESSION_RESET);
    raw_stop(&raw);
}

static void a_stream_reset_both_ways_is_gone_once_released(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, 1000, false);
    frame_put_reset(&raw.out, 1, CODE_RESET, 1000);
    (void)raw_expect(&raw, SESSION_RESET);
    session_release(raw.session, stream, CODE_RESET);
    assert_int_equal(session_stream_count(raw.session), 1);
    (void)raw_expect_frame(&raw, FRAME_RESET, 1);
    assert_gone();
    raw_stop(&raw);
}

/* ---- stop ---- */

static void a_stop_is_answered_by_a_reset(void **state)
{
    struct session_event event;
    struct stream *stream = raw_start_opened(&raw);
    struct raw_frame frame;

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 30000), 30000);
    (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    frame_put_stop(&raw.out, 1, CODE_REFUSED);
    event = raw_expect(&raw, SESSION_STOPPED);
    assert_ptr_equal(event.stream, stream);
    assert_int_equal(event.code, CODE_REFUSED);
    frame = raw_expect_frame(&raw, FRAME_RESET, 1);
    assert_int_equal(frame.code, CODE_STOPPED);
    assert_int_equal(frame.offset, stream->sent);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_stop_drops_what_a_reset_waits_behind(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 30000), 30000);
    session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
    frame_put_stop(&raw.out, 1, CODE_REFUSED);
    (void)raw_expect(&raw, SESSION_STOPPED);
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, 0);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_stop_behind_fin_changes_nothing(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    session_finish(raw.session, stream, raw.now_us);
    (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    frame_put_stop(&raw.out, 1, CODE_REFUSED);
    (void)raw_expect(&raw, SESSION_STOPPED);
    raw_expect_no_frame(&raw);
    frame_put_window(&raw.out, 1, 1, 65536);
    raw_expect_nothing(&raw);
    assert_int_equal(stream->sending, SENDING_OVER);
    raw_stop(&raw);
}

static void our_stop_is_said_once_and_what_comes_is_dropped(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    session_stop(raw.session, stream, CODE_RESET);
    session_stop(raw.session, stream, CODE_RESET);
    assert_int_equal(raw_expect_frame(&raw, FRAME_STOP, 1).code, CODE_RESET);
    raw_put_data(&raw, 1, 0, 16000, false);
    raw_expect_nothing(&raw);
    assert_int_equal(stream->consumed, 16000);
    assert_int_equal(stream->receive_limit, 262144); /* nothing is promised */
    frame_put_reset(&raw.out, 1, CODE_STOPPED, 16000);
    raw_expect_nothing(&raw);
    assert_int_equal(stream->receiving, RECEIVING_OVER);
    raw_stop(&raw);
}

static void a_fin_behind_our_stop_is_acknowledged(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    session_stop(raw.session, stream, CODE_RESET);
    (void)raw_expect_frame(&raw, FRAME_STOP, 1);
    raw_put_data(&raw, 1, 0, 100, true); /* they crossed */
    raw_expect_nothing(&raw);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 101);
    raw_stop(&raw);
}

/* A relay whose socket failed still holds bytes that it counts as gone. */
static void what_was_held_at_a_stop_may_be_consumed_or_not(void **state)
{
    struct stream *stream;

    (void)state;
    for (int consumes = 0; consumes < 2; consumes++) {
        stream = raw_start_accepted(&raw);
        raw_deliver_data(&raw, 1, 0, 5000, false);
        session_stop(raw.session, stream, CODE_RESET);
        raw_put_data(&raw, 1, 5000, 5000, false);
        raw_expect_nothing(&raw);
        if (consumes)
            session_consumed(raw.session, stream, 5000, raw.now_us);
        frame_put_reset(&raw.out, 1, CODE_STOPPED, 10000);
        raw_expect_nothing(&raw);
        session_release(raw.session, stream, CODE_RESET);
        (void)raw_drop_frames(&raw);
        assert_gone();
        raw_stop(&raw);
    }
}

static void nothing_is_stopped_that_has_come_to_its_end(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    raw_deliver_data(&raw, 1, 0, 100, true);
    session_stop(raw.session, stream, CODE_RESET);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 101);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

/* ---- release ---- */

static void a_release_ends_what_has_not_ended(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 1000), 1000);
    raw_deliver_data(&raw, 1, 0, 1000, false);
    session_release(raw.session, stream, CODE_INTERNAL);
    assert_int_equal(raw_expect_frame(&raw, FRAME_STOP, 1).code, CODE_INTERNAL);
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).code,
                     CODE_INTERNAL);
    raw_put_data(&raw, 1, 1000, 1000, false); /* it does not know yet */
    raw_expect_nothing(&raw);
    assert_int_equal(session_stream_count(raw.session), 1);
    frame_put_reset(&raw.out, 1, CODE_STOPPED, 2000);
    raw_expect_nothing(&raw);
    raw.now_us += CLOCK_SECOND;
    (void)raw_drop_frames(&raw);
    assert_gone();
    raw_stop(&raw);
}

static void a_release_lets_a_finished_direction_finish(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct raw_frame frame;

    (void)state;
    raw_deliver_data(&raw, 1, 0, 10, true);
    session_consumed(raw.session, stream, 10, raw.now_us);
    session_fin_consumed(raw.session, stream, raw.now_us);
    assert_int_equal(raw_write(&raw, stream, 1000), 1000);
    session_finish(raw.session, stream, raw.now_us);
    session_release(raw.session, stream, CODE_NONE);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 11);
    frame = raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(frame.length, 1000);
    assert_int_equal(frame.flags, FRAME_FLAG_FIN);
    raw_expect_no_frame(&raw);
    frame_put_window(&raw.out, 1, 1001, 65536);
    raw_expect_nothing(&raw);
    assert_gone();
    raw_stop(&raw);
}

static void a_release_lets_a_reset_behind_bytes_wait_for_them(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 1000), 1000);
    session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
    session_release(raw.session, stream, CODE_NONE);
    (void)raw_expect_frame(&raw, FRAME_STOP, 1);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).length, 1000);
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, 1000);
    frame_put_reset(&raw.out, 1, CODE_STOPPED, 0);
    raw_expect_nothing(&raw);
    assert_gone();
    raw_stop(&raw);
}

static void a_released_stream_tells_nobody_anything(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    session_release(raw.session, stream, CODE_RESET);
    frame_put_stop(&raw.out, 1, CODE_REFUSED);
    raw_put_data(&raw, 1, 0, 10, false);
    frame_put_reset(&raw.out, 1, CODE_REFUSED, 10);
    raw_expect_nothing(&raw);
    (void)raw_drop_frames(&raw);
    assert_gone();
    raw_stop(&raw);
}

static void a_refusal_of_a_released_stream_ends_it(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 100), 100);
    session_finish(raw.session, stream, raw.now_us);
    session_release(raw.session, stream, CODE_RESET);
    (void)raw_drop_frames(&raw);
    frame_put_open_fail(&raw.out, 1, CODE_DENIED, false);
    raw_expect_nothing(&raw);
    (void)raw_drop_frames(&raw);
    assert_gone();
    raw_stop(&raw);
}

/* ---- what crosses on the wire ---- */

static void frames_that_crossed_with_the_end_are_dropped(void **state)
{
    struct session_stats stats;
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    session_release(raw.session, stream, CODE_RESET);
    (void)raw_drop_frames(&raw);
    frame_put_reset(&raw.out, 1, CODE_STOPPED, 0);
    raw_expect_nothing(&raw);
    assert_gone();
    frame_put_window(&raw.out, 1, 0, 70000);
    frame_put_window(&raw.out, 1, 0, 80000);
    frame_put_stop(&raw.out, 1, CODE_RESET);
    frame_put_reset(&raw.out, 1, CODE_RESET, 0);
    raw_expect_nothing(&raw);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.glitches, 0);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void resets_from_both_ends_cross_and_both_are_gone(void **state)
{
    struct stream *stream;

    (void)state;
    pair_start(&pair, NULL);
    stream = pair_open(&pair, 0);
    pair.ends[1].holds = true;
    (void)pair_write(&pair, 0, stream, 5000);
    (void)pair_write(&pair, 1, pair.ends[1].stream, 5000);
    pair_run(&pair);
    for (int side = 0; side < 2; side++)
        session_release(pair.ends[side].session, pair.ends[side].stream,
                        CODE_RESET);
    pair_run(&pair);
    for (int side = 0; side < 2; side++) {
        struct session_stats stats;

        session_stats(pair.ends[side].session, &stats);
        assert_int_equal(stats.streams, 0);
        assert_int_equal(stats.glitches, 0);
    }
    pair_stop(&pair);
}

/* ---- the session goes, its streams too ---- */

static void a_session_goes_with_all_its_streams_and_their_memory(void **state)
{
    struct stream *stream;
    size_t position = 0, owned = 0;

    (void)state;
    pair_start(&pair, NULL);
    for (int i = 0; i < 30; i++) {
        stream = pair_open(&pair, i & 1);
        (void)pair_write(&pair, i & 1, stream, 50000);
        if (i % 3 == 0)
            pair_run(&pair);
        if (i % 5 == 0)
            session_release(pair.ends[i & 1].session, stream, CODE_RESET);
    }
    while (session_next_stream(pair.ends[0].session, &position))
        owned++;
    assert_int_equal(owned, 27);
    pair_stop(&pair); /* which looks at the pools */
    session_free(NULL);
}

RUN_TESTS(TEST(a_reset_drops_what_is_not_sent_and_names_what_is),
          TEST(a_reset_behind_lets_the_bytes_before_it_go),
          TEST(a_reset_behind_nothing_goes_at_once),
          TEST(a_reset_behind_bytes_can_be_brought_forward),
          TEST(a_reset_may_follow_fin_until_it_is_acknowledged),
          TEST(an_acknowledged_fin_takes_the_place_of_a_reset),
          TEST(a_reset_of_the_peers_is_told_once_with_its_code),
          TEST(a_reset_behind_fin_is_told),
          TEST(a_stream_reset_both_ways_is_gone_once_released),
          TEST(a_stop_is_answered_by_a_reset),
          TEST(a_stop_drops_what_a_reset_waits_behind),
          TEST(a_stop_behind_fin_changes_nothing),
          TEST(our_stop_is_said_once_and_what_comes_is_dropped),
          TEST(a_fin_behind_our_stop_is_acknowledged),
          TEST(what_was_held_at_a_stop_may_be_consumed_or_not),
          TEST(nothing_is_stopped_that_has_come_to_its_end),
          TEST(a_release_ends_what_has_not_ended),
          TEST(a_release_lets_a_finished_direction_finish),
          TEST(a_release_lets_a_reset_behind_bytes_wait_for_them),
          TEST(a_released_stream_tells_nobody_anything),
          TEST(a_refusal_of_a_released_stream_ends_it),
          TEST(frames_that_crossed_with_the_end_are_dropped),
          TEST(resets_from_both_ends_cross_and_both_are_gone),
          TEST(a_session_goes_with_all_its_streams_and_their_memory))
