/* SPDX-License-Identifier: MIT */
/* Opening, accepting, refusing; HELLO and STREAMS. */
#include "support/wire/raw_peer.h"
#include "support/wire/session_pair.h"

static struct raw_peer raw;
static struct session_pair pair;
static int owner;

static enum status open_one(struct stream **stream)
{
    struct metadata metadata = { .service = "echo" };

    return session_open(raw.session, &metadata, &owner, NULL, raw.now_us,
                        stream);
}

/* ---- hello ---- */

static void hello_is_the_first_thing_said_and_is_said_unasked(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct raw_frame frame;
    struct hello hello;

    (void)state;
    limits.max_streams = 77;
    limits.min_window_bytes = 4096;
    raw_start(&raw, SESSION_ACCEPTOR, &limits);
    assert_true(session_wants_to_send(raw.session, raw.now_us));
    frame = raw_expect_frame(&raw, FRAME_HELLO, 0);
    assert_true(hello_decode(&hello, frame.bytes, frame.length));
    assert_int_equal(hello.max_streams, 77);
    assert_int_equal(hello.credit, 4096);
    assert_string_equal(hello.node, "raw");
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void the_peers_hello_makes_the_session_ready(void **state)
{
    struct hello hello = raw_hello();
    struct stream *stream;

    (void)state;
    raw_start(&raw, SESSION_DIALER, NULL);
    assert_null(session_peer(raw.session));
    assert_false(session_can_open(raw.session));
    assert_int_equal(open_one(&stream), STATUS_LIMIT);
    raw_put_hello(&raw, &hello);
    (void)raw_expect(&raw, SESSION_READY);
    assert_string_equal(session_peer(raw.session)->version, "raw 1");
    assert_true(session_can_open(raw.session));
    raw_stop(&raw);
}

static void the_path_is_measured_at_once(void **state)
{
    struct session_stats stats;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.rtt_us, 1);
    raw_stop(&raw);
}

/* ---- opening ---- */

static void open_carries_metadata_and_data_may_follow_at_once(void **state)
{
    struct metadata metadata = { .service = "redis",
                                 .source_ip = { 10, 1, 2, 3 },
                                 .source_ip_length = 4,
                                 .source_port = 4000,
                                 .class = CLASS_BULK };
    struct metadata seen;
    struct raw_frame frame;
    struct stream *stream;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    assert_int_equal(session_open(raw.session, &metadata, &owner, NULL,
                                  raw.now_us, &stream),
                     STATUS_OK);
    assert_ptr_equal(stream->owner, &owner);
    assert_int_equal(raw_write(&raw, stream, 5), 5);
    frame = raw_expect_frame(&raw, FRAME_OPEN, 1);
    assert_true(metadata_decode(&seen, frame.bytes, frame.length));
    assert_string_equal(seen.service, "redis");
    assert_int_equal(seen.source_port, 4000);
    assert_int_equal(seen.class, CLASS_BULK);
    frame = raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(frame.offset, 0);
    assert_int_equal(frame.length, 5);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void streams_are_numbered_without_a_gap_and_opened_in_order(void **state)
{
    struct stream *streams[3];

    (void)state;
    for (int role = SESSION_DIALER; role <= SESSION_ACCEPTOR; role++) {
        raw_start_ready(&raw, (enum session_role)role, NULL);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(open_one(&streams[i]), STATUS_OK);
            assert_int_equal(streams[i]->id, raw_own_id(&raw, i));
        }
        /* Whatever becomes of the first, OPEN goes first. */
        session_release(raw.session, streams[0], CODE_RESET);
        for (uint32_t i = 0; i < 3; i++) {
            (void)raw_expect_frame(&raw, FRAME_OPEN, raw_own_id(&raw, i));
            if (i > 0)
                continue;
            (void)raw_expect_frame(&raw, FRAME_STOP, streams[0]->id);
            (void)raw_expect_frame(&raw, FRAME_RESET, streams[0]->id);
        }
        raw_expect_no_frame(&raw);
        raw_stop(&raw);
    }
}

