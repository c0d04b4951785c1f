/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "service/pool.h"
#include "support/check_test.h"

/* A pool of places 127.0.0.1:1, :2, ... and a clock that we turn. */
struct world {
    struct pool pool;
    struct place *places[8];
    size_t count;
    uint64_t now_us;
};

static struct world make_world(const struct pool_policy *policy, size_t count)
{
    struct world world = { .count = count, .now_us = 1000 * CLOCK_SECOND };

    pool_init(&world.pool, policy, 1);
    return world;
}

/* Lists hold pointers to themselves, so this is after it was put in place. */
static void fill_world(struct world *world)
{
    list_init(&world->pool.places);
    list_init(&world->pool.removed);
    for (size_t i = 0; i < world->count; i++) {
        struct endpoint endpoint = { .weight = 10 };

        assert_true(address_parse(&endpoint.address, "127.0.0.1:1"));
        address_set_port(&endpoint.address, (uint16_t)(i + 1));
        world->places[i] = pool_add(&world->pool, &endpoint, world->now_us);
        assert_non_null(world->places[i]);
    }
}

static struct place *choose_again(struct world *world,
                                  struct pool_request *request)
{
    request->now_us = world->now_us;
    return pool_choose(&world->pool, request);
}

/* Who gets a connection that has not been anywhere. */
static struct place *choose(struct world *world)
{
    return choose_again(world, &(struct pool_request){ 0 });
}

static void fail_at(struct world *world, size_t index)
{
    pool_failed(world->places[index], "connection refused", world->now_us);
}

static void reach(struct world *world, size_t index)
{
    pool_reached(world->places[index], 1000, world->now_us);
}

/* How long nobody goes to the only place. */
static uint64_t rest_of(struct world *world)
{
    return pool_next_us(&world->pool, world->now_us) - world->now_us;
}

static const struct pool_policy plain = { .rule = { BALANCE_ROUND_ROBIN, 0 } };

/* ---- failing ---- */

static void one_that_fails_rests_and_is_tried_by_one(void **state)
{
    struct world world = make_world(&plain, 1);

    (void)state;
    fill_world(&world);
    assert_ptr_equal(choose(&world), world.places[0]);
    fail_at(&world, 0);
    assert_null(choose(&world));
    assert_string_equal(pool_state_of(world.places[0], world.now_us),
                        "resting");
    assert_int_equal(rest_of(&world), 100 * CLOCK_MS);
    world.now_us += 100 * CLOCK_MS;
    assert_ptr_equal(choose(&world), world.places[0]);
    assert_null(choose(&world)); /* one tries it */
    reach(&world, 0);
    assert_ptr_equal(choose(&world), world.places[0]);
    pool_clear(&world.pool);
}

static void one_that_ends_there_brings_no_second_try(void **state)
{
    struct world world = make_world(&plain, 1);
    struct pool_request request = { 0 };
    struct place *place;

    (void)state;
    fill_world(&world);
    place = world.places[0];
    pool_begin(place); /* it was there before the trouble */
    fail_at(&world, 0);
    world.now_us += 100 * CLOCK_MS;
    assert_ptr_equal(choose_again(&world, &request), place);
    assert_true(request.is_probe);
    pool_begin(place);
    pool_end(place, false);
    assert_null(choose(&world));
    pool_end(place, request.is_probe); /* it gave up: another may try */
    assert_ptr_equal(choose(&world), place);
    pool_clear(&world.pool);
}

static void rests_grow_to_a_second(void **state)
{
    static const uint64_t rests_ms[] = { 100, 200, 400, 800, 1000, 1000 };
    struct world world = make_world(&plain, 1);

    (void)state;
    fill_world(&world);
    for (size_t i = 0; i < ARRAY_LENGTH(rests_ms); i++) {
        assert_non_null(choose(&world));
        fail_at(&world, 0);
        assert_int_equal(rest_of(&world), rests_ms[i] * CLOCK_MS);
        world.now_us += rest_of(&world);
    }
    pool_clear(&world.pool);
}

