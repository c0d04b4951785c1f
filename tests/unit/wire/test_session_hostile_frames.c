/* SPDX-License-Identifier: MIT */
/*
 * A hostile peer, and frames that say nothing, too much or the wrong thing.
 * Which rows of the catalogue are where: tests/support/wire/hostile_peer.h.
 */
#include "support/wire/hostile_peer.h"

/* ---- M-5: before hello ---- */

static void start_mute(void **state)
{
    start(state);
    session_free(raw.session);
    raw_start(&raw, raw.role, NULL);
}

static void nothing_comes_before_hello(void **state)
{
    static const struct {
        uint8_t type;
        uint16_t length;
        uint32_t stream;
    } frames[] = {
        { FRAME_OPEN, 10, 1 },   { FRAME_OPEN_FAIL, 3, 1 },
        { FRAME_DATA, 10, 1 },   { FRAME_WINDOW, 16, 1 },
        { FRAME_RESET, 10, 1 },  { FRAME_STOP, 2, 1 },
        { FRAME_STREAMS, 4, 0 }, { FRAME_PING, 8, 0 },
        { FRAME_GOAWAY, 2, 0 },  { FRAME_CLOSE, 2, 0 },
        { FRAME_OFFERS, 0, 0 },  { 0x81, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++) {
        start_mute(state);
        raw_put_zeros(&raw, frames[i].type, 0, frames[i].length,
                      frames[i].stream);
        raw_expect_broken(&raw, "a frame before hello");
        stop();
    }
}

static void other_protocols_are_not_listened_to(void **state)
{
    static const char *const greetings[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    };
    struct session_event event;

    for (size_t i = 0; i < ARRAY_LENGTH(greetings); i++) {
        start_mute(state);
        bytes_put(&raw.out, greetings[i], strlen(greetings[i]));
        assert_int_equal(raw_deliver(&raw, &event), STATUS_PROTOCOL);
        assert_int_equal(event.type, SESSION_NOTHING);
        stop();
    }
}

/* ---- M-6, M-7, M-8: lengths ---- */

static void a_frame_too_long_is_refused_by_its_header(void **state)
{
    start(state);
    raw_put_zeros(&raw, 0xff, 0, FRAME_MAX_PAYLOAD + 1, 0);
    raw.out.at = raw.out.start + FRAME_HEADER; /* no more of it is there */
    raw_expect_broken(&raw, "frame too long");
    assert_null(raw.session->partial); /* and nothing was made ready for it */
    stop();
}

static void a_frame_without_payload_is_refused_unless_optional(void **state)
{
    for (uint8_t type = FRAME_HELLO; type <= FRAME_CLOSE; type++) {
        start(state);
        raw_put_zeros(&raw, type, 0, 0, type >= FRAME_STREAMS ? 0 : 1);
        raw_expect_broken(&raw, "frame of a wrong length");
        stop();
    }
    start(state);
    raw_put_zeros(&raw, 0x81, 0, 0, 0);
    expect_odd();
    stop();
}

static void data_without_bytes_is_refused(void **state)
{
    start(state);
    raw_put_data(&raw, accept_one(), 0, 0, false);
    raw_expect_broken(&raw, "data without bytes");
    stop();
}

static void data_of_one_byte_each_cost_no_more_than_they_bring(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct session_event event;
    uint64_t at = 0;
    struct stream *stream;

    start_limited(state, &limits);
    stream = raw_accept(&raw, 0);
    for (int i = 0; i < HOSTILE_MANY; i++) {
        raw_put_data(&raw, stream->id, at++, 1, false);
        event = raw_expect(&raw, SESSION_DATA);
        session_consumed(raw.session, stream, event.length, raw.now_us);
        if (!raw.reads) /* it can know the new limit only if it reads */
            (void)raw_drop_frames(&raw);
        raw_expect_nothing(&raw);
    }
    stop();
}

static void a_frame_that_never_ends_holds_one_buffer(void **state)
{
    struct session_event event;
    struct session_input input;
    const uint8_t header[FRAME_HEADER] = { 0xff, 0, 0x3f, 0xf8 };
    const uint8_t zero = 0;

    start(state);
    input = (struct session_input){ .at = header, .length = FRAME_HEADER };
    assert_int_equal(session_receive(raw.session, &input, raw.now_us, &event),
                     STATUS_OK);
    for (size_t i = 0; i < FRAME_MAX_PAYLOAD - 1; i++) {
        input = (struct session_input){ .at = &zero, .length = 1 };
        assert_int_equal(session_receive(raw.session, &input, raw.now_us,
                                         &event),
                         STATUS_OK);
    }
    assert_int_equal(raw.session->partial_length, FRAME_MAX - 1);
    raw.now_us += 15 * CLOCK_SECOND; /* and not for ever */
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    raw.now_us += 5 * CLOCK_SECOND;
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_TIMEOUT);
    stop();
}

