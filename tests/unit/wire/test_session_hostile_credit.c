/* SPDX-License-Identifier: MIT */
/*
 * A hostile peer, and credit: what it takes, gives, and does not give back.
 * Which rows of the catalogue are where: tests/support/wire/hostile_peer.h.
 */
#include "support/wire/hostile_peer.h"

/* ---- M-18, M-19: credit that was not given ---- */

static void one_byte_beyond_its_credit_breaks_the_protocol(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint32_t id;

    limits.min_window_bytes = 16384;
    start_limited(state, &limits);
    id = accept_one();
    raw_deliver_data(&raw, id, 0, 16000, false);
    raw_deliver_data(&raw, id, 16000, 384, false);
    raw_put_data(&raw, id, 16384, 1, false);
    raw_expect_broken(&raw, "data beyond its credit");
    stop();
}

/* Each within its own credit. */
static void more_than_all_may_have_under_way_breaks_the_protocol(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint32_t ids[5], last;
    uint64_t beyond = limits.min_window_bytes - limits.reserve_bytes;

    limits.pool_bytes = 4 * beyond;
    start_limited(state, &limits);
    for (uint32_t i = 0; i < 5; i++)
        ids[i] = raw_accept(&raw, i)->id;
    for (int i = 0; i < 4; i++)
        for (uint64_t at = 0; at < limits.min_window_bytes; at += 16000) {
            uint64_t left = limits.min_window_bytes - at;

            raw_deliver_data(&raw, ids[i], at, left < 16000 ? left : 16000,
                             false);
        }
    last = ids[4];
    raw_deliver_data(&raw, last, 0, 16000, false);
    raw_deliver_data(&raw, last, 16000, 384, false); /* its reserve */
    raw_put_data(&raw, last, 16384, 1, false);
    raw_expect_broken(&raw, "more data than all streams may have under way");
    stop();
}

/* ---- M-20, M-21: WINDOW ---- */

static void a_window_that_falls_breaks_the_protocol(void **state)
{
    for (int which = 0; which < 2; which++) {
        uint32_t id;

        start(state);
        id = open_one();
        (void)raw_write(&raw, session_find(raw.session, id), 1000);
        (void)raw_drop_frames(&raw);
        frame_put_window(&raw.out, id, 500, 100000);
        (void)raw_expect(&raw, SESSION_ANSWERED);
        frame_put_window(&raw.out, id, which ? 499 : 500,
                         which ? 100000 : 99999);
        raw_expect_broken(&raw, "window taken back");
        stop();
    }
}

static void put_same_window(uint32_t index)
{
    (void)index;
    frame_put_window(&raw.out, raw_own_id(&raw, 0), 0, 65536);
}

static void a_window_that_changes_nothing_is_odd(void **state)
{
    start(state);
    (void)open_one();
    put_same_window(0);
    (void)raw_expect(&raw, SESSION_ANSWERED); /* but for the first */
    assert_int_equal(glitches(), 0);
    put_same_window(0);
    expect_odd();
    expect_flood_broken(put_same_window);
    stop();
}

static void a_limit_beyond_two_to_the_62_breaks_the_protocol(void **state)
{
    uint32_t id;

    start(state);
    id = open_one();
    frame_put_window(&raw.out, id, 0, FRAME_MAX_OFFSET);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    frame_put_window(&raw.out, id, 0, FRAME_MAX_OFFSET + 1);
    raw_expect_broken(&raw, "limit out of range");
    stop();
}

static void what_was_not_sent_cannot_be_acknowledged(void **state)
{
    uint32_t id;

    start(state);
    id = open_one();
    (void)raw_write(&raw, session_find(raw.session, id), 1000);
    frame_put_window(&raw.out, id, 1, 100000); /* written is not sent */
    raw_expect_broken(&raw, "acknowledgement of what was not sent");
    stop();
}

