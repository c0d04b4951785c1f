/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "support/check_test.h"
#include "wire/liveness.h"

#define START (100 * CLOCK_SECOND)

/* A peer 3 ms away that has just answered the first question. */
static struct liveness measured(void)
{
    struct liveness liveness;

    liveness_init(&liveness, START - 3 * CLOCK_MS);
    assert_int_equal(liveness_check(&liveness, START - 3 * CLOCK_MS, true),
                     LIVENESS_ASK);
    liveness_heard(&liveness, START);
    assert_true(liveness_answered(&liveness, liveness.number, START));
    return liveness;
}

/* Ask after silence; returns when. */
static uint64_t ask(struct liveness *liveness, bool is_active)
{
    uint64_t now_us = liveness_deadline(liveness, is_active);

    assert_int_equal(liveness_check(liveness, now_us - 1, is_active),
                     LIVENESS_FINE);
    assert_int_equal(liveness_check(liveness, now_us, is_active), LIVENESS_ASK);
    return now_us;
}

static void it_asks_at_once_to_measure_the_path(void **state)
{
    struct liveness liveness;

    (void)state;
    liveness_init(&liveness, START);
    assert_int_equal(liveness_check(&liveness, START, false), LIVENESS_ASK);
    assert_int_equal(liveness.number, 1);
    assert_int_equal(liveness_check(&liveness, START, false), LIVENESS_FINE);
}

static void with_streams_it_asks_after_1_s_and_gives_up_2_s_later(void **state)
{
    struct liveness liveness = measured();
    uint64_t asked_us;

    (void)state;
    asked_us = ask(&liveness, true);
    assert_int_equal(asked_us, START + CLOCK_SECOND);
    assert_int_equal(liveness_deadline(&liveness, true),
                     START + 3 * CLOCK_SECOND);
    assert_int_equal(liveness_check(&liveness, START + 3 * CLOCK_SECOND - 1,
                                    true),
                     LIVENESS_FINE);
    assert_int_equal(liveness_check(&liveness, START + 3 * CLOCK_SECOND, true),
                     LIVENESS_LOST);
}

static void without_streams_it_takes_15_s_and_5_s(void **state)
{
    struct liveness liveness = measured();

    (void)state;
    assert_int_equal(ask(&liveness, false), START + 15 * CLOCK_SECOND);
    assert_int_equal(liveness_deadline(&liveness, false),
                     START + 20 * CLOCK_SECOND);
    assert_int_equal(liveness_check(&liveness, START + 20 * CLOCK_SECOND - 1,
                                    false),
                     LIVENESS_FINE);
    assert_int_equal(liveness_check(&liveness, START + 20 * CLOCK_SECOND,
                                    false),
                     LIVENESS_LOST);
}

static void any_byte_is_a_sign_of_life(void **state)
{
    struct liveness liveness = measured();
    uint64_t now_us = ask(&liveness, true);

    (void)state;
    liveness_heard(&liveness, now_us + 1); /* not the answer, but a byte */
    assert_int_equal(liveness_check(&liveness, now_us + CLOCK_SECOND, true),
                     LIVENESS_FINE);
    /* Silence again: another question, and its time starts anew. */
    assert_int_equal(liveness_deadline(&liveness, true),
                     now_us + 1 + CLOCK_SECOND);
    assert_int_equal(liveness_check(&liveness, now_us + 1 + CLOCK_SECOND, true),
                     LIVENESS_ASK);
    assert_int_equal(liveness_check(&liveness, now_us + 3 * CLOCK_SECOND, true),
                     LIVENESS_FINE);
    assert_int_equal(liveness_check(&liveness, now_us + 1 + 3 * CLOCK_SECOND,
                                    true),
                     LIVENESS_LOST);
}

static void who_was_stopped_asks_before_it_judges(void **state)
{
    struct liveness liveness = measured();
    uint64_t late_us = START + 3600 * CLOCK_SECOND;

    (void)state;
    assert_int_equal(liveness_check(&liveness, late_us, true), LIVENESS_ASK);
    assert_int_equal(liveness_check(&liveness, late_us, true), LIVENESS_FINE);
    assert_int_equal(liveness_check(&liveness, late_us + 2 * CLOCK_SECOND - 1,
                                    true),
                     LIVENESS_FINE);
}

static void only_what_was_asked_can_be_answered(void **state)
{
    struct liveness liveness;

    (void)state;
    liveness_init(&liveness, START);
    assert_false(liveness_answered(&liveness, 0, START));
    assert_false(liveness_answered(&liveness, 1, START));
    assert_int_equal(liveness_check(&liveness, START, true), LIVENESS_ASK);
    assert_false(liveness_answered(&liveness, 2, START));
    assert_false(liveness_answered(&liveness, UINT64_MAX, START));
    assert_true(liveness_answered(&liveness, 1, START));
    assert_false(liveness_answered(&liveness, 1, START)); /* twice */
}