/* ---- M-9, M-10: types and flags ---- */

static void unknown_types_are_odd_or_refused(void **state)
{
    start(state);
    raw_put_zeros(&raw, 0xff, 0xff, 1000, 12345);
    expect_odd();
    raw_put_zeros(&raw, 0x7f, 0, 0, 0);
    raw_expect_broken(&raw, "unknown frame");
    stop();
}

static void unknown_flags_are_refused(void **state)
{
    start(state);
    raw_put_zeros(&raw, FRAME_PING, 0x02, 8, 0);
    raw_expect_broken(&raw, "unknown flag");
    stop();
}

static void put_unknown(uint32_t index)
{
    raw_put_zeros(&raw, (uint8_t)(0x81 + index % 127), 0, index % 10, index);
}

static void a_flood_of_unknown_types_ends_the_tunnel(void **state)
{
    start(state);
    expect_flood_broken(put_unknown);
    stop();
}

static void ten_odd_frames_a_second_go_on_for_ever(void **state)
{
    start(state);
    for (int i = 0; i < 2000; i++) {
        raw.now_us += CLOCK_SECOND / 10;
        put_unknown((uint32_t)i);
        assert_true(raw_flood(&raw));
    }
    assert_in_range(glitches(), 0, 2);
    assert_false(raw.session->goaway_sent);
    stop();
}

/* ---- M-25, M-26: PING ---- */

static void put_ping(uint32_t index)
{
    frame_put_ping(&raw.out, index, false);
}

static void a_flood_of_pings_has_one_answer_and_ends_the_tunnel(void **state)
{
    struct raw_frame frame;

    start(state);
    raw.reads = false;
    for (uint32_t i = 0; i < 60; i++)
        put_ping(i);
    raw_expect_nothing(&raw);
    frame = raw_expect_frame(&raw, FRAME_PING, 0);
    assert_int_equal(frame.number, 59);
    raw_expect_no_frame(&raw);
    expect_flood_broken(put_ping);
    stop();
}

static void ten_pings_a_second_are_fine(void **state)
{
    start(state);
    for (uint32_t i = 0; i < 1000; i++) {
        raw.now_us += CLOCK_SECOND / 10;
        put_ping(i);
        raw_expect_nothing(&raw);
    }
    assert_int_equal(glitches(), 0);
    stop();
}

static void an_answer_to_what_was_not_asked_breaks_the_protocol(void **state)
{
    const uint64_t numbers[] = { 0, 1, 2, UINT64_MAX }; /* 1: once more */

    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        start(state);
        frame_put_ping(&raw.out, numbers[i], true);
        raw_expect_broken(&raw, "an answer to what was not asked");
        stop();
    }
}

/* ---- OFFERS ---- */

