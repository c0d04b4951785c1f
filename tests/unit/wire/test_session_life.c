/* SPDX-License-Identifier: MIT */
/* Time, PING, GOAWAY and CLOSE. */
#include "support/wire/raw_peer.h"
#include "support/wire/session_pair.h"
#include "wire/session_internal.h"

static struct raw_peer raw;
static struct session_pair pair;

static enum status tick_at(uint64_t now_us)
{
    raw.now_us = now_us;
    return session_tick(raw.session, now_us);
}

/* ---- PING ---- */

static void a_ping_is_answered_by_its_number(void **state)
{
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    frame_put_ping(&raw.out, 0x1234567890, false);
    raw_expect_nothing(&raw);
    frame = raw_expect_frame(&raw, FRAME_PING, 0);
    assert_int_equal(frame.number, 0x1234567890);
    assert_int_equal(frame.flags, FRAME_FLAG_ANSWER);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void of_several_pings_the_last_is_answered(void **state)
{
    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    for (uint64_t number = 1; number <= 10; number++)
        frame_put_ping(&raw.out, number, false);
    raw_expect_nothing(&raw);
    assert_int_equal(raw_expect_frame(&raw, FRAME_PING, 0).number, 10);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

/* ---- liveness ---- */

static void with_streams_a_silent_peer_is_lost_after_3_s(void **state)
{
    uint64_t start_us;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    (void)raw_open(&raw);
    start_us = raw.now_us;
    assert_int_equal(session_deadline(raw.session), start_us + CLOCK_SECOND);
    assert_int_equal(tick_at(start_us + CLOCK_SECOND - 1), STATUS_OK);
    raw_expect_no_frame(&raw);
    assert_int_equal(tick_at(start_us + CLOCK_SECOND), STATUS_OK);
    (void)raw_expect_frame(&raw, FRAME_PING, 0);
    assert_int_equal(session_deadline(raw.session),
                     start_us + 3 * CLOCK_SECOND);
    assert_int_equal(tick_at(start_us + 3 * CLOCK_SECOND - 1), STATUS_OK);
    assert_int_equal(tick_at(start_us + 3 * CLOCK_SECOND), STATUS_TIMEOUT);
    raw_stop(&raw);
}

static void without_streams_a_silent_peer_is_lost_after_20_s(void **state)
{
    uint64_t start_us;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    start_us = raw.now_us;
    assert_int_equal(session_deadline(raw.session),
                     start_us + 15 * CLOCK_SECOND);
    assert_int_equal(tick_at(start_us + 15 * CLOCK_SECOND), STATUS_OK);
    (void)raw_expect_frame(&raw, FRAME_PING, 0);
    assert_int_equal(tick_at(start_us + 20 * CLOCK_SECOND - 1), STATUS_OK);
    assert_int_equal(tick_at(start_us + 20 * CLOCK_SECOND), STATUS_TIMEOUT);
    raw_stop(&raw);
}

static void any_byte_even_of_half_a_frame_keeps_a_peer_alive(void **state)
{
    uint64_t start_us;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    (void)raw_open(&raw);
    start_us = raw.now_us;
    assert_int_equal(tick_at(start_us + CLOCK_SECOND), STATUS_OK);
    raw.now_us = start_us + 2 * CLOCK_SECOND;
    bytes_put_u8(&raw.out, FRAME_PING);
    raw_expect_nothing(&raw);
    assert_int_equal(tick_at(start_us + 3 * CLOCK_SECOND - 1), STATUS_OK);
    assert_int_equal(tick_at(start_us + 3 * CLOCK_SECOND), STATUS_OK);
    assert_int_equal(tick_at(start_us + 5 * CLOCK_SECOND), STATUS_TIMEOUT);
    raw_stop(&raw);
}

/* It reaches us, but nothing of ours reaches it. */
static void a_peer_that_only_asks_is_lost_after_3_s(void **state)
{
    uint64_t start_us;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    (void)raw_open(&raw);
    start_us = raw.now_us;
    for (unsigned i = 1; i < 30; i++) {
        if (i % 10 == 0) {
            frame_put_ping(&raw.out, i, false);
            raw.now_us = start_us + i * CLOCK_SECOND / 10;
            raw_expect_nothing(&raw);
        }
        assert_int_equal(tick_at(start_us + i * CLOCK_SECOND / 10), STATUS_OK);
    }
    assert_int_equal(tick_at(start_us + 3 * CLOCK_SECOND), STATUS_TIMEOUT);
    raw_stop(&raw);
}

static void before_hello_there_is_no_deadline_of_its_own(void **state)
{
    (void)state;
    raw_start(&raw, SESSION_DIALER, NULL);
    assert_true(session_deadline(raw.session) == UINT64_MAX);
    assert_int_equal(tick_at(3600 * CLOCK_SECOND), STATUS_OK);
    raw_stop(&raw);
}

/* The tunnel's timer fires at the deadline: it must not fire for ever. */
static void a_tick_at_the_deadline_moves_it_on(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct iovec part;

    (void)state;
    raw_deliver_data(&raw, 1, 0, 10, false);
    session_consumed(raw.session, stream, 10, raw.now_us);
    raw.pool.max_bytes = 0;
    assert_int_equal(session_prepare(raw.session, stream, &part, 1), 0);
    for (int i = 0; i < 200; i++) { /* nothing is pulled: the link is full */
        uint64_t deadline_us = session_deadline(raw.session);

        if (tick_at(deadline_us) == STATUS_TIMEOUT)
            break;
        assert_true(session_deadline(raw.session) > deadline_us);
        while (session_next_writable(raw.session))
            assert_int_equal(session_prepare(raw.session, stream, &part, 1), 0);
    }
    raw_stop(&raw);
}

static void an_idle_pair_lives_on_by_pings_alone(void **state)
{
    (void)state;
    pair_start(&pair, NULL);
    pair.delay_us = CLOCK_MS;
    for (int i = 0; i < 1000; i++) {
        uint64_t first_us = session_deadline(pair.ends[0].session);
        uint64_t second_us = session_deadline(pair.ends[1].session);

        pair.now_us = first_us < second_us ? first_us : second_us;
        for (int side = 0; side < 2; side++)
            assert_int_equal(session_tick(pair.ends[side].session, pair.now_us),
                             STATUS_OK);
        (void)pair_turn(&pair, 0);
        (void)pair_turn(&pair, 1);
        (void)pair_turn(&pair, 0);
    }
    assert_true(pair.now_us > 3600 * CLOCK_SECOND);
    pair_stop(&pair);
}

/* ---- CLOSE ---- */

static void close_is_the_last_thing_said(void **state)
{
    struct raw_frame frame;
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    session_close(raw.session, CODE_NONE, "done");
    session_close(raw.session, CODE_INTERNAL, "again");
    assert_false(session_is_finished(raw.session));
    assert_false(session_can_open(raw.session));
    frame = raw_expect_frame(&raw, FRAME_CLOSE, 0);
    assert_int_equal(frame.code, CODE_NONE);
    assert_int_equal(frame.length, 4);
    assert_memory_equal(frame.bytes, "done", 4);
    assert_true(session_is_finished(raw.session));
    (void)raw_write(&raw, stream, 100);
    session_go_away(raw.session, CODE_NONE);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void close_before_anything_else_comes_behind_hello(void **state)
{
    (void)state;
    raw_start(&raw, SESSION_DIALER, NULL);
    session_close(raw.session, CODE_OVERLOAD, "");
    (void)raw_expect_frame(&raw, FRAME_HELLO, 0);
    assert_int_equal(raw_expect_frame(&raw, FRAME_CLOSE, 0).code,
                     CODE_OVERLOAD);
    raw_stop(&raw);
}

static void the_peers_close_is_told_with_its_reason(void **state)
{
    struct session_event event;
    char reason[FRAME_MAX_REASON + 1];

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    memset(reason, 'r', sizeof(reason));
    reason[FRAME_MAX_REASON] = '\0';
    frame_put_close(&raw.out, CODE_DRAINING, reason);
    event = raw_expect(&raw, SESSION_CLOSED);
    assert_int_equal(event.code, CODE_DRAINING);
    assert_string_equal(event.reason, reason);
    raw_expect_nothing(&raw);
    raw_stop(&raw);
}

static void both_ends_may_close_at_once_each_for_its_reason(void **state)
{
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    session_close(raw.session, CODE_TIMEOUT, "ours");
    frame_put_close(&raw.out, CODE_NONE, "the peer's");
    assert_string_equal(raw_expect(&raw, SESSION_CLOSED).reason, "the peer's");
    frame = raw_expect_frame(&raw, FRAME_CLOSE, 0);
    assert_int_equal(frame.length, 4);
    assert_memory_equal(frame.bytes, "ours", 4);
    raw_stop(&raw);
}

static void a_failure_comes_before_a_close_that_was_wanted(void **state)
{
    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    session_close(raw.session, CODE_NONE, "done");
    raw_put_zeros(&raw, 0x7f, 0, 0, 0);
    raw_expect_broken(&raw, "unknown frame"); /* which CLOSE says */
    raw_stop(&raw);
}

static void what_breaks_behind_our_close_is_not_answered(void **state)
{
    struct session_event event;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    session_close(raw.session, CODE_NONE, "done");
    (void)raw_expect_frame(&raw, FRAME_CLOSE, 0);
    raw_put_zeros(&raw, 0x7f, 0, 0, 0);
    assert_int_equal(raw_deliver(&raw, &event), STATUS_PROTOCOL);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

/* ---- the look from outside ---- */

static void the_counters_count(void **state)
{
    struct session_stats stats;
    struct stream *stream;

    (void)state;
    pair_start(&pair, NULL);
    stream = pair_open(&pair, 0);
    assert_int_equal(pair_write(&pair, 0, stream, 5000), 5000);
    pair_run(&pair);
    session_stats(pair.ends[0].session, &stats);
    assert_int_equal(stats.streams, 1);
    assert_int_equal(stats.opened, 1);
    assert_int_equal(stats.accepted, 0);
    assert_int_equal(stats.sent_bytes, 5000);
    assert_int_equal(stats.received_bytes, 0);
    session_stats(pair.ends[1].session, &stats);
    assert_int_equal(stats.opened, 0);
    assert_int_equal(stats.accepted, 1);
    assert_int_equal(stats.received_bytes, 5000);
    pair_stop(&pair);
}

static void a_session_out_of_numbers_is_worn(void **state)
{
    struct metadata metadata = { .service = "echo" };
    struct stream *stream;

    (void)state;
    for (int role = SESSION_DIALER; role <= SESSION_ACCEPTOR; role++) {
        raw_start_ready(&raw, (enum session_role)role, NULL);
        raw.session->last_opened =
            role == SESSION_DIALER ? LAST_STREAM - 2 : LAST_STREAM - 3;
        assert_false(session_is_worn(raw.session));
        stream = raw_open(&raw);
        assert_in_range(stream->id, LAST_STREAM - 1, LAST_STREAM);
        assert_true(session_is_worn(raw.session));
        assert_int_equal(session_open(raw.session, &metadata, &raw, NULL,
                                      raw.now_us, &stream),
                         STATUS_CLOSED);
        raw_stop(&raw);
    }
}

RUN_TESTS(TEST(a_ping_is_answered_by_its_number),
          TEST(of_several_pings_the_last_is_answered),
          TEST(with_streams_a_silent_peer_is_lost_after_3_s),
          TEST(without_streams_a_silent_peer_is_lost_after_20_s),
          TEST(a_peer_that_only_asks_is_lost_after_3_s),
          TEST(any_byte_even_of_half_a_frame_keeps_a_peer_alive),
          TEST(before_hello_there_is_no_deadline_of_its_own),
          TEST(a_tick_at_the_deadline_moves_it_on),
          TEST(an_idle_pair_lives_on_by_pings_alone),
          TEST(close_is_the_last_thing_said),
          TEST(close_before_anything_else_comes_behind_hello),
          TEST(the_peers_close_is_told_with_its_reason),
          TEST(both_ends_may_close_at_once_each_for_its_reason),
          TEST(a_failure_comes_before_a_close_that_was_wanted),
          TEST(what_breaks_behind_our_close_is_not_answered),
          TEST(the_counters_count), TEST(a_session_out_of_numbers_is_worn))
