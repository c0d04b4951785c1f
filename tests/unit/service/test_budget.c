/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "service/budget.h"
#include "support/check_test.h"

/* Retries that are granted at once. */
static uint32_t take_all(struct budget *budget, uint64_t now_us)
{
    uint32_t taken = 0;

    while (taken < 10000 && budget_take(budget, now_us))
        taken++;
    return taken;
}

static void it_begins_with_all_it_can_hold(void **state)
{
    struct budget budget;

    (void)state;
    budget_init(&budget, 5);
    assert_int_equal(take_all(&budget, 5), BUDGET_MAX);
}

static void time_earns_some_every_second(void **state)
{
    struct budget budget;
    uint32_t taken = 0;

    (void)state;
    budget_init(&budget, 0);
    (void)take_all(&budget, 0);
    for (uint64_t now_us = 0; now_us <= CLOCK_SECOND; now_us += CLOCK_MS)
        taken += take_all(&budget, now_us);
    assert_int_equal(taken, BUDGET_PER_SECOND);
}

static void time_alone_saves_no_more_than_those_of_a_second(void **state)
{
    struct budget budget;

    (void)state;
    budget_init(&budget, 0);
    (void)take_all(&budget, 0);
    assert_int_equal(take_all(&budget, 3600 * CLOCK_SECOND), BUDGET_PER_SECOND);
}

static void new_connections_earn_their_share(void **state)
{
    struct budget budget;

    (void)state;
    budget_init(&budget, 0);
    (void)take_all(&budget, 0);
    for (int i = 0; i < 50; i++)
        budget_pay_in(&budget, 20);
    assert_int_equal(take_all(&budget, 0), 10);
    for (int i = 0; i < 100000; i++)
        budget_pay_in(&budget, 20);
    assert_int_equal(take_all(&budget, 0), BUDGET_MAX);
}

static void it_says_when_the_next_is_earned(void **state)
{
    struct budget budget;
    uint64_t next_us;

    (void)state;
    budget_init(&budget, 0);
    assert_int_equal(budget_next_us(&budget, 7), 7);
    (void)take_all(&budget, 0);
    next_us = budget_next_us(&budget, 0);
    assert_int_equal(next_us, CLOCK_SECOND / BUDGET_PER_SECOND);
    assert_false(budget_take(&budget, next_us - 1));
    assert_true(budget_take(&budget, next_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_all_it_can_hold),
        cmocka_unit_test(time_earns_some_every_second),
        cmocka_unit_test(time_alone_saves_no_more_than_those_of_a_second),
        cmocka_unit_test(new_connections_earn_their_share),
        cmocka_unit_test(it_says_when_the_next_is_earned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
