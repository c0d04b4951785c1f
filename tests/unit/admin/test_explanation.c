/* SPDX-License-Identifier: MIT */
/* The document behind `explain`, and the same in words. */
#include "admin/explanation.h"

#include "base/clock.h"
#include "base/text.h"
#include "support/check_test.h"
#include <jansson.h>
#include <stdlib.h>

#define NOW_US (1000 * CLOCK_SECOND)
enum { WORKERS = 3, PLACES = 4, SOURCES = 5 };

/* ---- three workers that tell of the same four endpoints ---- */

struct fixture {
    struct service_options options;
    struct endpoints *endpoints; /* of the first source: .1 and .2 */
    struct endpoints *later;     /* .4 */
    struct explained_source sources[SOURCES];
    struct explained_service services[2];
    struct place_survey places[WORKERS][PLACES];
    struct board_survey boards[WORKERS];
    const struct board_survey *board_list[WORKERS];
    struct explanation explanation;
    json_t *json;
};

static const char *const doors[] = { "127.0.0.1:6379", NULL };

static struct address at(const char *text)
{
    struct address address;

    assert_true(address_parse(&address, text));
    return address;
}

static void set_place(struct place_survey *place, const char *address,
                      const char *verdict, const char *reason)
{
    *place = (struct place_survey){ .address = at(address),
                                    .weight = 1,
                                    .verdict = verdict,
                                    .tunnel = "up",
                                    .peer = "spiffe://acme/db",
                                    .peer_is_accepted = true,
                                    .active = 2,
                                    .latency_us = 1500 };
    strcpy(place->name, address);
    strcpy(place->reason, reason);
}

static void set_board(struct fixture *fixture, uint32_t worker)
{
    struct place_survey *places = fixture->places[worker];
    struct board_survey *board = &fixture->boards[worker];

    set_place(&places[0], "10.0.0.1:1", "chosen", "");
    strcpy(places[0].name, "db-1:1");
    set_place(&places[1], "10.0.0.2:1", "unusable", "resting after a failure");
    strcpy(places[1].failure, "refused");
    places[1].failures = 2 + worker;
    places[1].rest_us = 400000 + worker * 1000;
    places[1].priority = 5;
    places[1].weight = 3;
    set_place(&places[2], "10.0.0.3:1", "unusable",
              "who is there may not claim to offer it");
    strcpy(places[2].peer, "spiffe://acme/thief");
    places[2].peer_is_accepted = false;
    set_place(&places[3], "10.0.0.4:1", "reserve", "a fallback");
    places[3].tier = 1;
    places[3].active = 0;
    places[3].latency_us = 0;
    *board = (struct board_survey){ .worker = worker, .service_count = 1 };
    board->services[0] = (struct service_survey){ .role = SERVICE_CONSUME,
                                                  .outcome = "goes",
                                                  .address = at("10.0.0.1:1"),
                                                  .places = places,
                                                  .place_count = PLACES };
    fixture->board_list[worker] = board;
}

static void set_sources(struct fixture *fixture)
{
    struct endpoint endpoints[] = { { .address = at("10.0.0.1:1") },
                                    { .address = at("10.0.0.2:1") },
                                    { .address = at("10.0.0.4:1") } };
    struct explained_source *sources = fixture->sources;

    fixture->endpoints = endpoints_new(endpoints, 2);
    fixture->later = endpoints_new(&endpoints[2], 1);
    assert_true(fixture->endpoints && fixture->later);
    sources[0].text = "static:db-1:1";
    sources[0].report.endpoints = fixture->endpoints;
    sources[0].report.answered_us = NOW_US - 12 * CLOCK_SECOND;
    sources[1].text = "dns+srv:_r._tcp.x";
    sources[1].report = sources[0].report;
    sources[1].report.answered_us = NOW_US - 121 * CLOCK_SECOND;
    sources[1].report.is_stale = true;
    sources[1].report.failed_us = NOW_US - 3 * CLOCK_SECOND;
    strcpy(sources[1].report.failure, "SERVFAIL");
    sources[2].text = "zookeeper:z:1/x";
    sources[2].report.failed_us = NOW_US - 4 * CLOCK_SECOND;
    sources[2].report.is_stale = true;
    strcpy(sources[2].report.failure, "timed out");
    sources[3].text = "mdns:_r._tcp";
    sources[4].text = "static:10.0.0.4:1";
    sources[4].is_fallback = true;
    sources[4].report.endpoints = fixture->later;
    sources[4].report.answered_us = NOW_US;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    service_options_init(&fixture->options, SERVICE_CONSUME);
    fixture->options.balance = BALANCE_LEAST_LOADED;
    fixture->options.hold_us = 10 * CLOCK_SECOND;
    assert_true(text_list_add(&fixture->options.peers, "spiffe://acme/db"));
    for (uint32_t i = 0; i < WORKERS; i++)
        set_board(fixture, i);
    set_sources(fixture);
    fixture->services[0] =
        (struct explained_service){ .options = &fixture->options,
                                    .listen = doors,
                                    .sources = fixture->sources,
                                    .source_count = SOURCES,
                                    .next_worker = 1 };
    fixture->explanation = (struct explanation){ .name = "redis",
                                                 .services = fixture->services,
                                                 .service_count = 1,
                                                 .boards = fixture->board_list,
                                                 .board_count = WORKERS,
                                                 .now_us = NOW_US };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    json_decref(fixture->json);
    free(fixture->endpoints);
    free(fixture->later);
    service_options_clear(&fixture->options);
    free(fixture);
    return 0;
}

