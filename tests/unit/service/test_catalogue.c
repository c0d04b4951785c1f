/* SPDX-License-Identifier: MIT */
/*
 * What an ambassador tells a peer of the services it offers, and what the peer
 * makes of it: two of them in this process.
 */
#include "service/catalogue.h"
#include "service/consume.h"
#include "support/await.h"
#include "support/service/pair.h"
#include "tunnel/tunnel.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- what the offerer has ---- */

/* It offers "echo" and "secret" to whom |echo| and |secret| match, or not. */
static void offer(struct pair *pair, const char *echo, const char *secret)
{
    struct service_options services[2] = { { .role = SERVICE_OFFER } };
    size_t count = 0;

    for (int i = 0; i < 2; i++) {
        const char *allow = i == 0 ? echo : secret;

        if (!allow)
            continue;
        service_options_init(&services[count], SERVICE_OFFER);
        strcpy(services[count].name, i == 0 ? "echo" : "secret");
        assert_true(text_list_add(&services[count].sources, "static:x:1"));
        assert_true(text_list_add(&services[count++].allow, allow));
    }
    assert_int_equal(switchboard_apply(&pair->boards[PAIR_OFFERER], services,
                                       count),
                     STATUS_OK);
    for (size_t i = 0; i < count; i++)
        service_options_clear(&services[i]);
}

static void place(struct pair *pair, int side, const struct address *addresses,
                  size_t count)
{
    struct endpoint items[2] = { { .weight = 1 }, { .weight = 1 } };
    struct endpoints *endpoints;

    for (size_t i = 0; i < count; i++)
        items[i].address = addresses[i];
    endpoints = endpoints_new(items, count);
    assert_non_null(endpoints);
    assert_int_equal(switchboard_place(&pair->boards[side],
                                       side == PAIR_OFFERER ? SERVICE_OFFER
                                                            : SERVICE_CONSUME,
                                       "echo", endpoints),
                     STATUS_OK);
    free(endpoints);
}

/* The offerer's service is where it listens, or nowhere. */
static void place_service(struct pair *pair, bool is_there)
{
    struct address address;

    assert_true(address_of_socket(&address, pair->service));
    place(pair, PAIR_OFFERER, &address, is_there);
}

/* ---- what the consumer makes of it ---- */

static struct place *first_place(struct pair *pair)
{
    struct list *places = &pair_service(pair, PAIR_CONSUMER)->pool.places;

    return LIST_ITEM(list_first(places), struct place, node);
}

static void wait_told(struct pair *pair, enum place_told told)
{
    AWAIT_IN(pair->loop, first_place(pair)->told == told);
}

static void wait_load(struct pair *pair, uint32_t load)
{
    AWAIT_IN(pair->loop, first_place(pair)->told_load == load);
}

static struct tunnel *tunnel_at(struct pair *pair, int side)
{
    return tunnel_of_node(list_first(&pair->boards[side].host.tunnels));
}

static const struct offers *heard(struct pair *pair, int side)
{
    return session_peer_offers(tunnel_session(tunnel_at(pair, side)));
}

static struct pair *connected(const struct pair_options *options)
{
    struct pair *pair = pair_new(options);

    pair_connect(pair);
    return pair;
}

static struct pair *connect_plain(void)
{
    return connected(&(struct pair_options){ .hold_us = 5 * CLOCK_SECOND });
}

/* A connection goes through to the service. */
static void expect_served(struct pair *pair)
{
    int application = pair_dial(pair), service = pair_accept(pair);
    char byte = 'x';

    pair_send(pair, application, &byte, 1);
    assert_true(pair_receive(pair, service, &byte, 1));
    close(application);
    close(service);
}

static void a_tunnel_is_never_usable_before_the_offers_are_known(void **state)
{
    struct pair *pair = connect_plain();

    (void)state;
    assert_int_equal(first_place(pair)->told, TOLD_UP);
    assert_int_equal(heard(pair, PAIR_OFFERER)->length, 0); /* but said */
    pair_free(pair);
}

static void a_peer_that_dialled_us_is_heard_too(void **state)
{
    struct pair *pair = connected(&(struct pair_options){ .is_reverse = true });

    (void)state;
    wait_told(pair, TOLD_UP);
    place_service(pair, false);
    wait_told(pair, TOLD_DOWN);
    assert_false(pair->usable);
    pair_free(pair);
}

static void who_waits_goes_on_when_the_service_is_up_there(void **state)
{
    struct pair *pair = connect_plain();
    struct service *offered = pair_service(pair, PAIR_OFFERER);
    int application, service;

    (void)state;
    place_service(pair, false);
    wait_told(pair, TOLD_DOWN);
    assert_false(pair->usable);
    application = pair_dial(pair);
    pair_pass(pair, 200 * CLOCK_MS);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->waiting_count, 1);
    assert_int_equal(offered->connections, 0); /* nobody tried in vain */
    place_service(pair, true);
    service = pair_accept(pair);
    assert_true(pair->usable);
    assert_int_equal(offered->failed, 0);
    close(application);
    close(service);
    pair_free(pair);
}

