/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "support/check_test.h"
#include "wire/limits.h"

static uint32_t take_all(struct bucket *bucket, uint64_t now_us)
{
    uint32_t taken = 0;

    while (taken < 1000 && bucket_take(bucket, now_us))
        taken++;
    return taken;
}

static void a_bucket_starts_full_and_runs_out(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 3, 10, 500);
    assert_int_equal(bucket_tokens(&bucket), 3);
    assert_int_equal(take_all(&bucket, 500), 3);
    assert_int_equal(bucket_tokens(&bucket), 0);
    assert_false(bucket_take(&bucket, 500));
}

static void tokens_come_back_with_time(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 100, 10, 0);
    assert_int_equal(take_all(&bucket, 0), 100);
    assert_false(bucket_take(&bucket, CLOCK_SECOND / 10 - 1));
    assert_true(bucket_take(&bucket, CLOCK_SECOND / 10));
    assert_false(bucket_take(&bucket, CLOCK_SECOND / 10));
    assert_int_equal(take_all(&bucket, CLOCK_SECOND / 10 + CLOCK_SECOND), 10);
}

static void looking_often_does_not_lose_parts_of_a_token(void **state)
{
    struct bucket bucket;
    uint32_t taken = 0;

    (void)state;
    bucket_init(&bucket, 5, 7, 0);
    (void)take_all(&bucket, 0);
    for (uint64_t now = 0; now <= 10 * CLOCK_SECOND; now += 777)
        taken += bucket_take(&bucket, now);
    assert_in_range(taken, 69, 70);
}

static void it_never_holds_more_than_its_maximum(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 4, 1000, 0);
    assert_int_equal(take_all(&bucket, 3600 * CLOCK_SECOND), 4);
    bucket_init(&bucket, 100, UINT32_MAX, 0);
    assert_int_equal(take_all(&bucket, 0), 100);
    assert_int_equal(take_all(&bucket, UINT64_MAX / 2), 100);
}

static void time_that_goes_back_gives_nothing(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 2, 1000, CLOCK_SECOND);
    assert_int_equal(take_all(&bucket, CLOCK_SECOND), 2);
    assert_false(bucket_take(&bucket, 0));
    assert_false(bucket_take(&bucket, CLOCK_SECOND));
    assert_true(bucket_take(&bucket, CLOCK_SECOND + CLOCK_MS));
}

static void a_bucket_without_refill_stays_empty(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 1, 0, 0);
    assert_true(bucket_take(&bucket, 0));
    assert_false(bucket_take(&bucket, UINT64_MAX / 2));
}

RUN_TESTS(TEST(a_bucket_starts_full_and_runs_out),
          TEST(tokens_come_back_with_time),
          TEST(looking_often_does_not_lose_parts_of_a_token),
          TEST(it_never_holds_more_than_its_maximum),
          TEST(time_that_goes_back_gives_nothing),
          TEST(a_bucket_without_refill_stays_empty))
