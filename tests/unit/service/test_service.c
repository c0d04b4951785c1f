/* SPDX-License-Identifier: MIT */
/* Choosing, waiting and giving up, without a connection. */
#include "base/clock.h"
#include "service/service.h"
#include "support/check_test.h"
#include <stdlib.h>
#include <string.h>

struct world {
    struct loop *loop;
    struct host host;
    struct service service;
};

/* A passage that only counts what it is told. */
struct walker {
    struct passage passage;
    uint32_t retries;
    uint32_t given_up;
};

static struct walker *of_passage(struct passage *passage)
{
    return CONTAINER_OF(passage, struct walker, passage);
}

static void retry(struct passage *passage)
{
    struct walker *walker = of_passage(passage);

    walker->retries++;
    assert_true(passage_choose(passage) || passage_wait(passage));
}

static void give_up(struct passage *passage)
{
    of_passage(passage)->given_up++;
}

static const struct passage_kind kind = { .retry = retry, .give_up = give_up };

static void look(struct loop_timer *timer)
{
    service_retry(CONTAINER_OF(timer, struct service, timer));
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct pool_policy policy = { .rule = { BALANCE_ROUND_ROBIN, 0 } };
    struct service *service = &world->service;

    world->loop = world->host.loop = loop_new();
    service_options_init(&service->options, SERVICE_DIRECT);
    service->host = &world->host;
    pool_init(&service->pool, &policy, 1);
    budget_init(&service->budget, loop_now_us(world->loop));
    list_init(&service->passages);
    list_init(&service->waiting);
    loop_timer_init(world->loop, &service->timer, look);
    loop_timer_init(world->loop, &service->moving, look);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    loop_timer_stop(&world->service.timer);
    pool_clear(&world->service.pool);
    service_options_clear(&world->service.options);
    loop_free(world->loop);
    free(world);
    return 0;
}

static void add_places(struct world *world, uint16_t count)
{
    for (uint16_t i = 1; i <= count; i++) {
        struct endpoint endpoint = { .weight = 1 };

        assert_true(address_parse(&endpoint.address, "127.0.0.1:1"));
        address_set_port(&endpoint.address, i);
        assert_non_null(pool_add(&world->service.pool, &endpoint,
                                 loop_now_us(world->loop)));
    }
}

static void begin(struct world *world, struct walker *walker)
{
    memset(walker, 0, sizeof(*walker));
    assert_true(passage_begin(&walker->passage, &kind, &world->service, 0));
}

static void spend_all(struct world *world)
{
    while (budget_take(&world->service.budget, loop_now_us(world->loop)))
        ;
}

static void turn_until(struct world *world, const uint32_t *count)
{
    for (int i = 0; *count == 0 && i < 500; i++)
        loop_turn(world->loop, 10 * CLOCK_MS);
    assert_int_not_equal(*count, 0);
}

static void a_second_place_costs_a_retry(void **state)
{
    struct world *world = *state;
    struct walker walker;

    add_places(world, 3);
    begin(world, &walker);
    assert_true(passage_choose(&walker.passage));
    passage_failed_there(&walker.passage, "connection refused", true);
    spend_all(world);
    assert_false(passage_choose(&walker.passage));
    assert_string_equal(walker.passage.failure, "connection refused");
    /* It waits for the next retry to be earned, and then goes on. */
    assert_true(passage_wait(&walker.passage));
    turn_until(world, &walker.retries);
    assert_non_null(walker.passage.place);
    assert_int_equal(walker.given_up, 0);
    passage_end(&walker.passage);
}

static void what_is_no_fault_costs_nothing(void **state)
{
    struct world *world = *state;
    struct walker walker;

    add_places(world, 2);
    begin(world, &walker);
    assert_true(passage_choose(&walker.passage));
    passage_failed_there(&walker.passage, "draining", false);
    spend_all(world);
    assert_true(passage_choose(&walker.passage));
    passage_end(&walker.passage);
}