/* A byte more of credit each time: we wait until a frame is worth it. */
static void credit_in_drips_does_not_make_us_drip(void **state)
{
    struct stream *stream;
    uint64_t records = 0;

    start(state);
    (void)open_one();
    stream = session_find(raw.session, raw_own_id(&raw, 0));
    (void)raw_write(&raw, stream, 65536);
    (void)raw_drop_frames(&raw);
    for (uint64_t i = 1; i <= HOSTILE_MANY; i++) {
        uint64_t sent = stream->sent;

        frame_put_window(&raw.out, stream->id, i, 65536 + i);
        assert_true(raw_flood(&raw));
        if (session_next_writable(raw.session))
            (void)raw_write(&raw, stream, 65536);
        (void)raw_drop_frames(&raw);
        records += stream->sent > sent;
    }
    assert_in_range(records, 0, HOSTILE_MANY / 1024 + 1);
    stop();
}

static void put_narrow_window(uint32_t index)
{
    struct stream *stream = session_find(raw.session, raw_own_id(&raw, 0));

    (void)raw_write(&raw, stream, 1);
    (void)raw_drop_frames(&raw);
    frame_put_window(&raw.out, stream->id, stream->sent, stream->sent + 1);
    (void)index;
}

static void a_window_narrower_than_any_end_gives_is_odd(void **state)
{
    struct stream *stream;

    start(state);
    (void)open_one();
    stream = session_find(raw.session, raw_own_id(&raw, 0));
    (void)raw_write(&raw, stream, 65536);
    (void)raw_drop_frames(&raw);
    frame_put_window(&raw.out, stream->id, 64512, 65536);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    assert_int_equal(glitches(), 0); /* 1,024 is as narrow as may be */
    frame_put_window(&raw.out, stream->id, 65536, 65537);
    expect_odd();
    expect_flood_broken(put_narrow_window);
    stop();
}

/* ---- M-22, M-23: what we would send ---- */

static size_t write_all(uint32_t streams)
{
    size_t written = 0;

    for (uint32_t i = 0; i < streams; i++)
        written +=
            raw_write(&raw, session_find(raw.session, raw_own_id(&raw, i)),
                      1 << 20);
    return written;
}

static void without_credit_nothing_is_read_for_the_peer(void **state)
{
    start(state);
    for (uint32_t i = 0; i < HOSTILE_STREAMS; i++)
        (void)open_one();
    for (int i = 0; i < 5; i++) {
        (void)write_all(HOSTILE_STREAMS);
        (void)raw_drop_frames(&raw);
    }
    /* The first credit is all there is. */
    assert_in_range(raw.session->retained_bytes,
                    HOSTILE_STREAMS * (65536 - 1023), HOSTILE_STREAMS * 65536);
    assert_int_equal(write_all(HOSTILE_STREAMS), 0);
    assert_int_equal(session_next_writable(raw.session), NULL);
    (void)raw_drop_frames(&raw);
    stop();
}

static void huge_credit_fills_no_more_than_the_queue(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint64_t most =
        limits.max_unsent_bytes +
        HOSTILE_STREAMS * (limits.reserve_bytes + 16u * CHUNK_LARGE);

    start_limited(state, &limits);
    for (uint32_t i = 0; i < HOSTILE_STREAMS; i++)
        frame_put_window(&raw.out, open_one(), 0, FRAME_MAX_OFFSET);
    assert_true(raw_flood(&raw));
    for (int round = 0; round < 20; round++)
        (void)write_all(HOSTILE_STREAMS); /* and nothing is pulled */
    assert_in_range(raw.session->unsent_bytes, limits.max_unsent_bytes, most);
    assert_in_range(raw.pool.used_bytes, limits.max_unsent_bytes,
                    most + most / 16);
    stop();
}

static void who_never_acknowledges_fills_no_more_than_is_kept(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint64_t most;

    limits.max_retained_bytes = 4 << 20;
    most = limits.max_retained_bytes +
           (uint64_t)HOSTILE_STREAMS * limits.reserve_bytes;
    start_limited(state, &limits);
    for (uint32_t i = 0; i < HOSTILE_STREAMS; i++)
        frame_put_window(&raw.out, open_one(), 0, FRAME_MAX_OFFSET);
    assert_true(raw_flood(&raw));
    for (int round = 0; round < 30; round++) {
        (void)write_all(HOSTILE_STREAMS);
        (void)raw_drop_frames(&raw);
    }
    assert_in_range(raw.session->retained_bytes, limits.max_retained_bytes / 2,
                    most);
    assert_in_range(raw.pool.used_bytes, limits.max_retained_bytes / 2,
                    most + most / 16);
    stop();
}