/* ---- the document ---- */

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

static const struct set_status in_force = { .lines = "10.0.0.4:1\nb:2 weight=3",
                                            .at = 1700000000,
                                            .is_in_force = true };
static const struct set_status waiting = { .lines = "b:2\n",
                                           .at = 1700000000,
                                           .is_kept = true };

/* What the fourth source says is set; the others do not count then. */
static void set(struct fixture *fixture, const struct set_status *status)
{
    struct explained_source *sources = fixture->sources;

    assert_true(text_list_add(&fixture->options.sources, "inbound:"));
    fixture->services[0].set = status;
    fixture->services[0].is_inbound_idle = status->is_in_force;
    sources[3].text = "set";
    sources[3].report = sources[4].report;
    for (size_t i = 0; i < SOURCES; i++)
        sources[i].is_idle = (i != 3) == status->is_in_force;
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

/* ---- in words ---- */

static char *print(struct fixture *fixture)
{
    char *json = explanation_to_json(&fixture->explanation), *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    assert_non_null(json);
    assert_non_null(to);
    assert_int_equal(explanation_print(json, to), STATUS_OK);
    fclose(to);
    free(json);
    return text;
}

static void print_expects(struct fixture *fixture, const char *expected)
{
    char *text = print(fixture);

    if (!strstr(text, expected))
        fail_msg("no \"%s\" in:\n%s", expected, text);
    free(text);
}

static void people_read_it_from_top_to_bottom(void **state)
{
    struct fixture *fixture = *state;
    char *text = print(fixture);

    assert_string_equal(
        text,
        "redis (consume), balance least-loaded, listens on 127.0.0.1:6379, "
        "peers spiffe://acme/db\n"
        "sources:\n"
        "  static:db-1:1               answered 12s ago: 10.0.0.1:1, "
        "10.0.0.2:1\n"
        "  dns+srv:_r._tcp.x           failed 3s ago: SERVFAIL; still uses its "
        "answer of 2m 1s ago: 10.0.0.1:1, 10.0.0.2:1\n"
        "  zookeeper:z:1/x             failed 4s ago: timed out; it never "
        "answered\n"
        "  mdns:_r._tcp                has not answered yet\n"
        "  fallback static:10.0.0.4:1  answered 0s ago: 10.0.0.4:1\n"
        "endpoints:\n"
        "  10.0.0.1:1  db-1:1  priority 0 weight 1           6 streams, 1.5ms  "
        "chosen\n"
        "  10.0.0.2:1          priority 5 weight 3           6 streams, 1.5ms  "
        "no: resting after a failure (refused; 4 failures in a row; for "
        "another 402ms)\n"
        "  10.0.0.3:1          priority 0 weight 1           6 streams, 1.5ms  "
        "no: who is there may not claim to offer it (it is "
        "spiffe://acme/thief, wanted spiffe://acme/db)\n"
        "  10.0.0.4:1          fallback priority 0 weight 1  0 streams         "
        "not now: a fallback\n"
        "a new connection goes to 10.0.0.1:1\n");
    free(text);
}

static void people_read_first_what_is_set(void **state)
{
    struct fixture *fixture = *state;

    set(fixture, &in_force);
    print_expects(fixture, "peers spiffe://acme/db\n"
                           "set by an operator ");
    print_expects(fixture, "h ago, and in force: 10.0.0.4:1, b:2 weight=3; the "
                           "sources are watched but do not count\nsources:\n");
    print_expects(fixture, "  inbound:                    does not count now; "
                           "peers that dialled us\n");
    print_expects(fixture, "  static:db-1:1               does not count now; "
                           "answered 12s ago: 10.0.0.1:1, 10.0.0.2:1\n");
    print_expects(fixture, "  set                         answered 0s ago: "
                           "10.0.0.4:1\n");
    print_expects(fixture, "  fallback static:10.0.0.4:1  does not count now; "
                           "answered 0s ago: 10.0.0.4:1\n");
}

static void people_read_that_it_waits(void **state)
{
    struct fixture *fixture = *state;

    set(fixture, &waiting);
    print_expects(fixture,
                  "h ago, kept over a restart, but it waits for its first "
                  "name: b:2; until then all stays as it was\nsources:\n");
    print_expects(fixture, "  static:db-1:1               answered 12s ago: "
                           "10.0.0.1:1, 10.0.0.2:1\n");
    print_expects(fixture, "  set                         does not count now; "
                           "answered 0s ago: 10.0.0.4:1\n");
}

static void where_workers_differ_each_has_its_line(void **state)
{
    struct fixture *fixture = *state;
    struct place_survey *place = &fixture->places[0][0];

    place->verdict = "usable";
    place->active = 1;
    strcpy(place->reason, "its turn comes later");
    fixture->boards[0].services[0].address = at("10.0.0.2:1");
    print_expects(fixture, "1 stream, 1.5ms   worker 0: not now: its turn "
                           "comes later\n");
    print_expects(fixture, "4 streams, 1.5ms  workers 1-2: chosen\n");
    print_expects(fixture,
                  "\na new connection (on worker 1, whose turn it is) goes to "
                  "10.0.0.1:1\na new connection on worker 0 goes to "
                  "10.0.0.2:1\n");
    fixture->services[0].next_worker = 0;
    print_expects(fixture,
                  "\na new connection (on worker 0, whose turn it is) goes to "
                  "10.0.0.2:1\na new connection on workers 1-2 goes to "
                  "10.0.0.1:1\n");
}

static void set_outcome(struct fixture *fixture, const char *outcome,
                        const char *reason)
{
    for (size_t i = 0; i < WORKERS; i++) {
        fixture->boards[i].services[0].outcome = outcome;
        strcpy(fixture->boards[i].services[0].reason, reason);
    }
}

static void each_outcome_has_its_sentence(void **state)
{
    struct fixture *fixture = *state;

    set_outcome(fixture, "waits", "no endpoint can be used");
    print_expects(fixture, "\na new connection waits up to 10s: no endpoint "
                           "can be used\n");
    set_outcome(fixture, "refused", "no endpoint is known");
    print_expects(fixture, "\na new connection is refused: no endpoint is "
                           "known\n");
    set_outcome(fixture, "depends", "the client's address decides");
    print_expects(fixture, "\na new connection depends: the client's address "
                           "decides; --client IP says where one goes\n");
}

static void each_verdict_has_its_words(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < WORKERS; i++)
        fixture->places[i][0].verdict = "possible";
    print_expects(fixture, "  perhaps\n");
    for (size_t i = 0; i < WORKERS; i++)
        strcpy(fixture->places[i][0].reason, "for some");
    print_expects(fixture, "  perhaps: for some\n");
    for (size_t i = 0; i < WORKERS; i++)
        fixture->places[i][0].verdict = "chosen";
    print_expects(fixture, "  chosen, although: for some\n");
    for (size_t i = 0; i < WORKERS; i++) {
        fixture->places[i][0].verdict = "unusable";
        fixture->places[i][0].tunnel = "dialling";
        fixture->places[i][0].failures = 1;
    }
    print_expects(fixture, "  no: for some (dialling; 1 failure in a row)\n");
}

