/* SPDX-License-Identifier: MIT */
/* The document behind `explain`. */
#include "unit/admin/explanation_test.h"

/* The only role. */
static const json_t *explain(struct fixture *fixture)
{
    char *text = explanation_to_json(&fixture->explanation);

    assert_non_null(text);
    json_decref(fixture->json);
    fixture->json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(fixture->json);
    return json_array_get(json_object_get(fixture->json, "roles"), 0);
}

/* In one line, with the members in the order of writing. */
static void check_json(const json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static const json_t *item(const json_t *object, const char *list, size_t i)
{
    return json_array_get(json_object_get(object, list), i);
}

static void a_common_view_is_said_once(void **state)
{
    struct fixture *fixture = *state;
    const json_t *role = explain(fixture), *endpoint;

    check_json(json_object_get(fixture->json, "service"), "\"redis\"");
    check_json(json_object_get(role, "role"), "\"consume\"");
    check_json(json_object_get(role, "balance"), "\"least-loaded\"");
    check_json(json_object_get(role, "listen"), "[\"127.0.0.1:6379\"]");
    check_json(json_object_get(role, "hold_ms"), "10000");
    check_json(json_object_get(role, "peers"), "[\"spiffe://acme/db\"]");
    check_json(json_object_get(role, "endpoints_left_out"), "0");
    check_json(json_object_get(role, "next_worker"), "1");
    check_json(json_object_get(role, "next"),
               "[{\"workers\":[0,1,2],\"outcome\":\"goes\","
               "\"address\":\"10.0.0.1:1\",\"reason\":\"\"}]");
    assert_int_equal(json_array_size(json_object_get(role, "endpoints")),
                     PLACES);
    endpoint = item(role, "endpoints", 1);
    check_json(endpoint,
               "{\"address\":\"10.0.0.2:1\",\"name\":\"10.0.0.2:1\","
               "\"sources\":[\"static:db-1:1\",\"dns+srv:_r._tcp.x\"],"
               "\"fallback\":false,\"priority\":5,\"weight\":3,\"views\":[{"
               "\"workers\":[0,1,2],\"verdict\":\"unusable\","
               "\"reason\":\"resting after a failure\","
               "\"failure\":\"refused\",\"failures\":4,\"rest_ms\":402,"
               "\"tunnel\":\"up\",\"peer\":\"spiffe://acme/db\","
               "\"peer_accepted\":true,\"streams\":6,\"latency_us\":1500}]}");
    endpoint = item(role, "endpoints", 3);
    check_json(json_object_get(endpoint, "fallback"), "true");
    check_json(json_object_get(endpoint, "sources"), "[\"static:10.0.0.4:1\"]");
    check_json(json_object_get(item(item(role, "endpoints", 2), "views", 0),
                               "peer_accepted"),
               "false");
}

static void workers_that_differ_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    struct place_survey *place = &fixture->places[1][0];
    const json_t *role, *endpoint;

    place->verdict = "unusable";
    strcpy(place->reason, "no tunnel to it");
    strcpy(place->peer, "");
    place->tunnel = "dialling";
    fixture->boards[1].services[0].outcome = "waits";
    fixture->boards[1].services[0].address = (struct address){ .length = 0 };
    strcpy(fixture->boards[1].services[0].reason, "no endpoint can be used");
    role = explain(fixture);
    endpoint = item(role, "endpoints", 0);
    assert_int_equal(json_array_size(json_object_get(endpoint, "views")), 2);
    check_json(json_object_get(item(endpoint, "views", 0), "workers"), "[0,2]");
    check_json(json_object_get(item(endpoint, "views", 0), "streams"), "4");
    check_json(json_object_get(item(endpoint, "views", 1), "workers"), "[1]");
    check_json(json_object_get(item(endpoint, "views", 1), "tunnel"),
               "\"dialling\"");
    check_json(json_object_get(item(endpoint, "views", 1), "peer_accepted"),
               "null");
    check_json(json_object_get(role, "next"),
               "[{\"workers\":[0,2],\"outcome\":\"goes\","
               "\"address\":\"10.0.0.1:1\",\"reason\":\"\"},"
               "{\"workers\":[1],\"outcome\":\"waits\",\"address\":null,"
               "\"reason\":\"no endpoint can be used\"}]");
}