static void who_waits_for_the_first_tunnel_hears_the_offers_first(void **state)
{
    struct pair *pair =
        pair_new(&(struct pair_options){ .hold_us = 5 * CLOCK_SECOND });
    int application = pair_dial(pair), service;

    (void)state;
    place_service(pair, false);
    wait_told(pair, TOLD_DOWN);
    pair_pass(pair, 100 * CLOCK_MS);
    assert_int_equal(pair_service(pair, PAIR_OFFERER)->connections, 0);
    place_service(pair, true);
    service = pair_accept(pair);
    close(application);
    close(service);
    pair_free(pair);
}

static void an_unfit_place_is_no_place(void **state)
{
    struct pair *pair = connect_plain();
    struct list *node =
        list_first(&pair_service(pair, PAIR_OFFERER)->pool.places);
    struct address address;

    (void)state;
    assert_true(address_of_socket(&address, pair->service));
    pool_judge(LIST_ITEM(node, struct place, node), "it has a cold", 0);
    place(pair, PAIR_OFFERER, &address, 1); /* look again, as checks do */
    wait_told(pair, TOLD_DOWN);
    pool_judge(LIST_ITEM(node, struct place, node), "", 0);
    place(pair, PAIR_OFFERER, &address, 1);
    wait_told(pair, TOLD_UP);
    pair_free(pair);
}

static void a_place_that_rests_is_still_offered(void **state)
{
    struct pair *pair = connected(&(struct pair_options){ .is_away = true });
    int application = pair_dial(pair);

    (void)state;
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    assert_true(pair_service(pair, PAIR_OFFERER)->failed > 0);
    pair_pass(pair, 50 * CLOCK_MS);
    assert_int_equal(first_place(pair)->told, TOLD_UP);
    close(application);
    pair_free(pair);
}

static void what_a_peer_may_not_open_is_not_told(void **state)
{
    struct pair *pair = connect_plain();
    struct offer found;

    (void)state;
    offer(pair, "spiffe://acme/app", "spiffe://acme/else");
    pair_pass(pair, 200 * CLOCK_MS);
    assert_int_equal(heard(pair, PAIR_CONSUMER)->length, 6 + strlen("echo"));
    offer(pair, "spiffe://acme/app", "spiffe://acme/*");
    pair_pass(pair, 200 * CLOCK_MS);
    assert_true(offers_find(heard(pair, PAIR_CONSUMER), "secret", &found));
    assert_false(found.is_usable); /* nobody has said where it is */
    offer(pair, "spiffe://acme/else", NULL);
    pair_pass(pair, 200 * CLOCK_MS);
    assert_int_equal(heard(pair, PAIR_CONSUMER)->length, 0);
    assert_false(heard(pair, PAIR_CONSUMER)->is_partial);
    pair_free(pair);
}

static void where_nobody_offers_it_a_connection_is_denied_at_once(void **state)
{
    struct pair *pair =
        connected(&(struct pair_options){ .hold_us = 60 * CLOCK_SECOND });
    int application;

    (void)state;
    offer(pair, NULL, NULL);
    wait_told(pair, TOLD_NOT_OFFERED);
    application = pair_dial(pair);
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->denied, 1);
    close(application);
    pair_free(pair);
}

static void who_does_not_offer_it_is_passed_over_for_who_may(void **state)
{
    struct pair *pair = connect_plain();
    struct address addresses[2] = { *acceptor_address(pair->acceptor) };
    struct service *consumed = pair_service(pair, PAIR_CONSUMER);
    int application;

    (void)state;
    assert_true(address_parse(&addresses[1], "127.0.0.1:1"));
    place(pair, PAIR_CONSUMER, addresses, 2); /* the other is not reached */
    offer(pair, NULL, NULL);
    wait_told(pair, TOLD_NOT_OFFERED);
    application = pair_dial(pair);
    pair_pass(pair, 200 * CLOCK_MS);
    assert_int_equal(consumed->waiting_count, 1);
    assert_int_equal(consumed->denied, 0);
    assert_string_equal(consume_objection(first_place(pair)),
                        "the peer does not offer it to us: it has no such "
                        "service, or its allow does not name us");
    offer(pair, "spiffe://acme/app", NULL);
    place_service(pair, true);
    close(pair_accept(pair));
    close(application);
    pair_free(pair);
}

static void a_new_tunnel_is_heard_afresh(void **state)
{
    struct pair *pair = connect_plain();

    (void)state;
    place_service(pair, false);
    wait_told(pair, TOLD_DOWN);
    tunnel_close(tunnel_at(pair, PAIR_CONSUMER), CODE_NONE, "test");
    assert_int_equal(first_place(pair)->told, TOLD_NOTHING);
    place_service(pair, true);
    wait_told(pair, TOLD_UP);
    pair_connect(pair);
    expect_served(pair);
    pair_free(pair);
}

