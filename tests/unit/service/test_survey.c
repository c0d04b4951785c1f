/* SPDX-License-Identifier: MIT */
/* What a worker says it would do: asked of the code that does it. */
#include "unit/service/survey_test.h"

#include "support/service/pair.h"

/* ---- a pool alone ---- */

enum { ROUNDS = 2000, PLACES = 7 };

static void fill(struct pool *pool, enum service_balance balance)
{
    struct pool_policy policy = { .rule = { .balance = balance } };

    pool_init(pool, &policy, 42);
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint endpoint = { .weight = (uint16_t)(i % 4),
                                     .priority = i == PLACES - 1 };
        char text[32];

        snprintf(text, sizeof(text), "10.0.0.%zu:1", i + 1);
        endpoint.address = at(text);
        assert_non_null(pool_add(pool, &endpoint, 0));
    }
}

/* Some life, so that no two questions are about the same. */
static void live(struct pool *pool, struct place *place, uint64_t round)
{
    switch (round % 5) {
    case 0:
        pool_failed(place, "refused", round * 1000);
        break;
    case 1:
    case 2:
        pool_begin(place);
        pool_reached(place, 100 + round % 7, round * 1000);
        break;
    default:
        pool_reached(place, 200, round * 1000);
        LIST_EACH(&pool->places, node)
        {
            struct place *busy = LIST_ITEM(node, struct place, node);

            if (busy->active > 0 && round % 3 == 0)
                pool_end(busy, false);
        }
    }
}

static void check_foresight(enum service_balance balance)
{
    struct pool pool;

    fill(&pool, balance);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct pool_request request = { .now_us = round * 1000,
                                        .client = round };
        struct pool_request same = request;
        struct place *foreseen = pool_survey(&pool, &request);

        assert_ptr_equal(pool_survey(&pool, &request), foreseen);
        assert_int_equal(request.tried_count, 0);
        assert_ptr_equal(pool_choose(&pool, &same), foreseen);
        if (foreseen)
            live(&pool, foreseen, round);
    }
    LIST_EACH(&pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        while (place->active > 0)
            pool_end(place, false);
    }
    pool_clear(&pool);
}

static void what_is_foreseen_is_what_is_chosen(void **state)
{
    (void)state;
    check_foresight(BALANCE_ROUND_ROBIN);
    check_foresight(BALANCE_LEAST_LOADED);
    check_foresight(BALANCE_TWO_CHOICES);
    check_foresight(BALANCE_HASH);
}

static void asking_changes_no_turn_and_no_probe(void **state)
{
    struct pool pool;
    struct pool_request request = { .now_us = 10 * CLOCK_SECOND };
    struct place *place;

    (void)state;
    fill(&pool, BALANCE_ROUND_ROBIN);
    LIST_EACH(&pool.places, node)
    {
        pool_failed(LIST_ITEM(node, struct place, node), "refused", 0);
    }
    place = pool_survey(&pool, &request);
    assert_non_null(place);
    assert_false(place->is_probed);
    LIST_EACH(&pool.places, node)
    {
        assert_int_equal(LIST_ITEM(node, struct place, node)->current, 0);
    }
    assert_ptr_equal(pool_choose(&pool, &request), place);
    assert_true(place->is_probed);
    pool_clear(&pool);
}

/* ---- why not ---- */

static void check_why(enum service_balance balance,
                      const struct candidate *chosen,
                      const struct candidate *other, const char *expected)
{
    struct balance_rule rule = { .balance = balance };

    assert_string_equal(balance_why_not(&rule, chosen, other), expected);
}

