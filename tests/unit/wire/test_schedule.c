/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "support/check_test.h"
#include "wire/schedule.h"

enum { STREAMS = 64, FRAME = 16384, KIB = 1024 };

#define NOW (50 * CLOCK_SECOND)

struct fixture {
    struct schedule schedule;
    struct stream streams[STREAMS];
    uint64_t sent[STREAMS];
};

static void start(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    schedule_init(&fixture->schedule);
    for (uint32_t i = 0; i < STREAMS; i++)
        stream_init(&fixture->streams[i], i, 0, 0);
}

static void add(struct fixture *fixture, int index)
{
    schedule_add(&fixture->schedule, &fixture->streams[index], NOW);
}

static void add_bulk(struct fixture *fixture, int index)
{
    fixture->streams[index].bulk = fixture->streams[index].always_bulk = true;
    add(fixture, index);
}

/* Whoever's turn it is sends |bytes|; returns its index, -1: nobody. */
static int serve(struct fixture *fixture, uint32_t bytes)
{
    struct stream *stream = schedule_next(&fixture->schedule);

    if (!stream)
        return -1;
    assert_true(stream->deficit > 0);
    fixture->sent[stream->id] += bytes;
    schedule_charge(&fixture->schedule, stream, bytes);
    return (int)stream->id;
}

static void nobody_has_a_turn_when_nobody_wants_one(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    assert_null(schedule_next(&fixture.schedule));
    add(&fixture, 1);
    assert_ptr_equal(schedule_next(&fixture.schedule), &fixture.streams[1]);
    schedule_remove(&fixture.streams[1]);
    assert_null(schedule_next(&fixture.schedule));
}

static void adding_twice_is_adding_once(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    add(&fixture, 1);
    add(&fixture, 2);
    assert_int_equal(serve(&fixture, 1), 1);
    add(&fixture, 1); /* its turn goes on */
    assert_int_equal(serve(&fixture, 1), 1);
    schedule_remove(&fixture.streams[1]);
    assert_int_equal(serve(&fixture, 1), 2);
    schedule_remove(&fixture.streams[2]);
    assert_int_equal(serve(&fixture, 1), -1);
}

static void interactive_goes_before_bulk(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    add_bulk(&fixture, 1);
    add(&fixture, 2);
    assert_int_equal(serve(&fixture, 100), 2);
    schedule_remove(&fixture.streams[2]);
    assert_int_equal(serve(&fixture, 100), 1);
}