static void one_without_room_never_rests_for_long(void **state)
{
    struct world world = make_world(&plain, 1);

    (void)state;
    fill_world(&world);
    for (int i = 0; i < 4; i++)
        pool_failed(world.places[0], "refused", world.now_us += CLOCK_SECOND);
    for (int i = 0; i < 5; i++) {
        world.now_us += CLOCK_SECOND;
        assert_non_null(choose(&world));
        pool_crowded(world.places[0], "overload", world.now_us);
        assert_null(choose(&world));
        assert_int_equal(rest_of(&world), 100 * CLOCK_MS);
    }
    pool_clear(&world.pool);
}

static void one_that_flaps_is_tried_once_a_second(void **state)
{
    struct world world = make_world(&plain, 1);
    uint32_t tries = 0;
    uint64_t end_us;

    (void)state;
    fill_world(&world);
    end_us = world.now_us + 60 * CLOCK_SECOND;
    while (world.now_us < end_us) { /* it fails, it answers, it fails */
        assert_non_null(choose(&world));
        fail_at(&world, 0);
        world.now_us += rest_of(&world);
        assert_non_null(choose(&world));
        reach(&world, 0);
        tries++;
    }
    assert_in_range(tries, 60, 64);
    pool_clear(&world.pool);
}

static void what_was_long_ago_is_forgiven(void **state)
{
    struct world world = make_world(&plain, 1);

    (void)state;
    fill_world(&world);
    for (int i = 0; i < 10; i++) {
        fail_at(&world, 0);
        world.now_us += rest_of(&world);
        assert_non_null(choose(&world));
    }
    reach(&world, 0);
    world.now_us += 20 * CLOCK_SECOND;
    fail_at(&world, 0);
    assert_int_equal(rest_of(&world), 100 * CLOCK_MS);
    pool_clear(&world.pool);
}

static void those_that_fail_together_count_as_one(void **state)
{
    struct world world = make_world(&plain, 1);

    (void)state;
    fill_world(&world);
    for (int i = 0; i < 50; i++)
        fail_at(&world, 0);
    assert_int_equal(rest_of(&world), 100 * CLOCK_MS);
    assert_int_equal(world.places[0]->failures, 50);
    pool_clear(&world.pool);
}

static void none_is_tried_twice_by_one(void **state)
{
    struct world world = make_world(&plain, 3);
    struct pool_request request = { 0 };
    struct place *seen[3];

    (void)state;
    fill_world(&world);
    for (size_t i = 0; i < 3; i++) {
        seen[i] = choose_again(&world, &request);
        assert_non_null(seen[i]);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(seen[i], seen[j]);
    }
    assert_null(choose_again(&world, &request));
    pool_clear(&world.pool);
}

/* ---- health ---- */

static void the_unfit_get_nothing(void **state)
{
    struct world world = make_world(&plain, 2);

    (void)state;
    fill_world(&world);
    pool_judge(world.places[0], "it is a replica", world.now_us);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(choose(&world), world.places[1]);
    assert_string_equal(pool_state_of(world.places[0], world.now_us), "unfit");
    fail_at(&world, 1);
    assert_null(choose(&world));
    pool_judge(world.places[0], "", world.now_us);
    assert_ptr_equal(choose(&world), world.places[0]);
    pool_clear(&world.pool);
}

static void a_good_verdict_ends_a_rest(void **state)
{
    struct world world = make_world(&plain, 1);

    (void)state;
    fill_world(&world);
    fail_at(&world, 0);
    pool_judge(world.places[0], "no answer", world.now_us);
    pool_judge(world.places[0], "", world.now_us);
    assert_non_null(choose(&world));
    pool_clear(&world.pool);
}