static void a_source_can_say_more_than_an_answer(void **state)
{
    struct fixture *fixture = *state;
    struct source_report *report = &fixture->sources[0].report;

    report->held = fixture->later;
    report->held_until_us = NOW_US + 2 * CLOCK_SECOND;
    strcpy(report->failure, "2 lines are no endpoints");
    print_expects(fixture,
                  "answered 12s ago: 10.0.0.1:1, 10.0.0.2:1; but 2 lines are "
                  "no endpoints; a newer answer is held back for another 2s: "
                  "10.0.0.4:1\n");
    fixture->sources[1].report.is_remembered = true;
    print_expects(fixture, "still uses its answer of 2m 1s ago, from the disk: "
                           "10.0.0.1:1, 10.0.0.2:1\n");
    free(fixture->endpoints);
    fixture->endpoints = endpoints_new(NULL, 0);
    for (size_t i = 0; i < 2; i++)
        fixture->sources[i].report.endpoints = fixture->endpoints;
    print_expects(fixture, "answered 12s ago: no endpoint; but");
    assert_true(text_list_add(&fixture->options.sources, "inbound:"));
    print_expects(fixture, "  inbound:                    peers that dialled "
                           "us: no endpoint\n");
}

static void only_some_of_many_addresses_are_named(void **state)
{
    enum { MANY = 20 };
    struct fixture *fixture = *state;
    struct endpoint endpoints[MANY];

    for (size_t i = 0; i < MANY; i++) {
        endpoints[i] = (struct endpoint){ .address = at("10.0.1.1:1") };
        address_set_port(&endpoints[i].address, (uint16_t)(i + 1));
    }
    free(fixture->endpoints);
    fixture->endpoints = endpoints_new(endpoints, MANY);
    for (size_t i = 0; i < 2; i++)
        fixture->sources[i].report.endpoints = fixture->endpoints;
    print_expects(fixture, " and 12 more\n");
    fixture->boards[0].services[0].left_out = 3;
    print_expects(fixture, "\n  and 3 more\na new");
}

