/* SPDX-License-Identifier: MIT */
/* What a worker says it would do where places are full, unfit or too few. */
#include "unit/service/survey_test.h"

/* Its health check says so. */
static void find_unfit(struct fixture *fixture, const struct endpoint *endpoint,
                       const char *unfit)
{
    pool_judge(pool_find(&service_of(fixture)->pool, &endpoint->address), unfit,
               0);
}

static void tiers_that_join_are_all_among_those_that_may_be_chosen(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1"),
                                    plain("10.0.0.3:1"), plain("10.0.0.4:1"),
                                    plain("10.0.0.5:1") };
    const struct service_survey *survey;
    struct address later = at("10.0.0.3:1");

    endpoints[2].priority = endpoints[3].priority = 1;
    endpoints[3].weight = 0;
    endpoints[4].tier = 1;
    fixture->options.balance = BALANCE_LEAST_LOADED;
    fixture->options.min_healthy = 100;
    use(fixture, endpoints, 5);
    survey = ask(fixture, NULL); /* all are fit: the first tier alone */
    check_place(survey, "10.0.0.3:1", "reserve",
                "of a later priority: only while too few before it can be "
                "used");
    check_place(survey, "10.0.0.5:1", "reserve",
                "a fallback: only while too few in the list can be used");

    find_unfit(fixture, &endpoints[1], "timed out");
    pool_begin(pool_find(&service_of(fixture)->pool, &endpoints[2].address));
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.1:1", "chosen", "");
    check_place(survey, "10.0.0.2:1", "unusable",
                "its health check finds it unfit: timed out");
    check_place(survey, "10.0.0.3:1", "usable",
                "more connections for its weight");
    check_place(survey, "10.0.0.4:1", "reserve",
                "weight 0: only while no other can be used");
    check_place(survey, "10.0.0.5:1", "reserve",
                "a fallback: only while too few in the list can be used");
    pool_end(pool_find(&service_of(fixture)->pool, &endpoints[2].address),
             false);

    pool_begin(pool_find(&service_of(fixture)->pool, &endpoints[0].address));
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.3:1", "chosen", "");
    assert_true(address_equal(&survey->address, &later));
    check_place(survey, "10.0.0.1:1", "usable",
                "more connections for its weight");
}

static void a_fallback_that_joins_is_no_reserve(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1"),
                                    plain("10.0.0.3:1"), plain("10.0.0.4:1") };
    const struct service_survey *survey;

    endpoints[2].tier = endpoints[3].tier = 1;
    endpoints[3].priority = 1;
    endpoints[1].weight = 2;
    fixture->options.balance = BALANCE_ROUND_ROBIN;
    fixture->options.min_healthy = 51;
    use(fixture, endpoints, 4);
    find_unfit(fixture, &endpoints[0], "timed out");
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.2:1", "chosen", "");
    check_place(survey, "10.0.0.3:1", "usable", "its turn comes later");
    check_place(survey, "10.0.0.4:1", "reserve",
                "of a later priority: only while too few before it can be "
                "used");
}

/* One that is unfit, one that rests and, if |max| is 1, one that is full. */
static const struct service_survey *fall_short(struct fixture *fixture,
                                               uint32_t max)
{
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1"),
                                    plain("10.0.0.3:1") };
    struct pool *pool;

    endpoints[1].priority = 1;
    endpoints[2].priority = 1; /* fit, but half of a tier is too few */
    fixture->options.min_healthy = 60;
    fixture->options.max_per_endpoint = max;
    use(fixture, endpoints, max ? 3 : 2);
    pool = &service_of(fixture)->pool;
    find_unfit(fixture, &endpoints[0], "timed out");
    pool_failed(pool_find(pool, &endpoints[1].address), "refused",
                loop_now_us(fixture->loop));
    if (max)
        pool_begin(pool_find(pool, &endpoints[2].address));
    return ask(fixture, NULL);
}

