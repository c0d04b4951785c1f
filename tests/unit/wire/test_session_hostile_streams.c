/* SPDX-License-Identifier: MIT */
/*
 * A hostile peer, and streams: numbers, limits, floods, ends, offsets.  Which
 * rows of the catalogue are where: tests/support/wire/hostile_peer.h.
 */
#include "support/wire/hostile_peer.h"

/* ---- M-11, M-12, M-13: numbers of streams ---- */

/* Everything that may be said of a stream, of one that never was. */
static void a_stream_that_was_never_opened_takes_nothing(void **state)
{
    uint32_t ids[] = { 0, 0, 99, 100, UINT32_MAX, UINT32_MAX - 1 };

    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
        for (int frame = 0; frame < 5; frame++) {
            start(state);
            ids[0] = raw_id(&raw, 0);
            ids[1] = raw_own_id(&raw, 0);
            if (frame == 0)
                raw_put_data(&raw, ids[i], 0, 10, false);
            if (frame == 1)
                frame_put_window(&raw.out, ids[i], 0, 100000);
            if (frame == 2)
                frame_put_reset(&raw.out, ids[i], 0, 0);
            if (frame == 3)
                frame_put_stop(&raw.out, ids[i], 0);
            if (frame == 4)
                frame_put_open_fail(&raw.out, ids[i], 0, false);
            raw_expect_broken(&raw,
                              frame == 0 ? "data on a stream that is not open"
                              : frame == 4
                                  ? "refusal of a stream that is not open"
                                  : "frame for a stream that was never opened");
            stop();
        }
}

/* We have begun to open it, but the peer cannot know. */
static void a_stream_that_is_not_open_yet_takes_nothing(void **state)
{
    struct metadata metadata = { .service = "echo" };
    struct stream *stream;

    for (int frame = 0; frame < 5; frame++) {
        start(state);
        assert_int_equal(session_open(raw.session, &metadata, &raw, NULL,
                                      raw.now_us, &stream),
                         STATUS_OK);
        if (frame == 0)
            raw_put_data(&raw, stream->id, 0, 10, false);
        if (frame == 1)
            frame_put_window(&raw.out, stream->id, 0, 100000);
        if (frame == 2)
            frame_put_reset(&raw.out, stream->id, 0, 0);
        if (frame == 3)
            frame_put_stop(&raw.out, stream->id, 0);
        if (frame == 4)
            frame_put_open_fail(&raw.out, stream->id, 0, false);
        raw_expect_broken(&raw,
                          frame == 0 ? "data on a stream that is not open"
                          : frame == 4
                              ? "refusal of a stream that was answered"
                              : "frame for a stream that is not open yet");
        stop();
    }
}

/* A stream is kept until the peer has ended it: no data can cross that. */
static void data_for_a_stream_that_is_over_breaks_the_protocol(void **state)
{
    struct stream *stream;

    start(state);
    stream = raw_accept(&raw, 0);
    session_release(raw.session, stream, CODE_RESET);
    raw_put_data(&raw, raw_id(&raw, 0), 0, 100, false); /* it may cross */
    frame_put_reset(&raw.out, raw_id(&raw, 0), 0, 100);
    raw_expect_nothing(&raw);
    (void)raw_drop_frames(&raw);
    assert_int_equal(session_stream_count(raw.session), 0);
    raw_put_data(&raw, raw_id(&raw, 0), 100, 100, false);
    raw_expect_broken(&raw, "data on a stream that is not open");
    stop();
}

static void put_crossing(uint32_t index)
{
    if (index % 3 == 0)
        frame_put_window(&raw.out, raw_id(&raw, 0), 0, 100000 + index);
    if (index % 3 == 1)
        frame_put_stop(&raw.out, raw_id(&raw, 0), 0);
    if (index % 3 == 2)
        frame_put_reset(&raw.out, raw_id(&raw, 0), 0, 0);
}

static void what_crosses_with_an_end_has_an_end_too(void **state)
{
    struct stream *stream;

    start(state);
    stream = raw_accept(&raw, 0);
    frame_put_reset(&raw.out, stream->id, 0, 0);
    (void)raw_expect(&raw, SESSION_RESET);
    session_release(raw.session, stream, CODE_RESET);
    (void)raw_drop_frames(&raw);
    for (uint32_t i = 0; i < CROSSINGS; i++)
        put_crossing(i);
    raw_expect_nothing(&raw);
    assert_int_equal(glitches(), 0);
    expect_flood_broken(put_crossing);
    stop();
}

