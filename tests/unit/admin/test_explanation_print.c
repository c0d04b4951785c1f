/* SPDX-License-Identifier: MIT */
/* An explanation in words. */
#include "unit/admin/explanation_test.h"

static char *print(struct fixture *fixture)
{
    return words_of(explanation_to_json(&fixture->explanation),
                    explanation_print);
}

static void print_expects(struct fixture *fixture, const char *expected)
{
    expect_words(print(fixture), expected);
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
    strcpy(fixture->boards[0].services[0].reason, "nobody offers it");
    print_expects(fixture, "\na new connection on worker 0 goes to 10.0.0.2:1, "
                           "although: nobody offers it\n");
    fixture->boards[0].services[0].reason[0] = '\0';
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

RUN_TESTS(WITH(people_read_it_from_top_to_bottom),
          WITH(people_read_first_what_is_set), WITH(people_read_that_it_waits),
          WITH(where_workers_differ_each_has_its_line),
          WITH(each_outcome_has_its_sentence), WITH(each_verdict_has_its_words),
          WITH(a_source_can_say_more_than_an_answer),
          WITH(only_some_of_many_addresses_are_named),
          WITH(two_roles_are_two_parts),
          WITH(nothing_in_it_can_steer_the_terminal),
          WITH(another_document_is_refused_and_nothing_written),
          WITH(odd_members_do_no_harm))