static void who_sends_much_in_a_second_becomes_bulk(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    add(&fixture, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(serve(&fixture, FRAME), 1);
    assert_false(fixture.streams[1].bulk);
    assert_int_equal(serve(&fixture, 1), 1);
    assert_true(fixture.streams[1].bulk);
    add(&fixture, 2); /* and at once loses its place to an interactive one */
    assert_int_equal(serve(&fixture, 100), 2);
}

static void who_was_quiet_for_a_second_is_interactive_again(void **state)
{
    struct fixture fixture;
    struct stream *stream = &fixture.streams[1];

    (void)state;
    start(&fixture);
    add(&fixture, 1);
    for (int i = 0; i < 5; i++)
        (void)serve(&fixture, FRAME);
    schedule_remove(stream);
    schedule_add(&fixture.schedule, stream, NOW + CLOCK_SECOND - 1);
    assert_true(stream->bulk);
    schedule_remove(stream);
    schedule_add(&fixture.schedule, stream, NOW + CLOCK_SECOND);
    assert_false(stream->bulk);
}

static void who_was_opened_as_bulk_stays_bulk(void **state)
{
    struct fixture fixture;
    struct stream *stream = &fixture.streams[1];

    (void)state;
    start(&fixture);
    add_bulk(&fixture, 1);
    schedule_remove(stream);
    schedule_add(&fixture.schedule, stream, NOW + 10 * CLOCK_SECOND);
    assert_true(stream->bulk);
}

static void streams_of_a_ring_share_by_bytes_not_by_frames(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    for (int i = 1; i <= 3; i++)
        add_bulk(&fixture, i);
    while (fixture.sent[1] + fixture.sent[2] + fixture.sent[3] < 30000 * KIB) {
        struct stream *stream = schedule_next(&fixture.schedule);

        (void)serve(&fixture, stream->id == 1 ? 100 : stream->id * 5000);
    }
    for (int i = 1; i <= 3; i++)
        assert_in_range(fixture.sent[i], 9800 * KIB, 10200 * KIB);
}

static void bulk_has_a_turn_after_every_128_kib_of_interactive(void **state)
{
    struct fixture fixture;
    uint32_t since = 0;
    int turns = 0;

    (void)state;
    start(&fixture);
    add_bulk(&fixture, 0);
    for (int i = 1; i < STREAMS; i++)
        add(&fixture, i);
    for (int i = 0; i < 10000; i++) {
        uint32_t bytes = 700;
        int index;

        for (int j = 1; j < STREAMS; j++) { /* they never become bulk */
            fixture.streams[j].recent_bytes = 0;
            fixture.streams[j].bulk = false;
        }
        index = serve(&fixture, bytes);
        since = index == 0 ? 0 : since + bytes;
        turns += index == 0;
        assert_in_range(since, 0, 128 * KIB + bytes);
    }
    assert_in_range(turns, 50, 60);
}

/* M-38, M-39: many streams that are on their way from interactive to bulk. */
static void streams_on_their_way_to_bulk_do_not_starve_bulk(void **state)
{
    struct fixture fixture;
    uint32_t interactive = 0;

    (void)state;
    start(&fixture);
    add_bulk(&fixture, 0);
    for (int i = 1; i < STREAMS; i++)
        add(&fixture, i);
    while (!fixture.streams[STREAMS - 1].bulk) {
        bool is_bulk = schedule_next(&fixture.schedule)->bulk;

        (void)serve(&fixture, FRAME);
        interactive = is_bulk ? 0 : interactive + FRAME;
        assert_in_range(interactive, 0, 128 * KIB + FRAME);
    }
    /* All are bulk now, and take turns. */
    memset(fixture.sent, 0, sizeof(fixture.sent));
    for (int i = 0; i < 100 * STREAMS; i++)
        (void)serve(&fixture, FRAME);
    for (int i = 0; i < STREAMS; i++)
        assert_in_range(fixture.sent[i], 96 * FRAME, 104 * FRAME);
}

static void who_was_away_saves_nothing_up(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    add_bulk(&fixture, 1);
    add_bulk(&fixture, 2);
    assert_int_equal(serve(&fixture, 10), 1);
    assert_true(fixture.streams[1].deficit > 0);
    schedule_remove(&fixture.streams[1]);
    add_bulk(&fixture, 1);
    assert_int_equal(fixture.streams[1].deficit, 0);
    assert_int_equal(serve(&fixture, 10), 2); /* and is behind the others */
}

static void who_took_more_than_its_turn_pays_for_it(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    add_bulk(&fixture, 1);
    add_bulk(&fixture, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(serve(&fixture, FRAME), 1);
    assert_int_equal(serve(&fixture, FRAME - 1), 1);
    assert_int_equal(serve(&fixture, FRAME), 1); /* one byte was left */
    assert_int_equal(fixture.streams[1].deficit, 1 - FRAME);
    assert_int_equal(serve(&fixture, FRAME), 2);
}

RUN_TESTS(TEST(nobody_has_a_turn_when_nobody_wants_one),
          TEST(adding_twice_is_adding_once), TEST(interactive_goes_before_bulk),
          TEST(who_sends_much_in_a_second_becomes_bulk),
          TEST(who_was_quiet_for_a_second_is_interactive_again),
          TEST(who_was_opened_as_bulk_stays_bulk),
          TEST(streams_of_a_ring_share_by_bytes_not_by_frames),
          TEST(bulk_has_a_turn_after_every_128_kib_of_interactive),
          TEST(streams_on_their_way_to_bulk_do_not_starve_bulk),
          TEST(who_was_away_saves_nothing_up),
          TEST(who_took_more_than_its_turn_pays_for_it))
