/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/random.h"
#include "support/check_test.h"
#include "wire/credit.h"

enum {
    KIB = 1024,
    RESERVE = 16 * KIB,
    MIN_WINDOW = 256 * KIB,
    MAX_WINDOW = 1024 * KIB,
    POOL = 4096 * KIB
};

#define START (100 * CLOCK_SECOND)
#define RTT (10 * CLOCK_MS)

static struct credit some_credit(uint64_t pool_bytes)
{
    return (struct credit){ .pool_bytes = pool_bytes,
                            .reserve_bytes = RESERVE,
                            .min_window_bytes = MIN_WINDOW,
                            .max_window_bytes = MAX_WINDOW };
}

static void begin(struct credit *credit, struct stream *stream)
{
    stream_init(stream, 1, 0, MIN_WINDOW);
    credit_begin(credit, stream, START);
}

/* Tell the peer all that may be told. */
static void promise_at(struct credit *credit, struct stream *stream,
                       uint64_t now_us)
{
    credit_promise(credit, stream, credit_limit(credit, stream, false), now_us,
                   RTT);
}

static void promise(struct credit *credit, struct stream *stream)
{
    promise_at(credit, stream, START);
}

/* The peer sends |bytes|. */
static void receive(struct credit *credit, struct stream *stream,
                    uint64_t bytes)
{
    assert_true(stream->received + bytes <= stream->receive_limit);
    assert_true(credit_received(credit, stream, bytes));
}

/* And the socket takes them. */
static void pass(struct credit *credit, struct stream *stream, uint64_t bytes)
{
    receive(credit, stream, bytes);
    credit_consumed(credit, stream, bytes);
}

static void a_window_that_is_not_used_costs_nothing(void **state)
{
    struct credit credit = some_credit(0);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    assert_int_equal(credit_limit(&credit, &stream, false), MIN_WINDOW);
    promise(&credit, &stream);
    pass(&credit, &stream, 1000);
    assert_int_equal(credit_limit(&credit, &stream, false), MIN_WINDOW + 1000);
    promise(&credit, &stream);
    assert_int_equal(credit.held_bytes, 0);
    credit_end(&credit, &stream);
    assert_int_equal(credit.held_bytes, 0);
}

static void a_limit_never_falls(void **state)
{
    struct credit credit = some_credit(POOL);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    assert_int_equal(credit_limit(&credit, &stream, true), MIN_WINDOW);
    stream.window = MIN_WINDOW / 2;
    assert_int_equal(credit_limit(&credit, &stream, false), MIN_WINDOW);
}

static void without_memory_there_is_only_the_reserve(void **state)
{
    struct credit credit = some_credit(POOL);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    pass(&credit, &stream, MIN_WINDOW);
    assert_int_equal(credit_limit(&credit, &stream, true),
                     RESERVE + MIN_WINDOW);
    assert_int_equal(credit_limit(&credit, &stream, false), 2 * MIN_WINDOW);
}

static void what_is_held_beyond_the_reserve_is_of_the_pool(void **state)
{
    struct credit credit = some_credit(100 * KIB);
    struct stream first, second;

    (void)state;
    begin(&credit, &first);
    begin(&credit, &second);
    receive(&credit, &first, RESERVE);
    assert_int_equal(credit.held_bytes, 0);
    receive(&credit, &first, 60 * KIB);
    receive(&credit, &second, RESERVE + 40 * KIB);
    assert_int_equal(credit.held_bytes, 100 * KIB);
    credit_consumed(&credit, &first, 30 * KIB);
    assert_int_equal(credit.held_bytes, 70 * KIB);
    credit_consumed(&credit, &first, 46 * KIB);
    assert_int_equal(credit.held_bytes, 40 * KIB);
    credit_end(&credit, &second); /* with all it held */
    assert_int_equal(credit.held_bytes, 0);
}

static void what_was_reset_is_of_no_pool(void **state)
{
    struct credit credit = some_credit(100 * KIB);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    receive(&credit, &stream, RESERVE + 100 * KIB);
    credit_end(&credit, &stream);
    stream_advance(&stream, STREAM_RESET_RECEIVED);
    assert_int_equal(credit.held_bytes, 0);
    credit_consumed(&credit, &stream, 50 * KIB);
    assert_int_equal(credit.held_bytes, 0);
    credit_end(&credit, &stream);
    assert_int_equal(credit.held_bytes, 0);
}

static void no_more_may_be_held_than_the_pool(void **state)
{
    struct credit credit = some_credit(100 * KIB);
    struct stream first, second;

    (void)state;
    begin(&credit, &first);
    begin(&credit, &second);
    receive(&credit, &first, RESERVE + 100 * KIB);
    receive(&credit, &second, RESERVE); /* which it always may */
    assert_false(credit_received(&credit, &second, 1));
}