static void no_more_streams_are_opened_than_the_peer_allows(void **state)
{
    struct hello hello = raw_hello();
    struct stream *stream;

    (void)state;
    raw_start(&raw, SESSION_DIALER, NULL);
    hello.max_streams = 2;
    raw_put_hello(&raw, &hello);
    (void)raw_expect(&raw, SESSION_READY);
    assert_int_equal(open_one(&stream), STATUS_OK);
    assert_int_equal(open_one(&stream), STATUS_OK);
    assert_false(session_can_open(raw.session));
    assert_int_equal(open_one(&stream), STATUS_LIMIT);
    frame_put_streams(&raw.out, 3);
    raw_expect_nothing(&raw);
    assert_int_equal(open_one(&stream), STATUS_OK);
    assert_int_equal(open_one(&stream), STATUS_LIMIT);
    raw_stop(&raw);
}

static void bytes_that_waited_for_a_stream_go_with_it(void **state)
{
    struct metadata metadata = { .service = "echo" };
    static uint8_t bytes[40000];
    struct chunk_queue early = { 0 };
    struct stream *stream;
    struct pair_end *far;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8)); /* what the pair expects */
    pair_start(&pair, NULL);
    far = &pair.ends[1];
    assert_true(chunk_queue_copy(&early, &pair.ends[0].pool, bytes, 100));
    assert_true(
        chunk_queue_copy(&early, &pair.ends[0].pool, bytes + 100, 39900));
    assert_int_equal(session_open(pair.ends[0].session, &metadata, &owner,
                                  &early, pair.now_us, &stream),
                     STATUS_OK);
    assert_null(early.head);
    session_finish(pair.ends[0].session, stream, pair.now_us);
    pair_run(&pair);
    assert_int_equal(far->got, sizeof(bytes)); /* and each was compared */
    assert_true(far->got_fin);
    pair_stop(&pair);
}

/* ---- accepting ---- */

static void an_accepted_stream_says_so_without_being_asked(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct raw_frame frame;

    (void)state;
    session_accept(raw.session, stream, raw.now_us);
    raw_expect_no_frame(&raw); /* it may travel with an answer */
    assert_int_equal(session_deadline(raw.session), raw.now_us + 25 * CLOCK_MS);
    raw.now_us += 25 * CLOCK_MS;
    frame = raw_expect_frame(&raw, FRAME_WINDOW, stream->id);
    assert_int_equal(frame.consumed, 0);
    assert_true(frame.limit >= 16384);
    raw_stop(&raw);
}

static void the_first_window_tells_the_opener_that_it_was_reached(void **state)
{
    struct stream *stream;

    (void)state;
    pair_start(&pair, NULL);
    stream = pair_open(&pair, 0);
    assert_int_equal(pair.ends[0].answers, 0);
    session_accept(pair.ends[1].session, pair.ends[1].stream, pair.now_us);
    pair_run(&pair);
    assert_int_equal(pair.ends[0].answers, 1);
    assert_int_equal(pair_write(&pair, 0, stream, 100), 100);
    pair_run(&pair);
    assert_int_equal(pair.ends[0].answers, 1);
    pair_stop(&pair);
}

/* ---- refusing ---- */

static void a_refusal_is_the_first_thing_said(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct raw_frame frame;

    (void)state;
    session_accept(raw.session, stream, raw.now_us); /* and then it failed */
    session_refuse(raw.session, stream, CODE_UNREACHABLE, false);
    session_release(raw.session, stream, CODE_NONE);
    frame = raw_expect_frame(&raw, FRAME_OPEN_FAIL, 1);
    assert_int_equal(frame.code, CODE_UNREACHABLE);
    assert_int_equal(frame.delivered, 0);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_refusal_comes_before_a_stop_that_was_wanted(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    session_stop(raw.session, stream, CODE_RESET);
    session_refuse(raw.session, stream, CODE_REFUSED, true);
    assert_int_equal(raw_expect_frame(&raw, FRAME_OPEN_FAIL, 1).delivered, 1);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

/* After any other frame OPEN_FAIL would break the protocol. */
static void a_stream_that_was_spoken_for_is_reset_instead(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);

    (void)state;
    session_accept(raw.session, stream, raw.now_us);
    raw.now_us += CLOCK_SECOND / 10;
    (void)raw_expect_frame(&raw, FRAME_WINDOW, 1);
    session_refuse(raw.session, stream, CODE_REFUSED, false);
    (void)raw_expect_frame(&raw, FRAME_STOP, 1);
    assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).code, CODE_REFUSED);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_refused_stream_takes_and_drops_what_still_comes(void **state)
{
    struct session_event event;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    raw_put_open(&raw, 1);
    event = raw_expect(&raw, SESSION_OPENED);
    raw_put_data(&raw, 1, 0, 1000, false);
    session_refuse(raw.session, event.stream, CODE_DENIED, false);
    raw_put_data(&raw, 1, 1000, 1000, true);
    raw_expect_nothing(&raw);
    (void)raw_expect_frame(&raw, FRAME_OPEN_FAIL, 1);
    assert_int_equal(raw_expect_frame(&raw, FRAME_WINDOW, 1).consumed, 2001);
    assert_int_equal(session_stream_count(raw.session), 0);
    raw_stop(&raw);
}

