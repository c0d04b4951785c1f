/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "discovery/backoff.h"
#include "support/check_test.h"

static void it_waits_longer_each_time_up_to_half_a_minute(void **state)
{
    struct random random = random_from_seed(1);
    struct backoff backoff = { 0 };
    uint64_t limit = 500 * CLOCK_MS;

    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t wait = backoff_next(&backoff, &random);

        assert_true(wait >= limit / 2);
        assert_true(wait < limit);
        limit = limit * 2 < 30 * CLOCK_SECOND ? limit * 2 : 30 * CLOCK_SECOND;
    }
    backoff_reset(&backoff);
    assert_true(backoff_next(&backoff, &random) < 500 * CLOCK_MS);
}

static void two_that_failed_together_do_not_return_together(void **state)
{
    struct random one = random_from_seed(1), two = random_from_seed(2);
    struct backoff a = { 0 }, b = { 0 };

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(backoff_next(&a, &one) != backoff_next(&b, &two));
}

static void a_time_to_live_is_kept_within_bounds(void **state)
{
    struct random random = random_from_seed(3);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t wait = backoff_refresh(0, &random);

        assert_true(wait >= CLOCK_SECOND && wait < 1100 * CLOCK_MS);
        wait = backoff_refresh(10, &random);
        /* Before its time a cache would only say the same again. */
        assert_true(wait >= 10 * CLOCK_SECOND && wait < 10500 * CLOCK_MS);
        wait = backoff_refresh(UINT32_MAX, &random);
        assert_true(wait >= 30 * CLOCK_SECOND && wait < 31 * CLOCK_SECOND);
    }
}

RUN_TESTS(TEST(it_waits_longer_each_time_up_to_half_a_minute),
          TEST(two_that_failed_together_do_not_return_together),
          TEST(a_time_to_live_is_kept_within_bounds))