static void streams_come_in_turn_and_of_the_peers_parity(void **state)
{
    uint32_t wrong[8];

    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        start(state);
        wrong[0] = raw_own_id(&raw, 0); /* ours */
        wrong[1] = raw_own_id(&raw, 1);
        wrong[2] = raw_id(&raw, 0); /* again */
        wrong[3] = raw_id(&raw, 2); /* a gap */
        wrong[4] = UINT32_MAX;
        wrong[5] = UINT32_MAX - 1;
        wrong[6] = UINT32_C(1) << 31;
        wrong[7] = (UINT32_C(1) << 31) + 1;
        (void)accept_one();
        raw_put_open(&raw, wrong[i]);
        raw_expect_broken(&raw, "a stream out of turn");
        stop();
    }
    start(state);
    raw_put_open(&raw, 0);
    raw_expect_broken(&raw, "frame on a wrong stream");
    stop();
    start(state);
    raw_put_open(&raw, raw_id(&raw, 1));
    raw_expect_broken(&raw, "a stream out of turn");
    stop();
}

static void numbers_do_not_start_again(void **state)
{
    uint32_t last;

    start(state);
    last = raw_id(&raw, 0) & 1 ? LAST_STREAM : LAST_STREAM - 1;
    raw.session->last_accepted = last - 2;
    raw_put_open(&raw, last);
    (void)raw_expect(&raw, SESSION_OPENED);
    raw_put_open(&raw, last + 2);
    raw_expect_broken(&raw, "a stream out of turn");
    stop();
}

/* ---- M-14, M-15, M-16, M-17: streams ---- */

static void streams_beyond_the_limit_break_the_protocol(void **state)
{
    start(state);
    for (uint32_t i = 0; i < HOSTILE_STREAMS; i++)
        (void)raw_accept(&raw, i);
    raw_put_open(&raw, raw_id(&raw, HOSTILE_STREAMS));
    raw_expect_broken(&raw, "more streams than allowed");
    stop();
}

static void streams_that_send_nothing_cost_little(void **state)
{
    struct limits limits = LIMITS_DEFAULT;

    start_limited(state, &limits);
    for (uint32_t i = 0; i < limits.max_streams; i++)
        (void)raw_accept(&raw, i);
    assert_int_equal(session_stream_count(raw.session), limits.max_streams);
    assert_int_equal(raw.pool.used_bytes, 0);
    raw.now_us += 2 * CLOCK_SECOND; /* and no deadline of their own */
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    (void)raw_drop_frames(&raw);
    stop();
}

/* The service is slow to let go: each holds its place until it does. */
static void rapid_reset_gains_no_place_while_owners_hold_on(void **state)
{
    uint32_t i;

    start(state);
    for (i = 0; i < HOSTILE_STREAMS; i++) {
        struct stream *stream = raw_accept(&raw, i);

        frame_put_reset(&raw.out, stream->id, CODE_RESET, 0);
        frame_put_stop(&raw.out, stream->id, CODE_RESET);
        assert_true(raw_flood(&raw));
    }
    (void)raw_drop_frames(&raw);
    assert_int_equal(raw.session->accept_limit, HOSTILE_STREAMS);
    raw_put_open(&raw, raw_id(&raw, i));
    raw_expect_broken(&raw, "more streams than allowed");
    stop();
}

static void rapid_reset_leaves_nothing_behind(void **state)
{
    start(state);
    for (uint32_t i = 0; i < HOSTILE_MANY; i++) {
        struct stream *stream = raw_accept(&raw, i);

        frame_put_reset(&raw.out, stream->id, CODE_RESET, 0);
        (void)raw_expect(&raw, SESSION_RESET);
        session_release(raw.session, stream, CODE_RESET);
        (void)raw_drop_frames(&raw);
        assert_in_range(session_stream_count(raw.session), 0, 1);
    }
    stop();
}

/* It does not read: our RESETs stay, and so do the places. */
static void rapid_reset_by_who_does_not_read_comes_to_a_halt(void **state)
{
    struct session_event event;
    uint32_t i = 0;

    start(state);
    raw.reads = false;
    for (;; i++) {
        raw_put_open(&raw, raw_id(&raw, i));
        if (raw_deliver(&raw, &event) != STATUS_OK)
            break;
        frame_put_reset(&raw.out, event.stream->id, CODE_RESET, 0);
        event.stream->owner = &raw;
        session_release(raw.session, event.stream, CODE_RESET);
        raw_expect_nothing(&raw);
    }
    assert_int_equal(i, HOSTILE_STREAMS);
    assert_string_equal(session_failure(raw.session),
                        "more streams than allowed");
    stop();
}