static void refused_bytes_can_be_taken_back_and_sent_elsewhere(void **state)
{
    struct chunk_queue bytes = { 0 };
    struct metadata metadata = { .service = "echo" };
    struct stream *stream = raw_start_opened(&raw);
    struct raw_frame frame;

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 30000), 30000);
    session_finish(raw.session, stream, raw.now_us);
    (void)raw_drop_frames(&raw);
    frame_put_open_fail(&raw.out, 1, CODE_REFUSED, false);
    (void)raw_expect(&raw, SESSION_OPEN_FAILED);
    session_take_back(raw.session, stream, &bytes);
    assert_int_equal(bytes.bytes, 30000);
    session_release(raw.session, stream, CODE_NONE);
    assert_int_equal(session_open(raw.session, &metadata, &owner, &bytes,
                                  raw.now_us, &stream),
                     STATUS_OK);
    session_finish(raw.session, stream, raw.now_us);
    (void)raw_expect_frame(&raw, FRAME_OPEN, 3);
    for (uint64_t offset = 0; offset < 30000; offset += frame.length) {
        frame = raw_expect_frame(&raw, FRAME_DATA, 3);
        assert_int_equal(frame.offset, offset);
        for (size_t i = 0; i < frame.length; i++)
            assert_int_equal(frame.bytes[i], (uint8_t)(offset + i));
    }
    assert_int_equal(frame.flags, FRAME_FLAG_FIN);
    raw_stop(&raw);
}

/* The place it was first meant for gave less credit than there are bytes. */
static void a_refused_stream_ends_though_bytes_wait_for_credit(void **state)
{
    struct metadata metadata = { .service = "echo" };
    struct chunk_queue early = { 0 }, bytes = { 0 };
    static uint8_t some[70000];
    struct stream *stream;
    uint64_t sent;

    (void)state;
    for (int ending = 0; ending < 3; ending++) {
        raw_start_ready(&raw, SESSION_DIALER, NULL); /* credit is 65536 */
        assert_true(chunk_queue_copy(&early, &raw.pool, some, sizeof(some)));
        assert_int_equal(session_open(raw.session, &metadata, &owner, &early,
                                      raw.now_us, &stream),
                         STATUS_OK);
        if (ending == 1)
            session_finish(raw.session, stream, raw.now_us);
        if (ending == 2)
            session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
        (void)raw_drop_frames(&raw);
        assert_true(session_unsent(stream) >= 70000 - 65536);
        sent = stream->sent;
        frame_put_open_fail(&raw.out, 1, CODE_REFUSED, ending == 1);
        (void)raw_expect(&raw, SESSION_OPEN_FAILED);
        if (ending != 1)
            session_take_back(raw.session, stream, &bytes);
        chunk_queue_clear(&bytes, &raw.pool);
        session_release(raw.session, stream, CODE_NONE);
        assert_int_equal(raw_expect_frame(&raw, FRAME_RESET, 1).offset, sent);
        raw_expect_no_frame(&raw);
        assert_int_equal(session_stream_count(raw.session), 0);
        raw_stop(&raw);
    }
}