/* Each WINDOW may wake as many as it makes room for, not all who wait. */
static void a_window_does_not_wake_everybody(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *stream;
    uint64_t woken = 0;

    limits.max_retained_bytes = 65536;
    limits.reserve_bytes = 1024;
    start_limited(state, &limits);
    for (uint32_t i = 0; i < 500; i++)
        frame_put_window(&raw.out, open_one(), 0, FRAME_MAX_OFFSET);
    assert_true(raw_flood(&raw));
    (void)write_all(500);
    (void)raw_drop_frames(&raw);
    while (session_next_writable(raw.session))
        ;
    (void)write_all(500); /* all are refused now */
    for (uint64_t i = 1; i <= 1000; i++) {
        frame_put_window(&raw.out, raw_own_id(&raw, 0), i, FRAME_MAX_OFFSET);
        assert_true(raw_flood(&raw));
        while ((stream = session_next_writable(raw.session))) {
            struct iovec part;

            woken++;
            if (session_prepare(raw.session, stream, &part, 1) > 0)
                session_commit(raw.session, stream, 0, raw.now_us);
        }
    }
    assert_in_range(woken, 1, 2 * 1000);
    stop();
}

/* ---- M-39: many small streams against one large ---- */

static void many_small_streams_do_not_starve_a_large_one(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint64_t bulk_bytes = 0, small_bytes = 0;
    struct stream *bulk;
    struct raw_frame frame;

    start_limited(state, &limits);
    raw.reads = false;
    for (uint32_t i = 0; i <= 500; i++)
        frame_put_window(&raw.out, open_one(), 0, FRAME_MAX_OFFSET);
    assert_true(raw_flood(&raw));
    bulk = session_find(raw.session, raw_own_id(&raw, 0));
    for (int round = 0; round < 2000; round++) {
        (void)raw_write(&raw, bulk, 100000);
        for (uint32_t i = 1; i <= 500; i++)
            (void)raw_write(&raw,
                            session_find(raw.session, raw_own_id(&raw, i)), 1);
        /* What a record of 16 KiB holds, and they write again. */
        for (int i = 0; i < 100 && raw_pull(&raw, &frame); i++)
            *(frame.stream == bulk->id ? &bulk_bytes : &small_bytes) +=
                frame.length + FRAME_DATA_HEADER;
        if (bulk->acknowledged + (1 << 20) < bulk->sent) {
            frame_put_window(&raw.out, bulk->id, bulk->sent, FRAME_MAX_OFFSET);
            assert_true(raw_flood(&raw));
        }
    }
    /* One record of it for every 128 KiB of the others', at least. */
    assert_true(bulk_bytes * 9 > small_bytes);
    raw_stop(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_WAY(one_byte_beyond_its_credit_breaks_the_protocol),
        EACH_WAY(more_than_all_may_have_under_way_breaks_the_protocol),
        EACH_WAY(a_window_that_falls_breaks_the_protocol),
        EACH_WAY(a_window_that_changes_nothing_is_odd),
        EACH_WAY(a_limit_beyond_two_to_the_62_breaks_the_protocol),
        EACH_WAY(what_was_not_sent_cannot_be_acknowledged),
        EACH_WAY(credit_in_drips_does_not_make_us_drip),
        EACH_WAY(a_window_narrower_than_any_end_gives_is_odd),
        EACH_WAY(without_credit_nothing_is_read_for_the_peer),
        EACH_WAY(huge_credit_fills_no_more_than_the_queue),
        EACH_WAY(who_never_acknowledges_fills_no_more_than_is_kept),
        EACH_WAY(a_window_does_not_wake_everybody),
        EACH_WAY(many_small_streams_do_not_starve_a_large_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