/* To have us reset its streams is worth no more than to reset them itself. */
static void provoked_resets_leave_nothing_behind(void **state)
{
    start(state);
    for (uint32_t i = 0; i < HOSTILE_MANY / 10; i++) {
        struct stream *stream = raw_accept(&raw, i);
        uint32_t id = stream->id;

        raw_deliver_data(&raw, id, 0, 10, false);
        frame_put_stop(&raw.out, id, CODE_RESET);
        (void)raw_expect(&raw, SESSION_STOPPED);
        session_release(raw.session, stream, CODE_RESET);
        (void)raw_drop_frames(&raw);
        assert_in_range(session_stream_count(raw.session), 0, 1);
        frame_put_reset(&raw.out, id, CODE_STOPPED, 10);
        raw_expect_nothing(&raw);
        (void)raw_drop_frames(&raw);
    }
    stop();
}

static void put_stop_again(uint32_t index)
{
    (void)index;
    frame_put_stop(&raw.out, raw_own_id(&raw, 0), CODE_RESET);
}

static void a_second_stop_is_odd_and_tells_nobody(void **state)
{
    struct stream *stream;
    uint64_t events;

    start(state);
    (void)open_one();
    stream = session_find(raw.session, raw_own_id(&raw, 0));
    session_finish(raw.session, stream, raw.now_us);
    (void)raw_drop_frames(&raw);
    put_stop_again(0);
    (void)raw_expect(&raw, SESSION_STOPPED);
    events = raw.events;
    expect_flood_broken(put_stop_again);
    assert_int_equal(raw.events, events);
    stop();
}

/* ---- M-29 .. M-32: ends and offsets ---- */

static void nothing_comes_behind_fin(void **state)
{
    for (int again = 0; again < 2; again++) {
        uint32_t id;

        start(state);
        id = accept_one();
        raw_deliver_data(&raw, id, 0, 10, true);
        raw_put_data(&raw, id, 10, again ? 0 : 1, again); /* FIN, or a byte */
        raw_expect_broken(&raw, "data behind the end of a stream");
        stop();
    }
}

static void nothing_comes_behind_reset(void **state)
{
    uint32_t id;

    start(state);
    id = accept_one();
    frame_put_reset(&raw.out, id, CODE_RESET, 0);
    (void)raw_expect(&raw, SESSION_RESET);
    raw_put_data(&raw, id, 0, 1, false);
    raw_expect_broken(&raw, "data behind the end of a stream");
    stop();
}

static void a_reset_names_exactly_what_was_sent(void **state)
{
    const uint64_t finals[] = { 0, 99, 101, 20000, UINT64_MAX };

    for (size_t i = 0; i < ARRAY_LENGTH(finals); i++) {
        uint32_t id;

        start(state);
        id = accept_one();
        raw_put_data(&raw, id, 0, 100, i & 1); /* behind FIN too */
        (void)raw_expect(&raw, SESSION_DATA);
        frame_put_reset(&raw.out, id, CODE_RESET, finals[i]);
        raw_expect_broken(&raw, "reset at a wrong offset");
        stop();
    }
}

static void data_neither_leaves_gaps_nor_overlaps(void **state)
{
    const uint64_t offsets[] = { 0, 99, 101, UINT64_MAX };

    for (size_t i = 0; i < ARRAY_LENGTH(offsets); i++) {
        uint32_t id;

        start(state);
        id = accept_one();
        raw_deliver_data(&raw, id, 0, 100, false);
        raw_put_data(&raw, id, offsets[i], 10, false);
        raw_expect_broken(&raw, "data at a wrong offset");
        stop();
    }
}

static void put_reset_again(uint32_t index)
{
    (void)index;
    frame_put_reset(&raw.out, raw_id(&raw, 0), CODE_RESET, 0);
}

static void a_flood_of_resets_ends_the_tunnel(void **state)
{
    start(state);
    (void)accept_one();
    put_reset_again(0);
    (void)raw_expect(&raw, SESSION_RESET);
    for (uint32_t i = 0; i < CROSSINGS; i++)
        put_reset_again(i);
    raw_expect_nothing(&raw);
    expect_flood_broken(put_reset_again);
    stop();
}