/* The opener may think about it; meanwhile nothing is lost or sent. */
static void a_window_behind_a_refusal_takes_nothing_away(void **state)
{
    struct chunk_queue bytes = { 0 };
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 20000), 20000);
    session_finish(raw.session, stream, raw.now_us);
    (void)raw_drop_frames(&raw);
    frame_put_open_fail(&raw.out, 1, CODE_REFUSED, false);
    (void)raw_expect(&raw, SESSION_OPEN_FAILED);
    frame_put_window(&raw.out, 1, 20001, 65536); /* acknowledges FIN */
    raw_expect_nothing(&raw);
    session_take_back(raw.session, stream, &bytes);
    assert_int_equal(bytes.bytes, 20000);
    session_release(raw.session, stream, CODE_NONE);
    chunk_queue_clear(&bytes, &raw.pool);
    raw_expect_no_frame(&raw);
    assert_int_equal(session_stream_count(raw.session), 0);
    raw_stop(&raw);
}

static void a_stream_is_blank_until_something_of_it_left_or_came(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_true(session_is_blank(stream));
    assert_int_equal(raw_write(&raw, stream, 1), 1);
    assert_true(session_is_blank(stream)); /* it is still here */
    (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_false(session_is_blank(stream));

    stream = raw_open(&raw);
    session_finish(raw.session, stream, raw.now_us);
    assert_true(session_is_blank(stream));
    (void)raw_drop_frames(&raw);
    assert_false(session_is_blank(stream));

    stream = raw_open(&raw);
    assert_true(session_is_blank(stream));
    frame_put_window(&raw.out, 5, 0, 70000);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    assert_false(session_is_blank(stream));
    raw_stop(&raw);
}

static void bytes_that_never_left_can_be_taken_back(void **state)
{
    struct chunk_queue bytes = { 0 };
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, 20000), 20000);
    session_finish(raw.session, stream, raw.now_us);
    session_take_back(raw.session, stream, &bytes);
    assert_int_equal(bytes.bytes, 20000);
    for (size_t i = 0; i < bytes.head->end; i++)
        assert_int_equal(chunk_bytes(bytes.head)[i], (uint8_t)i);
    chunk_queue_clear(&bytes, &raw.pool);
    raw_stop(&raw);
}

static void an_unknown_reason_to_refuse_counts_as_internal(void **state)
{
    struct stream *stream = raw_start_opened(&raw);
    struct session_event event;

    (void)state;
    frame_put_open_fail(&raw.out, 1, 999, true);
    event = raw_expect(&raw, SESSION_OPEN_FAILED);
    assert_ptr_equal(event.stream, stream);
    assert_int_equal(event.code, CODE_INTERNAL);
    assert_true(event.delivered);
    raw_stop(&raw);
}

/* ---- STREAMS ---- */

/* The peer opens its |index|th stream and resets it; we let go at once. */
static void come_and_go(uint32_t index)
{
    struct stream *stream = raw_accept(&raw, index);

    frame_put_reset(&raw.out, stream->id, CODE_RESET, 0);
    (void)raw_expect(&raw, SESSION_RESET);
    session_release(raw.session, stream, CODE_NONE);
    (void)raw_expect_frame(&raw, FRAME_RESET, stream->id);
}

