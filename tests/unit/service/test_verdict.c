/* SPDX-License-Identifier: MIT */
/* What a health check has found, and where connections go by it. */
#include "support/check_test.h"
#include "support/service/pair.h"
#include "support/sockets.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct switchboard *board_of(struct pair *pair)
{
    return &pair->boards[PAIR_OFFERER];
}

/* The offered service from now on, asked in this way. */
static void check(struct pair *pair, enum health_protocol protocol,
                  uint64_t every_us)
{
    struct service_options options;

    assert_true(
        service_options_copy(&options,
                             &pair_service(pair, PAIR_OFFERER)->options));
    options.health.protocol = protocol;
    options.health.every_us = every_us;
    assert_int_equal(switchboard_apply(board_of(pair), &options, 1), STATUS_OK);
    service_options_clear(&options);
}

static struct place *only_place(struct pair *pair)
{
    struct list *first =
        list_first(&pair_service(pair, PAIR_OFFERER)->pool.places);

    assert_non_null(first);
    return LIST_ITEM(first, struct place, node);
}

static void judge(struct pair *pair, const char *unfit)
{
    struct verdict verdict = { .address = only_place(pair)->endpoint.address };

    snprintf(verdict.unfit, sizeof(verdict.unfit), "%s", unfit);
    switchboard_judge(board_of(pair), SERVICE_OFFER, "echo", &verdict, 1);
}

static void place_again(struct pair *pair)
{
    struct endpoint endpoint = only_place(pair)->endpoint;
    struct endpoints *none = endpoints_new(NULL, 0),
                     *one = endpoints_new(&endpoint, 1);

    assert_int_equal(switchboard_place(board_of(pair), SERVICE_OFFER, "echo",
                                       none),
                     STATUS_OK);
    assert_int_equal(switchboard_place(board_of(pair), SERVICE_OFFER, "echo",
                                       one),
                     STATUS_OK);
    free(none);
    free(one);
}

static struct pair *new_pair(uint64_t hold_us)
{
    struct pair *pair = pair_new(&(struct pair_options){ .hold_us = hold_us });

    pair_connect(pair);
    return pair;
}

static void a_place_is_unfit_until_it_is_judged(void **state)
{
    struct pair *pair = new_pair(5000000);
    char got[3] = "";
    int application, service;

    (void)state;
    check(pair, HEALTH_REDIS, 1);
    assert_string_equal(only_place(pair)->unfit, "not checked yet");
    assert_string_equal(pool_state_of(only_place(pair), 0), "unfit");
    assert_false(service_is_usable(pair_service(pair, PAIR_OFFERER)));
    /* Held by the consumer meanwhile, though the offerer never waits. */
    application = pair_dial(pair);
    pair_pass(pair, 300000);
    assert_int_equal(accept(pair->service, NULL, NULL), -1);
    assert_int_equal(pair_service(pair, PAIR_OFFERER)->active, 0);
    judge(pair, "");
    service = pair_accept(pair);
    pair_send(pair, application, "hi", 2);
    assert_true(pair_receive(pair, service, got, 2));
    assert_string_equal(got, "hi");
    close(application);
    close(service);
    pair_free(pair);
}

static void an_unfit_place_gets_nothing_new_and_keeps_what_it_has(void **state)
{
    struct pair *pair = new_pair(200000);
    char got[3] = "";
    int before, service, after;

    (void)state;
    check(pair, HEALTH_REDIS, 1);
    judge(pair, "");
    before = pair_dial(pair);
    service = pair_accept(pair);
    judge(pair, "it is a replica");
    after = pair_dial(pair);
    assert_int_equal(pair_ending(pair, after), ECONNRESET);
    pair_send(pair, before, "hi", 2);
    assert_true(pair_receive(pair, service, got, 2));
    assert_int_equal(only_place(pair)->connections, 1);
    close(before);
    close(after);
    close(service);
    pair_free(pair);
}

static void a_place_that_comes_again_is_judged_again(void **state)
{
    struct pair *pair = new_pair(0);

    (void)state;
    check(pair, HEALTH_TCP, 1);
    judge(pair, "");
    assert_string_equal(only_place(pair)->unfit, "");
    place_again(pair);
    assert_string_equal(only_place(pair)->unfit, "not checked yet");
    pair_free(pair);
}