static void only_an_unanswered_stream_can_be_refused(void **state)
{
    for (int answer = 0; answer < 4; answer++) {
        uint32_t id;

        start(state);
        id = open_one();
        if (answer == 0)
            frame_put_window(&raw.out, id, 0, 70000);
        if (answer == 1)
            raw_put_data(&raw, id, 0, 10, false);
        if (answer == 2)
            frame_put_stop(&raw.out, id, 0);
        if (answer == 3)
            frame_put_open_fail(&raw.out, id, CODE_REFUSED, false);
        assert_true(raw_flood(&raw));
        frame_put_open_fail(&raw.out, id, CODE_REFUSED, false);
        raw_expect_broken(&raw, "refusal of a stream that was answered");
        stop();
    }
    start(state);
    frame_put_open_fail(&raw.out, accept_one(), CODE_REFUSED, false);
    raw_expect_broken(&raw, "refusal of a stream that is not open");
    stop();
    start(state);
    raw_put_zeros(&raw, FRAME_OPEN_FAIL, 0, 2, open_one());
    raw.out.at[-8 - 2 + 3] = 3; /* its length */
    bytes_put_u8(&raw.out, 2);  /* delivered: neither yes nor no */
    raw_expect_broken(&raw, "malformed refusal");
    stop();
}

/* ---- M-34: metadata ---- */

static void put_bad_open(uint32_t index)
{
    raw_put_zeros(&raw, FRAME_OPEN, 0, 1 + index % FRAME_MAX_OPEN,
                  raw_id(&raw, index));
}

static void bad_metadata_refuses_the_stream_and_is_odd(void **state)
{
    struct raw_frame frame;

    start(state);
    raw.reads = false;
    put_bad_open(0);
    expect_odd();
    frame = raw_expect_frame(&raw, FRAME_OPEN_FAIL, raw_id(&raw, 0));
    assert_int_equal(frame.code, CODE_BAD_METADATA);
    assert_int_equal(frame.delivered, 0);
    raw_put_open(&raw, raw_id(&raw, 1)); /* others are served */
    (void)raw_expect(&raw, SESSION_OPENED);
    stop();
}

static void a_flood_of_bad_metadata_ends_the_tunnel(void **state)
{
    struct limits limits = LIMITS_DEFAULT;

    start_limited(state, &limits);
    expect_flood_broken(put_bad_open);
    stop();
}

static void metadata_of_more_than_1_kib_breaks_the_protocol(void **state)
{
    start(state);
    raw_put_zeros(&raw, FRAME_OPEN, 0, FRAME_MAX_OPEN + 1, raw_id(&raw, 0));
    raw_expect_broken(&raw, "frame of a wrong length");
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_WAY(a_stream_that_was_never_opened_takes_nothing),
        EACH_WAY(a_stream_that_is_not_open_yet_takes_nothing),
        EACH_WAY(data_for_a_stream_that_is_over_breaks_the_protocol),
        EACH_WAY(what_crosses_with_an_end_has_an_end_too),
        EACH_WAY(streams_come_in_turn_and_of_the_peers_parity),
        EACH_WAY(numbers_do_not_start_again),
        EACH_WAY(streams_beyond_the_limit_break_the_protocol),
        EACH_WAY(streams_that_send_nothing_cost_little),
        EACH_WAY(rapid_reset_gains_no_place_while_owners_hold_on),
        EACH_WAY(rapid_reset_leaves_nothing_behind),
        EACH_WAY(rapid_reset_by_who_does_not_read_comes_to_a_halt),
        EACH_WAY(provoked_resets_leave_nothing_behind),
        EACH_WAY(a_second_stop_is_odd_and_tells_nobody),
        EACH_WAY(nothing_comes_behind_fin),
        EACH_WAY(nothing_comes_behind_reset),
        EACH_WAY(a_reset_names_exactly_what_was_sent),
        EACH_WAY(data_neither_leaves_gaps_nor_overlaps),
        EACH_WAY(a_flood_of_resets_ends_the_tunnel),
        EACH_WAY(only_an_unanswered_stream_can_be_refused),
        EACH_WAY(bad_metadata_refuses_the_stream_and_is_odd),
        EACH_WAY(a_flood_of_bad_metadata_ends_the_tunnel),
        EACH_WAY(metadata_of_more_than_1_kib_breaks_the_protocol),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