static void the_unfit_serve_when_too_few_are_fit(void **state)
{
    struct pool_policy policy = { .rule = { BALANCE_ROUND_ROBIN, 50 } };
    struct world world = make_world(&policy, 3);
    uint32_t served = 0;

    (void)state;
    fill_world(&world);
    pool_judge(world.places[0], "no answer", world.now_us);
    for (int i = 0; i < 4; i++) /* two of three are enough */
        assert_ptr_not_equal(choose(&world), world.places[0]);
    pool_judge(world.places[1], "no answer", world.now_us);
    for (int i = 0; i < 6; i++)
        served += choose(&world) != world.places[2];
    assert_int_equal(served, 4);
    pool_clear(&world.pool);
}

static void where_a_role_is_needed_the_unfit_never_serve(void **state)
{
    struct pool_policy policy = { .rule = { BALANCE_ROUND_ROBIN, 50 },
                                  .needs_role = true };
    struct world world = make_world(&policy, 3);

    (void)state;
    fill_world(&world);
    pool_judge(world.places[0], "it is a replica", world.now_us);
    pool_judge(world.places[1], "not checked yet", world.now_us);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(choose(&world), world.places[2]);
    fail_at(&world, 2); /* one that rests may be tried all the same */
    assert_ptr_equal(choose(&world), world.places[2]);
    pool_clear(&world.pool);
}

static void without_a_threshold_none_is_better_than_an_unfit_one(void **state)
{
    struct world world = make_world(&plain, 2);
    struct pool_request request = { 0 };

    (void)state;
    fill_world(&world);
    pool_judge(world.places[0], "no answer", world.now_us);
    pool_judge(world.places[1], "no answer", world.now_us);
    assert_null(choose_again(&world, &request));
    assert_string_equal(request.obstacle, "its health check finds it unfit");
    pool_clear(&world.pool);
}

/* ---- limits and shares ---- */

static void one_that_is_full_gets_no_more(void **state)
{
    struct pool_policy policy = plain;
    struct world world;
    struct pool_request request = { 0 };

    (void)state;
    policy.max_per_place = 2;
    world = make_world(&policy, 2);
    fill_world(&world);
    for (int i = 0; i < 4; i++)
        pool_begin(choose(&world));
    assert_int_equal(world.places[0]->active, 2);
    assert_int_equal(world.places[1]->active, 2);
    assert_null(choose_again(&world, &request));
    assert_ptr_equal(request.obstacle, pool_full);
    pool_end(world.places[1], false);
    assert_ptr_equal(choose(&world), world.places[1]);
    for (int i = 0; i < 2; i++)
        pool_end(world.places[0], false);
    pool_end(world.places[1], false);
    pool_clear(&world.pool);
}

static void that_one_is_full_says_more_than_that_another_rests(void **state)
{
    struct pool_policy policy = plain;
    struct world world;

    (void)state;
    policy.max_per_place = 1;
    world = make_world(&policy, 2);
    fill_world(&world);
    for (size_t full = 0; full < 2; full++) { /* whoever comes first */
        struct pool_request request = { 0 };

        pool_begin(world.places[full]);
        pool_judge(world.places[!full], "no answer", world.now_us);
        assert_null(choose_again(&world, &request));
        assert_ptr_equal(request.obstacle, pool_full);
        pool_judge(world.places[!full], "", world.now_us);
        pool_end(world.places[full], false);
    }
    pool_clear(&world.pool);
}

static void a_full_tier_spills_into_the_next(void **state)
{
    struct pool_policy policy = plain;
    struct world world;

    (void)state;
    policy.max_per_place = 1;
    world = make_world(&policy, 2);
    fill_world(&world);
    world.places[1]->endpoint.priority = 1;
    pool_begin(choose(&world));
    assert_int_equal(world.places[0]->active, 1);
    assert_ptr_equal(choose(&world), world.places[1]);
    pool_end(world.places[0], false);
    assert_ptr_equal(choose(&world), world.places[0]);
    pool_clear(&world.pool);
}