static void new_connections_pay_for_retries(void **state)
{
    struct world *world = *state;
    struct walker walkers[5];

    add_places(world, 2);
    spend_all(world);
    for (size_t i = 0; i < 5; i++) /* a fifth of a retry each */
        begin(world, &walkers[i]);
    assert_true(passage_choose(&walkers[0].passage));
    passage_failed_there(&walkers[0].passage, "refused", true);
    assert_true(passage_choose(&walkers[0].passage));
    for (size_t i = 0; i < 5; i++)
        passage_end(&walkers[i].passage);
}

static void who_finds_no_place_knows_why(void **state)
{
    struct world *world = *state;
    struct walker first, second;

    world->service.pool.policy.max_per_place = 1;
    add_places(world, 1);
    begin(world, &first);
    begin(world, &second);
    assert_true(passage_choose(&first.passage));
    assert_false(passage_choose(&second.passage));
    assert_true(passage_found_full(&second.passage));
    assert_ptr_equal(second.passage.request.obstacle, pool_full);
    /* The place of one that leaves is for one that waits. */
    assert_true(passage_wait(&second.passage));
    passage_end(&first.passage);
    turn_until(world, &second.retries);
    assert_non_null(second.passage.place);
    passage_end(&second.passage);
}

static void a_retry_that_finds_no_place_costs_nothing(void **state)
{
    struct world *world = *state;
    struct walker walker;
    uint64_t before;

    add_places(world, 1);
    begin(world, &walker);
    assert_true(passage_choose(&walker.passage));
    passage_failed_there(&walker.passage, "connection refused", true);
    spend_all(world);
    world->service.budget.hundredths = before = 500;
    assert_false(passage_choose(&walker.passage));
    assert_true(world->service.budget.hundredths >= before);
    passage_end(&walker.passage);
}

static void the_next_tries_a_place_when_who_tried_it_leaves(void **state)
{
    struct world *world = *state;
    struct walker first, second;

    add_places(world, 1);
    begin(world, &first);
    begin(world, &second);
    assert_true(passage_choose(&first.passage));
    passage_failed_there(&first.passage, "connection refused", true);
    assert_true(passage_wait(&first.passage));
    assert_true(passage_wait(&second.passage));
    turn_until(world, &second.retries);
    assert_non_null(first.passage.place); /* it tries it */
    assert_null(second.passage.place);
    second.retries = 0;
    passage_end(&first.passage);
    turn_until(world, &second.retries);
    assert_non_null(second.passage.place);
    passage_end(&second.passage);
}

/* |walker| has the only place, which is for one. */
static void take_only_place(struct world *world, struct walker *walker)
{
    world->service.pool.policy.max_per_place = 1;
    add_places(world, 1);
    begin(world, walker);
    assert_true(passage_choose(&walker->passage));
}

static unsigned doubts;

static void count_doubt(struct service *service)
{
    (void)service;
    doubts++;
}

static void who_finds_nobody_doubts_once_a_second(void **state)
{
    struct world *world = *state;
    struct service *service = &world->service;
    struct walker first, second;

    doubts = 0;
    service->doubted = count_doubt;
    begin(world, &second);
    for (int i = 0; i < 3; i++)
        assert_false(passage_choose(&second.passage));
    assert_int_equal(doubts, 1);
    service->doubted_us -= CLOCK_SECOND;
    assert_false(passage_choose(&second.passage));
    assert_int_equal(doubts, 2);
    service->doubted_us -= CLOCK_SECOND;
    take_only_place(world, &first);
    assert_false(passage_choose(&second.passage)); /* it is there, and full */
    assert_int_equal(doubts, 2);
    passage_failed_there(&first.passage, "draining", false);
    assert_int_equal(doubts, 2);
    first.passage.request.tried_count = 0;
    assert_true(passage_choose(&first.passage));
    passage_failed_there(&first.passage, "connection refused", true);
    assert_int_equal(doubts, 3);
    passage_end(&first.passage);
    passage_end(&second.passage);
}