static void streams_that_are_over_make_room_for_others(void **state)
{
    struct limits limits = LIMITS_DEFAULT;

    (void)state;
    limits.max_streams = 8;
    raw_start_ready(&raw, SESSION_ACCEPTOR, &limits);
    come_and_go(0);
    raw_expect_no_frame(&raw);
    come_and_go(1); /* a quarter of them: worth telling */
    assert_int_equal(raw_expect_frame(&raw, FRAME_STREAMS, 0).number, 10);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_stream_with_an_owner_is_not_over(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *stream;

    (void)state;
    limits.max_streams = 1;
    raw_start_ready(&raw, SESSION_ACCEPTOR, &limits);
    stream = raw_accept(&raw, 0);
    session_reset(raw.session, stream, CODE_RESET);
    frame_put_reset(&raw.out, 1, CODE_RESET, 0);
    (void)raw_expect(&raw, SESSION_RESET);
    (void)raw_expect_frame(&raw, FRAME_RESET, 1);
    raw_expect_no_frame(&raw); /* its socket may be there yet */
    session_release(raw.session, stream, CODE_NONE);
    assert_int_equal(raw_expect_frame(&raw, FRAME_STREAMS, 0).number, 2);
    raw_stop(&raw);
}

/* ---- GOAWAY ---- */

static void after_goaway_streams_are_refused_undelivered(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct raw_frame frame;

    (void)state;
    session_go_away(raw.session, CODE_DRAINING);
    session_go_away(raw.session, CODE_DRAINING);
    assert_int_equal(raw_expect_frame(&raw, FRAME_GOAWAY, 0).code,
                     CODE_DRAINING);
    raw_put_open(&raw, 3);
    raw_put_data(&raw, 1, 0, 10, false); /* what is open goes on */
    assert_ptr_equal(raw_expect(&raw, SESSION_DATA).stream, stream);
    frame = raw_expect_frame(&raw, FRAME_OPEN_FAIL, 3);
    assert_int_equal(frame.code, CODE_DRAINING);
    assert_int_equal(frame.delivered, 0);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void a_peer_that_goes_away_gets_no_new_streams(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    frame_put_goaway(&raw.out, CODE_OVERLOAD);
    assert_int_equal(raw_expect(&raw, SESSION_GOING_AWAY).code, CODE_OVERLOAD);
    assert_true(session_is_worn(raw.session));
    assert_false(session_can_open(raw.session));
    assert_int_equal(open_one(&stream), STATUS_CLOSED);
    raw_put_open(&raw, 2); /* it may open itself */
    (void)raw_expect(&raw, SESSION_OPENED);
    raw_stop(&raw);
}

static void without_memory_new_streams_are_refused(void **state)
{
    struct stream *stream = raw_start_accepted(&raw);
    struct raw_frame frame;

    (void)state;
    frame_put_window(&raw.out, 1, 0, 64 << 20);
    raw_expect_nothing(&raw);
    raw.pool.max_bytes = 1 << 20;
    (void)raw_write(&raw, stream, 700000);
    raw_put_open(&raw, 3);
    raw_expect_nothing(&raw);
    do
        assert_true(raw_pull(&raw, &frame));
    while (frame.type == FRAME_DATA);
    assert_int_equal(frame.type, FRAME_OPEN_FAIL);
    assert_int_equal(frame.code, CODE_OVERLOAD);
    assert_int_equal(frame.delivered, 0);
    raw_stop(&raw);
}

RUN_TESTS(TEST(hello_is_the_first_thing_said_and_is_said_unasked),
          TEST(the_peers_hello_makes_the_session_ready),
          TEST(the_path_is_measured_at_once),
          TEST(open_carries_metadata_and_data_may_follow_at_once),
          TEST(streams_are_numbered_without_a_gap_and_opened_in_order),
          TEST(no_more_streams_are_opened_than_the_peer_allows),
          TEST(bytes_that_waited_for_a_stream_go_with_it),
          TEST(an_accepted_stream_says_so_without_being_asked),
          TEST(the_first_window_tells_the_opener_that_it_was_reached),
          TEST(a_refusal_is_the_first_thing_said),
          TEST(a_refusal_comes_before_a_stop_that_was_wanted),
          TEST(a_stream_that_was_spoken_for_is_reset_instead),
          TEST(a_refused_stream_takes_and_drops_what_still_comes),
          TEST(refused_bytes_can_be_taken_back_and_sent_elsewhere),
          TEST(a_refused_stream_ends_though_bytes_wait_for_credit),
          TEST(a_window_behind_a_refusal_takes_nothing_away),
          TEST(a_stream_is_blank_until_something_of_it_left_or_came),
          TEST(bytes_that_never_left_can_be_taken_back),
          TEST(an_unknown_reason_to_refuse_counts_as_internal),
          TEST(streams_that_are_over_make_room_for_others),
          TEST(a_stream_with_an_owner_is_not_over),
          TEST(after_goaway_streams_are_refused_undelivered),
          TEST(a_peer_that_goes_away_gets_no_new_streams),
          TEST(without_memory_new_streams_are_refused))