static void another_question_forgets_what_was_found(void **state)
{
    struct pair *pair = new_pair(0);

    (void)state;
    check(pair, HEALTH_TCP, 1);
    judge(pair, "");
    check(pair, HEALTH_TCP, 2);
    assert_string_equal(only_place(pair)->unfit, "");
    check(pair, HEALTH_MYSQL, 2);
    assert_string_equal(only_place(pair)->unfit, "not checked yet");
    check(pair, HEALTH_NONE, 2);
    assert_string_equal(only_place(pair)->unfit, "");
    judge(pair, "late news"); /* of a check that is made no more */
    assert_string_equal(only_place(pair)->unfit, "");
    place_again(pair);
    assert_string_equal(only_place(pair)->unfit, "");
    pair_free(pair);
}

static void what_becomes_fit_need_not_rest(void **state)
{
    struct pair *pair = new_pair(0);
    struct pool *pool = &pair_service(pair, PAIR_OFFERER)->pool;
    struct pool_request request = { .now_us = 1 };

    (void)state;
    check(pair, HEALTH_TCP, 1);
    judge(pair, "refused");
    for (int i = 0; i < 5; i++)
        pool_failed(only_place(pair), "refused", 1);
    assert_non_null(pool_obstacle(pool, only_place(pair), &request));
    judge(pair, "");
    assert_null(pool_obstacle(pool, only_place(pair), &request));
    pair_free(pair);
}

/* The wrong role, and the right one again. */
static void who_loses_its_role_leaves_connections_behind(void **state)
{
    struct pair *pair = new_pair(0);
    struct service *offered = pair_service(pair, PAIR_OFFERER);
    struct verdict verdict = { .address = only_place(pair)->endpoint.address };
    int application, service;
    char got[2];

    (void)state;
    application = pair_dial(pair);
    service = pair_accept(pair);
    pair_send(pair, application, "up", 2);
    assert_true(pair_receive(pair, service, got, 2)); /* it is there */
    check(pair, HEALTH_REDIS, 1);
    judge(pair, "refused");
    assert_int_equal(offered->left_behind, 0); /* down is not demoted */
    verdict.is_demoted = true;
    snprintf(verdict.unfit, sizeof(verdict.unfit), "it is a replica");
    switchboard_judge(board_of(pair), SERVICE_OFFER, "echo", &verdict, 1);
    assert_int_equal(offered->left_behind, 1);
    judge(pair, "");
    assert_int_equal(offered->left_behind, 0);
    close(application);
    close(service);
    pair_free(pair);
}

static void who_is_asked_no_more_has_lost_no_role(void **state)
{
    struct pair *pair = new_pair(0);
    struct service *offered = pair_service(pair, PAIR_OFFERER);
    struct verdict verdict = { .address = only_place(pair)->endpoint.address,
                               .is_demoted = true,
                               .unfit = "it is a replica" };
    int application, service;
    char got[2];

    (void)state;
    application = pair_dial(pair);
    service = pair_accept(pair);
    pair_send(pair, application, "up", 2);
    assert_true(pair_receive(pair, service, got, 2));
    check(pair, HEALTH_REDIS, 1);
    switchboard_judge(board_of(pair), SERVICE_OFFER, "echo", &verdict, 1);
    assert_int_equal(offered->left_behind, 1);
    check(pair, HEALTH_NONE, 1);
    assert_false(only_place(pair)->is_demoted);
    assert_int_equal(offered->left_behind, 0);
    close(application);
    close(service);
    pair_free(pair);
}

/*
 * Beside the offered service one that is reached directly, checked or for so
 * many connections at a time.
 */
static void set_direct(struct pair *pair, enum health_protocol protocol,
                       uint32_t max_per_endpoint)
{
    struct service_options both[2];

    assert_true(
        service_options_copy(&both[0],
                             &pair_service(pair, PAIR_OFFERER)->options));
    service_options_init(&both[1], SERVICE_DIRECT);
    strcpy(both[1].name, "near");
    both[1].health.protocol = protocol;
    both[1].max_per_endpoint = max_per_endpoint;
    assert_int_equal(switchboard_apply(board_of(pair), both, 2), STATUS_OK);
    service_options_clear(&both[0]);
}

static void place_direct(struct pair *pair)
{
    struct endpoint endpoint = only_place(pair)->endpoint;
    struct endpoints *endpoints = endpoints_new(&endpoint, 1);

    assert_int_equal(switchboard_place(board_of(pair), SERVICE_DIRECT, "near",
                                       endpoints),
                     STATUS_OK);
    free(endpoints);
}

