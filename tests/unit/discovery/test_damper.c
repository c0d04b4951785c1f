/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "discovery/damper.h"
#include "support/check_test.h"
#include <stdbool.h>

static const uint64_t interval = CLOCK_SECOND;

/* A registry that gives an answer a second, and what becomes of it. */
struct run {
    struct damper damper;
    uint64_t now;
    uint64_t applied;
    unsigned changes;
};

static void start(struct run *run)
{
    *run = (struct run){ .now = 1000 * CLOCK_SECOND, .applied = 1 };
    damper_init(&run->damper, interval, true);
}

/* The registry says |digest| for |duration|, looked at every 100 ms. */
static void say(struct run *run, uint64_t digest, uint64_t duration)
{
    uint64_t end = run->now + duration;

    for (; run->now < end; run->now += 100 * CLOCK_MS) {
        if (digest == run->applied) {
            damper_withdraw(&run->damper);
        } else if (damper_offer(&run->damper, digest, run->now) <= run->now) {
            damper_apply(&run->damper, run->applied, digest, run->now);
            run->applied = digest;
            run->changes++;
        }
    }
}

static void news_is_applied_at_once(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    assert_true(damper_offer(&run.damper, 2, run.now) <= run.now);
}

static void changes_are_at_least_the_interval_apart(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    say(&run, 2, 100 * CLOCK_MS);
    assert_int_equal(run.applied, 2);
    /* Never seen before each, ten a second. */
    for (uint64_t digest = 3; digest < 33; digest++)
        say(&run, digest, 100 * CLOCK_MS);
    assert_true(run.changes <= 4);
    assert_true(run.changes >= 3);
}

static void one_step_back_costs_no_more_than_any_change(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    say(&run, 2, 5 * CLOCK_SECOND);
    assert_true(damper_offer(&run.damper, 1, run.now) <= run.now);
}

static void an_answer_that_goes_to_and_fro_is_hardly_followed(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    for (int second = 0; second < 120; second++)
        say(&run, second % 2 ? 1 : 2, CLOCK_SECOND);
    assert_true(run.changes <= 5);
}

static void what_comes_back_and_stays_is_followed_in_the_end(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    for (int second = 0; second < 20; second++)
        say(&run, second % 2 ? 1 : 2, CLOCK_SECOND);
    say(&run, 2, 31 * CLOCK_SECOND);
    assert_int_equal(run.applied, 2);
    say(&run, 1, 31 * CLOCK_SECOND);
    assert_int_equal(run.applied, 1);
}

static void flapping_does_not_hold_up_news(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    for (int second = 0; second < 20; second++)
        say(&run, second % 2 ? 1 : 2, CLOCK_SECOND);
    assert_true(damper_offer(&run.damper, 77, run.now) <= run.now + interval);
}

static void a_calm_registry_is_trusted_again(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    for (int second = 0; second < 20; second++)
        say(&run, second % 2 ? 1 : 2, CLOCK_SECOND);
    say(&run, run.applied, 120 * CLOCK_SECOND);
    assert_true(damper_offer(&run.damper, 3 - run.applied, run.now) <= run.now);
}

static void a_registry_that_never_flaps_is_followed_to_and_fro(void **state)
{
    struct run run;

    (void)state;
    start(&run);
    damper_init(&run.damper, interval, false);
    for (int second = 0; second < 40; second += 2)
        say(&run, second % 4 ? 1 : 2, 2 * CLOCK_SECOND);
    assert_int_equal(run.changes, 20);
}

RUN_TESTS(TEST(news_is_applied_at_once),
          TEST(changes_are_at_least_the_interval_apart),
          TEST(one_step_back_costs_no_more_than_any_change),
          TEST(an_answer_that_goes_to_and_fro_is_hardly_followed),
          TEST(what_comes_back_and_stays_is_followed_in_the_end),
          TEST(flapping_does_not_hold_up_news),
          TEST(a_calm_registry_is_trusted_again),
          TEST(a_registry_that_never_flaps_is_followed_to_and_fro))