static void malformed_offers_break_the_protocol(void **state)
{
    static const struct {
        size_t length;
        const char *bytes;
    } lists[] = {
        { 1, "\1" },                   /* ends in the middle */
        { 10, "\1\0\0\0\0\5redi" },    /* likewise */
        { 6, "\1\0\0\0\0\0" },         /* no name */
        { 11, "\2\0\0\0\0\5redis" },   /* a flag not defined */
        { 11, "\1\0\0\0\0\5re is" },   /* not a name */
        { 11, "\1\0\0\0\0\5re\0is" },  /* likewise */
        { 12, "\1\0\0\0\0\5redis\1" }, /* a piece behind the last */
        { 11, "\1\0\0\0\0\377redis" }, /* a name that long */
    };

    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
        start(state);
        raw_put_offers(&raw, 3, 0);
        (void)raw_expect(&raw, SESSION_OFFERS);
        frame_put_offers(&raw.out, (const uint8_t *)lists[i].bytes,
                         lists[i].length, false);
        raw_expect_broken(&raw, "malformed offers");
        assert_int_equal(session_peer_offers(raw.session)->length, 3 * 8);
        stop();
    }
}

static void put_offers(uint32_t index)
{
    raw_put_offers(&raw, 5000, index); /* as many as fit */
}

static void a_flood_of_offers_holds_one_list_and_ends_the_tunnel(void **state)
{
    start(state);
    for (uint32_t i = 0; i < 20; i++) {
        put_offers(i);
        (void)raw_expect(&raw, SESSION_OFFERS);
    }
    assert_int_equal(glitches(), 0);
    assert_in_range(session_peer_offers(raw.session)->length,
                    FRAME_MAX_OFFERS - 70, FRAME_MAX_OFFERS);
    expect_flood_broken(put_offers);
    stop();
}

static void the_same_offers_again_are_no_news_but_count(void **state)
{
    start(state);
    raw_put_offers(&raw, 2, 0);
    (void)raw_expect(&raw, SESSION_OFFERS);
    for (int i = 1; i < 20; i++) {
        raw_put_offers(&raw, 2, 0);
        raw_expect_nothing(&raw);
    }
    assert_int_equal(glitches(), 0);
    raw_put_offers(&raw, 2, 0);
    expect_odd();
    stop();
}

static void ten_lists_of_offers_a_second_are_fine(void **state)
{
    start(state);
    for (uint32_t i = 0; i < 1000; i++) {
        raw.now_us += CLOCK_SECOND / 10;
        raw_put_offers(&raw, 3, i);
        (void)raw_expect(&raw, SESSION_OFFERS);
    }
    assert_int_equal(glitches(), 0);
    stop();
}

/* ---- M-27, M-28: HELLO ---- */

static void a_second_hello_breaks_the_protocol(void **state)
{
    struct hello hello = raw_hello();

    start(state);
    raw_put_hello(&raw, &hello);
    raw_expect_broken(&raw, "a second hello");
    stop();
}

static void an_absurd_hello_breaks_the_protocol(void **state)
{
    for (int which = 0; which < 3; which++) {
        struct hello hello = raw_hello();

        start_mute(state);
        if (which == 0)
            hello.credit = HELLO_MIN_CREDIT - 1;
        if (which == 1)
            hello.credit = HELLO_MAX_CREDIT + 1;
        if (which == 2)
            hello.node[0] = '\n';
        raw_put_hello(&raw, &hello);
        raw_expect_broken(&raw, "malformed hello");
        stop();
    }
}

static void a_hello_may_allow_nothing_or_everything(void **state)
{
    struct hello hello = raw_hello();

    start_mute(state);
    hello.max_streams = 0;
    raw_put_hello(&raw, &hello);
    (void)raw_expect(&raw, SESSION_READY);
    assert_false(session_can_open(raw.session));
    stop();
    start_mute(state);
    hello.max_streams = UINT32_MAX;
    raw_put_hello(&raw, &hello);
    (void)raw_expect(&raw, SESSION_READY);
    assert_true(session_can_open(raw.session));
    frame_put_streams(&raw.out, UINT32_MAX);
    expect_odd();
    stop();
}