/* Each member that makes a view another one, alone. */
static void any_difference_makes_another_view(void **state)
{
    struct fixture *fixture = *state;
    struct place_survey *place = &fixture->places[2][0];
    const struct place_survey before = *place;

    for (int i = 0; i < 5; i++) {
        *place = before;
        if (i == 0)
            place->verdict = "usable";
        else if (i == 1)
            strcpy(place->reason, "x");
        else if (i == 2)
            strcpy(place->failure, "x");
        else if (i == 3)
            place->tunnel = "opening";
        else
            strcpy(place->peer, "spiffe://acme/db-2");
        assert_int_equal(json_array_size(json_object_get(
                             item(explain(fixture), "endpoints", 0), "views")),
                         2);
    }
}

static void an_endpoint_is_one_in_whatever_order_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct place_survey first = fixture->places[1][0];
    const json_t *role;

    fixture->places[1][0] = fixture->places[1][3];
    fixture->places[1][3] = first;
    fixture->boards[2].services[0].place_count = 2;
    role = explain(fixture);
    assert_int_equal(json_array_size(json_object_get(role, "endpoints")),
                     PLACES);
    check_json(json_object_get(item(item(role, "endpoints", 3), "views", 0),
                               "workers"),
               "[0,1]");
    fixture->places[1][3].is_inbound = true; /* the same address is another */
    role = explain(fixture);
    assert_int_equal(json_array_size(json_object_get(role, "endpoints")),
                     PLACES + 1);
    check_json(json_object_get(item(role, "endpoints", 4), "sources"),
               "[\"inbound:\"]");
}

static void a_source_says_what_and_when(void **state)
{
    struct fixture *fixture = *state;
    const json_t *role;

    fixture->sources[0].report.held = fixture->later;
    fixture->sources[0].report.held_until_us = NOW_US + 1500 * CLOCK_MS;
    role = explain(fixture);
    check_json(item(role, "sources", 0),
               "{\"source\":\"static:db-1:1\",\"fallback\":false,"
               "\"counts\":true,\"state\":\"answered\",\"age_s\":12,"
               "\"addresses\":[\"10.0.0.1:1\",\"10.0.0.2:1\"],"
               "\"failure\":\"\",\"failure_age_s\":null,"
               "\"held\":{\"addresses\":[\"10.0.0.4:1\"],\"for_ms\":1500}}");
    check_json(item(role, "sources", 1),
               "{\"source\":\"dns+srv:_r._tcp.x\",\"fallback\":false,"
               "\"counts\":true,\"state\":\"failing\",\"age_s\":121,"
               "\"addresses\":[\"10.0.0.1:1\",\"10.0.0.2:1\"],"
               "\"failure\":\"SERVFAIL\",\"failure_age_s\":3,\"held\":null}");
    check_json(json_object_get(item(role, "sources", 2), "age_s"), "null");
    check_json(json_object_get(item(role, "sources", 3), "state"),
               "\"silent\"");
    check_json(json_object_get(item(role, "sources", 4), "fallback"), "true");
    fixture->sources[1].report.is_remembered = true;
    role = explain(fixture);
    check_json(json_object_get(item(role, "sources", 1), "state"),
               "\"remembered\"");
}

static void peers_that_dial_us_are_a_source(void **state)
{
    struct fixture *fixture = *state;
    const json_t *role;

    assert_true(text_list_add(&fixture->options.sources, "inbound:"));
    for (size_t i = 0; i < WORKERS; i++)
        fixture->places[i][3].is_inbound = true;
    role = explain(fixture);
    check_json(json_object_get(item(role, "sources", 0), "source"),
               "\"inbound:\"");
    check_json(json_object_get(item(role, "sources", 0), "addresses"),
               "[\"10.0.0.4:1\"]");
    assert_int_equal(json_array_size(json_object_get(role, "sources")),
                     SOURCES + 1);
}