/* Of 1100 connections, those that go to place 1. */
static void one_that_is_full_is_not_unfit(void **state)
{
    struct pool_policy policy = { .rule = { BALANCE_LEAST_LOADED, 60 },
                                  .max_per_place = 1 };
    struct world world = make_world(&policy, 3);
    struct pool_request request = { 0 };

    (void)state;
    fill_world(&world);
    pool_judge(world.places[2], "no answer", world.now_us);
    for (size_t i = 0; i < 2; i++)
        pool_begin(choose(&world));
    assert_int_equal(world.places[2]->active, 0);
    /* Two of three are healthy, which is enough: a third has to wait. */
    assert_null(choose_again(&world, &request));
    assert_ptr_equal(request.obstacle, pool_full);
    for (size_t i = 0; i < 2; i++)
        pool_end(world.places[i], false);
    pool_clear(&world.pool);
}

static uint32_t share_of_second(struct world *world)
{
    uint32_t share = 0;

    for (int i = 0; i < 1100; i++)
        share += choose(world) == world->places[1];
    return share;
}

static void a_new_place_gets_its_share_slowly(void **state)
{
    struct pool_policy policy = plain;
    struct world world;

    (void)state;
    policy.slow_start_us = 10 * CLOCK_SECOND;
    world = make_world(&policy, 2);
    fill_world(&world);
    world.places[0]->ripened_us -= 60 * CLOCK_SECOND;
    assert_in_range(share_of_second(&world), 99, 101); /* a tenth to one */
    world.now_us += 5 * CLOCK_SECOND;
    assert_in_range(share_of_second(&world), 385, 395); /* 55 % to one */
    world.now_us += 5 * CLOCK_SECOND;
    assert_in_range(share_of_second(&world), 549, 551);
    pool_clear(&world.pool);
}

static void one_that_comes_back_is_new_again(void **state)
{
    struct pool_policy policy = plain;
    struct world world;

    (void)state;
    policy.slow_start_us = 10 * CLOCK_SECOND;
    world = make_world(&policy, 2);
    fill_world(&world);
    world.now_us += 60 * CLOCK_SECOND;
    fail_at(&world, 1);
    world.now_us += CLOCK_SECOND;
    reach(&world, 1);
    assert_in_range(share_of_second(&world), 99, 101);
    world.now_us += 60 * CLOCK_SECOND;
    assert_in_range(share_of_second(&world), 549, 551);
    pool_judge(world.places[1], "no answer", world.now_us);
    pool_judge(world.places[1], "", world.now_us);
    assert_in_range(share_of_second(&world), 99, 101);
    pool_clear(&world.pool);
}

static void a_hash_knows_no_slow_start(void **state)
{
    struct pool_policy policy = { .rule = { BALANCE_HASH, 0 },
                                  .slow_start_us = 10 * CLOCK_SECOND };
    struct world world = make_world(&policy, 2);
    struct pool_request request = { .client = 77 };
    struct place *before;

    (void)state;
    fill_world(&world);
    before = choose_again(&world, &request);
    world.now_us += 60 * CLOCK_SECOND;
    before->ripened_us = world.now_us;
    request.tried_count = 0;
    assert_ptr_equal(choose_again(&world, &request), before);
    pool_clear(&world.pool);
}

static void what_was_slow_is_measured_again(void **state)
{
    struct pool_policy policy = { .rule = { BALANCE_TWO_CHOICES, 0 } };
    struct world world = make_world(&policy, 2);
    uint32_t chosen = 0;

    (void)state;
    fill_world(&world);
    for (size_t i = 0; i < 2; i++)
        while (choose(&world) != world.places[i])
            ;
    pool_reached(world.places[0], CLOCK_SECOND, world.now_us);
    pool_reached(world.places[1], CLOCK_MS, world.now_us);
    for (int i = 0; i < 200; i++)
        chosen += choose(&world) == world.places[0];
    assert_in_range(chosen, 0, 10); /* drawn several times in a row */
    for (chosen = 0; chosen == 0;) {
        world.now_us += CLOCK_SECOND;
        for (int i = 0; i < 20; i++)
            chosen += choose(&world) == world.places[0];
        assert_true(world.now_us < 1030 * CLOCK_SECOND);
    }
    pool_clear(&world.pool);
}

/* ---- many ---- */