/* ---- M-33: GOAWAY and STREAMS ---- */

static void put_goaway(uint32_t index)
{
    (void)index;
    frame_put_goaway(&raw.out, CODE_DRAINING);
}

static void a_flood_of_goaway_ends_the_tunnel(void **state)
{
    start(state);
    put_goaway(0);
    (void)raw_expect(&raw, SESSION_GOING_AWAY);
    assert_int_equal(glitches(), 0);
    expect_flood_broken(put_goaway);
    stop();
}

static void put_streams(uint32_t index)
{
    frame_put_streams(&raw.out, 1000 - index % 3);
}

static void streams_that_do_not_rise_are_odd(void **state)
{
    start(state);
    frame_put_streams(&raw.out, 1001);
    raw_expect_nothing(&raw);
    assert_int_equal(glitches(), 0);
    expect_flood_broken(put_streams);
    stop();
}

/* ---- M-50: the tunnel ends without CLOSE ---- */

static void a_tunnel_that_just_ends_is_no_end_of_file(void **state)
{
    struct session_event event;
    uint32_t id;

    start(state);
    id = accept_one();
    raw_put_data(&raw, id, 0, 1000, false);
    raw_put_data(&raw, id, 1000, 1000, true);
    raw.out.at--; /* all but one byte came */
    event = raw_expect(&raw, SESSION_DATA);
    assert_false(event.finished);
    raw_expect_nothing(&raw);
    assert_int_equal(session_find(raw.session, id)->receiving, RECEIVING_OPEN);
    stop();
}

static void close_ends_no_stream_in_order(void **state)
{
    uint32_t id;

    start(state);
    id = accept_one();
    raw_deliver_data(&raw, id, 0, 1000, false);
    frame_put_close(&raw.out, CODE_NONE, "");
    (void)raw_expect(&raw, SESSION_CLOSED);
    assert_int_equal(session_find(raw.session, id)->receiving, RECEIVING_OPEN);
    raw_put_data(&raw, id, 1000, 10, true);
    raw_expect_broken(&raw, "a frame after close");
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_WAY(nothing_comes_before_hello),
        EACH_WAY(other_protocols_are_not_listened_to),
        EACH_WAY(a_frame_too_long_is_refused_by_its_header),
        EACH_WAY(a_frame_without_payload_is_refused_unless_optional),
        EACH_WAY(data_without_bytes_is_refused),
        EACH_WAY(data_of_one_byte_each_cost_no_more_than_they_bring),
        EACH_WAY(a_frame_that_never_ends_holds_one_buffer),
        EACH_WAY(unknown_types_are_odd_or_refused),
        EACH_WAY(unknown_flags_are_refused),
        EACH_WAY(a_flood_of_unknown_types_ends_the_tunnel),
        EACH_WAY(ten_odd_frames_a_second_go_on_for_ever),
        EACH_WAY(a_flood_of_pings_has_one_answer_and_ends_the_tunnel),
        EACH_WAY(ten_pings_a_second_are_fine),
        EACH_WAY(an_answer_to_what_was_not_asked_breaks_the_protocol),
        EACH_WAY(malformed_offers_break_the_protocol),
        EACH_WAY(a_flood_of_offers_holds_one_list_and_ends_the_tunnel),
        EACH_WAY(the_same_offers_again_are_no_news_but_count),
        EACH_WAY(ten_lists_of_offers_a_second_are_fine),
        EACH_WAY(a_second_hello_breaks_the_protocol),
        EACH_WAY(an_absurd_hello_breaks_the_protocol),
        EACH_WAY(a_hello_may_allow_nothing_or_everything),
        EACH_WAY(a_flood_of_goaway_ends_the_tunnel),
        EACH_WAY(streams_that_do_not_rise_are_odd),
        EACH_WAY(a_tunnel_that_just_ends_is_no_end_of_file),
        EACH_WAY(close_ends_no_stream_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