static void
where_all_tiers_are_short_the_unfit_serve_and_it_is_said(void **state)
{
    struct fixture *fixture = *state;
    const struct service_survey *survey;
    struct endpoint first = plain("10.0.0.1:1"), later = plain("10.0.0.2:1");

    fixture->options.balance = BALANCE_LEAST_LOADED;
    survey = fall_short(fixture, 0);
    check_outcome(survey, "goes", "its health check finds it unfit: timed out");
    check_place(survey, "10.0.0.1:1", "chosen",
                "its health check finds it unfit: timed out");
    check_place(survey, "10.0.0.2:1", "reserve",
                "of a later priority: only while too few before it can be "
                "used; usable, although: resting after a failure");

    later.weight = 1; /* now beside the first */
    use(fixture, (struct endpoint[]){ first, later }, 2);
    pool_begin(pool_find(&service_of(fixture)->pool, &first.address));
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.1:1", "usable",
                "more connections for its weight; usable, although: its health "
                "check finds it unfit: timed out");
    check_place(survey, "10.0.0.2:1", "chosen", "resting after a failure");
}

static void where_a_role_is_needed_the_unfit_never_serve(void **state)
{
    struct fixture *fixture = *state;
    const struct service_survey *survey;

    fixture->options.health.role = HEALTH_MASTER;
    survey = fall_short(fixture, 0);
    check_place(survey, "10.0.0.1:1", "unusable",
                "its health check finds it unfit: timed out");
    check_place(survey, "10.0.0.2:1", "chosen", "resting after a failure");
    find_unfit(fixture, &(struct endpoint){ .address = at("10.0.0.2:1") },
               "it is a replica");
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.1:1", "unusable",
                "its health check finds it unfit: timed out");
    check_place(survey, "10.0.0.2:1", "unusable",
                "its health check finds it unfit: it is a replica");
    check_outcome(survey, "waits", "no endpoint can be used");
}

static void what_is_full_is_full_for_the_unfit_too(void **state)
{
    struct fixture *fixture = *state;
    struct address full = at("10.0.0.3:1"), unfit = at("10.0.0.1:1");
    const struct service_survey *survey = fall_short(fixture, 1);
    struct pool *pool = &service_of(fixture)->pool;

    check_place(survey, "10.0.0.3:1", "unusable",
                "it has all the connections that max_per_endpoint allows");
    check_place(survey, "10.0.0.1:1", "chosen",
                "its health check finds it unfit: timed out");
    pool_begin(pool_find(pool, &unfit));
    survey = ask(fixture, NULL); /* its health is not what is in the way */
    check_place(survey, "10.0.0.1:1", "unusable",
                "it has all the connections that max_per_endpoint allows");
    check_place(survey, "10.0.0.2:1", "chosen", "resting after a failure");
    pool_end(pool_find(pool, &unfit), false);
    pool_end(pool_find(pool, &full), false);
    check_place(ask(fixture, NULL), "10.0.0.1:1", "chosen",
                "its health check finds it unfit: timed out");
}

static void one_that_starts_slowly_is_as_good_as_others(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1") };
    const struct service_survey *survey;

    endpoints[0].weight = 100;
    fixture->options.slow_start_us = 3600 * CLOCK_SECOND;
    fixture->options.balance = BALANCE_ROUND_ROBIN;
    use(fixture, endpoints, 2);
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.1:1", "chosen", "");
    check_place(survey, "10.0.0.2:1", "usable", "its turn comes later");
    assert_int_equal(place_at(survey, "10.0.0.1:1")->weight, 100);
}

static void a_client_may_come_to_one_that_is_unfit(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1") };
    const struct service_survey *survey;

    fixture->options.balance = BALANCE_HASH;
    fixture->options.min_healthy = 50;
    use(fixture, endpoints, 2);
    find_unfit(fixture, &endpoints[0], "timed out");
    find_unfit(fixture, &endpoints[1], "");
    check_place(ask(fixture, NULL), "10.0.0.2:1", "chosen", "");
    find_unfit(fixture, &endpoints[1], "refused");
    survey = ask(fixture, NULL);
    check_outcome(survey, "depends", "the client's address decides");
    check_place(
        survey, "10.0.0.1:1", "possible",
        "for the clients whose address belongs to it; usable, although: "
        "its health check finds it unfit: timed out");
}

RUN_TESTS(WITH(tiers_that_join_are_all_among_those_that_may_be_chosen),
          WITH(a_fallback_that_joins_is_no_reserve),
          WITH(where_all_tiers_are_short_the_unfit_serve_and_it_is_said),
          WITH(where_a_role_is_needed_the_unfit_never_serve),
          WITH(what_is_full_is_full_for_the_unfit_too),
          WITH(one_that_starts_slowly_is_as_good_as_others),
          WITH(a_client_may_come_to_one_that_is_unfit))