static void the_one_that_was_not_chosen_learns_why(void **state)
{
    struct candidate chosen = { .usable = true,
                                .counts = true,
                                .is_in_turn = true,
                                .weight = 2,
                                .active = 1,
                                .latency_us = 100 };
    struct candidate other = chosen;

    (void)state;
    other.priority = 1;
    other.counts = other.is_in_turn = false;
    check_why(BALANCE_HASH, &chosen, &other,
              "of a later priority: only while none before it can be used");
    assert_string_equal(
        balance_why_not(&(struct balance_rule){ .min_healthy = 50 }, &chosen,
                        &other),
        "of a later priority: only while too few before it can be used");
    other.is_in_turn = true; /* with its tier it would be */
    other.weight = 0;
    check_why(BALANCE_HASH, &chosen, &other,
              "weight 0: only while no other can be used");
    other = chosen;
    check_why(BALANCE_ROUND_ROBIN, &chosen, &other, "its turn comes later");
    check_why(BALANCE_HASH, &chosen, &other,
              "the client's address belongs to another");
    check_why(BALANCE_LEAST_LOADED, &chosen, &other,
              "as few connections for its weight: chance decided");
    check_why(BALANCE_TWO_CHOICES, &chosen, &other,
              "not better than the chosen one, or not drawn by chance");
    other.active = 2;
    check_why(BALANCE_LEAST_LOADED, &chosen, &other,
              "more connections for its weight");
    other.active = 1;
    other.latency_us = 101;
    check_why(BALANCE_TWO_CHOICES, &chosen, &other,
              "slower, by its latency and connections");
}

/* ---- a board that reaches its services itself ---- */

static void every_place_has_its_verdict(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[5];
    const struct service_survey *survey;
    struct address address = at("10.0.0.4:1");
    struct place *resting;

    for (size_t i = 0; i < 5; i++) {
        endpoints[i] = plain("10.0.0.1:1");
        ((uint8_t *)&endpoints[i].address.v4.sin_addr)[3] += (uint8_t)i;
        snprintf(endpoints[i].name, sizeof(endpoints[i].name), "db-%zu", i);
    }
    endpoints[1].weight = 0;
    endpoints[2].priority = 7;
    endpoints[4].tier = 1;
    fixture->options.balance = BALANCE_LEAST_LOADED;
    use(fixture, endpoints, 5);
    resting = pool_find(&service_of(fixture)->pool, &address);
    pool_failed(resting, "refused", loop_now_us(fixture->loop));
    pool_failed(resting, "refused", loop_now_us(fixture->loop));
    pool_begin(resting);
    resting->latency_us = 77;

    survey = ask(fixture, NULL);
    assert_int_equal(survey->place_count, 5);
    check_place(survey, "10.0.0.1:1", "chosen", "");
    check_place(survey, "10.0.0.2:1", "reserve",
                "weight 0: only while no other can be used");
    check_place(survey, "10.0.0.3:1", "reserve",
                "of a later priority: only while none before it can be used");
    check_place(survey, "10.0.0.4:1", "unusable", "resting after a failure");
    check_place(survey, "10.0.0.5:1", "reserve",
                "a fallback: only while nothing in the list can be used");
    check_outcome(survey, "goes", "");
    address = at("10.0.0.1:1");
    assert_true(address_equal(&survey->address, &address));

    assert_string_equal(place_at(survey, "10.0.0.4:1")->failure, "refused");
    assert_int_equal(place_at(survey, "10.0.0.4:1")->failures, 2);
    assert_int_equal(place_at(survey, "10.0.0.4:1")->active, 1);
    assert_int_equal(place_at(survey, "10.0.0.4:1")->latency_us, 77);
    assert_in_range(place_at(survey, "10.0.0.4:1")->rest_us, 1, 200000);
    assert_string_equal(place_at(survey, "10.0.0.4:1")->name, "db-3");
    assert_int_equal(place_at(survey, "10.0.0.3:1")->priority, 7);
    assert_int_equal(place_at(survey, "10.0.0.2:1")->weight, 0);
    assert_int_equal(place_at(survey, "10.0.0.5:1")->tier, 1);
    assert_string_equal(place_at(survey, "10.0.0.1:1")->tunnel, "");

    pool_begin(
        pool_survey(&service_of(fixture)->pool, &(struct pool_request){ 0 }));
    survey = ask(fixture, NULL);
    assert_int_equal(place_at(survey, "10.0.0.1:1")->active, 1);
}