/* An application that wants it; returns its end. */
static int arrive(struct pair *pair)
{
    struct arrival arrival = { .role = SERVICE_DIRECT, .service = "near" };
    int ends[2];

    sockets_pair(SOCKETS_V4, ends);
    assert_true(address_of_peer(&arrival.from, ends[0]));
    arrival.fd = ends[0];
    switchboard_accept(board_of(pair), &arrival);
    return ends[1];
}

static void who_waits_goes_as_soon_as_a_place_is_fit(void **state)
{
    struct pair *pair = new_pair(0);
    struct verdict verdict = { .unfit = "" };
    int application, service;

    (void)state;
    set_direct(pair, HEALTH_TCP, 0);
    place_direct(pair);
    application = arrive(pair);
    pair_pass(pair, 100000);
    assert_int_equal(accept(pair->service, NULL, NULL), -1);
    verdict.address = only_place(pair)->endpoint.address;
    switchboard_judge(board_of(pair), SERVICE_DIRECT, "near", &verdict, 1);
    service = pair_accept(pair);
    close(service);
    close(application);
    pair_free(pair);
}

static void who_has_ended_goes_nowhere(void **state)
{
    struct pair *pair = new_pair(0);
    struct verdict verdict = { .unfit = "" };
    struct service *service;
    int application;

    (void)state;
    set_direct(pair, HEALTH_TCP, 0);
    place_direct(pair);
    application = arrive(pair);
    service = switchboard_find(board_of(pair), SERVICE_DIRECT, "near");
    assert_int_equal(service->waiting_count, 1);
    /* All in one turn: it is over, and not freed yet, when there is a place. */
    service_abort(service);
    verdict.address = only_place(pair)->endpoint.address;
    switchboard_judge(board_of(pair), SERVICE_DIRECT, "near", &verdict, 1);
    pair_pass(pair, 50000);
    assert_int_equal(accept(pair->service, NULL, NULL), -1);
    assert_int_equal(service->active, 0);
    assert_int_equal(service->waiting_count, 0);
    close(application);
    pair_free(pair);
}

static void who_waits_goes_as_soon_as_more_are_allowed(void **state)
{
    struct pair *pair = new_pair(0);
    int applications[2], services[2];

    (void)state;
    set_direct(pair, HEALTH_NONE, 1);
    place_direct(pair);
    applications[0] = arrive(pair);
    services[0] = pair_accept(pair);
    applications[1] = arrive(pair);
    pair_pass(pair, 50000);
    assert_int_equal(accept(pair->service, NULL, NULL), -1);
    set_direct(pair, HEALTH_NONE, 2);
    services[1] = pair_accept(pair);
    for (int i = 0; i < 2; i++) {
        close(applications[i]);
        close(services[i]);
    }
    pair_free(pair);
}

static void verdicts_on_what_is_not_there_are_passed_over(void **state)
{
    struct pair *pair = new_pair(0);
    struct verdict verdict = { .unfit = "x" };

    (void)state;
    check(pair, HEALTH_TCP, 1);
    judge(pair, "");
    assert_true(address_parse(&verdict.address, "192.0.2.1:1"));
    switchboard_judge(board_of(pair), SERVICE_OFFER, "echo", &verdict, 1);
    verdict.address = only_place(pair)->endpoint.address;
    switchboard_judge(board_of(pair), SERVICE_OFFER, "gone", &verdict, 1);
    switchboard_judge(board_of(pair), SERVICE_DIRECT, "echo", &verdict, 1);
    assert_string_equal(only_place(pair)->unfit, "");
    pair_free(pair);
}

RUN_TESTS(TEST(a_place_is_unfit_until_it_is_judged),
          TEST(an_unfit_place_gets_nothing_new_and_keeps_what_it_has),
          TEST(a_place_that_comes_again_is_judged_again),
          TEST(another_question_forgets_what_was_found),
          TEST(what_becomes_fit_need_not_rest),
          TEST(who_loses_its_role_leaves_connections_behind),
          TEST(who_is_asked_no_more_has_lost_no_role),
          TEST(who_waits_goes_as_soon_as_a_place_is_fit),
          TEST(who_has_ended_goes_nowhere),
          TEST(who_waits_goes_as_soon_as_more_are_allowed),
          TEST(verdicts_on_what_is_not_there_are_passed_over))