enum { MANY = 3000 };

static struct endpoint one_of_many(size_t number)
{
    struct endpoint endpoint = { .weight = 1 };

    assert_true(address_parse(&endpoint.address, "[2001:db8::1]:1"));
    address_set_port(&endpoint.address, (uint16_t)(number + 1));
    return endpoint;
}

static void each_of_many_is_found_as_they_come_and_go(void **state)
{
    static struct place *places[MANY];
    struct pool pool;

    (void)state;
    pool_init(&pool, &plain, 1);
    for (size_t i = 0; i < MANY; i++) {
        struct endpoint endpoint = one_of_many(i);

        places[i] = pool_add(&pool, &endpoint, 1);
        assert_non_null(places[i]);
        if (i % 3 == 0)
            pool_begin(places[i]);
    }
    for (size_t i = 0; i < MANY; i += 2)
        pool_remove(&pool, places[i]);
    for (size_t i = 0; i < MANY; i++) {
        struct endpoint endpoint = one_of_many(i);

        assert_ptr_equal(pool_find(&pool, &endpoint.address),
                         i % 2 == 0 ? NULL : places[i]);
        if (i % 6 == 0) /* its connection is there: it is the same again */
            assert_ptr_equal(pool_add(&pool, &endpoint, 1), places[i]);
    }
    for (size_t i = 0; i < MANY; i += 3)
        pool_end(places[i], false);
    assert_int_equal(pool.count, MANY / 2 + MANY / 6);
    pool_clear(&pool);
}

/* A tunnel that came from there is not what a source calls by its address. */
static void who_dialled_us_is_not_found_by_an_address(void **state)
{
    struct endpoint endpoint = one_of_many(1);
    struct place *inbound, *named;
    struct pool pool;

    (void)state;
    pool_init(&pool, &plain, 1);
    inbound = pool_add(&pool, &endpoint, 1);
    assert_non_null(inbound);
    inbound->tunnel = (struct tunnel *)(void *)&pool; /* some other than NULL */
    assert_null(pool_find(&pool, &endpoint.address));
    named = pool_add(&pool, &endpoint, 1);
    assert_ptr_equal(pool_find(&pool, &endpoint.address), named);
    assert_ptr_not_equal(named, inbound);
    pool_remove(&pool, named);
    assert_null(pool_find(&pool, &endpoint.address));
    pool_clear(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_fails_rests_and_is_tried_by_one),
        cmocka_unit_test(one_that_ends_there_brings_no_second_try),
        cmocka_unit_test(rests_grow_to_a_second),
        cmocka_unit_test(one_without_room_never_rests_for_long),
        cmocka_unit_test(one_that_flaps_is_tried_once_a_second),
        cmocka_unit_test(what_was_long_ago_is_forgiven),
        cmocka_unit_test(those_that_fail_together_count_as_one),
        cmocka_unit_test(none_is_tried_twice_by_one),
        cmocka_unit_test(the_unfit_get_nothing),
        cmocka_unit_test(a_good_verdict_ends_a_rest),
        cmocka_unit_test(the_unfit_serve_when_too_few_are_fit),
        cmocka_unit_test(where_a_role_is_needed_the_unfit_never_serve),
        cmocka_unit_test(without_a_threshold_none_is_better_than_an_unfit_one),
        cmocka_unit_test(one_that_is_full_gets_no_more),
        cmocka_unit_test(that_one_is_full_says_more_than_that_another_rests),
        cmocka_unit_test(a_full_tier_spills_into_the_next),
        cmocka_unit_test(one_that_is_full_is_not_unfit),
        cmocka_unit_test(a_new_place_gets_its_share_slowly),
        cmocka_unit_test(one_that_comes_back_is_new_again),
        cmocka_unit_test(a_hash_knows_no_slow_start),
        cmocka_unit_test(what_was_slow_is_measured_again),
        cmocka_unit_test(each_of_many_is_found_as_they_come_and_go),
        cmocka_unit_test(who_dialled_us_is_not_found_by_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