static void what_stands_in_the_way_is_told_in_its_own_words(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1") };
    const struct service_survey *survey;

    use(fixture, endpoints, 2);
    pool_judge(pool_find(&service_of(fixture)->pool, &endpoints[0].address),
               "its role is \"replica\"", 0);
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.1:1", "unusable",
                "its health check finds it unfit: its role is "
                "\"replica\"");
    check_place(survey, "10.0.0.2:1", "chosen", "");
}

static void those_passed_over_learn_why(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1") };
    const struct service_survey *survey;

    endpoints[0].weight = 2; /* or chance would say who begins */
    fixture->options.balance = BALANCE_ROUND_ROBIN;
    use(fixture, endpoints, 2);
    survey = ask(fixture, NULL);
    check_place(survey, "10.0.0.1:1", "chosen", "");
    check_place(survey, "10.0.0.2:1", "usable", "its turn comes later");
}

static void without_a_place_a_connection_waits_or_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1") };
    struct service *service;

    fixture->options.hold_us = 5 * CLOCK_SECOND;
    fixture->options.max_waiting = 2;
    use(fixture, NULL, 0);
    check_outcome(ask(fixture, NULL), "waits", "no endpoint is known");
    assert_int_equal(ask(fixture, NULL)->hold_us, 5 * CLOCK_SECOND);
    use(fixture, endpoints, 1);
    service = service_of(fixture);
    pool_failed(pool_find(&service->pool, &endpoints[0].address), "timed out",
                loop_now_us(fixture->loop));
    check_outcome(ask(fixture, NULL), "waits", "no endpoint can be used");
    check_place(ask(fixture, NULL), "10.0.0.1:1", "unusable",
                "resting after a failure");
    service->waiting_count = 2;
    check_outcome(
        ask(fixture, NULL), "refused",
        "no endpoint can be used, and as many as max_waiting allows wait");
    service->waiting_count = 0;
    fixture->options.hold_us = 0;
    use(fixture, endpoints, 1);
    check_outcome(ask(fixture, NULL), "refused", "no endpoint can be used");
}

static void a_full_service_refuses_before_it_chooses(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1") };

    fixture->options.max_connections = 2;
    use(fixture, endpoints, 1);
    service_of(fixture)->active = 1;
    check_outcome(ask(fixture, NULL), "goes", "");
    service_of(fixture)->active = 2;
    check_outcome(ask(fixture, NULL), "refused",
                  "it has all the connections that max_connections allows");
    service_of(fixture)->active = 0;
}

static void who_drains_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1") };

    use(fixture, endpoints, 1);
    switchboard_drain(&fixture->board);
    check_outcome(ask(fixture, NULL), "refused", "the ambassador is draining");
}

static void an_offer_does_not_wait(void **state)
{
    struct fixture *fixture = *state;

    service_options_clear(&fixture->options);
    service_options_init(&fixture->options, SERVICE_OFFER);
    strcpy(fixture->options.name, "web");
    fixture->options.hold_us = CLOCK_SECOND;
    use(fixture, NULL, 0);
    check_outcome(ask(fixture, NULL), "refused", "no endpoint is known");
}

static void a_hash_needs_the_client_where_it_decides(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoints[] = { plain("10.0.0.1:1"), plain("10.0.0.2:1"),
                                    plain("10.0.0.3:1") };
    struct address client;
    const struct service_survey *survey;

    fixture->options.balance = BALANCE_HASH;
    endpoints[2].priority = 1;
    use(fixture, endpoints, 3);
    survey = ask(fixture, NULL);
    check_outcome(survey, "depends", "the client's address decides");
    check_place(survey, "10.0.0.1:1", "possible",
                "for the clients whose address belongs to it");
    check_place(survey, "10.0.0.3:1", "reserve",
                "of a later priority: only while none before it can be used");
    for (unsigned i = 1; i < 100; i++) {
        struct pool_request request = { .now_us = 1 };
        const struct place *place;
        char text[32];

        snprintf(text, sizeof(text), "192.0.2.%u", i);
        assert_true(address_from_ip(&client, text, (uint16_t)i));
        survey = ask(fixture, &client);
        check_outcome(survey, "goes", "");
        request.client = arrival_client(&(struct arrival){ .from = client });
        place = pool_choose(&service_of(fixture)->pool, &request);
        assert_true(address_equal(&survey->address, &place->endpoint.address));
    }
    pool_judge(pool_find(&service_of(fixture)->pool, &endpoints[0].address),
               "unfit", 0);
    survey = ask(fixture, NULL); /* nothing is left to decide */
    check_outcome(survey, "goes", "");
    check_place(survey, "10.0.0.2:1", "chosen", "");
}