static void two_roles_are_two_parts(void **state)
{
    struct fixture *fixture = *state;
    struct service_options offer;

    service_options_init(&offer, SERVICE_OFFER);
    offer.balance = BALANCE_ROUND_ROBIN;
    fixture->services[1] =
        (struct explained_service){ .options = &offer, .listen = doors + 1 };
    for (size_t i = 0; i < WORKERS; i++) {
        fixture->boards[i].service_count = 2;
        fixture->boards[i].services[1] =
            (struct service_survey){ .role = SERVICE_OFFER,
                                     .outcome = "refused",
                                     .reason = "no endpoint is known" };
    }
    fixture->explanation.service_count = 2;
    print_expects(fixture, "\na new connection goes to 10.0.0.1:1\n"
                           "\n"
                           "redis (offer), balance round-robin\n"
                           "sources:\n"
                           "endpoints: none\n"
                           "a new stream is refused: no endpoint is known\n");
    service_options_clear(&offer);
}

static void nothing_in_it_can_steer_the_terminal(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    for (size_t i = 0; i < WORKERS; i++) {
        strcpy(fixture->places[i][0].name, "db\x1b]0;owned\x07");
        strcpy(fixture->places[i][0].reason, "a\nb\x1b[2J");
    }
    strcpy(fixture->sources[1].report.failure, "\x1b[31m");
    text = print(fixture);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "a?b?[2J"));
    free(text);
}

static void another_document_is_refused_and_nothing_written(void **state)
{
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"service\": \"x\"}",
        "{\"service\": 1, \"roles\": []}",
        "{\"service\": \"x\", \"roles\": [1]}",
        "{\"service\": \"x\", \"roles\": [{\"sources\": [], \"next\": []}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);

        assert_non_null(to);
        assert_int_equal(explanation_print(refused[i], to), STATUS_PROTOCOL);
        fclose(to);
        assert_int_equal(length, 0);
        free(text);
    }
}

static void odd_members_do_no_harm(void **state)
{
    static const char odd[] =
        "{\"service\": \"x\", \"roles\": [{\"sources\": [1, {}], "
        "\"set\": {\"endpoints\": [1, {}], \"age_s\": \"x\"}, "
        "\"endpoints\": [{}, {\"views\": [7, {\"workers\": 1}]}], "
        "\"next\": [{}, []], \"endpoints_left_out\": -1}]}";
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    (void)state;
    assert_non_null(to);
    assert_int_equal(explanation_print(odd, to), STATUS_OK);
    fclose(to);
    free(text);
}

/* ---- without memory ---- */

static size_t allocations, allowed;

static void *count_malloc(size_t size)
{
    return ++allocations > allowed ? NULL : malloc(size);
}

static void without_memory_there_is_no_document_and_no_leak(void **state)
{
    struct fixture *fixture = *state;
    size_t needed;
    char *whole;

    set(fixture, &in_force);
    json_set_alloc_funcs(count_malloc, free);
    allowed = SIZE_MAX;
    allocations = 0;
    whole = explanation_to_json(&fixture->explanation);
    needed = allocations;
    assert_true(whole && needed > 100);
    for (size_t i = 0; i < needed; i++) {
        allocations = 0;
        allowed = i;
        assert_null(explanation_to_json(&fixture->explanation));
    }
    free(whole);
    json_set_alloc_funcs(malloc, free);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
          WITH(people_read_it_from_top_to_bottom),
          WITH(people_read_first_what_is_set), WITH(people_read_that_it_waits),
          WITH(where_workers_differ_each_has_its_line),
          WITH(each_outcome_has_its_sentence), WITH(each_verdict_has_its_words),
          WITH(a_source_can_say_more_than_an_answer),
          WITH(only_some_of_many_addresses_are_named),
          WITH(two_roles_are_two_parts),
          WITH(nothing_in_it_can_steer_the_terminal),
          WITH(another_document_is_refused_and_nothing_written),
          WITH(odd_members_do_no_harm),
          WITH(without_memory_there_is_no_document_and_no_leak))