static void a_place_added_later_knows_what_was_said_before(void **state)
{
    struct pair *pair = connect_plain();
    struct switchboard *board = &pair->boards[PAIR_CONSUMER];
    struct service_options options[2];
    struct endpoint endpoint = { .weight = 1 };
    struct endpoints *endpoints;
    const struct service *other;

    (void)state;
    for (int i = 0; i < 2; i++) {
        service_options_init(&options[i], SERVICE_CONSUME);
        strcpy(options[i].name, i == 0 ? "echo" : "other");
        assert_true(text_list_add(&options[i].peers, "spiffe://acme/db"));
    }
    assert_int_equal(switchboard_apply(board, options, 2), STATUS_OK);
    endpoint.address = *acceptor_address(pair->acceptor);
    endpoints = endpoints_new(&endpoint, 1);
    assert_int_equal(switchboard_place(board, SERVICE_CONSUME, "other",
                                       endpoints),
                     STATUS_OK);
    other = switchboard_find(board, SERVICE_CONSUME, "other");
    assert_true(other->is_offered_nowhere); /* by the tunnel that is there */
    free(endpoints);
    for (int i = 0; i < 2; i++)
        service_options_clear(&options[i]);
    pair_free(pair);
}

static void streams_are_told_after_a_while(void **state)
{
    struct pair *pair = connect_plain();
    int applications[5], services[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        applications[i] = pair_dial(pair);
        services[i] = pair_accept(pair);
    }
    assert_int_equal(first_place(pair)->told_load, 0); /* one list for all */
    wait_load(pair, 5);
    for (int i = 0; i < 5; i++) {
        close(applications[i]);
        close(services[i]);
    }
    wait_load(pair, 0);
    pair_free(pair);
}

static uint64_t sent_by(struct pair *pair, int side)
{
    struct tunnel_report report;

    tunnel_report(tunnel_at(pair, side), &report);
    return report.sent_bytes;
}

static void where_nothing_happens_nothing_is_said(void **state)
{
    struct pair *pair = connect_plain();
    uint64_t before;

    (void)state;
    pair_pass(pair, 200 * CLOCK_MS);
    before = sent_by(pair, PAIR_OFFERER);
    offer(pair, "spiffe://acme/app", NULL); /* a reload that changes nothing */
    pair_pass(pair, 1300 * CLOCK_MS);
    assert_int_equal(sent_by(pair, PAIR_OFFERER), before);
    pair_free(pair);
}

static void
a_service_that_flaps_is_told_ten_times_a_second_at_most(void **state)
{
    struct pair *pair = connect_plain();
    struct session_stats stats;

    (void)state;
    for (int i = 0; i < 301; i++) {
        place_service(pair, i % 2);
        pair_pass(pair, CLOCK_MS);
    }
    wait_told(pair, TOLD_DOWN);
    session_stats(tunnel_session(tunnel_at(pair, PAIR_CONSUMER)), &stats);
    assert_int_equal(stats.glitches, 0);
    pair_free(pair);
}

/* Of a thousand choices between one with 4 connections and another. */
static unsigned chosen(uint32_t active, uint32_t told)
{
    struct pool_policy policy = { .rule = { BALANCE_TWO_CHOICES, 0 } };
    struct pool pool;
    struct place *places[2];
    unsigned count = 0;

    pool_init(&pool, &policy, 1);
    for (int i = 0; i < 2; i++) {
        places[i] = pool_add(&pool, &(struct endpoint){ .weight = 1 }, 0);
        assert_non_null(places[i]);
        places[i]->latency_us = 100;
    }
    places[0]->active = 4;
    places[1]->active = active;
    places[1]->told_load = told;
    for (int i = 0; i < 1000; i++) {
        struct pool_request request = { .now_us = CLOCK_SECOND };

        count += pool_choose(&pool, &request) == places[1];
    }
    places[0]->active = places[1]->active = 0;
    pool_clear(&pool);
    return count;
}

static void who_says_that_it_is_busy_gets_less(void **state)
{
    (void)state;
    assert_in_range(chosen(0, 0), 900, 1000);
    assert_in_range(chosen(0, 50), 0, 100);
    assert_in_range(chosen(50, 0), 0, 100); /* what we see ourselves counts */
}

RUN_TESTS(TEST(a_tunnel_is_never_usable_before_the_offers_are_known),
          TEST(a_peer_that_dialled_us_is_heard_too),
          TEST(who_waits_goes_on_when_the_service_is_up_there),
          TEST(who_waits_for_the_first_tunnel_hears_the_offers_first),
          TEST(an_unfit_place_is_no_place),
          TEST(a_place_that_rests_is_still_offered),
          TEST(what_a_peer_may_not_open_is_not_told),
          TEST(where_nobody_offers_it_a_connection_is_denied_at_once),
          TEST(who_does_not_offer_it_is_passed_over_for_who_may),
          TEST(a_new_tunnel_is_heard_afresh),
          TEST(a_place_added_later_knows_what_was_said_before),
          TEST(streams_are_told_after_a_while),
          TEST(where_nothing_happens_nothing_is_said),
          TEST(a_service_that_flaps_is_told_ten_times_a_second_at_most),
          TEST(who_says_that_it_is_busy_gets_less))