static void more_places_than_that_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint endpoint = plain("10.0.0.1:1");
    const struct service_survey *survey;

    use(fixture, NULL, 0);
    endpoint.priority = 1;
    for (uint16_t i = 1; i <= SURVEY_MAX_PLACES + 5; i++) {
        address_set_port(&endpoint.address, i);
        if (i == SURVEY_MAX_PLACES + 5)
            endpoint.priority = 0; /* the last is the one */
        assert_non_null(pool_add(&service_of(fixture)->pool, &endpoint, 0));
    }
    survey = ask(fixture, NULL);
    assert_int_equal(survey->place_count, SURVEY_MAX_PLACES);
    assert_int_equal(survey->left_out, 5);
    assert_true(address_equal(&survey->address, &endpoint.address));
}

/* ---- through tunnels ---- */

static struct board_survey *ask_pair(struct pair *pair, int side)
{
    struct board_survey *survey =
        board_survey_new(&pair->boards[side], 0, "echo", NULL);

    assert_non_null(survey);
    assert_int_equal(survey->service_count, 1);
    assert_int_equal(survey->services[0].place_count, 1);
    return survey;
}

static void a_tunnel_says_who_is_there(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    struct board_survey *survey = ask_pair(pair, PAIR_CONSUMER);
    const struct place_survey *place = survey->services[0].places;

    (void)state;
    check_outcome(&survey->services[0], "waits", "no endpoint can be used");
    assert_string_equal(place->verdict, "unusable");
    assert_string_equal(place->reason, "no tunnel to it");
    assert_string_equal(place->tunnel, "dialling");
    assert_string_equal(place->peer, "");
    board_survey_free(survey);
    pair_connect(pair);
    survey = ask_pair(pair, PAIR_CONSUMER);
    place = survey->services[0].places;
    check_outcome(&survey->services[0], "goes", "");
    assert_string_equal(place->verdict, "chosen");
    assert_string_equal(place->tunnel, "up");
    assert_string_equal(place->peer, "spiffe://acme/db");
    assert_true(place->peer_is_accepted);
    assert_false(place->is_inbound);
    board_survey_free(survey);
    survey = ask_pair(pair, PAIR_OFFERER);
    assert_int_equal(survey->services[0].role, SERVICE_OFFER);
    assert_string_equal(survey->services[0].places->tunnel, "");
    assert_string_equal(survey->services[0].places->verdict, "chosen");
    board_survey_free(survey);
    pair_free(pair);
}

static const char not_offered[] =
    "the peer does not offer it to us: it has no such service, or its allow "
    "does not name us";

static void check_told(struct pair *pair, enum place_told told,
                       const char *verdict, const char *reason)
{
    struct service *service =
        switchboard_find(&pair->boards[PAIR_CONSUMER], SERVICE_CONSUME, "echo");
    struct board_survey *survey;

    LIST_ITEM(list_first(&service->pool.places), struct place, node)->told =
        told;
    survey = ask_pair(pair, PAIR_CONSUMER);
    assert_string_equal(survey->services[0].places->verdict, verdict);
    assert_string_equal(survey->services[0].places->reason, reason);
    if (strcmp(verdict, "chosen") == 0) /* and that is where it goes */
        check_outcome(&survey->services[0], "goes", reason);
    board_survey_free(survey);
}