static void an_answer_to_an_older_question_is_not_the_last_ones(void **state)
{
    struct liveness liveness = measured();
    uint64_t first_us = ask(&liveness, true), second_us;

    (void)state;
    liveness_heard(&liveness, first_us + 1);
    second_us = ask(&liveness, true);
    assert_int_equal(liveness.number, 3);
    assert_true(liveness_answered(&liveness, 2, second_us + CLOCK_MS));
    assert_int_equal(liveness.min_rtt_us, 3 * CLOCK_MS);
    assert_int_equal(liveness.smooth_rtt_us, 3 * CLOCK_MS);
    assert_true(liveness_answered(&liveness, 3, second_us + CLOCK_MS));
    assert_int_equal(liveness.min_rtt_us, CLOCK_MS);
}

static void the_shortest_round_trip_of_a_minute_counts(void **state)
{
    struct liveness liveness = measured();
    uint64_t now_us = START;

    (void)state;
    for (int i = 1; i <= 6; i++) { /* the path is 9 ms from now on */
        assert_int_equal(liveness.min_rtt_us, 3 * CLOCK_MS);
        now_us += 10 * CLOCK_SECOND + 9 * CLOCK_MS;
        liveness_heard(&liveness, now_us);
        assert_int_equal(liveness_check(&liveness, now_us, true), LIVENESS_ASK);
        assert_true(liveness_answered(&liveness, liveness.number,
                                      now_us + 9 * CLOCK_MS));
    }
    assert_int_equal(liveness.min_rtt_us, 9 * CLOCK_MS);
}

static void the_smooth_round_trip_takes_an_eighth_of_each_new_one(void **state)
{
    struct liveness liveness = measured();
    uint64_t now_us = ask(&liveness, true);

    (void)state;
    assert_true(liveness_answered(&liveness, 2, now_us + 11 * CLOCK_MS));
    assert_int_equal(liveness.smooth_rtt_us, 4 * CLOCK_MS);
    assert_int_equal(liveness.min_rtt_us, 3 * CLOCK_MS);
}

static void a_round_trip_is_never_zero(void **state)
{
    struct liveness liveness;

    (void)state;
    liveness_init(&liveness, START);
    assert_int_equal(liveness_check(&liveness, START, true), LIVENESS_ASK);
    assert_true(liveness_answered(&liveness, 1, START));
    assert_int_equal(liveness.min_rtt_us, 1); /* 0 is: not measured */
}

static void with_streams_it_measures_again_every_10_s(void **state)
{
    struct liveness liveness = measured();
    uint64_t now_us = START + 10 * CLOCK_SECOND;

    (void)state;
    liveness_heard(&liveness, now_us - 1);
    assert_int_equal(liveness_deadline(&liveness, true), now_us);
    assert_int_equal(liveness_check(&liveness, now_us - 1, true),
                     LIVENESS_FINE);
    assert_int_equal(liveness_check(&liveness, now_us, false), LIVENESS_FINE);
    assert_int_equal(liveness_check(&liveness, now_us, true), LIVENESS_ASK);
}

/* Whatever happens, a check at the deadline moves the deadline on. */
static void its_deadline_never_stands_still(void **state)
{
    struct liveness liveness = measured();

    (void)state;
    for (int i = 0; i < 100; i++) {
        bool is_active = i % 3 == 0;
        uint64_t now_us = liveness_deadline(&liveness, is_active);

        if (liveness_check(&liveness, now_us, is_active) == LIVENESS_LOST)
            break;
        assert_true(liveness_deadline(&liveness, is_active) > now_us);
        if (i % 5 != 4)
            liveness_heard(&liveness, now_us + 1);
    }
}

RUN_TESTS(TEST(it_asks_at_once_to_measure_the_path),
          TEST(with_streams_it_asks_after_1_s_and_gives_up_2_s_later),
          TEST(without_streams_it_takes_15_s_and_5_s),
          TEST(any_byte_is_a_sign_of_life),
          TEST(who_was_stopped_asks_before_it_judges),
          TEST(only_what_was_asked_can_be_answered),
          TEST(an_answer_to_an_older_question_is_not_the_last_ones),
          TEST(the_shortest_round_trip_of_a_minute_counts),
          TEST(the_smooth_round_trip_takes_an_eighth_of_each_new_one),
          TEST(a_round_trip_is_never_zero),
          TEST(with_streams_it_measures_again_every_10_s),
          TEST(its_deadline_never_stands_still))