static void what_is_held_is_what_came_and_has_not_gone(void **state)
{
    struct random random = random_from_seed(3);
    struct credit credit = some_credit(UINT64_MAX);
    struct stream streams[20];
    uint64_t now_us = START;

    (void)state;
    for (int i = 0; i < 20; i++)
        begin(&credit, &streams[i]);
    for (int round = 0; round < 50000; round++) {
        struct stream *stream = &streams[random_below(&random, 20)];
        uint64_t sum = 0;

        now_us += random_below(&random, 5000);
        receive(&credit, stream,
                random_below(&random,
                             stream->receive_limit - stream->received + 1));
        credit_consumed(&credit, stream,
                        random_below(&random,
                                     stream->received - stream->consumed + 1));
        if (random_below(&random, 3) == 0)
            promise_at(&credit, stream, now_us);
        if (random_below(&random, 50) == 0) {
            credit_end(&credit, stream);
            begin(&credit, stream);
        }
        for (int i = 0; i < 20; i++) {
            uint64_t held = streams[i].received - streams[i].consumed;

            sum += held > RESERVE ? held - RESERVE : 0;
        }
        assert_int_equal(credit.held_bytes, sum);
    }
}

static void news_is_urgent_when_half_of_the_window_is_used_up(void **state)
{
    struct credit credit = some_credit(POOL);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    promise(&credit, &stream);
    pass(&credit, &stream, MIN_WINDOW / 2 - 1);
    assert_false(credit_is_urgent(&credit, &stream, false));
    pass(&credit, &stream, 1);
    assert_true(credit_is_urgent(&credit, &stream, false));
    promise(&credit, &stream);
    assert_false(credit_is_urgent(&credit, &stream, false));
}

static void what_is_received_but_not_consumed_is_no_news(void **state)
{
    struct credit credit = some_credit(POOL);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    promise(&credit, &stream);
    receive(&credit, &stream, MIN_WINDOW);
    assert_false(credit_is_urgent(&credit, &stream, false));
    credit_consumed(&credit, &stream, MIN_WINDOW / 2 - 1);
    assert_false(credit_is_urgent(&credit, &stream, false));
    credit_consumed(&credit, &stream, 1);
    assert_true(credit_is_urgent(&credit, &stream, false));
}

static void without_memory_half_of_the_reserve_is_urgent(void **state)
{
    struct credit credit = some_credit(POOL);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    pass(&credit, &stream, MIN_WINDOW);
    credit_promise(&credit, &stream, credit_limit(&credit, &stream, true),
                   START, RTT);
    pass(&credit, &stream, RESERVE / 2 - 1);
    assert_false(credit_is_urgent(&credit, &stream, true));
    pass(&credit, &stream, 1);
    assert_true(credit_is_urgent(&credit, &stream, true));
}

/* Half of the window passes in |took_us|; returns the window behind it. */
static uint32_t window_after(uint64_t took_us, int times)
{
    struct credit credit = some_credit(64u << 20);
    struct stream stream;
    uint64_t now_us = START;

    begin(&credit, &stream);
    promise(&credit, &stream);
    for (int i = 0; i < times; i++) {
        now_us += took_us;
        pass(&credit, &stream, stream.window / 2);
        promise_at(&credit, &stream, now_us);
    }
    return stream.window;
}

static void a_window_doubles_when_half_of_it_passes_in_two_trips(void **state)
{
    (void)state;
    assert_int_equal(window_after(2 * RTT - 1, 1), 2 * MIN_WINDOW);
    assert_int_equal(window_after(2 * RTT, 1), MIN_WINDOW);
}

static void a_window_grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    assert_int_equal(window_after(RTT, 2), MAX_WINDOW);
    assert_int_equal(window_after(RTT, 3), MAX_WINDOW);
}

static void a_window_that_was_idle_shrinks_to_its_minimum(void **state)
{
    struct credit credit = some_credit(64u << 20);
    struct stream stream;
    uint64_t now_us = START;

    (void)state;
    begin(&credit, &stream);
    stream.window = MAX_WINDOW;
    for (uint32_t window = MAX_WINDOW; window >= MIN_WINDOW; window /= 2) {
        assert_int_equal(stream.window, window);
        promise_at(&credit, &stream, now_us);
        now_us += 10 * CLOCK_SECOND + 1;
        pass(&credit, &stream, stream.window / 2);
        promise_at(&credit, &stream, now_us);
    }
    assert_int_equal(stream.window, MIN_WINDOW);
}

static void less_than_half_of_a_window_says_nothing(void **state)
{
    struct credit credit = some_credit(POOL);
    struct stream stream;

    (void)state;
    begin(&credit, &stream);
    promise(&credit, &stream);
    pass(&credit, &stream, MIN_WINDOW / 2 - 1);
    promise(&credit, &stream);
    assert_int_equal(stream.window, MIN_WINDOW);
    pass(&credit, &stream, 1);
    promise(&credit, &stream);
    assert_int_equal(stream.window, 2 * MIN_WINDOW);
}

RUN_TESTS(TEST(a_window_that_is_not_used_costs_nothing),
          TEST(a_limit_never_falls),
          TEST(without_memory_there_is_only_the_reserve),
          TEST(what_is_held_beyond_the_reserve_is_of_the_pool),
          TEST(what_was_reset_is_of_no_pool),
          TEST(no_more_may_be_held_than_the_pool),
          TEST(what_is_held_is_what_came_and_has_not_gone),
          TEST(news_is_urgent_when_half_of_the_window_is_used_up),
          TEST(what_is_received_but_not_consumed_is_no_news),
          TEST(without_memory_half_of_the_reserve_is_urgent),
          TEST(a_window_doubles_when_half_of_it_passes_in_two_trips),
          TEST(a_window_grows_to_its_maximum_and_no_further),
          TEST(a_window_that_was_idle_shrinks_to_its_minimum),
          TEST(less_than_half_of_a_window_says_nothing))