static void nobody_comes_before_those_that_wait(void **state)
{
    struct world *world = *state;
    struct walker first, second, third;

    take_only_place(world, &first);
    begin(world, &second);
    assert_true(passage_wait(&second.passage));
    passage_end(&first.passage);
    begin(world, &third); /* before those that wait have been told */
    assert_false(passage_choose(&third.passage));
    assert_non_null(second.passage.place);
    passage_end(&second.passage);
    passage_end(&third.passage);
}

static void what_became_free_is_told_whatever_comes_between(void **state)
{
    struct world *world = *state;
    struct walker first, second, third;

    take_only_place(world, &first);
    begin(world, &second);
    begin(world, &third);
    assert_true(passage_wait(&second.passage));
    passage_end(&first.passage);
    assert_true(passage_wait(&third.passage)); /* plans anew */
    turn_until(world, &second.retries);
    assert_non_null(second.passage.place);
    passage_end(&second.passage);
    passage_end(&third.passage);
}

static void who_has_the_least_time_gives_up_first(void **state)
{
    struct world *world = *state;
    struct walker patient, hasty;

    begin(world, &patient);
    assert_true(passage_wait(&patient.passage));
    world->service.options.hold_us = 20 * CLOCK_MS; /* by a reload */
    begin(world, &hasty);
    assert_true(passage_wait(&hasty.passage));
    turn_until(world, &hasty.given_up);
    assert_int_equal(patient.given_up, 0);
    passage_end(&patient.passage);
    passage_end(&hasty.passage);
}

static void who_comes_back_to_wait_has_its_turn_again(void **state)
{
    struct world *world = *state;
    struct walker first, second;

    begin(world, &first);
    loop_turn(world->loop, 2 * CLOCK_MS);
    begin(world, &second);
    assert_true(passage_wait(&second.passage));
    assert_true(passage_wait(&first.passage)); /* it had been somewhere */
    assert_ptr_equal(list_first(&world->service.waiting),
                     &first.passage.waiting);
    passage_end(&first.passage);
    passage_end(&second.passage);
}

static void where_one_finds_nothing_the_others_go_on_waiting(void **state)
{
    struct world *world = *state;
    struct walker walkers[4];

    for (size_t i = 0; i < ARRAY_LENGTH(walkers); i++) {
        begin(world, &walkers[i]);
        assert_true(passage_wait(&walkers[i].passage));
    }
    walkers[2].passage.until_us = 0; /* its time is over nevertheless */
    service_retry(&world->service);
    assert_int_equal(walkers[0].retries, 1);
    assert_int_equal(walkers[1].retries, 0);
    assert_int_equal(walkers[2].given_up, 1);
    assert_int_equal(walkers[3].retries, 0);
    assert_int_equal(world->service.waiting_count, 3);
    add_places(world, 1);
    world->service.pool.policy.max_per_place = 2;
    service_retry(&world->service);
    assert_non_null(walkers[0].passage.place);
    assert_non_null(walkers[1].passage.place);
    assert_null(walkers[3].passage.place);
    assert_int_equal(world->service.waiting_count, 1);
    walkers[3].retries = 0;
    passage_end(&walkers[0].passage);
    turn_until(world, &walkers[3].retries);
    assert_non_null(walkers[3].passage.place);
    for (size_t i = 1; i < ARRAY_LENGTH(walkers); i++)
        passage_end(&walkers[i].passage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_place_costs_a_retry, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_fault_costs_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(new_connections_pay_for_retries, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_finds_no_place_knows_why, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_retry_that_finds_no_place_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_next_tries_a_place_when_who_tried_it_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_finds_nobody_doubts_once_a_second,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_comes_before_those_that_wait,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_became_free_is_told_whatever_comes_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_the_least_time_gives_up_first,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            who_comes_back_to_wait_has_its_turn_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            where_one_finds_nothing_the_others_go_on_waiting, set_up,
            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