static void what_the_peer_says_is_told(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    struct service *service;

    (void)state;
    pair_connect(pair);
    check_told(pair, TOLD_UP, "chosen", "");
    check_told(pair, TOLD_DOWN, "unusable",
               "the peer says that the service is not up");
    check_told(pair, TOLD_NOT_OFFERED, "unusable", not_offered);
    /* Then it is asked all the same, to be denied at once. */
    service =
        switchboard_find(&pair->boards[PAIR_CONSUMER], SERVICE_CONSUME, "echo");
    service->is_offered_nowhere = true;
    check_told(pair, TOLD_NOT_OFFERED, "chosen", not_offered);
    pair_free(pair);
}

static void a_peer_that_may_not_claim_it_is_named(void **state)
{
    struct pair *pair =
        pair_new(&(struct pair_options){ .peer = "spiffe://acme/other" });
    uint64_t until_us = clock_now_us() + 10 * CLOCK_SECOND;
    struct board_survey *survey;
    const struct place_survey *place;

    (void)state;
    for (;;) {
        survey = ask_pair(pair, PAIR_CONSUMER);
        place = survey->services[0].places;
        if (*place->peer || clock_now_us() > until_us)
            break;
        board_survey_free(survey);
        loop_turn(pair->loop, CLOCK_MS);
    }
    assert_string_equal(place->peer, "spiffe://acme/db");
    assert_false(place->peer_is_accepted);
    assert_string_equal(place->verdict, "unusable");
    assert_string_equal(place->reason,
                        "who is there may not claim to offer it");
    board_survey_free(survey);
    pair_free(pair);
}

static void a_peer_that_dialled_us_is_a_place(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ .is_reverse = true });
    struct board_survey *survey;

    (void)state;
    pair_connect(pair);
    survey = ask_pair(pair, PAIR_CONSUMER);
    assert_true(survey->services[0].places->is_inbound);
    assert_string_equal(survey->services[0].places->tunnel, "up");
    assert_string_equal(survey->services[0].places->verdict, "chosen");
    board_survey_free(survey);
    pair_free(pair);
}

static void a_name_nobody_has_is_an_empty_survey(void **state)
{
    struct fixture *fixture = *state;
    struct board_survey *survey =
        board_survey_new(&fixture->board, 1, "stranger", NULL);

    assert_non_null(survey);
    assert_int_equal(survey->service_count, 0);
    board_survey_free(survey);
    board_survey_free(NULL);
}

static void a_name_in_two_roles_is_surveyed_in_both(void **state)
{
    struct fixture *fixture = *state;
    struct service_options both[2];

    service_options_init(&both[0], SERVICE_OFFER);
    service_options_init(&both[1], SERVICE_DIRECT);
    strcpy(both[0].name, "web");
    strcpy(both[1].name, "web");
    assert_int_equal(switchboard_apply(&fixture->board, both, 2), STATUS_OK);
    fixture->survey = board_survey_new(&fixture->board, 0, "web", NULL);
    assert_non_null(fixture->survey);
    assert_int_equal(fixture->survey->service_count, 2);
    assert_int_equal(fixture->survey->services[0].role, SERVICE_DIRECT);
    assert_int_equal(fixture->survey->services[1].role, SERVICE_OFFER);
    service_options_clear(&both[0]);
    service_options_clear(&both[1]);
}

RUN_TESTS(TEST(what_is_foreseen_is_what_is_chosen),
          TEST(asking_changes_no_turn_and_no_probe),
          TEST(the_one_that_was_not_chosen_learns_why),
          WITH(every_place_has_its_verdict),
          WITH(what_stands_in_the_way_is_told_in_its_own_words),
          WITH(those_passed_over_learn_why),
          WITH(without_a_place_a_connection_waits_or_is_refused),
          WITH(a_full_service_refuses_before_it_chooses),
          WITH(who_drains_refuses), WITH(an_offer_does_not_wait),
          WITH(a_hash_needs_the_client_where_it_decides),
          WITH(more_places_than_that_are_counted),
          TEST(a_tunnel_says_who_is_there), TEST(what_the_peer_says_is_told),
          TEST(a_peer_that_may_not_claim_it_is_named),
          TEST(a_peer_that_dialled_us_is_a_place),
          WITH(a_name_nobody_has_is_an_empty_survey),
          WITH(a_name_in_two_roles_is_surveyed_in_both))