static void what_is_set_is_told_and_what_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    const json_t *role = explain(fixture), *told;

    check_json(json_object_get(role, "set"), "null");
    set(fixture, &in_force);
    role = explain(fixture);
    told = json_object_get(role, "set");
    check_json(json_object_get(told, "endpoints"),
               "[\"10.0.0.4:1\",\"b:2 weight=3\"]");
    check_json(json_object_get(told, "since"), "1700000000");
    assert_true(json_integer_value(json_object_get(told, "age_s")) > 0);
    check_json(json_object_get(told, "in_force"), "true");
    check_json(json_object_get(told, "kept"), "false");
    for (size_t i = 0; i <= SOURCES; i++) /* "inbound:" is the first */
        check_json(json_object_get(item(role, "sources", i), "counts"),
                   i == 4 ? "true" : "false");
    /* Only who counts is named as the reason why it is there. */
    check_json(json_object_get(item(role, "endpoints", 3), "sources"),
               "[\"set\"]");
    check_json(json_object_get(item(role, "endpoints", 0), "sources"), "[]");
}

static void what_waits_leaves_the_sources_counting(void **state)
{
    struct fixture *fixture = *state;
    const json_t *role;

    set(fixture, &waiting);
    role = explain(fixture);
    check_json(json_object_get(json_object_get(role, "set"), "in_force"),
               "false");
    check_json(json_object_get(json_object_get(role, "set"), "kept"), "true");
    for (size_t i = 0; i <= SOURCES; i++)
        check_json(json_object_get(item(role, "sources", i), "counts"),
                   i == 4 ? "false" : "true");
    check_json(json_object_get(item(role, "endpoints", 3), "sources"),
               "[\"static:10.0.0.4:1\"]");
}

static void an_offer_has_no_worker_whose_turn_it_is(void **state)
{
    struct fixture *fixture = *state;
    const json_t *role;

    fixture->options.role = SERVICE_OFFER;
    assert_true(text_list_add(&fixture->options.allow, "spiffe://acme/web"));
    role = explain(fixture);
    check_json(json_object_get(role, "next_worker"), "null");
    check_json(json_object_get(role, "peers"), "[\"spiffe://acme/web\"]");
    check_json(json_object_get(role, "next"), "[]"); /* no worker has it yet */
    check_json(json_object_get(role, "endpoints"), "[]");
}

static void what_the_workers_left_out_is_counted(void **state)
{
    struct fixture *fixture = *state;

    fixture->boards[1].services[0].left_out = 7;
    check_json(json_object_get(explain(fixture), "endpoints_left_out"), "7");
}

/* ---- without memory ---- */

static char *write_document(void *context)
{
    struct fixture *fixture = context;

    return explanation_to_json(&fixture->explanation);
}

static void without_memory_there_is_no_document_and_no_leak(void **state)
{
    struct fixture *fixture = *state;

    set(fixture, &in_force);
    fail_each_allocation(write_document, fixture);
}

RUN_TESTS(WITH(a_common_view_is_said_once),
          WITH(workers_that_differ_are_told_apart),
          WITH(any_difference_makes_another_view),
          WITH(an_endpoint_is_one_in_whatever_order_it_is_told),
          WITH(a_source_says_what_and_when),
          WITH(peers_that_dial_us_are_a_source),
          WITH(what_is_set_is_told_and_what_does_not_count),
          WITH(what_waits_leaves_the_sources_counting),
          WITH(an_offer_has_no_worker_whose_turn_it_is),
          WITH(what_the_workers_left_out_is_counted),
          WITH(without_memory_there_is_no_document_and_no_leak))
