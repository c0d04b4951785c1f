/* SPDX-License-Identifier: MIT */
/*
 * What a session tells of offers, and hears; hostile lists are in
 * test_session_hostile_frames.c.
 */
#include "support/check_test.h"
#include "support/wire/raw_peer.h"
#include "wire/session_internal.h"

static struct raw_peer raw;

/* Offer one service of that name. */
static void offer(const char *name)
{
    uint8_t bytes[64];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    struct offer offer = { .is_usable = true };
    struct offers offers = { .bytes = bytes };

    strcpy(offer.name, name);
    assert_true(offers_put(&writer, &offer));
    offers.length = bytes_written(&writer);
    assert_int_equal(session_offer(raw.session, &offers), STATUS_OK);
}

static void expect_offers(const char *name)
{
    struct raw_frame frame = raw_expect_frame(&raw, FRAME_OFFERS, 0);
    struct offers offers = { .bytes = frame.bytes, .length = frame.length };
    struct offer found;

    assert_true(offers_are_sound(&offers));
    assert_true(offers_find(&offers, name, &found));
}

static void offers_come_right_behind_hello(void **state)
{
    (void)state;
    raw_start(&raw, SESSION_ACCEPTOR, NULL);
    assert_null(session_offered(raw.session));
    offer("redis");
    assert_true(session_wants_to_send(raw.session, raw.now_us));
    (void)raw_expect_frame(&raw, FRAME_HELLO, 0);
    assert_true(raw.record_at < raw.record_length); /* in one record */
    expect_offers("redis");
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void of_lists_that_wait_only_the_last_is_sent(void **state)
{
    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    for (int i = 0; i < 1000; i++)
        offer("old");
    offer("new");
    expect_offers("new");
    raw_expect_no_frame(&raw);
    assert_int_equal(session_offered(raw.session)->length, 9);
    raw_stop(&raw);
}

static void the_longest_list_fits_with_all_that_is_due(void **state)
{
    static uint8_t bytes[FRAME_MAX_OFFERS];
    struct offers offers = { .bytes = bytes,
                             .length = sizeof(bytes),
                             .is_partial = true };
    struct raw_frame frame;

    (void)state;
    raw_start(&raw, SESSION_DIALER, NULL);
    memset(raw.session->hello.version, 'v', HELLO_MAX_VERSION);
    memset(raw.session->hello.node, 'n', TEXT_MAX_NAME);
    raw.session->answer_due = raw.session->ping_due = raw.session->streams_due =
        true;
    session_go_away(raw.session, CODE_DRAINING);
    assert_int_equal(session_offer(raw.session, &offers), STATUS_OK);
    for (int i = 0; i < 5; i++)
        assert_true(raw_pull(&raw, &frame));
    frame = raw_expect_frame(&raw, FRAME_OFFERS, 0);
    assert_int_equal(frame.length, FRAME_MAX_OFFERS);
    assert_int_equal(frame.flags, FRAME_FLAG_PARTIAL);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void what_the_peer_offers_is_there_until_it_says_otherwise(void **state)
{
    struct offer found;

    (void)state;
    raw_start_ready(&raw, SESSION_ACCEPTOR, NULL);
    assert_null(session_peer_offers(raw.session)); /* it has not said */
    raw_put_offers(&raw, 3, 12);
    (void)raw_expect(&raw, SESSION_OFFERS);
    assert_true(offers_find(session_peer_offers(raw.session), "s2", &found));
    assert_int_equal(found.load, 12);
    assert_false(session_peer_offers(raw.session)->is_partial);
    frame_put_offers(&raw.out, NULL, 0, true);
    (void)raw_expect(&raw, SESSION_OFFERS);
    assert_int_equal(session_peer_offers(raw.session)->length, 0);
    assert_true(session_peer_offers(raw.session)->is_partial);
    raw_stop(&raw);
}

static void to_offer_is_not_to_ask(void **state)
{
    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    raw.now_us += 14 * CLOCK_SECOND;
    offer("redis"); /* and nobody has to answer that */
    expect_offers("redis");
    raw.now_us += 2 * CLOCK_SECOND;
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    (void)raw_expect_frame(&raw, FRAME_PING, 0);
    raw_put_offers(&raw, 1, 0); /* but it shows that the peer lives */
    raw.now_us += 4 * CLOCK_SECOND;
    (void)raw_expect(&raw, SESSION_OFFERS);
    raw.now_us += 4 * CLOCK_SECOND;
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    raw_stop(&raw);
}

RUN_TESTS(TEST(offers_come_right_behind_hello),
          TEST(of_lists_that_wait_only_the_last_is_sent),
          TEST(the_longest_list_fits_with_all_that_is_due),
          TEST(what_the_peer_offers_is_there_until_it_says_otherwise),
          TEST(to_offer_is_not_to_ask))
